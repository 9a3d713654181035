package sim

import (
	"fmt"
	"strings"

	"wf/interpreter/machine"
	"wf/lang/value"
)

// Stuck is the error of a run that waits for signals that never come.
type Stuck struct{ Waiting []machine.Waiting }

// Error says who waits for what.
func (s *Stuck) Error() string {
	if len(s.Waiting) == 0 {
		return "the run waits for something that never comes"
	}
	var all []string
	for _, w := range s.Waiting {
		what := w.Signal
		if w.Key != nil {
			what += fmt.Sprint(" by ", w.Key)
		}
		all = append(all, fmt.Sprintf("%s waits for %s since +%s", w.Step, what, value.FormatDuration(w.Since)))
	}
	return "the run never ends: " + strings.Join(all, ", ") + ", and no such signal comes"
}
