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
func (m *Machine) attempts(x *exec, p *graph.Policy) (int, error) {
	if p.Attempts == nil {
		return 1, nil
	}
	n, err := p.Attempts.Value.Int(m.eval, x.env)
	return min(max(n, 1), graph.MaxAttempts), err
}

// duration evaluates a setting, within its bounds; def stands for one not given.
func (m *Machine) duration(x *exec, s *graph.Setting, least, def time.Duration) (time.Duration, error) {
	if s == nil {
		return def, nil
	}
	d, err := s.Value.Duration(m.eval, x.env)
	return min(max(d, least), graph.MaxDuration), err
}

// backoff is how long to wait before the next attempt, and why. It doubles with
// every attempt up to its cap, with jitter drawn from the seed; a Retry-After that
// is later wins.
func (m *Machine) backoff(x *exec, c *callState, p *graph.Policy) (wait time.Duration, why string, err error) {
	first, err := m.duration(x, p.Backoff, 0, DefaultBackoff)
	if err != nil {
		return 0, "", err
	}
	most, err := m.duration(x, p.MaxBackoff, 0, max(DefaultMaxBackoff, first))
	if err != nil {
		return 0, "", err
	}
	wait = first
	for range c.attempt - 1 {
		if wait >= most {
			break
		}
		wait *= 2
	}
	wait = min(wait, most)
	why = "backoff " + value.FormatDuration(wait)
	if p.Jitter > 0 {
		share := p.Jitter * draw(m.cfg.Seed, c.call.Place, c.attempt)
		wait += time.Duration(float64(wait) * share).Round(time.Millisecond)
		why += fmt.Sprintf(", jitter %+.1f%%", share*100)
	}
	header, given := c.answer.headers["retry-after"]
	if !given {
		return wait, why, nil
	}
	after, problem := retryAfter(header, m.cfg.Start.Add(m.now))
	switch {
	case problem != "":
		return wait, why + ", retry-after " + quoteShort(header) + " ignored: " + problem, nil
	case after <= wait:
		return wait, why + ", later than retry-after " + value.FormatDuration(after), nil
	case after > MaxRetryAfter:
		return MaxRetryAfter, "retry-after " + value.FormatDuration(after) + ", cut to " + value.FormatDuration(MaxRetryAfter), nil
	}
	return after, "retry-after " + value.FormatDuration(after) + ", later than " + why, nil
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
