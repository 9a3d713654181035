package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
)

// invoke runs a command line in this process; stdin is "" for none.
func invoke(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	e := &env{args: args, stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, now: time.Now,
		interrupt: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }}
	status = run(e)
	return status, out.String(), errs.String()
}

// schemas compiles docs/schema/*.json, by name.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	files, err := filepath.Glob("../../docs/schema/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	out := map[string]*jsonschema.Schema{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		if err := c.AddResource(name, doc); err != nil {
			t.Fatal(err)
		}
		if out[name], err = c.Compile(name); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	return out
}

// valid holds every JSON value of a text against a schema, and returns how many there are.
func valid(t *testing.T, s *jsonschema.Schema, what, text string) int {
	t.Helper()
	in := json.NewDecoder(strings.NewReader(text))
	in.UseNumber()
	n := 0
	for ; in.More(); n++ {
		var v any
		if err := in.Decode(&v); err != nil {
			t.Fatalf("%s: %v\n%s", what, err, text)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v\n%s", what, err, text)
		}
	}
	return n
}

// TestSchemas holds what commands print as JSON against docs/schema: the shipped
// workflows, every case of package golden, and every service.
func TestSchemas(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every case")
	}
	s := schemas(t)
	seen := map[string]int{}
	check := func(schema, what, text string) {
		t.Helper()
		seen[schema] += valid(t, s[schema], what, text)
	}
	one := func(dir, file string, args ...string) {
		_, diags, _ := invoke("", "check", "--format", "json", file)
		check("check", dir+" check", diags)
		if status, effects, _ := invoke("", "check", "--effects", "--format", "json", file); status == exitFine {
			check("effects", dir+" effects", effects)
		}
		if status, graph, _ := invoke("", "graph", "--format", "json", file); status == exitFine {
			check("graph", dir+" graph", graph)
		}
		trace := filepath.Join(t.TempDir(), "trace.jsonl")
		_, result, _ := invoke("", append([]string{"run", file, "--virtual", "--format", "json", "--trace", trace}, args...)...)
		check("run", dir+" run", result)
		if text, err := os.ReadFile(trace); err == nil {
			check("trace", dir+" trace", string(text))
		}
	}
	cases, err := filepath.Glob("../../golden/testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range cases {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir, file := unpack(t, ar)
		var args []string
		for _, f := range []string{"input.json", "services.wf"} {
			if path := filepath.Join(dir, f); exists(path) {
				args = append(args, map[string]string{"input.json": "--input", "services.wf": "--mocks"}[f], path)
			}
		}
		if file != "" {
			one(filepath.Base(name), filepath.Join(dir, file), args...)
		}
	}
	flows, err := filepath.Glob("../../workflows/*.wf")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flows {
		if input := filepath.Join(filepath.Dir(f), "inputs", strings.TrimSuffix(filepath.Base(f), ".wf")+".json"); exists(input) {
			one(f, f, "--input", input)
			one(f, f) // refused
		}
	}
	for _, name := range []string{"user_registration", "expense_approval", "customer_refund"} {
		_, found, _ := invoke("", "explore", "--faults", "1", "--format", "json", "../../workflows/"+name+".wf")
		check("explore", name+" explore", found)
		for _, other := range []string{name, "payment_refund"} {
			_, found, _ := invoke("", "diff", "--faults", "1", "--format", "json", "../../workflows/"+name+".wf", "../../workflows/"+other+".wf")
			check("diff", name+" diff", found)
		}
	}
	for _, name := range cases {
		if !strings.HasPrefix(filepath.Base(name), "test_") {
			continue
		}
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir, _ := unpack(t, ar)
		_, lines, _ := invoke("", "test", dir, "--format", "json", "--cover")
		check("test", name, lines)
	}
	coverage := filepath.Join(t.TempDir(), "coverage.json")
	invoke("", "test", "../../workflows", "--cover="+coverage)
	if text, err := os.ReadFile(coverage); err != nil {
		t.Error(err)
	} else {
		check("coverage", "coverage", string(text))
	}
	for _, plays := range []string{"0", "300"} {
		_, lines, _ := invoke("", "mutate", "../../workflows/expense_approval.wf", "--no-golden", "--format", "json", "--plays", plays)
		check("mutate", "mutate", lines)
	}
	_, services, _ := invoke("", "services", "--format", "json")
	check("services", "services", services)
	stored(t, flows, check)
	for name := range s {
		if seen[name] < 10 && name != "test" && name != "coverage" && name != "explore" && name != "diff" {
			t.Errorf("schema %s was held against %d values only", name, seen[name])
		}
	}
}

// stored holds what is shown of runs in a store: some that have not begun, and one each that
// has ended well, failed, was cancelled by somebody, and waits.
func stored(t *testing.T, flows []string, check func(schema, what, text string)) {
	t.Setenv(keyVariable, strings.Repeat("0f", 32))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ask.wf"), "workflow ask {\n  signal go\n  step ask { wait for go }\n  step later after ask { wait 1h }\n}")
	write(t, filepath.Join(dir, "fail.wf"), "workflow fail {\n  step a { fail NO \"no\" }\n}")
	write(t, filepath.Join(dir, "nap.wf"), "workflow nap {\n  step a { wait 1h }\n}")
	store := []string{"--store", filepath.Join(dir, "runs.db")}
	do := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := invoke("", append(args, store...)...)
		if status > exitFailed {
			t.Fatalf("%v: status %d\n%s", args, status, stderr)
		}
		return stdout
	}
	for _, name := range []string{"ask", "fail"} {
		do("start", filepath.Join(dir, name+".wf"), "--id", name, "--by", "ada", "--why", "a test", "--tag", "team=sales", "--key", name)
	}
	do("start", filepath.Join(dir, "ask.wf"), "--id", "gone")
	do("cancel", "gone", "--by", "bob", "--why", "a mistake")
	do("start", "../../workflows/payment_refund.wf", "--input", "../../workflows/inputs/payment_refund.json", "--id", "good")
	do("resume")
	do("start", filepath.Join(dir, "nap.wf"), "--id", "nap")
	states := do("runs", "--format", "json")
	for _, f := range flows {
		if input := filepath.Join(filepath.Dir(f), "inputs", strings.TrimSuffix(filepath.Base(f), ".wf")+".json"); exists(input) {
			do("start", f, "--input", input)
		}
	}
	for _, want := range []string{`"id":"ask","workflow":"ask","key":"ask","state":"waiting"`, `"state":"failed"`, `"state":"completed"`, `"state":"cancelled"`} {
		if !strings.Contains(states, want) {
			t.Fatalf("no run is %s\n%s", want, states)
		}
	}
	all := do("runs", "--format", "json")
	check("runs", "runs", all)
	for line := range strings.Lines(all) {
		var r struct{ ID string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		check("show", r.ID, do("show", r.ID, "--format", "json"))
	}
}

func exists(name string) bool { _, err := os.Stat(name); return err == nil }

// unpack writes the files of a golden case, and names its definition.
func unpack(t *testing.T, ar *txtar.Archive) (dir, flow string) {
	dir = t.TempDir()
	for _, f := range ar.Files {
		if strings.HasPrefix(f.Name, "flow.") {
			flow = f.Name
		}
		write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), string(f.Data))
	}
	return dir, flow
}

// TestSchemaNames finds fields of the schemas that docs/json.md does not name.
func TestSchemaNames(t *testing.T) {
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../docs/schema/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var visit func(file string, v any)
	visit = func(file string, v any) {
		object, _ := v.(map[string]any)
		props, _ := object["properties"].(map[string]any)
		for name := range props {
			if !bytes.Contains(page, []byte("`"+name+"`")) {
				t.Errorf("%s: docs/json.md does not name %s", file, name)
			}
		}
		for _, inner := range object {
			visit(file, inner)
		}
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		visit(filepath.Base(f), doc)
	}
}

// TestSARIF holds `wf check --format sarif` against the schema of SARIF 2.1.0, and
// against the types of a library that has a field for everything the schema knows.
func TestSARIF(t *testing.T) {
	cases, err := filepath.Glob("../../golden/testdata/err_*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir, flow := unpack(t, ar)
		_, text, _ := invoke("", "check", "--format", "sarif", filepath.Join(dir, flow))
		report, err := sarif.FromBytes([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if err := report.Validate(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		again, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		var before, after any
		if err := json.Unmarshal([]byte(text), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &after); err != nil {
			t.Fatal(err)
		}
		if lost := missing(before, after, ""); len(lost) > 0 {
			t.Errorf("%s: SARIF knows no %v\n%s", name, lost, text)
		}
	}
}

// missing lists the paths of a that b does not have with the same value.
func missing(a, b any, path string) (out []string) {
	switch a := a.(type) {
	case map[string]any:
		other, _ := b.(map[string]any)
		for k, v := range a {
			out = append(out, missing(v, other[k], path+"."+k)...)
		}
	case []any:
		other, _ := b.([]any)
		if len(other) != len(a) {
			return []string{path}
		}
		for i, v := range a {
			out = append(out, missing(v, other[i], path)...)
		}
	default:
		if !reflect.DeepEqual(a, b) {
			out = append(out, path)
		}
	}
	return out
}
