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
)

const narrow = `
service bank {
  %s
  operation pay { 201 }
}
workflow order {
  timeout 2s // of an attempt: what is held has not begun
  step pay { call bank.pay }
}`

// busy is a service that notes when its calls begin, and how many are under way at once.
type busy struct {
	takes time.Duration
	mu    sync.Mutex
	begun []time.Time
	now   int
	most  int
}

func (s *busy) Lookup(string, string) (*builtins.Operation, bool) {
	return &builtins.Operation{Func: func(ctx context.Context, _ builtins.Call) (builtins.Answer, error) {
		s.mu.Lock()
		s.begun = append(s.begun, time.Now())
		s.now++
		s.most = max(s.most, s.now)
		s.mu.Unlock()
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
		}
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
		return builtins.Answer{Status: 201}, ctx.Err()
	}}, true
}

// TestLimitsOfAllRuns: what a service bears, it bears from all runs of a store, with
// whichever workers, and behind a restart as well. What is held sleeps; it uses up neither
// attempts nor their time.
func TestLimitsOfAllRuns(t *testing.T) {
	const runs = 12
	for _, c := range []struct {
		limit string
		holds func(*busy) error
	}{
		{"limit 3", func(s *busy) error {
			if s.most != 3 {
				return fmt.Errorf("%d were under way at once", s.most)
			}
			return nil
		}},
		{"limit 4 per 1m", func(s *busy) error {
			slices.SortFunc(s.begun, time.Time.Compare)
			for i := 4; i < len(s.begun); i++ {
				if d := s.begun[i].Sub(s.begun[i-4]); d < time.Minute {
					return fmt.Errorf("five began within %v", d)
				}
			}
			if d := s.begun[len(s.begun)-1].Sub(s.begun[0]); d > 3*time.Minute {
				return fmt.Errorf("all together took %v", d)
			}
			return nil
		}},
	} {
		t.Run(c.limit, func(t *testing.T) {
			j := compiled(t, "order", fmt.Sprintf(narrow, c.limit))
			synctest.Test(t, func(t *testing.T) {
				store, service := memory.New(), &busy{takes: time.Second}
				for n := range runs {
					run := journal.Run{ID: fmt.Sprintf("r%02d", n), Workflow: "order", Definition: "h", Start: time.Now()}
					if _, err := durable.Create(t.Context(), store, nil, j.definition, j.graph, run, map[string]any{}); err != nil {
						t.Fatal(err)
					}
				}
				// two workers that are relieved by two others soon
				for round, d := range []time.Duration{1500 * time.Millisecond, 10 * time.Minute} {
					ctx, stop := context.WithTimeout(t.Context(), d)
					var all sync.WaitGroup
					for n := range 2 {
						w := durable.New(durable.Options{Store: store, Name: fmt.Sprintf("w%d-%d", round, n), Services: service, Compile: compileFiles, Poll: time.Second, Runs: 6,
							Lost: func(_ journal.Run, err error) { t.Error(err) }})
						all.Go(func() {
							if err := w.Serve(ctx, nil); err != nil {
								t.Error(err)
							}
						})
					}
					all.Wait()
					stop()
				}
				done, err := store.List(t.Context(), journal.Filter{States: []journal.State{"completed"}})
				if err != nil || len(done) != runs {
					t.Errorf("%d runs are completed, %v", len(done), err)
				}
				if err := c.holds(service); err != nil {
					t.Error(err)
				}
				for _, r := range done {
					_, attempts, err := store.Steps(t.Context(), r.ID)
					if err != nil || len(attempts) != 1 {
						t.Errorf("run %s has made %d attempts, %v", r.ID, len(attempts), err)
					}
				}
			})
		})
	}
}
