package explore_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"wf/golden/explore"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
)

// A second search, which has nothing of the first but what it should find. It knows no
// states: every run is made from its beginning, and an odometer of choices goes through all
// of them. What can come of a call is written down by hand.

// way is one that an attempt can go. The first of a menu is the usual one.
type way struct {
	name    string
	status  int
	body    any
	wait    string // of retry-after
	silent  bool   // nobody answers; a call without a timeout learns of a broken connection
	broken  bool
	fault   bool
	passes  bool // the fault may go on without being another one
	effect  bool
	refuses bool // what was done already cannot be refused

}

func fine(status int, body any) way {
	return way{name: fmt.Sprint(status), status: status, body: body, effect: true}
}
func refused(status int) way {
	return way{name: fmt.Sprint(status), status: status, fault: true, refuses: status != 409}
}

var (
	busy        = way{name: "503", status: 503, fault: true, passes: true}
	later       = way{name: "503 later", status: 503, wait: "3600", fault: true, passes: true}
	unheard     = way{name: "timeout", silent: true, fault: true, passes: true}
	lost        = way{name: "lost", silent: true, fault: true, passes: true, effect: true}
	unreachable = way{name: "unreachable", broken: true, fault: true, passes: true}
)

// Menus of the operations of the service below: with retries a long Retry-After differs
// from a short wait.
var (
	once    = []way{fine(201, nil), refused(402), busy, unheard, lost, unreachable}
	retried = []way{fine(201, nil), refused(402), busy, later, unheard, lost, unreachable}
	seen    = []way{{name: "200", status: 200, body: map[string]any{"ok": true}}, {name: "200, not ok", status: 200, body: map[string]any{"ok": false}},
		{name: "404", status: 404, fault: true, refuses: true}, unheard, unreachable, {name: "malformed", status: 200, body: "<html>", fault: true}}
	few = []way{fine(202, nil), unheard, lost, unreachable}

	throttled = []way{fine(202, nil), {name: "429", status: 429, fault: true, passes: true}, {name: "429 later", status: 429, wait: "3600", fault: true, passes: true}, unheard, lost, unreachable}
)

const services = `
service s {
  operation do { input { n int = 0 }, 201, 402, 503 }
  operation take { input { n int = 0 }, 202 }
  operation push { input { n int = 0 }, 202, 429 }
  operation look { http GET "/look", 200 { ok bool }, 404 }
  permanent 402
}
service b {
  breaker 2 failures in 1m, open 30s
  operation take { input { n int = 0 }, 202 }
}
service l {
  limit 1
  operation take { input { n int = 0 }, 202 }
}
`

// doing is a call, a timer or a signal that will come.
type doing struct {
	at     time.Duration
	id     machine.ID
	call   *machine.Call
	done   bool // an earlier attempt of the request did it
	signal *machine.Waiting
}

// trial is the last attempt of a call that may have another.
type trial struct {
	key     string
	attempt int
	way     *way
	trouble bool
	done    bool
	held    bool // its next attempt waits for a limit
}

// counter makes one run after the other.
type counter struct {
	t      *testing.T
	g      *graph.Graph
	menus  map[string][]way
	said   map[string][]any // payloads of signals
	most   int              // faults; -1: any number
	cancel bool
	crash  bool

	digits, sizes []int // the odometer
	at            int

	m                  *machine.Machine
	now                time.Duration
	plan               []doing
	trials             map[string]*trial
	keys               map[string]bool // said by the definition, and taken effect
	past               []machine.Event
	faults             int
	cancelled, crashed bool
	sent               []string
	missed             []machine.Waiting
}

type ending struct{ ending, code string }

// count goes through all runs.
func (c *counter) count() (map[ending]uint64, uint64) {
	out, n := map[ending]uint64{}, uint64(0)
	for more := true; more; {
		out[c.run()]++
		if n++; n > 3_000_000 {
			c.t.Fatal("too many runs to count them one by one")
		}
		more = false
		for i := len(c.digits) - 1; i >= 0; i-- {
			if c.digits[i]+1 < c.sizes[i] {
				c.digits[i]++
				c.digits, c.sizes, more = c.digits[:i+1], c.sizes[:i], true
				break
			}
		}
	}
	return out, n
}

func (c *counter) choose(n int) int {
	if n == 1 {
		return 0
	}
	if c.at == len(c.digits) {
		c.digits = append(c.digits, 0)
	}
	c.sizes = append(c.sizes[:c.at], n)
	c.at++
	return c.digits[c.at-1]
}

func (c *counter) machine() *machine.Machine {
	input, problems := interpreter.Prepare(c.g, map[string]any{}, "run_1", time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC))
	if len(problems) > 0 {
		c.t.Fatal(problems)
	}
	return machine.New(c.g, input, machine.Config{RunID: "run_1", Seed: 1, Start: time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)})
}

func (c *counter) run() ending {
	c.at, c.now, c.faults, c.cancelled, c.crashed = 0, 0, 0, false, false
	c.plan, c.past, c.sent, c.missed, c.trials, c.keys = nil, nil, nil, nil, map[string]*trial{}, map[string]bool{}
	c.m = c.machine()
	c.tell(machine.Started{})
	for !c.m.Done() {
		var can []func()
		add := func(faults int, do func()) {
			if c.most < 0 || c.faults+faults <= c.most {
				can = append(can, func() { c.faults += faults; do() })
			}
		}
		c.ways(add)
		if len(can) == 0 {
			return ending{ending: "stuck"}
		}
		can[c.choose(len(can))]()
	}
	r := c.m.Result()
	e := ending{ending: string(r.Ending)}
	if r.Error != nil {
		e.code = r.Error.Code
	}
	return e
}

// next is when something comes.
func (c *counter) next() (time.Duration, bool) {
	if len(c.plan) == 0 {
		return 0, false
	}
	return slices.MinFunc(c.plan, func(a, b doing) int { return cmp.Compare(a.at, b.at) }).at, true
}

func (c *counter) busyWith(place string) bool {
	return slices.ContainsFunc(c.plan, func(d doing) bool { return d.signal == nil && d.id.Place == place })
}

func (c *counter) ways(add func(int, func())) {
	for place, tr := range c.trials {
		if !c.busyWith(place) && !tr.held {
			delete(c.trials, place)
		}
	}
	first, ok := c.next()
	taken := map[*graph.Call]bool{}
	for i, d := range c.plan {
		if d.at != first {
			continue
		}
		switch {
		case d.signal != nil:
			for j, payload := range c.said[d.signal.Signal] {
				add(min(j, 1), func() { c.drop(i); c.signal(d.at, d.signal.Signal, payload) })
			}
			add(1, func() { c.drop(i); c.missed = append(c.missed, *d.signal) })
		case d.call == nil:
			add(0, func() { c.drop(i); c.tell(machine.TimerFired{At: d.at, ID: d.id}) })
		case !taken[d.call.Call]: // items of a loop are alike
			taken[d.call.Call] = true
			c.attempts(i, d, add)
		}
	}
	if !ok {
		return
	}
	if slices.ContainsFunc(slices.Collect(maps.Values(c.trials)), func(tr *trial) bool { return tr.attempt >= 3 && !tr.held }) {
		return // it goes on as it did
	}
	soon := min(first, c.now+time.Millisecond)
	for name := range c.said {
		waits := slices.ContainsFunc(c.plan, func(d doing) bool { return d.signal != nil && d.signal.Signal == name })
		late := slices.ContainsFunc(c.missed, func(w machine.Waiting) bool { return w.Signal == name })
		if !slices.Contains(c.sent, name) && (len(c.past) == 1 || late) && !waits {
			add(1, func() { c.sent = append(c.sent, name); c.signal(soon, name, c.said[name][0]) })
		}
	}
	if c.cancel && !c.cancelled {
		add(1, func() { c.cancelled = true; c.tell(machine.CancelRequested{At: soon}) })
	}
	if c.crash && !c.crashed && slices.ContainsFunc(c.plan, func(d doing) bool { return d.call != nil }) {
		add(1, c.die)
	}
}

func (c *counter) drop(i int) { c.plan = slices.Delete(slices.Clone(c.plan), i, i+1) }

func (c *counter) attempts(i int, d doing, add func(int, func())) {
	menu, ok := c.menus[d.call.Call.Sig.Name()]
	if !ok {
		c.t.Fatal("nobody says what can come of " + d.call.Call.Sig.Name())
	}
	tr := c.trials[d.id.Place]
	for j := range menu {
		w := &menu[j]
		settled := tr != nil && d.id.Attempt > 3
		if settled && w != tr.way {
			continue
		}
		if d.done && !settled && (w.refuses || w.silent && !w.effect) {
			continue // it did it, and knows the key; that no answer comes is a lost one
		}
		faults := 0
		passes := !w.fault || w.passes
		if j > 0 && !settled && !(tr != nil && tr.trouble && passes) {
			faults = 1
		}
		add(faults, func() {
			c.drop(i)
			c.trials[d.id.Place] = &trial{key: d.call.Key, attempt: d.id.Attempt, way: w, trouble: j > 0 && passes, done: d.done || w.effect}
			if w.effect && d.call.Call.Key != nil {
				c.keys[d.call.Key] = true
			}
			switch timed := d.call.Call.Policy.Timeout != nil; {
			case w.silent && timed:
				c.now = d.at
			case w.silent && w.effect, w.broken:
				c.tell(machine.CallFailed{At: d.at, ID: d.id, Class: "unreachable"})
			case w.silent:
				c.tell(machine.CallFailed{At: d.at, ID: d.id, Class: "timeout"})
			default:
				var headers map[string]string
				if w.wait != "" {
					headers = map[string]string{"retry-after": w.wait}
				}
				c.tell(machine.CallReturned{At: d.at, ID: d.id, Status: w.status, Headers: headers, Body: w.body, Again: d.call != nil && d.call.Again})
			}
		})
	}
}

func (c *counter) signal(at time.Duration, name string, payload any) {
	c.tell(machine.SignalReceived{At: at, Name: name, Payload: payload})
}

func (c *counter) tell(ev machine.Event) {
	c.now = machine.At(ev)
	c.past = append(c.past, ev)
	commands, err := c.m.Apply(ev)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, cmd := range commands {
		c.obey(cmd)
	}
	if fired, ok := ev.(machine.TimerFired); ok && fired.ID.Kind == machine.KindBackoff {
		if tr := c.trials[fired.ID.Place]; tr != nil && !c.busyWith(fired.ID.Place) {
			tr.held = true
		}
	}
	waiting := slices.DeleteFunc(c.m.Waiting(), func(w machine.Waiting) bool { return w.Signal == "" })
	is := func(a, b *machine.Waiting) bool { return a.Place == b.Place && a.Attempt == b.Attempt }
	c.plan = slices.DeleteFunc(slices.Clone(c.plan), func(d doing) bool {
		return d.signal != nil && !slices.ContainsFunc(waiting, func(w machine.Waiting) bool { return is(d.signal, &w) })
	})
	for _, w := range waiting {
		if !slices.ContainsFunc(c.plan, func(d doing) bool { return d.signal != nil && is(d.signal, &w) }) && !slices.ContainsFunc(c.missed, func(m machine.Waiting) bool { return is(&m, &w) }) {
			c.plan = append(c.plan, doing{at: c.now + 10*time.Millisecond, signal: &w})
		}
	}
}

func (c *counter) changes(call *machine.Call) bool {
	return slices.ContainsFunc(c.menus[call.Call.Sig.Name()], func(w way) bool { return w.effect })
}

func (c *counter) obey(cmd machine.Command) {
	switch cmd := cmd.(type) {
	case machine.Call:
		tr := c.trials[cmd.ID.Place]
		done := tr != nil && tr.key == cmd.Key && tr.done || c.keys[cmd.Key]
		if tr != nil {
			tr.held = false
		}
		c.plan = append(c.plan, doing{at: c.now + 10*time.Millisecond, id: cmd.ID, call: &cmd, done: done})
	case machine.SetTimer: // behind a death one may be past
		c.plan = append(c.plan, doing{at: max(cmd.At, c.now), id: cmd.ID})
	case machine.CancelTimer:
		c.plan = slices.DeleteFunc(slices.Clone(c.plan), func(d doing) bool { return d.signal == nil && d.id == cmd.ID })
		if cmd.ID.Kind == machine.KindBackoff {
			delete(c.trials, cmd.ID.Place)
		}
	case machine.CancelCall:
		i := slices.IndexFunc(c.plan, func(d doing) bool { return d.call != nil && d.id == cmd.ID })
		if i < 0 {
			return
		}
		d := c.plan[i]
		c.drop(i)
		delete(c.trials, cmd.ID.Place)
		if !d.done && c.changes(d.call) && c.choose(2) == 0 && d.call.Call.Key != nil {
			c.keys[d.call.Key] = true
		}
	}
}

// die lets another machine take over.
func (c *counter) die() {
	c.crashed = true
	c.m = c.machine()
	for _, ev := range c.past {
		if _, err := c.m.Apply(ev); err != nil {
			c.t.Fatal(err)
		}
	}
	old := c.plan
	c.plan = slices.DeleteFunc(slices.Clone(old), func(d doing) bool { return d.signal == nil })
	for _, cmd := range c.m.Pending() {
		call, ok := cmd.(machine.Call)
		if !ok {
			c.obey(cmd)
			continue
		}
		i := slices.IndexFunc(old, func(d doing) bool { return d.call != nil && d.id == call.ID })
		if i < 0 {
			continue // nobody answers it
		}
		done := old[i].done
		if !done && c.changes(&call) && c.choose(2) == 1 {
			done = true
			if call.Call.Key != nil {
				c.keys[call.Key] = true
			}
		}
		c.plan = append(c.plan, doing{at: c.now + 10*time.Millisecond, id: call.ID, call: &call, done: done})
	}
}

// graphOf compiles the last workflow of a text.
func graphOf(t testing.TB, src string) *graph.Graph {
	t.Helper()
	p, problems := lang.Load(fstest.MapFS{"x.wf": {Data: []byte(src)}}, "x.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return p.Workflows[len(p.Workflows)-1]
}

// TestCounts compares how many runs there are, and how they end.
func TestCounts(t *testing.T) {
	all := []int{0, 1, 2, -1}
	for _, c := range []struct {
		name   string
		src    string
		menus  map[string][]way
		said   map[string][]any
		faults []int
		cancel bool
		crash  bool
	}{
		{name: "one call", src: `step a { call s.do }`, menus: map[string][]way{"s.do": once}, faults: all, cancel: true, crash: true},
		{name: "one after the other", src: `step a { call s.do }
			step b after a { call s.take }
			step c after b { call s.look }`, menus: map[string][]way{"s.do": once, "s.take": few, "s.look": {seen[0], seen[2], seen[3], seen[4], seen[5]}}, faults: all, cancel: true, crash: true},
		{name: "side by side", src: `step a { call s.do }
			step b { call s.take }
			step c after a, b { call s.take }`, menus: map[string][]way{"s.do": once, "s.take": few}, faults: all, cancel: true, crash: true},
		{name: "tried again", src: `retry 3 attempts
			step a { call s.do }`, menus: map[string][]way{"s.do": retried}, faults: all, cancel: true, crash: true},
		{name: "tried again and again", src: `retry 5 attempts
			timeout 5s
			step a { call s.do }`, menus: map[string][]way{"s.do": retried}, faults: all, cancel: true},
		{name: "two that are tried again", src: `retry 2 attempts
			step a { call s.take }
			step b { call s.take { n: 1 } }`, menus: map[string][]way{"s.take": few}, faults: []int{0, 1, 2}, cancel: true},
		{name: "clauses", src: `step a {
				call s.do
				on 402 { call s.take, return 1 }
				on exhausted { degrade 2 }
			}
			step b { call s.look, on 404 { return 0 }, on malformed { fail ODD }, return 1 }
			output { a: a, b: b }`, menus: map[string][]way{"s.do": once, "s.take": few, "s.look": {seen[0], seen[2], seen[3], seen[4], seen[5]}}, faults: all, cancel: true},
		{name: "undo", src: `step a { call s.take, undo { retry 2 attempts, call s.take { n: 2 } } }
			step b after a { call s.do }`, menus: map[string][]way{"s.do": once, "s.take": few}, faults: []int{0, 1, 2, 3}, cancel: true, crash: true},
		{name: "undo until", src: `step a { call s.take, undo until b { retry 2 attempts, call s.take { n: 2 } } }
			step b after a { call s.do, undo until b { call s.take { n: 3 } } }
			step c after b { call s.take }`, menus: map[string][]way{"s.do": once, "s.take": few}, faults: []int{0, 1, 2}, cancel: true, crash: true},
		{name: "undo until, inside", src: `step a {
				step x { call s.take, undo until y, b { call s.take { n: 2 } } }
				step y after x { call s.do }
				step z after y { call s.take }
				on failed { degrade 0 }
			}
			step b after a { call s.take }
			step c after b { call s.take }`, menus: map[string][]way{"s.do": once, "s.take": few}, faults: []int{0, 1, 2}},
		{name: "first", src: `step a {
				first
				step x { call s.take, undo { call s.take { n: 2 } } }
				step y { call s.take, undo { call s.take { n: 3 } } }
			}
			output a`, menus: map[string][]way{"s.take": few}, faults: []int{0, 1, 2}, cancel: true},
		{name: "a loop", src: `step a for n in [1, 2] { call s.do { n: n } }
			step b after a { call s.take }`, menus: map[string][]way{"s.do": once, "s.take": few}, faults: all, cancel: true},
		{name: "a tolerant loop", src: `step a for n in [1, 2] by n { tolerate 1, call s.take { n: n }, undo { call s.take { n: 9 } } }`, menus: map[string][]way{"s.take": few}, faults: []int{0, 1, 2}},
		{name: "switch", src: `step a { call s.look, on 404 { return false }, return body.ok }
			step b { switch a { when true { call s.do }, when false { call s.take } } }`, menus: map[string][]way{"s.do": once, "s.take": few, "s.look": seen}, faults: all, cancel: true, crash: true},
		{name: "a group", src: `step a {
				step x { call s.take, undo { call s.take { n: 2 } } }
				step y after x { call s.do }
				on failed { degrade 0 }
				finally { call s.take { n: 3 } }
				return 1
			}
			output a`, menus: map[string][]way{"s.do": once, "s.take": few}, faults: []int{0, 1, 2}, cancel: true},
		{name: "a signal", src: `signal yes { ok bool }
			step a { wait for yes within 1h, on received when not body.ok { fail NO }, on timeout { degrade 0 }, return 1 }
			step b after a { call s.do }
			output a`, menus: map[string][]way{"s.do": once}, said: map[string][]any{"yes": {map[string]any{"ok": true}, map[string]any{"ok": false}}}, faults: all, cancel: true, crash: true},
		{name: "a signal for ever", src: `signal go
			step a { wait for go, on received { } }
			step b { call s.take }`, menus: map[string][]way{"s.take": few}, said: map[string][]any{"go": {nil}}, faults: all},
		{name: "within", src: `within 5s
			retry 3 attempts, backoff 2s
			step a { within 3s, call s.take, on failed { degrade 0 } }
			step b after a { call s.take }`, menus: map[string][]way{"s.take": few}, faults: []int{0, 1, 2}, cancel: true},
		{name: "a timeout", src: `timeout 2s
			within 3s
			step a { retry 2 attempts, call s.do }
			finally { call s.take }`, menus: map[string][]way{"s.do": retried, "s.take": few}, faults: all, cancel: true, crash: true},
		{name: "a breaker", src: `retry 3 attempts
			step a { call b.take }
			step c { call b.take { n: 1 } }`, menus: map[string][]way{"b.take": few}, faults: []int{0, 1, 2}},
		{name: "a limit", src: `retry 3 attempts
			step a { call l.take }
			step c { call l.take { n: 1 } }`, menus: map[string][]way{"l.take": few}, faults: []int{0, 1, 2}, cancel: true},
		{name: "a key", src: `step a { call s.do { n: 1 } key "k", on 402 { degrade 0 }, on exhausted { degrade 1 } }
			step b after a { call s.do { n: 1 } key "k" }`, menus: map[string][]way{"s.do": once}, faults: all, cancel: true},
		{name: "polling", src: `step a { call s.do, on 201 { retry 5 attempts, backoff 1s }, on exhausted { degrade 0 } }`, menus: map[string][]way{"s.do": retried}, faults: []int{0, 1, 2}, cancel: true},
		{name: "throttled", src: `retry 3 attempts
			step a { call s.push }
			step b after a { call s.take }`, menus: map[string][]way{"s.push": throttled, "s.take": few}, faults: all, cancel: true, crash: true},
		{name: "a workflow", src: `retry 2 attempts
			step a { call inner }
			step b after a { call s.take }`, menus: map[string][]way{"s.take": few}, faults: []int{0, 1, 2}, cancel: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := graphOf(t, services+"workflow inner { step x { call s.take, undo { call s.take { n: 2 } } } }\nworkflow w {\n"+c.src+"\n}\n")
			for _, most := range c.faults {
				r, err := explore.Run(g, explore.Options{Inputs: []explore.Input{{Value: map[string]any{}}}, Faults: most, Exact: true, Cancel: c.cancel, Crash: c.crash, Signals: true, Limit: 1 << 30})
				if err != nil {
					t.Fatal(err)
				}
				b := &counter{t: t, g: g, menus: c.menus, said: c.said, most: most, cancel: c.cancel, crash: c.crash}
				if r.All { // further faults end a run, so they were tried
					b.most = -1
				}
				want, runs := b.count()
				got := map[ending]uint64{}
				for _, e := range r.Ends {
					got[ending{e.Ending, e.Code}] += e.Runs
				}
				if most < 0 && !r.All || r.Runs != runs || !maps.Equal(got, want) {
					t.Errorf("%d faults: %d runs, but one by one there are %d%s", most, r.Runs, runs, differ(got, want))
				}
				if testing.Verbose() {
					t.Logf("%d faults: %d runs, %d states", most, runs, r.States)
				}
			}
		})
	}
}

func differ(got, want map[ending]uint64) string {
	var b strings.Builder
	keys := slices.Collect(maps.Keys(got))
	for k := range want {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b ending) int { return cmp.Or(cmp.Compare(a.ending, b.ending), cmp.Compare(a.code, b.code)) })
	for _, k := range keys {
		if got[k] != want[k] {
			fmt.Fprintf(&b, "\n  %s %s: %d, not %d", k.ending, k.code, got[k], want[k])
		}
	}
	return b.String()
}
