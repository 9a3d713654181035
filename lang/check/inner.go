package check

import (
	"fmt"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// loop checks a step that runs for every element of a list. What its block says is one
// step, without a name of its own, for each of them.
func (s *stepFlow) loop(t *syntax.Step, sc, head *scope) {
	over := s.compileIn(t.For.In, head)
	elem := s.elementOf(t.For.In, over, head)
	var of *graph.Setting
	if t.For.Of != nil {
		of = s.count(&t.For.Of.Expr, "of", "step", head)
		elem = value.ListOf(elem)
	}
	sc = sc.child()
	if item := sc.define(t.For.Var, elem); !strings.HasPrefix(item.name, "_") {
		item.item = true
		s.lets = append(s.lets, item)
	}
	g := &graph.Loop{Var: t.For.Var.Text, In: over, Of: of, Span: t.For.Span, First: s.policy.first, Limit: s.policy.limit, Tolerate: s.policy.tolerate}
	if s.policy.share != nil {
		g.Share = *s.policy.share
	}
	if list, ok := over.Const(); ok {
		if items, ok := list.([]any); ok {
			s.enough(g.First, itemsOf(of, len(items)), "items")
		}
	}
	if t.For.By != nil {
		before := len(s.problems)
		g.By = s.compileIn(t.For.By, sc)
		if k := g.By.Type(); !keyable(k) {
			s.add(diag.Errorf(CodeType, t.For.By.Span, "the key of an item is a string or an int, not %s", article(k)).
				Hintf("it names the item in traces, and differs from those of the others"))
		} else {
			s.typed(g.By, sc, value.TString, "the key of an item")
		}
		if g.By.Type().Secret {
			s.add(diag.Errorf(CodeSecret, t.For.By.Span, "the key of an item stands in traces and logs, so it is not made of a secret").Hintf("make it of what may be seen, such as an id"))
		}
		if _, fixed := g.By.Const(); fixed && len(s.problems) == before {
			s.add(diag.Errorf(CodeType, t.For.By.Span, "this is the same for every item, and keys differ").Hintf("make it of the item: by %s", t.For.Var.Text))
		}
	}
	info := &stepInfo{tree: &syntax.Step{Node: t.Node, Name: syntax.Name{Node: t.Name.Node}}, around: s.info, edges: s.info.edges, cyclic: s.info.cyclic}
	item := &stepFlow{flow: s.flow, info: info, graph: &graph.Step{Span: t.Name.Span}, policy: s.policy, runs: s.runs, own: s.own, places: map[string]int{}, bounded: s.bounded}
	item.policy.first, item.policy.limit = nil, nil
	caught := s.caught
	s.caught = caught || g.First != nil || g.Tolerate != nil || g.Share > 0
	outer := s.item
	s.item = sc
	item.body(slices.DeleteFunc(slices.Clone(t.Stmts), ofLoop), sc)
	s.caught, s.item = caught, outer
	s.info.told, s.info.loop = info.told, g
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

// itemsOf is how many items a loop has over so many elements, as far as that is known.
func itemsOf(of *graph.Setting, elements int) int {
	if of == nil {
		return elements
	}
	if n, ok := of.Value.Const(); ok {
		if n, ok := n.(int); ok && n > 0 {
			return (elements + n - 1) / n
		}
	}
	return elements
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
func (s *stepFlow) elementOf(e *syntax.Expr, p *expr.Program, sc *scope) *value.Type {
	t := p.Type()
	switch {
	case t.Optional && t.Kind == value.List:
		s.add(diag.Errorf(CodeType, e.Span, "a loop goes over a list, and this may be missing").Hintf("say what to use then: … ?? []"))
		return elementIn(t)
	case t.Kind == value.List:
		return elementIn(t)
	case t.Kind == value.Any:
		s.typed(p, sc, value.TEmpty, "a loop")
		return t
	}
	if t.Kind == value.Enum && len(t.Values) == 1 && isTextKey(t) {
		t = value.TString // a literal
	}
	s.add(diag.Errorf(CodeType, e.Span, "a loop goes over a list, not %s", article(t)))
	return value.TUnknown
}

// elementIn is the type of the elements of a list: those of a secret one are secrets.
func elementIn(t *value.Type) *value.Type {
	if t.Secret {
		return t.Elem.Hidden()
	}
	return t.Elem
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
func (s *stepFlow) group(stmts []syntax.Stmt, from int, sc *scope) (out []graph.Stmt, falls bool) {
	steps, to := s.together(stmts, from)
	clauses := closingsAfter(stmts[to:])
	before, after := s.around(stmts[:from]), s.around(stmts[to+clauses:])
	g := &graph.Group{First: s.policy.first, Limit: s.policy.limit, Span: steps[0].(*syntax.Step).Name.Span}
	body, _ := s.block(before, sc, nil)
	inner := s.inside(steps, sc, g.First != nil || slices.ContainsFunc(stmts[to:to+clauses], isOn))
	g.Steps = inner.made
	s.enough(g.First, len(g.Steps), "steps")

	behind, missing := sc.child(), sc.child() // behind a failure any result may be missing
	var of *value.Type
	results := value.RecordOf()
	for _, st := range inner.order {
		name, t := st.tree.Name.Text, st.bind.typ
		if of = joinBody(of, st.result); g.First != nil {
			t, st.bind.reason = t.Opt(), "it has no result unless it is among the first" // those that lost
		}
		results.Fields = append(results.Fields, &value.Field{Name: name, Type: t.Req(), Optional: t.Optional, Declared: []value.Place{value.Place(st.tree.Name.Span)}})
		st.bind.typ = t
		behind.names[name] = st.bind
		missing.names[name] = &binding{name: name, place: st.bind.place, typ: t.Opt(), used: true, step: st, reason: "it may have failed, or not run"}
	}
	for _, st := range stmts[to : to+clauses] {
		if last, ok := st.(*syntax.Finally); ok {
			s.finally(g, last, missing)
			continue
		}
		on, ok := st.(*syntax.On)
		if !ok {
			s.misplaced(st, "it belongs to a call; the steps inside have their own")
			continue
		}
		c, ends := s.groupClause(on, missing)
		g.Clauses = append(g.Clauses, c)
		switch {
		case ends:
		case len(after) == 0 && !s.below:
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
	return slices.Concat(body, []graph.Stmt{g}, rest), falls
}

// closingsAfter is how many clauses and blocks for its end follow the steps of a group.
func closingsAfter(stmts []syntax.Stmt) int {
	for i, st := range stmts {
		switch st.(type) {
		case *syntax.On, *syntax.Undo, *syntax.Finally:
		default:
			return i
		}
	}
	return len(stmts)
}

// finally checks what a step does at its end that runs the steps of a group.
func (s *stepFlow) finally(g *graph.Group, t *syntax.Finally, missing *scope) {
	if g.Finally != nil {
		s.add(diag.Errorf(CodeDuplicateSet, t.Span, "finally is given twice").See(g.Finally.Span, "first here"))
		return
	}
	around := s.policy
	around.within, around.tolerate, around.share = nil, nil, nil
	if g.Finally = s.aside("finally", "finally", t.Node, t.Stmts, missing.child(), around, s.info); g.Finally == nil {
		return
	}
	for _, st := range g.Steps {
		if st.Name == "finally" {
			s.add(diag.Errorf(CodeDuplicate, st.Span, "finally is what %s does at its end, and a name in a trace means one step", s.info.name()).See(t.Span, "here"))
		}
	}
}

// enough reports a first that wants more completions than there can be.
func (s *stepFlow) enough(first *graph.Setting, n int, what string) {
	if first == nil {
		return
	}
	if v, ok := first.Value.Const(); ok {
		if want, ok := v.(int); ok && want > n && want <= MaxAttempts {
			s.add(diag.Errorf(CodeSettingValue, first.Span, "first wants %d to complete, and there are only %d %s", want, n, what))
		}
	}
}

// together lists the steps of a group, which stand together, and where they end.
func (s *stepFlow) together(stmts []syntax.Stmt, from int) (steps []syntax.Stmt, to int) {
	to = from
	for i := from; i < len(stmts); i++ {
		if !isStep(stmts[i]) {
			continue
		}
		for _, st := range stmts[to:i] {
			why := "the steps of a group stand together; put it above or below them"
			switch {
			case isCall(st):
				why = callsOrSteps
			case isWait(st):
				why = waitsOrSteps
			}
			s.misplaced(st, why)
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
		case *syntax.On, *syntax.Finally:
			s.misplaced(st, "the clauses of a group stand directly below its steps")
		default:
			switch one := []syntax.Stmt{st}; {
			case anyStmt(one, isCall):
				s.misplaced(st, callsOrSteps)
				continue
			case anyStmt(one, isWait):
				s.misplaced(st, waitsOrSteps)
				continue
			case anyStmt(one, isStep):
				s.misplaced(st, "the steps of a group stand together; put all of it into the arms, or into a step inside")
				continue
			}
			out = append(out, st)
		}
	}
	return out
}

const callsOrSteps = "a step has calls or steps, not both; put the call into a step of its own"

const waitsOrSteps = "a step waits or has steps, not both; put the wait into a step of its own"

// isCall reports whether a statement makes a call.
func isCall(st syntax.Stmt) bool {
	switch st := st.(type) {
	case *syntax.Call:
		return true
	case *syntax.Let:
		return st.Call != nil
	}
	return false
}

// notHere explains the name of a step to wait for that is none of its level.
func (f *flow) notHere(name syntax.Name) *diag.Diagnostic {
	d := diag.Errorf(CodeUnknownStep, name.Span, "there is no step %s", name.Text)
	if d.Suggest(name.Span, name.Text, f.stepNames()) || f.tree == nil {
		return d
	}
	if len(f.path) > 0 {
		d.Summary = fmt.Sprintf("there is no step %s in %s", name.Text, f.path[len(f.path)-1])
	}
	all := elsewhere(f.tree.Stmts, name.Text, nil, nil)
	if len(all) == 0 {
		return d
	}
	around := all[0]
	for _, path := range all { // the nearest one is meant
		if common(path, f.path) > common(around, f.path) {
			around = path
		}
	}
	switch n := common(around, f.path); {
	case n == len(around) && n == len(f.path):
		d.Hintf("%s", otherArm)
	case n < len(around) && n < len(f.path):
		d.Hintf("it is inside of %s; %s can wait for that: step %s after %s", around[n], f.path[n], f.path[n], around[n])
	case n < len(around):
		d.Hintf("it is inside of %s; wait for that: after %s", around[n], around[n])
	case f.path[n] == name.Text:
		d.Hintf("this stands inside of %s, which ends after it", name.Text)
	default:
		d.Hintf("it is outside of %s, which can wait for it: step %s after %s", f.path[n], f.path[n], name.Text)
	}
	return d
}

const otherArm = "it is a step of another arm of the switch, and one of them is taken"

// elsewhere lists the paths of the groups that have a step of a name, nil for the workflow.
func elsewhere(stmts []syntax.Stmt, name string, path []string, out [][]string) [][]string {
	for _, st := range stmts {
		if t, ok := st.(*syntax.Switch); ok {
			for _, arm := range t.Arms {
				out = elsewhere(arm.Stmts, name, path, out)
			}
		}
		step, ok := st.(*syntax.Step)
		if !ok {
			continue
		}
		if step.Name.Text == name {
			out = append(out, path)
		}
		out = elsewhere(step.Stmts, name, append(path[:len(path):len(path)], step.Name.Text), out)
	}
	return out
}

// common is how many names two paths begin with in common.
func common(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// insideOf explains a name that is a step of a group, read from outside; nil for others.
func (f *flow) insideOf(d *diag.Diagnostic, name string) *diag.Diagnostic {
	if f.tree == nil {
		return nil
	}
	for _, path := range elsewhere(f.tree.Stmts, name, nil, nil) {
		n := common(path, f.path)
		switch {
		case n == len(path) && n == len(f.path) && f.steps[name] == nil:
			return d.Hintf("%s", otherArm)
		case n == len(path):
			continue
		}
		around, step := path[n], f.steps[path[n]]
		switch {
		case len(path) > n+1 || step == nil:
			return d.Hintf("it is a step inside of %s; outside, %s can be read", strings.Join(path[n:], "."), around)
		case step.tree.For != nil:
			return d.Hintf("it is a step of the items of %s; outside, their results are a list: %s", around, around)
		case slices.ContainsFunc(step.tree.Stmts, isReturn) || slices.ContainsFunc(step.tree.Stmts, isFirst):
			return d.Hintf("it is a step inside of %s; outside, what %s returns can be read", around, around)
		default:
			return d.Hintf("it is a step inside of %s; outside, the result of %s has it: %s.%s", around, around, around, name)
		}
	}
	return nil
}

func isReturn(st syntax.Stmt) bool {
	_, ok := st.(*syntax.Return)
	return ok
}

func isOn(st syntax.Stmt) bool {
	_, ok := st.(*syntax.On)
	return ok
}

func isFirst(st syntax.Stmt) bool {
	_, ok := st.(*syntax.First)
	return ok
}

// inside checks the steps of a group. They read what stands above them in their step.
func (s *stepFlow) inside(steps []syntax.Stmt, sc *scope, caught bool) level {
	outer := s.level
	s.level = newLevel()
	s.caught = caught || outer.caught
	s.item = outer.item
	s.level.bounded = s.bounded
	s.level.outer, s.level.of = &outer, s.info
	s.path = append(outer.path[:len(outer.path):len(outer.path)], s.info.name())
	s.base, s.calls = s.policy, s.runs
	s.base.within, s.base.limit, s.base.first, s.base.tolerate, s.base.share = nil, nil, nil, nil, nil
	for _, st := range steps {
		name := st.(*syntax.Step).Name
		if first := sc.find(name.Text); first != nil {
			s.add(diag.Errorf(CodeDuplicate, name.Span, "%s is defined already, and names are not shadowed", name.Text).See(first.place, "here"))
		}
		if i := slices.IndexFunc(s.nested, func(n syntax.Name) bool { return n.Text == name.Text }); i >= 0 {
			s.add(diag.Errorf(CodeDuplicate, name.Span, "%s is a step of another arm already, and a name in a trace means one step", name.Text).See(s.nested[i].Span, "here"))
		}
	}
	for _, st := range steps {
		s.nested = append(s.nested, st.(*syntax.Step).Name)
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
		s.fixed(c.When, "so the when can be left out", "so the clause is never taken")
		c.Label += " when " + c.When.String()
		inner.assume(c.When, true)
	}
	var falls bool
	c.Body, falls = s.block(on.Stmts, inner, &inClause{verdict: true})
	return c, !falls
}
