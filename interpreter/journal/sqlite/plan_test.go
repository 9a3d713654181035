package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// TestPlans: what a worker asks again and again is answered by an index, however many runs
// there are.
func TestPlans(t *testing.T) {
	c, err := open(filepath.Join(t.TempDir(), "runs.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		name, sql string
		args      []any
		want      []string
	}{
		{"what is due", claimable, []any{time.Now(), 1, "w", nil}, []string{"SEARCH run USING INDEX run_due (wake>? AND wake<?)", "SEARCH run USING INDEX run_worker (worker>?)"}},
		{"when the next is due", nextDue, nil, []string{"SEARCH run USING INDEX run_due (wake>?)"}},
		{"whom others have told something", told, []any{"w"}, []string{"SEARCH run USING INDEX run_worker (worker=?)", "SEARCH message USING COVERING INDEX message_run (run=?)"}},
		{"what has not ended", "SELECT number FROM run WHERE state IN ('running', 'waiting') ORDER BY number DESC LIMIT 1", nil, []string{"SEARCH run USING COVERING INDEX run_state (state=?)"}},
	} {
		var plan []string
		if err := c.each("EXPLAIN QUERY PLAN "+q.sql, func(st *sqlite3.Stmt) error { plan = append(plan, st.ColumnText(3)); return nil }, q.args...); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		for _, w := range q.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the plan has no %q\n%s", q.name, w, text)
			}
		}
		for _, line := range plan {
			if line == "SCAN run" {
				t.Errorf("%s: all runs are looked at\n%s", q.name, text)
			}
		}
	}
}
