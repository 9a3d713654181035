package interpreter

import (
	"slices"
	"time"

	"wf/lang/graph"
	"wf/lang/value"
)

// Prepare checks an input against what a workflow declares and fills in defaults.
// raw is nil or a value of the domain. Every violation is reported with its path;
// the input is usable only if there are none.
func Prepare(g *graph.Graph, raw any, runID string, start time.Time) (map[string]any, value.Violations) {
	if raw == nil {
		raw = map[string]any{}
	}
	env := map[string]any{"run": map[string]any{"id": runID, "started_at": start.UTC().Format(time.RFC3339Nano)}}
	done, violations := g.Input.Conform(raw, env)
	if g.Schema != nil {
		for _, v := range g.Schema.Check(done, g.Input) {
			if !slices.ContainsFunc(violations, func(known value.Violation) bool { return known.Path == v.Path }) {
				violations = append(violations, v)
			}
		}
	}
	input, ok := done.(map[string]any)
	if !ok && len(violations) == 0 {
		violations = append(violations, value.Violation{Message: "the input must be an object"})
	}
	return input, violations
}
