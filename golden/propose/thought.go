package propose

import (
	"slices"
	"strings"

	"wf/interpreter"
	"wf/interpreter/machine"
)

// ScenarioOf says a run that was thought up, with the seed and the clock that tests have,
// as a scenario that can stand in any file that tests its workflow. What such a file would
// do anyway is left out. The error says why no test is like the run.
func ScenarioOf(r Run) (*Scenario, error) {
	rec := &record{run: r, calls: map[machine.ID]*sent{}, timers: map[machine.ID]timer{}, secrets: map[string]string{}}
	m := machine.New(r.Graph, r.Input, r.config(nil))
	if err := interpreter.Replay(m, r.Events, nil); err != nil {
		return nil, err
	}
	rec.result = m.Result()
	if err := rec.play(); err != nil {
		return nil, err
	}
	mocks := rec.mocks()
	return &Scenario{Title: comment(shortened(r.Thought.Name)), Body: strings.Join(append(mocks[:len(mocks):len(mocks)], rec.lines()...), ""), Expect: r.Thought.Expect, mocks: mocks}, nil
}

// Refused is the scenario of a run that is refused for its input.
func Refused(r Run) *Scenario {
	rec := &record{run: r, secrets: map[string]string{}}
	return &Scenario{Title: comment(shortened(r.Thought.Name)), Body: strings.Join(rec.lines(), ""), Expect: r.Thought.Expect}
}

// lines are those of a test below its mocks, as far as run NAME …, each statement in one.
func (rec *record) lines() (out []string) {
	g := rec.run.Graph
	for _, d := range rec.deeds {
		out = append(out, "  "+d+"\n")
	}
	if th := rec.run.Thought; th != nil && th.Named != "" {
		return append(out, "  run "+g.Name+" "+th.Named+"\n")
	}
	run := "  run " + g.FullName()
	if in := source(g.Input, rec.told(g.Input, any(rec.run.Input))); in != "{ }" {
		run += " " + in
	}
	return append(out, run+"\n")
}

// shortened is a name that is not too long.
func shortened(name string) string {
	if r := []rune(name); len(r) > maxName {
		return string(r[:maxName-1]) + "…"
	}
	return name
}

// Shortened is the scenario without the mocks that it does as well without: enough says
// whether one is still what it should be.
func (s *Scenario) Shortened(enough func(*Scenario) bool) *Scenario {
	for i := len(s.mocks) - 1; i >= 0; i-- {
		less := *s
		less.mocks = slices.Delete(slices.Clone(s.mocks), i, i+1)
		less.Body = strings.Join(less.mocks, "") + s.Body[len(strings.Join(s.mocks, "")):]
		if enough(&less) {
			s = &less
		}
	}
	return s
}
