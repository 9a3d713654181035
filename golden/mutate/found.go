package mutate

import (
	"sync"

	"wf/golden/explore"
	"wf/golden/invariant"
	"wf/lang"
	"wf/lang/graph"
	"wf/mocks"
)

// Exploring is how wf explore is told to try what [Run] tries with each survivor.
const Exploring = "wf explore --faults 1"

// maxChoices is how many choices exploring tries with one mutant; with the original, five
// times as many, so that it is known for sure what is new.
const maxChoices = 5_000

// known are the findings of the original.
type known struct {
	once sync.Once
	all  map[finding]bool
}

// finding is what must not happen.
type finding struct {
	kind        explore.Kind
	title, rule string
}

// found explores the mutant with the invariants of the tests: it is the first thing that
// must not happen, and does not with the original; "" if there is none.
func (t *trial) found(loaded []*lang.Program) string {
	for _, w := range t.twins(loaded) {
		for i, s := range t.suites {
			was, is := demanded(s.program, w.old), demanded(loaded[i], w.new)
			if (was == nil || is == nil) && s != w.suite {
				continue
			}
			before := t.findings(s, w, was)
			for _, f := range t.explore(w.new, w.inputs, is, maxChoices) {
				if !before[finding{f.Kind, f.Title, f.Rule}] {
					return f.Title
				}
			}
		}
	}
	return ""
}

// demanded are the invariants of a test file about a workflow; nil if there are none.
func demanded(p *lang.Program, g *graph.Graph) *invariant.Set {
	names, err := mocks.Names(p.Suite)
	if err != nil {
		return nil
	}
	for _, inv := range p.Suite.Invariants {
		if w := inv.Graph; g.Same(w) {
			return invariant.New(p.Suite.Invariants, w, names)
		}
	}
	return nil
}

// findings are those of the original.
func (t *trial) findings(s *tests, w *twin, rules *invariant.Set) map[finding]bool {
	k := s.known[w.old.FullName()]
	k.once.Do(func() {
		k.all = map[finding]bool{}
		for _, f := range t.explore(w.old, w.inputs, rules, 5*maxChoices) {
			k.all[finding{f.Kind, f.Title, f.Rule}] = true
		}
	})
	return k.all
}

// explore looks for what must not happen in runs with up to one fault.
func (t *trial) explore(g *graph.Graph, inputs []explore.Input, rules *invariant.Set, choices int) []*explore.Finding {
	tried := 0
	var sets []*invariant.Set
	if rules != nil {
		sets = append(sets, rules)
	}
	r, err := explore.Run(g, explore.Options{Inputs: inputs, Examples: true, Faults: 1, Workers: 1, Cancel: true, Crash: true, Signals: true, Invariants: sets,
		Progress: func(at explore.Progress) { tried = at.Tried },
		Stop:     func() bool { return tried > choices || t.stopped() }})
	if err != nil {
		return nil
	}
	return r.Findings
}
