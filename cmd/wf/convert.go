package main

import (
	"os"
	"path/filepath"
	"strings"

	"wf/lang"
	"wf/lang/diag"
)

type convertCmd struct {
	File        string `arg:"" help:"Definition, .wf or .yaml." predictor:"definition"`
	To          string `help:"wf or yaml; without it the other one." enum:",wf,yaml" default:"" placeholder:"FORM"`
	Output      string `short:"o" help:"Write to a file instead of standard output." placeholder:"FILE" predictor:"file"`
	Force       bool   `help:"Overwrite the output if it exists."`
	Workflow    string `help:"To YAML: which workflow of the file, if it has several." placeholder:"NAME" predictor:"workflow"`
	Environment string `help:"From YAML: which of its environments to apply." placeholder:"NAME"`
}

// Help is shown by wf convert --help.
func (convertCmd) Help() string {
	return `The result means the same: it is read and checked again before it is written. Comments
are carried over. Keys of YAML that have no effect become comments, which the way back
makes keys again. YAML imports the .wf file for the services and types in it. What has no form in the other syntax is told with its place, and
nothing is written then.

Examples:
  wf convert tasker.yaml --to wf
  wf convert tasker.yaml --environment production -o order.wf
  wf convert flow.wf --to yaml -o flow.yaml`
}

// Run converts the file.
func (c *convertCmd) Run(e *env) error {
	name := filepath.ToSlash(c.File)
	from := map[bool]string{true: "yaml", false: "wf"}[isYAML(name)]
	if c.To == "" {
		c.To = map[string]string{"yaml": "wf", "wf": "yaml"}[from]
	}
	if c.To == from {
		x := wrong("%s is written in %s already", c.File, map[string]string{"yaml": "YAML", "wf": ".wf"}[from])
		if from == "wf" {
			x.hinted("wf fmt lays it out")
		}
		return x
	}
	if info, err := os.Stat(c.File); err == nil && info.IsDir() {
		return wrong("%s is a folder; name one definition in it", c.File)
	}
	as := c.Output
	if as == "" || as == "-" {
		as = strings.TrimSuffix(name, filepath.Ext(name)) + "." + c.To
	} else if isYAML(as) != (c.To == "yaml") {
		return wrong("%s would hold %s", c.Output, map[string]string{"yaml": "YAML", "wf": "a .wf file"}[c.To]).hinted("let its name end in .%s", c.To)
	} else if _, err := os.Stat(as); err == nil && !c.Force {
		return wrong("%s exists", c.Output).hinted("--force overwrites it")
	}
	out, problems, sources := lang.Convert(hostFS{}, name, lang.ConvertOptions{
		Options: lang.Options{Catalog: services(1), Environment: c.Environment}, YAML: c.To == "yaml", As: filepath.ToSlash(as), Workflow: c.Workflow})
	if err := diag.Write(e.stderr, sources, problems, diag.Options{Color: e.color}); err != nil {
		return err
	}
	if problems.HasErrors() {
		return &exit{status: exitWrong, message: c.File + " is not converted: " + counts(problems)}
	}
	return e.writeFile(c.Output, out)
}
