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
	call   *graph.Call
	place  string
	key    string // idempotency key of the request
	body   any    // of the answer; nil if there is none
	status any
	names  []name // that its undo may read, beside those of the run
	step   int    // of the scope that holds the effect
	order  int    // in the run
}

// undoing is a list of effects that are undone one after the other, the latest first.
type undoing struct {
	effects []*effect
	next    int
	then    func() // what goes on when all are
}

// affected takes note of an effect of the current attempt of a call. body is nil if it
// only may have happened.
func (m *Machine) affected(x *exec, cs *callState, body any) {
	if cs.call.Undo == nil {
		return
	}
	e := cs.effect
	if e == nil {
		e = &effect{call: cs.call, place: cs.place, step: x.step}
		for s := x.scope; s.of != nil; s = s.of.scope {
			e.names = slices.Concat(s.of.names, s.names, e.names)
		}
		e.names = append(e.names, x.names...)
		x.scope.effects = append(x.scope.effects, e)
		cs.effect = e
	}
	m.affects++
	e.key, e.body, e.status, e.order = m.key(cs), body, nil, m.affects
	if body != nil {
		e.status = cs.answer.status
	}
}

// doubtful reports whether an answer leaves open what the service did.
func (a answer) doubtful() bool {
	switch a.class {
	case "":
		return a.status >= 500
	case value.Timeout, value.Unreachable, value.Malformed:
		return true
	}
	return false
}

// compensate undoes effects, the latest first, and then goes on. An undo that fails does
// not keep the others from their turn.
func (m *Machine) compensate(who string, effects []*effect, then func()) {
	if len(effects) == 0 {
		then()
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
	m.undoNext(&undoing{effects: effects, then: then})
}

// undoNext begins the next undo of a list.
func (m *Machine) undoNext(u *undoing) {
	if u.next == len(u.effects) {
		m.undoings--
		u.then()
		return
	}
	e := u.effects[u.next]
	u.next++
	m.reached(e.call.Undo, "taken")
	s := m.nested(nil, e.place+".", e.call.Undo.Steps, m.linksOf(e.call.Undo.Steps))
	s.undo = u
	s.names = append(slices.Clone(e.names), name{"body", e.body}, name{"status", e.status}, name{"headers", noHeaders}, name{"key", e.key})
	m.open(s)
}

// undoEnded goes on with the next undo.
func (m *Machine) undoEnded(s *scope) {
	r := s.results()[0]
	m.undone = append(m.undone, r)
	if r.Ending == Failed {
		m.left = append(m.left, r.Name)
	}
	u := s.undo
	m.shut(s)
	m.undoNext(u)
}

// take takes the effects of some steps of a scope out of it.
func (s *scope) take(of func(step int) bool) []*effect {
	var out []*effect
	s.effects = slices.DeleteFunc(s.effects, func(e *effect) bool {
		if of(e.step) {
			out = append(out, e)
			return true
		}
		return false
	})
	return out
}

func everyStep(int) bool { return true }
