package memory_test

import (
	"testing"

	"wf/interpreter/journal"
	"wf/interpreter/journal/journaltest"
	"wf/interpreter/journal/memory"
)

func TestStore(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journal.Store { return memory.New() })
}
