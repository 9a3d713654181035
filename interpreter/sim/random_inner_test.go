package sim_test

import (
	"context"
	"fmt"
	"reflect"
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

// nest is a random step with whatever runs inside of it, as the oracle sees it: a call, a
// group of steps, or a loop, whose steps are its items.
type nest struct {
	name     string
	loop     bool
	inside   []*nest // nil: a call
	needs    []int   // of a step of a group: earlier steps of it
	limit    int     // 0: none
	first    int     // 0: all
	tolerate int     // of a loop
	caught   bool    // a group: on failed { degrade "caught" }
	tidied   bool    // a group: finally { return 0 }, which changes nothing
	forked   bool    // a group: its steps stand in the arm of a switch that is taken

	ok   bool // of a call
	took time.Duration
}

// drawNest makes up a step. Every call takes some hundredths of a second and a power of two
// of nanoseconds of its own, so that no two things happen at the same moment, whatever they
// waited for.
func drawNest(t *rapid.T, name string, depth int, calls *int) *nest {
	n := &nest{name: name}
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	if depth == 0 || kind == 0 || *calls > 20 {
		n.ok = rapid.IntRange(0, 3).Draw(t, "ok") > 0
		n.took = time.Duration(rapid.IntRange(1, 20).Draw(t, "took"))*10*time.Millisecond + 1<<*calls
		*calls++
		return n
	}
	n.loop = kind == 3
	size := rapid.IntRange(1, 4).Draw(t, "size")
	for i := range size {
		inner := &nest{}
		if n.loop { // the items differ in what their calls do, not in what they are
			inner = drawNest(t, "", 0, calls)
		} else {
			inner = drawNest(t, fmt.Sprintf("%s_%d", name, i), depth-1, calls)
			for j := range i {
				if rapid.IntRange(0, 3).Draw(t, "needs") == 0 {
					inner.needs = append(inner.needs, j)
				}
			}
		}
		n.inside = append(n.inside, inner)
	}
	n.limit = rapid.IntRange(0, size).Draw(t, "limit")
	if rapid.IntRange(0, 2).Draw(t, "race") == 0 {
		n.first = rapid.IntRange(1, size).Draw(t, "first")
	}
	if n.loop {
		n.tolerate = rapid.IntRange(0, 2).Draw(t, "tolerate")
	} else {
		n.caught = rapid.Bool().Draw(t, "caught")
		n.forked = rapid.Bool().Draw(t, "forked")
		n.tidied = rapid.Bool().Draw(t, "tidied")
	}
	return n
}

// source writes a workflow of one such step.
func (n *nest) source() string {
	var b strings.Builder
	b.WriteString("service s { operation do { input { of string }, 200, 404 } }\nworkflow w {\n")
	n.write(&b, n.name, "  ", nil)
	b.WriteString("  output " + n.name + "\n}\n")
	return b.String()
}

// write writes the step as an author would. full is its name in the run.
func (n *nest) write(b *strings.Builder, full, indent string, level []*nest) {
	fmt.Fprintf(b, "%sstep %s", indent, n.name)
	for i, need := range n.needs {
		fmt.Fprintf(b, "%s%s", map[bool]string{true: " after ", false: ", "}[i == 0], level[need].name)
	}
	if n.inside == nil {
		fmt.Fprintf(b, " { call s.do { of: %q }, on 200 { return %q } }\n", full, n.name)
		return
	}
	if n.loop {
		fmt.Fprintf(b, " for i in 0..%d", len(n.inside)-1)
	}
	b.WriteString(" {\n")
	for i, v := range []int{n.limit, n.first, n.tolerate} {
		if v > 0 {
			fmt.Fprintf(b, "%s  %s %d\n", indent, []string{"limit", "first", "tolerate"}[i], v)
		}
	}
	if n.loop {
		fmt.Fprintf(b, "%s  call s.do { of: \"%s[${i}]\" }\n%s  on 200 { return i }\n", indent, full, indent)
	} else {
		if n.forked {
			fmt.Fprintf(b, "%s  switch run.id == \"\" { when true { fail WRONG }, when false {\n", indent)
		}
		for _, inner := range n.inside {
			inner.write(b, full+"."+inner.name, indent+"  ", n.inside)
		}
		if n.caught {
			fmt.Fprintf(b, "%s  on failed { degrade \"caught\" }\n", indent)
		}
		if n.tidied {
			fmt.Fprintf(b, "%s  finally { return 0 }\n", indent)
		}
		if n.forked {
			fmt.Fprintf(b, "%s  } }\n", indent)
		}
	}
	fmt.Fprintf(b, "%s}\n", indent)
}

// end is what the oracle expects of a step: how it ends, and how long after it began.
type end struct {
	ending machine.Ending
	took   time.Duration
	result any
}

// plays finds out what becomes of a step, by itself: nothing inside of it hears of what is
// outside.
func (n *nest) plays() end {
	switch {
	case n.inside == nil && n.ok:
		return end{machine.Completed, n.took, n.name}
	case n.inside == nil:
		return end{machine.Failed, n.took, nil}
	}
	return n.settle(n.schedule())
}

// ran is one of the steps inside a step, or an item, when all of them could end.
type ran struct {
	end
	at  int // which
	off time.Duration
}

// schedule lets the steps inside run, each as long as it takes, and lists them by their
// ends. What would happen after the step has ended is listed too.
func (n *nest) schedule() (ends []ran) {
	left := map[int]bool{}
	for i := range n.inside {
		left[i] = true
	}
	ended := map[int]ran{}
	var running []ran
	now := time.Duration(0)
	for len(left)+len(running) > 0 {
		for i, inner := range n.inside {
			if !left[i] {
				continue
			}
			ready, lost := true, false
			for _, need := range inner.needs {
				e, over := ended[need]
				ready = ready && over
				lost = lost || over && (e.ending == machine.Failed || e.ending == machine.NotRun)
			}
			switch {
			case lost:
				e := ran{end{ending: machine.NotRun}, i, now}
				ended[i], ends = e, append(ends, e)
				delete(left, i)
			case ready && (n.limit == 0 || len(running) < n.limit):
				e := inner.plays()
				running = append(running, ran{e, i, now + e.took})
				delete(left, i)
			}
		}
		soon := -1
		for i, r := range running {
			if soon < 0 || r.off < running[soon].off {
				soon = i
			}
		}
		if soon < 0 {
			continue // what is lost lets others be lost
		}
		r := running[soon]
		running = append(running[:soon], running[soon+1:]...)
		now = r.off
		ended[r.at], ends = r, append(ends, r)
	}
	return ends
}

// settle is what the ends of the steps inside come to.
func (n *nest) settle(ends []ran) end {
	var won []any
	results := make([]any, len(n.inside))
	named := map[string]any{}
	failures, degraded := 0, false
	for i, e := range ends {
		switch e.ending {
		case machine.Failed:
			failures++
		case machine.Completed, machine.Degraded:
			if n.loop {
				e.result = e.at
			}
			won = append(won, e.result)
			results[e.at] = e.result
			if e.result != nil {
				named[n.inside[e.at].name] = e.result
			}
		}
		degraded = degraded || e.ending == machine.Degraded
		ending := machine.Completed
		if degraded {
			ending = machine.Degraded
		}
		last := i == len(ends)-1
		switch {
		case n.first > 0 && len(won) == n.first:
			if n.first == 1 {
				return end{ending, e.off, won[0]}
			}
			return end{ending, e.off, won}
		case n.loop && n.first > 0 && len(n.inside)-failures < n.first, n.loop && n.first == 0 && failures > n.tolerate:
			return end{machine.Failed, e.off, nil}
		case !last:
		case n.first > 0 || failures > 0 && !n.loop:
			if n.caught {
				return end{machine.Degraded, e.off, "caught"}
			}
			return end{machine.Failed, e.off, nil}
		case n.loop && failures > 0:
			return end{machine.Degraded, e.off, results}
		case n.loop:
			return end{ending, e.off, results}
		default:
			return end{ending, e.off, named}
		}
	}
	panic("a step inside always ends")
}

// answers lists the calls by what they pass.
func (n *nest) answers(full string, out map[string]*nest) {
	for i, inner := range n.inside {
		name := full + "." + inner.name
		if n.loop {
			name = fmt.Sprintf("%s[%d]", full, i)
		}
		inner.answers(name, out)
	}
	if n.inside == nil {
		out[full] = n
	}
}

// TestRandomInner holds groups and loops, and groups in groups, against the oracle.
func TestRandomInner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calls := 0
		top := drawNest(t, "top", 3, &calls)
		src := top.source()
		p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(src)}}, "flow.wf", lang.Options{})
		if problems.HasErrors() {
			t.Fatalf("%v\n%s", problems, src)
		}
		answers := map[string]*nest{}
		top.answers("top", answers)
		r := builtins.New()
		if err := r.Register(p.Services[0].Operations[0], func(_ context.Context, c builtins.Call) (builtins.Answer, error) {
			call := answers[c.Args["of"].(string)]
			status := 200
			if !call.ok {
				status = 404
			}
			return builtins.Answer{Status: status, Latency: call.took}, nil
		}); err != nil {
			t.Fatal(err)
		}
		res, err := sim.Run(p.Workflows[0], map[string]any{}, sim.Options{Registry: r, Seed: 1, Start: start, RunID: "r"})
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		top.check(t, res.Steps[0], src)
	})
}

// check holds a step that ended by itself against the oracle, and those inside of it.
func (n *nest) check(t *rapid.T, got machine.StepResult, src string) {
	want := n.plays()
	if got.Ending != want.ending || got.Ended-got.Started != want.took || !reflect.DeepEqual(got.Result, want.result) {
		t.Fatalf("%s: %s after %s with %v; want %s after %s with %v\n%s", got.Name, got.Ending, got.Ended-got.Started, got.Result, want.ending, want.took, want.result, src)
	}
	if n.inside == nil {
		return
	}
	for _, e := range n.schedule() {
		inner := got.Steps[e.at]
		began := got.Started + e.off - e.took
		switch {
		case e.off <= want.took && e.ending == machine.NotRun:
			if inner.Ending != machine.NotRun {
				t.Fatalf("%s is %s, want not_run\n%s", inner.Name, inner.Ending, src)
			}
		case e.off <= want.took:
			if inner.Started != began {
				t.Fatalf("%s begins at %s, want %s\n%s", inner.Name, inner.Started, began, src)
			}
			if n.loop {
				if inner.Ending != e.ending || inner.Ended != got.Started+e.off {
					t.Fatalf("%s is %s at %s, want %s at %s\n%s", inner.Name, inner.Ending, inner.Ended, e.ending, got.Started+e.off, src)
				}
				continue
			}
			n.inside[e.at].check(t, inner, src)
		case began < got.Ended:
			if inner.Ending != machine.Cancelled || inner.Ended != got.Ended {
				t.Fatalf("%s is %s at %s, want cancelled at %s\n%s", inner.Name, inner.Ending, inner.Ended, got.Ended, src)
			}
		case inner.Ending != machine.NotRun && inner.Ending != machine.Cancelled:
			t.Fatalf("%s is %s, and should not have begun\n%s", inner.Name, inner.Ending, src)
		}
	}
}
