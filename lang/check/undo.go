package check

import (
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
		case s.special != "":
			s.misplaced(u, "what "+s.special+" does is not undone")
		case undo != nil:
			s.add(diag.Errorf(CodeDuplicateSet, u.Span, "this call has an undo already").See(undo.Span, "here"))
		default:
			undo = u
			g.Undo = s.undoOf(g, u, sc)
			g.Until = s.until(u)
		}
	}
	return ons
}

// undoOf checks an undo. It reads what the call could, its key, and its answer, of
// which nothing is sure: an effect may have happened although no answer came.
func (s *stepFlow) undoOf(g *graph.Call, t *syntax.Undo, sc *scope) *graph.Block {
	inner := sc.child()
	inner.later = &later{letsOf(t.Stmts), "the let", "statements are executed from top to bottom", "put the let above this"}
	if body := anySuccess(g); g.Runs != nil { // it has come to its end, else it has undone itself
		inner.setAnswer(body)
	} else {
		inner.setAnswer(body.Opt())
		inner.names["body"].place, inner.names["body"].reason = g.Span, "its effect is undone, too, if no answer came"
		inner.names["status"].typ = value.TInt.Opt()
	}
	inner.names["key"] = &binding{name: "key", typ: value.TString, used: true}
	return s.aside("undo", "undo", t.Node, t.Stmts, inner, s.policy, s.info)
}

// anySuccess is the joined body of the successful answers of a call.
func anySuccess(g *graph.Call) *value.Type {
	var out *value.Type
	for _, o := range successful(g) {
		out = joinBody(out, bodyType(o))
	}
	if out == nil {
		return value.TAny
	}
	return out
}

// aside checks a block that is executed like a step and is none: what says what it is in
// messages, name names it in traces.
func (f *flow) aside(what, name string, n syntax.Node, stmts []syntax.Stmt, sc *scope, around parts, of *stepInfo) *graph.Block {
	span := n.Span
	span.End = span.Start + len(what)
	info := &stepInfo{tree: &syntax.Step{Node: n, Name: syntax.Name{Node: syntax.Node{Span: span}, Text: name}}}
	if of != nil {
		info.edges, info.cyclic = of.edges, of.cyclic
	}
	sc.later = &later{letsOf(stmts), "the let", "statements are executed from top to bottom", "put the let above this"}
	s := &stepFlow{flow: f, info: info, graph: &graph.Step{Name: name, Span: span}, own: true, special: what, places: map[string]int{}}
	own := f.settings(stmts, what, sc)
	s.policy = own.over(around)
	s.runs = own
	s.policy.limit, s.policy.first = nil, nil
	s.graph.Within = own.within
	s.bounded = own.within != nil
	if steps := stepsOf(stmts); len(steps) > 0 {
		f.misplaced(steps[0], "here are no steps; statements are executed from top to bottom")
		return nil
	}
	caught := s.caught
	s.caught = false
	s.body(stmts, sc)
	s.caught = caught
	return &graph.Block{Steps: []*graph.Step{s.graph}, Span: n.Span}
}

// closing checks what the run does at its end: when it has failed, and always.
func (f *flow) closing() {
	sc := f.early.child()
	for _, st := range f.order {
		if name := st.tree.Name.Text; f.late.names[name] != nil {
			sc.names[name] = &binding{name: name, place: st.tree.Name.Span, typ: st.bind.typ.Opt(), step: st, reason: "the run may have ended without its result"}
		}
	}
	base := f.base
	base.within, base.limit = nil, nil
	for _, st := range f.tree.Stmts {
		switch st := st.(type) {
		case *syntax.On:
			f.onFailed(st, sc, base)
		case *syntax.Finally:
			if f.graph.Finally == nil {
				f.graph.Finally = f.aside("finally", "finally", st.Node, st.Stmts, sc.child(), base, nil)
			}
		}
	}
	for _, st := range f.order {
		if b := sc.names[st.tree.Name.Text]; b != nil && b.used {
			st.bind.used = true
		}
	}
}

func (f *flow) onFailed(on *syntax.On, sc *scope, base parts) {
	if len(on.Outcomes) != 1 || pattern(on.Outcomes[0]).Name != value.Failed {
		f.add(diag.Errorf(CodeImpossible, on.Outcomes[0].Span, "a run does not answer; it fails").Hintf("write on failed, or put the clause below the call it is for"))
		return
	}
	if f.graph.OnFailed != nil {
		f.add(diag.Errorf(CodeDuplicateSet, on.Span, "on failed is given twice").See(f.graph.OnFailed.Span, "first here"))
		return
	}
	inner := sc.child()
	inner.names["error"] = &binding{name: "error", typ: errorType, used: true}
	if on.When != nil {
		f.add(diag.Errorf(CodeMisplaced, on.When.Span, "this clause has no condition").Hintf("say it inside: ensure … else return nil"))
	}
	f.graph.OnFailed = f.aside("on failed", "on_failed", on.Node, on.Stmts, inner, base, nil)
}
