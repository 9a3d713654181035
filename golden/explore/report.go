package explore

import (
	"math/bits"
	"slices"

	"wf/lang/suite"
)

// Report is what a search found out.
type Report struct {
	Workflow string
	Inputs   []Input
	Complete int    // all runs with so many faults at once were tried; -1: not even those without
	All      bool   // all runs were, however many faults
	Cut      bool   // the limit was reached
	Stopped  bool   // Options.Stop ended it
	States   int    // different states in which something was open
	Tried    int    // choices that were tried
	Runs     uint64 // different runs that these make; the largest number: more than that
	Ends     []EndCount
	Table    []Row
	Findings []*Finding
	Untested []Untested // in the order of the files
}

// Untested is a rule of an invariant that no run has put to the test: that none breaks it
// says nothing.
type Untested struct{ Invariant, Rule string }

// EndCount is how many runs ended in a way.
type EndCount struct {
	End
	Runs uint64
}

// Row says what one fault does to a run in which all else is well.
type Row struct {
	Place string // of the call; "" if it is none
	Fault string
	Also  []string // outcomes that go the same way
	Once  []End    // if it passes
	Stays []End    // if it stays; nil: it cannot pass
}

func (s *search) report(rep *Report) *Report {
	for _, r := range s.roots {
		rep.Inputs = append(rep.Inputs, r.Input)
	}
	rep.States, rep.Tried = len(s.nodes), s.tried
	s.count(rep)
	for _, set := range s.opts.Invariants {
		set.Rules(func(of *suite.Invariant, r *suite.Rule) {
			if !s.tested[r] {
				rep.Untested = append(rep.Untested, Untested{of.Name, r.Text})
			}
		})
	}
	if rep.All || rep.Complete > 0 {
		s.table(rep)
	}
	for _, cause := range s.order {
		f := s.findings[cause]
		if !rep.All && s.opts.Faults >= 0 && f.Faults > s.opts.Faults {
			continue
		}
		s.shrink(f, cause)
		w := s.tell(f.root, f.path)
		f.Times = f.times - 1
		f.Input = f.root.Input
		f.Story = w.story.lines
		if i := slices.IndexFunc(w.breaks, func(b breach) bool { return b.cause == cause }); i >= 0 { // of another item, perhaps, than before it was shrunk
			f.Title, f.Place = w.breaks[i].title, w.breaks[i].place
		}
		f.run = w.scenario(&f.Finding)
		rep.Findings = append(rep.Findings, &f.Finding)
	}
	slices.SortStableFunc(rep.Findings, func(a, b *Finding) int { return a.Faults - b.Faults })
	return rep
}

// count counts the runs that the graph of states stands for, with as many faults as were
// tried.
func (s *search) count(rep *Report) {
	most := int32(-1) // any number
	if !rep.All {
		most = int32(max(rep.Complete, 0))
	}
	type state struct {
		id   int32
		left int32
	}
	type frame struct {
		state
		next int
	}
	counts := map[state][]uint64{} // by end; nil while they are counted
	visit := func(from state) []uint64 {
		stack := []frame{{from, 0}}
		sums := [][]uint64{make([]uint64, len(s.ends))}
		counts[from] = nil
		for len(stack) > 0 {
			f, sum := &stack[len(stack)-1], sums[len(sums)-1]
			edges := s.from(f.id)
			if f.next == len(edges) {
				counts[f.state] = sum
				stack, sums = stack[:len(stack)-1], sums[:len(sums)-1]
				continue
			}
			e := &edges[f.next]
			to := state{e.to, f.left}
			if most >= 0 && e.fault {
				to.left--
			}
			if most >= 0 && to.left < 0 {
				f.next++
				continue
			}
			if e.to < 0 {
				add(&sum[-1-e.to], 1)
				f.next++
				continue
			}
			known, ok := counts[to]
			switch {
			case known != nil:
				for i, c := range known {
					add(&sum[i], c)
				}
				f.next++
			case ok: // a circle: more than can be counted
				f.next++
			default:
				counts[to] = nil
				stack, sums = append(stack, frame{to, 0}), append(sums, make([]uint64, len(s.ends)))
			}
		}
		return counts[from]
	}
	total := make([]uint64, len(s.ends))
	for _, r := range s.roots {
		from := state{r.node, max(most, 0)}
		if counts[from] == nil {
			visit(from)
		}
		for i, c := range counts[from] {
			add(&total[i], c)
		}
	}
	for i, e := range s.ends {
		if total[i] > 0 {
			rep.Ends = append(rep.Ends, EndCount{e, total[i]})
		}
		add(&rep.Runs, total[i])
	}
	slices.SortStableFunc(rep.Ends, func(a, b EndCount) int { return rank(a.End) - rank(b.End) })
}

// add adds, and stays at the largest number.
func add(to *uint64, n uint64) {
	sum, carry := bits.Add64(*to, n, 0)
	if carry != 0 {
		sum = ^uint64(0)
	}
	*to = sum
}

func rank(e End) int {
	r := slices.Index([]string{"completed", "degraded", "compensated", "failed", "cancelled", "stuck"}, e.Ending)
	if e.Wrong {
		r += 10
	}
	return r
}

// table follows each fault from where all was well so far.
func (s *search) table(rep *Report) {
	at := map[label]int{}
	for _, r := range s.roots {
		for id := r.node; id >= 0; {
			edges := s.from(id)
			for i := range edges {
				e := &edges[i]
				if !e.fault {
					continue
				}
				l := s.labels[e.label]
				l.place = anyItem(l.place)
				j, ok := at[l]
				if !ok {
					j = len(rep.Table)
					at[l] = j
					rep.Table = append(rep.Table, Row{Place: l.place, Fault: l.text, Also: s.also[e.label]})
				}
				row := &rep.Table[j]
				if end, _, ok := s.plain(e.to, -1); ok {
					row.Once = insert(row.Once, end)
				}
				if end, went, ok := s.plain(e.to, e.label); ok && went {
					row.Stays = insert(row.Stays, end)
				}
			}
			if len(edges) == 0 || edges[0].fault {
				break
			}
			id = edges[0].to
		}
	}
	slices.SortStableFunc(rep.Table, func(a, b Row) int { // what is done to the run comes last
		switch {
		case (a.Place == "") == (b.Place == ""):
			return 0
		case a.Place == "":
			return 1
		}
		return -1
	})
}

func insert(list []End, e End) []End {
	if slices.Contains(list, e) {
		return list
	}
	return append(list, e)
}

// plain follows what happens if all is well from a state on; but the fault `stays` goes on
// where it can, -1 is none. went says that it could; ok that the end is known.
func (s *search) plain(id, stays int32) (end End, went, ok bool) {
	for steps := 0; id >= 0 && steps < 1_000_000; steps++ {
		edges := s.from(id)
		if len(edges) == 0 {
			return End{}, went, false
		}
		id = edges[0].to
		for i := range edges {
			if e := &edges[i]; e.again && e.label == stays {
				id, went = e.to, true
				break
			}
		}
	}
	if id >= 0 {
		return End{}, went, false
	}
	return s.ends[-1-id], went, true
}
