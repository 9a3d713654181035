package machine

import (
	"fmt"
	"slices"

	"wf/lang/graph"
	"wf/lang/value"
)

// effect is what a call with an undo did, or may have done: nobody knows if no answer
// came, or one that says nothing about it.
type effect struct {
	of     *Machine // that made the call
	call   *graph.Call
	place  string
	key    string // idempotency key of the request
	body   any    // of the answer; nil if there is none
	status any
	names  []name  // that its undo may read, beside those of the run
	step   int     // of the scope that holds the effect
	recall *recall // of the call
	order  int     // in the run
	in     *scope  // that holds it; nil: it is being undone, or stands
	stands bool    // there is no way back any more
}

// hold makes an effect one of a step of a scope.
func (s *scope) hold(e *effect, step int) {
	e.in, e.step = s, step
	s.effects = append(s.effects, e)
}

// undoing is a list of effects that are undone one after the other, the latest first.
type undoing struct {
	effects []*effect
	next    int
	then    continuation // when all are
	m       *Machine     // that undoes them
}

// affected takes note of an effect of the current attempt of a call. body is nil if it
// only may have happened.
func (m *Machine) affected(x *exec, cs *callState, body any) {
	if cs.call.Undo == nil {
		return
	}
	e := cs.effect
	if e == nil {
		e = &effect{of: m, call: cs.call, place: cs.request()}
		e.names = x.visible()
		x.scope.hold(e, x.step)
		m.pivotal(x, e)
		cs.effect = e
	}
	m.affects++
	e.recall = cs.recall
	e.key, e.body, e.status, e.order = m.key(cs), body, nil, m.affects
	if body != nil {
		e.status = cs.answer.status
	}
}

// doubtful reports whether an answer leaves open what the service did.
func (a answer) doubtful() bool { return value.Doubtful(a.status, a.class) }

// compensate undoes effects, the latest first, and then goes on. An undo that fails does
// not keep the others from their turn.
func (m *Machine) compensate(who string, effects []*effect, then continuation) {
	if len(effects) == 0 {
		then.proceed(StepResult{})
		return
	}
	effects = slices.Clone(effects)
	slices.SortFunc(effects, func(a, b *effect) int { return b.order - a.order })
	if m.traced() {
		note := "its effect is undone"
		if len(effects) > 1 {
			note = fmt.Sprintf("its %d effects are undone, the latest first", len(effects))
		}
		m.trace(Entry{Kind: EntryDecision, Step: who, Note: note})
	}
	m.undoings++
	m.undoNext(&undoing{effects: effects, then: then, m: m})
}

// undoNext begins the next undo of a list.
func (m *Machine) undoNext(u *undoing) {
	if u.next == len(u.effects) {
		m.undoings--
		u.then.proceed(StepResult{})
		return
	}
	e := u.effects[u.next]
	u.next++
	e.recall.undone = true
	m.reached(e.call.Undo, "taken")
	names := slices.Concat(e.names, []name{{"body", e.body}, {"status", e.status}, {"headers", noHeaders}, {"key", e.key}})
	e.of.aside(e.call.Undo, e.place+".", names, u)
	if e.of != m {
		e.of.attend()
	}
}

// proceed goes on behind an undo.
func (u *undoing) proceed(r StepResult) {
	m, e := u.m, u.effects[u.next-1]
	if r.Ending == Failed {
		m.left = append(m.left, r.Name)
	}
	m.undoNext(u)
	if e.of != m {
		m.attend()
	}
}

// aside executes a block that is no step of the run, and then goes on.
func (m *Machine) aside(b *graph.Block, prefix string, names []name, then continuation) {
	s := m.nested(nil, prefix, b.Steps, m.linksOf(b.Steps))
	s.names, s.then = names, then
	m.open(s)
}

// asideEnded goes on behind such a block.
func (m *Machine) asideEnded(s *scope) {
	r := s.results()[0]
	m.closing = append(m.closing, r)
	m.shut(s)
	s.then.proceed(r)
}

// conclusion settles how the run ends. If it failed or was cancelled, what it did is
// undone first; then comes what the definition says of a failed run, and of every run.
func (m *Machine) conclusion() {
	if m.ending() == Completed || m.ending() == Degraded {
		m.output()
	}
	ending := m.ending()
	var effects []*effect
	failed, finally := m.g.OnFailed, m.g.Finally
	if ending == Failed || ending == Cancelled {
		effects = m.root.take(everyStep)
	}
	if ending != Failed {
		failed = nil
	}
	if len(effects) == 0 && failed == nil && finally == nil {
		m.finish()
		return
	}
	m.concluding, m.compensated = true, len(effects) > 0
	if m.within > 0 { // the deadline does not bound this
		m.emit(CancelTimer{ID{Kind: KindRunWithin, scope: -1}})
		m.within = 0
	}
	for i, s := range m.root.steps {
		m.env[s.Name] = m.root.states[i].result
		if told := s.Told(); told != "" {
			m.env[told] = m.root.failures(i)
		}
	}
	m.compensate("", effects, runUndone{m, failed})
	m.schedule()
}

// handle executes what a run does at its end, if there is anything.
func (m *Machine) handle(b *graph.Block, then continuation) {
	if b == nil {
		then.proceed(StepResult{})
		return
	}
	var names []name
	if m.err != nil {
		names = []name{{"error", map[string]any{"code": m.err.Code, "message": m.err.Message}}}
	}
	m.undoings++
	m.aside(b, m.root.prefix+"run.", names, handled{m, then})
}

// take takes the effects of some steps of a scope out of it.
func (s *scope) take(of func(step int) bool) []*effect {
	var out []*effect
	s.effects = slices.DeleteFunc(s.effects, func(e *effect) bool {
		if of(e.step) {
			e.in, out = nil, append(out, e)
			return true
		}
		return false
	})
	return out
}

// takeFrom takes the effects out of a scope that came last, from the i-th on.
func (s *scope) takeFrom(i int) []*effect {
	out := slices.Clone(s.effects[i:])
	s.effects = s.effects[:i]
	for _, e := range out {
		e.in = nil
	}
	return out
}

// handOn makes all effects of a scope those of a step.
func (s *scope) handOn(to *scope, step int) {
	for _, e := range s.effects {
		to.hold(e, step)
	}
	s.effects = nil
}

func everyStep(int) bool { return true }
