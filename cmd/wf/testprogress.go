package main

import (
	"fmt"
	"time"
)

// testProgress is a line on the terminal that says how far the tests are. It is drawn
// once they take longer than a moment, ten times a second, and leaves nothing behind.
type testProgress struct {
	e     *env
	on    bool
	tests int
	last  time.Time
	drawn bool
}

func newTestProgress(e *env, wanted bool) *testProgress {
	return &testProgress{e: e, on: wanted && e.terminal, last: e.now()}
}

// hide removes the line, so that something else can be printed.
func (p *testProgress) hide() {
	if p.drawn {
		fmt.Fprint(p.e.stderr, "\r\x1b[K")
		p.drawn = false
	}
}

// show draws the line, if it is time.
func (p *testProgress) show(t *tally) {
	now := p.e.now()
	if !p.on || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.drawn = now, true
	line := fmt.Sprintf("%d of %s", t.Passed+t.Failed+t.Skipped, plural(p.tests, "test"))
	if t.Failed > 0 {
		line += ", " + p.e.paint(fmt.Sprintf("%d failed", t.Failed), "31")
	}
	fmt.Fprintf(p.e.stderr, "\r\x1b[K%s", line)
}
