package explore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"wf/lang"
	"wf/lang/graph"
)

// drawDefinition writes a random workflow. Its parts are small, because without merging all
// that can happen is tried one by one.
func drawDefinition(t *rapid.T) string {
	var b strings.Builder
	b.WriteString(`service s {
  operation do { input { n int = 0 }, 201 { id int }, 402, 503 }
  operation take { input { n int = 0 }, 202 }
  operation look { http GET "/look", 200 { ok bool, id int }, 404 }
  permanent 402
}
service l { limit 1, operation take { input { n int = 0 }, 202 } }
service b { breaker 1 failure in 1m, open 30s, operation take { input { n int = 0 }, 202 } }
workflow inner {
  step x { call s.take, undo until y { call s.take { n: 8 } } }
  step y after x { call s.do }
  output y.id
}
workflow w {
  input { zero int = 0 }
  signal go { ok bool }
`)
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "part") }
	b.WriteString(pick("", "", "  retry 2 attempts\n", "  retry 3 attempts, backoff 2s\n"))
	b.WriteString(pick("", "", "  timeout 3s\n"))
	b.WriteString(pick("", "", "  within 7s\n", "  within 1h\n"))
	b.WriteString(pick("", "", "  limit 1\n"))
	undo := func(pivots []string) string {
		how := pick("", "", "{ call s.take { n: 9 } }", "{ retry 2 attempts, call s.do { n: 9 } }", "{ call s.do { n: body?.id ?? 0 } }")
		if how == "" {
			return ""
		}
		until := pick(append([]string{"", ""}, pivots...)...)
		if until != "" {
			until = "until " + until + " "
		}
		return "\n    undo " + until + how
	}
	call := func(pivots ...string) string {
		switch pick("do", "do", "take", "look", "clauses", "key", "poll", "held", "broken") {
		case "do":
			return "call s.do" + undo(pivots)
		case "take":
			return "call s.take"
		case "look":
			return "call s.look\n    on 404 { return { id: 0 } }\n    ensure body.ok else fail NOT_OK"
		case "clauses":
			return "call s.do\n    on 402 { call s.take, return { id: 0 } }\n    on exhausted { degrade { id: 1 % input.zero } }" + undo(pivots)
		case "key":
			return "call s.do { n: 7 } key \"k\"" + undo(pivots)
		case "poll":
			return "call s.look\n    on 200 when not body.ok { retry 4 attempts, backoff 1s }"
		case "held":
			return "call l.take"
		}
		return "call b.take\n    on breaker_open { degrade nil }"
	}
	steps := rapid.IntRange(1, 3).Draw(t, "steps")
	afters := make([]string, steps+1)
	for i := 1; i < steps; i++ {
		afters[i] = pick("", fmt.Sprintf(" after s%d", i-1), fmt.Sprintf(" after s%d", i-1))
	}
	for i := range steps {
		after := afters[i]
		pivots := []string{fmt.Sprintf("s%d", i)}
		for j := i + 1; afters[j] != ""; j++ {
			pivots = append(pivots, fmt.Sprintf("s%d", j))
		}
		within := pick("", "", "within 4s\n    ")
		fmt.Fprintf(&b, "  step s%d%s", i, after)
		switch pick("call", "call", "call", "group", "first", "loop", "workflow", "wait") {
		case "call":
			fmt.Fprintf(&b, " {\n    %s%s\n  }\n", within, call(pivots...))
		case "group":
			y, behind := pick("", " after x"), append(pivots, "x")
			if y != "" {
				behind = append(behind, "y")
			}
			fmt.Fprintf(&b, " {\n    %sstep x { %s }\n    step y%s { %s }\n    %s\n    return 1\n  }\n", within, call(behind...), y, call(append(pivots, "y")...), pick("", "on failed { degrade 0 }", "finally { call s.take }"))
		case "first":
			fmt.Fprintf(&b, " {\n    %sfirst\n    step x { %s }\n    step y { %s }\n  }\n", within, call(append(pivots, "x")...), call(pivots...))
		case "loop":
			fmt.Fprintf(&b, " for n in [1, 2] by n {\n    %s%s\n  }\n", pick("", "tolerate 1\n    ", "limit 1\n    "), call(pivots...))
		case "workflow":
			fmt.Fprintf(&b, " {\n    %scall inner\n  }\n", within)
		case "wait":
			fmt.Fprintf(&b, " {\n    wait for go within 1h\n    on received when not body.ok { fail REFUSED }\n    on timeout { %s }\n    return 1\n  }\n", pick("degrade 0", "retry 2 attempts"))
		}
	}
	b.WriteString(pick("", "", "  on failed { call s.take { n: 5 } }\n", "  finally { call s.do { n: 6 } }\n"))
	return b.String() + "}\n"
}

func compiled(t interface{ Fatal(...any) }, src string) *graph.Graph {
	p, problems := lang.Load(fstest.MapFS{"x.wf": {Data: []byte(src)}}, "x.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatal(src, problems)
	}
	return p.Workflows[len(p.Workflows)-1]
}

// TestRandomDefinitions explores random workflows state by state, and run by run: there are as many
// runs, they end alike, and what is found is the same.
func TestRandomDefinitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := drawDefinition(t)
		g := compiled(t, src)
		o := Options{Inputs: []Input{{Value: map[string]any{}}}, Faults: rapid.IntRange(0, 2).Draw(t, "faults"), Limit: 60, Exact: true, Signals: true, Workers: 1,
			Cancel: rapid.Bool().Draw(t, "cancel"), Crash: rapid.Bool().Draw(t, "crash"), WithoutKeys: rapid.Bool().Draw(t, "keys")}
		one := o
		one.noMerging = true
		apart, err := Run(g, one)
		if err != nil {
			t.Fatal(src, err)
		}
		if apart.Cut {
			t.Skip("too large")
		}
		merged, err := Run(g, o)
		if err != nil {
			t.Fatal(src, err)
		}
		if merged.All && !apart.All { // what further faults lead to is known already
			one.Faults = -1
			if apart, err = Run(g, one); err != nil {
				t.Fatal(src, err)
			}
			if !apart.All {
				t.Skip("too large")
			}
		}
		if merged.States > apart.States || merged.All != apart.All {
			t.Fatalf("%s\n%d states (all: %v), without merging %d (all: %v)", src, merged.States, merged.All, apart.States, apart.All)
		}
		if x, y := endsOf(merged), endsOf(apart); !maps.Equal(x, y) {
			t.Fatalf("%s\n%d faults, cancel %v, crash %v: %v\nwithout merging %v", src, o.Faults, o.Cancel, o.Crash, x, y)
		}
		if x, y := findingsOf(merged), findingsOf(apart); !slices.Equal(x, y) {
			t.Fatalf("%s\n%s\nwithout merging\n%s", src, strings.Join(x, "\n"), strings.Join(y, "\n"))
		}
		o.Exact = false
		coarse, err := Run(g, o)
		if err != nil {
			t.Fatal(src, err)
		}
		if coarse.All && !merged.All { // what further faults lead to is known already
			o.Exact, o.Faults = true, -1
			if merged, err = Run(g, o); err != nil {
				t.Fatal(src, err)
			}
			if !merged.All {
				t.Skip("too large")
			}
		}
		x, y := slices.Collect(maps.Keys(endsOf(coarse))), slices.Collect(maps.Keys(endsOf(merged)))
		slices.SortFunc(x, byText)
		slices.SortFunc(y, byText)
		if !slices.Equal(x, y) {
			t.Fatalf("%s\n%v, with deadlines told apart %v", src, x, y)
		}
	})
}

func byText(a, b End) int { return strings.Compare(a.String(), b.String()) }

func endsOf(r *Report) map[End]uint64 {
	out := map[End]uint64{}
	for _, e := range r.Ends {
		out[e.End] += e.Runs
	}
	return out
}

func findingsOf(r *Report) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s: %s, at %s, %d faults", f.Kind, f.Title, f.Place, f.Faults))
	}
	slices.Sort(out)
	return out
}
