package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"wf/builtins"
	"wf/golden"
	"wf/golden/cover"
	"wf/lang"
	"wf/lang/diag"
	"wf/mocks"
)

type testCmd struct {
	Paths    []string      `arg:"" optional:"" help:"Test files, or folders with *_test.wf files; the current folder if none is given."`
	Update   bool          `help:"Write golden files instead of comparing, and remove those that belong to no test."`
	Filter   string        `name:"run" help:"Run only tests whose name matches the regular expression." placeholder:"REGEX"`
	FailFast bool          `help:"Stop at the first test that fails."`
	Seed     uint64        `help:"Seed of the runs of tests that set none." default:"1"`
	Cover    coverFlag     `help:"Show what of the workflows the tests exercise; --cover=FILE writes it to a .json, .svg or .html file, too."`
	CoverMin []cover.Bound `help:"Fail if less is covered: 100%, or of one kind, clauses=100%." placeholder:"SHARE"`
	Missing  bool          `help:"Print a test for each thing that the tests do not exercise, ready to be added to the test file."`
	Verbose  bool          `short:"v" help:"List the tests that pass, too."`
	Format   string        `help:"text, json (one object a line) or github (text, and annotations for GitHub Actions; the default there)." enum:"text,json,github," default:""`
	JUnit    string        `name:"junit" help:"Write a report in the JUnit format, too." placeholder:"FILE"`
	Watch    bool          `help:"Run tests again when a file they read is saved, until Ctrl-C."`
	Jobs     int           `short:"j" help:"Tests at once; as many as there are processors if not given." placeholder:"N"`
}

// Help is shown by wf test --help.
func (testCmd) Help() string {
	return `Tests run against mocks in virtual time: a call that nobody mocks fails the test.
Results go to standard output in the order of the files, however many run at once.
The exit status is 1 if a test fails, 2 if a test file is wrong.

Examples:
  wf test
  wf test workflows/user_registration_test.wf --run "billing"
  wf test workflows --update
  wf test workflows --watch
  wf test workflows --junit report.xml
  wf test workflows --cover
  wf test workflows --cover=coverage.html --cover-min 90%,clauses=100%
  wf test --missing workflows/user_registration_test.wf >> workflows/user_registration_test.wf
  wf test --missing flow.wf > flow_test.wf`
}

// Run runs the tests.
func (c *testCmd) Run(e *env) error {
	if c.Format == "" {
		if c.Format = "text"; e.github {
			c.Format = "github"
		}
	}
	if c.Filter != "" {
		if _, err := regexp.Compile(c.Filter); err != nil {
			return wrong("--run: %v", err)
		}
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // tests leave much behind and keep little
	}
	ctx, cancel := e.interrupt(context.Background())
	defer cancel()
	if c.Watch {
		return c.watch(ctx, e)
	}
	files, err := c.files()
	if err != nil {
		return err
	}
	_, err = c.round(ctx, e, files)
	return err
}

// testFile is a test file that was read.
type testFile struct {
	name     string
	program  *lang.Program
	problems diag.List
}

// round runs test files once and reports what came of it.
func (c *testCmd) round(ctx context.Context, e *env, names []string) ([]testFile, error) {
	began := e.now()
	files := c.load(names)
	t := &tally{Files: len(files)}
	told := e
	if c.Missing { // standard output is for what is proposed
		aside := *e
		aside.stdout = e.stderr
		told = &aside
	}
	out := reporters{c.format(told)}
	if c.JUnit != "" {
		out = append(out, &junitReport{e: e, to: c.JUnit})
	}
	var programs []*lang.Program
	for _, f := range files {
		if err := out.file(f); err != nil {
			return files, err
		}
		switch {
		case f.problems.HasErrors():
			t.Wrong++
		case f.program.Suite != nil && len(f.program.Suite.Tests) > 0:
			programs = append(programs, f.program)
		}
	}
	profile := c.profile()
	results, err := c.tests(ctx, e, programs, profile, out, t)
	if err == nil && c.Filter == "" && ctx.Err() == nil && !c.FailFast {
		err = c.orphans(programs, results, out, t)
	}
	if err != nil {
		return files, err
	}
	covered := profile != nil && t.Wrong == 0 && ctx.Err() == nil
	if covered {
		if err := c.covered(e, profile, out); err != nil {
			return files, err
		}
	}
	t.Took = e.now().Sub(began)
	if err := out.end(t); err != nil {
		return files, err
	}
	if err := c.verdict(ctx, files, t); err != nil || !covered {
		return files, err
	}
	if c.Missing {
		if err := c.propose(ctx, e, profile, programs); err != nil {
			return files, err
		}
	}
	return files, c.enough(e, profile)
}

// tests runs the tests of the programs.
func (c *testCmd) tests(ctx context.Context, e *env, programs []*lang.Program, profile *cover.Profile, out reporters, t *tally) ([]*golden.Result, error) {
	opts := golden.Options{Context: ctx, Cover: profile, Seed: c.Seed, Update: c.Update, FailFast: c.FailFast, Workers: c.Jobs, Files: golden.Dir(""),
		Builtins: func() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: c.Seed}) }}
	if c.Filter != "" {
		opts.Filter = regexp.MustCompile(c.Filter)
	}
	sources := map[string]diag.Sources{}
	for _, p := range programs {
		sources[p.Suite.File] = p.Sources
	}
	line, all := newProgressLine(e, c.Format != "json"), 0
	defer line.hide()
	opts.Begin = func(tests int) { all = tests }
	var failed error
	opts.Report = func(r *golden.Result) {
		t.add(r)
		if c.Verbose || !r.Passed() || r.Changed != "" {
			line.hide()
		}
		if err := out.test(sources[r.File], r); err != nil && failed == nil {
			failed = err
		}
		line.show(func() string { return e.testsSoFar(t, all) })
	}
	results := golden.RunAll(programs, opts)
	return results, failed
}

// verdict is the exit status of a round.
func (c *testCmd) verdict(ctx context.Context, files []testFile, t *tally) error {
	switch {
	case ctx.Err() != nil:
		return &exit{status: exitInterrupted}
	case t.Wrong > 0:
		return &exit{status: exitWrong}
	case t.unwritten != nil:
		return &exit{status: exitEnvironment, message: t.unwritten.Error()}
	case t.Failed > 0:
		return &exit{status: exitFailed}
	case t.Passed == 0 && c.Filter != "":
		x := wrong("no test matches --run %s", c.Filter)
		x.hint = diag.DidYouMean(c.Filter, testNames(files))
		return x
	case t.Passed == 0 && !c.Missing:
		return wrong("no test was run").hinted(`a test is written: test "name" { … }`)
	}
	return nil
}

func testNames(files []testFile) []string {
	var names []string
	for _, f := range files {
		if f.program.Suite != nil {
			for _, t := range f.program.Suite.Tests {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

// load reads the test files, several at once.
func (c *testCmd) load(names []string) []testFile {
	files := make([]testFile, len(names))
	var wg sync.WaitGroup
	turns := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		wg.Go(func() {
			for i := range turns {
				f := testFile{name: names[i]}
				f.program, f.problems = lang.Load(hostFS{}, f.name, lang.Options{Catalog: services(c.Seed), Probe: c.covers()})
				files[i] = f
			}
		})
	}
	for i := range names {
		turns <- i
	}
	close(turns)
	wg.Wait()
	return files
}

// orphans reports golden files that belong to no test, or removes them.
func (c *testCmd) orphans(programs []*lang.Program, results []*golden.Result, out reporters, t *tally) error {
	files := golden.Dir("")
	names, err := golden.Orphans(programs, files, results)
	if err != nil {
		return err
	}
	for _, name := range names {
		if c.Update {
			if err := files.Remove(name); err != nil {
				return err
			}
			t.Removed++
		}
		if err := out.orphan(name, c.Update); err != nil {
			return err
		}
	}
	return nil
}

// tally counts what came of the tests.
type tally struct {
	Files, Passed, Failed, Skipped, Wrong, Written, Removed int

	Took      time.Duration
	unwritten error // why a golden file was not written
}

func (t *tally) add(r *golden.Result) {
	switch {
	case r.Skipped:
		t.Skipped++
		return
	case r.Passed():
		t.Passed++
	default:
		t.Failed++
	}
	if r.Changed != "" {
		t.Written++
	}
	if r.FileError != nil && t.unwritten == nil {
		t.unwritten = r.FileError
	}
}

// testFiles lists the test files under the paths.
func testFiles(paths []string) ([]string, error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var out []string
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			x := wrong("%s: there is no such file", p)
			x.hint = near(p)
			return nil, x
		case err != nil:
			return nil, &exit{status: exitEnvironment, message: err.Error()}
		case !info.IsDir():
			out = append(out, path.Clean(filepath.ToSlash(p)))
			continue
		}
		found, err := golden.TestFiles(hostFS{}, filepath.ToSlash(p))
		if err != nil {
			return nil, &exit{status: exitEnvironment, message: err.Error()}
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) == 0 {
		return nil, wrong("there is no test file here").hinted("tests stand in files that end in _test.wf")
	}
	return out, nil
}
