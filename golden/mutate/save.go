package mutate

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"wf/golden/propose"
	"wf/lang"
	"wf/lang/syntax"
)

// SavedFile is a test file with scenarios that notice survivors.
type SavedFile struct {
	Name  string // below the folder
	Text  string
	Tests int
}

// Save makes a test file of the remedies for each test file they belong to: its imports,
// names and mocks, the tests that lack an expectation, with it, and the new tests. They
// pass with the definition as it is. folder is where they are put, seen from where the
// definition was loaded.
func (r *Report) Save(folder string) []SavedFile {
	var out []SavedFile
	for i, name := range r.Tests {
		if text, n := r.saved(r.parsed[i], name, folder); n > 0 {
			base := strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".wf"), "_test")
			file := base + "_mutants_test.wf"
			for n := 2; slices.ContainsFunc(out, func(s SavedFile) bool { return s.Name == file }); n++ {
				file = fmt.Sprintf("%s_%d_mutants_test.wf", base, n)
			}
			out = append(out, SavedFile{Name: file, Text: text, Tests: n})
		}
	}
	return out
}

// saved is the text for one test file, and how many tests are in it.
func (r *Report) saved(file lang.ParsedFile, name, folder string) (text string, tests int) {
	lacking := map[string][]edit{} // expectations by test
	var fresh []*Remedy
	for _, v := range r.Verdicts {
		if v.Remedy == nil || v.Remedy.File != name {
			continue
		}
		if v.Remedy.Test == "" {
			fresh = merged(fresh, v.Remedy)
			continue
		}
		for _, expect := range v.Remedy.Expect {
			e := edit{v.Remedy.Span.End, v.Remedy.Span.End, "\n  expect " + expect}
			if own := testNamed(file.Tree, v.Remedy.Test); own != nil && !slices.Contains(lacking[own.Name.Value], e) {
				lacking[own.Name.Value] = append(lacking[own.Name.Value], e)
			}
		}
	}
	p := &planter{src: string(file.Source)}
	move := func(target string) string {
		rel, err := filepath.Rel(filepath.FromSlash(path.Clean(folder)), filepath.FromSlash(path.Join(path.Dir(name), target)))
		if err != nil {
			return target
		}
		return filepath.ToSlash(rel)
	}
	type piece struct{ let, text string } // let is the name it gives; "" for none
	var pieces []piece
	for _, d := range file.Tree.Decls {
		var edits []edit
		let, before := "", ""
		switch d := d.(type) {
		case *syntax.Import:
			edits = append(edits, put(d.Path.Span, fmt.Sprintf("%q", move(d.Path.Value))))
		case *syntax.Let:
			if let = d.Name.Text; d.Read != nil {
				edits = append(edits, put(d.Read.Span, fmt.Sprintf("%q", move(d.Read.Value))))
			}
		case *syntax.Test:
			if edits = lacking[d.Name.Value]; edits == nil {
				continue
			}
			tests++
			for _, st := range d.Stmts {
				if e, ok := st.(*syntax.Expect); ok && e.Golden {
					edits = append(edits, p.cut(e.Span))
				}
			}
			before = "\n"
		}
		pieces = append(pieces, piece{let, before + p.edited(syntax.PlaceOf(d), edits) + "\n"})
	}
	taken := map[string]int{}
	for _, one := range fresh {
		text := one.Text
		if taken[one.Title]++; taken[one.Title] > 1 {
			_, rest, _ := strings.Cut(text, "{")
			text = fmt.Sprintf("test %q {", fmt.Sprintf("%s (%d)", one.Title, taken[one.Title])) + rest
		}
		pieces = append(pieces, piece{"", "\n" + text})
		tests++
	}
	for i := len(pieces) - 1; i >= 0; i-- { // names that nothing below reads are not needed
		if pieces[i].let != "" && !slices.ContainsFunc(pieces[i+1:], func(below piece) bool { return mentions(below.text, pieces[i].let) }) {
			pieces = slices.Delete(pieces, i, i+1)
		}
	}
	var b strings.Builder
	for _, one := range pieces {
		b.WriteString(one.text)
	}
	return propose.LaidOut(name, b.String()), tests
}

// merged adds a new test to others; to one with the same run only what it expects.
func merged(fresh []*Remedy, more *Remedy) []*Remedy {
	for i, one := range fresh {
		switch {
		case one.Text == more.Text:
			return fresh
		case one.scenario != nil && more.scenario != nil && one.Title == more.Title && one.scenario.Body == more.scenario.Body:
			both := *one
			sc := *one.scenario
			sc.Expect = slices.Clone(sc.Expect)
			for _, e := range more.scenario.Expect {
				if !slices.Contains(sc.Expect, e) {
					sc.Expect = append(sc.Expect, e)
				}
			}
			both.scenario, both.Text = &sc, propose.LaidOut(one.File, sc.Text(one.Title))
			fresh[i] = &both
			return fresh
		}
	}
	return append(fresh, more)
}

// testNamed finds the test that a result is of, by its name or that of its case.
func testNamed(f *syntax.File, name string) *syntax.Test {
	for _, d := range f.Decls {
		if own, ok := d.(*syntax.Test); ok && (own.Name.Value == name || own.Cases != nil && strings.HasPrefix(name, own.Name.Value+" [")) {
			return own
		}
	}
	return nil
}

// mentions reports whether a name stands in a text.
func mentions(text, name string) bool {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(text)
}
