package draw

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"wf/lang/graph"
)

// Sizes in pixels.
const (
	margin    = 28
	boxPad    = 14
	lineH     = 18
	gapX      = 34
	gapBend   = 8 // between edges side by side
	gapY      = 58
	endsH     = 74 // between the steps and what a run does at its end
	titleH    = 46
	aboutH    = 18  // of a line of the description
	aboutW    = 6.4 // of a letter of the description and the legend
	legendH   = 40  // of the legend at the foot
	smallW    = 6.9 // of the small monospaced lines, generous
	maxLetter = 44  // letters of one line before it is cut
	maxWhen   = 3   // lines of a condition before it is cut
	portGap   = 18  // between the ends of edges at one box
	maxLayerW = 1500
	runsIn    = 5  // how far inside of a box the lines are that say that it calls a workflow
	behind    = 5  // how far a box behind another looks out
	innerPad  = 16 // around the steps inside
	barH      = 10 // of the bar at the foot of a step with a note, with the room around it
)

// box is one step, or a bend of an edge that passes a layer (step nil).
type box struct {
	step   *graph.Step
	id     string    // tells it apart from all others
	name   string    // as it is written
	head   []phrase  // below the name
	ways   []wayLine // what can go wrong; nil if nobody asks
	onW    float64   // of the column of outcomes
	note   *Note     // nil: none
	inner  *drawing  // of the steps inside; nil: there are none
	innerY float64   // where it begins, from the top of the box
	runs   bool      // it calls a workflow
	stack  float64   // how far the box behind it, that stands for the items of a loop, looks out
	x, y   float64
	w, h   float64
	top    float64 // of its row
	bottom float64
	layer  int
	weight float64 // for ordering
	place  int     // in its layer
	up     []*box
	down   []*box
}

// line is one edge, from step to step over its bends.
type line struct {
	points     []*box
	kind       kind
	start, end float64 // x of its ends, from the middle of their boxes
}

// kind is how an edge is drawn. Edges of one kind that leave a step share their way.
type kind string

const (
	reads   kind = "edge"
	waits   kind = "edge after"
	implied kind = "edge implied" // there is a longer way between the two steps
)

// SVG draws the graph in layers: a step stands below everything it needs.
func SVG(g *graph.Graph) []byte { return Annotated(g, Notes{}) }

// Notes are what a picture shows beside the graph. The zero value shows nothing.
type Notes struct {
	ID       string // tells the parts of this picture from those of others on a page
	Title    string // behind the name and version
	Failures bool   // what can go wrong in each step, and where it leads
	// Step is told the name of a step in a run, where […] stands for the key of an item.
	// Nil, or returning nil: nothing.
	Step func(name string, s *graph.Step) *Note
}

// Note is what a picture shows of a step beside its own.
type Note struct {
	Mood  string   // "good", "fair", "bad", "cut" or "idle": the look of its box
	Share float64  // from 0 to 1: how much of the bar at its foot is filled; less: there is no bar
	Lines []string // below the others
	Title string   // shown when the pointer is over the step
	Link  string   // where a click leads; "": nowhere
}

// Annotated draws the graph as SVG does, with notes.
func Annotated(g *graph.Graph, notes Notes) []byte {
	d := newDrawing(g, notes)
	d.layout()
	return d.write()
}

// drawing is a level of steps: those of the workflow, or of a group.
type drawing struct {
	g      *graph.Graph // nil: a group
	steps  []*graph.Step
	arms   bool   // they stand for the arms of a switch
	prefix string // of their names
	id     string // what the classes of boxes and edges begin with
	notes  Notes
	boxes  []*box // of steps, by index
	ends   []*box // what a run does at its end, one after the other
	layers [][]*box
	lines  []*line
	bends  map[bend]*box
	joined map[[2]*box]bool // bends that are neighbours already
	about  []string         // the description, in lines
	endsY  float64          // of the line above the ends
	width  float64
	height float64
}

func newDrawing(g *graph.Graph, notes Notes) *drawing {
	return &drawing{g: g, steps: g.Steps, notes: notes}
}

func (d *drawing) layout() {
	d.place()
	d.order()
	d.coordinates()
	d.ports()
}

// bend is what edges share where they pass a layer: those of a kind from a step that
// many wait for, or else those to one step.
type bend struct {
	of    *box
	kind  kind
	layer int
}

// place puts every step on the layer behind its last need, and bends where an edge
// passes a layer.
func (d *drawing) place() {
	d.boxes = make([]*box, len(d.steps))
	layer := layersOf(d.steps)
	for i, s := range d.steps {
		d.boxes[i] = d.box(s)
		d.boxes[i].layer = layer[i]
	}
	d.rows()
	if d.g != nil {
		inEnds := *d
		if ask := d.notes.Step; ask != nil {
			inEnds.notes.Step = func(name string, s *graph.Step) *Note { return ask("run."+strings.ReplaceAll(name, " ", "_"), s) }
		}
		for _, s := range endsOf(d.g) {
			inEnds.id = "r"
			b := inEnds.box(s)
			if b.layer = len(d.layers); len(d.ends) > 0 {
				b.layer--
			}
			d.ends = append(d.ends, b)
			d.add(b)
		}
	}
	followers := make([]int, len(d.steps))
	for _, s := range d.steps {
		for _, need := range s.Needs {
			followers[need.Step]++
		}
	}
	budget := maxWalk
	for i, s := range d.steps {
		for _, need := range s.Needs {
			if layer[need.Step] >= layer[i] {
				continue
			}
			k := waits
			switch {
			case d.detour(need.Step, i, layer, &budget):
				k = implied
			case need.Data:
				k = reads
			}
			d.connect(d.boxes[need.Step], d.boxes[i], k, followers[need.Step] >= len(s.Needs))
		}
	}
}

// box makes the box of a step, with those of the steps inside.
func (d *drawing) box(s *graph.Step) *box {
	in := insideOf(s)
	b := &box{step: s, id: fmt.Sprintf("%s%d", d.id, s.Index), runs: in.runs()}
	if in.loop != nil {
		b.stack = behind
	}
	b.name = cut(Plain(s.Name))
	for _, p := range in.says(s) {
		for _, text := range wrap(Plain(p.text)) {
			b.head = append(b.head, phrase{p.class, text})
		}
	}
	if d.notes.Step != nil && !d.arms {
		b.note = d.notes.Step(d.prefix+s.Name, s)
	}
	if b.note != nil {
		for _, text := range b.note.Lines {
			b.head = append(b.head, phrase{classNote, cut(Plain(text))})
		}
	}
	b.w = nameWidth(b.name)
	for _, l := range b.head {
		b.w = max(b.w, float64(Columns(l.text))*smallW)
	}
	waysW, waysH := 0.0, 0.0
	if d.notes.Failures {
		b.ways = in.wayLines(s)
		waysW, waysH = b.sizeWays()
	}
	b.w = max(b.w, waysW) + 2*boxPad + b.stack
	b.h = float64(2*boxPad-6+lineH) + float64(len(b.head))*(lineH-2) + waysH + b.stack
	if in.steps != nil {
		name := d.prefix + s.Name
		if d.arms { // what is in an arm is named as if it stood beside the switch
			name = strings.TrimSuffix(d.prefix, ".")
		}
		b.inner = &drawing{steps: in.steps, arms: in.arms, prefix: in.prefix(name), notes: d.notes, id: b.id + "-"}
		b.inner.layout()
		b.innerY = b.h - b.stack
		b.w, b.h = max(b.w, b.inner.width+b.stack), b.innerY+b.inner.height+b.stack
	}
	if b.note != nil && b.note.Share >= 0 {
		b.h += barH
	}
	return b
}

// maxWalk is how many steps are looked at in search of longer ways; in a graph that is
// larger the rest of the edges are drawn alike.
const maxWalk = 200_000

// detour reports whether there is a way between two steps over another one.
func (d *drawing) detour(from, to int, layer []int, budget *int) bool {
	if layer[to]-layer[from] < 2 {
		return false
	}
	seen := map[int]bool{}
	var todo []int
	for _, n := range d.steps[to].Needs {
		if n.Step != from {
			todo = append(todo, n.Step)
		}
	}
	for len(todo) > 0 && *budget > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		*budget--
		if at == from {
			return true
		}
		if seen[at] || layer[at] <= layer[from] {
			continue
		}
		seen[at] = true
		for _, n := range d.steps[at].Needs {
			todo = append(todo, n.Step)
		}
	}
	return false
}

func (d *drawing) add(b *box) {
	for len(d.layers) <= b.layer {
		d.layers = append(d.layers, nil)
	}
	d.layers[b.layer] = append(d.layers[b.layer], b)
}

// maxBend is the longest edge that gets bends of its own; longer ones are drawn
// straight, or a chain with a far follower would cost a bend on every layer.
const maxBend = 40

// connect draws an edge. Where it passes layers it shares its way with the other edges of
// its kind: those that begin where it does, or those that end there.
func (d *drawing) connect(from, to *box, k kind, outward bool) {
	l := &line{points: []*box{from}, kind: k}
	at, of := from, to
	if outward {
		of = from
	}
	if to.layer-from.layer <= maxBend {
		for layer := from.layer + 1; layer < to.layer; layer++ {
			b := d.bend(bend{of, k, layer})
			d.join(at, b)
			l.points = append(l.points, b)
			at = b
		}
	}
	d.join(at, to)
	l.points = append(l.points, to)
	d.lines = append(d.lines, l)
}

// bend is where edges pass a layer.
func (d *drawing) bend(b bend) *box {
	if d.bends == nil {
		d.bends = map[bend]*box{}
	}
	at := d.bends[b]
	if at == nil {
		at = &box{layer: b.layer, w: 10, h: 1}
		d.bends[b] = at
		d.add(at)
	}
	return at
}

// join makes two boxes neighbours, once.
func (d *drawing) join(above, below *box) {
	if d.joined == nil {
		d.joined = map[[2]*box]bool{}
	}
	if key := [2]*box{above, below}; !d.joined[key] {
		d.joined[key] = true
		above.down, below.up = append(above.down, below), append(below.up, above)
	}
}

// rows adds the boxes to their layers. A layer that is wider than a page becomes several,
// so that edges find their way between its boxes.
func (d *drawing) rows() {
	var layers [][]*box
	for _, b := range d.boxes {
		for len(layers) <= b.layer {
			layers = append(layers, nil)
		}
		layers[b.layer] = append(layers[b.layer], b)
	}
	next := 0
	for _, layer := range layers {
		w := 0.0
		for _, b := range layer {
			w += b.w + gapX
		}
		n := 1 + int(w/maxLayerW)
		per := (len(layer) + n - 1) / n
		for i, b := range layer {
			b.layer = next + i/per
			d.add(b)
		}
		next = len(d.layers)
	}
}

// layersOf is the length of the longest way to each step.
func layersOf(steps []*graph.Step) []int {
	layer := make([]int, len(steps))
	waits := make([]int, len(steps))
	followers := make([][]int, len(steps))
	var ready []int
	for i, s := range steps {
		waits[i] = len(s.Needs)
		for _, n := range s.Needs {
			followers[n.Step] = append(followers[n.Step], i)
		}
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		at := ready[0]
		ready = ready[1:]
		for _, f := range followers[at] {
			layer[f] = max(layer[f], layer[at]+1)
			if waits[f]--; waits[f] == 0 {
				ready = append(ready, f)
			}
		}
	}
	return layer
}

// order lessens crossings: boxes go to the mean place of their neighbours, down and up by
// turns, and then neighbours change places where that helps. The best order of all is kept.
func (d *drawing) order() {
	d.number()
	least, best := d.crossings(), d.orders()
	keep := func() {
		if n := d.crossings(); n < least {
			least, best = n, d.orders()
		}
	}
	for turn := range 12 {
		for i := range d.layers {
			layer, near := d.layers[i], func(b *box) []*box { return b.up }
			if turn%2 == 1 {
				layer, near = d.layers[len(d.layers)-1-i], func(b *box) []*box { return b.down }
			}
			d.rank(layer, near)
		}
		d.number()
		keep()
	}
	d.layers = best
	d.number()
	for range 4 {
		if !d.swap() {
			break
		}
	}
	for _, layer := range d.layers {
		for i, b := range layer {
			b.x = float64(i) - float64(len(layer)-1)/2
		}
	}
}

// orders copies the layers.
func (d *drawing) orders() [][]*box {
	out := make([][]*box, len(d.layers))
	for i, layer := range d.layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

// number tells the boxes their places.
func (d *drawing) number() {
	for _, layer := range d.layers {
		for i, b := range layer {
			b.place = i
		}
	}
}

// crossings counts how often edges between neighbouring layers cross.
func (d *drawing) crossings() int {
	n := 0
	for _, layer := range d.layers {
		most := 0
		var ends []int // below, in the order of what is above
		for _, b := range layer {
			from := len(ends)
			for _, below := range b.down {
				ends, most = append(ends, below.place), max(most, below.place)
			}
			slices.Sort(ends[from:])
		}
		tree := make([]int, most+2) // how many ends there are up to a place
		for i, end := range ends {
			n += i
			for at := end + 1; at > 0; at -= at & -at {
				n -= tree[at]
			}
			for at := end + 1; at < len(tree); at += at & -at {
				tree[at]++
			}
		}
	}
	return n
}

// maxSwap is how many boxes a drawing may have for neighbours to change places.
const maxSwap = 5000

// swap lets neighbours change places where edges cross less then, and reports whether any did.
func (d *drawing) swap() bool {
	boxes, any := 0, false
	for _, layer := range d.layers {
		if boxes += len(layer); boxes > maxSwap {
			return false
		}
	}
	for _, layer := range d.layers {
		for i := range len(layer) - 1 {
			a, b := layer[i], layer[i+1]
			if across(a.up, b.up)+across(a.down, b.down) > across(b.up, a.up)+across(b.down, a.down) {
				layer[i], layer[i+1] = b, a
				a.place, b.place, any = i+1, i, true
			}
		}
	}
	return any
}

// across counts the crossings of edges that lead from two neighbours to these.
func across(left, right []*box) int {
	n := 0
	for _, l := range left {
		for _, r := range right {
			if l.place > r.place {
				n++
			}
		}
	}
	return n
}

func (d *drawing) rank(layer []*box, near func(*box) []*box) {
	for i, b := range layer {
		b.weight = float64(i)
		if n := near(b); len(n) > 0 {
			sum := 0.0
			for _, o := range n {
				sum += o.x
			}
			b.weight = sum / float64(len(n))
		}
	}
	slices.SortStableFunc(layer, func(a, b *box) int {
		switch {
		case a.weight < b.weight:
			return -1
		case a.weight > b.weight:
			return 1
		}
		return 0
	})
	for i, b := range layer {
		b.x = float64(i) - float64(len(layer)-1)/2
	}
}

// coordinates gives every box its place.
func (d *drawing) coordinates() {
	for _, layer := range d.layers {
		x := 0.0
		for i, b := range layer {
			if i > 0 {
				x += gap(layer[i-1], b)
			}
			b.x = x
			x += b.w
		}
		d.width = max(d.width, x)
		for _, b := range layer {
			b.x -= x / 2
		}
	}
	y, side := d.above()
	for _, layer := range d.layers {
		if len(d.ends) > 0 && layer[0] == d.ends[0] {
			y += endsH - gapY
			if len(d.steps) == 0 {
				y += gapY
			}
			d.endsY = y - endsH/2
		}
		h := 0.0
		for _, b := range layer {
			h = max(h, b.h)
		}
		for _, b := range layer {
			b.top, b.bottom = y, y+h
			if b.y = y + (h-b.h)/2; b.step == nil {
				b.y, b.h = y, h
			}
		}
		y += h + gapY
	}
	d.align()
	d.height = y - gapY + side
	if d.g != nil && len(d.legend()) > 0 {
		d.height += legendH - margin/2
	}
	d.shift(side)
}

// gap is the room between neighbours; edges that pass side by side need less than boxes.
func gap(a, b *box) float64 {
	switch {
	case a.step == nil && b.step == nil:
		return gapBend
	case a.step == nil || b.step == nil:
		return (gapX + gapBend) / 2
	}
	return gapX
}

// above lays out what stands above the steps, and returns where they begin and how much
// room is beside them.
func (d *drawing) above() (y, side float64) {
	if d.g == nil {
		return 0, innerPad
	}
	d.width = max(d.width, float64(Columns(d.g.FullName()+d.g.Version+d.notes.Title)+4)*11)
	if d.notes.Failures {
		d.about = []string{meaning(d.g)}
		d.width = max(d.width, float64(Columns(d.about[0]))*aboutW)
	}
	if d.g.Describe != "" {
		d.width = max(d.width, min(float64(Columns(d.g.Describe)), 84)*aboutW)
		d.about = slices.Concat(wrapAt(Plain(d.g.Describe), int(d.width/aboutW), 3), d.about)
	}
	d.width = max(d.width, d.legendWidth())
	if len(d.ends) > 0 {
		d.width = max(d.width, float64(len(atTheEnd(d.g)))*aboutW)
	}
	return float64(margin + titleH + len(d.about)*aboutH), margin
}

// legend lists what the reader of this picture may not know, with how each is drawn.
func (d *drawing) legend() []key {
	var out []key
	for _, k := range []key{{string(reads), "reads the result"}, {string(waits), "only waits"}, {string(implied), "implied by the others"}} {
		if d.any(func(d *drawing) bool {
			return slices.ContainsFunc(d.lines, func(l *line) bool { return string(l.kind) == k.class })
		}) {
			out = append(out, k)
		}
	}
	if len(out) == 1 && out[0].class == string(reads) {
		out = nil
	}
	has := func(is func(*box) bool) bool {
		return d.any(func(d *drawing) bool { return slices.ContainsFunc(d.boxes, is) || slices.ContainsFunc(d.ends, is) })
	}
	if d.notes.Step == nil && has(func(b *box) bool { return b.step.When != nil }) {
		out = append(out, key{"box when", "under a condition"})
	}
	if has(func(b *box) bool { return b.stack > 0 }) {
		out = append(out, key{"box items", "for each item"})
	}
	if has(func(b *box) bool { return b.runs }) {
		out = append(out, key{"box runs", "calls a workflow"})
	}
	for _, k := range []key{{classAfter, "after an outcome"}, {classUndo, "undoes it"}} {
		if has(func(b *box) bool {
			return slices.ContainsFunc(b.head, func(p phrase) bool { return p.class == k.class })
		}) {
			out = append(out, k)
		}
	}
	return out
}

// any reports whether something holds of a drawing or of one inside.
func (d *drawing) any(is func(*drawing) bool) bool {
	return is(d) || slices.ContainsFunc(d.boxes, func(b *box) bool { return b.inner != nil && b.inner.any(is) })
}

// key is an entry of the legend.
type key struct{ class, text string }

// keyW is the width of a line or box in the legend with the room around it.
const keyW = 42

func (k key) width() float64 { return keyW + float64(len(k.text))*aboutW + 14 }

func (d *drawing) legendWidth() float64 {
	w := 0.0
	for _, k := range d.legend() {
		w += k.width()
	}
	return w
}

// writeLegend draws the legend at the foot.
func (d *drawing) writeLegend(b *bytes.Buffer) {
	x, y := float64(margin), d.height-margin/2-4
	for _, k := range d.legend() {
		switch k.class {
		case classAfter:
			fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, k.class, x+20, y, signAfter[:len(signAfter)-1])
		case classUndo:
			fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, k.class, x+20, y, signUndo[:len(signUndo)-1])
		case "box runs":
			fmt.Fprintf(b, `<rect class="box" x="%.1f" y="%.1f" width="22" height="13" rx="4"/><path class="box" d="M%.1f,%.1f v13 m14,0 v-13"/>`, x+5, y-10, x+9, y-10)
		case "box items":
			fmt.Fprintf(b, `<rect class="box" x="%.1f" y="%.1f" width="22" height="13" rx="4"/>`, x+8, y-7)
			fallthrough
		case "box when":
			fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="22" height="13" rx="4"/>`, k.class, x+5, y-10)
		default:
			head := "head"
			if k.class == string(implied) {
				head = "pale"
			}
			fmt.Fprintf(b, `<path class="%s key" d="M%.1f,%.1f L%.1f,%.1f" marker-end="url(#wf-%s%s)"/>`, k.class, x, y-4, x+32, y-4, head, d.notes.ID)
		}
		fmt.Fprintf(b, `<text class="about" x="%.1f" y="%.1f">%s</text>`+"\n", x+keyW-4, y, k.text)
		x += k.width()
	}
}

// align moves boxes towards their neighbours as far as their row leaves room.
func (d *drawing) align() {
	for turn := range 6 {
		for i := range d.layers {
			layer := d.layers[i]
			if turn%2 == 1 {
				layer = d.layers[len(d.layers)-1-i]
			}
			settle(layer, turn%2 == 1)
		}
	}
}

func settle(row []*box, upwards bool) {
	for i, b := range row {
		near := b.up
		if upwards {
			near = b.down
		}
		if len(near) == 0 {
			continue
		}
		want := 0.0
		for _, o := range near {
			want += o.x + o.w/2
		}
		want = want/float64(len(near)) - b.w/2
		if i > 0 {
			want = max(want, row[i-1].x+row[i-1].w+gap(row[i-1], b))
		}
		if i+1 < len(row) {
			want = min(want, row[i+1].x-gap(b, row[i+1])-b.w)
		}
		b.x = want
	}
}

// ports spreads the ends of the edges at each box, in the order of where they lead. The
// edges that share their way leave together.
func (d *drawing) ports() {
	leaving, arriving := map[*box][]*line{}, map[*box][]*line{}
	for _, l := range d.lines {
		from, to := l.points[0], l.points[len(l.points)-1]
		leaving[from], arriving[to] = append(leaving[from], l), append(arriving[to], l)
	}
	for _, b := range d.boxes {
		spread(b, leaving[b], func(l *line) *box { return l.points[1] }, func(l *line, x float64) { l.start = x })
		spread(b, arriving[b], func(l *line) *box { return l.points[len(l.points)-2] }, func(l *line, x float64) { l.end = x })
	}
}

// spread gives the edges at a box their places; next is where an edge leads.
func spread(b *box, lines []*line, next func(*line) *box, put func(*line, float64)) {
	var ends []*box
	for _, l := range lines {
		if n := next(l); !slices.Contains(ends, n) {
			ends = append(ends, n)
		}
		if len(ends) > maxPorts {
			return
		}
	}
	middle := func(b *box) float64 { return b.x + b.w/2 }
	slices.SortStableFunc(ends, func(a, c *box) int { return cmp.Compare(middle(a), middle(c)) })
	gap := min(portGap, (b.w-3*boxPad)/float64(max(1, len(ends)-1)))
	for _, l := range lines {
		put(l, (float64(slices.Index(ends, next(l)))-float64(len(ends)-1)/2)*gap)
	}
}

// maxPorts is how many ends a box spreads; more lie upon one another.
const maxPorts = 24

// shift moves everything to the right of the margin.
func (d *drawing) shift(margin float64) {
	if len(d.boxes) == 0 {
		return
	}
	least, most := d.boxes[0].x, 0.0
	for _, layer := range d.layers {
		for _, b := range layer {
			least, most = min(least, b.x), max(most, b.x+b.w)
		}
	}
	extra := max(0, d.width-(most-least)) / 2
	for _, layer := range d.layers {
		for _, b := range layer {
			b.x += margin - least + extra
		}
	}
	d.width = max(d.width, most-least) + 2*margin
}

// style is that of the picture alone: on a page all styles hold for all pictures.
const style = `
  .wf-g .page { fill: #ffffff } .wf-g .title { font: 600 17px system-ui, sans-serif; fill: #1b2733 } .wf-g .version { font-weight: 400; fill: #6b7785; unicode-bidi: isolate } .wf-g .about { font: 12px system-ui, sans-serif; fill: #6b7785 }
  .wf-g .box { fill: #f6f8fb; stroke: #b9c4d0; stroke-width: 1.2 } .wf-g .name { font: 600 13.5px system-ui, sans-serif; fill: #1b2733 }
  .wf-g .group { fill: #fdfdfe; stroke: #cbd4dd } .wf-g .when { fill: #fff9ea; stroke: #d9b95b }
  .wf-g .call { font: 11px ui-monospace, Menlo, Consolas, monospace; fill: #4a5a6a } .wf-g .mark { font: 11px system-ui, sans-serif; fill: #8a6a1f } .wf-g .next { fill: #6b7785 } .wf-g .undo { fill: #7a55a3 } .wf-g .rule { fill: none; stroke: #cbd4dd; stroke-dasharray: 2 4 }
  .wf-g .edge { fill: none; stroke: #8496a8; stroke-width: 1.4 } .wf-g .after { stroke-dasharray: 4 4 } .wf-g .implied { stroke-width: 1; stroke: #ccd5de } .wf-g .head { fill: #8496a8 } .wf-g .pale { fill: #ccd5de }
  .wf-g .good { fill: #f0f9f3; stroke: #7fbf97 } .wf-g .fair { fill: #fff9ea; stroke: #d9b95b } .wf-g .bad { fill: #fdf1f0; stroke: #d99a94 } .wf-g .to-good { fill: #4a5a6a } .wf-g .to-fair { fill: #846208 } .wf-g .to-bad { fill: #b3362b } .wf-g .note { font: 11px system-ui, sans-serif; fill: #6b7785 }
  .wf-g .cut { stroke-dasharray: 6 3 } .wf-g .idle { fill: none; stroke: #cbd4dd; stroke-dasharray: 2 4 } .wf-g .idle ~ .name, .wf-g .idle ~ .call, .wf-g .idle ~ .mark { fill: #8b98a5 }
  .wf-g .bar { fill: #dfe5eb } .wf-g .good ~ .filled { fill: #3f9a63 } .wf-g .fair ~ .filled { fill: #d0a02e } .wf-g .bad ~ .filled { fill: #c8554b }
  @media (prefers-color-scheme: dark) {
    .wf-g .page { fill: #12181f } .wf-g .title, .wf-g .name { fill: #e7edf3 } .wf-g .version, .wf-g .about { fill: #8d9aa8 } .wf-g .box { fill: #1d2630; stroke: #42505f } .wf-g .group { fill: #161d25; stroke: #36424f } .wf-g .when { fill: #2b2716; stroke: #8a743a }
    .wf-g .call { fill: #a9b7c5 } .wf-g .mark { fill: #d8b968 } .wf-g .next { fill: #8d9aa8 } .wf-g .undo { fill: #c3a3e6 } .wf-g .rule { stroke: #36424f } .wf-g .edge { stroke: #6d7f91 } .wf-g .implied { stroke: #39444f } .wf-g .head { fill: #6d7f91 } .wf-g .pale { fill: #39444f }
    .wf-g .good { fill: #16271d; stroke: #3d7a55 } .wf-g .fair { fill: #2b2716; stroke: #8a743a } .wf-g .bad { fill: #2d1a19; stroke: #87453f } .wf-g .to-good { fill: #a9b7c5 } .wf-g .to-fair { fill: #e0b84a } .wf-g .to-bad { fill: #f08b82 } .wf-g .note { fill: #93a1af } .wf-g .bar { fill: #303b46 } .wf-g .idle { fill: none; stroke: #36424f } .wf-g .idle ~ .name, .wf-g .idle ~ .call, .wf-g .idle ~ .mark { fill: #7d8a97 }
  }`

// Readable is an attribute of a picture of so many pixels that keeps pages from making it so
// small that it cannot be read.
func Readable(width float64) string {
	return fmt.Sprintf(`style="min-width: %.0fpx"`, width*0.85)
}

func (d *drawing) write() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" %s role="img" aria-label="%s">`+"\n", d.width, d.height, d.width, d.height, Readable(d.width), Escape("Workflow "+d.g.FullName()))
	fmt.Fprintf(&b, "<style>%s\n", style)
	d.pointed(&b)
	b.WriteString("</style>\n")
	b.WriteString(`<defs class="wf-g">`)
	for _, h := range []string{"head", "pale"} {
		fmt.Fprintf(&b, `<marker id="wf-%s%s" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="10" orient="auto"><path class="%s" d="M0,0.6 L8,4 L0,7.4 Z"/></marker>`, h, d.notes.ID, h)
	}
	b.WriteString("</defs>\n")
	b.WriteString(`<g class="wf-g"><rect class="page" width="100%" height="100%"/>` + "\n")
	fmt.Fprintf(&b, `<text class="title" x="%d" y="%d">%s <tspan class="version">%s</tspan></text>`+"\n", margin, margin+14, Escape(d.g.FullName()), Escape(joined(d.g.Version, d.notes.Title)))
	for i, text := range d.about {
		fmt.Fprintf(&b, `<text class="about" x="%d" y="%d">%s</text>`+"\n", margin, margin+16+(i+1)*aboutH, Escape(text))
	}
	d.content(&b)
	d.writeLegend(&b)
	b.WriteString("</g></svg>\n")
	return b.Bytes()
}

// pointed writes the style of the edges at a box that somebody points at.
func (d *drawing) pointed(b *bytes.Buffer) {
	ends := map[*box]bool{}
	for _, l := range d.lines {
		ends[l.points[0]], ends[l.points[len(l.points)-1]] = true, true
	}
	for _, s := range d.boxes {
		if ends[s] {
			fmt.Fprintf(b, "  .wf-g:has(.s%s:is(:hover, :focus-within)) .e%s { stroke: #2f7be0; stroke-width: 2.6 }\n", s.id, s.id)
		}
		if s.inner != nil {
			s.inner.pointed(b)
		}
	}
}

// content writes edges and boxes.
func (d *drawing) content(b *bytes.Buffer) {
	for _, k := range []kind{implied, waits, reads} { // what matters lies on top
		for _, l := range d.lines {
			if l.kind == k {
				head := "head"
				if k == implied {
					head = "pale"
				}
				fmt.Fprintf(b, `<path class="%s e%s e%s" d="%s" marker-end="url(#wf-%s%s)"/>`+"\n", k, l.points[0].id, l.points[len(l.points)-1].id, l.route(), head, d.notes.ID)
			}
		}
	}
	for _, s := range d.boxes {
		s.write(b, d.notes.ID)
	}
	d.writeEnds(b)
}

// writeEnds draws what a run does at its end, below a line of its own.
func (d *drawing) writeEnds(b *bytes.Buffer) {
	if len(d.ends) == 0 {
		return
	}
	fmt.Fprintf(b, `<path class="rule" d="M%d,%.1f H%.1f"/><text class="about" x="%d" y="%.1f">%s</text>`+"\n", margin, d.endsY, d.width-margin, margin, d.endsY+18, Escape(atTheEnd(d.g)))
	for i, s := range d.ends {
		if i > 0 {
			before := d.ends[i-1]
			y := before.y + before.h/2
			fmt.Fprintf(b, `<path class="%s" d="M%.1f,%.1f H%.1f" marker-end="url(#wf-head%s)"/>`+"\n", waits, before.x+before.w, y, s.x-2, d.notes.ID)
		}
		s.write(b, d.notes.ID)
	}
}

// route is a smooth line from box to box.
func (l *line) route() string {
	points := l.points
	from := points[0]
	x, y := from.x+from.w/2+l.start, from.y+from.h
	path := fmt.Sprintf("M%.1f,%.1f", x, y)
	if from.bottom > y { // past the higher boxes beside it
		y = from.bottom
		path += fmt.Sprintf(" L%.1f,%.1f", x, y)
	}
	for i, p := range points[1:] {
		tx, ty := p.x+p.w/2, p.top
		last := i == len(points)-2
		if last {
			tx, ty = tx+l.end, ty-2
		}
		mid := (ty - y) / 2
		path += fmt.Sprintf(" C%.1f,%.1f %.1f,%.1f %.1f,%.1f", x, y+mid, tx, ty-mid, tx, ty)
		x, y = tx, ty
		if last && p.y > p.top {
			path += fmt.Sprintf(" L%.1f,%.1f", x, p.y-2)
		}
		if !last {
			y += p.h
			path += fmt.Sprintf(" L%.1f,%.1f", x, y)
		}
	}
	return path
}

func (s *box) write(b *bytes.Buffer, id string) {
	class := "box"
	if s.inner != nil {
		class = "box group"
	}
	if s.step.When != nil {
		class += " when"
	}
	if s.note != nil {
		class = "box " + s.note.Mood
		if s.note.Link != "" {
			fmt.Fprintf(b, `<a href="%s">`, Escape(s.note.Link))
		}
	}
	fmt.Fprintf(b, `<g class="s%s"><title>%s</title>`, s.id, Escape(s.title()))
	if s.stack > 0 {
		s.rect(b, class, s.stack)
	}
	s.rect(b, class, 0)
	if s.runs { // as flow charts draw a process that is defined elsewhere
		for _, x := range []float64{s.x + runsIn, s.x + s.w - s.stack - runsIn} {
			fmt.Fprintf(b, `<path class="box runs" d="M%.1f,%.1f v%.1f"/>`, x, s.y, s.h-s.stack)
		}
	}
	y := s.y + boxPad + 9
	fmt.Fprintf(b, `<text class="name" x="%.1f" y="%.1f">%s</text>`, s.x+boxPad, y, Escape(s.name))
	for _, l := range s.head {
		y += lineH - 2
		fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, l.class, s.x+boxPad, y, Escape(l.text))
	}
	s.writeWays(b, y, id)
	s.bar(b)
	b.WriteString("</g>")
	if s.note != nil && s.note.Link != "" {
		b.WriteString("</a>")
	}
	b.WriteString("\n")
	if s.inner != nil {
		fmt.Fprintf(b, `<g transform="translate(%.1f,%.1f)">`+"\n", s.x+(s.w-s.stack-s.inner.width)/2, s.y+s.innerY)
		s.inner.content(b)
		b.WriteString("</g>\n")
	}
}

// rect draws the outline of a box, moved to the right and down.
func (s *box) rect(b *bytes.Buffer, class string, by float64) {
	fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="9"/>`, class, s.x+by, s.y+by, s.w-s.stack, s.h-s.stack)
}

// bar draws how much of a step is covered, at its foot.
func (s *box) bar(b *bytes.Buffer) {
	if s.note == nil || s.note.Share < 0 {
		return
	}
	w := s.w - s.stack - 2*boxPad
	for _, bar := range []struct {
		class string
		w     float64
	}{{"bar", w}, {"bar filled", w * s.note.Share}} {
		if bar.w > 0 {
			fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="3" rx="1.5"/>`, bar.class, s.x+boxPad, s.y+s.h-s.stack-boxPad, bar.w)
		}
	}
}

func (s *box) title() string {
	if s.note != nil && s.note.Title != "" {
		return s.note.Title
	}
	if s.step.Describe != "" {
		return s.step.Name + ": " + s.step.Describe
	}
	return s.step.Name
}

// Escape makes a text fit for XML.
func Escape(s string) string {
	var b bytes.Buffer
	// a bytes.Buffer does not fail
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// joined puts two words of the title side by side.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " · " + b
}
