package explore

import (
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
// of tests: there they say more than examples do. The zero value is nothing.
type Heard struct {
	bodies map[string][]any // by operation and outcome, in the order in which they were heard
}

// maxHeard is how many answers of an operation with one outcome are taken over.
const maxHeard = 3

// Hear takes note of a run.
func (h *Heard) Hear(g *graph.Graph, entries []machine.Entry) {
	operations := map[string]string{} // by place
	for _, e := range entries {
		switch e.Kind {
		case machine.EntryCall:
			operations[e.Place] = e.Operation
		case machine.EntryAnswer:
			h.hear(operations[e.Place], e.Outcome, e.Body)
		case machine.EntrySignal:
			h.hear(e.Signal, value.Received, e.Body)
		}
	}
}

func (h *Heard) hear(name, outcome string, body any) {
	if body == nil {
		return
	}
	if h.bodies == nil {
		h.bodies = map[string][]any{}
	}
	key := name + " " + outcome
	if list := h.bodies[key]; len(list) < maxHeard && !slices.ContainsFunc(list, func(o any) bool { return vary.Same(o, body) }) {
		h.bodies[key] = append(list, body)
	}
}

// of lists the bodies of an outcome of a call. What is secret was not heard.
func (h *Heard) of(c *graph.Call, p value.Pattern, t *value.Type) (out []any) {
	if h == nil || t == nil || t.HasSecret() {
		return nil
	}
	name := c.Sig.Name()
	if c.Sig.Signal {
		name = c.Sig.Operation
	}
	for _, body := range h.bodies[name+" "+p.String()] {
		if _, violations := t.Conform(body, nil); len(violations) == 0 {
			out = append(out, body)
		}
	}
	return out
}

// asHeard is in the label of all bodies that were heard but the first.
const asHeard = ", as heard ("

// more lists an alternative with the bodies that were heard in place of its own, which
// comes last.
func (m *menus) more(c *graph.Call, p value.Pattern, a alternative) []alternative {
	bodies := m.heard.of(c, p, a.typ)
	if len(bodies) == 0 {
		return []alternative{a}
	}
	var out []alternative
	for i, body := range bodies {
		b := a
		if b.body = body; i > 0 {
			b.label += asHeard + strconv.Itoa(i+1) + ")"
		}
		out = append(out, b)
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
