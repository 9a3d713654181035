package machine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"wf/lang/graph"
	"wf/lang/value"
)

// Hasher makes digests of the runs of one graph. It is not safe for concurrent use.
type Hasher struct{ in digester }

// Coarse makes digests that tell deadlines of the run and of steps apart by a share of their
// length only, so that runs which are a little later than others are like them. What the
// digests say of such runs holds but for deadlines that are close. 0: exactly.
func (h *Hasher) Coarse(parts int) { h.in.parts = parts }

// digester writes a state to a hash.
type digester struct {
	value.Hash
	*surveyor
	now     time.Duration
	effects []heldEffect
	tickets []*ticket
	set     value.Digest // of what has no order
	parts   int          // see Hasher.Coarse
	outer   value.Hash
}

// heldEffect is an effect and whose it is.
type heldEffect struct {
	in *scope
	of *Machine
	it *effect
}

// NewHasher returns a hasher for runs of a graph.
func NewHasher(g *graph.Graph) *Hasher { return &Hasher{digester{surveyor: survey(g)}} }

// Digest is a fingerprint of what a run can still do. Of two runs of the same graph, input
// and config whose digests are equal, the same holds from now on: after equal events, at
// moments as far from now, they give equal commands (with timers as far from now), and come
// to the same ending, error code, output and endings of steps.
//
// What is past may differ between them, as far as nothing can read it any more: when things
// happened, how many attempts a call took that is over, what was answered before it was
// tried again; and texts that are only for people: reasons, labels, what is traced, times in
// the summary.
//
// The moment itself counts only if the definition can tell: by a wait until a time, by the
// start of a workflow that is called, or by the message of a breaker. A Retry-After that is a
// date is an event that is not as far from now; answers of that kind are not equal.
//
// That a person has a step run again is no event that is foreseen: it brings back what was
// asked and answered before. But once it has happened, all that counts.
//
// m is the run itself, between two events.
func (h *Hasher) Digest(m *Machine) value.Digest { return h.in.run(m) }

func (h *digester) run(m *Machine) value.Digest {
	h.Hash, h.now = value.Hash{}, m.now
	h.reckon(m)
	h.shared(m.shared)
	clock := h.machine(m)
	h.Int(len(m.runs))
	for _, c := range m.runs {
		if c != nil && c != m {
			h.Int(int(c.seq))
			h.caller(c)
			clock = h.machine(c) || clock
		}
	}
	if clock {
		h.Word(uint64(m.now))
	}
	return h.Sum()
}

// open begins what has no order: each element is written between begin and end, as if it
// were alone.
func (h *digester) open() { h.set = value.Digest{} }

func (h *digester) begin() { h.outer, h.Hash = h.Hash, value.Hash{} }

func (h *digester) end() {
	h.set.Add(h.Sum())
	h.Hash = h.outer
}

func (h *digester) shut() { h.Hash.Digest(h.set) }

// flags writes a few truth values at once.
func (h *digester) flags(list ...bool) {
	w := uint64(1)
	for _, yes := range list {
		if w <<= 1; yes {
			w |= 1
		}
	}
	h.Word(w)
}

// until writes how far away a moment is.
func (h *digester) until(at time.Duration) { h.Word(uint64(at - h.now)) }

// deadline writes how far away the end of a time is.
func (h *digester) deadline(from, to time.Duration) {
	if h.parts == 0 || to <= from {
		h.until(to)
		return
	}
	h.Word(uint64((to - h.now) * time.Duration(h.parts) / (to - from)))
}

// ending writes how a step ended; "" if it has not.
func (h *digester) ending(e Ending) {
	if e == "" {
		h.Word(0)
	} else {
		h.Word(uint64(len(e))<<16 | uint64(e[0])<<8 | uint64(e[1])) // which tells them apart
	}
}

// place writes which step of a run something is.
func (h *digester) place(m *Machine, s *scope, step int) {
	h.Word(uint64(m.seq)<<32 | uint64(uint32(s.seq)))
	h.Int(step)
}

// why writes a failure, with its message if that can be read.
func (h *digester) why(e *RunError, tells bool) {
	if e == nil {
		h.Word(0)
		return
	}
	h.Word(1)
	h.Text(e.Code)
	if tells {
		h.Text(e.Message)
	}
}

// names writes what is bound, as far as it is read.
func (h *digester) names(list []name, f *facts) {
	for _, n := range list {
		if f.read(n.name) {
			h.Text(n.name)
			h.Value(n.value)
		}
	}
	h.Word(hashEnd)
}

// shared writes what the machines of a run have in common.
func (h *digester) shared(s *shared) {
	h.open()
	for _, g := range s.gates {
		h.begin()
		h.gate(g)
		h.end()
	}
	h.shut()
	h.open()
	for _, b := range s.posts {
		if b.first != nil || len(b.kept) > 0 {
			h.begin()
			h.mailbox(b)
			h.end()
		}
	}
	h.shut()
	h.remembered(s)
	h.Int(len(s.closing))
	for i := range s.closing {
		r := &s.closing[i]
		h.Text(r.Name)
		h.ending(r.Ending)
	}
}

// remembered writes what is known of the calls that were made before a step was run again.
func (h *digester) remembered(s *shared) {
	h.flags(s.before != nil, s.renewed)
	if s.before == nil {
		return
	}
	h.open()
	for _, list := range s.recalls.lists() {
		for i := range list {
			if r := &list[i]; s.before[r.place] == r {
				h.begin()
				h.recall(r)
				h.end()
			}
		}
	}
	h.shut()
}

func (h *digester) recall(r *recall) {
	h.Text(r.place)
	h.Value(r.asked)
	h.Int(int(r.attempt))
	h.Int(int(r.first))
	h.Int(int(r.known))
	h.flags(r.blamed, r.undone)
	h.Int(r.status)
	h.Text(r.class)
	h.Texts(r.headers)
	h.Value(r.body)
}

func (h *digester) gate(g *gate) {
	h.Text(g.service)
	h.bound(&g.bound)
	h.Int(g.timers)
	if h.flags(g.set); g.set {
		h.until(g.timer)
	}
	h.breaker(&g.breaker)
	h.tickets = h.tickets[:0]
	var lanes value.Digest
	for _, l := range g.lanes {
		var lane value.Hash
		lane, h.Hash = h.Hash, lane
		h.Text(l.of.Operation)
		h.bound(&l.bound)
		lanes.Add(h.Sum())
		h.Hash = lane
		for _, t := range l.queue[l.first:] {
			if !t.gone {
				h.tickets = append(h.tickets, t)
			}
		}
	}
	h.Hash.Digest(lanes)
	if len(h.tickets) > 1 {
		slices.SortFunc(h.tickets, func(a, b *ticket) int { return cmp.Compare(a.seq, b.seq) })
	}
	h.Int(len(h.tickets))
	for _, t := range h.tickets {
		h.place(t.m, t.x.scope, t.x.step)
	}
}

func (h *digester) bound(b *bound) {
	h.Int(b.limit)
	h.Int(b.running)
	h.window(&b.rate)
}

// window writes what is still within the length of time. What is not counts for nothing.
func (h *digester) window(w *window) {
	h.Int(w.most)
	h.Word(uint64(w.length))
	for i := range w.at {
		at := w.at[(w.oldest+i)%len(w.at)]
		if at+w.length > h.now {
			h.until(at)
		}
	}
	h.Word(hashEnd)
}

// breaker writes the state of a breaker. One that may let a probe through does the same
// whether its time is over or a probe of it was given up.
func (h *digester) breaker(b *breaker) {
	h.Int(b.Failures)
	if !b.On() {
		return
	}
	h.Word(uint64(b.In))
	h.Word(uint64(b.Open))
	switch {
	case b.state == BreakerClosed:
		h.window(&b.failures)
	case b.probing:
		h.Word(2)
	default:
		h.Word(3)
		h.Word(uint64(b.lasts(h.now)))
	}
}

func (h *digester) mailbox(b *mailbox) {
	h.Text(b.signal)
	h.Text(b.key)
	for w := b.first; w != nil; w = w.next {
		h.place(w.run, w.of.scope, w.of.step)
	}
	h.Word(hashEnd)
	h.Int(len(b.kept))
	for _, payload := range b.kept {
		h.Value(payload)
	}
}

// caller writes what a called workflow has of its caller.
func (h *digester) caller(c *Machine) {
	h.Int(int(c.of.seq))
	h.Text(c.place)
	tells := h.told(c)
	h.flags(c.waiter != nil, c.told, c.overdue != "")
	if c.waiter != nil {
		h.place(c.of, c.waiter.scope, c.waiter.step)
	}
	if tells {
		h.Text(c.overdue)
	}
	h.then(c.then)
	h.Value(c.env["input"])
	h.Value(c.env["run"])
}

// machine writes the state of one machine. It reports whether what that is going to do may
// depend on what the clock shows.
func (h *digester) machine(m *Machine) (clock bool) {
	g := h.graphs[m.g]
	clock = g.clock
	h.flags(m.begun, m.done, m.cancelled, m.stopped, m.concluding, m.compensated, m.undone, len(m.left) > 0, m.within > 0)
	switch {
	case m.within == 0:
	case m.done: // it counts if the run is opened again
		h.until(max(m.within, m.now))
	default:
		h.deadline(m.since, m.within)
	}
	h.why(m.err, h.tells(m))
	h.Value(m.outcome)
	h.Int(m.undoings)
	h.Int(len(m.scopes))
	h.queue(m.ready)
	for _, s := range m.scopes {
		if s != nil {
			h.scope(m, s)
		}
	}
	h.Word(hashEnd)
	for i := range m.root.states {
		clock = clock || g.steps[i].clock && m.may(i)
	}
	return clock
}

// tells reports whether the failure of a run is read: at its end, or by its caller.
func (h *digester) tells(m *Machine) bool { return h.graphs[m.g].tells || h.told(m) }

// told reports whether the caller of a workflow may read how that failed.
func (h *digester) told(m *Machine) bool {
	return m.of != nil && m.waiter != nil && h.hears(m.of, m.waiter.scope, m.waiter.step)
}

// hears reports whether the message of a failure of a step is read: by the step, one around
// it, or at the end of the run.
func (h *digester) hears(m *Machine, s *scope, step int) bool {
	for {
		f := h.steps[s.steps[step]]
		if f.read("error") || f.each && s.steps[step].Told() != "" {
			return true
		}
		switch {
		case s.then != nil: // whatever goes on behind it
			return true
		case s.of == nil:
			return h.tells(m)
		}
		s, step = s.of.scope, s.of.step
	}
}

// reckon writes the effects of a run that can be undone, in the order in which they
// happened: no matter who has them now, they may come together.
func (h *digester) reckon(m *Machine) {
	h.effects = h.effects[:0]
	h.gather(m)
	for _, c := range m.runs {
		if c != nil && c != m {
			h.gather(c)
		}
	}
	if len(h.effects) > 1 {
		slices.SortFunc(h.effects, func(a, b heldEffect) int { return cmp.Compare(a.it.order, b.it.order) })
	}
	h.Int(len(h.effects))
	for _, e := range h.effects {
		h.place(e.of, e.in, e.it.step)
		h.effect(e.it)
	}
}

func (h *digester) gather(m *Machine) {
	for _, s := range m.scopes {
		if s != nil {
			for _, e := range s.effects {
				h.effects = append(h.effects, heldEffect{s, m, e})
			}
		}
	}
}

func (h *digester) effect(e *effect) {
	f := h.steps[e.call.Undo.Steps[0]]
	h.Int(int(e.of.seq))
	h.Text(e.place)
	if f.read("body") {
		h.Value(e.body)
	}
	if f.read("status") {
		h.Value(e.status)
	}
	if f.read("key") {
		h.Text(e.key)
	}
	h.names(e.names, f)
}

// queue writes which steps are ready. Those that have ended meanwhile are none.
func (h *digester) queue(q heap) {
	h.open()
	for _, r := range q {
		if r.scope.states[r.step].ending == "" {
			h.begin()
			h.Word(uint64(r.scope.seq)<<32 | uint64(uint32(r.step)))
			h.end()
		}
	}
	h.shut()
}

func (h *digester) scope(m *Machine, s *scope) {
	h.Int(int(s.seq))
	if s != m.root {
		h.Text(s.prefix)
		h.Text(s.steps[0].Name)
		h.Int(s.limit)
		if s.of != nil {
			h.place(m, s.of.scope, s.of.step)
		}
		if len(s.names) > s.reads { // the others are results of its steps
			h.names(s.names[s.reads:], h.steps[s.steps[0]])
		}
		h.queue(s.held)
		h.then(s.then)
	}
	for i := range s.states {
		st := &s.states[i]
		h.ending(st.ending)
		if st.anew {
			h.Word(hashEnd)
		}
		switch {
		case st.ending != "":
			h.ended(m, s, i)
		case st.exec != nil:
			h.exec(m, st.exec)
		}
	}
}

// ended writes what is left of a step that has ended.
func (h *digester) ended(m *Machine, s *scope, i int) {
	st := &s.states[i]
	if st.err != nil {
		h.why(st.err, h.hears(m, s, i))
		if s == m.root {
			h.Int(s.sooner(st))
		}
	}
	if (st.result != nil || st.failures != nil) && h.readable(m, s, i) {
		h.result(st)
		h.Value(st.failures)
	}
	if len(st.inner) > 0 {
		h.inside(st.inner, h.steps[s.steps[i]].each)
	}
}

// sooner is how many steps failed before one did; which was the first counts if a person
// resolves one.
func (s *scope) sooner(of *stepState) (n int) {
	for i := range s.states {
		if st := &s.states[i]; st.err != nil && st.failed < of.failed {
			n++
		}
	}
	return n
}

// result writes what a step returned; its digest is kept, because it does not change.
func (h *digester) result(st *stepState) {
	if st.digest == (value.Digest{}) {
		var of value.Hash
		of.Value(st.result)
		st.digest = of.Sum()
	}
	h.Hash.Digest(st.digest)
}

// readable reports whether what a step returned can still be read. What those inside a group
// return always can: by what is behind it.
func (h *digester) readable(m *Machine, s *scope, i int) bool {
	if s != m.root {
		return true
	}
	g := h.graphs[m.g]
	return g.kept[i] || slices.ContainsFunc(g.readers[i], m.may) || slices.ContainsFunc(g.handlers, m.may)
}

// may reports whether a step of a workflow may still do something: it has not ended, or was
// not run, and a person may resolve what kept it from that.
func (m *Machine) may(step int) bool {
	ending := m.root.states[step].ending
	return ending == "" || ending == NotRun && m.of == nil && !m.concluding && !m.stopped
}

// inside writes how the steps inside a step ended. Of the workflows that a call made one
// after the other, the last one counts.
func (h *digester) inside(list []StepResult, items bool) {
	for i := range list {
		r := &list[i]
		if !items && slices.ContainsFunc(list[i+1:], func(later StepResult) bool { return later.Def == r.Def }) {
			continue
		}
		h.ending(r.Ending)
		if r.Error != nil {
			h.Text(r.Error.Code)
		}
		if len(r.Steps) > 0 {
			f := h.steps[r.Def]
			h.inside(r.Steps, f != nil && f.each)
		}
	}
	h.Word(hashEnd)
}

// hashEnd ends lists of which not all is written.
const hashEnd = 1 << 40

func (h *digester) exec(m *Machine, x *exec) {
	f := h.steps[x.def()]
	hears := h.hears(m, x.scope, x.step)
	due := x.within > 0 && !x.late
	h.flags(x.undoing, x.late, x.paused, due, x.degraded != "", x.finally != nil, x.inner != nil, x.call != nil)
	h.Int(x.pauses)
	if due {
		h.deadline(x.state().started, x.within)
	}
	if x.paused {
		h.until(x.until)
	}
	if x.finally != nil {
		h.Int(f.ids[x.finally])
	}
	h.names(x.names, f)
	h.Value(x.main)
	h.Int(len(x.frames))
	for i := range x.frames {
		h.frame(m, x, i, hears)
	}
	if x.call != nil {
		h.call(m, x, x.call, hears)
	}
	if x.inner != nil {
		h.inner(x, x.inner, hears)
	}
	h.inside(x.state().inner, false)
	for _, md := range x.made {
		if of := f.within[md.call]; of != nil && x.live(of) {
			h.Text(md.call.Place)
			h.Int(md.rounds)
		}
	}
	h.Word(hashEnd)
}

// live reports whether a call is not over, so that its clauses may be taken.
func (x *exec) live(c *graph.Call) bool {
	if x.call != nil && x.call.call == c {
		return true
	}
	return slices.ContainsFunc(x.frames, func(f frame) bool { return f.owner != nil && f.owner.call == c })
}

// frame writes the block that is executed at a depth, and how far.
func (h *digester) frame(m *Machine, x *exec, depth int, hears bool) {
	f := &x.frames[depth]
	h.Int(f.next)
	if depth > 0 {
		below := &x.frames[depth-1]
		h.Int(f.which(below.body[below.next-1]))
	}
	h.why(f.why, hears)
	if f.owner != nil {
		h.call(m, x, f.owner, hears)
	}
}

// which says which block of a statement this is, or which clause of its call.
func (f *frame) which(st graph.Stmt) int {
	same := func(body []graph.Stmt) bool { return len(body) > 0 && &body[0] == &f.body[0] }
	clauses := func(list []*graph.Clause) int {
		return slices.IndexFunc(list, func(c *graph.Clause) bool { return same(c.Body) })
	}
	if f.owner != nil {
		return clauses(f.owner.call.Clauses)
	}
	switch st := st.(type) {
	case *graph.Switch:
		return slices.IndexFunc(st.Arms, func(a *graph.Arm) bool { return same(a.Body) })
	case *graph.Group:
		return clauses(st.Clauses)
	}
	return -1
}

// call writes a call that is not over. What was answered is written where it can be read: in
// a clause, and between two attempts if a deadline may lead to one.
func (h *digester) call(m *Machine, x *exec, cs *callState, hears bool) {
	current := x.call == cs
	h.Text(cs.place)
	h.Int(cs.attempt)
	h.Int(cs.first)
	h.Int(cs.since)
	h.Int(len(cs.counts))
	for _, o := range cs.counts {
		h.Int(h.steps[x.def()].ids[o.of])
		h.Int(o.n)
	}
	h.Text(cs.own)
	switch {
	case cs.context != nil:
		h.Value(cs.context.Config)
	case cs.call.Runs != nil:
		h.Value(cs.given)
	default:
		if cs.digest == (value.Digest{}) {
			var of value.Hash
			of.Value(cs.args)
			of.Value(cs.by)
			cs.digest = of.Sum()
		}
		h.Hash.Digest(cs.digest)
	}
	h.Int(h.rank(cs.effect))
	timed := current && !cs.waiting && cs.ticket == nil && cs.timeout > 0
	h.flags(cs.waiting, cs.held, cs.ticket != nil, cs.passed, cs.passed && cs.probe, cs.child != nil, cs.awaits != nil, timed)
	if timed {
		h.until(cs.timeout)
		if hears {
			h.Word(uint64(cs.timeout - cs.sent))
		}
	}
	if cs.waiting {
		h.until(cs.resume)
	}
	if cs.child != nil {
		h.Int(int(cs.child.seq))
	}
	if !current || cs.waiting && x.within > 0 && !x.late {
		h.answer(&cs.answer, hears)
	}
}

// rank is the place of an effect among those that were reckoned, from 1; 0: there is none,
// or it is undone.
func (h *digester) rank(e *effect) int {
	if e == nil {
		return 0
	}
	return 1 + slices.IndexFunc(h.effects, func(r heldEffect) bool { return r.it == e })
}

func (h *digester) answer(a *answer, hears bool) {
	h.Int(a.status)
	h.Text(a.class)
	h.Value(a.body)
	h.Texts(a.headers)
	if hears {
		h.Text(a.message)
	}
}

// inner writes how far the steps inside a step have come.
func (h *digester) inner(x *exec, in *inner, hears bool) {
	h.Int(in.first)
	h.Int(in.failures)
	h.flags(in.degraded != "", in.loop != nil)
	h.why(in.failed, hears)
	h.Int(len(in.won))
	for _, v := range in.won {
		h.Value(v)
	}
	if in.loop == nil {
		h.Int(int(in.scope.seq))
		return
	}
	h.Int(len(in.items))
	h.Int(in.next)
	h.Int(in.ended)
	h.Int(in.tolerated)
	for i := range in.items {
		switch r := &in.steps[i]; {
		case in.open[i] != nil:
			h.Word(1)
			h.Int(int(in.open[i].seq))
		case r.Ending != "":
			h.ending(r.Ending)
			if in.first == 0 {
				h.Value(in.results[i])
			}
			if r.Error != nil {
				h.why(r.Error, hears)
				h.Text(in.keys[i])
			}
		default:
			h.Word(2)
			h.Text(in.keys[i])
			h.Value(in.items[i])
		}
	}
	h.inside(in.steps, true)
	for _, id := range in.ids {
		h.Value(id)
	}
}

// then writes what goes on behind something; nil is nothing.
func (h *digester) then(c continuation) {
	switch t := c.(type) {
	case nil:
		h.Word(0)
	case *undoing:
		h.Word(1)
		h.Int(int(t.m.seq))
		h.Int(int(t.effects[t.next-1].of.seq))
		h.Int(len(t.effects) - t.next)
		for _, e := range t.effects[t.next:] {
			h.effect(e)
		}
		h.then(t.then)
	case vainUndone:
		if h.Word(2); h.under(t.running) {
			hears := h.hears(t.m, t.x.scope, t.x.step)
			h.flags(t.short)
			h.inner(t.x, t.in, hears)
			if s := t.in.scope; s != nil { // it is shut, but its results are to be bound yet
				for i := range s.states {
					h.ending(s.states[i].ending)
					h.ended(t.m, s, i)
				}
			}
		}
	case itemUndone:
		h.Word(3)
		if h.flags(t.alive()); t.alive() {
			h.Int(int(t.s.seq))
		}
	case runUndone:
		h.Word(4)
		h.flags(t.failed != nil)
		h.Int(int(t.m.seq))
	case failedHandled:
		h.Word(5)
		h.Int(int(t.m.seq))
	case finallyHandled:
		h.Word(6)
		h.Int(int(t.m.seq))
	case handled:
		h.Word(7)
		h.Int(int(t.m.seq))
		h.then(t.then)
	case tidied:
		if h.Word(8); h.under(t.running) {
			h.ending(t.ending)
			h.Value(t.result)
			h.why(t.err, h.hears(t.m, t.x.scope, t.x.step))
		}
	case deserted:
		if h.Word(9); h.under(t.running) {
			hears := h.hears(t.m, t.x.scope, t.x.step)
			h.call(t.m, t.x, t.call, hears)
			h.why(t.why, hears)
		}
	default:
		panic(fmt.Sprintf("unknown continuation %T", c))
	}
}

// under writes which step something is done for; nothing more counts if that is given up.
func (h *digester) under(r running) bool {
	alive := r.alive()
	h.flags(alive)
	if alive {
		h.place(r.m, r.x.scope, r.x.step)
	}
	return alive
}
