package machine

import (
	"fmt"
	"time"

	"wf/lang/expr"
	"wf/lang/graph"
)

// exec is a step while it runs: its names, and the blocks it is in.
type exec struct {
	scope    *scope
	step     int
	nests    bool // it runs steps of its own instead of calls
	inner    *inner
	undoing  bool         // what it ran is being undone, or tidied up, before it goes on
	finally  *graph.Block // what it does at its end; nil: nothing, or it is done
	names    []name
	frames   []frame
	call     *callState    // the call that is waited for; nil between calls
	made     []made        // every call of the step so far
	within   time.Duration // when the step's deadline fires; 0: none
	late     bool          // the deadline has passed: no further call
	main     any           // body of the main call, the result if nothing returns
	last     *recall       // of the call that was made last; nil: none was
	other    int           // most attempts of any call but the main one
	spare    *callState    // to be used for the next call; nil: make one
	degraded string        // why a step inside is; "": none is
	fallen   *RunError     // of the last clause for a failure that fell through
	paused   bool          // it lets time pass
	pauses   int           // how often it has, this time included
	until    time.Duration // when it goes on, while paused

	// Room for what nearly every step needs: one call, and one clause of it.
	room struct {
		call   callState
		names  [2]name
		frames [2]frame
		made   [1]made
	}
}

// name is what a let or call of the step has bound.
type name struct {
	name  string
	value any
}

// frame is a block being executed.
type frame struct {
	body  []graph.Stmt
	next  int
	owner *callState // the call whose clause this is; nil for the step itself
	arm   bool       // of a switch; the clause is that of a frame below
	label string     // of the clause
	why   *RunError  // what the clause is there for: the failure of its call; nil for an answer
}

// made says how far a call of a running step has come. A call in a clause is made
// once for each attempt after which the clause is taken.
type made struct {
	call     *graph.Call
	rounds   int
	attempts int // of the latest round
}

// begin starts a step that has everything it needs.
func (m *Machine) begin(in *scope, i int) {
	s, st := in.steps[i], &in.states[i]
	x := m.exec(in, i)
	st.exec, st.started = x, m.now
	in.running++
	if x.nests = s.Nests(); !x.nests {
		m.running++
	}
	m.lay(in, i)
	if s.When != nil {
		yes, err := s.When.Bool(&m.eval, m.env)
		if err != nil {
			m.fail(x, expressionError(err))
			return
		}
		m.judged(s.When, yes)
		if !yes {
			m.ended(in, i, Skipped, "when "+s.When.String()+" is false")
			return
		}
	}
	m.trace(Entry{Kind: EntryStepStarted, Step: in.name(i), Of: in.items()})
	within, err := m.bound(s.Within)
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	if within > 0 {
		x.within = m.now + within
		m.emit(SetTimer{m.stepID(x), x.within})
	}
	x.frames = append(x.frames, frame{body: s.Body})
	m.run(x)
}

// exec is a fresh one, or that of a step that has ended.
func (m *Machine) exec(in *scope, step int) *exec {
	var x *exec
	if last := len(m.spare) - 1; last >= 0 {
		x = m.spare[last]
		m.spare = m.spare[:last]
		clear(x.names)
		*x = exec{names: x.names[:0], frames: x.frames[:0], made: x.made[:0]}
	} else {
		x = &exec{}
		x.names, x.frames, x.made = x.room.names[:0], x.room.frames[:0], x.room.made[:0]
	}
	x.scope, x.step, x.spare = in, step, &x.room.call
	return x
}

// bind gives a name a value while the step runs.
func (m *Machine) bind(x *exec, to string, v any) {
	m.env[to] = v
	x.bind(len(x.names), to, v)
}

// bind notes a name, instead of an earlier value if it is one of the first n.
func (x *exec) bind(n int, to string, v any) {
	for i := range n {
		if x.names[i].name == to {
			x.names[i].value = v
			return
		}
	}
	x.names = append(x.names, name{to, v})
}

// resume makes the names of a step readable again: since it last executed, other
// steps may have bound theirs.
func (m *Machine) resume(x *exec) {
	m.lay(x.scope, x.step)
	m.bindAll(x.names)
}

// def is the step in the definition.
func (x *exec) def() *graph.Step { return x.scope.steps[x.step] }

// name of the step, the same in every run of the definition.
func (x *exec) name() string { return x.scope.name(x.step) }

func (x *exec) state() *stepState { return &x.scope.states[x.step] }

func (m *Machine) stepID(x *exec) ID {
	return ID{Place: x.name(), Kind: KindStepWithin, scope: x.scope.seq, step: int32(x.step)}
}

// run executes statements until the step waits for a call or has ended.
func (m *Machine) run(x *exec) {
	for {
		f := &x.frames[len(x.frames)-1]
		if f.next == len(f.body) {
			if len(x.frames) == 1 {
				ending, reason := x.without()
				m.complete(x, ending, x.main, reason)
				return
			}
			if owner := m.leave(x); owner != nil { // a clause that falls through
				m.show(owner)
				m.passed(x, owner)
			}
			continue
		}
		st := f.body[f.next]
		f.next++
		if m.statement(x, st) {
			return
		}
	}
}

// leave ends the clause that is executed and returns the call it belongs to. error
// means again what it means around the clause.
func (m *Machine) leave(x *exec) *callState {
	last := len(x.frames) - 1
	f := x.frames[last]
	x.frames = x.frames[:last]
	if f.why != nil {
		x.fallen = f.why
		for i := last - 1; i >= 0; i-- {
			if why := x.frames[i].why; why != nil {
				m.tell(x, why)
				break
			}
		}
	}
	return f.owner
}

// statement executes one statement. It reports whether run has to stop: the step
// waits, has ended, or goes on elsewhere.
func (m *Machine) statement(x *exec, st graph.Stmt) (stop bool) {
	switch st := st.(type) {
	case *graph.Let:
		v, err := st.Value.Eval(&m.eval, m.env)
		if err != nil {
			m.fail(x, expressionError(err))
			return true
		}
		m.bind(x, st.Name, v)
		return false
	case *graph.Ensure:
		ok, err := st.Cond.Bool(&m.eval, m.env)
		if err != nil {
			m.fail(x, expressionError(err))
			return true
		}
		m.judged(st.Cond, ok)
		if ok {
			return false
		}
		if m.traced() {
			m.decided(x, "ensure "+st.Cond.String()+" does not hold")
		}
		return m.statement(x, st.Else)
	case *graph.Call:
		m.call(x, st)
		return true
	case *graph.Switch:
		return m.choose(x, st)
	case *graph.Wait:
		return m.pauseFor(x, st)
	case *graph.Group:
		m.group(x, st)
		return true
	case *graph.Loop:
		return m.loop(x, st)
	case *graph.Return:
		m.reached(st, "reached")
		m.finishWith(x, Completed, st.Value)
		return true
	case *graph.Degrade:
		m.reached(st, "reached")
		m.finishWith(x, Degraded, st.Value)
		return true
	case *graph.Fail:
		err := m.failure(st)
		if why := x.frames[len(x.frames)-1].why; why != nil { // what was caught came from a workflow perhaps
			err.Cause = why.Cause
		}
		m.fail(x, err)
		return true
	case *graph.Retry:
		m.reached(st, "reached")
		for x.frames[len(x.frames)-1].arm {
			m.leave(x)
		}
		owner := m.leave(x)
		x.call = owner
		if owner.settled() {
			owner.first, owner.effect = owner.attempt+1, nil // another request, with effects of its own
		}
		m.again(x, owner, st.Policy, owner.count(st))
		return true
	}
	panic(fmt.Sprintf("unknown statement %T", st))
}

// choose executes the arm of a switch whose condition holds.
func (m *Machine) choose(x *exec, s *graph.Switch) (stop bool) {
	for _, a := range s.Arms {
		ok, err := m.holds(a.When)
		if err != nil {
			m.fail(x, err)
			return true
		}
		if ok {
			m.reached(a, "taken")
			which := a.Label
			if s.Secret {
				which = "***"
			}
			m.decided(x, s.Label+": "+which)
			x.frames = append(x.frames, frame{body: a.Body, arm: true})
			return false
		}
	}
	m.fail(x, &RunError{Code: CodeExpression, Message: "no arm of the switch is for this value", Span: s.Span})
	return true
}

// clause is the clause that is executed, or the step itself, and its depth.
func (x *exec) clause() (*frame, int) {
	i := len(x.frames) - 1
	for x.frames[i].arm {
		i--
	}
	return &x.frames[i], i
}

// finishWith ends the step with the value of an expression.
func (m *Machine) finishWith(x *exec, ending Ending, p *expr.Program) {
	v, err := p.Eval(&m.eval, m.env)
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	reason := ""
	if ending == Degraded {
		reason = x.degradedBecause()
	} else {
		ending, reason = x.without()
	}
	m.complete(x, ending, v, reason)
}

// degradedBecause names what a fallback stands in for.
func (x *exec) degradedBecause() string {
	f, depth := x.clause()
	why := f.why
	if depth == 0 {
		why = x.fallen
	}
	switch {
	case why != nil:
		return why.Code + ": " + why.Message
	case f.owner != nil:
		return f.owner.answer.String()
	}
	return ""
}

func (m *Machine) complete(x *exec, ending Ending, result any, reason string) {
	if m.tidies(x, tidied{ending: ending, result: result, reason: reason}) {
		return
	}
	x.state().result = result
	m.ended(x.scope, x.step, ending, reason)
}

func (m *Machine) fail(x *exec, err *RunError) {
	if m.tidies(x, tidied{ending: Failed, err: err}) {
		return
	}
	m.blame(x)
	if err.Step == "" { // else it comes from a step inside
		err.Step = x.name()
		if c := x.latest(); c != nil && err.Place == "" {
			err.Place, err.Attempt = c.place, c.attempt
		}
	}
	m.failures++
	x.state().err, x.state().failed = err, m.failures
	if m.err == nil && x.scope == m.root {
		m.err = err
	}
	m.ended(x.scope, x.step, Failed, "")
}

// latest is the call that was made last, waited for or not.
func (x *exec) latest() *callState {
	if x.call != nil {
		return x.call
	}
	for i := len(x.frames) - 1; i >= 0; i-- {
		if x.frames[i].owner != nil {
			return x.frames[i].owner
		}
	}
	return nil
}

// close notes what the result says of the calls of a step that has ended, revokes
// its timer and keeps its memory for another step.
func (m *Machine) close(x *exec, ending Ending) {
	st := x.state()
	if st.attempts == 0 {
		st.attempts = x.other
	}
	if len(x.frames) > 0 && ending != Cancelled {
		f, _ := x.clause()
		st.clause = f.label
	}
	if x.within > 0 && !x.late {
		m.emit(CancelTimer{m.stepID(x)})
	}
	m.spare = append(m.spare, x)
}
