package explore

import (
	"strings"

	"wf/golden"
	"wf/golden/propose"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang/graph"
	"wf/lang/value"
)

// Pair is a run of each of two versions in one world, in which a test sees a difference.
type Pair struct {
	Input  Input
	Title  string   // what does not go well, in a few words
	Expect []string // what the old version does and the new one does not, as it stands behind expect; what matters most comes first

	old     *root
	refused string // path of the input that the old version refuses; "": it does not
	told    *story // of the old version; nil: it did not run
	graph   *graph.Graph
}

// Apart runs two versions of a workflow in the same worlds, as [Compare] does, and shows
// each pair of runs that a test can tell apart, those with the fewest faults first, until
// enough is said. The diff says what was compared; it has no changes if enough was said.
func Apart(old, new *graph.Graph, opts Options, enough func(*Pair) bool) (*Diff, error) {
	opts.changed = true
	d := newDiffer(old, new, opts)
	d.enough = enough
	if err := d.begin(); err != nil {
		return nil, err
	}
	d.declared()
	if d.levels(); !d.diff.Stopped {
		d.gather()
	}
	return d.diff, nil
}

// seen is what a test can see of a run that was told; nil if it did not end.
func (st *story) seen(g *graph.Graph) *propose.Seen {
	if st == nil || st.of.err != nil || !st.of.m.Done() {
		return nil
	}
	return propose.See(g, st.of.m.Result(), st.entries)
}

// tellApart makes of two runs the pair that is shown; nil if a test sees no difference, or
// cannot say it.
func (d *differ) tellApart(j *job, o, n *played, was, is *story) *Pair {
	e := d.entries[j.entry]
	p := &Pair{Input: e.input, old: e.old, told: was, graph: d.old.graph}
	a, b := was.seen(d.old.graph), is.seen(d.new.graph)
	switch {
	case o.refused != "" && n.refused != "":
		return nil
	case o.refused != "":
		in := fresh(e.input.Value)
		_, violations := newRoot(d.old.graph, e.input, in)
		if len(violations) == 0 {
			return nil // with what the new version alone knows
		}
		p.refused = violations[0].Path
		p.Expect = []string{"refused " + value.Literal(p.refused)}
	case a == nil:
		return nil // a test does not wait for ever
	case b == nil:
		p.Expect = []string{o.ending()}
	default:
		p.Expect = a.Differences(b)
	}
	if len(p.Expect) == 0 {
		return nil
	}
	p.Title = d.title(j)
	return p
}

// few are so many of the pairs that there are, if not all can be compared: first those with
// trouble where runs without any do not come by, then others, evenly spread. [Compare] takes
// none: it says of whole inputs whether they were compared.
func (d *differ) few(jobs []*job, n int) []*job {
	if d.enough == nil || n <= 0 {
		return nil
	}
	var new, rest []*job
	for _, j := range jobs {
		root := d.known[jobKey(j.entry, nil)]
		a, _ := attemptsAt(root.oldAt, j.fresh.site)
		if b, _ := attemptsAt(root.newAt, j.fresh.site); a+b == 0 {
			new = append(new, j)
		} else {
			rest = append(rest, j)
		}
	}
	if len(new) >= n {
		return spread(new, n)
	}
	return append(new, spread(rest, n-len(new))...)
}

func spread(jobs []*job, n int) []*job {
	if n >= len(jobs) {
		return jobs
	}
	out := make([]*job, n)
	for i := range out {
		out[i] = jobs[i*len(jobs)/n]
	}
	return out
}

// title says what does not go well in a pair of runs.
func (d *differ) title(j *job) string {
	var parts []string
	if j.entry > 0 {
		if label := d.entries[j.entry].input.Label; !strings.HasPrefix(label, "that of ") {
			parts = append(parts, label)
		}
	}
	for _, t := range j.script {
		name := d.sites[t.site].name
		switch {
		case t.deed == cancels:
			parts = append(parts, "cancelled at "+name)
		case t.deed == overtakes:
			parts = append(parts, name+" "+t.label)
		case t.deed == crashes:
			parts = append(parts, "the process dies at "+name)
		case strings.HasPrefix(t.label, "signal ") || strings.HasPrefix(t.label, "no signal "):
			parts = append(parts, t.label)
		default:
			text := name + " " + inList(t.label)
			switch {
			case t.items:
				text += " for all"
			case t.times > 1:
				text += " " + many(t.times, "time")
			case t.times == 0:
				text += " always"
			}
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return "all is well"
	}
	return strings.Join(parts, ", ")
}

// Scenario is the run of the old version as a test, with one expectation that the new one
// does not fulfil.
func (p *Pair) Scenario(expect string) (*propose.Scenario, error) {
	r := propose.Run{Graph: p.graph, ID: runID, Seed: 1, Start: golden.Start, Thought: &propose.Thought{Name: p.Title, Expect: []string{expect}}}
	if p.told == nil {
		in, _ := fresh(p.Input.Value).(map[string]any)
		r.Input = in
		return propose.Refused(r), nil
	}
	r.Thought.Named = p.Input.Text
	r.Input, r.Thought.Unheard, r.Events = p.old.input, p.told.unheard, p.told.of.heard()
	r.CorrelationID = sim.CorrelationID(r.Input)
	if end := p.ending(); end != expect {
		r.Thought.Expect = []string{end, expect}
	}
	return propose.ScenarioOf(r)
}

// ending is how the run of the old version ended, as a test expects it.
func (p *Pair) ending() string {
	r := p.told.of.m.Result()
	if r.Error != nil && r.Error.Code != "" && r.Ending != machine.Cancelled {
		return string(r.Ending) + " " + r.Error.Code
	}
	return string(r.Ending)
}
