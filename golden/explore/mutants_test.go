package explore_test

import (
	"os"
	"testing"
	"testing/fstest"

	"wf/golden/explore"
	"wf/golden/mutate"
	"wf/lang"
)

// alike are mutants of testdata/every_kind.wf that behave as the original does, and why.
var alike = map[string]string{
	"has no jitter in policy patient":    "how long a wait is differs by chance, and by less than what is told",
	"drops permanent 409,410 of shop":    "these are permanent anyway",
	"forgets to wait for looked in held": "held waits for what it reads",
	"drops the key of the items of each": "the items of a range are known by themselves, which is what the key says",
}

// TestEveryMutantIsSeen compares a definition with its mutants: Compare says of each that
// it is another one, but for those of which it is known why they are not.
func TestEveryMutantIsSeen(t *testing.T) {
	if testing.Short() {
		t.Skip("compares a definition with its 130 mutants")
	}
	const name = "every_kind.wf"
	src, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	load := func(src []byte) (*lang.Program, bool) {
		p, problems := lang.Load(fstest.MapFS{name: {Data: src}}, name, lang.Options{})
		return p, !problems.HasErrors()
	}
	p, ok := load(src)
	if !ok {
		t.Fatalf("%s has errors", name)
	}
	hash, err := p.Workflows[0].Hash()
	if err != nil {
		t.Fatal(err)
	}
	kinds, known := map[string]bool{}, map[string]bool{}
	for _, m := range mutate.Mutants(p.Tree, src, nil) {
		q, ok := load(m.Apply(src))
		if !ok {
			continue
		}
		if h, err := q.Workflows[0].Hash(); err != nil || h == hash {
			continue
		}
		kinds[m.Kind] = true
		seen, most := false, 2
		if alike[m.Name] != "" {
			most = 1 // it takes its time
		}
		for faults := 0; faults <= most && !seen; faults++ {
			d, err := explore.Compare(p.Workflows[0], q.Workflows[0], explore.Options{Examples: true, Faults: faults, Cancel: true, Signals: true})
			if err != nil {
				t.Fatal(err)
			}
			seen = d.Changed()
		}
		switch why := alike[m.Name]; {
		case why != "":
			if known[m.Name] = true; seen {
				t.Errorf("%s is seen, though %s", m.Name, why)
			}
		case !seen:
			t.Errorf("%s is not seen: %+v", m.Name, m.Changes(src))
		}
	}
	for name := range alike {
		if !known[name] {
			t.Errorf("there is no mutant that %s", name)
		}
	}
	for _, k := range mutate.Kinds {
		if !kinds[k.Name] && k.Name != "widen" { // which the checker tells: what the next clause took is never reached
			t.Errorf("no mutant of %s is of the kind %s", name, k.Name)
		}
	}
}
