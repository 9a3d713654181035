package sqlite_test

import (
	"path/filepath"
	"testing"

	"wf/interpreter/journal"
	"wf/interpreter/journal/journaltest"
	"wf/interpreter/journal/sqlite"
)

func TestStore(t *testing.T) {
	for name, opts := range map[string]sqlite.Options{"shared": {}, "single": {Single: true}} {
		t.Run(name, func(t *testing.T) {
			journaltest.Run(t, func(t *testing.T) journal.Store {
				s, err := sqlite.Open(filepath.Join(t.TempDir(), "runs?#%.db"), opts)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}
