package explore

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"wf/golden"
	"wf/golden/propose"
	"wf/lang/diag"
)

// Fails is the code with which the test of a finding fails until that is mended.
func (k Kind) Fails() diag.Code {
	switch k {
	case Invariant:
		return golden.CodeInvariant
	case AfterEnd, OneKey:
		return golden.CodeFree
	case Stuck:
		return golden.CodeBroken
	}
	return golden.CodeExpect
}

// Test writes a finding as a test file, which fails until it is mended. fsys has the
// definition, and the files with the invariants of the workflow; name is that of the test
// file, which need not be there. Errors: [ErrOtherWay], and what [propose.Record] says.
func (f *Finding) Test(fsys fs.FS, definition, name string, invariants []string, services func() propose.Services) (text string, err error) {
	run, thought := *f.run, *f.run.Thought
	run.Thought = &thought
	thought.About = []string{"Found by wf explore: " + f.Title + ".", "It fails until that is mended."}
	if f.Kind == Invariant {
		for _, file := range invariants {
			rel, err := filepath.Rel(filepath.FromSlash(path.Dir(name)), filepath.FromSlash(file))
			if err != nil {
				return "", err
			}
			thought.Imports = append(thought.Imports, filepath.ToSlash(rel))
		}
	}
	rec, err := propose.Record(fsys, definition, name, services, run)
	switch {
	case err != nil:
		return "", err
	case !slices.Contains(rec.Codes, f.Kind.Fails()):
		return rec.Text, fmt.Errorf("%w%v", ErrOtherWay, rec.Differs)
	}
	return rec.Text, nil
}

// ErrOtherWay is the error of a finding whose test goes another way than its story.
var ErrOtherWay = errors.New("as a test it goes another way")
