package report

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"wf/interpreter/machine"
	"wf/lang/draw"
	"wf/lang/graph"
)

// row is a step on the timeline, or what a run did at its end.
type row struct {
	name    string // within what is around it
	full    string // in the run
	depth   int    // how many groups and loops are around it
	result  machine.StepResult
	nests   bool
	closing bool
	bars    []*bar
	more    int    // instead of a step: so many that are not shown
	why     string // what they are
}

// bar is a stretch of time in a row.
type bar struct {
	kind     barKind
	from, to time.Duration
	label    string // the outcome
	title    string
}

// barKind says what a stretch of time was. Each is drawn so that it can be told without
// colours.
type barKind string

const (
	barGood  barKind = "good"  // a call whose answer was a success
	barTaken barKind = "taken" // one whose answer a clause took
	barAgain barKind = "again" // one that was tried again
	barBad   barKind = "bad"   // one that failed the step
	barCut   barKind = "cut"   // one that nobody waited for any more
	barWait  barKind = "wait"  // a pause before the next attempt, or for what the step waits for
	barHeld  barKind = "held"  // a call that a limit kept back
)

// running reports whether a call was under way.
func (k barKind) running() bool { return k != barWait && k != barHeld }

// maxItems is how many items of a loop have rows of their own. Those that did not complete
// come first.
const maxItems = 30

// rowsOf lists what has a row, in the order of the definition, with what is inside below.
func rowsOf(r *machine.Result, trace []machine.Entry) []*row {
	var out []*row
	var add func(steps []machine.StepResult, around string, depth int, closing bool)
	add = func(steps []machine.StepResult, around string, depth int, closing bool) {
		for _, s := range steps {
			at := &row{name: strings.TrimPrefix(s.Name, around), full: s.Name, depth: depth, result: s, closing: closing, nests: len(s.Steps) > 0}
			out = append(out, at)
			shown, more := chosen(s)
			inner := s.Name + "."
			if isLoop(s.Def) {
				inner = s.Name
			}
			add(shown, inner, depth+1, closing)
			if more > 0 {
				out = append(out, &row{depth: depth + 1, more: more, why: fmt.Sprintf("… and %d more", more), closing: closing})
			}
		}
	}
	add(r.Steps, "", 0, false)
	add(r.Closing, "", 0, true)
	fill(out, trace)
	return out
}

// chosen are the steps inside a step that have rows, and how many have none.
func chosen(s machine.StepResult) (shown []machine.StepResult, more int) {
	if !isLoop(s.Def) || len(s.Steps) <= maxItems {
		return s.Steps, 0
	}
	keep := make([]int, len(s.Steps))
	for i := range keep {
		keep[i] = i
	}
	slices.SortStableFunc(keep, func(a, b int) int { return cmp.Compare(rank(s.Steps[a]), rank(s.Steps[b])) })
	keep = keep[:maxItems]
	slices.Sort(keep)
	for _, i := range keep {
		shown = append(shown, s.Steps[i])
	}
	return shown, len(s.Steps) - maxItems
}

// rank is lower for what a reader looks for.
func rank(s machine.StepResult) int {
	switch {
	case s.Ending == machine.Failed:
		return 0
	case s.Ending == machine.Degraded:
		return 1
	case s.Attempts > 1:
		return 2
	}
	return 3
}

func isLoop(s *graph.Step) bool {
	return slices.ContainsFunc(s.Body, func(st graph.Stmt) bool { _, is := st.(*graph.Loop); return is })
}

// attempt names an attempt of a call.
type attempt struct {
	place string
	n     int
}

// fill gives the rows their bars.
func fill(rows []*row, trace []machine.Entry) {
	left := map[string][]*row{} // by name, those that have not started yet
	for _, r := range rows {
		if r.more == 0 {
			left[r.full] = append(left[r.full], r)
		}
	}
	now := map[string]*row{}
	calls, waits := map[attempt]*bar{}, map[attempt]*bar{}
	for _, e := range trace {
		if e.Kind == machine.EntryStepStarted && len(left[e.Step]) > 0 {
			now[e.Step], left[e.Step] = left[e.Step][0], left[e.Step][1:]
		}
		r := now[e.Step]
		if r == nil { // of the run, or of an item that has no row
			continue
		}
		call := attempt{e.Place, e.Attempt}
		switch e.Kind {
		case machine.EntryCall:
			if e.Took > 0 {
				r.bars = append(r.bars, &bar{kind: barHeld, from: max(0, e.At-e.Took), to: e.At, title: fmt.Sprintf("%s#%d was held %s", e.Place, e.Attempt, short(e.Took))})
			}
			b := &bar{kind: barCut, from: e.At, to: max(e.At, r.result.Ended), label: "…", title: fmt.Sprintf("%s#%d %s", e.Place, e.Attempt, e.Operation)}
			calls[call], r.bars = b, append(r.bars, b)
		case machine.EntryAnswer:
			b := calls[call]
			if w := waits[call]; b == nil && w != nil { // what it waited for came
				w.to = e.At
			}
			if b != nil {
				b.to, b.label, b.kind = e.At, e.Outcome, barTaken
				if strings.HasPrefix(e.Outcome, "2") {
					b.kind = barGood
				}
				b.title += fmt.Sprintf(" → %s in %s", e.Outcome, short(e.Took))
				if e.Note != "" {
					b.title += " (" + e.Note + ")"
				}
			}
		case machine.EntryWait:
			if b := calls[attempt{e.Place, e.Attempt - 1}]; b != nil {
				b.kind = barAgain
			}
			b := &bar{kind: barWait, from: e.At, to: max(e.At, r.result.Ended), title: e.Line()}
			if e.Until > e.At {
				b.to = min(b.to, e.Until)
			}
			waits[call], r.bars = b, append(r.bars, b)
		case machine.EntryStepStarted, machine.EntryDecision:
		case machine.EntryStepEnded:
			if e.Ending == machine.Failed && len(r.bars) > 0 {
				if b := r.bars[len(r.bars)-1]; b.kind == barTaken {
					b.kind = barBad
				}
			}
		default:
			if e.Place != "" && e.Outcome != "" { // refused: the call was not made
				b := &bar{kind: barTaken, from: e.At, to: e.At, label: e.Outcome, title: e.Line()}
				calls[call], r.bars = b, append(r.bars, b)
			}
		}
	}
}

// few is how many steps that did not run have rows of their own where they stand together.
const few = 3

// together puts steps that did not run into one row: they took no time.
func together(rows []*row) []*row {
	var out []*row
	for i := 0; i < len(rows); {
		end := i
		for end < len(rows) && rows[end].more == 0 && rows[end].result.Ending == machine.NotRun && rows[end].depth == rows[i].depth && rows[end].closing == rows[i].closing {
			end++
		}
		if n := end - i; n > few {
			out, i = append(out, &row{depth: rows[i].depth, closing: rows[i].closing, more: n, why: fmt.Sprintf("%d steps were not run", n)}), end
			continue
		}
		out, i = append(out, rows[i]), i+1
	}
	return out
}

// Timeline draws what happened when: a row a step, with its calls and pauses.
func (r *Run) Timeline() []byte {
	t := &timeline{run: r, rows: together(rowsOf(r.Result, r.Trace))}
	t.layout()
	return t.write()
}

// timeline is the picture.
type timeline struct {
	run    *Run
	rows   []*row
	scale  scale
	nameW  float64 // of the column of names
	endW   float64 // of the column of endings
	height float64
}

// Sizes in pixels.
const (
	margin  = 24
	rowH    = 24
	barH    = 14
	topH    = 92 // above the first row
	plotW   = 760
	indent  = 14
	colW    = 6.9 // of a letter, generous
	gapH    = 30  // above what happened at the end
	maxW    = 44  // letters of a name before it is cut
	maxRows = 30  // that one can look over; of more the times stand below, too
	tickH   = 14
)

func (t *timeline) layout() {
	var busy []span
	total := t.run.Result.Summary.Total
	for _, r := range t.rows {
		t.nameW = max(t.nameW, float64(r.depth*indent)+float64(draw.Columns(r.label()))*colW+22)
		t.endW = max(t.endW, float64(draw.Columns(r.end()))*colW)
		total = max(total, r.result.Ended)
		for _, b := range r.bars {
			if b.kind.running() {
				busy = append(busy, span{b.from, b.to})
			}
		}
	}
	t.scale = newScale(total, busy, plotW)
	t.height = topH + float64(len(t.rows))*rowH + 58
	if slices.ContainsFunc(t.rows, func(r *row) bool { return r.closing }) {
		t.height += gapH
	}
	if len(t.rows) > maxRows {
		t.height += tickH
	}
}

// label is what names a row.
func (r *row) label() string {
	if r.more > 0 {
		return r.why
	}
	return draw.Cut(r.name, maxW)
}

// end is what stands behind a row.
func (r *row) end() string {
	if r.more > 0 {
		return ""
	}
	s := r.result
	text := word(s.Ending)
	if s.Ending != machine.Skipped && s.Ending != machine.NotRun {
		text += " " + short(s.Ended-s.Started)
	}
	if s.Attempts > 1 {
		text += fmt.Sprintf(" · %d attempts", s.Attempts)
	}
	if s.Error != nil {
		text += " · " + s.Error.Code
	}
	return draw.Cut(text, maxW)
}

func (t *timeline) write() []byte {
	var b bytes.Buffer
	left := margin + t.nameW + 12
	width := left + plotW + 16 + t.endW + margin
	title := joined(t.run.Graph.FullName(), t.run.Graph.Version)
	result := t.run.Result
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" %s role="img" aria-label="%s">`+"\n", width, t.height, width, t.height, draw.Readable(width), draw.Escape("Timeline of "+title+", "+word(result.Ending)))
	fmt.Fprintf(&b, "<style>%s</style>\n<defs>%s</defs>\n", timelineStyle, timelineDefs)
	b.WriteString(`<g class="wf-t"><rect class="page" width="100%" height="100%"/>` + "\n")
	fmt.Fprintf(&b, `<text class="title" x="%d" y="40">%s <tspan class="soft">%s</tspan></text>`+"\n", margin, draw.Escape(title), draw.Escape(sign(result.Ending)+" "+word(result.Ending)+" in "+short(result.Summary.Total)))
	bottom := t.height - 46
	if len(t.rows) > maxRows {
		bottom -= tickH
	}
	t.axis(&b, left, bottom)
	y := float64(topH)
	for i, r := range t.rows {
		if r.closing && (i == 0 || !t.rows[i-1].closing) {
			y += gapH
			fmt.Fprintf(&b, `<path class="rule" d="M%d,%.1f H%.1f"/><text class="soft" x="%d" y="%.1f">undone, and done at the end</text>`+"\n", margin, y-gapH+5, width-margin, margin, y-6)
		}
		t.row(&b, r, left, y)
		y += rowH
	}
	t.legend(&b, t.height-18)
	b.WriteString("</g></svg>\n")
	return b.Bytes()
}

// axis draws the lines of time, with their words above and, of a long picture, below.
func (t *timeline) axis(b *bytes.Buffer, left, bottom float64) {
	for _, s := range t.scale.skips() {
		x := left + t.scale.x(s.from)
		w := t.scale.x(s.to) - t.scale.x(s.from)
		fmt.Fprintf(b, `<g><title>%s</title><rect class="skip" x="%.1f" y="%d" width="%.1f" height="%.1f"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">⋯ %s</text></g>`+"\n",
			"nothing but waiting: "+short(s.to-s.from), x, topH-8, w, bottom-topH+8, x+w/2, topH-30, short(s.to-s.from))
	}
	ticks := t.scale.ticks()
	for i, text := range named(ticks) {
		x := left + t.scale.x(ticks[i])
		fmt.Fprintf(b, `<path class="grid" d="M%.1f,%d V%.1f"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x, topH-8, bottom, x, topH-14, text)
		if len(t.rows) > maxRows {
			fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x, bottom+12, text)
		}
		b.WriteString("\n")
	}
}

// named says how times are written at the line: where two would look alike, the later one by
// how much later it is.
func named(ticks []time.Duration) []string {
	out := make([]string, len(ticks))
	last := 0 // that is written in full
	for i, at := range ticks {
		if out[i] = short(at); i > 0 && out[i] == out[last] {
			out[i] = "+" + short(at-ticks[last])
		} else {
			last = i
		}
	}
	return out
}

// row draws a row, whose top is y.
func (t *timeline) row(b *bytes.Buffer, r *row, left, y float64) {
	base := y + rowH/2 + 4
	x := margin + float64(r.depth*indent)
	if r.more > 0 {
		fmt.Fprintf(b, `<text class="soft" x="%.1f" y="%.1f">%s</text>`+"\n", x+18, base, draw.Escape(r.label()))
		return
	}
	s := r.result
	mood := moodOf(s.Ending)
	fmt.Fprintf(b, `<g class="%s"><title>%s</title>`, mood, draw.Escape(r.title()))
	fmt.Fprintf(b, `<text class="sign" x="%.1f" y="%.1f">%s</text><text class="name" x="%.1f" y="%.1f">%s</text>`, x, base, sign(s.Ending), x+18, base, draw.Escape(r.label()))
	top := y + (rowH-barH)/2
	if s.Ending != machine.NotRun && s.Ending != machine.Skipped {
		x1, x2 := left+t.scale.x(s.Started), left+t.scale.x(s.Ended)
		if r.nests {
			fmt.Fprintf(b, `<path class="bracket" d="M%.1f,%.1f v-6 H%.1f v6"/>`, x1, top+barH-2, max(x2, x1+3))
		} else {
			fmt.Fprintf(b, `<rect class="step" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="3"/>`, x1, top, max(x2-x1, 3), barH)
		}
	}
	b.WriteString("</g>")
	for _, bar := range r.bars {
		t.bar(b, bar, left, top)
	}
	fmt.Fprintf(b, `<text class="end %s" x="%.1f" y="%.1f">%s</text>`+"\n", mood, left+plotW+16, base, draw.Escape(r.end()))
}

// bar draws a call or a pause, whose row's bars begin at top.
func (t *timeline) bar(b *bytes.Buffer, r *bar, left, top float64) {
	x1, x2 := left+t.scale.x(r.from), left+t.scale.x(r.to)
	fmt.Fprintf(b, `<g class="bar %s"><title>%s</title>`, r.kind, draw.Escape(draw.Plain(r.title)))
	if !r.kind.running() {
		fmt.Fprintf(b, `<path d="M%.1f,%.1f H%.1f"/></g>`, x1, top+barH/2, max(x2, x1+1))
		return
	}
	w := max(x2-x1, 3)
	for _, class := range []string{"fill", "over"} {
		fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2"/>`, class, x1, top, w, barH)
	}
	if float64(draw.Columns(r.label))*6.2+6 <= w {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x1+w/2, top+barH-3.5, draw.Escape(draw.Plain(r.label)))
	}
	b.WriteString("</g>")
}

// title is what is to be said of a row beside what it shows.
func (r *row) title() string {
	s := r.result
	text := fmt.Sprintf("%s: %s", s.Name, word(s.Ending))
	if s.Ending != machine.NotRun && s.Ending != machine.Skipped {
		text += fmt.Sprintf(", +%s to +%s", short(s.Started), short(s.Ended))
	}
	if s.Error != nil {
		text += "\n" + s.Error.Code
		if s.Error.Message != "" {
			text += ": " + s.Error.Message
		}
	}
	if s.Reason != "" {
		text += "\n" + s.Reason
	}
	return text
}

// legend explains the bars there are.
func (t *timeline) legend(b *bytes.Buffer, y float64) {
	seen := map[barKind]bool{}
	for _, r := range t.rows {
		for _, bar := range r.bars {
			seen[bar.kind] = true
		}
	}
	x := float64(margin)
	for _, k := range []struct {
		kind barKind
		text string
	}{{barGood, "answered"}, {barTaken, "a clause took it"}, {barAgain, "tried again"}, {barBad, "failed the step"}, {barCut, "given up"}, {barWait, "waits"}, {barHeld, "held by a limit"}} {
		if !seen[k.kind] {
			continue
		}
		fmt.Fprintf(b, `<g class="bar %s">`, k.kind)
		if !k.kind.running() {
			fmt.Fprintf(b, `<path d="M%.1f,%.1f h24"/>`, x, y-4)
		} else {
			for _, class := range []string{"fill", "over"} {
				fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="24" height="12" rx="2"/>`, class, x, y-10)
			}
		}
		fmt.Fprintf(b, `</g><text class="soft" x="%.1f" y="%.1f">%s</text>`, x+30, y, k.text)
		x += 30 + float64(len(k.text))*6.6 + 18
	}
	b.WriteString("\n")
}
