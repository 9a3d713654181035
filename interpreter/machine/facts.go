package machine

import (
	"slices"

	"wf/lang/expr"
	"wf/lang/graph"
)

// facts are what a [Hasher] knows of a step of a definition, with all that is inside it: its
// clauses, undos and steps. The workflows that it calls are not inside it.
type facts struct {
	reads   []string                    // names, sorted
	clock   bool                        // what it does may depend on what the clock shows
	handler bool                        // something in it gets all results before it
	ids     map[any]int                 // of *graph.Retry and *graph.Block
	within  map[*graph.Call]*graph.Call // of a call in a clause: whose that is
	each    bool                        // it is a loop
}

// read reports whether a name is read.
func (f *facts) read(name string) bool {
	_, yes := slices.BinarySearch(f.reads, name)
	return yes
}

// graphFacts are what a [Hasher] knows of a workflow.
type graphFacts struct {
	kept  []bool // by step: its result is read at the end of the run, or by an undo
	tells bool   // the failure of the run is read at its end
	clock bool   // what a run does at its end, or an undo, may depend on what the clock shows
	steps []*facts

	readers  [][]int // by step: which read its result
	handlers []int   // steps with something that gets all results before it
}

// surveyor makes the facts of a graph and of the workflows it calls.
type surveyor struct {
	graphs map[*graph.Graph]*graphFacts
	steps  map[*graph.Step]*facts
	order  []*graph.Step // the same, as they were found
	told   bool          // some expression reads a message
}

func survey(g *graph.Graph) *surveyor {
	s := &surveyor{graphs: map[*graph.Graph]*graphFacts{}, steps: map[*graph.Step]*facts{}}
	all := append([]*graph.Graph{g}, g.Called()...)
	for _, g := range all {
		for _, list := range [][]*graph.Step{g.Steps, blockSteps(g.OnFailed), blockSteps(g.Finally)} {
			for _, st := range list {
				s.step(st)
			}
		}
	}
	s.clocks(all)
	for _, g := range all {
		s.graphs[g] = s.graph(g)
	}
	return s
}

func blockSteps(b *graph.Block) []*graph.Step {
	if b == nil {
		return nil
	}
	return b.Steps
}

// step makes the facts of a step and of those inside it, but for clock.
func (s *surveyor) step(st *graph.Step) {
	f := &facts{}
	s.steps[st], s.order = f, append(s.order, st)
	st.EachProgram(func(p *expr.Program) { f.reads = append(f.reads, p.Refs()...) })
	slices.Sort(f.reads)
	f.reads = slices.Compact(f.reads)
	s.told = s.told || f.read("error")
	graph.EachStmt(st.Body, func(st graph.Stmt) {
		switch st := st.(type) {
		case *graph.Retry:
			f.number(st)
		case *graph.Call:
			f.handler = f.handler || st.Sig.Handler
			s.block(f, st.Undo)
			for _, c := range st.Clauses {
				graph.EachCall(c.Body, func(inside *graph.Call) { f.nest(inside, st) })
			}
		case *graph.Group:
			s.block(f, st.Finally)
			for _, inside := range st.Steps {
				s.step(inside)
			}
		case *graph.Loop:
			s.told = s.told || st.Told != ""
			s.step(st.Steps[0])
		}
	})
	if len(st.Body) == 1 {
		_, f.each = st.Body[0].(*graph.Loop)
	}
}

func (s *surveyor) block(f *facts, b *graph.Block) {
	if b != nil {
		f.number(b)
		s.step(b.Steps[0])
	}
}

func (f *facts) number(part any) {
	if f.ids == nil {
		f.ids = map[any]int{}
	}
	f.ids[part] = len(f.ids) + 1
}

// nest notes whose clause a call stands in; statements are visited from the outside in, so
// the nearest is noted last.
func (f *facts) nest(inside, of *graph.Call) {
	if f.within == nil {
		f.within = map[*graph.Call]*graph.Call{}
	}
	f.within[inside] = of
}

// clocks finds the steps whose doing may depend on what the clock shows: they wait until a
// moment, or pass the time on to a workflow that they call; or they read the message of a
// breaker, which says until when it is open. It goes on until nothing more is found.
func (s *surveyor) clocks(all []*graph.Graph) {
	clocked := map[*graph.Graph]bool{}
	for more := true; more; {
		more = false
		for _, g := range all {
			g.EachStmt(func(st graph.Stmt) {
				if !clocked[g] && s.shows(st, clocked) {
					clocked[g], more = true, true
				}
			})
		}
	}
	for _, st := range s.order {
		f := s.steps[st]
		graph.EachStmt(st.Body, func(st graph.Stmt) { f.clock = f.clock || s.shows(st, clocked) })
	}
}

func (s *surveyor) shows(st graph.Stmt, clocked map[*graph.Graph]bool) bool {
	switch st := st.(type) {
	case *graph.Wait:
		return st.Until != nil
	case *graph.Call:
		return st.Runs != nil && (st.Runs.ReadsRun || clocked[st.Runs]) || st.Breaker && s.told
	}
	return false
}

func (s *surveyor) graph(g *graph.Graph) *graphFacts {
	f := &graphFacts{kept: make([]bool, len(g.Steps)), steps: make([]*facts, len(g.Steps)), readers: make([][]int, len(g.Steps))}
	var reads []string
	if g.Output != nil {
		reads = append(reads, g.Output.Refs()...)
	}
	end := func(b *graph.Block) {
		if b != nil {
			in := s.steps[b.Steps[0]]
			reads = append(reads, in.reads...)
			f.clock = f.clock || in.clock
			if in.handler {
				for i := range f.kept {
					f.kept[i] = true
				}
			}
		}
	}
	end(g.OnFailed)
	end(g.Finally)
	f.tells = slices.Contains(reads, "error")
	g.EachStmt(func(st graph.Stmt) {
		switch st := st.(type) {
		case *graph.Call:
			end(st.Undo)
		case *graph.Group:
			end(st.Finally)
		}
	})
	for i, st := range g.Steps {
		f.steps[i] = s.steps[st]
		f.kept[i] = f.kept[i] || slices.Contains(reads, st.Name) || st.Told() != "" && slices.Contains(reads, st.Told())
		if f.steps[i].handler {
			f.handlers = append(f.handlers, i)
		}
		for _, need := range st.Needs {
			if need.Data {
				f.readers[need.Step] = append(f.readers[need.Step], i)
			}
		}
	}
	return f
}
