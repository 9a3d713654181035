// Package cover says how much of a workflow its tests exercise: steps and how they
// end, clauses, every outcome of every call, timeouts, attempts that are used up,
// fallbacks, and both sides of conditions. It listens to the machine while tests run;
// nothing is run for its sake.
//
// A [Profile] gathers what the runs of many tests reach; [Profile.Workflows] is the
// report, which this package writes as text, JSON, a picture and a page.
package cover

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
)

// Profile is what the runs of tests have reached. The zero value is empty. It is not
// for concurrent use: tests that run at once have a [Recorder] each.
type Profile struct {
	Sources   diag.Sources // of the definitions, for places in reports
	workflows map[string]*Workflow
	tables    map[*graph.Graph]*table
}

// Workflow is the coverage of one definition.
type Workflow struct {
	Name   string // with its namespace
	File   string
	Span   diag.Span // of its name
	Runs   int
	Points []Point // in the order of the source
	Hits   []int   // how often each point was reached
	Graph  *graph.Graph

	byKey map[string]int
}

// Define enters a workflow, so that it is in the report even if no test runs it.
func (p *Profile) Define(g *graph.Graph) {
	if p.tables[g] != nil {
		return
	}
	if p.tables == nil {
		p.tables, p.workflows = map[*graph.Graph]*table{}, map[string]*Workflow{}
	}
	t := makeTable(g)
	p.tables[g] = t
	if id := identity(g); p.workflows[id] == nil {
		p.workflows[id] = &Workflow{Name: g.FullName(), File: path.Clean(g.Span.File), Span: g.Span, Points: t.points, Hits: make([]int, len(t.points)), Graph: g, byKey: t.byKey}
	}
}

// identity is the same for a workflow that several test files import.
func identity(g *graph.Graph) string { return path.Clean(g.Span.File) + "\x00" + g.FullName() }

// Read adds the text of definitions, for places in reports.
func (p *Profile) Read(sources diag.Sources) {
	if p.Sources == nil {
		p.Sources = diag.Sources{}
	}
	for name, text := range sources {
		p.Sources[name] = text
	}
}

// Workflows lists the workflows by file and place.
func (p *Profile) Workflows() []*Workflow {
	out := make([]*Workflow, 0, len(p.workflows))
	for _, w := range p.workflows {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *Workflow) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Span.Start, b.Span.Start), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Recorder listens to the runs of one test. It is a machine.Cover of the workflow that
// Run named last.
type Recorder struct {
	profile *Profile
	eval    *expr.Machine
	all     []*record
	at      *record
}

// record is what a test reached of one workflow.
type record struct {
	table *table
	runs  int
	hits  []int
}

// Recorder returns a recorder for one test. The workflows it runs must be defined.
func (p *Profile) Recorder() *Recorder { return &Recorder{profile: p, eval: expr.NewMachine()} }

// Run says that a run of the workflow begins.
func (r *Recorder) Run(g *graph.Graph) {
	t := r.profile.tables[g]
	i := slices.IndexFunc(r.all, func(rec *record) bool { return rec.table == t })
	if i < 0 {
		i = len(r.all)
		r.all = append(r.all, &record{table: t, hits: make([]int, len(t.points))})
	}
	r.at = r.all[i]
	r.at.runs++
}

// Reached counts a part of the definition.
func (r *Recorder) Reached(part any, what string) {
	t := r.at.table
	for _, i := range t.targets[target{part, what}] {
		r.at.hits[i]++
	}
	c, ok := part.(*graph.Call)
	if !ok {
		return
	}
	status, class := 0, what
	if n, err := strconv.Atoi(what); err == nil {
		status, class = n, ""
	}
	for _, a := range t.answers[c] {
		if a.pattern.Matches(status, class) {
			r.at.hits[a.point]++
			return
		}
	}
}

// Evaluated counts which ways an expression goes.
func (r *Recorder) Evaluated(p *expr.Program, env map[string]any) {
	ways := r.at.table.programs[p]
	if ways == nil {
		return
	}
	probes := p.Probes()
	for i, w := range ways {
		switch yes, ok := probes[i].Side(r.eval, env); {
		case !ok:
		case yes:
			r.at.hits[w.yes]++
		default:
			r.at.hits[w.no]++
		}
	}
}

// Add adds what a test has reached.
func (p *Profile) Add(r *Recorder) {
	for _, rec := range r.all {
		w := p.workflows[identity(rec.table.graph)]
		w.Runs += rec.runs
		for i, n := range rec.hits {
			if n == 0 {
				continue
			}
			if j, ok := w.byKey[rec.table.points[i].key()]; ok {
				w.Hits[j] += n
			}
		}
	}
}

// Covers reports whether a test reached a point of a workflow.
func (r *Recorder) Covers(g *graph.Graph, point int) bool {
	t := r.profile.tables[g]
	return slices.ContainsFunc(r.all, func(rec *record) bool { return rec.table == t && rec.hits[point] > 0 })
}

// Reached is how often a point of another compilation of the workflow was reached.
func (w *Workflow) Reached(other *Workflow, point int) int {
	if i, ok := w.byKey[other.Points[point].key()]; ok {
		return w.Hits[i]
	}
	return 0
}

// Share is how much of some kind is covered.
type Share struct{ Covered, Total int }

// Percent is the share in whole percent, rounded down: 100 is all of it. Of nothing,
// all is covered.
func (s Share) Percent() int {
	if s.Total == 0 {
		return 100
	}
	return s.Covered * 100 / s.Total
}

func (s *Share) count(hits int) {
	s.Total++
	if hits > 0 {
		s.Covered++
	}
}

// Share is how much of a kind is covered, "" being all kinds; optional is how much of
// what does not count.
func (w *Workflow) Share(kind Kind) (share, optional Share) {
	for i, p := range w.Points {
		switch {
		case kind != "" && p.Kind != kind:
		case p.Optional:
			optional.count(w.Hits[i])
		default:
			share.count(w.Hits[i])
		}
	}
	return share, optional
}

// Missing lists the points of a kind that count and were not reached, "" being all
// kinds, in the order of the source.
func (w *Workflow) Missing(kind Kind) []Point {
	var out []Point
	for i, p := range w.Points {
		if w.Hits[i] == 0 && !p.Optional && (kind == "" || p.Kind == kind) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Span.File, b.Span.File), cmp.Compare(a.Span.Start, b.Span.Start))
	})
	return out
}

// Bound is the least share that is asked for.
type Bound struct {
	Kind    Kind // "": all kinds together
	Percent int
}

// UnmarshalText reads "90%" or "clauses=100%".
func (b *Bound) UnmarshalText(text []byte) error {
	kind, share, ok := strings.Cut(strings.TrimSpace(string(text)), "=")
	if !ok {
		kind, share = "", kind
	} else if !slices.Contains(Kinds, Kind(kind)) {
		names := make([]string, len(Kinds))
		for i, k := range Kinds {
			names[i] = string(k)
		}
		hint := diag.DidYouMean(kind, names)
		if hint == "" {
			hint = "there are " + strings.Join(names, ", ")
		}
		return fmt.Errorf("there is no kind %s; %s", kind, hint)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(share, "%"))
	if err != nil || n < 0 || n > 100 {
		return fmt.Errorf("%q is no share; write 100%%, or of one kind, clauses=100%%", text)
	}
	b.Kind, b.Percent = Kind(kind), n
	return nil
}
