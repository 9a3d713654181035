package propose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"wf/builtins"
	"wf/golden"
	"wf/golden/vary"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang/expr"
	"wf/lang/suite"
	"wf/lang/value"
	"wf/mocks"
)

// outcome is a plan and what came of it.
type outcome struct {
	plan    *plan
	reached []int // points, sorted
	calls   []made
	input   map[string]any // with defaults
	result  *machine.Result
	seen    *Seen // nil unless somebody compares
}

// made is a call of a run and how it was answered.
type made struct {
	place   string
	sig     *value.Signature
	args    map[string]any
	written bool // the answer is of our making; else a mock of the file gives it
	reply   reply
}

// stager makes the services of a run.
type stager struct {
	suite *suite.Suite
	names map[string]any
	below func() builtins.Services
}

func newStager(opts Options) *stager {
	st := &stager{suite: opts.Suite, below: opts.Builtins}
	if st.suite == nil {
		st.suite = &suite.Suite{}
	}
	st.names, _ = mocks.Names(st.suite)
	return st
}

// mocked reports whether the mocks of the file answer an operation.
func (st *stager) mocked(service, operation string) bool {
	return slices.ContainsFunc(st.suite.Mocks, func(m *suite.Mock) bool {
		if m.Service != service {
			return false
		}
		return m.Replies[operation] != nil || m.Pass && m.Operation == ""
	})
}

// try runs a plan; nil if that was done before, or its input or answers do not fit.
func (s *search) try(p *plan) *outcome {
	key := p.key()
	if s.known[key] {
		return nil
	}
	s.known[key] = true
	input, violations := interpreter.Prepare(s.graph, p.input, "run_1", golden.Start)
	if len(violations) > 0 {
		return nil
	}
	s.runs++
	rec := s.cover.Recorder()
	rec.Run(s.graph)
	o := s.play(p, input, rec)
	if o == nil {
		return nil
	}
	for i := range s.points {
		if rec.Covers(s.graph, i) {
			o.reached = append(o.reached, i)
		}
	}
	return o
}

// play runs a plan; nil if that goes nowhere. listener may be nil.
func (s *search) play(p *plan, input map[string]any, listener machine.Cover) *outcome {
	stage := mocks.NewStage(s.stage.suite, s.stage.names, once(s.stage.below))
	for _, put := range s.stage.suite.Puts {
		if stage.Put(put, s.stage.names) != nil {
			return nil
		}
	}
	stage.Begin(golden.Start)
	o := &outcome{plan: p, input: input}
	svc := &services{search: s, stage: stage, out: o, count: map[string]int{}}
	var trace func(machine.Entry)
	var entries []machine.Entry
	if s.compared {
		trace = func(e machine.Entry) { entries = append(entries, e) }
	}
	var err error
	o.result, err = sim.Run(s.graph, input, sim.Options{Registry: svc, Seed: 1, Start: golden.Start, RunID: "run_1", Cover: listener, Trace: trace, Deeds: p.deeds,
		Stop: func() bool { return len(stage.Problems()) > 0 || len(o.calls) > maxCalls }})
	if svc.nowhere != "" {
		panic("no call is at " + svc.nowhere)
	}
	if err != nil {
		return nil
	}
	if s.compared {
		o.seen = See(s.graph, o.result, entries)
	}
	return o
}

// maxCalls is how many calls a run that is tried may make.
const maxCalls = 500

func once(fresh func() builtins.Services) func() builtins.Services {
	if fresh == nil {
		return nil
	}
	return sync.OnceValue(fresh)
}

// services answer a run as its plan says.
type services struct {
	search  *search
	stage   *mocks.Stage
	out     *outcome
	count   map[string]int // calls by place
	nowhere string         // a place without a call; \"\": none was met
}

// Lookup finds every operation.
func (s *services) Lookup(service, operation string) (*builtins.Operation, bool) {
	return &builtins.Operation{Func: func(ctx context.Context, c builtins.Call) (builtins.Answer, error) {
		return s.answer(ctx, c, service, operation)
	}}, true
}

func (s *services) answer(ctx context.Context, c builtins.Call, service, operation string) (builtins.Answer, error) {
	n := s.count[c.Place]
	s.count[c.Place]++
	call := s.search.call(c.Place)
	if call == nil {
		s.nowhere = c.Place
		return builtins.Answer{Class: value.Unreachable}, nil
	}
	sig := call.Sig
	m := made{place: c.Place, sig: sig, args: c.Args, reply: reply{pass: true}}
	sc := s.out.plan.answers[c.Place]
	switch {
	case n < len(sc.replies):
		m.reply = sc.replies[n]
	case sc.always:
		m.reply = sc.replies[len(sc.replies)-1]
	}
	mocked := s.search.stage.mocked(service, operation)
	if m.reply.pass && mocked {
		op, _ := s.stage.Lookup(service, operation)
		a, err := op.Func(ctx, c)
		m.reply.outcome, m.reply.body = value.Pattern{Status: a.Status, Name: a.Class}, a.Body
		if a.Class != "" {
			m.reply.outcome.Status = 0
		}
		s.out.calls = append(s.out.calls, m)
		return a, err
	}
	if m.reply.pass {
		m.reply = s.search.success(sig, c.Args, s.out.input)
	}
	m.written = true
	s.out.calls = append(s.out.calls, m)
	return m.reply.answer(), nil
}

func (r reply) answer() builtins.Answer {
	a := builtins.Answer{Status: r.outcome.Status, Class: r.outcome.Name, Body: r.body, Latency: 10 * time.Millisecond}
	if r.after != "" {
		a.Latency, _ = value.ParseDuration(r.after)
	}
	if len(r.headers) > 0 {
		a.Headers = map[string]string{}
		for k, v := range r.headers {
			a.Headers[k] = fmt.Sprint(v)
		}
	}
	return a
}

// success is how an operation answers when all is well: by its first success, with what
// it was told where fields bear the same name.
func (s *search) success(sig *value.Signature, args, input map[string]any) reply {
	best := value.Pattern{Status: 200}
	for i, o := range sig.Outcomes {
		d, _ := value.Classify(sig.Rules, vary.StatusOf(o.Pattern), o.Name)
		if d == value.Success || i == 0 {
			best = value.Pattern{Status: vary.StatusOf(o.Pattern), Name: o.Name}
		}
		if d == value.Success {
			break
		}
	}
	return reply{outcome: best, body: s.body(sig, best, args, input)}
}

// body is an example of what an operation answers with an outcome.
func (s *search) body(sig *value.Signature, p value.Pattern, args, input map[string]any) any {
	t, declared := sig.Body(p.Status, p.Name)
	if !declared || t == nil || t.Kind == value.Any {
		return nil
	}
	v := value.Example(t)
	for _, record := range []map[string]any{args, input} {
		known := vary.Leaves(record)
		v = vary.Echo(t, v, func(name string) (any, bool) { given, ok := known[name]; return given, ok })
	}
	return v
}

// seeds are what the search begins with: the inputs of the tests there are, and one of
// its own.
func (s *search) seeds() []*plan {
	var out []*plan
	if s.opts.Suite != nil {
		for _, t := range s.opts.Suite.Tests {
			for _, p := range s.seedsOf(t) {
				if len(out) < maxSeeds && !slices.ContainsFunc(out, func(o *plan) bool { return o.key() == p.key() }) {
					out = append(out, p)
				}
			}
		}
	}
	return append(out, &plan{input: value.Example(s.graph.Input)})
}

// maxSeeds is how many runs of tests the search begins with.
const maxSeeds = 8

// seedsOf are the runs of a test, of its first cases if it has some, with what is done
// during them from outside. Of what the test prepares otherwise nothing is taken over.
func (s *search) seedsOf(t *suite.Test) (out []*plan) {
	m := expr.NewMachine()
	if t.Cases == nil {
		return s.runsOf(t, m, s.stage.names, nil)
	}
	list, err := t.Cases.Eval(m, s.stage.names)
	values, ok := list.([]any)
	if err != nil || !ok {
		return nil
	}
	for i, v := range values[:min(len(values), maxCases)] {
		names := maps.Clone(s.stage.names)
		names[t.Var] = v
		out = append(out, s.runsOf(t, m, names, []string{fmt.Sprintf("let %s = (%s)[%d]", t.Var, t.Cases, i)})...)
	}
	return out
}

// maxCases is how many cases of a test the search begins with.
const maxCases = 4

func (s *search) runsOf(t *suite.Test, m *expr.Machine, names map[string]any, lead []string) (out []*plan) {
	var deeds []*suite.Deed
	for _, st := range t.Body {
		switch st := st.(type) {
		case *suite.Deed:
			deeds = append(deeds, st)
		case *suite.Run:
			if st.Graph.FullName() == s.graph.FullName() && st.Input != nil && readable(st.Input, names) {
				if v, err := st.Input.Eval(m, names); err == nil {
					p := &plan{input: v, named: st.Input.String(), lead: lead}
					for _, d := range deeds {
						p.deed(d, m, names)
					}
					out = append(out, p)
				}
			}
			deeds = nil
		}
	}
	return out
}

// deed adds what a test does from outside, as far as that can be known beforehand.
func (p *plan) deed(d *suite.Deed, m *expr.Machine, names map[string]any) {
	for _, e := range []*expr.Program{d.At, d.Payload, d.Result} {
		if e != nil && !readable(e, names) {
			return
		}
	}
	at, err := d.At.Duration(m, names)
	if err != nil || d.Step != "" || d.Retry {
		return
	}
	out, line := sim.Deed{At: at, Crash: d.Crash, Signal: d.Signal}, fmt.Sprintf("after %s cancel", d.At)
	if d.Crash {
		line = fmt.Sprintf("after %s crash", d.At)
	}
	if d.Signal != "" {
		line = fmt.Sprintf("after %s signal %s", d.At, d.Signal)
		if d.Payload != nil {
			if out.Payload, err = d.Payload.Eval(m, names); err != nil {
				return
			}
			line += " " + d.Payload.String()
		}
	}
	p.deeds, p.lead = append(p.deeds, out), append(p.lead[:len(p.lead):len(p.lead)], line)
}

// readable reports whether an expression reads nothing but these names.
func readable(p *expr.Program, names map[string]any) bool {
	return !slices.ContainsFunc(p.Refs(), func(name string) bool { _, ok := names[name]; return !ok })
}
