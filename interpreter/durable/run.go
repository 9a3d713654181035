package durable

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wf/interpreter"
	"wf/interpreter/journal"
	"wf/interpreter/machine"
	"wf/interpreter/telemetry"
	"wf/lang/graph"
	"wf/lang/value"
)

// History is what a store knows of a run, ready to be applied.
type History struct {
	Run    journal.Run
	Graph  *graph.Graph
	Input  map[string]any
	Events []machine.Event // behind Started
}

// history reads a run, unless it began here.
func (w *Worker) history(ctx context.Context, r journal.Run, a *active) (h History, err error) {
	if a.fresh != nil {
		return *a.fresh, nil
	}
	g, err := w.graph(ctx, r.Definition)
	if err != nil {
		return h, err
	}
	return Load(ctx, w.opts.Store, w.opts.Key, r, g)
}

// Replay applies the events to a fresh machine, which is then where the run was when the
// store was read. trace is told what happened; nil: nobody listens.
func (h History) Replay(trace func(machine.Entry)) (*machine.Machine, error) {
	m := machine.New(h.Graph, h.Input, machine.Config{RunID: h.Run.ID, CorrelationID: h.Run.Correlation, Seed: h.Run.Seed, Start: h.Run.Start, Trace: trace})
	return m, interpreter.Replay(m, h.Events, nil)
}

// Load reads what a store knows of a run of a graph.
func Load(ctx context.Context, store journal.Store, key *journal.Key, r journal.Run, g *graph.Graph) (h History, err error) {
	h.Run, h.Graph = r, g
	text, err := key.Open(r.Input, place(r.ID, "input"))
	if err != nil {
		return h, fmt.Errorf("the input of run %s cannot be read: %w", r.ID, err)
	}
	input, err := value.DecodeJSON(text)
	if err != nil {
		return h, fmt.Errorf("the input of run %s is damaged: %w", r.ID, err)
	}
	h.Input, _ = input.(map[string]any)
	kept, err := store.Events(ctx, r.ID)
	if err != nil {
		return h, err
	}
	for i, b := range kept {
		text, err := key.Open(b, place(r.ID, strconv.Itoa(i)))
		if err != nil {
			return h, fmt.Errorf("event %d of run %s cannot be read: %w", i, r.ID, err)
		}
		ev, err := journal.Decode(text)
		if err != nil {
			return h, fmt.Errorf("event %d of run %s is damaged: %w", i, r.ID, err)
		}
		h.Events = append(h.Events, ev)
	}
	return h, nil
}

// session is one run in memory: what it appends, and what is shown of it.
type session struct {
	w     *Worker
	claim journal.Claim
	graph *graph.Graph
	shown *projection
	n     int                // events in the store
	wake  time.Duration      // at which it goes to sleep
	over  bool               // its end is written
	taken map[int64]struct{} // messages that were handed over
}

// run goes on with a run until it has ended, sleeps, or the context ends.
func (w *Worker) run(ctx context.Context, c journal.Claim, a *active) error {
	h, err := w.history(ctx, c.Run, a)
	if err != nil {
		return err
	}
	s := &session{w: w, claim: c, graph: h.Graph, shown: project(h.Graph, c.Run.Start), n: len(h.Events), taken: map[int64]struct{}{}}
	known := len(h.Events)
	if a.fresh == nil {
		if h.Events, err = s.welcome(ctx, h.Events); err != nil {
			return err
		}
	}
	tell := w.opts.Telemetry.Begin(telemetry.Info{ID: c.Run.ID, Workflow: c.Run.Workflow, Version: c.Run.Version, Correlation: c.Run.Correlation, Start: c.Run.Start})
	defer tell.Leave()
	switch {
	case !c.Wake.IsZero():
		tell.Taken(c.Wake, time.Now(), true)
	case known == 0:
		tell.Taken(c.Run.Start, time.Now(), false)
	}
	outside := make(chan interpreter.Outside)
	go s.listen(ctx, a, outside)
	live := known == 0
	opts := interpreter.Options{Registry: w.breakers, Seed: c.Run.Seed, Start: c.Run.Start, RunID: c.Run.ID,
		Past: h.Events, Again: c.Fence > 1, Append: s.append, Idle: s.idle, Outside: outside,
		Replayed: func(n int) { live = n >= known },
		Trace: func(e machine.Entry) {
			s.shown.entry(e)
			tell.Entry(e, live)
			if live {
				s.judged(e)
			}
			if live && w.opts.Trace != nil {
				w.opts.Trace(c.Run, e)
			}
		}}
	result, err := interpreter.Run(ctx, h.Graph, h.Input, opts)
	switch {
	case errors.Is(err, interpreter.ErrIdle):
		tell.Log().Debug("sleeps", "until", s.moment())
		return s.leave(journal.Status{State: journal.Waiting, Wake: s.moment()})
	case errors.Is(err, interpreter.ErrLeft):
		return s.leave(journal.Status{State: journal.Running}) // whoever claims it goes on
	case err != nil:
		return err // fenced, or the store is out of order: nothing more is written
	}
	if err := s.end(result); err != nil {
		return err
	}
	if w.opts.Ended != nil {
		w.opts.Ended(c.Run, result)
	}
	return nil
}

// judged tells the breakers of all runs how a call ended.
func (s *session) judged(e machine.Entry) {
	if e.Kind != machine.EntryAnswer {
		return
	}
	service, _, _ := strings.Cut(s.shown.operation(e), ".")
	if changed := s.w.breakers.answered(service, e.Outcome); changed != nil {
		s.w.opts.Telemetry.Breaker(service, changed.State)
		if err := s.w.opts.Store.Keep(context.Background(), *changed); err != nil && s.w.opts.Lost != nil {
			s.w.opts.Lost(s.claim.Run, fmt.Errorf("the breaker of %s is not known to others: %w", service, err))
		}
	}
}

// giveUp leaves a run that cannot go on here, for a while or for another worker. It tries
// until it is written, or the context ends: nobody else takes the run from a worker that
// lives.
func (w *Worker) giveUp(ctx context.Context, c journal.Claim) {
	for {
		status := journal.Status{State: journal.Waiting, Wake: time.Now().Add(w.opts.Lease)}
		rec, err := w.opts.Store.Run(ctx, c.Run.ID)
		if err == nil {
			err = w.opts.Store.Append(ctx, journal.Append{Run: c.Run.ID, Fence: c.Fence, From: rec.Events, Status: &status, Leave: true})
		}
		if err == nil || errors.Is(err, journal.ErrFenced) || errors.Is(err, journal.ErrNotFound) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(w.opts.Lease / 3):
		}
	}
}

// welcome writes what others have told the run while nobody had it. It may have ended, and
// be opened again by that.
func (s *session) welcome(ctx context.Context, events []machine.Event) ([]machine.Event, error) {
	messages, err := s.w.opts.Store.Inbox(ctx, s.claim.Run.ID)
	if err != nil {
		return nil, err
	}
	at := max(0, time.Since(s.claim.Run.Start))
	if len(events) > 0 {
		at = max(at, machine.At(events[len(events)-1]))
	}
	for _, m := range messages {
		s.taken[m.Number] = struct{}{}
		ev, err := s.message(m)
		if err != nil {
			return nil, err
		}
		ev = interpreter.Stamp(ev, at)
		if err := s.append(ev, m.Number, nil); err != nil {
			return nil, err
		}
		events = append(events, ev)
	}
	return events, nil
}

// listen hands over what others tell the run from now on, one by one.
func (s *session) listen(ctx context.Context, a *active, to chan<- interpreter.Outside) {
	for {
		select {
		case messages := <-a.inbox:
			for _, m := range messages {
				if _, known := s.taken[m.Number]; known {
					continue
				}
				s.taken[m.Number] = struct{}{}
				ev, err := s.message(m)
				if err != nil {
					continue
				}
				select {
				case to <- interpreter.Outside{Event: ev, Message: m.Number}:
				case <-ctx.Done():
					return
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *session) message(m journal.Message) (machine.Event, error) {
	text, err := s.w.opts.Key.Open(m.Event, place(s.claim.Run.ID, "message"))
	if err != nil {
		return nil, err
	}
	return journal.Decode(text)
}

// append writes an event, with what has come of it.
func (s *session) append(ev machine.Event, message int64, end *machine.Result) error {
	text, err := journal.Encode(ev)
	if err != nil {
		return err
	}
	a := journal.Append{Run: s.claim.Run.ID, Fence: s.claim.Fence, From: s.n,
		Events: [][]byte{s.w.opts.Key.Seal(text, place(s.claim.Run.ID, strconv.Itoa(s.n)))}}
	if message != 0 {
		a.Taken = []int64{message}
	}
	status := journal.Status{State: journal.Running}
	if end != nil {
		if status, err = s.ended(end); err != nil {
			return err
		}
		a.Leave = true
	}
	status.Steps, status.Attempts = s.shown.take()
	if end != nil || len(status.Steps)+len(status.Attempts) > 0 {
		a.Status = &status
	}
	if err := s.w.opts.Store.Append(context.Background(), a); err != nil {
		return err
	}
	s.n++
	s.over = a.Leave
	return nil
}

// idle is asked when the run only waits.
func (s *session) idle(wake time.Duration) bool {
	s.wake = wake
	return s.w.opts.Nap >= 0 && (wake == 0 || time.Until(s.moment()) > s.w.opts.Nap)
}

// moment is when the run goes on; zero if it waits for somebody only.
func (s *session) moment() time.Time {
	if s.wake == 0 {
		return time.Time{}
	}
	return s.claim.Run.Start.Add(s.wake)
}

func (s *session) leave(status journal.Status) error {
	status.Steps, status.Attempts = s.shown.take()
	return s.w.opts.Store.Append(context.Background(), journal.Append{Run: s.claim.Run.ID, Fence: s.claim.Fence, From: s.n, Status: &status, Leave: true})
}

// end writes what came of the run, if that was not written with its last event.
func (s *session) end(r *machine.Result) error {
	if s.over {
		return nil
	}
	status, err := s.ended(r)
	if err != nil {
		return err
	}
	return s.leave(status)
}

// ended is what is shown of a run with this end.
func (s *session) ended(r *machine.Result) (journal.Status, error) {
	status := journal.Status{State: journal.State(r.Ending), Ended: s.claim.Run.Start.Add(r.Summary.Total)}
	if r.Error != nil {
		status.Code, status.Message = r.Error.Code, r.Error.Message
	}
	if r.Output != nil {
		text, err := value.EncodeJSON(s.graph.Output.Type().Redact(r.Output), "")
		if err != nil {
			return status, err
		}
		status.Output = s.w.opts.Key.Seal(text, place(s.claim.Run.ID, "output"))
	}
	return status, nil
}
