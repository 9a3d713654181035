// Package sim drives a machine in virtual time: hours of backoff pass at once, and
// equal inputs give equal traces. It calls the registered functions one after the
// other at their virtual moment; their simulated latency decides when the answer
// arrives.
package sim

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/lang/graph"
	"wf/lang/value"
)

// Options of [Run].
type Options struct {
	Registry *builtins.Registry
	Seed     uint64
	Start    time.Time // what the clock of the run shows when it begins
	RunID    string
	Trace    func(machine.Entry) // nil: nobody listens
	CancelAt *time.Duration      // nil: never
}

// MaxEvents bounds how long a simulated run may go on.
const MaxEvents = 10_000_000

// Run runs a graph to its end. The input must be prepared (interpreter.Prepare).
// Errors: an operation that nobody registered, or [MaxEvents]; a workflow that
// fails is a result.
func Run(g *graph.Graph, input map[string]any, opts Options) (*machine.Result, error) {
	if err := Bound(g, opts.Registry); err != nil {
		return nil, err
	}
	d := &driver{opts: opts, canceled: map[machine.ID]bool{}}
	cfg := machine.Config{RunID: opts.RunID, CorrelationID: CorrelationID(input), Seed: opts.Seed, Start: opts.Start, Trace: opts.Trace}
	d.m = machine.New(g, input, cfg)
	d.correlation = cfg.CorrelationID
	if d.correlation == "" {
		d.correlation = opts.RunID
	}
	d.push(machine.Started{})
	if opts.CancelAt != nil {
		d.push(machine.CancelRequested{At: *opts.CancelAt})
	}
	for n := 0; !d.m.Done(); n++ {
		if n > MaxEvents {
			return nil, fmt.Errorf("the run took more than %d events", MaxEvents)
		}
		if len(d.queue) == 0 {
			return nil, errors.New("the run waits for something that never comes")
		}
		next := heap.Pop(&d.queue).(timed)
		if next.id != (machine.ID{}) && d.canceled[next.id] {
			delete(d.canceled, next.id)
			continue
		}
		commands, err := d.m.Apply(next.event)
		if err != nil {
			return nil, err
		}
		for _, c := range commands {
			d.carryOut(c, next.at)
		}
	}
	return d.m.Result(), nil
}

// CorrelationID is the correlation id an input brings, "" if it brings none.
func CorrelationID(input map[string]any) string {
	id, _ := input["correlation_id"].(string)
	return id
}

// Bound reports every operation of a graph that the registry does not have.
func Bound(g *graph.Graph, r *builtins.Registry) error {
	var missing []error
	seen := map[*value.Signature]bool{}
	for _, s := range g.Steps {
		graph.EachCall(s.Body, func(c *graph.Call) {
			if seen[c.Sig] {
				return
			}
			seen[c.Sig] = true
			if _, ok := r.Lookup(c.Sig.Service, c.Sig.Operation); !ok {
				missing = append(missing, fmt.Errorf("nobody implements %s: register it, or run with a service that has it", c.Sig.Name()))
			}
		})
	}
	return errors.Join(missing...)
}

type driver struct {
	m           *machine.Machine
	opts        Options
	correlation string
	queue       queue
	seq         int
	canceled    map[machine.ID]bool // of events still in the queue
}

// timed is an event with its moment; simultaneous ones keep the order in which
// they were planned.
type timed struct {
	at    time.Duration
	seq   int
	id    machine.ID // zero for events nobody cancels
	event machine.Event
}

type queue []timed

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(timed)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

func (d *driver) push(ev machine.Event) {
	t := timed{seq: d.seq, event: ev}
	switch ev := ev.(type) {
	case machine.CancelRequested:
		t.at = ev.At
	case machine.CallReturned:
		t.at, t.id = ev.At, ev.ID
	case machine.CallFailed:
		t.at, t.id = ev.At, ev.ID
	case machine.TimerFired:
		t.at, t.id = ev.At, ev.ID
	}
	d.seq++
	heap.Push(&d.queue, t)
}

func (d *driver) carryOut(c machine.Command, now time.Duration) {
	switch c := c.(type) {
	case machine.Call:
		d.push(d.call(c, now))
	case machine.SetTimer:
		d.push(machine.TimerFired{At: c.At, ID: c.ID})
	case machine.CancelCall:
		d.canceled[c.ID] = true
	case machine.CancelTimer:
		d.canceled[c.ID] = true
	case machine.Finish:
	}
}

// call asks the service at once and plans when its answer arrives.
func (d *driver) call(c machine.Call, now time.Duration) machine.Event {
	op, _ := d.opts.Registry.Lookup(c.Call.Sig.Service, c.Call.Sig.Operation)
	a, err := Ask(context.Background(), op, Request(c, d.opts.RunID, d.correlation, d.opts.Seed, d.opts.Start.Add(now)))
	return Answered(c.ID, now+max(0, a.Latency), a, err)
}

// Request is a call command as a service sees it.
func Request(c machine.Call, runID, correlationID string, seed uint64, at time.Time) builtins.Call {
	return builtins.Call{Service: c.Call.Sig.Service, Operation: c.Call.Sig.Operation, Args: c.Args, Context: c.Context, Key: c.Key,
		RunID: runID, CorrelationID: correlationID, Attempt: c.ID.Attempt, At: at, Seed: seed}
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

// Answered is the event for what a service said.
func Answered(id machine.ID, at time.Duration, a builtins.Answer, err error) machine.Event {
	var named *builtins.Error
	switch {
	case errors.As(err, &named):
		return machine.CallReturned{At: at, ID: id, Class: named.Class, Headers: a.Headers, Body: map[string]any{"error": named.Message}}
	case errors.Is(err, context.DeadlineExceeded):
		return machine.CallFailed{At: at, ID: id, Class: value.Timeout, Message: err.Error()}
	case err != nil:
		return machine.CallFailed{At: at, ID: id, Class: value.Unreachable, Message: err.Error()}
	}
	return machine.CallReturned{At: at, ID: id, Status: a.Status, Class: a.Class, Headers: a.Headers, Body: a.Body}
}
