package machine

import (
	"fmt"
	"time"

	"wf/lang/graph"
	"wf/lang/value"
)

// A workflow that a step calls is a machine of its own, with its own names, steps, limits
// and end. What belongs to the run as a whole is shared. A machine never acts on another
// one in the middle of something: it is put on the agenda instead, and has its turn when
// what happened is dealt with. So a chain of calls without end is no recursion.

// shared is what the machines of a run have in common.
type shared struct {
	now      time.Duration
	out      []Command
	services ledger
	affects  int          // effects so far, to order them
	closing  []StepResult // undos and what runs do at their end, in order
	runs     []*Machine   // by seq, the first is the run itself; nil: over; empty until a workflow is called
	agenda   []*Machine   // that have something to do

	gates  []*gate          // of services whose calls are bounded, by first use
	gateAt map[string]*gate // the same, by name
	freed  []*gate          // that may let a held call go

	recalls recalls            // of the calls that were made
	before  map[string]*recall // of those made before a step was run again, by place; nil: none was
	renewed bool               // a step that had not failed is run again

	boxes map[address]*mailbox // of the signals that came or are waited for
	posts []*mailbox           // the same, in the order in which they were made
	kept  int                  // signals that nobody has taken yet
}

// caller is what a machine knows of the step that called its workflow. The zero value is
// that of the run itself.
type caller struct {
	seq     int32        // among the machines of the run
	of      *Machine     // nil: this is the run itself
	waiter  *exec        // nil: nobody waits for it any more
	awaited *callState   // of that
	node    StepResult   // as a step of the caller
	place   string       // of the call with its attempt: "settle.refund", "settle.refund#2"
	overdue string       // why it is given up while the call waits for its end; "": it is not
	told    bool         // its end
	then    continuation // behind its end, if no call waits for it; nil: nothing
}

// nest makes the machine of a call. It begins when it has its turn.
func (m *Machine) nest(x *exec, cs *callState) *RunError {
	if len(m.runs) == 0 {
		m.runs = append(m.runs, m) // only the run itself calls before
	}
	if len(m.runs) > graph.MaxRuns {
		return &RunError{Code: CodeTooManyRuns, Message: fmt.Sprintf("the run has called %d workflows, which is the limit", graph.MaxRuns), Span: cs.call.Span}
	}
	c := New(cs.call.Runs, cs.args, Config{RunID: m.cfg.RunID, CorrelationID: m.cfg.CorrelationID, Seed: m.cfg.Seed, Start: m.cfg.Start, Trace: m.cfg.Trace, Ended: m.cfg.Ended})
	c.shared = m.shared
	c.caller = caller{seq: int32(len(m.runs)), of: m, waiter: x, awaited: cs, place: cs.request()}
	c.node = StepResult{Def: cs.call.As, Name: c.place, Started: m.now}
	c.root.prefix = c.place + "."
	if c.env["run"] != nil {
		c.env["run"] = m.runOf(cs)
	}
	m.runs = append(m.runs, c)
	cs.child = c
	c.attend()
	return nil
}

// runOf is what the expressions of a called workflow read as run.
func (m *Machine) runOf(cs *callState) map[string]any {
	return map[string]any{"id": m.key(cs), "started_at": m.cfg.Start.Add(m.now).UTC().Format(time.RFC3339Nano)}
}

// input completes what a call passes to a workflow.
func (m *Machine) input(cs *callState) *RunError {
	g := cs.call.Runs
	done, violations := g.Input.Conform(cs.given, map[string]any{"run": m.runOf(cs)})
	if g.Schema != nil && len(violations) == 0 {
		violations = g.Schema.Check(done, g.Input)
	}
	if len(violations) > 0 {
		return m.unfit(cs.call, violations)
	}
	cs.args, _ = done.(map[string]any)
	return nil
}

// attend puts a machine on the agenda.
func (m *Machine) attend() { m.agenda = append(m.agenda, m) }

// attendAll gives every machine on the agenda its turn, and lets held calls go, until there
// is nothing more to do.
func (m *Machine) attendAll() {
	for more := true; more; more = m.pump() {
		for i := 0; i < len(m.agenda); i++ {
			m.agenda[i].turn()
		}
		m.agenda = m.agenda[:0]
	}
}

// turn begins the workflow of a machine, goes on with it, or tells its caller that it ended.
func (m *Machine) turn() {
	if !m.begun {
		m.begun = true
		m.start()
	} else {
		m.schedule()
	}
	if m.done && !m.told && m.of != nil {
		m.told = true
		m.of.returned(m)
	}
}

// route is the machine that an event is for; nil if that is over.
func (m *Machine) route(ev Event) (*Machine, error) {
	id := ID{}
	switch ev := ev.(type) {
	case CallReturned:
		id = ev.ID
	case CallFailed:
		id = ev.ID
	case CallHeld:
		id = ev.ID
	case TimerFired:
		id = ev.ID
	}
	switch {
	case id.run == 0:
		return m, nil
	case id.run < 0 || int(id.run) >= len(m.runs):
		return nil, fmt.Errorf("%s is no place of this run", id)
	}
	return m.runs[id.run], nil
}

// stamped is a command with the machine it comes from.
func (m *Machine) stamped(c Command) Command {
	stamp := func(id *ID) {
		if id.run = m.seq; id.Place == "" { // the deadline of the workflow
			id.Place = m.place
		}
	}
	switch c := c.(type) {
	case Call:
		stamp(&c.ID)
		return c
	case CancelCall:
		stamp(&c.ID)
		return c
	case SetTimer:
		stamp(&c.ID)
		return c
	case CancelTimer:
		stamp(&c.ID)
		return c
	}
	panic(fmt.Sprintf("a workflow that is called gives no command %T", c))
}

// resultNode is how a called workflow ended, as a step of its caller.
func (m *Machine) resultNode() StepResult {
	r := m.node
	r.Ended, r.Ending, r.Steps = m.now, Cancelled, m.root.results()
	if m.result != nil {
		r.Ending, r.Result, r.Error = m.result.Ending, m.result.Output, m.result.Error
	}
	if r.Ending == Degraded {
		if r.Reason = m.result.Reason; r.Reason == "" {
			r.Reason = m.degradedBecause()
		}
	}
	return r
}

// degradedBecause names the first step that is degraded.
func (m *Machine) degradedBecause() string {
	for i := range m.root.states {
		if st := &m.root.states[i]; st.ending == Degraded {
			if st.reason == "" {
				return m.root.name(i) + " degraded"
			}
			return m.root.name(i) + ": " + st.reason
		}
	}
	return ""
}

// returned goes on behind a workflow that was called and has ended.
func (m *Machine) returned(c *Machine) {
	m.left = append(m.left, c.left...)
	m.undone = m.undone || c.compensated || c.undone
	x, cs, r := c.waiter, c.awaited, c.result
	completed := r.Ending == Completed || r.Ending == Degraded
	if x == nil { // nobody waits for it
		m.runs[c.seq] = nil
		m.undoings--
		if c.then != nil {
			c.then.proceed(StepResult{})
		}
		m.schedule()
		return
	}
	c.waiter, cs.child = nil, nil
	st := x.state()
	st.inner = append(st.inner, c.resultNode())
	if m.cfg.Ended != nil {
		m.cfg.Ended(st.inner[len(st.inner)-1])
	}
	if cs.timeout > 0 {
		m.emit(CancelTimer{m.callID(x, cs, KindTimeout)})
		cs.timeout = 0
	}
	switch {
	case !completed || len(c.root.effects) == 0 || cs.call.Undo != nil:
		m.runs[c.seq] = nil
	default: // what it did is an effect of the step now
		c.root.handOn(x.scope, x.step)
	}
	a := answer{class: string(r.Ending), body: r.Output}
	switch {
	case completed:
	case c.overdue != "":
		a = answer{class: value.Timeout, message: c.overdue}
	default:
		a = answer{class: c.err.Code, message: c.err.Message, cause: c.err}
	}
	m.resume(x)
	m.judge(x, cs, a)
	m.schedule()
}

// halt gives up a workflow that was called: its steps are cancelled, and what it did is
// undone. It reports whether it has ended by itself already, and only cleans up.
func (m *Machine) halt(reason string) (ending bool) {
	if m.done || m.concluding {
		return true
	}
	began := m.begun
	m.begun, m.stopped, m.cancelled = true, true, true
	m.abandon(m.root, reason)
	if !began { // there is nothing to clean up
		m.finish()
	}
	m.attend()
	return false
}

// overrun handles the timeout of a call of a workflow: it is given up, and the call goes on
// when it has come to its end.
func (m *Machine) overrun(cs *callState) {
	c := cs.child
	took := value.FormatDuration(cs.timeout - cs.sent)
	cs.timeout = 0
	if !c.halt("the timeout of " + c.place + " passed") {
		c.overdue = "no end within " + took + " (timeout of one attempt)"
	}
}

// desert gives up a workflow that nobody waits for any more. then is what goes on behind
// its end; nil for nothing.
func (m *Machine) desert(x *exec, cs *callState, reason string, then continuation) {
	c := cs.child
	cs.child, c.waiter, c.then = nil, nil, then
	if cs.timeout > 0 {
		m.emit(CancelTimer{m.callID(x, cs, KindTimeout)})
		cs.timeout = 0
	}
	m.undoings++
	c.halt(reason)
	st := x.state()
	st.inner = append(st.inner, c.resultNode())
	if m.cfg.Ended != nil {
		m.cfg.Ended(st.inner[len(st.inner)-1])
	}
}

// renew makes an attempt of a call of a workflow a request of its own: what it calls are other
// calls then.
func (cs *callState) renew() {
	if cs.attempt > 1 {
		cs.first, cs.effect = cs.attempt, nil
	}
}

// Causes lists where an error of a called workflow comes from, nearest first.
func (e *RunError) Causes() (out []*RunError) {
	for at := e.Cause; at != nil; at = at.Cause {
		out = append(out, at)
	}
	return out
}
