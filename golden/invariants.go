package golden

import (
	"fmt"

	"wf/golden/invariant"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
)

// invariants are those of a file, ready to be judged, by workflow.
func invariants(s *suite.Suite, names map[string]any) map[*graph.Graph]*invariant.Set {
	out := map[*graph.Graph]*invariant.Set{}
	for _, inv := range s.Invariants {
		if out[inv.Graph] == nil {
			if set := invariant.New(s.Invariants, inv.Graph, names); set != nil {
				out[inv.Graph] = set
			}
		}
	}
	return out
}

// watched is who watches a run of a workflow; nil if it has no invariants.
func (s *scenario) watched(g *graph.Graph, run invariant.Run) *invariant.Monitor {
	set := s.invariants[g]
	if set == nil {
		return nil
	}
	if s.monitors == nil {
		s.monitors = map[*graph.Graph]*invariant.Monitor{}
	}
	if s.monitors[g] == nil {
		s.monitors[g] = set.Monitor()
	}
	s.monitors[g].Begin(run)
	return s.monitors[g]
}

// watcher is a monitor as a driver takes it.
func watcher(m *invariant.Monitor) sim.Watcher {
	if m == nil {
		return nil
	}
	return m
}

// broken fails the test for the invariants that a run has broken.
func (s *scenario) broken(m *invariant.Monitor) {
	if m == nil {
		return
	}
	for _, v := range m.Violations() {
		f := s.result.fail(CodeInvariant, v.Rule.Span, "%s breaks the invariant %q at +%s", s.last.result.RunID, v.Invariant.Name, value.FormatDuration(v.At))
		f.Detail = s.masked("because " + v.Because())
		f.Trace = s.traceText(func(e machine.Entry) bool { return e.At <= v.At })
	}
}

// effects are those of the calls that took effect, each once for its idempotency key.
func (s *scenario) effects(of string) []any {
	var rules []value.Rule
	s.last.graph.EachServiceCall(func(c *graph.Call) {
		if c.Sig.Name() == of || c.Sig.Handler && c.Place != "" && c.Place == of {
			rules = c.Sig.Rules
		}
	})
	out, keys := []any{}, map[any]bool{}
	for _, call := range s.calls(of) {
		record := call.(map[string]any)
		status, class := 0, record["outcome"].(string)
		if n, err := fmt.Sscanf(class, "%d", &status); n == 1 && err == nil {
			class = ""
		}
		if invariant.TookEffect(rules, status, class) && !keys[record["key"]] {
			keys[record["key"]] = true
			out = append(out, call)
		}
	}
	return out
}
