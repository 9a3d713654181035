package golden

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"wf/lang/graph"
	"wf/lang/value"
)

// generated are ids that services make up: UUIDs, ULIDs, and hexadecimal numbers of
// sixteen digits or more.
var generated = regexp.MustCompile(`[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Za-z]{16,}`)

var (
	hexadecimal = regexp.MustCompile(`^(?:[0-9a-f]{16,}|[0-9A-F]{16,})$`)
	ulid        = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)
	letter      = regexp.MustCompile(`[A-Za-z]`)
	digit       = regexp.MustCompile(`[0-9]`)
)

// aliased replaces generated ids by <id 1>, <id 2> and so on, in the order in which they
// appear: a golden trace says where the same id comes again, not which one it is.
func aliased(text []byte) []byte {
	names := map[string]string{}
	return generated.ReplaceAllFunc(text, func(id []byte) []byte {
		switch {
		case slices.Contains(id, '-'):
		case !letter.Match(id) || !digit.Match(id) || !hexadecimal.Match(id) && !ulid.Match(id):
			return id
		}
		if names[string(id)] == "" {
			names[string(id)] = fmt.Sprintf("<id %d>", len(names)+1)
		}
		return []byte(names[string(id)])
	})
}

// masked replaces what is secret in the last run: expectations see secrets as services
// do, but nobody is shown them.
func (s *scenario) masked(text string) string {
	if s.last == nil || text == "" {
		return text
	}
	for _, secret := range s.secrets() {
		quoted, err := value.EncodeJSON(secret, "")
		if err == nil {
			text = strings.ReplaceAll(text, string(quoted), `"`+value.Mask+`"`)
		}
		if len(secret) >= 4 { // a short one would hide half of the text
			text = strings.ReplaceAll(text, secret, value.Mask)
		}
	}
	return text
}

// secrets lists the texts that are secret in the last run, longest first.
func (s *scenario) secrets() []string {
	var out []string
	add := func(t *value.Type, v any) {
		if t != nil && v != nil {
			out = hidden(v, t.Redact(v), out)
		}
	}
	g := s.last.graph
	add(g.Input, any(s.last.input))
	sigs := map[string]*value.Signature{}
	g.EachServiceCall(func(c *graph.Call) { sigs[c.Sig.Name()] = c.Sig })
	for _, c := range s.stage.Calls() {
		if sig := sigs[c.Service+"."+c.Operation]; sig != nil && !sig.Handler {
			add(sig.Input, any(c.Args))
			class := ""
			if c.Status == 0 {
				class = c.Outcome
			}
			body, _ := sig.Body(c.Status, class)
			add(body, c.Body)
		}
	}
	for _, m := range s.program.Suite.Mocks {
		for _, t := range m.Tables {
			add(value.ListOf(t.Row), s.stage.Tables(t.Service)[t.Name])
		}
	}
	if r := s.last.result; r != nil {
		for _, st := range g.Steps {
			add(st.Result, s.step(st.Name).Result)
		}
		if g.Output != nil {
			add(g.Output.Type(), r.Output)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(out)
}

// hidden collects the texts of a value that are masked in its other form.
func hidden(v, masked any, out []string) []string {
	switch v := v.(type) {
	case map[string]any:
		if m, ok := masked.(map[string]any); ok {
			for key, part := range v {
				out = hidden(part, m[key], out)
			}
			return out
		}
		for _, part := range v {
			out = hidden(part, value.Mask, out)
		}
	case []any:
		m, ok := masked.([]any)
		for i, part := range v {
			if ok && i < len(m) {
				out = hidden(part, m[i], out)
			} else {
				out = hidden(part, value.Mask, out)
			}
		}
	case string:
		if masked == value.Mask && v != value.Mask && v != "" {
			out = append(out, v)
		}
	}
	return out
}
