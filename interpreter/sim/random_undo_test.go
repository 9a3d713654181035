package sim_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"wf/interpreter/machine"
)

// drawUndos gives steps of a model undos: some for good, some until one of several steps has
// completed, which are the step itself or need it.
func (m *model) drawUndos(t *rapid.T) {
	for i := range m.steps {
		s := &m.steps[i]
		if s.undo = rapid.IntRange(0, 3).Draw(t, "undo") > 0; !s.undo {
			continue
		}
		for j := i; j < len(m.steps); j++ {
			if m.behind(j, i) && rapid.IntRange(0, 3).Draw(t, "until") == 0 {
				s.until = append(s.until, j)
			}
		}
	}
}

// behind reports whether a step is another one or needs it, directly or through others.
func (m *model) behind(step, of int) bool {
	return step == of || slices.ContainsFunc(m.steps[step].needs, func(n int) bool { return m.behind(n, of) })
}

// TestRandomUndo: a run that failed has undone all that it did, or may have done, but for
// what stands, the latest first; a run that did not fail undoes nothing.
func TestRandomUndo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		m.drawUndos(t)
		var undone []int
		m.back = func(step int) { undone = append(undone, step) }
		res, _, _ := m.play(t)
		o := &oracle{m, make([]*fate, len(m.steps))}
		var want []int
		failed := false
		for i := range m.steps {
			failed = failed || o.fate(i).ending == machine.Failed
			stands := slices.ContainsFunc(m.steps[i].until, func(j int) bool {
				return o.fate(j).ending == machine.Completed || o.fate(j).ending == machine.Degraded
			})
			if m.steps[i].undo && o.fate(i).did && !stands {
				want = append(want, i)
			}
		}
		ending := machine.Failed
		switch {
		case !failed:
			ending, want = res.Ending, nil
		case len(want) > 0:
			ending = machine.Compensated
		}
		if got := slices.Sorted(slices.Values(undone)); !slices.Equal(got, want) || res.Ending != ending {
			t.Fatalf("the run is %s and undoes %v; want %s and %v\n%s", res.Ending, got, ending, want, m.source())
		}
		if !slices.IsSortedFunc(undone, func(a, b int) int { return o.fate(b).affected - o.fate(a).affected }) && m.limit == 0 {
			t.Fatalf("it is undone in the order %v\n%s", undone, m.source())
		}
	})
}
