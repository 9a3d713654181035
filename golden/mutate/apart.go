package mutate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"wf/golden"
	"wf/golden/cover"
	"wf/golden/explore"
	"wf/golden/propose"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/graph"
)

// Alike is what running the original and a mutant in the same worlds came to, if no test
// was found that tells them apart.
type Alike struct {
	Faults int    // all runs with so many things going wrong at once were compared
	Runs   int    // how many that were, and others
	Unlike string // in what they differ after all, though no test can say it; "": in nothing
	Missed bool   // no run came by what is changed
}

// twin is a workflow with the defect and without.
type twin struct {
	old, new *graph.Graph
	suite    *tests
	inputs   []explore.Input
}

// twins are the workflows that the tests run and that are not the same with the defect:
// first those of the definition.
func (t *trial) twins(loaded []*lang.Program) []*twin {
	var out []*twin
	for i, s := range t.suites {
		news := golden.Workflows(loaded[i].Suite)
		for _, g := range golden.Workflows(s.program.Suite) {
			j := slices.IndexFunc(news, g.Same)
			if j < 0 || !t.concerns(g) || slices.Equal(hashes(news[j:j+1]), hashes([]*graph.Graph{g})) {
				continue
			}
			k := slices.IndexFunc(out, func(w *twin) bool { return g.Same(w.old) })
			if k < 0 {
				k = len(out)
				out = append(out, &twin{old: g, new: news[j], suite: s})
			}
			out[k].inputs = t.ran.Inputs(g)
		}
	}
	slices.SortStableFunc(out, func(a, b *twin) int { return t.distance(a.old) - t.distance(b.old) })
	return out
}

// distance is 0 for workflows of the definition.
func (t *trial) distance(g *graph.Graph) int {
	if path.Clean(g.Span.File) == t.file {
		return 0
	}
	return 1
}

// explored runs the original and the mutant in the same worlds until a run is found that is
// a test which tells them apart.
func (t *trial) explored(v *Verdict, loaded []*lang.Program, mutant version) (*Remedy, *Alike) {
	alike := &Alike{Faults: -1}
	missed := true
	for _, w := range t.twins(loaded) {
		var found *Remedy
		offers := 0
		opts := explore.Options{Inputs: w.inputs, Examples: true, Heard: t.heard, Faults: -1, Limit: t.plays(), Workers: 1, Cancel: true, Signals: true, Stop: t.stopped}
		at := t.watch(w.old, v, &opts)
		diff, err := explore.Apart(w.old, w.new, opts, func(p *explore.Pair) bool {
			if alike.Unlike == "" {
				alike.Unlike = p.Title + ": " + p.Expect[0]
			}
			found = t.said(w, p, mutant)
			offers++
			return found != nil || offers == maxPairs
		})
		if err != nil {
			alike.Unlike = err.Error()
			continue
		}
		if found != nil {
			return found, nil
		}
		if alike.Unlike == "" {
			alike.Unlike = told(diff)
		}
		missed = missed && !at()
		alike.Runs += diff.Runs
		if alike.Faults < 0 || diff.Faults < alike.Faults {
			alike.Faults = diff.Faults
		}
	}
	alike.Missed = missed && alike.Unlike == ""
	return nil, alike
}

// told is something in which two versions differ; "" if they do not.
func told(d *explore.Diff) string {
	for _, c := range d.Changes {
		for _, f := range c.Facts {
			return strings.TrimSpace(f.Kind + " " + f.What)
		}
	}
	for _, line := range d.Declared {
		return line
	}
	return ""
}

// watch looks whether runs come by the place of a mutant; where that cannot be seen, they do.
func (t *trial) watch(g *graph.Graph, v *Verdict, opts *explore.Options) (came func() bool) {
	profile := &cover.Profile{}
	profile.Define(g)
	w := profile.Workflows()[0]
	rec := profile.Recorder()
	rec.Run(w.Graph)
	opts.Cover = rec
	return func() bool {
		visible := false
		for i := range w.Points {
			if contains(v.Scope, []diag.Span{w.Points[i].Span}) {
				if visible = true; rec.Covers(w.Graph, i) {
					return true
				}
			}
		}
		return !visible
	}
}

// maxPairs is how many pairs of runs that differ are tried as tests.
const maxPairs = 5

// plays is how many runs are tried for one mutant.
func (t *trial) plays() int {
	if t.opts.Plays == 0 {
		return propose.DefaultPlays
	}
	return t.opts.Plays
}

// said is a run of the original as a test that the mutant fails; nil if it is none.
func (t *trial) said(w *twin, p *explore.Pair, mutant version) *Remedy {
	for _, expect := range p.Expect[:min(len(p.Expect), maxExpectations)] {
		sc, err := p.Scenario(expect)
		if err != nil {
			return nil
		}
		if r := t.accepted(w.suite, sc, mutant); r != nil {
			return r
		}
	}
	return nil
}

// accepted is a scenario as a new test of a file, if it tells the original from the mutant.
func (t *trial) accepted(s *tests, sc *propose.Scenario, mutant version) *Remedy {
	title := sc.Title
	for n := 2; slices.ContainsFunc(s.all, func(own *test) bool { return own.name == title }); n++ {
		title = fmt.Sprintf("%s (%d)", sc.Title, n)
	}
	src := strings.TrimRight(string(s.program.Sources[s.name]), "\n")
	tells := func(sc *propose.Scenario) bool { return t.tells(s, src+"\n\n"+sc.Text(title), title, mutant) }
	if !tells(sc) {
		return nil
	}
	sc = sc.Shortened(tells)
	return &Remedy{File: s.name, Title: title, Text: propose.LaidOut(s.name, sc.Text(title)), Expect: sc.Expect, scenario: sc}
}
