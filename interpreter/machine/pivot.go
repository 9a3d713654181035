package machine

import "slices"

// pivotal notes by name the steps behind which an effect stands.
func (m *Machine) pivotal(x *exec, e *effect) {
	for _, p := range e.call.Until {
		s := x.scope
		for range p.Up {
			s = s.of.scope
		}
		if m.pivots == nil {
			m.pivots = map[string][]*effect{}
		}
		name := s.name(p.Step)
		m.pivots[name] = append(m.pivots[name], e)
	}
}

// crossed lets the effects stand for which a step was the point of no return: it has completed.
func (m *Machine) crossed(s *scope, i int) {
	if len(m.pivots) == 0 {
		return
	}
	name := s.name(i)
	effects := m.pivots[name]
	delete(m.pivots, name)
	for _, e := range effects {
		if e.in == nil {
			continue
		}
		e.stands = true
		m.reached(e.call.Undo, "stands")
		if m.traced() {
			m.trace(Entry{Kind: EntryDecision, Step: e.place, Note: "its effect stands: " + name + " " + string(s.states[i].ending)})
		}
	}
	for _, e := range effects {
		if e.in != nil {
			e.in.release()
		}
	}
}

// release forgets the effects that stand.
func (s *scope) release() {
	s.effects = slices.DeleteFunc(s.effects, func(e *effect) bool {
		if e.stands {
			e.in = nil
		}
		return e.stands
	})
}
