// Package interpreter runs workflows here and now: [Prepare] checks an input, [Run]
// executes a graph in real time, with a goroutine for each call that is under way.
// What a run does is decided by package machine alone; package sim does the same in
// virtual time.
package interpreter

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang/graph"
)

// Options of [Run].
type Options struct {
	Registry builtins.Services
	Seed     uint64
	Start    time.Time // what the clock of the run shows when it begins; zero: now
	RunID    string
	Trace    func(machine.Entry) // called on one goroutine, in order; nil: nobody listens

	// Of runs that outlive a process, see package durable. They begin at Start, which must be set.
	Past     []machine.Event                                                  // what has happened already, behind Started; the run goes on from there
	Again    bool                                                             // others have carried out the run before, and may have made the calls that are outstanding
	Replayed func(n int)                                                      // called before Past[n] is applied, and with its length behind the last; nil: nobody asks
	Append   func(ev machine.Event, message int64, end *machine.Result) error // writes what has happened before anything is done about it, and what the run came to (nil: it goes on); an error ends Run; nil: nobody remembers
	Idle     func(wake time.Duration) bool                                    // asked when no call is under way, and the next timer fires at wake (0: there is none); true ends Run with ErrIdle; nil: go on
	Outside  <-chan Outside                                                   // what others tell the run; nil: nobody does
}

// Outside is something that others tell a run: its time is set when it is taken.
type Outside struct {
	Event   machine.Event // SignalReceived, StepResolved, StepRetried or CancelRequested
	Message int64         // handed to Append with the event; 0: nothing to name
	Taken   func(error)   // told on the goroutine of the run: nil, or why the run refuses it and is as it was; nil: nobody asks
}

// Errors of [Run] with which a run is left as it stands, to be gone on with later.
var (
	ErrIdle = errors.New("the run only waits")
	ErrLeft = errors.New("the run was left")
)

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
// cancels the run: calls under way are given up, and the result says so; a run that is
// remembered (Append) is left instead, with [ErrLeft]. An error means that the run could
// not begin, was left, or a defect of ours.
func Run(ctx context.Context, g *graph.Graph, input map[string]any, opts Options) (*machine.Result, error) {
	if err := sim.Bound(g, opts.Registry); err != nil {
		return nil, err
	}
	d := newDriver(ctx, input, opts)
	defer d.cancel()
	return d.loop(machine.New(g, input, machine.Config{RunID: d.opts.RunID, CorrelationID: d.correlation, Seed: d.opts.Seed, Start: d.opts.Start, Trace: d.opts.Trace}))
}

// driver is one run. Its maps belong to the goroutine of loop.
type driver struct {
	opts        Options
	correlation string
	began       time.Time
	cancelled   <-chan struct{} // closed when the run is to be cancelled; nil once that is said
	ctx         context.Context // of the calls; it outlives the cancellation, so that the machine decides what is given up
	cancel      context.CancelFunc
	arrivals    chan arrival
	tasks       map[machine.ID]*task
	calls       int // tasks that are calls
}

// task is a call or timer that is under way: from its command to its event, or to the
// command that revokes it. What a forgotten task still sends is dropped, so an ID may
// be used again at once.
type task struct {
	stop func()
	call bool
	at   time.Duration // of a timer
}

// arrival is what came of a task.
type arrival struct {
	id    machine.ID
	from  *task
	event machine.Event
}

func newDriver(ctx context.Context, input map[string]any, opts Options) *driver {
	d := &driver{opts: opts, began: time.Now(), cancelled: ctx.Done(), arrivals: make(chan arrival, 64), tasks: map[machine.ID]*task{}}
	if opts.Start.IsZero() {
		d.opts.Start = d.began
	}
	if d.correlation = sim.CorrelationID(input); d.correlation == "" {
		d.correlation = opts.RunID
	}
	d.ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return d
}

func (d *driver) now() time.Duration { return time.Since(d.began) }

// loop applies one event after the other.
func (d *driver) loop(m *machine.Machine) (*machine.Result, error) {
	defer d.forgetAll()
	last, err := d.past(m)
	if err != nil {
		return nil, err
	}
	for !m.Done() {
		next, err := d.next()
		if err != nil {
			return nil, err
		}
		last = max(last, d.now())
		ev := Stamp(next.Event, last)
		commands, err := m.Apply(ev)
		if err != nil && !fromOutside(ev) {
			return nil, err
		}
		if d.opts.Append != nil {
			if err := d.opts.Append(ev, next.Message, m.Result()); err != nil {
				return nil, err
			}
		}
		if next.Taken != nil {
			next.Taken(err)
		}
		for _, c := range commands {
			d.carryOut(c)
		}
	}
	return m.Result(), nil
}

// past begins the run, or applies what has happened of it already, and carries out what is
// outstanding. The clock goes on behind the last event, also if it was set back.
func (d *driver) past(m *machine.Machine) (last time.Duration, err error) {
	if err := Replay(m, d.opts.Past, d.opts.Replayed); err != nil {
		return 0, err
	}
	if n := len(d.opts.Past); n > 0 {
		last = machine.At(d.opts.Past[n-1])
	}
	if d.opts.Append != nil {
		d.began = d.began.Add(-max(last, d.began.Sub(d.opts.Start)))
	}
	for _, c := range m.Pending() {
		if call, ok := c.(machine.Call); ok {
			call.Again = d.opts.Again
			c = call
		}
		d.carryOut(c)
	}
	return last, nil
}

// Replay begins a run and applies what has happened of it. replayed is called before
// events[n] is applied, and with their number behind the last; nil: nobody asks. An error
// means that the events are not of this definition.
func Replay(m *machine.Machine, events []machine.Event, replayed func(n int)) error {
	tell := func(n int) {
		if replayed != nil {
			replayed(n)
		}
	}
	_, err := m.Apply(machine.Started{})
	for i, ev := range events {
		if err != nil {
			break
		}
		tell(i)
		if _, err = m.Apply(ev); fromOutside(ev) {
			err = nil // it was refused then as well
		}
	}
	if err != nil {
		return fmt.Errorf("what has happened does not fit the definition: %w", err)
	}
	tell(len(events))
	return nil
}

// fromOutside reports whether an event may be refused by a machine, which is then as it
// was.
func fromOutside(ev machine.Event) bool {
	switch ev.(type) {
	case machine.SignalReceived, machine.StepResolved, machine.StepRetried:
		return true
	}
	return false
}

// next waits for something to happen. A cancellation comes before whatever else is there.
func (d *driver) next() (Outside, error) {
	for {
		select {
		case <-d.cancelled:
			return d.stopped()
		default:
		}
		if d.idle() {
			return Outside{}, ErrIdle
		}
		select {
		case a := <-d.arrivals:
			if d.tasks[a.id] == a.from {
				d.forget(a.id)
				return Outside{Event: a.event}, nil
			}
		case o := <-d.opts.Outside:
			return o, nil
		case <-d.cancelled:
			return d.stopped()
		}
	}
}

func (d *driver) stopped() (Outside, error) {
	d.cancelled = nil
	if d.opts.Append != nil {
		return Outside{}, ErrLeft
	}
	return Outside{Event: machine.CancelRequested{}}, nil
}

// idle reports whether the run is to be left, because it only waits.
func (d *driver) idle() bool {
	if d.opts.Idle == nil || d.calls > 0 || len(d.arrivals) > 0 {
		return false
	}
	wake := time.Duration(0)
	for _, t := range d.tasks {
		if wake == 0 || t.at < wake {
			wake = t.at
		}
	}
	return d.opts.Idle(wake)
}

// forget releases a task; one that is over already is none.
func (d *driver) forget(id machine.ID) {
	if t := d.tasks[id]; t != nil {
		t.stop()
		delete(d.tasks, id)
		if t.call {
			d.calls--
		}
	}
}

func (d *driver) forgetAll() {
	for id := range d.tasks {
		d.forget(id)
	}
}

// Stamp gives an event the time at which it is taken: the only clock of a run.
func Stamp(ev machine.Event, at time.Duration) machine.Event {
	switch ev := ev.(type) {
	case machine.CallReturned:
		ev.At = at
		return ev
	case machine.CallFailed:
		ev.At = at
		return ev
	case machine.CallHeld: // until so long after
		ev.Until += at - ev.At
		ev.At = at
		return ev
	case machine.TimerFired:
		ev.At = at
		return ev
	case machine.SignalReceived:
		ev.At = at
		return ev
	case machine.CancelRequested:
		ev.At = at
		return ev
	case machine.StepResolved:
		ev.At = at
		return ev
	case machine.StepRetried:
		ev.At = at
		return ev
	}
	panic(fmt.Sprintf("unknown event %T", ev))
}

func (d *driver) carryOut(c machine.Command) {
	switch c := c.(type) {
	case machine.Call:
		ctx, cancel := context.WithCancel(d.ctx)
		t := &task{stop: cancel, call: true}
		d.tasks[c.ID] = t
		d.calls++
		go d.call(ctx, t, c)
	case machine.SetTimer:
		t := &task{at: c.At}
		timer := time.AfterFunc(c.At-d.now(), func() { d.send(arrival{c.ID, t, machine.TimerFired{ID: c.ID}}) })
		t.stop = func() { timer.Stop() }
		d.tasks[c.ID] = t
	case machine.CancelCall:
		d.forget(c.ID)
	case machine.CancelTimer:
		d.forget(c.ID)
	case machine.Finish:
	default:
		panic(fmt.Sprintf("unknown command %T", c))
	}
}

// call asks a service and waits as long as its answer is said to take.
func (d *driver) call(ctx context.Context, t *task, c machine.Call) {
	op, _ := d.opts.Registry.Lookup(c.Call.Sig.Service, c.Call.Sig.Operation)
	a, err := sim.Ask(ctx, op, sim.Request(c, d.opts.RunID, d.correlation, d.opts.Seed, d.opts.Start.Add(d.now())))
	if a.Latency > 0 {
		wait := time.NewTimer(a.Latency)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
	}
	if ev, arrives := sim.Answered(c, 0, a, err); arrives {
		d.send(arrival{c.ID, t, ev})
	}
}

// send hands over what happened, unless nobody takes it any more.
func (d *driver) send(a arrival) {
	select {
	case d.arrivals <- a:
	case <-d.ctx.Done():
	}
}
