package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mutating runs wf mutate in a folder with a workflow and a test, on a terminal. rounds is
// after how many looks at the clock it is interrupted.
func mutating(t *testing.T, rounds int) (status int, screen string) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "flow.wf"), "workflow w {\n  input { n int min 1 max 9 = 5 }\n  step a { return { x: input.n + 1, y: \"y\" } }\n  output a.x\n}")
	write(t, filepath.Join(dir, "flow_test.wf"), "import \"flow.wf\"\ntest \"t\" {\n  run w\n  expect completed\n}")
	var out bytes.Buffer // both streams, as a terminal shows them
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	now := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	e := &env{args: []string{"mutate", filepath.Join(dir, "flow.wf"), "-j", "1", "--plays", "0"}, stdout: &out, stderr: &out, terminal: true,
		now: func() time.Time {
			if rounds--; rounds == 0 {
				cancel()
			}
			now = now.Add(60 * time.Millisecond)
			return now
		},
		interrupt: func(context.Context) (context.Context, context.CancelFunc) { return ctx, cancel }}
	return run(e), strings.ReplaceAll(out.String(), filepath.ToSlash(dir), "DIR")
}

// TestMutateProgress looks at the line that is drawn on a terminal while mutants are tried: it
// counts, gives way to what is printed, and is gone in the end.
func TestMutateProgress(t *testing.T) {
	status, screen := mutating(t, 0)
	if status != exitFine || !strings.Contains(screen, "\r\x1b[KDIR/flow.wf: 2 of 12 mutants") || !strings.Contains(screen, " survive\r\x1b[K") {
		t.Errorf("status %d:\n%q", status, screen)
	}
	if got := visible(screen); strings.Contains(got, " of 12 mutants") {
		t.Errorf("the line stays:\n%s", got)
	}
}

// TestMutateInterrupted holds that Ctrl-C ends the trial, which says what it has not tried.
func TestMutateInterrupted(t *testing.T) {
	status, screen := mutating(t, 1)
	if status != exitInterrupted || !strings.Contains(screen, " were not tried") {
		t.Errorf("status %d:\n%s", status, screen)
	}
}
