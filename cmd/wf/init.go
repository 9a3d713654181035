package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// template is the folder that init makes: a workflow with everything that belongs to one.
//
//go:embed template
var template embed.FS

// templateFiles says what the files are for, in the order in which they are best read.
var templateFiles = []struct{ name, about string }{
	{"order.wf", "the workflow"},
	{"services/shop.wf", "the services it calls"},
	{"order_test.wf", "its tests, and what must always be true"},
	{"mocks/shop.wf", "how the services behave in them"},
	{"golden/order/an_order_is_shipped.trace", "what happens in one of them, step by step"},
	{"order.json", "an input"},
}

// longest is the length of the longest name of them.
const longest = len("golden/order/an_order_is_shipped.trace")

type initCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Folder; it is made if it does not exist." predictor:"file"`
}

// Help is shown by wf init --help.
func (initCmd) Help() string {
	return `The folder gets a small workflow, the services it calls, tests, mocks and a golden file:
everything is checked and tested, and runs at once. Files that exist are never overwritten.

Examples:
  wf init demo
  wf init demo && cd demo && wf test`
}

// Run makes the folder, or nothing if one of its files exists.
func (c *initCmd) Run(e *env) error {
	var taken []string
	for _, f := range templateFiles {
		if _, err := os.Lstat(filepath.Join(c.Dir, filepath.FromSlash(f.name))); err == nil {
			taken = append(taken, path.Join(filepath.ToSlash(c.Dir), f.name))
		}
	}
	switch {
	case len(taken) == 1:
		return wrong("%s exists", taken[0]).hinted("choose a new folder: wf init NAME")
	case len(taken) > 1:
		return wrong("these exist: %s", strings.Join(taken, ", ")).hinted("choose a new folder: wf init NAME")
	}
	for _, f := range templateFiles {
		if err := c.write(f.name); err != nil {
			return &exit{status: exitEnvironment, message: err.Error()}
		}
		fmt.Fprintf(e.stdout, "%-*s  %s\n", len(c.Dir)+1+longest, path.Join(filepath.ToSlash(c.Dir), f.name), f.about)
	}
	fmt.Fprintln(e.stdout, "\nTry:")
	if c.Dir != "." {
		fmt.Fprintf(e.stdout, "  cd %s\n", quoteWord(c.Dir))
	}
	_, err := fmt.Fprint(e.stdout, "  wf check .\n  wf test\n  wf explore order.wf\n  wf run order.wf --input order.json --mocks mocks/shop.wf --virtual\n")
	return err
}

// write writes a file of the template, which does not exist.
func (c *initCmd) write(name string) error {
	data, err := fs.ReadFile(template, path.Join("template", name))
	if err != nil {
		return err
	}
	target := filepath.Join(c.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// quoteWord is a word as a shell takes it.
func quoteWord(word string) string {
	if strings.ContainsFunc(word, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-", c)
	}) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
