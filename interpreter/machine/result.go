package machine

import (
	"time"

	"wf/lang/diag"
	"wf/lang/graph"
)

// Ending is how a step or run ended.
type Ending string

// Endings. A run is never Skipped, NotRun or Resolved.
const (
	Completed   Ending = "completed"
	Degraded    Ending = "degraded"    // a fallback stood in
	Skipped     Ending = "skipped"     // its condition was false
	Failed      Ending = "failed"      //
	Cancelled   Ending = "cancelled"   // while it was running
	Compensated Ending = "compensated" // of a run: it failed, and all that it did is undone
	NotRun      Ending = "not_run"     // something it needs failed, or the run ended before
	Resolved    Ending = "resolved"    // it failed, and a person said what it should have returned
)

// Codes of failures that no definition names.
const (
	CodeDeadline    = "DEADLINE_EXCEEDED" // within was passed
	CodeExpression  = "EXPRESSION_ERROR"  // an expression failed at run time
	CodeArgument    = "INVALID_ARGUMENT"  // arguments that break the signature
	CodeCancelled   = "CANCELLED"
	CodeUndo        = "UNDO_FAILED"        // of a run that was cancelled
	CodeTooFew      = "TOO_FEW_COMPLETED"  // of the steps or items that `first` wants
	CodeTooMany     = "TOO_MANY_ITEMS"     // more than graph.MaxItems
	CodeSameKey     = "SAME_KEY"           // two items of a loop
	CodeTooManyRuns = "TOO_MANY_WORKFLOWS" // more called than graph.MaxRuns
)

// RunError is why a step or run failed.
type RunError struct {
	Code    string
	Message string
	Step    string // "" if the run failed before any step
	Place   string // of the call; "" if none was involved
	Attempt int
	Span    diag.Span // what in the definition decided
	Cause   *RunError // in the workflow that was called, whose failure this is; nil: none
}

// Error is "CODE: message (step)".
func (e *RunError) Error() string {
	s := e.what()
	if e.Step != "" {
		s += " (step " + e.Step + ")"
	}
	return s
}

func (e *RunError) what() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Result is what came of a run.
type Result struct {
	Ending        Ending
	Reason        string // why it is degraded, if no step says so: undos of what was in vain have failed
	RunID         string
	CorrelationID string
	Output        any       // nil unless the run completed or degraded
	Error         *RunError // nil unless it failed
	Steps         []StepResult
	Closing       []StepResult // undos, and what the run did at its end, in that order
	Summary       Summary
}

// StepResult is what came of a step. Times are offsets from the start of the run.
type StepResult struct {
	Def            *graph.Step // what it is in the definition
	Name           string
	Ending         Ending
	Reason         string // why it was skipped, degraded, not run or cancelled
	Attempts       int    // of its main call; 0 if it made none
	Started, Ended time.Duration
	Result         any
	Error          *RunError    // nil unless failed
	Clause         string       // label of the clause that ended it; "" if none did
	Steps          []StepResult // of a group or loop, those of its steps or items; beside those, the workflows it called
}

// Summary says where the time went.
type Summary struct {
	Total    time.Duration
	Services []ServiceTime // by first use
	Saved    time.Duration // how much longer the steps would have taken one after another
}

// ServiceTime is the time spent waiting for a service.
type ServiceTime struct {
	Service string
	Calls   int
	Time    time.Duration
	Held    time.Duration // how long calls were held by its limits, all together
	Refused int           // calls that its breaker did not let through
	Breaker BreakerState  // at the end; "": it has none
}
