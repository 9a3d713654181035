package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"wf/lang"
	"wf/lang/diag"
	"wf/lang/effect"
	"wf/lang/explain"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

type explainCmd struct {
	What        string `arg:"" optional:"" help:"A diagnostic code, or FILE:STEP." predictor:"explain"`
	Environment string `help:"YAML: which of its environments to apply." placeholder:"NAME"`
}

// Help is shown by wf explain --help.
func (explainCmd) Help() string {
	return `A code is explained with an example that is wrong and one that is right; of a step it is told
what governs its calls, where each part is said, and what every outcome leads to. Without an
argument all codes are listed.

Examples:
  wf explain WF205
  wf explain workflows/user_registration.wf:send_welcome_sequence`
}

// Run prints a page, or what governs a step.
func (c *explainCmd) Run(e *env) error {
	if c.What == "" {
		return c.list(e)
	}
	if i := strings.LastIndexByte(c.What, ':'); i > 0 {
		return c.step(e, c.What[:i], c.What[i+1:])
	}
	code := strings.ToUpper(c.What)
	page, ok := explain.Page(code)
	switch {
	case ok:
		_, err := fmt.Fprint(e.stdout, page)
		return err
	case filepath.Ext(c.What) != "":
		return c.step(e, c.What, "")
	}
	x := wrong("there is no code %s", c.What)
	if x.hint = diag.DidYouMean(code, explain.Codes()); x.hint == "" {
		x.hint = "wf explain lists them; wf explain FILE:STEP explains a step"
	}
	return x
}

func (c *explainCmd) list(e *env) error {
	for i, g := range explain.Groups() {
		if i > 0 {
			fmt.Fprintln(e.stdout)
		}
		fmt.Fprintln(e.stdout, g.Name)
		for _, code := range g.Codes {
			fmt.Fprintf(e.stdout, "  %s  %s\n", code, explain.Title(code))
		}
	}
	return nil
}

// step explains a step of a file; name may be "workflow.step" if several workflows have
// one of the name.
func (c *explainCmd) step(e *env, file, name string) error {
	p, err := e.load(file, lang.Options{Catalog: services(1), Environment: c.Environment, StubHandlers: true})
	if err != nil {
		return err
	}
	var names []string
	found := false
	for _, g := range p.Workflows {
		graph.EachStep(g.Steps, func(prefix string, level []*graph.Step, s *graph.Step) {
			known := stepArgument(prefix, s)
			names = append(names, known)
			if asked := strings.ReplaceAll(name, "[…]", ""); known != asked && g.Name+"."+known != asked && g.FullName()+"."+known != asked {
				return
			}
			if found {
				fmt.Fprintln(e.stdout)
			}
			found = true
			x := explainer{e: e, p: p, g: g, main: file, prefix: prefix, level: level}
			x.step(s)
		})
	}
	switch {
	case found:
		return nil
	case len(names) == 0:
		return wrong("%s has no steps", file)
	case name == "":
		return wrong("which step of %s?", file).hinted("name one: wf explain %s:%s; there is %s", file, names[0], strings.Join(names, ", "))
	}
	x := wrong("%s has no step %s", file, name)
	if x.hint = diag.DidYouMean(name, names); x.hint == "" {
		x.hint = "there is " + strings.Join(names, ", ")
	}
	return x
}

// stepArgument is how a step is asked for: with the steps it stands in, and no keys.
func stepArgument(prefix string, s *graph.Step) string {
	return strings.ReplaceAll(prefix, "[…]", "") + s.Name
}

// explainer prints what governs a step.
type explainer struct {
	e      *env
	p      *lang.Program
	g      *graph.Graph
	main   string        // the file that was asked for: places in it are said by line alone
	prefix string        // of the step's name
	level  []*graph.Step // it is one of
	body   []graph.Stmt  // what it does, or each of its items
	who    string        // does it: "the step", or "the item"
	rows   [][2]string
}

func (x *explainer) row(name, text string) { x.rows = append(x.rows, [2]string{name, text}) }

// flush prints the rows in two columns.
func (x *explainer) flush(indent string) {
	width := 0
	for _, r := range x.rows {
		width = max(width, columnsOf(r[0]))
	}
	for _, r := range x.rows {
		fmt.Fprintf(x.e.stdout, "%s%s  %s\n", indent, pad(r[0], width), r[1])
	}
	x.rows = nil
}

func (x *explainer) at(s diag.Span) string {
	pos := x.p.Sources.Position(s.File, s.Start)
	if s.File == x.main {
		return fmt.Sprintf("line %d", pos.Line)
	}
	return fmt.Sprintf("%s:%d", s.File, pos.Line)
}

func (x *explainer) step(s *graph.Step) {
	name := x.prefix + s.Name
	fmt.Fprintf(x.e.stdout, "step %s of %s, %s\n", x.e.paintOut(name, "1"), x.g.FullName(), x.at(s.Span))
	if s.Describe != "" {
		fmt.Fprintf(x.e.stdout, "%s\n", s.Describe)
	}
	x.row("begins", x.begins(s))
	if s.When != nil {
		x.row("when", cutTo(s.When.String(), 90)+"; else it is skipped")
	}
	if s.Within != nil {
		x.row("within", x.setting(s.Within, ""))
	}
	if x.g.Within != nil {
		x.row("the run", "within "+x.setting(x.g.Within, ""))
	}
	x.inside(s, name)
	x.flush("  ")
	places := map[*graph.Call]string{}
	s.EachPlace(x.prefix, func(place string, c *graph.Call) { places[c] = place })
	ownCalls(x.body, func(c *graph.Call) { x.call(c, places[c]) })
}

// inside says what a step runs instead of calls.
func (x *explainer) inside(s *graph.Step, name string) {
	x.body, x.who = s.Body, "the step"
	if loop, ok := first[*graph.Loop](s.Body); ok {
		x.body, x.who = loop.Steps[0].Body, "the item"
		each := loop.Var + " of "
		if loop.Of != nil {
			each += loop.Of.Value.String() + " elements of "
		}
		x.row("for each", each+cutTo(loop.In.String(), 70))
		key := "the index"
		if loop.By != nil {
			key = cutTo(loop.By.String(), 70)
		}
		x.row("keys", key)
		x.several(loop.First, loop.Limit)
		switch {
		case loop.Tolerate != nil:
			x.row("tolerate", x.setting(loop.Tolerate, ""))
		case loop.Share > 0:
			x.row("tolerate", fmt.Sprintf("%g%% of the items", loop.Share*100))
		}
		if fails := "more fail"; loop.First == nil {
			if loop.Tolerate == nil && loop.Share == 0 {
				fails = "one fails"
			}
			x.row(fails, "the others are cancelled, and the step fails with the first failure")
		}
		name += "[…]"
	}
	x.arms(x.body, name)
	g, ok := first[*graph.Group](x.body)
	if ok {
		x.group(g, name)
	}
}

// arms says where the switches among some statements lead.
func (x *explainer) arms(body []graph.Stmt, name string) {
	for _, st := range body {
		s, ok := st.(*graph.Switch)
		if !ok {
			continue
		}
		for _, a := range s.Arms {
			if steps := graph.Inside(a.Body); len(steps) > 0 {
				names := make([]string, len(steps))
				for i, inner := range steps {
					names[i] = inner.Name
				}
				x.row(s.Label, fmt.Sprintf("%s: runs %s; see %s:%s", cutTo(a.Label, 60), strings.Join(names, ", "), x.main, stepArgument(name+".", steps[0])))
				continue
			}
			x.row(s.Label, cutTo(a.Label, 60)+": "+x.does(a.Body, "goes on"))
		}
	}
}

// group says what is inside of a step, and what becomes of failures there.
func (x *explainer) group(g *graph.Group, name string) {
	if g.Finally != nil {
		defer func() { x.row("at its end", x.does(g.Finally.Steps[0].Body, "nothing")) }()
	}
	x.several(g.First, g.Limit)
	names := make([]string, len(g.Steps))
	for i, inner := range g.Steps {
		names[i] = inner.Name
	}
	x.row("inside", fmt.Sprintf("%s; see %s:%s", strings.Join(names, ", "), x.main, stepArgument(name+".", g.Steps[0])))
	why, none := "one fails", "the others end, and "+x.who+" fails with the first failure"
	if g.First != nil {
		why, none = "too few", x.who+" fails with the first failure"
	}
	for _, c := range g.Clauses {
		text := c.Label + ": " + x.does(c.Body, "goes on")
		if c.When != nil {
			text += ", if " + cutTo(c.When.String(), 60)
		}
		x.row(why, text)
		if c.When == nil {
			return
		}
	}
	x.row(why, none)
}

// several says how many of the steps or items run and count.
func (x *explainer) several(enough, limit *graph.Setting) {
	if enough != nil {
		x.row("first", x.setting(enough, "")+"; the others are cancelled")
	}
	if limit != nil {
		x.row("at once", x.setting(limit, ""))
	}
}

// first is the first statement of a kind.
func first[T graph.Stmt](body []graph.Stmt) (found T, ok bool) {
	for _, st := range body {
		if found, ok = st.(T); ok {
			return found, true
		}
	}
	return found, false
}

// ownCalls visits the calls of a step without those of steps inside.
func ownCalls(body []graph.Stmt, visit func(*graph.Call)) {
	for _, st := range body {
		switch st := st.(type) {
		case *graph.Group:
			for _, c := range st.Clauses {
				ownCalls(c.Body, visit)
			}
			if st.Finally != nil {
				ownCalls(st.Finally.Steps[0].Body, visit)
			}
		case *graph.Switch:
			for _, a := range st.Arms {
				ownCalls(a.Body, visit)
			}
		default:
			graph.EachCall([]graph.Stmt{st}, visit)
		}
	}
}

// begins says what a step waits for.
func (x *explainer) begins(s *graph.Step) string {
	var parts []string
	for _, n := range s.Needs {
		name := x.level[n.Step].Name
		if n.Data {
			name += " (reads its result)"
		}
		parts = append(parts, name)
	}
	switch {
	case len(parts) == 0 && x.prefix == "":
		return "at once"
	case len(parts) == 0:
		return "at once, when " + strings.TrimSuffix(x.prefix, ".") + " has begun"
	}
	return "after " + strings.Join(parts, ", ")
}

func (x *explainer) setting(s *graph.Setting, def string) string {
	if s == nil {
		return def + " (default)"
	}
	return fmt.Sprintf("%s (%s, %s)", s.Value, s.Level, x.at(s.Span))
}

func (x *explainer) call(c *graph.Call, place string) {
	fmt.Fprintf(x.e.stdout, "\n  %s, called %s, %s\n", x.e.paintOut(c.Sig.Name(), "1"), place, x.at(c.Span))
	p := c.Policy
	if c.Runs != nil {
		x.row("runs", strings.TrimSpace("workflow "+c.Runs.FullName()+" "+c.Runs.Version)+", "+x.at(c.Runs.Span))
		names := make([]string, len(c.Runs.Steps))
		for i, s := range c.Runs.Steps {
			names[i] = place + "." + s.Name
		}
		x.row("steps", strings.Join(names, ", "))
	}
	if c.Sig.Signal {
		x.row("within", x.setting(p.Timeout, "for ever"))
		if c.By != nil {
			x.row("by", cutTo(c.By.String(), 70))
		}
		x.outcomes(c)
		return
	}
	x.row("attempts", x.setting(p.Attempts, "1"))
	if p.Attempts != nil || retries(c) {
		x.row("backoff", x.setting(p.Backoff, "1s")+", doubling")
		x.row("at most", x.setting(p.MaxBackoff, "5m"))
		if p.Jitter > 0 {
			x.row("jitter", fmt.Sprintf("%g%%", p.Jitter*100))
		}
	}
	x.row("timeout", x.setting(p.Timeout, "none"))
	if c.Key != nil {
		x.row("key", cutTo(c.Key.String(), 70))
	}
	if c.Undo != nil {
		x.row("undone", undone(c))
	}
	x.guards(c)
	x.outcomes(c)
}

// undone says when what a call did is undone.
func undone(c *graph.Call) string {
	if c.Until == nil {
		return "if it was in vain: the run fails or is cancelled"
	}
	return "if it was in vain before " + c.UntilText() + " has completed; from then on it stands"
}

// outcomes lists what every outcome of a call leads to.
func (x *explainer) outcomes(c *graph.Call) {
	x.flush("    ")
	fmt.Fprintln(x.e.stdout)
	w := tabwriter.NewWriter(x.e.stdout, 0, 0, 2, ' ', 0)
	for _, o := range effect.Outcomes(c) {
		fmt.Fprintf(w, "    %s\t%s\n", o, x.leads(c, o))
	}
	// what the terminal does not take, it does not take here either
	_ = w.Flush()
}

// guards says what bounds the calls of an operation, and who says so.
func (x *explainer) guards(c *graph.Call) {
	row := func(of string, g *value.Guard) {
		if g == nil {
			return
		}
		if g.Limit > 0 {
			x.row("limit", fmt.Sprintf("%d under way (%s)", g.Limit, of))
		}
		if g.Rate.Calls > 0 {
			x.row("limit", fmt.Sprintf("%d per %s (%s)", g.Rate.Calls, value.FormatDuration(g.Rate.Per), of))
		}
	}
	row("service "+c.Sig.Service, c.Sig.ServiceGuard)
	row("operation "+c.Sig.Operation, c.Sig.Guard)
	switch s := c.Sig.ServiceGuard; {
	case s != nil && s.Breaker.On():
		x.row("breaker", breakerText(s.Breaker)+" (service "+c.Sig.Service+")")
	case x.g.Breaker != nil:
		b := x.g.Breaker
		x.row("breaker", fmt.Sprintf("%s failures in %s, open %s (%s, %s)", b.Failures.Value, b.In.Value, b.Open.Value, b.Failures.Level, x.at(b.Span)))
	}
}

func breakerText(b value.Breaker) string {
	return fmt.Sprintf("%d failures in %s, open %s", b.Failures, value.FormatDuration(b.In), value.FormatDuration(b.Open))
}

// retries reports whether a clause of the call tries again.
func retries(c *graph.Call) bool {
	return slices.ContainsFunc(c.Clauses, func(cl *graph.Clause) bool {
		return slices.ContainsFunc(cl.Body, func(st graph.Stmt) bool { _, ok := st.(*graph.Retry); return ok })
	})
}

// leads says what an outcome leads to.
func (x *explainer) leads(c *graph.Call, o value.Pattern) string {
	return x.ways(c, o, effect.Of(c, o), false)
}

// ways says what becomes of an outcome; named tells by which clause it is taken.
func (x *explainer) ways(c *graph.Call, o value.Pattern, ways []effect.Way, named bool) string {
	parts := make([]string, len(ways))
	for i, w := range ways {
		parts[i] = x.way(c, o, w, named)
	}
	return strings.Join(parts, "; else ")
}

func (x *explainer) way(c *graph.Call, o value.Pattern, w effect.Way, named bool) string {
	why := ""
	switch {
	case w.Rule == nil:
	case w.Rule.Implied:
		why = " (" + w.Rule.String() + " is retryable in an undo)"
	default:
		why = " (" + w.Rule.String() + " is said to be " + map[bool]string{true: "retryable", false: "permanent"}[w.Rule.Retryable] + ")"
	}
	switch w.Sort {
	case effect.Passed:
		return x.below(c)
	case effect.Retry:
		again, after := tries(c)
		return again + why + "; " + after + x.ways(c, o, w.Then, true)
	case effect.Fails:
		return x.who + " fails: " + codeOf(o) + why
	}
	var text string
	for _, p := range w.Clause.On {
		if p.Covers(o) && !named {
			return x.clause(w.Clause, x.below(c)) + why
		}
	}
	text, _, _ = strings.Cut(w.Clause.Label, " when ")
	return text + ": " + x.clause(w.Clause, "goes on") + why
}

// clause says what a clause does, and when.
func (x *explainer) clause(c *graph.Clause, nothing string) string {
	text := x.does(c.Body, nothing)
	if c.When != nil {
		text = "if " + cutTo(c.When.String(), 60) + ": " + text
	}
	return text
}

// tries says whether a retryable outcome is tried again, and what the end is introduced
// with.
func tries(c *graph.Call) (again, after string) {
	if c.Policy.Attempts != nil {
		n, fixed := c.Policy.Attempts.Value.Const()
		switch {
		case !fixed:
			return "is tried again", "after the last attempt "
		case n != 1:
			return "is tried again", fmt.Sprintf("after %v attempts ", n)
		}
	}
	return "could be tried again, and no attempt is left", ""
}

// below is what comes behind a call that went well.
func (x *explainer) below(c *graph.Call) string {
	if isLast(x.body, c) {
		return x.who + " returns the body"
	}
	return "goes on"
}

// isLast reports whether a call is the last statement of a block, or of an arm of a switch
// there.
func isLast(body []graph.Stmt, c *graph.Call) bool {
	if len(body) == 0 {
		return false
	}
	switch last := body[len(body)-1].(type) {
	case *graph.Call:
		return last == c
	case *graph.Switch:
		return slices.ContainsFunc(last.Arms, func(a *graph.Arm) bool { return isLast(a.Body, c) })
	}
	return false
}

// codeOf is the code of a failure by an outcome.
func codeOf(o value.Pattern) string {
	if o.Name == "" {
		return "HTTP_" + o.String()
	}
	return strings.ToUpper(o.Name)
}

// does says in one line what statements do.
func (x *explainer) does(body []graph.Stmt, nothing string) string {
	var parts []string
	for _, st := range body {
		switch st := st.(type) {
		case *graph.Let:
		case *graph.Ensure:
			parts = append(parts, "unless "+cutTo(st.Cond.String(), 60)+" "+x.does([]graph.Stmt{st.Else}, ""))
		case *graph.Call:
			if st.Sig.Signal {
				parts = append(parts, "waits for "+st.Sig.Name())
			} else {
				parts = append(parts, "calls "+st.Sig.Name())
			}
		case *graph.Wait:
			parts = append(parts, cutTo(strings.Replace(st.String(), "wait", "waits", 1), 60))
		case *graph.Switch:
			for _, a := range st.Arms {
				parts = append(parts, cutTo(st.Label+": "+a.Label, 60)+": "+x.does(a.Body, "goes on"))
			}
		case *graph.Return:
			parts = append(parts, x.who+" returns "+brief(st.Value))
		case *graph.Degrade:
			parts = append(parts, x.who+" is degraded to "+brief(st.Value))
		case *graph.Fail:
			parts = append(parts, x.who+" fails: "+st.Code)
		case *graph.Retry:
			parts = append(parts, "is tried again"+again(st))
		default:
			panic(fmt.Sprintf("unknown statement %T", st))
		}
	}
	if len(parts) == 0 {
		return nothing
	}
	return strings.Join(parts, "; ")
}

// again says what an ending `retry` names for itself.
func again(r *graph.Retry) string {
	s := ""
	if r.Own {
		s += ", up to " + r.Policy.Attempts.Value.String() + " attempts"
	}
	if b := r.Policy.Backoff; b != nil && b.Level == "clause" {
		s += ", after " + cutTo(b.Value.String(), 40)
	}
	return s
}

// brief is an object by the names of its fields, or the beginning of an expression.
func brief(v *expr.Program) string {
	fields := v.Fields()
	if len(fields) == 0 {
		return cutTo(v.String(), 60)
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return "{ " + strings.Join(names, ", ") + " }"
}
