//go:build unix

package durable_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wf/builtins"
	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/journal/sqlite"
	"wf/interpreter/machine"
	"wf/lang/graph"
)

// instant are services that answer at once, always the same, so that what is measured is ours.
type instant struct {
	builtins.Services
	answers sync.Map // operation -> its first answer
}

func (i *instant) Lookup(service, operation string) (*builtins.Operation, bool) {
	op, ok := i.Services.Lookup(service, operation)
	if !ok {
		return nil, false
	}
	fast := *op
	fast.Func = func(ctx context.Context, c builtins.Call) (builtins.Answer, error) {
		if a, ok := i.answers.Load(service + "." + operation); ok {
			return a.(builtins.Answer), nil
		}
		a, err := op.Func(ctx, c)
		a.Latency = 0
		i.answers.Store(service+"."+operation, a)
		return a, err
	}
	return &fast, true
}

// appenders measures the disk: writers that add a record to a file each, and wait until it
// is flushed. Whoever comes first flushes for all that have written. It reports records a second.
func appenders(b testing.TB, dir string, writers, size int) float64 {
	b.Helper()
	f, err := os.CreateTemp(dir, "raw")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	type record struct{ done chan error }
	records := make(chan record, writers)
	go func() {
		text := make([]byte, size)
		for r := range records {
			batch := []record{r}
			for len(records) > 0 {
				batch = append(batch, <-records)
			}
			_, err := f.Write(slices.Repeat(text, len(batch)))
			err = errors.Join(err, f.Sync())
			for _, r := range batch {
				r.done <- err
			}
		}
	}()
	var n atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range writers {
		all.Go(func() {
			done := make(chan error, 1)
			for time.Since(began) < 500*time.Millisecond {
				records <- record{done}
				if err := <-done; err != nil {
					b.Error(err)
				}
				n.Add(1)
			}
		})
	}
	all.Wait()
	close(records)
	return float64(n.Load()) / time.Since(began).Seconds()
}

// processor is the processor time of this process.
func processor(b testing.TB) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRegistration starts the registration, five steps, again and again, so that a
// number of runs is under way at once, each flushed to the disk at every event.
func BenchmarkRegistration(b *testing.B) {
	for _, at := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("runs=%d", at), func(b *testing.B) {
			j := shipped(b, "user_registration")
			dir := b.TempDir()
			file := filepath.Join(dir, "runs.db")
			store, err := sqlite.Open(file, sqlite.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			ended := sync.Map{} // id -> chan
			w := durable.New(durable.Options{Store: store, Name: "w", Services: &instant{Services: registry()}, Compile: func(journal.Definition) (*graph.Graph, error) { return j.graph, nil }, Key: key, Runs: at,
				Ended: func(r journal.Run, _ *machine.Result) {
					if c, ok := ended.Load(r.ID); ok {
						close(c.(chan struct{}))
					}
				},
				Lost: func(_ journal.Run, err error) { b.Error(err) }})
			ctx, stop := context.WithCancel(b.Context())
			served := make(chan error, 1)
			go func() { served <- w.Serve(ctx, nil) }()
			took := make([]time.Duration, b.N)
			used := processor(b)
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for range at {
				all.Go(func() {
					for n := int(next.Add(1)) - 1; n < b.N; n = int(next.Add(1)) - 1 {
						began := time.Now()
						id := fmt.Sprintf("run-%d", n)
						done := make(chan struct{})
						ended.Store(id, done)
						run := journal.Run{ID: id, Workflow: j.graph.FullName(), Definition: j.definition.Hash, Seed: uint64(n), Start: began}
						if _, err := w.Start(ctx, j.definition, j.graph, run, j.input); err != nil {
							b.Error(err)
							return
						}
						<-done
						ended.Delete(id)
						took[n] = time.Since(began)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64((processor(b)-used).Microseconds())/float64(b.N), "cpu-µs/run")
			perSecond := float64(b.N) / b.Elapsed().Seconds()
			stop()
			if err := <-served; err != nil {
				b.Error(err)
			}
			slices.Sort(took)
			b.ReportMetric(perSecond, "runs/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			rec, err := store.Run(b.Context(), "run-0")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(rec.Events), "events/run")
			if info, err := os.Stat(file); err == nil && b.N > 100 {
				b.ReportMetric(float64(info.Size())/float64(b.N), "B/run")
			}
			b.ReportMetric(perSecond*float64(rec.Events)/appenders(b, dir, at, 300), "of-raw")
		})
	}
}
