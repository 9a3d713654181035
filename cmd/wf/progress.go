package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"wf/interpreter/machine"
	"wf/lang/graph"
)

// progress shows a run as it happens: on a terminal every step with what it waits for
// and until when, redrawn in place; else one plain line for what an operator wants to
// know. A simulated run takes no time, so there is nothing to show.
type progress struct {
	e      *env
	g      *graph.Graph
	screen *screen // nil: plain lines
	quiet  bool
	done   chan struct{}  // closed to stop drawing
	idle   sync.WaitGroup // the goroutine that draws

	mu    sync.Mutex // of what is below
	began time.Time
	rows  []row
	steps []stepProgress // by row
	index map[string]int // of rows, by name
}

// row is a step that has a line of its own: one of the run, or of a group. Items of loops
// are counted.
type row struct {
	*graph.Step
	level  []*graph.Step // it is one of
	around int           // row of the group; -1: it is of the run
	depth  int
}

// stepProgress is how far a step has come.
type stepProgress struct {
	begun   bool
	ended   machine.Ending // "" while it has not
	took    time.Duration
	call    string        // operation that is asked; "" while none is
	sent    time.Duration // when it was asked
	attempt string        // "attempt 2 of 3"; "" for the first
	until   time.Duration // when the call is given up, or the next attempt made; 0: never
	why     string        // of a pause; of an ending

	items, begunItems, endedItems, failedItems int // of a loop; all 0 before it began
}

func newProgress(e *env, g *graph.Graph, virtual bool) *progress {
	p := &progress{e: e, g: g, quiet: virtual, began: e.now(), done: make(chan struct{})}
	if virtual || !e.terminal {
		return p
	}
	p.screen = &screen{w: e.stderr, size: e.size}
	p.lay()
	p.idle.Go(p.refresh)
	return p
}

// lay gives the steps their rows.
func (p *progress) lay() {
	p.index = map[string]int{}
	graph.EachStep(p.g.Steps, func(prefix string, level []*graph.Step, s *graph.Step) {
		if strings.Contains(prefix, "[…]") {
			return
		}
		r := row{Step: s, level: level, around: -1, depth: strings.Count(prefix, ".")}
		if prefix != "" {
			r.around = p.index[strings.TrimSuffix(prefix, ".")]
		}
		p.index[prefix+s.Name] = len(p.rows)
		p.rows = append(p.rows, r)
	})
	p.steps = make([]stepProgress, len(p.rows))
}

// refresh draws ten times a second. A run that is over before the first time leaves
// nothing to flicker.
func (p *progress) refresh() {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.draw()
		case <-p.done:
			return
		}
	}
}

func (p *progress) draw() {
	columns, rows := p.e.size()
	p.mu.Lock()
	lines := p.lines(p.e.now(), columns, rows-1)
	p.mu.Unlock()
	p.screen.draw(lines, columns)
}

// close removes what is drawn.
func (p *progress) close() {
	if p.screen == nil {
		return
	}
	close(p.done)
	p.idle.Wait()
	p.screen.clear()
}

// entry takes in what happened.
func (p *progress) entry(t machine.Entry) {
	switch {
	case p.quiet:
		return
	case p.screen == nil:
		p.plain(t)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i, known := p.index[t.Step]
	if !known {
		p.item(t)
		return
	}
	s := &p.steps[i]
	switch t.Kind {
	case machine.EntryStepStarted:
		*s = stepProgress{begun: true}
	case machine.EntryCall:
		s.call, s.sent, s.until, s.why = t.Operation, t.At, t.Until, ""
		if t.Attempt == 1 {
			s.attempt = ""
		}
	case machine.EntryHeld:
		s.call, s.until, s.why = "", 0, "held: "+t.Note
	case machine.EntryAnswer, machine.EntryRefused:
		s.why = t.Outcome
	case machine.EntryWait:
		if t.Signal != "" || t.Place == "" {
			s.call, s.attempt, s.sent, s.until, s.why = t.Awaited(), "", t.At, t.Until, ""
			if t.Attempt > 1 {
				s.attempt = fmt.Sprintf("attempt %d", t.Attempt)
			}
			return
		}
		s.call, s.attempt, s.until, s.why = "", t.Numbered(), t.Until, strings.TrimPrefix(s.why+", "+t.Note, ", ")
	case machine.EntryStepEnded:
		*s = stepProgress{begun: true, ended: t.Ending, took: t.Took, why: t.Note}
		if t.Error != nil {
			s.why = t.Error.Code
		}
	}
}

// item counts what happened to an item of a loop.
func (p *progress) item(t machine.Entry) {
	loop, key, _ := strings.Cut(t.Step, "[")
	i, known := p.index[loop]
	if !known || strings.IndexByte(key, ']') != len(key)-1 { // a step of an item
		return
	}
	s := &p.steps[i]
	switch t.Kind {
	case machine.EntryStepStarted:
		s.items, s.begunItems = t.Of, s.begunItems+1
	case machine.EntryStepEnded:
		if t.Ending == machine.NotRun { // it never began
			return
		}
		s.endedItems++
		if t.Ending == machine.Failed {
			s.failedItems++
		}
	}
}

// plain prints what happened as one line, without calls that go well.
func (p *progress) plain(t machine.Entry) {
	switch t.Kind {
	case machine.EntryWait, machine.EntrySignal, machine.EntryBreaker, machine.EntryStepEnded:
		t.Body = nil
		fmt.Fprintf(p.e.stderr, "+%s  %s\n", short(t.At), t.Line())
	}
}

// lines are what a screen so wide shows at a moment, at most so many: the run, then its
// steps, in order. If there are too many of them, those under way come first.
func (p *progress) lines(now time.Time, columns, most int) []string {
	at := now.Sub(p.began)
	var shown, ended, running, waiting []int
	width, done := 0, 0
	for i, r := range p.rows {
		s := &p.steps[i]
		if s.ended != "" && r.around < 0 {
			done++
		}
		if r.around >= 0 && !p.under(r.around) {
			continue
		}
		shown = append(shown, i)
		width = max(width, columnsOf(r.Name)+2*r.depth)
		switch {
		case s.ended != "":
			ended = append(ended, i)
		case s.begun:
			running = append(running, i)
		default:
			waiting = append(waiting, i)
		}
	}
	width = min(width, max(12, columns/3))
	out := []string{fmt.Sprintf("%s  %s, %d of %s done", p.e.paint(p.g.FullName(), "1"), clock(at), done, plural(len(p.g.Steps), "step"))}
	if len(shown)+1 <= most {
		for _, i := range shown {
			out = append(out, p.line(i, width, at))
		}
		return out
	}
	room := max(1, most-3) // the run, and a line for what is above and below
	if len(ended) > 0 {
		out = append(out, p.e.paint(fmt.Sprintf("  … %d done", len(ended)), "2"))
	}
	for n, i := range running {
		if n == room {
			out = append(out, p.e.paint(fmt.Sprintf("  … %d more under way", len(running)-n), "2"))
			return out
		}
		out = append(out, p.line(i, width, at))
	}
	room -= len(running)
	for n, i := range waiting {
		if n >= room {
			out = append(out, p.e.paint(fmt.Sprintf("  … %d to come", len(waiting)-n), "2"))
			break
		}
		out = append(out, p.line(i, width, at))
	}
	return out
}

// under reports whether a row, and so all around it, is under way.
func (p *progress) under(i int) bool { return p.steps[i].begun && p.steps[i].ended == "" }

// counts is how far the items of a loop are; "" before the first has begun.
func (s *stepProgress) counts() string {
	if s.items == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %s done", s.endedItems, plural(s.items, "item"))
	if s.failedItems > 0 {
		text += fmt.Sprintf(", %d failed", s.failedItems)
	}
	if n := s.begunItems - s.endedItems; n > 0 {
		text += fmt.Sprintf(", %d under way", n)
	}
	return text
}

// line shows a step, below its group.
func (p *progress) line(i, width int, at time.Duration) string {
	indent := 2 * p.rows[i].depth
	return strings.Repeat(" ", indent) + p.text(i, max(width-indent, 1), at)
}

// text is what there is to say of a step.
func (p *progress) text(i, width int, at time.Duration) string {
	s := &p.steps[i]
	name := pad(cutTo(p.rows[i].Name, width), width)
	switch {
	case s.ended != "":
		text := short(s.took)
		if s.ended == machine.NotRun || s.ended == machine.Skipped {
			text = string(s.ended)
		}
		if s.ended != machine.Completed && s.why != "" {
			text += "  " + s.why
		}
		return fmt.Sprintf("  %s %s  %s", p.e.paint(mark(s.ended), endingColor(s.ended)), name, p.e.paint(text, "2"))
	case !s.begun:
		return p.e.paint(fmt.Sprintf("  · %s  %s", name, p.needs(i)), "2")
	case s.call == "" && s.until > 0:
		when := p.began.Add(s.until).Format("15:04:05")
		return fmt.Sprintf("  %s %s  %s in %s, at %s  %s", p.e.paint("↻", "33"), name, s.attempt, p.e.paint(clock(max(0, s.until-at)), "33"), when, p.e.paint(s.why, "2"))
	case s.items > 0:
		return fmt.Sprintf("  %s %s  %s", p.e.paint("●", "36"), name, s.counts())
	case s.call == "" && s.why != "":
		return fmt.Sprintf("  %s %s  %s", p.e.paint("●", "36"), name, p.e.paint(s.why, "2"))
	case s.call == "":
		return fmt.Sprintf("  %s %s", p.e.paint("●", "36"), name)
	}
	if strings.HasPrefix(s.call, "wait ") {
		return p.waits(name, s, at)
	}
	text := s.call + " " + p.e.paint(clock(max(0, at-s.sent)), "36")
	if s.attempt != "" {
		text += ", " + s.attempt
	}
	if s.until > 0 {
		text += p.e.paint(", given up at "+p.began.Add(s.until).Format("15:04:05"), "2")
	}
	return fmt.Sprintf("  %s %s  %s", p.e.paint("●", "36"), name, text)
}

// rowOf is the row of a step of the level that another row is of.
func (p *progress) rowOf(i int, s *graph.Step) int {
	return p.index[strings.TrimSuffix(p.fullName(i), p.rows[i].Name)+s.Name]
}

// fullName is the name of a row's step in the run.
func (p *progress) fullName(i int) string {
	r := p.rows[i]
	if r.around < 0 {
		return r.Name
	}
	return p.fullName(r.around) + "." + r.Name
}

// needs says what a step that has not begun waits for.
func (p *progress) needs(i int) string {
	var names []string
	r := p.rows[i]
	for _, n := range r.Needs {
		other := r.level[n.Step]
		if p.steps[p.rowOf(i, other)].ended == "" {
			names = append(names, other.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "after " + strings.Join(names, ", ")
}

// clock is a time that runs while one looks at it: it shows no more than needed.
func clock(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return short(d)
}

// waits shows a step that waits for a signal, or lets time pass.
func (p *progress) waits(name string, s *stepProgress, at time.Duration) string {
	text := s.call
	if s.attempt != "" {
		text += ", " + s.attempt
	}
	text += ", since " + p.e.paint(clock(max(0, at-s.sent)), "36")
	if s.until > 0 {
		text += fmt.Sprintf(", for %s more, until %s", p.e.paint(clock(max(0, s.until-at)), "36"), p.moment(s.until, at))
	}
	return fmt.Sprintf("  %s %s  %s", p.e.paint("◷", "33"), name, text)
}

// moment is a time of day, with the date if it is not today's.
func (p *progress) moment(at, now time.Duration) string {
	then, today := p.began.Add(at), p.began.Add(now)
	if then.YearDay() == today.YearDay() && then.Year() == today.Year() {
		return then.Format("15:04:05")
	}
	return then.Format("2006-01-02 15:04")
}
