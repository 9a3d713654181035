package lang_test

import (
	"fmt"
	"path"
	"path/filepath"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"wf/lang"
	"wf/lang/diag"
	"wf/lang/expr"
)

// TestCacheMeansNothing loads every golden case twice with one cache for all of them: what
// is told is what is told without one.
func TestCacheMeansNothing(t *testing.T) {
	archives, err := filepath.Glob("../golden/testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no cases", err)
	}
	plain := lang.Options{Catalog: registry(), StubHandlers: true, Thorough: true}
	cached := plain
	cached.Cache = &expr.Cache{}
	for _, archive := range archives {
		ar, err := txtar.ParseFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		files := fstest.MapFS{}
		for _, f := range ar.Files {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		for _, f := range ar.Files {
			if ext := path.Ext(f.Name); ext != ".wf" && ext != ".yaml" {
				continue
			}
			p, problems := lang.Load(files, f.Name, plain)
			for range 2 {
				q, got := lang.Load(files, f.Name, cached)
				if a, b := told(p, problems), told(q, got); a != b {
					t.Fatalf("%s %s: told\n%s\nand with a cache\n%s", archive, f.Name, a, b)
				}
			}
		}
	}
}

// told is what is told of a program, and its workflows.
func told(p *lang.Program, problems diag.List) string {
	out := ""
	for _, d := range problems {
		out += fmt.Sprintf("%v %s %s %v\n", d.Span, d.Error(), d.Hint, d.Related)
	}
	if problems.HasErrors() {
		return out
	}
	for _, g := range p.Workflows {
		hash, err := g.Hash()
		out += fmt.Sprintln(hash, err)
	}
	return out
}
