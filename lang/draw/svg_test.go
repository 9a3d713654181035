package draw

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// diamond is a → b → c → d, where d also reads a and b.
func diamond() *graph.Graph {
	return &graph.Graph{Name: "w", Steps: []*graph.Step{
		{Index: 0, Name: "a"},
		{Index: 1, Name: "b", Needs: []graph.Need{{Step: 0, Data: true}}},
		{Index: 2, Name: "c", Needs: []graph.Need{{Step: 1, After: true}}},
		{Index: 3, Name: "d", Needs: []graph.Need{{Step: 0, Data: true}, {Step: 1, Data: true}, {Step: 2, Data: true}}},
	}}
}

func TestEdgesThatALongerWayImpliesArePale(t *testing.T) {
	svg := string(SVG(diamond()))
	for class, want := range map[kind]int{reads: 2, waits: 1, implied: 2} {
		if got := strings.Count(svg, fmt.Sprintf(`<path class="%s e`, class)); got != want {
			t.Errorf("%d edges are drawn as %q, want %d", got, class, want)
		}
	}
}

func TestConditionsAreBrokenBetweenWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"when a > 0", []string{"when a > 0"}},
		{"when charge?.paid == nil and reserve_flight.held != nil", []string{"when charge?.paid == nil and", "reserve_flight.held != nil"}},
		{"when " + strings.Repeat("x", 60), []string{"when " + strings.Repeat("x", 38) + "…"}},
		{"when " + strings.Repeat("abcdef or ", 30), []string{"when abcdef or abcdef or abcdef or abcdef or", "abcdef or abcdef or abcdef or abcdef or", "abcdef or abcdef or abcdef or abcdef or abc…"}},
	} {
		if got := wrap(c.text); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("wrap(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

// TestPicturesHaveNoOverlap: whatever the graph, no two boxes of a level lie upon one
// another, everything is on the page or in the box around it, and the same graph gives
// the same picture.
func TestPicturesHaveNoOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := someGraph(t)
		d := newDrawing(g, Notes{})
		d.layout()
		fits(t, d)
		if !bytes.Equal(SVG(g), SVG(g)) {
			t.Fatal("two pictures of one graph differ")
		}
	})
}

// odd is text as people write it, and as they do not.
func odd(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z_]{1,40}`),
		rapid.SampledFrom([]string{"", "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm", "تسجيل المستخدم", "שלום \u202eabc", "注文を確認する注文を確認する注文を確認する注文を確認する", "👩‍👩‍👧‍👦🏳️‍🌈", "a\x00b\x1b[0m", "<b>&\"'</b>]]>", "é̂̃é", "two\nlines", "\xff\xfe"}),
		rapid.String(),
	).Draw(t, label)
}

// someGraph makes up a graph, with all that a picture can show.
func someGraph(t *rapid.T) *graph.Graph {
	g := &graph.Graph{Name: "w", Version: odd(t, "version"), Describe: odd(t, "description"), Steps: someSteps(t, 25, 2)}
	block := func(name string) *graph.Block {
		if !rapid.Bool().Draw(t, name) {
			return nil
		}
		return &graph.Block{Steps: []*graph.Step{{Name: name, Body: []graph.Stmt{someCall(t)}}}}
	}
	g.OnFailed, g.Finally = block("on_failed"), block("finally")
	return g
}

func someCall(t *rapid.T) *graph.Call {
	c := &graph.Call{Sig: &value.Signature{Service: "service", Operation: odd(t, "operation")}}
	if rapid.Bool().Draw(t, "undone") {
		c.Undo = &graph.Block{Steps: []*graph.Step{{Body: []graph.Stmt{&graph.Call{Sig: &value.Signature{Service: "service", Operation: odd(t, "undo")}}}}}}
	}
	if rapid.Bool().Draw(t, "handled") {
		c.Clauses = []*graph.Clause{{Body: []graph.Stmt{&graph.Call{Sig: &value.Signature{Service: "other", Operation: odd(t, "next")}}, &graph.Degrade{}}}}
	}
	return c
}

// TestTextIsWellFormedAndInItsBox: whatever names, descriptions and operations there are,
// a picture is XML, and no text is wider than the box it stands in.
func TestTextIsWellFormedAndInItsBox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		svg := SVG(someGraph(t))
		var box float64
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			tok, err := d.Token()
			if err == io.EOF {
				return
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
			switch {
			case start.Name.Local == "rect" && strings.HasPrefix(attr["class"], "box"):
				if _, err := fmt.Sscan(attr["width"], &box); err != nil {
					t.Fatal(err)
				}
			case start.Name.Local == "text" && strings.HasPrefix(attr["class"], "call"):
				var text string
				if err := d.DecodeElement(&text, &start); err != nil {
					t.Fatal(err)
				}
				if w := float64(uniseg.StringWidth(text)) * 6.7; w > box-boxPad {
					t.Fatalf("%q is %.0f wide, and its box %.0f", text, w, box)
				}
				if strings.ContainsAny(text, "\u202e\n") {
					t.Fatalf("%q turns the text around it", text)
				}
			}
		}
	})
}

// TestPicturesSayWhatTakesEffectsBack: calls of undos are told apart, and what a run does
// at its end stands below its steps.
func TestPicturesSayWhatTakesEffectsBack(t *testing.T) {
	op := func(name string) *graph.Call {
		return &graph.Call{Sig: &value.Signature{Service: "s", Operation: name}}
	}
	book := op("book")
	book.Undo = &graph.Block{Steps: []*graph.Step{{Body: []graph.Stmt{op("release")}}}}
	book.Clauses = []*graph.Clause{{Body: []graph.Stmt{op("look")}}}
	end := func(name string) *graph.Block {
		return &graph.Block{Steps: []*graph.Step{{Body: []graph.Stmt{op(name)}}}}
	}
	g := &graph.Graph{Name: "w", Steps: []*graph.Step{{Name: "a", Body: []graph.Stmt{book}}}, OnFailed: end("tell"), Finally: end("close")}
	for name, text := range map[string]string{"svg": string(SVG(g)), "mermaid": string(Mermaid(g, false)), "dot": string(DOT(g, false))} {
		at := -1
		for _, want := range []string{"s.book", "↳ s.look", "↶ s.release", "on failed", "s.tell", "finally", "s.close"} {
			i := strings.Index(text[at+1:], want)
			if i < 0 {
				t.Fatalf("%s lacks %q, or it stands too early:\n%s", name, want, text)
			}
			at += 1 + i
		}
		if !strings.Contains(text, "if it failed, after its effects are undone") {
			t.Errorf("%s does not say when:\n%s", name, text)
		}
	}
}

// someSteps makes up steps, some of them groups and loops.
func someSteps(t *rapid.T, most, depth int) []*graph.Step {
	var out []*graph.Step
	for i := range rapid.IntRange(1, most).Draw(t, "steps") {
		s := &graph.Step{Index: i, Name: strings.Repeat("s", rapid.IntRange(1, 30).Draw(t, "name"))}
		for at := range i {
			if rapid.IntRange(0, 4).Draw(t, "needs") == 0 {
				s.Needs = append(s.Needs, graph.Need{Step: at, Data: rapid.Bool().Draw(t, "reads")})
			}
		}
		if rapid.Bool().Draw(t, "calls") {
			s.Name, s.Body = odd(t, "odd"), []graph.Stmt{someCall(t)}
		}
		if depth > 0 && rapid.IntRange(0, 3).Draw(t, "nests") == 0 {
			s.Body = []graph.Stmt{&graph.Group{Steps: someSteps(t, 5, depth-1)}}
		}
		out = append(out, s)
	}
	return out
}

func fits(t *rapid.T, d *drawing) {
	boxes := slices.Concat(d.boxes, d.ends)
	for i, a := range boxes {
		if a.x < 0 || a.y < 0 || a.x+a.w > d.width || a.y+a.h > d.height {
			t.Fatalf("step %d is not on the page", i)
		}
		for j, b := range boxes[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Fatalf("steps %d and %d overlap", i, j)
			}
		}
		if in := a.inner; in != nil {
			if in.width > a.w || a.innerY+in.height > a.h {
				t.Fatalf("what is in step %d does not fit into its box", i)
			}
			fits(t, in)
		}
	}
	for _, l := range d.lines {
		from, to := l.points[0], l.points[len(l.points)-1]
		if l.start < -from.w/2 || l.start > from.w/2 || l.end < -to.w/2 || l.end > to.w/2 {
			t.Fatal("an edge ends beside its box")
		}
	}
}

// TestEdgesGoRoundBoxes: a wide layer becomes several, and an edge passes each of them
// where no box stands.
func TestEdgesGoRoundBoxes(t *testing.T) {
	g := &graph.Graph{Name: "fan", Steps: []*graph.Step{{Name: "first"}}}
	last := &graph.Step{Index: 61, Name: "last"}
	for i := 1; i <= 60; i++ {
		g.Steps = append(g.Steps, &graph.Step{Index: i, Name: "between", Needs: []graph.Need{{Step: 0, Data: true}}})
		last.Needs = append(last.Needs, graph.Need{Step: i, Data: true})
	}
	g.Steps = append(g.Steps, last)
	d := newDrawing(g, Notes{})
	d.place()
	d.order()
	d.coordinates()
	if d.width > maxLayerW+400 {
		t.Errorf("the picture is %.0f wide", d.width)
	}
	bends := 0
	for _, l := range d.lines {
		if got, want := len(l.points)-1, l.points[len(l.points)-1].layer-l.points[0].layer; got != want {
			t.Errorf("an edge over %d layers has %d parts", want, got)
		}
		for _, p := range l.points[1 : len(l.points)-1] {
			bends++
			for _, b := range d.boxes {
				if p.x < b.x+b.w && b.x < p.x+p.w && p.y < b.y+b.h && b.y < p.y+p.h {
					t.Fatalf("an edge passes over a box")
				}
			}
		}
	}
	if bends == 0 {
		t.Error("no edge passes a layer, so this test shows nothing")
	}
}

// TestTextStaysInItsBox holds the widths that are guessed against those of a wide font:
// DejaVu Sans Bold, in ems.
func TestTextStaysInItsBox(t *testing.T) {
	for letter, em := range map[string]float64{"m": 1.042, "w": 0.924, "W": 1.103, "i": 0.343, "r": 0.493, "o": 0.687, "d": 0.716, "e": 0.678, "_": 0.5, "0": 0.696, "D": 0.83, "O": 0.85} {
		d := newDrawing(&graph.Graph{Name: "w", Steps: []*graph.Step{{Name: strings.Repeat(letter, 20)}}}, Notes{})
		d.place()
		if least := 20*em*13.5 + 2*boxPad; d.boxes[0].w < least {
			t.Errorf("twenty times %s: the box is %.0f wide, not %.0f", letter, d.boxes[0].w, least)
		}
	}
}

// TestPicturesEscape: what has a meaning in a format stands for itself.
func TestPicturesEscape(t *testing.T) {
	g := &graph.Graph{Name: "w", Version: `1 <b>"&#: [x`, Describe: `say "<hi>" & go`, Steps: []*graph.Step{{Name: "a", Describe: "<script>"}}}
	for name, text := range map[string]string{"svg": string(SVG(g)), "mermaid": string(Mermaid(g, false)), "dot": string(DOT(g, false))} {
		if name == "svg" && (strings.Contains(text, "<b>") || strings.Contains(text, "<script>") || strings.Contains(text, "<hi>")) {
			t.Errorf("%s does not escape:\n%s", name, text)
		}
		if name != "svg" && !strings.Contains(text, `"w 1 <b>\"&#: [x"`) {
			t.Errorf("%s does not quote its title:\n%s", name, text)
		}
	}
}

func TestHandlersAreKnownByTheirEnd(t *testing.T) {
	if got, want := cutCall("handler.BlogExamples::Post03::StepHandlers::CreateUserAccountHandler"), "…::CreateUserAccountHandler"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := cutCall("billing.create_profile"); got != "billing.create_profile" {
		t.Error(got)
	}
}

// TestFailuresSayWhereOutcomesLead: a clause, a policy and nothing at all, in all pictures.
func TestFailuresSayWhereOutcomesLead(t *testing.T) {
	attempts := expr.Constant(3, value.TInt, diag.Span{})
	call := &graph.Call{
		Sig: &value.Signature{Service: "s", Operation: "book", Outcomes: []value.Outcome{
			{Pattern: value.Pattern{Status: 200}}, {Pattern: value.Pattern{Status: 402}}, {Pattern: value.Pattern{Status: 409}}, {Pattern: value.Pattern{Class: 5}}}},
		Policy: &graph.Policy{Attempts: &graph.Setting{Value: attempts}},
		Clauses: []*graph.Clause{
			{On: []value.Pattern{{Status: 402}}, Body: []graph.Stmt{&graph.Fail{Code: "UNPAID"}}},
			{On: []value.Pattern{{Name: value.Exhausted}}, Body: []graph.Stmt{&graph.Degrade{}}},
		},
	}
	g := &graph.Graph{Name: "w", Steps: []*graph.Step{{Name: "a", Body: []graph.Stmt{call}}}}
	want := []way{
		{"402", "✗ UNPAID", "bad"},
		{"409, malformed", "✗ fails", "bad"},
		{"5xx, timeout, unreachable", "↻ 3 attempts, then ~ degraded", "fair"},
	}
	got := insideOf(g.Steps[0]).failures(g.Steps[0])
	if len(got) != 1 || got[0].name != "s.book" || !slices.Equal(got[0].ways, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for name, text := range map[string]string{"svg": string(Annotated(g, Notes{Failures: true})), "mermaid": string(Mermaid(g, true)), "dot": string(DOT(g, true))} {
		text = strings.ReplaceAll(text, "\u00a0", " ")
		for _, w := range want {
			if !strings.Contains(text, w.on) || !strings.Contains(text, w.to) {
				t.Errorf("%s lacks %s → %s:\n%s", name, w.on, w.to, text)
			}
		}
	}
	if strings.Contains(string(SVG(g)), "UNPAID") {
		t.Error("failures are shown though nobody asks")
	}
}

// TestStepsInArmsAreAskedForByTheirNames: what stands in an arm of a switch is named as if it
// stood beside the switch, and an arm is no step.
func TestStepsInArmsAreAskedForByTheirNames(t *testing.T) {
	in := &graph.Step{Name: "look"}
	g := &graph.Graph{Name: "w", Steps: []*graph.Step{{Name: "route", Body: []graph.Stmt{&graph.Switch{Label: "switch input.plan", Arms: []*graph.Arm{
		{Label: `when "free"`, Body: []graph.Stmt{&graph.Group{Steps: []*graph.Step{in}}}},
		{Label: "else"},
	}}}}}}
	var asked []string
	svg := Annotated(g, Notes{Step: func(name string, s *graph.Step) *Note {
		asked = append(asked, name)
		return &Note{Mood: "good", Share: -1}
	}})
	if got := strings.Join(asked, " "); got != "route.look route" && got != "route route.look" {
		t.Errorf("asked for %s", got)
	}
	if !bytes.Contains(svg, []byte("when &#34;free&#34;")) {
		t.Errorf("the arms have no boxes:\n%s", svg)
	}
}

// TestArmsThatFailAreFailures: of a switch whose arms have no boxes.
func TestArmsThatFailAreFailures(t *testing.T) {
	s := &graph.Step{Name: "a", Body: []graph.Stmt{&graph.Switch{Arms: []*graph.Arm{
		{Label: "switch: when input.n > 9", Body: []graph.Stmt{&graph.Fail{Code: "TOO_MANY"}}},
		{Label: "switch: when input.n > 7", Body: []graph.Stmt{&graph.Degrade{}}},
		{Label: "switch: else", Body: []graph.Stmt{&graph.Return{}}},
	}}}}
	want := []way{{"when input.n > 9", "✗ TOO_MANY", "bad"}, {"when input.n > 7", "~ degraded", "fair"}}
	if got := insideOf(s).failures(s); len(got) != 1 || !slices.Equal(got[0].ways, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestOrdersWithFewCrossings: two pairs whose edges cross in the order of the file do not on
// the picture, and neighbours change places for it.
func TestOrdersWithFewCrossings(t *testing.T) {
	g := &graph.Graph{Name: "w"}
	for i := range 6 {
		s := &graph.Step{Index: i, Name: fmt.Sprintf("s%d", i)}
		if i >= 3 {
			s.Needs = []graph.Need{{Step: 5 - i, Data: true}}
		}
		g.Steps = append(g.Steps, s)
	}
	d := newDrawing(g, Notes{})
	d.place()
	d.number()
	if n := d.crossings(); n != 3 {
		t.Fatalf("%d crossings in the order of the file, so this test shows nothing", n)
	}
	d.order()
	if n := d.crossings(); n != 0 {
		t.Errorf("%d crossings are left", n)
	}
}
