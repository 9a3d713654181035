package machine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	Trace         func(Entry) // told of everything that happens, in order; nil: nobody listens
	Cover         Cover       // told which parts of the definition a run reaches; nil: nobody listens
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
	g    *graph.Graph
	cfg  Config
	eval expr.Machine

	// env is what expressions read: input, run, the lets of the workflow and the
	// results of steps. The names of the step that executes are laid over them, see
	// resume; those of other steps may linger there and are never read, because
	// names are not shadowed.
	env map[string]any

	now       time.Duration
	begun     bool
	done      bool
	steps     []stepState
	followers []int32 // steps that need step i: followers[first[i]:first[i+1]]
	first     []int32
	ready     heap // steps that may start, least index first
	running   int
	limit     int           // steps at once; 0: no limit
	left      int           // steps that have not ended
	within    time.Duration // when the run's deadline fires; 0: none
	spare     []*exec       // of ended steps, to be used again
	out       []Command
	err       *RunError // first failure
	cancelled bool
	stopped   bool // ended as a whole: cancelled, or out of time
	services  ledger
	pasts     []*ended // steps that handlers know of, by index; nil until the first handler
	result    *Result

	// Room for what nearly every run needs.
	room struct {
		out   [4]Command
		spare [2]*exec
		ready [4]int32
	}
}

// stepState is what is known of a step during a run.
type stepState struct {
	waits          int32 // needs that have not ended
	read           bool  // other steps read the result
	ending         Ending
	reason         string
	clause         string
	attempts       int
	started, ended time.Duration
	result         any
	err            *RunError
	exec           *exec // while it runs
}

// New makes the machine of one run. The input must conform to g.Input and is not
// written to.
func New(g *graph.Graph, input map[string]any, cfg Config) *Machine {
	if cfg.CorrelationID == "" {
		cfg.CorrelationID = cfg.RunID
	}
	n := len(g.Steps)
	m := &Machine{g: g, cfg: cfg, steps: make([]stepState, n), left: n}
	if cfg.Cover != nil {
		m.eval.Observe = cfg.Cover.Evaluated
	}
	m.out, m.spare, m.ready = m.room.out[:0], m.room.spare[:0], m.room.ready[:0]
	read := m.link()
	m.env = make(map[string]any, read+len(g.Prelude)+len(answerNames)+2)
	m.env["input"] = input
	if g.ReadsRun {
		m.env["run"] = map[string]any{"id": cfg.RunID, "started_at": cfg.Start.UTC().Format(time.RFC3339Nano)}
	}
	return m
}

// answerNames are bound by every call.
var answerNames = [...]string{"body", "status", "headers"}

// link counts what every step waits for and lists who waits for it. It returns how
// many results are read.
func (m *Machine) link() (read int) {
	n, edges := len(m.steps), 0
	for i, s := range m.g.Steps {
		m.steps[i].waits = int32(len(s.Needs))
		edges += len(s.Needs)
	}
	room := make([]int32, n+2+edges)
	m.first, m.followers = room[:n+2], room[n+2:]
	for _, s := range m.g.Steps {
		for _, need := range s.Needs {
			m.first[need.Step+2]++
			if st := &m.steps[need.Step]; need.Data && !st.read {
				st.read = true
				read++
			}
		}
	}
	for i := range n {
		m.first[i+2] += m.first[i+1]
	}
	for i, s := range m.g.Steps {
		for _, need := range s.Needs { // first[j+1] moves from the beginning of j's part to its end
			m.followers[m.first[need.Step+1]] = int32(i)
			m.first[need.Step+1]++
		}
	}
	return read
}

// Done reports whether the run has ended.
func (m *Machine) Done() bool { return m.done }

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
	if _, reopens := ev.(StepResolved); m.done && !reopens {
		return nil, nil
	}
	was := m.now
	m.now = at
	if err := m.apply(ev); err != nil {
		m.now = was // what refuses an event changes nothing else
		return nil, err
	}
	return m.out, nil
}

func (m *Machine) apply(ev Event) error {
	switch ev := ev.(type) {
	case Started:
		m.begun = true
		m.start()
	case CallReturned:
		return m.answered(ev.ID, answer{status: ev.Status, class: ev.Class, headers: ev.Headers, body: ev.Body})
	case CallFailed:
		return m.answered(ev.ID, answer{class: ev.Class, message: ev.Message})
	case TimerFired:
		return m.fired(ev.ID)
	case CancelRequested:
		m.stop(Cancelled, &RunError{Code: CodeCancelled, Message: "the run was cancelled"})
	case StepResolved:
		return m.resolve(ev.Step, ev.Result)
	default:
		panic(fmt.Sprintf("unknown event %T", ev))
	}
	return nil
}

// start evaluates what stands before the first step, then starts what needs
// nothing.
func (m *Machine) start() {
	m.trace(Entry{Kind: EntryRunStarted, Note: m.g.FullName(), Args: m.env["input"]})
	if err := m.prelude(); err != nil {
		m.stop(Failed, err)
		return
	}
	for i := range m.steps {
		if m.steps[i].waits == 0 {
			m.ready.push(int32(i))
		}
	}
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

// bounds evaluates the deadline and limit of the run.
func (m *Machine) bounds() *RunError {
	within, err := m.bound(m.g.Within)
	if err != nil {
		return expressionError(err)
	}
	if within > 0 {
		m.within = within
		m.emit(SetTimer{ID{Kind: KindRunWithin, step: -1}, within})
	}
	if m.g.Limit != nil {
		if m.limit, err = m.g.Limit.Value.Int(&m.eval, m.env); err != nil {
			return expressionError(err)
		}
		m.limit = max(m.limit, 1)
	}
	return nil
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

func (m *Machine) emit(c Command) { m.out = append(m.out, c) }

// schedule starts what is ready, as far as the limit allows, and finishes the run
// when nothing is left.
func (m *Machine) schedule() {
	for len(m.ready) > 0 && (m.limit == 0 || m.running < m.limit) && !m.done {
		m.begin(int(m.ready.pop()))
	}
	if m.left == 0 && !m.done {
		m.finish()
	}
}

// ended records how a step ended and lets its followers know.
func (m *Machine) ended(i int, ending Ending, reason string) {
	m.settle(i, ending, reason)
	todo := []int32(nil)
	for at := i; ; {
		for _, f := range m.followers[m.first[at]:m.first[at+1]] {
			st := &m.steps[f]
			st.waits--
			switch {
			case st.ending != "":
			case m.steps[at].ending == Failed || m.steps[at].ending == Cancelled || m.steps[at].ending == NotRun:
				m.settle(int(f), NotRun, m.blame(at))
				todo = append(todo, f)
			case st.waits == 0:
				m.ready.push(f)
			}
		}
		if len(todo) == 0 {
			return
		}
		at = int(todo[0])
		todo = todo[1:]
	}
}

// blame is why a follower of step `at` cannot run: the first cause is named.
func (m *Machine) blame(at int) string {
	if st := &m.steps[at]; st.ending == NotRun {
		return st.reason
	}
	return m.g.Steps[at].Name + " " + string(m.steps[at].ending)
}

// settle marks a step as ended.
func (m *Machine) settle(i int, ending Ending, reason string) {
	st := &m.steps[i]
	if x := st.exec; x != nil {
		st.exec = nil
		m.running--
		m.close(x, ending)
	} else {
		st.started = m.now
	}
	st.ending, st.reason, st.ended = ending, reason, m.now
	m.publish(i)
	m.left--
	m.reached(m.g.Steps[i], string(ending))
	m.traceStepEnded(i)
}

// publish lets expressions read what a step returned.
func (m *Machine) publish(i int) {
	if st := &m.steps[i]; st.read && st.result != nil {
		m.env[m.g.Steps[i].Name] = st.result
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
	for i := range m.steps {
		st := &m.steps[i]
		switch {
		case st.ending != "":
		case st.exec != nil:
			m.giveUp(st.exec)
			m.settle(i, Cancelled, reason)
		default:
			m.settle(i, NotRun, reason)
		}
	}
	m.ready = nil
	m.finish()
}

// finish computes the result of the run.
func (m *Machine) finish() {
	m.done = true
	if m.within > 0 {
		m.emit(CancelTimer{ID{Kind: KindRunWithin, step: -1}})
	}
	r := &Result{Ending: m.ending(), RunID: m.cfg.RunID, CorrelationID: m.cfg.CorrelationID, Error: m.err}
	if m.g.Output != nil && (r.Ending == Completed || r.Ending == Degraded) {
		m.output(r)
	}
	r.Steps = make([]StepResult, len(m.steps))
	var sum time.Duration
	for i := range m.steps {
		st := &m.steps[i]
		r.Steps[i] = StepResult{Name: m.g.Steps[i].Name, Ending: st.ending, Reason: st.reason, Attempts: st.attempts,
			Started: st.started, Ended: st.ended, Result: st.result, Error: st.err, Clause: st.clause}
		sum += st.ended - st.started
	}
	r.Summary = Summary{Total: m.now, Services: m.services.list, Saved: max(0, sum-m.now)}
	m.result = r
	m.traceRunEnded(r)
	m.emit(Finish{})
}

func (m *Machine) ending() Ending {
	worst := Completed
	for i := range m.steps {
		switch m.steps[i].ending {
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
func (m *Machine) output(r *Result) {
	refs := m.g.Output.Refs()
	for i, s := range m.g.Steps {
		if _, yes := slices.BinarySearch(refs, s.Name); yes {
			m.env[s.Name] = m.steps[i].result
		}
	}
	out, err := m.g.Output.Eval(&m.eval, m.env)
	if err != nil {
		r.Ending, r.Error = Failed, expressionError(err)
		return
	}
	r.Output = out
}

// Pending lists the commands that are outstanding: after a replay, what a driver
// has to carry out again.
func (m *Machine) Pending() []Command {
	var out []Command
	if m.done || !m.begun {
		return out
	}
	if m.within > 0 {
		out = append(out, SetTimer{ID{Kind: KindRunWithin, step: -1}, m.within})
	}
	for i := range m.steps {
		if x := m.steps[i].exec; x != nil {
			out = m.pending(out, x)
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

// heap is a binary heap of step indexes, least first.
type heap []int32

func (h *heap) push(v int32) {
	s := append(*h, v)
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if s[up] <= s[i] {
			break
		}
		s[up], s[i] = s[i], s[up]
		i = up
	}
	*h = s
}

func (h *heap) pop() int32 {
	s := *h
	top := s[0]
	last := len(s) - 1
	s[0] = s[last]
	s = s[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && s[down+1] < s[down] {
			down++
		}
		if s[i] <= s[down] {
			break
		}
		s[i], s[down] = s[down], s[i]
		i = down
	}
	*h = s
	return top
}
