package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTestProgress looks at the line that is drawn on a terminal while tests run: it
// counts, gives way to what is printed, and is gone in the end.
func TestTestProgress(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "flow.wf"), "workflow w { input { n int }, step a { return input.n }, output a }")
	write(t, filepath.Join(dir, "flow_test.wf"), "import \"flow.wf\"\ntest \"t\" for n in 1..8 {\n  run w { n: n }\n  expect output != 5\n}")
	var screen bytes.Buffer // both streams, as a terminal shows them
	now := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	e := &env{args: []string{"test", dir}, stdout: &screen, stderr: &screen, terminal: true,
		now:       func() time.Time { now = now.Add(60 * time.Millisecond); return now },
		interrupt: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }}
	if status := run(e); status != exitFailed {
		t.Fatalf("status %d:\n%s", status, &screen)
	}
	text := screen.String()
	for _, want := range []string{"\r\x1b[K2 of 8 tests\r\x1b[K4 of 8 tests\r\x1b[K✗", "\n\r\x1b[K6 of 8 tests, 1 failed\r\x1b[K8 of 8 tests, 1 failed\r\x1b[K8 tests in 1 file"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if got := visible(text); strings.Contains(got, " of 8 tests") {
		t.Errorf("the line stays:\n%s", got)
	}
}

// visible is what a terminal shows of a text in the end.
func visible(text string) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if i := strings.LastIndex(line, "\r\x1b[K"); i >= 0 {
			line = line[i+len("\r\x1b[K"):]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
