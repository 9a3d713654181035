package durable

import (
	"time"

	"wf/interpreter/journal"
	"wf/interpreter/machine"
	"wf/lang/graph"
)

// projection listens to a machine and keeps what a store shows of its run.
type projection struct {
	start    time.Time
	steps    map[string]*shown[journal.Step]
	attempts map[attempt]*shown[journal.Attempt]

	changedSteps    []*shown[journal.Step] // since they were taken last, in that order
	changedAttempts []*shown[journal.Attempt]
}

// shown is something that has a row in a store.
type shown[T any] struct {
	row     T
	changed bool
}

// change is the row, with the mark that it changes.
func (s *shown[T]) change(list *[]*shown[T]) *T {
	if !s.changed {
		s.changed, *list = true, append(*list, s)
	}
	return &s.row
}

// rows takes what has changed.
func rows[T any](list *[]*shown[T]) (out []T) {
	for _, s := range *list {
		s.changed, out = false, append(out, s.row)
	}
	*list = (*list)[:0]
	return out
}

type attempt struct {
	place  string
	number int
}

// project begins with the steps of a graph, none of which has started.
func project(g *graph.Graph, start time.Time) *projection {
	p := &projection{start: start, steps: make(map[string]*shown[journal.Step], len(g.Steps)), attempts: map[attempt]*shown[journal.Attempt]{}}
	for i, s := range g.Steps {
		st := &shown[journal.Step]{row: journal.Step{Name: s.Name, Number: i, State: "pending"}}
		for _, n := range s.Needs {
			st.row.Needs = append(st.row.Needs, g.Steps[n.Step].Name)
		}
		p.steps[s.Name] = st
		st.change(&p.changedSteps)
	}
	return p
}

func (p *projection) at(d time.Duration) time.Time { return p.start.Add(d) }

// step is one of that name, with the mark that it has changed.
func (p *projection) step(name string) *journal.Step {
	st := p.steps[name]
	if st == nil { // inside of another one
		st = &shown[journal.Step]{row: journal.Step{Name: name, Number: len(p.steps), Inner: true, State: "pending"}}
		p.steps[name] = st
	}
	return st.change(&p.changedSteps)
}

func (p *projection) attempt(e machine.Entry) *journal.Attempt {
	k := attempt{e.Place, e.Attempt}
	a := p.attempts[k]
	if a == nil {
		a = &shown[journal.Attempt]{row: journal.Attempt{Step: e.Step, Place: e.Place, Number: e.Attempt, Started: p.at(e.At)}}
		p.attempts[k] = a
	}
	return a.change(&p.changedAttempts)
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
		return a.row.Operation
	}
	return ""
}

// take hands over what has changed since it was taken last.
func (p *projection) take() (steps []journal.Step, attempts []journal.Attempt) {
	return rows(&p.changedSteps), rows(&p.changedAttempts)
}
