package explore_test

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"wf/builtins"
	"wf/golden/explore"
	"wf/lang"
	"wf/lang/graph"
	"wf/mocks"
)

// TestGallery explores every workflow of the gallery, from the inputs of its tests and with
// their invariants: no single fault leads to anything that must not happen, nor do two in the
// smaller ones. docs/contributing.md says how all are explored with two.
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
				o := explore.Options{Faults: 1, Examples: true, Cancel: true, Crash: true, Signals: true, Workers: 1}
				tested(t, dir, g, &o)
				if tried := nothingWrong(t, g, o); tried < 2500 {
					o.Faults = 2
					nothingWrong(t, g, o)
				}
			})
		}
	}
	if explored < 30 {
		t.Errorf("only %d workflows were explored", explored)
	}
}

// nothingWrong explores a workflow, and says how many choices that took.
func nothingWrong(t *testing.T, g *graph.Graph, o explore.Options) (tried int) {
	t.Helper()
	r, err := explore.Run(g, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cut {
		t.Errorf("it is too large: %d choices", r.Tried)
	}
	if !slices.ContainsFunc(r.Ends, func(e explore.EndCount) bool { return e.Ending == "completed" }) {
		t.Error("no run completes: nothing is known of what comes late")
	}
	if len(r.Findings) > 0 {
		t.Errorf("found:\n%s", stories(r))
	}
	return r.Tried
}

func registered() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: 1}) }

// tested adds what the tests beside a workflow say.
func tested(t *testing.T, dir string, g *graph.Graph, o *explore.Options) {
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
		if _, _, err := o.Beside(p, g, registered); err != nil {
			t.Fatal(err)
		}
	}
}
