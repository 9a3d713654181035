package mutate

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"wf/lang/syntax"

	"wf/golden"
	"wf/golden/propose"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/graph"
)

// lazy is a rehearsal that is made when somebody needs it.
type lazy struct {
	once sync.Once
	r    *propose.Rehearsal
}

// remedy looks for what would notice a mutant: first among the runs of the tests there are,
// then among others like them, and then among all; and for what exploring finds.
func (t *trial) remedy(v *Verdict, mutant version) {
	loaded := make([]*lang.Program, len(t.suites))
	for i, s := range t.suites {
		p, problems := t.load(s.name, mutant, s.program.Parsed, false)
		if problems.HasErrors() {
			return
		}
		loaded[i] = p
	}
	v.Found = t.found(loaded)
	for i, s := range t.suites {
		if v.Remedy = t.lacking(s, loaded[i], mutant); v.Remedy != nil {
			return
		}
	}
	for i, s := range t.suites {
		if v.Remedy = t.fresh(s, loaded[i], mutant); v.Remedy != nil {
			return
		}
	}
	if v.Remedy, v.Alike = t.explored(v, loaded, mutant); v.Alike != nil && v.Alike.Unlike == "" && !v.Alike.Missed && v.Found == "" {
		v.Status = Same
	}
}

// lacking finds a test whose run is another one with the mutant, though nothing that the
// test expects is.
func (t *trial) lacking(s *tests, p *lang.Program, mutant version) *Remedy {
	type difference struct {
		run    run
		span   diag.Span
		expect []string
	}
	var found []difference
	opts := t.options()
	opts.NoGolden, opts.Longest = true, s.endless()
	opts.Ran = func(r *golden.Result, mine *golden.Ran) {
		id := run{r.Name, mine.Number}
		if was := s.seen[id]; was != nil {
			if expect := was.Differences(propose.See(mine.Graph, mine.Result, mine.Entries)); len(expect) > 0 {
				found = append(found, difference{id, mine.Span, expect})
			}
		}
	}
	golden.Run(p, opts)
	slices.SortStableFunc(found, func(a, b difference) int { return len(a.run.test) - len(b.run.test) })
	tried := 0
	for _, d := range found {
		if d.span.File != s.name {
			continue
		}
		for _, expect := range d.expect[:min(len(d.expect), maxExpectations)] {
			if tried++; tried > maxTried {
				return nil
			}
			src := string(s.program.Sources[s.name])
			line := edit{d.span.End, d.span.End, "\n  expect " + expect}
			p := &planter{src: src}
			own := testNamed(s.program.Parsed[s.name].Tree, d.run.test)
			if own.Cases == nil {
				if t.tells(s, p.edited(diag.Span{End: len(src)}, []edit{line}), d.run.test, mutant) {
					return &Remedy{File: s.name, Test: d.run.test, Span: d.span, Expect: []string{expect}}
				}
				continue
			}
			text := p.only(own, d.run.test, s.cases[d.run.test], line) + "\n"
			if t.tells(s, strings.TrimRight(src, "\n")+"\n\n"+text, d.run.test, mutant) {
				return &Remedy{File: s.name, Title: d.run.test, Text: propose.LaidOut(s.name, text), Expect: []string{expect}}
			}
		}
	}
	return nil
}

// only is a test of one case of a test, with one more line.
func (p *planter) only(own *syntax.Test, name string, i int, line edit) string {
	brace := own.Cases.Span.End + strings.IndexByte(p.src[own.Cases.Span.End:], '{')
	cases := p.text(own.Cases.Span)
	if !strings.HasPrefix(cases, "[") {
		cases = "(" + cases + ")"
	}
	edits := []edit{
		{own.Span.Start, brace, "test " + strconv.Quote(name) + " "},
		{brace + 1, brace + 1, fmt.Sprintf("\n  let %s = %s[%d]", own.Var.Text, cases, i)},
		line,
	}
	for _, st := range own.Stmts {
		if e, ok := st.(*syntax.Expect); ok && e.Golden {
			edits = append(edits, p.cut(e.Span))
		}
	}
	return p.edited(own.Span, edits)
}

const (
	maxExpectations = 3  // that are tried of one run
	maxTried        = 12 // that are tried of one mutant
)

// tells reports whether a test of a changed test file passes with the original and fails
// with the mutant.
func (t *trial) tells(s *tests, text, test string, mutant version) bool {
	tree, problems := syntax.Parse(s.name, []byte(text))
	if problems.HasErrors() {
		return false
	}
	changed := *s
	changed.program = &lang.Program{Parsed: maps.Clone(s.program.Parsed)}
	changed.program.Parsed[s.name] = lang.ParsedFile{Source: []byte(text), Tree: tree}
	name, _, _ := strings.Cut(test, " [") // of its cases
	passes := func(v version) bool {
		p, problems := t.some(&changed, v, []string{test, name})
		if problems.HasErrors() {
			return false
		}
		opts := t.options()
		opts.NoGolden, opts.Longest = true, s.endless()
		results := golden.Run(p, opts)
		return len(results) > 0 && !slices.ContainsFunc(results, func(r *golden.Result) bool { return !r.Passed() })
	}
	return passes(t.original) && !passes(mutant)
}

// fresh finds a new scenario.
func (t *trial) fresh(s *tests, p *lang.Program, mutant version) *Remedy {
	for _, g := range golden.Workflows(p.Suite) {
		rehearsal := t.rehearsal(s, g)
		if rehearsal == nil {
			continue
		}
		var out *Remedy
		rehearsal.Compare(g, func(sc *propose.Scenario) bool {
			out = t.accepted(s, sc, mutant)
			return out != nil
		})
		if out != nil {
			return out
		}
	}
	return nil
}

// rehearsal are runs of a workflow of the definition; nil for another one.
func (t *trial) rehearsal(s *tests, g *graph.Graph) *propose.Rehearsal {
	l := t.rehearsals[g.FullName()]
	if l == nil || path.Clean(g.Span.File) != t.file {
		return nil
	}
	l.once.Do(func() {
		opts := propose.Options{Suite: s.program.Suite, Builtins: t.opts.Builtins, Budget: t.opts.Plays, Stop: t.stopped}
		for _, own := range golden.Workflows(s.program.Suite) {
			if own.FullName() == g.FullName() {
				l.r = propose.Rehearse(own, opts)
			}
		}
	})
	return l.r
}
