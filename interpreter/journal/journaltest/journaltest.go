// Package journaltest says what every store of runs must do.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wf/interpreter/journal"
)

// Run holds a store against the rules. open gives an empty one; it is closed by the test.
func Run(t *testing.T, open func(t *testing.T) journal.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			c.test(&suite{t, s})
		})
	}
}

var cases = []struct {
	name string
	test func(*suite)
}{
	{"a run is what was created", (*suite).created},
	{"an id and a key are given once", (*suite).identity},
	{"events come back in order", (*suite).events},
	{"events are added where the run is", (*suite).gaps},
	{"who has lost a run cannot write to it", (*suite).fencing},
	{"due runs are claimed once, the longest due first", (*suite).claims},
	{"a run of a silent worker is claimed", (*suite).silence},
	{"a message wakes a run and is taken once", (*suite).messages},
	{"steps and attempts are shown as they were last", (*suite).shown},
	{"runs are chosen and paged", (*suite).listed},
	{"what has ended is pruned", (*suite).pruned},
	{"who did what is written down", (*suite).deeds},
	{"the latest state of a breaker is kept", (*suite).breakers},
	{"calls of all runs are bounded", (*suite).permits},
	{"many write at once", (*suite).crowd},
}

type suite struct {
	*testing.T
	s journal.Store
}

var (
	ctx   = context.Background()
	epoch = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
)

var definition = journal.Definition{Hash: "h1", Workflow: "shop.order", Version: "1.0.0", Environment: "test", Graph: "g1", Main: "order.wf",
	Files: map[string][]byte{"order.wf": []byte("workflow shop.order {}"), "services/shop.wf": {0, 1, 255}}}

func sample(id string) journal.Run {
	return journal.Run{ID: id, Workflow: "shop.order", Version: "1.0.0", Definition: "h1", Correlation: "c", Seed: 1<<63 + 7, Start: epoch,
		Input: []byte(`{"sku":"lamp"}`), Tags: map[string]string{"team": "sales"}, By: "ada", Why: "a test"}
}

func (t *suite) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *suite) is(err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the error is %v, not %v", err, want)
	}
}

func (t *suite) same(got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

// create begins a run for a worker that lives until a minute after the epoch.
func (t *suite) create(r journal.Run, s journal.Status, worker string) journal.Claim {
	t.Helper()
	c, err := t.s.Create(ctx, definition, r, s, worker)
	t.must(err)
	return c
}

// deed is one of somebody who told a run something.
func deed(what string) journal.Deed {
	return journal.Deed{At: epoch, What: what, By: "ada", Why: "a test"}
}

// running is the status of a run that is under way.
func running() journal.Status { return journal.Status{State: journal.Running} }

func (t *suite) created() {
	c := t.create(sample("r1"), running(), "w")
	t.same(c.Run, sample("r1"))
	if c.Fence == 0 || c.Events != 0 {
		t.Errorf("the claim is %+v", c)
	}
	got, err := t.s.Run(ctx, "r1")
	t.must(err)
	t.same(got, journal.Record{Run: sample("r1"), Status: running(), Worker: "w"})
	d, err := t.s.Definition(ctx, "h1")
	t.must(err)
	t.same(d, definition)

	_, err = t.s.Run(ctx, "r2")
	t.is(err, journal.ErrNotFound)
	_, err = t.s.Events(ctx, "r2")
	t.is(err, journal.ErrNotFound)
	_, _, err = t.s.Steps(ctx, "r2")
	t.is(err, journal.ErrNotFound)
	_, err = t.s.Definition(ctx, "h2")
	t.is(err, journal.ErrNotFound)
	t.is(t.s.Post(ctx, "r2", []byte("x"), deed("x")), journal.ErrNotFound)
	t.is(t.s.Append(ctx, journal.Append{Run: "r2", Fence: 1}), journal.ErrNotFound)
}

func (t *suite) identity() {
	first := sample("r1")
	first.Key = "order-7"
	t.create(first, running(), "w")
	c, err := t.s.Create(ctx, definition, sample("r1"), running(), "other")
	t.is(err, journal.ErrExists)
	t.same(c.Run, first)
	again := sample("r2")
	again.Key = "order-7"
	c, err = t.s.Create(ctx, definition, again, running(), "other")
	t.is(err, journal.ErrExists)
	t.same(c.Run, first)
	again.Workflow = "shop.refund" // keys are of a workflow
	t.create(again, running(), "w")
	t.create(sample("r3"), running(), "w") // no key is no key
	t.create(sample("r4"), running(), "w")
}

func (t *suite) append(c journal.Claim, a journal.Append) {
	t.Helper()
	a.Run, a.Fence = c.Run.ID, c.Fence
	t.must(t.s.Append(ctx, a))
}

func (t *suite) events() {
	c := t.create(sample("r1"), running(), "w")
	other := t.create(sample("r2"), running(), "w")
	var want [][]byte
	for i := range 300 {
		ev := fmt.Appendf(nil, "event %d of r1", i)
		want = append(want, ev)
		t.append(c, journal.Append{From: i, Events: [][]byte{ev}})
		if i%100 == 0 {
			t.append(other, journal.Append{From: i / 100 * 2, Events: [][]byte{{0}, {255, 0}}})
		}
	}
	got, err := t.s.Events(ctx, "r1")
	t.must(err)
	t.same(got, want)
	rec, err := t.s.Run(ctx, "r1")
	t.must(err)
	if rec.Events != 300 {
		t.Errorf("it has %d events", rec.Events)
	}
	got, err = t.s.Events(ctx, "r2")
	t.must(err)
	t.same(got, [][]byte{{0}, {255, 0}, {0}, {255, 0}, {0}, {255, 0}})
}

func (t *suite) gaps() {
	c := t.create(sample("r1"), running(), "w")
	t.append(c, journal.Append{Events: [][]byte{[]byte("a")}})
	for _, from := range []int{0, 2} {
		err := t.s.Append(ctx, journal.Append{Run: "r1", Fence: c.Fence, From: from, Events: [][]byte{[]byte("b")}, Status: &journal.Status{State: "failed"}})
		if err == nil {
			t.Errorf("events were added at %d", from)
		}
	}
	rec, err := t.s.Run(ctx, "r1")
	t.must(err)
	if rec.Events != 1 || rec.State != journal.Running {
		t.Errorf("what was refused has changed it: %+v", rec)
	}
}

func (t *suite) fencing() {
	old := t.create(sample("r1"), running(), "w1")
	claims, err := t.s.Claim(ctx, "w2", epoch, 10) // w1 has never said that it lives
	t.must(err)
	if len(claims) != 1 || claims[0].Fence <= old.Fence {
		t.Fatalf("the claims are %+v", claims)
	}
	t.is(t.s.Append(ctx, journal.Append{Run: "r1", Fence: old.Fence, Events: [][]byte{[]byte("late")}}), journal.ErrFenced)
	t.append(claims[0], journal.Append{Events: [][]byte{[]byte("good")}})
	got, err := t.s.Events(ctx, "r1")
	t.must(err)
	t.same(got, [][]byte{[]byte("good")})
}

func ids(claims []journal.Claim) (out []string) {
	for _, c := range claims {
		out = append(out, c.Run.ID)
	}
	return out
}

func (t *suite) claim(worker string, now time.Time, n int, want ...string) []journal.Claim {
	t.Helper()
	got, err := t.s.Claim(ctx, worker, now, n)
	t.must(err)
	t.same(ids(got), want)
	return got
}

func (t *suite) next(want time.Time) {
	t.Helper()
	got, err := t.s.Next(ctx)
	t.must(err)
	if !got.Equal(want) {
		t.Errorf("the next is due at %s, not %s", got, want)
	}
}

func (t *suite) claims() {
	t.must(t.s.Alive(ctx, "w1", epoch.Add(time.Hour)))
	t.must(t.s.Alive(ctx, "w2", epoch.Add(time.Hour)))
	t.next(time.Time{})
	for i, wake := range []time.Duration{3 * time.Minute, time.Minute, 2 * time.Minute} {
		t.create(sample(fmt.Sprintf("r%d", i+1)), journal.Status{State: journal.Waiting, Wake: epoch.Add(wake)}, "")
	}
	t.create(sample("asleep"), journal.Status{State: journal.Waiting}, "")
	t.next(epoch.Add(time.Minute))
	if other, err := t.s.Claim(ctx, "w1", epoch.Add(time.Hour), 10, "r", "asleep"); err != nil || len(other) > 0 {
		t.Errorf("another run was asked for: %+v, %v", other, err)
	}
	t.claim("w1", epoch.Add(time.Minute-1), 10)
	t.claim("w1", epoch.Add(time.Minute), 10, "r2")
	t.claim("w2", epoch.Add(time.Minute), 10)
	t.claim("w2", epoch.Add(time.Hour-1), 1, "r3")
	c := t.claim("w2", epoch.Add(time.Hour-1), 10, "r1")[0]
	t.same(c.Wake, epoch.Add(3*time.Minute))
	t.next(time.Time{})
	t.append(c, journal.Append{Status: &journal.Status{State: journal.Running}, Leave: true})
	t.same(t.claim("w1", epoch, 10, "r1")[0].Wake, time.Time{})
	t.claim("w1", epoch, 0)
}

func (t *suite) silence() {
	t.must(t.s.Alive(ctx, "w1", epoch.Add(time.Minute)))
	t.must(t.s.Alive(ctx, "w2", epoch.Add(time.Hour)))
	t.create(sample("r1"), running(), "w1")
	t.claim("w2", epoch.Add(time.Minute-1), 10)
	if other, err := t.s.Claim(ctx, "w2", epoch.Add(time.Hour), 10, "r2", "r3"); err != nil || len(other) > 0 {
		t.Errorf("another run was asked for: %+v, %v", other, err)
	}
	t.must(t.s.Alive(ctx, "w1", epoch.Add(2*time.Minute)))
	t.claim("w2", epoch.Add(time.Minute), 10)
	t.claim("w1", epoch.Add(2*time.Minute), 10) // it has it already
	t.claim("w2", epoch.Add(2*time.Minute), 10, "r1")
	t.claim("w2", epoch.Add(2*time.Minute), 10)
}

func (t *suite) inbox(want ...string) (numbers []int64) {
	t.Helper()
	got, err := t.s.Inbox(ctx, "r1")
	t.must(err)
	var texts []string
	for _, m := range got {
		numbers, texts = append(numbers, m.Number), append(texts, string(m.Event))
	}
	t.same(texts, want)
	return numbers
}

func (t *suite) messages() {
	t.must(t.s.Alive(ctx, "w", epoch.Add(time.Hour)))
	t.create(sample("r1"), journal.Status{State: journal.Waiting, Wake: epoch.Add(time.Hour)}, "")
	t.create(sample("r2"), journal.Status{State: journal.Waiting}, "")
	t.must(t.s.Post(ctx, "r1", []byte("a"), deed("a")))
	t.must(t.s.Post(ctx, "r1", []byte("b"), deed("b")))
	told := func(worker string, want ...string) {
		t.Helper()
		got, err := t.s.Told(ctx, worker)
		t.must(err)
		t.same(got, want)
	}
	told("w")
	c := t.claim("w", epoch, 10, "r1")[0]
	told("w", "r1")
	told("other")
	n := t.inbox("a", "b")
	t.append(c, journal.Append{Events: [][]byte{[]byte("a")}, Taken: n[:1], Status: &journal.Status{State: journal.Waiting, Wake: epoch.Add(time.Hour)}, Leave: true})
	c = t.claim("w", epoch, 10, "r1")[0] // for b
	n = t.inbox("b")
	t.append(c, journal.Append{From: 1, Events: [][]byte{[]byte("b")}, Taken: n, Status: &journal.Status{State: "failed", Ended: epoch}, Leave: true})
	t.inbox()
	t.claim("w", epoch.Add(time.Hour), 10)
	t.must(t.s.Post(ctx, "r1", []byte("c"), deed("c"))) // it may be opened again
	t.claim("w", epoch, 10, "r1")
}

func (t *suite) shown() {
	c := t.create(sample("r1"), journal.Status{State: journal.Running, Steps: []journal.Step{{Name: "b", Number: 2, State: "pending", Needs: []string{"a"}}, {Name: "a", Number: 1, State: "pending"}}}, "w")
	retry := journal.Step{Name: "a", Number: 1, State: "waiting", Attempts: 1, Of: 3, NextRetry: epoch.Add(time.Second), Started: epoch}
	t.append(c, journal.Append{Status: &journal.Status{State: journal.Waiting, Wake: epoch.Add(time.Second), Steps: []journal.Step{retry},
		Attempts: []journal.Attempt{{Step: "a", Place: "a", Number: 1, Operation: "shop.find", Key: "k", Started: epoch}}}})
	t.append(c, journal.Append{Status: &journal.Status{State: "failed", Ended: epoch.Add(time.Second), Code: "HTTP_404", Message: "gone", Output: []byte("null"),
		Attempts: []journal.Attempt{{Step: "a", Place: "a", Number: 1, Operation: "shop.find", Key: "k", Outcome: "503", Started: epoch, Ended: epoch.Add(5)},
			{Step: "a", Place: "a.2", Number: 1, Operation: "shop.find", Key: "k2", Started: epoch.Add(6)}}}})
	steps, attempts, err := t.s.Steps(ctx, "r1")
	t.must(err)
	t.same(steps, []journal.Step{retry, {Name: "b", Number: 2, State: "pending", Needs: []string{"a"}}})
	t.same(attempts, []journal.Attempt{{Step: "a", Place: "a", Number: 1, Operation: "shop.find", Key: "k", Outcome: "503", Started: epoch, Ended: epoch.Add(5)},
		{Step: "a", Place: "a.2", Number: 1, Operation: "shop.find", Key: "k2", Started: epoch.Add(6)}})
	rec, err := t.s.Run(ctx, "r1")
	t.must(err)
	t.same(rec.Status, journal.Status{State: "failed", Ended: epoch.Add(time.Second), Code: "HTTP_404", Message: "gone", Output: []byte("null")})
}

func (t *suite) listed() {
	for i := range 10 {
		r := sample(fmt.Sprintf("r%d", i))
		r.Start = epoch.Add(time.Duration(i) * time.Minute)
		s := running()
		if i%2 == 1 {
			r.Workflow, r.Key, r.Tags = "shop.refund", fmt.Sprintf("k%d", i), map[string]string{"odd": "yes", "n": fmt.Sprint(i)}
			s = journal.Status{State: journal.Waiting, Wake: epoch.Add(time.Hour)}
		}
		if i == 6 {
			r.Workflow, r.Version, r.By = "shop.eu.order", "2.0.0", "bob"
		}
		t.create(r, s, "")
	}
	list := func(f journal.Filter, want ...string) {
		t.Helper()
		got, err := t.s.List(ctx, f)
		t.must(err)
		var names []string
		for _, r := range got {
			names = append(names, r.ID)
		}
		t.same(names, want)
	}
	list(journal.Filter{Limit: 3}, "r9", "r8", "r7")
	list(journal.Filter{Limit: 3, After: "r7"}, "r6", "r5", "r4")
	list(journal.Filter{Limit: 2, After: "r7", Oldest: true}, "r8", "r9")
	list(journal.Filter{Oldest: true, States: []journal.State{journal.Waiting}}, "r1", "r3", "r5", "r7", "r9")
	list(journal.Filter{States: []journal.State{journal.Waiting, journal.Running}, Limit: 1}, "r9")
	list(journal.Filter{Workflow: "shop.order", Since: epoch.Add(4 * time.Minute)}, "r8", "r4")
	list(journal.Filter{Namespace: "shop", Limit: 4}, "r9", "r8", "r7", "r6")
	list(journal.Filter{Namespace: "shop.eu"}, "r6")
	list(journal.Filter{Namespace: "sho"})
	list(journal.Filter{Namespace: "shop.order"})
	list(journal.Filter{Version: "2.0.0"}, "r6")
	list(journal.Filter{By: "bob"}, "r6")
	list(journal.Filter{Over: true})
	list(journal.Filter{Before: epoch.Add(2 * time.Minute)}, "r1", "r0")
	list(journal.Filter{Tags: map[string]string{"odd": "yes", "n": "5"}}, "r5")
	list(journal.Filter{Tags: map[string]string{"odd": "no"}})
	list(journal.Filter{Key: "k3"}, "r3")
	list(journal.Filter{States: []journal.State{"failed"}})
}

func (t *suite) pruned() {
	for i := range 4 {
		c := t.create(sample(fmt.Sprintf("r%d", i)), running(), "w")
		if i > 0 {
			t.append(c, journal.Append{Events: [][]byte{[]byte("a")}, Leave: true,
				Status: &journal.Status{State: "completed", Ended: epoch.Add(time.Duration(i) * time.Hour), Steps: []journal.Step{{Name: "a"}}, Attempts: []journal.Attempt{{Place: "a", Started: epoch}}}})
		}
	}
	over, err := t.s.List(ctx, journal.Filter{Over: true})
	t.must(err)
	if len(over) != 3 {
		t.Errorf("%d runs are over", len(over))
	}
	n, err := t.s.Prune(ctx, journal.Filter{EndedBefore: epoch.Add(3 * time.Hour)}, deed("prune"))
	t.must(err)
	if n != 2 {
		t.Errorf("%d runs were pruned", n)
	}
	_, err = t.s.Events(ctx, "r1")
	t.is(err, journal.ErrNotFound)
	_, err = t.s.Run(ctx, "r3")
	t.must(err)
	_, err = t.s.Definition(ctx, "h1")
	t.must(err)
	n, err = t.s.Prune(ctx, journal.Filter{}, deed("prune"))
	t.must(err)
	if n != 1 {
		t.Errorf("%d runs were pruned", n)
	}
	_, err = t.s.Run(ctx, "r0") // it lives
	t.must(err)
}

func (t *suite) breakers() {
	list := func(want ...journal.Breaker) {
		t.Helper()
		got, err := t.s.Breakers(ctx)
		t.must(err)
		t.same(got, want)
	}
	list()
	open := journal.Breaker{Service: "shop", State: "open", Until: epoch.Add(time.Minute), Changed: epoch.Add(time.Second)}
	mail := journal.Breaker{Service: "mail", State: "closed", Changed: epoch}
	t.must(t.s.Keep(ctx, open))
	t.must(t.s.Keep(ctx, mail))
	list(mail, open)
	t.must(t.s.Keep(ctx, journal.Breaker{Service: "shop", State: "closed", Changed: epoch})) // it comes late
	list(mail, open)
	closed := journal.Breaker{Service: "shop", State: "closed", Changed: epoch.Add(time.Hour)}
	t.must(t.s.Keep(ctx, closed))
	list(mail, closed)
}

func (t *suite) crowd() {
	const workers, runs, events = 8, 5, 10
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for r := range runs {
				run := sample(fmt.Sprintf("w%d r%d", w, r))
				c, err := t.s.Create(ctx, definition, run, running(), "w")
				for i := 0; err == nil && i < events; i++ {
					err = t.s.Append(ctx, journal.Append{Run: run.ID, Fence: c.Fence, From: i, Events: [][]byte{fmt.Append(nil, run.ID, i)}})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	list, err := t.s.List(ctx, journal.Filter{})
	t.must(err)
	if len(list) != workers*runs || slices.ContainsFunc(list, func(r journal.Record) bool { return r.Events != events }) {
		t.Errorf("the store lists %+v", list)
	}
}

// permits: a limit counts what is under way with workers that live, a rate what was made
// of late and what is promised.
func (t *suite) permits() {
	t.must(t.s.Alive(ctx, "w", epoch.Add(time.Minute)))
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	ask := func(call string, now time.Time, want journal.Permit, quotas ...journal.Quota) {
		t.Helper()
		got, err := t.s.Permit(ctx, "w", call, quotas, now)
		t.must(err)
		t.same(got, want)
	}
	granted := journal.Permit{Granted: true}
	two := journal.Quota{Name: "mail", Limit: 2}
	ask("r1 a#1", at(0), granted, two)
	ask("r2 a#1", at(0), granted, two)
	ask("r3 a#1", at(1), journal.Permit{By: two}, two)
	ask("r2 a#1", at(1), granted, two) // whoever asks again for what is under way is not in his own way
	t.must(t.s.Release(ctx, "r1 a#1"))
	ask("r3 a#1", at(2), granted, two)
	ask("r4 a#1", at(2), journal.Permit{By: two}, two)
	ask("r4 a#1", at(61), granted, two) // the worker has been silent

	t.must(t.s.Alive(ctx, "w", epoch.Add(time.Hour)))
	rate := journal.Quota{Name: "bank", Calls: 2, Per: 10 * time.Second}
	ask("r1 b#1", at(0), granted, rate)
	ask("r2 b#1", at(4), granted, rate)
	t.must(t.s.Release(ctx, "r1 b#1"))
	ask("r3 b#1", at(5), journal.Permit{Until: at(10), By: rate}, rate)
	ask("r4 b#1", at(5), journal.Permit{Until: at(14), By: rate}, rate)
	ask("r5 b#1", at(5), journal.Permit{Until: at(20), By: rate}, rate)
	ask("r3 b#1", at(6), journal.Permit{Until: at(10), By: rate}, rate) // its place is kept
	ask("r3 b#1", at(10), granted, rate)
	ask("r6 b#1", at(11), journal.Permit{Until: at(24), By: rate}, rate)
	ask("r4 b#1", at(14), granted, rate)

	both := journal.Quota{Name: "tax", Limit: 1, Calls: 2, Per: 10 * time.Second}
	own := journal.Quota{Name: "tax.file", Calls: 1, Per: time.Minute}
	ask("r1 c#1", at(0), granted, both, own)
	ask("r2 c#1", at(1), journal.Permit{Until: at(60), By: own}, both, own)
	ask("r3 c#1", at(1), journal.Permit{By: both}, both)
	t.must(t.s.Release(ctx, "r1 c#1"))
	ask("r3 c#1", at(2), granted, both)
	t.must(t.s.Release(ctx, "r3 c#1"))
	ask("r2 c#1", at(60), granted, both, own)
}

func (t *suite) deeds() {
	got := func(run string) []journal.Deed {
		t.Helper()
		list, err := t.s.Deeds(ctx, run)
		t.must(err)
		return list
	}
	c := t.create(sample("r1"), running(), "w")
	t.create(sample("r2"), running(), "w")
	t.same(got("r1"), []journal.Deed{})
	t.must(t.s.Post(ctx, "r1", []byte("a"), deed("signal go")))
	t.must(t.s.Post(ctx, "r2", []byte("a"), deed("cancel")))
	t.must(t.s.Post(ctx, "r1", []byte("a"), deed("cancel")))
	t.same(got("r1"), []journal.Deed{deed("signal go"), deed("cancel")})
	messages, err := t.s.Inbox(ctx, "r1")
	t.must(err)
	t.append(c, journal.Append{Taken: []int64{messages[0].Number, messages[1].Number}, Status: &journal.Status{State: "cancelled", Ended: epoch}, Leave: true})
	t.same(got("r1"), []journal.Deed{deed("signal go"), deed("cancel")}) // they stay
	n, err := t.s.Prune(ctx, journal.Filter{}, deed("prune"))
	t.must(err)
	t.same(n, 1)
	t.same(got(""), []journal.Deed{deed("prune")})
	_, err = t.s.Deeds(ctx, "r1")
	t.is(err, journal.ErrNotFound)
}
