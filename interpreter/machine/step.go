package machine

import (
	"fmt"
	"maps"
	"time"

	"wf/lang/expr"
	"wf/lang/graph"
)

// exec is a step while it runs: its names, and the blocks it is in.
type exec struct {
	step   int
	env    map[string]any
	frames []frame
	call   *callState    // the call that is waited for; nil between calls
	within time.Duration // when the step's deadline fires; 0: none
	late   bool          // the deadline has passed: no further call
	main   any           // body of the main call, the result if nothing returns
	other  int           // most attempts of any call but the main one
	spare  *callState
}

// frame is a block being executed.
type frame struct {
	body  []graph.Stmt
	next  int
	owner *callState // the call whose clause this is; nil for the step itself
	label string     // of the clause
	// verdict says that the clause is for exhausted or failed, so that `error` has a
	// value in it; outer is what it means around it, nil for nothing.
	verdict bool
	outer   any
}

// begin starts a step that has everything it needs.
func (m *Machine) begin(i int) {
	s, st := m.g.Steps[i], &m.steps[i]
	x := m.spare
	if m.spare = nil; x == nil {
		x = &exec{env: make(map[string]any, len(m.env)+len(s.Needs)+4)}
	}
	x.reset(i)
	maps.Copy(x.env, m.env)
	for _, need := range s.Needs {
		if need.Data {
			x.env[m.g.Steps[need.Step].Name] = m.steps[need.Step].result
		}
	}
	st.exec, st.started = x, m.now
	m.running++
	if s.When != nil {
		yes, err := s.When.Bool(m.eval, x.env)
		if err != nil {
			m.fail(x, expressionError(err))
			return
		}
		m.judged(s.When, yes)
		if !yes {
			m.ended(i, Skipped, "when "+s.When.String()+" is false")
			return
		}
	}
	m.trace(Entry{Kind: EntryStepStarted, Step: s.Name})
	within, err := m.duration(x, s.Within, graph.MinDeadline, 0)
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

func (x *exec) reset(i int) {
	clear(x.env)
	*x = exec{step: i, env: x.env, frames: x.frames[:0], spare: x.spare}
}

func (m *Machine) stepID(x *exec) ID {
	return ID{Place: m.g.Steps[x.step].Name, Kind: KindStepWithin, step: x.step}
}

// run executes statements until the step waits for a call or has ended.
func (m *Machine) run(x *exec) {
	for {
		f := &x.frames[len(x.frames)-1]
		if f.next == len(f.body) {
			if f.owner == nil {
				m.complete(x, Completed, x.main, "")
				return
			}
			m.passed(x, x.leave()) // a clause that falls through
			continue
		}
		st := f.body[f.next]
		f.next++
		if m.statement(x, st) {
			return
		}
	}
}

// leave ends the clause that is executed and returns the call it belongs to.
func (x *exec) leave() *callState {
	f := x.frames[len(x.frames)-1]
	x.frames = x.frames[:len(x.frames)-1]
	if f.verdict {
		if x.env["error"] = f.outer; f.outer == nil {
			delete(x.env, "error")
		}
	}
	return f.owner
}

// statement executes one statement. It reports whether run has to stop: the step
// waits, has ended, or goes on elsewhere.
func (m *Machine) statement(x *exec, st graph.Stmt) (stop bool) {
	switch st := st.(type) {
	case *graph.Let:
		v, err := st.Value.Eval(m.eval, x.env)
		if err != nil {
			m.fail(x, expressionError(err))
			return true
		}
		x.env[st.Name] = v
		return false
	case *graph.Ensure:
		ok, err := st.Cond.Bool(m.eval, x.env)
		if err != nil {
			m.fail(x, expressionError(err))
			return true
		}
		m.judged(st.Cond, ok)
		if ok {
			return false
		}
		m.decided(x, "ensure "+st.Cond.String()+" does not hold")
		return m.statement(x, st.Else)
	case *graph.Call:
		m.call(x, st)
		return true
	case *graph.Return:
		m.reached(st, "reached")
		m.finishWith(x, Completed, st.Value)
		return true
	case *graph.Degrade:
		m.reached(st, "reached")
		m.finishWith(x, Degraded, st.Value)
		return true
	case *graph.Fail:
		m.fail(x, m.failure(st, x.env))
		return true
	case *graph.Retry:
		m.reached(st, "reached")
		owner := x.leave()
		x.call = owner
		m.again(x, owner, st.Policy)
		return true
	}
	panic(fmt.Sprintf("unknown statement %T", st))
}

// finishWith ends the step with the value of an expression.
func (m *Machine) finishWith(x *exec, ending Ending, p *expr.Program) {
	v, err := p.Eval(m.eval, x.env)
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	reason := ""
	if ending == Degraded {
		reason = m.degradedBecause(x)
	}
	m.complete(x, ending, v, reason)
}

// degradedBecause names the failure a fallback stands in for.
func (m *Machine) degradedBecause(x *exec) string {
	f := &x.frames[len(x.frames)-1]
	switch e, ok := x.env["error"].(map[string]any); {
	case f.verdict && ok:
		return fmt.Sprintf("%v: %v", e["code"], e["message"])
	case f.owner != nil:
		return f.owner.answer.String()
	}
	return ""
}

func (m *Machine) complete(x *exec, ending Ending, result any, reason string) {
	st := &m.steps[x.step]
	st.result = result
	m.close(x)
	m.ended(x.step, ending, reason)
}

func (m *Machine) fail(x *exec, err *RunError) {
	st := &m.steps[x.step]
	err.Step = m.g.Steps[x.step].Name
	if c := x.latest(); c != nil && err.Place == "" {
		err.Place, err.Attempt = c.call.Place, c.attempt
	}
	st.err = err
	if m.err == nil {
		m.err = err
	}
	m.close(x)
	m.ended(x.step, Failed, "")
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

// close notes what the result says of the step's calls.
func (m *Machine) close(x *exec) {
	st := &m.steps[x.step]
	if st.attempts == 0 {
		st.attempts = x.other
	}
	if n := len(x.frames); n > 0 {
		st.clause = x.frames[n-1].label
	}
}

// cancelTimers revokes the timers of a step that has ended.
func (m *Machine) cancelTimers(x *exec) {
	if x.within > 0 && !x.late {
		m.emit(CancelTimer{m.stepID(x)})
	}
	x.within = 0
}
