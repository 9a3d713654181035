package machine

import (
	"fmt"
	"slices"
	"strings"

	"wf/lang/graph"
	"wf/lang/value"
)

/*
A step that is run again executes its statements from the top. What it was answered before
it failed is not asked for again: of every call the run remembers what was asked and what
came of it, by the place, which is the same each time. So a loop of a thousand mails of
which one could not be sent sends that one.
*/

// recall is what a run remembers of a call.
type recall struct {
	number  int32 // of the call in the run, from 0
	place   string
	asked   any   // arguments, or what stands for them
	attempt int32 // the latest; 0: it was never made
	first   int32 // the attempt that began the latest request; 0: the first
	known   knowledge
	blamed  bool // the step failed behind it, so that its answer would fail it again
	undone  bool // what it did is taken back

	status  int // of the answer, if it succeeded
	class   string
	headers map[string]string
	body    any
}

// recalls are what a run remembers, in the order of the calls. They do not move.
type recalls struct {
	full   [][]recall
	latest []recall
	count  int32
}

// add makes room for one; n is how many a small run needs.
func (rs *recalls) add(n int) *recall {
	if len(rs.latest) == cap(rs.latest) {
		if rs.latest != nil {
			rs.full, n = append(rs.full, rs.latest), recallsAtOnce
		}
		rs.latest = make([]recall, 0, min(n, recallsAtOnce))
	}
	rs.latest = rs.latest[:len(rs.latest)+1]
	r := &rs.latest[len(rs.latest)-1]
	r.number = rs.count
	rs.count++
	return r
}

// lists are all of them.
func (rs *recalls) lists() [][]recall { return slices.Concat(rs.full, [][]recall{rs.latest}) }

// recallsAtOnce is for how many calls room is made at once.
const recallsAtOnce = 64

// knowledge is what is known of the latest request of a call.
type knowledge int8

const (
	inDoubt   knowledge = iota // the same request may be made again: what came of it is not settled
	succeeded                  // it succeeded
	refused                    // it is settled, and was no success
)

// note begins to remember a call, and looks for what is remembered of it.
func (m *Machine) note(x *exec, cs *callState) {
	r := m.recalls.add(len(m.root.steps))
	cs.recall, x.last = r, r
	r.place, r.asked = cs.place, cs.args
	switch {
	case cs.call.Sig.Signal:
		r.asked = cs.by
	case cs.call.Sig.Handler:
		r.asked = cs.context.Config
	case cs.call.Runs != nil:
		r.asked = cs.given
	}
}

// noted takes down what came of the current attempt.
func (m *Machine) noted(cs *callState, known knowledge) {
	r := cs.recall
	r.attempt, r.first, r.known = int32(cs.attempt), int32(cs.first), known
	if a := &cs.answer; known == succeeded {
		r.status, r.class, r.headers, r.body = a.status, a.class, a.headers, a.body
	}
}

// blame marks the call behind which a step failed.
func (m *Machine) blame(x *exec) {
	if x.last != nil {
		x.last.blamed = true
	}
}

// recalled goes on with a call that was made before its step was run again. It reports
// whether the call has its answer; else what follows is another attempt of its request, if
// what came of that is in doubt, or another request.
func (m *Machine) recalled(x *exec, cs *callState) bool {
	r := m.before[cs.place]
	if r == nil {
		return false
	}
	anew := m.anew(x)
	same := !r.undone && m.same(cs, r.asked, cs.recall.asked)
	if same && !anew && r.known == succeeded && !r.blamed {
		cs.attempt, cs.first, cs.answer = int(r.attempt), int(r.first), answer{status: r.status, class: r.class, headers: r.headers, body: r.body}
		m.reclaim(x, cs)
		m.noted(cs, succeeded)
		m.tried(x, cs)
		m.decided(x, "it was answered "+cs.answer.String()+" before, and is not called again")
		return true
	}
	cs.attempt, cs.first, cs.since = int(r.attempt)+1, int(r.first), int(r.attempt)
	if same && (r.known == inDoubt || r.known == succeeded && !anew) {
		m.reclaim(x, cs)
	} else {
		cs.first = cs.attempt
	}
	return false
}

// same reports whether a call asks what it asked before. What a handler reads beside what
// it is handed may have changed if a step before it is run anew.
func (m *Machine) same(cs *callState, before, now any) bool {
	if cs.call.Sig.Handler && m.renewed {
		return false
	}
	return digestOf(before) == digestOf(now)
}

func digestOf(v any) value.Digest {
	var h value.Hash
	h.Value(v)
	return h.Sum()
}

// anew reports whether a step is, or is in, one that had not failed and is done anew all
// the same.
func (m *Machine) anew(x *exec) bool {
	s, i := x.scope, x.step
	for s.of != nil {
		s, i = s.of.scope, s.of.step
	}
	return s == m.root && s.states[i].anew
}

// reclaim makes what a request did, or may have done, an effect of the step that runs now.
func (m *Machine) reclaim(x *exec, cs *callState) {
	for _, s := range m.scopes {
		if s == nil {
			continue
		}
		if i := slices.IndexFunc(s.effects, func(e *effect) bool { return e.of == m && e.place == cs.request() }); i >= 0 {
			e := s.effects[i]
			s.effects = slices.Delete(s.effects, i, i+1)
			e.recall, cs.effect = cs.recall, e
			x.scope.hold(e, x.step)
			return
		}
	}
}

// retry runs steps of the run again: the one that is named, or all that failed, and what
// needs them.
func (m *Machine) retry(name string) error {
	from, err := m.retried(name)
	if err != nil {
		return err
	}
	chosen := m.behind(from)
	for i := range m.root.states {
		if st := &m.root.states[i]; chosen[i] && (st.exec != nil || st.ending == "" && st.waits == 0) {
			return fmt.Errorf("step %s is under way, and needs what is to be run again", m.root.name(i))
		}
	}
	m.remember()
	m.renewed, m.pasts = false, nil
	for _, i := range from {
		anew := m.root.states[i].ending != Failed
		m.renewed = m.renewed || anew
		m.trace(Entry{Kind: EntryDecision, Step: m.root.name(i), Note: "run again by a person"})
	}
	for i := range m.root.states {
		if !chosen[i] {
			continue
		}
		st, s := &m.root.states[i], m.root.steps[i]
		if st.ending != "" {
			m.root.left++
		}
		anew := st.ending != Failed && slices.Contains(from, i)
		delete(m.env, s.Name)
		if told := s.Told(); told != "" {
			delete(m.env, told)
		}
		*st = stepState{anew: anew}
	}
	for i := range m.root.states {
		if !chosen[i] {
			continue
		}
		if m.root.states[i].waits = m.waiting(int32(i)); m.root.states[i].waits == 0 {
			m.ready.push(m.root, i)
		}
	}
	m.err = m.firstFailure()
	m.revive()
	m.schedule()
	return nil
}

// retried lists the steps that are to be run again; an error says why they cannot.
func (m *Machine) retried(name string) (from []int, err error) {
	for i, s := range m.root.steps {
		if name != "" && s.Name == name || name == "" && m.root.states[i].ending == Failed {
			from = append(from, i)
		}
	}
	switch {
	case len(from) == 0 && name != "":
		return nil, fmt.Errorf("there is no step %s", name)
	case m.compensated:
		return nil, fmt.Errorf("what the run did is undone; no step of it can be run again")
	case m.concluding:
		return nil, fmt.Errorf("the run has been closed; no step of it can be run again")
	case m.stopped:
		return nil, fmt.Errorf("the run was stopped as a whole; no step of it can be run again")
	case len(from) == 0:
		return nil, fmt.Errorf("no step has failed")
	}
	switch st := &m.root.states[from[0]]; st.ending {
	case "":
		return nil, fmt.Errorf("step %s has not ended yet, and only a step that has is run again", name)
	case NotRun, Skipped, Cancelled:
		return nil, fmt.Errorf("step %s %s, so it cannot be run again%s", name, map[Ending]string{NotRun: "was not run", Skipped: "was skipped", Cancelled: "was cancelled"}[st.ending],
			strings.TrimSuffix(": "+st.reason, ": "))
	}
	return from, nil
}

// behind marks some steps, and those that need them and can run once they have ended.
func (m *Machine) behind(from []int) []bool {
	chosen := make([]bool, len(m.root.states))
	for todo := slices.Clone(from); len(todo) > 0; todo = todo[1:] {
		if chosen[todo[0]] {
			continue
		}
		chosen[todo[0]] = true
		for _, f := range m.root.after(todo[0]) {
			todo = append(todo, int(f))
		}
	}
	for more := true; more; {
		more = false
		for i := range chosen {
			if chosen[i] && !slices.Contains(from, i) && m.barred(chosen, i) {
				chosen[i], more = false, true
			}
		}
	}
	return chosen
}

// barred reports whether a step needs one that will not run and is not chosen either.
func (m *Machine) barred(chosen []bool, i int) bool {
	return slices.ContainsFunc(m.root.steps[i].Needs, func(n graph.Need) bool {
		switch m.root.states[n.Step].ending {
		case Failed, Cancelled, NotRun:
			return !chosen[n.Step]
		}
		return false
	})
}

// remember makes what is known of the calls so far to be found by their places.
func (m *Machine) remember() {
	if m.before == nil {
		m.before = map[string]*recall{}
	}
	for _, list := range m.recalls.lists() {
		for i := range list {
			if r := &list[i]; r.attempt > 0 {
				m.before[r.place] = r
			}
		}
	}
}

// revive opens a run that has ended.
func (m *Machine) revive() {
	if !m.done {
		return
	}
	m.done, m.result = false, nil
	if m.within > m.now {
		m.emit(SetTimer{ID{Kind: KindRunWithin, scope: -1}, m.within})
	} else {
		m.within = 0 // it is over, and a person wants the run to go on
	}
}

// knowledgeOf is what an answer says of its request.
func (cs *callState) knowledgeOf(d value.Disposition) knowledge {
	switch {
	case d == value.Success:
		return succeeded
	case cs.settled():
		return refused
	}
	return inDoubt
}

// remembered reports whether an attempt was made before its step was run again.
func (m *Machine) remembered(id ID, attempt int) bool {
	r := m.before[id.Place]
	return r != nil && attempt <= int(r.attempt)
}
