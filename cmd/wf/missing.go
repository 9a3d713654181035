package main

import (
	"fmt"
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
func (c *testCmd) propose(e *env, p *cover.Profile, programs []*lang.Program) error {
	printed := 0
	for _, w := range p.Workflows() {
		if len(w.Missing("")) == 0 {
			continue
		}
		f, err := propose.Write(hostFS{}, w.File, testFileOf(w, programs), w, func() propose.Services { return services(c.Seed) })
		if err != nil {
			return wrong("%s: %v", w.Name, err)
		}
		if len(f.Tests) > 0 {
			if printed++; printed > 1 {
				fmt.Fprintln(e.stdout)
			}
			if len(p.Workflows()) > 1 {
				fmt.Fprintf(e.stdout, "// %s\n", f.Name)
			}
			fmt.Fprint(e.stdout, f.Text)
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
