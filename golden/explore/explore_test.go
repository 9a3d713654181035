package explore

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"wf/golden/invariant"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
)

const services = `
service bank {
  5xx
  operation charge { input { order string, cents int }, 201 { id string, state "paid" | "held" }, 402 { why string } }
  operation refund { input { order string }, 200, 404 }
  operation look idempotent { http GET "/charges/{order}", input { order string }, 200 { state "pending" | "paid" } }
}
service mail { operation send { input { to string }, 202, BOUNCED } }
`

func parse(t *testing.T, src string) *graph.Graph {
	t.Helper()
	p, problems := lang.Load(fstest.MapFS{"w.wf": {Data: []byte(services + src)}}, "w.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return p.Workflows[0]
}

var definitions = map[string]string{
	"one call": `workflow w { step a { call mail.send { to: "ada" }, on BOUNCED { degrade nil } } }`,
	"retried": `workflow w {
  retry 3 attempts, backoff 1s
  timeout 2s
  step a { call mail.send { to: "ada" }, on BOUNCED { degrade nil } }
}`,
	"side by side": `workflow w {
  retry 2 attempts
  step a { call mail.send { to: "ada" }, on BOUNCED { degrade nil } }
  step b { call mail.send { to: "bob" }, on BOUNCED { return nil } }
  step c after a, b { call bank.refund { order: "1" } }
}`,
	"a saga": `workflow w {
  step pay {
    timeout 1s
    call bank.charge { order: "1", cents: 10 }
    on 201 when body.state == "held" { fail HELD }
    on 402 { fail REFUSED body.why }
    undo { retry 2 attempts, call bank.refund { order: "1" }, on 404 { return nil } }
  }
  step tell after pay { call mail.send { to: "ada" }, on BOUNCED { fail NO_ADDRESS } }
}`,
	"polled": `workflow w {
  step a {
    call bank.look { order: "1" }
    on 200 when body.state == "pending" { retry 3 attempts, backoff 5s }
  }
}`,
	"the first": `workflow w {
  step a {
    first 1
    step x { call mail.send { to: "x" }, on BOUNCED { fail B } }
    step y { call mail.send { to: "y" }, on BOUNCED { fail B } }
  }
}`,
	"each": `workflow w {
  step a for to in ["x", "y"] { call mail.send { to: to }, on BOUNCED { degrade nil } }
}`,
}

// TestMerging holds that equal states are equal: counted run by run there are as many of
// each ending as counted by states, and the findings are the same.
func TestMerging(t *testing.T) {
	merged := 0
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		t.Run(name, func(t *testing.T) {
			g := parse(t, definitions[name])
			for faults := range 3 {
				opts := Options{Faults: faults, Cancel: true, Crash: true, Exact: true, Limit: 1 << 30}
				if testing.Short() && faults > 1 {
					continue
				}
				states, err := Run(g, opts)
				if err != nil {
					t.Fatal(err)
				}
				opts.noMerging = true
				runs, err := Run(g, opts)
				if err != nil {
					t.Fatal(err)
				}
				if a, b := told(t, states), told(t, runs); a != b {
					t.Errorf("up to %d faults, by states:\n%s\nrun by run:\n%s", faults, a, b)
				}
				merged += runs.States - states.States
			}
		})
	}
	if merged == 0 {
		t.Error("no states were equal")
	}
}

// told is what a report says that does not depend on how it was found out.
func told(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	for _, e := range r.Ends {
		fmt.Fprintln(&b, e.Runs, e.End)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(&b, f.Kind, f.Title, f.Faults)
	}
	return b.String()
}

// TestWorkers holds that what comes out does not depend on who works.
func TestWorkers(t *testing.T) {
	g := parse(t, definitions["a saga"])
	var first string
	for _, workers := range []int{1, 2, 7} {
		r, err := Run(g, Options{Faults: 2, Cancel: true, Crash: true, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(r.Tried, r.States, r.Runs, r.Table) + told(t, r)
		for _, f := range r.Findings {
			text += fmt.Sprintln(f.Story)
		}
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%d workers:\n%s\none:\n%s", workers, text, first)
		}
	}
}

// TestSoonest: what happens in several ways is told by the one that has the fewest things
// before it. Here a deadline passes during
// one wait of an hour; that three attempts go before it, or another call, is no better.
func TestSoonest(t *testing.T) {
	g, rules := ruled(t, `service shop { operation do { 201, 503 }, operation undo { 202 } }
workflow inner {
  step x {
    call shop.do
    on 503 { retry 3 attempts, backoff 2s }
    undo { call shop.undo }
  }
}
workflow w {
  step a { within 35s, call inner }
  step b after a { call inner }
}`, "every run ends within 10s")
	r, err := Run(g, Options{Faults: 1, Cancel: true, Crash: true, Invariants: []*invariant.Set{rules}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || len(r.Findings[0].Story) != 19 {
		for _, f := range r.Findings {
			t.Errorf("%s is told in %d lines:\n%v", f.Title, len(f.Story), f.Story)
		}
	}
}

// ruled is the workflow w, and what must hold for it.
func ruled(t *testing.T, src, rules string) (*graph.Graph, *invariant.Set) {
	t.Helper()
	p, problems := lang.Load(fstest.MapFS{"x.wf": {Data: []byte(src)}, "x_test.wf": {Data: []byte("import \"x.wf\"\ninvariant \"of w\" for w {\n  " + rules + "\n}\n")}}, "x_test.wf", lang.Options{StubHandlers: true})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	g := p.Suite.Invariants[0].Graph
	return g, invariant.New(p.Suite.Invariants, g, nil)
}

// TestWood: a tree of states ends where it becomes large, however many choices there are in each
// of them. Here each of many calls may have taken effect before the process dies.
func TestWood(t *testing.T) {
	var steps strings.Builder
	for i := range 50 {
		fmt.Fprintf(&steps, "  step x%d { call shop.do }\n", i)
	}
	g := parse(t, "service shop { operation do { 201, 503 } }\nworkflow w {\n"+steps.String()+"}")
	s := newSearch(g, Options{Examples: true, Crash: true, Attempts: usualAttempts, Items: usualItems})
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	s.nodes = []node{{parent: -1}}
	if tree, _ := s.grow(0, 0, false); len(tree) < wood || len(tree) > wood+1000 {
		t.Errorf("a tree has %d choices, and it is to end behind %d", len(tree), wood)
	}
}

// TestInputsStayApart: what comes of one input says nothing of another, wherever their runs
// look alike.
func TestInputsStayApart(t *testing.T) {
	g := parse(t, `service shop { operation pick { input { n int min 1 }, 200 } }
workflow w {
  input { late int }
  step first_of_all { call mail.send { to: "ada" }, on BOUNCED { return nil } }
  step again after first_of_all { call mail.send { to: "bob" }, on BOUNCED { return nil } }
  step two after again { call shop.pick { n: input.late } }
}`)
	r, err := Run(g, Options{Faults: 1, Inputs: []Input{{Value: map[string]any{"late": 1}, Label: "one"}, {Value: map[string]any{"late": 0}, Label: "none"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || r.Findings[0].Kind != Expression || r.Findings[0].Input.Label != "none" {
		t.Errorf("found %+v", r.Findings)
	}
}

// TestAnswersFit: what conditions compare with the input, or with each other, is tried as equal
// and as not, from the answer with which all is well.
func TestAnswersFit(t *testing.T) {
	g := parse(t, `service shop {
  operation price { input { sku string }, 200 { total int, left int, state "open" | "sold", kept int } }
}
workflow w {
  input { shown int }
  step price {
    call shop.price { sku: "lamp" }
    ensure body.state == "sold" else fail OPEN
    ensure body.total == input.shown else fail DEARER
    ensure body.left != body.kept else fail ALL_KEPT
  }
  step tell after price { call mail.send { to: "ada" }, on BOUNCED { fail NO_ADDRESS } }
}`)
	r, err := Run(g, Options{Faults: 1, Inputs: []Input{{Value: map[string]any{"shown": 4711}}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range r.Ends {
		got = append(got, e.String())
	}
	for _, want := range []string{"completed", "failed OPEN", "failed DEARER", "failed ALL_KEPT", "failed NO_ADDRESS"} {
		if !slices.Contains(got, want) {
			t.Errorf("no run ends %s, but %s", want, strings.Join(got, ", "))
		}
	}
}

// TestHeard: services answer what they answered in a run that ended well, to the same arguments
// the same.
func TestHeard(t *testing.T) {
	var h Heard
	asked := func(place, order string) []machine.Entry {
		args := map[string]any{"order": order}
		return []machine.Entry{
			{Kind: machine.EntryCall, Place: place, Attempt: 1, Operation: "bank.look", Args: args},
			{Kind: machine.EntryAnswer, Place: place, Attempt: 1, Outcome: "200", Body: map[string]any{"state": "pending"}},
			{Kind: machine.EntryCall, Place: place, Attempt: 2, Operation: "bank.look", Args: args},
			{Kind: machine.EntryAnswer, Place: place, Attempt: 2, Outcome: "200", Body: map[string]any{"state": "paid"}},
		}
	}
	h.hears(asked("a", "1"))
	g := parse(t, `workflow w {
  step a {
    call bank.look { order: "1" }
    ensure body.state == "paid" else fail PENDING
  }
}`)
	m := newMenus(g, &h, nil, false)
	if len(m.calls) != 1 {
		t.Fatal(m.calls)
	}
	for _, menu := range m.calls {
		for _, order := range []string{"1", "2"} {
			if said := menu.all[0].said(map[string]any{"order": order}, &root{}); !reflect.DeepEqual(said, map[string]any{"state": "paid"}) {
				t.Errorf("to %s: %v", order, said)
			}
		}
	}
}

// TestMany: of what is many at once not all combinations are tried, but each comes first, and
// each of the calls that are given up did its work or not.
func TestMany(t *testing.T) {
	var racers strings.Builder
	for i := range 12 {
		fmt.Fprintf(&racers, "    step x%d { call mail.send { to: \"x\" }, on BOUNCED { fail B }, return %d }\n", i, i)
	}
	for _, c := range []struct {
		name, src string
		faults    int
		most      int // states
		ends      []string
	}{
		{"a race", "workflow w {\n  step a {\n    first\n" + racers.String() + "  }\n  step b { ensure a != 7 else fail SEVEN }\n}", 0, 500, []string{"completed", "failed SEVEN"}},
		{"steps", "workflow w {\n" + racers.String() + "}", 0, 500, []string{"completed"}},
		{"a loop", `workflow w {
  step a for to in 1..40 { call mail.send { to: string(to) }, on BOUNCED { return nil } }
}`, 1, 3000, []string{"completed", "cancelled", "failed TIMEOUT"}},
		{"a loop that is given up", `workflow w {
  within 5ms
  step a for to in 1..40 { call mail.send { to: string(to) }, on BOUNCED { return nil } }
}`, 1, 3000, []string{"failed DEADLINE_EXCEEDED"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Run(parse(t, c.src), Options{Faults: c.faults, Cancel: true, Crash: true})
			if err != nil {
				t.Fatal(err)
			}
			if r.Cut || r.States > c.most {
				t.Errorf("%d states, %d choices", r.States, r.Tried)
			}
			for _, end := range c.ends {
				if !slices.ContainsFunc(r.Ends, func(e EndCount) bool { return e.String() == end }) {
					t.Errorf("none ends %s, but %v", end, r.Ends)
				}
			}
		})
	}
}
