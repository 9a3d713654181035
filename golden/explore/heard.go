package explore

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"wf/golden/vary"
	"wf/interpreter/machine"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// Heard is what services answered and signals told in runs that took place, such as those
// of tests: there they say more than examples do, and what fits together. The zero value is
// nothing.
type Heard struct {
	answers map[string][]heard // by operation and outcome, in the order in which they were heard
	first   map[string]int     // when the first one was
}

// heard is an answer, and the arguments that it was given to, secrets masked.
type heard struct{ args, body any }

const (
	maxHeard   = 100 // answers of an operation with one outcome that are kept
	maxUnasked = 3   // of these, such as are tried in place of one another
)

// hears takes note of a run. Of a call that is tried again the last answer counts.
func (h *Heard) hears(entries []machine.Entry) {
	type call struct {
		operation string
		args      any
	}
	type told struct {
		key string // "": another answer came later
		heard
	}
	calls := map[string]call{} // by place
	last := map[string]int{}   // by what was asked where: which of all is the answer
	var all []told
	for i := range entries {
		switch e := &entries[i]; e.Kind {
		case machine.EntryCall:
			calls[e.Place] = call{e.Operation, e.Args}
		case machine.EntryAnswer:
			c := calls[e.Place]
			asked := fmt.Sprint(e.Place, c.args)
			if k, ok := last[asked]; ok {
				all[k].key = ""
			}
			last[asked] = len(all)
			all = append(all, told{c.operation + " " + e.Outcome, heard{c.args, e.Body}})
		case machine.EntrySignal:
			all = append(all, told{e.Signal + " " + value.Received, heard{nil, e.Body}})
		}
	}
	for _, a := range all {
		if a.key != "" {
			h.hear(a.key, a.heard)
		}
	}
}

// Add adds what was heard elsewhere; nil: nothing.
func (h *Heard) Add(o *Heard) {
	if o == nil {
		return
	}
	for _, key := range slices.SortedFunc(maps.Keys(o.first), func(a, b string) int { return cmp.Compare(o.first[a], o.first[b]) }) {
		h.hear(key, heard{})
		for _, a := range o.answers[key] {
			h.hear(key, a)
		}
	}
}

// hear notes an answer to a call, or a signal: key names the operation and the outcome.
func (h *Heard) hear(key string, a heard) {
	if h.answers == nil {
		h.answers, h.first = map[string][]heard{}, map[string]int{}
	}
	if _, ok := h.first[key]; !ok {
		h.first[key] = len(h.first)
	}
	if list := h.answers[key]; a.body != nil && len(list) < maxHeard && !slices.ContainsFunc(list, func(o heard) bool { return vary.Same(o.args, a.args) }) {
		h.answers[key] = append(list, a)
	}
}

// outcomeOf is a call's outcome as it is heard.
func outcomeOf(c *graph.Call, p value.Pattern) string {
	if c.Sig.Signal {
		return c.Sig.Operation + " " + p.String()
	}
	return c.Sig.Name() + " " + p.String()
}

// since is when an outcome of a call was heard first; a large number if it never was.
func (h *Heard) since(c *graph.Call, p value.Pattern) int {
	if h != nil {
		if n, ok := h.first[outcomeOf(c, p)]; ok {
			return n
		}
	}
	return math.MaxInt
}

// revealed gives what is secret in an answer, and so was not heard, the value of an example.
func revealed(t *value.Type, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		for _, f := range t.Fields {
			if e, ok := out[f.Name]; ok {
				if out[f.Name] = revealed(f.Type, e); f.Type.Secret {
					out[f.Name] = value.ExampleOf(f)
				}
			}
		}
		return out
	case []any:
		if t.Elem == nil || !t.Elem.HasSecret() {
			return v
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = revealed(t.Elem, v[i])
		}
		return out
	}
	return v
}

// of lists what was heard of an outcome of a call.
func (h *Heard) of(c *graph.Call, p value.Pattern, t *value.Type) (out []heard) {
	if h == nil || t == nil {
		return nil
	}
	for _, a := range h.answers[outcomeOf(c, p)] {
		a.body = revealed(t, a.body)
		if _, violations := t.Conform(a.body, nil); len(violations) == 0 {
			out = append(out, a)
		}
	}
	return out
}

// asHeard is in the label of all bodies that were heard but the first.
const asHeard = ", as heard ("

// more lists an alternative with what was heard in place of its own body: what was answered
// to the same arguments, else what was heard first. Where two versions are told apart, others
// that were heard are alternatives, too, and the example is.
func (m *menus) more(c *graph.Call, p value.Pattern, a alternative) []alternative {
	all := m.heard.of(c, p, a.typ)
	if len(all) == 0 {
		return []alternative{a}
	}
	b := a
	b.body, b.heard, b.asked = all[0].body, all, c.Sig.Input
	out := []alternative{b}
	if !m.apart {
		return out
	}
	for _, other := range all[1:] {
		if len(out) < maxUnasked && !slices.ContainsFunc(out, func(o alternative) bool { return vary.Same(o.body, other.body) }) {
			b := a
			b.body = other.body
			b.label += asHeard + strconv.Itoa(len(out)+1) + ")"
			out = append(out, b)
		}
	}
	if a.label += ", an example"; !a.fault {
		out = append(out, a)
	}
	return out
}

// late lists the successes that come so late that one version bears it and the other does
// not: behind a bound of time that one of them does not have.
func late(a alternative, bounds []time.Duration) (out []alternative) {
	for _, d := range bounds {
		b := a
		b.after = d + time.Second
		b.label, b.also = a.label+" after "+value.FormatDuration(b.after), nil
		out = append(out, b)
	}
	return out
}

// bounds are the constant bounds of time and of numbers of a workflow and those it calls:
// within and timeouts; limits, first and tolerate.
func bounds(g *graph.Graph) (times []time.Duration, counts []int) {
	note := func(s *graph.Setting) {
		if s == nil {
			return
		}
		switch v, _ := s.Value.Const(); v := v.(type) {
		case int:
			counts = append(counts, v)
		case string:
			if d, err := value.ParseDuration(v); err == nil {
				times = append(times, d)
			}
		}
	}
	for _, each := range append([]*graph.Graph{g}, g.Called()...) {
		note(each.Within)
		graph.EachStep(each.Steps, func(_ string, _ []*graph.Step, s *graph.Step) { note(s.Within) })
		each.EachCall(func(c *graph.Call) { note(c.Policy.Timeout) })
		each.EachStmt(func(st graph.Stmt) {
			switch st := st.(type) {
			case *graph.Group:
				note(st.First)
				note(st.Limit)
			case *graph.Loop:
				note(st.First)
				note(st.Limit)
				note(st.Of)
				note(st.Tolerate)
			}
		})
	}
	return times, counts
}

// expressions are those of the steps of a workflow and those it calls.
func expressions(g *graph.Graph) (out []string) {
	note := func(p *expr.Program) { out = append(out, p.String()) }
	for _, each := range append([]*graph.Graph{g}, g.Called()...) {
		blocks := [][]*graph.Step{each.Steps}
		for _, b := range []*graph.Block{each.OnFailed, each.Finally} {
			if b != nil {
				blocks = append(blocks, b.Steps)
			}
		}
		for _, steps := range blocks {
			for _, s := range steps {
				s.EachProgram(note)
			}
		}
		for _, st := range each.Prelude {
			switch st := st.(type) {
			case *graph.Let:
				note(st.Value)
			case *graph.Ensure:
				note(st.Cond)
			}
		}
		if each.Output != nil {
			note(each.Output)
		}
	}
	return out
}

// onlyOne lists what is not as often in the one list as in the other.
func onlyOne[T comparable](a, b []T) (out []T) {
	count := func(list []T, v T) (n int) {
		for _, o := range list {
			if o == v {
				n++
			}
		}
		return n
	}
	for _, v := range append(slices.Clone(a), b...) {
		if count(a, v) != count(b, v) && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// size stands among the literals that a list is compared with: so many elements are tried.
type size int
