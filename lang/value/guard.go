package value

import (
	"encoding/json"
	"fmt"
	"time"
)

// Guard bounds the calls of a service, or of one of its operations, in one run, or in all
// runs of a store. The zero
// Guard bounds nothing.
type Guard struct {
	Limit   int     // calls under way at once; 0: any number
	Rate    Rate    // calls made in a time
	Breaker Breaker // of a service only
}

// Rate is how many calls are made in any stretch of time of this length. The zero Rate
// bounds nothing.
type Rate struct {
	Calls int
	Per   time.Duration
}

// Breaker says when a service counts as failing, and for how long no call is made then.
// The zero Breaker never opens.
type Breaker struct {
	Failures int           // that open it
	In       time.Duration // any stretch of time of this length
	Open     time.Duration // then one call is made as a probe
}

// On reports whether there is a breaker.
func (b Breaker) On() bool { return b.Failures > 0 }

// Bounds of guards.
const (
	MaxCalls     = 100_000 // of a limit or rate
	MaxFailures  = 1_000   // of a breaker
	MinGuardTime = time.Millisecond
	MaxGuardTime = 366 * 24 * time.Hour
)

// Check reports a part that is out of its bounds.
func (g Guard) Check() error {
	count := func(what string, n, most int) error {
		if n < 0 || n > most {
			return fmt.Errorf("%s must be from 1 to %d, or 0 for none, not %d", what, most, n)
		}
		return nil
	}
	length := func(what string, d time.Duration, needed bool) error {
		if needed && (d < MinGuardTime || d > MaxGuardTime) {
			return fmt.Errorf("%s must be from %s to %s, not %s", what, FormatDuration(MinGuardTime), FormatDuration(MaxGuardTime), FormatDuration(d))
		}
		return nil
	}
	for _, err := range []error{
		count("limit", g.Limit, MaxCalls),
		count("the calls of a rate", g.Rate.Calls, MaxCalls), length("the time of a rate", g.Rate.Per, g.Rate.Calls > 0),
		count("the failures of a breaker", g.Breaker.Failures, MaxFailures), length("the time of a breaker", g.Breaker.In, g.Breaker.On()),
		length("the open time of a breaker", g.Breaker.Open, g.Breaker.On()),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON leaves out what is not bounded; times are written as in the language.
func (g Guard) MarshalJSON() ([]byte, error) {
	type rate struct {
		Calls int    `json:"calls"`
		Per   string `json:"per"`
	}
	type breaker struct {
		Failures int    `json:"failures"`
		In       string `json:"in"`
		Open     string `json:"open"`
	}
	var out struct {
		Limit   int      `json:"limit,omitempty"`
		Rate    *rate    `json:"rate,omitempty"`
		Breaker *breaker `json:"breaker,omitempty"`
	}
	out.Limit = g.Limit
	if g.Rate.Calls > 0 {
		out.Rate = &rate{g.Rate.Calls, FormatDuration(g.Rate.Per)}
	}
	if b := g.Breaker; b.On() {
		out.Breaker = &breaker{b.Failures, FormatDuration(b.In), FormatDuration(b.Open)}
	}
	return json.Marshal(out)
}
