package check

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// called is a workflow as its callers see it.
type called struct {
	graph  *graph.Graph
	sig    *value.Signature
	broken bool // it has errors: how it can end is not known
	depth  int  // how many workflows are called inside of one another, itself included
}

// calling is a workflow that is being checked, and the call for which it is.
type calling struct {
	tree *syntax.Workflow
	at   diag.Span // zero: none
}

// definition is a workflow that a file can see.
type definition struct {
	tree *syntax.Workflow
	file *syntax.File
}

// compiled checks a workflow once, with those that it calls. at is the call for which this
// is done, if it is one.
func (c *checker) compiled(d definition, at diag.Span) *called {
	if done := c.workflows[d.tree]; done != nil {
		return done
	}
	before := len(c.problems)
	c.stack = append(c.stack, calling{d.tree, at})
	g := c.workflow(c.space(d.file), d.tree)
	c.stack = c.stack[:len(c.stack)-1]
	out := &called{graph: g, broken: c.problems[before:].HasErrors(), depth: 1}
	out.sig = signatureOf(g)
	for _, inner := range g.Called() { // which have been checked
		out.depth = max(out.depth, c.depths[inner]+1)
	}
	c.workflows[d.tree], c.depths[g] = out, out.depth
	if !at.IsZero() && d.file != c.unit.Main { // what is only odd there is told where it stands
		told := c.problems[:before:before]
		for _, p := range c.problems[before:] {
			if p.Severity == diag.Error {
				told = append(told, p)
			}
		}
		c.problems = told
	}
	return out
}

// callee resolves the target of a call that is a workflow; nil if it is none, or cannot be
// called, which is told.
func (s *stepFlow) callee(t *syntax.Call) (callee *called, refused bool) {
	name, span := written(t.Target), t.Target[0].Span.To(t.Target[len(t.Target)-1].Span)
	found := s.space.workflows[name]
	if len(found) == 0 {
		return nil, false
	}
	first := found[0].tree
	place := first.Name[0].Span.To(first.Name[len(first.Name)-1].Span)
	if len(found) > 1 {
		other := found[1].tree
		s.add(diag.Errorf(CodeDuplicate, span, "there are %d workflows %s in sight", len(found), name).See(place, "one").
			See(other.Name[0].Span.To(other.Name[len(other.Name)-1].Span), "another").Hintf("rename one of them, or import only one"))
		return nil, true
	}
	if s.isOperation(t) {
		s.add(diag.Errorf(CodeDuplicate, span, "%s is an operation of a service and a workflow", name).See(place, "the workflow").Hintf("rename the workflow, or its namespace"))
		return nil, true
	}
	if i := slices.IndexFunc(s.stack, func(c calling) bool { return c.tree == first }); i >= 0 {
		s.recursion(s.stack[i:], span)
		return nil, true
	}
	if len(s.stack) >= graph.MaxNesting {
		s.add(diag.Errorf(CodeNesting, span, "more than %d workflows are called inside of one another", graph.MaxNesting).Hintf("let one of them call several others instead"))
		return nil, true
	}
	s.used[first] = true
	callee = s.compiled(found[0], span)
	if callee.depth+1 > graph.MaxNesting {
		s.add(diag.Errorf(CodeNesting, span, "more than %d workflows are called inside of one another: %s begins a chain of %d", graph.MaxNesting, name, callee.depth).
			Hintf("let one of them call several others instead"))
		return nil, true
	}
	return callee, false
}

// isOperation reports whether a target is an operation of a service that is declared in
// sight. A workflow comes before services that are registered in Go, as such a service does.
func (s *stepFlow) isOperation(t *syntax.Call) bool {
	if len(t.Target) != 2 {
		return false
	}
	service, op := t.Target[0].Text, t.Target[1].Text
	d := s.space.services.byName[service]
	return d != nil && slices.ContainsFunc(s.services[d].Operations, func(sig *value.Signature) bool { return sig.Operation == op })
}

// recursion reports workflows that call one another, the last of them at span.
func (s *stepFlow) recursion(circle []calling, span diag.Span) {
	names := make([]string, 0, len(circle)+1)
	for _, c := range circle {
		names = append(names, written(c.tree.Name))
	}
	if len(circle) == 1 {
		s.add(diag.Errorf(CodeRecursion, span, "workflow %s calls itself", names[0]).Hintf("a run must come to its end; to do something for each item of a list, write a step with for"))
		return
	}
	d := diag.Errorf(CodeRecursion, span, "these workflows call one another: %s", strings.Join(append(names, names[0]), " → ")).
		Hintf("a run must come to its end; remove one of these calls")
	for i, c := range circle[1:] {
		d.See(c.at, "%s calls %s", names[i], names[i+1])
	}
	s.add(d)
}

// signatureOf is a workflow as an operation: what it takes, and how it can end.
func signatureOf(g *graph.Graph) *value.Signature {
	sig := &value.Signature{Service: g.Namespace, Operation: g.Name, Doc: g.Describe, Input: g.Input, Workflow: true}
	body := value.TNil
	if g.Output != nil {
		body = g.Output.Type()
	}
	e := &endings{}
	e.of(g)
	sig.Outcomes = []value.Outcome{{Pattern: value.Pattern{Name: value.Completed}, Body: body}}
	if e.degrades {
		sig.Outcomes = append(sig.Outcomes, value.Outcome{Pattern: value.Pattern{Name: value.Degraded}, Body: body})
	}
	for _, code := range append(e.own, e.given...) {
		p := value.Pattern{Name: code}
		if !slices.ContainsFunc(sig.Outcomes, func(o value.Outcome) bool { return o.Pattern == p }) {
			sig.Outcomes = append(sig.Outcomes, value.Outcome{Pattern: p, Body: value.TNil})
		}
	}
	sig.AnyStatus = e.opens
	return sig
}

// endings are the ways in which a workflow can end.
type endings struct {
	own      []string // codes of its fail statements
	given    []string // codes of calls and other things that fail
	degrades bool
	opens    bool
}

// of notes how a graph can end. What its undos do is not among it, nor is its on failed.
func (e *endings) of(g *graph.Graph) {
	e.block(g.Prelude)
	if g.Within != nil {
		e.given = append(e.given, "DEADLINE_EXCEEDED")
	}
	e.steps(g.Steps)
	if g.Finally != nil {
		e.steps(g.Finally.Steps)
	}
	e.given = append(e.given, "EXPRESSION_ERROR")
}

func (e *endings) steps(steps []*graph.Step) {
	for _, s := range steps {
		if s == nil {
			continue
		}
		if s.Within != nil {
			e.given = append(e.given, "DEADLINE_EXCEEDED")
		}
		e.block(s.Body)
	}
}

func (e *endings) clauses(clauses []*graph.Clause) {
	for _, c := range clauses {
		e.block(c.Body)
	}
}

func (e *endings) block(body []graph.Stmt) {
	for _, st := range body {
		switch st := st.(type) {
		case *graph.Ensure:
			if st.Else != nil {
				e.block([]graph.Stmt{st.Else})
			}
		case *graph.Degrade:
			e.degrades = true
		case *graph.Fail:
			e.own = append(e.own, st.Code)
		case *graph.Call:
			e.call(st)
		case *graph.Switch:
			for _, a := range st.Arms {
				e.block(a.Body)
			}
		case *graph.Group:
			inner := &endings{}
			inner.steps(st.Steps)
			e.degrades = e.degrades || inner.degrades
			if !slices.ContainsFunc(st.Clauses, func(c *graph.Clause) bool { return c.When == nil }) {
				e.own, e.given, e.opens = append(e.own, inner.own...), append(e.given, inner.given...), e.opens || inner.opens
				if st.First != nil {
					e.given = append(e.given, "TOO_FEW_COMPLETED")
				}
			}
			e.clauses(st.Clauses)
		case *graph.Loop:
			if st.Share < 1 { // else no item's failure is that of the loop
				e.steps(st.Steps)
			}
			e.degrades = e.degrades || st.Tolerate != nil || st.Share > 0
			e.given = append(e.given, "TOO_MANY_ITEMS")
			if st.By != nil {
				e.given = append(e.given, "SAME_KEY")
			}
			if st.First != nil {
				e.given = append(e.given, "TOO_FEW_COMPLETED")
			}
		}
	}
}

// call notes what a call lets its step end with: the outcomes that nothing catches.
func (e *endings) call(c *graph.Call) {
	e.clauses(c.Clauses)
	e.given = append(e.given, "INVALID_ARGUMENT")
	caught := func(name string) bool { return takenAlways(c, value.Pattern{Name: name}) }
	if caught(value.Failed) {
		e.degrades = e.degrades || c.Runs != nil && c.Sig.Possible(value.Pattern{Name: value.Degraded}) && !caught(value.Degraded)
		return
	}
	e.opens = true
	patterns := []value.Pattern{}
	for _, o := range c.Sig.Outcomes {
		patterns = append(patterns, o.Pattern)
	}
	for _, name := range c.Sig.Always() {
		patterns = append(patterns, value.Pattern{Name: name})
	}
	for _, p := range patterns {
		if takenAlways(c, p) {
			continue
		}
		status := p.Status
		if p.Class != 0 {
			status = p.Class * 100
		}
		d, _ := c.Sig.Classify(c.Policy.Rules, status, p.Name)
		switch {
		case d == value.Success:
			e.degrades = e.degrades || p.Name == value.Degraded
		case d == value.Retryable && caught(value.Exhausted), p.Class != 0:
		case p.Status != 0:
			e.given = append(e.given, "HTTP_"+p.String())
		case slices.Contains(value.Unconditional, p.Name):
			e.given = append(e.given, strings.ToUpper(p.Name))
		default:
			e.given = append(e.given, p.Name)
		}
	}
}

// canEnd reports whether a call can have an outcome that a clause names.
func (c *called) canEnd(p value.Pattern) bool {
	return c.broken || c.sig.Possible(p) || c.sig.AnyStatus && statusCode.MatchString(p.Name)
}

// failures reports whether a clause is for failures of a workflow alone, which have a code
// and a message.
func failures(sig *value.Signature, pats []value.Pattern) bool {
	return sig.Workflow && !slices.ContainsFunc(pats, func(p value.Pattern) bool { return p.Name == value.Completed || p.Name == value.Degraded })
}

// impossible explains an outcome that a workflow does not have.
func (c *called) impossible(o syntax.Outcome) *diag.Diagnostic {
	p := pattern(o)
	d := diag.Errorf(CodeImpossible, o.Span, "workflow %s never ends %s", c.sig.Name(), p)
	var names []string
	for _, known := range c.sig.Outcomes {
		names = append(names, known.String())
	}
	switch {
	case p.Name == "" && p.Status/100 == 2, p.Class == 2:
		return d.Hintf("a workflow has no status; its success is called completed")
	case p.Name == "":
		return d.Hintf("a workflow has no status; a call in it that fails with this has the code HTTP_%s", p)
	}
	if d.Hint = diag.DidYouMean(p.String(), append(slices.Clone(names), value.Timeout, value.Exhausted, value.Failed)); d.Hint == "" {
		d.Hintf("it ends %s, timeout", strings.Join(names, ", "))
	}
	return d
}

// workflowMeant is what to write for a target that is neither an operation nor a workflow.
func (s *stepFlow) workflowMeant(t *syntax.Call) string {
	name, known := written(t.Target), slices.Sorted(maps.Keys(s.space.workflows))
	for _, full := range known {
		if strings.HasSuffix(full, "."+name) {
			return "did you mean " + full + "?"
		}
	}
	return cmp.Or(diag.DidYouMean(name, known), "write call service.operation { … }")
}

// unknownWorkflow reports a target whose first part is a namespace and no service. ok is
// false for others.
func (s *stepFlow) unknownWorkflow(t *syntax.Call) (ok bool) {
	namespace, _, _ := strings.Cut(written(t.Target), ".")
	if s.space.services.byName[namespace] != nil || s.opts.Catalog != nil && len(s.opts.Catalog.Operations(namespace)) > 0 {
		return false
	}
	var known []string
	for _, full := range slices.Sorted(maps.Keys(s.space.workflows)) {
		if strings.HasPrefix(full, namespace+".") {
			known = append(known, full)
		}
	}
	if len(known) == 0 {
		return false
	}
	d := diag.Errorf(CodeUnknownOp, t.Target[0].Span.To(t.Target[len(t.Target)-1].Span), "there is no workflow %s", written(t.Target))
	if d.Hint = diag.DidYouMean(written(t.Target), known); d.Hint == "" {
		d.Hintf("there is %s", strings.Join(known, ", "))
	}
	names := make([]string, len(known))
	for i, full := range known {
		names[i] = strings.TrimPrefix(full, namespace+".")
	}
	d.Knows(t.Target[1].Span.To(t.Target[len(t.Target)-1].Span), names)
	s.add(d)
	return true
}

// codes lists what the workflows that are called in sight can end with, as far as it
// stands in their text; nil if there is none.
func (s *space) codes() []string {
	if s.failures != nil || len(s.workflows) == 0 {
		return s.failures
	}
	called := map[*syntax.Workflow]bool{}
	each := func(visit func(w *syntax.Workflow)) {
		for _, name := range slices.Sorted(maps.Keys(s.workflows)) {
			for _, d := range s.workflows[name] {
				visit(d.tree)
			}
		}
	}
	each(func(w *syntax.Workflow) {
		syntax.Walk(w, func(n any) bool {
			if call, ok := n.(*syntax.Call); ok {
				for _, d := range s.workflows[written(call.Target)] {
					called[d.tree] = true
				}
			}
			return true
		})
	})
	s.failures = []string{}
	each(func(w *syntax.Workflow) {
		if !called[w] {
			return
		}
		if len(s.failures) == 0 {
			s.failures = append(slices.Clone(commonCodes), value.Degraded)
		}
		syntax.Walk(w, func(n any) bool {
			if fail, ok := n.(*syntax.Fail); ok {
				s.failures = append(s.failures, fail.Code.Text)
			}
			return true
		})
	})
	return s.failures
}
