package cover

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText writes a table of shares for each workflow and what is missing, with
// places; one line for a workflow of which nothing is.
func (p *Profile) WriteText(w io.Writer, paint func(text, color string) string) error {
	if paint == nil {
		paint = func(text, _ string) string { return text }
	}
	var b strings.Builder
	for i, wf := range p.Workflows() {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.writeWorkflow(&b, wf, paint)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// colors of shares.
const (
	green, yellow, red = "32", "33", "31"
)

func colorOf(percent int) string {
	switch {
	case percent == 100:
		return green
	case percent >= 50:
		return yellow
	}
	return red
}

func (p *Profile) writeWorkflow(b *strings.Builder, w *Workflow, paint func(text, color string) string) {
	share, _ := w.Share("")
	missing := w.Missing("")
	fmt.Fprintf(b, "%s  %s  (%s, in %s)\n", paint(fmt.Sprintf("%3d%%", share.Percent()), colorOf(share.Percent())), w.Name, fraction(share), plural(w.Runs, "run"))
	switch {
	case w.Runs == 0:
		fmt.Fprintf(b, "      no test runs it (%s)\n", p.place(w.File, w.Span.Start))
		return
	case len(missing) == 0:
		return
	}
	for _, kind := range Kinds {
		share, optional := w.Share(kind)
		if share.Total == 0 {
			continue
		}
		line := fmt.Sprintf("      %s  %-10s  %9s", paint(fmt.Sprintf("%3d%%", share.Percent()), colorOf(share.Percent())), kind, fraction(share))
		if optional.Total > 0 {
			line += fmt.Sprintf("  and %s optional", fraction(optional))
		}
		b.WriteString(line + "\n")
	}
	b.WriteString("      missing:\n")
	width := 0
	places := make([]string, len(missing))
	for i, pt := range missing {
		places[i] = p.place(pt.Span.File, pt.Span.Start)
		width = max(width, len(places[i]))
	}
	for i, pt := range missing {
		fmt.Fprintf(b, "        %-*s  %s\n", width, places[i], pt.Missing)
	}
}

func (p *Profile) place(file string, offset int) string {
	at := p.Sources.Position(file, offset)
	return fmt.Sprintf("%s:%d:%d", file, at.Line, at.Column)
}

func fraction(s Share) string { return fmt.Sprintf("%d of %d", s.Covered, s.Total) }

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// Object is a workflow's coverage as JSON shows it.
type Object struct {
	Workflow string        `json:"workflow"`
	File     string        `json:"file"`
	Runs     int           `json:"runs"`
	Percent  int           `json:"percent"`
	Covered  int           `json:"covered"`
	Total    int           `json:"total"`
	Kinds    []KindObject  `json:"kinds"`
	Points   []PointObject `json:"points"`
}

// KindObject is the coverage of one kind.
type KindObject struct {
	Kind            Kind `json:"kind"`
	Percent         int  `json:"percent"`
	Covered         int  `json:"covered"`
	Total           int  `json:"total"`
	OptionalCovered int  `json:"optional_covered"`
	OptionalTotal   int  `json:"optional_total"`
}

// PointObject is one thing that a test can exercise; lines and columns are counted
// from 1.
type PointObject struct {
	Kind      Kind   `json:"kind"`
	Step      string `json:"step,omitempty"`
	Call      string `json:"call,omitempty"`
	What      string `json:"what"`
	Hits      int    `json:"hits"`
	Optional  bool   `json:"optional"`
	Missing   string `json:"missing,omitempty"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
}

// Object is the coverage of a workflow in the form of JSON.
func (p *Profile) Object(w *Workflow) Object {
	share, _ := w.Share("")
	o := Object{Workflow: w.Name, File: w.File, Runs: w.Runs, Percent: share.Percent(), Covered: share.Covered, Total: share.Total, Kinds: []KindObject{}, Points: []PointObject{}}
	for _, kind := range Kinds {
		share, optional := w.Share(kind)
		o.Kinds = append(o.Kinds, KindObject{kind, share.Percent(), share.Covered, share.Total, optional.Covered, optional.Total})
	}
	for i, pt := range w.Points {
		from, to := p.Sources.Position(pt.Span.File, pt.Span.Start), p.Sources.Position(pt.Span.File, pt.Span.End)
		po := PointObject{Kind: pt.Kind, Step: pt.Step, Call: pt.Place, What: pt.What, Hits: w.Hits[i], Optional: pt.Optional,
			File: pt.Span.File, Line: from.Line, Column: from.Column, EndLine: to.Line, EndColumn: to.Column}
		if w.Hits[i] == 0 {
			po.Missing = pt.Missing
		}
		o.Points = append(o.Points, po)
	}
	return o
}

// WriteJSON writes the whole profile as one JSON object.
func (p *Profile) WriteJSON(w io.Writer) error {
	out := struct {
		Version   int      `json:"version"`
		Workflows []Object `json:"workflows"`
	}{Version: 1, Workflows: []Object{}}
	for _, wf := range p.Workflows() {
		out.Workflows = append(out.Workflows, p.Object(wf))
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
