package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"wf/golden"
	"wf/golden/cover"
	"wf/lang"
)

// coverFlag is --cover, or --cover=FILE, any number of times.
type coverFlag struct {
	on    bool
	files []string
}

// IsBool lets the flag stand without a value.
func (*coverFlag) IsBool() bool { return true }

// Decode reads one --cover.
func (f *coverFlag) Decode(ctx *kong.DecodeContext) error {
	f.on = true
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	switch v := ctx.Scan.Pop().Value.(type) {
	case bool:
		f.on = v
	case string:
		if v == "" {
			return errors.New("--cover= names no file")
		}
		if !slices.Contains(coverForms, path.Ext(v)) {
			return fmt.Errorf("--cover=%s: the file ends in .json, .svg or .html, which says what is written", v)
		}
		f.files = append(f.files, v)
	}
	return nil
}

// coverForms are the endings of files that coverage is written to.
var coverForms = []string{".json", ".svg", ".html"}

// writeCover writes coverage to a file in the form that its ending names. A picture shows one
// workflow: of several each has a file with its name in front of the ending.
func writeCover(e *env, p *cover.Profile, name string) error {
	switch path.Ext(name) {
	case ".json":
		var b bytes.Buffer
		if err := p.WriteJSON(&b); err != nil {
			return err
		}
		return e.writeFile(name, b.Bytes())
	case ".html":
		data, err := p.HTML()
		if err != nil {
			return err
		}
		return e.writeFile(name, data)
	}
	all, taken := p.Workflows(), map[string]int{}
	for _, w := range all {
		to := name
		if len(all) > 1 {
			own := w.Name
			if taken[own]++; taken[own] > 1 { // the same workflow in two files
				own += fmt.Sprintf("_%d", taken[own])
			}
			to = strings.TrimSuffix(name, ".svg") + "." + own + ".svg"
			fmt.Fprintf(e.stderr, "wrote %s\n", to)
		}
		if err := e.writeFile(to, p.SVG(w, nil)); err != nil {
			return err
		}
	}
	return nil
}

// covers reports whether coverage is asked for.
func (c *testCmd) covers() bool { return c.Cover.on || len(c.CoverMin) > 0 || c.Missing }

// profile is where the tests tell what they reach; nil if nobody asks.
func (c *testCmd) profile() *cover.Profile {
	if !c.covers() {
		return nil
	}
	return &cover.Profile{}
}

// covered reports the coverage.
func (c *testCmd) covered(e *env, p *cover.Profile, out reporters) error {
	if err := c.untested(p); err != nil {
		return err
	}
	if !c.Cover.on {
		return nil
	}
	if err := out.coverage(p); err != nil {
		return err
	}
	for _, name := range c.Cover.files {
		if err := writeCover(e, p, name); err != nil {
			return err
		}
	}
	return nil
}

// enough fails if a workflow is covered less than is asked for, and says what is
// missing.
func (c *testCmd) enough(e *env, p *cover.Profile) error {
	below := 0
	for _, w := range p.Workflows() {
		for _, b := range c.CoverMin {
			share, _ := w.Share(b.Kind)
			if share.Percent() >= b.Percent {
				continue
			}
			below++
			what := "it"
			if b.Kind != "" {
				what = "its " + string(b.Kind)
			}
			fmt.Fprintf(e.stderr, "wf: %s: %d%% of %s covered, and at least %d%% is asked for\n", w.Name, share.Percent(), what, b.Percent)
			if w.Runs == 0 {
				fmt.Fprintln(e.stderr, "  no test runs it")
				continue
			}
			for _, m := range w.Missing(b.Kind) {
				at := p.Sources.Position(m.Span.File, m.Span.Start)
				fmt.Fprintf(e.stderr, "  %s:%d:%d  %s\n", m.Span.File, at.Line, at.Column, m.Missing)
			}
		}
	}
	if below > 0 {
		return (&exit{status: exitFailed}).hinted("wf test --missing prints a scenario for each")
	}
	return nil
}

// untested enters the workflows under the folders that no test runs.
func (c *testCmd) untested(p *cover.Profile) error {
	paths := c.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, name := range paths {
		info, err := os.Stat(name)
		if err != nil {
			return wrong("%v", err)
		}
		var files []string
		if info.IsDir() {
			if files, err = under(name); err != nil {
				return wrong("%v", err)
			}
		} else if !golden.IsTestFile(name) {
			files = []string{filepath.ToSlash(name)}
		} else if tested := filepath.ToSlash(strings.TrimSuffix(name, "_test.wf") + ".wf"); thereIs(tested) {
			files = []string{tested}
		}
		for _, f := range files {
			program, problems := lang.Load(hostFS{}, f, lang.Options{Catalog: services(c.Seed), StubHandlers: true, Probe: true})
			if problems.HasErrors() {
				return wrong("%s has errors, so what tests exercise of it cannot be told", f).hinted("wf check %s", f)
			}
			if len(program.Workflows) == 0 {
				continue
			}
			p.Read(program.Sources)
			for _, g := range program.Workflows {
				p.Define(g)
			}
		}
	}
	return nil
}
