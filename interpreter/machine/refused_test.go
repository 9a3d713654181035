package machine_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wf/interpreter/machine"
	"wf/lang"
)

const refusedFlow = `
service shop {
  operation pay  { 200 { id int } }
  operation ship { 200 { id int } }
}
workflow order {
  within 1h
  step charge {
    retry 3 attempts, backoff 5s
    timeout 10s
    within 30m
    call shop.pay
  }
  step send after charge { call shop.ship }
  output { charge: charge.id }
}
`

// TestRefusedEvent holds what Apply promises: an event that breaks the protocol
// leaves the machine as it was, its clock included.
func TestRefusedEvent(t *testing.T) {
	p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(refusedFlow)}}, "flow.wf", lang.Options{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	begin := func() (*machine.Machine, map[machine.Kind]machine.ID) {
		m := machine.New(p.Workflows[0], map[string]any{}, machine.Config{RunID: "r"})
		commands, err := m.Apply(machine.Started{})
		if err != nil {
			t.Fatal(err)
		}
		ids := map[machine.Kind]machine.ID{}
		for _, c := range commands {
			switch c := c.(type) {
			case machine.Call:
				ids[c.ID.Kind] = c.ID
			case machine.SetTimer:
				ids[c.ID.Kind] = c.ID
			}
		}
		return m, ids
	}
	_, ids := begin()
	ship := shipID(t, p)
	early := time.Second
	for name, ev := range map[string]machine.Event{
		"second start":                  machine.Started{At: early},
		"answer of a step not begun":    machine.CallReturned{At: early, ID: ship, Status: 200},
		"failure of a step not begun":   machine.CallFailed{At: early, ID: ship, Class: "timeout"},
		"timeout before its time":       machine.TimerFired{At: early, ID: ids[machine.KindTimeout]},
		"a step not begun is held":      machine.CallHeld{At: early, ID: ship, Until: time.Minute},
		"step deadline before its time": machine.TimerFired{At: early, ID: ids[machine.KindStepWithin]},
		"run deadline before its time":  machine.TimerFired{At: early, ID: ids[machine.KindRunWithin]},
	} {
		t.Run(name, func(t *testing.T) {
			m, ids := begin()
			before := m.Pending()
			if _, err := m.Apply(ev); err == nil {
				t.Fatalf("%T is accepted", ev)
			}
			opts := cmp.Options{cmp.AllowUnexported(machine.ID{}), cmpopts.IgnoreFields(machine.Call{}, "Call")}
			if diff := cmp.Diff(before, m.Pending(), opts); diff != "" {
				t.Errorf("pending commands changed:\n%s", diff)
			}
			// the clock did not move either: an answer from before the refused event is in time
			if _, err := m.Apply(machine.CallReturned{At: early / 2, ID: ids[machine.KindCall], Status: 200, Body: map[string]any{"id": 1}}); err != nil {
				t.Fatalf("the answer after it is refused: %v", err)
			}
			if _, err := m.Apply(machine.CallReturned{At: early / 2, ID: ship, Status: 200, Body: map[string]any{"id": 2}}); err != nil {
				t.Fatal(err)
			}
			if r := m.Result(); r == nil || r.Ending != machine.Completed || r.Summary.Total != early/2 {
				t.Errorf("the run ends with %+v", r)
			}
		})
	}
}

// TestDeadlineNeverSet: a timer that nobody set is refused, not a crash.
func TestDeadlineNeverSet(t *testing.T) {
	src := "service shop { operation pay { 200 } }\nworkflow w {\n  step a { call shop.pay }\n}\n"
	p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(src)}}, "flow.wf", lang.Options{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	m := machine.New(p.Workflows[0], map[string]any{}, machine.Config{RunID: "r"})
	if _, err := m.Apply(machine.Started{}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []machine.Kind{machine.KindStepWithin, machine.KindRunWithin} {
		if _, err := m.Apply(machine.TimerFired{At: time.Hour, ID: machine.ID{Place: "a", Kind: kind}}); err == nil {
			t.Errorf("kind %d is accepted", kind)
		}
	}
}

// shipID is the ID of the call of the second step, taken from a run that gets there.
func shipID(t *testing.T, p *lang.Program) machine.ID {
	m := machine.New(p.Workflows[0], map[string]any{}, machine.Config{RunID: "r"})
	var ev machine.Event = machine.Started{}
	for range 2 {
		commands, err := m.Apply(ev)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range commands {
			if call, ok := c.(machine.Call); ok {
				if call.ID.Place == "send" {
					return call.ID
				}
				ev = machine.CallReturned{ID: call.ID, Status: 200, Body: map[string]any{"id": 1}}
			}
		}
	}
	t.Fatal("the second step never calls")
	return machine.ID{}
}
