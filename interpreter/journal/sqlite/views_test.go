package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"wf/interpreter/journal"
	"wf/interpreter/journal/sqlite"
)

// TestExecutionStatus holds the views against the eighteen situations of Tasker's
// execution context, of two steps a -> b unless apart. Where ours differs, was says what
// Tasker tells.
func TestExecutionStatus(t *testing.T) {
	now := time.Now()
	after := func(s journal.Step) journal.Step { s.Needs = []string{"a"}; return s }
	step := func(name, state string, attempts int, retry time.Duration) journal.Step {
		s := journal.Step{Name: name, Number: int(name[0]), State: state, Attempts: attempts, Of: 3}
		if retry != 0 {
			s.NextRetry = now.Add(retry)
		}
		return s
	}
	pending := step("b", "pending", 0, 0)
	for i, c := range []struct {
		situation string
		steps     []journal.Step
		want      string
		was       string // "": the same
	}{
		{"fresh", []journal.Step{step("a", "pending", 0, 0), after(pending)}, "has_ready_steps healthy 0.0", ""},
		{"a failed once just now", []journal.Step{step("a", "waiting", 1, time.Minute), after(pending)}, "waiting_for_dependencies recovering 0.0", ""},
		{"a failed once, and its pause is over", []journal.Step{step("a", "waiting", 1, -time.Second), after(pending)}, "has_ready_steps recovering 0.0", ""},
		{"a has failed three times of three", []journal.Step{step("a", "failed", 3, 0), after(pending)}, "blocked_by_failures blocked 0.0", ""},
		{"a failed for good", []journal.Step{step("a", "failed", 1, 0), after(pending)}, "blocked_by_failures blocked 0.0", "waiting_for_dependencies recovering: it never says so"},
		{"a is never to be retried, and has not run", []journal.Step{step("a", "pending", 0, 0), after(pending)}, "has_ready_steps healthy 0.0", "waiting_for_dependencies: it never runs"},
		{"a may have no attempt", []journal.Step{step("a", "pending", 0, 0), after(pending)}, "has_ready_steps healthy 0.0", "waiting_for_dependencies; a limit of 0 is refused by wf check"},
		{"a is cancelled", []journal.Step{step("a", "cancelled", 0, 0), after(pending)}, "waiting_for_dependencies healthy 0.0", ""},
		{"a is resolved by a person", []journal.Step{step("a", "resolved", 1, 0), after(pending)}, "has_ready_steps healthy 50.0", ""},
		{"a is under way", []journal.Step{step("a", "running", 1, 0), after(pending)}, "processing healthy 0.0", ""},
		{"both are complete", []journal.Step{step("a", "completed", 1, 0), after(step("b", "completed", 1, 0))}, "all_complete healthy 100.0", ""},
		{"a was told to wait 60 s, 35 s ago", []journal.Step{step("a", "waiting", 1, 25*time.Second), after(pending)}, "waiting_for_dependencies recovering 0.0", ""},
		{"a was told to wait 1 s, 3 s ago, at its second attempt", []journal.Step{step("a", "waiting", 2, -2*time.Second), after(pending)}, "has_ready_steps recovering 0.0", "waiting_for_dependencies: the backoff counts beside it"},
		{"apart: a failed for good, b can run", []journal.Step{step("a", "failed", 3, 0), pending}, "has_ready_steps recovering 0.0", ""},
		{"apart: a failed for good, b is under way", []journal.Step{step("a", "failed", 3, 0), step("b", "running", 1, 0)}, "processing blocked 0.0", ""},
		{"apart: a failed for good, b waits", []journal.Step{step("a", "failed", 3, 0), step("b", "waiting", 1, time.Minute)}, "blocked_by_failures blocked 0.0", ""},
		{"apart: a is complete, b is cancelled", []journal.Step{step("a", "completed", 1, 0), step("b", "cancelled", 0, 0)}, "waiting_for_dependencies healthy 50.0", ""},
		{"no steps", nil, "waiting_for_dependencies healthy 0.0", ""},
	} {
		t.Run(fmt.Sprint(i+1, " ", c.situation), func(t *testing.T) {
			db := storeWith(t, c.steps...)
			if got := query(t, db, "SELECT execution_status || ' ' || health_status || ' ' || completion_percentage FROM run_status"); got != c.want {
				t.Errorf("the store says %s, not %s", got, c.want)
			}
			if c.was != "" {
				t.Logf("Tasker says %s", c.was)
			}
		})
	}
}

// TestStepReadiness asks what people ask.
func TestStepReadiness(t *testing.T) {
	now := time.Now()
	db := storeWith(t,
		journal.Step{Name: "a", Number: 1, State: "completed", Attempts: 1, Of: 3},
		journal.Step{Name: "b", Number: 2, State: "waiting", Attempts: 2, Of: 5, NextRetry: now.Add(time.Hour), Needs: []string{"a"}},
		journal.Step{Name: "b.inner", Number: 9, Inner: true, State: "running"},
		journal.Step{Name: "c", Number: 3, State: "pending", Needs: []string{"a", "b"}},
		journal.Step{Name: "d", Number: 4, State: "failed", Attempts: 3, Of: 3},
		journal.Step{Name: "e", Number: 5, State: "pending", Needs: []string{"a"}},
	)
	got := query(t, db, `SELECT name || ' ' || state || ' ' || attempts || ' ' || (next_retry_at IS NOT NULL) || ' ' || dependency_status || ' ' || retry_status || ' ' ||
		coalesce(blocking_reason, '-') || ' ' || ready_for_execution || ' ' || coalesce(round(seconds_until_ready / 60), '-') FROM step_readiness`)
	want := `a completed 1 0 no_dependencies retry_eligible invalid_state 0 -
b waiting 2 1 all_satisfied waiting_for_backoff retry_not_eligible 0 60.0
c pending 0 0 1/2_satisfied retry_eligible dependencies_not_satisfied 0 -
d failed 3 0 no_dependencies max_retries_reached retry_not_eligible 0 -
e pending 0 0 all_satisfied retry_eligible - 1 -`
	if got != want {
		t.Errorf("the store says\n%s\nnot\n%s", got, want)
	}
}

// storeWith is the file of a store with a run that has these steps.
func storeWith(t *testing.T, steps ...journal.Step) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "runs.db")
	s, err := sqlite.Open(file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run := journal.Run{ID: "r", Workflow: "w", Definition: "h", Start: time.Now(), Input: []byte("{}")}
	if _, err := s.Create(t.Context(), definition, run, journal.Status{State: journal.Running, Steps: steps}, "w"); err != nil {
		t.Fatal(err)
	}
	return file
}

// query is the first column of all rows, as somebody with sqlite3 sees it.
func query(t *testing.T, file, sql string) string {
	t.Helper()
	c, err := sqlite3.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	st, _, err := c.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var rows []string
	for st.Step() {
		rows = append(rows, st.ColumnText(0))
	}
	if err := st.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(rows, "\n")
}
