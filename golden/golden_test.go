package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"wf/builtins"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
	"wf/mocks"
)

// update says to rewrite what tests compare with, as in every test of this module.
var update = os.Getenv("WF_UPDATE") != ""

// start is when every golden run begins.
var start = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []txtar.File
	if strings.HasPrefix(filepath.Base(file), "test_") {
		out = runTestFiles(t, ar)
	} else {
		out = newCase(t, ar).run(t)
	}
	if !update {
		want := map[string]string{}
		for _, f := range ar.Files {
			if strings.HasPrefix(f.Name, "out/") {
				want[f.Name] = string(f.Data)
			}
		}
		got := map[string]string{}
		for _, f := range out {
			got[f.Name] = string(f.Data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs (-want +got); WF_UPDATE=1 go test ./golden rewrites it:\n%s", file, diff)
		}
		return
	}
	ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "out/") })
	ar.Files = append(ar.Files, out...)
	if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

// options of a case.
type options struct {
	Seed         uint64 `json:"seed"`
	Cancel       string `json:"cancel"`
	Environment  string `json:"environment"`
	StubHandlers bool   `json:"stub_handlers"`
	Strict       bool   `json:"strict"`

	Signals []struct {
		At, Name string
		Payload  any
	} `json:"signals"` // sent to the run; those that it refuses are listed in out/refused
}

type testCase struct {
	fsys  fstest.MapFS
	main  string
	mocks bool // services.wf is given
	opts  options
	input []byte

	refused []byte // signals, by the last run
}

func newCase(t *testing.T, ar *txtar.Archive) *testCase {
	c := &testCase{fsys: fstest.MapFS{}, opts: options{Seed: 1}}
	for _, f := range ar.Files {
		switch {
		case strings.HasPrefix(f.Name, "out/"):
		case f.Name == "options.json":
			if err := json.Unmarshal(f.Data, &c.opts); err != nil {
				t.Fatalf("options.json: %v", err)
			}
		case f.Name == "input.json":
			c.input = f.Data
		default:
			c.fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			c.mocks = c.mocks || f.Name == "services.wf"
			if strings.HasPrefix(f.Name, "flow.") {
				c.main = f.Name
			}
		}
	}
	if c.main == "" {
		t.Fatal("the case has no flow.wf or flow.yaml")
	}
	return c
}

// run produces the out/ sections.
func (c *testCase) run(t *testing.T) []txtar.File {
	p, problems := lang.Load(c.fsys, c.main, lang.Options{Catalog: c.catalog(), Environment: c.opts.Environment, StubHandlers: c.opts.StubHandlers})
	if c.opts.Strict {
		problems = problems.Strict()
	}
	var out []txtar.File
	if len(problems) > 0 {
		var b bytes.Buffer
		if err := diag.Write(&b, p.Sources, problems, diag.Options{}); err != nil {
			t.Fatal(err)
		}
		out = append(out, txtar.File{Name: "out/diag", Data: b.Bytes()})
	}
	if problems.HasErrors() || len(p.Workflows) == 0 {
		return out
	}
	g := p.Workflows[0]
	out = append(out, txtar.File{Name: "out/graph", Data: graphText(g)})
	if c.input == nil {
		return out
	}
	raw, err := value.DecodeJSON(c.input)
	if err != nil {
		t.Fatalf("input.json: %v", err)
	}
	runID := "run_1"
	input, violations := interpreter.Prepare(g, raw, runID, start)
	if len(violations) > 0 {
		var b bytes.Buffer
		for _, v := range violations {
			fmt.Fprintln(&b, v)
		}
		return append(out, txtar.File{Name: "out/input", Data: b.Bytes()})
	}
	entries, result := c.simulate(t, g, input, runID)
	whole(t, g, result, entries, p.Sources)
	trace := traceText(t, entries)
	more, _ := c.simulate(t, g, input, runID)
	again := traceText(t, more)
	if !bytes.Equal(trace, again) {
		t.Errorf("two runs of one seed differ:\n%s", cmp.Diff(string(trace), string(again)))
	}
	c.realTime(t, g, input, runID, result)
	if len(c.refused) > 0 {
		out = append(out, txtar.File{Name: "out/refused", Data: c.refused})
	}
	return append(out, txtar.File{Name: "out/trace", Data: trace}, txtar.File{Name: "out/result.json", Data: resultJSON(t, result)})
}

// catalog is the services registered in Go that the definition may call.
func (c *testCase) catalog() *builtins.Registry {
	r := builtins.New()
	if !c.mocks {
		mocks.Register(r, mocks.Options{Seed: c.opts.Seed})
	}
	return r
}

// services gives fresh services; done tells what was wrong with the mocks.
func (c *testCase) services(t *testing.T) (services builtins.Services, done func()) {
	if !c.mocks {
		return c.catalog(), func() {}
	}
	p, problems := lang.Load(c.fsys, "services.wf", lang.Options{})
	if problems.HasErrors() {
		var b bytes.Buffer
		_ = diag.Write(&b, p.Sources, problems, diag.Options{})
		t.Fatal(b.String())
	}
	mocked := p.Suite
	if mocked == nil { // nothing is called
		mocked = &suite.Suite{}
	}
	stage := mocks.NewStage(mocked, nil, nil)
	for _, put := range mocked.Puts {
		if err := stage.Put(put, nil); err != nil {
			t.Fatal(err)
		}
	}
	stage.Begin(start)
	return stage, func() {
		for _, p := range append(stage.Problems(), stage.Unused(mocked.Mocks)...) {
			t.Error(p.Message)
		}
	}
}

func (c *testCase) cancelAt(t *testing.T) *time.Duration {
	if c.opts.Cancel == "" {
		return nil
	}
	d, err := value.ParseDuration(c.opts.Cancel)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// deeds is what is done from outside.
func (c *testCase) deeds(t *testing.T) []sim.Deed {
	var out []sim.Deed
	if at := c.cancelAt(t); at != nil {
		out = append(out, sim.Deed{At: *at})
	}
	return append(out, c.signals(t)...)
}

// signals is what is sent to the run.
func (c *testCase) signals(t *testing.T) []sim.Deed {
	var out []sim.Deed
	for _, s := range c.opts.Signals {
		at, err := value.ParseDuration(s.At)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := value.Normalize(s.Payload)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, sim.Deed{At: at, Signal: s.Name, Payload: payload})
	}
	return out
}

func (c *testCase) simulate(t *testing.T, g *graph.Graph, input map[string]any, runID string) ([]machine.Entry, *machine.Result) {
	r, done := c.services(t)
	var entries []machine.Entry
	c.refused = nil
	result, err := sim.Run(g, input, sim.Options{Registry: r, Seed: c.opts.Seed, Start: start, RunID: runID, Deeds: c.deeds(t),
		Refused: func(at time.Duration, why *machine.SignalError) {
			c.refused = append(c.refused, fmt.Sprintf("+%s  %v\n", value.FormatDuration(at), why)...)
		},
		Trace: func(e machine.Entry) { entries = append(entries, e) }})
	if err != nil {
		t.Fatal(err)
	}
	done()
	effectsAgree(t, g, entries)
	return entries, result
}

func traceText(t *testing.T, entries []machine.Entry) []byte {
	var b bytes.Buffer
	if err := machine.WriteText(&b, entries); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// realTime runs the case by the other driver and compares every step.
func (c *testCase) realTime(t *testing.T, g *graph.Graph, input map[string]any, runID string, want *machine.Result) {
	r, _ := c.services(t)
	var got *machine.Result
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if at := c.cancelAt(t); at != nil {
			defer time.AfterFunc(*at, cancel).Stop()
		}
		signals := make(chan interpreter.Outside, len(c.opts.Signals))
		for _, s := range c.signals(t) {
			defer time.AfterFunc(s.At, func() {
				signals <- interpreter.Outside{Event: machine.SignalReceived{Name: s.Signal, Payload: s.Payload}}
			}).Stop()
		}
		var err error
		got, err = interpreter.Run(ctx, g, input, interpreter.Options{Outside: signals, Registry: r, Seed: c.opts.Seed, Start: start, RunID: runID})
		if err != nil {
			t.Fatal(err)
		}
	})
	if diff := cmp.Diff(string(resultJSON(t, want)), string(resultJSON(t, got))); diff != "" {
		t.Errorf("virtual and real time disagree (-virtual +real):\n%s", diff)
	}
}

// resultJSON is what a run came to, without offsets.
func resultJSON(t *testing.T, r *machine.Result) []byte {
	type step struct {
		Name     string `json:"name"`
		Ending   string `json:"ending"`
		Attempts int    `json:"attempts"`
		Reason   string `json:"reason,omitempty"`
		Result   any    `json:"result,omitempty"`
		Error    string `json:"error,omitempty"`
	}
	out := struct {
		Ending string `json:"ending"`
		Error  string `json:"error,omitempty"`
		Output any    `json:"output"`
		Steps  []step `json:"steps"`
	}{Ending: string(r.Ending), Output: r.Output}
	if r.Error != nil {
		out.Error = r.Error.Code + ": " + r.Error.Message
	}
	for _, s := range r.Steps {
		o := step{Name: s.Name, Ending: string(s.Ending), Attempts: s.Attempts, Reason: s.Reason, Result: s.Result}
		if s.Error != nil {
			o.Error = s.Error.Code
		}
		out.Steps = append(out.Steps, o)
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// graphText lists the steps with what they need and the calls they may make.
func graphText(g *graph.Graph) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", g.FullName(), g.Version)
	for _, s := range g.Steps {
		fmt.Fprintf(&b, "%s %s\n", s.Name, s.Result)
		for _, n := range s.Needs {
			how := "reads"
			if !n.Data {
				how = "after"
			} else if n.After {
				how = "after, reads"
			}
			fmt.Fprintf(&b, "  %s %s\n", how, g.Steps[n.Step].Name)
		}
		s.EachPlace("", func(place string, c *graph.Call) {
			verb := "calls"
			if c.Sig.Signal {
				verb = "waits for"
			}
			fmt.Fprintf(&b, "  %s %s as %s\n", verb, c.Sig.Name(), place)
		})
	}
	return b.Bytes()
}
