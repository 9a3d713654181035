package invariant

import (
	"wf/builtins"
	"wf/interpreter/machine"
	"wf/lang/suite"
)

// Monitors watch one run together, each for the invariants of one file.
type Monitors []*Monitor

// Watch makes monitors of sets.
func Watch(sets []*Set) Monitors {
	var out Monitors
	for _, s := range sets {
		out = append(out, s.Monitor())
	}
	return out
}

// Clone is a copy of the monitors, see [Monitor.Clone].
func (all Monitors) Clone() Monitors {
	out := make(Monitors, len(all))
	for i, m := range all {
		out[i] = m.Clone()
	}
	return out
}

// Begin forgets the run before and begins another one.
func (all Monitors) Begin(r Run) {
	for _, m := range all {
		m.Begin(r)
	}
}

// Happens is told of an event before the run is.
func (all Monitors) Happens(ev machine.Event) {
	for _, m := range all {
		m.Happens(ev)
	}
}

// StepEnded is told of every step that has ended.
func (all Monitors) StepEnded(st machine.StepResult) {
	for _, m := range all {
		m.StepEnded(st)
	}
}

// Called is told of every attempt of a call.
func (all Monitors) Called(c machine.Call) {
	for _, m := range all {
		m.Called(c)
	}
}

// Again is told of a call that is made once more.
func (all Monitors) Again(c machine.Call) {
	for _, m := range all {
		m.Again(c)
	}
}

// Answered is told what the service did with a call.
func (all Monitors) Answered(id machine.ID, a builtins.Answer) {
	for _, m := range all {
		m.Answered(id, a)
	}
}

// Settled says that all that follows from an event is dealt with.
func (all Monitors) Settled() {
	for _, m := range all {
		m.Settled()
	}
}

// RunEnded is told how the run ended.
func (all Monitors) RunEnded(r *machine.Result) {
	for _, m := range all {
		m.RunEnded(r)
	}
}

// Endless says that the run goes on for ever.
func (all Monitors) Endless() {
	for _, m := range all {
		m.Endless()
	}
}

// Tested tells of the rules that the run has put to the test so far.
func (all Monitors) Tested(tell func(*suite.Rule)) {
	for _, m := range all {
		m.Tested(tell)
	}
}

// Digest is a hash of everything that the rules can still depend on.
func (all Monitors) Digest() uint64 {
	h := uint64(offset)
	for _, m := range all {
		h = mix(h, m.Digest())
	}
	return h
}
