package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// call checks a call with its clauses. ends tells that no answer falls through to
// the next statement; more that there is one.
func (s *stepFlow) call(t *syntax.Call, let diag.Span, bind *syntax.Name, ons []syntax.Stmt, more bool, sc *scope, in *inClause) (out graph.Stmt, ends bool) {
	sig, callee := s.target(t)
	g := &graph.Call{Sig: sig, Span: t.Span}
	level := s.policy
	g.Breaker = callee == nil && s.graphBreaks(sig)
	if bind != nil {
		g.Bind = bind.Text
	}
	if callee != nil {
		level = s.runs
		s.noteWorkflow(s.space, t.Target, sig, g)
		g.Policy = level.policy(sig)
		g.Runs, g.Place, g.As = callee.graph, s.place(cmp.Or(g.Bind, sig.Operation)), &graph.Step{Span: t.Span, Result: sig.Outcomes[0].Body}
		g.As.Name = strings.TrimPrefix(g.Place, s.info.tree.Name.Text+".")
		g.As.Body = []graph.Stmt{&graph.Group{Steps: callee.graph.Steps, Span: t.Span}}
	} else {
		g.Policy = s.policyOf(sig, level)
		s.budget(g.Policy)
		g.Place = s.place(g.Bind)
		if len(t.Target) == 2 {
			s.noteOperation(s.space, t.Target[0], t.Target[1], sig, g)
		}
	}
	if t.Args != nil {
		g.Args = s.compileIn(t.Args, sc)
	}
	if sig.Handler {
		s.handlers = true
	} else {
		s.arguments(t, sig, g.Args, sc)
	}
	switch {
	case t.Key == nil:
	case callee != nil:
		s.add(diag.Errorf(CodeMisplaced, t.Key.Span, "key has no meaning here: a workflow is no request; the calls in it have keys").Hintf("pass it on in the input, and say it at the call that it is for"))
	default:
		g.Key = s.key(t.Key, sig, sc)
	}
	ons = s.undo(g, ons, sc)
	body, falls := s.clauses(g, callee, level, ons, more || in != nil, sc)
	if callee == nil { // whose failures are known as such, and go on to the caller
		s.handled(t, g, ons)
	}
	if bind != nil {
		b := sc.define(*bind, body)
		if b.gone = let; let.Start < t.Span.Start { // the call stays
			b.gone.End = t.Span.Start
		}
		s.lets = append(s.lets, b)
	} else if in == nil {
		s.mains, s.mainOut = []*graph.Call{g}, body
	}
	sc.setAnswer(body)
	return g, !falls
}

// key checks the idempotency key of a call.
func (s *stepFlow) key(e *syntax.Expr, sig *value.Signature, sc *scope) *expr.Program {
	before := len(s.problems)
	p := s.compileIn(e, sc)
	switch t := p.Type(); {
	case s.problems[before:].HasErrors():
	case sig.Handler && !sig.Unknown:
		s.add(diag.Errorf(CodeMisplaced, e.Span, "a handler is called without a key"))
	case !keyable(t):
		d := diag.Errorf(CodeType, e.Span, "an idempotency key is a string or an int, not %s", article(t))
		if t.Optional {
			d.Hintf("say what to use when it is missing: … ?? other")
		}
		s.add(d)
	case t.Secret:
		s.add(diag.Errorf(CodeType, e.Span, "an idempotency key stands in traces and logs, so it is not made of a secret").Hintf("make it of what may be seen, such as an order id"))
	case s.item != nil && !s.item.holds(e.Text, sc):
		s.add(diag.Warnf(CodeType, e.Span, "this key is the same for every item, so a service may take all of them for one request").Hintf("make it of the item, too"))
	default:
		s.typed(p, sc, value.TString, "an idempotency key")
	}
	return p
}

// keyable reports whether values of a type can be keys: strings and ints.
func keyable(t *value.Type) bool {
	return !t.Optional && slices.Contains([]value.Kind{value.String, value.Int, value.Enum, value.Any}, t.Kind)
}

// holds reports whether a text reads, in a scope inside of this one, something that is
// defined in this one or inside of it.
func (s *scope) holds(text string, from *scope) bool {
	return slices.ContainsFunc(chains(text), func(c chain) bool {
		for at := from; at != s.parent; at = at.parent {
			if at.names[c.root] != nil {
				return true
			}
		}
		return false
	})
}

// policyOf shares one policy among the calls of a service that neither a step nor their
// operation changes.
func (s *stepFlow) policyOf(sig *value.Signature, level parts) *graph.Policy {
	if s.own {
		p := level.policy(sig)
		if s.special == "undo" && !slices.ContainsFunc(p.Rules, func(r value.Rule) bool { return r.Covers(value.UndoRule.Pattern) }) {
			p.Rules = append(slices.Clip(p.Rules), value.UndoRule)
		}
		return p
	}
	if p := s.policies[sig.Service]; p != nil && slices.Equal(p.Rules[len(level.rules):], sig.Rules) {
		return p
	}
	p := level.policy(sig)
	s.policies[sig.Service] = p
	return p
}

// place names a call: the step, and behind a dot its let name or, from the second
// plain call on, its number.
func (s *stepFlow) place(bind string) string {
	step := s.info.tree.Name.Text
	s.places[bind]++
	n := s.places[bind]
	switch {
	case bind == "" && n == 1:
		return step
	case bind == "":
		return fmt.Sprintf("%s.%d", step, n)
	case n == 1:
		return step + "." + bind
	}
	return fmt.Sprintf("%s.%s.%d", step, bind, n)
}

// unknownSignature stands for what could not be resolved: it takes and answers
// anything, so that one mistake is reported once.
func unknownSignature(service, operation string) *value.Signature {
	return &value.Signature{Service: service, Operation: operation, Input: &value.Type{Kind: value.Record, Open: true}, Handler: true, Unknown: true}
}

// target resolves what a call calls; callee is nil if that is no workflow.
func (s *stepFlow) target(t *syntax.Call) (sig *value.Signature, callee *called) {
	switch callee, refused := s.callee(t); {
	case refused:
		return unknownSignature("", written(t.Target)), nil
	case callee != nil:
		return callee.sig, callee
	case len(t.Target) > 1 && s.unknownWorkflow(t):
		return unknownSignature("", written(t.Target)), nil
	}
	return s.signature(t), nil
}

// signature resolves the target of a call: a service declared in a file first,
// then a registered one.
func (s *stepFlow) signature(t *syntax.Call) *value.Signature {
	if len(t.Target) != 2 {
		d := diag.Errorf(CodeUnknownOp, t.Target[0].Span.To(t.Target[len(t.Target)-1].Span), "a call names a service and an operation, or a workflow").
			Hintf("%s", s.workflowMeant(t))
		d.Knows(t.Target[0].Span, s.callable())
		s.add(d)
		return unknownSignature("", "")
	}
	service, op := t.Target[0], t.Target[1]
	if service.Text == value.HandlerService {
		return s.handler(op)
	}
	if d := s.space.services.byName[service.Text]; d != nil {
		s.used[d] = true
		declared := s.services[d]
		names := make([]string, len(declared.Operations))
		for i, sig := range declared.Operations {
			if sig.Operation == op.Text {
				return s.whole(d, sig)
			}
			names[i] = sig.Operation
		}
		if d.Partial {
			return unknownSignature(service.Text, op.Text)
		}
		s.unknownOperation(service, op, names).See(d.Name.Span, "the service")
		return unknownSignature(service.Text, op.Text)
	}
	if s.opts.Catalog != nil {
		if sig := s.opts.Catalog.Signature(service.Text, op.Text); sig != nil {
			return sig
		}
		if ops := s.opts.Catalog.Operations(service.Text); len(ops) > 0 {
			s.unknownOperation(service, op, ops)
			return unknownSignature(service.Text, op.Text)
		}
	}
	s.unknownService(service)
	return unknownSignature(service.Text, op.Text)
}

// whole is a signature, or an unknown one if a part of its declaration could not be read.
func (s *stepFlow) whole(d *syntax.Service, sig *value.Signature) *value.Signature {
	if !d.Partial {
		return sig
	}
	for _, item := range d.Items {
		if op, ok := item.(*syntax.Operation); ok && op.Name.Text == sig.Operation && !op.Partial {
			return sig
		}
	}
	return unknownSignature(sig.Service, sig.Operation)
}

func (s *stepFlow) unknownOperation(service, op syntax.Name, names []string) *diag.Diagnostic {
	d := diag.Errorf(CodeUnknownOp, op.Span, "service %s has no operation %s", service.Text, op.Text)
	for _, full := range slices.Sorted(maps.Keys(s.space.workflows)) {
		if name, ok := strings.CutPrefix(full, service.Text+"."); ok {
			names = append(slices.Clip(names), name)
		}
	}
	if !d.Suggest(op.Span, op.Text, names) {
		d.Hintf("it has %s", strings.Join(names, ", "))
	}
	d.Tell(func(name string) string { return s.takes(service.Text, name) })
	s.add(d)
	return d
}

// takes is the input of an operation, for editors; "" if there is no such operation.
func (s *stepFlow) takes(service, operation string) string {
	if d := s.space.services.byName[service]; d != nil {
		for _, sig := range s.services[d].Operations {
			if sig.Operation == operation {
				return sig.Input.String()
			}
		}
	} else if s.opts.Catalog != nil {
		if sig := s.opts.Catalog.Signature(service, operation); sig != nil {
			return sig.Input.String()
		}
	}
	return ""
}

// callable lists the services and workflows in sight.
func (s *stepFlow) callable() []string {
	names := append(slices.Clone(s.space.services.names), slices.Sorted(maps.Keys(s.space.workflows))...)
	if s.opts.Catalog != nil {
		names = append(names, s.opts.Catalog.Services()...)
	}
	return names
}

func (s *stepFlow) unknownService(service syntax.Name) {
	names := s.callable()
	d := diag.Errorf(CodeUnknownService, service.Span, "there is no service %s", service.Text)
	if !d.Suggest(service.Span, service.Text, names) {
		d.Hintf(`declare it in a file and import that: import "services/…"`)
	}
	s.add(d)
}

// handler resolves a Tasker handler class.
func (s *stepFlow) handler(class syntax.Name) *value.Signature {
	known := slices.Sorted(maps.Keys(s.mocked))
	if s.opts.Catalog != nil {
		if sig := s.opts.Catalog.Signature(value.HandlerService, class.Text); sig != nil {
			return sig
		}
		known = append(known, s.opts.Catalog.Operations(value.HandlerService)...)
	}
	if !s.opts.StubHandlers && !s.mocked[class.Text] {
		d := diag.Errorf(CodeUnknownHandler, class.Span, "no handler %s is registered", class.Text)
		if d.Hint = nearHandlers(class.Text, known); d.Hint == "" {
			d.Hintf("register it in Go, mock it in a test file (mock handler %q { 200 { … } }), give the step a `call`, or take it as given: --stub-handlers", class.Text)
		}
		s.add(d)
	}
	return unknownSignature(value.HandlerService, class.Text)
}

// nearHandlers suggests classes of a similar name. Only the last part counts: the
// modules around a class are what people leave out.
func nearHandlers(class string, known []string) string {
	var near, names []string
	byName := map[string][]string{}
	for _, k := range known {
		name := baseName(k)
		if k != class && name == baseName(class) {
			near = append(near, k)
		}
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], k)
	}
	for _, n := range diag.Near(baseName(class), names, 3) {
		near = append(near, byName[n]...)
	}
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near[:min(3, len(near))], " or ") + "?"
}

// baseName is the last part of a class: Ruby's A::B::C, Python's a.b.C.
func baseName(class string) string {
	return class[strings.LastIndexAny(class, ":./")+1:]
}

// arguments compares what a call passes with what its operation takes.
func (s *stepFlow) arguments(t *syntax.Call, sig *value.Signature, args *expr.Program, sc *scope) {
	target := t.Target[0].Span.To(t.Target[len(t.Target)-1].Span)
	if args == nil {
		s.missing(sig, map[string]bool{}, target)
		return
	}
	s.flows(args.Type(), sig.Input)
	s.looseArguments(sig, args, t)
	fields := args.Fields()
	if fields == nil {
		s.wholeArgument(t, sig, args)
		return
	}
	given := map[string]bool{}
	for _, a := range fields {
		given[a.Name] = true
		f := sig.Input.Field(a.Name)
		if f == nil {
			if !sig.Input.Open {
				d := diag.Errorf(CodeUnknownArgument, a.Key, "%s takes no argument %s", sig.Name(), a.Name)
				if !d.Suggest(a.Key, a.Name, sig.Input.FieldNames()) {
					d.Hintf("it takes %s", cmp.Or(strings.Join(sig.Input.FieldNames(), ", "), "no arguments"))
				}
				s.add(d)
			}
			continue
		}
		s.argument(sig, f, a, sc)
	}
	s.missing(sig, given, target)
}

func (s *stepFlow) argument(sig *value.Signature, f *value.Field, a expr.Field, sc *scope) {
	got, want := a.Type, f.ReadType()
	if f.CanOmit() { // nil leaves it out
		got, want = got.Req(), want.Opt()
	}
	ok, why := got.AssignableTo(want)
	if ok {
		s.passedSecret(sig, f, a, sc)
		s.literal(sig, f, a)
		return
	}
	d := diag.Errorf(CodeArgumentType, a.Span, "argument %s of %s takes %s: %s", a.Name, sig.Name(), article(f.Type), why)
	if got.Optional && !want.Optional {
		d.Hintf("it may be missing; say what to use then: `… ?? other`")
		if a.Path != nil {
			d.Related = sc.Missing(a.Path)
		}
	} else if want.Kind == value.Int && got.Kind == value.Float {
		d.Hintf("int(…) cuts the fraction off")
	}
	s.add(d)
}

// literal holds a value that is known now against the rules of its argument.
func (s *stepFlow) literal(sig *value.Signature, f *value.Field, a expr.Field) {
	if a.Literal == nil || a.Type.Kind == value.Duration { // which the engine knows as a text
		return
	}
	if _, found := f.Type.Conform(a.Literal, nil); len(found) > 0 {
		s.add(diag.Errorf(CodeArgumentType, a.Span, "argument %s of %s %s", a.Name, sig.Name(), found[0].Message))
	}
}

func (s *stepFlow) wholeArgument(t *syntax.Call, sig *value.Signature, args *expr.Program) {
	if ok, why := args.Type().AssignableTo(sig.Input); !ok {
		s.add(diag.Errorf(CodeArgumentType, t.Args.Span, "%s takes %s: %s", sig.Name(), sig.Input, why))
	}
}

func (s *stepFlow) missing(sig *value.Signature, given map[string]bool, target diag.Span) {
	var names []string
	for _, f := range sig.Input.Fields {
		if !given[f.Name] && !f.CanOmit() {
			names = append(names, f.Name)
		}
	}
	if len(names) > 0 {
		word := "argument"
		if len(names) > 1 {
			word = "arguments"
		}
		s.add(diag.Errorf(CodeMissingArgument, target, "%s needs the %s %s", sig.Name(), word, strings.Join(names, ", ")).
			Hintf("add %s: …", names[0]))
	}
}
