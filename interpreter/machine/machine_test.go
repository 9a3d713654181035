package machine_test

import (
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
)

// begun is when the runs of these tests begin.
var begun = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// shop is the service of these tests; it may answer anything.
const shop = `
service shop {
  429, 5xx, SOLD_OUT
  operation ping idempotent { 200 }
  operation find { input { sku string }, 200 { id int } }
}
`

func flow(t *testing.T, src string) *graph.Graph {
	t.Helper()
	p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(shop + src)}}, "flow.wf", lang.Options{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return p.Workflows[0]
}

// player applies events to a machine by hand.
type player struct {
	t        *testing.T
	m        *machine.Machine
	now      time.Duration
	commands []machine.Command // the latest
	entries  []machine.Entry
}

func play(t *testing.T, g *graph.Graph, seed uint64) *player {
	t.Helper()
	p := &player{t: t}
	p.m = machine.New(g, map[string]any{}, machine.Config{RunID: "r", Seed: seed, Start: begun, Trace: func(e machine.Entry) { p.entries = append(p.entries, e) }})
	p.apply(machine.Started{})
	return p
}

func (p *player) apply(ev machine.Event) {
	p.t.Helper()
	commands, err := p.m.Apply(ev)
	if err != nil {
		p.t.Fatal(err)
	}
	p.commands = slices.Clone(commands)
}

// call is the one call that is asked for.
func (p *player) call() machine.Call {
	p.t.Helper()
	for _, c := range p.m.Pending() {
		if call, ok := c.(machine.Call); ok {
			return call
		}
	}
	p.t.Fatal("no call is outstanding")
	return machine.Call{}
}

// answer answers that call with a status.
func (p *player) answer(status int, headers map[string]string) {
	p.t.Helper()
	p.apply(machine.CallReturned{At: p.now, ID: p.call().ID, Status: status, Headers: headers})
}

// wait is how long the run waits for its next attempt, and why; ok is false if it
// does not.
func (p *player) wait() (d time.Duration, why string, ok bool) {
	for _, c := range p.commands {
		if timer, is := c.(machine.SetTimer); is && timer.ID.Kind == machine.KindBackoff {
			return timer.At - p.now, p.entries[len(p.entries)-1].Note, true
		}
	}
	return 0, "", false
}

// skip lets that time pass.
func (p *player) skip() {
	p.t.Helper()
	for _, c := range p.m.Pending() {
		if timer, is := c.(machine.SetTimer); is && timer.ID.Kind == machine.KindBackoff {
			p.now = timer.At
			p.apply(machine.TimerFired{At: p.now, ID: timer.ID})
			return
		}
	}
	p.t.Fatal("the run waits for no attempt")
}

// TestKeys holds that attempts whose outcome is unknown have one key, and that a clause
// that retries behind a settled answer makes a request with a key of its own.
func TestKeys(t *testing.T) {
	p := play(t, flow(t, `workflow w {
  retry 3 attempts
  step a {
    call shop.ping
    on 200      { retry 5 attempts }
    on 429      { retry }
    on SOLD_OUT { fail SOLD_OUT }
  }
}`), 1)
	for _, tt := range []struct {
		key    string
		status int
	}{
		{"r:a", 503},   // unknown: the policy repeats it
		{"r:a", 429},   // a clause repeats it
		{"r:a", 200},   // settled
		{"r:a#4", 503}, // another request
		{"r:a#4", 200},
		{"r:a#6", 200},
		{"r:a#7", 200},
	} {
		if got := p.call().Key; got != tt.key {
			t.Errorf("attempt %d has the key %s, want %s", p.call().ID.Attempt, got, tt.key)
		}
		p.answer(tt.status, nil)
		p.skip()
	}
}
