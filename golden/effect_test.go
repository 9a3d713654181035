package golden

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wf/interpreter/machine"
	"wf/lang/effect"
	"wf/lang/graph"
	"wf/lang/value"
)

var (
	itemKey = regexp.MustCompile(`\[[^\]]*\]`)
	again   = regexp.MustCompile(`\[\d+\]|#\d+`) // of what is done once more, by its attempt
)

// effectsAgree holds what became of every answer of a run against what package effect says
// of it beforehand.
func effectsAgree(t *testing.T, g *graph.Graph, entries []machine.Entry) {
	t.Helper()
	calls := map[string]effect.Call{}
	for _, c := range effect.Calls(g) {
		calls[c.Place] = c
	}
	for i, e := range entries {
		if e.Kind != machine.EntryAnswer && e.Kind != machine.EntryRefused {
			continue
		}
		c, ok := calls[itemKey.ReplaceAllString(e.Place, "[…]")]
		if !ok {
			c, ok = calls[again.ReplaceAllString(e.Place, "")]
		}
		if !ok && len(g.Called()) > 0 {
			continue // of a workflow that is called
		}
		if !ok {
			t.Errorf("the call %s is not known", e.Place)
			continue
		}
		o := value.Pattern{Name: e.Outcome}
		if status, err := strconv.Atoi(e.Outcome); err == nil {
			o = value.Pattern{Status: status}
		}
		var notes []string
		for _, next := range entries[i+1:] {
			if next.Kind == machine.EntryBreaker { // what the answer did to others
				continue
			}
			if next.Place == e.Place && next.Kind == machine.EntryDecision {
				notes = append(notes, next.Note)
			} else if next.Place == e.Place || next.Step == e.Step {
				break
			}
		}
		ways := effect.Of(c.Call, o)
		is := func(sort effect.Sort) func(effect.Way) bool { return func(w effect.Way) bool { return w.Sort == sort } }
		labelled := func(label string) func(effect.Way) bool {
			return func(w effect.Way) bool { return w.Clause != nil && w.Clause.Label == label }
		}
		for _, note := range notes {
			found := true
			switch {
			case strings.HasPrefix(note, "on "):
				found = slices.ContainsFunc(ways, labelled(note))
				if at := slices.IndexFunc(ways, labelled(note)); found {
					ways = append(ways, ways[at].Then...)
				}
			case strings.Contains(note, " is retryable "):
				at := slices.IndexFunc(ways, is(effect.Retry))
				if found = at >= 0; found {
					ways = append(ways, ways[at].Then...)
				}
			}
			if !found {
				t.Errorf("%s answered %s, and then %q, which is none of %+v", e.Place, e.Outcome, note, ways)
			}
		}
		if len(notes) == 0 && !slices.ContainsFunc(ways, is(effect.Passed)) && !slices.ContainsFunc(entries, func(x machine.Entry) bool { return x.Ending == machine.Cancelled }) {
			t.Errorf("%s answered %s and nothing was decided; %+v", e.Place, e.Outcome, ways)
		}
	}
}
