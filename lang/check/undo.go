package check

import (
	"slices"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// undo checks the undo among what stands below a call, and returns the rest.
func (s *stepFlow) undo(g *graph.Call, below []syntax.Stmt, sc *scope) (ons []syntax.Stmt) {
	var undo *syntax.Undo
	for _, st := range below {
		u, ok := st.(*syntax.Undo)
		switch {
		case !ok:
			ons = append(ons, st)
		case s.undoing:
			s.misplaced(u, "an undo is not undone")
		case undo != nil:
			s.add(diag.Errorf(CodeDuplicateSet, u.Span, "this call has an undo already").See(undo.Span, "here"))
		default:
			undo = u
			g.Undo = s.undoOf(g, u, sc)
		}
	}
	return ons
}

// undoOf checks an undo. It reads what the call could, its key, and its answer, of
// which nothing is sure: an effect may have happened although no answer came.
func (s *stepFlow) undoOf(g *graph.Call, t *syntax.Undo, sc *scope) *graph.Undo {
	inner := sc.child()
	inner.later = &later{letsOf(t.Stmts), "the let", "statements are executed from top to bottom", "put the let above this"}
	inner.setAnswer(s.anySuccess(g).Opt())
	inner.names["status"].typ = value.TInt.Opt()
	inner.names["key"] = &binding{name: "key", typ: value.TString, used: true}
	span := t.Span
	span.End = span.Start + len("undo")
	info := &stepInfo{tree: &syntax.Step{Node: t.Node, Name: syntax.Name{Node: syntax.Node{Span: span}, Text: "undo"}}, edges: s.info.edges, cyclic: s.info.cyclic}
	u := &stepFlow{flow: s.flow, info: info, graph: &graph.Step{Name: "undo", Span: span}, own: true, undoing: true, places: map[string]int{}}
	own := s.settings(t.Stmts, "undo", inner)
	u.policy = own.over(s.policy)
	u.policy.limit, u.policy.first = nil, nil
	u.graph.Within = own.within
	if i := slices.IndexFunc(t.Stmts, isStep); i >= 0 {
		s.misplaced(t.Stmts[i], "an undo has no steps; it is executed from top to bottom")
		return nil
	}
	u.body(t.Stmts, inner)
	return &graph.Undo{Steps: []*graph.Step{u.graph}, Span: t.Span}
}

// anySuccess is the joined body of the successful answers of a call.
func (s *stepFlow) anySuccess(g *graph.Call) *value.Type {
	var out *value.Type
	for _, o := range g.Sig.Outcomes {
		status := o.Status
		if o.Class != 0 {
			status = o.Class * 100
		}
		if d, _ := value.Classify(g.Policy.Rules, status, o.Name); d != value.Success {
			continue
		}
		if o.Body == nil {
			return value.TAny
		}
		out = joinBody(out, o.Body)
	}
	if out == nil {
		return value.TAny
	}
	return out
}
