package machine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// callState is one call with all its attempts.
type callState struct {
	call    *graph.Call
	place   string // where in the run; from the second round on followed by "[2]"
	round   int
	args    map[string]any
	own     string        // idempotency key that the definition says; "": it is made of run and place
	given   any           // to a workflow, before its defaults
	child   *Machine      // the workflow that is called, while it is waited for
	context *Context      // handlers only
	attempt int           // the current one, from 1
	first   int           // the attempt that began the present request; 0: the first
	since   int           // the attempt that an ending of its own count retried last; 0: none
	effect  *effect       // what it did, or may have done; nil: nothing
	counts  []ownCount    // of the endings that have a count of their own
	sent    time.Duration // when it was made
	timeout time.Duration // when it is given up; 0: never
	resume  time.Duration // when the next attempt is made
	waiting bool          // between attempts, or held from outside
	held    bool          // from outside: at resume the same attempt is made
	gate    *gate         // that bounds it; nil: nothing does
	lane    *lane         // of its operation
	ticket  *ticket       // while it is held; nil: it is not
	passed  bool          // it is under way, and counts for its gate
	recall  *recall       // what the run remembers of it
	probe   bool          // of a breaker that is half open
	delay   time.Duration // how long it was held
	answer  answer        // of the last attempt
	by      any           // of a wait: whose signals; nil: all
	awaits  *waiter       // a wait that is under way; nil: none is
	digest  value.Digest  // of args and by; zero: not made yet
}

// ownCount is how many attempts a retry that names its attempts has seen.
type ownCount struct {
	of *graph.Retry
	n  int
}

// count is the number of the current attempt among those that count for a retry: by
// the policy or by an ending, nil is the policy. An ending that names its attempts
// counts those that it was asked for, and the others begin anew behind them: a poll
// does not use up the attempts that failures have.
func (cs *callState) count(r *graph.Retry) int {
	if r == nil || !r.Own {
		return cs.attempt - cs.since
	}
	cs.since = cs.attempt
	for i := range cs.counts {
		if o := &cs.counts[i]; o.of == r {
			o.n++
			return o.n
		}
	}
	cs.counts = append(cs.counts, ownCount{r, 1})
	return 1
}

// counted is what count will say, without counting.
func (cs *callState) counted(r *graph.Retry) int {
	if !r.Own {
		return cs.attempt - cs.since
	}
	for _, o := range cs.counts {
		if o.of == r {
			return o.n + 1
		}
	}
	return 1
}

// answer is how an attempt ended.
type answer struct {
	status     int
	class      string // instead of a status
	headers    map[string]string
	body       any
	message    string    // what went wrong, if no service said so
	undeclared bool      // the signature does not know it
	ignored    string    // fields of the body that the signature does not know
	cause      *RunError // why a workflow failed that was called
	again      bool      // see Call
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
	case a.class == value.Timeout, a.class == value.Unreachable, a.class == value.Malformed, a.class == value.BreakerOpen:
		return strings.ToUpper(a.class)
	}
	return a.class
}

// call begins a call: arguments, then the first attempt.
func (m *Machine) call(x *exec, c *graph.Call) {
	if x.late {
		m.fail(x, x.deadline())
		return
	}
	cs := x.spare
	if x.spare = nil; cs == nil {
		cs = &callState{}
	}
	*cs = callState{call: c, attempt: 1, counts: cs.counts[:0]}
	cs.place, cs.round = x.round(c)
	x.call = cs
	err := m.arguments(x, cs)
	if err == nil && c.Key != nil {
		err = m.ownKey(cs)
	}
	if err != nil {
		m.fail(x, err)
		return
	}
	m.note(x, cs)
	if m.before != nil && m.recalled(x, cs) {
		m.show(cs)
		m.react(x, cs)
		return
	}
	m.attempt(x, cs)
}

// ownKey evaluates the idempotency key that the definition says.
func (m *Machine) ownKey(cs *callState) *RunError {
	c := cs.call
	v, err := c.Key.Eval(&m.eval, m.env)
	if err != nil {
		return expressionError(err)
	}
	wrong := ""
	switch v := v.(type) {
	case string:
		if cs.own = v; v == "" {
			wrong = "is empty"
		}
	case int:
		cs.own = strconv.Itoa(v)
	default:
		wrong = fmt.Sprintf("must be a string or an int, not %s", value.KindOf(v))
	}
	if wrong != "" {
		return &RunError{Code: CodeArgument, Message: c.Sig.Name() + ": its idempotency key " + wrong, Span: c.Key.Span()}
	}
	return nil
}

// round counts that a call is made and returns the place of this time: a clause
// that ends with retry may be taken again, and the calls in it are other calls then.
func (x *exec) round(c *graph.Call) (place string, round int) {
	for i := range x.made {
		if md := &x.made[i]; md.call == c {
			md.rounds++
			return x.place(c, md.rounds), md.rounds
		}
	}
	x.made = append(x.made, made{call: c, rounds: 1})
	return x.place(c, 1), 1
}

// place is where in the run a call is made for the nth time.
func (x *exec) place(c *graph.Call, round int) string {
	place := c.Place
	if x.scope.prefix != "" {
		place = x.scope.prefix + place
	}
	if round > 1 {
		place += "[" + strconv.Itoa(round) + "]"
	}
	return place
}

// arguments evaluates and completes what the call passes.
func (m *Machine) arguments(x *exec, cs *callState) *RunError {
	c := cs.call
	if c.Sig.Signal {
		return m.signalKey(cs)
	}
	var v any = noArguments
	if c.Args != nil {
		var err error
		if v, err = c.Args.Eval(&m.eval, m.env); err != nil {
			return expressionError(err)
		}
	}
	if c.Sig.Handler {
		cs.context = &Context{Input: m.env["input"], Past: m.past(x.scope.top(x.step))}
		if c.Args != nil {
			cs.context.Config = v
		}
		return nil
	}
	if c.Runs != nil {
		cs.given = v
		return nil
	}
	done, violations := c.Sig.Input.Conform(v, m.env)
	if len(violations) > 0 {
		return m.unfit(c, violations)
	}
	cs.args, _ = done.(map[string]any)
	return nil
}

// unfit is the failure of a call whose arguments do not fit.
func (m *Machine) unfit(c *graph.Call, violations value.Violations) *RunError {
	if c.Args != nil && c.Args.Type().HasSecret() {
		for i := range violations {
			violations[i].Message = "does not fit; why is not told, because a secret is passed"
		}
	}
	return &RunError{Code: CodeArgument, Message: c.Sig.Name() + ": " + violations.Error(), Span: c.Span}
}

// attempt makes one attempt, as soon as nothing keeps it back.
func (m *Machine) attempt(x *exec, cs *callState) {
	cs.waiting, cs.timeout, cs.resume, cs.delay, cs.probe = false, 0, 0, 0, false
	cs.answer = answer{}
	if cs.call.Sig.Signal { // nobody is called
		cs.gate, cs.lane = nil, nil
		m.send(x, cs)
		return
	}
	m.arrive(x, cs)
}

// tried counts an attempt.
func (m *Machine) tried(x *exec, cs *callState) {
	st := x.state()
	if cs.call.Main {
		st.attempts = cs.attempt
	} else {
		x.other = max(x.other, cs.attempt)
	}
	for i := range x.made {
		if md := &x.made[i]; md.call == cs.call {
			md.attempts = cs.attempt
		}
	}
}

// send makes an attempt.
func (m *Machine) send(x *exec, cs *callState) {
	m.tried(x, cs)
	m.noted(cs, inDoubt)
	cs.sent = m.now
	timeout, err := m.bound(cs.call.Policy.Timeout)
	if err != nil {
		m.leaveGate(x, cs, false)
		m.fail(x, expressionError(err))
		return
	}
	if timeout > 0 {
		cs.timeout = m.now + timeout
	}
	switch {
	case cs.call.Sig.Signal:
		m.traceCall(x, cs)
		m.await(x, cs)
		return
	case cs.call.Runs != nil:
		cs.renew()
		why := m.input(cs)
		if why == nil {
			m.traceCall(x, cs)
			why = m.nest(x, cs)
		}
		if why != nil {
			m.fail(x, why)
			return
		}
	default:
		m.traceCall(x, cs)
		m.emit(m.command(x, cs))
	}
	if timeout > 0 {
		m.emit(SetTimer{m.callID(x, cs, KindTimeout), cs.timeout})
	}
}

func (m *Machine) command(x *exec, cs *callState) Call {
	return Call{ID: m.callID(x, cs, KindCall), Call: cs.call, Place: x.place(cs.call, 1), Args: cs.args, Context: cs.context, Key: m.key(cs), Closing: m.closes(x.scope)}
}

// closes reports whether steps belong to something done behind the others, which the end of
// what it belongs to does not stop.
func (m *Machine) closes(s *scope) bool {
	for ; s.then == nil; s = s.of.scope {
		if s.of == nil {
			return m.waiter != nil && m.of.closes(m.waiter.scope)
		}
	}
	return true
}

// key is the idempotency key of a request. Attempts whose outcome may be unknown repeat
// the request, with its key; after an answer that settles it a clause may retry too,
// and that is another request: with the same key a service would repeat its answer.
func (m *Machine) key(cs *callState) string {
	if cs.own != "" {
		return cs.own + cs.again()
	}
	return m.cfg.RunID + ":" + cs.request()
}

// request is the place of the call, and which of its requests the present one is.
func (cs *callState) request() string { return cs.place + cs.again() }

// again is the attempt that began the present request, unless it is the first.
func (cs *callState) again() string {
	if cs.first > 0 {
		return "#" + strconv.Itoa(cs.first)
	}
	return ""
}

// settled reports whether the answer settles the request: nothing but a clause would
// make another attempt.
func (cs *callState) settled() bool {
	disposition, _ := cs.call.Sig.Classify(cs.call.Policy.Rules, cs.answer.status, cs.answer.class)
	return disposition != value.Retryable && cs.answer.class != value.BreakerOpen
}

func (m *Machine) callID(x *exec, cs *callState, kind Kind) ID {
	id := ID{Place: cs.place, Attempt: cs.attempt, Kind: kind, scope: x.scope.seq, step: int32(x.step), round: int32(cs.round)}
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
	case x.paused:
		out = append(out, SetTimer{m.pauseID(x), x.until})
	case cs == nil: // it waits for the steps it runs
	case cs.ticket != nil: // its gate has a timer, if one is needed
	case cs.waiting:
		out = append(out, SetTimer{m.callID(x, cs, KindBackoff), cs.resume})
	default:
		if cs.child == nil && !cs.call.Sig.Signal { // see Waiting
			c := m.command(x, cs)
			c.Again = true
			out = append(out, c)
		}
		if cs.timeout > 0 {
			out = append(out, SetTimer{m.callID(x, cs, KindTimeout), cs.timeout})
		}
	}
	return out
}

// current finds the call an ID is about; nil if it is over, which is no error: an
// answer and a cancellation may cross. An ID that this run has not given out is one.
func (m *Machine) current(id ID) (*exec, *callState, error) {
	s, err := m.scopeOf(id)
	if s == nil {
		return nil, nil, err
	}
	attempt := id.Attempt
	if id.Kind == KindBackoff {
		attempt--
	}
	x := s.states[id.step].exec
	if x != nil && x.call != nil {
		if cs := x.call; cs.place == id.Place && cs.attempt == attempt && cs.ticket == nil && cs.waiting == (id.Kind == KindBackoff) {
			return x, cs, nil
		}
	}
	if !s.known(id, attempt) && !m.remembered(id, attempt) {
		return nil, nil, fmt.Errorf("%s was never asked for", id)
	}
	return x, nil, nil
}

// scopeOf finds the steps an ID is about; nil if they are over.
func (m *Machine) scopeOf(id ID) (*scope, error) {
	if id.scope < 0 || int(id.scope) >= len(m.scopes) {
		return nil, fmt.Errorf("%s is no place of this run", id)
	}
	s := m.scopes[id.scope]
	if s != nil && (id.step < 0 || int(id.step) >= len(s.states)) {
		return nil, fmt.Errorf("%s is no place of this run", id)
	}
	return s, nil
}

// known reports whether a step has made an attempt. Of a step that has ended only the
// places are known.
func (s *scope) known(id ID, attempt int) bool {
	st, round := &s.states[id.step], int(id.round)
	x := exec{scope: s, step: int(id.step)}
	if st.exec != nil {
		return slices.ContainsFunc(st.exec.made, func(md made) bool {
			return (round < md.rounds || round == md.rounds && attempt <= md.attempts) && x.place(md.call, round) == id.Place
		})
	}
	found := false
	if st.ending != "" {
		graph.EachCall(x.def().Body, func(c *graph.Call) { found = found || x.place(c, round) == id.Place })
	}
	return found
}

// answered takes the answer of an attempt.
func (m *Machine) answered(id ID, a answer) error {
	if id.Kind != KindCall {
		return fmt.Errorf("%s is no call, so it has no answer", id)
	}
	x, cs, err := m.current(id)
	if err != nil || cs == nil {
		return err
	}
	if cs.timeout > 0 {
		m.emit(CancelTimer{m.callID(x, cs, KindTimeout)})
	}
	m.resume(x)
	m.judge(x, cs, a)
	m.schedule()
	return nil
}

// putOff takes an attempt back that was not made: it is made when its time has come.
func (m *Machine) putOff(ev CallHeld) error {
	if ev.ID.Kind != KindCall {
		return fmt.Errorf("%s is no call, so it is not held", ev.ID)
	}
	x, cs, err := m.current(ev.ID)
	if err != nil || cs == nil {
		return err
	}
	if cs.call.Runs != nil || cs.call.Sig.Signal {
		return fmt.Errorf("%s calls no service, so it is not held", ev.ID)
	}
	if cs.timeout > 0 {
		m.emit(CancelTimer{m.callID(x, cs, KindTimeout)})
	}
	if ev.Again && cs.effect == nil { // what was asked for before may have been done
		m.affected(x, cs, nil)
	}
	cs.timeout, cs.waiting, cs.held, cs.resume = 0, true, true, max(ev.Until, m.now)
	if m.traced() {
		e := m.about(x, cs, EntryHeld)
		e.Until, e.Note = cs.resume, ev.Why
		m.trace(e)
	}
	m.emit(SetTimer{m.callID(x, cs, KindBackoff), cs.resume})
	return nil
}

// fired takes a timer.
func (m *Machine) fired(id ID) error {
	switch id.Kind {
	case KindRunWithin:
		return m.runOverdue(id)
	case KindStepWithin:
		return m.stepOverdue(id)
	case KindLimit:
		return m.limitFired(id)
	case KindPause:
		return m.pauseOver(id)
	case KindTimeout, KindBackoff:
	default:
		return fmt.Errorf("%s is no timer", id)
	}
	x, cs, err := m.current(id)
	if err != nil || cs == nil {
		return err
	}
	due := cs.timeout
	if id.Kind == KindBackoff {
		due = cs.resume
	}
	if due == 0 && id.Kind == KindTimeout {
		return fmt.Errorf("%s was never asked for", id)
	}
	if m.now < due {
		return early(id, due)
	}
	m.resume(x)
	switch {
	case cs.held:
		cs.waiting, cs.held = false, false
		cs.delay += m.now - cs.sent
		m.services.entry(cs.call.Sig.Service).Held += m.now - cs.sent
		m.send(x, cs)
	case id.Kind == KindBackoff:
		cs.attempt++
		m.attempt(x, cs)
	case cs.child != nil:
		m.overrun(cs)
	case cs.awaits != nil:
		m.forgo(cs)
		m.judge(x, cs, answer{class: value.Timeout, message: "no " + cs.call.Sig.Name() + " within " + value.FormatDuration(cs.timeout-cs.sent)})
	default:
		m.emit(CancelCall{m.callID(x, cs, KindCall)})
		m.judge(x, cs, answer{class: value.Timeout, message: "no answer within " + value.FormatDuration(cs.timeout-cs.sent) + " (timeout of one attempt)"})
	}
	m.schedule()
	return nil
}

func early(id ID, due time.Duration) error {
	return fmt.Errorf("%s fired before its time, %s", id, due)
}

// runOverdue handles the deadline of the run: it fails.
func (m *Machine) runOverdue(id ID) error {
	switch {
	case m.within == 0:
		return fmt.Errorf("%s was never asked for", id)
	case m.now < m.within:
		return early(id, m.within)
	}
	m.reached(m.g.Within, "passed")
	what := "the run"
	if m.of != nil {
		what = "workflow " + m.g.FullName()
	}
	why := &RunError{Code: CodeDeadline, Message: what + " took longer than its within " + value.FormatDuration(m.within-m.since), Span: m.g.Within.Span}
	m.within = 0
	m.stop(Failed, why)
	return nil
}

// stepOverdue handles the deadline of a step: what it waits for is given up, and
// only a `failed` clause may still say how it ends.
func (m *Machine) stepOverdue(id ID) error {
	s, err := m.scopeOf(id)
	switch {
	case s == nil:
		return err
	case s.steps[id.step].Within == nil:
		return fmt.Errorf("%s is no deadline of this run", id)
	}
	st := &s.states[id.step]
	x := st.exec
	switch {
	case x == nil && st.ending == "" || x != nil && x.within == 0:
		return fmt.Errorf("%s was never asked for", id)
	case x == nil || x.late || x.undoing:
		return nil
	case m.now < x.within:
		return early(id, x.within)
	}
	m.resume(x)
	m.reached(x.def().Within, "passed")
	x.late = true
	why := x.deadline()
	m.decided(x, why.Message)
	cs, clauses := x.call, x.clauses()
	reason := "the deadline of " + x.name() + " passed"
	if cs != nil && cs.child != nil { // which comes to its end first
		x.call, x.undoing = nil, true
		m.desert(x, cs, reason, deserted{m.underWay(x), cs, why})
		return nil
	}
	m.giveUp(x, reason)
	if cs != nil {
		m.show(cs)
	}
	m.conclude(x, cs, clauses, value.Failed, why)
	m.schedule()
	return nil
}

// judge takes down what came of an attempt, and decides what becomes of it.
func (m *Machine) judge(x *exec, cs *callState, a answer) {
	cs.answer = a
	var bodyType *value.Type
	if cs.call.Runs != nil || cs.call.Sig.Signal { // whose output, or payload, is of its type
		bodyType, _ = cs.call.Sig.Body(0, a.class)
	} else {
		if a.class != value.BreakerOpen {
			m.services.add(cs.call.Sig.Service, m.now-cs.sent)
		}
		bodyType = m.check(cs)
	}
	a = cs.answer
	if m.cfg.Cover != nil {
		m.reached(cs.call, a.String())
	}
	m.traceAnswer(x, cs, bodyType)
	m.leaveGate(x, cs, true)
	m.show(cs)
	disposition, _ := cs.call.Sig.Classify(cs.call.Policy.Rules, a.status, a.class)
	switch {
	case disposition == value.Success:
		m.affected(x, cs, a.body)
	case (a.doubtful() || a.again) && cs.effect == nil && cs.call.Runs == nil:
		m.affected(x, cs, nil)
	}
	m.noted(cs, cs.knowledgeOf(disposition))
	m.react(x, cs)
}

// react goes on behind an answer: with the first clause that takes it, or by the policy.
func (m *Machine) react(x *exec, cs *callState) {
	a := cs.answer
	disposition, rule := cs.call.Sig.Classify(cs.call.Policy.Rules, a.status, a.class)
	var why *RunError // of a workflow, to be told to its clauses
	if cs.call.Runs != nil && a.class != value.Completed && a.class != value.Degraded {
		why = cs.failure()
		m.tell(x, why)
	}
	for _, c := range cs.call.Clauses {
		if !takes(c, a) {
			continue
		}
		ok, err := m.holds(c.When)
		if err != nil {
			m.fail(x, err)
			return
		}
		switch {
		case !ok:
		case disposition != value.Success && forFailures(c): // it is for this failure and others
			why := cs.failure()
			m.tell(x, why)
			m.enter(x, cs, c, why)
			return
		default:
			m.enter(x, cs, c, why)
			return
		}
	}
	if disposition == value.Success {
		x.call = nil
		m.passed(x, cs)
		m.run(x)
		return
	}
	if m.traced() {
		why := "by default"
		switch {
		case rule == nil:
		case rule.Implied:
			why = "in an undo"
		default:
			why = "by rule " + rule.String()
		}
		m.decided(x, fmt.Sprintf("%s is %s %s", a, disposition, why))
	}
	if disposition == value.Retryable {
		m.again(x, cs, cs.call.Policy, cs.count(nil))
	} else {
		m.verdict(x, cs, value.Failed)
	}
}

// ledger adds up the time spent waiting for each service.
type ledger struct {
	list []ServiceTime
	at   map[string]int // place in list; nil while that is short enough to be searched
}

func (l *ledger) add(service string, d time.Duration) {
	s := l.entry(service)
	s.Calls++
	s.Time += d
}

// entry is that of a service, to be changed at once.
func (l *ledger) entry(service string) *ServiceTime {
	i := slices.IndexFunc(l.list[:min(len(l.list), searched)], func(s ServiceTime) bool { return s.Service == service })
	if i < 0 {
		i = l.index(service)
	}
	return &l.list[i]
}

// searched is how many services are searched for one by one.
const searched = 8

// index finds or makes the entry of a service that is not among the first.
func (l *ledger) index(service string) int {
	i, ok := l.at[service]
	if !ok {
		i = len(l.list)
		l.list = append(l.list, ServiceTime{Service: service})
		if i >= searched {
			if l.at == nil {
				l.at = map[string]int{}
			}
			l.at[service] = i
		}
	}
	return i
}

// check holds the answer against the signature: a body that does not fit makes it
// malformed. It returns the type of the body, nil if nothing is declared.
func (m *Machine) check(cs *callState) *value.Type {
	a := &cs.answer
	body, err := value.Normalize(a.body)
	if err != nil {
		*a = answer{class: value.Malformed, message: err.Error(), headers: a.headers}
		return nil
	}
	a.body = body
	sig := cs.call.Sig
	t, declared := sig.Body(a.status, a.class)
	if !declared {
		a.undeclared = !sig.Handler && !slices.Contains(cs.call.Classes(), a.class)
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
func (m *Machine) show(cs *callState) {
	m.env["body"], m.env["status"] = cs.answer.body, cs.answer.status
	headers := noHeaders
	if len(cs.answer.headers) > 0 {
		headers = value.Object(cs.answer.headers)
	}
	m.env["headers"] = headers
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

// holds judges a condition; nil always holds.
func (m *Machine) holds(when *expr.Program) (bool, *RunError) {
	if when == nil {
		return true, nil
	}
	ok, err := when.Bool(&m.eval, m.env)
	if err != nil {
		return false, expressionError(err)
	}
	m.judged(when, ok)
	return ok, nil
}

// enter executes a clause. why is the failure it is for, nil if it is for an answer.
func (m *Machine) enter(x *exec, cs *callState, c *graph.Clause, why *RunError) {
	m.reached(c, "taken")
	x.call = cs
	m.decided(x, c.Label)
	x.call = nil
	x.frames = append(x.frames, frame{body: c.Body, next: m.skipped(cs, c), owner: cs, label: c.Label, why: why})
	m.run(x)
}

// skipped is how many statements of a clause are not executed: what it does in order to
// try again is done in vain if no attempt is left, so then only its retry is.
func (m *Machine) skipped(cs *callState, c *graph.Clause) int {
	last := len(c.Body) - 1
	if last < 1 || cs == nil {
		return 0
	}
	r, ok := c.Body[last].(*graph.Retry)
	if !ok || r.Policy.Attempts == nil {
		return 0
	}
	reads := r.Policy.Attempts.Value.Refs()
	for _, st := range c.Body {
		name := ""
		switch st := st.(type) {
		case *graph.Let:
			name = st.Name
		case *graph.Call:
			if name = st.Bind; slices.Contains(reads, "body") || slices.Contains(reads, "status") || slices.Contains(reads, "headers") {
				return 0
			}
		}
		if slices.Contains(reads, name) { // how many there are shows when the clause is executed
			return 0
		}
	}
	if most, err := m.attempts(r.Policy); err != nil || cs.counted(r) < most {
		return 0
	}
	return last
}

// passed binds the body of a call that goes on below.
func (m *Machine) passed(x *exec, cs *callState) {
	if cs.call.Bind != "" {
		m.bind(x, cs.call.Bind, cs.answer.body)
	}
	if cs.call.Main {
		x.main = cs.answer.body
	}
	if cs.answer.class == value.Degraded && x.degraded == "" {
		x.degraded = cs.request() + " degraded"
	}
	x.spare = cs
}

// again plans the next attempt, if the policy grants one. n is the number of the
// current attempt among those that the policy counts.
func (m *Machine) again(x *exec, cs *callState, p *graph.Policy, n int) {
	most, err := m.attempts(p)
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	if n >= most {
		m.reached(cs.call, value.Exhausted)
		if m.traced() {
			m.decided(x, numbered(cs.attempt, n, most)+" was the last")
		}
		m.verdict(x, cs, value.Exhausted)
		return
	}
	if x.late {
		m.fail(x, x.deadline())
		return
	}
	wait, err := m.pause(cs, p, n)
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	x.call = cs
	if cs.call.Sig.Signal && wait.wait == 0 { // it goes on waiting
		cs.attempt++
		m.attempt(x, cs)
		return
	}
	cs.waiting, cs.resume = true, m.now+wait.wait
	m.traceWait(x, cs, n+1, most, wait)
	m.emit(SetTimer{m.callID(x, cs, KindBackoff), cs.resume})
}

// verdict ends a call that failed: by its clause for exhausted or failed, else the
// step fails.
func (m *Machine) verdict(x *exec, cs *callState, class string) {
	m.conclude(x, cs, cs.call.Clauses, class, cs.failure())
}

// failure is that of a call by its answer.
func (cs *callState) failure() *RunError {
	a := cs.answer
	msg := a.message
	if msg == "" && cs.call.Runs == nil {
		msg = fmt.Sprintf("%s answered %s", cs.call.Sig.Name(), a)
	}
	if cs.attempt > 1 {
		msg = strings.TrimPrefix(fmt.Sprintf("%s, after %d attempts", msg, cs.attempt), ", ")
	}
	return &RunError{Code: a.code(), Message: msg, Place: cs.place, Attempt: cs.attempt, Span: cs.call.Span, Cause: a.cause}
}

// forFailures reports whether a clause is for exhausted or failed, beside what it names.
func forFailures(c *graph.Clause) bool {
	return slices.ContainsFunc(c.On, func(p value.Pattern) bool { return p.Name == value.Exhausted || p.Name == value.Failed })
}

// conclude looks for the clause of a verdict. exhausted is a failure too. cs is the
// call that failed, nil for steps inside.
func (m *Machine) conclude(x *exec, cs *callState, clauses []*graph.Clause, class string, why *RunError) {
	m.tell(x, why)
	c, err := m.verdictClause(clauses, class)
	switch {
	case err != nil:
		why = err
	case c != nil:
		m.enter(x, cs, c, why)
		return
	case class == value.Exhausted:
		m.conclude(x, cs, clauses, value.Failed, why)
		return
	}
	x.call = cs
	m.fail(x, why)
}

// tell makes error mean a failure.
func (m *Machine) tell(x *exec, why *RunError) {
	m.bind(x, "error", map[string]any{"code": why.Code, "message": why.Message})
}

// verdictClause is the first clause for exhausted or failed that holds; nil if none
// does.
func (m *Machine) verdictClause(clauses []*graph.Clause, class string) (*graph.Clause, *RunError) {
	for _, c := range clauses {
		if !slices.ContainsFunc(c.On, func(p value.Pattern) bool { return p.Name == class }) {
			continue
		}
		if ok, err := m.holds(c.When); err != nil || ok {
			return c, err
		}
	}
	return nil, nil
}

// deadline is the failure of a step that took too long.
func (x *exec) deadline() *RunError {
	return &RunError{Code: CodeDeadline, Message: "step " + x.name() + " took longer than its within", Span: x.def().Within.Span}
}

// giveUp gives up what a step waits for. A call that is given up counts for its
// service all the same.
func (m *Machine) giveUp(x *exec, reason string) {
	switch {
	case x.inner != nil:
		m.giveUpInner(x, reason)
		return
	case x.undoing:
		return
	case x.paused:
		x.paused = false
		m.emit(CancelTimer{m.pauseID(x)})
		return
	}
	cs := x.call
	x.call = nil
	switch {
	case cs.child != nil:
		m.desert(x, cs, reason, nil)
		return
	case cs.waiting:
		m.leaveGate(x, cs, false) // if it is held
		m.emit(CancelTimer{m.callID(x, cs, KindBackoff)})
		return
	case cs.awaits != nil:
		m.forgo(cs)
		if cs.timeout > 0 {
			m.emit(CancelTimer{m.callID(x, cs, KindTimeout)})
		}
		return
	}
	if cs.ticket != nil {
		m.drop(cs)
		return
	}
	m.leaveGate(x, cs, false)
	m.services.add(cs.call.Sig.Service, m.now-cs.sent)
	if cs.effect == nil {
		m.affected(x, cs, nil)
	}
	m.emit(CancelCall{m.callID(x, cs, KindCall)})
	if cs.timeout > 0 {
		m.emit(CancelTimer{m.callID(x, cs, KindTimeout)})
	}
}
