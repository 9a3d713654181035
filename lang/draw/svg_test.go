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

// TestPicturesHaveNoOverlap: whatever the graph, no two boxes lie upon one another,
// everything is on the page, and the same graph gives the same picture.
func TestPicturesHaveNoOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &graph.Graph{Name: "w"}
		for i := range rapid.IntRange(1, 25).Draw(t, "steps") {
			s := &graph.Step{Index: i, Name: strings.Repeat("s", rapid.IntRange(1, 30).Draw(t, "name"))}
			for at := range i {
				if rapid.IntRange(0, 4).Draw(t, "needs") == 0 {
					s.Needs = append(s.Needs, graph.Need{Step: at, Data: rapid.Bool().Draw(t, "reads")})
				}
			}
			g.Steps = append(g.Steps, s)
		}
		d := &drawing{g: g}
		d.place()
		d.order()
		d.coordinates()
		d.ports()
		for i, a := range d.boxes {
			if a.x < 0 || a.y < 0 || a.x+a.w > d.width || a.y+a.h > d.height {
				t.Fatalf("step %d is not on the page", i)
			}
			for j, b := range d.boxes[:i] {
				if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
					t.Fatalf("steps %d and %d overlap", i, j)
				}
			}
		}
		for _, l := range d.lines {
			from, to := l.points[0], l.points[len(l.points)-1]
			if l.start < -from.w/2 || l.start > from.w/2 || l.end < -to.w/2 || l.end > to.w/2 {
				t.Fatal("an edge ends beside its box")
			}
		}
		if !bytes.Equal(SVG(g), SVG(g)) {
			t.Fatal("two pictures of one graph differ")
		}
	})
}
