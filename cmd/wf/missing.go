package main

import (
	"context"
	"fmt"
	"io"
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
	var order []string // test files
	lacking := map[string][]*cover.Workflow{}
	called := map[string]int{} // how many workflows have a name, without its namespace
	for _, w := range p.Workflows() {
		called[shortName(w)]++
		if len(w.Missing("")) > 0 {
			name := testFileOf(w, programs)
			if lacking[name] == nil {
				order = append(order, name)
			}
			lacking[name] = append(lacking[name], w)
		}
	}
	var out, told strings.Builder
	for _, name := range order {
		var files fs.FS = hostFS{}
		var taken []string
		text, fresh := "", false
		for _, w := range lacking[name] {
			f, err := propose.Write(files, w.File, name, w, func() propose.Services { return services(c.Seed) },
				propose.Options{FullName: called[shortName(w)] > 1, Taken: taken, Stop: func() bool { return ctx.Err() != nil }})
			switch {
			case ctx.Err() != nil:
				return &exit{status: exitInterrupted}
			case err != nil:
				return wrong("%s: %v", w.Name, err)
			}
			text, fresh = text+f.Text, fresh || f.New
			for _, t := range f.Tests {
				taken = append(taken, t.Name)
			}
			if fresh { // the tests of another workflow go there, too
				files = propose.With(hostFS{}, name, text)
			}
			tellLeft(&told, p, f, w, fresh)
		}
		if len(order) > 1 && text != "" {
			fmt.Fprintf(&out, "// %s\n", name)
		}
		out.WriteString(text)
	}
	if _, err := io.WriteString(e.stdout, out.String()); err != nil {
		return err
	}
	_, err := io.WriteString(e.stderr, told.String())
	return err
}

func shortName(w *cover.Workflow) string { return w.Name[strings.LastIndexByte(w.Name, '.')+1:] }

// tellLeft says how many scenarios there are, and for what none was found.
func tellLeft(b *strings.Builder, p *cover.Profile, f *propose.File, w *cover.Workflow, fresh bool) {
	what := "%s: %s, to be added to %s\n"
	if fresh {
		what = "%s: %s, a new file %s\n"
	}
	fmt.Fprintf(b, what, w.Name, plural(len(f.Tests), "scenario"), f.Name)
	for _, pt := range f.Left {
		at := p.Sources.Position(pt.Span.File, pt.Span.Start)
		fmt.Fprintf(b, "  none was found for %s:%d:%d  %s\n", pt.Span.File, at.Line, at.Column, pt.Missing)
	}
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

// files lists the test files. With --missing a definition may be named instead, or a
// folder of them: they may have no tests yet.
func (c *testCmd) files() ([]string, error) {
	if !c.Missing {
		return testFiles(c.Paths)
	}
	paths := c.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var tests []string
	for _, name := range paths {
		info, err := os.Stat(name)
		switch {
		case err == nil && info.IsDir():
			found, _ := testFiles([]string{name}) // it may hold none
			tests = append(tests, slices.DeleteFunc(found, func(f string) bool { return !thereIs(f) })...)
			continue
		case err == nil && !golden.IsTestFile(name):
			if name = strings.TrimSuffix(name, path.Ext(name)) + "_test.wf"; !thereIs(name) {
				continue
			}
		}
		tests = append(tests, name)
	}
	if len(tests) == 0 {
		return nil, nil
	}
	return testFiles(tests)
}

// thereIs reports whether a file is there, and something in it: a shell that writes what
// is printed to a file makes the file first.
func thereIs(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Size() > 0
}
