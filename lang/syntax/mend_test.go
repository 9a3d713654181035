package syntax_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wf/lang/diag"
	"wf/lang/syntax"
	"wf/lang/token"
)

// shipped are the .wf files of the repository that have no errors.
func shipped(t *testing.T) map[string][]byte {
	files := map[string][]byte{}
	err := filepath.WalkDir("../../workflows", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".wf" {
			return err
		}
		files[filepath.Base(path)], err = os.ReadFile(path)
		return err
	})
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	return files
}

// TestOneSlip takes out, doubles and halves single tokens: reading goes on, every place that
// is named is in the file, and one slip gives few messages.
func TestOneSlip(t *testing.T) {
	const step = 6 // tokens of a file that are tried, about
	var one, more int
	for name, src := range shipped(t) {
		tokens, _, _ := token.Scan(name, string(src))
		for i := 0; i+1 < len(tokens); i += 1 + len(tokens)/step {
			tok := tokens[i]
			word := string(src[tok.Start:tok.End])
			for _, with := range []string{"", word + " " + word, word[:len(word)/2]} {
				text := string(src[:tok.Start]) + with + string(src[tok.End:])
				f, problems := syntax.Parse(name, []byte(text))
				if f == nil {
					t.Fatalf("%s: no tree without token %d", name, i)
				}
				inside(t, name, len(text), f, problems)
				switch n := len(problems); {
				case n > 4:
					t.Errorf("%s: %q for %q at %d gives %d messages:\n%s", name, with, word, tok.Start, n, show(name, text, problems))
				case n > 1:
					if os.Getenv("SHOW") != "" {
						t.Logf("%s: %q for %q at %d gives %d messages:\n%s", name, with, word, tok.Start, n, show(name, text, problems))
					}
					more++
				case n == 1:
					one++
				}
			}
		}
	}
	t.Logf("one message: %d, more: %d", one, more)
	if more*4 > one {
		t.Errorf("one slip gives more than one message %d times of %d", more, one)
	}
}

// inside holds the places of a tree and of problems against the size of the file.
func inside(t *testing.T, name string, size int, f *syntax.File, problems diag.List) {
	t.Helper()
	check := func(s diag.Span) {
		if s.Start < 0 || s.End < s.Start || s.End > size {
			t.Errorf("%s: %v is not in the file of %d bytes", name, s, size)
		}
	}
	for _, d := range problems {
		check(d.Span)
		for _, r := range d.Related {
			check(r.Span)
		}
	}
	for _, s := range f.Lost {
		check(s)
	}
	syntax.Walk(f, func(n any) bool {
		if e, ok := n.(*syntax.Expr); ok {
			check(e.Span)
			for _, p := range e.Pieces {
				check(diag.Span{Start: p.Source, End: p.Source + p.Len})
				if p.Text < 0 || p.Text+p.Len > len(e.Text) {
					t.Errorf("%s: %v is not in the expression %q", name, p, e.Text)
				}
			}
		}
		return true
	})
}

func show(name, text string, problems diag.List) string {
	var b strings.Builder
	list := slices.Clone(problems)
	list.Sort()
	_ = diag.Write(&b, diag.Sources{name: []byte(text)}, list, diag.Options{})
	return b.String()
}
