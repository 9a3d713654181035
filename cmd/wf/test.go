package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"wf/builtins"
	"wf/golden"
	"wf/lang"
	"wf/lang/diag"
)

type testCmd struct {
	Paths    []string `arg:"" optional:"" help:"Test files, or folders with *_test.wf files; the current folder if none is given."`
	Update   bool     `help:"Write golden files instead of comparing, and remove those that belong to no test."`
	Filter   string   `name:"run" help:"Run only tests whose name matches the regular expression." placeholder:"REGEX"`
	FailFast bool     `help:"Begin no further test once one has failed."`
	Seed     uint64   `help:"Seed of the runs of tests that set none." default:"1"`
	Verbose  bool     `short:"v" help:"List the tests that pass, too."`
}

// Help is shown by wf test --help.
func (testCmd) Help() string {
	return `Tests run against mocks in virtual time: a call that nobody mocks fails the test.
The exit status is 1 if a test fails, 2 if a test file is wrong.

Examples:
  wf test
  wf test workflows/user_registration_test.wf --run "billing"
  wf test workflows --update`
}

// Run runs the tests.
func (c *testCmd) Run(e *env) error {
	files, err := testFiles(c.Paths)
	if err != nil {
		return err
	}
	opts := golden.Options{Seed: c.Seed, Update: c.Update, FailFast: c.FailFast, Files: golden.Dir(""), Builtins: func() builtins.Services { return services(c.Seed) }}
	if c.Filter != "" {
		if opts.Filter, err = regexp.Compile(c.Filter); err != nil {
			return wrong("--run: %v", err)
		}
	}
	began := e.now()
	t := tally{}
	for _, f := range files {
		if err := c.file(e, f, opts, &t); err != nil {
			return err
		}
		if c.FailFast && t.failed > 0 {
			break
		}
	}
	t.print(e, e.now().Sub(began))
	switch {
	case t.wrong > 0:
		return &exit{status: exitWrong}
	case t.failed > 0:
		return &exit{status: exitFailed}
	case t.passed == 0:
		return wrong("no test was run").hinted("tests stand in files that end in _test.wf")
	}
	return nil
}

// tally counts what came of the tests.
type tally struct{ files, passed, failed, skipped, wrong, written, removed int }

func (t *tally) print(e *env, took time.Duration) {
	line := fmt.Sprintf("%s in %s: %d passed", plural(t.passed+t.failed, "test"), plural(t.files, "file"), t.passed)
	if t.failed > 0 {
		line += ", " + e.paint(fmt.Sprintf("%d failed", t.failed), "31")
	}
	if t.skipped > 0 {
		line += fmt.Sprintf(", %d not run", t.skipped)
	}
	if t.wrong > 0 {
		line += ", " + e.paint(plural(t.wrong, "file")+" with errors", "31")
	}
	if t.written > 0 {
		line += ", " + plural(t.written, "golden file") + " written"
	}
	if t.removed > 0 {
		line += fmt.Sprintf(", %d removed", t.removed)
	}
	fmt.Fprintf(e.stderr, "%s (%s)\n", line, short(took))
}

// file runs one test file.
func (c *testCmd) file(e *env, name string, opts golden.Options, t *tally) error {
	t.files++
	p, problems := lang.Load(hostFS{}, name, lang.Options{Catalog: services(c.Seed)})
	if err := diag.Write(e.stderr, p.Sources, problems, diag.Options{Color: e.color}); err != nil {
		return err
	}
	if problems.HasErrors() {
		t.wrong++
		return nil
	}
	if p.Suite == nil || len(p.Suite.Tests) == 0 {
		return nil
	}
	var failed error
	opts.Report = func(r *golden.Result) {
		if failed == nil {
			failed = c.report(e, p, r, t)
		}
	}
	results := golden.Run(p, opts)
	if failed != nil {
		return failed
	}
	if c.Filter != "" {
		return nil
	}
	return c.orphans(e, p, opts.Files, results, t)
}

func (c *testCmd) report(e *env, p *lang.Program, r *golden.Result, t *tally) error {
	switch {
	case r.Skipped:
		t.skipped++
		return nil
	case r.Passed():
		t.passed++
		if c.Verbose {
			fmt.Fprintf(e.stdout, "%s %s: %s  %s\n", e.paint("✓", "32"), r.File, r.Name, e.paint(short(r.Virtual), "2"))
		}
		if r.Changed != "" {
			t.written++
			fmt.Fprintf(e.stdout, "%s %s\n", r.Changed, r.Golden)
		}
		return nil
	}
	t.failed++
	fmt.Fprintf(e.stdout, "%s %s: %s (seed %d)\n", e.paint("✗", "31"), r.File, r.Name, r.Seed)
	if err := golden.WriteFailures(e.stdout, p.Sources, r, diag.Options{Color: e.color}); err != nil {
		return err
	}
	fmt.Fprintln(e.stdout)
	return nil
}

// orphans reports golden files that belong to no test, or removes them.
func (c *testCmd) orphans(e *env, p *lang.Program, files golden.Files, results []*golden.Result, t *tally) error {
	names, err := golden.Orphans(p, files, results)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !c.Update {
			if err := diag.Write(e.stderr, nil, diag.List{golden.Orphaned(name)}, diag.Options{Color: e.color}); err != nil {
				return err
			}
			continue
		}
		if err := files.Remove(name); err != nil {
			return err
		}
		t.removed++
		fmt.Fprintf(e.stdout, "removed %s\n", name)
	}
	return nil
}

// testFiles lists the test files under the paths.
func testFiles(paths []string) ([]string, error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var out []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			x := wrong("%s: there is no such file", p)
			x.hint = near(p)
			return nil, x
		}
		if !info.IsDir() {
			out = append(out, filepath.ToSlash(p))
			continue
		}
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && golden.IsTestFile(path) {
				out = append(out, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			return nil, wrong("%v", err)
		}
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) == 0 {
		return nil, wrong("there is no test file here").hinted("tests stand in files that end in _test.wf")
	}
	return out, nil
}
