package golden

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"wf/builtins"
	"wf/golden/cover"
	"wf/golden/invariant"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
	"wf/mocks"
)

// Start is what the clock shows when the first run of a test begins.
var Start = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// Codes of the ways in which a test fails.
const (
	CodeExpect    diag.Code = "WF901" // an expectation that does not hold
	CodeMock      diag.Code = "WF902" // a call that no mock answers, or a mock that fails
	CodeUnused    diag.Code = "WF903" // a mock that was not used
	CodeGolden    diag.Code = "WF904" // a trace that differs from its golden file
	CodeRefused   diag.Code = "WF905" // an input that does not fit its workflow
	CodeBroken    diag.Code = "WF906" // a test that cannot be carried out
	CodeOrphaned  diag.Code = "WF907" // a golden file that belongs to no test
	CodeInvariant diag.Code = "WF908" // an invariant that a run breaks
	CodeFree      diag.Code = "WF909" // what must be true of every run of every workflow is not
)

// Options of [Run]. The zero value runs every test of a file without golden files.
type Options struct {
	Context  context.Context                // once it is done, tests under way are given up and no further one begins; nil: never
	Builtins func() builtins.Services       // fresh registered services for one test; nil: there are none
	Filter   *regexp.Regexp                 // of names as results have them; nil: all
	Seed     uint64                         // of runs whose test sets none; 0: 1
	Files    Files                          // where golden files are; nil: `expect golden` fails
	Update   bool                           // write golden files instead of comparing
	Workers  int                            // tests at once; 0: as many as there are processors
	FailFast bool                           // begin no further test once one has failed
	Enough   func(*Result) bool             // begin no further test once this is said of one; nil: FailFast decides
	First    func(*Result) int              // tests with a lower number are run before others, whatever their place; nil: in the order of the file
	NoGolden bool                           // `expect golden` says nothing
	Longest  int                            // trace entries after which a run is given up and its test has failed; 0: never
	Ran      func(*Result, *Ran)            // told of every run of a test, by several at once; nil: nobody
	Reached  func(*Result, *cover.Recorder) // told what each test reached, beside Cover; nil: nobody
	Begin    func(tests int)                // told how many tests there are, before the first; nil: nobody
	Cover    *cover.Profile                 // told what the runs reach; programs must be loaded with probes; nil: nobody listens
	Report   func(*Result)                  // told of every result, in the order of the file; nil: nobody
}

// Ran is a run of a test that came to its end.
type Ran struct {
	Number  int // among the runs of the test, from 1
	Span    diag.Span
	Graph   *graph.Graph
	Input   any    // as the test says it
	Text    string // how it says that, if with names of the file alone; "" if not, or for none
	Result  *machine.Result
	Entries []machine.Entry // valid until Options.Ran returns
}

// Files are the golden files of a test file. Names are relative to the folder that the
// definition was loaded from. Tests that run at once write at once, each its own files.
type Files interface {
	fs.FS
	Write(name string, data []byte) error
	Remove(name string) error
}

// Result is what came of one test, or of one case of it.
type Result struct {
	File      string
	Name      string // "the answer is lost", or with a case "cancelled [1.2s]"
	Span      diag.Span
	Failures  []*Failure
	Seed      uint64
	Runs      int
	Virtual   time.Duration // on the clock of the test
	Took      time.Duration // on ours
	Golden    string        // golden file it was compared with; "" for none
	Changed   string        // "new" or "changed" if Update wrote it
	Change    string        // what changed in it, as a difference; "" if it is new
	FileError error         // why it could not be read or written; nil otherwise
	Skipped   bool          // not run to its end, because another one failed or Context is done

	cover *cover.Recorder // what it reached, until that is added; nil: nobody listens
}

// Passed reports whether nothing failed.
func (r *Result) Passed() bool { return len(r.Failures) == 0 }

// Failure is one thing that is not as the test says.
type Failure struct {
	diag.Diagnostic
	Expected string // in a few words or as a value; "" if Detail shows it better
	Actual   string // likewise
	Detail   string // what else there is to see, such as a difference by lines
	Trace    string // what happened around it; "" if nothing ran
}

// Run runs the tests of a file.
func Run(p *lang.Program, opts Options) []*Result { return RunAll([]*lang.Program{p}, opts) }

// RunAll runs the tests of several files, all of them at once as far as there are
// workers. Results come in the order of the files and of the tests in them.
func RunAll(programs []*lang.Program, opts Options) []*Result {
	if opts.Seed == 0 {
		opts.Seed = 1
	}
	var all []*scenario
	for _, p := range programs {
		if p.Suite != nil {
			all = append(all, scenariosOf(p, &opts)...)
		}
	}
	if opts.Filter != nil {
		all = slices.DeleteFunc(all, func(s *scenario) bool { return !opts.Filter.MatchString(s.result.Name) })
	}
	if opts.First != nil {
		slices.SortStableFunc(all, func(a, b *scenario) int { return opts.First(a.result) - opts.First(b.result) })
	}
	if opts.Enough == nil {
		opts.Enough = func(r *Result) bool { return opts.FailFast && !r.Passed() }
	}
	if opts.Begin != nil {
		opts.Begin(len(all))
	}
	return runAll(all, opts)
}

// scenariosOf lists the scenarios of a file.
func scenariosOf(p *lang.Program, opts *Options) []*scenario {
	if opts.Cover != nil {
		opts.Cover.Read(p.Sources)
		for _, g := range Workflows(p.Suite) {
			opts.Cover.Define(g)
		}
	}
	base, err := mocks.Names(p.Suite)
	sets := invariants(p.Suite, base)
	var all []*scenario
	for _, t := range p.Suite.Tests {
		if err != nil {
			r := &Result{File: p.Suite.File, Name: t.Name, Span: t.Span, Seed: opts.Seed}
			r.fail(CodeBroken, t.Span, "a name of the file: %v", err)
			all = append(all, &scenario{result: r})
			continue
		}
		all = append(all, scenarios(p, t, base, opts)...)
	}
	for _, s := range all {
		s.invariants = sets
	}
	nameFiles(all)
	return all
}

// Workflows lists the workflows that the tests of a file run, in the order of the file.
func Workflows(s *suite.Suite) []*graph.Graph {
	var out []*graph.Graph
	for _, t := range s.Tests {
		for _, st := range t.Body {
			if run, ok := st.(*suite.Run); ok && !slices.Contains(out, run.Graph) {
				out = append(out, run.Graph)
			}
		}
	}
	return out
}

// nameFiles gives every scenario the golden file it may use; where the names of two
// tests give the same one, they are numbered.
func nameFiles(all []*scenario) {
	taken := map[string]int{}
	for _, s := range all {
		name := FileName(s.result.File, s.result.Name)
		if taken[name]++; taken[name] > 1 {
			name = fmt.Sprintf("%s_%d.trace", strings.TrimSuffix(name, ".trace"), taken[name])
		}
		s.file = name
	}
}

// runAll runs scenarios at once and reports them in order. Which ones are skipped does
// not depend on who is faster: workers take them in order, so all before the first one
// that fails are run, and none behind it counts.
func runAll(all []*scenario, opts Options) []*Result {
	results := make([]*Result, len(all))
	groups := make([]*group, len(all))
	for i, s := range all {
		groups[i] = s.group
	}
	done := make([]chan struct{}, len(all))
	for i := range done {
		done[i] = make(chan struct{})
	}
	var next, enough atomic.Int64 // enough: index of the first test behind which none is run
	enough.Store(int64(len(all)))
	workers := opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	for range min(workers, len(all)) {
		go func() {
			var entries []machine.Entry // of one run after the other
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				s := all[i]
				all[i] = nil // what it holds is not needed once it has run
				results[i] = s.result
				if opts.stopped() || int64(i) > enough.Load() {
					s.result.Skipped = true
				} else if s.test != nil {
					s.entries = entries
					s.run()
					entries = s.entries
				}
				for first := enough.Load(); int64(i) < first && opts.Enough(s.result) && !enough.CompareAndSwap(first, int64(i)); first = enough.Load() {
				}
				close(done[i])
			}
		}()
	}
	over := false
	for i := range results {
		<-done[i]
		switch {
		case over:
			results[i] = results[i].unrun()
		case groups[i] != nil:
			groups[i].ended(results[i])
		}
		if results[i].cover != nil {
			opts.Cover.Add(results[i].cover)
			if opts.Reached != nil {
				opts.Reached(results[i], results[i].cover)
			}
			results[i].cover = nil
		}
		over = over || opts.Enough(results[i])
		if opts.Report != nil {
			opts.Report(results[i])
		}
	}
	return results
}

// unrun is the result of a test that did not run.
func (r *Result) unrun() *Result {
	return &Result{File: r.File, Name: r.Name, Span: r.Span, Seed: r.Seed, Skipped: true}
}

// stopped reports whether the tests were given up.
func (o *Options) stopped() bool { return o.Context != nil && o.Context.Err() != nil }

// scenario is one test, or one case of it, while it runs.
type scenario struct {
	program *lang.Program
	test    *suite.Test // nil if it cannot be run
	file    string      // golden file, if it expects one
	opts    *Options
	result  *Result
	base    map[string]any // names of the file
	env     map[string]any // names of the file, the case and the test
	eval    *expr.Machine
	stage   *mocks.Stage
	group   *group        // of the cases it is one of; nil if it is the only one
	own     []*suite.Mock // mocks of the test itself, whose use is checked
	deeds   []*suite.Deed // of the next run
	seed    uint64
	clock   time.Time
	setups  int
	last    *lastRun
	entries []machine.Entry // room for those of the next run

	invariants map[*graph.Graph]*invariant.Set
	monitors   map[*graph.Graph]*invariant.Monitor // made when they are needed
}

// lastRun is what came of the last run of a scenario.
type lastRun struct {
	graph   *graph.Graph
	input   map[string]any
	refused value.Violations // not nil if the input did not fit
	result  *machine.Result  // nil if refused
	entries []machine.Entry
	start   time.Time
}

// scenarios lists a test, or its cases.
func scenarios(p *lang.Program, t *suite.Test, base map[string]any, opts *Options) []*scenario {
	make1 := func(name string, env map[string]any) *scenario {
		return &scenario{program: p, test: t, opts: opts, base: base, env: env, eval: expr.NewMachine(), seed: opts.Seed, clock: Start,
			result: &Result{File: p.Suite.File, Name: name, Span: t.Span, Seed: opts.Seed}}
	}
	if t.Cases == nil {
		return []*scenario{make1(t.Name, clone(base, 4))}
	}
	v, err := t.Cases.Eval(expr.NewMachine(), base)
	list, ok := v.([]any)
	if err != nil || !ok || len(list) == 0 {
		s := make1(t.Name, nil)
		s.test = nil
		if s.result.fail(CodeBroken, t.Cases.Span(), "there are no cases, so nothing is tested"); err != nil || !ok {
			s.result.Failures[0].Summary = fmt.Sprintf("the cases cannot be listed: %v", err)
		}
		return []*scenario{s}
	}
	var all []*scenario
	together := &group{cases: len(list)}
	taken := map[string]int{}
	for i, v := range list {
		env := clone(base, 4)
		env[t.Var] = v
		name := fmt.Sprintf("%s [%s]", t.Name, label(v, i))
		if taken[name]++; taken[name] > 1 {
			name = fmt.Sprintf("%s #%d", name, taken[name])
		}
		s := make1(name, env)
		s.group = together
		all = append(all, s)
	}
	return all
}

// label names a case: by its value if that is short, else by its name, else by its
// place.
func label(v any, i int) string {
	switch v := v.(type) {
	case string:
		if strings.ContainsFunc(v, unicode.IsControl) {
			return strconv.Quote(v)
		}
		return v
	case map[string]any:
		if name, ok := v["name"].(string); ok {
			return label(name, i)
		}
		return fmt.Sprint(i + 1)
	case []any:
		return fmt.Sprint(i + 1)
	}
	return value.Literal(v)
}

func clone(m map[string]any, more int) map[string]any {
	out := make(map[string]any, len(m)+more)
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (r *Result) fail(code diag.Code, span diag.Span, format string, args ...any) *Failure {
	f := &Failure{Diagnostic: *diag.Errorf(code, span, format, args...)}
	r.Failures = append(r.Failures, f)
	return f
}

// run carries the statements of the test out in order.
func (s *scenario) run() {
	began := time.Now()
	defer func() { s.result.Took = time.Since(began) }()
	s.stage = mocks.NewStage(s.program.Suite, s.env, onceServices(s.opts.Builtins))
	for _, p := range s.program.Suite.Puts {
		if err := s.stage.Put(p, s.env); err != nil {
			s.result.fail(CodeBroken, p.Span, "%v", err)
		}
	}
	for _, st := range s.test.Body {
		if !s.stmt(st) {
			break
		}
	}
	if s.opts.stopped() {
		*s.result = *s.result.unrun()
		return
	}
	switch {
	case !s.result.Passed():
	case s.group != nil:
		s.group.passed(s)
	default:
		s.result.unused(s.stage.Unused(s.own))
	}
}

// unused fails the test for what of its mocks was not used.
func (r *Result) unused(problems []mocks.Problem) {
	for _, p := range problems {
		r.fail(CodeUnused, p.Span, "%s", p.Message).Hintf("remove it, or find out why the workflow does not get there")
	}
}

// group is the cases of a test. What one of them uses of its mocks is used.
type group struct {
	mu     sync.Mutex // of stages and own
	stages []*mocks.Stage
	own    []*suite.Mock
	cases  int // not yet ended
	bad    bool
}

func (g *group) passed(s *scenario) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stages, g.own = append(g.stages, s.stage), s.own
}

// ended is told of the results in order; the last one fails for what none has used.
func (g *group) ended(r *Result) {
	g.cases--
	if g.bad = g.bad || !r.Passed() || r.Skipped; g.cases == 0 && !g.bad {
		r.unused(mocks.Unused(g.own, g.stages...))
		g.stages = nil
	}
}

// onceServices makes the registered services when they are first asked for.
func onceServices(fresh func() builtins.Services) func() builtins.Services {
	if fresh == nil {
		return nil
	}
	return sync.OnceValue(fresh)
}

// stmt carries one statement out; false ends the test.
func (s *scenario) stmt(st suite.Stmt) bool {
	switch st := st.(type) {
	case *graph.Let:
		v, err := st.Value.Eval(s.eval, s.names(st.Value))
		if err != nil {
			s.result.fail(CodeBroken, spanOf(err, st.Span), "%s has no value: %v", st.Name, err)
			return false
		}
		s.env[st.Name] = v
	case *suite.Mock:
		s.stage.Mock(st)
		s.own = append(s.own, st)
	case *suite.Put:
		if err := s.stage.Put(st, s.names(st.Row)); err != nil {
			s.result.fail(CodeBroken, spanOf(err, st.Span), "%v", err)
			return false
		}
	case *suite.Setup:
		return s.setup(st)
	case *suite.Seed:
		n, err := st.Value.Int(s.eval, s.names(st.Value))
		if err != nil {
			s.result.fail(CodeBroken, st.Value.Span(), "seed: %v", err)
			return false
		}
		s.seed = uint64(n)
		s.result.Seed = s.seed
	case *suite.Clock:
		return s.setClock(st)
	case *suite.Deed:
		s.deeds = append(s.deeds, st)
	case *suite.Run:
		return s.execute(st)
	case *suite.Expect:
		before := len(s.result.Failures)
		s.expect(st)
		for _, f := range s.result.Failures[before:] {
			f.Summary, f.Expected, f.Actual, f.Detail = s.masked(f.Summary), s.masked(f.Expected), s.masked(f.Actual), s.masked(f.Detail)
		}
	case *suite.Golden:
		if !s.opts.NoGolden {
			s.golden(st)
		}
	default:
		panic(fmt.Sprintf("unknown statement %T", st))
	}
	return true
}

// setClock sets the moment at which the next run begins.
func (s *scenario) setClock(st *suite.Clock) bool {
	v, err := st.At.Eval(s.eval, s.names(st.At))
	text, _ := v.(string)
	at, parses := time.Parse(time.RFC3339Nano, text)
	switch {
	case err == nil && parses != nil:
		s.result.fail(CodeBroken, st.At.Span(), "%v is no time", v)
	case err != nil:
		s.result.fail(CodeBroken, spanOf(err, st.At.Span()), "clock: %v", err)
	case s.result.Runs > 0 && at.Before(s.clock):
		s.result.fail(CodeBroken, st.At.Span(), "the clock of a test does not go back: it is %s behind the last run", s.clock.Format(time.RFC3339))
	default:
		s.clock = at.UTC()
		return true
	}
	return false
}

// setup makes a call that prepares the services.
func (s *scenario) setup(st *suite.Setup) bool {
	args := any(map[string]any{})
	if st.Args != nil {
		var err error
		if args, err = st.Args.Eval(s.eval, s.names(st.Args)); err != nil {
			s.result.fail(CodeBroken, spanOf(err, st.Span), "%v", err)
			return false
		}
	}
	done, violations := st.Sig.Input.Conform(args, s.env)
	if len(violations) > 0 {
		s.result.fail(CodeBroken, st.Span, "%s: %v", st.Sig.Name(), violations)
		return false
	}
	s.setups++
	before := len(s.stage.Problems())
	a := s.stage.Setup(builtins.Call{Service: st.Sig.Service, Operation: st.Sig.Operation, Args: done.(map[string]any), Key: fmt.Sprintf("setup:%d", s.setups),
		RunID: "setup", CorrelationID: "setup", Attempt: 1, At: s.clock, Seed: s.seed})
	for _, p := range s.stage.Problems()[before:] {
		s.result.fail(CodeMock, orSpan(p.Span, st.Span), "%s", p.Message)
		return false
	}
	if st.Name == "" {
		return true
	}
	body, err := value.Normalize(a.Body)
	if d, _ := value.Classify(st.Sig.Rules, a.Status, a.Class); d != value.Success || err != nil {
		s.result.fail(CodeBroken, st.Span, "%s has no value: the call was answered %s", st.Name, outcome(a))
		return false
	}
	s.env[st.Name] = body
	return true
}

// outcome names an answer.
func outcome(a builtins.Answer) string {
	if a.Class != "" {
		return a.Class
	}
	return fmt.Sprint(a.Status)
}

func orSpan(a, b diag.Span) diag.Span {
	if a.IsZero() {
		return b
	}
	return a
}

// spanOf is where an expression failed, or else a place.
func spanOf(err error, span diag.Span) diag.Span {
	if e, ok := err.(*expr.Error); ok && !e.Span.IsZero() {
		return e.Span
	}
	return span
}

// execute runs the workflow.
func (s *scenario) execute(st *suite.Run) bool {
	raw := any(map[string]any{})
	if st.Input != nil {
		var err error
		if raw, err = st.Input.Eval(s.eval, s.names(st.Input)); err != nil {
			s.result.fail(CodeBroken, spanOf(err, st.Span), "the input has no value: %v", err)
			return false
		}
	}
	s.result.Runs++
	runID := fmt.Sprintf("run_%d", s.result.Runs)
	s.last = &lastRun{graph: st.Graph, start: s.clock}
	deeds, ok := s.planned()
	if !ok {
		return false
	}
	s.stage.Begin(s.clock)
	input, violations := interpreter.Prepare(st.Graph, raw, runID, s.clock)
	if s.last.refused = violations; len(violations) > 0 {
		if !s.expectsRefusal() {
			s.result.fail(CodeRefused, st.Span, "the input does not fit %s: %s", st.Graph.FullName(), violations).
				Hintf("if that is what the test is about, write: expect refused")
			return false
		}
		return true
	}
	s.last.input, s.last.entries = input, s.entries[:0]
	before := len(s.stage.Problems())
	w := s.watched(st.Graph, invariant.Run{ID: runID, CorrelationID: sim.CorrelationID(input), Start: s.clock, Input: input})
	result, err := sim.Run(st.Graph, input, sim.Options{Registry: s.stage, Seed: s.seed, Start: s.clock, RunID: runID, Deeds: deeds, Cover: s.covered(st.Graph), Watch: w,
		Stop:  func() bool { return len(s.stage.Problems()) > before || s.endless() || s.opts.stopped() },
		Trace: func(e machine.Entry) { s.last.entries = append(s.last.entries, e) }})
	s.entries = s.last.entries
	switch {
	case errors.Is(err, sim.ErrStopped) && len(s.stage.Problems()) > before:
		p := s.stage.Problems()[before]
		f := s.result.fail(CodeMock, orSpan(p.Span, st.Span), "%s", p.Message)
		f.Hint, f.Trace = p.Hint, s.traceText(nil)
		return false
	case errors.Is(err, sim.ErrStopped) && s.endless():
		s.result.fail(CodeBroken, st.Span, "the run goes on beyond %d entries of its trace", s.opts.Longest)
		return false
	case errors.Is(err, sim.ErrStopped): // by the context
		return false
	case err != nil:
		s.result.fail(CodeBroken, st.Span, "%v", err).Trace = s.traceText(nil)
		var stuck *sim.Stuck
		if errors.As(err, &stuck) {
			w.Endless()
		}
		w.tell(st)
		return false
	}
	s.last.result = result
	s.clock = s.clock.Add(result.Summary.Total.Truncate(time.Second) + time.Second)
	s.result.Virtual += result.Summary.Total
	if s.opts.Ran != nil {
		ran := &Ran{Number: s.result.Runs, Span: st.Span, Graph: st.Graph, Input: raw, Result: result, Entries: s.entries}
		if st.Input != nil && !slices.ContainsFunc(st.Input.Refs(), func(name string) bool { _, ok := s.base[name]; return !ok }) {
			ran.Text = st.Input.String()
		}
		s.opts.Ran(s.result, ran)
	}
	w.tell(st)
	return true
}

// endless reports whether the run goes on for longer than it may.
func (s *scenario) endless() bool { return s.opts.Longest > 0 && len(s.last.entries) > s.opts.Longest }

// covered is who listens to a run of a workflow; nil for nobody.
func (s *scenario) covered(g *graph.Graph) machine.Cover {
	if s.opts.Cover == nil {
		return nil
	}
	if s.result.cover == nil {
		s.result.cover = s.opts.Cover.Recorder()
	}
	s.result.cover.Run(g)
	return s.result.cover
}

// expectsRefusal reports whether a statement behind the run expects its input to be
// refused.
func (s *scenario) expectsRefusal() bool {
	runs := 0
	for _, st := range s.test.Body {
		switch st := st.(type) {
		case *suite.Run:
			runs++
		case *suite.Expect:
			if runs == s.result.Runs && st.Ending == suite.Refused {
				return true
			}
		}
	}
	return false
}

// planned evaluates what is done from outside during the next run.
func (s *scenario) planned() ([]sim.Deed, bool) {
	var out []sim.Deed
	for _, d := range s.deeds {
		at, err := d.At.Duration(s.eval, s.names(d.At))
		deed := sim.Deed{At: at, Crash: d.Crash, Running: d.Running, Step: d.Step, Signal: d.Signal, Retry: d.Retry}
		if err == nil && d.Payload != nil {
			deed.Payload, err = d.Payload.Eval(s.eval, s.names(d.Payload))
		}
		if err == nil && d.Result != nil {
			deed.Result, err = d.Result.Eval(s.eval, s.names(d.Result))
		}
		if err != nil {
			s.result.fail(CodeBroken, spanOf(err, d.Span), "%v", err)
			return nil, false
		}
		out = append(out, deed)
	}
	s.deeds = nil
	return out, true
}
