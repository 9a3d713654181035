package draw

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"wf/lang/graph"
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
		if got := strings.Count(svg, fmt.Sprintf(`<path class="%s" d=`, class)); got != want {
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
		g := &graph.Graph{Name: "w", Steps: someSteps(t, 25, 2)}
		d := newDrawing(g, Notes{})
		d.layout()
		fits(t, d)
		if !bytes.Equal(SVG(g), SVG(g)) {
			t.Fatal("two pictures of one graph differ")
		}
	})
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
		if depth > 0 && rapid.IntRange(0, 3).Draw(t, "nests") == 0 {
			s.Body = []graph.Stmt{&graph.Group{Steps: someSteps(t, 5, depth-1)}}
		}
		out = append(out, s)
	}
	return out
}

func fits(t *rapid.T, d *drawing) {
	for i, a := range d.boxes {
		if a.x < 0 || a.y < 0 || a.x+a.w > d.width || a.y+a.h > d.height {
			t.Fatalf("step %d is not on the page", i)
		}
		for j, b := range d.boxes[:i] {
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
	for name, text := range map[string]string{"svg": string(SVG(g)), "mermaid": string(Mermaid(g)), "dot": string(DOT(g))} {
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
