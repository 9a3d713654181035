package explore

import (
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"wf/builtins"
	"wf/golden/propose"
	"wf/lang"
)

// anyInvariants are broken by much of what random workflows do.
const anyInvariants = `import "x.wf"
invariant "done at most once" for w {
  at most 1 effect of s.do
}
invariant "all or nothing" for w {
  if s.do took effect then finally run completed
}
invariant "never late" for w {
  every run ends within 3s
}
invariant "taken first" for w {
  never call s.do before s.take took effect
}
invariant "not called often" for w {
  always len(calls(s.take)) < 3
}
`

// TestRandomSaved saves what is found in random workflows: each test fails as it should.
func TestRandomSaved(t *testing.T) {
	kinds := map[Kind]int{}
	rapid.Check(t, func(t *rapid.T) {
		src := drawDefinition(t)
		if rapid.Bool().Draw(t, "for ever") {
			src = strings.ReplaceAll(src, "wait for go within 1h", "wait for go")
			src = strings.ReplaceAll(src, "    on timeout { degrade 0 }\n", "")
			src = strings.ReplaceAll(src, "    on timeout { retry 2 attempts }\n", "")
		}
		src = strings.Replace(src, `n: 7`, `n: 6`, 1) // two requests with one key
		fsys := fstest.MapFS{"x.wf": {Data: []byte(src)}, "x_test.wf": {Data: []byte(anyInvariants)}}
		p, problems := lang.Load(fsys, "x.wf", lang.Options{})
		if problems.HasErrors() {
			t.Fatal(src, problems)
		}
		g := p.Workflows[len(p.Workflows)-1]
		o := Options{Inputs: []Input{{Value: map[string]any{}}}, Faults: rapid.IntRange(0, 2).Draw(t, "faults"), Limit: 200, Signals: true, Workers: 1,
			Cancel: rapid.Bool().Draw(t, "cancel"), Crash: rapid.Bool().Draw(t, "crash"), WithoutKeys: rapid.Bool().Draw(t, "keys")}
		var invariants []string
		if test, problems := lang.Load(fsys, "x_test.wf", lang.Options{}); !problems.HasErrors() {
			if _, _, err := o.Beside(test, g, nil); err != nil {
				t.Fatal(err)
			}
			invariants = []string{"x_test.wf"}
		}
		r, err := Run(g, o)
		if err != nil {
			t.Fatal(src, err)
		}
		for _, f := range r.Findings {
			text, err := f.Test(fsys, "x.wf", "found_test.wf", invariants, func() propose.Services { return builtins.New() })
			if err != nil && strings.Contains(err.Error(), "timers of one moment") { // a test knows one order of these
				kinds["untold"]++
				continue
			}
			if err != nil {
				var b strings.Builder
				for _, l := range f.Story {
					b.WriteString(l.At.String() + " " + l.Text + "\n")
				}
				t.Fatalf("%s\n%s: %s at %s: %v\n%s\n%s", src, f.Kind, f.Title, f.Place, err, b.String(), text)
			}
			kinds[f.Kind]++
		}
	})
	t.Log(kinds)
	total := 0
	for _, n := range kinds {
		total += n
	}
	if kinds["untold"]*20 > total {
		t.Errorf("%d of %d are not saved", kinds["untold"], total)
	}
}
