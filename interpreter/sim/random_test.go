package sim_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
)

// model is a random workflow as the oracle sees it.
type model struct {
	limit int // 0: none
	steps []modelStep
	back  func(step int) // is told what is undone; nil: nothing is
}

type modelStep struct {
	needs    []int // earlier steps
	reads    []int // those of them whose result it reads
	when     string
	skipped  bool // what when says
	attempts int
	backoff  int // ms
	cap      int // ms
	timeout  int // ms; 0: none
	within   int // ms; 0: none
	clause   string
	forked   bool      // what it does stands in the arm of a switch that is taken
	outcomes []outcome // one an attempt, the last for all that follow
	undo     bool
	until    []int // steps behind which nothing is undone
}

type outcome struct {
	what    string // "200", "404", "409", "503", "timeout", "unreachable"
	latency int    // ms
}

// Durations are chosen so that nothing happens at the same moment as something it
// competes with: latencies and backoffs are whole tens of ms, timeouts end in 5, and
// deadlines in 3.
func drawModel(t *rapid.T) model {
	m := model{limit: rapid.IntRange(0, 3).Draw(t, "limit")}
	m.steps = make([]modelStep, rapid.IntRange(1, 9).Draw(t, "steps"))
	for i := range m.steps {
		s := &m.steps[i]
		for j := range i {
			if rapid.IntRange(0, 2).Draw(t, "need") == 0 {
				s.needs = append(s.needs, j)
				if rapid.Bool().Draw(t, "read") {
					s.reads = append(s.reads, j)
				}
			}
		}
		s.when = rapid.SampledFrom([]string{"", "", "", "input.yes", "not input.yes"}).Draw(t, "when")
		s.skipped = s.when == "not input.yes"
		s.attempts = rapid.IntRange(1, 4).Draw(t, "attempts")
		s.backoff = 10 * rapid.IntRange(0, 5).Draw(t, "backoff")
		s.cap = s.backoff + 10*rapid.IntRange(0, 10).Draw(t, "cap")
		s.timeout = rapid.SampledFrom([]int{0, 0, 25, 45}).Draw(t, "timeout")
		s.within = rapid.SampledFrom([]int{0, 0, 53, 133, 203}).Draw(t, "within")
		s.clause = rapid.SampledFrom([]string{"", "404", "409", "exhausted", "failed", "fail"}).Draw(t, "clause")
		s.forked = rapid.Bool().Draw(t, "forked")
		for range rapid.IntRange(1, 4).Draw(t, "outcomes") {
			s.outcomes = append(s.outcomes, outcome{
				rapid.SampledFrom([]string{"200", "200", "200", "404", "409", "503", "503", "timeout", "unreachable"}).Draw(t, "outcome"),
				10 * rapid.IntRange(0, 9).Draw(t, "latency"),
			})
		}
	}
	return m
}

// source writes the model as an author would.
func (m model) source() string {
	var b strings.Builder
	b.WriteString("service s { 5xx\n permanent 409\n operation do { input { seen [any] = [] }, 200, 404, 409 }\n operation back { input { of int }, 200 } }\nworkflow w {\n  input { yes bool = true }\n")
	if m.limit > 0 {
		fmt.Fprintf(&b, "  limit %d\n", m.limit)
	}
	for i, s := range m.steps {
		fmt.Fprintf(&b, "  step s%d", i)
		if after := slices.DeleteFunc(slices.Clone(s.needs), func(n int) bool { return slices.Contains(s.reads, n) }); len(after) > 0 {
			fmt.Fprintf(&b, " after %s", names(after))
		}
		if s.when != "" {
			fmt.Fprintf(&b, " when %s", s.when)
		}
		fmt.Fprintf(&b, " {\n    retry %d attempts, backoff %dms to %dms\n", s.attempts, s.backoff, s.cap)
		if s.timeout > 0 {
			fmt.Fprintf(&b, "    timeout %dms\n", s.timeout)
		}
		if s.within > 0 {
			fmt.Fprintf(&b, "    within %dms\n", s.within)
		}
		if s.forked {
			b.WriteString("    switch input.yes { when false { return 0 }, when true {\n")
		}
		fmt.Fprintf(&b, "    call s.do { seen: [%s] }\n", names(s.reads))
		switch s.clause {
		case "":
		case "fail":
			b.WriteString("    on failed { fail OWN }\n")
		default:
			fmt.Fprintf(&b, "    on %s { degrade 0 }\n", s.clause)
		}
		if s.undo {
			until := ""
			if len(s.until) > 0 {
				until = "until " + names(s.until)
			}
			fmt.Fprintf(&b, "    undo %s { call s.back { of: %d } }\n", until, i)
		}
		if s.forked {
			b.WriteString("    } }\n")
		}
		fmt.Fprintf(&b, "    return %d\n  }\n", i+1)
	}
	b.WriteString("}\n")
	return b.String()
}

func names(steps []int) string {
	out := make([]string, len(steps))
	for i, s := range steps {
		out[i] = fmt.Sprintf("s%d", s)
	}
	return strings.Join(out, ", ")
}

// fate is what the oracle expects of a step.
type fate struct {
	ending     machine.Ending
	attempts   int
	start, end int // ms
	result     any
	did        bool // something, or perhaps
	affected   int  // ms: since when that is known, or suspected
}

func (f *fate) effect(at int) {
	if !f.did {
		f.did, f.affected = true, at
	}
}

// oracle computes the fates by plain recursion, one step after the other, as if time
// were an argument. It knows nothing of limits.
type oracle struct {
	m     model
	fates []*fate
}

func (o *oracle) fate(i int) *fate {
	if o.fates[i] != nil {
		return o.fates[i]
	}
	f := &fate{}
	o.fates[i] = f
	for _, n := range o.m.steps[i].needs {
		need := o.fate(n)
		switch need.ending {
		case machine.Failed, machine.NotRun:
			if f.ending == "" || need.end < f.end {
				f.ending, f.end = machine.NotRun, need.end // as soon as the first of them ends
			}
		default:
			f.start = max(f.start, need.end)
		}
	}
	if f.ending == machine.NotRun {
		f.start = f.end
		return f
	}
	if o.m.steps[i].skipped {
		f.ending, f.end = machine.Skipped, f.start
		return f
	}
	o.execute(o.m.steps[i], f)
	switch f.ending {
	case machine.Completed:
		f.result = i + 1
	case machine.Degraded:
		f.result = 0
	}
	return f
}

// execute lets a step make its attempts.
func (o *oracle) execute(s modelStep, f *fate) {
	now, deadline := f.start, 1<<40
	if s.within > 0 {
		deadline = f.start + s.within
	}
	give := func(at int, verdict ...string) {
		f.end, f.ending = at, machine.Failed
		if slices.Contains(verdict, s.clause) {
			f.ending = machine.Degraded
		}
	}
	pause := s.backoff
	for {
		out := s.outcomes[min(f.attempts, len(s.outcomes)-1)]
		f.attempts++
		if s.timeout > 0 && (out.latency > s.timeout || out.what == "timeout") {
			out = outcome{"timeout", s.timeout}
		}
		if now+out.latency > deadline {
			f.effect(deadline)
			give(deadline, "failed")
			return
		}
		now += out.latency
		if out.what != "404" && out.what != "409" {
			f.effect(now)
		}
		switch out.what {
		case "200":
			f.affected = now
			f.end, f.ending = now, machine.Completed
			return
		case "404", "409":
			give(now, out.what, "failed")
			return
		}
		if f.attempts == s.attempts {
			give(now, "exhausted", "failed")
			return
		}
		if now+min(pause, s.cap) > deadline {
			give(deadline, "failed")
			return
		}
		now += min(pause, s.cap)
		pause *= 2
	}
}

// play runs the model in the simulator. seen are the arguments of every first
// attempt, by step.
func (m model) play(t *rapid.T, deeds ...sim.Deed) (res *machine.Result, entries []machine.Entry, seen map[string]any) {
	p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(m.source())}}, "flow.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatalf("%v\n%s", problems, m.source())
	}
	r := builtins.New()
	seen = map[string]any{}
	err := r.Register(p.Services[0].Operations[0], func(_ context.Context, c builtins.Call) (builtins.Answer, error) {
		var i int
		fmt.Sscanf(c.Place, "s%d", &i)
		out := m.steps[i].outcomes[min(c.Attempt, len(m.steps[i].outcomes))-1]
		if c.Attempt == 1 {
			seen[c.Place] = c.Args["seen"]
		}
		a := builtins.Answer{Latency: time.Duration(out.latency) * time.Millisecond}
		if _, err := fmt.Sscanf(out.what, "%d", &a.Status); err != nil {
			a.Class = out.what
		}
		return a, nil
	})
	if err == nil && m.back != nil {
		err = r.Register(p.Services[0].Operations[1], func(_ context.Context, c builtins.Call) (builtins.Answer, error) {
			m.back(c.Args["of"].(int))
			return builtins.Answer{Status: 200, Latency: time.Millisecond}, nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	res, err = sim.Run(p.Workflows[0], map[string]any{"yes": true}, sim.Options{Registry: r, Seed: 1, Start: start, RunID: "r", Deeds: deeds,
		Trace: func(e machine.Entry) { entries = append(entries, e) }})
	if err != nil {
		t.Fatalf("%v\n%s", err, m.source())
	}
	return res, entries, seen
}

// TestRandom holds the simulator against the oracle.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		res, _, seen := m.play(t)
		o := &oracle{m, make([]*fate, len(m.steps))}
		for i, got := range res.Steps {
			want := o.fate(i)
			if got.Ending != want.ending || got.Attempts != want.attempts || !reflect.DeepEqual(got.Result, want.result) {
				t.Fatalf("step s%d: %s after %d attempts with %v; want %s after %d with %v\n%s", i, got.Ending, got.Attempts, got.Result, want.ending, want.attempts, want.result, m.source())
			}
			if took := got.Ended - got.Started; took != ms(want.end-want.start) {
				t.Fatalf("step s%d takes %s, want %s\n%s", i, took, ms(want.end-want.start), m.source())
			}
			if m.limit == 0 && got.Started != ms(want.start) {
				t.Fatalf("step s%d starts at %s, want %s\n%s", i, got.Started, ms(want.start), m.source())
			}
			if args, called := seen[fmt.Sprintf("s%d", i)]; called {
				m.checkArguments(t, o, i, args)
			} else if want.attempts > 0 {
				t.Fatalf("step s%d makes no call\n%s", i, m.source())
			}
		}
		m.checkOrder(t, res)
	})
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// checkArguments: a step gets the results of what it reads, nil of what was skipped.
func (m model) checkArguments(t *rapid.T, o *oracle, i int, got any) {
	want := []any{}
	for _, n := range m.steps[i].reads {
		want = append(want, o.fate(n).result)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("step s%d is given %v, want %v\n%s", i, got, want, m.source())
	}
}

// checkOrder: no step starts before its needs have ended, no more run at once than the
// limit allows, nobody waits while there is room, and of those that wait the one that
// stands first goes first.
func (m model) checkOrder(t *rapid.T, res *machine.Result) {
	ran := func(i int) bool { return res.Steps[i].Ending != machine.NotRun }
	running := func(at time.Duration) (n int) {
		for i, s := range res.Steps {
			if ran(i) && s.Started <= at && at < s.Ended {
				n++
			}
		}
		return n
	}
	ready := make([]time.Duration, len(m.steps))
	for i, s := range m.steps {
		if !ran(i) {
			continue
		}
		for _, n := range s.needs {
			ready[i] = max(ready[i], res.Steps[n].Ended)
		}
		started := res.Steps[i].Started
		if started < ready[i] {
			t.Fatalf("step s%d starts at %s, before its needs end, %s\n%s", i, started, ready[i], m.source())
		}
		if m.limit == 0 {
			continue
		}
		if n := running(started); n > m.limit {
			t.Fatalf("%d steps run at %s\n%s", n, started, m.source())
		}
		for _, other := range res.Steps { // whenever a step ends, a waiting one takes its place
			if at := other.Ended; ready[i] <= at && at < started && running(at) < m.limit {
				t.Fatalf("step s%d waits at %s, and %d run\n%s", i, at, running(at), m.source())
			}
		}
		for j := range i {
			if ran(j) && ready[j] < started && res.Steps[j].Started > started {
				t.Fatalf("step s%d starts at %s, before s%d, which waits since %s\n%s", i, started, j, ready[j], m.source())
			}
		}
	}
}

// TestRandomCancel: a run that is cancelled is the same run up to then, and nothing
// after.
func TestRandomCancel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		whole, _, _ := m.play(t)
		at := ms(10*rapid.IntRange(0, 30).Draw(t, "cancelled at")) + 7*time.Millisecond
		res, entries, _ := m.play(t, sim.Deed{At: at})
		if whole.Summary.Total <= at {
			return
		}
		for i, got := range res.Steps {
			want := whole.Steps[i]
			got.Def, want.Def = nil, nil // each is loaded anew
			switch {
			case want.Ended < at:
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("step s%d ended before, and is %+v instead of %+v\n%s", i, got, want, m.source())
				}
			case want.Started < at:
				if got.Ending != machine.Cancelled || got.Ended != at {
					t.Fatalf("step s%d was running, and is %s at %s\n%s", i, got.Ending, got.Ended, m.source())
				}
			case got.Ending != machine.NotRun:
				t.Fatalf("step s%d had not begun, and is %s\n%s", i, got.Ending, m.source())
			}
		}
		calls := 0
		for _, e := range entries {
			if e.At > at {
				t.Fatalf("%s happens at %s, after the end\n%s", e.Line(), e.At, m.source())
			}
			if e.Kind == machine.EntryCall {
				calls++
			}
		}
		for _, s := range res.Summary.Services {
			calls -= s.Calls
		}
		if calls != 0 {
			t.Fatalf("the summary counts %d calls too few\n%s", calls, m.source())
		}
	})
}

// TestRandomResolve: a failed step that a person resolves lets what it kept from
// running run.
func TestRandomResolve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		first, _, _ := m.play(t)
		failed := slices.IndexFunc(first.Steps, func(s machine.StepResult) bool { return s.Ending == machine.Failed })
		if failed < 0 {
			return
		}
		at := first.Summary.Total + time.Second
		res, _, _ := m.play(t, sim.Deed{At: at, Step: first.Steps[failed].Name, Result: 7})
		mended := m
		mended.steps = slices.Clone(m.steps)
		mended.steps[failed].outcomes = []outcome{{what: "200"}}
		want, _, _ := mended.play(t)
		for i, got := range res.Steps {
			switch {
			case i == failed:
				if got.Ending != machine.Resolved || got.Result != 7 {
					t.Fatalf("the resolved step is %+v\n%s", got, m.source())
				}
			case got.Ending != want.Steps[i].Ending || got.Attempts != want.Steps[i].Attempts:
				t.Fatalf("step s%d is %s after %d attempts, want %s after %d\n%s", i, got.Ending, got.Attempts, want.Steps[i].Ending, want.Steps[i].Attempts, m.source())
			case first.Steps[i].Ending == machine.NotRun && got.Ending != machine.NotRun && got.Started < at:
				t.Fatalf("step s%d starts at %s, before it was opened again\n%s", i, got.Started, m.source())
			}
		}
	})
}

// TestRandomRetry: a failed step that is run again, with services that are well by then,
// ends as if they had been all along, and so do those that it kept from running. No step
// that had completed calls anybody again.
func TestRandomRetry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		first, _, _ := m.play(t)
		failed := slices.IndexFunc(first.Steps, func(s machine.StepResult) bool { return s.Ending == machine.Failed })
		if failed < 0 {
			return
		}
		at := first.Summary.Total + time.Second
		healing := m
		healing.steps = slices.Clone(m.steps)
		answers := m.steps[failed].outcomes
		healing.steps[failed].outcomes = nil
		for i := range first.Steps[failed].Attempts {
			healing.steps[failed].outcomes = append(healing.steps[failed].outcomes, answers[min(i, len(answers)-1)])
		}
		healing.steps[failed].outcomes = append(healing.steps[failed].outcomes, outcome{what: "200"})
		again, _, _ := healing.play(t) // perhaps it goes by itself, with an attempt that is left
		if again.Steps[failed].Ending != machine.Failed {
			return
		}
		res, entries, _ := healing.play(t, sim.Deed{At: at, Retry: true, Step: first.Steps[failed].Name})
		mended := m
		mended.steps = slices.Clone(m.steps)
		mended.steps[failed].outcomes = []outcome{{what: "200"}}
		want, _, _ := mended.play(t)
		for i, got := range res.Steps {
			switch {
			case i == failed && (got.Ending != machine.Completed || got.Attempts != first.Steps[i].Attempts+1):
				t.Fatalf("the step that is run again is %+v\n%s", got, m.source())
			case i != failed && (got.Ending != want.Steps[i].Ending || got.Attempts != want.Steps[i].Attempts):
				t.Fatalf("step s%d is %s after %d attempts, want %s after %d\n%s", i, got.Ending, got.Attempts, want.Steps[i].Ending, want.Steps[i].Attempts, m.source())
			}
		}
		for _, e := range entries {
			if i := slices.IndexFunc(first.Steps, func(s machine.StepResult) bool { return s.Name == e.Step }); e.Kind == machine.EntryCall && e.At >= at && i >= 0 && i != failed && first.Steps[i].Ending != machine.NotRun {
				t.Fatalf("%s is made again\n%s", e.Line(), m.source())
			}
		}
	})
}
