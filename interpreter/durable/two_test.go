//go:build unix

package durable_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/journal/memory"
	"wf/interpreter/machine"
)

// TestTwoProcesses lets several processes work on one store at once: together they make
// each call once.
func TestTwoProcesses(t *testing.T) {
	var inputs []map[string]any
	for i := range 40 {
		inputs = append(inputs, order(13+i%3, "a", "bb", "ccc"))
	}
	m := newMurder(t, inputs...)
	var all sync.WaitGroup
	for range 3 {
		cmd, out := m.worker(0, "WF_KILL_LEASE=10m")
		all.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Errorf("a worker ends with %v\n%s", err, out)
			}
		})
	}
	all.Wait()
	made, by := map[string]bool{}, map[string]int{}
	for _, line := range m.diary() {
		f := strings.Fields(line)
		call := f[0] + " " + f[1]
		if made[call] {
			t.Errorf("%s was called twice", call)
		}
		made[call] = true
		by[f[4]]++
	}
	m.keys()
	ended(t, m, inputs)
	t.Logf("calls of each worker: %v", by)
}

// ended holds that each order has come to the end that its input gives it.
func ended(t *testing.T, m *murder, inputs []map[string]any) {
	t.Helper()
	outcomes := m.outcomes()
	for i, input := range inputs {
		want := fmt.Sprintf(`completed  {"held":[1,2,3],"paid":%d}`, input["cents"])
		if input["cents"] == 13 {
			want = "compensated NO_MONEY "
		}
		if got := outcomes[fmt.Sprintf("r%d", i)]; got != want {
			t.Errorf("run r%d ends %q, not %q", i, got, want)
		}
	}
}

// TestPaused makes a worker stand still at each moment of a run, for longer than its lease.
// Another one takes the run over and ends it; what the first one does when it goes on
// changes nothing any more.
func TestPaused(t *testing.T) {
	input := order(500, "a", "bb", "ccc")
	whole := newMurder(t, input)
	if whole.process(0) {
		t.Fatal("it died by itself")
	}
	want := whole.outcomes()
	stride := 1
	if testing.Short() {
		stride = 9
	}
	fenced := 0
	for at := 1; ; at += stride {
		m := newMurder(t, input)
		first, out := m.worker(at, "WF_KILL_PAUSES=1")
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		var status syscall.WaitStatus
		for {
			if _, err := syscall.Wait4(first.Process.Pid, &status, syscall.WUNTRACED, nil); err != syscall.EINTR {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		if !status.Stopped() { // the run was over before that moment
			if status.ExitStatus() != 0 {
				t.Fatalf("the worker ends with %d\n%s", status.ExitStatus(), out)
			}
			break
		}
		m.process(0)
		if d := cmp.Diff(want, m.outcomes()); d != "" {
			t.Errorf("paused at moment %d, it ends otherwise (-want +got)\n%s", at, d)
		}
		before := m.events("r0")
		diary := len(m.diary())
		if err := syscall.Kill(first.Process.Pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if err := first.Wait(); err != nil {
			t.Errorf("paused at moment %d, the worker ends with %v\n%s", at, err, out)
		}
		if d := cmp.Diff(want, m.outcomes()); d != "" {
			t.Errorf("paused at moment %d, the worker changes the end when it goes on (-want +got)\n%s", at, d)
		}
		if after := m.events("r0"); !slices.Equal(before, after) {
			t.Errorf("paused at moment %d, the worker writes %d events behind the end", at, len(after)-len(before))
		}
		late := m.diary()[diary:]
		if fenced += len(late); len(late) > 3 { // what was under way at once
			t.Errorf("paused at moment %d, the worker calls when it goes on:\n%s", at, strings.Join(late, "\n"))
		}
		m.keys()
	}
	if fenced == 0 && !testing.Short() {
		t.Error("no call was under way in a worker that paused")
	}
}

// events are those of a run, as they are kept.
func (m *murder) events(run string) (out []string) {
	list, err := m.store.Events(m.Context(), run)
	if err != nil {
		m.Fatal(err)
	}
	for _, b := range list {
		out = append(out, string(b))
	}
	return out
}

// skewed is a store as a worker sees it whose clock is wrong.
type skewed struct {
	journal.Store
	by time.Duration
}

func (s skewed) Claim(ctx context.Context, worker string, now time.Time, n int, runs ...string) ([]journal.Claim, error) {
	return s.Store.Claim(ctx, worker, now.Add(s.by), n, runs...)
}

func (s skewed) Alive(ctx context.Context, worker string, until time.Time) error {
	return s.Store.Alive(ctx, worker, until.Add(s.by))
}

// TestSkewedClocks: a worker whose clock is ahead takes what another one has, and one whose
// clock is behind loses what it has. No run ends otherwise for it, and what is called again
// bears its old key.
func TestSkewedClocks(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		for _, name := range names(t) {
			j := shipped(t, name)
			var want map[string]string
			var calls []string
			synctest.Test(t, func(t *testing.T) {
				store, services := memory.New(), j.services()
				j.create(t, store)
				r, _ := j.serve(store, "w", services)
				want, calls = outcome(r), unique(services.calls)
			})
			synctest.Test(t, func(t *testing.T) {
				store := memory.New()
				services := j.services()
				j.create(t, store)
				var got *machine.Result
				var mu sync.Mutex
				var all sync.WaitGroup
				serve := func(s journal.Store, worker string) {
					w := durable.New(durable.Options{Store: s, Name: worker, Services: services, Compile: compile, Key: key, Nap: -1, Lease: 10 * time.Minute, Poll: time.Minute, // only leases are skewed
						Ended: func(_ journal.Run, r *machine.Result) { mu.Lock(); got = r; mu.Unlock() }})
					all.Go(func() {
						if err := w.Serve(t.Context(), func() bool {
							rec, err := store.Run(t.Context(), "r1")
							return err == nil && !rec.Ended.IsZero()
						}); err != nil {
							t.Error(err)
						}
					})
				}
				serve(store, "right")
				serve(skewed{store, by}, "wrong")
				all.Wait()
				if d := cmp.Diff(want, outcome(got)); d != "" {
					t.Errorf("%s, %s: it ends otherwise (-want +got)\n%s", name, by, d)
				}
				if d := cmp.Diff(calls, unique(services.calls)); d != "" {
					t.Errorf("%s, %s: it calls otherwise (-want +got)\n%s", name, by, d)
				}
			})
		}
	}
}

// unique is a list without what stands in it again, sorted.
func unique(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
