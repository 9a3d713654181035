package machine

import (
	"fmt"
	"slices"

	"wf/lang/graph"
)

// resolve gives a failed step the result a person decided on, and opens the steps
// again that were not run for want of it.
func (m *Machine) resolve(name string, result any) error {
	i := slices.IndexFunc(m.g.Steps, func(s *graph.Step) bool { return s.Name == name })
	switch {
	case i < 0:
		return fmt.Errorf("there is no step %s", name)
	case m.steps[i].ending == "":
		return fmt.Errorf("step %s has not failed yet, and only a failed step is resolved", name)
	case m.steps[i].ending != Failed:
		return fmt.Errorf("step %s is %s, and only a failed step is resolved", name, m.steps[i].ending)
	case m.stopped:
		return fmt.Errorf("the run was stopped as a whole; no step of it can be resolved")
	}
	fitting, violations := m.g.Steps[i].Result.Conform(result, nil)
	if len(violations) > 0 {
		return fmt.Errorf("step %s returns %s: %w", name, m.g.Steps[i].Result, violations)
	}
	st := &m.steps[i]
	st.ending, st.result, st.err, st.reason, st.clause, st.ended = Resolved, fitting, nil, "by a person", "", m.now
	m.publish(i)
	m.traceStepEnded(i)
	m.err = m.firstFailure()
	if m.done {
		m.done, m.result = false, nil
		if m.within > m.now {
			m.emit(SetTimer{ID{Kind: KindRunWithin, step: -1}, m.within})
		} else {
			m.within = 0 // it is over, and a person wants the run to go on
		}
	}
	m.reopen(i)
	m.schedule()
	return nil
}

// firstFailure is why the step that failed first did; nil if none has.
func (m *Machine) firstFailure() *RunError {
	var first *stepState
	for i := range m.steps {
		if st := &m.steps[i]; st.err != nil && (first == nil || st.ended < first.ended) {
			first = st
		}
	}
	if first == nil {
		return nil
	}
	return first.err
}

// reopen lets the followers of a step run that nothing else keeps from it.
func (m *Machine) reopen(i int) {
	todo := []int32{int32(i)}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		for _, f := range m.followers[m.first[at]:m.first[at+1]] {
			st := &m.steps[f]
			if st.ending != NotRun || m.blocked(f) {
				continue
			}
			*st = stepState{waits: m.waiting(f), read: st.read}
			m.left++
			todo = append(todo, f)
			if st.waits == 0 {
				m.ready.push(f)
			}
		}
	}
}

// blocked reports whether a step needs one that will not run.
func (m *Machine) blocked(i int32) bool {
	return slices.ContainsFunc(m.g.Steps[i].Needs, func(n graph.Need) bool {
		switch m.steps[n.Step].ending {
		case Failed, Cancelled, NotRun:
			return true
		}
		return false
	})
}

// waiting counts the needs of a step that have not ended.
func (m *Machine) waiting(i int32) int32 {
	n := int32(0)
	for _, need := range m.g.Steps[i].Needs {
		if m.steps[need.Step].ending == "" {
			n++
		}
	}
	return n
}
