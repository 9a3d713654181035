package propose_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"wf/builtins"
	"wf/golden"
	"wf/golden/cover"
	"wf/golden/propose"
	"wf/lang"
	"wf/lang/diag"
	"wf/mocks"
	"wf/workflows"
)

// TestGolden runs the cases: a workflow, perhaps with tests, and what is proposed for
// it (out/tests). The proposals are added to the tests, all of which must pass, and
// everything must be covered but for what out/left lists.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
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
			definition := "flow.wf"
			if fsys[definition] == nil {
				definition = "flow.yaml"
			}
			f := complete(t, fsys, definition, "flow_test.wf")
			out := []txtar.File{{Name: "out/tests", Data: []byte(f.Text)}}
			if len(f.Left) > 0 {
				var b bytes.Buffer
				for _, p := range f.Left {
					fmt.Fprintln(&b, p.Missing)
				}
				out = append(out, txtar.File{Name: "out/left", Data: b.Bytes()})
			}
			kept := slices.DeleteFunc(slices.Clone(ar.Files), func(f txtar.File) bool { return strings.HasPrefix(f.Name, "out/") })
			want, got := txtar.Format(&txtar.Archive{Comment: ar.Comment, Files: append(kept, out...)}), txtar.Format(ar)
			switch {
			case bytes.Equal(want, got):
			case os.Getenv("WF_UPDATE") == "":
				t.Errorf("%s differs (-want +got); WF_UPDATE=1 go test ./golden/propose rewrites it:\n%s", file, cmp.Diff(string(got), string(want)))
			default:
				if err := os.WriteFile(file, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestShipped holds that proposals for a shipped workflow, without a test of its own,
// exercise all of it: they are added to a new test file, which passes.
func TestShipped(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, name := range []string{"user_registration.wf", "services/registration.wf"} {
		text, err := workflows.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: text}
	}
	if f := complete(t, fsys, "user_registration.wf", "user_registration_test.wf"); len(f.Left) > 0 {
		t.Errorf("%d things are left: %v", len(f.Left), f.Left[0].Missing)
	}
}

// complete adds what is proposed to a test file, and demands that all pass and that
// everything is covered but for what is left.
func complete(t *testing.T, fsys fstest.MapFS, definition, name string) *propose.File {
	t.Helper()
	w := measure(t, fsys, definition, name)
	f, err := propose.Write(fsys, definition, name, w, func() propose.Services { return services() }, propose.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var old []byte
	if file := fsys[name]; file != nil {
		old = file.Data
	}
	whole := fstest.MapFS{}
	for n, file := range fsys {
		whole[n] = file
	}
	whole[name] = &fstest.MapFile{Data: append(slices.Clip(old), f.Text...)}
	after := measure(t, whole, definition, name)
	if missing := after.Missing(""); len(missing) != len(f.Left) {
		t.Errorf("%d things are not covered and %d are left:\n%s", len(missing), len(f.Left), f.Text)
		for _, p := range missing {
			t.Error(p.Missing)
		}
	}
	return f
}

func services() *builtins.Registry {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	return r
}

// measure runs the tests, if there are any, and returns the coverage of the workflow.
func measure(t *testing.T, fsys fstest.MapFS, definition, name string) *cover.Workflow {
	t.Helper()
	p := &cover.Profile{}
	if fsys[name] != nil {
		program := load(t, fsys, name)
		for _, r := range golden.Run(program, golden.Options{Cover: p, Builtins: func() builtins.Services { return services() }}) {
			if !r.Passed() {
				var b bytes.Buffer
				_ = golden.WriteFailures(&b, program.Sources, r, diag.Options{})
				t.Fatalf("%s\n%s\n%s", r.Name, b.String(), fsys[name].Data)
			}
		}
	}
	p.Define(load(t, fsys, definition).Workflows[0])
	return p.Workflows()[0]
}

func load(t *testing.T, fsys fstest.MapFS, file string) *lang.Program {
	t.Helper()
	program, problems := lang.Load(fsys, file, lang.Options{Catalog: services(), StubHandlers: true, Probe: true})
	if len(problems) > 0 {
		var b bytes.Buffer
		_ = diag.Write(&b, program.Sources, problems, diag.Options{})
		t.Fatalf("%s\n%s", b.String(), fsys[file].Data)
	}
	return program
}

// TestEveryCase proposes tests for the workflows of the conformance suite: whatever the
// definition, nothing breaks, and what is proposed covers something.
func TestEveryCase(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	tests := 0
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fsys, main := fstest.MapFS{}, ""
		for _, f := range ar.Files {
			fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			if strings.HasPrefix(f.Name, "flow.") {
				main = f.Name
			}
		}
		program, problems := lang.Load(fsys, main, lang.Options{Catalog: services(), StubHandlers: true, Probe: true})
		if problems.HasErrors() || len(program.Workflows) == 0 {
			continue
		}
		p := &cover.Profile{}
		p.Define(program.Workflows[0])
		f, err := propose.Write(fsys, main, "proposed_test.wf", p.Workflows()[0], func() propose.Services { return services() }, propose.Options{Budget: 100})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		tests += len(f.Tests)
	}
	if tests < 100 {
		t.Errorf("only %d tests were proposed", tests)
	}
}
