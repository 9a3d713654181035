package machine

import (
	"fmt"
	"slices"

	"wf/lang/graph"
	"wf/lang/value"
)

// resolve gives a failed step the result a person decided on, and opens the steps
// again that were not run for want of it.
func (m *Machine) resolve(name string, result any) error {
	i := slices.IndexFunc(m.root.steps, func(s *graph.Step) bool { return s.Name == name })
	switch {
	case i < 0:
		return fmt.Errorf("there is no step %s", name)
	case m.root.states[i].ending == "":
		return fmt.Errorf("step %s has not failed yet, and only a failed step is resolved", name)
	case m.root.states[i].ending != Failed:
		return fmt.Errorf("step %s is %s, and only a failed step is resolved", name, m.root.states[i].ending)
	case m.compensated:
		return fmt.Errorf("what the run did is undone; no step of it can be resolved")
	case m.concluding:
		return fmt.Errorf("the run has been closed; no step of it can be resolved")
	case m.stopped:
		return fmt.Errorf("the run was stopped as a whole; no step of it can be resolved")
	}
	fitting, violations := m.root.steps[i].Result.Conform(result, nil)
	if len(violations) > 0 {
		return fmt.Errorf("step %s returns %s: %w", name, m.root.steps[i].Result, violations)
	}
	st := &m.root.states[i]
	st.ending, st.result, st.err, st.reason, st.clause, st.ended = Resolved, fitting, nil, "by a person", "", m.now
	st.digest = value.Digest{}
	m.publish(m.root, i)
	m.traceStepEnded(m.root, i)
	m.tellEnded(m.root, i)
	m.crossed(m.root, i)
	m.err = m.firstFailure()
	m.revive()
	m.reopen(i)
	m.schedule()
	return nil
}

// firstFailure is why the step that failed first did; nil if none has.
func (m *Machine) firstFailure() *RunError {
	var first *stepState
	for i := range m.root.states {
		if st := &m.root.states[i]; st.err != nil && (first == nil || st.failed < first.failed) {
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
		for _, f := range m.root.after(int(at)) {
			st := &m.root.states[f]
			if st.ending != NotRun || m.blocked(f) {
				continue
			}
			*st = stepState{waits: m.waiting(f)}
			m.root.left++
			todo = append(todo, f)
			if st.waits == 0 {
				m.ready.push(m.root, int(f))
			}
		}
	}
}

// blocked reports whether a step needs one that will not run.
func (m *Machine) blocked(i int32) bool {
	return slices.ContainsFunc(m.root.steps[i].Needs, func(n graph.Need) bool {
		switch m.root.states[n.Step].ending {
		case Failed, Cancelled, NotRun:
			return true
		}
		return false
	})
}

// waiting counts the needs of a step that have not ended.
func (m *Machine) waiting(i int32) int32 {
	n := int32(0)
	for _, need := range m.root.steps[i].Needs {
		if m.root.states[need.Step].ending == "" {
			n++
		}
	}
	return n
}
