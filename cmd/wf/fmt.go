package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/rogpeppe/go-internal/diff"

	"wf/lang"
	"wf/lang/diag"
	"wf/lang/syntax"
)

type fmtCmd struct {
	Paths []string `arg:"" help:"Files, or folders with .wf files; - reads standard input and prints." predictor:"definition"`
	Check bool     `help:"Change nothing; list the files that would change and exit with 1."`
	Diff  bool     `help:"Change nothing; print what would change."`
}

// Help is shown by wf fmt --help.
func (fmtCmd) Help() string {
	return `Files are changed in place, and those that were are listed. A file with syntax errors
is left alone, and the exit status is 2.

Examples:
  wf fmt workflows
  wf fmt --check .
  wf fmt --diff flow.wf
  wf fmt - < flow.wf`
}

// Run formats the files.
func (c *fmtCmd) Run(e *env) error {
	if len(c.Paths) == 1 && c.Paths[0] == "-" {
		return c.stdin(e)
	}
	files, err := definitions(c.Paths)
	if err != nil {
		return err
	}
	var changed, broken int
	for _, name := range files {
		if isYAML(name) {
			if c.names(name) {
				return wrong("%s is YAML; fmt lays out .wf files", name)
			}
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return wrong("%v", err)
		}
		out, err := format(e, name, src)
		switch {
		case err != nil:
			broken++
		case !bytes.Equal(out, src):
			changed++
			if err := c.change(e, name, src, out); err != nil {
				return err
			}
		}
	}
	switch {
	case broken > 0:
		return wrong("%s cannot be read, and %s left alone", plural(broken, "file"), map[bool]string{true: "is", false: "are"}[broken == 1])
	case c.Check && changed > 0:
		return &exit{status: exitFailed, message: plural(changed, "file") + " not formatted", hint: "run wf fmt on them"}
	}
	return nil
}

// names reports whether a file is one of the arguments, and not only in a folder.
func (c *fmtCmd) names(file string) bool {
	for _, p := range c.Paths {
		if p == file {
			return true
		}
	}
	return false
}

// change writes a file, or tells what would be written.
func (c *fmtCmd) change(e *env, name string, src, out []byte) error {
	if c.Diff {
		_, err := e.stdout.Write(diff.Diff(name, src, name+" (formatted)", out))
		return err
	}
	if !c.Check {
		if err := e.writeFile(name, out); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(e.stdout, name)
	return err
}

// stdin formats standard input to standard output.
func (c *fmtCmd) stdin(e *env) error {
	const name = "standard input"
	src, err := io.ReadAll(io.LimitReader(e.stdin, lang.MaxSize+1))
	if err != nil {
		return wrong("%s: %v", name, err)
	}
	out, err := format(e, name, src)
	switch {
	case err != nil:
		return wrong("%s cannot be read", name)
	case (c.Check || c.Diff) && !bytes.Equal(out, src):
		if err := c.change(e, name, src, out); err != nil {
			return err
		}
		if c.Check {
			return &exit{status: exitFailed}
		}
	case !c.Check && !c.Diff:
		_, err = e.stdout.Write(out)
	}
	return err
}

// format lays out a source; what is wrong with it is printed.
func format(e *env, name string, src []byte) ([]byte, error) {
	tree, problems := syntax.Parse(name, src)
	if err := problems.Err(); err != nil {
		if err := diag.Write(e.stderr, diag.Sources{name: src}, problems, diag.Options{Color: e.color}); err != nil {
			return nil, err
		}
		return nil, err
	}
	return syntax.Format(tree, src), nil
}
