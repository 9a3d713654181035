// Package memory keeps runs in memory: for tests, and for programs that need no more.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"wf/interpreter/journal"
)

// Store is a journal.Store.
type Store struct {
	mu          sync.Mutex
	runs        map[string]*run
	order       []*run // in the order of their beginning
	definitions map[string]journal.Definition
	workers     map[string]time.Time
	messages    int64
	breakers    map[string]journal.Breaker
	deeds       []journal.Deed      // of the store
	permits     map[string][]permit // by name of the quota, in the order of their times
}

// permit is a call that is reserved for a time, under way, or over: that one counts for
// rates as long as they look back.
type permit struct {
	call     string
	at       time.Time
	reserved bool
	worker   string // who makes it; "": nobody
}

type run struct {
	number   int
	rec      journal.Record
	fence    int64
	events   [][]byte
	inbox    []journal.Message
	deeds    []journal.Deed
	due      *time.Time // from when on it wants a worker; nil: not by itself
	steps    map[string]journal.Step
	attempts map[attempt]journal.Attempt
}

type attempt struct {
	place  string
	number int
}

// New makes an empty store.
func New() *Store {
	return &Store{runs: map[string]*run{}, definitions: map[string]journal.Definition{}, workers: map[string]time.Time{}, breakers: map[string]journal.Breaker{}, permits: map[string][]permit{}}
}

// Close does nothing.
func (s *Store) Close() error { return nil }

// Definition finds one.
func (s *Store) Definition(_ context.Context, hash string) (journal.Definition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.definitions[hash]
	if !ok {
		return d, journal.ErrNotFound
	}
	return d, nil
}

// Create begins a run.
func (s *Store) Create(_ context.Context, d journal.Definition, r journal.Run, status journal.Status, worker string) (journal.Claim, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	existing := s.runs[r.ID]
	if existing == nil && r.Key != "" {
		if i := slices.IndexFunc(s.order, func(o *run) bool { return o.rec.Workflow == r.Workflow && o.rec.Key == r.Key }); i >= 0 {
			existing = s.order[i]
		}
	}
	if existing != nil {
		return journal.Claim{Run: existing.rec.Run, Events: len(existing.events)}, journal.ErrExists
	}
	if _, known := s.definitions[d.Hash]; !known {
		s.definitions[d.Hash] = d
	}
	if r.Tags == nil {
		r.Tags = map[string]string{}
	}
	claim := journal.Claim{Run: r}
	if worker != "" {
		claim.Fence = 1
	}
	o := &run{number: len(s.order), rec: journal.Record{Run: r, Worker: worker}, fence: claim.Fence, steps: map[string]journal.Step{}, attempts: map[attempt]journal.Attempt{}}
	o.show(status)
	s.runs[r.ID], s.order = o, append(s.order, o)
	return claim, nil
}

func (o *run) show(s journal.Status) {
	for _, st := range s.Steps {
		o.steps[st.Name] = st
	}
	for _, a := range s.Attempts {
		o.attempts[attempt{a.Place, a.Number}] = a
	}
	s.Steps, s.Attempts = nil, nil
	o.rec.Status = s
	o.due = nil
	if now := (time.Time{}); s.State == journal.Running {
		o.due = &now
	} else if !s.Wake.IsZero() {
		o.due = &s.Wake
	}
}

// find is a run that a worker may write to.
func (s *Store) find(id string) (*run, error) {
	o := s.runs[id]
	if o == nil {
		return nil, journal.ErrNotFound
	}
	return o, nil
}

// Append adds to a run.
func (s *Store) Append(_ context.Context, a journal.Append) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.find(a.Run)
	switch {
	case err != nil:
		return err
	case o.fence != a.Fence:
		return journal.ErrFenced
	case len(o.events) != a.From:
		return fmt.Errorf("run %s has %d events, not %d", a.Run, len(o.events), a.From)
	}
	o.events = append(o.events, a.Events...)
	o.inbox = slices.DeleteFunc(o.inbox, func(m journal.Message) bool { return slices.Contains(a.Taken, m.Number) })
	if a.Status != nil {
		o.show(*a.Status)
	}
	if a.Leave {
		o.rec.Worker = ""
		if len(o.inbox) > 0 {
			o.due = &time.Time{}
		}
	}
	return nil
}

// Post leaves a message.
func (s *Store) Post(_ context.Context, id string, event []byte, d journal.Deed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.find(id)
	if err != nil {
		return err
	}
	s.messages++
	o.inbox = append(o.inbox, journal.Message{Number: s.messages, Event: event})
	o.deeds = append(o.deeds, d)
	o.due = &time.Time{}
	return nil
}

// Told are the runs of a worker that have messages.
func (s *Store) Told(_ context.Context, worker string) (out []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.order {
		if o.rec.Worker == worker && len(o.inbox) > 0 {
			out = append(out, o.rec.ID)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Inbox are the messages of a run.
func (s *Store) Inbox(_ context.Context, id string) ([]journal.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.runs[id]
	if o == nil {
		return nil, nil
	}
	return slices.Clone(o.inbox), nil
}

// Claim hands runs to a worker.
func (s *Store) Claim(_ context.Context, worker string, now time.Time, n int, runs ...string) ([]journal.Claim, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	type due struct {
		run *run
		at  time.Time
	}
	var list []due
	for _, o := range s.order {
		switch w := o.rec.Worker; {
		case len(runs) > 0 && !slices.Contains(runs, o.rec.ID):
		case w == "" && o.due != nil && !o.due.After(now):
			list = append(list, due{o, *o.due})
		case w != "" && w != worker && !s.workers[w].After(now):
			list = append(list, due{o, time.Time{}})
		}
	}
	slices.SortStableFunc(list, func(a, b due) int { return a.at.Compare(b.at) })
	var out []journal.Claim
	for _, d := range list[:min(max(n, 0), len(list))] {
		d.run.fence++
		d.run.rec.Worker = worker
		c := journal.Claim{Run: d.run.rec.Run, Fence: d.run.fence, Events: len(d.run.events)}
		if d.run.rec.State == journal.Waiting {
			c.Wake = d.at
		}
		out = append(out, c)
	}
	return out, nil
}

// Alive says that a worker lives.
func (s *Store) Alive(_ context.Context, worker string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers[worker] = until
	return nil
}

// Next is when the next run is due.
func (s *Store) Next(context.Context) (at time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for _, o := range s.order {
		if o.rec.Worker == "" && o.due != nil && (!found || o.due.Before(at)) {
			at, found = *o.due, true
		}
	}
	if found && at.IsZero() {
		at = time.Unix(0, 0).UTC()
	}
	return at, nil
}

// Keep writes a breaker.
func (s *Store) Keep(_ context.Context, b journal.Breaker) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Changed.After(s.breakers[b.Service].Changed) {
		s.breakers[b.Service] = b
	}
	return nil
}

// Breakers are all that were kept.
func (s *Store) Breakers(context.Context) ([]journal.Breaker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.breakers), func(a, b journal.Breaker) int { return cmp.Compare(a.Service, b.Service) }), nil
}

func (o *run) record() journal.Record {
	r := o.rec
	r.Events = len(o.events)
	if r.State != journal.Waiting {
		r.Wake = time.Time{}
	}
	return r
}

// Run finds one.
func (s *Store) Run(_ context.Context, id string) (journal.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.find(id)
	if err != nil {
		return journal.Record{}, err
	}
	return o.record(), nil
}

// Events are those of a run.
func (s *Store) Events(_ context.Context, id string) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return slices.Clone(o.events), nil
}

// Steps and attempts of a run.
func (s *Store) Steps(_ context.Context, id string) ([]journal.Step, []journal.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.find(id)
	if err != nil {
		return nil, nil, err
	}
	steps := slices.SortedFunc(maps.Values(o.steps), func(a, b journal.Step) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Name, b.Name))
	})
	attempts := slices.SortedFunc(maps.Values(o.attempts), func(a, b journal.Attempt) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Number, b.Number))
	})
	return steps, attempts, nil
}

func matches(f journal.Filter, r journal.Record) bool {
	for name, v := range f.Tags {
		if r.Tags[name] != v {
			return false
		}
	}
	if f.Namespace != "" && !strings.HasPrefix(r.Workflow, f.Namespace+".") || f.Version != "" && r.Version != f.Version || f.By != "" && r.By != f.By {
		return false
	}
	return (len(f.States) == 0 || slices.Contains(f.States, r.State)) && (f.Workflow == "" || r.Workflow == f.Workflow) && (f.Key == "" || r.Key == f.Key) &&
		(f.Since.IsZero() || !r.Start.Before(f.Since)) && (f.Before.IsZero() || r.Start.Before(f.Before)) &&
		(f.EndedBefore.IsZero() || !r.Ended.IsZero() && r.Ended.Before(f.EndedBefore))
}

// Deeds are those of a run, or of the store.
func (s *Store) Deeds(_ context.Context, id string) ([]journal.Deed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" {
		return slices.Clone(s.deeds), nil
	}
	o, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return slices.Clone(o.deeds), nil
}

// over reports whether a run has ended, and nobody is about to open it again.
func (o *run) over() bool { return !o.rec.Ended.IsZero() && o.rec.Worker == "" && o.due == nil }

// List chooses runs.
func (s *Store) List(_ context.Context, f journal.Filter) (out []journal.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.order)
	if !f.Oldest {
		slices.Reverse(list)
	}
	limit := cmp.Or(f.Limit, 1000)
	beyond := f.After == ""
	for _, o := range list {
		r := o.record()
		if beyond && matches(f, r) && (!f.Over || o.over()) && len(out) < limit {
			out = append(out, r)
		}
		beyond = beyond || r.ID == f.After
	}
	return out, nil
}

// Prune forgets runs that have ended.
func (s *Store) Prune(_ context.Context, f journal.Filter, d journal.Deed) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.order)
	s.order = slices.DeleteFunc(s.order, func(o *run) bool {
		gone := o.over() && matches(f, o.record())
		if gone {
			delete(s.runs, o.rec.ID)
		}
		return gone
	})
	maps.DeleteFunc(s.definitions, func(hash string, _ journal.Definition) bool {
		return !slices.ContainsFunc(s.order, func(o *run) bool { return o.rec.Definition == hash })
	})
	s.deeds = append(s.deeds, d)
	return before - len(s.order), nil
}
