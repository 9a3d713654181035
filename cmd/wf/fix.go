package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"wf/lang"
)

// fix makes the changes that problems come with, tells them, and gives the files as they
// are with them.
func (c *checkCmd) fix(e *env, files []string, opts lang.Options) (fs.FS, error) {
	done := lang.Fix(hostFS{}, files, opts)
	for _, name := range slices.Sorted(maps.Keys(done.Files)) {
		if !c.Diff {
			if err := e.writeFile(name, done.Files[name]); err != nil {
				return nil, err
			}
			continue
		}
		src, err := os.ReadFile(name)
		if err == nil {
			_, err = e.stdout.Write(diff.Diff(name, src, name+" (fixed)", done.Files[name]))
		}
		if err != nil {
			return nil, err
		}
	}
	does, did := "fixed", "fixed"
	if c.Diff {
		does, did = "would fix", "would be fixed"
	}
	for _, d := range done.Done {
		fmt.Fprintf(e.stderr, "%s:%d:%d: %s %s: %s\n", d.Problem.Span.File, d.Position.Line, d.Position.Column, does, d.Problem.Code, d.Title)
	}
	if n := len(done.Done); n > 0 {
		fmt.Fprintf(e.stderr, "%s %s in %s\n", plural(n, "problem"), did, plural(len(done.Files), "file"))
	}
	return done.Over(hostFS{}), nil
}
