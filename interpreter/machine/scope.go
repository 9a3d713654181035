package machine

import (
	"wf/lang/graph"
)

// scope is a set of steps that run together: those of the run, those of a group, or the
// one step of an item of a loop.
type scope struct {
	seq    int32 // order of creation in the run; the run itself is 0
	of     *exec // the step that runs these; nil: the run
	prefix string
	steps  []*graph.Step
	states []stepState
	*links
	left    int  // steps that have not ended
	limit   int  // steps at once; 0: no limit
	running int  // steps under way
	held    heap // steps that are ready and wait for the limit
	names   []name
	item    int          // of a loop, from 0
	then    continuation // behind a block that is no step of the run
	effects []*effect    // of its steps, that can be undone
}

// links says which steps wait for which.
type links struct {
	followers []int32 // steps that need step i: followers[first[i]:first[i+1]]
	first     []int32
	waits     []int32 // how many steps each needs
	read      []int32 // 0: no other step reads its result; else which of those that are read it is, from 1
	reads     int     // how many are read
}

// link counts what every step waits for and lists who waits for it.
func link(steps []*graph.Step) links {
	n, edges := len(steps), 0
	for _, s := range steps {
		edges += len(s.Needs)
	}
	room := make([]int32, 3*n+2+edges)
	l := links{waits: room[:n], read: room[n : 2*n], first: room[2*n : 3*n+2], followers: room[3*n+2:]}
	for i, s := range steps {
		l.waits[i] = int32(len(s.Needs))
		for _, need := range s.Needs {
			l.first[need.Step+2]++
			if need.Data {
				l.read[need.Step] = 1
			}
		}
	}
	for i := range n {
		l.first[i+2] += l.first[i+1]
		if l.read[i] > 0 {
			l.reads++
			l.read[i] = int32(l.reads)
		}
	}
	for i, s := range steps {
		for _, need := range s.Needs { // first[j+1] moves from the beginning of j's part to its end
			l.followers[l.first[need.Step+1]] = int32(i)
			l.first[need.Step+1]++
		}
	}
	return l
}

// after lists the steps that need step i.
func (s *scope) after(i int) []int32 { return s.followers[s.first[i]:s.first[i+1]] }

// name of step i, the same in every run of the definition.
func (s *scope) name(i int) string {
	if s.prefix == "" {
		return s.steps[i].Name
	}
	return s.prefix + s.steps[i].Name
}

// items is how many items there are of the loop that this is an item of; 0: it is none.
func (s *scope) items() int {
	if s.of == nil || s.of.inner == nil {
		return 0
	}
	return len(s.of.inner.items)
}

// top is the step of the run that everything here belongs to, or step i itself.
func (s *scope) top(i int) int {
	for s.of != nil {
		s, i = s.of.scope, s.of.step
	}
	return i
}

// open begins a set of steps: those that need nothing are ready.
func (m *Machine) open(s *scope) {
	for i, n := range s.waits {
		if s.states[i].waits = n; n == 0 {
			m.ready.push(s, i)
		}
	}
}

// nested makes the scope of a group or item. Names that its steps read are nil until
// those they belong to have ended: another round may have left them a value.
func (m *Machine) nested(of *exec, prefix string, steps []*graph.Step, l *links) *scope {
	s := &scope{seq: int32(len(m.scopes)), of: of, prefix: prefix, steps: steps, states: make([]stepState, len(steps)), links: l, left: len(steps)}
	s.names = make([]name, 0, l.reads+1) // and the variable of a loop
	for i, st := range steps {
		if l.read[i] > 0 {
			s.names = append(s.names, name{st.Name, nil})
		}
	}
	m.scopes = append(m.scopes, s)
	return s
}

// linksOf is the links of a group's steps, made once a run.
func (m *Machine) linksOf(steps []*graph.Step) *links {
	l := m.linked[steps[0]]
	if l == nil {
		if m.linked == nil {
			m.linked = map[*graph.Step]*links{}
		}
		made := link(steps)
		l = &made
		m.linked[steps[0]] = l
	}
	return l
}

// lay makes the names readable that step i of a scope reads, but for those of the run,
// which always are. Those it needs have ended, so it sees what they returned.
func (m *Machine) lay(s *scope, i int) {
	if s == m.root {
		return
	}
	if s.of != nil {
		m.lay(s.of.scope, s.of.step)
		m.bindAll(s.of.names)
	}
	for _, need := range s.steps[i].Needs {
		if need.Data {
			at := s.read[need.Step] - 1
			m.bindAll(s.names[at : at+1])
			if told := s.steps[need.Step].Told(); told != "" {
				m.env[told] = s.failures(need.Step)
			}
		}
	}
	m.bindAll(s.names[s.reads:]) // the variable of a loop, or what an undo knows
}

func (m *Machine) bindAll(names []name) {
	for _, n := range names {
		m.env[n.name] = n.value
	}
}

// failures lists the items of step i that failed, which is a loop.
func (s *scope) failures(i int) []any {
	if list := s.states[i].failures; list != nil {
		return list
	}
	return none
}

var none = []any{}

// publish lets expressions read what a step returned.
func (m *Machine) publish(s *scope, i int) {
	if told := s.steps[i].Told(); told != "" && s == m.root {
		m.env[told] = s.failures(i)
	}
	switch st := &s.states[i]; {
	case s.read[i] == 0 || st.result == nil:
	case s == m.root:
		m.env[s.steps[i].Name] = st.result
	default:
		s.names[s.read[i]-1].value = st.result
	}
}

// abandon ends the steps of a scope that nobody waits for any more.
func (m *Machine) abandon(s *scope, reason string) {
	for i := range s.states {
		st := &s.states[i]
		switch {
		case st.ending != "":
		case st.exec != nil:
			x := st.exec
			m.giveUp(x, reason)
			m.tidies(x, tidied{ending: Cancelled})
			m.settle(s, i, Cancelled, reason)
		default:
			m.settle(s, i, NotRun, reason)
		}
	}
}

// shut forgets a nested scope whose steps have ended. Its effects are those of the step
// around it.
func (m *Machine) shut(s *scope) {
	if s == m.root {
		return
	}
	m.scopes[s.seq] = nil
	if s.of != nil {
		s.handOn(s.of.scope, s.of.step)
	}
}

// heap holds steps that may start: those of the scope opened first, in source order.
type heap []readyStep

type readyStep struct {
	scope *scope
	step  int32
}

func (a readyStep) before(b readyStep) bool {
	if a.scope != b.scope {
		return a.scope.seq < b.scope.seq
	}
	return a.step < b.step
}

func (h *heap) push(s *scope, step int) {
	q := append(*h, readyStep{s, int32(step)})
	for i := len(q) - 1; i > 0; {
		up := (i - 1) / 2
		if !q[i].before(q[up]) {
			break
		}
		q[up], q[i] = q[i], q[up]
		i = up
	}
	*h = q
}

func (h *heap) pop() readyStep {
	q := *h
	top := q[0]
	last := len(q) - 1
	q[0], q[last] = q[last], readyStep{}
	q = q[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && q[down+1].before(q[down]) {
			down++
		}
		if !q[down].before(q[i]) {
			break
		}
		q[i], q[down] = q[down], q[i]
		i = down
	}
	*h = q
	return top
}
