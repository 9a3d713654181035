package syntax

import (
	"strings"
	"testing"
)

// FuzzParse reads whatever comes: it must not panic, gives a tree or says why not, and
// what it says has a place in the text.
func FuzzParse(f *testing.F) {
	for name, src := range sources(f) {
		if !strings.Contains(name, "block") { // the examples are seeds of FuzzFormat
			f.Add(src)
		}
	}
	for _, src := range []string{"", "{", "}", "\"", "\"${", "//", "\r", "\x00", "\xff", "\ufeff", "workflow", "let x = ", "let x = (", "test \"a\" { expect", "mock handler", "step é {}",
		"workflow w { step a { on 404, } }", "type t = [", "retry retry retry", "let x = a ? b", "let x = #", "on\n{", "5xx", "10%%"} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		tree, problems := Parse("x.wf", []byte(src))
		if tree == nil || len(tree.Decls) == 0 && !problems.HasErrors() {
			t.Fatal("neither a tree nor a diagnostic")
		}
		for _, d := range problems {
			if s := d.Span; s.Start < 0 || s.End < s.Start || s.End > len(src) {
				t.Errorf("%s: the place %d to %d is outside of the text of %d", d.Summary, s.Start, s.End, len(src))
			}
		}
		Walk(tree, func(n any) bool {
			if at := placeOf(n); at != nil && (at.Span.Start < 0 || at.Span.End < at.Span.Start || at.Span.End > len(src)) {
				t.Errorf("%T: the place %v is outside of the text of %d", n, at.Span, len(src))
			}
			return true
		})
	})
}

// FuzzFormat formats whatever can be read: the tree stays, and so does the layout when
// it is formatted again.
func FuzzFormat(f *testing.F) {
	for name, src := range sources(f) {
		if strings.Contains(name, "block") {
			f.Add(src)
		}
	}
	for _, tt := range layouts {
		f.Add(tt.src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if _, problems := Parse("x.wf", []byte(src)); !problems.HasErrors() {
			formatted(t, "x.wf", src)
		}
	})
}
