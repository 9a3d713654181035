package sim_test

import (
	"context"
	"fmt"
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
	"wf/lang/value"
)

// TestGuards runs loops of calls against a service with random limits and a random
// breaker, and judges the trace by the rules of the language alone, one entry after the
// other, with lists of everything that happened.
func TestGuards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, judge := drawGuards(t)
		p, problems := lang.Load(fstest.MapFS{"w.wf": {Data: []byte(src)}}, "w.wf", lang.Options{})
		if problems.HasErrors() {
			t.Fatalf("%s\n%v", src, problems)
		}
		outcomes := rapid.SliceOfN(rapid.SampledFrom([]int{200, 200, 404, 503, 503, 503}), 1, 40).Draw(t, "outcomes")
		latencies := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 7).Draw(t, "latencies")
		n := 0
		r := builtins.New()
		for _, op := range p.Services[0].Operations {
			must(t, r.Register(op, func(context.Context, builtins.Call) (builtins.Answer, error) {
				n++
				return builtins.Answer{Status: outcomes[n%len(outcomes)], Latency: time.Duration(latencies[n%len(latencies)]) * 100 * time.Millisecond}, nil
			}))
		}
		var lines []string
		_, err := sim.Run(p.Workflows[0], map[string]any{}, sim.Options{Registry: r, RunID: "r", Trace: func(e machine.Entry) {
			lines = append(lines, fmt.Sprint(e.At, " ", e.Line()))
			judge.entry(e)
		}})
		must(t, err)
		if len(judge.held) > 0 || len(judge.underWay) > 0 {
			judge.complain("held or under way at the end: %v %v", judge.held, judge.underWay)
		}
		if len(judge.problems) > 0 {
			t.Fatalf("%s\n%s\n%s", src, strings.Join(lines, "\n"), strings.Join(judge.problems, "\n"))
		}
	})
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func drawGuards(t *rapid.T) (src string, j *guardJudge) {
	j = &guardJudge{guards: map[string]value.Guard{}, ops: map[string]string{}, state: machine.BreakerClosed}
	bounds := func(of string) string {
		g := value.Guard{Limit: rapid.IntRange(0, 3).Draw(t, "limit")}
		text := ""
		if g.Limit > 0 {
			text += fmt.Sprintf("  limit %d\n", g.Limit)
		}
		if rapid.Bool().Draw(t, "rated") {
			g.Rate = value.Rate{Calls: rapid.IntRange(1, 4).Draw(t, "calls"), Per: time.Duration(rapid.IntRange(1, 30).Draw(t, "per")) * 100 * time.Millisecond}
			text += fmt.Sprintf("  limit %d per %s\n", g.Rate.Calls, value.FormatDuration(g.Rate.Per))
		}
		j.guards[of] = g
		return text
	}
	var b strings.Builder
	b.WriteString("service s {\n  5xx\n" + bounds("s"))
	if rapid.Bool().Draw(t, "breaker") {
		j.breaker = value.Breaker{Failures: rapid.IntRange(1, 4).Draw(t, "failures"), In: time.Duration(rapid.IntRange(1, 20).Draw(t, "in")) * 100 * time.Millisecond,
			Open: time.Duration(rapid.IntRange(1, 20).Draw(t, "open")) * 100 * time.Millisecond}
		fmt.Fprintf(&b, "  breaker %d failures in %s, open %s\n", j.breaker.Failures, value.FormatDuration(j.breaker.In), value.FormatDuration(j.breaker.Open))
	}
	for _, op := range []string{"a", "b"} {
		fmt.Fprintf(&b, "  operation %s {\n    200, 404\n%s  }\n", op, bounds("s."+op))
	}
	b.WriteString("}\nworkflow w {\n")
	for i := range rapid.IntRange(1, 4).Draw(t, "loops") {
		n := rapid.IntRange(1, 6).Draw(t, "items")
		fmt.Fprintf(&b, "  step l%d for i in 1..%d {\n    tolerate %d\n    retry %d attempts, backoff 130ms\n", i, n, n, rapid.IntRange(1, 3).Draw(t, "attempts"))
		if rapid.Bool().Draw(t, "bounded") {
			fmt.Fprintf(&b, "    timeout %dms\n", rapid.IntRange(3, 9).Draw(t, "timeout")*100-50)
		}
		if rapid.Bool().Draw(t, "enough") {
			b.WriteString("    first 1\n")
		}
		if rapid.IntRange(0, 3).Draw(t, "late") == 0 {
			fmt.Fprintf(&b, "    within %dms\n", rapid.IntRange(10, 25).Draw(t, "within")*40+503)
		}
		op := rapid.SampledFrom([]string{"s.a", "s.b"}).Draw(t, "op")
		j.ops[fmt.Sprintf("l%d", i)] = op
		b.WriteString(strings.Repeat("    call "+op+"\n", rapid.IntRange(1, 2).Draw(t, "calls of an item")) + "  }\n")
	}
	b.WriteString("}\n")
	return b.String(), j
}

// guardJudge knows all that happened to the calls of a service.
type guardJudge struct {
	guards   map[string]value.Guard // of "s", "s.a", "s.b"
	breaker  value.Breaker
	problems []string

	ops      map[string]string // of the loops
	now      time.Duration
	underWay []attempt
	held     []attempt
	made     []attempt

	state    machine.BreakerState
	until    time.Duration
	probe    string          // the attempt that is the probe
	failures []time.Duration // since the breaker was closed
}

type attempt struct {
	id, step, op string
	at           time.Duration
}

func (j *guardJudge) complain(format string, args ...any) {
	j.problems = append(j.problems, fmt.Sprintf("at %s: ", j.now)+fmt.Sprintf(format, args...))
}

// bounded says whether anything bounds the calls of an operation.
func (j *guardJudge) bounded(op string) bool {
	return j.breaker.On() || j.guards["s"] != (value.Guard{}) || j.guards[op] != (value.Guard{})
}

// full says whether the rules forbid another call of an operation.
func (j *guardJudge) full(op string) bool {
	if j.state == machine.BreakerHalfOpen && j.probe != "" {
		return true
	}
	for of, g := range j.guards {
		if of != "s" && of != op {
			continue
		}
		running, calls := 0, 0
		for _, a := range j.underWay {
			if of == "s" || a.op == op {
				running++
			}
		}
		for _, a := range j.made {
			if (of == "s" || a.op == op) && a.at > j.now-g.Rate.Per {
				calls++
			}
		}
		if g.Limit > 0 && running >= g.Limit || g.Rate.Calls > 0 && calls >= g.Rate.Calls {
			return true
		}
	}
	return false
}

func (j *guardJudge) refuses() bool {
	return j.state == machine.BreakerOpened && j.now < j.until
}

func (j *guardJudge) entry(e machine.Entry) {
	if e.At > j.now { // a moment is over: nothing is held that may go
		for _, a := range j.held {
			if !j.full(a.op) || j.refuses() {
				j.complain("%s is held for no reason", a.id)
			}
		}
		j.now = e.At
	}
	a := attempt{id: fmt.Sprintf("%s#%d", e.Place, e.Attempt), step: e.Step, at: e.At}
	loop, _, _ := strings.Cut(e.Step, "[")
	a.op = j.ops[loop]
	isIt := func(o attempt) bool { return o.id == a.id }
	switch e.Kind {
	case machine.EntryHeld:
		j.held = append(j.held, a)
	case machine.EntryCall:
		i := slices.IndexFunc(j.held, isIt)
		for k, o := range j.held {
			if (i < 0 || k < i) && j.bounded(a.op) && !j.full(o.op) {
				j.complain("%s goes before %s", a.id, o.id)
			}
		}
		if i >= 0 {
			j.held = slices.Delete(j.held, i, i+1)
		}
		if j.full(a.op) {
			j.complain("%s is made beyond a limit", a.id)
		}
		if j.refuses() {
			j.complain("%s is made though the breaker is %s", a.id, j.state)
		}
		if j.state != machine.BreakerClosed {
			j.state, j.probe = machine.BreakerHalfOpen, a.id
		}
		j.underWay, j.made = append(j.underWay, a), append(j.made, a)
	case machine.EntryRefused:
		j.held = slices.DeleteFunc(j.held, isIt)
		if !j.refuses() {
			j.complain("%s is refused though the breaker is %s", a.id, j.state)
		}
	case machine.EntryAnswer:
		j.underWay = slices.DeleteFunc(j.underWay, isIt)
		j.answered(a.id, e.Outcome == "503" || e.Outcome == "timeout")
	case machine.EntryBreaker:
		if e.State != j.state && e.State != machine.BreakerHalfOpen {
			j.complain("the breaker is %s, and should be %s", e.State, j.state)
		}
	case machine.EntryStepEnded: // given up, if it is still there
		j.held = slices.DeleteFunc(j.held, func(o attempt) bool { return o.step == e.Step })
		j.underWay = slices.DeleteFunc(j.underWay, func(o attempt) bool {
			if o.step == e.Step && o.id == j.probe {
				j.probe = ""
			}
			return o.step == e.Step
		})
	}
}

func (j *guardJudge) answered(id string, failed bool) {
	open := func() { j.state, j.until, j.failures = machine.BreakerOpened, j.now+j.breaker.Open, nil }
	switch {
	case !j.breaker.On():
	case id == j.probe:
		if j.probe = ""; failed {
			open()
		} else {
			j.state, j.failures = machine.BreakerClosed, nil
		}
	case j.state == machine.BreakerClosed && failed:
		j.failures = append(j.failures, j.now)
		n := 0
		for _, at := range j.failures {
			if at > j.now-j.breaker.In {
				n++
			}
		}
		if n >= j.breaker.Failures {
			open()
		}
	}
}
