package sim_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/value"
	"wf/workflows"
)

// happening is an event, told so that it can happen to another run of the same graph at
// another time.
type happening struct {
	after time.Duration // since the event before
	event func(at time.Duration) machine.Event
	text  string
	well  bool // the run goes on by it
}

// puppet is a run to which the test decides what happens.
type puppet struct {
	g       *graph.Graph
	m       *machine.Machine
	history []happening
	said    string // what its last event brought
}

func newPuppet(g *graph.Graph, input map[string]any) *puppet {
	p := &puppet{g: g, m: machine.New(g, input, machine.Config{RunID: "r", Seed: 1, Start: start})}
	p.apply(happening{0, func(at time.Duration) machine.Event { return machine.Started{At: at} }, "started", true})
	return p
}

// apply lets something happen, and takes down what comes of it, all times measured from
// that moment.
func (p *puppet) apply(h happening) {
	commands, err := p.happens(h)
	now := p.m.Now()
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "refused\n")
	}
	for _, c := range commands {
		switch c := c.(type) {
		case machine.Call:
			given, _ := json.Marshal(c.Args)
			if c.Context != nil {
				given, _ = json.Marshal([]any{c.Context.Config, c.Context.Input, c.Context.Past.All()})
			}
			fmt.Fprintf(&b, "call %+v %s %s %s\n", c.ID, c.Place, c.Key, given)
		case machine.SetTimer:
			fmt.Fprintf(&b, "set %+v in %s\n", c.ID, c.At-now)
		default:
			fmt.Fprintf(&b, "%T %+v\n", c, c)
		}
	}
	if r := p.m.Result(); r != nil {
		output, _ := json.Marshal(r.Output)
		code := ""
		if r.Error != nil {
			code = r.Error.Code
		}
		fmt.Fprintf(&b, "ended %s %s %s\n", r.Ending, output, code)
		writeEndings(&b, r.Steps, true)
		writeEndings(&b, r.Closing, false)
	}
	p.said = b.String()
}

// happens lets something happen.
func (p *puppet) happens(h happening) ([]machine.Command, error) {
	p.history = append(p.history, h)
	return p.m.Apply(h.event(p.m.Now() + h.after))
}

// writeEndings writes how steps ended, and those inside; of those of the run also with which
// code.
func writeEndings(b *strings.Builder, steps []machine.StepResult, codes bool) {
	for _, s := range steps {
		fmt.Fprintf(b, "%s %s", s.Name, s.Ending)
		if codes && s.Error != nil {
			fmt.Fprintf(b, " %s", s.Error.Code)
		}
		b.WriteString("\n")
		for _, inner := range s.Steps {
			if s.Def.Nests() { // of the workflows that a call called one after the other the last one counts
				writeEndings(b, []machine.StepResult{inner}, false)
			}
		}
	}
}

func (p *puppet) story() string {
	var b strings.Builder
	at := time.Duration(0)
	for _, h := range p.history {
		at += h.after
		fmt.Fprintf(&b, "  +%s %s\n", at, h.text)
	}
	return b.String()
}

// moves lists what can happen next: every declared answer to every call, in two versions if
// that says anything; that none comes; the next timer; signals; that somebody gives up; and,
// at the end, that a person resolves a step.
func (p *puppet) moves() (out []happening) {
	now := p.m.Now()
	if p.m.Done() {
		for i, s := range p.m.Result().Steps {
			if s.Ending == machine.Failed {
				result := value.Example(p.g.Steps[i].Result)
				out = append(out, happening{10 * time.Millisecond, func(at time.Duration) machine.Event {
					return machine.StepResolved{At: at, Step: s.Name, Result: result}
				}, "resolved " + s.Name, false})
			}
		}
		return out
	}
	var first *machine.SetTimer
	for _, c := range p.m.Pending() {
		switch c := c.(type) {
		case machine.Call:
			out = append(out, answersTo(c)...)
		case machine.SetTimer:
			if first == nil || c.At < first.At {
				first = &c
			}
		}
	}
	if first != nil {
		if first.At > now+10*time.Millisecond {
			for _, h := range slices.Clone(out) {
				h.after = 10 * time.Millisecond
				out = append(out, h)
			}
		}
		id := first.ID
		out = append(out, happening{first.At - now, func(at time.Duration) machine.Event { return machine.TimerFired{At: at, ID: id} }, "timer " + id.String(), true})
	}
	for _, s := range p.g.Sendable() {
		for i := range 2 {
			payload := any(nil)
			if s.Payload != nil {
				payload = version(value.Example(s.Payload), i)
			}
			out = append(out, happening{0, func(at time.Duration) machine.Event {
				return machine.SignalReceived{At: at, Name: s.Name, Payload: payload}
			}, fmt.Sprint("signal ", s.Name, payload), false})
		}
	}
	return append(out, happening{0, func(at time.Duration) machine.Event { return machine.CancelRequested{At: at} }, "cancelled", false})
}

// answersTo lists what may come of a call.
func answersTo(c machine.Call) (out []happening) {
	returned := func(status int, class string, body any, headers map[string]string) {
		said, _ := json.Marshal(body)
		out = append(out, happening{0, func(at time.Duration) machine.Event {
			return machine.CallReturned{At: at, ID: c.ID, Status: status, Class: class, Body: body, Headers: headers}
		}, fmt.Sprintf("%s %d%s %s %v", c.ID, status, class, said, headers), class == "" && status < 400})
	}
	for _, o := range c.Call.Sig.Outcomes {
		if o.Status == 0 && o.Name == "" { // a range
			continue
		}
		if o.Body == nil {
			returned(o.Status, o.Name, nil, nil)
			continue
		}
		returned(o.Status, o.Name, value.Example(o.Body), nil)
		returned(o.Status, o.Name, version(value.Example(o.Body), 1), nil)
	}
	returned(503, "", nil, nil)
	returned(503, "", nil, map[string]string{"retry-after": "2"})
	for _, class := range []string{value.Unreachable, value.Timeout} {
		out = append(out, happening{0, func(at time.Duration) machine.Event {
			return machine.CallFailed{At: at, ID: c.ID, Class: class, Message: "no answer"}
		}, c.ID.String() + " " + class, false})
	}
	return out
}

// version is a value in one of two versions: the numbers and truth values in it differ.
func version(v any, n int) any {
	switch v := v.(type) {
	case int:
		return v + n
	case float64:
		return v + float64(n)
	case bool:
		return v != (n == 1)
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = version(e, n)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = version(v[i], n)
		}
		return out
	}
	return v
}

// meetings counts what a test of digests saw.
type meetings struct{ states, met int }

// explore lets all happen that can, in a graph, state by state, up to a number of them.
// Whenever two different histories have the same digest, what happens next has to come out
// the same in both, and to lead to equal digests; a longer future is tried too. It returns how
// they differ.
func explore(g *graph.Graph, input map[string]any, seed uint64, states int, count *meetings) (problem string) {
	h := machine.NewHasher(g)
	r := rand.New(rand.NewPCG(seed, 1))
	begin := newPuppet(g, input)
	known := map[value.Digest][]happening{h.Digest(begin.m): begin.history}
	frontier := [][]happening{begin.history}
	for ; len(frontier) > 0 && states > 0; states-- {
		i := 0 // the oldest, so that short histories are complete
		if states%2 == 0 {
			i = r.IntN(len(frontier))
		}
		history := frontier[i]
		frontier = slices.Delete(frontier, i, i+1)
		for _, move := range replay(g, input, history).moves() {
			p := replay(g, input, append(history[:len(history):len(history)], move))
			d := h.Digest(p.m)
			switch other, met := known[d]; {
			case !met:
				known[d] = p.history
				frontier = append(frontier, p.history)
				count.states++
			case !equalHistories(other, p.history):
				count.met++
				if problem := diverges(h, g, input, other, p.history, r); problem != "" {
					return problem
				}
			}
		}
	}
	return ""
}

func replay(g *graph.Graph, input map[string]any, history []happening) *puppet {
	p := &puppet{g: g, m: machine.New(g, input, machine.Config{RunID: "r", Seed: 1, Start: start})}
	for _, h := range history {
		p.happens(h)
	}
	return p
}

func equalHistories(a, b []happening) bool {
	return slices.EqualFunc(a, b, func(a, b happening) bool { return a.after == b.after && a.text == b.text })
}

// diverges lets the same happen to two runs that have met: all that can happen next, each by
// itself; and then one long future.
func diverges(h *machine.Hasher, g *graph.Graph, input map[string]any, a, b []happening, r *rand.Rand) string {
	x, y := replay(g, input, a), replay(g, input, b)
	differ := func() string {
		if dx, dy := h.Digest(x.m), h.Digest(y.m); x.said != y.said || dx != dy {
			return fmt.Sprintf("two runs with one digest differ later.\nafter\n%sthe one says\n%s\nafter\n%sthe other says\n%s\n(the digests are %x, %x)\nthey met at event %d of the one, %d of the other",
				x.story(), x.said, y.story(), y.said, dx, dy, len(a), len(b))
		}
		return ""
	}
	for _, move := range x.moves() {
		x, y = replay(g, input, a), replay(g, input, b)
		x.apply(move)
		y.apply(move)
		if problem := differ(); problem != "" {
			return problem
		}
	}
	x, y = replay(g, input, a), replay(g, input, b)
	for range 12 {
		moves := x.moves()
		if len(moves) == 0 {
			break
		}
		move := moves[r.IntN(len(moves))]
		if r.IntN(3) > 0 { // it goes on rather than fails
			for i := 0; !move.well && i < 3; i++ {
				move = moves[r.IntN(len(moves))]
			}
		}
		x.apply(move)
		y.apply(move)
		if problem := differ(); problem != "" {
			return problem
		}
	}
	return ""
}

// TestDigest lets runs of all definitions of the golden archives meet.
func TestDigest(t *testing.T) {
	files, _ := filepath.Glob("../../golden/testdata/*.txtar")
	var all meetings
	graphs, states := 0, 8
	if testing.Short() {
		states = 3
	}
	for _, file := range files {
		name := filepath.Base(file)
		if !strings.HasPrefix(name, "err_") {
			for _, g := range archived(t, file) {
				input, violations := interpreter.Prepare(g, value.Example(g.Input), "r", start)
				if len(violations) > 0 {
					continue
				}
				graphs++
				if problem := explore(g, input, 7, states, &all); problem != "" {
					t.Errorf("%s, %s: %s", name, g.FullName(), problem)
				}
			}
		}
	}
	if graphs < 100 || all.met < all.states/4 {
		t.Errorf("%d graphs, %d states, only %d meetings", graphs, all.states, all.met)
	}
}

func archived(t *testing.T, file string) []*graph.Graph {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for _, f := range txtar.Parse(text).Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	var out []*graph.Graph
	for _, main := range []string{"flow.wf", "flow.yaml"} {
		if fsys[main] != nil {
			if p, problems := lang.Load(fsys, main, lang.Options{StubHandlers: true}); !problems.HasErrors() {
				out = append(out, p.Workflows...)
			}
		}
	}
	return out
}

// TestDigestAlone explores definitions in which one thing alone, that a digest has, says what
// comes next.
func TestDigestAlone(t *testing.T) {
	const services = `
service s {
  5xx
  operation do   { input { of any }, 200 { id int }, 404 }
  operation ask  { 200 { id int } }
  operation take { input { of any }, 200 { id int } }
}
service few {
  5xx
  limit 1
  breaker 1 failures in 10s, open 30s
  operation do { 200 }
  operation go { 200 }
}
service slow {
  limit 1 per 15ms
  operation do { 200 }
}
`
	for name, src := range map[string]string{
		"names": `workflow w {
  step a {
  let x = call s.ask
  call s.take { of: 1 }
  return x
}
  output a }`,
		"a clause that says the body": `workflow w {
  step a {
  call s.do { of: 1 }
  on 200 {
    let x = body
    call s.ask
    return x
  }
}
  output a }`,
		"a clause that falls through": `workflow w {
  step a {
  let x = call s.do { of: 1 }
  on 404 { call s.ask }
  return x?.id
}
  output a }`,
		"arms": `workflow w {
  step z { call s.ask }
  step a after z {
  switch z.id > 1 {
    when true {
      call s.take { of: 1 }
      call s.take { of: 2 }
    },
    when false {
      call s.take { of: 1 }
      call s.take { of: 3 }
    }
  }
} }`,
		"rounds": `workflow w {
  step a {
  call s.do { of: 1 }
  on 404 {
    call s.ask
    retry 3 attempts, backoff 10ms
  }
} }`,
		"counts": `workflow w {
  step a {
  retry 3 attempts, backoff 10ms
  call s.do { of: 1 }
  on 404 { retry 3 attempts, backoff 10ms }
} }`,
		"keys": `workflow w {
  step z { call s.ask }
  step a {
  retry 3 attempts, backoff 10ms
  call s.take { of: 1 }
  undo { call s.take { of: key } }
}
  step b after a { call s.ask } }`,
		"effects": `workflow w {
  step a {
  call s.take { of: 1 }
  undo { call s.take { of: [1, body?.id] } }
}
  step b {
  let x = call s.ask
  call s.take { of: 2 }
  undo { call s.take { of: [2, x.id] } }
}
  step c after a, b { call s.ask } }`,
		"effects that stand": `workflow w {
  step a {
    step x {
      call s.take { of: 1 }
      undo until y, c { call s.take { of: [1, body?.id] } }
    }
    step y after x { call s.ask }
    on failed { degrade 0 }
  }
  step b {
    let x = call s.ask
    call s.take { of: 2 }
    undo until c { call s.take { of: [2, x.id] } }
  }
  step c after a, b { call s.ask }
  step d after c { call s.ask } }`,
		"what a step does at its end": `workflow w {
  step a {
  first 1
  step b { call s.ask }
  step c { call s.ask }
  on failed { degrade 0 }
  finally { call s.take { of: 1 } }
  return [b?.id, c?.id]
}
  output a }`,
		"the end of a run": `workflow w {
  step a {
  call s.ask
  undo { call s.take { of: 1 } }
}
  step b after a { call s.ask }
  on failed { call s.take { of: error.code } }
  finally { call s.take { of: 3 } }
  output [a.id, b.id]
}`,
		"items": `workflow w {
  step z { call s.ask }
  step a for i in [1, z.id, 3] by string(i) {
  limit 1
  tolerate 1
  call s.take { of: i }
  undo { call s.take { of: i } }
}
  step b after a { call s.take { of: failures(a) } }
  output a }`,
		"a race of items": `workflow w {
  step a for i in [1, 2, 3] {
  first 2
  call s.take { of: i }
}
  output a }`,
		"groups": `workflow w { limit 2
  step a { limit 1
    step b { call s.ask }
    step c { call s.ask }
    step d after b, c { call s.take { of: b.id } }
  }
  step e { call s.ask }
  step f { call s.ask }
  output [a.b.id, e.id]
}`,
		"deadlines": `workflow w { within 1s
  step a {
    within 25ms
    retry 5 attempts, backoff 10ms
    call s.do { of: 1 }
    on failed {
      call s.take { of: [status, error.message] }
      degrade 0
    }
  }
  step b { call s.ask }
}`,
		"bounds": `workflow w {
  step a { retry 2 attempts, backoff 10ms
    call few.do }
  step b { call few.go }
  step c { call few.do }
  step d { call s.ask }
}`,
		"rates": `workflow w {
  step a { call slow.do }
  step b { call slow.do }
  step d { call s.ask }
}`,
		"signals": `workflow w {
  signal hello { id int }
  step z { call s.ask }
  step a after z {
    wait for hello within 1s
    on received { return body.id }
    on timeout { return 0 }
  }
  step b after a {
    wait for hello
    return 1
  }
  output a
}`,
		"what a step has when it goes on": `workflow w {
  step a {
    call s.ask
    wait 10ms
  }
  step b {
    call s.do { of: 1 }
    on 404 {
      wait 10ms
      degrade status
    }
    on failed { return error.code }
  }
  output [a.id, b]
}`,
		"pauses": `workflow w {
  step a {
    let x = call s.ask
    wait 10ms
    wait 20ms
    return x.id
  }
  step b { call s.ask }
  output a
}`,
		"moments": `workflow w {
  step a { call s.ask }
  step b after a { wait until time("2026-01-02T09:00:00.015Z") }
}`,
		"who waited first": `workflow w {
  signal hello
  step y { call s.ask }
  step z { call s.ask }
  step a after y {
    wait for hello
    return 1
  }
  step b after z {
    wait for hello
    return 1
  }
  step c after a { call s.take { of: 1 } }
  step d after b { call s.take { of: 2 } }
}`,
		"who is held first": `workflow w {
  step x { call few.do }
  step y { call s.ask }
  step z { call s.ask }
  step a after y { call few.do }
  step b after z { call few.go }
}`,
		"what the clock shows": `workflow w {
  step z { call s.ask }
  step y { call s.ask }
  step a after z { call s.ask }
  step b after a { wait until time("2026-01-02T09:00:00.025Z") }
  step c after y {
    timeout 5ms
    call s.take { of: 1 }
  }
}`,
		"what was wrong": `workflow w {
  step a {
    step b {
      retry 2 attempts, backoff 10ms
      call s.do { of: 1 }
    }
    step c { call s.ask }
    on failed {
      call s.take { of: error.message }
      degrade 0
    }
  }
}`,
		"requests": `workflow w {
  step a {
    retry 4 attempts, backoff 10ms
    call s.do { of: 1 }
    on 404 { retry }
  }
}`,
		"called": `workflow inner { input { n int }
  step a {
    call s.take { of: [input.n, run.started_at] }
    undo { call s.take { of: input.n } }
  }
  step b after a { call s.take { of: run.id } }
  output a.id
}
workflow w {
  step z { call s.ask }
  step y {
    within 35ms
    retry 2 attempts, backoff 10ms
    timeout 25ms
    call inner { n: z.id }
    on failed { degrade 0 }
  }
  step x after y { call s.ask }
  output y
}`,
	} {
		p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(services + src)}}, "flow.wf", lang.Options{})
		if problems.HasErrors() {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		states := 100
		if testing.Short() {
			states = 30
		}
		var count meetings
		if problem := explore(p.Workflows[len(p.Workflows)-1], map[string]any{}, 3, states, &count); problem != "" {
			t.Errorf("%s: %s", name, problem)
		}
		if count.met == 0 {
			t.Errorf("%s: no states have met", name)
		}
	}
}

// TestDigestRandom lets runs of random definitions meet.
func TestDigestRandom(t *testing.T) {
	draw := map[string]func(*rapid.T) string{
		"steps": func(t *rapid.T) string { return drawModel(t).source() },
		"inner": func(t *rapid.T) string { return drawNest(t, "top", 3, new(int)).source() },
		"guards": func(t *rapid.T) string {
			src, _ := drawGuards(t)
			return src
		},
	}
	for name, source := range draw {
		t.Run(name, func(t *testing.T) {
			var count meetings
			rapid.Check(t, func(t *rapid.T) {
				src := source(t)
				p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(src)}}, "flow.wf", lang.Options{})
				if problems.HasErrors() {
					t.Fatalf("%v\n%s", problems, src)
				}
				g := p.Workflows[0]
				input := map[string]any{}
				if len(g.Input.Fields) > 0 {
					input["yes"] = true
				}
				if problem := explore(g, input, rapid.Uint64().Draw(t, "seed"), 6, &count); problem != "" {
					t.Fatalf("%s\n%s", problem, src)
				}
			})
			if count.met < count.states/20 { // chance may draw few that do
				t.Errorf("%d states, only %d meetings", count.states, count.met)
			}
		})
	}
}

// TestDigestMeets holds what makes two states one, and what does not.
func TestDigestMeets(t *testing.T) {
	const services = `
service s {
  5xx
  operation do   { input { of any }, 200 { id int }, 404 { why string } }
  operation undo { input { of any }, 200 }
}
service guarded {
  5xx
  breaker 2 failures in 10s, open 30s
  operation do { 200 { id int } }
}
`
	lines := strings.NewReplacer(" step ", "\nstep ", " call ", "\ncall ", " retry ", "\nretry ", " return ", "\nreturn ", " undo ", "\nundo ", " on ", "\non ", " output ", "\noutput ")
	for _, tt := range []struct {
		name, steps string
		a, b        string // what happens: "+1s a#1 200", "signal x"
		meet        bool
	}{
		{"independent answers in two orders", `step a { call s.do { of: 1 } } step b { call s.do { of: 2 } } step c { call s.do { of: a.id + b.id } }`,
			"a#1 200, b#1 200", "b#1 200, +1s a#1 200", true},
		{"an answer at once, and after a retry", `step a { retry 3 attempts, backoff 1s call s.do { of: 1 } } step b { call s.do { of: a.id } }`,
			"a#1 200", "a#1 503, +1s a#2:backoff, a#2 200", true},
		{"a result that nobody reads", `step a { call s.do { of: 1 } } step b after a { call s.do { of: 2 } }`,
			"a#1 200", "a#1 200 other", true},
		{"a result that a step reads", `step a { call s.do { of: 1 } } step b after a { call s.do { of: 2 } } step c after b { call s.do { of: a.id } }`,
			"a#1 200", "a#1 200 other", false},
		{"a result that was read", `step a { call s.do { of: 1 } } step b { call s.do { of: a.id == 7 } return 1 } step c after b { call s.do { of: 2 } }`,
			"a#1 200, b#1 200", "a#1 200 other, b#1 200", true},
		{"a result that the output reads", `step a { call s.do { of: 1 } } step b after a { call s.do { of: 2 } } output a.id`,
			"a#1 200", "a#1 200 other", false},
		{"a result that an undo reads", `step a { call s.do { of: 1 } undo { call s.undo { of: body?.id } } } step b after a { call s.do { of: 2 } }`,
			"a#1 200", "a#1 200 other", false},
		{"effects in two orders", `step a { call s.do { of: 1 } undo { call s.undo { of: 1 } } } step b { call s.do { of: 2 } undo { call s.undo { of: 2 } } } step c after a, b { call s.do { of: 3 } }`,
			"a#1 200, b#1 200", "b#1 200, a#1 200", false},
		{"a result that an undo may still read", `step a { call s.do { of: 1 } undo until b { call s.undo { of: body?.id } } } step b after a { call s.do { of: 2 } } step c after b { call s.do { of: 3 } }`,
			"a#1 200", "a#1 200 other", false},
		{"a result of what stands", `step a { call s.do { of: 1 } undo until b { call s.undo { of: body?.id } } } step b after a { call s.do { of: 2 } } step c after b { call s.do { of: 3 } }`,
			"a#1 200, b#1 200", "a#1 200 other, b#1 200", true},
		{"an attempt that failed in one way or another", `step a { retry 3 attempts, backoff 1s call s.do { of: 1 } }`,
			"a#1 503", "a#1 unreachable", true},
		{"one that a clause may be told of", `step a { within 1m retry 3 attempts, backoff 1s call s.do { of: 1 } on failed { return status } }`,
			"+2s a#1 503", "+2s a#1 unreachable", false},
		{"a backoff, sooner and later", `step a { retry 3 attempts, backoff 1s call s.do { of: 1 } }`,
			"a#1 503", "+5s a#1 503", true},
		{"a deadline, sooner and later", `step a { within 1m call s.do { of: 1 } } step b { call s.do { of: 1 } }`,
			"b#1 200", "+5s b#1 200", false},
		{"a wait until a moment", `step a { call s.do { of: 1 } } step b after a { wait until time("2026-01-02T09:00:10Z") }`,
			"a#1 200", "+5s a#1 200", false},
		{"a failure that the breaker has forgotten", `step a { retry 9 attempts, backoff 1s call guarded.do } step b { call s.do { of: 1 } } step c { call guarded.do } step d after a, b, c { call guarded.do }`,
			"a#1 503, +1s a#2:backoff, a#2 200, +20s b#1 200", "a#1 200, +20s b#1 200", true},
		{"a failure that it knows", `step a { retry 9 attempts, backoff 1s call guarded.do } step b { call s.do { of: 1 } } step c { call guarded.do } step d after a, b, c { call guarded.do }`,
			"a#1 503, +1s a#2:backoff, a#2 200, +5s b#1 200", "a#1 200, +6s b#1 200", false},
	} {
		p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(services + "workflow w {\n" + lines.Replace(tt.steps) + "\n}\n")}}, "flow.wf", lang.Options{})
		if problems.HasErrors() {
			t.Fatalf("%s: %v", tt.name, problems)
		}
		g := p.Workflows[0]
		h := machine.NewHasher(g)
		a, b := scripted(t, g, tt.a), scripted(t, g, tt.b)
		if meet := h.Digest(a.m) == h.Digest(b.m); meet != tt.meet {
			t.Errorf("%s: equal digests: %v, want %v\nafter\n%safter\n%s", tt.name, meet, tt.meet, a.story(), b.story())
		}
		if again := machine.NewHasher(g).Digest(replay(g, map[string]any{}, a.history).m); again != h.Digest(a.m) {
			t.Errorf("%s: the same history has another digest", tt.name)
		}
	}
}

// scripted is a run to which happens what a line says.
func scripted(t *testing.T, g *graph.Graph, script string) *puppet {
	p := newPuppet(g, map[string]any{})
	for _, line := range strings.Split(script, ", ") {
		words := strings.Fields(line)
		after := time.Duration(0)
		if rest, later := strings.CutPrefix(words[0], "+"); later {
			after, _ = time.ParseDuration(rest)
			words = words[1:]
		}
		done := false
		for _, c := range p.m.Pending() {
			switch c := c.(type) {
			case machine.SetTimer:
				if id := c.ID; id.String() == words[0] {
					p.apply(happening{after, func(at time.Duration) machine.Event { return machine.TimerFired{At: at, ID: id} }, line, true})
					done = true
				}
			case machine.Call:
				if c.ID.String() == words[0] {
					p.apply(happening{after, func(at time.Duration) machine.Event { return answered(c.ID, at, words[1:]) }, line, true})
					done = true
				}
			}
		}
		if !done {
			t.Fatalf("%s: nobody waits for that", line)
		}
	}
	return p
}

func answered(id machine.ID, at time.Duration, words []string) machine.Event {
	body := map[string]any{"id": len(words)}
	switch words[0] {
	case "200":
		return machine.CallReturned{At: at, ID: id, Status: 200, Body: body}
	case "503":
		return machine.CallReturned{At: at, ID: id, Status: 503}
	}
	return machine.CallFailed{At: at, ID: id, Class: words[0]}
}

// BenchmarkDigest measures the registration of a user, of which half has happened.
func BenchmarkDigest(b *testing.B) {
	p, problems := lang.Load(workflows.FS, "user_registration.wf", lang.Options{})
	if problems.HasErrors() {
		b.Fatal(problems)
	}
	g := p.Workflows[0]
	input, violations := interpreter.Prepare(g, value.Example(g.Input), "r", start)
	if len(violations) > 0 {
		b.Fatal(violations)
	}
	for _, events := range []int{2, 4, 6} {
		b.Run(fmt.Sprintf("after %d events", events), func(b *testing.B) {
			run := newPuppet(g, input)
			for range events {
				for _, c := range run.m.Pending() {
					if c, ok := c.(machine.Call); ok {
						o := c.Call.Sig.Outcomes[0]
						run.apply(happening{time.Second, func(at time.Duration) machine.Event {
							return machine.CallReturned{At: at, ID: c.ID, Status: o.Status, Body: value.Example(o.Body)}
						}, "", true})
						break
					}
				}
			}
			h := machine.NewHasher(g)
			b.ReportAllocs()
			for b.Loop() {
				h.Digest(run.m)
			}
		})
	}
}
