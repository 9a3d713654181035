package durable_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wf/builtins"
	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/journal/memory"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
)

const fragile = `
service shop {
  breaker 3 failures in 1m, open 30s
  5xx
  operation pay { 201 }
}
workflow order {
  retry 20 attempts, backoff 10s to 10s
  timeout 5s
  step pay { call shop.pay }
}`

// moody is a service that fails until a moment; it notes when it is called.
type moody struct {
	well  time.Time
	takes time.Duration
	mu    sync.Mutex
	calls []time.Time
}

func (m *moody) Lookup(string, string) (*builtins.Operation, bool) {
	return &builtins.Operation{Func: func(context.Context, builtins.Call) (builtins.Answer, error) {
		m.mu.Lock()
		m.calls = append(m.calls, time.Now())
		m.mu.Unlock()
		if time.Now().Before(m.well) {
			return builtins.Answer{Status: 503, Latency: m.takes}, nil
		}
		return builtins.Answer{Status: 201, Latency: m.takes}, nil
	}}, true
}

func (m *moody) called() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// TestBreakerOfAllRuns: runs that each call a failing service once open its breaker
// together. While it is open nobody calls, nor does another worker; then one run probes,
// and the others wait for what comes of it.
func TestBreakerOfAllRuns(t *testing.T) {
	d := journal.Definition{Hash: "h", Workflow: "order", Main: "order.wf", Files: map[string][]byte{"order.wf": []byte(fragile)}}
	compile := func(d journal.Definition) (*graph.Graph, error) {
		p, problems := lang.Load(mapFS(d.Files), d.Main, lang.Options{})
		if problems.HasErrors() {
			return nil, problems
		}
		return p.Workflows[0], nil
	}
	g, err := compile(d)
	if err != nil {
		t.Fatal(err)
	}
	if d.Graph, err = g.Hash(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		store := memory.New()
		service := &moody{well: began.Add(40 * time.Second), takes: time.Second}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var workers sync.WaitGroup
		defer workers.Wait()
		work := func(name string) {
			w := durable.New(durable.Options{Store: store, Name: name, Services: service, Compile: compile, Poll: time.Second})
			workers.Go(func() { _ = w.Serve(ctx, nil) })
		}
		create := func(n int) {
			run := journal.Run{ID: fmt.Sprintf("r%d", n), Workflow: "order", Definition: "h", Start: time.Now()}
			if _, err := durable.Create(t.Context(), store, nil, d, g, run, map[string]any{}); err != nil {
				t.Fatal(err)
			}
		}
		work("w1")
		for n := range 3 { // three runs fail once each
			create(n)
		}
		time.Sleep(5 * time.Second)
		if n := len(service.called()); n != 3 {
			t.Fatalf("%d calls were made", n)
		}
		list, err := store.Breakers(t.Context())
		if err != nil || len(list) != 1 || list[0].State != string(machine.BreakerOpened) {
			t.Fatalf("the store has %+v, %v", list, err)
		}
		work("w2") // learns of it
		time.Sleep(2 * time.Second)
		for n := range 7 {
			create(3 + n)
		}
		time.Sleep(20 * time.Second)
		if n := len(service.called()); n != 3 {
			t.Errorf("while the breaker is open, %d calls were made", n-3)
		}
		time.Sleep(2 * time.Minute)
		stop()
		workers.Wait()
		done, err := store.List(t.Context(), journal.Filter{States: []journal.State{"completed"}})
		if err != nil || len(done) != 10 {
			t.Errorf("%d runs are completed, %v", len(done), err)
		}
		var offsets []time.Duration
		for _, at := range service.called() {
			offsets = append(offsets, at.Sub(began))
		}
		early := slices.DeleteFunc(slices.Clone(offsets), func(at time.Duration) bool { return at < 2*time.Second || at >= service.well.Sub(began) })
		if len(early) == 0 || len(early) > 2 { // a probe of each worker
			t.Errorf("it was probed at %v", early)
		}
		list, err = store.Breakers(t.Context())
		if err != nil || list[0].State != string(machine.BreakerClosed) {
			t.Errorf("the store has %+v, %v", list, err)
		}
	})
}
