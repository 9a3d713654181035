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
	p.apply(happening{0, func(at time.Duration) machine.Event { return machine.Started{At: at} }, "started"})
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
				}, "resolved " + s.Name})
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
		out = append(out, happening{first.At - now, func(at time.Duration) machine.Event { return machine.TimerFired{At: at, ID: id} }, "timer " + id.String()})
	}
	for _, s := range p.g.Sendable() {
		for i := range 2 {
			payload := any(nil)
			if s.Payload != nil {
				payload = version(value.Example(s.Payload), i)
			}
			out = append(out, happening{0, func(at time.Duration) machine.Event {
				return machine.SignalReceived{At: at, Name: s.Name, Payload: payload}
			}, fmt.Sprint("signal ", s.Name, payload)})
		}
	}
	return append(out, happening{0, func(at time.Duration) machine.Event { return machine.CancelRequested{At: at} }, "cancelled"})
}

// answersTo lists what may come of a call.
func answersTo(c machine.Call) (out []happening) {
	returned := func(status int, class string, body any, headers map[string]string) {
		said, _ := json.Marshal(body)
		out = append(out, happening{0, func(at time.Duration) machine.Event {
			return machine.CallReturned{At: at, ID: c.ID, Status: status, Class: class, Body: body, Headers: headers}
		}, fmt.Sprintf("%s %d%s %s %v", c.ID, status, class, said, headers)})
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
		}, c.ID.String() + " " + class})
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
		i := r.IntN(len(frontier))
		history := frontier[i]
		frontier[i] = frontier[len(frontier)-1]
		frontier = frontier[:len(frontier)-1]
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

// diverges lets the same happen to two runs that have met.
func diverges(h *machine.Hasher, g *graph.Graph, input map[string]any, a, b []happening, r *rand.Rand) string {
	x, y := replay(g, input, a), replay(g, input, b)
	for range 12 {
		moves := x.moves()
		if len(moves) == 0 {
			break
		}
		move := moves[r.IntN(len(moves))]
		if move.text == "cancelled" { // not so often
			move = moves[r.IntN(len(moves))]
		}
		x.apply(move)
		y.apply(move)
		dx, dy := h.Digest(x.m), h.Digest(y.m)
		if x.said != y.said || dx != dy {
			return fmt.Sprintf("two runs with one digest differ later.\nafter\n%sthe one says\n%s\nafter\n%sthe other says\n%s\n(the digests are %x, %x)\nthey met at event %d of the one, %d of the other", x.story(), x.said, y.story(), y.said, dx, dy, len(a), len(b))
		}
	}
	return ""
}

// TestDigest lets runs of all definitions of the golden archives meet.
func TestDigest(t *testing.T) {
	files, _ := filepath.Glob("../../golden/testdata/*.txtar")
	var all meetings
	graphs, states := 0, 60
	if testing.Short() {
		states = 10
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
				if problem := explore(g, input, rapid.Uint64().Draw(t, "seed"), 20, &count); problem != "" {
					t.Fatalf("%s\n%s", problem, src)
				}
			})
			if count.met < count.states/10 {
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
					p.apply(happening{after, func(at time.Duration) machine.Event { return machine.TimerFired{At: at, ID: id} }, line})
					done = true
				}
			case machine.Call:
				if c.ID.String() == words[0] {
					p.apply(happening{after, func(at time.Duration) machine.Event { return answered(c.ID, at, words[1:]) }, line})
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
						}, ""})
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
