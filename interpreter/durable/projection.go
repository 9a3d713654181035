package durable

import (
	"slices"
	"time"

	"wf/interpreter/journal"
	"wf/interpreter/machine"
	"wf/lang/graph"
)

// projection listens to a machine and keeps what a store shows of its run.
type projection struct {
	start    time.Time
	steps    map[string]*journal.Step
	attempts map[attempt]*journal.Attempt
	changed  struct {
		steps    []string
		attempts []attempt
	}
}

type attempt struct {
	place  string
	number int
}

// project begins with the steps of a graph, none of which has started.
func project(g *graph.Graph, start time.Time) *projection {
	p := &projection{start: start, steps: make(map[string]*journal.Step, len(g.Steps)), attempts: map[attempt]*journal.Attempt{}}
	for i, s := range g.Steps {
		st := &journal.Step{Name: s.Name, Number: i, State: "pending"}
		for _, n := range s.Needs {
			st.Needs = append(st.Needs, g.Steps[n.Step].Name)
		}
		p.steps[s.Name] = st
		p.changed.steps = append(p.changed.steps, s.Name)
	}
	return p
}

func (p *projection) at(d time.Duration) time.Time { return p.start.Add(d) }

// step is one of that name, with the mark that it has changed.
func (p *projection) step(name string) *journal.Step {
	st := p.steps[name]
	if st == nil { // inside of another one
		st = &journal.Step{Name: name, Number: len(p.steps), Inner: true, State: "pending"}
		p.steps[name] = st
	}
	if !slices.Contains(p.changed.steps, name) {
		p.changed.steps = append(p.changed.steps, name)
	}
	return st
}

func (p *projection) attempt(e machine.Entry) *journal.Attempt {
	k := attempt{e.Place, e.Attempt}
	a := p.attempts[k]
	if a == nil {
		a = &journal.Attempt{Step: e.Step, Place: e.Place, Number: e.Attempt, Started: p.at(e.At)}
		p.attempts[k] = a
	}
	if !slices.Contains(p.changed.attempts, k) {
		p.changed.attempts = append(p.changed.attempts, k)
	}
	return a
}

// entry takes in what the machine says.
func (p *projection) entry(e machine.Entry) {
	switch e.Kind {
	case machine.EntryStepStarted:
		st := p.step(e.Step)
		st.State, st.Started, st.Ended, st.Code, st.Message = string(journal.Running), p.at(e.At), time.Time{}, "", ""
	case machine.EntryCall:
		if st := p.step(e.Step); st.Ended.IsZero() {
			st.State, st.NextRetry, st.Attempts = string(journal.Running), time.Time{}, e.Attempt
		}
		a := p.attempt(e)
		a.Operation, a.Key, a.Started = e.Operation, e.Key, p.at(e.At)
	case machine.EntryAnswer:
		a := p.attempt(e)
		a.Outcome, a.Ended = e.Outcome, p.at(e.At)
	case machine.EntryWait:
		st := p.step(e.Step)
		st.State, st.NextRetry, st.Of = string(journal.Waiting), p.at(e.Until), e.Of
	case machine.EntryStepEnded:
		st := p.step(e.Step)
		st.State, st.NextRetry, st.Attempts, st.Ended = string(e.Ending), time.Time{}, e.Attempt, p.at(e.At)
		if e.Error != nil {
			st.Code, st.Message = e.Error.Code, e.Error.Message
		}
	}
}

// operation is what was called with the attempt that an entry is about; "" if it is none.
func (p *projection) operation(e machine.Entry) string {
	if a := p.attempts[attempt{e.Place, e.Attempt}]; a != nil {
		return a.Operation
	}
	return ""
}

// take hands over what has changed since it was taken last.
func (p *projection) take() (steps []journal.Step, attempts []journal.Attempt) {
	for _, name := range p.changed.steps {
		steps = append(steps, *p.steps[name])
	}
	for _, k := range p.changed.attempts {
		attempts = append(attempts, *p.attempts[k])
	}
	p.changed.steps, p.changed.attempts = p.changed.steps[:0], p.changed.attempts[:0]
	return steps, attempts
}
