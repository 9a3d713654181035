package machine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"wf/lang/graph"
	"wf/lang/value"
)

// callState is one call with all its attempts.
type callState struct {
	call    *graph.Call
	args    map[string]any
	context map[string]any // handlers only
	attempt int            // the current one, from 1
	sent    time.Duration  // when it was made
	timeout time.Duration  // when it is given up; 0: never
	resume  time.Duration  // when the next attempt is made
	waiting bool           // between attempts
	answer  answer         // of the last attempt
}

// answer is how an attempt ended.
type answer struct {
	status     int
	class      string // instead of a status
	headers    map[string]string
	body       any
	message    string // what went wrong, if no service said so
	undeclared bool   // the signature does not know it
	ignored    string // fields of the body that the signature does not know
}

// String is the status or class.
func (a answer) String() string {
	if a.class != "" {
		return a.class
	}
	return fmt.Sprint(a.status)
}

// code is what a failure with this answer is called.
func (a answer) code() string {
	switch {
	case a.class == "":
		return fmt.Sprintf("HTTP_%d", a.status)
	case a.class == value.Timeout, a.class == value.Unreachable, a.class == value.Malformed:
		return strings.ToUpper(a.class)
	}
	return a.class
}

// call begins a call: arguments, then the first attempt.
func (m *Machine) call(x *exec, c *graph.Call) {
	if x.late {
		m.fail(x, m.deadline(x))
		return
	}
	cs := x.spare
	if x.spare = nil; cs == nil {
		cs = &callState{}
	}
	*cs = callState{call: c, attempt: 1}
	x.call = cs
	if err := m.arguments(x, cs); err != nil {
		m.fail(x, err)
		return
	}
	m.attempt(x, cs)
}

// arguments evaluates and completes what the call passes.
func (m *Machine) arguments(x *exec, cs *callState) *RunError {
	c := cs.call
	var v any = noArguments
	if c.Args != nil {
		var err error
		if v, err = c.Args.Eval(m.eval, x.env); err != nil {
			return expressionError(err)
		}
	}
	if c.Sig.Handler {
		cs.context = m.context(x, c, v)
		return nil
	}
	done, violations := c.Sig.Input.Conform(v, x.env)
	if len(violations) > 0 {
		if c.Args != nil && c.Args.Type().HasSecret() {
			for i := range violations {
				violations[i].Message = "does not fit; why is not told, because a secret is passed"
			}
		}
		return &RunError{Code: CodeArgument, Message: c.Sig.Name() + ": " + violations.Error(), Span: c.Span}
	}
	cs.args, _ = done.(map[string]any)
	return nil
}

// context is what a handler gets: everything known so far.
func (m *Machine) context(x *exec, c *graph.Call, config any) map[string]any {
	results := make(map[string]any, len(c.Reads))
	for _, i := range c.Reads {
		results[m.g.Steps[i].Name] = m.steps[i].result
	}
	return map[string]any{"input": x.env["input"], "results": results, "config": config}
}

// attempt makes one attempt.
func (m *Machine) attempt(x *exec, cs *callState) {
	cs.sent, cs.waiting, cs.timeout, cs.resume = m.now, false, 0, 0
	cs.answer = answer{}
	st := &m.steps[x.step]
	if cs.call.Main {
		st.attempts = cs.attempt
	} else {
		x.other = max(x.other, cs.attempt)
	}
	timeout, err := m.duration(x, cs.call.Policy.Timeout, graph.MinDeadline, 0)
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	m.traceCall(x, cs)
	m.emit(m.command(x, cs))
	if timeout > 0 {
		cs.timeout = m.now + timeout
		m.emit(SetTimer{m.callID(x, cs, KindTimeout), cs.timeout})
	}
}

func (m *Machine) command(x *exec, cs *callState) Call {
	return Call{ID: m.callID(x, cs, KindCall), Call: cs.call, Args: cs.args, Context: cs.context, Key: m.cfg.RunID + ":" + cs.call.Place}
}

func (m *Machine) callID(x *exec, cs *callState, kind Kind) ID {
	id := ID{Place: cs.call.Place, Attempt: cs.attempt, Kind: kind, step: x.step}
	if kind == KindBackoff {
		id.Attempt++
	}
	return id
}

// pending lists the outstanding commands of a running step.
func (m *Machine) pending(out []Command, x *exec) []Command {
	if x.within > 0 && !x.late {
		out = append(out, SetTimer{m.stepID(x), x.within})
	}
	cs := x.call
	switch {
	case cs == nil:
	case cs.waiting:
		out = append(out, SetTimer{m.callID(x, cs, KindBackoff), cs.resume})
	default:
		out = append(out, m.command(x, cs))
		if cs.timeout > 0 {
			out = append(out, SetTimer{m.callID(x, cs, KindTimeout), cs.timeout})
		}
	}
	return out
}

// current finds the call an ID is about; nil if it is over, which is no error: an
// answer and a cancellation may cross.
func (m *Machine) current(id ID) (*exec, *callState, error) {
	if id.step < 0 || id.step >= len(m.steps) {
		return nil, nil, fmt.Errorf("%s is no place of this run", id)
	}
	st := &m.steps[id.step]
	if st.exec == nil {
		if st.ending == "" {
			return nil, nil, fmt.Errorf("%s has not begun", id)
		}
		return nil, nil, nil
	}
	cs := st.exec.call
	attempt := id.Attempt
	if id.Kind == KindBackoff {
		attempt--
	}
	if cs == nil || cs.call.Place != id.Place || cs.attempt != attempt || cs.waiting != (id.Kind == KindBackoff) {
		return st.exec, nil, nil
	}
	return st.exec, cs, nil
}

// answered takes the answer of an attempt.
func (m *Machine) answered(id ID, a answer) error {
	x, cs, err := m.current(id)
	if err != nil || cs == nil {
		return err
	}
	if cs.timeout > 0 {
		m.emit(CancelTimer{m.callID(x, cs, KindTimeout)})
	}
	m.judge(x, cs, a)
	m.schedule()
	return nil
}

// fired takes a timer.
func (m *Machine) fired(id ID) error {
	switch id.Kind {
	case KindRunWithin:
		if m.within == 0 || m.now < m.within {
			return tooEarly(id)
		}
		m.stop(Failed, &RunError{Code: CodeDeadline, Message: "the run took longer than its within " + value.FormatDuration(m.within), Span: m.g.Within.Span})
		return nil
	case KindStepWithin:
		return m.outOfTime(id)
	}
	x, cs, err := m.current(id)
	if err != nil || cs == nil {
		return err
	}
	if id.Kind == KindTimeout {
		if cs.timeout == 0 || m.now < cs.timeout {
			return tooEarly(id)
		}
		m.emit(CancelCall{m.callID(x, cs, KindCall)})
		m.judge(x, cs, answer{class: value.Timeout, message: "no answer within " + value.FormatDuration(cs.timeout-cs.sent) + " (timeout of one attempt)"})
	} else {
		if m.now < cs.resume {
			return tooEarly(id)
		}
		cs.attempt++
		m.attempt(x, cs)
	}
	m.schedule()
	return nil
}

// outOfTime takes the timer that bounds a step. One of a step that has ended is late,
// which is no error.
func (m *Machine) outOfTime(id ID) error {
	if id.step < 0 || id.step >= len(m.steps) {
		return fmt.Errorf("%s is no place of this run", id)
	}
	st := &m.steps[id.step]
	switch {
	case st.exec == nil && st.ending == "":
		return fmt.Errorf("%s has not begun", id)
	case st.exec == nil:
		return nil
	case st.exec.within == 0 || m.now < st.exec.within:
		return tooEarly(id)
	}
	m.overdue(st.exec)
	m.schedule()
	return nil
}

// tooEarly is the protocol error of a timer whose time has not come, or that was
// never set.
func tooEarly(id ID) error { return fmt.Errorf("timer %s fired before its time", id) }

// judge decides what becomes of an answer: the first clause that matches, else the
// policy.
func (m *Machine) judge(x *exec, cs *callState, a answer) {
	m.spend(cs)
	bodyType := m.check(cs, &a)
	cs.answer = a
	m.reached(cs.call, a.String())
	m.traceAnswer(x, cs, bodyType)
	m.show(x, cs)
	for _, c := range cs.call.Clauses {
		if !takes(c, a) {
			continue
		}
		ok, err := m.holds(x, c)
		if err != nil {
			m.fail(x, err)
			return
		}
		if ok {
			m.enter(x, cs, c)
			return
		}
	}
	disposition, rule := value.Classify(cs.call.Policy.Rules, a.status, a.class)
	why := "by default"
	if rule != nil {
		why = "by rule " + rule.String()
	}
	switch disposition {
	case value.Success:
		x.call = nil
		m.passed(x, cs)
		m.run(x)
	case value.Retryable:
		m.decided(x, fmt.Sprintf("%s is retryable %s", a, why))
		m.again(x, cs, cs.call.Policy)
	default:
		m.decided(x, fmt.Sprintf("%s is permanent %s", a, why))
		m.verdict(x, cs, value.Failed)
	}
}

// spend adds the time of an attempt to its service.
func (m *Machine) spend(cs *callState) {
	name := cs.call.Sig.Service
	i := slices.IndexFunc(m.services, func(s ServiceTime) bool { return s.Service == name })
	if i < 0 {
		i = len(m.services)
		m.services = append(m.services, ServiceTime{Service: name})
	}
	m.services[i].Calls++
	m.services[i].Time += m.now - cs.sent
}

// check holds an answer against the signature: a body that does not fit makes it
// malformed. It returns the type of the body, nil if nothing is declared.
func (m *Machine) check(cs *callState, a *answer) *value.Type {
	body, err := value.Normalize(a.body)
	if err != nil {
		*a = answer{class: value.Malformed, message: err.Error(), headers: a.headers}
		return nil
	}
	a.body = body
	sig := cs.call.Sig
	t, declared := sig.Body(a.status, a.class)
	if !declared {
		a.undeclared = !sig.Handler && !slices.Contains(value.Unconditional, a.class)
		return nil
	}
	if t == nil {
		return nil
	}
	fitting, unknown, violations := t.ConformLoosely(a.body, m.env)
	if len(unknown) > 0 {
		a.ignored = "unknown and left out: " + strings.Join(unknown[:min(len(unknown), maxIgnored)], ", ")
	}
	if len(violations) > 0 {
		*a = answer{class: value.Malformed, message: fmt.Sprintf("the body of %s breaks its signature: %s", a, violations), headers: a.headers}
		return nil
	}
	a.body = fitting
	return t
}

// maxIgnored is how many unknown fields a trace lists.
const maxIgnored = 10

// show makes body, status and headers mean the answer of this call.
func (m *Machine) show(x *exec, cs *callState) {
	x.env["body"], x.env["status"] = cs.answer.body, cs.answer.status
	if len(cs.answer.headers) == 0 {
		x.env["headers"] = noHeaders
		return
	}
	x.env["headers"] = headerValues(cs.answer.headers)
}

var noHeaders, noArguments = map[string]any{}, map[string]any{}

// takes reports whether a clause names the answer.
func takes(c *graph.Clause, a answer) bool {
	for _, p := range c.On {
		if p.Matches(a.status, a.class) {
			return true
		}
	}
	return false
}

func (m *Machine) holds(x *exec, c *graph.Clause) (bool, *RunError) {
	if c.When == nil {
		return true, nil
	}
	ok, err := c.When.Bool(m.eval, x.env)
	if err != nil {
		return false, expressionError(err)
	}
	m.judged(c.When, ok)
	return ok, nil
}

// enter executes a clause for an answer.
func (m *Machine) enter(x *exec, cs *callState, c *graph.Clause) {
	m.reached(c, "taken")
	m.execute(x, frame{body: c.Body, owner: cs, label: c.Label})
}

// enterVerdict executes a clause for exhausted or failed; outer is what `error` meant
// before.
func (m *Machine) enterVerdict(x *exec, cs *callState, c *graph.Clause, outer any) {
	m.reached(c, "taken")
	m.execute(x, frame{body: c.Body, owner: cs, label: c.Label, verdict: true, outer: outer})
}

func (m *Machine) execute(x *exec, f frame) {
	x.call = f.owner
	m.decided(x, f.label)
	x.call = nil
	x.frames = append(x.frames, f)
	m.run(x)
}

// passed binds the body of a call that goes on below.
func (m *Machine) passed(x *exec, cs *callState) {
	m.show(x, cs)
	if cs.call.Bind != "" {
		x.env[cs.call.Bind] = cs.answer.body
	}
	if cs.call.Main {
		x.main = cs.answer.body
	}
	x.spare = cs
}

// again plans the next attempt, if the policy grants one.
func (m *Machine) again(x *exec, cs *callState, p *graph.Policy) {
	most, err := m.attempts(x, p)
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	if cs.attempt >= most {
		m.reached(cs.call, value.Exhausted)
		m.decided(x, fmt.Sprintf("attempt %d of %d was the last", cs.attempt, most))
		m.verdict(x, cs, value.Exhausted)
		return
	}
	if x.late {
		m.fail(x, m.deadline(x))
		return
	}
	wait, why, err := m.backoff(x, cs, p)
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	x.call = cs
	cs.waiting, cs.resume = true, m.now+wait
	m.traceWait(x, cs, wait, most, why)
	m.emit(SetTimer{m.callID(x, cs, KindBackoff), cs.resume})
}

// verdict ends a call that failed: by its clause for exhausted or failed, else the
// step fails.
func (m *Machine) verdict(x *exec, cs *callState, class string) {
	a := cs.answer
	msg := a.message
	if msg == "" {
		msg = fmt.Sprintf("%s answered %s", cs.call.Sig.Name(), a)
	}
	if cs.attempt > 1 {
		msg += fmt.Sprintf(", after %d attempts", cs.attempt)
	}
	m.conclude(x, cs, class, &RunError{Code: a.code(), Message: msg, Place: cs.call.Place, Attempt: cs.attempt, Span: cs.call.Span})
}

// conclude looks for the clause of a verdict. exhausted is a failure too.
func (m *Machine) conclude(x *exec, cs *callState, class string, why *RunError) {
	outer := x.env["error"]
	x.env["error"] = map[string]any{"code": why.Code, "message": why.Message}
	for _, name := range []string{class, value.Failed} {
		for _, c := range cs.call.Clauses {
			if !slices.ContainsFunc(c.On, func(p value.Pattern) bool { return p.Name == name }) {
				continue
			}
			ok, err := m.holds(x, c)
			if err != nil {
				m.fail(x, err)
				return
			}
			if ok {
				m.enterVerdict(x, cs, c, outer)
				return
			}
		}
		if name == value.Failed {
			break
		}
	}
	x.call = cs
	m.fail(x, why)
}

// deadline is the failure of a step that took too long.
func (m *Machine) deadline(x *exec) *RunError {
	s := m.g.Steps[x.step]
	return &RunError{Code: CodeDeadline, Message: "step " + s.Name + " took longer than its within", Span: s.Within.Span}
}

// overdue handles the deadline of a step: what it waits for is given up, and only a
// `failed` clause may still say how it ends.
func (m *Machine) overdue(x *exec) {
	if x.late {
		return
	}
	x.late = true
	why := m.deadline(x)
	m.decided(x, why.Message)
	cs := x.call
	if cs == nil {
		m.fail(x, why)
		return
	}
	m.cancelCall(x)
	m.show(x, cs)
	m.conclude(x, cs, value.Failed, why)
}

// cancelCall gives up the call a step waits for.
func (m *Machine) cancelCall(x *exec) {
	cs := x.call
	switch {
	case cs == nil:
		return
	case cs.waiting:
		m.emit(CancelTimer{m.callID(x, cs, KindBackoff)})
	default:
		m.emit(CancelCall{m.callID(x, cs, KindCall)})
		if cs.timeout > 0 {
			m.emit(CancelTimer{m.callID(x, cs, KindTimeout)})
		}
	}
	x.call = nil
}
