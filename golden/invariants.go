package golden

import (
	"fmt"
	"time"

	"wf/builtins"
	"wf/golden/invariant"
	"wf/interpreter/machine"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
)

// invariants are those of a file, ready to be judged, by workflow.
func invariants(s *suite.Suite, names map[string]any) map[*graph.Graph]*invariant.Set {
	out := map[*graph.Graph]*invariant.Set{}
	for _, inv := range s.Invariants {
		if out[inv.Graph] == nil {
			if set := invariant.New(s.Invariants, inv.Graph, names); set != nil {
				out[inv.Graph] = set
			}
		}
	}
	return out
}

// watch watches a run, for what must be true of it.
type watch struct {
	s       *scenario
	now     time.Duration
	free    invariant.Free
	broken  []free
	monitor *invariant.Monitor // nil: the workflow has no invariants
}

// free is a rule of every run that is broken, and when.
type free struct {
	invariant.Broken
	at time.Duration
}

// Happens is told of an event before the run is.
func (w *watch) Happens(ev machine.Event) {
	w.now = machine.At(ev)
	w.free.Happens(ev)
	if w.monitor != nil {
		w.monitor.Happens(ev)
	}
}

// StepEnded is told of every step that has ended.
func (w *watch) StepEnded(st machine.StepResult) {
	if w.monitor != nil {
		w.monitor.StepEnded(st)
	}
}

// Called is told of every attempt of a call.
func (w *watch) Called(c machine.Call) {
	for _, b := range w.free.Called(c) {
		w.broken = append(w.broken, free{b, w.now})
	}
	if w.monitor != nil {
		w.monitor.Called(c)
	}
}

// Again is told of a call that is made once more.
func (w *watch) Again(c machine.Call) {
	if w.monitor != nil {
		w.monitor.Again(c)
	}
}

// Answered is told what the service did with a call.
func (w *watch) Answered(id machine.ID, a builtins.Answer) {
	if w.monitor != nil {
		w.monitor.Answered(id, a)
	}
}

// Settled is told that an event is dealt with.
func (w *watch) Settled() {
	if w.monitor != nil {
		w.monitor.Settled()
	}
}

// RunEnded is told how the run ended.
func (w *watch) RunEnded(r *machine.Result) {
	if w.monitor != nil {
		w.monitor.RunEnded(r)
	}
}

// Endless is told that the run goes on for ever.
func (w *watch) Endless() {
	if w.monitor != nil {
		w.monitor.Endless()
	}
}

// watched is who watches a run of a workflow.
func (s *scenario) watched(g *graph.Graph, run invariant.Run) *watch {
	return &watch{s: s, monitor: s.monitor(g, run)}
}

// monitor judges the invariants of a workflow in a run; nil if it has none.
func (s *scenario) monitor(g *graph.Graph, run invariant.Run) *invariant.Monitor {
	set := s.invariants[g]
	if set == nil {
		return nil
	}
	if s.monitors == nil {
		s.monitors = map[*graph.Graph]*invariant.Monitor{}
	}
	if s.monitors[g] == nil {
		s.monitors[g] = set.Monitor()
	}
	s.monitors[g].Begin(run)
	return s.monitors[g]
}

// tell fails the test for what the run has broken.
func (w *watch) tell(run *suite.Run) {
	s := w.s
	fail := func(code diag.Code, span diag.Span, at time.Duration, because, format string, args ...any) {
		f := s.result.fail(code, span, "%s", s.masked(fmt.Sprintf(format, args...)))
		f.Detail = s.masked("because " + because)
		f.Trace = s.traceText(func(e machine.Entry) bool { return e.At <= at })
	}
	id := fmt.Sprintf("run_%d", s.result.Runs)
	for _, b := range w.broken {
		fail(CodeFree, run.Span, b.at, b.Because, "%s does what no run must at +%s: %s", id, value.FormatDuration(b.at), b.Summary)
	}
	if w.monitor == nil {
		return
	}
	for _, v := range w.monitor.Violations() {
		fail(CodeInvariant, v.Rule.Span, v.At, v.Because(), "%s breaks the invariant %q at +%s", id, v.Invariant.Name, value.FormatDuration(v.At))
	}
}

// effects are those of the calls that took effect, each once for its idempotency key.
func (s *scenario) effects(of string) []any {
	var rules []value.Rule
	s.last.graph.EachServiceCall(func(c *graph.Call) {
		if c.Sig.Name() == of || c.Sig.Handler && c.Place != "" && c.Place == of {
			rules = c.Sig.Rules
		}
	})
	out, keys := []any{}, map[any]bool{}
	for _, call := range s.calls(of) {
		record := call.(map[string]any)
		status, class := 0, record["outcome"].(string)
		if n, err := fmt.Sscanf(class, "%d", &status); n == 1 && err == nil {
			class = ""
		}
		if invariant.TookEffect(rules, status, class) && !keys[record["key"]] {
			keys[record["key"]] = true
			out = append(out, call)
		}
	}
	return out
}
