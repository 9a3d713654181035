//go:build unix

package durable_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/journal/sqlite"
	"wf/interpreter/machine"
	"wf/lang/graph"
)

// scale is how many runs the tests of this file have: few, or as many as WF_SCALE says.
func scale(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("WF_SCALE")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal("WF_SCALE: ", err)
	}
	return n
}

const sleeper = `
workflow nap {
  input { until time }
  step rest { wait until input.until }
  step work after rest { return 1 }
}`

// filled is a store with a number of runs that create begins, by many at once.
func filled(t *testing.T, file string, n int, create func(store journal.Store, i int) error) {
	t.Helper()
	store, err := sqlite.Open(file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, 512) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !t.Failed(); i = int(next.Add(1)) - 1 {
				if err := create(store, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// heap is how much memory is in use, behind a collection.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// TestSleepers: runs that sleep cost a worker neither memory nor goroutines, and those
// whose time comes are woken among all others.
func TestSleepers(t *testing.T) {
	if os.Getenv("WF_SCALE") != "" { // measured
		sleepers(t)
		return
	}
	synctest.Test(t, sleepers)
}

func sleepers(t *testing.T) {
	const due = 50
	n := scale(t, 2000)
	file := filepath.Join(t.TempDir(), "runs.db")
	j := compiled(t, "nap", sleeper)
	began := time.Now()
	wake := began.Add(time.Hour)
	filled(t, file, n, func(store journal.Store, i int) error {
		run := journal.Run{ID: fmt.Sprintf("r%07d", i), Workflow: "nap", Definition: "h", Start: began}
		text := fmt.Appendf(nil, `{"until":%q}`, wake.Format(time.RFC3339Nano))
		run.Input = text
		status := journal.Status{State: journal.Waiting, Wake: wake, Steps: []journal.Step{{Name: "rest", State: "waiting", NextRetry: wake}, {Name: "work", Number: 1, State: "pending", Needs: []string{"rest"}}}}
		_, err := store.Create(t.Context(), j.definition, run, status, "")
		return err
	})
	t.Logf("%d runs are there after %v, a file of %d bytes", n, time.Since(began).Round(time.Millisecond), size(t, file))

	store, err := sqlite.Open(file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	soon := time.Now().Add(2 * time.Second) // the worker is at work by then
	for i := range due {                    // among them all
		at := soon.Add(time.Duration(i+1) * 10 * time.Millisecond)
		run := journal.Run{ID: fmt.Sprintf("due%d", i), Workflow: "nap", Definition: "h", Start: at.Add(-time.Hour)}
		if _, err := durable.Create(t.Context(), store, nil, j.definition, j.graph, run, map[string]any{"until": at.UTC().Format(time.RFC3339Nano)}); err != nil {
			t.Fatal(err)
		}
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	var mu sync.Mutex
	var lags []time.Duration
	over := make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	w := durable.New(durable.Options{Store: store, Name: "w", Services: registry(), Compile: compileFiles,
		Lost: func(_ journal.Run, err error) {
			t.Error(err)
			end()
		},
		Ended: func(r journal.Run, _ *machine.Result) {
			mu.Lock()
			defer mu.Unlock()
			if lags = append(lags, time.Since(r.Start.Add(time.Hour))); len(lags) == due {
				end()
			}
		}})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	used := processor(t)
	go func() { served <- w.Serve(ctx, nil) }()
	select {
	case <-over:
	case <-time.After(30 * time.Second):
	}
	busy := processor(t) - used
	if g := runtime.NumGoroutine() - goroutines; g > 8 {
		t.Errorf("%d goroutines for runs that sleep", g)
	}
	more := heap() - before
	if more > 8<<20 {
		t.Errorf("the worker has %d bytes for runs that sleep", more)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if len(lags) != due {
		t.Fatalf("%d of %d were woken", len(lags), due)
	}
	slices.Sort(lags)
	if lags[0] < 0 {
		t.Errorf("one was woken %v early", -lags[0])
	}
	t.Logf("%d bytes and %v of processor time; woken late by %v at the middle, %v at most", more, busy, lags[due/2].Round(time.Microsecond), lags[due-1].Round(time.Microsecond))
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func compileFiles(d journal.Definition) (*graph.Graph, error) { return compileShop(d) }

// compiled is a workflow that needs no services.
func compiled(t *testing.T, name, source string) job {
	t.Helper()
	d := journal.Definition{Hash: "h", Workflow: name, Main: name + ".wf", Files: map[string][]byte{name + ".wf": []byte(source)}}
	g, err := compileFiles(d)
	if err != nil {
		t.Fatal(err)
	}
	if d.Graph, err = g.Hash(); err != nil {
		t.Fatal(err)
	}
	return job{definition: d, graph: g}
}

// TestRecovery: a new worker goes on with all runs that another one has left in the middle.
func TestRecovery(t *testing.T) {
	n := scale(t, 300)
	j := shipped(t, "user_registration")
	file := filepath.Join(t.TempDir(), "runs.db")
	services := &instant{Services: registry()}
	left := &mortal{Store: openSQLite(t, filepath.Join(t.TempDir(), "one.db")), left: 2} // two events are written
	run := journal.Run{ID: "r", Workflow: j.graph.FullName(), Definition: "h", Seed: 1, Start: time.Now()}
	if _, err := durable.Create(t.Context(), left, key, j.definition, j.graph, run, j.input); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	w := durable.New(durable.Options{Store: left, Name: "w", Services: services, Compile: compile, Key: key, Lease: 30 * time.Millisecond, Lost: func(journal.Run, error) { stop() }})
	_ = w.Serve(ctx, nil)
	rec, err := left.Store.Run(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	events, err := left.Store.Events(t.Context(), "r")
	if err != nil || len(events) != 2 {
		t.Fatal(len(events), err)
	}
	steps, attempts, err := left.Store.Steps(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	filled(t, file, n, func(store journal.Store, i int) error {
		r := rec.Run
		r.ID = fmt.Sprintf("r%06d", i)
		r.Input = moved(t, rec.Input, r.ID, "input")
		c, err := store.Create(t.Context(), j.definition, r, journal.Status{State: journal.Running, Steps: steps, Attempts: attempts}, "dead")
		if err != nil {
			return err
		}
		return store.Append(t.Context(), journal.Append{Run: r.ID, Fence: c.Fence, Events: [][]byte{moved(t, events[0], r.ID, "0"), moved(t, events[1], r.ID, "1")}})
	})
	began, used := time.Now(), processor(t)
	store := openSQLite(t, file)
	ended := 0
	var mu sync.Mutex
	w = durable.New(durable.Options{Store: store, Name: "w2", Services: services, Compile: compile, Key: key, Lost: func(_ journal.Run, err error) { t.Error(err) },
		Ended: func(journal.Run, *machine.Result) { mu.Lock(); ended++; mu.Unlock() }})
	ctx, stop = context.WithCancel(t.Context())
	defer stop()
	if err := w.Serve(ctx, func() bool {
		live, err := store.List(ctx, journal.Filter{States: []journal.State{journal.Running, journal.Waiting}, Limit: 1})
		return err != nil || len(live) == 0
	}); err != nil {
		t.Fatal(err)
	}
	if ended != n {
		t.Errorf("%d of %d runs have ended", ended, n)
	}
	took := time.Since(began)
	t.Logf("%d runs that stood in the middle have ended after %v, %v of processor time: %.0f a second", n, took.Round(time.Millisecond), (processor(t) - used).Round(time.Millisecond), float64(n)/took.Seconds())
}

// moved is a sealed text of run r, sealed for another one.
func moved(t *testing.T, text []byte, run, what string) []byte {
	t.Helper()
	plain, err := key.Open(text, "r "+what)
	if err != nil {
		t.Error(err)
	}
	return key.Seal(plain, run+" "+what)
}

func openSQLite(t *testing.T, file string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
