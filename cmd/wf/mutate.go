package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"wf/builtins"
	"wf/golden"
	"wf/golden/mutate"
	"wf/lang/diag"
	"wf/mocks"
)

type mutateCmd struct {
	Files    []string `arg:"" name:"file" help:"Definitions, .wf or .yaml, or folders with them." predictor:"definition"`
	Tests    []string `help:"Test files, or folders with them, if not beside the definition." placeholder:"PATH"`
	Kinds    []string `help:"Only these kinds of slips, listed above." placeholder:"KIND" predictor:"slip"`
	Limit    int      `help:"Try so many mutants of a definition at most, evenly spread." placeholder:"N"`
	Golden   bool     `help:"Golden traces count; --no-golden says what only they notice." default:"true" negatable:""`
	MinScore percent  `help:"Fail if fewer of the mutants are killed: 90%." placeholder:"SHARE"`
	Save     string   `help:"Write test files with what would notice the survivors into a folder." placeholder:"DIR"`
	Plays    int      `help:"Runs among which to look for a scenario that notices a survivor; 0: look for none." default:"2000" placeholder:"N"`
	Format   string   `help:"text or json (one object a line)." enum:"text,json" default:"text"`
	Verbose  bool     `short:"v" help:"List the mutants that are killed, too, and those that are none."`
	Seed     uint64   `help:"Seed of the runs of tests that set none." default:"1"`
	Jobs     int      `short:"j" help:"Mutants at once; as many as there are processors if not given." placeholder:"N"`
}

// percent is a share, written 90%.
type percent int

// UnmarshalText reads "90%" or "90".
func (p *percent) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(strings.TrimSuffix(string(text), "%"))
	if err != nil || n < 0 || n > 100 {
		return fmt.Errorf("%q is no share; write 90%%", text)
	}
	*p = percent(n)
	return nil
}

// Help is shown by wf mutate --help.
func (mutateCmd) Help() string {
	var b strings.Builder
	b.WriteString(`A mutant is a copy of the definition with one slip in it. Its tests are run with each: what no test
notices survives, and is told with its place, what is changed, and what would notice it: a line more
in a test there is, or a new test. Mutants that are no definition, or mean the same, do not count.

Examples:
  wf mutate workflows/user_registration.wf
  wf mutate workflows/user_registration.wf --kinds clause,more,fewer
  wf mutate workflows/user_registration.wf --no-golden --kinds default --save more
  wf mutate workflows --limit 50 --min-score 90%

Kinds of slips:
`)
	for _, k := range mutate.Kinds {
		fmt.Fprintf(&b, "  %-11s %s\n", k.Name, k.Doc)
	}
	return b.String()
}

// slips are the names of the kinds.
func slips() []string {
	out := make([]string, len(mutate.Kinds))
	for i, k := range mutate.Kinds {
		out[i] = k.Name
	}
	return out
}

// Run tries the mutants of the definitions.
func (c *mutateCmd) Run(e *env) error {
	if c.Kinds != nil && len(c.Kinds) == 0 {
		return wrong("--kinds names no kind").hinted("leave it out for all of them; wf mutate --help lists them")
	}
	for _, kind := range c.Kinds {
		if !slices.Contains(slips(), kind) {
			x := wrong("--kinds: there is no kind %s", kind)
			if x.hint = diag.DidYouMean(kind, slips()); x.hint == "" {
				x.hint = "wf mutate --help lists them"
			}
			return x
		}
	}
	files, named, err := tested(c.Files)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // mutants leave much behind and keep little
	}
	ctx, cancel := e.interrupt(context.Background())
	defer cancel()
	tried, low := 0, 0
	var saved []mutate.SavedFile
	for _, file := range files {
		report, err := c.one(ctx, e, file)
		switch {
		case errors.Is(err, mutate.ErrNoWorkflow) && !named[file]: // services, types
			continue
		case errors.Is(err, mutate.ErrNoTests) && !named[file]:
			fmt.Fprintf(e.stderr, "wf: %s: no test runs a workflow of it\n", file)
			continue
		case err != nil:
			return err
		}
		tried++
		if ctx.Err() != nil {
			return &exit{status: exitInterrupted}
		}
		if score := report.Score(); score < int(c.MinScore) {
			low++
			fmt.Fprintf(e.stderr, "wf: %s: %d%% of the mutants are killed, and at least %d%% is asked for\n", file, score, int(c.MinScore))
		}
		if c.Save != "" {
			for _, f := range report.Save(fromHere(c.Save)) {
				if !slices.ContainsFunc(saved, func(s mutate.SavedFile) bool { return s.Name == f.Name }) {
					saved = append(saved, f)
				}
			}
		}
	}
	if err := c.save(e, saved); err != nil {
		return err
	}
	switch {
	case tried == 0:
		return wrong("there is no definition with tests here").hinted("wf test --missing writes tests")
	case low > 0:
		return &exit{status: exitFailed}
	}
	return nil
}

// tested lists the definitions under the paths, without their tests, and which of them were named.
func tested(paths []string) (files []string, named map[string]bool, err error) {
	found, err := definitions(paths)
	if err != nil {
		return nil, nil, err
	}
	files = slices.DeleteFunc(found, golden.IsTestFile)
	if len(files) == 0 {
		return nil, nil, wrong("%s holds tests; name the definition that they are of", strings.Join(paths, ", "))
	}
	named = map[string]bool{}
	for i := range files {
		files[i] = path.Clean(files[i])
		named[files[i]] = slices.ContainsFunc(paths, func(p string) bool { return path.Clean(filepath.ToSlash(p)) == files[i] })
	}
	return files, named, nil
}

// one tries the mutants of a definition.
func (c *mutateCmd) one(ctx context.Context, e *env, file string) (*mutate.Report, error) {
	paths := c.Tests
	if len(paths) == 0 {
		paths = []string{path.Dir(file)}
	}
	tests, err := testFiles(paths)
	if err != nil && len(c.Tests) > 0 {
		return nil, err
	}
	tests = mutate.Importing(hostFS{}, tests, file)
	began := e.now()
	line := newProgressLine(e, c.Format != "json")
	defer line.hide()
	var out mutateReporter = &mutateText{e: e, c: c, line: line, file: file}
	if c.Format == "json" {
		out = &mutateJSON{json: newJSONReport(e).out, c: c, file: file}
	}
	opts := mutate.Options{Context: ctx, Kinds: c.Kinds, Limit: c.Limit, Seed: c.Seed, Workers: c.Jobs, Plays: c.Plays, Catalog: services(c.Seed),
		Builtins: func() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: c.Seed}) }}
	if c.Plays == 0 {
		opts.Plays = -1
	}
	if c.Golden {
		opts.Files = golden.Dir("")
	}
	of, done, survive := 0, 0, 0
	opts.Begin = func(r *mutate.Report, mutants int) { of = mutants; out.begin(r) }
	var failed error
	opts.Report = func(v *mutate.Verdict) {
		if done++; v.Status == mutate.Survived {
			survive++
		}
		if err := out.mutant(v); err != nil && failed == nil {
			failed = err
		}
		line.show(func() string {
			text := fmt.Sprintf("%s: %d of %s", file, done, plural(of, "mutant"))
			if survive > 0 {
				text += ", " + e.paint(fmt.Sprintf("%d survive", survive), "31")
			}
			return text
		})
	}
	report, err := mutate.Run(hostFS{}, file, tests, opts)
	line.hide()
	if err != nil {
		return nil, c.told(e, file, err)
	}
	if failed != nil {
		return nil, failed
	}
	if err := out.end(report); err != nil {
		return nil, err
	}
	fmt.Fprintf(e.stderr, "%s in %s (%s)\n", plural(report.Count, "test"), plural(len(report.Tests), "file"), short(e.now().Sub(began)))
	return report, nil
}

// told says why mutants were not tried.
func (c *mutateCmd) told(e *env, file string, err error) error {
	var broken *mutate.WrongError
	var failing *mutate.FailingError
	switch {
	case errors.As(err, &broken):
		if err := e.tell(broken.Problems, broken.Sources); err != nil {
			return err
		}
		return &exit{status: exitWrong, message: counts(broken.Problems)}
	case errors.As(err, &failing):
		if err := golden.WriteResult(e.stderr, failing.Sources, failing.Result, diag.Options{Color: e.color}); err != nil {
			return err
		}
		x := &exit{status: exitFailed, message: "a test fails without a defect, so it would prove nothing"}
		return x.hinted("wf test %s", shellWord(failing.Result.File))
	case errors.Is(err, mutate.ErrNoTests) || errors.Is(err, mutate.ErrNoWorkflow):
		x := wrong("%s: %v", file, err)
		if errors.Is(err, mutate.ErrNoTests) {
			x.hinted("--tests says where they are; wf test --missing %s writes some", shellWord(file))
		}
		return fmt.Errorf("%w%w", x, err)
	}
	return err
}

// fromHere is a folder as definitions are named: relative to here, if it was not named so.
func fromHere(name string) string {
	if here, err := os.Getwd(); err == nil && filepath.IsAbs(name) {
		if rel, err := filepath.Rel(here, name); err == nil {
			name = rel
		}
	}
	return filepath.ToSlash(name)
}

// save writes the test files with what would notice the survivors.
func (c *mutateCmd) save(e *env, files []mutate.SavedFile) error {
	if len(files) == 0 {
		return nil
	}
	if err := os.MkdirAll(c.Save, 0o755); err != nil {
		return &exit{status: exitEnvironment, message: err.Error()}
	}
	for _, f := range files {
		name := filepath.Join(c.Save, f.Name)
		if err := e.writeFile(name, []byte(f.Text)); err != nil {
			return err
		}
		fmt.Fprintf(e.stderr, "wrote %s: %s\n", name, plural(f.Tests, "test"))
	}
	return nil
}

// mutateReporter tells what comes of the mutants of a definition, in order.
type mutateReporter interface {
	begin(r *mutate.Report)
	mutant(v *mutate.Verdict) error
	end(r *mutate.Report) error
}

// mutateText is for people.
type mutateText struct {
	e    *env
	c    *mutateCmd
	line *progressLine
	file string
	r    *mutate.Report
}

func (t *mutateText) begin(r *mutate.Report) { t.r = r }

func (t *mutateText) mutant(v *mutate.Verdict) error {
	lives := v.Status == mutate.Survived || v.Status == mutate.Same
	if !lives && !t.c.Verbose || v.Status == mutate.Untried {
		return nil
	}
	t.line.hide()
	var b strings.Builder
	at := t.r.Sources.Position(v.Span.File, v.Span.Start)
	fmt.Fprintf(&b, "%s:%d:%d: %s  %s\n", v.Span.File, at.Line, at.Column, t.status(v.Status), v.Name)
	if lives || t.c.Verbose {
		for _, c := range v.Changes(t.r.Source) {
			for _, l := range c.Old {
				b.WriteString("  " + t.e.paintOut("- "+l, "31") + "\n")
			}
			for _, l := range c.New {
				b.WriteString("  " + t.e.paintOut("+ "+l, "32") + "\n")
			}
		}
	}
	switch v.Status {
	case mutate.Survived, mutate.Same:
		b.WriteString(t.remedy(v))
		b.WriteString("\n")
	case mutate.Invalid, mutate.Killed, mutate.ByGolden:
		by := ""
		if v.Test != "" {
			by = v.Test + ": "
		}
		fmt.Fprintf(&b, "  %s%s\n", by, v.Why)
	}
	_, err := io.WriteString(t.e.stdout, b.String())
	return err
}

func (t *mutateText) status(s mutate.Status) string {
	switch s {
	case mutate.Survived:
		return t.e.paintOut("survives", "31")
	case mutate.Same:
		return "behaves alike"
	case mutate.Killed:
		return t.e.paintOut("killed", "32")
	case mutate.ByGolden:
		return t.e.paintOut("killed by a golden trace only", "33")
	}
	return string(s)
}

// remedy says what would notice a survivor.
func (t *mutateText) remedy(v *mutate.Verdict) string {
	if v.Reached == 0 {
		return "  no test gets there\n" + t.noticed(v)
	}
	get := "tests get"
	if v.Reached == 1 {
		get = "test gets"
	}
	return fmt.Sprintf("  %d %s there, and none notices\n", v.Reached, get) + t.noticed(v)
}

func (t *mutateText) noticed(v *mutate.Verdict) string {
	var b strings.Builder
	if v.Found != "" {
		fmt.Fprintf(&b, "  %s finds it: %s\n", mutate.Exploring, v.Found)
	}
	r := v.Remedy
	switch {
	case r == nil && v.Alike == nil: // nobody looked
	case r == nil && v.Alike.Unlike != "":
		b.WriteString("  no test was found that tells it from the original, though there is a difference: " + v.Alike.Unlike + "\n")
	case r == nil && v.Alike.Missed:
		fmt.Fprintf(&b, "  no run was found that gets there (%s compared)\n", plural64(uint64(v.Alike.Runs), "run"))
	case r == nil:
		fmt.Fprintf(&b, "  %s tells it from the original (%s compared)\n", noRun(v.Alike.Faults), plural64(uint64(v.Alike.Runs), "run"))
	case r.Test != "":
		at := t.r.Sources.Position(r.Span.File, r.Span.Start)
		fmt.Fprintf(&b, "  this would, behind %s:%d of %s:\n", r.File, at.Line, strconv.Quote(r.Test))
		for _, expect := range r.Expect {
			b.WriteString("    " + t.e.paintOut("expect "+expect, "36") + "\n")
		}
	default:
		fmt.Fprintf(&b, "  this would, in %s:\n", r.File)
		for _, l := range strings.Split(strings.TrimRight(r.Text, "\n"), "\n") {
			b.WriteString("    " + t.e.paintOut(l, "36") + "\n")
		}
	}
	return b.String()
}

// noRun says which runs there were.
func noRun(faults int) string {
	if faults == 0 {
		return "no run in which all goes well"
	}
	return fmt.Sprintf("no run with up to %s going wrong", plural(faults, "thing"))
}

func (t *mutateText) end(r *mutate.Report) error {
	line := fmt.Sprintf("%s: %s, %d killed", t.file, plural(r.Mutants(), "mutant"), r.Of(mutate.Killed)+r.Of(mutate.ByGolden))
	if n := r.Of(mutate.ByGolden); n > 0 {
		line += fmt.Sprintf(" (%d by a golden trace only)", n)
	}
	switch n := r.Of(mutate.Survived); {
	case n == 1:
		line += ", " + t.e.paintOut("1 survives", "31")
	case n > 1:
		line += ", " + t.e.paintOut(fmt.Sprintf("%d survive", n), "31")
	}
	line += fmt.Sprintf(": %d%%\n", r.Score())
	var none []string
	if n := r.Of(mutate.Invalid); n > 0 {
		none = append(none, fmt.Sprintf("%d are no definition", n))
	}
	if n := r.Of(mutate.Equivalent); n > 0 {
		none = append(none, fmt.Sprintf("%d mean the same", n))
	}
	if n := r.Of(mutate.Same); n > 0 {
		none = append(none, fmt.Sprintf("%d behave alike", n))
	}
	if n := r.Of(mutate.Untried); n > 0 {
		none = append(none, fmt.Sprintf("%d were not tried", n))
	}
	if len(none) > 0 {
		line += "  not counted: " + strings.Join(none, ", ") + "\n"
	}
	_, err := io.WriteString(t.e.stdout, line)
	return err
}

// mutateJSON writes one object a line; docs/json.md and docs/schema/mutate.json describe
// them.
type mutateJSON struct {
	json *json.Encoder
	c    *mutateCmd
	file string
	r    *mutate.Report
}

type mutantObject struct {
	Kind string `json:"kind"` // "mutant"
	place
	Slip     string          `json:"slip"`
	Name     string          `json:"name"`
	Status   mutate.Status   `json:"status"`
	Changes  []changeObject  `json:"changes"`
	Reached  int             `json:"reached"`
	KilledBy *killerObject   `json:"killed_by,omitempty"`
	Why      string          `json:"why,omitempty"`
	Remedy   *remedyObject   `json:"remedy,omitempty"`
	Compared *comparedObject `json:"compared,omitempty"`
	Found    string          `json:"found,omitempty"`
}

// comparedObject is of a mutant that every test passes with, if none was found that would not.
type comparedObject struct {
	Faults int    `json:"faults"`
	Runs   int    `json:"runs"`
	Unlike string `json:"unlike,omitempty"`
	Missed bool   `json:"missed,omitempty"`
}

type changeObject struct {
	Line int      `json:"line"`
	Old  []string `json:"old"`
	New  []string `json:"new"`
}

type killerObject struct {
	File string    `json:"file"`
	Test string    `json:"test,omitempty"`
	Code diag.Code `json:"code"`
}

type remedyObject struct {
	File   string   `json:"file"`
	Test   string   `json:"test,omitempty"`
	Line   int      `json:"line,omitempty"`
	Expect []string `json:"expect"`
	Text   string   `json:"text,omitempty"`
}

func (j *mutateJSON) begin(r *mutate.Report) { j.r = r }

func (j *mutateJSON) mutant(v *mutate.Verdict) error {
	o := mutantObject{Kind: "mutant", place: placeOf(j.r.Sources, v.Span), Slip: v.Kind, Name: v.Name, Status: v.Status, Reached: v.Reached, Why: v.Why, Found: v.Found, Changes: []changeObject{}}
	for _, c := range v.Changes(j.r.Source) {
		o.Changes = append(o.Changes, changeObject{c.Line, append([]string{}, c.Old...), append([]string{}, c.New...)})
	}
	if v.File != "" {
		o.KilledBy = &killerObject{v.File, v.Test, v.Code}
	}
	if r := v.Remedy; r != nil {
		o.Remedy = &remedyObject{File: r.File, Test: r.Test, Expect: r.Expect}
		if r.Test != "" {
			o.Remedy.Line = j.r.Sources.Position(r.Span.File, r.Span.Start).Line
		} else {
			o.Remedy.Text = r.Text
		}
	}
	if a := v.Alike; a != nil {
		o.Compared = &comparedObject{a.Faults, a.Runs, a.Unlike, a.Missed}
	}
	return j.json.Encode(o)
}

func (j *mutateJSON) end(r *mutate.Report) error {
	return j.json.Encode(struct {
		Kind       string   `json:"kind"`
		File       string   `json:"file"`
		Tests      []string `json:"tests"`
		Mutants    int      `json:"mutants"`
		Killed     int      `json:"killed"`
		ByGolden   int      `json:"killed_by_golden_only"`
		Survived   int      `json:"survived"`
		Alike      int      `json:"alike"`
		Invalid    int      `json:"invalid"`
		Equivalent int      `json:"equivalent"`
		Untried    int      `json:"untried"`
		Score      int      `json:"score"`
	}{"summary", j.file, r.Tests, r.Mutants(), r.Of(mutate.Killed) + r.Of(mutate.ByGolden), r.Of(mutate.ByGolden), r.Of(mutate.Survived), r.Of(mutate.Same), r.Of(mutate.Invalid), r.Of(mutate.Equivalent), r.Of(mutate.Untried), r.Score()})
}
