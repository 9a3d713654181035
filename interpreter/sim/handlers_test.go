package sim_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/value"
)

// handlerChain is a Tasker configuration of n steps, one after the other, and its
// handler.
func handlerChain(t testing.TB, n int, handle builtins.Func) (*graph.Graph, *builtins.Registry) {
	t.Helper()
	r := builtins.New()
	sig := &value.Signature{Service: value.HandlerService, Operation: "H", Handler: true, Input: &value.Type{Kind: value.Record, Open: true}}
	if err := r.Register(sig, handle); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("name: chain\nstep_templates:\n  - {name: s0, handler_class: H}\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  - {name: s%d, handler_class: H, depends_on_step: s%d}\n", i, i-1)
	}
	p, problems := lang.Load(fstest.MapFS{"chain.yaml": {Data: []byte(b.String())}}, "chain.yaml", lang.Options{Catalog: r})
	if problems.HasErrors() {
		t.Fatal(problems.Err())
	}
	return p.Workflows[0], r
}

// allocated is how many bytes a run of a chain of handlers allocates for each step.
func allocated(t *testing.T, n int) float64 {
	g, r := handlerChain(t, n, func(context.Context, builtins.Call) (builtins.Answer, error) {
		return builtins.Answer{Status: 200, Body: map[string]any{"id": 1}}, nil
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := sim.Run(g, map[string]any{}, sim.Options{Registry: r}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
}

// TestHandlersShareTheirPast holds that what handlers know of the steps before them is
// shared: a chain ten times as long needs ten times the memory, and not a hundred times.
func TestHandlersShareTheirPast(t *testing.T) {
	short, long := allocated(t, 500), allocated(t, 5000)
	if long > 1.5*short {
		t.Errorf("%.0f bytes a step in a chain of 500, %.0f in one of 5000", short, long)
	}
}

// TestHandlersKnowTheirPast holds that a handler sees the results of all steps before
// its own, and of no other.
func TestHandlersKnowTheirPast(t *testing.T) {
	const src = `
name: diamond
step_templates:
  - {name: a, handler_class: H}
  - {name: b, handler_class: H, depends_on_step: a}
  - {name: c, handler_class: H, depends_on_step: a}
  - {name: d, handler_class: H, depends_on_steps: [b, c]}
  - {name: e, handler_class: H}
  - {name: f, handler_class: H, depends_on_step: d, handler_config: {last: true}}
`
	r := builtins.New()
	knew := map[string]string{}
	handle := func(_ context.Context, c builtins.Call) (builtins.Answer, error) {
		if _, ok := c.Context.Results.Result("nobody"); ok {
			t.Error("a step that does not exist has a result")
		}
		all := c.Context.Results.All()
		for name, want := range all {
			if got, ok := c.Context.Results.Result(name); !ok || got != want {
				t.Errorf("%s: the result of %s is %v and %v", c.Place, name, got, want)
			}
		}
		knew[c.Place] = fmt.Sprint(all, c.Context.Input, c.Context.Config)
		return builtins.Answer{Status: 200, Body: c.Place}, nil
	}
	sig := &value.Signature{Service: value.HandlerService, Operation: "H", Handler: true, Input: &value.Type{Kind: value.Record, Open: true}}
	if err := r.Register(sig, handle); err != nil {
		t.Fatal(err)
	}
	p, problems := lang.Load(fstest.MapFS{"d.yaml": {Data: []byte(src)}}, "d.yaml", lang.Options{Catalog: r})
	if problems.HasErrors() {
		t.Fatal(problems.Err())
	}
	if _, err := sim.Run(p.Workflows[0], map[string]any{"n": 1}, sim.Options{Registry: r}); err != nil {
		t.Fatal(err)
	}
	for step, want := range map[string]string{
		"a": "map[] map[n:1] map[]", "b": "map[a:a] map[n:1] map[]", "c": "map[a:a] map[n:1] map[]", "d": "map[a:a b:b c:c] map[n:1] map[]",
		"e": "map[] map[n:1] map[]", "f": "map[a:a b:b c:c d:d] map[n:1] map[last:true]",
	} {
		if knew[step] != want {
			t.Errorf("%s knew %s, not %s", step, knew[step], want)
		}
	}
}

// TestHandlersKnowWhatIsDoneAnew holds that a handler sees the new result of a step that was
// run again.
func TestHandlersKnowWhatIsDoneAnew(t *testing.T) {
	g, _ := handlerChain(t, 2, func(context.Context, builtins.Call) (builtins.Answer, error) { return builtins.Answer{}, nil })
	m := machine.New(g, map[string]any{}, machine.Config{RunID: "r"})
	apply := func(ev machine.Event) machine.Call {
		commands, err := m.Apply(ev)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range commands {
			if call, ok := c.(machine.Call); ok {
				return call
			}
		}
		return machine.Call{}
	}
	first := apply(machine.Started{})
	second := apply(machine.CallReturned{ID: first.ID, Status: 200, Body: "old"})
	apply(machine.CallReturned{ID: second.ID, Status: 200, Body: "old"})
	first = apply(machine.StepRetried{Step: g.Steps[0].Name})
	second = apply(machine.CallReturned{ID: first.ID, Status: 200, Body: "new"})
	if got, _ := second.Context.Past.Result(g.Steps[0].Name); got != "new" {
		t.Errorf("the step behind one that is done anew knows its result as %v", got)
	}
}

func BenchmarkHandlerChain(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, r := handlerChain(b, n, func(context.Context, builtins.Call) (builtins.Answer, error) {
				return builtins.Answer{Status: 200, Body: map[string]any{"id": 1}}, nil
			})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sim.Run(g, map[string]any{}, sim.Options{Registry: r}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/step")
		})
	}
}
