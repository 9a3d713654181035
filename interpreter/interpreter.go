// Package interpreter runs workflows here and now: [Prepare] checks an input, [Run]
// executes a graph in real time, with a goroutine for each call that is under way.
// What a run does is decided by package machine alone; package sim does the same in
// virtual time.
package interpreter

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang/graph"
)

// Options of [Run].
type Options struct {
	Registry *builtins.Registry
	Seed     uint64
	Start    time.Time // what the clock of the run shows when it begins; zero: now
	RunID    string
	Trace    func(machine.Entry) // called on one goroutine, in order; nil: nobody listens
}

// RunID is the id of a run with this seed: equal seeds give equal ids.
func RunID(g *graph.Graph, seed uint64) string {
	h := fnv.New64a()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], seed)
	h.Write(b[:])
	h.Write([]byte(g.FullName()))
	return "run_" + hex.EncodeToString(h.Sum(nil))
}

// Run runs a graph to its end. The input must be prepared. Cancelling the context
// cancels the run: calls under way are given up, and the result says so. An error
// means that the run could not begin, or a defect of ours.
func Run(ctx context.Context, g *graph.Graph, input map[string]any, opts Options) (*machine.Result, error) {
	if err := sim.Bound(g, opts.Registry); err != nil {
		return nil, err
	}
	began := time.Now()
	if opts.Start.IsZero() {
		opts.Start = began
	}
	correlation := sim.CorrelationID(input)
	if correlation == "" {
		correlation = opts.RunID
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &driver{opts: opts, correlation: correlation, began: began, events: make(chan machine.Event, 64), cancels: map[machine.ID]context.CancelFunc{}, timers: map[machine.ID]*time.Timer{}, ctx: ctx, stop: make(chan struct{})}
	defer close(d.stop)
	m := machine.New(g, input, machine.Config{RunID: opts.RunID, CorrelationID: correlation, Seed: opts.Seed, Start: opts.Start, Trace: opts.Trace})
	return d.loop(ctx, m)
}

type driver struct {
	opts        Options
	correlation string
	began       time.Time
	ctx         context.Context
	events      chan machine.Event
	stop        chan struct{} // closed when nobody takes events any more
	cancels     map[machine.ID]context.CancelFunc
	timers      map[machine.ID]*time.Timer
}

func (d *driver) now() time.Duration { return time.Since(d.began) }

// loop applies one event after the other.
func (d *driver) loop(ctx context.Context, m *machine.Machine) (*machine.Result, error) {
	var last time.Duration
	var ev machine.Event = machine.Started{}
	cancelled := ctx.Done()
	for {
		commands, err := m.Apply(ev)
		if err != nil {
			return nil, err
		}
		for _, c := range commands {
			d.carryOut(c)
		}
		if m.Done() {
			return m.Result(), nil
		}
		select {
		case ev = <-d.events:
		case <-cancelled:
			ev, cancelled = machine.CancelRequested{}, nil
		}
		last = max(last, d.now())
		ev = stamp(ev, last)
	}
}

// stamp gives an event the time at which it is taken: the only clock of a run.
func stamp(ev machine.Event, at time.Duration) machine.Event {
	switch ev := ev.(type) {
	case machine.CallReturned:
		ev.At = at
		return ev
	case machine.CallFailed:
		ev.At = at
		return ev
	case machine.TimerFired:
		ev.At = at
		return ev
	case machine.CancelRequested:
		ev.At = at
		return ev
	}
	return ev
}

func (d *driver) carryOut(c machine.Command) {
	switch c := c.(type) {
	case machine.Call:
		ctx, cancel := context.WithCancel(d.ctx)
		d.cancels[c.ID] = cancel
		go d.call(ctx, c)
	case machine.CancelCall:
		if cancel := d.cancels[c.ID]; cancel != nil {
			cancel()
			delete(d.cancels, c.ID)
		}
	case machine.SetTimer:
		d.timers[c.ID] = time.AfterFunc(c.At-d.now(), func() { d.send(machine.TimerFired{ID: c.ID}) })
	case machine.CancelTimer:
		if t := d.timers[c.ID]; t != nil {
			t.Stop()
			delete(d.timers, c.ID)
		}
	case machine.Finish:
		for _, t := range d.timers {
			t.Stop()
		}
	}
}

// call asks a service and waits as long as its answer is said to take.
func (d *driver) call(ctx context.Context, c machine.Call) {
	op, _ := d.opts.Registry.Lookup(c.Call.Sig.Service, c.Call.Sig.Operation)
	a, err := sim.Ask(ctx, op, sim.Request(c, d.opts.RunID, d.correlation, d.opts.Seed, d.opts.Start.Add(d.now())))
	if a.Latency > 0 {
		t := time.NewTimer(a.Latency)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
	d.send(sim.Answered(c.ID, 0, a, err))
}

func (d *driver) send(ev machine.Event) {
	select {
	case d.events <- ev:
	case <-d.stop:
	}
}
