package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"wf/interpreter/journal"
	"wf/interpreter/journal/sqlite"
)

// TestUpgrade opens a store of each older version: what was in it is there, a run goes on,
// and its tables are those of a new store.
func TestUpgrade(t *testing.T) {
	old, err := filepath.Glob("testdata/version*.sql")
	if err != nil || len(old) == 0 {
		t.Fatal("there are no older versions", err)
	}
	for _, script := range old {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".sql"), func(t *testing.T) {
			file := older(t, script)
			s, err := sqlite.Open(file, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ended, err := s.Run(t.Context(), "r1")
			if err != nil || string(ended.Input) != `{"n":1}` || string(ended.Output) != `{"m":2}` || ended.State != "completed" || ended.Events != 2 || ended.Tags["team"] != "sales" {
				t.Errorf("the run that had ended is %+v, %v", ended, err)
			}
			if events, err := s.Events(t.Context(), "r1"); err != nil || len(events) != 2 || string(events[1]) != "b" {
				t.Errorf("its events are %q, %v", events, err)
			}
			claims, err := s.Claim(t.Context(), "w", time.Now(), 9)
			if err != nil || len(claims) != 1 || claims[0].Run.ID != "r2" || claims[0].Events != 1 {
				t.Fatalf("claimed: %+v, %v", claims, err)
			}
			if err := s.Append(t.Context(), journal.Append{Run: "r2", Fence: claims[0].Fence, From: 1, Events: [][]byte{[]byte("c")}, Status: &journal.Status{State: journal.Running}}); err != nil {
				t.Error(err)
			}
			fresh := filepath.Join(t.TempDir(), "fresh.db")
			f, err := sqlite.Open(fresh, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			const shape = `SELECT m.type || ' ' || m.name || ' ' || coalesce(group_concat(c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || c.pk, ', '), '')
				FROM sqlite_schema m LEFT JOIN pragma_table_info(m.name) c WHERE m.name NOT LIKE 'sqlite_%' GROUP BY m.name ORDER BY 1`
			if diff := cmp.Diff(query(t, fresh, shape), query(t, file, shape)); diff != "" {
				t.Errorf("its tables differ (-fresh +upgraded)\n%s", diff)
			}
		})
	}
}

// TestUpgradeInUse does not pull the tables away from a worker of the old version.
func TestUpgradeInUse(t *testing.T) {
	file := older(t, "testdata/version1.sql", "INSERT INTO worker VALUES ('w7', 9000000000000000000)")
	_, err := sqlite.Open(file, sqlite.Options{})
	if err == nil || !strings.Contains(err.Error(), "stop worker w7 first") {
		t.Errorf("it says %v", err)
	}
	if v := query(t, file, "PRAGMA user_version"); v != "1" {
		t.Errorf("it is of version %s now", v)
	}
}

// older is a store of an older version, with a run that has ended and one that has not.
func older(t *testing.T, script string, more ...string) string {
	t.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "runs.db")
	c, err := sqlite3.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, sql := range append([]string{"PRAGMA journal_mode=wal", string(text)}, more...) {
		if err := c.Exec(sql); err != nil {
			t.Fatal(err)
		}
	}
	return file
}
