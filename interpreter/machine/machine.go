package machine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// Config of a run. The zero value works; a driver sets all but Trace.
type Config struct {
	RunID         string
	CorrelationID string // of every call; "": RunID
	Seed          uint64 // of jitter
	Start         time.Time
	Trace         func(Entry)      // told of everything that happens, in order; nil: nobody listens
	Cover         Cover            // told which parts of the definition a run reaches; nil: nobody listens
	Ended         func(StepResult) // told of every step that has ended, also those inside others, undos and called workflows; nil: nobody listens
}

// Cover is told which parts of a definition a run reaches.
type Cover interface {
	// Reached is told a part and what became of it: a *graph.Step and its ending; a
	// *graph.Call and its outcome, or "exhausted"; a *graph.Clause ("taken"); a
	// *graph.Ensure, *graph.Return, *graph.Degrade, *graph.Fail or *graph.Retry
	// ("reached"); the within of a step or of the run, *graph.Setting ("passed"); a
	// condition, *expr.Program, and "true" or "false".
	Reached(part any, what string)
	// Evaluated is told an expression, compiled with probes, and what it read.
	Evaluated(p *expr.Program, env map[string]any)
}

// Machine is one run.
type Machine struct {
	*shared
	caller
	g    *graph.Graph
	cfg  Config
	eval expr.Machine

	// env is what expressions read: input, run, the lets of the workflow and the
	// results of steps. The names of the step that executes are laid over them, see
	// resume; those of other steps may linger there and are never read, because
	// names are not shadowed.
	env map[string]any

	begun     bool
	done      bool
	root      *scope                 // the steps of the run
	scopes    []*scope               // by seq; nil: over
	linked    map[*graph.Step]*links // of groups, by their first step
	ready     heap                   // steps that may start
	running   int                    // steps that call, of all scopes
	limit     int                    // of them at once; 0: no limit
	since     time.Duration          // when it began; 0 but for a workflow that is called
	within    time.Duration          // when the run's deadline fires; 0: none
	spare     []*exec                // of ended steps, to be used again
	err       *RunError              // first failure
	failures  int                    // of steps so far, to order them
	cancelled bool
	stopped   bool          // ended as a whole: cancelled, or out of time
	pasts     []*ended      // steps that handlers know of, by index; nil until the first handler
	outcome   any           // what the run returns
	breaks    value.Breaker // of the workflow
	result    *Result

	pivots      map[string][]*effect // those that stand once a step has completed, by its name
	undoings    int                  // lists of effects that are being undone
	concluding  bool                 // all steps have ended, and what a run does at its end is being done
	compensated bool                 // the run's effects are undone, or being so
	undone      bool                 // effects of a workflow that it called are
	left        []string             // the undos that failed

	// Room for what nearly every run needs.
	room struct {
		shared shared
		out    [4]Command
		spare  [2]*exec
		ready  [4]readyStep
		root   scope
		links  links
		all    [1]*scope
	}
}

// stepState is what is known of a step during a run.
type stepState struct {
	waits          int32 // needs that have not ended
	ending         Ending
	reason         string
	clause         string
	attempts       int
	started, ended time.Duration
	result         any
	err            *RunError
	failed         int          // which failure of its workflow this is, from 1; 0: none
	exec           *exec        // while it runs
	inner          []StepResult // of a group or loop
	anew           bool         // it had not failed, and is run again
	failures       []any        // of a loop, if an expression reads them
	digest         value.Digest // of result; zero: not made yet
}

// New makes the machine of one run. The input must conform to g.Input and is not
// written to.
func New(g *graph.Graph, input map[string]any, cfg Config) *Machine {
	if cfg.CorrelationID == "" {
		cfg.CorrelationID = cfg.RunID
	}
	m := &Machine{g: g, cfg: cfg}
	m.shared = &m.room.shared
	m.root, m.scopes = &m.room.root, m.room.all[:]
	*m.root = scope{steps: g.Steps, states: make([]stepState, len(g.Steps)), links: &m.room.links, left: len(g.Steps)}
	m.scopes[0] = m.root
	m.room.links = link(g.Steps)
	if cfg.Cover != nil {
		m.eval.Observe = cfg.Cover.Evaluated
	}
	m.out, m.spare, m.ready = m.room.out[:0], m.room.spare[:0], m.room.ready[:0]
	m.env = make(map[string]any, m.root.reads+len(g.Prelude)+len(answerNames)+2)
	m.env["input"] = input
	if g.ReadsRun {
		m.env["run"] = map[string]any{"id": cfg.RunID, "started_at": cfg.Start.UTC().Format(time.RFC3339Nano)}
	}
	return m
}

// answerNames are bound by every call.
var answerNames = [...]string{"body", "status", "headers"}

// results lists what came of the steps.
func (s *scope) results() []StepResult {
	out := make([]StepResult, len(s.states))
	for i := range s.states {
		out[i] = s.result(i)
	}
	return out
}

// result is what came of step i.
func (s *scope) result(i int) StepResult {
	st := &s.states[i]
	return StepResult{Def: s.steps[i], Name: s.name(i), Ending: st.ending, Reason: st.reason, Attempts: st.attempts,
		Started: st.started, Ended: st.ended, Result: st.result, Error: st.err, Clause: st.clause, Steps: st.inner}
}

// Done reports whether the run has ended.
func (m *Machine) Done() bool { return m.done }

// Now is when the last event happened.
func (m *Machine) Now() time.Duration { return m.now }

// Result is what came of the run; nil before it is done.
func (m *Machine) Result() *Result { return m.result }

// Apply takes one event and returns what is to be done next. The slice is valid
// until the next call. An error means that the driver broke the protocol; the
// machine is then as it was.
func (m *Machine) Apply(ev Event) ([]Command, error) {
	at := ev.event()
	if at < m.now {
		return nil, fmt.Errorf("event %T at %s comes after one at %s", ev, at, m.now)
	}
	if _, start := ev.(Started); start == m.begun {
		if start {
			return nil, errors.New("the run was started twice")
		}
		return nil, fmt.Errorf("event %T before Started", ev)
	}
	m.out = m.out[:0]
	if m.done {
		switch ev := ev.(type) {
		case StepResolved, StepRetried: // open it again
		case SignalReceived:
			return nil, &SignalError{Signal: ev.Name, Message: "the run has ended"}
		default:
			return nil, nil
		}
	}
	was := m.now
	m.now = at
	to, err := m.route(ev)
	if err == nil && to != nil {
		err = to.apply(ev)
	}
	if err != nil {
		m.now = was // what refuses an event changes nothing else
		return nil, err
	}
	m.attendAll()
	return m.out, nil
}

func (m *Machine) apply(ev Event) error {
	switch ev := ev.(type) {
	case Started:
		m.begun = true
		m.start()
	case CallReturned:
		return m.answered(ev.ID, answer{status: ev.Status, class: ev.Class, headers: ev.Headers, body: ev.Body, again: ev.Again})
	case CallFailed:
		return m.answered(ev.ID, answer{class: ev.Class, message: ev.Message})
	case CallHeld:
		return m.putOff(ev)
	case TimerFired:
		return m.fired(ev.ID)
	case SignalReceived:
		return m.signalled(ev)
	case CancelRequested:
		if m.concluding { // it has ended, and this is its cleaning up
			return nil
		}
		m.stop(Cancelled, &RunError{Code: CodeCancelled, Message: "the run was cancelled"})
	case StepResolved:
		return m.resolve(ev.Step, ev.Result)
	case StepRetried:
		return m.retry(ev.Step)
	default:
		panic(fmt.Sprintf("unknown event %T", ev))
	}
	return nil
}

// start evaluates what stands before the first step, then starts what needs
// nothing.
func (m *Machine) start() {
	m.since = m.now
	m.trace(Entry{Kind: EntryRunStarted, Note: m.g.FullName(), Args: m.env["input"]})
	if err := m.prelude(); err != nil {
		m.stop(Failed, err)
		return
	}
	m.open(m.root)
	m.schedule()
}

func (m *Machine) prelude() *RunError {
	for _, st := range m.g.Prelude {
		switch st := st.(type) {
		case *graph.Let:
			v, err := st.Value.Eval(&m.eval, m.env)
			if err != nil {
				return expressionError(err)
			}
			m.env[st.Name] = v
		case *graph.Ensure:
			ok, err := st.Cond.Bool(&m.eval, m.env)
			if err != nil {
				return expressionError(err)
			}
			m.judged(st.Cond, ok)
			if !ok {
				return m.failure(st.Else.(*graph.Fail))
			}
		}
	}
	return m.bounds()
}

// bounds evaluates the deadline, limit and breaker of the run.
func (m *Machine) bounds() *RunError {
	within, err := m.bound(m.g.Within)
	if err != nil {
		return expressionError(err)
	}
	if within > 0 {
		m.within = m.now + within
		m.emit(SetTimer{ID{Kind: KindRunWithin, scope: -1}, m.within})
	}
	if m.g.Limit != nil {
		if m.limit, err = m.g.Limit.Value.Int(&m.eval, m.env); err != nil {
			return expressionError(err)
		}
		m.limit = max(m.limit, 1)
	}
	if m.breaks, err = m.breakerOf(m.g.Breaker); err != nil {
		return expressionError(err)
	}
	return nil
}

// tellEnded tells that a step has ended.
func (m *Machine) tellEnded(s *scope, i int) {
	if m.cfg.Ended != nil {
		m.cfg.Ended(s.result(i))
	}
}

func (m *Machine) reached(part any, what string) {
	if m.cfg.Cover != nil {
		m.cfg.Cover.Reached(part, what)
	}
}

// judged tells how a condition came out.
func (m *Machine) judged(p *expr.Program, held bool) {
	if m.cfg.Cover != nil {
		m.cfg.Cover.Reached(p, strconv.FormatBool(held))
	}
}

func (m *Machine) emit(c Command) {
	if m.seq > 0 {
		c = m.stamped(c)
	}
	m.out = append(m.out, c)
}

// schedule starts what is ready, as far as the limits allow, and finishes the run when
// nothing is left.
func (m *Machine) schedule() {
	for len(m.ready) > 0 && (m.limit == 0 || m.running < m.limit) && (!m.done || m.of != nil) { // a workflow that was called may be undone later
		next := m.ready.pop()
		s, i := next.scope, int(next.step)
		switch {
		case s.states[i].ending != "": // given up in the meantime
		case s.limit > 0 && s.running >= s.limit:
			s.held.push(s, i)
		default:
			m.begin(s, i)
		}
	}
	if m.root.left == 0 && m.undoings == 0 && !m.done {
		m.conclusion()
	}
}

// ended records how a step ended and lets its followers know; the last one of a nested
// scope lets the step go on that this belongs to.
func (m *Machine) ended(s *scope, i int, ending Ending, reason string) {
	m.settle(s, i, ending, reason)
	todo := []int32(nil)
	for at := i; ; {
		for _, f := range s.after(at) {
			st := &s.states[f]
			st.waits--
			switch {
			case st.ending != "":
			case s.states[at].ending == Failed || s.states[at].ending == Cancelled || s.states[at].ending == NotRun:
				m.settle(s, int(f), NotRun, s.blame(at))
				todo = append(todo, f)
			case st.waits == 0:
				m.ready.push(s, int(f))
			}
		}
		if len(todo) == 0 {
			break
		}
		at = int(todo[0])
		todo = todo[1:]
	}
	switch {
	case s.then != nil:
		m.asideEnded(s)
	case s.of != nil:
		m.innerEnded(s, i)
	}
}

// blame is why a follower of step `at` cannot run: the first cause is named.
func (s *scope) blame(at int) string {
	if st := &s.states[at]; st.ending == NotRun {
		return st.reason
	}
	return s.name(at) + " " + string(s.states[at].ending)
}

// settle marks a step as ended.
func (m *Machine) settle(s *scope, i int, ending Ending, reason string) {
	st := &s.states[i]
	if x := st.exec; x != nil {
		st.exec = nil
		s.running--
		if !x.nests {
			m.running--
		}
		if len(s.held) > 0 {
			next := s.held.pop()
			m.ready.push(next.scope, int(next.step))
		}
		m.close(x, ending)
	} else {
		st.started = m.now
	}
	st.ending, st.reason, st.ended = ending, reason, m.now
	m.publish(s, i)
	s.left--
	m.reached(s.steps[i], string(ending))
	m.traceStepEnded(s, i)
	m.tellEnded(s, i)
	if ending == Completed || ending == Degraded {
		m.crossed(s, i)
	}
}

// stop ends the run at once: running steps are cancelled, others are not run.
func (m *Machine) stop(ending Ending, why *RunError) {
	m.stopped = true
	reason := "the run was cancelled"
	if ending == Failed {
		reason = "the run failed: " + why.Code
		if m.err == nil {
			m.err = why
		}
	} else {
		m.cancelled = true
	}
	m.abandon(m.root, reason)
	m.schedule()
}

// finish computes the result of the run.
func (m *Machine) finish() {
	m.done = true
	if m.within > 0 {
		m.emit(CancelTimer{ID{Kind: KindRunWithin, scope: -1}})
	}
	r := &Result{Ending: m.ending(), RunID: m.cfg.RunID, CorrelationID: m.cfg.CorrelationID, Error: m.err, Closing: m.closing}
	switch {
	case r.Ending == Completed || r.Ending == Degraded:
		if r.Output = m.outcome; len(m.left) > 0 { // of what was in vain
			r.Ending, r.Reason = Degraded, m.leftOver()
		}
	case len(m.left) > 0 && r.Ending == Cancelled:
		r.Ending, r.Error = Failed, &RunError{Code: CodeUndo, Message: "the run was cancelled, and " + m.leftOver()}
	case len(m.left) > 0 && r.Error != nil:
		e := *r.Error
		e.Message = strings.TrimPrefix(e.Message+", and "+m.leftOver(), ", and ")
		r.Error = &e
	case len(m.left) == 0 && r.Ending == Failed && (m.compensated || m.undone):
		r.Ending = Compensated
	}
	r.Steps = m.root.results()
	var sum time.Duration
	for i := range r.Steps {
		sum += r.Steps[i].Ended - r.Steps[i].Started
	}
	for _, g := range m.gates {
		if b := &g.breaker; b.On() {
			m.services.entry(g.lanes[0].of.Service).Breaker = b.state
		}
	}
	r.Summary = Summary{Total: m.now, Services: m.services.list, Saved: max(0, sum-m.now)}
	m.result = r
	if m.of != nil {
		m.attend()
		return
	}
	m.traceUnread()
	m.traceRunEnded(r)
	m.emit(Finish{})
}

// leftOver names the undos that failed.
func (m *Machine) leftOver() string {
	what := "an undo failed: "
	if len(m.left) > 1 {
		what = "undos failed: "
	}
	return what + strings.Join(m.left, ", ")
}

func (m *Machine) ending() Ending {
	worst := Completed
	for i := range m.root.states {
		switch m.root.states[i].ending {
		case Failed:
			return Failed
		case Degraded:
			worst = Degraded
		}
	}
	switch {
	case m.cancelled:
		return Cancelled
	case m.err != nil:
		return Failed
	}
	return worst
}

// output evaluates what the run comes to.
func (m *Machine) output() {
	if m.g.Output == nil {
		return
	}
	refs := m.g.Output.Refs()
	for i, s := range m.g.Steps {
		if _, yes := slices.BinarySearch(refs, s.Name); yes {
			m.env[s.Name] = m.root.states[i].result
		}
	}
	out, err := m.g.Output.Eval(&m.eval, m.env)
	if err != nil {
		m.err = expressionError(err)
		return
	}
	m.outcome = out
}

// Pending lists the commands that are outstanding: after a replay, what a driver
// has to carry out again.
func (m *Machine) Pending() []Command {
	if m.done || !m.begun {
		return nil
	}
	out := m.outstanding(nil)
	for _, g := range m.gates {
		if g.set {
			out = append(out, SetTimer{g.id(), g.timer})
		}
	}
	for _, c := range m.runs[min(1, len(m.runs)):] {
		if c == nil {
			continue
		}
		from := len(out)
		out = c.outstanding(out)
		for i := range out[from:] {
			out[from+i] = c.stamped(out[from+i])
		}
	}
	return out
}

// outstanding lists the commands that one machine waits for.
func (m *Machine) outstanding(out []Command) []Command {
	if m.within > 0 {
		out = append(out, SetTimer{ID{Kind: KindRunWithin, scope: -1}, m.within})
	}
	for _, s := range m.scopes {
		if s == nil {
			continue
		}
		for i := range s.states {
			if x := s.states[i].exec; x != nil {
				out = m.pending(out, x)
			}
		}
	}
	return out
}

func expressionError(err error) *RunError {
	out := &RunError{Code: CodeExpression, Message: err.Error()}
	var e *expr.Error
	if errors.As(err, &e) {
		out.Span = e.Span
	}
	return out
}

// failure makes the error of a `fail` statement.
func (m *Machine) failure(st *graph.Fail) *RunError {
	m.reached(st, "reached")
	out := &RunError{Code: st.Code, Span: st.Span}
	if st.Message == nil {
		return out
	}
	v, err := st.Message.Eval(&m.eval, m.env)
	if err != nil {
		return expressionError(err)
	}
	out.Message, _ = v.(string)
	if st.Message.Type().HasSecret() {
		out.Message = value.Mask
	}
	return out
}
