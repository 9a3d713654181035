package main

import (
	"fmt"
	"time"
)

// progressLine is a line on the terminal that says how far something is. It is drawn once
// that takes longer than a moment, ten times a second, and leaves nothing behind.
type progressLine struct {
	e     *env
	on    bool
	last  time.Time
	drawn bool
}

func newProgressLine(e *env, wanted bool) *progressLine {
	return &progressLine{e: e, on: wanted && e.terminal, last: e.now()}
}

// hide removes the line, so that something else can be printed.
func (p *progressLine) hide() {
	if p.drawn {
		fmt.Fprint(p.e.stderr, "\r\x1b[K")
		p.drawn = false
	}
}

// show draws the line, if it is time.
func (p *progressLine) show(text func() string) {
	now := p.e.now()
	if !p.on || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.drawn = now, true
	fmt.Fprintf(p.e.stderr, "\r\x1b[K%s", text())
}

// testsSoFar says how far the tests are.
func (e *env) testsSoFar(t *tally, tests int) string {
	line := fmt.Sprintf("%d of %s", t.Passed+t.Failed+t.Skipped, plural(tests, "test"))
	if t.Failed > 0 {
		line += ", " + e.paint(fmt.Sprintf("%d failed", t.Failed), "31")
	}
	return line
}
