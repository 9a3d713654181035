package explore

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"wf/golden"
	"wf/golden/vary"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
)

// search is the exploration of one workflow.
type search struct {
	graph    *graph.Graph
	opts     Options
	menus    *menus
	sayingSo map[diag.Span]bool     // `fail` of undos
	waits    map[string]*graph.Call // a wait for each signal
	sendable []string
	signals  bool // the run waits for some
	hashers  sync.Pool

	roots    []*root
	nodes    []node
	paths    []uint16 // of nodes
	known    map[value.Digest]int32
	edges    []edge // those from a node stand together
	labels   []label
	labelAt  map[label]int32
	also     map[int32][]string // by label: outcomes that go the same way
	ends     []End
	endAt    map[End]int32
	findings map[string]*found
	order    []string             // of findings
	tested   map[*suite.Rule]bool // put to the test in some run
	tried    int
	skipped  bool // there is more that can happen: another fault
}

// root is where runs begin: an input.
type root struct {
	Input
	input map[string]any // complete
	known map[string]any // its fields by name, wherever they stand
	node  int32

	digest value.Digest // of the input
}

// newRoot is where runs of a workflow begin with an input; nil if that is refused.
func newRoot(g *graph.Graph, in Input, given any) (*root, value.Violations) {
	done, violations := interpreter.Prepare(g, given, runID, golden.Start)
	if len(violations) > 0 {
		return nil, violations
	}
	var h value.Hash
	h.Value(done)
	return &root{Input: in, input: done, known: vary.Leaves(done), digest: h.Sum()}, nil
}

// node is a state at which something is open.
type node struct {
	parent int32 // by which it was found; -1: its root
	root   int32
	path   int // from the parent: steps of search.paths from here on
	first  int // of its edges
	edges  int32
	steps  uint16
	faults int16 // the fewest on a way to it
	depth  int32 // how many nodes are before it
	done   bool  // what can happen in it was tried
}

// edge is a choice and where it leads.
type edge struct {
	to    int32 // a node; -1-n: an end
	label int32
	fault bool // one begins
	again bool // one goes on
}

// label is what a choice was about.
type label struct{ place, text string }

// found is a finding with the path to it.
type found struct {
	Finding
	root  *root
	path  []uint16
	depth int32 // of the node before it
	times int
}

// grown is what came of one choice.
type grown struct {
	from   int // in the list of what has grown: where the state stands in which the choice was made; -1: it is that of the node
	path   []uint16
	option option
	key    value.Digest
	end    *End
	faults int16
	tried  bool // what can happen behind it follows in the list
	breaks []breach
	tested []*suite.Rule // of a run that has ended
	err    error
}

// breach is something that must not happen.
type breach struct {
	kind  Kind
	cause string // the same for findings of one cause
	title string
	rule  string // of an invariant
	place string
	call  *machine.Call // that took effect twice; nil for other kinds
	at    diag.Span     // in the definition, if one place is meant however a run comes there

	cancelled bool // the run was
}

func newSearch(g *graph.Graph, opts Options) *search {
	s := &search{graph: g, opts: opts, menus: newMenus(g, opts.Heard, opts.focus, opts.pairs), known: map[value.Digest]int32{}, labelAt: map[label]int32{}, also: map[int32][]string{}, endAt: map[End]int32{}, findings: map[string]*found{}, tested: map[*suite.Rule]bool{}, waits: map[string]*graph.Call{}}
	graphs := append([]*graph.Graph{g}, g.Called()...)
	s.sayingSo = sayingSo(graphs)
	for _, each := range graphs {
		each.EachCall(func(c *graph.Call) {
			if c.Sig.Signal && s.waits[c.Sig.Operation] == nil {
				s.waits[c.Sig.Operation] = c
			}
		})
	}
	for _, sg := range g.Sendable() {
		s.sendable = append(s.sendable, sg.Name)
	}
	s.signals = len(s.waits) > 0
	return s
}

// begin makes the roots: the inputs of the tests, an example, and what differs from the
// first of them in what conditions read.
func (s *search) begin() error {
	add := func(in Input) {
		r, _ := newRoot(s.graph, in, fresh(in.Value))
		if r != nil && !slices.ContainsFunc(s.roots, func(o *root) bool { return vary.Same(o.input, r.input) }) {
			s.roots = append(s.roots, r)
		}
	}
	for _, in := range s.opts.Inputs {
		add(in)
	}
	if len(s.roots) == 0 && !s.opts.given || s.opts.Examples {
		add(Input{Value: value.Example(s.graph.Input), Label: "an example"})
	}
	if len(s.roots) > 0 {
		s.usual(s.roots[0])
		if !s.opts.given {
			s.unlike()
		}
	}
	if len(s.roots) == 0 {
		return fmt.Errorf("no input of %s is known, and an example does not fit it: give one", s.graph.FullName())
	}
	if s.opts.Examples {
		base := s.roots[0]
		for _, v := range s.menus.looks.input[s.graph].variants(s.graph.Input, base.Value) {
			add(Input{Value: v.value, Label: v.label})
		}
	}
	return nil
}

// usual finds the answers that calls have when all is well: those with which a run ends
// best, and soonest. A poll that says "pending" is not well for ever. Of two with which it
// fails that one is better with which it comes further.
func (s *search) usual(r *root) {
	type score struct{ rank, events int }
	try := func() (score, []*graph.Call) {
		seen := reaches{}
		w, calls := s.seen(r, seen)
		if w.err != nil {
			return score{100, 0}, nil
		}
		end := w.end()
		end.Wrong = false // it may be the one that comes furthest
		got := score{rank(end), w.events}
		if got.rank > 1 {
			got.events = -len(seen)
		}
		return got, calls
	}
	best, calls := try()
	for again := true; again && best.rank > 0; {
		again = false
		for _, c := range calls {
			m := s.menus.calls[c]
			for j := 1; j < len(m.all) && !m.all[j].fault; j++ {
				m.all[0], m.all[j] = m.all[j], m.all[0]
				if now, seen := try(); now.rank < best.rank || now.rank == best.rank && now.events < best.events {
					best, calls, again = now, seen, true
					m.rebase(j)
					break
				}
				m.all[0], m.all[j] = m.all[j], m.all[0]
			}
		}
	}
}

// unlike keeps of the roots those that go ways of their own when all is well.
func (s *search) unlike() {
	var known []reaches
	s.roots = slices.DeleteFunc(s.roots, func(r *root) bool {
		seen := reaches{}
		s.seen(r, seen)
		if slices.ContainsFunc(known, func(k reaches) bool { return maps.Equal(k, seen) }) {
			return true
		}
		known = append(known, seen)
		return false
	})
}

// seen runs as long as all is well, and notes what the run comes by. It lists the calls
// that were answered.
func (s *search) seen(r *root, seen reaches) (*world, []*graph.Call) {
	w := s.newWorld(r, nil)
	cfg := w.config(nil)
	cfg.Cover = seen
	w.m = machine.New(s.graph, r.input, cfg)
	w.tell(machine.Started{})
	return w, w.finish()
}

// reaches is what a run comes by.
type reaches map[reached]bool

type reached struct {
	part any
	what string
}

// Reached notes a part of the definition.
func (r reaches) Reached(part any, what string) { r[reached{part, what}] = true }

// Evaluated does nothing.
func (reaches) Evaluated(*expr.Program, map[string]any) {}

// run explores level by level: first all runs without a fault, then those with one, and so on.
func (s *search) run() (*Report, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	limit := s.opts.Limit
	rep := &Report{Workflow: s.graph.FullName(), Complete: -1}
	level := []int32{}
	for _, r := range s.roots {
		r.node = int32(len(s.nodes))
		s.nodes = append(s.nodes, node{parent: -1, root: r.node})
		level = append(level, r.node)
	}
	var next []int32
	for faults := 0; ; faults++ {
		for len(level) > 0 {
			enough := s.opts.Faults >= 0 && faults >= s.opts.Faults || s.opts.Faults < 0 && faults >= 2 && s.tried+len(level)+len(next) >= limit
			n := min(len(level), batch)
			now := slices.DeleteFunc(slices.Clone(level[:n]), func(id int32) bool { return s.nodes[id].done })
			level = level[n:]
			trees := make([][]grown, len(now))
			skipped := make([]bool, len(now))
			each(s.opts.Workers, len(now), func(i int) { trees[i], skipped[i] = s.grow(now[i], int16(faults), enough) })
			if s.stopped() {
				rep.Stopped = true
				return s.report(rep), nil
			}
			s.skipped = s.skipped || slices.Contains(skipped, true)
			found, err := s.plant(now, trees)
			if err != nil {
				return nil, err
			}
			for _, to := range found {
				if int(s.nodes[to].faults) > faults {
					next = append(next, to)
				} else {
					level = append(level, to)
				}
			}
			if s.opts.Progress != nil {
				s.opts.Progress(Progress{Faults: faults, States: len(s.nodes), Waiting: len(level) + len(next), Tried: s.tried})
			}
			if s.tried >= limit && (s.opts.Faults < 0 && faults > 2 || s.tried >= limit*hard) {
				rep.Cut = true
				return s.report(rep), nil
			}
		}
		rep.Complete = faults
		if rep.All = len(next) == 0 && !s.skipped; rep.All || s.skipped {
			return s.report(rep), nil
		}
		level, next = next, nil
	}
}

// batch is how many states are taken at once, the same however many workers there are.
const batch = 64

// grove is how many states behind one another are tried at once: only the first of them has
// to be come by from the beginning of the run.
const grove = 64

// wood is how many choices are made for that at most, but for those in one state.
const wood = 4096

// hard is how many times the limit a search may take for what it was asked for.
const hard = 15

// plant adds what has grown from some nodes to what is known: first what was tried in states
// that come soonest in their runs, so that few states are before one that is come by in
// several trees. It lists the states that are new, and in which something is left to try.
func (s *search) plant(nodes []int32, trees [][]grown) (found []int32, err error) {
	next := make([]int, len(trees))    // of each tree: how much is planted
	ids := make([][]int32, len(trees)) // of the states that choices led to; -1: what follows is known already
	for i := range trees {
		ids[i] = make([]int32, len(trees[i]))
	}
	for {
		tree, from := -1, int32(-1)
		for i := range trees {
			if at := s.nextFrom(nodes[i], trees[i], ids[i], &next[i]); at >= 0 && (from < 0 || s.nodes[at].depth < s.nodes[from].depth) {
				tree, from = i, at
			}
		}
		if from < 0 {
			return found, nil
		}
		s.nodes[from].done = true
		first := next[tree]
		for i := first; i < len(trees[tree]) && trees[tree][i].from == trees[tree][first].from; i++ {
			g := &trees[tree][i]
			if g.err != nil {
				return nil, g.err
			}
			s.tried++
			to, isNew := s.merge(from, g)
			switch {
			case !isNew:
				to = -1
			case !g.tried:
				found = append(found, to)
			}
			ids[tree][i], next[tree] = to, i+1
		}
	}
}

// nextFrom is the state of which a tree says next what can happen in it; -1: there is none.
// What is known of states already is left out.
func (s *search) nextFrom(id int32, tree []grown, ids []int32, next *int) int32 {
	for *next < len(tree) {
		from, at := tree[*next].from, id
		if from >= 0 {
			at = ids[from]
		}
		if at >= 0 && !s.nodes[at].done {
			return at
		}
		for ; *next < len(tree) && tree[*next].from == from; *next++ {
			ids[*next] = -1
		}
	}
	return -1
}

// each does something for every number below n, so many of them at once.
func each(workers, n int, do func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(workers, n) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	wg.Wait()
}

// pathTo is the choices that lead to a node.
func (s *search) pathTo(id int32) (*root, []uint16) {
	n := 0
	at := id
	for ; s.nodes[at].parent >= 0; at = s.nodes[at].parent {
		n += int(s.nodes[at].steps)
	}
	r := s.roots[s.nodes[at].root]
	path := make([]uint16, n, n+4)
	for at = id; s.nodes[at].parent >= 0; at = s.nodes[at].parent {
		p := s.nodes[at].path
		n -= int(s.nodes[at].steps)
		copy(path[n:], s.paths[p:p+int(s.nodes[at].steps)])
	}
	return r, path
}

// grow tries all that can happen in a state, and in those that this leads to without a
// further fault. If there are enough faults, no other is begun; skipped says that one could.
func (s *search) grow(id int32, faults int16, enough bool) (out []grown, skipped bool) {
	r, prefix := s.pathTo(id)
	w := s.replay(r, prefix)
	all := w.options(nil)
	if w.err != nil || w.m.Done() || len(all) == 0 { // of a root: nothing is open in it
		g := s.result(w)
		g.from = -1
		return []grown{g}, false
	}
	var begun []breach // before anything was open
	if s.nodes[id].parent < 0 {
		begun = w.breaks
	}
	type state struct {
		w  *world
		at int
	}
	seen := map[value.Digest]bool{}
	for queue := []state{{w, -1}}; len(queue) > 0 && len(out) < wood; queue = queue[1:] {
		w, at := queue[0].w, queue[0].at
		if at >= 0 {
			out[at].tried = true
			all = w.options(all[:0])
		}
		for i := range all {
			o := all[i]
			if enough && o.fault {
				skipped = true
				continue
			}
			for inner := []uint16{uint16(i)}; inner != nil; {
				if s.stopped() {
					return nil, false
				}
				w := w.clone()
				w.mark(inner, 1)
				w.take(&o)
				w.follow()
				g := s.result(w)
				g.from, g.option = at, o
				for n, c := range w.made {
					if n+1 == len(inner) {
						inner = append(inner, uint16(c.chosen))
					}
				}
				g.path = inner
				g.breaks, begun = append(begun, g.breaks...), nil
				if g.end == nil && g.err == nil && g.faults == faults && len(seen) < grove && !seen[g.key] && !s.sooner(&g) {
					seen[g.key] = true
					queue = append(queue, state{w, len(out)})
				}
				out = append(out, g)
				inner = following(inner, w.made)
			}
		}
	}
	return out, skipped
}

// stopped reports whether somebody wants the search to end.
func (s *search) stopped() bool { return s.opts.Stop != nil && s.opts.Stop() }

// sooner reports whether a state was come by before, with as few faults.
func (s *search) sooner(g *grown) bool {
	at, ok := s.known[g.key]
	return ok && s.nodes[at].faults <= g.faults && !s.opts.noMerging
}

// following is the next way through the choices behind the first one; nil if there is none.
func following(path []uint16, made []open) []uint16 {
	for i := len(made) - 1; i >= 0; i-- {
		if made[i].chosen+1 < made[i].of {
			next := slices.Clone(path[:i+2])
			next[i+1]++
			return next
		}
	}
	return nil
}

// replay leads a world along a path to a state where something is open.
func (s *search) replay(r *root, path []uint16) *world {
	w := s.newWorld(r, path)
	w.begin(nil)
	w.follow()
	return w
}

// follow takes the choices of the path, and goes on to where something else is open.
func (w *world) follow() {
	var room [16]option
	for w.err == nil {
		w.settle()
		all := w.options(room[:0])
		if len(all) == 0 || w.m.Done() || len(all) > 1 && w.at >= len(w.path) {
			return
		}
		w.take(&all[w.choose(len(all))])
	}
}

// finish takes the choices of the path, then the first ways, to the end. It lists the calls
// that were answered.
func (w *world) finish() (calls []*graph.Call) {
	var room [16]option
	for w.err == nil && !w.m.Done() {
		w.settle()
		all := w.options(room[:0])
		if len(all) == 0 {
			break
		}
		o := &all[w.choose(len(all))]
		if o.plan >= 0 && w.plans[o.plan].call != nil {
			if c := w.plans[o.plan].call.Call; !slices.Contains(calls, c) {
				calls = append(calls, c)
			}
		}
		w.take(o)
	}
	return calls
}

// result is the state that a world is in.
func (s *search) result(w *world) grown {
	g := grown{faults: int16(w.faults), err: w.err}
	if w.err != nil {
		return g
	}
	if _, ok := w.due(); w.m.Done() || !ok {
		end := w.end()
		g.end, g.breaks = &end, w.breaks
		w.monitors.Tested(func(r *suite.Rule) { g.tested = append(g.tested, r) })
		return g
	}
	g.key, g.breaks = s.digest(w), w.breaks
	return g
}

// digest is the state of a world.
func (s *search) digest(w *world) value.Digest {
	h, ok := s.hashers.Get().(*machine.Hasher)
	if !ok {
		h = machine.NewHasher(s.graph)
		if !s.opts.Exact {
			h.Coarse(deadlines)
		}
	}
	defer s.hashers.Put(h)
	return w.digest(h)
}

// merge adds what came of a choice to what is known.
func (s *search) merge(from int32, g *grown) (to int32, isNew bool) {
	e := edge{fault: g.option.fault, again: g.option.again, label: s.label(&g.option)}
	switch {
	case g.end != nil:
		at, ok := s.endAt[*g.end]
		if !ok {
			at = int32(len(s.ends))
			s.ends = append(s.ends, *g.end)
			s.endAt[*g.end] = at
		}
		e.to = -1 - at
	default:
		at, ok := s.known[g.key]
		switch {
		case !ok || s.opts.noMerging:
			at, isNew = int32(len(s.nodes)), true
			s.known[g.key] = at
			s.nodes = append(s.nodes, node{parent: from, root: s.nodes[from].root, faults: g.faults, depth: s.nodes[from].depth + 1})
			s.cameBy(at, g.path)
		case s.nodes[at].faults > g.faults: // a shorter way to one that waits for its turn
			n := &s.nodes[at]
			n.parent, n.root, n.faults, n.depth, isNew = from, s.nodes[from].root, g.faults, s.nodes[from].depth+1, true
			s.cameBy(at, g.path)
		}
		e.to = at
	}
	n := &s.nodes[from]
	if n.edges == 0 {
		n.first = len(s.edges)
	}
	n.edges++
	s.edges = append(s.edges, e)
	for _, r := range g.tested {
		s.tested[r] = true
	}
	for _, b := range g.breaks {
		s.breach(from, g, b)
	}
	return e.to, isNew
}

// cameBy notes how a state is reached from its parent.
func (s *search) cameBy(id int32, path []uint16) {
	n := &s.nodes[id]
	n.path, n.steps = len(s.paths), uint16(len(path))
	s.paths = append(s.paths, path...)
}

// from lists the edges of a node.
func (s *search) from(id int32) []edge {
	n := &s.nodes[id]
	return s.edges[n.first : n.first+int(n.edges)]
}

func (s *search) label(o *option) int32 {
	l := label{o.place, o.label}
	at, ok := s.labelAt[l]
	if !ok {
		at = int32(len(s.labels))
		s.labels = append(s.labels, l)
		s.labelAt[l] = at
		if o.alt != nil && len(o.alt.also) > 0 {
			s.also[at] = o.alt.also
		}
	}
	return at
}

// breach notes a finding: of those of one cause that with the fewest faults, and of these
// the one that comes soonest in its run.
func (s *search) breach(from int32, g *grown, b breach) {
	f := s.findings[b.cause]
	if f == nil {
		f = &found{}
		s.findings[b.cause] = f
		s.order = append(s.order, b.cause)
	}
	if depth := s.nodes[from].depth; f.times == 0 || int(g.faults) < f.Faults || int(g.faults) == f.Faults && depth < f.depth {
		r, path := s.pathTo(from)
		f.Finding = Finding{Kind: b.kind, Title: b.title, Rule: b.rule, Place: b.place, Faults: int(g.faults), Cancelled: b.cancelled}
		f.root, f.path, f.depth = r, append(path, g.path...), depth
	}
	f.times++
}
