package cover

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"wf/lang/draw"
	"wf/lang/graph"
)

// HTML is a page that needs nothing beside it: for each workflow its shares, its graph,
// what is missing, and its source with every line coloured.
func (p *Profile) HTML() ([]byte, error) {
	var data pageData
	all := Share{}
	for i, w := range p.Workflows() {
		share, _ := w.Share("")
		all.Covered, all.Total = all.Covered+share.Covered, all.Total+share.Total
		data.Workflows = append(data.Workflows, p.section(w, fmt.Sprintf("w%d", i+1)))
	}
	data.Percent, data.Mood, data.Share = all.Percent(), mood(all.Percent()), all
	var b bytes.Buffer
	err := page.Execute(&b, data)
	return b.Bytes(), err
}

type pageData struct {
	Percent   int
	Mood      string
	Share     Share
	Workflows []section
}

type section struct {
	ID, Name, File string
	Runs           string
	Percent        int
	Mood           string
	Share          Share
	Kinds          []kindRow
	SVG            template.HTML
	Missing        []missingRow
	Lines          []lineRow
}

type kindRow struct {
	Kind            Kind
	Percent         int
	Mood            string
	Share, Optional Share
}

type missingRow struct{ Link, Place, Kind, Text string }

type lineRow struct {
	ID     string
	Number int
	Hits   string // "12×", or "" where nothing is counted
	Mood   string // "good", "fair", "bad", or "" where nothing is to be covered
	Text   string
	Indent int    // of the text
	Note   string // what is missing here; "" if nothing is
}

func mood(percent int) string {
	switch {
	case percent == 100:
		return "good"
	case percent > 0:
		return "fair"
	}
	return "bad"
}

func (p *Profile) section(w *Workflow, id string) section {
	share, _ := w.Share("")
	s := section{ID: id, Name: w.Name, File: w.File, Runs: plural(w.Runs, "run"), Percent: share.Percent(), Mood: mood(share.Percent()), Share: share}
	for _, kind := range Kinds {
		share, optional := w.Share(kind)
		if share.Total > 0 {
			s.Kinds = append(s.Kinds, kindRow{kind, share.Percent(), mood(share.Percent()), share, optional})
		}
	}
	line := func(offset int) int { return p.Sources.Position(w.File, offset).Line }
	s.SVG = template.HTML(p.svg(w, "-"+id, func(st *graph.Step) string { return fmt.Sprintf("#%s-%d", id, line(st.Span.Start)) }))
	for _, pt := range w.Missing("") {
		row := missingRow{Place: p.place(pt.Span.File, pt.Span.Start), Kind: string(pt.Kind), Text: pt.Missing}
		if pt.Span.File == w.Span.File {
			row.Link = fmt.Sprintf("#%s-%d", id, line(pt.Span.Start))
		}
		s.Missing = append(s.Missing, row)
	}
	s.Lines = p.lines(w, id)
	return s
}

// lines are those of the workflow's source, with what was reached.
func (p *Profile) lines(w *Workflow, id string) []lineRow {
	src := string(p.Sources[w.Span.File])
	var rows []lineRow
	for text := range strings.Lines(src) {
		n := len(rows) + 1
		rows = append(rows, lineRow{ID: fmt.Sprintf("%s-%d", id, n), Number: n, Text: strings.TrimRight(strings.ReplaceAll(text, "\t", "  "), "\r\n")})
		rows[n-1].Indent = len(rows[n-1].Text) - len(strings.TrimLeft(rows[n-1].Text, " "))
	}
	at := func(offset int) int { return p.Sources.Position(w.Span.File, offset).Line - 1 }
	paint := func(from, to int, reached bool) {
		for i := max(from, 0); i <= to && i < len(rows); i++ {
			if rows[i].Mood = "bad"; reached {
				rows[i].Mood = "good"
			}
		}
	}
	for _, pass := range [][]Kind{{Steps}, {Clauses, Fallbacks}} { // inner parts over outer ones
		for i, pt := range w.Points {
			if pt.Span.File != w.Span.File || !slices.Contains(pass, pt.Kind) {
				continue
			}
			from, to := at(pt.Span.Start), at(max(pt.Span.Start, pt.Span.End-1))
			if pt.Kind == Steps {
				to = at(blockEnd(src, pt.Span.End))
			}
			paint(from, to, w.Hits[i] > 0)
			if from < len(rows) && w.Hits[i] > 0 {
				rows[from].Hits = fmt.Sprintf("%d×", w.Hits[i])
			}
		}
	}
	missing := map[int][]Point{}
	for i, pt := range w.Points {
		n := at(pt.Span.Start)
		if pt.Span.File != w.Span.File || pt.Optional || n < 0 || n >= len(rows) {
			continue
		}
		switch {
		case w.Hits[i] == 0:
			missing[n] = append(missing[n], pt)
			if rows[n].Mood != "bad" {
				rows[n].Mood = "fair"
			}
		case rows[n].Mood == "":
			rows[n].Mood = "good"
		}
	}
	for i := range rows {
		rows[i].Note = remark(missing[i])
		if text := strings.TrimSpace(rows[i].Text); text == "" || strings.HasPrefix(text, "//") {
			rows[i].Mood = ""
		}
	}
	from, to := p.extent(w, len(rows))
	return rows[from:to]
}

// remark says in one line what is missing on a line of the source.
func remark(points []Point) string {
	var answers, others []string
	for _, p := range points {
		switch p.Kind {
		case Outcomes:
			answers = append(answers, p.What)
		case Timeouts, Exhausted:
			if p.Place != "" { // the call is what stands here
				_, text, _ := strings.Cut(p.Missing, ": ")
				_, text, _ = strings.Cut(text, " ")
				others = append(others, text)
				continue
			}
			others = append(others, p.Missing)
		case Clauses:
			others = append(others, "is never taken")
		case Fallbacks:
			others = append(others, "this fallback is never used")
		case Endings:
			others = append(others, "never ends "+p.What)
		case Steps:
			others = append(others, "never runs")
		default:
			others = append(others, p.Missing)
		}
	}
	if len(answers) > 0 {
		others = append([]string{"never answers " + strings.Join(answers, ", ")}, others...)
	}
	return strings.Join(others, " · ")
}

// extent is which lines of its file a workflow stands on, if it is not alone there.
func (p *Profile) extent(w *Workflow, lines int) (from, to int) {
	to = lines
	at := p.Sources.Position(w.Span.File, w.Span.Start).Line
	first := true
	for _, other := range p.Workflows() {
		if other == w || other.File != w.File {
			continue
		}
		n := p.Sources.Position(other.Span.File, other.Span.Start).Line
		if n < at {
			first = false
		} else {
			to = min(to, n-1)
		}
	}
	if !first {
		from = at - 1
	}
	return from, max(to, from)
}

// blockEnd is where the block ends that is opened behind an offset; the offset itself
// if none is, as in YAML.
func blockEnd(src string, from int) int {
	depth := 0
	for i := from; i < len(src); i++ {
		switch src[i] {
		case '"':
			for i++; i < len(src) && src[i] != '"' && src[i] != '\n'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
		case '/':
			if strings.HasPrefix(src[i:], "//") {
				for i < len(src) && src[i] != '\n' {
					i++
				}
			}
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		case '\n':
			if depth == 0 {
				return from
			}
		}
	}
	return from
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Coverage {{.Percent}}%</title>
<style>` + draw.PageStyle + `
.lack { width: 100%; margin: 12px 0 20px; font-size: 14px } .lack td { padding: 3px 18px 3px 0; vertical-align: top } .lack .where { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 12.5px; white-space: nowrap }
.source { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; font: 12.5px/1.6 ui-monospace, Menlo, Consolas, monospace }
.source table { width: 100% } .source td { padding: 0 10px; white-space: pre; vertical-align: top } .source .num, .source .hits { text-align: right; color: var(--soft); user-select: none } .source .hits { padding-left: 0; min-width: 3em }
.source td:last-child { width: 100% } .source .note td { white-space: normal; color: var(--soft); padding-bottom: 4px }
.source tr.good { background: var(--g) } .source tr.fair { background: var(--f) } .source tr.bad { background: var(--b) }
.source tr td:first-child { border-left: 3px solid transparent } .source tr.good td:first-child { border-color: var(--good) } .source tr.fair td:first-child { border-color: var(--fair) } .source tr.bad td:first-child { border-color: var(--bad) }
.source tr:target td { outline: 1px solid var(--fair); outline-offset: -1px }
</style>
<h1>{{.Percent}}% covered</h1>
<p>{{.Share.Covered}} of {{.Share.Total}} things that can happen in {{len .Workflows}} {{if eq (len .Workflows) 1}}workflow{{else}}workflows{{end}} happen in a test.</p>
{{if gt (len .Workflows) 1}}<table class="shares">
{{range .Workflows}}<tr><td class="n">{{.Percent}}%</td><td><span class="meter"><i class="{{.Mood}}" style="width:{{.Percent}}%"></i></span></td><td><a href="#{{.ID}}">{{.Name}}</a></td><td class="dim">{{.File}}</td><td class="dim">{{.Share.Covered}} of {{.Share.Total}}, {{.Runs}}</td></tr>
{{end}}</table>{{end}}
{{range .Workflows}}
<h2 id="{{.ID}}">{{.Name}}</h2>
<p>{{.File}} · {{.Runs}} · {{.Share.Covered}} of {{.Share.Total}}</p>
<table class="shares">
{{range .Kinds}}<tr><td class="n">{{.Percent}}%</td><td><span class="meter"><i class="{{.Mood}}" style="width:{{.Percent}}%"></i></span></td><td>{{.Kind}}</td><td>{{.Share.Covered}} of {{.Share.Total}}</td><td class="dim">{{if .Optional.Total}}and {{.Optional.Covered}} of {{.Optional.Total}} optional{{end}}</td></tr>
{{end}}</table>
<div class="figure">{{.SVG}}</div>
{{if .Missing}}<table class="lack">
{{range .Missing}}<tr><td class="where">{{if .Link}}<a href="{{.Link}}">{{.Place}}</a>{{else}}{{.Place}}{{end}}</td><td class="dim">{{.Kind}}</td><td style="width:100%">{{.Text}}</td></tr>
{{end}}</table>{{end}}
<div class="source"><table>
{{range .Lines}}<tr id="{{.ID}}"{{if .Mood}} class="{{.Mood}}"{{end}}><td class="num">{{.Number}}</td><td class="hits">{{.Hits}}</td><td>{{.Text}}</td></tr>
{{if .Note}}<tr class="note {{.Mood}}"><td></td><td></td><td style="padding-left:calc(10px + {{.Indent}}ch)">{{.Note}}</td></tr>
{{end}}{{end}}</table></div>
{{end}}
</html>
`))
