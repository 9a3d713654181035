package invariant_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"wf/builtins"
	"wf/golden/invariant"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/graph"
)

const definition = `
service shop {
  429, 5xx
  permanent SOLD_OUT
  operation reserve { input { sku string }, 201 { id int }, SOLD_OUT }
  operation pay { input { id int }, 201 { id int } }
  operation ship { input { id int }, 202 { tracking string } }
  operation refund { input { id? int }, 200 }
}
workflow order {
  input { sku string, most int = 1 }
  retry 3 attempts, backoff 1s
  timeout 5s
  step reserve { call shop.reserve { sku: input.sku } }
  step pay after reserve {
    call shop.pay { id: 1 }
    undo { call shop.refund { id: body?.id } }
  }
  step ship { call shop.ship { id: reserve.id }, on exhausted { degrade { tracking: nil } } }
  output { tracking: ship.tracking }
}
`

// story is what is known of a run, in the order in which it happened.
type story struct {
	doings []doing
	result *machine.Result
}

// doing is a step that ended, a call that was made or the answer of one, or the end of an
// event.
type doing struct {
	at      time.Duration
	step    string
	ending  string
	call    string
	answer  string
	key     string
	success bool
	settled bool
}

// has reports whether one of the first n doings is such.
func (s *story) has(n int, is func(doing) bool) bool {
	for _, d := range s.doings[:n] {
		if is(d) {
			return true
		}
	}
	return false
}

func (s *story) ended(n int, step, ending string) bool {
	last := ""
	for _, d := range s.doings[:n] {
		if d.step == step {
			last = d.ending
		}
	}
	return last == ending
}

func (s *story) took(n int, op string) bool {
	return s.has(n, func(d doing) bool { return d.answer == op && d.success })
}

// settled are the numbers of doings at which an event is dealt with.
func (s *story) settled() (out []int) {
	for i, d := range s.doings {
		if d.settled {
			out = append(out, i+1)
		}
	}
	return out
}

// calls are the numbers of doings before the calls of an operation.
func (s *story) calls(op string) (out []int) {
	for i, d := range s.doings {
		if d.call == op {
			out = append(out, i)
		}
	}
	return out
}

func (s *story) effects(op string) int {
	keys := map[string]bool{}
	for _, d := range s.doings {
		if d.answer == op && d.success {
			keys[d.key] = true
		}
	}
	return len(keys)
}

func any1(list []int, bad func(n int) bool) bool {
	for _, n := range list {
		if bad(n) {
			return true
		}
	}
	return false
}

// rules are rules with what a run breaks them by, found by going through its whole story.
var rules = []struct {
	text   string
	broken func(s *story) bool
}{
	{"never call shop.ship unless pay completed", func(s *story) bool {
		return any1(s.calls("shop.ship"), func(n int) bool { return !s.ended(n, "pay", "completed") })
	}},
	{"never call shop.ship before shop.pay took effect", func(s *story) bool {
		return any1(s.calls("shop.ship"), func(n int) bool { return !s.took(n, "shop.pay") })
	}},
	{"never call shop.refund after ship completed", func(s *story) bool {
		return any1(s.calls("shop.refund"), func(n int) bool {
			return s.has(n, func(d doing) bool { return d.step == "ship" && d.ending == "completed" })
		})
	}},
	{"never call shop.pay after shop.pay was called", func(s *story) bool { return len(s.calls("shop.pay")) > 1 }},
	{"never ship completed and not (pay completed)", func(s *story) bool {
		return any1(s.settled(), func(n int) bool { return s.ended(n, "ship", "completed") && !s.ended(n, "pay", "completed") })
	}},
	{"always not (shop.refund was called) or pay completed or pay failed", func(s *story) bool {
		return any1(s.settled(), func(n int) bool {
			return s.has(n, func(d doing) bool { return d.call == "shop.refund" }) && !s.ended(n, "pay", "completed") && !s.ended(n, "pay", "failed")
		})
	}},
	{"at most input.most - 1 effects of shop.pay", func(s *story) bool { return s.effects("shop.pay") > 0 }},
	{"at most 2 calls of shop.reserve", func(s *story) bool { return len(s.calls("shop.reserve")) > 2 }},
	{"finally run completed or len(effects(shop.reserve)) == 0", func(s *story) bool {
		return s.result.Ending != machine.Completed && s.effects("shop.reserve") > 0
	}},
	{"if shop.pay took effect then finally ship completed or shop.refund took effect", func(s *story) bool {
		n := len(s.doings)
		return s.took(n, "shop.pay") && !s.ended(n, "ship", "completed") && !s.took(n, "shop.refund")
	}},
	{"every run ends within 6s", func(s *story) bool { return s.result.Summary.Total > 6*time.Second }},
	{"always len(calls(shop.ship)) <= 1 or calls(shop.ship)[0].key == calls(shop.ship)[1].key", func(*story) bool { return false }},
	{`always output == nil or run.ending == "completed"`, func(s *story) bool { return s.result.Output != nil && s.result.Ending != machine.Completed }},
}

// recorder writes the story of a run, and lets a monitor watch.
type recorder struct {
	*invariant.Monitor
	now   time.Duration
	story story
	ops   map[machine.ID]machine.Call
}

func (r *recorder) Happens(ev machine.Event) { r.now = machine.At(ev); r.Monitor.Happens(ev) }
func (r *recorder) add(d doing)              { d.at = r.now; r.story.doings = append(r.story.doings, d) }
func (r *recorder) StepEnded(st machine.StepResult) {
	r.add(doing{step: st.Name, ending: string(st.Ending)})
	r.Monitor.StepEnded(st)
}
func (r *recorder) Called(c machine.Call) {
	r.Monitor.Called(c)
	r.ops[c.ID] = c
	r.add(doing{call: c.Call.Sig.Name()})
}
func (r *recorder) Answered(id machine.ID, a builtins.Answer) {
	r.Monitor.Answered(id, a)
	r.add(doing{answer: r.ops[id].Call.Sig.Name(), key: r.ops[id].Key, success: a.Class == "" && a.Status/100 == 2})
}
func (r *recorder) Settled() { r.Monitor.Settled(); r.add(doing{settled: true}) }
func (r *recorder) RunEnded(result *machine.Result) {
	r.add(doing{settled: true})
	r.story.result = result
	r.Monitor.RunEnded(result)
}

// load compiles the definition with invariants.
func load(t testing.TB, invariants string) (*graph.Graph, *invariant.Set) {
	t.Helper()
	fsys := fstest.MapFS{"order.wf": {Data: []byte(definition)}, "order_test.wf": {Data: []byte("import \"order.wf\"\n" + invariants + "\ntest \"x\" { run order { sku: \"lamp\" }, expect completed }\n")}}
	p, problems := lang.Load(fsys, "order_test.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	g := p.Suite.Invariants[0].Graph
	return g, invariant.New(p.Suite.Invariants, g, map[string]any{})
}

// services answer every call in one way.
type services func(builtins.Call) builtins.Answer

func (f services) Lookup(string, string) (*builtins.Operation, bool) {
	return &builtins.Operation{Func: func(_ context.Context, c builtins.Call) (builtins.Answer, error) { return f(c), nil }}, true
}

var bodies = map[string]builtins.Answer{
	"reserve": {Status: 201, Body: map[string]any{"id": 7}}, "pay": {Status: 201, Body: map[string]any{"id": 1}}, "ship": {Status: 202, Body: map[string]any{"tracking": "T"}}, "refund": {Status: 200},
}

// play runs the order with answers that t draws.
func play(t *rapid.T, g *graph.Graph, m *invariant.Monitor) *story {
	answer := func(c builtins.Call) builtins.Answer {
		a := bodies[c.Operation]
		a.Latency = 10 * time.Millisecond
		switch rapid.IntRange(0, 7).Draw(t, "answer") {
		case 0:
			a.Lost = true
		case 1:
			a.Status, a.Body = 503, nil
		case 2:
			a.Status, a.Class, a.Body = 0, "timeout", nil
		case 3:
			if c.Operation == "reserve" {
				a.Status, a.Class, a.Body = 0, "SOLD_OUT", nil
			} else {
				a.Status, a.Body = 404, nil
			}
		}
		return a
	}
	var deeds []sim.Deed
	if rapid.Bool().Draw(t, "cancelled") {
		deeds = []sim.Deed{{At: time.Duration(rapid.IntRange(1, 9000).Draw(t, "when")) * time.Millisecond}}
	}
	input := map[string]any{"sku": "lamp", "most": 1}
	m.Begin(invariant.Run{ID: "run_1", Input: input})
	r := &recorder{Monitor: m, ops: map[machine.ID]machine.Call{}}
	if _, err := sim.Run(g, input, sim.Options{Registry: services(answer), Seed: 1, RunID: "run_1", Watch: r, Deeds: deeds}); err != nil {
		t.Fatal(err)
	}
	return &r.story
}

// TestRules holds what monitors say of random runs against rules in Go that go through the
// whole story of a run.
func TestRules(t *testing.T) {
	var b strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&b, "invariant %q {\n  %s\n}\n", r.text, r.text)
	}
	g, set := load(t, b.String())
	m := set.Monitor() // one for all: a run must not know of another one
	broken, kept := map[string]bool{}, map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		s := play(t, g, m)
		got := map[string]bool{}
		for _, v := range m.Violations() {
			if got[v.Rule.Text] {
				t.Errorf("%s is told twice", v.Rule.Text)
			}
			got[v.Rule.Text] = true
		}
		for _, r := range rules {
			want := r.broken(s)
			if want != got[r.text] {
				t.Errorf("%s: broken is %v, and %v is told\n%+v", r.text, want, got[r.text], s.doings)
			}
			broken[r.text], kept[r.text] = broken[r.text] || want, kept[r.text] || !want
		}
	})
	for _, r := range rules[:len(rules)-2] {
		if !testing.Short() && (!broken[r.text] || !kept[r.text]) { // a sample may miss one
			t.Errorf("%s was never broken, or never kept", r.text)
		}
	}
}

// TestDigest holds what makes two runs the same to the rules.
func TestDigest(t *testing.T) {
	g, set := load(t, `
invariant "order" {
  never call shop.ship before pay completed
  at most 2 effects of shop.pay
  if shop.reserve took effect then finally ship completed
}`)
	if set.ReadsTime() {
		t.Error("no rule reads moments")
	}
	calls := map[string]*graph.Call{}
	g.EachServiceCall(func(c *graph.Call) { calls[c.Sig.Operation] = c })
	type deed struct {
		op, key, step, ending string
		at                    time.Duration
		refused, lost         bool
	}
	digest := func(deeds ...deed) uint64 {
		m := set.Monitor()
		m.Begin(invariant.Run{ID: "run_1", Input: map[string]any{"sku": "lamp", "most": 1}})
		m.Settled()
		for i, d := range deeds {
			m.Happens(machine.CancelRequested{At: d.at})
			if d.step != "" {
				m.StepEnded(machine.StepResult{Name: d.step, Ending: machine.Ending(d.ending)})
			} else {
				id := machine.ID{Place: d.op, Attempt: i + 1}
				m.Called(machine.Call{ID: id, Call: calls[d.op], Place: d.op, Key: d.key, Args: map[string]any{}})
				a := bodies[d.op]
				a.Lost = d.lost
				if d.refused {
					a = builtins.Answer{Status: 503}
				}
				m.Answered(id, a)
			}
			m.Settled()
		}
		return m.Digest()
	}
	reserve, pay, again, other := deed{op: "reserve", key: "r"}, deed{op: "pay", key: "p"}, deed{op: "pay", key: "p"}, deed{op: "pay", key: "q"}
	paid, failed := deed{step: "pay", ending: "completed"}, deed{step: "pay", ending: "failed"}
	late := func(d deed) deed { d.at = time.Hour; return d }
	for _, c := range []struct {
		name string
		a, b []deed
		same bool
	}{
		{"nothing and nothing", nil, nil, true},
		{"an effect, and none", []deed{reserve}, nil, false},
		{"refused, and nothing", []deed{{op: "reserve", key: "r", refused: true}}, nil, true},
		{"now, and in an hour", []deed{reserve}, []deed{late(reserve)}, true},
		{"heard, and lost", []deed{pay}, []deed{{op: "pay", key: "p", lost: true}}, true},
		{"once, and again with the same key", []deed{pay}, []deed{pay, again}, true},
		{"once, and with another key", []deed{pay}, []deed{pay, other}, false},
		{"one key, and another", []deed{pay}, []deed{other}, false},
		{"two keys in either order", []deed{pay, other}, []deed{other, pay}, true},
		{"completed and failed", []deed{paid}, []deed{failed}, false},
		{"once true, it stays true", []deed{paid}, []deed{paid, failed}, true},
		{"broken, and not", []deed{{op: "ship", key: "s"}}, []deed{paid, {op: "ship", key: "s"}}, false},
	} {
		if a, b := digest(c.a...), digest(c.b...); (a == b) != c.same {
			t.Errorf("%s: %x and %x", c.name, a, b)
		}
	}
	for text, reads := range map[string]bool{
		"every run ends within 1m": true, "always run.took < 1m": true, "finally started(ship) >= ended(pay)": true, "always all(calls(shop.ship), .at > 1s)": true,
		"always all(calls(shop.ship), .attempt < 9)": false, "finally run completed": false,
	} {
		if _, set := load(t, "invariant \"x\" { "+text+" }"); set.ReadsTime() != reads {
			t.Errorf("%s reads moments: %v", text, set.ReadsTime())
		}
	}
}

// BenchmarkMonitor lets a monitor watch the same run again and again.
func BenchmarkMonitor(b *testing.B) {
	g, set := load(b, `
invariant "order" {
  never call shop.ship unless reserve completed
  at most 1 effect of shop.pay
  if shop.pay took effect then finally ship completed or shop.refund took effect
  every run ends within 10m
}`)
	input := map[string]any{"sku": "lamp", "most": 1}
	options := sim.Options{Registry: services(func(c builtins.Call) builtins.Answer { return bodies[c.Operation] }), Seed: 1, RunID: "run_1"}
	b.Run("unwatched", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := sim.Run(g, input, options); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("watched", func(b *testing.B) {
		b.ReportAllocs()
		m := set.Monitor()
		options.Watch = m
		for b.Loop() {
			m.Begin(invariant.Run{ID: "run_1", Input: input})
			if _, err := sim.Run(g, input, options); err != nil {
				b.Fatal(err)
			}
			if len(m.Violations()) > 0 {
				b.Fatal(m.Violations())
			}
		}
	})
}
