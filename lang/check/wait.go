package check

import (
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/syntax"
	"wf/lang/value"
)

// signals enters the signals that a run can be sent.
func (f *flow) signals() {
	f.awaited = map[string]bool{}
	first := map[string]syntax.Name{}
	for _, st := range f.tree.Stmts {
		t, ok := st.(*syntax.Signal)
		if !ok {
			continue
		}
		if again, dup := first[t.Name.Text]; dup {
			f.duplicate("signal", t.Name, again)
			continue
		}
		first[t.Name.Text] = t.Name
		g := &graph.Signal{Name: t.Name.Text, Span: t.Name.Span}
		if t.Record != nil {
			g.Payload = f.record(f.space, t.Record)
		}
		if t.Key != nil {
			f.signalKey(t, g)
		}
		if t.Partial {
			f.awaited[g.Name] = true
		}
		f.graph.Signals = append(f.graph.Signals, g)
	}
}

// signalKey checks which field of a signal says whom it is for.
func (f *flow) signalKey(t *syntax.Signal, g *graph.Signal) {
	g.Key = t.Key.Text
	var fields []string
	var field *value.Field
	if g.Payload != nil {
		fields, field = g.Payload.FieldNames(), g.Payload.Field(g.Key)
	}
	switch {
	case t.Partial:
	case field == nil:
		d := diag.Errorf(CodeRule, t.Key.Span, "the key of a signal is one of its fields, and it has no %s", g.Key)
		if !d.Suggest(t.Key.Span, g.Key, fields) {
			d.Hintf("declare it: signal %s by %s { %s string, … }", g.Name, g.Key, g.Key)
		}
		f.add(d)
	case !isKeyType(field.ReadType()):
		f.add(diag.Errorf(CodeRule, t.Key.Span, "the key of a signal is a string or an int that is always there, and %s is %s", g.Key, article(field.ReadType())))
	}
}

// isKeyType reports whether values of a type can say which one is meant.
func isKeyType(t *value.Type) bool {
	return !t.Optional && slices.Contains([]value.Kind{value.String, value.Int, value.Enum, value.Any}, t.Kind)
}

// unusedSignals warns of signals that nobody waits for.
func (f *flow) unusedSignals() {
	for _, s := range f.graph.Signals {
		if !f.awaited[s.Name] {
			f.add(diag.Warnf(CodeUnused, s.Span, "nobody waits for signal %s", s.Name).Hintf("wait for it in a step: wait for %s within 1d; or remove it", s.Name))
		}
	}
}

// oneSignal reports a signal that a workflow which is called declares in another way: a run
// is sent signals by their name, whichever of its workflows waits.
func (f *flow) oneSignal() {
	sendable := f.graph.Sendable()
	for _, called := range f.graph.Called() {
		for _, s := range called.Signals {
			for _, first := range sendable {
				if first.Name == s.Name && first != s && (first.Key != s.Key || (first.Payload == nil) != (s.Payload == nil) || s.Payload != nil && !s.Payload.Equal(first.Payload)) {
					f.add(diag.Errorf(CodeDuplicate, first.Span, "signal %s is another one in workflow %s, which is called here, and a run has one of a name", s.Name, called.FullName()).
						See(s.Span, "there").Hintf("let them carry the same, or rename one of them"))
				}
			}
		}
	}
}

// wait checks a wait with its clauses; see call.
func (s *stepFlow) wait(t *syntax.Wait, bind *syntax.Name, below []syntax.Stmt, more bool, sc *scope, in *inClause) (out graph.Stmt, ends bool) {
	if t.Signal == nil {
		for _, st := range below {
			s.misplaced(st, "a wait for a time ends in one way; go on below it")
		}
		return s.pause(t, sc), false
	}
	sig := s.awaits(t)
	g := &graph.Call{Sig: sig, Policy: &graph.Policy{}, Span: t.Span}
	level := parts{}
	if t.Within != nil {
		level.timeout = s.duration(t.Within, "within", "wait", sc, graph.MinDeadline)
		g.Policy.Timeout = level.timeout
	} else if !s.bounded && !sig.Unknown {
		s.add(diag.Warnf(CodeEndless, t.Span, "nothing bounds this wait: if signal %s never comes, the run never ends", sig.Operation).
			Hintf("say how long: wait for %s within 7d, or set a within for the step or the run", sig.Operation))
	}
	s.addressed(t, g, sc)
	if bind != nil {
		g.Bind = bind.Text
	}
	g.Place = s.place(g.Bind)
	var ons []syntax.Stmt
	for _, st := range below {
		if _, ok := st.(*syntax.Undo); ok {
			s.misplaced(st, "a wait changes nothing, so there is nothing to take back")
			continue
		}
		ons = append(ons, st)
	}
	body, falls := s.clauses(g, nil, level, ons, more || in != nil, sc)
	if bind != nil {
		s.lets = append(s.lets, sc.define(*bind, body))
	} else if in == nil {
		s.mains, s.mainOut = []*graph.Call{g}, body
	}
	sc.setAnswer(body)
	return g, !falls
}

// neverEnds reports an outcome that a wait for a signal does not have.
func neverEnds(sig *value.Signature, o syntax.Outcome, p value.Pattern) *diag.Diagnostic {
	d := diag.Errorf(CodeImpossible, o.Span, "a wait for a signal does not end in %s", p)
	bounded := len(sig.Outcomes) > 1
	switch {
	case p.Name == value.Timeout:
		d.Summary = "this wait has no timeout, because it does not say how long it waits"
		d.Hintf("write wait for %s within 1d", sig.Operation)
	case d.Suggest(o.Span, p.String(), []string{value.Received, value.Timeout}):
	case bounded:
		d.Hintf("it ends in received or timeout")
	default:
		d.Hintf("it ends in received")
	}
	return d
}

// pause checks a wait that only lets time pass.
func (s *stepFlow) pause(t *syntax.Wait, sc *scope) *graph.Wait {
	g := &graph.Wait{Span: t.Span}
	before := len(s.problems)
	if t.Until != nil {
		g.Until = s.expectIn(t.Until, sc, value.TTime, "what is waited until")
		if g.Until.Type().Kind == value.Duration && len(s.problems) == before+1 {
			s.problems[before].Hintf("to let some time pass: wait %s", t.Until.Text)
		}
		return g
	}
	if name := strings.TrimSpace(t.For.Text); s.graphSignal(name) != nil && sc.find(name) == nil {
		s.awaited[name] = true
		s.add(diag.Errorf(CodeUnknownName, t.For.Span, "%s is a signal", name).Hintf("write wait for %s within 1d", name))
		return g
	}
	g.For = s.duration(t.For, "a wait", "wait", sc, 0)
	return g
}

func (s *stepFlow) graphSignal(name string) *graph.Signal { return s.flow.graph.Signal(name) }

// awaits is the signature of a wait for a signal.
func (s *stepFlow) awaits(t *syntax.Wait) *value.Signature {
	g := s.graphSignal(t.Signal.Text)
	if g == nil {
		s.add(unknownSignal(s.flow.graph, *t.Signal))
		sig := value.WaitFor(t.Signal.Text, value.TUnknown, true)
		sig.Unknown = true
		return sig
	}
	s.flow.awaited[g.Name] = true
	return value.WaitFor(g.Name, g.Payload, t.Within != nil)
}

func unknownSignal(g *graph.Graph, name syntax.Name) *diag.Diagnostic {
	d := diag.Errorf(CodeUnknownSignal, name.Span, "workflow %s has no signal %s", g.FullName(), name.Text)
	var names []string
	for _, s := range g.Sendable() {
		names = append(names, s.Name)
	}
	switch {
	case d.Suggest(name.Span, name.Text, names):
	case len(names) > 0:
		d.Hintf("it has %s", strings.Join(names, ", "))
	default:
		d.Hintf("declare it in the workflow: signal %s { … }", name.Text)
	}
	return d
}

// addressed checks whose signals a wait is for.
func (s *stepFlow) addressed(t *syntax.Wait, g *graph.Call, sc *scope) {
	if t.Key != nil {
		g.By = s.compileIn(t.Key, sc)
	}
	of := s.graphSignal(t.Signal.Text)
	switch {
	case of == nil:
	case of.Key == "" && t.Key != nil:
		s.add(diag.Errorf(CodeMisplaced, t.Key.Span, "signal %s has no key: whoever waits for it takes any", of.Name).See(of.Span, "the signal").
			Hintf("say which of its fields says whom it is for: signal %s by FIELD { … }", of.Name))
	case of.Key != "" && t.Key == nil:
		s.add(diag.Errorf(CodeMissingArgument, t.Signal.Span, "signal %s has a key, and whose is waited for is not said", of.Name).See(of.Span, "the signal").
			Hintf("write wait for %s by …, with the %s that is wanted", of.Name, of.Key))
	case of.Key != "":
		want := value.TAny
		if field := of.Payload.Field(of.Key); of.Payload != nil && field != nil {
			want = field.ReadType()
		}
		if ok, why := g.By.Type().AssignableTo(want); !ok {
			s.add(diag.Errorf(CodeType, t.Key.Span, "%s of signal %s is %s: %s", of.Key, of.Name, article(want), why))
		}
	}
}

// isWait reports whether a statement waits.
func isWait(st syntax.Stmt) bool {
	switch st := st.(type) {
	case *syntax.Wait:
		return true
	case *syntax.Let:
		return st.Wait != nil
	}
	return false
}

// signalled checks a signal that a test sends.
func (f *testFlow) signalled(d *syntax.Deed, g *graph.Graph, out *suite.Deed) {
	out.Signal, out.Running = d.Signal.Text, d.Running
	if d.Payload != nil {
		out.Payload = f.compile(d.Payload, f.scope)
	}
	if f.scope.unknown {
		return
	}
	sig := g.SendableAs(out.Signal)
	if sig == nil {
		f.add(unknownSignal(g, *d.Signal))
		return
	}
	given, span := value.RecordOf(), d.Signal.Span
	if out.Payload != nil {
		given, span = out.Payload.Type(), d.Payload.Span
	}
	want := sig.Payload
	if want == nil {
		want = value.RecordOf()
	}
	if ok, why := given.AssignableTo(want); !ok {
		f.add(diag.Errorf(CodeArgumentType, span, "signal %s carries %s: %s", sig.Name, want, why).See(sig.Span, "the signal"))
	}
}
