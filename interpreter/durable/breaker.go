package durable

import (
	"context"
	"math"
	"strconv"
	"sync"
	"time"

	"wf/builtins"
	"wf/interpreter/journal"
	"wf/interpreter/machine"
	"wf/interpreter/telemetry"
	"wf/lang/value"
)

// breakers are the breakers that services declare, shared by all runs of a store: a run
// alone may call a service once, and still it is not called while it fails for others. The
// breaker of a run stands before them.
type breakers struct {
	builtins.Services
	store  journal.Store
	worker string

	telemetry *telemetry.Telemetry

	mu       sync.Mutex
	of       map[string]*shared
	releases sync.WaitGroup           // of calls that are over
	held     map[string]time.Duration // how long calls wait that a limit keeps back
}

// shared is the breaker of one service. Its state is that of the store, as far as it is
// known here.
type shared struct {
	journal.Breaker
	rule     value.Breaker
	failures []time.Time   // of late, while it is closed
	probe    chan struct{} // closed when the probe of this worker has been answered; nil: there is none
	since    time.Time     // when the probe was made
}

// Lookup finds an operation behind the limits and the breaker of its service.
func (b *breakers) Lookup(service, operation string) (*builtins.Operation, bool) {
	op, ok := b.Services.Lookup(service, operation)
	if !ok {
		return nil, false
	}
	guarded := *op
	guarded.Func = func(ctx context.Context, c builtins.Call) (builtins.Answer, error) {
		ctx = b.telemetry.Context(ctx, c.RunID, c.Key, c.Attempt)
		do := func() (builtins.Answer, error) {
			if c.Guard != nil && c.Guard.Breaker.On() {
				if a, refused := b.pass(ctx, service, c.Guard.Breaker); refused {
					return a, nil
				}
			}
			return op.Func(ctx, c)
		}
		list := quotas(service, operation, c)
		if len(list) == 0 || c.Guard != nil && c.Guard.Breaker.On() && b.refuses(service) {
			return do()
		}
		return b.limited(ctx, list, c, do)
	}
	return &guarded, true
}

// get is the breaker of a service; a rule that is off leaves the one before. b must be locked.
func (b *breakers) get(service string, rule value.Breaker) *shared {
	s := b.of[service]
	if s == nil {
		s = &shared{Breaker: journal.Breaker{Service: service, State: string(machine.BreakerClosed)}}
		b.of[service] = s
	}
	if rule.On() {
		s.rule = rule
	}
	return s
}

// refuses reports whether a service is not to be called now.
func (b *breakers) refuses(service string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of[service]
	return s != nil && s.State != string(machine.BreakerClosed) && time.Now().Before(s.Until)
}

// pass waits for the probe of another run, and lets a call through or refuses it.
func (b *breakers) pass(ctx context.Context, service string, rule value.Breaker) (a builtins.Answer, refused bool) {
	for {
		b.mu.Lock()
		s, now := b.get(service, rule), time.Now()
		switch {
		case s.State == string(machine.BreakerClosed):
			b.mu.Unlock()
			return a, false
		case now.Before(s.Until):
			left := s.Until.Sub(now)
			b.mu.Unlock()
			return builtins.Answer{Class: value.BreakerOpen, Headers: map[string]string{"retry-after": strconv.Itoa(int(math.Ceil(left.Seconds())))}}, true
		case s.probe == nil || now.Sub(s.since) > s.rule.Open: // a probe that says nothing is none
			s.State, s.probe, s.since = string(machine.BreakerHalfOpen), make(chan struct{}), now
			b.mu.Unlock()
			b.telemetry.Breaker(service, string(machine.BreakerHalfOpen))
			return a, false
		}
		probe := s.probe
		wait := time.NewTimer(s.rule.Open)
		b.mu.Unlock()
		select {
		case <-probe:
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return builtins.Answer{Class: value.BreakerOpen}, true
		}
		wait.Stop()
	}
}

// answered takes note of how a call ended, and reports the state of the breaker if it has
// changed.
func (b *breakers) answered(service, outcome string) (changed *journal.Breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of[service]
	if s == nil {
		return nil
	}
	now := time.Now()
	failed := fails(outcome)
	switch {
	case outcome == value.BreakerOpen:
		return nil
	case s.State != string(machine.BreakerClosed):
		if s.probe == nil { // called before it opened
			return nil
		}
		close(s.probe)
		s.probe = nil
		if failed {
			s.open(now)
		} else {
			s.State, s.Until, s.Changed = string(machine.BreakerClosed), time.Time{}, now
		}
	case !failed:
		return nil
	default:
		s.failures = append(s.failures, now)
		for len(s.failures) > 0 && now.Sub(s.failures[0]) >= s.rule.In {
			s.failures = s.failures[1:]
		}
		if len(s.failures) < s.rule.Failures {
			return nil
		}
		s.open(now)
	}
	out := s.Breaker
	return &out
}

func (s *shared) open(now time.Time) {
	s.State, s.Until, s.Changed, s.failures = string(machine.BreakerOpened), now.Add(s.rule.Open), now, nil
}

// fails reports whether an outcome counts as a failure of the service.
func fails(outcome string) bool {
	status, err := strconv.Atoi(outcome)
	if err != nil {
		return value.Doubtful(0, outcome)
	}
	return value.Doubtful(status, "")
}

// learn takes over what other workers have found out.
func (b *breakers) learn(ctx context.Context) error {
	list, err := b.store.Breakers(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, known := range list {
		s := b.get(known.Service, value.Breaker{})
		if known.Changed.After(s.Changed) && s.probe == nil {
			s.Breaker = known
			b.telemetry.Breaker(s.Service, s.State)
		}
	}
	return nil
}
