// Package sim drives a machine in virtual time: hours of backoff pass at once, and
// equal inputs give equal traces. It calls the registered functions one after the
// other at their virtual moment; their simulated latency decides when the answer
// arrives.
package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/lang/graph"
	"wf/lang/value"
)

// Options of [Run].
type Options struct {
	Registry builtins.Services
	Seed     uint64
	Start    time.Time // what the clock of the run shows when it begins
	RunID    string
	Trace    func(machine.Entry) // nil: nobody listens
	Cover    machine.Cover       // nil: nobody listens
	Watch    Watcher             // nil: nobody does
	Deeds    []Deed              // done from outside, in any order
	// Refused is told of a signal that the run refuses, which then goes on; nil: that is
	// the error of the run.
	Refused func(at time.Duration, why *machine.SignalError)
	Stop    func() bool // asked after every event; true gives the run up with [ErrStopped]; nil: never
}

// Watcher is told what a run does, as it does it.
type Watcher interface {
	Happens(machine.Event)                          // comes before all that follows from it
	StepEnded(machine.StepResult)                   // see machine.Config
	Called(machine.Call)                            // an attempt is made
	Again(machine.Call)                             // the same one once more, because the process died that waited for its answer
	Answered(id machine.ID, answer builtins.Answer) // what the service did with it, when it answers, or nobody waits any more; it may never be heard
	Settled()                                       // an event is dealt with, and what follows from it
	RunEnded(*machine.Result)
}

// ErrStopped is the error of a run that Options.Stop gave up.
var ErrStopped = errors.New("the run was given up")

// Deed is something done from outside at a moment of a run: its process dies, if Crash is
// set; or it is sent a signal, if Signal is set; or a person runs a step again, if Retry is
// set, or says what it should have returned, if Step is; or it is cancelled.
type Deed struct {
	At      time.Duration
	Crash   bool // another process goes on from what was written down, and makes the calls again that were under way
	Signal  string
	Payload any  // of Signal; nil: nothing
	Running bool // the signal is not sent to a run that has ended
	Step    string
	Result  any  // of Step
	Retry   bool // Step, or "" for all that failed
}

// event is what the run is told; nil: it is told nothing.
func (d Deed) event() machine.Event {
	switch {
	case d.Crash:
		return nil
	case d.Signal != "" && d.Running:
		return whileRunning{machine.SignalReceived{At: d.At, Name: d.Signal, Payload: d.Payload}}
	case d.Signal != "":
		return machine.SignalReceived{At: d.At, Name: d.Signal, Payload: d.Payload}
	case d.Retry:
		return machine.StepRetried{At: d.At, Step: d.Step}
	case d.Step != "":
		return machine.StepResolved{At: d.At, Step: d.Step, Result: d.Result}
	}
	return machine.CancelRequested{At: d.At}
}

// whileRunning is a signal that is not sent to a run that has ended.
type whileRunning struct{ machine.SignalReceived }

// MaxEvents bounds how long a simulated run may go on.
const MaxEvents = 10_000_000

// Run runs a graph to its end. The input must be prepared (interpreter.Prepare).
// Errors: an operation that nobody registered, a deed that cannot be done, [Stuck], or
// [MaxEvents]; a workflow that fails is a result.
func Run(g *graph.Graph, input map[string]any, opts Options) (*machine.Result, error) {
	if err := Bound(g, opts.Registry); err != nil {
		return nil, err
	}
	d := &driver{graph: g, input: input, opts: opts, correlation: CorrelationID(input)}
	d.m = machine.New(g, input, d.config())
	if d.correlation == "" {
		d.correlation = opts.RunID
	}
	d.queue.heap = d.room[:0]
	d.queue.push(0, machine.Started{})
	outside := len(opts.Deeds)
	for _, deed := range opts.Deeds {
		d.queue.push(deed.At, deed.event())
		d.mortal = d.mortal || deed.Crash
	}
	for n := 0; !d.m.Done() || outside > 0; n++ {
		if n > MaxEvents {
			return nil, fmt.Errorf("the run took more than %d events", MaxEvents)
		}
		next, ok := d.queue.pop()
		if !ok {
			return nil, &Stuck{d.m.Waiting()}
		}
		if next.outside() {
			outside--
		}
		if err := d.happens(next); err != nil {
			return nil, fmt.Errorf("at +%s: %w", value.FormatDuration(next.at), err)
		}
		if opts.Stop != nil && opts.Stop() {
			return nil, ErrStopped
		}
	}
	if opts.Watch != nil {
		d.allDecided()
		opts.Watch.RunEnded(d.m.Result())
	}
	return d.m.Result(), nil
}

// happens tells the run what happens, and does what follows from it.
func (d *driver) happens(next timed) error {
	if next.event == nil {
		return d.die(next.at)
	}
	if signal, ok := next.event.(whileRunning); ok {
		if d.m.Done() {
			return nil
		}
		next.event = signal.SignalReceived
	}
	watch := d.opts.Watch
	if watch != nil {
		watch.Happens(next.event)
		d.decided(next.id())
	}
	if _, silent := next.event.(unheard); silent {
		watch.Settled()
		return nil
	}
	commands, err := d.m.Apply(next.event)
	var refused *machine.SignalError
	switch {
	case errors.As(err, &refused) && d.opts.Refused != nil:
		d.opts.Refused(next.at, refused)
	case err != nil:
		return err
	case d.mortal:
		d.past = append(d.past, next.event)
	}
	for _, c := range commands {
		d.carryOut(c, next.at)
	}
	if watch != nil {
		watch.Settled()
	}
	return nil
}

// CorrelationID is the correlation id an input brings, "" if it brings none.
func CorrelationID(input map[string]any) string {
	id, _ := input["correlation_id"].(string)
	return id
}

// Bound reports every operation of a graph that the services do not have.
func Bound(g *graph.Graph, r builtins.Services) error {
	var missing []*value.Signature
	check := func(c *graph.Call) {
		if _, ok := r.Lookup(c.Sig.Service, c.Sig.Operation); !ok && !slices.Contains(missing, c.Sig) {
			missing = append(missing, c.Sig)
		}
	}
	g.EachServiceCall(check)
	if len(missing) > 0 {
		return &Unbound{missing}
	}
	return nil
}

// Unbound is the error of a run whose workflow calls what nobody answers.
type Unbound struct {
	Missing []*value.Signature // in the order of the steps, each once
}

// Error lists the operations.
func (e *Unbound) Error() string {
	names := make([]string, len(e.Missing))
	for i, sig := range e.Missing {
		names[i] = sig.Name()
	}
	return "nobody answers for " + strings.Join(names, ", ")
}

type driver struct {
	graph       *graph.Graph
	input       map[string]any
	m           *machine.Machine
	opts        Options
	correlation string
	queue       queue
	room        [8]timed        // the queue of a small run
	mortal      bool            // its process may die
	past        []machine.Event // what was written down, if it is
	open        []given         // calls without an answer yet, if somebody watches
}

func (d *driver) config() machine.Config {
	cfg := machine.Config{RunID: d.opts.RunID, CorrelationID: CorrelationID(d.input), Seed: d.opts.Seed, Start: d.opts.Start, Trace: d.opts.Trace, Cover: d.opts.Cover}
	if d.opts.Watch != nil {
		cfg.Ended = d.opts.Watch.StepEnded
	}
	return cfg
}

func (d *driver) carryOut(c machine.Command, now time.Duration) {
	switch c := c.(type) {
	case machine.Call:
		if d.opts.Watch != nil {
			d.opts.Watch.Called(c)
		}
		d.ask(c, now)
	case machine.SetTimer:
		d.queue.push(c.At, machine.TimerFired{At: c.At, ID: c.ID})
	case machine.CancelCall:
		d.queue.cancel(c.ID)
		d.decided(c.ID)
	case machine.CancelTimer:
		d.queue.cancel(c.ID)
	case machine.Finish:
	default:
		panic(fmt.Sprintf("unknown command %T", c))
	}
}

// ask asks the service at once and plans when its answer arrives.
func (d *driver) ask(c machine.Call, now time.Duration) {
	op, _ := d.opts.Registry.Lookup(c.Call.Sig.Service, c.Call.Sig.Operation)
	a, err := Ask(context.Background(), op, Request(c, d.opts.RunID, d.correlation, d.opts.Seed, d.opts.Start.Add(now)))
	at := now + max(0, a.Latency)
	ev, arrives := Answered(c, at, a, err)
	if d.opts.Watch != nil {
		d.open = append(d.open, given{c.ID, told(a, err)})
	}
	switch {
	case arrives:
		d.queue.push(at, ev)
	case d.opts.Watch != nil:
		d.queue.push(at, unheard{machine.CallFailed{At: at, ID: c.ID}})
	}
}

// given is what a service said to a call, or will have said.
type given struct {
	id     machine.ID
	answer builtins.Answer
}

// unheard is the moment at which a service does what it is asked for, and nobody hears of it.
type unheard struct{ machine.CallFailed }

// decided tells what the service did with a call, if that was not told yet.
func (d *driver) decided(id machine.ID) {
	i := slices.IndexFunc(d.open, func(g given) bool { return g.id == id })
	if i < 0 {
		return
	}
	g := d.open[i]
	d.open = slices.Delete(d.open, i, i+1)
	d.opts.Watch.Answered(g.id, g.answer)
}

// allDecided tells what services did with the calls whose answers nobody hears any more.
func (d *driver) allDecided() {
	for len(d.open) > 0 {
		d.decided(d.open[0].id)
	}
}

// told is what a service said; an error is an answer too.
func told(a builtins.Answer, err error) builtins.Answer {
	var named *builtins.Error
	switch {
	case err == nil:
		return a
	case errors.As(err, &named):
		return builtins.Answer{Class: named.Class}
	}
	return builtins.Answer{Class: value.Unreachable}
}

// Request is a call command as a service sees it.
func Request(c machine.Call, runID, correlationID string, seed uint64, at time.Time) builtins.Call {
	out := builtins.Call{Service: c.Call.Sig.Service, Operation: c.Call.Sig.Operation, Sig: c.Call.Sig, Args: c.Args, Place: c.Place, Key: c.Key,
		RunID: runID, CorrelationID: correlationID, Attempt: c.ID.Attempt, At: at, Seed: seed, Guard: c.Call.Sig.ServiceGuard, OperationGuard: c.Call.Sig.Guard}
	if x := c.Context; x != nil {
		out.Context = &builtins.Context{Results: x.Past}
		out.Context.Input, _ = x.Input.(map[string]any)
		out.Context.Config, _ = x.Config.(map[string]any)
	}
	return out
}

// Ask carries out one attempt; a function that panics is an unreachable service.
func Ask(ctx context.Context, op *builtins.Operation, c builtins.Call) (a builtins.Answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the service crashed: %v", r)
		}
	}()
	return op.Func(ctx, c)
}

// Answered is the event for what a service said. arrives is false if nothing is ever
// heard of the call, which its timeout then ends; without one a lost answer is a broken
// connection.
func Answered(c machine.Call, at time.Duration, a builtins.Answer, err error) (ev machine.Event, arrives bool) {
	silent := a.Lost || a.Class == value.Timeout
	switch {
	case err != nil:
		return failed(c, at, a, err), true
	case silent && c.Call.Policy.Timeout != nil:
		return nil, false
	case a.Lost:
		return machine.CallFailed{At: at, ID: c.ID, Class: value.Unreachable, Message: "the connection broke before the answer"}, true
	case a.Class == value.Timeout || a.Class == value.Unreachable:
		message, _ := a.Body.(string)
		if message == "" && a.Class == value.Timeout {
			message = "the connection timed out; the call itself has no timeout"
		}
		return machine.CallFailed{At: at, ID: c.ID, Class: a.Class, Message: message}, true
	}
	return machine.CallReturned{At: at, ID: c.ID, Status: a.Status, Class: a.Class, Headers: a.Headers, Body: a.Body, Again: c.Again}, true
}

// failed is the event for an error of a service's function.
func failed(c machine.Call, at time.Duration, a builtins.Answer, err error) machine.Event {
	id := c.ID
	var named *builtins.Error
	var held *builtins.Held
	switch {
	case errors.As(err, &held):
		return machine.CallHeld{At: at, ID: id, Until: at + held.For, Why: held.Why, Again: c.Again}
	case errors.As(err, &named):
		return machine.CallReturned{At: at, ID: id, Class: named.Class, Headers: a.Headers, Body: map[string]any{"error": named.Message}, Again: c.Again}
	case errors.Is(err, context.DeadlineExceeded):
		return machine.CallFailed{At: at, ID: id, Class: value.Timeout, Message: err.Error()}
	}
	return machine.CallFailed{At: at, ID: id, Class: value.Unreachable, Message: err.Error()}
}
