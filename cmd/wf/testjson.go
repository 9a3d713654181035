package main

import (
	"encoding/json"
	"strings"
	"time"

	"wf/golden"
	"wf/golden/cover"
	"wf/lang/diag"
)

// jsonReport writes one object a line; docs/json.md and docs/schema/test.json describe
// them.
type jsonReport struct{ out *json.Encoder }

func newJSONReport(e *env) *jsonReport {
	out := json.NewEncoder(e.stdout)
	out.SetEscapeHTML(false)
	return &jsonReport{out}
}

type testObject struct {
	Kind         string          `json:"kind"` // "test"
	File         string          `json:"file"`
	Line         int             `json:"line"`
	Column       int             `json:"column"`
	Name         string          `json:"name"`
	Status       string          `json:"status"` // passed, failed, not_run
	Seed         uint64          `json:"seed"`
	Runs         int             `json:"runs"`
	Virtual      float64         `json:"virtual_ms"`
	Took         float64         `json:"took_ms"`
	Golden       string          `json:"golden,omitempty"`
	GoldenChange string          `json:"golden_change,omitempty"` // new, changed
	Failures     []failureObject `json:"failures,omitempty"`
}

type failureObject struct {
	Code string `json:"code"`
	place
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
	Expected string   `json:"expected,omitempty"`
	Actual   string   `json:"actual,omitempty"`
	Detail   string   `json:"detail,omitempty"`
	Trace    []string `json:"trace,omitempty"`
}

func (j *jsonReport) file(f testFile) error {
	for _, d := range f.problems {
		err := j.out.Encode(struct {
			Kind string `json:"kind"`
			diagObject
		}{"diagnostic", diagnosticObject(f.program.Sources, d)})
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonReport) test(sources diag.Sources, r *golden.Result) error {
	at := placeOf(sources, r.Span)
	o := testObject{Kind: "test", File: r.File, Line: at.Line, Column: at.Column, Name: r.Name, Status: "passed", Seed: r.Seed, Runs: r.Runs,
		Virtual: milliseconds(r.Virtual), Took: milliseconds(r.Took), Golden: r.Golden, GoldenChange: r.Changed}
	switch {
	case r.Skipped:
		o.Status = "not_run"
	case !r.Passed():
		o.Status = "failed"
	}
	for _, f := range r.Failures {
		o.Failures = append(o.Failures, failureObject{Code: string(f.Code), place: placeOf(sources, f.Span), Message: f.Summary, Hint: f.Hint,
			Expected: f.Expected, Actual: f.Actual, Detail: strings.TrimRight(f.Detail, "\n"), Trace: linesOf(f.Trace)})
	}
	return j.out.Encode(o)
}

func (j *jsonReport) orphan(name string, removed bool) error {
	return j.out.Encode(struct {
		Kind    string `json:"kind"`
		File    string `json:"file"`
		Removed bool   `json:"removed"`
	}{"orphan", name, removed})
}

func (j *jsonReport) coverage(p *cover.Profile) error {
	for _, w := range p.Workflows() {
		err := j.out.Encode(struct {
			Kind string `json:"kind"`
			cover.Object
		}{"coverage", p.Object(w)})
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonReport) end(t *tally) error {
	return j.out.Encode(struct {
		Kind    string  `json:"kind"`
		Files   int     `json:"files"`
		Passed  int     `json:"passed"`
		Failed  int     `json:"failed"`
		NotRun  int     `json:"not_run"`
		Wrong   int     `json:"files_with_errors"`
		Written int     `json:"golden_written"`
		Removed int     `json:"golden_removed"`
		Took    float64 `json:"took_ms"`
	}{"summary", t.Files, t.Passed, t.Failed, t.Skipped, t.Wrong, t.Written, t.Removed, milliseconds(t.Took)})
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}
