// Package propose writes tests: for what the tests of a workflow never exercise it
// finds a scenario that does, and says what comes of it.
//
// It guesses and looks: beginning with the inputs of the tests there are, or with an
// example of the input's type, it changes one thing at a time, an answer of a service, a
// field of an answer or of the input, runs the workflow in virtual time, and keeps what
// gets to something new. Equal workflows and tests give equal proposals.
package propose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"wf/builtins"
	"wf/golden/cover"
	"wf/golden/vary"
	"wf/interpreter/sim"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
)

// Options of [Tests].
type Options struct {
	Suite    *suite.Suite             // the tests there are, whose mocks and names proposals may use; nil: none
	Builtins func() builtins.Services // fresh registered services; nil: there are none
	FullName bool                     // say the workflow's namespace, too: another one has its name
	Taken    []string                 // names of tests that are not to be used, beside those of Suite
	Stop     func() bool              // asked often; true gives the search up; nil: never
	Budget   int                      // runs that are tried, half of them in vain; 0: DefaultBudget
}

// DefaultBudget is how many runs are tried for one workflow.
const DefaultBudget = 20_000

// Test is a scenario that was found.
type Test struct {
	Name   string
	Text   string // test "…" { … }, as a test file says it
	Covers []cover.Point
}

// Tests finds a scenario for each point of a workflow that its tests do not exercise.
// left are those for which none was found. The graph must be loaded with probes.
func Tests(g *graph.Graph, w *cover.Workflow, opts Options) (tests []Test, left []cover.Point) {
	if opts.Budget == 0 {
		opts.Budget = DefaultBudget
	}
	s := newSearch(g, w, opts)
	for _, f := range s.find() {
		tests = append(tests, s.write(f))
	}
	for i, p := range s.points {
		if s.wanted[i] {
			left = append(left, p)
		}
	}
	slices.SortStableFunc(left, func(a, b cover.Point) int { return a.Span.Start - b.Span.Start })
	return tests, left
}

// search is the state of looking for scenarios.
type search struct {
	graph   *graph.Graph
	opts    Options
	stage   *stager
	cover   *cover.Profile
	points  []cover.Point
	wanted  map[int]bool // points that no test and no scenario found so far reaches
	seen    map[int]bool // points that some run reached
	known   map[string]bool
	tried   map[label]int // how often an outcome was tried
	pool    vary.Pool
	names   map[string]bool // of tests
	ops     map[string]int  // how many calls of the graph call an operation
	calls   map[string]*graph.Call
	idents  map[string]bool // names that conditions read, or what they read comes from
	longest time.Duration   // that a run took so far
	runs    int

	compared bool // runs keep what can be seen of them
}

func newSearch(g *graph.Graph, w *cover.Workflow, opts Options) *search {
	s := &search{graph: g, opts: opts, cover: &cover.Profile{}, wanted: map[int]bool{}, seen: map[int]bool{}, known: map[string]bool{}, tried: map[label]int{}, names: map[string]bool{}}
	s.cover.Define(g)
	own := s.cover.Workflows()[0]
	s.points = own.Points
	for i := range own.Points {
		if w != nil && !own.Points[i].Optional && w.Reached(own, i) == 0 {
			s.wanted[i] = true
		}
	}
	s.stage = newStager(opts)
	s.pool, s.idents = vary.PoolOf(g)
	s.index()
	if opts.Suite != nil {
		for _, t := range opts.Suite.Tests {
			s.names[t.Name] = true
		}
	}
	for _, name := range opts.Taken {
		s.names[name] = true
	}
	return s
}

// index notes the calls of the graph.
func (s *search) index() {
	s.ops, s.calls = map[string]int{}, map[string]*graph.Call{}
	s.enter(s.graph.Steps, "")
	s.closing(s.graph, "run.")
}

func (s *search) closing(g *graph.Graph, prefix string) {
	for _, b := range []*graph.Block{g.OnFailed, g.Finally} {
		if b != nil {
			s.enter(b.Steps, prefix)
		}
	}
}

// enter notes the calls of steps by their places in a run; items of a loop are one.
func (s *search) enter(steps []*graph.Step, prefix string) {
	for _, st := range steps {
		s.block(st.Body, prefix, prefix+st.Name)
	}
}

func (s *search) block(body []graph.Stmt, prefix, step string) {
	clauses := func(list []*graph.Clause) {
		for _, c := range list {
			s.block(c.Body, prefix, step)
		}
	}
	for _, st := range body {
		switch st := st.(type) {
		case *graph.Call:
			s.calls[prefix+st.Place] = st
			s.ops[st.Sig.Name()]++
			clauses(st.Clauses)
			if st.Undo != nil {
				s.enter(st.Undo.Steps, prefix+st.Place+".")
			}
			if st.Runs != nil {
				s.enter(st.Runs.Steps, prefix+st.Place+".")
				s.closing(st.Runs, prefix+st.Place+".run.")
			}
		case *graph.Switch:
			for _, a := range st.Arms {
				s.block(a.Body, prefix, step)
			}
		case *graph.Group:
			s.enter(st.Steps, step+".")
			clauses(st.Clauses)
			if st.Finally != nil {
				s.enter(st.Finally.Steps, step+".")
			}
		case *graph.Loop:
			s.enter(st.Steps, step+"[…]")
		}
	}
}

var (
	item    = regexp.MustCompile(`\[[^\]]*\]`)
	request = regexp.MustCompile(`#\d+`) // that is undone
)

// call is the call at a place of a run; nil if there is none.
func (s *search) call(place string) *graph.Call {
	return s.calls[request.ReplaceAllString(item.ReplaceAllString(place, "[…]"), "")]
}

// found is a scenario that reaches points no other one reaches.
type found struct {
	plan   *plan
	run    *outcome
	covers []int
}

// find looks for scenarios until nothing is wanted, or the budget is spent.
func (s *search) find() []found {
	var out []found
	last := 0 // run after which something wanted was found
	s.walk(func(batch []*outcome) bool {
		before := len(out)
		if out = append(out, s.choose(batch)...); len(out) > before {
			last = s.runs
		}
		return len(s.wanted) > 0 && s.runs-last < s.opts.Budget/2
	})
	return out
}

// walk tries one plan after the other until visit, which is told of the runs of each batch,
// has enough, or the budget is spent. Other outcomes of calls come first: they are few.
// Other fields of answers and inputs come when these lead nowhere new.
func (s *search) walk(visit func(batch []*outcome) (more bool)) {
	var queues [3][]*plan // of plans whose outcomes, inputs and bodies are to be changed
	first := true         // the seeds are tried: of those that are compared, all are changed
	keep := func(batch []*outcome) bool {
		more := visit(batch)
		for _, o := range batch {
			if s.reachesNew(o) || first && s.compared {
				o.plan.run = o
				queues[0] = append(queues[0], o.plan)
			}
		}
		return more
	}
	more := true
	for _, p := range s.seeds() {
		if o := s.try(p); o != nil {
			more = keep([]*outcome{o})
		}
	}
	first = false
	for more && s.runs < s.opts.Budget && !s.stopped() {
		at := slices.IndexFunc(queues[:], func(q []*plan) bool { return len(q) > 0 })
		if at < 0 {
			return
		}
		var batch []*outcome
		try := func(p *plan) {
			if s.runs < s.opts.Budget && !s.stopped() {
				if o := s.try(p); o != nil {
					batch = append(batch, o)
				}
			}
		}
		p := queues[at][0]
		queues[at] = queues[at][1:]
		switch at {
		case 0:
			s.outcomes(p, try)
		case 1:
			s.inputs(p, try)
		case 2:
			s.bodies(p, try)
		}
		if at < 2 {
			queues[at+1] = append(queues[at+1], p)
		}
		more = keep(batch)
	}
}

func (s *search) stopped() bool { return s.opts.Stop != nil && s.opts.Stop() }

// choose picks the runs of a batch that reach the most of what is wanted.
func (s *search) choose(batch []*outcome) []found {
	var out []found
	for {
		best, most := -1, 0
		for i, o := range batch {
			n := 0
			for _, pt := range o.reached {
				if s.wanted[pt] {
					n++
				}
			}
			if n > most {
				best, most = i, n
			}
		}
		if best < 0 {
			return out
		}
		f := found{plan: batch[best].plan, run: batch[best]}
		for _, pt := range f.run.reached {
			if s.wanted[pt] {
				f.covers = append(f.covers, pt)
				delete(s.wanted, pt)
			}
		}
		out = append(out, f)
	}
}

// reachesNew reports whether a run reaches what none before it did, or lasts much
// longer.
func (s *search) reachesNew(o *outcome) bool {
	fresh := false
	if total := o.result.Summary.Total; total > 2*s.longest {
		s.longest, fresh = total, true
	}
	for _, pt := range o.reached {
		if !s.seen[pt] {
			s.seen[pt] = true
			fresh = true
		}
	}
	return fresh
}

// plan is a scenario: an input, and answers where they are not what the services give.
type plan struct {
	input   any
	named   string            // the expression of a test that gives the input; "": it is written out
	deeds   []sim.Deed        // done from outside
	lead    []string          // how a test says these, and the names that they and the input need
	answers map[string]script // by place
	labels  []label           // what was changed
	run     *outcome          // nil before it was run
}

// label says what was changed in a plan, and where: at a place, or "" in the input.
type label struct{ at, text string }

// relabelled are labels and one more, which takes the place of an earlier one.
func relabelled(labels []label, l label) []label {
	out := slices.Clone(labels)
	if l.at != "" {
		out = slices.DeleteFunc(out, func(old label) bool { return old.at == l.at })
	}
	return append(out, l)
}

// script is the answers of the calls at one place, in order; behind them the services
// answer, or the last one again.
type script struct {
	replies []reply
	always  bool
}

// reply is one answer; pass is what the services give.
type reply struct {
	pass    bool
	outcome value.Pattern
	body    any // nil: none
	headers map[string]any
	after   string // a duration; "": 10ms
}

// with is a copy of the plan with other answers at a place.
func (p *plan) with(place string, sc script, text string) *plan {
	c := &plan{input: p.input, named: p.named, deeds: p.deeds, lead: p.lead, answers: make(map[string]script, len(p.answers)+1), labels: relabelled(p.labels, label{place, text})}
	for k, v := range p.answers {
		c.answers[k] = v
	}
	c.answers[place] = sc
	return c
}

// key is the same for equal plans.
func (p *plan) key() string {
	places := make([]string, 0, len(p.answers))
	for place := range p.answers {
		places = append(places, place)
	}
	slices.Sort(places)
	var b strings.Builder
	in, _ := value.EncodeJSON(p.input, "")
	b.Write(in)
	for _, d := range p.deeds {
		payload, _ := value.EncodeJSON(d.Payload, "")
		fmt.Fprintf(&b, "|%s %v %s %s", d.At, d.Crash, d.Signal, payload)
	}
	for _, place := range places {
		sc := p.answers[place]
		fmt.Fprintf(&b, "|%s %v", place, sc.always)
		for _, r := range sc.replies {
			body, _ := value.EncodeJSON(r.body, "")
			headers, _ := value.EncodeJSON(r.headers, "")
			fmt.Fprintf(&b, ",%v %s %s %s %s", r.pass, r.outcome, body, headers, r.after)
		}
	}
	return b.String()
}
