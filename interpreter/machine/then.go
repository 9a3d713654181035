package machine

import (
	"wf/lang/graph"
	"wf/lang/value"
)

// continuation is what goes on behind something that takes its time: an undo, a block that
// is no step of the run, a workflow that was given up. It is data, so that what a machine
// is going to do can be told from its state. It is *undoing, vainUndone, itemUndone, runUndone,
// failedHandled, finallyHandled, handled, tidied or deserted.
type continuation interface {
	// proceed goes on. r is what came of a block; zero behind anything else.
	proceed(r StepResult)
}

// running is a step that something is done for meanwhile. It may be given up before that is
// over.
type running struct {
	m  *Machine
	x  *exec
	st *stepState
}

func (m *Machine) underWay(x *exec) running { return running{m, x, x.state()} }

// alive reports whether the step still runs: else x may be another step by now.
func (r running) alive() bool { return r.st.exec == r.x }

// vainUndone goes on behind a group or loop whose effects in vain are undone.
type vainUndone struct {
	running
	in    *inner
	short bool // of a group: too few have completed
}

func (t vainUndone) proceed(StepResult) {
	if !t.alive() {
		return
	}
	t.x.undoing = false
	switch {
	case t.in.group != nil:
		t.m.groupDone(t.x, t.in, t.short)
	case !t.m.loopEnded(t.x, t.in):
		t.m.run(t.x)
	}
}

// itemUndone goes on behind an item of a loop that failed, and whose effects are undone.
type itemUndone struct {
	m  *Machine
	x  *exec
	in *inner
	s  *scope
}

// alive reports whether the loop still waits for the item.
func (t itemUndone) alive() bool { return t.x.inner == t.in && t.in.open[t.s.item] == t.s }

func (t itemUndone) proceed(StepResult) {
	if t.alive() {
		t.m.itemDone(t.x, t.s)
	}
}

// runUndone goes on behind the undos of a run that has failed or was cancelled.
type runUndone struct {
	m      *Machine
	failed *graph.Block // what it does when it has failed; nil: nothing
}

func (t runUndone) proceed(StepResult) { t.m.handle(t.failed, failedHandled{t.m}) }

// failedHandled goes on behind what a run does when it has failed.
type failedHandled struct{ m *Machine }

func (t failedHandled) proceed(StepResult) { t.m.handle(t.m.g.Finally, finallyHandled(t)) }

// finallyHandled goes on behind what a run does at its end.
type finallyHandled struct{ m *Machine }

func (t finallyHandled) proceed(r StepResult) {
	if r.Ending == Failed && t.m.err == nil {
		t.m.err = r.Error
	}
	t.m.finish()
}

// tidied goes on behind what a step does at its end: with that end.
type tidied struct {
	running
	ending Ending // Cancelled: it has ended already, and nothing goes on
	result any
	reason string
	err    *RunError // of Failed
}

func (t tidied) proceed(r StepResult) {
	t.m.undoings--
	if !t.alive() {
		return
	}
	t.x.undoing = false
	switch {
	case t.ending == Failed:
		t.m.fail(t.x, t.err)
	case r.Error != nil:
		t.m.fail(t.x, r.Error)
	default:
		t.m.complete(t.x, t.ending, t.result, t.reason)
	}
}

// deserted goes on behind a workflow that was given up because the deadline of its step
// passed.
type deserted struct {
	running
	call *callState
	why  *RunError
}

func (t deserted) proceed(StepResult) {
	if !t.alive() {
		return
	}
	t.x.undoing = false
	t.m.resume(t.x)
	t.m.show(t.call)
	t.m.conclude(t.x, t.call, t.call.call.Clauses, value.Failed, t.why)
}

// handled is over with what a run does at its end.
type handled struct {
	m    *Machine
	then continuation
}

func (t handled) proceed(r StepResult) {
	t.m.undoings--
	t.then.proceed(r)
}
