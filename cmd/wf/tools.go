package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"wf/lang"
	"wf/lang/diag"
	"wf/lang/draw"
	"wf/lang/syntax"
)

type graphCmd struct {
	File         string `arg:"" help:"Definition, .wf or .yaml." predictor:"definition"`
	Workflow     string `help:"Which workflow of the file, if it has several." placeholder:"NAME" predictor:"workflow"`
	Format       string `help:"mermaid, dot, svg or json." enum:"mermaid,dot,svg,json" default:"mermaid"`
	Output       string `short:"o" help:"Write to a file instead of standard output." placeholder:"FILE" predictor:"file"`
	StubHandlers bool   `help:"YAML: take any handler_class as registered."`
	Environment  string `help:"YAML: which of its environments to apply." placeholder:"NAME"`
}

// Help is shown by wf graph --help.
func (graphCmd) Help() string {
	return `Examples:
  wf graph flow.wf
  wf graph flow.wf --format svg -o flow.svg
  wf graph flow.wf --format dot | dot -Tpng > flow.png`
}

// Run draws the graph.
func (c *graphCmd) Run(e *env) error {
	p, err := e.load(c.File, lang.Options{Catalog: services(1), Environment: c.Environment, StubHandlers: c.StubHandlers})
	if err != nil {
		return err
	}
	g, err := p.Workflow(c.Workflow)
	if err != nil {
		return wrong("%s: %v", c.File, err)
	}
	var out []byte
	switch c.Format {
	case "mermaid":
		out = draw.Mermaid(g)
	case "dot":
		out = draw.DOT(g)
	case "svg":
		out = draw.SVG(g)
	case "json":
		if out, err = json.MarshalIndent(g, "", "  "); err != nil {
			return err
		}
		out = append(out, '\n')
	}
	return e.writeFile(c.Output, out)
}

type fmtCmd struct {
	Paths []string `arg:"" help:"Files, or folders with .wf files." predictor:"definition"`
	Check bool     `help:"Change nothing; list the files that would change and exit with 1."`
}

// Help is shown by wf fmt --help.
func (fmtCmd) Help() string {
	return `Examples:
  wf fmt workflows
  wf fmt --check .`
}

// Run formats the files in place.
func (c *fmtCmd) Run(e *env) error {
	files, err := definitions(c.Paths)
	if err != nil {
		return err
	}
	changed := 0
	for _, f := range files {
		if isYAML(f) {
			continue
		}
		did, err := c.file(e, f)
		if err != nil {
			return err
		}
		if did {
			changed++
			fmt.Fprintln(e.stdout, f)
		}
	}
	if c.Check && changed > 0 {
		return &exit{status: exitFailed, message: plural(changed, "file") + " not formatted", hint: "run wf fmt on them"}
	}
	return nil
}

func (c *fmtCmd) file(e *env, name string) (changed bool, err error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return false, wrong("%v", err)
	}
	tree, problems := syntax.Parse(name, src)
	if problems.HasErrors() {
		if err := diag.Write(e.stderr, diag.Sources{name: src}, problems, diag.Options{Color: e.color}); err != nil {
			return false, err
		}
		return false, wrong("%s is not changed: it does not parse", name)
	}
	out := syntax.Format(tree, src)
	if bytes.Equal(out, src) {
		return false, nil
	}
	if c.Check {
		return true, nil
	}
	if err := os.WriteFile(name, out, 0o644); err != nil {
		return false, &exit{status: exitEnvironment, message: err.Error()}
	}
	return true, nil
}
