package machine

import (
	"time"

	"wf/lang/value"
)

// BreakerState is what a breaker does with calls.
type BreakerState string

// States of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // calls are made
	BreakerOpened   BreakerState = "open"      // no call is made
	BreakerHalfOpen BreakerState = "half_open" // one call at a time is made, as a probe
)

// breaker is the breaker of one service: all that is known of it. It changes by calls and
// their answers alone; its times are those of the run.
type breaker struct {
	value.Breaker               // not On: it never opens
	state         BreakerState  // "" is closed
	until         time.Duration // when open: when the next call may be made
	probing       bool          // when half open: the probe is under way
	failures      window        // when closed
}

func newBreaker(b value.Breaker) breaker {
	return breaker{Breaker: b, state: BreakerClosed, failures: window{most: b.Failures, length: b.In}}
}

// refuses reports whether no call is to be made now. While the probe is under way others
// are neither refused nor made: they are held.
func (b *breaker) refuses(now time.Duration) bool { return b.state == BreakerOpened && now < b.until }

// lasts is how long it is open yet, and lets no call through; 0: it may let one through.
func (b *breaker) lasts(now time.Duration) time.Duration {
	if b.state == BreakerOpened {
		return max(0, b.until-now)
	}
	return 0
}

// made takes note of a call that is not refused. It reports whether this is a probe.
func (b *breaker) made() (probe bool) {
	if !b.On() || b.state == BreakerClosed {
		return false
	}
	b.state, b.probing = BreakerHalfOpen, true
	return true
}

// answered takes note of how a call ended. It reports whether the state has changed: what
// was called before the breaker opened changes nothing any more.
func (b *breaker) answered(now time.Duration, probe, failed bool) (changed bool) {
	switch {
	case !b.On():
		return false
	case probe && failed:
		b.open(now)
		return true
	case probe:
		b.state, b.probing = BreakerClosed, false
		return true
	case b.state == BreakerClosed && failed:
		if b.failures.add(now); b.failures.full(now) {
			b.open(now)
			return true
		}
	}
	return false
}

func (b *breaker) open(now time.Duration) {
	b.state, b.until, b.probing = BreakerOpened, now+b.Open, false
	b.failures.clear()
}

// window remembers when the last few of something happened, as many as matter.
type window struct {
	most   int           // so many are too many
	length time.Duration // in any stretch of time of this length
	at     []time.Duration
	oldest int // in at, once that is full
}

func (w *window) clear() { w.at, w.oldest = w.at[:0], 0 }

// add takes note of one more.
func (w *window) add(now time.Duration) {
	if len(w.at) < w.most {
		w.at = append(w.at, now)
		return
	}
	w.at[w.oldest] = now
	w.oldest = (w.oldest + 1) % w.most
}

// full reports whether as many as matter happened within the length of time up to now.
func (w *window) full(now time.Duration) bool { return len(w.at) == w.most && now < w.free() }

// free is when the window is no longer full; it must be full.
func (w *window) free() time.Duration { return w.at[w.oldest] + w.length }
