package machine

import (
	"fmt"
	"maps"
	"slices"
)

// Clone is a copy of the machine that goes on by itself: what is told to one changes nothing
// of the other. ended is told of the steps that end in the copy, see Config; nobody else
// listens to it. A machine is copied between two events, never while Apply runs. The two
// share scratch memory, so they must not be used at the same time.
func (m *Machine) Clone(ended func(StepResult)) *Machine {
	return (&cloner{from: m.shared, ended: ended}).machine(m)
}

// cloner copies what can change. What can not is shared: the definition, values, results,
// and failures that are known with their place. Each thing is copied once, however many
// refer to it.
type cloner struct {
	from  *shared
	to    *shared
	ended func(StepResult)

	machines map[*Machine]*Machine
	scopes   map[*scope]*scope
	execs    map[*exec]*exec
	calls    map[*callState]*callState
	inners   map[*inner]*inner
	effects  map[*effect]*effect
	errors   map[*RunError]*RunError
	gates    map[*gate]*gate
	tickets  map[*ticket]*ticket
	waiters  map[*waiter]*waiter
	undoings map[*undoing]*undoing
}

// once finds the copy of something, or makes room for one: then first is true, and it is to
// be filled. The copy of nil is nil.
func once[T any](known *map[*T]*T, of *T) (c *T, first bool) {
	if c = (*known)[of]; c != nil || of == nil {
		return c, false
	}
	if *known == nil {
		*known = map[*T]*T{}
	}
	c = new(T)
	(*known)[of] = c
	return c, true
}

func (cl *cloner) machine(m *Machine) *Machine {
	c, first := once(&cl.machines, m)
	if !first {
		return c
	}
	if m.seq == 0 { // it is the first to be copied
		cl.to = &c.room.shared
	}
	*c = Machine{shared: cl.to, caller: m.caller, g: m.g, cfg: m.cfg, eval: m.eval, env: maps.Clone(m.env), begun: m.begun, done: m.done, linked: m.linked,
		running: m.running, limit: m.limit, since: m.since, within: m.within, err: m.err, failures: m.failures, cancelled: m.cancelled,
		stopped: m.stopped, pasts: slices.Clone(m.pasts), outcome: m.outcome, breaks: m.breaks, result: m.result, undoings: m.undoings,
		concluding: m.concluding, compensated: m.compensated, undone: m.undone, left: slices.Clip(m.left)}
	c.cfg.Ended, c.cfg.Trace, c.cfg.Cover, c.eval.Observe = cl.ended, nil, nil, nil
	if m.seq == 0 {
		cl.common()
	}
	c.spare, c.ready = c.room.spare[:0], append(heap(c.room.ready[:0]), cl.heap(m.ready)...)
	c.scopes = make([]*scope, len(m.scopes))
	for i, s := range m.scopes {
		c.scopes[i] = cl.scope(s)
	}
	c.root = cl.scope(m.root)
	c.of, c.waiter, c.awaited, c.then = cl.machine(m.of), cl.exec(m.waiter), cl.call(m.awaited), cl.continuation(m.then)
	if m.pivots != nil {
		c.pivots = make(map[string][]*effect, len(m.pivots))
		for _, step := range slices.Sorted(maps.Keys(m.pivots)) {
			c.pivots[step] = cl.list(m.pivots[step])
		}
	}
	return c
}

// common copies what the machines of a run have in common.
func (cl *cloner) common() {
	s, c := cl.from, cl.to
	if len(s.agenda) > 0 || len(s.freed) > 0 {
		panic("a machine is copied while it deals with an event")
	}
	*c = shared{now: s.now, services: ledger{slices.Clone(s.services.list), maps.Clone(s.services.at)}, affects: s.affects, closing: slices.Clip(s.closing), renewed: s.renewed, kept: s.kept}
	c.recalls = s.recalls.clone()
	if s.before != nil {
		c.before = make(map[string]*recall, len(s.before))
		for _, list := range s.recalls.lists() {
			for i := range list {
				if r := &list[i]; s.before[r.place] == r {
					c.before[r.place] = cl.recall(r)
				}
			}
		}
	}
	for _, g := range s.gates {
		g := cl.gate(g)
		c.gates = append(c.gates, g)
		if c.gateAt == nil {
			c.gateAt = map[string]*gate{}
		}
		c.gateAt[g.service] = g
	}
	for _, b := range s.posts {
		box := &mailbox{address: b.address, kept: slices.Clip(b.kept)}
		for w := b.first; w != nil; w = w.next {
			to := cl.waiter(w)
			to.box, to.prev = box, box.last
			if box.last == nil {
				box.first = to
			} else {
				box.last.next = to
			}
			box.last = to
		}
		c.posts = append(c.posts, box)
		if c.boxes == nil {
			c.boxes = map[address]*mailbox{}
		}
		c.boxes[box.address] = box
	}
	if len(s.runs) > 0 {
		c.runs = make([]*Machine, len(s.runs))
		for i, m := range s.runs {
			c.runs[i] = cl.machine(m)
		}
	}
}

func (cl *cloner) scope(s *scope) *scope {
	c, first := once(&cl.scopes, s)
	if !first {
		return c
	}
	*c = *s
	c.of, c.states, c.held, c.names, c.then, c.effects = cl.exec(s.of), slices.Clone(s.states), cl.heap(s.held), slices.Clone(s.names), cl.continuation(s.then), cl.list(s.effects)
	for i := range c.states {
		st := &c.states[i]
		st.exec, st.inner = cl.exec(st.exec), slices.Clip(st.inner)
	}
	return c
}

func (cl *cloner) heap(h heap) heap {
	if len(h) == 0 {
		return nil
	}
	c := make(heap, len(h))
	for i, r := range h {
		c[i] = readyStep{cl.scope(r.scope), r.step}
	}
	return c
}

func (cl *cloner) exec(x *exec) *exec {
	c, first := once(&cl.execs, x)
	if !first {
		return c
	}
	*c = exec{scope: cl.scope(x.scope), step: x.step, nests: x.nests, inner: cl.inner(x.inner), undoing: x.undoing, finally: x.finally, call: cl.call(x.call),
		within: x.within, late: x.late, main: x.main, last: cl.recall(x.last), other: x.other, degraded: x.degraded, fallen: cl.error(x.fallen),
		paused: x.paused, pauses: x.pauses, until: x.until}
	c.names, c.made = append(c.room.names[:0], x.names...), append(c.room.made[:0], x.made...)
	c.frames = append(c.room.frames[:0], x.frames...)
	for i := range c.frames {
		f := &c.frames[i]
		f.owner, f.why = cl.call(f.owner), cl.error(f.why)
	}
	return c
}

func (cl *cloner) call(cs *callState) *callState {
	c, first := once(&cl.calls, cs)
	if !first {
		return c
	}
	*c = *cs
	c.child, c.effect, c.counts, c.ticket, c.recall, c.awaits = cl.machine(cs.child), cl.effect(cs.effect), slices.Clone(cs.counts), cl.ticket(cs.ticket), cl.recall(cs.recall), cl.waiter(cs.awaits)
	if cs.gate != nil {
		c.gate = cl.gate(cs.gate)
		c.lane = c.gate.lanes[slices.Index(cs.gate.lanes, cs.lane)]
	}
	return c
}

func (cl *cloner) inner(in *inner) *inner {
	c, first := once(&cl.inners, in)
	if !first {
		return c
	}
	*c = *in
	c.won, c.scope, c.results, c.steps = slices.Clip(in.won), cl.scope(in.scope), slices.Clone(in.results), slices.Clone(in.steps)
	c.open = make([]*scope, len(in.open))
	for i, s := range in.open {
		c.open[i] = cl.scope(s)
	}
	return c
}

func (cl *cloner) effect(e *effect) *effect {
	c, first := once(&cl.effects, e)
	if first {
		*c = *e
		c.of, c.recall, c.in = cl.machine(e.of), cl.recall(e.recall), cl.scope(e.in)
	}
	return c
}

func (cl *cloner) list(effects []*effect) []*effect {
	if len(effects) == 0 {
		return nil
	}
	c := make([]*effect, len(effects))
	for i, e := range effects {
		c[i] = cl.effect(e)
	}
	return c
}

// error copies a failure that a step may still end with: only then is its place written into
// it.
func (cl *cloner) error(e *RunError) *RunError {
	if e == nil || e.Step != "" {
		return e
	}
	c, first := once(&cl.errors, e)
	if first {
		*c = *e
	}
	return c
}

func (cl *cloner) gate(g *gate) *gate {
	c, first := once(&cl.gates, g)
	if !first {
		return c
	}
	*c = *g
	c.bound.rate = g.bound.rate.clone()
	c.breaker.failures = g.breaker.failures.clone()
	c.lanes = make([]*lane, len(g.lanes))
	for i, l := range g.lanes {
		c.lanes[i] = &lane{of: l.of, bound: l.bound}
		c.lanes[i].bound.rate = l.bound.rate.clone()
	}
	for i, l := range g.lanes {
		for _, t := range l.queue[l.first:] {
			c.lanes[i].queue = append(c.lanes[i].queue, cl.ticket(t))
		}
	}
	return c
}

func (w window) clone() window {
	w.at = slices.Clone(w.at)
	return w
}

func (cl *cloner) ticket(t *ticket) *ticket {
	c, first := once(&cl.tickets, t)
	if !first {
		return c
	}
	if c.seq, c.since, c.gone = t.seq, t.since, t.gone; !t.gone {
		c.m, c.x, c.cs = cl.machine(t.m), cl.exec(t.x), cl.call(t.cs)
	}
	return c
}

// waiter copies a wait; its place in the line is given to it by its mailbox.
func (cl *cloner) waiter(w *waiter) *waiter {
	c, first := once(&cl.waiters, w)
	if first {
		c.run, c.of, c.call = cl.machine(w.run), cl.exec(w.of), cl.call(w.call)
	}
	return c
}

// clone puts all that is remembered into one list.
func (rs *recalls) clone() recalls {
	c := recalls{count: rs.count}
	if rs.count > 0 {
		all := make([]recall, 0, rs.count)
		for _, list := range rs.lists() {
			all = append(all, list...)
		}
		c.full = [][]recall{all}
	}
	return c
}

func (cl *cloner) recall(r *recall) *recall {
	if r == nil {
		return nil
	}
	return &cl.to.recalls.full[0][r.number]
}

func (cl *cloner) undoing(u *undoing) *undoing {
	c, first := once(&cl.undoings, u)
	if first {
		c.effects, c.next, c.then, c.m = cl.list(u.effects), u.next, cl.continuation(u.then), cl.machine(u.m)
	}
	return c
}

// running copies whom something is done for. What is given up stays so.
func (cl *cloner) running(r running) running {
	c := running{m: cl.machine(r.m), x: cl.exec(r.x)}
	if r.alive() {
		c.st = c.x.state()
	} else {
		c.st = &stepState{}
	}
	return c
}

func (cl *cloner) continuation(then continuation) continuation {
	switch t := then.(type) {
	case nil:
		return nil
	case *undoing:
		return cl.undoing(t)
	case vainUndone:
		return vainUndone{cl.running(t.running), cl.inner(t.in), t.short}
	case itemUndone:
		return itemUndone{cl.machine(t.m), cl.exec(t.x), cl.inner(t.in), cl.scope(t.s)}
	case runUndone:
		return runUndone{cl.machine(t.m), t.failed}
	case failedHandled:
		return failedHandled{cl.machine(t.m)}
	case finallyHandled:
		return finallyHandled{cl.machine(t.m)}
	case handled:
		return handled{cl.machine(t.m), cl.continuation(t.then)}
	case tidied:
		return tidied{cl.running(t.running), t.ending, t.result, t.reason, cl.error(t.err)}
	case deserted:
		return deserted{cl.running(t.running), cl.call(t.call), cl.error(t.why)}
	}
	panic(fmt.Sprintf("unknown continuation %T", then))
}
