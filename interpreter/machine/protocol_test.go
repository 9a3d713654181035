package machine_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wf/interpreter/machine"
)

// roundsFlow makes its second call once for every attempt of the first.
const roundsFlow = `
workflow w {
  within 1h
  step a {
    retry 2 attempts
    timeout 10s
    within 30m
    call shop.ping
    on 5xx {
      call shop.find { sku: "x" }
      retry 9 attempts, backoff 1s
    }
  }
  step b after a { call shop.ping }
}`

// TestUnknown: what was never asked for is refused, and changes nothing.
func TestUnknown(t *testing.T) {
	g := flow(t, roundsFlow)
	p := play(t, g, 1)
	first := p.call().ID
	p.answer(500, nil)
	find := p.call().ID
	p.apply(machine.CallReturned{ID: find, Status: 200, Body: map[string]any{"id": 1}})
	p.skip() // to the second attempt of the first call
	with := func(change func(*machine.ID)) machine.ID {
		id := first
		change(&id)
		return id
	}
	for name, id := range map[string]machine.ID{
		"place nobody has":      with(func(id *machine.ID) { id.Place = "nobody" }),
		"place of another step": with(func(id *machine.ID) { id.Place = "b" }),
		"attempt to come":       with(func(id *machine.ID) { id.Attempt = 3 }),
		"round to come":         with(func(id *machine.ID) { id.Place = find.Place + "[2]" }),
		"round of a first call": with(func(id *machine.ID) { id.Place = "a[2]" }),
	} {
		before := p.m.Pending()
		for _, ev := range []machine.Event{
			machine.CallReturned{At: p.now, ID: id, Status: 200},
			machine.CallFailed{At: p.now, ID: id, Class: "timeout"},
			machine.CallHeld{At: p.now, ID: id, Until: p.now + 1},
			machine.TimerFired{At: p.now, ID: with(func(to *machine.ID) { *to = id; to.Kind = machine.KindTimeout })},
		} {
			if commands, err := p.m.Apply(ev); err == nil || commands != nil {
				t.Errorf("%s: %T of %s is accepted: %v", name, ev, id, commands)
			}
		}
		if !reflect.DeepEqual(before, p.m.Pending()) {
			t.Errorf("%s: pending commands changed", name)
		}
	}
	for _, ev := range []machine.Event{
		machine.CallReturned{At: p.now, ID: with(func(id *machine.ID) { id.Kind = machine.KindTimeout }), Status: 200},
		machine.CallHeld{At: p.now, ID: with(func(id *machine.ID) { id.Kind = machine.KindTimeout })},
		machine.TimerFired{At: p.now, ID: first},
		machine.TimerFired{At: p.now, ID: with(func(id *machine.ID) { id.Kind = 99 })},
		machine.Started{At: p.now},
	} {
		if _, err := p.m.Apply(ev); err == nil {
			t.Errorf("%#v is accepted", ev)
		}
	}
	if _, err := p.m.Apply(machine.CancelRequested{At: p.now - 1}); err == nil {
		t.Error("time may run back")
	}
	if _, err := machine.New(g, map[string]any{}, machine.Config{}).Apply(machine.CancelRequested{}); err == nil {
		t.Error("an event before Started is accepted")
	}
}

// TestLate: what crosses with an answer, timer or cancellation, or comes twice, is
// ignored.
func TestLate(t *testing.T) {
	p := play(t, flow(t, roundsFlow), 1)
	first := p.call().ID
	timeout := first
	timeout.Kind = machine.KindTimeout
	late := func(what string, events ...machine.Event) {
		t.Helper()
		before := p.m.Pending()
		for _, ev := range events {
			if commands, err := p.m.Apply(ev); err != nil || len(commands) > 0 {
				t.Errorf("%s: %#v leads to %v, %v", what, ev, commands, err)
			}
		}
		if !reflect.DeepEqual(before, p.m.Pending()) {
			t.Errorf("%s: pending commands changed", what)
		}
	}
	answer := func(id machine.ID, status int) machine.Event {
		return machine.CallReturned{At: p.now, ID: id, Status: status, Body: map[string]any{"id": 1}}
	}
	p.now = 10 * time.Second
	p.apply(machine.TimerFired{At: p.now, ID: timeout})
	late("after the timeout", answer(first, 200), machine.TimerFired{At: p.now, ID: timeout})
	backoff := p.m.Pending()[2].(machine.SetTimer).ID
	p.skip()
	late("after the backoff", answer(first, 200), machine.TimerFired{At: p.now, ID: backoff})
	second := p.call().ID
	p.answer(500, nil)
	late("in the clause", answer(second, 200))
	find := p.call().ID
	p.apply(answer(find, 200))
	p.skip()
	third := p.call().ID
	p.answer(500, nil)
	if again := p.call().ID; again.Place != find.Place+"[2]" {
		t.Errorf("the second round of %s is %s", find, again)
	}
	late("in the second round", answer(find, 200), answer(third, 200))
	p.apply(answer(p.call().ID, 200))
	p.skip()
	p.answer(200, nil)
	late("after the step", answer(find, 200), answer(third, 200), machine.TimerFired{At: time.Hour / 2, ID: machine.ID{Place: "a", Kind: machine.KindStepWithin}})
	p.apply(machine.CancelRequested{At: time.Hour})
	p.now = 2 * time.Hour
	late("after the run", answer(first, 200), machine.CancelRequested{At: p.now}, machine.TimerFired{At: p.now, ID: timeout})
}

// TestAnyEvent throws events at a machine that fit and that do not: it never panics,
// and one it refuses changes nothing.
func TestAnyEvent(t *testing.T) {
	g := flow(t, roundsFlow)
	rapid.Check(t, func(rt *rapid.T) {
		p := play(t, g, 1)
		known := []machine.ID{{}, {Place: "a", Attempt: 1, Kind: 99}}
		for range rapid.IntRange(1, 40).Draw(rt, "events") {
			for _, c := range p.m.Pending() {
				id := commandID(c)
				if !slices.Contains(known, id) {
					known = append(known, id)
				}
			}
			ev := anyEvent(rt, known)
			before := p.m.Pending()
			commands, err := p.m.Apply(ev)
			if err != nil && (commands != nil || !reflect.DeepEqual(before, p.m.Pending())) {
				rt.Fatalf("%#v is refused (%v) and changed what is outstanding", ev, err)
			}
			if done := slices.Contains(commands, machine.Command(machine.Finish{})); done && len(p.m.Pending()) > 0 {
				rt.Fatalf("the run is over, and %v is outstanding", p.m.Pending())
			}
		}
	})
}

func anyEvent(rt *rapid.T, known []machine.ID) machine.Event {
	id := rapid.SampledFrom(known).Draw(rt, "id")
	switch rapid.IntRange(0, 9).Draw(rt, "change") {
	case 0:
		id.Attempt += rapid.IntRange(-2, 2).Draw(rt, "by")
	case 1:
		id.Place = rapid.SampledFrom([]string{"", "a", "b", "a.2", "a.2[2]", "a.2[", "a.2[x]", "a.2[-1]", "a.2[0]"}).Draw(rt, "place")
	case 2:
		id.Kind = machine.Kind(rapid.IntRange(-1, 9).Draw(rt, "kind"))
	}
	now := rapid.SampledFrom([]time.Duration{0, time.Second, 10 * time.Second, time.Minute, 30 * time.Minute, time.Hour, -1, 1 << 62}).Draw(rt, "at")
	switch rapid.IntRange(0, 9).Draw(rt, "event") {
	case 0:
		return machine.Started{At: now}
	case 1:
		return machine.CancelRequested{At: now}
	case 7:
		return machine.StepRetried{At: now, Step: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(rt, "step")}
	case 2:
		return machine.StepResolved{At: now, Step: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(rt, "step")}
	case 3:
		return machine.CallFailed{At: now, ID: id, Class: rapid.SampledFrom([]string{"timeout", "unreachable", "malformed", "failed", "exhausted", "X", ""}).Draw(rt, "class")}
	case 8:
		return machine.CallHeld{At: now, ID: id, Until: rapid.SampledFrom([]time.Duration{-1, 0, time.Minute, 1 << 62}).Draw(rt, "until")}
	case 4, 5, 6:
		body := rapid.SampledFrom([]any{nil, 1, "x", map[string]any{"id": 1}, map[string]any{"id": "x"}, make(chan int), map[string]any(nil)}).Draw(rt, "body")
		return machine.CallReturned{At: now, ID: id, Status: rapid.SampledFrom([]int{200, 404, 503, 0, -1, 999}).Draw(rt, "status"), Body: body}
	}
	return machine.TimerFired{At: now, ID: id}
}

func commandID(c machine.Command) machine.ID {
	switch c := c.(type) {
	case machine.Call:
		return c.ID
	case machine.SetTimer:
		return c.ID
	}
	return machine.ID{}
}
