package cover

import (
	"fmt"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// Kind is a kind of thing that a test can exercise.
type Kind string

// The kinds, in the order of reports.
const (
	Steps      Kind = "steps"      // a step runs
	Endings    Kind = "endings"    // a step ends in one of the ways in which it can
	Clauses    Kind = "clauses"    // a clause is taken
	Outcomes   Kind = "outcomes"   // a call is answered with one of the outcomes of its operation
	Timeouts   Kind = "timeouts"   // a timeout or within passes
	Exhausted  Kind = "exhausted"  // all attempts of a call are used up
	Fallbacks  Kind = "fallbacks"  // a degrade stands in
	Conditions Kind = "conditions" // a condition comes out one way
	Breakers   Kind = "breakers"   // the breaker of a service opens
)

// Kinds lists the kinds in the order of reports.
var Kinds = []Kind{Steps, Endings, Clauses, Outcomes, Timeouts, Exhausted, Fallbacks, Conditions, Breakers}

// Point is one thing that a test can exercise.
type Point struct {
	Kind     Kind
	Step     string // "" before the first step, and in output
	Place    string // of the call; "" if it is about none
	What     string // "409", "failed", "on 402, 403", "true": what is to happen
	Span     diag.Span
	Missing  string // says that it did not happen
	Optional bool   // does not count: it may happen to any definition, and this one says nothing about it
}

// key tells the points of a workflow apart, whoever compiled it.
func (p *Point) key() string {
	place := p.Place
	if p.Kind == Steps || p.Kind == Endings { // a loop and its items stand in one place
		place = p.Step
	}
	return fmt.Sprintf("%s|%s|%d|%d|%s|%s", p.Kind, p.Span.File, p.Span.Start, p.Span.End, place, p.What)
}

// target is a part of a graph that the machine reports, and what became of it.
type target struct {
	part any
	what string
}

// answer is an outcome that a call may have.
type answer struct {
	pattern value.Pattern
	point   int
}

// sides are the points of a probe; -1 if there is none.
type sides struct{ yes, no int }

// table is what can be exercised of a graph, and how to find it.
type table struct {
	graph    *graph.Graph
	points   []Point
	byKey    map[string]int
	targets  map[target][]int
	answers  map[*graph.Call][]answer // exact ones first
	programs map[*expr.Program][]sides
	step     string // while the table is made
	prefix   string // of the names of steps inside another one
}

// makeTable lists everything of a graph that a test can exercise, in the order of the
// source.
func makeTable(g *graph.Graph) *table {
	t := &table{graph: g, byKey: map[string]int{}, targets: map[target][]int{}, answers: map[*graph.Call][]answer{}, programs: map[*expr.Program][]sides{}}
	t.block(g.Prelude)
	t.within(g.Within, "the within of the run never passes", true)
	t.setting(g.Limit)
	t.breakers(g)
	for _, s := range g.Steps {
		t.steps(s)
	}
	for _, b := range []*graph.Block{g.OnFailed, g.Finally} {
		if b != nil {
			t.inside(b.Steps, "run.")
		}
	}
	t.program(g.Output)
	return t
}

// add enters a point, or finds the one that is the same: parts that are compiled
// several times, such as those of a policy, are one thing of the source.
func (t *table) add(p Point) int {
	p.Step = t.step
	k := p.key()
	if i, ok := t.byKey[k]; ok {
		return i
	}
	i := len(t.points)
	t.points = append(t.points, p)
	t.byKey[k] = i
	return i
}

// on enters a point that the machine reports of a part.
func (t *table) on(part any, what string, p Point) {
	i := t.add(p)
	k := target{part, what}
	if !slices.Contains(t.targets[k], i) {
		t.targets[k] = append(t.targets[k], i)
	}
}

// endings of a step that mean that it ran.
var ran = []string{"completed", "degraded", "failed", "cancelled"}

func (t *table) steps(s *graph.Step) {
	around, name := t.step, t.prefix+s.Name
	t.step = name
	defer func() { t.step = around }()
	for _, ending := range ran {
		t.on(s, ending, Point{Kind: Steps, What: "runs", Span: s.Span, Missing: "step " + name + " never runs"})
	}
	t.judged("when", s.When)
	for _, e := range endingsOf(s) {
		t.on(s, e.name, Point{Kind: Endings, What: e.name, Span: s.Span, Optional: e.optional, Missing: "step " + name + " never ends " + e.name})
	}
	t.within(s.Within, "the within of step "+name+" never passes", false)
	t.block(s.Body)
}

// within enters a deadline. That of the run is optional: it is a net, and what happens
// then no definition says.
func (t *table) within(s *graph.Setting, missing string, optional bool) {
	if s == nil {
		return
	}
	t.program(s.Value)
	t.on(s, "passed", Point{Kind: Timeouts, What: "within", Span: s.Span, Missing: missing, Optional: optional})
}

// breakers enters the breakers of the services that a graph calls, each once, where it is
// said.
func (t *table) breakers(g *graph.Graph) {
	span := g.Span
	if b := g.Breaker; b != nil {
		span = b.Span
		for _, s := range []*graph.Setting{b.Failures, b.In, b.Open} {
			t.program(s.Value)
		}
	}
	g.EachCall(func(c *graph.Call) {
		if c.Breaker && !c.Sig.Handler {
			t.on(graph.Opened{Service: c.Sig.Service}, "open", Point{Kind: Breakers, Place: c.Sig.Service, What: "open", Span: span, Missing: "the breaker of " + c.Sig.Service + " never opens"})
		}
	})
}

func (t *table) setting(s *graph.Setting) {
	if s != nil {
		t.program(s.Value)
	}
}

func (t *table) block(body []graph.Stmt) {
	for _, st := range body {
		t.statement(st)
	}
}

func (t *table) statement(st graph.Stmt) {
	switch st := st.(type) {
	case *graph.Let:
		t.program(st.Value)
	case *graph.Ensure:
		t.judged("ensure", st.Cond)
		t.statement(st.Else)
	case *graph.Call:
		t.call(st)
	case *graph.Switch:
		for _, a := range st.Arms {
			label := short(st.Label + ": " + a.Label)
			t.on(a, "taken", Point{Kind: Clauses, What: label, Span: a.Span, Missing: t.step + ": " + label + " is never taken"})
			t.program(a.When)
			t.block(a.Body)
		}
	case *graph.Wait:
		t.setting(st.For)
		t.program(st.Until)
	case *graph.Group:
		t.setting(st.First)
		t.setting(st.Limit)
		t.inside(st.Steps, t.step+".")
		t.clauses(st.Clauses, t.step)
		if st.Finally != nil {
			t.inside(st.Finally.Steps, t.step+".")
		}
	case *graph.Loop:
		t.program(st.In)
		t.setting(st.Of)
		t.program(st.By)
		t.setting(st.First)
		t.setting(st.Limit)
		t.setting(st.Tolerate)
		t.inside(st.Steps, t.step+"[…]")
	case *graph.Return:
		t.program(st.Value)
	case *graph.Degrade:
		t.on(st, "reached", Point{Kind: Fallbacks, What: "degrade", Span: st.Span, Missing: t.step + ": this fallback is never used"})
		t.program(st.Value)
	case *graph.Fail:
		t.program(st.Message)
	case *graph.Retry:
		t.policy(st.Policy)
	default:
		panic(fmt.Sprintf("unknown statement %T", st))
	}
}

// inside enters the steps that a step runs.
func (t *table) inside(steps []*graph.Step, prefix string) {
	around := t.prefix
	t.prefix = prefix
	for _, s := range steps {
		t.steps(s)
	}
	t.prefix = around
}

func (t *table) policy(p *graph.Policy) {
	for _, s := range []*graph.Setting{p.Attempts, p.Backoff, p.MaxBackoff, p.Timeout} {
		t.setting(s)
	}
}

func (t *table) call(c *graph.Call) {
	t.program(c.Args)
	t.program(c.Key)
	t.program(c.By)
	t.policy(c.Policy)
	place := t.prefix + c.Place
	name := place + ": " + c.Sig.Name()
	never := map[string]string{value.Received: name + " is never received", value.Timeout: name + " never fails to come"}
	for _, p := range possible(c) {
		pt := Point{Kind: Outcomes, Place: place, What: p.String(), Span: c.Span, Missing: name + " never answers " + p.String()}
		always := slices.Contains(c.Classes(), p.Name) || c.Runs != nil && p.Name != value.Completed
		pt.Optional = always && !named(c, p) // a workflow has tests of its own
		if c.Sig.Signal {
			pt.Missing = never[p.Name]
		}
		if p.Name == value.Timeout && (c.Policy.Timeout != nil || !pt.Optional) {
			pt.Kind, pt.Optional = Timeouts, false
			if !c.Sig.Signal {
				pt.Missing = name + " never takes longer than its timeout"
			}
		}
		t.answers[c] = append(t.answers[c], answer{p, t.add(pt)})
	}
	slices.SortStableFunc(t.answers[c], func(a, b answer) int { return a.pattern.Class - b.pattern.Class })
	if canExhaust(c) {
		t.on(c, value.Exhausted, Point{Kind: Exhausted, Place: place, What: value.Exhausted, Span: c.Span, Missing: name + " never uses its attempts up"})
	}
	t.clauses(c.Clauses, place)
	if c.Undo != nil {
		t.on(c.Undo, "taken", Point{Kind: Clauses, Place: place, What: "undo", Span: c.Undo.Span, Missing: place + ": undo is never taken"})
		if c.Until != nil {
			t.on(c.Undo, "stands", Point{Kind: Clauses, Place: place, What: "until", Span: c.Undo.Span, Missing: place + ": its effect never stands, for " + c.UntilText() + " never completes"})
		}
		t.inside(c.Undo.Steps, place+".")
	}
}

func (t *table) clauses(clauses []*graph.Clause, place string) {
	for _, cl := range clauses {
		t.on(cl, "taken", Point{Kind: Clauses, Place: place, What: cl.Label, Span: cl.Span, Missing: place + ": " + short(cl.Label) + " is never taken"})
		t.judged("when", cl.When)
		t.block(cl.Body)
	}
}

// judged enters both sides of a condition that a statement judges.
func (t *table) judged(word string, p *expr.Program) {
	if p == nil {
		return
	}
	if _, fixed := p.Const(); !fixed {
		text := word + " " + short(p.String())
		yes, no := text+" is never true", text+" is never false"
		if word == "ensure" {
			yes, no = text+" never holds", text+" never fails"
		}
		t.on(p, "true", Point{Kind: Conditions, What: word + " true", Span: p.Span(), Missing: yes})
		t.on(p, "false", Point{Kind: Conditions, What: word + " false", Span: p.Span(), Missing: no})
	}
	t.program(p)
}

// program enters the places of an expression where it goes one of two ways.
func (t *table) program(p *expr.Program) {
	if p == nil || t.programs[p] != nil {
		return
	}
	for _, probe := range p.Probes() {
		yes, no := "true", "false"
		missing := short(probe.Text) + " is never "
		switch probe.Kind {
		case "??", "?.":
			yes, no = "there", "missing"
		}
		at := " (before " + probe.Kind + ")"
		if probe.Kind == "and" || probe.Kind == "or" {
			at = " (in " + probe.Kind + ")"
		}
		t.programs[p] = append(t.programs[p], sides{
			t.add(Point{Kind: Conditions, What: probe.Kind + " " + yes, Span: probe.Span, Missing: missing + yes + at}),
			t.add(Point{Kind: Conditions, What: probe.Kind + " " + no, Span: probe.Span, Missing: missing + no + at}),
		})
	}
}

// maxText is how many letters of an expression a message shows.
const maxText = 60

func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > maxText {
		return string(r[:maxText-1]) + "…"
	}
	return text
}

// possible lists the outcomes a call can have.
func possible(c *graph.Call) []value.Pattern {
	var out []value.Pattern
	add := func(p value.Pattern) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, o := range c.Sig.Outcomes {
		add(o.Pattern)
	}
	for _, name := range c.Classes() {
		add(value.Pattern{Name: name})
	}
	return out
}

// named reports whether a clause of the call names an outcome.
func named(c *graph.Call, p value.Pattern) bool {
	return slices.ContainsFunc(c.Clauses, func(cl *graph.Clause) bool { return slices.Contains(cl.On, p) })
}

// taken reports whether a clause takes an outcome whatever its body.
func taken(c *graph.Call, p value.Pattern) bool {
	return slices.ContainsFunc(c.Clauses, func(cl *graph.Clause) bool {
		return cl.When == nil && slices.ContainsFunc(cl.On, func(q value.Pattern) bool { return q.Covers(p) })
	})
}

// left is what becomes of an outcome that no clause takes.
func left(c *graph.Call, p value.Pattern) value.Disposition {
	status := p.Status
	if p.Class != 0 {
		status = p.Class * 100
	}
	d, _ := c.Sig.Classify(c.Policy.Rules, status, p.Name)
	return d
}

// canExhaust reports whether a call that may be tried several times can use its
// attempts up.
func canExhaust(c *graph.Call) bool {
	if several(c.Policy) && slices.ContainsFunc(possible(c), func(p value.Pattern) bool { return !taken(c, p) && left(c, p) == value.Retryable }) {
		return true
	}
	return slices.ContainsFunc(c.Clauses, func(cl *graph.Clause) bool { return retries(cl.Body) })
}

// several reports whether a policy grants more than one attempt, as far as that is
// known beforehand.
func several(p *graph.Policy) bool {
	if p.Attempts == nil {
		return false
	}
	n, fixed := p.Attempts.Value.Const()
	return !fixed || n != 1
}

// retries reports whether a block of a clause has a retry of its call.
func retries(body []graph.Stmt) bool {
	return slices.ContainsFunc(body, func(st graph.Stmt) bool {
		if s, ok := st.(*graph.Switch); ok {
			return slices.ContainsFunc(s.Arms, func(a *graph.Arm) bool { return retries(a.Body) })
		}
		if e, ok := st.(*graph.Ensure); ok {
			st = e.Else
		}
		r, ok := st.(*graph.Retry)
		return ok && several(r.Policy)
	})
}

// ending is a way in which a step can end.
type ending struct {
	name     string
	optional bool
}

func endingsOf(s *graph.Step) []ending {
	w := ways{}
	if w.block(s.Body) {
		w.completed = true
	}
	var out []ending
	add := func(name string, can, optional bool) {
		if can {
			out = append(out, ending{name, optional})
		}
	}
	add("completed", w.completed, false)
	add("degraded", w.degraded, false)
	skips := s.When != nil
	if skips {
		if v, fixed := s.When.Const(); fixed && v == true {
			skips = false
		}
	}
	add("skipped", skips, false)
	add("failed", w.failed, false)
	add("not_run", len(s.Needs) > 0, true)
	add("cancelled", w.calls, true)
	return out
}

// ways are the endings that the statements of a step have.
type ways struct{ completed, degraded, failed, calls bool }

// block notes the endings in a block and reports whether its end can be reached.
func (w *ways) block(body []graph.Stmt) bool {
	for _, st := range body {
		if !w.statement(st) {
			return false
		}
	}
	return true
}

func (w *ways) statement(st graph.Stmt) (goesOn bool) {
	switch st := st.(type) {
	case *graph.Return:
		w.completed = true
		return false
	case *graph.Degrade:
		w.degraded = true
		return false
	case *graph.Fail:
		w.failed = true
		return false
	case *graph.Retry:
		return false
	case *graph.Ensure:
		w.statement(st.Else)
	case *graph.Call:
		return w.call(st)
	case *graph.Switch:
		for _, a := range st.Arms {
			goesOn = w.block(a.Body) || goesOn
		}
		return goesOn
	case *graph.Wait:
		w.calls = true
	case *graph.Group:
		inner := within(st.Steps)
		caught := slices.ContainsFunc(st.Clauses, func(c *graph.Clause) bool { return c.When == nil })
		w.calls, w.degraded, w.failed = true, w.degraded || inner.degraded, w.failed || inner.failed && !caught
		for _, c := range st.Clauses {
			w.block(c.Body)
		}
	case *graph.Loop:
		inner := within(st.Steps)
		tolerant := st.Tolerate != nil || st.Share > 0
		w.calls, w.degraded, w.failed = true, w.degraded || inner.degraded || inner.failed && tolerant, w.failed || inner.failed && st.Share < 1
	}
	return true
}

// within is how the steps inside a step can end.
func within(steps []*graph.Step) (all ways) {
	for _, s := range steps {
		all.block(s.Body)
	}
	return all
}

func (w *ways) call(c *graph.Call) (goesOn bool) {
	w.calls = true
	goesOn = c.Sig.Handler
	for _, p := range possible(c) {
		switch {
		case taken(c, p):
			continue
		case left(c, p) == value.Success:
			w.degraded = w.degraded || p.Name == value.Degraded
			goesOn = true
			continue
		case left(c, p) == value.Retryable && taken(c, value.Pattern{Name: value.Exhausted}):
			continue
		}
		w.failed = w.failed || !taken(c, value.Pattern{Name: value.Failed})
	}
	for _, cl := range c.Clauses {
		if w.block(cl.Body) {
			goesOn = true
		}
	}
	return goesOn
}
