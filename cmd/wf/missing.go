package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"wf/golden"
	"wf/golden/cover"
	"wf/golden/propose"
	"wf/lang"
	"wf/lang/graph"
)

// propose prints scenarios for what the tests never exercise.
func (c *testCmd) propose(ctx context.Context, e *env, p *cover.Profile, programs []*lang.Program) error {
	all := p.Workflows()
	short := func(w *cover.Workflow) string { return w.Name[strings.LastIndexByte(w.Name, '.')+1:] }
	var files fs.FS = hostFS{}
	texts := map[string]string{} // of test files that are new
	taken := map[string][]string{}
	printed := 0
	for _, w := range all {
		if len(w.Missing("")) == 0 {
			continue
		}
		name := testFileOf(w, programs)
		same := 0
		for _, other := range all {
			if short(other) == short(w) {
				same++
			}
		}
		f, err := propose.Write(files, w.File, name, w, func() propose.Services { return services(c.Seed) },
			propose.Options{FullName: same > 1, Taken: taken[name], Stop: func() bool { return ctx.Err() != nil }})
		switch {
		case ctx.Err() != nil:
			return &exit{status: exitInterrupted}
		case err != nil:
			return wrong("%s: %v", w.Name, err)
		}
		if len(f.Tests) > 0 {
			if printed++; printed > 1 && f.New {
				fmt.Fprintln(e.stdout)
			}
			if len(all) > 1 {
				fmt.Fprintf(e.stdout, "// %s\n", f.Name)
			}
			fmt.Fprint(e.stdout, f.Text)
		}
		for _, t := range f.Tests {
			taken[name] = append(taken[name], t.Name)
		}
		if f.New { // another workflow may have its tests there, too
			texts[name] += f.Text
			files = propose.With(files, name, texts[name])
		}
		what := "%s: %s, to be added to %s\n"
		if f.New {
			what = "%s: %s, a new file %s\n"
		}
		fmt.Fprintf(e.stderr, what, w.Name, plural(len(f.Tests), "scenario"), f.Name)
		for _, pt := range f.Left {
			at := p.Sources.Position(pt.Span.File, pt.Span.Start)
			fmt.Fprintf(e.stderr, "  none was found for %s:%d:%d  %s\n", pt.Span.File, at.Line, at.Column, pt.Missing)
		}
	}
	return nil
}

// testFileOf is the test file that a workflow has, or should have.
func testFileOf(w *cover.Workflow, programs []*lang.Program) string {
	for _, p := range programs {
		runs := slices.ContainsFunc(golden.Workflows(p.Suite), func(g *graph.Graph) bool {
			return g.FullName() == w.Name && path.Clean(g.Span.File) == w.File
		})
		if runs {
			return p.Suite.File
		}
	}
	base := strings.TrimSuffix(w.File, path.Ext(w.File))
	if name := base + "_test.wf"; !thereIs(name) {
		return name
	}
	return base + "_" + strings.TrimPrefix(path.Ext(w.File), ".") + "_test.wf" // that of another definition
}

// files lists the test files. With --missing a definition may be named instead: it may
// have no tests yet.
func (c *testCmd) files() ([]string, error) {
	if !c.Missing {
		return testFiles(c.Paths)
	}
	var tests []string
	for _, name := range c.Paths {
		info, err := os.Stat(name)
		if err == nil && !info.IsDir() && !golden.IsTestFile(name) {
			if name = strings.TrimSuffix(name, path.Ext(name)) + "_test.wf"; !thereIs(name) {
				continue
			}
		}
		tests = append(tests, name)
	}
	if len(tests) == 0 && len(c.Paths) > 0 {
		return nil, nil
	}
	return testFiles(tests)
}

func thereIs(name string) bool { _, err := os.Stat(name); return err == nil }
