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
	steps []stepProgress
	index map[string]int
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
}

func newProgress(e *env, g *graph.Graph, virtual bool) *progress {
	p := &progress{e: e, g: g, quiet: virtual, began: e.now(), done: make(chan struct{})}
	if virtual || !e.terminal {
		return p
	}
	p.screen = &screen{w: e.stderr, size: e.size}
	p.steps, p.index = make([]stepProgress, len(g.Steps)), make(map[string]int, len(g.Steps))
	for i, s := range g.Steps {
		p.index[s.Name] = i
	}
	p.idle.Go(p.refresh)
	return p
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
	case machine.EntryAnswer:
		s.why = t.Outcome
	case machine.EntryWait:
		s.call, s.attempt, s.until, s.why = "", t.Numbered(), t.Until, strings.TrimPrefix(s.why+", "+t.Note, ", ")
	case machine.EntryStepEnded:
		*s = stepProgress{begun: true, ended: t.Ending, took: t.Took, why: t.Note}
		if t.Error != nil {
			s.why = t.Error.Code
		}
	}
}

// plain prints what happened as one line, without calls that go well.
func (p *progress) plain(t machine.Entry) {
	switch t.Kind {
	case machine.EntryWait, machine.EntryStepEnded:
		t.Body = nil
		fmt.Fprintf(p.e.stderr, "+%s  %s\n", short(t.At), t.Line())
	}
}

// lines are what a screen so wide shows at a moment, at most so many: the run, then its
// steps, in order. If there are too many of them, those under way come first.
func (p *progress) lines(now time.Time, columns, most int) []string {
	at := now.Sub(p.began)
	var ended, running, waiting []int
	width := 0
	for i := range p.steps {
		width = max(width, columnsOf(p.g.Steps[i].Name))
		switch {
		case p.steps[i].ended != "":
			ended = append(ended, i)
		case p.steps[i].begun:
			running = append(running, i)
		default:
			waiting = append(waiting, i)
		}
	}
	width = min(width, max(12, columns/3))
	out := []string{fmt.Sprintf("%s  %s, %d of %s done", p.e.paint(p.g.FullName(), "1"), clock(at), len(ended), plural(len(p.steps), "step"))}
	if len(p.steps)+1 <= most {
		for i := range p.steps {
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

// line shows a step.
func (p *progress) line(i, width int, at time.Duration) string {
	s := &p.steps[i]
	name := pad(cutTo(p.g.Steps[i].Name, width), width)
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
	case s.call == "":
		return fmt.Sprintf("  %s %s", p.e.paint("●", "36"), name)
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

// needs says what a step that has not begun waits for.
func (p *progress) needs(i int) string {
	var names []string
	for _, n := range p.g.Steps[i].Needs {
		if p.steps[n.Step].ended == "" {
			names = append(names, p.g.Steps[n.Step].Name)
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
