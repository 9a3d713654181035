package explore

import (
	"slices"

	"wf/golden/invariant"
	"wf/golden/vary"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/mocks"
)

// Beside adds what a test file says of a workflow: the inputs of its tests, if Examples are
// wanted, and its invariants, those left out that another file has brought along. about
// reports whether the file says anything of the workflow, judges whether it brought an invariant.
func (o *Options) Beside(s *suite.Suite, g *graph.Graph) (about, judges bool, err error) {
	same := func(w *graph.Graph) bool { return w.FullName() == g.FullName() && w.Span.File == g.Span.File }
	var mine []*suite.Invariant
	for _, inv := range s.Invariants {
		about = about || same(inv.Graph)
		if same(inv.Graph) && !slices.Contains(o.known, inv.Span) {
			mine, o.known = append(mine, inv), append(o.known, inv.Span)
		}
	}
	for _, t := range s.Tests {
		for _, st := range t.Body {
			run, ok := st.(*suite.Run)
			about = about || ok && same(run.Graph)
		}
	}
	if !about {
		return false, false, nil
	}
	names, err := mocks.Names(s)
	if err != nil {
		return true, false, err
	}
	if len(mine) > 0 {
		o.Invariants = append(o.Invariants, invariant.New(mine, mine[0].Graph, names).On(g))
	}
	if o.Examples {
		for _, in := range inputsOf(s, g, names) {
			o.Inputs = adding(o.Inputs, in)
		}
	}
	return true, len(mine) > 0, nil
}

// Inputs lists the inputs with which the tests of a file run a workflow, as far as they
// need nothing but the names of the file.
func Inputs(s *suite.Suite, g *graph.Graph) []Input {
	names, err := mocks.Names(s)
	if err != nil {
		return nil
	}
	return inputsOf(s, g, names)
}

func inputsOf(s *suite.Suite, g *graph.Graph, names map[string]any) []Input {
	m := expr.NewMachine()
	var out []Input
	for _, t := range s.Tests {
		for _, st := range t.Body {
			run, ok := st.(*suite.Run)
			if !ok || run.Graph.FullName() != g.FullName() {
				continue
			}
			if run.Input == nil {
				out = adding(out, Input{Value: map[string]any{}, Label: "none"})
				continue
			}
			if slices.ContainsFunc(run.Input.Refs(), func(name string) bool { _, ok := names[name]; return !ok }) {
				continue
			}
			if v, err := run.Input.Eval(m, names); err == nil {
				out = adding(out, Input{Value: v, Text: run.Input.String(), Label: "that of " + t.Name})
			}
		}
	}
	return out
}

// adding adds an input that is not there yet.
func adding(list []Input, in Input) []Input {
	if slices.ContainsFunc(list, func(k Input) bool { return vary.Same(k.Value, in.Value) }) {
		return list
	}
	return append(list, in)
}
