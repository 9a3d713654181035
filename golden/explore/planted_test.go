package explore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"wf/builtins"
	"wf/golden"
	"wf/golden/explore"
	"wf/golden/propose"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/value"
)

// TestPlanted explores workflows with one error of design each: it is found, with as few
// faults as it takes, and in the corrected version nothing is. An archive has both, the tests
// and invariants of both, what is to be found as KIND FAULTS, and what is told of it.
func TestPlanted(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 41 {
		t.Fatal("archives are missing", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			planted(t, file)
		})
	}
}

func planted(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	section := map[string]string{}
	for _, f := range ar.Files {
		section[f.Name] = string(f.Data)
	}
	services, err := os.ReadFile("testdata/services.wf")
	if err != nil {
		t.Fatal(err)
	}
	files := func(name string) fstest.MapFS {
		fsys := fstest.MapFS{"services.wf": {Data: services}, "flow.wf": {Data: []byte(section[name])}}
		if test := section["flow_test.wf"]; test != "" {
			fsys["flow_test.wf"] = &fstest.MapFile{Data: []byte(test)}
		}
		return fsys
	}
	options := strings.Fields(section["options"])
	wrong, right := explored(t, files("wrong.wf"), options), explored(t, files("right.wf"), options)
	saved(t, wrong, files)
	var want []string
	for _, f := range wrong.Findings {
		want = append(want, fmt.Sprintf("%s %d", f.Kind, f.Faults))
	}
	if got := strings.Join(want, "\n") + "\n"; got != section["want"] {
		t.Errorf("found %q, not %q", got, section["want"])
	}
	if len(right.Findings) > 0 {
		t.Errorf("found in the corrected version:\n%s", stories(right))
	}
	out := stories(wrong)
	if out == section["out/findings"] {
		return
	}
	if os.Getenv("WF_UPDATE") == "" {
		t.Fatalf("what is told differs; WF_UPDATE=1 writes it:\n%s", out)
	}
	ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "out/") })
	ar.Files = append(ar.Files, txtar.File{Name: "out/findings", Data: []byte(out)})
	if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

// saved holds that each finding can be saved as a test, which fails for what was found, and
// passes with the corrected version.
func saved(t *testing.T, r *explore.Report, files func(string) fstest.MapFS) {
	t.Helper()
	wrong, right := files("wrong.wf"), files("right.wf")
	var invariants []string
	if wrong["flow_test.wf"] != nil {
		invariants = []string{"flow_test.wf"}
	}
	for _, f := range r.Findings {
		text, err := f.Test(wrong, "flow.wf", "found_test.wf", invariants, func() propose.Services { return builtins.New() })
		if err != nil {
			t.Errorf("%s is not saved: %v\n%s", f.Title, err, text)
			continue
		}
		if codes, told := tried(t, wrong, text); !slices.Contains(codes, f.Kind.Fails()) || slices.Contains(codes, golden.CodeMock) {
			t.Errorf("%s, saved, fails with %v:\n%s%s", f.Title, codes, text, told)
		}
		if codes, told := tried(t, right, text); len(codes) > 0 {
			t.Errorf("%s, corrected, still fails with %v:\n%s%s", f.Title, codes, text, told)
		}
	}
}

// tried runs a test file, and gives the codes with which it fails.
func tried(t *testing.T, fsys fstest.MapFS, text string) (codes []diag.Code, told string) {
	t.Helper()
	p, problems := lang.Load(propose.With(fsys, "found_test.wf", text), "found_test.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatalf("%v\n%s", problems, text)
	}
	for _, r := range golden.Run(p, golden.Options{}) {
		for _, f := range r.Failures {
			codes = append(codes, f.Code)
			told += string(f.Code) + " " + f.Summary + "\n" + f.Detail + "\n" + f.Trace
		}
	}
	return codes, told
}

// explored explores flow.wf as wf explore does.
func explored(t *testing.T, fsys fstest.MapFS, options []string) *explore.Report {
	t.Helper()
	p, problems := lang.Load(fsys, "flow.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	g, err := p.Workflow("flow")
	if err != nil {
		t.Fatal(err)
	}
	o := explore.Options{Faults: 2, Examples: true, Cancel: true, Crash: true, Signals: true, WithoutKeys: slices.Contains(options, "without-keys")}
	if slices.Contains(options, "faults") { // it would take long to find nothing in the corrected version
		o.Faults = 1
	}
	if fsys["flow_test.wf"] != nil {
		p, problems := lang.Load(fsys, "flow_test.wf", lang.Options{})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		if about, _, err := o.Beside(p, g, nil); !about || err != nil {
			t.Fatal("the tests are of another workflow", err)
		}
	}
	r, err := explore.Run(g, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cut {
		t.Errorf("%s is too large: %d choices", t.Name(), r.Tried)
	}
	return r
}

func stories(r *explore.Report) string {
	var b strings.Builder
	for i, f := range r.Findings {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s\n%s", f.Title, f.Kind)
		if f.Place != "" {
			fmt.Fprintf(&b, " at %s", f.Place)
		}
		fmt.Fprintf(&b, ", %d faults, %s\n", f.Faults, f.Input.Label)
		for _, l := range f.Story {
			mark := " "
			if l.Note {
				mark = ">"
			}
			fmt.Fprintf(&b, "%9s %s %s\n", "+"+value.FormatDuration(l.At), mark, l.Text)
		}
	}
	return b.String()
}
