package propose

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wf/builtins"
	"wf/golden"
	"wf/golden/vary"
	"wf/interpreter"
	"wf/interpreter/journal"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/value"
	"wf/mocks"
)

func stock() Services {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	return r
}

var shippedFiles = os.DirFS("../../workflows")

// shippedDefinitions are all workflows that are shipped, by file.
func shippedDefinitions(t *testing.T) []string {
	var out []string
	err := fs.WalkDir(shippedFiles, ".", func(name string, d fs.DirEntry, err error) error {
		if path.Ext(name) == ".wf" && !golden.IsTestFile(name) && !strings.Contains(name, "services/") && !strings.Contains(name, "mocks/") {
			out = append(out, name)
		}
		return err
	})
	if err != nil || len(out) < 20 {
		t.Fatalf("%d definitions are shipped? %v", len(out), err)
	}
	return out
}

// history is what a run in real time could have left behind: services fail, answers get
// lost, timers fire too late, and somebody interferes.
type history struct {
	*rapid.T
	g      *graph.Graph
	input  map[string]any
	cfg    machine.Config
	m      *machine.Machine
	now    time.Duration
	due    []due
	events []machine.Event
}

type due struct {
	at time.Duration
	id machine.ID
	ev machine.Event
}

func (h *history) add(at time.Duration, id machine.ID, ev machine.Event) {
	h.due = append(h.due, due{at, id, ev})
}

// odd is a stretch of time that no clock of a test knows.
func (h *history) odd(most time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(1, int64(most)).Draw(h.T, "time"))
}

// begin plans what is done from outside.
func (h *history) begin() {
	for _, sig := range h.g.Sendable() {
		for range rapid.IntRange(0, 2).Draw(h.T, "signals") {
			ev := machine.SignalReceived{Name: sig.Name}
			if sig.Payload != nil {
				ev.Payload = value.Example(sig.Payload)
			}
			h.add(h.odd(3*time.Hour), machine.ID{}, ev)
		}
	}
	if rapid.IntRange(0, 9).Draw(h.T, "cancel") == 0 {
		h.add(h.odd(10*time.Second), machine.ID{}, machine.CancelRequested{})
	}
}

// play drives the run to its end. It reports false if that is too far.
func (h *history) play() bool {
	h.m = machine.New(h.g, h.input, h.cfg)
	commands, err := h.m.Apply(machine.Started{})
	if err != nil {
		h.Fatal(err)
	}
	h.follow(commands)
	h.begin()
	for n := 0; ; n++ {
		if n > 300 {
			return false
		}
		if h.m.Done() {
			failed := slices.ContainsFunc(h.m.Result().Steps, func(s machine.StepResult) bool { return s.Ending == machine.Failed })
			if !failed || rapid.IntRange(0, 2).Draw(h.T, "retry") > 0 {
				return true
			}
			h.due = nil
			h.add(h.now+h.odd(time.Hour), machine.ID{}, machine.StepRetried{})
		}
		if len(h.due) == 0 { // it waits for somebody
			h.add(h.now+h.odd(time.Hour), machine.ID{}, machine.CancelRequested{})
		}
		slices.SortStableFunc(h.due, func(a, b due) int { return int(a.at - b.at) })
		next := h.due[0]
		h.due = h.due[1:]
		h.now = max(h.now, next.at)
		h.event(interpreter.Stamp(next.ev, h.now))
	}
}

func (h *history) event(ev machine.Event) {
	text, err := journal.Encode(ev)
	if err != nil {
		h.Fatal(err)
	}
	if ev, err = journal.Decode(text); err != nil {
		h.Fatal(err)
	}
	h.events = append(h.events, ev)
	commands, _ := h.m.Apply(ev) // what the run refuses is in its journal all the same
	h.follow(commands)
}

func (h *history) follow(commands []machine.Command) {
	for _, c := range commands {
		switch c := c.(type) {
		case machine.Call:
			h.call(c)
		case machine.SetTimer:
			h.add(c.At+h.odd(3*time.Millisecond), c.ID, machine.TimerFired{ID: c.ID})
		case machine.CancelCall:
			h.due = slices.DeleteFunc(h.due, func(d due) bool { return d.id == c.ID })
		case machine.CancelTimer:
			h.due = slices.DeleteFunc(h.due, func(d due) bool { return d.id == c.ID })
		}
	}
}

// call answers, mostly well.
func (h *history) call(c machine.Call) {
	s := &search{}
	sig := c.Call.Sig
	good := s.success(sig, c.Args, h.input)
	ev := machine.CallReturned{ID: c.ID, Status: good.outcome.Status, Class: good.outcome.Name, Body: good.body, Headers: map[string]string{"x-took": "1${ms}"}}
	at := h.now + h.odd(2*time.Second)
	switch rapid.IntRange(0, 11).Draw(h.T, "answer") {
	case 0:
		if c.Call.Policy.Timeout != nil {
			return // never
		}
		fallthrough
	case 1:
		class := value.Unreachable
		if c.Call.Policy.Timeout == nil && rapid.Bool().Draw(h.T, "timeout") {
			class = value.Timeout
		}
		h.add(at, c.ID, machine.CallFailed{ID: c.ID, Class: class, Message: "connection \"reset\""})
		return
	case 2:
		ev.Status, ev.Class, ev.Body = 503, "", nil
	case 3:
		ev.Status, ev.Class, ev.Body = 418, "", map[string]any{"tea": []any{1, 2.5, nil, "\b\u200b"}}
	case 4:
		ev.Body = []any{"odd"}
	case 5:
		if body, ok := ev.Body.(map[string]any); ok {
			body["more"] = 1
		}
	case 6:
		if len(sig.Outcomes) > 0 {
			o := rapid.SampledFrom(sig.Outcomes).Draw(h.T, "outcome")
			ev.Status, ev.Class = vary.StatusOf(o.Pattern), o.Name
			ev.Body = s.body(sig, value.Pattern{Status: ev.Status, Name: ev.Class}, c.Args, h.input)
		}
	}
	h.add(at, c.ID, ev)
}

// TestRecorded: whatever took place, the test that is written of it takes the same way and
// passes, and tells no secret.
func TestRecorded(t *testing.T) {
	var names []string
	graphs := map[string]*graph.Graph{}
	for _, name := range shippedDefinitions(t) {
		p, problems := lang.Load(shippedFiles, name, lang.Options{Catalog: stock()})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		if len(p.Workflows) > 0 { // else services of others
			names, graphs[name] = append(names, name), p.Workflows[0]
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "definition")
		recorded(rt, name, graphs[name])
	})
}

func recorded(t *rapid.T, name string, g *graph.Graph) {
	began := time.Date(2026, 11, 26, 7, 43, 55, 17696884, time.UTC)
	raw := value.Example(g.Input)
	hide(g.Input, raw)
	input, violations := interpreter.Prepare(g, raw, "run_1", began)
	if len(violations) > 0 {
		t.Skip(violations.Error())
	}
	h := &history{T: t, g: g, input: input, cfg: machine.Config{RunID: "run_1", CorrelationID: sim.CorrelationID(input), Seed: rapid.Uint64().Draw(t, "seed"), Start: began}}
	if !h.play() {
		t.Skip("too long")
	}
	test := strings.TrimSuffix(name, ".wf") + "_run_1_test.wf"
	run := Run{Graph: g, Input: input, ID: "run_1", CorrelationID: h.cfg.CorrelationID, Seed: h.cfg.Seed, Start: began, Events: h.events}
	out, err := Record(shippedFiles, name, test, stock, run)
	if err != nil {
		t.Fatal(err)
	}
	if out.Differs != nil {
		t.Fatalf("%s\n%s\n%s", strings.Join(out.Differs, "\n"), out.Text, out.Trace)
	}
	if strings.Contains(out.Text, hidden) || strings.Contains(out.Trace, hidden) {
		t.Fatalf("a secret is told:\n%s\n%s", out.Text, out.Trace)
	}
	p, problems := lang.Load(With(shippedFiles, test, out.Text), test, lang.Options{Catalog: stock()})
	if problems.HasErrors() {
		t.Fatalf("%v\n%s", problems, out.Text)
	}
	for _, r := range golden.Run(p, golden.Options{Builtins: func() builtins.Services { return stock() }, Files: &keptFiles{map[string]string{out.Golden: out.Trace}}}) {
		if !r.Passed() {
			t.Fatalf("the test fails: %v\n%s", r.Failures[0].Summary, out.Text)
		}
	}
}

const hidden = "open sesame"

// hide puts something into the secrets of an input that must not be told.
func hide(t *value.Type, v any) {
	record, _ := v.(map[string]any)
	for _, f := range t.Fields {
		if f.Type.Secret && f.Type.Kind == value.String {
			if _, violations := f.Type.Conform(hidden, nil); len(violations) == 0 && record[f.Name] != nil {
				record[f.Name] = hidden
			}
		}
		hide(f.Type, record[f.Name])
	}
}
