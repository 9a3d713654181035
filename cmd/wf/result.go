package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"wf/interpreter/machine"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/value"
)

// resultVersion is the version of the JSON form of a result; docs/json.md
// describes it.
const resultVersion = 1

type errorObject struct {
	Code    string       `json:"code"`
	Message string       `json:"message"`
	Step    string       `json:"step,omitempty"`
	At      *place       `json:"at,omitempty"`    // in the definition
	Cause   *errorObject `json:"cause,omitempty"` // in the workflow that was called
}

type stepObject struct {
	Name      string       `json:"name"`
	Ending    string       `json:"ending"`
	Attempts  int          `json:"attempts"`
	StartedMS float64      `json:"started_ms"`
	EndedMS   float64      `json:"ended_ms"`
	Clause    string       `json:"clause,omitempty"`
	Reason    string       `json:"reason,omitempty"`
	Error     *errorObject `json:"error,omitempty"`
	Result    any          `json:"result"`
	Steps     []stepObject `json:"steps,omitempty"` // of a group or loop; workflows that were called
}

type serviceObject struct {
	Service string  `json:"service"`
	Calls   int     `json:"calls"`
	TimeMS  float64 `json:"time_ms"`
	HeldMS  float64 `json:"held_ms,omitempty"`
	Refused int     `json:"refused,omitempty"`
	Breaker string  `json:"breaker,omitempty"`
}

type runObject struct {
	Version       int             `json:"version"`
	Workflow      string          `json:"workflow"`
	Ending        string          `json:"ending"`
	Reason        string          `json:"reason,omitempty"` // of one that is degraded because undos failed
	RunID         string          `json:"run_id"`
	CorrelationID string          `json:"correlation_id"`
	Seed          uint64          `json:"seed"`
	StartedAt     string          `json:"started_at"`
	Error         *errorObject    `json:"error,omitempty"`
	Output        any             `json:"output"`
	Steps         []stepObject    `json:"steps"`
	Closing       []stepObject    `json:"closing,omitempty"` // undos, and what the run did at its end
	TotalMS       float64         `json:"total_ms"`
	SavedMS       float64         `json:"saved_ms"`
	Services      []serviceObject `json:"services"`
}

// violationObject is one way in which an input does not fit.
type violationObject struct {
	Path    string `json:"path"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// refusedObject is what is printed in the place of a result if the input does not fit.
type refusedObject struct {
	Version    int               `json:"version"`
	Workflow   string            `json:"workflow"`
	Ending     string            `json:"ending"` // "refused"
	Violations []violationObject `json:"violations"`
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func errorOf(err *machine.RunError, sources diag.Sources) *errorObject {
	if err == nil {
		return nil
	}
	out := &errorObject{Code: err.Code, Message: err.Message, Step: err.Step, Cause: errorOf(err.Cause, sources)}
	if !err.Span.IsZero() {
		at := placeOf(sources, err.Span)
		out.At = &at
	}
	return out
}

// resultObject is a result without its secrets.
func resultObject(g *graph.Graph, r *machine.Result, output any, sources diag.Sources) runObject {
	out := runObject{Version: resultVersion, Workflow: g.FullName(), RunID: r.RunID, CorrelationID: r.CorrelationID, Ending: string(r.Ending), Reason: r.Reason, Output: output,
		Error: errorOf(r.Error, sources), Steps: stepObjects(r.Steps, sources), Closing: stepObjects(r.Closing, sources), TotalMS: ms(r.Summary.Total), SavedMS: ms(r.Summary.Saved), Services: []serviceObject{}}
	for _, s := range r.Summary.Services {
		out.Services = append(out.Services, serviceObject{s.Service, s.Calls, ms(s.Time), ms(s.Held), s.Refused, string(s.Breaker)})
	}
	return out
}

func stepObjects(steps []machine.StepResult, sources diag.Sources) []stepObject {
	out := make([]stepObject, len(steps))
	for i, s := range steps {
		out[i] = stepObject{Name: s.Name, Ending: string(s.Ending), Attempts: s.Attempts, StartedMS: ms(s.Started), EndedMS: ms(s.Ended),
			Reason: s.Reason, Clause: s.Clause, Error: errorOf(s.Error, sources), Result: s.Def.Result.Redact(s.Result)}
		if len(s.Steps) > 0 {
			out[i].Steps = stepObjects(s.Steps, sources)
		}
	}
	return out
}

// maxRows is how many steps a summary lists.
const maxRows = 60

// maxInner is how many steps of a group are listed below it.
const maxInner = 12

// summaryRow is a step of a summary; depth is how many groups are around it.
type summaryRow struct {
	machine.StepResult
	name  string // in its group
	depth int
}

// summaryRows lists the steps, and those of groups below them.
func summaryRows(steps []machine.StepResult, prefix string, depth int) []summaryRow {
	var out []summaryRow
	for _, s := range steps {
		out = append(out, summaryRow{s, strings.TrimPrefix(s.Name, prefix), depth})
		if !isLoop(s.Def) && len(s.Steps) <= maxInner {
			out = append(out, summaryRows(s.Steps, s.Name+".", depth+1)...)
		}
	}
	return out
}

// isLoop reports whether a step runs for each item of a list.
func isLoop(s *graph.Step) bool {
	_, is := first[*graph.Loop](s.Body)
	return is
}

// summary prints one line a step, and where the time went. The items of a loop are counted.
func summary(e *env, g *graph.Graph, r *machine.Result) {
	width := len("step")
	rows := slices.Concat(summaryRows(r.Steps, "", 0), summaryRows(r.Closing, "", 0))
	for _, s := range rows {
		width = max(width, columnsOf(s.name)+2*s.depth)
	}
	width = min(width, 48)
	fmt.Fprintf(e.stderr, "\n%s %s", g.FullName(), e.paint(string(r.Ending), endingColor(r.Ending)))
	if r.Reason != "" {
		fmt.Fprint(e.stderr, ": "+r.Reason)
	}
	fmt.Fprintln(e.stderr)
	for i, s := range rows {
		if i == maxRows {
			fmt.Fprintf(e.stderr, "  … %d more steps\n", len(rows)-maxRows)
			break
		}
		indent := strings.Repeat("  ", s.depth)
		fmt.Fprintf(e.stderr, "  %s%s %s  %s%s  %9s%s\n", indent, e.paint(mark(s.Ending), endingColor(s.Ending)), pad(s.name, width-2*s.depth), e.paint(string(s.Ending), endingColor(s.Ending)),
			strings.Repeat(" ", max(0, 9-len(s.Ending))), took(s.StepResult), detail(s.StepResult))
	}
	fmt.Fprintf(e.stderr, "  total %s", short(r.Summary.Total))
	if r.Summary.Saved > 0 {
		fmt.Fprintf(e.stderr, ", saved by running in parallel %s", short(r.Summary.Saved))
	}
	for i, s := range r.Summary.Services {
		sep := ", "
		if i == 0 {
			sep = "\n  waited for "
		}
		fmt.Fprintf(e.stderr, "%s%s %s", sep, s.Service, short(s.Time))
	}
	fmt.Fprintf(e.stderr, "\n  run %s, correlation %s\n", r.RunID, r.CorrelationID)
}

func took(s machine.StepResult) string {
	if s.Ending == machine.NotRun || s.Ending == machine.Skipped {
		return "-"
	}
	return short(s.Ended - s.Started)
}

// detail is what there is to say of a step beside its ending, behind two blanks.
func detail(s machine.StepResult) string {
	var parts []string
	if n := len(s.Steps); n > 0 && isLoop(s.Def) && !strings.Contains(s.Reason, "items failed") {
		done := 0
		for _, item := range s.Steps {
			if item.Ending == machine.Completed || item.Ending == machine.Degraded {
				done++
			}
		}
		if done == n {
			parts = append(parts, plural(n, "item"))
		} else {
			parts = append(parts, fmt.Sprintf("%d of %s", done, plural(n, "item")))
		}
	}
	if s.Attempts > 1 && !strings.HasSuffix(s.Reason, plural(s.Attempts, "attempt")) {
		parts = append(parts, plural(s.Attempts, "attempt"))
	}
	if s.Error != nil {
		text := s.Error.Code
		if s.Error.Message != "" {
			text += ": " + s.Error.Message
		}
		parts = append(parts, text)
	}
	if s.Reason != "" {
		parts = append(parts, s.Reason)
	}
	if len(parts) == 0 {
		return ""
	}
	return "  " + strings.Join(parts, ", ")
}

func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return value.FormatDuration(d.Round(time.Millisecond))
	case d < time.Minute:
		return value.FormatDuration(d.Round(10 * time.Millisecond))
	}
	return value.FormatDuration(d.Round(time.Second))
}

func mark(ending machine.Ending) string {
	switch ending {
	case machine.Completed:
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
	return "-"
}

func endingColor(ending machine.Ending) string {
	switch ending {
	case machine.Completed:
		return "32"
	case machine.Degraded, machine.Cancelled, machine.Compensated:
		return "33"
	case machine.Failed:
		return "31"
	}
	return "2"
}

// paint colours a text for standard error, if it takes colours.
func (e *env) paint(text, color string) string { return paint(e.color, text, color) }

func paint(on bool, text, color string) string {
	if !on {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// paintOut colours a text for standard output, if it takes colours.
func (e *env) paintOut(text, color string) string { return paint(e.colorOut, text, color) }
