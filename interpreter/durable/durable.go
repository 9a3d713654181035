// Package durable runs workflows so that nothing is lost and nothing is done twice when a
// process dies: what happens is written to a store before it has an effect, and whoever
// goes on with a run applies what is written and carries out what is outstanding.
//
// A [Worker] has runs to itself as long as it says that it lives. While a run only waits
// for a time or for somebody, it costs neither memory nor a goroutine: it stands in the
// store with the moment at which it wants to go on.
package durable

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"wf/builtins"
	"wf/interpreter/journal"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/interpreter/telemetry"
	"wf/lang/graph"
	"wf/lang/value"
)

// Defaults of [Options].
const (
	DefaultLease = 30 * time.Second
	DefaultRuns  = 256
	DefaultNap   = 2 * time.Second
	DefaultPoll  = 250 * time.Millisecond
)

// Options of a [Worker]. Store, Name, Services and Compile must be set.
type Options struct {
	Store    journal.Store
	Name     string // of this worker; no two that live have the same
	Services builtins.Services
	Compile  func(journal.Definition) (*graph.Graph, error) // a definition from the store

	Key   *journal.Key  // seals payloads; nil: they are kept as they are, and secrets are refused
	Only  []string      // ids of runs; nil: any
	Lease time.Duration // it is taken for dead after so long a silence; 0: DefaultLease
	Runs  int           // at once; 0: DefaultRuns
	Nap   time.Duration // shorter waits are kept in memory; 0: DefaultNap; negative: all are
	Poll  time.Duration // how often it looks for what others have left; 0: DefaultPoll

	Telemetry *telemetry.Telemetry                     // told what the worker and its runs do; nil: nobody
	Trace     func(run journal.Run, e machine.Entry)   // told what happens, of many runs at once; nil: nobody listens
	Ended     func(run journal.Run, r *machine.Result) // told of each run that ends here; nil: nobody listens
	Lost      func(run journal.Run, err error)         // told of each run that this worker gave up; nil: nobody listens
}

// Worker runs what is in a store.
type Worker struct {
	opts Options

	breakers *breakers

	mu      sync.Mutex
	graphs  map[string]*graph.Graph // by the hash of the definition
	active  map[string]*active      // by id of the run
	serving context.Context         // of the runs; nil: Serve is not at work
	free    chan struct{}           // told when a run is over or asleep, or one was created
	all     sync.WaitGroup
}

// active is a run that is in memory.
type active struct {
	ctx   context.Context        // ends with Serve
	inbox chan []journal.Message // what others have left for it
	fresh *History               // of a run that began here a moment ago; nil: it is read from the store
}

// New makes a worker. It does nothing until it is told to.
func New(opts Options) *Worker {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&opts.Lease, DefaultLease)
	set(&opts.Nap, DefaultNap)
	set(&opts.Poll, DefaultPoll)
	if opts.Runs == 0 {
		opts.Runs = DefaultRuns
	}
	shared := &breakers{Services: opts.Services, store: opts.Store, worker: opts.Name, telemetry: opts.Telemetry, of: map[string]*shared{}}
	return &Worker{opts: opts, breakers: shared, graphs: map[string]*graph.Graph{}, active: map[string]*active{}, free: make(chan struct{}, 1)}
}

// ErrSecret is the error of a run that would put a secret into a store without a key.
var ErrSecret = errors.New("the store has no key, so that it cannot keep secrets")

// Create begins a run in a store and leaves it to whoever works there. The input must be
// prepared. If there is a run of this id or business key already, that is returned, with
// journal.ErrExists.
func Create(ctx context.Context, store journal.Store, key *journal.Key, d journal.Definition, g *graph.Graph, run journal.Run, input map[string]any) (journal.Run, error) {
	c, err := create(ctx, store, key, d, g, run, input, "")
	return c.Run, err
}

// create begins a run, and claims it for a worker unless that is "".
func create(ctx context.Context, store journal.Store, key *journal.Key, d journal.Definition, g *graph.Graph, run journal.Run, input map[string]any, worker string) (c journal.Claim, err error) {
	c.Run = run
	if key == nil {
		if path := Secret(g, input); path != "" {
			return c, fmt.Errorf("%w: %s", ErrSecret, path)
		}
	}
	text, err := value.EncodeJSON(input, "")
	if err != nil {
		return c, err
	}
	if run.Correlation = sim.CorrelationID(input); run.Correlation == "" {
		run.Correlation = run.ID
	}
	run.Input = key.Seal(text, place(run.ID, "input"))
	p := project(g, run.Start)
	status := journal.Status{State: journal.Running}
	status.Steps, _ = p.take()
	return store.Create(ctx, d, run, status, worker)
}

// Start begins a run as [Create] does, and takes it at once if the worker is at work and
// has room; else whoever is free takes it.
func (w *Worker) Start(ctx context.Context, d journal.Definition, g *graph.Graph, run journal.Run, input map[string]any) (journal.Run, error) {
	a := w.reserve(run.ID)
	name := ""
	if a != nil {
		name = w.opts.Name
	}
	c, err := create(ctx, w.opts.Store, w.opts.Key, d, g, run, input, name)
	switch {
	case a != nil && err != nil:
		w.release(run.ID)
	case a != nil:
		a.fresh = &History{Run: c.Run, Graph: g, Input: input}
		go w.work(c, a)
	case err == nil:
		w.tell()
	}
	return c.Run, err
}

// reserve makes room for a run; nil if there is none, or Serve is not at work. What is
// reserved must be released.
func (w *Worker) reserve(run string) *active {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.serving == nil || len(w.active) >= w.opts.Runs || w.active[run] != nil || len(w.opts.Only) > 0 && !slices.Contains(w.opts.Only, run) {
		return nil
	}
	a := &active{ctx: w.serving, inbox: make(chan []journal.Message, 1)}
	w.active[run] = a
	w.all.Add(1)
	return a
}

func (w *Worker) release(run string) {
	w.mu.Lock()
	delete(w.active, run)
	w.mu.Unlock()
	w.tell()
	w.all.Done()
}

// tell wakes Serve.
func (w *Worker) tell() {
	select {
	case w.free <- struct{}{}:
	default:
	}
}

// Tell leaves an event for a run, whose moment is when the run takes it. Whoever has the
// run, or claims it next, applies it. Who told it, and why, is written down beside it.
func Tell(ctx context.Context, store journal.Store, key *journal.Key, run string, ev machine.Event, by, why string) error {
	text, err := journal.Encode(ev)
	if err != nil {
		return err
	}
	return store.Post(ctx, run, key.Seal(text, place(run, "message")), journal.Deed{At: time.Now(), What: deed(ev), By: by, Why: why})
}

// deed is an event from outside in a few words.
func deed(ev machine.Event) string {
	switch ev := ev.(type) {
	case machine.CancelRequested:
		return "cancel"
	case machine.SignalReceived:
		return "signal " + ev.Name
	case machine.StepResolved:
		return "resolve " + ev.Step
	case machine.StepRetried:
		return strings.TrimSpace("retry " + ev.Step)
	}
	panic(fmt.Sprintf("nobody tells a run %T", ev))
}

// place is what a sealed text is bound to.
func place(run, what string) string { return run + " " + what }

// Serve works until the context ends; then it gives all of its runs back, as they stand.
// A run that is due begins at once, at most Runs at a time. If drained is not nil, Serve
// ends as well when it says so; it is asked when nothing is under way here.
func (w *Worker) Serve(ctx context.Context, drained func() bool) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.mu.Lock()
	w.serving = inner
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.serving = nil
		w.mu.Unlock()
		stop()
		w.all.Wait()
		w.breakers.releases.Wait()
	}()
	log := w.opts.Telemetry.Log().With("worker", w.opts.Name)
	log.Info("worker begins", "runs", w.opts.Runs, "lease", w.opts.Lease)
	defer log.Info("worker ends")
	var alive, looked time.Time // said that, and at what others have left
	for {
		now := time.Now()
		if now.Sub(alive) >= w.opts.Lease/3 || now.Before(alive) {
			if err := w.opts.Store.Alive(ctx, w.opts.Name, now.Add(w.opts.Lease)); err != nil {
				return err
			}
			alive = now
		}
		if now.Sub(looked) >= w.opts.Poll || now.Before(looked) { // not for each run that ends
			if err := errors.Join(w.breakers.learn(ctx), w.deliver(ctx)); err != nil && ctx.Err() == nil {
				return err
			}
			looked = now
		}
		claims, err := w.opts.Store.Claim(ctx, w.opts.Name, now, w.opts.Runs-w.count(), w.opts.Only...)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for _, c := range claims {
			w.begin(inner, c)
		}
		if len(claims) > 0 && w.count() < w.opts.Runs {
			continue // there may be more
		}
		if drained != nil && w.count() == 0 && drained() {
			return nil
		}
		wait := w.opts.Poll
		if next, err := w.opts.Store.Next(ctx); err == nil && !next.IsZero() && w.count() < w.opts.Runs {
			wait = min(wait, max(time.Until(next), time.Millisecond))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-w.free:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (w *Worker) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.active)
}

// deliver hands over what others have left for runs that are in memory.
func (w *Worker) deliver(ctx context.Context) error {
	ids, err := w.opts.Store.Told(ctx, w.opts.Name)
	if err != nil {
		return err
	}
	for _, id := range ids {
		w.mu.Lock()
		a := w.active[id]
		w.mu.Unlock()
		if a == nil {
			continue
		}
		messages, err := w.opts.Store.Inbox(ctx, id)
		if err != nil {
			return err
		}
		select {
		case a.inbox <- messages:
		default: // it has not looked at the last ones yet
		}
	}
	return nil
}

// begin runs what was claimed, on a goroutine of its own.
func (w *Worker) begin(ctx context.Context, c journal.Claim) {
	a := &active{ctx: ctx, inbox: make(chan []journal.Message, 1)}
	w.mu.Lock()
	w.active[c.Run.ID] = a
	w.mu.Unlock()
	w.all.Add(1)
	go w.work(c, a)
}

// work goes on with a run as long as it can, and releases it.
func (w *Worker) work(c journal.Claim, a *active) {
	defer w.release(c.Run.ID)
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	err := w.run(ctx, c, a)
	if err != nil && !errors.Is(err, journal.ErrFenced) {
		w.giveUp(ctx, c)
	}
	if err != nil {
		w.opts.Telemetry.Log().Error("left", "worker", w.opts.Name, "run", c.Run.ID, "workflow", c.Run.Workflow, "error", err)
	}
	if err != nil && w.opts.Lost != nil && ctx.Err() == nil {
		w.opts.Lost(c.Run, err)
	}
}

// graph compiles a definition, once.
func (w *Worker) graph(ctx context.Context, hash string) (*graph.Graph, error) {
	w.mu.Lock()
	g := w.graphs[hash]
	w.mu.Unlock()
	if g != nil {
		return g, nil
	}
	d, err := w.opts.Store.Definition(ctx, hash)
	if err != nil {
		return nil, err
	}
	if g, err = w.opts.Compile(d); err != nil {
		return nil, fmt.Errorf("the definition of the run cannot be compiled here: %w", err)
	}
	if sum, err := g.Hash(); err != nil || sum != d.Graph {
		return nil, fmt.Errorf("the definition of the run means something else here (%s, not %s): its services have changed, or wf has", sum, d.Graph)
	}
	w.mu.Lock()
	w.graphs[hash] = g
	w.mu.Unlock()
	return g, nil
}
