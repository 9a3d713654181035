package check

import (
	"slices"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// loop checks a step that runs for every element of a list. What its block says is one
// step, without a name of its own, for each of them.
func (s *stepFlow) loop(t *syntax.Step, sc, head *scope) {
	over := s.compileIn(t.For.In, head)
	elem := s.elementOf(t.For.In, over.Type())
	sc = sc.child()
	s.lets = append(s.lets, sc.define(t.For.Var, elem))
	g := &graph.Loop{Var: t.For.Var.Text, In: over, Span: t.For.Span, First: s.policy.first, Limit: s.policy.limit, Tolerate: s.policy.tolerate}
	if s.policy.share != nil {
		g.Share = *s.policy.share
	}
	if t.For.By != nil {
		g.By = s.compileIn(t.For.By, sc)
		if k := g.By.Type(); k.Optional || !slices.Contains([]value.Kind{value.String, value.Int, value.Enum, value.Any}, k.Kind) {
			s.add(diag.Errorf(CodeType, t.For.By.Span, "the key of an item is a string or an int, not %s", article(k)).
				Hintf("it names the item in traces, and differs from those of the others"))
		}
	}
	info := &stepInfo{tree: &syntax.Step{Node: t.Node, Name: syntax.Name{Node: t.Name.Node}}, around: s.info, edges: s.info.edges, cyclic: s.info.cyclic}
	item := &stepFlow{flow: s.flow, info: info, graph: &graph.Step{Span: t.Name.Span}, policy: s.policy, own: s.own, places: map[string]int{}}
	item.policy.first, item.policy.limit = nil, nil
	item.body(slices.DeleteFunc(slices.Clone(t.Stmts), ofLoop), sc)
	s.info.told = info.told
	g.Steps = []*graph.Step{item.graph}
	s.graph.Body = []graph.Stmt{g}
	s.result = firstResult(g.First, item.result)
	switch {
	case s.result != nil:
	case g.Tolerate != nil || g.Share > 0:
		s.result = value.ListOf(item.result.Opt())
	default:
		s.result = value.ListOf(item.result)
	}
	s.graph.Result = s.result
}

// name of the step, or of the loop that it is an item of.
func (i *stepInfo) name() string {
	if i.around != nil {
		return i.around.name()
	}
	return i.tree.Name.Text
}

// ofLoop reports whether a statement is about a loop as a whole, not one of its items.
func ofLoop(st syntax.Stmt) bool {
	switch st.(type) {
	case *syntax.Limit, *syntax.First, *syntax.Tolerate, *syntax.Within, *syntax.Describe:
		return true
	}
	return false
}

// elementOf is the type of the elements of what a loop goes over.
func (s *stepFlow) elementOf(e *syntax.Expr, t *value.Type) *value.Type {
	switch {
	case t.Optional && t.Kind == value.List:
		s.add(diag.Errorf(CodeType, e.Span, "a loop goes over a list, and this may be missing").Hintf("say what to use then: … ?? []"))
		return t.Elem
	case t.Kind == value.List:
		return t.Elem
	case t.Kind == value.Any:
		return value.TAny
	}
	s.add(diag.Errorf(CodeType, e.Span, "a loop goes over a list, not %s", article(t)))
	return value.TAny
}

// firstResult is what a loop or group returns that waits for the first of its results:
// that one, or a list if it waits for several; nil if it waits for all.
func firstResult(first *graph.Setting, of *value.Type) *value.Type {
	if first == nil {
		return nil
	}
	if v, ok := first.Value.Const(); ok && v == 1 {
		return of
	}
	return value.ListOf(of)
}

// group checks a step with steps inside: settings and lets, the steps, clauses for
// failed, and what follows. from is the first step among stmts. falls tells whether the
// end can be reached.
func (s *stepFlow) group(stmts []syntax.Stmt, from int, sc *scope) (falls bool) {
	steps, to := s.together(stmts, from)
	clauses := clausesAfter(stmts[to:])
	before, after := s.around(stmts[:from]), s.around(stmts[to+clauses:])
	g := &graph.Group{First: s.policy.first, Limit: s.policy.limit, Span: steps[0].(*syntax.Step).Name.Span}
	body, _ := s.block(before, sc, nil)
	inner := s.inside(steps, sc)
	g.Steps = inner.made

	behind, missing := sc.child(), sc.child() // behind a failure any result may be missing
	var of *value.Type
	results := value.RecordOf()
	for _, st := range inner.order {
		name, t := st.tree.Name.Text, st.bind.typ
		if of = joinBody(of, st.result); g.First != nil {
			t = t.Opt() // those that lost have none
		}
		results.Fields = append(results.Fields, &value.Field{Name: name, Type: t.Req(), Optional: t.Optional})
		st.bind.typ = t
		behind.names[name] = st.bind
		missing.names[name] = &binding{name: name, place: st.bind.place, typ: t.Opt(), used: true}
	}
	for _, st := range stmts[to : to+clauses] {
		on, ok := st.(*syntax.On)
		if !ok {
			s.misplaced(st, "it belongs to a call; the steps inside have their own")
			continue
		}
		c, ends := s.groupClause(on, missing)
		g.Clauses = append(g.Clauses, c)
		switch {
		case ends:
		case len(after) == 0:
			s.add(diag.Errorf(CodeNoEnding, on.Outcomes[0].Span, "the clause for failed must say how the step ends").Hintf("end it with return, degrade or fail"))
		default:
			behind = missing
		}
	}
	rest, falls := s.block(after, behind, nil)
	if s.mainOut = firstResult(g.First, of); s.mainOut == nil {
		s.mainOut = results
	}
	if !falls && g.First == nil {
		outer := s.level
		s.level = inner
		s.unusedResults()
		s.level = outer
	}
	s.graph.Body = slices.Concat(body, []graph.Stmt{g}, rest)
	return falls
}

// together lists the steps of a group, which stand together, and where they end.
func (s *stepFlow) together(stmts []syntax.Stmt, from int) (steps []syntax.Stmt, to int) {
	to = from
	for i := from; i < len(stmts); i++ {
		if !isStep(stmts[i]) {
			continue
		}
		for _, st := range stmts[to:i] {
			s.misplaced(st, "the steps of a group stand together; put it above or below them")
		}
		steps = append(steps, stmts[i])
		to = i + 1
	}
	return steps, to
}

// around is what may stand above and below the steps of a group.
func (s *stepFlow) around(stmts []syntax.Stmt) []syntax.Stmt {
	out := make([]syntax.Stmt, 0, len(stmts))
	for _, st := range stmts {
		switch st := st.(type) {
		case *syntax.Tolerate:
			s.misplaced(st, "it is a setting of a loop")
		case *syntax.Call:
			s.misplaced(st, "a step has calls or steps, not both; put the call into a step of its own")
		case *syntax.Let:
			if st.Call != nil {
				s.misplaced(st, "a step has calls or steps, not both; put the call into a step of its own")
				break
			}
			out = append(out, st)
		default:
			out = append(out, st)
		}
	}
	return out
}

// inside checks the steps of a group. They read what stands above them in their step.
func (s *stepFlow) inside(steps []syntax.Stmt, sc *scope) level {
	outer := s.level
	s.level = newLevel()
	s.base = s.policy
	s.base.within, s.base.limit, s.base.first, s.base.tolerate, s.base.share = nil, nil, nil, nil, nil
	for _, st := range steps {
		name := st.(*syntax.Step).Name
		if first := sc.find(name.Text); first != nil {
			s.add(diag.Errorf(CodeDuplicate, name.Span, "%s is defined already, and names are not shadowed", name.Text).See(first.place, "here"))
		}
	}
	s.collect(steps)
	s.late = sc.child()
	s.enter(s.late)
	s.sequence()
	inner := s.level
	s.level = outer
	return inner
}

// groupClause checks a clause behind the steps of a group.
func (s *stepFlow) groupClause(on *syntax.On, sc *scope) (c *graph.Clause, ends bool) {
	for _, o := range on.Outcomes {
		if p := pattern(o); p.Name != value.Failed {
			s.add(diag.Errorf(CodeImpossible, o.Span, "steps do not answer %s; they fail", p).Hintf("write on failed, or put the clause below the call it is for"))
		}
	}
	inner := sc.child()
	inner.names["error"] = &binding{name: "error", typ: errorType, used: true}
	c = &graph.Clause{On: patterns(on.Outcomes), Label: label(on), Span: on.Span}
	if on.When != nil {
		c.When = s.expectIn(on.When, inner, value.TBool, "when")
		inner.assume(c.When, true)
	}
	var falls bool
	c.Body, falls = s.block(on.Stmts, inner, &inClause{verdict: true})
	return c, !falls
}
