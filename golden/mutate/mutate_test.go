package mutate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/tools/txtar"

	"wf/golden/mutate"
	"wf/lang/syntax"
)

// TestKinds compares the mutants of each archive with its section out/mutants: what each
// one is called, and the lines it changes. WF_UPDATE=1 rewrites them.
func TestKinds(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	planted := map[string]bool{}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			src := archive.Files[0].Data
			tree, problems := syntax.Parse("flow.wf", src)
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			var b strings.Builder
			at := 0
			for _, m := range mutate.Mutants(tree, src, nil) {
				planted[m.Kind] = true
				if m.Span.Start < at || m.Scope.Start > m.Span.Start || m.Scope.End < m.Span.End {
					t.Errorf("%s is out of place", m.Name)
				}
				at = m.Span.Start
				fmt.Fprintf(&b, "%s: %s\n", m.Kind, m.Name)
				if _, problems := syntax.Parse("flow.wf", m.Apply(src)); problems.HasErrors() {
					fmt.Fprintf(&b, "  no definition: %s\n", problems[0].Summary)
				}
				changes := m.Changes(src)
				if len(changes) == 0 {
					t.Errorf("%s changes nothing", m.Name)
				}
				for _, c := range changes {
					for i, l := range c.Old {
						fmt.Fprintf(&b, "%4d - %s\n", c.Line+i, l)
					}
					for _, l := range c.New {
						fmt.Fprintf(&b, "     + %s\n", l)
					}
				}
			}
			var want []byte
			if len(archive.Files) > 1 {
				want = archive.Files[1].Data
			}
			if got := b.String(); got != string(want) {
				if os.Getenv("WF_UPDATE") == "" {
					t.Fatalf("WF_UPDATE=1 go test ./golden/mutate rewrites it:\n%s", diff.Diff("want", want, "got", []byte(got)))
				}
				archive.Files = append(archive.Files[:1], txtar.File{Name: "out/mutants", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	names := map[string]bool{}
	for _, k := range mutate.Kinds {
		if !planted[k.Name] {
			t.Errorf("no archive shows %s", k.Name)
		}
		if names[k.Name] || k.Doc == "" || k.Verb == "" {
			t.Errorf("%s is called twice, or says nothing", k.Name)
		}
		names[k.Name] = true
	}
}
