// Package diag says where and what: byte positions, spans, problems found in a
// source file, and how to print them for a person.
//
// Every stage of the pipeline returns a [List]; nobody prints but [Write]. A
// diagnostic carries a stable [Code] (explained by `wf explain CODE`), the exact
// span of the cause, one sentence that names it, and, where there is one, the way
// out. Start with [Errorf] and [List.Add].
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Span is a half-open range of bytes [Start, End) in a named source. The zero
// Span means "nowhere in particular" and prints without a source line.
type Span struct {
	File  string `json:"file,omitempty"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// IsZero reports whether the span points at nothing.
func (s Span) IsZero() bool { return s == Span{} }

// To returns the span from the start of s to the end of t, in the file of s.
func (s Span) To(t Span) Span {
	return Span{File: s.File, Start: s.Start, End: max(s.End, t.End)}
}

// Severity tells whether a diagnostic forbids running the definition.
type Severity int8

// Severities. An Error makes the definition unusable; a Warning does not
// (unless `--strict` asks for it).
const (
	Error Severity = iota
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText writes the word of the severity.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Code names one kind of problem for good: codes are never reused or renumbered.
type Code string

// Related is a second place that helps to understand a diagnostic, such as the
// first definition of a name defined twice.
type Related struct {
	Span    Span   `json:"span"`
	Message string `json:"message"`
}

// Diagnostic is one problem.
type Diagnostic struct {
	Code     Code      `json:"code"`
	Severity Severity  `json:"severity"`
	Span     Span      `json:"span"`
	Summary  string    `json:"message"`           // one sentence: what is wrong
	Hint     string    `json:"hint,omitempty"`    // the way out; empty if there is none to offer
	Related  []Related `json:"related,omitempty"` // other places, in reading order
	Fixes    []Fix     `json:"fixes,omitempty"`   // ways to change the source so that it is gone
	Known    []Known   `json:"-"`                 // of an unknown name: what could stand there, for editors
	KnownAt  Span      `json:"-"`                 // where that is
}

// Known is a name that could stand in the place of an unknown one.
type Known struct{ Name, What string } // What may be "", or what it is: a type

// Fix is one way to change the source so that a diagnostic is gone. Of a diagnostic with a
// single fix that is what its author would do, so a program may do it unasked, unless it says
// otherwise; several are a choice for a person.
type Fix struct {
	Title string `json:"title"`         // what it does, "write email"
	Edits []Edit `json:"edits"`         // at least one, in the order of their places; they do not overlap
	Ask   bool   `json:"ask,omitempty"` // only a person can tell whether it is meant
}

// Sure reports whether a diagnostic has a fix that may be made unasked: its only one.
func (d *Diagnostic) Sure() bool { return len(d.Fixes) == 1 && !d.Fixes[0].Ask }

// Edit puts New in the place of a span; an empty span is where New is inserted.
type Edit struct {
	Span Span   `json:"span"`
	New  string `json:"new"`
}

// MaxText is how many bytes a message or hint has at most; a longer one is cut.
const MaxText = 1000

// Shorten cuts a text that is longer than MaxText: what a message quotes may be of any
// length.
func Shorten(text string) string {
	if len(text) <= MaxText {
		return text
	}
	return strings.ToValidUTF8(text[:MaxText], "") + "…"
}

func text(format string, args ...any) string { return Shorten(fmt.Sprintf(format, args...)) }

// Errorf makes an error diagnostic.
func Errorf(code Code, span Span, format string, args ...any) *Diagnostic {
	return &Diagnostic{Code: code, Span: span, Summary: text(format, args...)}
}

// Warnf makes a warning diagnostic.
func Warnf(code Code, span Span, format string, args ...any) *Diagnostic {
	d := Errorf(code, span, format, args...)
	d.Severity = Warning
	return d
}

// Hintf sets the hint and returns d, for chaining.
func (d *Diagnostic) Hintf(format string, args ...any) *Diagnostic {
	d.Hint = text(format, args...)
	return d
}

// See adds a related place and returns d, for chaining.
func (d *Diagnostic) See(span Span, format string, args ...any) *Diagnostic {
	d.Related = append(d.Related, Related{span, text(format, args...)})
	return d
}

// Fix adds a way to change the source and returns d, for chaining.
func (d *Diagnostic) Fix(title string, edits ...Edit) *Diagnostic {
	d.Fixes = append(d.Fixes, Fix{Title: Shorten(title), Edits: edits})
	return d
}

// Offer adds a way to change the source that is made only if a person says so, and returns
// d, for chaining.
func (d *Diagnostic) Offer(title string, edits ...Edit) *Diagnostic {
	d.Fixes = append(d.Fixes, Fix{Title: Shorten(title), Edits: edits, Ask: true})
	return d
}

// Error makes a single diagnostic usable as an error.
func (d *Diagnostic) Error() string {
	return fmt.Sprintf("%s %s: %s", d.Severity, d.Code, d.Summary)
}

// List is the result of a stage: every problem found, not just the first. The
// nil List means "nothing to say". A List with errors in it is an error; use
// [List.Err] to convert.
type List []*Diagnostic

// Add appends d.
func (l *List) Add(d *Diagnostic) { *l = append(*l, d) }

// HasErrors reports whether the list holds anything worse than a warning.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d *Diagnostic) bool { return d.Severity == Error })
}

// Err returns the list as an error, or nil if it holds no errors.
func (l List) Err() error {
	if l.HasErrors() {
		return l
	}
	return nil
}

// Error joins the messages, one a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, d := range l {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort orders the list by file, place, severity, code and text, and drops exact
// repetitions, so that equal inputs print equal reports.
func (l *List) Sort() {
	slices.SortStableFunc(*l, compare)
	*l = slices.CompactFunc(*l, func(a, b *Diagnostic) bool { return compare(a, b) == 0 })
}

func compare(a, b *Diagnostic) int {
	return cmp.Or(
		cmp.Compare(a.Span.File, b.Span.File),
		cmp.Compare(a.Span.Start, b.Span.Start),
		cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Span.End, b.Span.End),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Summary, b.Summary),
	)
}

// Strict turns every warning of the list into an error.
func (l List) Strict() List {
	out := make(List, len(l))
	for i, d := range l {
		c := *d
		c.Severity = Error
		out[i] = &c
	}
	return out
}
