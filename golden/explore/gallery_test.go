package explore_test

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"wf/golden"
	"wf/golden/explore"
	"wf/golden/invariant"
	"wf/lang"
	"wf/lang/graph"
	"wf/mocks"
)

// TestGallery explores every workflow of the gallery, from the inputs of its tests and with
// their invariants: no single fault leads to anything that must not happen. The process does not
// die here: that doubles the states, and what comes of it is the core's doing.
func TestGallery(t *testing.T) {
	if testing.Short() {
		t.Skip("explores a lot")
	}
	const gallery = "../../workflows/gallery"
	files, err := filepath.Glob(gallery + "/*/*.wf")
	if err != nil || len(files) < 80 {
		t.Fatal("the gallery is missing", err)
	}
	percent := debug.SetGCPercent(400)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	explored := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.wf") {
			continue
		}
		dir, name := filepath.Split(file)
		p, problems := lang.Load(os.DirFS(dir), name, lang.Options{})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		for _, g := range p.Workflows {
			if g.Span.File != name {
				continue
			}
			explored++
			t.Run(g.FullName(), func(t *testing.T) {
				t.Parallel()
				o := explore.Options{Faults: 1, Examples: true, Cancel: true, Signals: true, Workers: 1}
				g := tested(t, dir, g, &o)
				r, err := explore.Run(g, o)
				if err != nil {
					t.Fatal(err)
				}
				if r.Cut {
					t.Errorf("it is too large: %d choices", r.Tried)
				}
				if len(r.Findings) > 0 {
					t.Errorf("found:\n%s", stories(r))
				}
			})
		}
	}
	if explored < 30 {
		t.Errorf("only %d workflows were explored", explored)
	}
}

// tested adds what the tests beside a workflow say, and is the workflow as they know it.
func tested(t *testing.T, dir string, g *graph.Graph, o *explore.Options) *graph.Graph {
	t.Helper()
	files, err := filepath.Glob(dir + "*_test.wf")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		p, problems := lang.Load(os.DirFS(dir), filepath.Base(file), lang.Options{})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		same := func(w *graph.Graph) bool { return w.FullName() == g.FullName() && w.Span.File == g.Span.File }
		if !slices.ContainsFunc(golden.Workflows(p.Suite), same) {
			continue
		}
		if o.Invariants == nil {
			names, err := mocks.Names(p.Suite)
			if err != nil {
				t.Fatal(err)
			}
			for _, inv := range p.Suite.Invariants {
				if same(inv.Graph) {
					g = inv.Graph
					o.Invariants = invariant.New(p.Suite.Invariants, g, names)
					break
				}
			}
		}
		o.Inputs = append(o.Inputs, explore.Inputs(p.Suite, g)...)
	}
	return g
}
