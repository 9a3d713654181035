package golden

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"wf/builtins"
	"wf/lang"
	"wf/lang/diag"
	"wf/mocks"
)

// TestFixes makes every fix that is offered in the archives, each alone: what it is offered
// for must be gone, and the file must be no worse to read.
func TestFixes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	tried := map[diag.Code]int{}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fsys := fstest.MapFS{}
		for _, f := range ar.Files {
			if !strings.HasPrefix(f.Name, "out/") {
				fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			}
		}
		for name := range maps.All(fsys) {
			if name == "flow.wf" || name == "flow.yaml" || strings.HasSuffix(name, "_test.wf") {
				tryFixes(t, file, fsys, name, tried)
			}
		}
	}
	if len(tried) < 20 {
		t.Errorf("only %v have fixes", tried)
	}
	t.Logf("fixes tried: %v", tried)
}

func tryFixes(t *testing.T, file string, fsys fstest.MapFS, main string, tried map[diag.Code]int) {
	opts := lang.Options{Catalog: catalog(), StubHandlers: true, Thorough: true}
	_, before := lang.Load(fsys, main, opts)
	for _, d := range before {
		for _, fix := range d.Fixes {
			tried[d.Code]++
			fixed := maps.Clone(fsys)
			for i, e := range fix.Edits {
				if i > 0 && fix.Edits[i-1].Span.End > e.Span.Start {
					t.Errorf("%s: the edits of %q are not in order: %v", file, fix.Title, fix.Edits)
				}
			}
			for _, e := range slices.Backward(fix.Edits) {
				src := fixed[e.Span.File].Data
				src = slices.Concat(src[:e.Span.Start], []byte(e.New), src[e.Span.End:])
				fixed[e.Span.File] = &fstest.MapFile{Data: src}
			}
			_, after := lang.Load(fixed, main, opts)
			at := d.Span.Start
			for _, e := range fix.Edits {
				if e.Span.File == d.Span.File && e.Span.End <= at && e.Span.Start < at {
					at += len(e.New) - (e.Span.End - e.Span.Start)
				}
			}
			left := slices.ContainsFunc(after, func(o *diag.Diagnostic) bool {
				return o.Code == d.Code && o.Summary == d.Summary && o.Span.File == d.Span.File && o.Span.Start == at
			})
			if left || syntactic(after) > syntactic(before) {
				line := diag.Sources{d.Span.File: fsys[d.Span.File].Data}.Position(d.Span.File, d.Span.Start).Line
				t.Errorf("%s: %s:%d: %v: to %q leaves\n%v", file, d.Span.File, line, d, fix.Title, after)
			}
		}
	}
}

func catalog() *builtins.Registry {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	return r
}

// syntactic counts the problems of the text alone.
func syntactic(list diag.List) (n int) {
	for _, d := range list {
		if strings.HasPrefix(string(d.Code), "WF1") {
			n++
		}
	}
	return n
}
