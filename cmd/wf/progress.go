package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"wf/interpreter/machine"
	"wf/lang/graph"
)

// progress shows a run as it happens: on a terminal the steps that are under way,
// redrawn in place; else one plain line for what an operator wants to know.
type progress struct {
	e       *env
	virtual bool
	began   time.Time
	mu      sync.Mutex
	order   []string
	status  map[string]string
	until   map[string]time.Duration
	drawn   int
	ticker  *time.Ticker
	done    chan struct{}
}

func newProgress(e *env, g *graph.Graph, virtual bool) *progress {
	p := &progress{e: e, virtual: virtual, began: e.now(), status: map[string]string{}, until: map[string]time.Duration{}, done: make(chan struct{})}
	if !e.terminal || virtual {
		return p
	}
	p.ticker = time.NewTicker(100 * time.Millisecond)
	go p.refresh()
	return p
}

func (p *progress) refresh() {
	for {
		select {
		case <-p.ticker.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		case <-p.done:
			return
		}
	}
}

// entry takes in what happened.
func (p *progress) entry(t machine.Entry) {
	if p.virtual {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ticker == nil {
		p.plain(t)
		return
	}
	switch t.Kind {
	case machine.EntryStepStarted:
		p.order = append(p.order, t.Step)
		p.status[t.Step] = "started"
	case machine.EntryCall:
		p.status[t.Step] = fmt.Sprintf("waiting for %s, attempt %d", t.Operation, t.Attempt)
		delete(p.until, t.Step)
	case machine.EntryWait:
		p.status[t.Step] = t.Numbered() + " in"
		p.until[t.Step] = t.Until
	case machine.EntryStepEnded:
		p.finished(t)
	}
	p.draw()
}

// finished prints the last line of a step above those still under way.
func (p *progress) finished(t machine.Entry) {
	p.clear()
	for i, name := range p.order {
		if name == t.Step {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
	delete(p.until, t.Step)
	note := t.Note
	if t.Error != nil {
		note = t.Error.Code
	}
	fmt.Fprintf(p.e.stderr, "%s %s %s  %s\n", p.e.paint(mark(t.Ending), endingColor(t.Ending)), t.Step, t.Ending, note)
}

// plain prints what happened as one line, without calls that go well.
func (p *progress) plain(t machine.Entry) {
	switch t.Kind {
	case machine.EntryWait, machine.EntryStepEnded:
		t.Body = nil
		fmt.Fprintf(p.e.stderr, "+%s  %s\n", short(t.At), t.Line())
	}
}

// clear removes the lines drawn last.
func (p *progress) clear() {
	if p.drawn > 0 {
		fmt.Fprintf(p.e.stderr, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

// maxLive is how many steps are shown at once.
const maxLive = 12

func (p *progress) draw() {
	p.clear()
	var b strings.Builder
	now := p.e.now().Sub(p.began)
	for i, name := range p.order {
		if i == maxLive {
			fmt.Fprintf(&b, "… %d more\n", len(p.order)-maxLive)
			p.drawn++
			break
		}
		status := p.status[name]
		if until, waits := p.until[name]; waits {
			status += " " + short(max(0, until-now).Round(100*time.Millisecond))
		}
		fmt.Fprintf(&b, "%s %s  %s\n", p.e.paint("●", "36"), name, status)
		p.drawn++
	}
	fmt.Fprint(p.e.stderr, b.String())
}

// close removes what is drawn and stops drawing.
func (p *progress) close() {
	if p.ticker == nil {
		return
	}
	p.ticker.Stop()
	close(p.done)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}
