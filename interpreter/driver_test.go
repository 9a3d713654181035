package interpreter

import (
	"context"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/lang"
)

// load compiles a source and binds every operation it declares to one function.
func load(t *testing.T, src string, f builtins.Func) (*lang.Program, *builtins.Registry) {
	t.Helper()
	p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(src)}}, "flow.wf", lang.Options{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	r := builtins.New()
	for _, s := range p.Services {
		for _, sig := range s.Operations {
			if err := r.Register(sig, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p, r
}

// TestFinishedTasksAreReleased: what a driver holds does not grow with the number
// of attempts, and the context of a call ends when its answer is there.
func TestFinishedTasksAreReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const attempts = 500
		var previous context.Context
		calls := 0
		p, r := load(t, `
service shop { operation pay { 200, 503 } }
workflow order {
  step charge {
    retry 1000 attempts, backoff 1s to 1s
    timeout 10s
    within 1d
    call shop.pay
  }
}`, func(ctx context.Context, _ builtins.Call) (builtins.Answer, error) {
			if previous != nil && previous.Err() == nil {
				t.Errorf("the context of call %d is still alive", calls)
			}
			previous = ctx
			if calls++; calls == attempts {
				return builtins.Answer{Status: 200}, nil
			}
			return builtins.Answer{Status: 503, Latency: 10 * time.Millisecond}, nil
		})
		var d *driver
		most := 0
		d = newDriver(t.Context(), nil, Options{Registry: r, RunID: "r"})
		defer d.cancel()
		trace := func(machine.Entry) { most = max(most, len(d.tasks)) }
		result, err := d.loop(machine.New(p.Workflows[0], map[string]any{}, machine.Config{RunID: "r", Trace: trace}))
		if err != nil || result.Ending != machine.Completed || result.Steps[0].Attempts != attempts {
			t.Fatalf("%+v, %v", result, err)
		}
		if most > 3 { // the call or its backoff, its timeout, the deadline of the step
			t.Errorf("up to %d calls and timers were held at once", most)
		}
		if len(d.tasks) != 0 {
			t.Errorf("%d calls and timers are left at the end", len(d.tasks))
		}
	})
}

// TestRevokedTimerIsNotHeard: a timer that fired before it was revoked says nothing
// to the one that has its ID now.
func TestRevokedTimerIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDriver(t.Context(), nil, Options{})
		defer d.cancel()
		defer d.forgetAll()
		id := machine.ID{Place: "charge", Attempt: 1, Kind: machine.KindTimeout}
		d.carryOut(machine.SetTimer{ID: id, At: time.Second})
		<-time.After(2 * time.Second) // virtual: the first has fired and waits to be heard
		synctest.Wait()
		d.carryOut(machine.CancelTimer{ID: id})
		d.carryOut(machine.SetTimer{ID: id, At: time.Hour})
		ev, _ := d.next()
		if at := d.now(); at != time.Hour {
			t.Errorf("%#v is heard at %s", ev, at)
		}
	})
}

// TestCancelledBeforeItsCalls: a service that gives up when its context ends does not
// look like one that could not be reached, because the run is cancelled first.
func TestCancelledBeforeItsCalls(t *testing.T) {
	for range 20 { // the wrong order is a matter of chance
		synctest.Test(t, func(t *testing.T) {
			p, r := load(t, `
service shop {
  operation watch { 200 }
  operation pay   { 200 }
}
workflow order {
  retry 3 attempts
  step observe { call shop.watch }
  step charge  { call shop.pay }
  step again after charge { call shop.pay }
}`, func(ctx context.Context, c builtins.Call) (builtins.Answer, error) {
				if c.Operation == "pay" {
					return builtins.Answer{Status: 200, Latency: time.Second}, nil
				}
				<-ctx.Done()
				return builtins.Answer{}, ctx.Err()
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			trace := func(e machine.Entry) {
				switch {
				case e.Kind == machine.EntryCall && e.Step == "again":
					cancel()
					synctest.Wait() // whoever listens to the context has had its say
				case e.Kind == machine.EntryAnswer && e.Step == "observe":
					t.Errorf("observe is told %s (%s)", e.Outcome, e.Note)
				}
			}
			result, err := Run(ctx, p.Workflows[0], map[string]any{}, Options{Registry: r, RunID: "r", Trace: trace})
			if err != nil || result.Ending != machine.Cancelled || result.Summary.Total != time.Second {
				t.Fatalf("%+v, %v", result, err)
			}
		})
	}
}
