package durable_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wf/builtins"
	"wf/interpreter"
	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/journal/memory"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/value"
	"wf/mocks"
	"wf/workflows"
)

// job is a workflow with its input and the services that it calls.
type job struct {
	definition journal.Definition
	graph      *graph.Graph
	input      map[string]any
	services   func() *counted
}

// counted are services that remember what they were asked.
type counted struct {
	builtins.Services
	mu    sync.Mutex
	calls []string // "place key"
}

func (c *counted) Lookup(service, operation string) (*builtins.Operation, bool) {
	op, ok := c.Services.Lookup(service, operation)
	if !ok {
		return nil, false
	}
	wrapped := *op
	wrapped.Func = func(ctx context.Context, call builtins.Call) (builtins.Answer, error) {
		c.mu.Lock()
		c.calls = append(c.calls, fmt.Sprintf("%s#%d %s", call.Place, call.Attempt, call.Key))
		c.mu.Unlock()
		return op.Func(ctx, call)
	}
	return &wrapped, true
}

func registry() *builtins.Registry {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	return r
}

func compile(d journal.Definition) (*graph.Graph, error) {
	p, problems := lang.Load(workflows.FS, d.Main, lang.Options{Catalog: registry()})
	if problems.HasErrors() {
		return nil, problems
	}
	return p.Workflow(d.Workflow)
}

func shipped(t testing.TB, name string) job {
	t.Helper()
	p, problems := lang.Load(workflows.FS, name+".wf", lang.Options{Catalog: registry()})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	g := p.Workflows[0]
	text, err := workflows.FS.ReadFile("inputs/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := value.DecodeJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	input, violations := interpreter.Prepare(g, raw, "r1", time.Unix(0, 0))
	if len(violations) > 0 {
		t.Fatal(violations)
	}
	sum, err := g.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return job{definition: journal.Definition{Hash: "h", Workflow: g.FullName(), Graph: sum, Main: name + ".wf"}, graph: g, input: input,
		services: func() *counted { return &counted{Services: registry()} }}
}

var key = func() *journal.Key {
	k, err := journal.ParseKey(strings.Repeat("0f", 32))
	if err != nil {
		panic(err)
	}
	return k
}()

// errDied is what a store says whose process has died.
var errDied = errors.New("the process died")

// mortal is a store whose process dies at a write.
type mortal struct {
	journal.Store
	written bool // the last one is written, but nobody hears of it

	mu   sync.Mutex
	left int // writes until then
	dead bool
}

func (m *mortal) died() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

func (m *mortal) Append(ctx context.Context, a journal.Append) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left--
	switch {
	case m.dead || m.left < 0 && !m.written:
		m.dead = true
		return errDied
	case m.left < 0:
		m.dead = true
		return errors.Join(errDied, m.Store.Append(ctx, a))
	}
	return m.Store.Append(ctx, a)
}

func (m *mortal) Alive(ctx context.Context, worker string, until time.Time) error {
	if m.died() {
		return errDied
	}
	return m.Store.Alive(ctx, worker, until)
}

// serve works until the run has ended, or the store has died.
func (j job) serve(store journal.Store, name string, services builtins.Services) (result *machine.Result, lines []string) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	w := durable.New(durable.Options{Store: store, Name: name, Services: services, Compile: compile, Key: key, Poll: 30 * time.Second,
		Trace: func(_ journal.Run, e machine.Entry) { lines = append(lines, e.Line()) },
		Ended: func(_ journal.Run, r *machine.Result) { result = r; stop() },
		Lost:  func(journal.Run, error) { stop() }})
	_ = w.Serve(ctx, func() bool {
		live, err := store.List(ctx, journal.Filter{States: []journal.State{journal.Running, journal.Waiting}})
		return err == nil && len(live) == 0
	})
	return result, lines
}

var morning = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

func (j job) create(t *testing.T, store journal.Store) {
	t.Helper()
	time.Sleep(time.Until(morning)) // virtual
	run := journal.Run{ID: "r1", Workflow: j.graph.FullName(), Definition: j.definition.Hash, Seed: 1, Start: time.Now()}
	if _, err := durable.Create(context.Background(), store, key, j.definition, j.graph, run, j.input); err != nil {
		t.Fatal(err)
	}
}

// outcome is what must not depend on crashes: times do, and so does the number of a
// message that is posted without regard to keys, or what was there before an update.
func outcome(r *machine.Result) map[string]string {
	mask := func(v ...any) string { return passing.ReplaceAllString(fmt.Sprint(v...), "?") }
	out := map[string]string{"": mask(r.Ending, " ", r.Output)}
	for _, s := range r.Steps {
		out[s.Name] = mask(s.Ending, " ", s.Result)
	}
	return out
}

var passing = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z|message_id:\d+|previous_status:\w+`)

// TestShipped: a run that nothing happens to ends as a simulated one does, and its store
// shows that.
func TestShipped(t *testing.T) {
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			j := shipped(t, name)
			want, err := sim.Run(j.graph, j.input, sim.Options{Registry: j.services(), Seed: 1, RunID: "r1", Start: morning})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				store := memory.New()
				j.create(t, store)
				got, _ := j.serve(store, "w", j.services())
				if d := cmp.Diff(outcome(want), outcome(got)); d != "" {
					t.Errorf("(-simulated +durable)\n%s", d)
				}
				rec, err := store.Run(t.Context(), "r1")
				if err != nil || string(rec.State) != string(want.Ending) || rec.Worker != "" {
					t.Errorf("the store shows %+v, %v", rec, err)
				}
				steps, _, _ := store.Steps(t.Context(), "r1")
				for i, s := range want.Steps {
					if steps[i].Name != s.Name || steps[i].State != string(s.Ending) || steps[i].Attempts != s.Attempts {
						t.Errorf("the store shows %+v for step %s, which is %s after %d attempts", steps[i], s.Name, s.Ending, s.Attempts)
					}
				}
			})
		})
	}
}

func names(t *testing.T) (out []string) {
	t.Helper()
	files, err := workflows.FS.ReadDir("inputs")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		out = append(out, strings.TrimSuffix(f.Name(), path.Ext(f.Name())))
	}
	return out
}

// TestCrash lets the process die at each write of a run, written or not: another worker
// brings it to the same end. What was answered before is not asked again, and what is asked
// again bears its old key.
func TestCrash(t *testing.T) {
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			j := shipped(t, name)
			var want map[string]string
			var calls []string
			for cut := 0; ; cut++ {
				again := false
				for _, written := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						store := &mortal{Store: memory.New(), left: cut, written: written}
						services := j.services()
						j.create(t, store)
						result, _ := j.serve(store, "w1", services)
						if !store.died() {
							want, calls = outcome(result), services.calls
							return
						}
						again = true
						asked := slices.Clone(services.calls)
						time.Sleep(time.Minute)
						result, _ = j.serve(store.Store, "w2", services)
						if result == nil {
							rec, err := store.Run(t.Context(), "r1")
							if err != nil || rec.Ended.IsZero() {
								t.Fatalf("cut off at write %d, the run is not ended: %+v, %v", cut, rec, err)
							}
							return // all but its last line was written
						}
						if want == nil {
							want = outcome(reference(t, j))
						}
						if d := cmp.Diff(want, outcome(result)); d != "" {
							t.Errorf("cut off at write %d (written: %t), it ends otherwise (-want +got)\n%s", cut, written, d)
						}
						repeated := repeats(services.calls)
						for _, c := range repeated {
							if !slices.Contains(asked, c) {
								t.Errorf("cut off at write %d: %s was asked twice by the second worker", cut, c)
							}
						}
						if len(repeated) > 3 { // what was under way at once
							t.Errorf("cut off at write %d, asked again: %v", cut, repeated)
						}
					})
				}
				if !again {
					break
				}
			}
			if r := repeats(calls); len(r) > 0 {
				t.Errorf("without a crash, asked twice: %v", r)
			}
		})
	}
}

func reference(t *testing.T, j job) *machine.Result {
	t.Helper()
	store := memory.New()
	j.create(t, store)
	r, _ := j.serve(store, "w", j.services())
	return r
}

// repeats lists what stands in a list more than once.
func repeats(list []string) (out []string) {
	seen := map[string]bool{}
	for _, s := range list {
		if seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

// TestClockSetBack goes on with a run whose beginning lies in the future, because the clock
// was set back since, and with one that lay still for a year.
func TestClockSetBack(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"set back": time.Hour, "a year later": -365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			j := shipped(t, "payment_refund")
			synctest.Test(t, func(t *testing.T) {
				store := &mortal{Store: memory.New(), left: 3}
				time.Sleep(time.Until(morning)) // virtual
				run := journal.Run{ID: "r1", Workflow: j.graph.FullName(), Definition: j.definition.Hash, Seed: 1, Start: time.Now().Add(ahead)}
				if _, err := durable.Create(t.Context(), store, key, j.definition, j.graph, run, j.input); err != nil {
					t.Fatal(err)
				}
				services := j.services()
				j.serve(store, "w1", services)
				time.Sleep(time.Minute)
				result, _ := j.serve(store.Store, "w2", services)
				if result == nil || result.Ending != machine.Completed {
					t.Errorf("the run ends as %+v", result)
				}
			})
		})
	}
}
