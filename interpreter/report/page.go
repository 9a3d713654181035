package report

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"wf/interpreter/machine"
	"wf/lang/diag"
	"wf/lang/draw"
	"wf/lang/graph"
	"wf/lang/value"
)

// HTML is one page that needs nothing beside it: what came of the run, why it failed, its
// graph with what ran, its timeline, and every step with its attempts.
func (r *Run) HTML() ([]byte, error) {
	res := r.Result
	data := pageData{
		Name: r.Graph.FullName(), Version: r.Graph.Version, Describe: r.Graph.Describe,
		Sign: sign(res.Ending), Ending: word(res.Ending), Mood: moodOf(res.Ending),
		Facts:    r.facts(),
		Error:    r.failure(),
		Graph:    template.HTML(r.graph()),
		Timeline: template.HTML(r.Timeline()),
		Services: r.services(),
	}
	var err error
	if data.Input, err = pretty(r.input()); err != nil {
		return nil, err
	}
	if r.Graph.Output != nil && res.Output != nil {
		if data.Output, err = pretty(r.Graph.Output.Type().Redact(res.Output)); err != nil {
			return nil, err
		}
	}
	if data.Steps, err = r.table(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, data)
	return b.Bytes(), err
}

type pageData struct {
	Name, Version, Describe string
	Sign, Ending, Mood      string
	Facts, Services         []fact
	Error                   *failure
	Graph, Timeline         template.HTML
	Input, Output           string // "": none
	Steps                   []stepRow
}

// fact is a line of what there is to know.
type fact struct{ Name, Text string }

// failure is why the run failed, with the place in the definition that decided and the one
// in the run.
type failure struct {
	Code, Message string
	Source        string // the place in the definition, with its lines
	Step, Link    string // the link is "" if the step has no row
	In            string // the call and attempt
}

type stepRow struct {
	ID, Name, Sign, Ending, Mood string
	Depth                        int
	Started, Took, Attempts      string
	Note                         string
	Result                       string
	Lines                        []string // of the trace
	Closing                      bool     // the first at the end of the run
	More                         int
}

func (r *Run) facts() []fact {
	res := r.Result
	took := short(res.Summary.Total)
	if res.Summary.Saved > 0 {
		took += fmt.Sprintf(", %s saved by running in parallel", short(res.Summary.Saved))
	}
	if r.Virtual {
		took += ", on a clock of the run's own (virtual)"
	}
	out := []fact{{"took", took}, {"started", r.Started.UTC().Format(time.RFC3339Nano)}, {"run", res.RunID}}
	if res.CorrelationID != res.RunID {
		out = append(out, fact{"correlation", res.CorrelationID})
	}
	return append(out, fact{"seed", fmt.Sprint(r.Seed)})
}

func (r *Run) services() []fact {
	var out []fact
	for _, s := range r.Result.Summary.Services {
		calls := "1 call"
		if s.Calls != 1 {
			calls = fmt.Sprintf("%d calls", s.Calls)
		}
		out = append(out, fact{s.Service, calls + ", waited for " + short(s.Time)})
	}
	return out
}

// input is what the run was started with.
func (r *Run) input() any {
	for _, e := range r.Trace {
		if e.Kind == machine.EntryRunStarted {
			return e.Args
		}
	}
	return nil
}

func (r *Run) failure() *failure {
	err := r.Result.Error
	if err == nil {
		return nil
	}
	f := &failure{Code: err.Code, Message: err.Message, Step: err.Step}
	if !err.Span.IsZero() {
		var b bytes.Buffer
		// a bytes.Buffer does not fail
		_ = diag.Write(&b, r.Sources, diag.List{Diagnostic(err)}, diag.Options{})
		f.Source = strings.TrimRight(b.String(), "\n")
	}
	f.Link = r.ids()[err.Step]
	if err.Place != "" {
		f.In = fmt.Sprintf("%s#%d", err.Place, err.Attempt)
	}
	return f
}

// table lists the rows of the timeline in words.
func (r *Run) table() ([]stepRow, error) {
	lines := map[string][]string{}
	for _, e := range r.Trace {
		if e.Step != "" && e.Kind != machine.EntryStepStarted && e.Kind != machine.EntryStepEnded {
			lines[e.Step] = append(lines[e.Step], draw.Cut(fmt.Sprintf("+%s  %s", short(e.At), e.Line()), maxLine))
		}
	}
	var out []stepRow
	closing := false
	for i, at := range rowsOf(r.Result, nil) {
		if at.more > 0 {
			out = append(out, stepRow{Depth: at.depth, More: at.more})
			continue
		}
		s := at.result
		row := stepRow{ID: idOf(i), Name: at.name, Sign: sign(s.Ending), Ending: word(s.Ending), Mood: moodOf(s.Ending), Depth: at.depth,
			Note: note(s), Closing: at.closing && !closing, Lines: lines[s.Name]}
		closing = at.closing
		if s.Ending != machine.NotRun && s.Ending != machine.Skipped {
			row.Started, row.Took = "+"+short(s.Started), short(s.Ended-s.Started)
		}
		if s.Attempts > 0 {
			row.Attempts = fmt.Sprint(s.Attempts)
		}
		if s.Result != nil {
			text, err := value.EncodeJSON(s.Def.Result.Redact(s.Result), "")
			if err != nil {
				return nil, err
			}
			row.Result = draw.Cut(strings.TrimSpace(string(text)), maxLine)
		}
		out = append(out, row)
	}
	return out, nil
}

// maxLine is how many letters of a line of the trace, and of a result, are shown.
const maxLine = 2000

// note says why a step ended as it did.
func note(s machine.StepResult) string {
	var parts []string
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
	if s.Clause != "" && !strings.Contains(s.Reason, s.Clause) {
		parts = append(parts, s.Clause)
	}
	return strings.Join(parts, " · ")
}

// idOf is where a row of the table is on the page.
func idOf(row int) string { return fmt.Sprintf("s%d", row+1) }

// ids says where the rows of steps are on the page, by name.
func (r *Run) ids() map[string]string {
	out := map[string]string{}
	for i, at := range rowsOf(r.Result, nil) {
		if at.more == 0 {
			out[at.full] = idOf(i)
		}
	}
	return out
}

func pretty(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	text, err := value.EncodeJSON(v, "  ")
	return strings.TrimSpace(string(text)), err
}

// graph draws the workflow with what ran.
func (r *Run) graph() []byte {
	ran := map[string][]machine.StepResult{} // by name, where […] stands for the key of an item
	var walk func(steps []machine.StepResult, around, name string)
	walk = func(steps []machine.StepResult, around, name string) {
		for _, s := range steps {
			own := name + strings.TrimPrefix(s.Name, around)
			if s.Def.Name == "" { // an item of a loop
				own = name + "[…]"
			}
			ran[own] = append(ran[own], s)
			if isLoop(s.Def) {
				walk(s.Steps, s.Name, own)
			} else {
				walk(s.Steps, s.Name+".", own+".")
			}
		}
	}
	walk(r.Result.Steps, "", "")
	walk(r.Result.Closing, "", "")
	ids, undone := r.ids(), undone(r.Result.Closing, ran)
	return draw.Annotated(r.Graph, draw.Notes{
		Title: sign(r.Result.Ending) + " " + word(r.Result.Ending),
		Step:  func(name string, s *graph.Step) *draw.Note { return noteOf(ran[name], undone[name], ids) },
	})
}

// undone finds the undos of steps by the names of those.
func undone(closing []machine.StepResult, ran map[string][]machine.StepResult) map[string][]machine.StepResult {
	out := map[string][]machine.StepResult{}
	for name, results := range ran {
		at, is := strings.CutSuffix(name, ".undo")
		if !is || !slices.ContainsFunc(closing, func(s machine.StepResult) bool { return s.Name == results[0].Name }) {
			continue
		}
		for ran[at] == nil && strings.Contains(at, ".") { // the place of a call is below its step
			at = at[:strings.LastIndexByte(at, '.')]
		}
		out[at] = append(out[at], results...)
	}
	return out
}

// noteOf sums up what came of a step, or of a step for all items of a loop.
func noteOf(results, undos []machine.StepResult, ids map[string]string) *draw.Note {
	n := endedAs(results, ids)
	if failed := slices.IndexFunc(undos, func(s machine.StepResult) bool { return s.Ending == machine.Failed }); failed >= 0 {
		n.Lines = append(n.Lines, "↶ an undo failed")
	} else if len(undos) > 0 {
		n.Lines = append(n.Lines, "↶ undone")
	}
	return n
}

func endedAs(results []machine.StepResult, ids map[string]string) *draw.Note {
	switch len(results) {
	case 0:
		return &draw.Note{Mood: "idle", Share: -1, Lines: []string{"– not run"}}
	case 1:
		s := results[0]
		line := sign(s.Ending) + " " + word(s.Ending)
		if s.Ending != machine.NotRun && s.Ending != machine.Skipped {
			line += " " + short(s.Ended-s.Started)
		}
		if s.Attempts > 1 {
			line += fmt.Sprintf(" · %d attempts", s.Attempts)
		}
		n := &draw.Note{Mood: moodOf(s.Ending), Share: -1, Lines: []string{line}, Title: (&row{result: s}).title()}
		if id := ids[s.Name]; id != "" {
			n.Link = "#" + id
		}
		if isLoop(s.Def) && len(s.Steps) > 0 {
			n.Lines = append(n.Lines, tally(s.Steps))
		}
		if s.Error != nil {
			n.Lines = append(n.Lines, s.Error.Code)
		}
		return n
	}
	mood := "good"
	for _, s := range results {
		if m := moodOf(s.Ending); m == "bad" || m == "fair" && mood == "good" {
			mood = m
		}
	}
	return &draw.Note{Mood: mood, Share: -1, Lines: []string{tally(results)}}
}

// tally counts endings, the most frequent first.
func tally(results []machine.StepResult) string {
	counts := map[machine.Ending]int{}
	var order []machine.Ending
	for _, s := range results {
		if counts[s.Ending]++; counts[s.Ending] == 1 {
			order = append(order, s.Ending)
		}
	}
	slices.SortStableFunc(order, func(a, b machine.Ending) int { return counts[b] - counts[a] })
	words := make([]string, len(order))
	for i, e := range order {
		words[i] = fmt.Sprintf("%d %s %s", counts[e], sign(e), word(e))
	}
	return strings.Join(words, " · ")
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Sign}} {{.Name}} {{.Ending}}</title>
<style>` + draw.PageStyle + `
.badge { display: inline-block; padding: 3px 12px; border-radius: 14px; border: 1px solid; font-size: 15px; font-weight: 600; vertical-align: 3px } .badge.good { color: var(--good-ink); background: var(--g) } .badge.fair { color: var(--fair-ink); background: var(--f) } .badge.bad { color: var(--bad-ink); background: var(--b) } .badge.cut { color: var(--soft) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 16px 0 } dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere }
.error { border-left: 4px solid var(--bad); background: var(--b); padding: 12px 18px; border-radius: 0 8px 8px 0; margin: 20px 0 } .error p { margin: 4px 0; color: var(--ink) } .error strong { color: var(--bad-ink) }
pre { margin: 10px 0; padding: 12px 14px; overflow-x: auto; background: var(--pane); border: 1px solid var(--line); border-radius: 8px; font: 12.5px/1.55 ui-monospace, Menlo, Consolas, monospace } .error pre { background: var(--page) }
nav a { margin-right: 16px } .steps { width: 100%; font-size: 14px } .steps th { text-align: left; font-weight: 600; color: var(--soft); padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line) } .steps td { padding: 4px 14px 4px 0; vertical-align: top; border-bottom: 1px solid var(--line) }
.steps .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } .steps .e { white-space: nowrap } .steps td.good .s { color: var(--good-ink) } .steps td.fair { color: var(--fair-ink) } .steps td.bad { color: var(--bad-ink) } .steps td.idle { color: var(--soft) } .steps .s { display: inline-block; width: 1.3em; font-weight: 700 }
.steps tr:target td { background: var(--f) } .steps details pre { max-width: 72vw; white-space: pre-wrap; overflow-wrap: anywhere } summary { cursor: pointer } .wide { overflow-x: auto } .cut { color: var(--soft) }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 0 28px } .two > * { min-width: 0 }
</style>
</head>
<body>
<header>
<h1>{{.Name}} {{if .Version}}<span class="dim">{{.Version}}</span> {{end}}<span class="badge {{.Mood}}">{{.Sign}} {{.Ending}}</span></h1>
{{if .Describe}}<p>{{.Describe}}</p>{{end}}
<dl>{{range .Facts}}<dt>{{.Name}}</dt><dd>{{.Text}}</dd>{{end}}</dl>
<nav aria-label="Parts of this page"><a href="#timeline">Timeline</a><a href="#graph">Graph</a><a href="#steps">Steps</a><a href="#values">Input and output</a></nav>
</header>
<main>
{{with .Error}}<section class="error" aria-label="Error">
<p><strong>{{.Code}}</strong>{{if .Message}}: {{.Message}}{{end}}</p>
{{if .Step}}<p>in step {{if .Link}}<a href="#{{.Link}}">{{.Step}}</a>{{else}}{{.Step}}{{end}}{{if .In}}, call <code>{{.In}}</code>{{end}}</p>{{end}}
{{if .Source}}<pre tabindex="0">{{.Source}}</pre>{{end}}
</section>{{end}}
<section aria-labelledby="timeline"><h2 id="timeline">Timeline</h2>
<div class="figure" tabindex="0" role="group" aria-label="Timeline; the table of steps says the same">{{.Timeline}}</div></section>
<section aria-labelledby="graph"><h2 id="graph">Graph</h2>
<div class="figure" tabindex="0" role="group" aria-label="Graph of the steps; the table of steps says the same">{{.Graph}}</div></section>
<section aria-labelledby="steps"><h2 id="steps">Steps</h2>
<div class="wide"><table class="steps">
<thead><tr><th scope="col">step</th><th scope="col">ending</th><th scope="col" class="n">started</th><th scope="col" class="n">took</th><th scope="col" class="n">attempts</th><th scope="col">what happened</th></tr></thead>
<tbody>
{{range .Steps}}{{if .More}}<tr><td class="dim" colspan="6" style="padding-left:{{.Depth}}.4em">… and {{.More}} more</td></tr>
{{else}}{{if .Closing}}<tr><td class="dim" colspan="6">undone, and done at the end</td></tr>
{{end}}<tr id="{{.ID}}"><td style="padding-left:calc({{.Depth}} * 1.4em)">{{.Name}}</td><td class="e {{.Mood}}"><span class="s" aria-hidden="true">{{.Sign}}</span>{{.Ending}}</td><td class="n">{{.Started}}</td><td class="n">{{.Took}}</td><td class="n">{{.Attempts}}</td><td>{{if or .Lines .Result}}<details><summary>{{if .Note}}{{.Note}}{{else}}details{{end}}</summary><pre>{{range .Lines}}{{.}}
{{end}}{{if .Result}}result {{.Result}}{{end}}</pre></details>{{else}}{{.Note}}{{end}}</td></tr>
{{end}}{{end}}</tbody>
</table></div>
{{if .Services}}<dl>{{range .Services}}<dt>{{.Name}}</dt><dd>{{.Text}}</dd>{{end}}</dl>{{end}}
</section>
<section class="two" aria-labelledby="values"><h2 id="values" style="grid-column: 1 / -1">Input and output</h2>
<div><h3>Input</h3>{{if .Input}}<pre tabindex="0">{{.Input}}</pre>{{else}}<p>none</p>{{end}}</div>
<div><h3>Output</h3>{{if .Output}}<pre tabindex="0">{{.Output}}</pre>{{else}}<p>none</p>{{end}}</div>
</section>
</main>
</body>
</html>
`))
