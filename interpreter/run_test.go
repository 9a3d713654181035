package interpreter

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/value"
	"wf/mocks"
	"wf/workflows"
)

// The tests of this file run in a bubble of testing/synctest: its clock moves on when
// everybody waits, and a goroutine that is left at the end of a test fails it. So each of
// them shows besides that a run leaves nothing behind.

// bubble loads a source and runs a test of it in a bubble.
func bubble(t *testing.T, src string, f builtins.Func, test func(t *testing.T, run func(ctx context.Context, trace func(machine.Entry)) *machine.Result)) {
	t.Helper()
	p, r := load(t, src, f)
	synctest.Test(t, func(t *testing.T) {
		test(t, func(ctx context.Context, trace func(machine.Entry)) *machine.Result {
			result, err := Run(ctx, p.Workflows[0], map[string]any{}, Options{Registry: r, RunID: "r", Trace: trace})
			if err != nil {
				t.Fatal(err)
			}
			return result
		})
	})
}

// endings is how the steps ended, "a completed, b not_run".
func endings(r *machine.Result) string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, s.Name+" "+string(s.Ending))
	}
	return strings.Join(out, ", ")
}

func expect(t *testing.T, r *machine.Result, ending machine.Ending, steps string, total time.Duration) {
	t.Helper()
	if r.Ending != ending || endings(r) != steps || r.Summary.Total != total {
		t.Errorf("%s after %s: %s; want %s after %s: %s", r.Ending, r.Summary.Total, endings(r), ending, total, steps)
	}
}

const twoSteps = `
service shop { operation pay { 200, 503 } }
workflow order {
  retry 3 attempts, backoff 1h
  step a { call shop.pay }
  step b after a { call shop.pay }
}`

// TestCancelledBeforehand: of a run that is cancelled before it begins the first calls are
// given up.
func TestCancelledBeforehand(t *testing.T) {
	bubble(t, twoSteps, func(ctx context.Context, _ builtins.Call) (builtins.Answer, error) {
		<-ctx.Done()
		return builtins.Answer{}, ctx.Err()
	}, func(t *testing.T, run func(context.Context, func(machine.Entry)) *machine.Result) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		expect(t, run(ctx, nil), machine.Cancelled, "a cancelled, b not_run", 0)
	})
}

// TestCancellationComesFirst: once a run is cancelled no answer is taken notice of, not
// even one that is there already.
func TestCancellationComesFirst(t *testing.T) {
	for range 20 { // the wrong order is a matter of chance
		bubble(t, strings.Replace(twoSteps, " after a", "", 1), func(context.Context, builtins.Call) (builtins.Answer, error) {
			return builtins.Answer{Status: 200}, nil
		}, func(t *testing.T, run func(context.Context, func(machine.Entry)) *machine.Result) {
			ctx, cancel := context.WithCancel(t.Context())
			answers := 0
			run(ctx, func(e machine.Entry) {
				if e.Kind != machine.EntryAnswer {
					return
				}
				if answers++; answers > 1 {
					t.Errorf("%s is told %s", e.Step, e.Outcome)
				}
				cancel()
				synctest.Wait() // now the other answer is there as well
			})
		})
	}
}

// TestCancelledCall: the context of a call under way ends with the run.
func TestCancelledCall(t *testing.T) {
	var cause error
	bubble(t, twoSteps, func(ctx context.Context, _ builtins.Call) (builtins.Answer, error) {
		<-ctx.Done()
		cause = ctx.Err()
		return builtins.Answer{}, cause
	}, func(t *testing.T, run func(context.Context, func(machine.Entry)) *machine.Result) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		expect(t, run(ctx, nil), machine.Cancelled, "a cancelled, b not_run", 5*time.Second)
		synctest.Wait()
		if cause != context.Canceled {
			t.Errorf("the context of the call ended with %v", cause)
		}
	})
}

// TestCancelledPause: a run that waits for its next attempt is cancelled at once.
func TestCancelledPause(t *testing.T) {
	calls := 0
	bubble(t, twoSteps, func(context.Context, builtins.Call) (builtins.Answer, error) {
		calls++
		return builtins.Answer{Status: 503}, nil
	}, func(t *testing.T, run func(context.Context, func(machine.Entry)) *machine.Result) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(90*time.Minute, cancel) // the second attempt was after an hour
		expect(t, run(ctx, nil), machine.Cancelled, "a cancelled, b not_run", 90*time.Minute)
		if calls != 2 {
			t.Errorf("%d calls were made", calls)
		}
	})
}

// TestDeafService: a run ends in time although a service does not look at its context; what
// the service says in the end is for nobody.
func TestDeafService(t *testing.T) {
	release := make(chan struct{})
	var released atomic.Bool
	src := strings.Replace(twoSteps, "backoff 1h", "backoff 1h\n  within 10s", 1)
	p, r := load(t, src, func(context.Context, builtins.Call) (builtins.Answer, error) {
		<-release
		released.Store(true)
		return builtins.Answer{Status: 200}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		result, err := Run(t.Context(), p.Workflows[0], map[string]any{}, Options{Registry: r, RunID: "r"})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, result, machine.Failed, "a cancelled, b not_run", 10*time.Second)
		if result.Error == nil || result.Error.Code != machine.CodeDeadline {
			t.Errorf("the error is %v", result.Error)
		}
		close(release)
		synctest.Wait()
		if !released.Load() {
			t.Error("the service never came to its end")
		}
	})
}

// TestCrash: a service that panics is one that cannot be reached, and is tried again.
func TestCrash(t *testing.T) {
	calls := 0
	bubble(t, twoSteps, func(context.Context, builtins.Call) (builtins.Answer, error) {
		if calls++; calls == 1 {
			panic("no disk")
		}
		return builtins.Answer{Status: 200}, nil
	}, func(t *testing.T, run func(context.Context, func(machine.Entry)) *machine.Result) {
		var told string
		r := run(t.Context(), func(e machine.Entry) {
			if e.Outcome == value.Unreachable {
				told += fmt.Sprint(e.Body, e.Note)
			}
		})
		expect(t, r, machine.Completed, "a completed, b completed", time.Hour)
		if !strings.Contains(told, "the service crashed: no disk") {
			t.Errorf("what is told of the crash: %q", told)
		}
	})
}

// TestTimeouts: an attempt, a step and a run are bounded, each by itself, and a call learns
// at that moment that it is given up.
func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		settings string
		ending   machine.Ending
		steps    string
		total    time.Duration
		given    string // when calls were given up
	}{
		{"timeout 2s\n retry 3 attempts, backoff 1s to 1s", machine.Failed, "a failed, b not_run", 8 * time.Second, "2s 5s 8s"},
		{"timeout 2s\n retry 3 attempts, backoff 1s to 1s\n within 4s", machine.Failed, "a cancelled, b not_run", 4 * time.Second, "2s 4s"},
		{"within 7s", machine.Failed, "a cancelled, b not_run", 7 * time.Second, "7s"},
	} {
		var began time.Time
		var given []string // written by one call after the other
		src := strings.Replace(twoSteps, "retry 3 attempts, backoff 1h", c.settings, 1)
		bubble(t, src, func(ctx context.Context, _ builtins.Call) (builtins.Answer, error) {
			<-ctx.Done()
			given = append(given, time.Since(began).String())
			return builtins.Answer{}, ctx.Err()
		}, func(t *testing.T, run func(context.Context, func(machine.Entry)) *machine.Result) {
			began = time.Now()
			expect(t, run(t.Context(), nil), c.ending, c.steps, c.total)
			synctest.Wait()
			if got := strings.Join(given, " "); got != c.given {
				t.Errorf("%s: calls are given up after %s, want %s", c.settings, got, c.given)
			}
		})
	}
}

// TestLimit: as many steps call at once as the limit says, and no fewer.
func TestLimit(t *testing.T) {
	for limit, total := range map[int]time.Duration{1: 20 * time.Second, 3: 7 * time.Second, 0: time.Second} {
		var src strings.Builder
		src.WriteString("service shop { operation pay { 200 } }\nworkflow many {\n")
		if limit > 0 {
			fmt.Fprintf(&src, "  limit %d\n", limit)
		}
		for i := range 20 {
			fmt.Fprintf(&src, "  step s%d { call shop.pay }\n", i)
		}
		src.WriteString("}")
		var now, most atomic.Int32
		bubble(t, src.String(), func(context.Context, builtins.Call) (builtins.Answer, error) {
			n := now.Add(1)
			for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
			}
			<-time.After(time.Second) // virtual
			now.Add(-1)
			return builtins.Answer{Status: 200}, nil
		}, func(t *testing.T, run func(context.Context, func(machine.Entry)) *machine.Result) {
			want := int32(limit)
			if limit == 0 {
				want = 20
			}
			if r := run(t.Context(), nil); r.Ending != machine.Completed || r.Summary.Total != total || most.Load() != want {
				t.Errorf("limit %d: %s after %s, up to %d calls at once", limit, r.Ending, r.Summary.Total, most.Load())
			}
		})
	}
}

// TestManyAtOnce: thousands of calls that answer in one moment are all heard, one after
// the other.
func TestManyAtOnce(t *testing.T) {
	const n = 2000
	var src strings.Builder
	src.WriteString("service shop { operation pay { 200 } }\nworkflow many {\n")
	for i := range n {
		fmt.Fprintf(&src, "  step s%d { call shop.pay }\n", i)
	}
	src.WriteString("}")
	var start chan struct{}
	var calls atomic.Int32
	p, r := load(t, src.String(), func(context.Context, builtins.Call) (builtins.Answer, error) {
		if calls.Add(1) == n {
			close(start)
		}
		<-start
		return builtins.Answer{Status: 200}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		start = make(chan struct{})
		told := 0 // without a lock: the race detector shows that there is one teller
		trace := func(e machine.Entry) {
			if e.Kind == machine.EntryAnswer {
				told++
			}
		}
		result, err := Run(t.Context(), p.Workflows[0], map[string]any{}, Options{Registry: r, RunID: "r", Trace: trace})
		if err != nil || result.Ending != machine.Completed || told != n {
			t.Errorf("%v, %v; %d answers are told", result.Ending, err, told)
		}
	})
}

// TestLikeTheSimulator runs each shipped workflow, with the services it ships with, in real
// and in virtual time: traces and results are the same, byte for byte.
func TestLikeTheSimulator(t *testing.T) {
	files, err := fs.Glob(workflows.FS, "*.wf")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		text, err := fs.ReadFile(workflows.FS, "inputs/"+strings.TrimSuffix(file, ".wf")+".json")
		if err != nil {
			continue // a test file
		}
		raw, err := value.DecodeJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		catalog := builtins.New()
		mocks.Register(catalog, mocks.Options{})
		p, problems := lang.Load(workflows.FS, file, lang.Options{Catalog: catalog})
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		g := p.Workflows[0]
		for seed := range uint64(10) {
			start := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
			input, violations := Prepare(g, raw, "run_1", start)
			if len(violations) > 0 {
				t.Fatal(file, violations)
			}
			var virtual, real strings.Builder
			services := mocks.NewWorld(mocks.Options{Seed: seed})
			want, err := sim.Run(g, input, sim.Options{Registry: services, Seed: seed, Start: start, RunID: "run_1", Trace: writer(t, &virtual)})
			if err != nil {
				t.Fatal(file, err)
			}
			synctest.Test(t, func(t *testing.T) {
				services := mocks.NewWorld(mocks.Options{Seed: seed})
				got, err := Run(t.Context(), g, input, Options{Registry: services, Seed: seed, Start: start, RunID: "run_1", Trace: writer(t, &real)})
				if err != nil {
					t.Fatal(file, err)
				}
				if text, other := real.String(), virtual.String(); text != other {
					t.Errorf("%s with seed %d, in real time:\n%s\nin virtual time:\n%s", file, seed, text, other)
				}
				if got.Ending != want.Ending || endings(got) != endings(want) {
					t.Errorf("%s with seed %d: %s (%s), in virtual time %s (%s)", file, seed, got.Ending, endings(got), want.Ending, endings(want))
				}
			})
			compared++
		}
	}
	if compared < 50 {
		t.Errorf("%d runs were compared", compared)
	}
}

// writer writes a trace line by line.
func writer(t *testing.T, to *strings.Builder) func(machine.Entry) {
	return func(e machine.Entry) {
		if err := machine.WriteText(to, []machine.Entry{e}); err != nil {
			t.Error(err)
		}
	}
}
