package propose

import (
	"fmt"
	"strings"

	"wf/golden"
	"wf/interpreter"
	"wf/lang/value"
)

// refusal is an input that the workflow refuses, for what stands at a path.
type refusal struct {
	plan *plan
	path string
}

// refusals are inputs that each break one rule of the input, beginning with one that fits.
func (s *search) refusals() (out []refusal) {
	for _, seed := range s.seeds() {
		if _, violations := interpreter.Prepare(s.graph, seed.input, "run_1", golden.Start); len(violations) > 0 {
			continue
		}
		for _, c := range breaking(s.graph.Input, seed.input, "") {
			p := &plan{input: c.value, labels: []label{{text: c.label}}}
			_, violations := interpreter.Prepare(s.graph, p.input, "run_1", golden.Start)
			if len(violations) == 1 {
				out = append(out, refusal{p, violations[0].Path})
			}
		}
		return out
	}
	return nil
}

// broken is a value with one part that breaks a rule.
type broken struct {
	value any
	label string
}

// breaking lists values like v that break one rule of their type each.
func breaking(t *value.Type, v any, path string) (out []broken) {
	add := func(w any, how string) { out = append(out, broken{w, path + " " + how}) }
	switch v := v.(type) {
	case string:
		if t.Rules.Nonempty {
			add("", "is empty")
		}
		if t.Rules.Format != "" || t.Rules.Pattern != "" {
			add("?", "is of no form")
		}
		if n, ok := t.Rules.Max.(int); ok && n < 10_000 {
			add(strings.Repeat("x", n+1), "is too long")
		}
		if n, ok := t.Rules.Min.(int); ok && n > 0 {
			add(strings.Repeat("x", n-1), "is too short")
		}
	case int, float64:
		if n, ok := t.Rules.Min.(int); ok {
			add(n-1, "is too small")
		}
		if n, ok := t.Rules.Max.(int); ok {
			add(n+1, "is too great")
		}
	case []any:
		if t.Rules.Nonempty {
			add([]any{}, "is empty")
		}
		if n, ok := t.Rules.Max.(int); ok && n < 200 && len(v) > 0 {
			more := make([]any, n+1)
			for i := range more {
				more[i] = v[0]
			}
			add(more, "are too many")
		}
		if n, ok := t.Rules.Min.(int); ok && n > 0 && len(v) >= n {
			add(v[:n-1], "are too few")
		}
		if len(v) > 0 && t.Elem != nil {
			for _, c := range breaking(t.Elem, v[0], path+"[0]") {
				w := append([]any{c.value}, v[1:]...)
				out = append(out, broken{w, c.label})
			}
		}
	case map[string]any:
		for _, f := range t.Fields {
			old, there := v[f.Name]
			if !there || old == nil {
				old = value.ExampleOf(f)
			}
			at := strings.TrimPrefix(fmt.Sprintf("%s.%s", path, f.Name), ".")
			for _, c := range breaking(f.Type, old, at) {
				w := map[string]any{}
				for k, e := range v {
					w[k] = e
				}
				w[f.Name] = c.value
				out = append(out, broken{w, c.label})
			}
		}
	}
	return out
}
