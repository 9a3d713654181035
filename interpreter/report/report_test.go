package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wf/interpreter/machine"
	"wf/lang/draw"
	"wf/lang/graph"
	"wf/lang/value"
)

const sec = time.Second

// TestLongPausesLeaveRoomForCalls: two calls of a second with an hour between them can be
// seen, and the hour is named.
func TestLongPausesLeaveRoomForCalls(t *testing.T) {
	s := newScale(time.Hour+2*sec, []span{{0, sec}, {time.Hour + sec, time.Hour + 2*sec}}, plotW)
	if w := s.x(sec) - s.x(0); w < 200 {
		t.Errorf("the first call has %.0f pixels", w)
	}
	if got := s.skips(); len(got) != 1 || got[0] != (span{sec, time.Hour + sec}) {
		t.Errorf("drawn short: %v", got)
	}
	if got := fmt.Sprint(s.ticks()[:3]); !strings.HasPrefix(got, "[0s ") {
		t.Errorf("the line of time begins %s", got)
	}
}

// TestShortPausesKeepTheirLength: where calls take most of the time, all is in proportion.
func TestShortPausesKeepTheirLength(t *testing.T) {
	s := newScale(10*sec, []span{{0, 4 * sec}, {6 * sec, 10 * sec}}, 1000)
	if len(s.skips()) != 0 || s.x(5*sec) != 500 {
		t.Errorf("skips %v, the middle is at %.0f", s.skips(), s.x(5*sec))
	}
}

// TestScaleIsInOrder: whatever calls there are, a later time is not further left, the run
// takes the whole line, and words at the line do not touch.
func TestScaleIsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := time.Duration(rapid.Int64Range(0, int64(400*day)).Draw(t, "total"))
		at := func(label string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(total)).Draw(t, label))
		}
		var busy []span
		for range rapid.IntRange(0, 12).Draw(t, "calls") {
			from := at("from")
			busy = append(busy, span{from, min(total, from+time.Duration(rapid.SampledFrom([]int64{0, 1e3, 1e6, 1e9, 6e10, 1e15}).Draw(t, "takes")))})
		}
		s := newScale(total, busy, plotW)
		a, b := at("a"), at("b")
		if a > b {
			a, b = b, a
		}
		if xa, xb := s.x(a), s.x(b); xa < 0 || xa > xb+1e-6 || xb > plotW+1e-6 {
			t.Fatalf("%v at %f, %v at %f", a, xa, b, xb)
		}
		if total > 0 && (s.x(0) != 0 || s.x(total) < plotW-1e-6) {
			t.Fatalf("from %f to %f", s.x(0), s.x(total))
		}
		last := -float64(tickW)
		for _, tick := range s.ticks() {
			if x := s.x(tick); x-last < tickW {
				t.Fatalf("two ticks are %f pixels apart", x-last)
			} else {
				last = x
			}
		}
		if n := len(s.ticks()); n > plotW/tickW+1 {
			t.Fatalf("%d ticks", n)
		}
	})
}

// someRun makes up a run and its trace.
func someRun(t *rapid.T) *Run {
	name := func(i int) string {
		return fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"a", "注文を確認する", "تسجيل", "<b>&\"", strings.Repeat("long_", 30), "e\u202e\x00"}).Draw(t, "name"), i)
	}
	ending := rapid.SampledFrom([]machine.Ending{machine.Completed, machine.Degraded, machine.Failed, machine.Cancelled, machine.Skipped, machine.NotRun, machine.Resolved})
	r := &Run{Graph: &graph.Graph{Name: "w", Input: &value.Type{Kind: value.Record}}, Result: &machine.Result{Ending: machine.Completed}}
	for i := range rapid.IntRange(0, 20).Draw(t, "steps") {
		def := &graph.Step{Index: i, Name: name(i), Result: value.TAny}
		r.Graph.Steps = append(r.Graph.Steps, def)
		s := machine.StepResult{Def: def, Name: def.Name, Ending: ending.Draw(t, "ending"), Started: time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "starts"))}
		s.Ended = s.Started + time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "takes"))
		if s.Ending == machine.Failed {
			s.Error = &machine.RunError{Code: strings.Repeat("CODE", rapid.IntRange(1, 30).Draw(t, "code")), Message: "m", Step: s.Name}
		}
		r.Trace = append(r.Trace, machine.Entry{At: s.Started, Kind: machine.EntryStepStarted, Step: s.Name})
		at := s.Started
		for n := range rapid.IntRange(0, 3).Draw(t, "attempts") {
			s.Attempts = n + 1
			r.Trace = append(r.Trace, machine.Entry{At: at, Kind: machine.EntryCall, Step: s.Name, Place: s.Name, Attempt: n + 1, Operation: "s.op"})
			if at += (s.Ended - at) / 2; rapid.Bool().Draw(t, "answers") {
				r.Trace = append(r.Trace, machine.Entry{At: at, Kind: machine.EntryAnswer, Step: s.Name, Place: s.Name, Attempt: n + 1, Outcome: rapid.SampledFrom([]string{"200", "503", "timeout"}).Draw(t, "outcome")})
			}
			r.Trace = append(r.Trace, machine.Entry{At: at, Kind: machine.EntryWait, Step: s.Name, Place: s.Name, Attempt: n + 2, Count: n + 2, Of: 4, Until: at + time.Hour})
		}
		r.Trace = append(r.Trace, machine.Entry{At: s.Ended, Kind: machine.EntryStepEnded, Step: s.Name, Ending: s.Ending})
		r.Result.Summary.Total = max(r.Result.Summary.Total, s.Ended)
		if rapid.IntRange(0, 5).Draw(t, "closing") == 0 {
			r.Result.Closing = append(r.Result.Closing, s)
		} else {
			r.Result.Steps = append(r.Result.Steps, s)
		}
	}
	return r
}

// TestTimelinesKeepToTheirPage: a timeline is XML, its bars and words are on the page, and
// no bar begins before the first moment or ends behind the last one.
func TestTimelinesKeepToTheirPage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := someRun(t)
		svg := r.Timeline()
		var width, height float64
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			tok, err := d.Token()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in\n%s", err, svg)
			}
			start, ok := tok.(xml.StartElement)
			if !ok {
				continue
			}
			attr := map[string]string{}
			for _, a := range start.Attr {
				attr[a.Name.Local] = a.Value
			}
			number := func(name string) (f float64) {
				if _, err := fmt.Sscan(attr[name], &f); err != nil {
					t.Fatalf("%s of %s: %v", name, start.Name.Local, err)
				}
				return f
			}
			switch start.Name.Local {
			case "svg":
				width, height = number("width"), number("height")
			case "rect":
				if attr["class"] != "page" && (number("x") < 0 || number("x")+number("width") > width || number("y")+number("height") > height) {
					t.Fatalf("a bar is not on the page: %v", attr)
				}
			case "text":
				var text string
				if err := d.DecodeElement(&text, &start); err != nil {
					t.Fatal(err)
				}
				if w := float64(draw.Columns(text)) * 6.4; attr["text-anchor"] == "" && number("x")+w > width {
					t.Fatalf("%q ends behind the page", text)
				}
			}
		}
		page, err := r.HTML()
		if err != nil || !bytes.Contains(page, svg) {
			t.Fatalf("the page lacks the timeline: %v", err)
		}
	})
}

// TestLoopsShowWhatMatters: of many items those have rows that did not simply complete.
func TestLoopsShowWhatMatters(t *testing.T) {
	def := &graph.Step{Name: "each", Body: []graph.Stmt{&graph.Loop{}}, Result: value.TAny}
	loop := machine.StepResult{Def: def, Name: "each", Ending: machine.Degraded}
	for i := range 500 {
		s := machine.StepResult{Def: &graph.Step{Result: value.TAny}, Name: fmt.Sprintf("each[%d]", i), Ending: machine.Completed}
		if i == 321 || i == 400 {
			s.Ending, s.Error = machine.Failed, &machine.RunError{Code: "NO"}
		}
		loop.Steps = append(loop.Steps, s)
	}
	rows := rowsOf(&machine.Result{Steps: []machine.StepResult{loop}}, nil)
	var names []string
	for _, r := range rows {
		names = append(names, r.label())
	}
	text := strings.Join(names, " ")
	if len(rows) != 1+maxItems+1 || !strings.Contains(text, "[27] [321] [400] … and 470 more") {
		t.Errorf("%d rows: %s", len(rows), text)
	}
}

// TestStepsThatDidNotRunStandTogether: they took no time, so many of them have one row.
func TestStepsThatDidNotRunStandTogether(t *testing.T) {
	var r machine.Result
	for i, e := range []machine.Ending{"failed", "not_run", "not_run", "failed", "not_run", "not_run", "not_run", "not_run", "failed"} {
		r.Steps = append(r.Steps, machine.StepResult{Def: &graph.Step{}, Name: fmt.Sprintf("s%d", i), Ending: e})
	}
	var names []string
	for _, row := range together(rowsOf(&r, nil)) {
		names = append(names, row.label())
	}
	if got, want := strings.Join(names, ", "), "s0, s1, s2, s3, 4 steps were not run, s8"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestWaitsEndWithWhatTheyWaitFor: a wait without an end lasts as long as its step, and one
// that is answered as long as that takes.
func TestWaitsEndWithWhatTheyWaitFor(t *testing.T) {
	def := &graph.Step{Name: "a", Result: value.TAny}
	r := &machine.Result{Steps: []machine.StepResult{{Def: def, Name: "a", Ended: 9 * sec}}}
	rows := rowsOf(r, []machine.Entry{
		{Kind: machine.EntryStepStarted, Step: "a"},
		{Kind: machine.EntryWait, Step: "a", Place: "a", Attempt: 1},
		{Kind: machine.EntryAnswer, At: 4 * sec, Step: "a", Place: "a", Attempt: 1, Outcome: "approved"},
		{Kind: machine.EntryWait, At: 5 * sec, Step: "a"},
	})
	var got []string
	for _, b := range rows[0].bars {
		got = append(got, fmt.Sprint(b.kind, b.from, b.to))
	}
	if want := "[wait0s 4s wait5s 9s]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// TestHeldAndRefusedCallsAreShown: a call that a limit kept back has a bar for that time, and
// one that was refused a mark.
func TestHeldAndRefusedCallsAreShown(t *testing.T) {
	def := &graph.Step{Name: "a", Result: value.TAny}
	r := &machine.Result{Steps: []machine.StepResult{{Def: def, Name: "a", Ended: 9 * sec}}}
	rows := rowsOf(r, []machine.Entry{
		{Kind: machine.EntryStepStarted, Step: "a"},
		{Kind: machine.EntryCall, At: 3 * sec, Step: "a", Place: "a", Attempt: 1, Took: 2 * sec},
		{Kind: machine.EntryAnswer, At: 4 * sec, Step: "a", Place: "a", Attempt: 1, Outcome: "503"},
		{Kind: "refused", At: 5 * sec, Step: "a", Place: "a", Attempt: 2, Outcome: "breaker_open"},
		{Kind: machine.EntryStepEnded, At: 5 * sec, Step: "a", Ending: machine.Failed},
	})
	var got []string
	for _, b := range rows[0].bars {
		got = append(got, strings.TrimSpace(fmt.Sprint(b.kind, " ", b.from, " ", b.to, " ", b.label)))
	}
	if want := "held 1s 3s, taken 3s 4s 503, bad 5s 5s breaker_open"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// TestTimesThatLookAlikeAreToldApart: milliseconds after days.
func TestTimesThatLookAlikeAreToldApart(t *testing.T) {
	got := strings.Join(named([]time.Duration{0, day, day + 5*time.Millisecond, day + 10*time.Millisecond, 2 * day}), " ")
	if want := "0s 1d +5ms +10ms 2d"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
