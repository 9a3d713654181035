package main

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"wf/golden/explore"
	"wf/golden/invariant"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/mocks"
)

// side is one of two versions that are compared, with the test files of its invariants.
type side struct {
	file    string // as the loader names it
	program *lang.Program
	graph   *graph.Graph
	tests   []string // in the order of their names
}

// demanded is a rule of an invariant, by which a version may be judged.
type demanded struct{ name, rule string }

func (d demanded) String() string { return fmt.Sprintf("%q: %s", d.name, d.rule) }

// demands are the invariants of the tests of both versions, and what is said of them: which
// are new or gone, and which say nothing of one of the versions.
func demands(old, fresh *side) (list []explore.Demand, declared, unjudged []string) {
	if len(fresh.tests) == 0 && len(old.tests) > 0 { // those that there are hold for both
		all := old.rules(old, nil)
		both := old.rules(fresh, all.kept)
		for _, d := range all.kept {
			if !slices.Contains(both.kept, d) {
				unjudged = append(unjudged, "says nothing of the new version: "+d.String())
			}
		}
		return []explore.Demand{{Old: old.rules(old, both.kept).sets, New: both.sets}}, nil, unjudged
	}
	now, was := fresh.rules(fresh, nil), old.rules(old, nil)
	renamed := explore.Renamed(old.graph, fresh.graph)
	is := func(d demanded) demanded { return demanded{d.name, renamed.Rule(d.rule)} }
	before := func(d demanded) func(demanded) bool { return func(o demanded) bool { return o == d || is(o) == d } }

	common := fresh.rules(old, now.kept)
	var own []demanded // that the old version knows by other names of steps
	for _, d := range now.all {
		switch i := slices.IndexFunc(was.kept, before(d)); {
		case !slices.Contains(now.kept, d):
			unjudged = append(unjudged, "does not fit the new version, and is not judged: "+d.String())
		case slices.Contains(common.kept, d):
		case i >= 0:
			own = append(own, was.kept[i])
		default:
			unjudged = append(unjudged, "says nothing of the old version: "+d.String())
		}
		if len(was.all) > 0 && !slices.ContainsFunc(was.all, before(d)) {
			declared = append(declared, "demanded now: "+d.String())
		}
	}
	list = append(list, explore.Demand{Old: common.sets, New: now.sets})
	if len(own) > 0 {
		mine, rest := []demanded{}, []demanded{} // none is not all
		for _, d := range now.kept {
			if slices.ContainsFunc(own, before(d)) {
				mine = append(mine, d)
			} else {
				rest = append(rest, d)
			}
		}
		list[0].New = fresh.rules(fresh, rest).sets
		list = append(list, explore.Demand{Old: old.rules(old, own).sets, New: fresh.rules(fresh, mine).sets})
	}
	var gone []demanded
	for _, d := range was.kept {
		if !slices.Contains(now.all, d) && !slices.Contains(now.all, is(d)) {
			gone = append(gone, d)
			declared = append(declared, "no longer demanded: "+d.String())
		}
	}
	if len(gone) > 0 {
		list = append(list, explore.Demand{Old: old.rules(old, gone).sets, New: old.rules(fresh, gone).sets, Gone: true})
	}
	return list, declared, unjudged
}

// ruleset is the rules of test files by which a version can be judged.
type ruleset struct {
	sets []*invariant.Set // of each file that has some
	kept []demanded       // in these
	all  []demanded       // of the test files
}

// rules are those of the test files of this version by which a version can be judged; only:
// the ones that are looked for, nil means all of this version. The other version is put in the place of the
// one that the tests import: what is not wrong then can be judged.
func (s *side) rules(of *side, only []demanded) (out ruleset) {
	for _, test := range s.tests {
		s.rulesIn(test, of, only, &out)
	}
	return out
}

// rulesIn adds the rules of one test file.
func (s *side) rulesIn(test string, of *side, only []demanded, out *ruleset) {
	opts := lang.Options{Catalog: services(1), StubHandlers: true, Uncalled: true}
	if of != s {
		tree := of.program.Tree
		opts.Parsed = lang.Parsed{path.Clean(s.file): {Source: of.program.Sources[tree.Name], Tree: tree}}
	}
	p, problems := lang.Load(hostFS{}, test, opts)
	if p.Suite == nil {
		return
	}
	names, err := mocks.Names(p.Suite)
	if err != nil {
		return
	}
	all := of == s && only == nil
	var list []*suite.Invariant
	for _, inv := range p.Suite.Invariants {
		if inv.Graph.FullName() != of.graph.FullName() {
			continue
		}
		one := *inv
		one.Graph, one.Rules = of.graph, nil
		for _, r := range inv.Rules {
			d := demanded{inv.Name, r.Text}
			out.all = append(out.all, d)
			wrong := slices.ContainsFunc(problems, func(p *diag.Diagnostic) bool {
				return p.Severity == diag.Error && p.Span.File == r.Span.File && p.Span.Start >= r.Span.Start && p.Span.End <= r.Span.End
			})
			if !wrong && (all || slices.Contains(only, d)) {
				one.Rules, out.kept = append(one.Rules, r), append(out.kept, d)
			}
		}
		if len(one.Rules) > 0 {
			list = append(list, &one)
		}
	}
	if len(list) > 0 {
		out.sets = append(out.sets, invariant.New(list, of.graph, names))
	}
}

// testsOf finds the test files beside a definition that say what must be true of its runs,
// though they may have errors.
func (s *side) testsOf(e *env) (tests []string) {
	for _, name := range testsBeside(s.file) {
		p, problems := lang.Load(hostFS{}, name, lang.Options{Catalog: services(1), StubHandlers: true, Uncalled: true})
		if problems.HasErrors() && p.Suite != nil && namedAfter(name, s.file) {
			fmt.Fprintf(e.stderr, "%s has errors, so its inputs are left out, and invariants that are wrong: wf check %s\n", name, name)
		}
		if p.Suite != nil && slices.ContainsFunc(p.Suite.Invariants, func(inv *suite.Invariant) bool { return s.graph.Same(inv.Graph) }) {
			tests = append(tests, name)
		}
	}
	return tests
}

// load reads one version, and adds the inputs of its tests.
func (c *diffCmd) load(e *env, file string, opts *explore.Options) (*side, error) {
	p, err := e.load(file, lang.Options{Catalog: services(1), StubHandlers: true})
	if err != nil {
		return nil, err
	}
	g, err := p.Workflow(c.Workflow)
	if err != nil {
		return nil, wrong("%s: %v", file, err)
	}
	out := &side{file: filepath.ToSlash(file), program: p, graph: g}
	one := explore.Options{}
	input := c.Input
	if c.Input != "" && len(opts.Inputs) > 0 {
		input = "" // standard input is read once
	}
	if _, err = beginnings(e, file, g, input, true, &one); err != nil {
		return nil, err
	}
	out.tests = out.testsOf(e)
	opts.Heard.Add(one.Heard)
	if input == c.Input {
		opts.Inputs, opts.Examples = append(opts.Inputs, one.Inputs...), one.Examples
	}
	return out, nil
}

// found prints what is wrong now, with its story, and what is mended.
func (x *compared) found() {
	f := x.d.Found
	if f == nil {
		return
	}
	w := x.e.stdout
	for _, t := range f.Wrong {
		fmt.Fprintf(w, "\n%s %s\n", x.e.paintOut("✗", "31"), x.e.paintOut("now wrong: "+t.Title, "1"))
		x.turned(t, "now ", "was ", true)
	}
	for _, t := range f.Mended {
		fmt.Fprintf(w, "\n%s %s\n", x.e.paintOut("✓", "32"), x.e.paintOut("mended: "+t.Title, "1"))
		x.turned(t, "was ", "now ", x.runs)
	}
}

func (x *compared) turned(t *explore.Turned, here, there string, story bool) {
	w := x.e.stdout
	for _, line := range turnedLines(t, here, there) {
		fmt.Fprintf(w, "   %s\n", line)
	}
	if story {
		printStory(x.e, t.Story)
	}
}

// turnedLines say of a finding what it takes, here and in the other version.
func turnedLines(t *explore.Turned, here, there string) []string {
	var out []string
	if t.Rule != "" {
		out = append(out, t.Rule)
	}
	if t.Gone {
		out = append(out, "the tests no longer demand it")
	}
	s := string(t.Kind) + ", " + here + easily(t.Faults)
	if t.Cancelled && t.Kind != explore.AfterEnd {
		s = string(t.Kind) + " in a run that is cancelled, " + here + easily(t.Faults)
	}
	if t.Other >= 0 {
		s += ", " + there + easily(t.Other)
	}
	if t.Place != "" {
		s += ", at " + t.Place
	}
	return append(out, s+"; the input is "+t.Input.Label)
}

// easily says how many faults it takes.
func easily(faults int) string {
	if faults == 0 {
		return "without any fault"
	}
	return "by " + plural(faults, "fault")
}

// explored says how far what must not happen was looked for.
func (x *compared) explored() string {
	f := x.d.Found
	switch {
	case f == nil:
		return ""
	case !f.All && f.Faults < 0:
		return fmt.Sprintf("what must not happen is not compared: %s were not enough to try all runs without a fault", plural64(uint64(f.Choices), "choice"))
	}
	return "both explored: " + everyRun(f.All, f.Faults)
}

// kept says what is wrong in both versions.
func (x *compared) kept() string {
	switch n := x.d.Found; {
	case n == nil || n.Both == 0:
		return ""
	case n.Both == 1:
		return "1 finding is in both: wf explore tells it"
	default:
		return fmt.Sprintf("%d findings are in both: wf explore tells them", n.Both)
	}
}

// foundMarkdown lists what is wrong now and what is mended, with the story of each.
func (x *compared) foundMarkdown(cell func(string) string) {
	f := x.d.Found
	if f == nil {
		return
	}
	w := x.e.stdout
	tell := func(list []*explore.Turned, mark, word, here, there string) {
		for _, t := range list {
			lines := turnedLines(t, here, there)
			fmt.Fprintf(w, "\n%s **%s: %s**\n", mark, word, cell(t.Title))
			for _, line := range lines {
				fmt.Fprintf(w, "- %s\n", cell(line))
			}
			fmt.Fprintf(w, "\n<details><summary>how</summary>\n\n~~~\n")
			printStory(x.e, t.Story)
			fmt.Fprintf(w, "~~~\n\n</details>\n")
		}
	}
	tell(f.Wrong, "✗", "now wrong", "now ", "was ")
	tell(f.Mended, "✓", "mended", "was ", "now ")
}

type (
	diffFound struct {
		Faults   int          `json:"faults"` // of which all runs of both were tried; -1: of none
		All      bool         `json:"all"`
		Choices  int          `json:"choices"`
		Both     int          `json:"both"`
		Wrong    []diffTurned `json:"wrong"`
		Mended   []diffTurned `json:"mended"`
		Unjudged []string     `json:"unjudged"`
	}
	diffTurned struct {
		Kind      explore.Kind  `json:"kind"`
		Title     string        `json:"title"`
		Rule      string        `json:"rule,omitempty"`
		Place     string        `json:"place,omitempty"`
		Faults    int           `json:"faults"`
		Other     *int          `json:"other,omitempty"` // nil: the other version does not do it
		Gone      bool          `json:"gone,omitempty"`
		Cancelled bool          `json:"cancelled,omitempty"`
		Input     string        `json:"input"`
		Story     []exploreLine `json:"story"`
	}
)

// foundObject is what was found, for programs; nil if nobody looked.
func (x *compared) foundObject() *diffFound {
	f := x.d.Found
	if f == nil {
		return nil
	}
	turned := func(list []*explore.Turned) []diffTurned {
		out := []diffTurned{}
		for _, t := range list {
			one := diffTurned{Kind: t.Kind, Title: t.Title, Rule: t.Rule, Place: t.Place, Faults: t.Faults, Gone: t.Gone, Cancelled: t.Cancelled, Input: t.Input.Label, Story: storyLines(t.Story)}
			if t.Other >= 0 {
				one.Other = &t.Other
			}
			out = append(out, one)
		}
		return out
	}
	return &diffFound{Faults: f.Faults, All: f.All, Choices: f.Choices, Both: f.Both, Wrong: turned(f.Wrong), Mended: turned(f.Mended), Unjudged: append([]string{}, x.unjudged...)}
}
