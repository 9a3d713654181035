package main

import (
	"encoding/json"

	"wf/lang"
	"wf/lang/draw"
)

type graphCmd struct {
	File         string `arg:"" help:"Definition, .wf or .yaml." predictor:"definition"`
	Workflow     string `help:"Which workflow of the file, if it has several." placeholder:"NAME" predictor:"workflow"`
	Format       string `help:"mermaid, dot, svg or json." enum:"mermaid,dot,svg,json" default:"mermaid"`
	Failures     bool   `help:"Show what can go wrong in each step, and where it leads."`
	Output       string `short:"o" help:"Write to a file instead of standard output." placeholder:"FILE" predictor:"file"`
	StubHandlers bool   `help:"YAML: take any handler_class as registered."`
	Environment  string `help:"YAML: which of its environments to apply." placeholder:"NAME"`
}

// Help is shown by wf graph --help.
func (graphCmd) Help() string {
	return `Examples:
  wf graph flow.wf
  wf graph flow.wf --format svg -o flow.svg
  wf graph flow.wf --format svg --failures -o failures.svg
  wf graph flow.wf --format dot | dot -Tpng > flow.png`
}

// Run draws the graph.
func (c *graphCmd) Run(e *env) error {
	if c.Failures && c.Format == "json" {
		return wrong("--failures is for pictures").hinted("wf check --effects --format json %s lists what becomes of every outcome", c.File)
	}
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
		out = draw.Mermaid(g, c.Failures)
	case "dot":
		out = draw.DOT(g, c.Failures)
	case "svg":
		out = draw.Annotated(g, draw.Notes{Failures: c.Failures})
	case "json":
		if out, err = json.MarshalIndent(g, "", "  "); err != nil {
			return err
		}
		out = append(out, '\n')
	}
	return e.writeFile(c.Output, out)
}
