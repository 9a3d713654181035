package invariant_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"wf/golden/invariant"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
)

const freeSource = `
service shop {
  operation pay { input { cents int }, 201 }
  operation refund { input { key string }, 200 }
}
workflow inner { within 20ms, step x { call shop.pay { cents: 1 } } }
workflow w {
  within 1m
  step pay { call shop.pay { cents: 1 } key "k", undo { call shop.refund { key: key } } }
  step group after pay {
    step undo { call shop.pay { cents: 2 } }
    step part {
      step deep { call shop.pay { cents: 2 } }
      finally { call shop.pay { cents: 2 } }
    }
  }
  step called after pay { call inner, on failed { degrade nil } }
  step more after called { call shop.pay { cents: 3 } key "m" }
  on failed { call shop.pay { cents: 4 } }
  finally { call shop.pay { cents: 5 } }
}
`

// driven plays the events that choose makes of what a machine waits for, and tells a judge.
func driven(t *testing.T, choose func(at time.Duration, pending machine.Command) machine.Event) (broken []invariant.Broken, closing map[string]bool) {
	t.Helper()
	p, problems := lang.Load(fstest.MapFS{"w.wf": {Data: []byte(freeSource)}}, "w.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	var g *graph.Graph
	for _, w := range p.Workflows {
		if w.Name == "w" {
			g = w
		}
	}
	m := machine.New(g, map[string]any{}, machine.Config{RunID: "run_1", Seed: 1})
	var f invariant.Free
	closing = map[string]bool{}
	apply := func(ev machine.Event) {
		f.Happens(ev)
		commands, err := m.Apply(ev)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range commands {
			if c, ok := c.(machine.Call); ok {
				closing[c.Place] = c.Closing
				broken = append(broken, f.Called(c)...)
			}
		}
	}
	apply(machine.Started{})
	for n := 0; !m.Done(); n++ {
		var next machine.Event
		for _, c := range m.Pending() {
			if next == nil {
				next = choose(time.Duration(n)*time.Millisecond, c)
			}
		}
		if next == nil {
			t.Fatal("nothing happens")
		}
		apply(next)
	}
	return broken, closing
}

func answered(at time.Duration, c machine.Command, status int) machine.Event {
	if c, ok := c.(machine.Call); ok {
		return machine.CallReturned{At: at, ID: c.ID, Status: status}
	}
	return nil
}

// TestClosing holds that calls know whether they belong to what is done at an end, whatever
// their steps are called.
func TestClosing(t *testing.T) {
	broken, closing := driven(t, func(at time.Duration, c machine.Command) machine.Event {
		status := 201
		if call, ok := c.(machine.Call); ok && (call.Place == "more" || strings.Contains(call.Place, "finally")) {
			status = 402
		} else if ok && strings.HasSuffix(call.Place, ".undo") {
			status = 200
		}
		return answered(at, c, status)
	})
	want := map[string]bool{"pay": false, "group.undo": false, "group.part.deep": false, "group.part.finally": true, "called.inner.x": false, "more": false, "pay.undo": true, "run.on_failed": true, "run.finally": true}
	for place, is := range want {
		if got, made := closing[place]; !made || got != is {
			t.Errorf("%s: made %v, closing %v; want %v", place, made, got, is)
		}
	}
	if len(closing) != len(want) || len(broken) > 0 {
		t.Errorf("%v %v", closing, broken)
	}
}

// TestCalledWorkflowOutOfTime holds that the deadline of a workflow that is called is not that
// of the run.
func TestCalledWorkflowOutOfTime(t *testing.T) {
	timed := false
	broken, closing := driven(t, func(at time.Duration, c machine.Command) machine.Event {
		if timer, ok := c.(machine.SetTimer); ok && timer.ID.Kind == machine.KindRunWithin && timer.ID.Called() {
			timed = true
			return machine.TimerFired{At: max(at, timer.At), ID: timer.ID}
		}
		if call, ok := c.(machine.Call); ok && call.Place == "called.inner.x" {
			return nil
		}
		if timed {
			at += time.Second
		}
		return answered(at, c, 201)
	})
	if _, made := closing["more"]; !timed || !made || len(broken) > 0 {
		t.Errorf("timed %v, %v, %v", timed, closing, broken)
	}
}

// TestAfterEnd tells a judge of calls that the core does not make: one after the run was
// cancelled, and one when its time is up. What belongs to the end may be called.
func TestAfterEnd(t *testing.T) {
	var calls []machine.Call
	p, _ := lang.Load(fstest.MapFS{"w.wf": {Data: []byte(freeSource)}}, "w.wf", lang.Options{})
	g := p.Workflows[len(p.Workflows)-1]
	m := machine.New(g, map[string]any{}, machine.Config{RunID: "run_1", Seed: 1})
	commands, err := m.Apply(machine.Started{})
	if err != nil {
		t.Fatal(err)
	}
	var within machine.ID
	for _, c := range commands {
		switch c := c.(type) {
		case machine.Call:
			calls = append(calls, c)
		case machine.SetTimer:
			within = c.ID
		}
	}
	call := calls[0]
	for name, end := range map[string]machine.Event{"the run was cancelled": machine.CancelRequested{}, "the time of the run was up": machine.TimerFired{ID: within}} {
		var f invariant.Free
		if b := f.Called(call); len(b) > 0 {
			t.Errorf("before: %v", b)
		}
		f.Happens(end)
		if b := f.Called(call); len(b) != 1 || b[0].Rule != invariant.AfterEnd || b[0].Because != name || b[0].Summary != "shop.pay is called after the run was over" {
			t.Errorf("%s: %v", name, b)
		}
		closing := call
		closing.Closing = true
		if b := f.Called(closing); len(b) > 0 {
			t.Errorf("what belongs to the end: %v", b)
		}
		f.Happens(machine.StepRetried{})
		if b := f.Called(call); len(b) > 0 {
			t.Errorf("behind a retry: %v", b)
		}
	}
	var f invariant.Free
	f.Called(call)
	other := call
	other.Args = map[string]any{"cents": 2}
	if b := f.Called(other); len(b) != 1 || b[0].Rule != invariant.OneKey || !strings.Contains(b[0].Because, `{"cents":1}, and at pay {"cents":2}`) {
		t.Errorf("one key: %v", b)
	}
	if a, b := f.Digest(), (&invariant.Free{}).Digest(); a == b {
		t.Error("what is known of keys is not in the digest")
	}
}
