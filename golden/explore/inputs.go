package explore

import (
	"slices"

	"wf/golden/vary"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/mocks"
)

// Inputs lists the inputs with which the tests of a file run a workflow, as far as they
// need nothing but the names of the file.
func Inputs(s *suite.Suite, g *graph.Graph) []Input {
	names, err := mocks.Names(s)
	if err != nil {
		return nil
	}
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
				out = adding(out, Input{Value: v, Label: "that of " + t.Name})
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
