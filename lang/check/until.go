package check

import (
	"fmt"
	"slices"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
)

// around is a step whose call is looked at from, or one around that: what may be named is
// it, and what waits for it.
type around struct {
	*level
	step *stepInfo
	up   int // see graph.Pivot
}

// surroundings lists the step that is checked and those around it, from the inside out.
func (s *stepFlow) surroundings() (out []around) {
	up, at := 0, s.info
	for l := &s.level; ; l = l.outer {
		if at.around != nil { // an item, whose loop has the name
			at = at.around
			up++
		}
		out = append(out, around{l, at, up})
		if l.outer == nil {
			return out
		}
		at = l.of
		up++
	}
}

// until checks behind which steps there is no way back for an effect.
func (s *stepFlow) until(t *syntax.Undo) (out []graph.Pivot) {
	if len(t.Until) == 0 {
		return nil
	}
	levels := s.surroundings()
	seen := map[string]bool{}
	for _, name := range t.Until {
		i := slices.IndexFunc(levels, func(a around) bool { return a.steps[name.Text] != nil })
		switch {
		case i < 0:
			s.add(s.noPivot(name, levels))
		case seen[name.Text]:
			s.add(diag.Warnf(CodeDuplicate, name.Span, "%s is named twice after `until`", name.Text))
		default:
			at := levels[i]
			pivot := at.steps[name.Text]
			s.noteName(SortStep, name, pivot.tree.Name.Span, nil)
			if !pivot.needs(at.step) {
				s.add(s.unordered(name, pivot, at.step))
			}
			out = append(out, graph.Pivot{Name: name.Text, Up: at.up, Step: pivot.index})
		}
		seen[name.Text] = true
	}
	return out
}

// needs reports whether a step is another one, or waits for it, directly or through others;
// of steps that wait for one another anything may be said.
func (i *stepInfo) needs(other *stepInfo) bool {
	seen := map[*stepInfo]bool{i: true}
	for todo := []*stepInfo{i}; len(todo) > 0; todo = todo[1:] {
		if todo[0] == other || todo[0].cyclic {
			return true
		}
		for _, e := range todo[0].edges {
			if !seen[e.to] {
				seen[e.to] = true
				todo = append(todo, e.to)
			}
		}
	}
	return false
}

// unordered explains a pivot that does not wait for the step whose effect it settles.
func (s *stepFlow) unordered(name syntax.Name, pivot, step *stepInfo) *diag.Diagnostic {
	d := diag.Errorf(CodeNoPivot, name.Span, "%s does not wait for %s, so it may complete before there is anything to undo", name.Text, step.name()).
		See(pivot.tree.Name.Span, "%s", name.Text)
	if step.needs(pivot) {
		d.Summary = fmt.Sprintf("%s comes before %s, so it has completed before there is anything to undo", name.Text, step.name())
		return d.Hintf("name the step behind which nothing is undone: %s itself, or one that waits for it", step.name())
	}
	d.Hintf("let it wait: step %s after %s", name.Text, step.name())
	if s.source(name.Span) != "" {
		at, text := pivot.tree.Name.Span.End, " after "+step.name()
		if n := len(pivot.tree.After); n > 0 {
			at, text = pivot.tree.After[n-1].Span.End, ", "+step.name()
		}
		d.Offer("let "+name.Text+" wait for "+step.name(), insertion(name.Span, at, text)...)
	}
	return d
}

// noPivot explains a name behind until that is no step which could be meant.
func (s *stepFlow) noPivot(name syntax.Name, levels []around) *diag.Diagnostic {
	d := diag.Errorf(CodeUnknownStep, name.Span, "there is no step %s", name.Text)
	var known []string
	for _, l := range levels {
		for _, st := range l.order {
			if st.needs(l.step) {
				known = append(known, st.tree.Name.Text)
			}
		}
	}
	if d.Suggest(name.Span, name.Text, known) || s.tree == nil {
		return d
	}
	if len(s.path) > 0 {
		d.Summary = fmt.Sprintf("there is no step %s in %s, nor around it", name.Text, s.path[len(s.path)-1])
	}
	for _, path := range elsewhere(s.tree.Stmts, name.Text, nil, nil) {
		switch n := common(path, s.path); {
		case n == len(path):
			return d.Hintf("%s", otherArm)
		default:
			return d.Hintf("it is inside of %s; name that: until %s", path[n], path[n])
		}
	}
	return d.Hintf("name %s, or a step that waits for it", levels[0].step.name())
}
