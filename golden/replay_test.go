package golden

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"wf/builtins"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/value"
	"wf/mocks"
	"wf/workflows"
)

// TestReplay takes every run of the suite, and the shipped workflows, as a journal:
// whatever prefix of its events is replayed into a new machine, what that machine
// says is outstanding must be what was outstanding then, and the run must end the
// same, if the rest of the events follows and if the process died and carries out
// the outstanding commands again. A cancellation at that moment must end it at once.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	runs := 0
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "test_") {
			continue // of test files, see TestGolden
		}
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := newCase(t, ar)
		j, ok := c.journal(t)
		if !ok {
			continue
		}
		runs++
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), j.check)
	}
	if runs == 0 {
		t.Error("no case runs anything")
	}
	for name, j := range shipped(t) {
		t.Run(name, j.check)
	}
}

// journal is what a run needs to be made again.
type journal struct {
	g        *graph.Graph
	input    map[string]any
	seed     uint64
	cancelAt *time.Duration
	services func(t *testing.T) builtins.Services // fresh ones
}

// journal is the case's run; ok is false if it runs nothing.
func (c *testCase) journal(t *testing.T) (j journal, ok bool) {
	p, problems := lang.Load(c.fsys, c.main, lang.Options{Catalog: c.catalog(), Environment: c.opts.Environment, StubHandlers: c.opts.StubHandlers})
	if problems.HasErrors() || len(p.Workflows) == 0 || c.input == nil {
		return j, false
	}
	raw, err := value.DecodeJSON(c.input)
	if err != nil {
		t.Fatal(err)
	}
	input, violations := interpreter.Prepare(p.Workflows[0], raw, "run_1", start)
	return journal{g: p.Workflows[0], input: input, seed: c.opts.Seed, cancelAt: c.cancelAt(t),
		services: func(t *testing.T) builtins.Services { r, _ := c.services(t); return r }}, len(violations) == 0
}

// shipped are the runs of the shipped workflows that have an input of their name.
func shipped(t *testing.T) map[string]journal {
	out := map[string]journal{}
	names, err := fs.Glob(workflows.FS, "*.wf")
	if err != nil || len(names) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	registry := func() *builtins.Registry {
		r := builtins.New()
		mocks.Register(r, mocks.Options{Seed: 1})
		return r
	}
	for _, name := range names {
		base := strings.TrimSuffix(name, path.Ext(name))
		text, err := fs.ReadFile(workflows.FS, "inputs/"+base+".json")
		if err != nil {
			continue
		}
		p, problems := lang.Load(workflows.FS, name, lang.Options{Catalog: registry()})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		raw, err := value.DecodeJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		input, violations := interpreter.Prepare(p.Workflows[0], raw, "run_1", start)
		if len(violations) > 0 {
			t.Fatal(violations)
		}
		out[base] = journal{g: p.Workflows[0], input: input, seed: 1, services: func(*testing.T) builtins.Services { return registry() }}
	}
	if len(out) == 0 {
		t.Fatal("no shipped workflow has an input")
	}
	return out
}

// check makes the run once and then again from every moment of it.
func (j journal) check(t *testing.T) {
	w := j.witness(t)
	w.first()
	w.finish()
	if want := j.simulated(t); !slices.Equal(w.lines, want) {
		t.Fatalf("the simulator's trace is another one:\n%s\nwant\n%s", strings.Join(want, "\n"), strings.Join(w.lines, "\n"))
	}
	for k := range w.log {
		j.replay(t, w, k)
		j.crash(t, w, k)
		j.cancel(t, w, k)
	}
}

func (j journal) deeds() []sim.Deed {
	if j.cancelAt == nil {
		return nil
	}
	return []sim.Deed{{At: *j.cancelAt}}
}

func (j journal) simulated(t *testing.T) []string {
	var lines []string
	_, err := sim.Run(j.g, j.input, sim.Options{Registry: j.services(t), Seed: j.seed, Start: start, RunID: "run_1", Deeds: j.deeds(),
		Trace: func(e machine.Entry) { lines = append(lines, fmt.Sprint(e.At, " ", e.Line())) }})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// replay applies the first k events of a run to a new machine, and then the rest.
func (j journal) replay(t *testing.T, w *witness, k int) {
	t.Helper()
	again := j.witness(t)
	for i, step := range w.log {
		if i == k && !sameCommands(again.m.Pending(), step.before) {
			t.Errorf("after %d events Pending is\n%s\nwant\n%s", k, commandText(again.m.Pending()), commandText(step.before))
		}
		commands, err := again.m.Apply(step.event)
		if err != nil {
			t.Fatal(err)
		}
		if i >= k && !reflect.DeepEqual(slices.Clone(commands), step.commands) {
			t.Errorf("event %d, after a replay of %d, led to\n%s\nwant\n%s", i, k, commandText(commands), commandText(step.commands))
		}
	}
	if !slices.Equal(again.lines, w.lines) {
		t.Errorf("replayed from %d events, the trace is another one", k)
	}
	if !reflect.DeepEqual(again.m.Result(), w.m.Result()) {
		t.Errorf("replayed from %d events, the result is\n%s\nwant\n%s", k, resultJSON(t, again.m.Result()), resultJSON(t, w.m.Result()))
	}
}

// crash lets the process die after k events: the next one replays them and carries
// out again what is outstanding. The services know the calls by their keys.
func (j journal) crash(t *testing.T, w *witness, k int) {
	next := j.witness(t)
	next.services = w.services
	var now time.Duration
	for _, step := range w.log[:k] {
		if _, err := next.m.Apply(step.event); err != nil {
			t.Fatal(err)
		}
		now = at(step.event)
	}
	if j.cancelAt != nil && now < *j.cancelAt {
		next.plan(nil, machine.CancelRequested{At: *j.cancelAt})
	}
	if k == 0 {
		next.plan(nil, machine.Started{})
	}
	for _, c := range next.m.Pending() {
		next.carryOut(c, now)
	}
	next.finish()
	if !reflect.DeepEqual(next.m.Result(), w.m.Result()) {
		t.Errorf("after a crash at event %d the result is\n%s\nwant\n%s", k, resultJSON(t, next.m.Result()), resultJSON(t, w.m.Result()))
	}
}

// cancel cancels a run after k events. Steps that had ended stay as they were, the
// others end at once, and the only commands left are to give up what is outstanding.
func (j journal) cancel(t *testing.T, w *witness, k int) {
	if k == 0 {
		return // nothing has begun
	}
	other := j.witness(t)
	for _, step := range w.log[:k] {
		if _, err := other.m.Apply(step.event); err != nil {
			t.Fatal(err)
		}
	}
	now := at(w.log[k-1].event)
	pending := other.m.Pending()
	commands, err := other.m.Apply(machine.CancelRequested{At: now})
	if err == nil && !other.m.Done() { // what it did is undone first
		for _, c := range other.m.Pending() {
			id := commandID(c) // a limit may hold an undo
			if place := id.Place; id.Kind != machine.KindLimit && !strings.Contains(place, ".undo") && !strings.Contains(place, ".finally") && !strings.Contains("."+place, ".run.") {
				t.Errorf("cancelled after %d events, the run goes on with %s", k, commandText([]machine.Command{c}))
			}
		}
		return
	}
	if err != nil {
		t.Fatalf("cancelled after %d events: %v", k, err)
	}
	for i, c := range commands {
		switch c.(type) {
		case machine.CancelCall, machine.CancelTimer:
			pending = slices.DeleteFunc(pending, func(p machine.Command) bool { return commandID(p) == commandID(c) })
		case machine.Finish:
			if i < len(commands)-1 {
				t.Errorf("cancelled after %d events, there are commands behind Finish:\n%s", k, commandText(commands))
			}
		default:
			t.Errorf("cancelled after %d events, the run asks for %T", k, c)
		}
	}
	if len(pending) > 0 || len(other.m.Pending()) > 0 {
		t.Errorf("cancelled after %d events, these are still outstanding:\n%s%s", k, commandText(pending), commandText(other.m.Pending()))
	}
	for i, s := range other.m.Result().Steps {
		whole := w.m.Result().Steps[i]
		if s.Ending == machine.Cancelled || s.Ending == machine.NotRun {
			if s.Ended != now || whole.Ended < now {
				t.Errorf("cancelled after %d events, at %s: %s is %s at %s; without that it is %s at %s", k, now, s.Name, s.Ending, s.Ended, whole.Ending, whole.Ended)
			}
		} else if !reflect.DeepEqual(s, whole) {
			t.Errorf("cancelled after %d events, step %s is another one: %+v, want %+v", k, s.Name, s, whole)
		}
	}
	for _, step := range w.log[k:] { // what comes too late is ignored
		if commands, err := other.m.Apply(step.event); len(commands) > 0 || err != nil {
			t.Errorf("cancelled after %d events, a late %T leads to %v %v", k, step.event, commands, err)
		}
	}
}

// witness drives a machine as plainly as can be: a list of what is outstanding,
// searched for what comes first. It keeps a log of everything.
type witness struct {
	t        *testing.T
	m        *machine.Machine
	j        journal
	services *served
	open     []outstanding
	given    map[machine.ID]bool // every ID ever given out
	log      []applied
	lines    []string // of the trace
}

// outstanding is an event to come, nil if none ever does, and the command it comes
// of, nil if it comes from outside.
type outstanding struct {
	command machine.Command
	event   machine.Event
}

// applied is an event, what it led to, and what was outstanding before it.
type applied struct {
	event    machine.Event
	commands []machine.Command
	before   []machine.Command
}

// served remembers the answer to every attempt and when it arrives, as a service
// does that knows idempotency keys and works on while its caller is dead.
type served struct {
	r       builtins.Services
	answers map[string]machine.Event
}

func (j journal) witness(t *testing.T) *witness {
	w := &witness{t: t, j: j, given: map[machine.ID]bool{}, services: &served{j.services(t), map[string]machine.Event{}}}
	w.m = machine.New(j.g, j.input, machine.Config{RunID: "run_1", CorrelationID: sim.CorrelationID(j.input), Seed: j.seed, Start: start,
		Trace: func(e machine.Entry) { w.lines = append(w.lines, fmt.Sprint(e.At, " ", e.Line())) }})
	return w
}

func (w *witness) first() {
	w.plan(nil, machine.Started{})
	if w.j.cancelAt != nil {
		w.plan(nil, machine.CancelRequested{At: *w.j.cancelAt})
	}
}

func (w *witness) plan(c machine.Command, ev machine.Event) {
	if c != nil && w.given[commandID(c)] {
		w.t.Errorf("%s is given out twice", commandID(c))
	}
	if c != nil {
		w.given[commandID(c)] = true
	}
	w.open = append(w.open, outstanding{c, ev})
}

// finish applies one event after the other until the run is done.
func (w *witness) finish() {
	for !w.m.Done() {
		next := -1
		for i, o := range w.open {
			if o.event != nil && (next < 0 || at(o.event) < at(w.open[next].event)) {
				next = i
			}
		}
		if next < 0 {
			w.t.Fatal("the run waits for nothing")
		}
		step := applied{event: w.open[next].event, before: w.pending()}
		w.open = slices.Delete(w.open, next, next+1)
		commands, err := w.m.Apply(step.event)
		if err != nil {
			w.t.Fatal(err)
		}
		step.commands = slices.Clone(commands)
		w.log = append(w.log, step)
		for _, c := range step.commands {
			w.carryOut(c, at(step.event))
		}
	}
}

func (w *witness) pending() []machine.Command {
	var out []machine.Command
	for _, o := range w.open {
		if o.command != nil {
			out = append(out, o.command)
		}
	}
	return out
}

func (w *witness) carryOut(c machine.Command, now time.Duration) {
	switch c := c.(type) {
	case machine.Call:
		w.plan(c, w.services.answer(w, c, now))
	case machine.SetTimer:
		w.plan(c, machine.TimerFired{At: max(now, c.At), ID: c.ID})
	case machine.CancelCall:
		w.cancel(c.ID)
	case machine.CancelTimer:
		w.cancel(c.ID)
	case machine.Finish:
		if len(w.pending()) > 0 {
			w.t.Errorf("the run is over and these are outstanding:\n%s", commandText(w.pending()))
		}
	}
}

// cancel takes a command back, which must be outstanding.
func (w *witness) cancel(id machine.ID) {
	i := slices.IndexFunc(w.open, func(o outstanding) bool { return o.command != nil && commandID(o.command) == id })
	if i < 0 {
		w.t.Errorf("%s is cancelled and was not outstanding", id)
		return
	}
	w.open = slices.Delete(w.open, i, i+1)
}

func (s *served) answer(w *witness, c machine.Call, now time.Duration) machine.Event {
	name := fmt.Sprint(c.Key, "#", c.ID.Attempt)
	if known, ok := s.answers[name]; ok {
		return later(known, now)
	}
	op, _ := s.r.Lookup(c.Call.Sig.Service, c.Call.Sig.Operation)
	a, err := sim.Ask(context.Background(), op, sim.Request(c, "run_1", w.correlation(), w.j.seed, start.Add(now)))
	ev, arrives := sim.Answered(c, now+a.Latency, a, err)
	if !arrives {
		ev = nil
	}
	s.answers[name] = ev
	return ev
}

func (w *witness) correlation() string { return cmp.Or(sim.CorrelationID(w.j.input), "run_1") }

// later is an event that comes no sooner than now.
func later(ev machine.Event, now time.Duration) machine.Event {
	switch ev := ev.(type) {
	case machine.CallReturned:
		ev.At = max(now, ev.At)
		return ev
	case machine.CallFailed:
		ev.At = max(now, ev.At)
		return ev
	}
	return ev
}

func at(ev machine.Event) time.Duration {
	switch ev := ev.(type) {
	case machine.CallReturned:
		return ev.At
	case machine.CallFailed:
		return ev.At
	case machine.TimerFired:
		return ev.At
	case machine.CancelRequested:
		return ev.At
	}
	return 0
}

func commandID(c machine.Command) machine.ID {
	switch c := c.(type) {
	case machine.Call:
		return c.ID
	case machine.SetTimer:
		return c.ID
	case machine.CancelCall:
		return c.ID
	case machine.CancelTimer:
		return c.ID
	}
	return machine.ID{}
}

// sameCommands compares as sets: what is outstanding has no order.
// sameCommands reports whether commands are the same, but for whether they are given again.
func sameCommands(a, b []machine.Command) bool {
	a, b = once(a), once(b)
	order := func(x, y machine.Command) int {
		return strings.Compare(commandID(x).String(), commandID(y).String())
	}
	return reflect.DeepEqual(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}

func once(list []machine.Command) []machine.Command {
	list = slices.Clone(list)
	for i, c := range list {
		if c, ok := c.(machine.Call); ok {
			c.Again = false
			list[i] = c
		}
	}
	return list
}

func commandText(list []machine.Command) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "  %T %s\n", c, commandID(c))
	}
	return b.String()
}
