package check

import (
	"fmt"
	"time"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// unbounded warns of calls that may wait for their answer for ever: they have no timeout,
// and neither a step around them nor the run has a deadline. What a run does at its end,
// and undos, no deadline of the run bounds.
func (f *flow) unbounded() {
	var first *graph.Call
	n := 0
	found := func(c *graph.Call) {
		if c.Policy.Timeout != nil || c.Sig.Handler || c.Sig.Signal || c.Runs != nil { // a workflow is told of its own, a wait where it stands
			return
		}
		if n++; first == nil || c.Span.File == first.Span.File && c.Span.Start < first.Span.Start {
			first = c
		}
	}
	for _, s := range f.graph.Steps {
		if s != nil {
			stepCalls(s, f.graph.Within != nil, found)
		}
	}
	for _, b := range []*graph.Block{f.graph.OnFailed, f.graph.Finally} {
		if b != nil {
			stepCalls(b.Steps[0], false, found)
		}
	}
	if first == nil {
		return
	}
	others := ""
	switch {
	case n == 2:
		others = ", nor that of another call"
	case n > 2:
		others = fmt.Sprintf(", nor that of %d other calls", n-1)
	}
	d := diag.Warnf(CodeUnbounded, first.Span, "nothing bounds the time of this call%s: if %s never answers, the run never ends", others, first.Sig.Name()).
		Hintf("give the workflow a timeout, which bounds each attempt: timeout 30s")
	for _, st := range f.tree.Stmts {
		if step, ok := st.(*syntax.Step); ok {
			timeout := "timeout " + value.FormatDuration(f.shortest())
			offer(d, "say "+timeout+" in the workflow", f.ahead(step.Span, timeout))
			break
		}
	}
	f.add(d)
}

// shortest is the shortest deadline that is known, or half a minute: a timeout is no longer.
func (f *flow) shortest() time.Duration {
	least := 30 * time.Second
	shorter := func(s *graph.Setting) {
		if d, known := constDuration(s); known && d < least {
			least = d
		}
	}
	if shorter(f.graph.Within); f.problems.HasErrors() { // some steps may be missing
		return least
	}
	graph.EachStep(f.graph.Steps, func(_ string, _ []*graph.Step, s *graph.Step) { shorter(s.Within) })
	return least
}

// stepCalls visits the calls of a step that no deadline bounds; bounded says that one
// around the step does.
func stepCalls(s *graph.Step, bounded bool, visit func(*graph.Call)) {
	bodyCalls(s.Body, bounded || s.Within != nil, visit)
}

func bodyCalls(body []graph.Stmt, bounded bool, visit func(*graph.Call)) {
	clauses := func(list []*graph.Clause) {
		for _, c := range list {
			bodyCalls(c.Body, bounded, visit)
		}
	}
	for _, st := range body {
		switch st := st.(type) {
		case *graph.Call:
			if !bounded {
				visit(st)
			}
			clauses(st.Clauses)
			if st.Undo != nil {
				stepCalls(st.Undo.Steps[0], false, visit)
			}
		case *graph.Switch:
			for _, a := range st.Arms {
				bodyCalls(a.Body, bounded, visit)
			}
		case *graph.Group:
			for _, s := range st.Steps {
				if s != nil {
					stepCalls(s, bounded, visit)
				}
			}
			clauses(st.Clauses)
			if st.Finally != nil {
				stepCalls(st.Finally.Steps[0], false, visit)
			}
		case *graph.Loop:
			stepCalls(st.Steps[0], bounded, visit)
		}
	}
}
