package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/value"
)

const slowFlow = `
service shop {
  5xx, 429
  operation get {
    input { id int }
    200 { n int }
  }
}
workflow collect {
  retry 3 attempts, backoff 2s
  timeout 20s
  step customer { call shop.get { id: 1 } }
  step inventory_of_every_warehouse {
    call shop.get { id: 2 }
    on exhausted { degrade { n: 0 } }
  }
  step joined { call shop.get { id: customer.n + inventory_of_every_warehouse.n } }
  step thanked when joined.n > 100 { call shop.get { id: 4 } }
  step notified after thanked { call shop.get { id: 5 } }
  output { n: joined.n }
}`

const nestedFlow = `
service shop {
  404
  operation get {
    input { id int }
    200 { n int }
  }
}
workflow fetch {
  step pick {
    first
    step near { call shop.get { id: 4 } }
    step far {
      step uno { call shop.get { id: 2 } }
      step due after uno { call shop.get { id: 3 } }
    }
  }
  step send after pick for id in 10..14 by id {
    limit 2
    tolerate 1
    step look { call shop.get { id: id } }
    step ship { call shop.get { id: look.n } }
  }
  step done after send { call shop.get { id: 1 } }
  output { n: pick }
}`

// film runs a workflow in virtual time and returns its trace.
func film(t *testing.T, src string, answer func(c builtins.Call) builtins.Answer) (*graph.Graph, []machine.Entry) {
	t.Helper()
	p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(src)}}, "flow.wf", lang.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	r := builtins.New()
	for _, sig := range p.Services[0].Operations {
		if err := r.Register(sig, func(_ context.Context, c builtins.Call) (builtins.Answer, error) { return answer(c), nil }); err != nil {
			t.Fatal(err)
		}
	}
	var entries []machine.Entry
	g := p.Workflows[0]
	if _, err := sim.Run(g, map[string]any{}, sim.Options{Registry: r, RunID: "run_1", Trace: func(e machine.Entry) { entries = append(entries, e) }}); err != nil {
		t.Fatal(err)
	}
	return g, entries
}

// still is what the screen shows at a moment of a run.
func still(g *graph.Graph, entries []machine.Entry, at time.Duration, columns, rows int) string {
	began := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	p := &progress{e: &env{}, g: g, screen: &screen{}, began: began}
	p.lay()
	for _, e := range entries {
		if e.At <= at {
			p.entry(e)
		}
	}
	var b strings.Builder
	for _, l := range p.lines(began.Add(at), columns, rows) {
		b.WriteString(cutTo(l, columns) + "\n")
	}
	return b.String()
}

// TestProgress shows a run at several moments, on a wide and a small terminal.
func TestProgress(t *testing.T) {
	g, entries := film(t, slowFlow, func(c builtins.Call) builtins.Answer {
		body := map[string]any{"n": 1}
		switch {
		case c.Args["id"] == 1 && c.Attempt == 1:
			return builtins.Answer{Status: 429, Headers: map[string]string{"retry-after": "90"}, Latency: 300 * time.Millisecond}
		case c.Args["id"] == 2:
			return builtins.Answer{Status: 503, Latency: time.Second}
		}
		return builtins.Answer{Status: 200, Body: body, Latency: 4 * time.Second}
	})
	var b strings.Builder
	for _, at := range []string{"0s", "500ms", "3.5s", "10s", "1m31s", "1m36s", "1m50s"} {
		d, err := value.ParseDuration(at)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "== +%s, 100 columns\n%s", at, still(g, entries, d, 100, 24))
	}
	fmt.Fprintf(&b, "== +3.5s, 44 columns\n%s", still(g, entries, 3500*time.Millisecond, 44, 24))
	fmt.Fprintf(&b, "== +3.5s, 4 rows\n%s", still(g, entries, 3500*time.Millisecond, 100, 4))
	fmt.Fprintf(&b, "== +1m36s, 4 rows\n%s", still(g, entries, 96*time.Second, 100, 4))
	g, entries = film(t, nestedFlow, func(c builtins.Call) builtins.Answer {
		id := c.Args["id"].(int)
		if id == 13 {
			return builtins.Answer{Status: 404, Latency: time.Second}
		}
		return builtins.Answer{Status: 200, Body: map[string]any{"n": id}, Latency: time.Duration(id) * time.Second}
	})
	for _, at := range []string{"0s", "2500ms", "4s", "15s", "40s", "2m"} {
		d, err := value.ParseDuration(at)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "== groups and loops, +%s\n%s", at, still(g, entries, d, 100, 24))
	}
	fmt.Fprintf(&b, "== groups and loops, +2.5s, 5 rows\n%s", still(g, entries, 2500*time.Millisecond, 100, 5))
	name := filepath.Join("testdata", "progress.txt")
	if update {
		write(t, name, b.String())
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("WF_UPDATE=1 go test ./cmd/wf -run Progress rewrites %s; it is now:\n%s", name, got)
	}
}

// TestScreen draws on a terminal that keeps what was written, and checks where the
// cursor goes.
func TestScreen(t *testing.T) {
	var out strings.Builder
	columns := 20
	s := &screen{w: &out, size: func() (int, int) { return columns, 24 }}
	next := func() string {
		text := out.String()
		out.Reset()
		return text
	}
	s.draw([]string{"one", "a line that is too long for it"}, columns)
	if got, want := next(), "one\x1b[K\na line that is too…\x1b[K\n\x1b[J"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.draw([]string{"two"}, columns)
	if got, want := next(), "\x1b[2A\rtwo\x1b[K\n\x1b[J"; got != want {
		t.Errorf("two lines are replaced: %q, want %q", got, want)
	}
	s.draw([]string{strings.Repeat("x", 19)}, columns)
	next()
	columns = 8 // the line takes three rows now
	s.draw([]string{"small"}, columns)
	if got, want := next(), "\x1b[3A\rsmall\x1b[K\n\x1b[J"; got != want {
		t.Errorf("a terminal made narrower: %q, want %q", got, want)
	}
	s.clear()
	if got, want := next(), "\x1b[1A\r\x1b[J"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "注文": 4, "e\u0301": 1, "\x1b[31mred\x1b[0m": 3, "…": 1} {
		if got := columnsOf(text); got != want {
			t.Errorf("%q takes %d columns, not %d", text, want, got)
		}
	}
	for _, c := range []struct {
		text string
		most int
		want string
	}{{"abcdef", 6, "abcdef"}, {"abcdef", 5, "abcd…"}, {"注文書", 5, "注文…"}, {"注文書", 4, "注…"}, {"\x1b[31mabcdef\x1b[0m", 3, "\x1b[31mab…\x1b[0m"}} {
		if got := cutTo(c.text, c.most); got != c.want || columnsOf(got) > c.most {
			t.Errorf("%q in %d columns is %q, want %q", c.text, c.most, got, c.want)
		}
	}
}
