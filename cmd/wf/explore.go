package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"wf/builtins"
	"wf/golden"
	"wf/golden/explore"
	"wf/golden/propose"
	"wf/interpreter"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/value"
	"wf/mocks"
)

type exploreCmd struct {
	Files       []string `arg:"" name:"file" help:"Definitions, .wf or .yaml, or folders with them; their tests and invariants are found beside them." predictor:"definition"`
	Workflow    string   `help:"Only this workflow, if there are several." placeholder:"NAME" predictor:"workflow"`
	Faults      string   `help:"How many faults at once: a number, or all. If it is not given, all if that can be afforded, else two." placeholder:"N"`
	Input       string   `short:"i" help:"JSON file with the input to explore, instead of those of the tests; - reads standard input." placeholder:"FILE" predictor:"file"`
	Limit       int      `help:"How many choices are tried before the search is content with two faults." default:"200000"`
	WithoutKeys bool     `help:"Take services for ones that know no idempotency keys: what is asked for again is done again."`
	NoCancel    bool     `help:"Do not cancel runs."`
	NoCrash     bool     `help:"Do not let the process die."`
	Save        string   `help:"Write a test for each finding into this folder." placeholder:"DIR"`
	Format      string   `help:"text or json (one object a workflow)." enum:"text,json" default:"text"`
	Jobs        int      `short:"j" help:"Workers; as many as there are processors if not given. The result is the same." placeholder:"N"`
}

// Help is shown by wf explore --help.
func (exploreCmd) Help() string {
	return `Runs a workflow in every way it can go, with the core that runs it for real. At every
call that a run reaches each outcome of its service is tried: successes, refusals, 5xx,
throttling, timeouts, broken connections, answers that are malformed, and answers that are
lost after the call took effect. Runs are cancelled at every moment, the process dies,
signals come early, late and never, what falls on one moment comes in every order.

It fails if an invariant of the tests is broken, or one that holds for every workflow: no
expression fails, every run ends, an undo gets over one failed attempt, no
call is made after the end, no two requests have one key.

Examples:
  wf explore workflows/expense_approval.wf
  wf explore workflows/user_registration.wf --faults 1
  wf explore workflows/payment_refund.wf workflows/expense_approval.wf --faults 1
  wf explore workflows/payment_refund.wf --faults 1 --without-keys --format json`
}

// Run explores.
func (c *exploreCmd) Run(e *env) error {
	opts := explore.Options{Faults: -1, Limit: c.Limit, Workers: c.Jobs, Cancel: !c.NoCancel, Crash: !c.NoCrash, Signals: true, WithoutKeys: c.WithoutKeys}
	if c.Faults != "" && c.Faults != "all" {
		n, err := strconv.Atoi(c.Faults)
		if err != nil || n < 0 {
			return wrong("--faults takes a number or all, not %s", c.Faults)
		}
		opts.Faults = n
	}
	if c.Limit < 1 {
		return wrong("--limit takes a number from 1 on, not %d", c.Limit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	todo, err := c.workflows(e)
	if err != nil {
		return err
	}
	if c.Input != "" && len(todo) > 1 {
		return wrong("--input is the input of one workflow, and there are %d", len(todo)).hinted("--workflow says which")
	}
	ctx, stop := e.interrupt(context.Background())
	defer stop()
	line := newProgressLine(e, c.Format == "text")
	opts.Stop = func() bool { return ctx.Err() != nil }
	findings, saved := 0, map[string]bool{}
	for _, of := range todo {
		opts := opts
		show := &explored{e: e, g: of.graph, file: of.file, short: len(todo) > 1, twice: of.twice(todo), faults: opts.Faults, saved: map[*explore.Finding]string{}}
		if show.tests, err = beginnings(e, of.file, of.graph, c.Input, false, &opts); err != nil {
			return err
		}
		for _, s := range opts.Invariants {
			show.invariants += s.Size()
		}
		opts.Progress = func(at explore.Progress) {
			line.show(func() string {
				if show.short {
					return show.g.FullName() + ": " + exploredSoFar(at)
				}
				return exploredSoFar(at)
			})
		}
		show.r, err = explore.Run(show.g, opts)
		line.hide()
		if err != nil {
			return wrong("%s: %v", of.file, err)
		}
		findings += len(show.r.Findings)
		if c.Save != "" {
			if err := c.save(e, show, saved); err != nil {
				return err
			}
		}
		if c.Format == "json" {
			if err := show.json(); err != nil {
				return err
			}
		} else {
			show.text()
		}
		if show.r.Stopped {
			return &exit{status: exitInterrupted}
		}
	}
	if len(todo) > 1 && c.Format == "text" {
		fmt.Fprintf(e.stdout, "%s, %s\n", plural(len(todo), "workflow"), plural(findings, "finding"))
	}
	if findings > 0 {
		return &exit{status: exitFailed}
	}
	return nil
}

// defined is a workflow and the file that defines it.
type defined struct {
	file  string
	graph *graph.Graph
}

// twice reports whether another one has the same name.
func (d defined) twice(all []defined) bool {
	return slices.ContainsFunc(all, func(o defined) bool { return o.file != d.file && o.graph.FullName() == d.graph.FullName() })
}

// workflows are those to explore: all of the files, or the one that is asked for.
func (c *exploreCmd) workflows(e *env) ([]defined, error) {
	files, named, err := tested(c.Files)
	if err != nil {
		return nil, err
	}
	var out []defined
	var names []string
	var last error // of a file that does not have what is asked for
	for _, file := range files {
		p, err := e.load(file, lang.Options{Catalog: services(1), StubHandlers: true})
		if err != nil {
			return nil, err
		}
		graphs := p.Workflows
		for _, g := range graphs {
			names = append(names, g.FullName())
		}
		if c.Workflow != "" || len(graphs) == 0 {
			g, err := p.Workflow(c.Workflow)
			if err != nil {
				if last = wrong("%s: %v", file, err); len(files) == 1 || c.Workflow == "" && named[file] {
					return nil, last
				}
				continue
			}
			graphs = []*graph.Graph{g}
		}
		for _, g := range graphs {
			out = append(out, defined{file, g})
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case last == nil:
		return nil, wrong("there is no definition in %s", strings.Join(c.Files, ", "))
	case c.Workflow != "":
		x := wrong("there is no workflow %s in %s", c.Workflow, strings.Join(c.Files, ", "))
		x.hint = diag.DidYouMean(c.Workflow, names)
		return nil, x
	}
	return nil, wrong("no file in %s defines a workflow", strings.Join(c.Files, ", "))
}

// beginnings adds to the options where runs of a workflow begin, with the input that is given or
// those of the tests beside it, and the invariants of these. It returns the test files that the
// invariants are from. Tests of the definition that have errors are one, unless that is tolerated.
func beginnings(e *env, file string, g *graph.Graph, input string, tolerant bool, opts *explore.Options) (tests []string, err error) {
	opts.Examples = input == ""
	if input != "" {
		src, err := (&runCmd{Input: input}).read(e)
		if err != nil {
			return nil, err
		}
		v, err := value.DecodeJSON(src)
		if err != nil {
			return nil, wrong("%s is not usable as input: %v", input, err)
		}
		if _, violations := interpreter.Prepare(g, v, "run_1", golden.Start); len(violations) > 0 {
			return nil, (&runCmd{Input: input}).refuse(e, g, input, violations)
		}
		opts.Inputs = []explore.Input{{Value: v, Label: input}}
	}
	for _, name := range testsBeside(file) {
		p, problems := lang.Load(hostFS{}, name, lang.Options{Catalog: services(1)})
		if problems.HasErrors() && !tolerant && namedAfter(name, file) {
			if err := e.tell(problems, p.Sources); err != nil {
				return nil, err
			}
			return nil, &exit{status: exitWrong, message: name + ", by which " + g.FullName() + " is judged, has " + counts(problems)}
		}
		if problems.HasErrors() || p.Suite == nil {
			continue
		}
		if _, judges, err := opts.Beside(p, g, registered); judges && err == nil {
			tests = append(tests, name)
		}
	}
	return tests, nil
}

// testsBeside lists the test files in the folder of a definition; none if it cannot be read.
func testsBeside(file string) []string {
	dir := path.Dir(path.Clean(file))
	files, err := golden.TestFiles(hostFS{}, dir)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(files, func(name string) bool { return path.Dir(name) != dir })
}

// namedAfter reports whether a test file is that of a definition, by its name.
func namedAfter(test, file string) bool {
	return strings.HasPrefix(path.Base(test), strings.TrimSuffix(path.Base(file), path.Ext(file)))
}

// save writes a test of each finding.
func (c *exploreCmd) save(e *env, x *explored, taken map[string]bool) error {
	if err := os.MkdirAll(c.Save, 0o777); err != nil {
		return &exit{status: exitEnvironment, message: err.Error()}
	}
	near := func(file string) string { // as the folder is named
		if abs, err := filepath.Abs(file); err == nil && filepath.IsAbs(c.Save) {
			return filepath.ToSlash(abs)
		}
		return file
	}
	var invariants []string
	for _, file := range x.tests {
		invariants = append(invariants, near(file))
	}
	for _, f := range x.r.Findings {
		name := path.Join(filepath.ToSlash(c.Save), slug(f.Title)+"_test.wf")
		for taken[name] { // names are files
			name = strings.TrimSuffix(name, "_test.wf") + "_2_test.wf"
		}
		text, err := f.Test(hostFS{}, near(x.file), name, invariants, func() propose.Services { return services(1) })
		if err != nil {
			fmt.Fprintf(e.stderr, "not saved: %s (%v)\n", f.Title, err)
			continue
		}
		if err := e.writeFile(name, []byte(text)); err != nil {
			return err
		}
		x.saved[f], taken[name] = name, true
	}
	return nil
}

// slug is a text as a name of a file.
func slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	out := strings.Join(words, "_")
	return strings.TrimRight(out[:min(len(out), 60)], "_")
}

// exploredSoFar says how far a search is. How much there is left is not known: what waits may
// lead to more.
func exploredSoFar(at explore.Progress) string {
	return fmt.Sprintf("%s at once: %s tried, %s found, %d %% done at least",
		plural(at.Faults, "fault"), thousands(uint64(at.Tried)), plural64(uint64(at.States), "state"), 100*(at.States-at.Waiting)/max(at.States, 1))
}

// explored prints what a search found out.
type explored struct {
	e     *env
	file  string
	g     *graph.Graph
	tests []string // files with the invariants
	r     *explore.Report

	invariants int  // of these
	faults     int  // at once, that were asked for; negative: none were
	short      bool // one of several: only what is found is told at length
	twice      bool // another of these has its name

	saved map[*explore.Finding]string // the files of their tests
}

func (x *explored) text() {
	w, r := x.e.stdout, x.r
	if x.short {
		mark := x.e.paintOut("✓", "32")
		switch {
		case len(r.Findings) > 0:
			mark = x.e.paintOut("✗", "31")
		case !x.asked():
			mark = x.e.paintOut("▸", "33")
		}
		hollow := ""
		if x.hollow() {
			hollow = "; " + x.e.paintOut("no run completes", "33")
		}
		name := r.Workflow
		if x.twice {
			name += " (" + x.file + ")"
		}
		fmt.Fprintf(w, "%s %s: %s; %s%s\n", mark, name, x.extent(), x.effort(), hollow)
		for i, f := range r.Findings {
			fmt.Fprintln(w)
			x.finding(i+1, f)
		}
		if len(r.Findings) > 0 {
			fmt.Fprintln(w)
		}
		return
	}
	fmt.Fprintf(w, "%s\n", x.e.paintOut(r.Workflow, "1"))
	fmt.Fprintf(w, "  %s\n", x.extent())
	fmt.Fprintf(w, "  %s\n", x.effort())
	fmt.Fprintf(w, "  %s\n", x.held())
	for _, u := range x.untested() {
		fmt.Fprintf(w, "  %s never put to the test: %q: %s\n", x.e.paintOut("▸", "33"), u.Invariant, u.Rule)
	}
	fmt.Fprintln(w)
	width := 0
	for _, end := range r.Ends {
		width = max(width, len(runs(end.Runs)))
	}
	for _, end := range r.Ends {
		fmt.Fprintf(w, "  %*s  %s\n", width, runs(end.Runs), x.ending(end.End))
	}
	if x.hollow() {
		fmt.Fprintf(w, "\n  %s no run completes: a test of one that does shows what services answer in it\n", x.e.paintOut("▸", "33"))
	}
	if len(r.Table) > 0 {
		fmt.Fprintln(w)
		x.table()
	}
	for i, f := range r.Findings {
		fmt.Fprintln(w)
		x.finding(i+1, f)
	}
	fmt.Fprintln(w)
	switch {
	case len(r.Findings) > 0:
		fmt.Fprintf(w, "%s %s\n", x.e.paintOut("✗", "31"), plural(len(r.Findings), "finding"))
	case !x.asked():
		fmt.Fprintf(w, "%s nothing was found so far\n", x.e.paintOut("▸", "33"))
	default:
		fmt.Fprintf(w, "%s nothing is wrong\n", x.e.paintOut("✓", "32"))
	}
}

// asked reports whether what was to be tried was: with so many faults as were asked for, or two.
func (x *explored) asked() bool {
	most := x.faults
	if most < 0 {
		most = 2
	}
	return !x.r.Stopped && (x.r.All || x.r.Complete >= most)
}

// untested are the rules of which nothing is known: no run has come to what they are about. In a
// search that was cut off one may come yet.
func (x *explored) untested() []explore.Untested {
	if !x.asked() {
		return nil
	}
	return x.r.Untested
}

// held says by what runs are judged, beside what holds for every workflow.
func (x *explored) held() string {
	if len(x.tests) == 0 {
		return "no test beside it has an invariant: only what holds for every workflow is looked at"
	}
	return fmt.Sprintf("held to %s of %s", plural(x.invariants, "invariant"), strings.Join(x.tests, ", "))
}

// hollow reports whether no run ended well, so that little is known of what comes late.
func (x *explored) hollow() bool {
	return x.asked() && !slices.ContainsFunc(x.r.Ends, func(e explore.EndCount) bool { return e.Ending == "completed" || e.Ending == "degraded" })
}

// extent says which runs were tried.
func (x *explored) extent() string {
	r := x.r
	switch {
	case r.Stopped:
		return "stopped; what was tried until then:"
	case r.Complete < 0:
		return "cut off before all runs without a fault were tried: raise --limit"
	case r.Cut && !x.asked():
		return everyRun(r.All, r.Complete) + ", and some with more; then it was cut off: --limit sets when"
	case r.Cut:
		return everyRun(r.All, r.Complete) + ", and some with more"
	}
	return everyRun(r.All, r.Complete)
}

// everyRun says with how many faults at once all runs were tried.
func everyRun(all bool, faults int) string {
	switch {
	case all:
		return "every run, however many faults at once"
	case faults == 0:
		return "every run without a fault"
	}
	return fmt.Sprintf("every run with up to %s at once", plural(faults, "fault"))
}

func (x *explored) effort() string {
	r := x.r
	return fmt.Sprintf("%s from %s, told apart by %s", plural64(r.Runs, "run"), plural(len(r.Inputs), "input"), plural64(uint64(r.States), "state"))
}

func (x *explored) ending(e explore.End) string {
	color := "31"
	switch {
	case e.Wrong:
	case e.Ending == "completed":
		color = "32"
	case e.Ending == "degraded", e.Ending == "compensated", e.Ending == "cancelled":
		color = "33"
	}
	return x.e.paintOut(e.String(), color)
}

// table prints what one fault does.
func (x *explored) table() {
	type line struct{ place, fault, once, stays string }
	lines := []line{{"one fault", "", "once", "if it stays"}}
	last := ""
	for i, row := range x.r.Table {
		l := line{place: row.Place, fault: row.Fault, once: ends(row.Once), stays: ends(row.Stays)}
		if row.Place == "" {
			l.place = "(the run)"
		}
		if row.Place == last && i > 0 {
			l.place = ""
		}
		last = row.Place
		lines = append(lines, l)
	}
	var w [3]int
	for _, l := range lines {
		w[0], w[1], w[2] = max(w[0], columnsOf(l.place)), max(w[1], columnsOf(l.fault)), max(w[2], columnsOf(l.once))
	}
	for i, l := range lines {
		text := strings.TrimRight(fmt.Sprintf("  %s  %s  %s  %s", padded(l.place, w[0]), padded(l.fault, w[1]), padded(l.once, w[2]), l.stays), " ")
		if i == 0 {
			text = x.e.paintOut(text, "2")
		}
		fmt.Fprintln(x.e.stdout, text)
	}
}

func padded(s string, n int) string { return s + strings.Repeat(" ", max(0, n-columnsOf(s))) }

func ends(list []explore.End) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = e.String()
	}
	return strings.Join(words, " or ")
}

func (x *explored) finding(n int, f *explore.Finding) {
	w := x.e.stdout
	fmt.Fprintf(w, "%s %s\n", x.e.paintOut(fmt.Sprintf("%d.", n), "1"), x.e.paintOut(f.Title, "1"))
	if f.Rule != "" {
		fmt.Fprintf(w, "   %s\n", f.Rule)
	}
	at := ""
	if f.Place != "" {
		at = ", at " + f.Place
	}
	fmt.Fprintf(w, "   %s, %s%s; the input is %s\n", f.Kind, easily(f.Faults), at, f.Input.Label)
	printStory(x.e, f.Story)
	if name := x.saved[f]; name != "" {
		fmt.Fprintf(w, "   saved as %s\n", name)
	}
	if f.Times > 0 {
		fmt.Fprintf(w, "   and in %s more\n", plural64(uint64(f.Times), "way"))
	}
}

// printStory prints what happened, line by line.
func printStory(e *env, story []explore.Line) {
	width, places := 0, 0
	for _, l := range story {
		width = max(width, len(value.FormatDuration(l.At.Round(time.Millisecond)))+1)
		if where, _, ok := strings.Cut(l.Text, "  "); ok && !l.Note {
			places = max(places, columnsOf(where))
		}
	}
	for _, l := range story {
		mark := " "
		text := l.Text
		if where, what, ok := strings.Cut(l.Text, "  "); l.Note {
			mark, text = e.paintOut("▸", "33"), e.paintOut(l.Text, "33")
		} else if ok {
			text = padded(where, places) + "  " + what
		}
		fmt.Fprintf(e.stdout, "   %*s %s %s\n", width, "+"+value.FormatDuration(l.At.Round(time.Millisecond)), mark, text)
	}
}

func runs(n uint64) string {
	if n == ^uint64(0) {
		return "more than " + thousands(n-1)
	}
	return thousands(n)
}

func plural64(n uint64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return runs(n) + " " + word + "s"
}

// thousands writes a number with a comma between groups of three digits.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// exploreVersion is the version of the JSON form.
const exploreVersion = 1

type (
	exploredObject struct {
		Version  int               `json:"explore_version"`
		Workflow string            `json:"workflow"`
		File     string            `json:"file"`
		Faults   int               `json:"faults"` // of which all runs were tried; -1: of none
		All      bool              `json:"all"`
		Stopped  bool              `json:"stopped"`
		Runs     string            `json:"runs"` // a number, which may be larger than JSON's
		States   int               `json:"states"`
		Tried    int               `json:"tried"`
		Inputs   []exploreInput    `json:"inputs"`
		Endings  []exploreEnding   `json:"endings"`
		Table    []exploreRow      `json:"table"`
		Findings []exploreFinding  `json:"findings"`
		Untested []exploreUntested `json:"untested"`
	}
	exploreInput struct {
		Label string `json:"label"`
		Input any    `json:"input"`
	}
	exploreEnd struct {
		Ending string `json:"ending"`
		Code   string `json:"code,omitempty"`
		Wrong  bool   `json:"wrong,omitempty"`
	}
	exploreEnding struct {
		exploreEnd
		Runs string `json:"runs"`
	}
	exploreRow struct {
		Place string       `json:"place,omitempty"`
		Fault string       `json:"fault"`
		Also  []string     `json:"also,omitempty"`
		Once  []exploreEnd `json:"once,omitempty"`
		Stays []exploreEnd `json:"stays,omitempty"`
	}
	exploreUntested struct {
		Invariant string `json:"invariant"`
		Rule      string `json:"rule"`
	}
	exploreFinding struct {
		Kind   explore.Kind  `json:"kind"`
		Title  string        `json:"title"`
		Rule   string        `json:"rule,omitempty"`
		Place  string        `json:"place,omitempty"`
		Faults int           `json:"faults"`
		More   int           `json:"more"`
		Input  exploreInput  `json:"input"`
		Story  []exploreLine `json:"story"`
		Saved  string        `json:"saved,omitempty"`
	}
	exploreLine struct {
		At   float64 `json:"at_ms"`
		Text string  `json:"text"`
		Note bool    `json:"note,omitempty"`
	}
)

// json prints one object.
func (x *explored) json() error {
	r := x.r
	input := func(in explore.Input) exploreInput { return exploreInput{in.Label, x.g.Input.Redact(in.Value)} }
	end := func(list []explore.End) (out []exploreEnd) {
		for _, e := range list {
			out = append(out, exploreEnd(e))
		}
		return out
	}
	o := exploredObject{Version: exploreVersion, Workflow: r.Workflow, File: x.file, Faults: r.Complete, All: r.All, Stopped: r.Stopped, Runs: strconv.FormatUint(r.Runs, 10), States: r.States, Tried: r.Tried,
		Inputs: []exploreInput{}, Endings: []exploreEnding{}, Table: []exploreRow{}, Findings: []exploreFinding{}, Untested: []exploreUntested{}}
	for _, in := range r.Inputs {
		o.Inputs = append(o.Inputs, input(in))
	}
	for _, e := range r.Ends {
		o.Endings = append(o.Endings, exploreEnding{exploreEnd(e.End), strconv.FormatUint(e.Runs, 10)})
	}
	for _, row := range r.Table {
		o.Table = append(o.Table, exploreRow{row.Place, row.Fault, row.Also, end(row.Once), end(row.Stays)})
	}
	for _, f := range r.Findings {
		out := exploreFinding{Kind: f.Kind, Title: f.Title, Rule: f.Rule, Place: f.Place, Faults: f.Faults, More: f.Times, Input: input(f.Input), Story: []exploreLine{}}
		for _, l := range f.Story {
			out.Saved = x.saved[f]
			out.Story = append(out.Story, exploreLine{float64(l.At) / float64(time.Millisecond), l.Text, l.Note})
		}
		o.Findings = append(o.Findings, out)
	}
	for _, u := range x.untested() {
		o.Untested = append(o.Untested, exploreUntested(u))
	}
	return writeJSON(x.e.stdout, o)
}

// registered are the built-in mock services, fresh.
func registered() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: 1}) }
