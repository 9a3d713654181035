package report

import (
	"cmp"
	"slices"
	"time"
)

// span is a stretch of time.
type span struct{ from, to time.Duration }

// scale puts times on a line. Long stretches in which no call is under way are drawn short:
// else a pause of an hour would leave nothing of the calls before and behind it.
type scale struct {
	parts []part
}

// part is a stretch of time with its place on the line.
type part struct {
	span
	x, w float64
	skip bool // drawn short
}

// skipW is how wide a stretch is that is drawn short, and maxSkips how many there are at most.
const (
	skipW    = 56
	maxSkips = 6
)

// newScale lays out a line of w pixels from the start of a run to its total, with the times
// in which calls were under way.
func newScale(total time.Duration, busy []span, w float64) scale {
	idle := idleIn(total, busy)
	working := total
	for _, s := range idle {
		working -= s.to - s.from
	}
	slices.SortStableFunc(idle, func(a, b span) int { return cmp.Compare(b.to-b.from, a.to-a.from) })
	var skips []span
	rest := total
	for _, s := range idle {
		long := s.to - s.from
		// it is worth it while pauses take most of the line, and this one more than its mark does
		if working == 0 || working > rest/4 || len(skips) == maxSkips || float64(long)*w < 2*skipW*float64(rest) {
			break
		}
		skips, rest = append(skips, s), rest-long
	}
	slices.SortFunc(skips, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	room := w - skipW*float64(len(skips))
	var out scale
	at, x := time.Duration(0), 0.0
	add := func(s span, width float64, skip bool) {
		out.parts = append(out.parts, part{s, x, width, skip})
		at, x = s.to, x+width
	}
	linear := func(to time.Duration) {
		width := room
		if rest > 0 {
			width = room * float64(to-at) / float64(rest)
		}
		add(span{at, to}, width, false)
	}
	for _, s := range skips {
		if s.from > at {
			linear(s.from)
		}
		add(s, skipW, true)
	}
	if total > at || len(out.parts) == 0 {
		linear(total)
	}
	return out
}

// idleIn lists the stretches in which nothing is under way.
func idleIn(total time.Duration, busy []span) []span {
	slices.SortFunc(busy, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out []span
	at := time.Duration(0)
	for _, s := range busy {
		if s.from > at {
			out = append(out, span{at, s.from})
		}
		at = max(at, s.to)
	}
	if total > at {
		out = append(out, span{at, total})
	}
	return out
}

// x is where a time is on the line.
func (s scale) x(at time.Duration) float64 {
	for _, p := range s.parts {
		if at > p.to {
			continue
		}
		if p.to == p.from {
			return p.x
		}
		return p.x + p.w*float64(max(0, at-p.from))/float64(p.to-p.from)
	}
	last := s.parts[len(s.parts)-1]
	return last.x + last.w
}

// skips lists the stretches that are drawn short.
func (s scale) skips() []span {
	var out []span
	for _, p := range s.parts {
		if p.skip {
			out = append(out, p.span)
		}
	}
	return out
}

// steps are the distances that lines of time may have.
var steps = []time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 7 * day, 14 * day, 28 * day, 91 * day, 182 * day,
}

const day = 24 * time.Hour

// tickW is the least distance of two words at the line.
const tickW = 64

// ticks lists the times that are named: 0, round ones, and those behind a stretch that is
// drawn short.
func (s scale) ticks() []time.Duration {
	var out []time.Duration
	end := -float64(tickW)
	add := func(at time.Duration) {
		if x := s.x(at); x-end >= tickW {
			out, end = append(out, at), x
		}
	}
	for _, p := range s.parts {
		if p.skip {
			continue
		}
		add(p.from)
		if p.to == p.from {
			continue
		}
		step := steps[len(steps)-1]
		for _, st := range steps {
			if p.w*float64(st)/float64(p.to-p.from) >= tickW+10 {
				step = st
				break
			}
		}
		for at := (p.from/step + 1) * step; at < p.to; at += step {
			add(at)
		}
	}
	return out
}
