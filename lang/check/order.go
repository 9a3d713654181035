package check

import (
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
)

// Everything here works on indexes and explicit
// stacks, so that a chain of 100,000 steps is no deeper than a short one.

// connect finds the edges of every step: what `after` names, and whose results its
// expressions read.
func (f *flow) connect() {
	for _, st := range f.order {
		seen := map[string]bool{}
		for _, name := range st.tree.After {
			to := f.steps[name.Text]
			switch {
			case to == nil:
				f.add(f.notHere(name))
			case seen[name.Text]:
				f.add(diag.Warnf(CodeDuplicate, name.Span, "%s is named twice after `after`", name.Text))
			default:
				st.edges = append(st.edges, edge{to, name.Span, true})
				f.noteName(SortStep, name, to.tree.Name.Span, nil)
			}
			seen[name.Text] = true
		}
		syntax.Walk(st.tree, func(n any) bool {
			if e, ok := n.(*syntax.Expr); ok && e != nil {
				f.dataEdges(st, e)
			}
			return true
		})
	}
	f.cycles()
}

func (f *flow) stepNames() []string {
	names := make([]string, len(f.order))
	for i, st := range f.order {
		names[i] = st.tree.Name.Text
	}
	return names
}

func (f *flow) dataEdges(st *stepInfo, e *syntax.Expr) {
	for _, ch := range f.chains(e.Text) {
		if to := f.steps[ch.root]; to != nil {
			st.edges = append(st.edges, edge{to, e.Span, false})
		}
	}
}

// cycles reports every cycle of steps once, whole, and marks its members.
func (f *flow) cycles() {
	const (
		white = iota
		grey
		black
	)
	color := make([]int8, len(f.order))
	type frame struct{ step, next int }
	for start := range f.order {
		if color[start] != white {
			continue
		}
		stack := []frame{{start, 0}}
		color[start] = grey
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			st := f.order[top.step]
			if top.next == len(st.edges) {
				color[top.step] = black
				stack = stack[:len(stack)-1]
				continue
			}
			to := st.edges[top.next].to.index
			top.next++
			switch color[to] {
			case white:
				color[to] = grey
				stack = append(stack, frame{to, 0})
			case grey:
				from := slices.IndexFunc(stack, func(fr frame) bool { return fr.step == to })
				var members []*stepInfo
				var taken []edge
				for _, fr := range stack[from:] {
					members = append(members, f.order[fr.step])
					taken = append(taken, f.order[fr.step].edges[fr.next-1])
				}
				f.cycle(members, taken)
			}
		}
	}
}

// cycle reports one cycle; taken[i] leads from members[i] to the next member.
func (f *flow) cycle(members []*stepInfo, taken []edge) {
	if members[0].cyclic && len(members) == 1 {
		return
	}
	if len(members) == 1 {
		st := members[0]
		st.cyclic = true
		f.add(diag.Errorf(CodeCycle, taken[0].span, "step %s waits for its own result", st.tree.Name.Text))
		return
	}
	known := true
	names := make([]string, 0, len(members)+1)
	for _, st := range members {
		known = known && st.cyclic
		st.cyclic = true
		names = append(names, st.tree.Name.Text)
	}
	if known {
		return
	}
	names = append(names, names[0])
	if len(names) > 12 {
		names = append(append(names[:6:6], "…"), names[len(names)-5:]...)
	}
	d := diag.Errorf(CodeCycle, taken[0].span, "these steps wait for one another: %s", strings.Join(names, " → ")).
		Hintf("a → b means a needs b; remove one of these edges")
	for i := 1; i < len(members) && i < 8; i++ {
		d.See(taken[i].span, "%s needs %s", members[i].tree.Name.Text, taken[i].to.tree.Name.Text)
	}
	f.add(d)
}

// sorted is an order in which every step comes after the steps it needs, ties in
// source order; members of cycles and what needs them come last, in source order.
func (f *flow) sorted() []*stepInfo {
	waits := make([]int, len(f.order))
	followers := make([][]int32, len(f.order))
	for _, st := range f.order {
		for _, e := range st.edges {
			waits[st.index]++
			followers[e.to.index] = append(followers[e.to.index], int32(st.index))
		}
	}
	out := make([]*stepInfo, 0, len(f.order))
	placed := make([]bool, len(f.order))
	for i := range f.order {
		if waits[i] == 0 {
			out = append(out, f.order[i])
			placed[i] = true
		}
	}
	for at := 0; at < len(out); at++ {
		for _, next := range followers[out[at].index] {
			if waits[next]--; waits[next] == 0 {
				out = append(out, f.order[next])
				placed[next] = true
			}
		}
	}
	for i, st := range f.order {
		if !placed[i] {
			out = append(out, st)
		}
	}
	return out
}

// needs merges the edges of a step into the graph's form, by index.
func needs(st *stepInfo) []graph.Need {
	var out []graph.Need
	edges := slices.Clone(st.edges)
	slices.SortStableFunc(edges, func(a, b edge) int { return a.to.index - b.to.index })
	for _, e := range edges {
		if e.to == st {
			continue
		}
		if n := len(out); n == 0 || out[n-1].Step != e.to.index {
			out = append(out, graph.Need{Step: e.to.index})
		}
		last := &out[len(out)-1]
		last.After = last.After || e.after
		last.Data = last.Data || !e.after
	}
	return out
}
