package machine

import (
	"fmt"
	"time"

	"wf/lang/graph"
	"wf/lang/value"
)

// gate is what every call of one service passes that is bounded: its breaker, how many
// calls are under way at once, and how many are made in a time. Calls that may not be
// made yet are held, first come, first served.
type gate struct {
	service string
	breaker breaker
	bound
	lanes  []*lane // of its operations, by first use
	held   int     // calls, of all lanes
	seq    int     // of the last one held
	timer  time.Duration
	timers int  // how often the timer was set
	set    bool // it is
	freed  bool // something has changed that may let a held call go
}

// lane is what the calls of one operation pass in a gate.
type lane struct {
	of *value.Signature
	bound
	queue []*ticket // from first on
	first int
}

// bound is how many calls are under way, and were made of late.
type bound struct {
	limit   int // 0: any number
	running int
	rate    window // most 0: any number
}

// ticket is a call that is held.
type ticket struct {
	m     *Machine // that makes the call
	x     *exec
	cs    *callState
	seq   int
	since time.Duration
	gone  bool // nobody waits for it any more
}

func newBound(g *value.Guard) bound {
	if g == nil {
		return bound{}
	}
	return bound{limit: g.Limit, rate: window{most: g.Rate.Calls, length: g.Rate.Per}}
}

// full says why no further call may be made now; "" if one may. until is when one may,
// if that is known.
func (b *bound) full(now time.Duration, of string) (why string, until time.Duration) {
	switch {
	case b.limit > 0 && b.running >= b.limit:
		return fmt.Sprintf("limit %d of %s", b.limit, of), 0
	case b.rate.most > 0 && b.rate.full(now):
		return fmt.Sprintf("limit %d per %s of %s", b.rate.most, value.FormatDuration(b.rate.length), of), b.rate.free()
	}
	return "", 0
}

func (b *bound) made(now time.Duration) {
	b.running++
	if b.rate.most > 0 {
		b.rate.add(now)
	}
}

// gate is that of a call; nil if nothing bounds it.
func (m *Machine) gate(c *graph.Call) (*gate, *lane) {
	sig := c.Sig
	if c.Runs != nil || sig.Guard == nil && sig.ServiceGuard == nil && !c.Breaker {
		return nil, nil
	}
	name := sig.Service
	if sig.Handler { // each is a service of its own
		name = sig.Name()
	}
	g := m.gateAt[name]
	if g == nil {
		g = &gate{service: name, bound: newBound(sig.ServiceGuard)}
		if m.gateAt == nil {
			m.gateAt = map[string]*gate{}
		}
		m.gateAt[name] = g
		m.gates = append(m.gates, g)
	}
	switch {
	case g.breaker.On() || !c.Breaker:
	case sig.ServiceGuard != nil && sig.ServiceGuard.Breaker.On():
		g.breaker = newBreaker(sig.ServiceGuard.Breaker)
	default: // of the workflow that is the first to have one
		g.breaker = newBreaker(m.breaks)
	}
	for _, l := range g.lanes {
		if l.of.Operation == sig.Operation {
			return g, l
		}
	}
	l := &lane{of: sig, bound: newBound(sig.Guard)}
	g.lanes = append(g.lanes, l)
	return g, l
}

// arrive makes an attempt, or refuses it, or holds it.
func (m *Machine) arrive(x *exec, cs *callState) {
	g, l := m.gate(cs.call)
	cs.gate, cs.lane = g, l
	switch {
	case g == nil:
		m.send(x, cs)
	case g.refuses(cs.call, m.now):
		m.refuse(x, cs)
	default:
		why, _ := g.closed(cs.call, l, m.now)
		switch {
		case why != "":
		case g.freed || l.waiting() != nil || g.next(m.now) != nil:
			why = "others of " + g.service + " are held before it"
		default:
			m.pass(x, cs)
			return
		}
		m.hold(x, cs, why)
	}
}

// refuses reports whether a call is not to be made, because the breaker is open.
func (g *gate) refuses(c *graph.Call, now time.Duration) bool {
	return c.Breaker && g.breaker.refuses(now)
}

// closed says why a call of a lane may not be made yet; "" if it may.
func (g *gate) closed(c *graph.Call, l *lane, now time.Duration) (why string, until time.Duration) {
	if c.Breaker && g.breaker.probing {
		return "the breaker of " + g.service + " waits for its probe", 0
	}
	if why, until = g.full(now, g.service); why == "" {
		why, until = l.full(now, l.of.Name())
	}
	return why, until
}

// pass makes an attempt that nothing keeps back.
func (m *Machine) pass(x *exec, cs *callState) {
	g := cs.gate
	g.bound.made(m.now)
	cs.lane.bound.made(m.now)
	cs.passed = true
	if cs.delay > 0 {
		m.services.entry(cs.call.Sig.Service).Held += cs.delay
	}
	if cs.probe = cs.call.Breaker && g.breaker.made(); cs.probe {
		m.traceBreaker(x, cs, "this call is the probe")
	}
	m.send(x, cs)
}

func (m *Machine) hold(x *exec, cs *callState, why string) {
	g := cs.gate
	g.seq++
	cs.ticket = &ticket{m: m, x: x, cs: cs, seq: g.seq, since: m.now}
	cs.lane.queue = append(cs.lane.queue, cs.ticket)
	g.held++
	if m.traced() {
		e := m.about(x, cs, EntryHeld)
		e.Note = why
		m.trace(e)
	}
	m.free(g) // a timer may be needed
}

// free says that a gate is to be looked at before the event is over.
func (s *shared) free(g *gate) {
	if g.held > 0 && !g.freed {
		g.freed = true
		s.freed = append(s.freed, g)
	}
}

// pump lets held calls go where something has changed. It reports whether anything had.
func (s *shared) pump() (any bool) {
	for len(s.freed) > 0 {
		g := s.freed[0]
		s.freed = s.freed[1:]
		s.drain(g)
		g.freed = false
		s.alarm(g)
		any = true
	}
	return any
}

// drain lets the held calls of a gate go that may: the one that came first of those whose
// operation lets it.
func (s *shared) drain(g *gate) {
	for g.held > 0 {
		next := g.next(s.now)
		if next == nil {
			return
		}
		t := next.waiting()
		next.first++
		m, x, cs := t.m, t.x, t.cs
		cs.ticket = nil
		g.held--
		cs.delay = m.now - t.since
		m.resume(x)
		if g.refuses(cs.call, m.now) {
			m.refuse(x, cs)
		} else {
			m.pass(x, cs)
		}
		m.attend()
	}
}

// next is the lane of the held call that goes next: that came first of those that may go
// now, or are to be refused; nil if there is none.
func (g *gate) next(now time.Duration) *lane {
	if g.held == 0 {
		return nil
	}
	var next *lane
	for _, l := range g.lanes {
		t := l.waiting()
		if t == nil || next != nil && next.waiting().seq < t.seq {
			continue
		}
		if why, _ := g.closed(t.cs.call, l, now); why == "" || g.refuses(t.cs.call, now) {
			next = l
		}
	}
	return next
}

// waiting is the first call that a lane holds; nil if it holds none.
func (l *lane) waiting() *ticket {
	for l.first < len(l.queue) && l.queue[l.first].gone {
		l.first++
	}
	switch {
	case l.first == len(l.queue):
		l.queue, l.first = l.queue[:0], 0
		return nil
	case l.first > 64 && l.first > len(l.queue)/2:
		n := copy(l.queue, l.queue[l.first:])
		clear(l.queue[n:])
		l.queue, l.first = l.queue[:n], 0
	}
	return l.queue[l.first]
}

// alarm sets the timer of a gate for the moment when a held call may go without anything
// else happening, or revokes it.
func (s *shared) alarm(g *gate) {
	var at time.Duration
	needed := false
	for _, l := range g.lanes {
		t := l.waiting()
		if t == nil {
			continue
		}
		if _, until := g.closed(t.cs.call, l, s.now); until > 0 && (!needed || until < at) {
			at, needed = until, true
		}
	}
	if g.set && (!needed || at != g.timer) {
		s.out = append(s.out, CancelTimer{g.id()})
		g.set = false
	}
	if needed && !g.set {
		g.timers++
		g.timer, g.set = at, true
		s.out = append(s.out, SetTimer{g.id(), at})
	}
}

func (g *gate) id() ID { return ID{Place: g.service, Attempt: g.timers, Kind: KindLimit, scope: -1} }

// limitFired takes the timer of a gate.
func (s *shared) limitFired(id ID) error {
	g := s.gateAt[id.Place]
	switch {
	case g == nil || id.Attempt < 1 || id.Attempt > g.timers:
		return fmt.Errorf("%s was never asked for", id)
	case !g.set || id != g.id():
		return nil
	case s.now < g.timer:
		return early(id, g.timer)
	}
	g.set = false
	s.free(g)
	return nil
}

// refuse ends an attempt that is not made, because the breaker of its service is open.
func (m *Machine) refuse(x *exec, cs *callState) {
	g := cs.gate
	m.tried(x, cs)
	cs.sent = m.now
	a := answer{class: value.BreakerOpen, message: "the breaker of " + g.service + " is open until +" + offset(g.breaker.until)}
	m.services.entry(cs.call.Sig.Service).Refused++
	m.judge(x, cs, a)
}

// leaveGate takes note that a call of a gate is over. known says that an answer came.
func (m *Machine) leaveGate(x *exec, cs *callState, known bool) {
	if !cs.passed {
		return
	}
	cs.passed = false
	g := cs.gate
	g.running--
	cs.lane.running--
	switch failed := cs.answer.doubtful(); {
	case !known && cs.probe:
		g.breaker.probing = false
	case known && cs.call.Breaker && g.breaker.answered(m.now, cs.probe, failed):
		why := "the probe succeeded"
		switch {
		case cs.probe && failed:
			why = "the probe failed"
		case failed:
			why = fmt.Sprintf("%s in %s", failures(g.breaker.Failures), value.FormatDuration(g.breaker.In))
		}
		if failed {
			m.reached(graph.Opened{Service: g.service}, string(BreakerOpened))
		}
		m.traceBreaker(x, cs, why)
	}
	m.free(g)
}

func failures(n int) string {
	if n == 1 {
		return "1 failure"
	}
	return fmt.Sprintf("%d failures", n)
}

// drop forgets a held call.
func (m *Machine) drop(cs *callState) {
	cs.ticket.gone = true
	cs.ticket = nil
	cs.gate.held--
	if cs.gate.held == 0 {
		m.alarm(cs.gate)
	}
}

func (m *Machine) traceBreaker(x *exec, cs *callState, why string) {
	if !m.traced() {
		return
	}
	b := &cs.gate.breaker
	e := m.about(x, cs, EntryBreaker)
	e.Service, e.State, e.Note = cs.gate.service, b.state, why
	if b.state == BreakerOpened {
		e.Until = b.until
	}
	m.trace(e)
}
