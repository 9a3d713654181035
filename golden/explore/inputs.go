package explore

import (
	"cmp"
	"slices"

	"wf/builtins"
	"wf/golden"
	"wf/golden/invariant"
	"wf/golden/vary"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/mocks"
)

// Beside adds what a test file says of a workflow: its invariants, those left out that another
// file has brought along; the inputs of its tests, if Examples are wanted; and what services
// answer in them. For that the tests are run, against services that are fresh for each; nil:
// there are none that are registered. about reports whether the file says anything of the
// workflow, judges whether it brought an invariant.
func (o *Options) Beside(p *lang.Program, g *graph.Graph, services func() builtins.Services) (about, judges bool, err error) {
	s := p.Suite
	var mine []*suite.Invariant
	for _, inv := range s.Invariants {
		about = about || g.Same(inv.Graph)
		if g.Same(inv.Graph) && !slices.Contains(o.known, inv.Span) {
			mine, o.known = append(mine, inv), append(o.known, inv.Span)
		}
	}
	if !about && !slices.ContainsFunc(golden.Workflows(s), g.Same) {
		return false, false, nil
	}
	names, err := mocks.Names(s)
	if err != nil {
		return true, false, err
	}
	if len(mine) > 0 {
		o.Invariants = append(o.Invariants, invariant.New(mine, mine[0].Graph, names).On(g))
	}
	golden.Run(p, golden.Options{Builtins: services, NoGolden: true, Workers: 1, Longest: maxEntries, Ran: o.tests.Ran})
	if o.Heard = o.tests.Heard(); o.Examples {
		o.Inputs = o.tests.Inputs(g)
	}
	return true, len(mine) > 0, nil
}

// maxEntries is how long the trace of a test may be from which something is learnt.
const maxEntries = 100_000

// Tests are the runs of tests: where runs of a workflow may begin, and what services answer.
// The zero value has none.
type Tests struct{ runs []ran }

// ran is a run of a test.
type ran struct {
	graph   *graph.Graph
	input   Input
	rank    int
	weight  int // how much was said in it, in values
	entries []machine.Entry
}

// heavy is how many values may be told in a run.
const heavy = 3000

// weigh counts the values that one consists of.
func weigh(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += weigh(e)
		}
	case []any:
		for _, e := range v {
			n += weigh(e)
		}
	}
	return n
}

// Ran adds a run, as golden.Options.Ran tells it.
func (t *Tests) Ran(of *golden.Result, r *golden.Ran) {
	input := Input{Value: r.Input, Label: "that of " + of.Name, Text: r.Text}
	if given, ok := r.Input.(map[string]any); ok && len(given) == 0 {
		input.Label = "none"
	}
	weight := weigh(r.Input)
	for i := range r.Entries {
		weight += 1 + weigh(r.Entries[i].Args) + weigh(r.Entries[i].Body)
	}
	t.runs = append(t.runs, ran{r.Graph, input, rank(End{Ending: string(r.Result.Ending)}), weight, slices.Clone(r.Entries)})
}

// best lists the runs, those first that ended well; but no heavy one, if there are others of
// its workflow: to try all that can happen in it would take for ever.
func (t *Tests) best() []ran {
	lightest := map[string]int{}
	for _, r := range t.runs {
		name := r.graph.FullName()
		if n, ok := lightest[name]; !ok || r.weight < n {
			lightest[name] = r.weight
		}
	}
	out := slices.DeleteFunc(slices.Clone(t.runs), func(r ran) bool { return r.weight > max(heavy, lightest[r.graph.FullName()]) })
	slices.SortStableFunc(out, func(a, b ran) int { return cmp.Compare(a.rank, b.rank) })
	return out
}

// Inputs lists the inputs of a workflow, each once.
func (t *Tests) Inputs(g *graph.Graph) []Input {
	var out []Input
	for _, r := range t.best() {
		if g.Same(r.graph) && !slices.ContainsFunc(out, func(k Input) bool { return vary.Same(k.Value, r.input.Value) }) {
			out = append(out, r.input)
		}
	}
	return out
}

// Heard is what services answered.
func (t *Tests) Heard() *Heard {
	h := &Heard{}
	for _, r := range t.best() {
		h.hears(r.entries)
	}
	return h
}
