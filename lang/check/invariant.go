package check

import (
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/syntax"
	"wf/lang/value"
)

// invariants compiles those of a file and its imports. Tests are compiled already.
func (t *tester) invariants(main *syntax.File, files []*syntax.File) {
	names := map[string]diag.Span{}
	for _, file := range files {
		for _, d := range file.Decls {
			tree, ok := d.(*syntax.Invariant)
			if !ok {
				continue
			}
			if file == main {
				t.named("an invariant", tree.Name, names)
			}
			if inv := t.invariant(tree, file); inv != nil {
				t.out.Invariants = append(t.out.Invariants, inv)
			}
		}
	}
}

// invariant compiles one; nil if it is not known of which workflow it is.
func (t *tester) invariant(tree *syntax.Invariant, file *syntax.File) *suite.Invariant {
	g := t.subject(tree, file)
	if g == nil {
		return nil
	}
	if len(tree.Rules) == 0 && !tree.Partial {
		t.add(diag.Errorf(CodeEmptyStep, tree.Name.Span, "this invariant says nothing").Hintf("add a rule: never call service.operation unless step completed"))
	}
	s := t.invariantScope(g)
	out := &suite.Invariant{Name: tree.Name.Value, Span: tree.Name.Span, Graph: g, Steps: s.testScope.named, Types: s.types}
	for _, r := range tree.Rules {
		out.Rules = append(out.Rules, s.rule(r))
	}
	return out
}

// subject is the workflow that an invariant is about: the one it names, or the only one
// that its rules can be about; of several, the one that the tests of the file run.
func (t *tester) subject(tree *syntax.Invariant, file *syntax.File) *graph.Graph {
	if len(tree.Workflow) > 0 {
		return t.workflowNamed(tree.Workflow)
	}
	var all []definition
	for _, f := range t.files(file) {
		for _, d := range f.Decls {
			if w, ok := d.(*syntax.Workflow); ok {
				all = append(all, definition{w, f})
			}
		}
	}
	found := all
	if len(all) > 1 {
		strange := make([]int, len(all))
		for i, d := range all {
			strange[i] = t.strange(tree, d.tree)
		}
		found = nil
		for i, d := range all {
			if strange[i] == slices.Min(strange) { // a name that is misspelt fits none
				found = append(found, d)
			}
		}
		if run := keep(found, t.isRun); len(found) > 1 && len(run) > 0 {
			found = run
		}
	}
	switch len(found) {
	case 0:
		t.add(diag.Errorf(CodeUnknownName, tree.Name.Span, "this file knows no workflow that the invariant could be about").Hintf(`import the file that defines it: import "….wf"`))
		return nil
	case 1:
		return t.compiled(found[0], diag.Span{}).graph
	}
	full := make([]string, len(found))
	for i, d := range found {
		full[i] = written(d.tree.Name)
	}
	t.add(diag.Errorf(CodeUnknownName, tree.Name.Span, "this invariant could be about %s", strings.Join(full, " or ")).Hintf("say which: invariant %q for %s { … }", tree.Name.Value, full[0]))
	return nil
}

func keep[T any](list []T, good func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !good(v) })
}

// isRun reports whether a test of the file runs a workflow.
func (t *tester) isRun(d definition) bool {
	return slices.ContainsFunc(t.out.Tests, func(test *suite.Test) bool {
		return slices.ContainsFunc(test.Body, func(st suite.Stmt) bool {
			run, ok := st.(*suite.Run)
			return ok && run.Graph.FullName() == written(d.tree.Name) && run.Graph.Span.File == d.file.Name
		})
	})
}

// strange counts the names of an invariant that a workflow does not know: steps that it has
// not, and operations that it does not call.
func (t *tester) strange(tree *syntax.Invariant, w *syntax.Workflow) int {
	steps, called := map[string]bool{}, map[string]bool{}
	t.callsOf(w, called, map[*syntax.Workflow]bool{})
	for _, st := range w.Stmts {
		if s, ok := st.(*syntax.Step); ok {
			steps[s.Name.Text] = true
		}
	}
	n := 0
	count := func(known bool) {
		if !known {
			n++
		}
	}
	syntax.Walk(tree, func(part any) bool {
		switch r := part.(type) {
		case *syntax.NeverCall:
			count(called[written(r.Target)])
		case *syntax.AtMost:
			count(called[written(r.Target)])
		case *syntax.Expr:
			for _, ch := range chains(r.Text) {
				count(steps[ch.root] || len(ch.fields) > 0 && called[ch.root+"."+ch.fields[0]] || t.known(ch.root))
			}
		}
		return true
	})
	return n
}

// callsOf collects the operations that runs of a workflow call, those of the workflows it
// calls included.
func (t *tester) callsOf(w *syntax.Workflow, called map[string]bool, seen map[*syntax.Workflow]bool) {
	if seen[w] {
		return
	}
	seen[w] = true
	syntax.Walk(w, func(n any) bool {
		if c, ok := n.(*syntax.Call); ok {
			name := written(c.Target)
			called[name] = true
			for _, d := range t.flow.space.workflows[name] {
				t.callsOf(d.tree, called, seen)
			}
		}
		return true
	})
}

// known reports whether a name means the same for every workflow.
func (t *tester) known(name string) bool {
	return slices.Contains([]string{"run", "input", "output"}, name) || slices.Contains(syntax.Words(), name) || expr.IsBuiltin(name) || isReserved(name) || t.base.find(name) != nil ||
		slices.Contains((&testScope{}).Functions(), name)
}

// calledBy lists the operations that runs of a workflow can call.
func calledBy(g *graph.Graph) []string {
	var out []string
	g.EachServiceCall(func(c *graph.Call) {
		if name := c.Sig.Name(); !slices.Contains(out, name) {
			out = append(out, name)
		}
	})
	return out
}

// invariantScope is what the expressions of an invariant may read: the values of the file, and
// at any moment what is known of the run by then.
type invariantScope struct {
	*testScope
	types   map[string]*value.Type // read so far, by name
	said    bool                   // something of the run was read
	moments bool                   // when something happened was read
}

// atField is when a call was made.
var atField = &value.Field{Name: "at", Type: value.TDuration}

// tookField is how long a run has taken so far.
var tookField = &value.Field{Name: "took", Type: value.TDuration}

// runningType is what invariants see of a run.
var runningType = value.RecordOf(
	&value.Field{Name: "id", Type: value.TString}, &value.Field{Name: "correlation_id", Type: value.TString}, &value.Field{Name: "started_at", Type: value.TTime},
	&value.Field{Name: "ending", Type: endingType(slices.Concat([]string{""}, runEndings[:len(runEndings)-1]))}, tookField,
	&value.Field{Name: "error", Optional: true, Type: value.RecordOf(&value.Field{Name: "code", Type: value.TString}, &value.Field{Name: "message", Type: value.TString}, &value.Field{Name: "step", Type: value.TString, Optional: true})},
)

func (t *tester) invariantScope(g *graph.Graph) *invariantScope {
	own := t.base.child()
	s := &testScope{scope: own, own: own, tester: t, ran: g, refs: map[string]*value.Type{}, named: map[string]*suite.Step{}}
	read := func(name string, place diag.Span, typ *value.Type, step bool) {
		own.names[name] = &binding{name: name, place: place, typ: typ, used: true, ofRun: step, reason: "it has a value when it has ended, and not if it failed"}
	}
	for _, st := range g.Steps {
		if st != nil && isReadable(st.Name) && st.Name != "output" && own.find(st.Name) == nil {
			read(st.Name, st.Span, st.Result.Opt(), true)
		}
	}
	read("run", diag.Span{}, runningType, false)
	read("input", diag.Span{}, g.Input, false)
	output := value.TNil
	if g.Output != nil {
		output = g.Output.Type().Opt()
	}
	read("output", diag.Span{}, output, false)
	return &invariantScope{testScope: s, types: map[string]*value.Type{}}
}

// Lookup notes that something of the run is read.
func (s *invariantScope) Lookup(name string) (*value.Type, bool) {
	typ, ok := s.testScope.Lookup(name)
	if s.own.names[name] != nil || s.refs[name] != nil {
		s.said, s.types[name] = true, typ
	}
	return typ, ok
}

// Witness makes the scope be told of fields.
func (s *invariantScope) Witness() bool { return true }

// Named notes a name for editors.
func (s *invariantScope) Named(name string, t *value.Type, span diag.Span) {
	if s.testScope.Witness() {
		s.testScope.Named(name, t, span)
	}
}

// Read notes whether moments are read.
func (s *invariantScope) Read(f *value.Field, span diag.Span) {
	s.moments = s.moments || f == atField || f == tookField
	if s.testScope.Witness() {
		s.testScope.Read(f, span)
	}
}

// Unknown explains a name.
func (s *invariantScope) Unknown(name string, span diag.Span) *diag.Diagnostic {
	d := s.testScope.Unknown(name, span)
	if s.tester.tables[name] != nil {
		d.Hintf("tables belong to mocks; what a service did is effects(%s.operation)", name)
	}
	return d
}

// Refer types functions of steps and operations.
func (s *invariantScope) Refer(function, path string, span diag.Span) (*value.Type, *diag.Diagnostic, bool) {
	if (function == suite.Calls || function == suite.Effects) && strings.Count(path, ".") != 1 {
		return nil, diag.Errorf(CodeUnknownOp, span, "%s takes an operation", function).Hintf("write %s(service.operation)", function), true
	}
	if path == "run" && stepFunctions[function] != nil {
		return nil, diag.Errorf(CodeUnknownStep, span, "%s takes a step of %s, and this is the run", function, s.ran.FullName()).Hintf("write run.ending, or run.took"), true
	}
	told := len(s.tester.problems)
	typ, problem, ok := s.testScope.Refer(function, path, span)
	if !ok || problem != nil || len(s.tester.problems) > told {
		return typ, problem, ok
	}
	s.said = true
	defer func() { s.types[function+"("+path+")"] = typ }()
	switch function {
	case "started", "ended", "took":
		s.moments = true
	case "ending":
		typ = value.EnumOf(append([]any{""}, typ.Values...)...)
		s.refs[function+"("+path+")"] = typ
	case suite.Calls, suite.Effects, expr.TookEffect, expr.WasCalled:
		if problem := s.neverCalled(path, span); problem != nil {
			return typ, problem, true
		}
	}
	if ref := s.named[path]; ref != nil {
		for _, part := range ref.Parts {
			if part.Key != nil && !s.beforehand(part.Key) {
				return typ, diag.Errorf(CodeTooLate, part.Key.Span(), "which item this is must be known when the run begins").Hintf("a key reads the input and the values of the file"), true
			}
		}
	}
	return typ, nil, true
}

// beforehand reports whether an expression has its value when a run begins.
func (s *invariantScope) beforehand(p *expr.Program) bool {
	return !slices.ContainsFunc(p.Refs(), func(name string) bool {
		return name != "input" && (s.own.names[name] != nil || strings.Contains(name, "("))
	})
}

// neverCalled says of an operation that runs of the workflow do not call it.
func (s *invariantScope) neverCalled(name string, span diag.Span) *diag.Diagnostic {
	called := calledBy(s.ran)
	if slices.Contains(called, name) || s.tester.opts.Uncalled || s.unknown || callsHandler(s.ran) && strings.HasPrefix(name, value.HandlerService+".") {
		return nil
	}
	d := diag.Errorf(CodeVacuous, span, "%s never calls %s", s.ran.FullName(), name)
	if !d.Suggest(span, name, called) {
		d.Hintf("it calls %s", strings.Join(called, ", "))
	}
	return d
}

// rule compiles one line.
func (s *invariantScope) rule(tree syntax.InvariantRule) *suite.Rule {
	out := &suite.Rule{Text: syntax.RuleText(tree), Span: syntax.PlaceOf(tree)}
	s.said, s.moments = false, false
	switch r := tree.(type) {
	case *syntax.NeverCall:
		out.Kind, out.When = suite.NeverCall, map[string]suite.CallWhen{"unless": suite.Unless, "before": suite.Before, "after": suite.After}[r.When]
		out.Sig = s.operation(r.Target)
		out.Fact = s.fact(r.Fact, out, r.When)
	case *syntax.Holds:
		out.Kind = map[string]suite.RuleKind{"always": suite.Always, "never": suite.Never, "finally": suite.Finally}[r.Word]
		out.Fact = s.fact(r.Fact, out, r.Word)
	case *syntax.Implies:
		out.Kind = suite.Implies
		out.Fact = s.fact(r.If, out, "if")
		out.Then = s.fact(r.Then, out, "finally")
	case *syntax.AtMost:
		out.Kind, out.Effects = suite.AtMost, strings.HasPrefix(r.Unit, "effect")
		out.Sig = s.operation(r.Target)
		out.Bound = s.bound(r.Count, value.TInt, "at most", 0)
	case *syntax.EndsWithin:
		out.Kind, out.Moments = suite.EndsWithin, true
		out.Bound = s.bound(r.Value, value.TDuration, "within", 1)
	}
	out.Moments = out.Moments || s.moments
	return out
}

// operation resolves the target of a rule.
func (s *invariantScope) operation(target []syntax.Name) *value.Signature {
	span := target[0].Span.To(target[len(target)-1].Span)
	if len(target) != 2 {
		s.tester.add(diag.Errorf(CodeUnknownOp, span, "an operation is written SERVICE.OPERATION, not %s", written(target)))
		return unknownSignature(written(target), "")
	}
	sig := s.tester.signature(target[0], target[1])
	if !sig.Unknown {
		if problem := s.neverCalled(written(target), span); problem != nil {
			s.tester.add(problem)
		}
	}
	return sig
}

// fact compiles a condition about the run.
func (s *invariantScope) fact(e *syntax.Expr, r *suite.Rule, word string) *expr.Program {
	before, told := s.said, len(s.tester.problems)
	s.said = false
	p := s.tester.expect(e, s, value.TBool, word)
	if len(s.tester.problems) == told {
		v, fixed := p.Const()
		switch {
		case fixed:
			s.tester.add(diag.Errorf(CodeVacuous, e.Span, "this is always %v, whatever a run does", v).Hintf("say what must be true of the run: STEP completed, SERVICE.OPERATION took effect"))
		case !s.said:
			s.tester.add(diag.Errorf(CodeVacuous, e.Span, "this says nothing of a run of %s", s.ran.FullName()).Hintf("say what must be true of it: STEP completed, SERVICE.OPERATION took effect"))
		}
	}
	s.said = s.said || before
	return p
}

// bound compiles a number or duration that is known when a run begins.
func (s *invariantScope) bound(e *syntax.Expr, typ *value.Type, word string, least int) *expr.Program {
	told := len(s.tester.problems)
	p := s.tester.expect(e, s, typ, word)
	if len(s.tester.problems) > told {
		return p
	}
	if !s.beforehand(p) {
		s.tester.add(diag.Errorf(CodeTooLate, e.Span, "this bound must be known when the run begins").Hintf("it reads the input and the values of the file"))
	}
	if v, fixed := p.Const(); fixed {
		d, err := p.Duration(expr.NewMachine(), nil)
		if n, isInt := v.(int); isInt && n < least || typ.Kind == value.Duration && (err != nil || d <= 0) {
			s.tester.add(diag.Errorf(CodeSettingValue, e.Span, "%s must be at least %s, not %v", word, map[bool]string{true: "0", false: "1ns"}[isInt], v))
		}
	}
	return p
}
