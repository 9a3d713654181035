package durable

import (
	"wf/lang/graph"
	"wf/lang/value"
)

// Secret finds a secret that a run of a graph would have to write down: one in its input,
// or one that a service may answer with, or a signal carry. It is named; "" means that there is none.
func Secret(g *graph.Graph, input map[string]any) string {
	if path := secretIn(g.Input, input, "input"); path != "" {
		return path
	}
	for _, s := range g.Sendable() {
		if s.Payload != nil && s.Payload.HasSecret() {
			return "what signal " + s.Name + " carries"
		}
	}
	found := ""
	g.EachServiceCall(func(c *graph.Call) {
		for _, o := range c.Sig.Outcomes {
			if found == "" && o.Body != nil && o.Body.HasSecret() {
				found = "an answer " + o.Pattern.String() + " of " + c.Sig.Name()
			}
		}
	})
	return found
}

func secretIn(t *value.Type, v any, path string) string {
	if v == nil || !t.HasSecret() {
		return ""
	}
	if t.Secret {
		return path
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if p := secretIn(t.Elem, e, path+"[]"); p != "" {
				return p
			}
		}
	case map[string]any:
		for _, f := range t.Fields {
			if p := secretIn(f.Type, v[f.Name], path+"."+f.Name); p != "" {
				return p
			}
		}
	}
	return ""
}
