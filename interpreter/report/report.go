// Package report shows a run to people: its trace as a timeline, and one page with all
// there is to say of it. Secrets are masked. Equal runs give equal bytes.
package report

import (
	"strings"
	"time"

	"wf/interpreter/machine"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/value"
)

// Run is a run that has ended.
type Run struct {
	Graph   *graph.Graph
	Result  *machine.Result
	Trace   []machine.Entry
	Sources diag.Sources // of the definition, for excerpts
	Started time.Time
	Seed    uint64
	Virtual bool // nobody waited: its times are those of a clock of its own
}

// sign stands for an ending where a letter is enough.
func sign(e machine.Ending) string {
	switch e {
	case machine.Completed, machine.Resolved:
		return "✓"
	case machine.Degraded:
		return "~"
	case machine.Failed:
		return "✗"
	case machine.Cancelled:
		return "■"
	case machine.Compensated:
		return "↶"
	}
	return "–"
}

// word is an ending for people.
func word(e machine.Ending) string {
	if e == machine.NotRun {
		return "not run"
	}
	return string(e)
}

// moodOf is the colour of an ending.
func moodOf(e machine.Ending) string {
	switch e {
	case machine.Completed, machine.Resolved:
		return "good"
	case machine.Degraded, machine.Compensated:
		return "fair"
	case machine.Failed:
		return "bad"
	case machine.Cancelled:
		return "cut"
	}
	return "idle"
}

// short is a duration with as many digits as matter.
func short(d time.Duration) string {
	for _, s := range []struct{ below, to time.Duration }{{time.Second, time.Millisecond}, {time.Minute, 10 * time.Millisecond}, {time.Hour, time.Second}, {day, time.Minute}} {
		if d < s.below {
			return value.FormatDuration(d.Round(s.to))
		}
	}
	return value.FormatDuration(d.Round(time.Hour))
}

// joined puts a blank between two words.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// Diagnostic is why a run failed, with the place in the definition that decided, and those in
// the workflows it called.
func Diagnostic(err *machine.RunError) *diag.Diagnostic {
	d := diag.Errorf(diag.Code(err.Code), err.Span, "%s", err.Message)
	if err.Step != "" {
		d.Summary = strings.TrimPrefix(d.Summary+" (step "+err.Step+")", " ")
	}
	for _, cause := range err.Causes() {
		step := ""
		if cause.Step != "" {
			step = " in step " + cause.Step
		}
		if cause.Code != err.Code {
			step = " with " + cause.Code + step
		}
		d.See(cause.Span, "it failed here%s", step)
	}
	return d
}
