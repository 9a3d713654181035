package machine

import (
	"fmt"
	"strings"
	"time"

	"wf/lang/graph"
	"wf/lang/value"
)

// Defaults of a policy that says nothing.
const (
	DefaultBackoff    = time.Second
	DefaultMaxBackoff = 5 * time.Minute
	// MaxRetryAfter is the longest wait a service can impose.
	MaxRetryAfter = time.Hour
)

// attempts is how often a call may be tried.
func (m *Machine) attempts(p *graph.Policy) (int, error) {
	if p.Attempts == nil {
		return 1, nil
	}
	n, err := p.Attempts.Value.Int(&m.eval, m.env)
	return min(max(n, 1), graph.MaxAttempts), err
}

// duration evaluates a setting, within its bounds; def stands for one not given.
func (m *Machine) duration(s *graph.Setting, def time.Duration) (time.Duration, error) {
	if s == nil {
		return def, nil
	}
	d, err := s.Value.Duration(&m.eval, m.env)
	return min(max(d, 0), graph.MaxDuration), err
}

// bound evaluates a timeout or deadline; 0 means that there is none.
func (m *Machine) bound(s *graph.Setting) (time.Duration, error) {
	if s == nil {
		return 0, nil
	}
	d, err := m.duration(s, 0)
	return max(d, graph.MinDeadline), err
}

// breakerOf evaluates the breaker of a workflow, within its bounds.
func (m *Machine) breakerOf(b *graph.Breaker) (out value.Breaker, err error) {
	if b == nil {
		return out, nil
	}
	if out.Failures, err = b.Failures.Value.Int(&m.eval, m.env); err != nil {
		return out, err
	}
	out.Failures = min(max(out.Failures, 1), value.MaxFailures)
	for _, part := range []struct {
		of *graph.Setting
		d  *time.Duration
	}{{b.In, &out.In}, {b.Open, &out.Open}} {
		if *part.d, err = m.duration(part.of, 0); err != nil {
			return out, err
		}
		*part.d = max(*part.d, value.MinGuardTime)
	}
	return out, nil
}

// pause is the time before the next attempt and what led to it.
type pause struct {
	wait    time.Duration
	backoff time.Duration // doubled with every attempt up to its cap
	jitter  float64       // share added to it, from -1 to 1; 0: none
	planned time.Duration // backoff with jitter
	asked   bool          // a Retry-After was given
	header  string        // as it was given
	after   time.Duration // what it asks for
	problem string        // why it is of no use; "": it is of use
	open    time.Duration // how long the breaker is open yet; 0: it is not
}

// pause computes how long to wait before the next attempt: the backoff with its
// jitter, or a Retry-After that is later. n counts the attempts that double it.
func (m *Machine) pause(c *callState, p *graph.Policy, n int) (out pause, err error) {
	usual := DefaultBackoff
	if c.call.Sig.Signal {
		usual = 0
	}
	first, err := m.duration(p.Backoff, usual)
	if err != nil {
		return out, err
	}
	most, err := m.duration(p.MaxBackoff, max(DefaultMaxBackoff, first))
	if err != nil {
		return out, err
	}
	most = max(most, first) // a cap from an outer level does not cut a wait set nearer
	out.backoff = doubled(first, most, n-1)
	out.planned = out.backoff
	if p.Jitter > 0 {
		out.jitter = p.Jitter * draw(m.cfg.Seed, c.place, c.attempt)
		out.planned += time.Duration(float64(out.backoff) * out.jitter).Round(time.Millisecond)
	}
	if out.header, out.asked = c.answer.headers["retry-after"]; out.asked {
		out.after, out.problem = retryAfter(out.header, m.cfg.Start.Add(m.now))
	}
	if c.gate != nil {
		out.open = c.gate.breaker.lasts(m.now)
	}
	out.wait = max(out.planned, min(out.after, MaxRetryAfter), out.open)
	return out, nil
}

// doubled is d times 2ⁿ, most at most.
func doubled(d, most time.Duration, n int) time.Duration {
	for ; n > 0 && 0 < d && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}

// String says how the time came about.
func (p pause) String() string {
	why := "backoff " + value.FormatDuration(p.backoff)
	if p.jitter != 0 {
		why += fmt.Sprintf(", jitter %+.1f%%", p.jitter*100)
	}
	after := "retry-after " + value.FormatDuration(p.after)
	if p.after > MaxRetryAfter {
		after += ", cut to " + value.FormatDuration(MaxRetryAfter)
	}
	switch {
	case p.open > 0 && p.wait == p.planned:
		return why + ", later than the breaker is open, " + value.FormatDuration(p.open)
	case p.open > 0:
		return "the breaker is open for " + value.FormatDuration(p.open) + ", later than " + why
	case !p.asked:
		return why
	case p.problem != "":
		return why + ", retry-after " + quoteShort(p.header) + " ignored: " + p.problem
	case p.wait == p.planned:
		return why + ", later than " + after
	case p.after > MaxRetryAfter:
		return after
	}
	return after + ", later than " + why
}

func quoteShort(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// draw gives a number in [-1, 1) that depends on nothing but its arguments
// (FNV-1a, finished by the mixer of SplitMix64).
func draw(seed uint64, place string, attempt int) float64 {
	h := uint64(14695981039346656037) ^ seed
	for i := 0; i < len(place); i++ {
		h = (h ^ uint64(place[i])) * 1099511628211
	}
	h = (h ^ uint64(attempt)) * 1099511628211
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	h ^= h >> 31
	return float64(h>>11)/(1<<52) - 1
}

// retryAfter reads a Retry-After header (RFC 9110 §10.2.3): seconds, or a date,
// which is measured from now. problem says why it is of no use.
func retryAfter(s string, now time.Time) (after time.Duration, problem string) {
	s = strings.TrimSpace(s)
	if digits(s) {
		if len(s) > 9 {
			return MaxRetryAfter + time.Second, ""
		}
		n := 0
		for _, c := range []byte(s) {
			n = n*10 + int(c-'0')
		}
		return time.Duration(n) * time.Second, ""
	}
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if !t.After(now) {
			return 0, "that is past"
		}
		return t.Sub(now), ""
	}
	return 0, "neither seconds nor a date"
}

func digits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
