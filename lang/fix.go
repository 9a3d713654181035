package lang

import (
	"bytes"
	"cmp"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"

	"wf/lang/diag"
)

// Fixed is what [Fix] did.
type Fixed struct {
	Files    map[string][]byte // the new text of every file that changed
	Done     []FixDone         // what was done, in order
	Problems diag.List         // what is still wrong
	Sources  diag.Sources      // the texts that Problems are about
}

// Over is the files with what was done.
func (f *Fixed) Over(fsys fs.FS) fs.FS { return edited{fsys, f.Files} }

// FixDone is one problem that is gone.
type FixDone struct {
	Problem  *diag.Diagnostic
	Position diag.Position // of it, in the text as it was when it was found
	Title    string        // what was done
}

// Limits of [Fix].
const (
	maxRounds = 20  // a round makes all changes that do not touch each other
	maxTrials = 200 // changes tried one by one, where several together made it worse
)

// Fix makes the changes that problems of some files come with, as far as there is but one
// for a problem, until nothing is left to change. Only these files change. No change is
// kept that leads to more errors than there were.
func Fix(fsys fs.FS, names []string, opts Options) *Fixed {
	f := &fixer{fsys: fsys, names: names, opts: opts, Fixed: &Fixed{Files: map[string][]byte{}}}
	f.Problems, f.Sources = f.load(f.Files)
	for range maxRounds {
		if !f.round() {
			break
		}
	}
	return f.Fixed
}

type fixer struct {
	*Fixed
	fsys   fs.FS
	names  []string
	opts   Options
	trials int
}

// load checks all files with some texts replaced.
func (f *fixer) load(texts map[string][]byte) (diag.List, diag.Sources) {
	var all diag.List
	sources := diag.Sources{}
	for _, name := range f.names {
		p, problems := Load(edited{f.fsys, texts}, name, f.opts)
		maps.Copy(sources, p.Sources)
		all = append(all, problems...)
	}
	all.Sort()
	return all, sources
}

// round makes the changes that are known now; false if there was none to make.
func (f *fixer) round() bool {
	var fixes []*diag.Diagnostic
	for _, d := range f.Problems {
		if d.Sure() && f.fits(d.Fixes[0]) && !slices.ContainsFunc(fixes, func(other *diag.Diagnostic) bool { return touch(d.Fixes[0], other.Fixes[0]) }) {
			fixes = append(fixes, d)
		}
	}
	if len(fixes) == 0 {
		return false
	}
	if f.try(fixes) {
		return true
	}
	made := false
	for i := 0; i < len(fixes) && f.trials < maxTrials && !made; i++ { // what follows has moved
		f.trials++
		made = f.try(fixes[i : i+1])
	}
	return made
}

// fits reports whether a change is one of the files that may be changed. In YAML only a word
// is put in the place of a word: nothing else is sure to stay one value.
func (f *fixer) fits(fix diag.Fix) bool {
	for _, e := range fix.Edits {
		src, read := f.Sources[e.Span.File]
		if !read || !slices.Contains(f.names, e.Span.File) || e.Span.Start < 0 || e.Span.Start > e.Span.End || e.Span.End > len(src) {
			return false
		}
		if ext := path.Ext(e.Span.File); (ext == ".yaml" || ext == ".yml") && !(plainWord.Match(src[e.Span.Start:e.Span.End]) && plainWord.MatchString(e.New)) {
			return false
		}
	}
	return len(fix.Edits) > 0
}

// plainWord is what is the same in any quotes.
var plainWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// touch reports whether two changes are of the same place.
func touch(a, b diag.Fix) bool {
	for _, x := range a.Edits {
		for _, y := range b.Edits {
			if x.Span.File == y.Span.File && x.Span.Start <= y.Span.End && y.Span.Start <= x.Span.End {
				return true
			}
		}
	}
	return false
}

// try makes changes; they are kept if each problem is gone and there are not more errors.
func (f *fixer) try(fixes []*diag.Diagnostic) bool {
	edits := map[string][]diag.Edit{}
	for _, d := range fixes {
		for _, e := range d.Fixes[0].Edits {
			edits[e.Span.File] = append(edits[e.Span.File], e)
		}
	}
	texts := maps.Clone(f.Files)
	for _, name := range slices.Sorted(maps.Keys(edits)) {
		texts[name] = change(f.Sources[name], edits[name])
	}
	problems, sources := f.load(texts)
	if errorsIn(problems) > errorsIn(f.Problems) || len(problems) >= len(f.Problems) {
		return false
	}
	for _, d := range fixes {
		f.Done = append(f.Done, FixDone{d, f.Sources.Position(d.Span.File, d.Span.Start), d.Fixes[0].Title})
	}
	f.Files, f.Problems, f.Sources = texts, problems, sources
	return true
}

func errorsIn(problems diag.List) int {
	n := 0
	for _, d := range problems {
		if d.Severity == diag.Error {
			n++
		}
	}
	return n
}

// change makes edits that do not overlap.
func change(src []byte, edits []diag.Edit) []byte {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b diag.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	var out bytes.Buffer
	from := 0
	for _, e := range edits {
		out.Write(src[from:e.Span.Start])
		out.WriteString(e.New)
		from = e.Span.End
	}
	out.Write(src[from:])
	return out.Bytes()
}
