package machine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wf/interpreter/machine"
)

// waits are the pauses between the attempts of a call that is always answered 503.
func waits(t *testing.T, retry string, seed uint64) []time.Duration {
	t.Helper()
	p := play(t, flow(t, "workflow w {\n retry "+retry+"\n step a { call shop.ping }\n}"), seed)
	var out []time.Duration
	for {
		p.answer(503, nil)
		d, _, ok := p.wait()
		if !ok {
			if r := p.m.Result(); r == nil || r.Ending != machine.Failed || r.Steps[0].Attempts != len(out)+1 {
				t.Fatalf("retry %s: after %d waits the run is %+v", retry, len(out), r)
			}
			return out
		}
		out = append(out, d)
		p.skip()
	}
}

func TestBackoff(t *testing.T) {
	seconds := func(list ...int) []time.Duration {
		out := make([]time.Duration, len(list))
		for i, s := range list {
			out[i] = time.Duration(s) * time.Second
		}
		return out
	}
	for _, c := range []struct {
		retry string
		want  []time.Duration
	}{
		{"1 attempts", nil},
		{"2 attempts", seconds(1)},
		{"8 attempts, backoff 1s to 30s", seconds(1, 2, 4, 8, 16, 30, 30)},
		{"12 attempts", seconds(1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300)},
		{"4 attempts, backoff 10m", seconds(600, 600, 600)},
		{"4 attempts, backoff 3s to 3s", seconds(3, 3, 3)},
		{"4 attempts, backoff 0s", seconds(0, 0, 0)},
		{"4 attempts, backoff 200d to 366d", seconds(200*86400, 366*86400, 366*86400)},
	} {
		if got := waits(t, c.retry, 1); !slices.Equal(got, c.want) {
			t.Errorf("retry %s waits %v, want %v", c.retry, got, c.want)
		}
	}
}

// TestJitter: within its share, in whole milliseconds, both ways, equal for equal
// seeds and different for different ones.
func TestJitter(t *testing.T) {
	const retry = "5 attempts, backoff 1s to 4s, jitter 10%"
	plain := waits(t, strings.TrimSuffix(retry, ", jitter 10%"), 1)
	seen := map[string]bool{}
	longer, all := 0, 0
	for seed := range uint64(200) {
		got := waits(t, retry, seed)
		if again := waits(t, retry, seed); !slices.Equal(got, again) {
			t.Fatalf("seed %d waits %v, then %v", seed, got, again)
		}
		seen[fmt.Sprint(got)] = true
		for i, d := range got {
			off := d - plain[i]
			if off.Abs() > plain[i]/10 || off%time.Millisecond != 0 {
				t.Errorf("seed %d waits %s instead of %s", seed, d, plain[i])
			}
			if all++; off > 0 {
				longer++
			}
		}
	}
	if len(seen) < 195 {
		t.Errorf("200 seeds give %d different sequences", len(seen))
	}
	if longer < all*4/10 || longer > all*6/10 {
		t.Errorf("%d of %d waits are longer than the backoff", longer, all)
	}
}

func TestJitterOfParallelSteps(t *testing.T) {
	p := play(t, flow(t, "workflow w {\n retry 2 attempts, jitter 50%\n step a { call shop.ping }\n step b { call shop.ping }\n}"), 1)
	p.answer(503, nil)
	first, _, _ := p.wait()
	p.answer(503, nil)
	second, _, ok := p.wait()
	if !ok || first == second {
		t.Errorf("two steps with jitter wait %s and %s", first, second)
	}
}

// TestRetryAfter: the later of backoff (1s) and Retry-After, an hour at most; what is
// not seconds or a date is ignored, and said to be.
func TestRetryAfter(t *testing.T) {
	g := flow(t, "workflow w {\n retry 2 attempts\n step a { call shop.ping }\n}")
	for _, c := range []struct {
		header string
		want   time.Duration
		why    string
	}{
		{"7", 7 * time.Second, "retry-after 7s, later than backoff 1s"},
		{" 7 ", 7 * time.Second, "retry-after 7s, later than backoff 1s"},
		{"0", time.Second, "backoff 1s, later than retry-after 0s"},
		{"1", time.Second, "backoff 1s, later than retry-after 1s"},
		{"3600", time.Hour, "retry-after 1h, later than backoff 1s"},
		{"3601", time.Hour, "retry-after 1h1s, cut to 1h"},
		{"99999", time.Hour, "retry-after 1d3h46m39s, cut to 1h"},
		{"999999999", time.Hour, "retry-after 11574d1h46m39s, cut to 1h"},
		{"1000000000", time.Hour, "retry-after 1h1s, cut to 1h"},
		{"99999999999999999999999", time.Hour, "retry-after 1h1s, cut to 1h"},
		{"Fri, 02 Jan 2026 09:01:30 GMT", 90 * time.Second, "retry-after 1m30s, later than backoff 1s"},
		{"Friday, 02-Jan-26 09:01:30 GMT", 90 * time.Second, "retry-after 1m30s, later than backoff 1s"},
		{"Fri Jan  2 09:01:30 2026", 90 * time.Second, "retry-after 1m30s, later than backoff 1s"},
		{"Fri, 02 Jan 2026 11:00:00 GMT", time.Hour, "retry-after 2h, cut to 1h"},
		{"Fri, 02 Jan 2026 09:00:00 GMT", time.Second, `backoff 1s, retry-after "Fri, 02 Jan 2026 09:00:00 GMT" ignored: that is past`},
		{"Thu, 01 Jan 1970 00:00:00 GMT", time.Second, `backoff 1s, retry-after "Thu, 01 Jan 1970 00:00:00 GMT" ignored: that is past`},
		{"", time.Second, `backoff 1s, retry-after "" ignored: neither seconds nor a date`},
		{"abc", time.Second, `backoff 1s, retry-after "abc" ignored: neither seconds nor a date`},
		{"-5", time.Second, `backoff 1s, retry-after "-5" ignored: neither seconds nor a date`},
		{"1.5", time.Second, `backoff 1s, retry-after "1.5" ignored: neither seconds nor a date`},
		{"7s", time.Second, `backoff 1s, retry-after "7s" ignored: neither seconds nor a date`},
		{"٧", time.Second, `backoff 1s, retry-after "٧" ignored: neither seconds nor a date`},
		{strings.Repeat("x", 99), time.Second, `backoff 1s, retry-after "` + strings.Repeat("x", 40) + `…" ignored: neither seconds nor a date`},
	} {
		p := play(t, g, 1)
		p.answer(429, map[string]string{"retry-after": c.header})
		if got, why, _ := p.wait(); got != c.want || why != c.why {
			t.Errorf("retry-after %q waits %s (%s), want %s (%s)", c.header, got, why, c.want, c.why)
		}
	}
}

// TestRetryAfterDateIsMeasuredFromNow, not from the start of the run.
func TestRetryAfterDateIsMeasuredFromNow(t *testing.T) {
	p := play(t, flow(t, "workflow w {\n retry 2 attempts\n step a { call shop.ping }\n}"), 1)
	p.now = time.Minute
	p.answer(503, map[string]string{"retry-after": "Fri, 02 Jan 2026 09:01:30 GMT"})
	if got, _, _ := p.wait(); got != 30*time.Second {
		t.Errorf("waits %s, want 30s", got)
	}
}

// TestClassification tries every status, and the classes, against the table that the
// language documents.
func TestClassification(t *testing.T) {
	retried := map[int]bool{408: true, 425: true, 429: true}
	for s := 500; s <= 599; s++ {
		retried[s] = true
	}
	g := flow(t, "workflow w {\n retry 2 attempts\n step a { call shop.ping }\n}")
	for status := 100; status <= 599; status++ {
		p := play(t, g, 1)
		p.answer(status, nil)
		_, _, waits := p.wait()
		ending := machine.Failed
		if status >= 200 && status <= 299 {
			ending = machine.Completed
		}
		switch r := p.m.Result(); {
		case retried[status]:
			if !waits {
				t.Errorf("%d is not tried again: %+v", status, r)
			}
		case r == nil || r.Ending != ending:
			t.Errorf("%d leads to %+v, want %s", status, r, ending)
		case ending == machine.Failed && r.Error.Code != fmt.Sprintf("HTTP_%d", status):
			t.Errorf("%d fails with %s", status, r.Error.Code)
		}
	}
	for class, again := range map[string]bool{"timeout": true, "unreachable": true, "SOLD_OUT": false, "NOBODY_KNOWS": false} {
		p := play(t, g, 1)
		p.apply(machine.CallFailed{ID: p.call().ID, Class: class})
		if _, _, waits := p.wait(); waits != again {
			t.Errorf("%s is tried again: %v", class, waits)
		}
	}
	p := play(t, flow(t, "workflow w {\n retry 2 attempts\n step a { call shop.find { sku: \"x\" } }\n}"), 1)
	p.apply(machine.CallReturned{ID: p.call().ID, Status: 200, Body: map[string]any{"id": "no number"}})
	if r := p.m.Result(); r == nil || r.Error.Code != "MALFORMED" || r.Steps[0].Attempts != 1 {
		t.Errorf("a body that breaks its signature leads to %+v", r)
	}
}
