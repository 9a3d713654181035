package mocks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"wf/builtins"
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
)

// Stage is the services of one test scenario as its mocks describe them. It answers
// what a run asks, keeps the tables of the mocks, and notes every call, and what went
// wrong with the mocks themselves. Calls may come at once.
type Stage struct {
	mu       sync.Mutex // of everything below, while a call is answered
	eval     *expr.Machine
	base     map[string]any           // what every mock may read: the lets of the file and the test
	below    func() builtins.Services // what `pass` reaches in the end; nil: nothing
	services map[string]*suite.Mock   // mocks of whole services
	scripts  map[string][]*script     // mocks of single operations, nearest last
	tables   map[string]map[string]*table
	ops      map[string]*builtins.Operation
	open     bool      // see Open
	start    time.Time // of the current run
	calls    []Made
	problems []Problem
}

// Made is a call that was made, and what became of it.
type Made struct {
	builtins.Call
	Offset  time.Duration // since the start of the run
	Outcome string        // "201", "timeout"
	Status  int           // 0 if there is none
	Body    any           // of the answer, heard or not
	Lost    bool          // it took effect, and the answer was lost
}

// Problem is something wrong with the mocks, or with what was asked of them.
type Problem struct {
	Span    diag.Span // the mock; zero if there is none
	Message string
	Hint    string
}

// script is a mock of one operation while its replies are used up.
type script struct {
	mock    *suite.Mock
	replies *suite.Replies
	used    []int                // by the index of the reply
	times   []int                // how often it may be, as far as that is known
	taken   map[*suite.When]bool // conditions that held once
}

// table is the rows of a mock's table, in the order in which they were made.
type table struct {
	decl *suite.Table
	rows []any
}

// NewStage makes the services of a scenario of a suite. names is what its mocks may
// read beside the call, and may grow as the test goes on; below gives the registered
// services that `pass` may reach; nil if there are none.
func NewStage(s *suite.Suite, names map[string]any, below func() builtins.Services) *Stage {
	st := &Stage{eval: expr.NewMachine(), base: names, below: below, services: map[string]*suite.Mock{}, scripts: map[string][]*script{}, tables: map[string]map[string]*table{},
		ops: map[string]*builtins.Operation{}}
	for _, m := range s.Mocks {
		st.Mock(m)
	}
	return st
}

// Names gives the values of the lets of a suite, which its mocks may read.
func Names(s *suite.Suite) (map[string]any, error) {
	env, m := map[string]any{}, expr.NewMachine()
	for _, l := range s.Prelude {
		v, err := l.Value.Eval(m, env)
		if err != nil {
			return nil, fmt.Errorf("%s has no value: %w", l.Name, err)
		}
		env[l.Name] = v
	}
	return env, nil
}

// Open makes the registered services answer what nobody mocks. A stage that is not
// open is hermetic: such a call is a problem.
func (s *Stage) Open() *Stage {
	s.open = true
	return s
}

// Begin forgets the calls and problems of the run before and sets the clock.
func (s *Stage) Begin(start time.Time) { s.start, s.calls = start, nil }

// Calls lists the calls since Begin, in order.
func (s *Stage) Calls() []Made { return s.calls }

// Problems lists what went wrong with the mocks so far.
func (s *Stage) Problems() []Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problems
}

// Mock adds a mock; it comes before those added earlier.
func (s *Stage) Mock(m *suite.Mock) {
	if m.Operation != "" {
		for op, r := range m.Replies {
			name := m.Service + "." + op
			s.scripts[name] = append(s.scripts[name], &script{mock: m, replies: r, used: make([]int, countReplies(r.Body)), times: make([]int, countReplies(r.Body)), taken: map[*suite.When]bool{}})
		}
		return
	}
	s.services[m.Service] = m
	for _, t := range m.Tables {
		if s.tables[t.Service] == nil {
			s.tables[t.Service] = map[string]*table{}
		}
		if s.tables[t.Service][t.Name] == nil {
			s.tables[t.Service][t.Name] = &table{decl: t}
		}
	}
}

func countReplies(body []suite.Reaction) int {
	n := 0
	for _, r := range body {
		switch r := r.(type) {
		case *suite.Reply:
			n++
		case *suite.When:
			n += countReplies(r.Body)
		}
	}
	return n
}

// Tables gives the rows of a service's tables, for expectations.
func (s *Stage) Tables(service string) map[string]any {
	out := make(map[string]any, len(s.tables[service]))
	for name, t := range s.tables[service] {
		out[name] = slices.Clone(t.rows)
	}
	return out
}

// Services lists the services that have tables, sorted.
func (s *Stage) Services() []string { return slices.Sorted(maps.Keys(s.tables)) }

// Lookup gives every operation there is: one that nobody mocked fails when it is
// called, and is noted. An open stage has only those that somebody answers.
func (s *Stage) Lookup(service, operation string) (*builtins.Operation, bool) {
	name := service + "." + operation
	if s.open && s.scripts[name] == nil && !s.replies(service, operation) && !s.builtIn(service, operation) {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if op := s.ops[name]; op != nil {
		return op, true
	}
	op := &builtins.Operation{Func: func(_ context.Context, c builtins.Call) (builtins.Answer, error) { return s.serve(c), nil }}
	s.ops[name] = op
	return op, true
}

// replies reports whether the mock of a service says what an operation answers.
func (s *Stage) replies(service, operation string) bool {
	m := s.services[service]
	return m != nil && m.Replies[operation] != nil
}

// builtIn reports whether an operation is registered in Go.
func (s *Stage) builtIn(service, operation string) bool {
	if s.below == nil {
		return false
	}
	_, ok := s.below().Lookup(service, operation)
	return ok
}

// serve answers a call of a run and notes it.
func (s *Stage) serve(c builtins.Call) builtins.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := c.Service + "." + c.Operation
	scripts := s.scripts[name]
	a := s.from(c, len(scripts))
	made := Made{Call: c, Offset: c.At.Sub(s.start), Outcome: a.Class, Status: a.Status, Body: a.Body, Lost: a.Lost}
	if a.Class == "" {
		made.Outcome = fmt.Sprint(a.Status)
	}
	s.calls = append(s.calls, made)
	return a
}

// Setup makes a call that prepares the services, past the scripts of single operations.
func (s *Stage) Setup(c builtins.Call) builtins.Answer { return s.from(c, 0) }

// from answers a call by the n-th script, or by what is below it: the mock of the
// service, then what is registered.
func (s *Stage) from(c builtins.Call, n int) builtins.Answer {
	name := c.Service + "." + c.Operation
	if n > 0 {
		return s.script(c, n)
	}
	m := s.services[c.Service]
	switch {
	case s.replies(c.Service, c.Operation):
		p := &performance{stage: s, call: c, replies: m.Replies[c.Operation], pass: func() builtins.Answer { return s.registered(c, m.Span) }}
		if a, ok := p.answer(); ok {
			return a
		}
		return s.unanswered(m.Replies[c.Operation].Span, "end it with a reply without a condition", "the mock of %s has no reply for this call%s", name, about(c))
	case m != nil && m.Pass:
		return s.registered(c, m.Span)
	case s.open && s.builtIn(c.Service, c.Operation):
		return s.registered(c, diag.Span{})
	case m != nil:
		return s.unanswered(m.Span, fmt.Sprintf("add to it: operation %s { … }", c.Operation), "the mock of %s does not say what %s answers%s", c.Service, c.Operation, about(c))
	}
	return s.unanswered(diag.Span{}, fmt.Sprintf("add to the test: mock %s { … }, or mock the whole service", name), "%s is called, and nobody mocks it%s", name, about(c))
}

// about says which call of a run a problem is about.
func about(c builtins.Call) string {
	if c.Place == "" {
		return ""
	}
	return fmt.Sprintf(" (%s, attempt %d)", c.Place, c.Attempt)
}

func (s *Stage) script(c builtins.Call, n int) builtins.Answer {
	name := c.Service + "." + c.Operation
	sc := s.scripts[name][n-1]
	p := &performance{stage: s, call: c, replies: sc.replies, script: sc, pass: func() builtins.Answer {
		if n == 1 && s.services[c.Service] == nil {
			return s.registered(c, sc.mock.Span)
		}
		return s.from(c, n-1)
	}}
	if a, ok := p.answer(); ok {
		return a
	}
	if len(sc.spare()) > 0 {
		return s.unanswered(sc.mock.Span, "end it with a reply without a condition, or with pass", "no reply of the mock of %s is for this call%s", name, about(c))
	}
	return s.unanswered(sc.mock.Span, "give it another reply; one with always, or times n, answers more than one call", "%s is called once more than its mock has replies%s", name, about(c))
}

// spare lists what a mock has not used yet.
func (sc *script) spare() []Problem { return unused([]*script{sc}, sc.replies.Body) }

// registered asks the service that is registered in Go.
func (s *Stage) registered(c builtins.Call, span diag.Span) builtins.Answer {
	if s.below != nil {
		if op, ok := s.below().Lookup(c.Service, c.Operation); ok {
			a, err := op.Func(context.Background(), c)
			if err == nil {
				return a
			}
			var named *builtins.Error
			if errors.As(err, &named) {
				return builtins.Answer{Class: named.Class, Body: map[string]any{"error": named.Message}}
			}
			return builtins.Answer{Class: value.Unreachable, Body: err.Error()}
		}
	}
	return s.unanswered(span, fmt.Sprintf("mock the service: mock %s { operation %s { … } }", c.Service, c.Operation), "pass finds no mock below: %s.%s is not built in", c.Service, c.Operation)
}

// unanswered notes a problem; the run sees a service that cannot be reached.
func (s *Stage) unanswered(span diag.Span, hint, format string, args ...any) builtins.Answer {
	s.problems = append(s.problems, Problem{Span: span, Message: fmt.Sprintf(format, args...), Hint: hint})
	return builtins.Answer{Class: value.Unreachable, Body: "no mock answers"}
}

// Unused tells what of a test's own mocks was not used.
func (s *Stage) Unused(mocks []*suite.Mock) []Problem { return Unused(mocks, s) }

// Unused tells what of a test's own mocks was used on none of the stages, which are those
// of its cases.
func Unused(mocks []*suite.Mock, stages ...*Stage) []Problem {
	var out []Problem
	for _, m := range mocks {
		for op, replies := range m.Replies {
			var scripts []*script
			for _, s := range stages {
				for _, sc := range s.scripts[m.Service+"."+op] {
					if sc.mock == m {
						scripts = append(scripts, sc)
					}
				}
			}
			if len(scripts) > 0 {
				out = append(out, unused(scripts, replies.Body)...)
			}
		}
	}
	slices.SortFunc(out, func(a, b Problem) int { return a.Span.Start - b.Span.Start })
	return out
}

func unused(scripts []*script, body []suite.Reaction) []Problem {
	var out []Problem
	for _, r := range body {
		switch r := r.(type) {
		case *suite.When:
			if !slices.ContainsFunc(scripts, func(sc *script) bool { return sc.taken[r] }) {
				out = append(out, Problem{Span: r.Span, Message: "this condition of the mock never held"})
				continue
			}
			out = append(out, unused(scripts, r.Body)...)
		case *suite.Reply:
			most := slices.MaxFunc(scripts, func(a, b *script) int { return a.used[r.Index] - b.used[r.Index] })
			switch used, times := most.used[r.Index], most.times[r.Index]; {
			case used == 0:
				out = append(out, Problem{Span: r.Span, Message: "this reply of the mock was never used"})
			case used < times:
				out = append(out, Problem{Span: r.Span, Message: fmt.Sprintf("this reply of the mock was used %d of %d times", used, times)})
			}
		}
	}
	return out
}

// performance is a mock while it answers one call.
type performance struct {
	stage   *Stage
	call    builtins.Call
	replies *suite.Replies
	script  *script // nil: replies answer every call
	env     map[string]any
	pass    func() builtins.Answer
}

// answer executes the reactions until one replies.
func (p *performance) answer() (builtins.Answer, bool) {
	p.env = make(map[string]any, len(p.replies.Reads))
	for _, name := range p.replies.Reads {
		p.env[name] = p.value(name)
	}
	return p.block(p.replies.Body)
}

// value is what a name means in a mock: something of the call, a table of the service,
// or a value of the test.
func (p *performance) value(name string) any {
	c := p.call
	switch name {
	case "input":
		if c.Context != nil {
			return any(c.Context.Input)
		}
		return any(c.Args)
	case "config":
		if c.Context != nil && c.Context.Config != nil {
			return c.Context.Config
		}
	case "results":
		if c.Context != nil {
			return c.Context.Results.All()
		}
	case "attempt":
		return c.Attempt
	case "key":
		return c.Key
	case "place":
		return c.Place
	case "run":
		return map[string]any{"id": c.RunID, "correlation_id": c.CorrelationID, "now": stamp(c.At)}
	}
	if t := p.stage.tables[c.Service][name]; t != nil {
		return t.rows
	}
	return p.stage.base[name]
}

func (p *performance) block(body []suite.Reaction) (a builtins.Answer, answered bool) {
	for _, r := range body {
		var err error
		switch r := r.(type) {
		case *graph.Let:
			p.env[r.Name], err = r.Value.Eval(p.stage.eval, p.env)
		case *suite.Put:
			err = p.put(r)
		case *suite.When:
			var yes bool
			if yes, err = r.Cond.Bool(p.stage.eval, p.env); yes {
				if p.script != nil {
					p.script.taken[r] = true
				}
				a, answered = p.block(r.Body)
			}
		case *suite.Reply:
			a, answered, err = p.reply(r)
		}
		if err != nil {
			return p.stage.unanswered(placeOf(r, err), "", "the mock of %s.%s fails: %v", p.call.Service, p.call.Operation, err), true
		}
		if answered {
			return a, true
		}
	}
	return a, false
}

// placeOf is where an error happened: in an expression, or else at the reaction.
func placeOf(r suite.Reaction, err error) diag.Span {
	var e *expr.Error
	if errors.As(err, &e) {
		return e.Span
	}
	switch r := r.(type) {
	case *suite.Put:
		return r.Span
	case *suite.Reply:
		return r.Span
	}
	return diag.Span{}
}

func (p *performance) put(r *suite.Put) error {
	row, err := p.stage.put(r, p.env)
	if err != nil {
		return err
	}
	p.env[r.Table] = p.stage.tables[r.Service][r.Table].rows
	if r.Name != "" {
		p.env[r.Name] = row
	}
	return nil
}

// Put changes a table as a test says.
func (s *Stage) Put(r *suite.Put, env map[string]any) error {
	if s.tables[r.Service][r.Table] == nil {
		return fmt.Errorf("no mock here has the table %s.%s", r.Service, r.Table)
	}
	_, err := s.put(r, env)
	return err
}

// put adds a row, or changes the one with the same key. A row without a key gets the
// next number.
func (s *Stage) put(r *suite.Put, env map[string]any) (map[string]any, error) {
	t := s.tables[r.Service][r.Table]
	v, err := r.Row.Eval(s.eval, env)
	if err != nil {
		return nil, err
	}
	given, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a row of %s is a record, not %s", r.Table, value.KindOf(v))
	}
	key := t.decl.Row.Fields[0]
	row, at := map[string]any{}, len(t.rows)
	if k := given[key.Name]; k != nil {
		for i, old := range t.rows {
			if old := old.(map[string]any); old[key.Name] == k {
				row, at = maps.Clone(old), i
			}
		}
	} else if key.Type.Kind == value.Int {
		row[key.Name] = t.next(key.Name)
	}
	for name, v := range given {
		if v != nil {
			row[name] = v
		}
	}
	done, violations := t.decl.Row.Conform(row, nil)
	if len(violations) > 0 {
		return nil, fmt.Errorf("a row of %s: %w", r.Table, violations)
	}
	row = done.(map[string]any)
	rows := slices.Clone(t.rows) // who has read the table keeps what it was
	if at == len(rows) {
		rows = append(rows, row)
	} else {
		rows[at] = row
	}
	t.rows = rows
	return row, nil
}

// next is one more than the largest key.
func (t *table) next(key string) int {
	most := 0
	for _, row := range t.rows {
		if n, ok := row.(map[string]any)[key].(int); ok {
			most = max(most, n)
		}
	}
	return most + 1
}

// reply gives an answer, unless it is used up.
func (p *performance) reply(r *suite.Reply) (a builtins.Answer, answered bool, err error) {
	eval := p.stage.eval
	if p.script != nil && !r.Always {
		times := 1
		if r.Times != nil {
			if times, err = r.Times.Int(eval, p.env); err != nil {
				return a, false, err
			}
		}
		p.script.times[r.Index] = times
		if p.script.used[r.Index] >= times {
			return a, false, nil
		}
	}
	if p.script != nil {
		p.script.used[r.Index]++
	}
	if r.Pass {
		a = p.pass()
	} else if a, err = p.own(r); err != nil {
		return a, false, err
	}
	if r.After != nil {
		if a.Latency, err = r.After.Duration(eval, p.env); err != nil {
			return a, false, err
		}
	}
	a.Lost = a.Lost || r.Lost
	return a, true, nil
}

// own is the answer a reply writes out.
func (p *performance) own(r *suite.Reply) (a builtins.Answer, err error) {
	a = builtins.Answer{Status: r.Outcome.Status, Class: r.Outcome.Name, Latency: 10 * time.Millisecond}
	if r.Body != nil {
		if a.Body, err = r.Body.Eval(p.stage.eval, p.env); err != nil {
			return a, err
		}
	}
	if r.Headers != nil {
		v, err := r.Headers.Eval(p.stage.eval, p.env)
		if err != nil {
			return a, err
		}
		a.Headers = map[string]string{}
		for name, v := range v.(map[string]any) {
			a.Headers[strings.ToLower(name)] = fmt.Sprint(v)
		}
	}
	return a, p.fits(r, a)
}

// fits holds a written answer against the signature.
func (p *performance) fits(r *suite.Reply, a builtins.Answer) error {
	want, declared := p.replies.Sig.Body(a.Status, a.Class)
	if !declared || want == nil || a.Class == value.Malformed {
		return nil
	}
	_, violations := want.Conform(a.Body, nil)
	switch {
	case r.Broken && len(violations) == 0:
		return fmt.Errorf("its %s fits the signature, and should be malformed", r.Outcome)
	case !r.Broken && len(violations) > 0:
		return fmt.Errorf("its %s breaks the signature: %w", r.Outcome, violations)
	}
	return nil
}
