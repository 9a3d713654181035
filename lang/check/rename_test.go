package check_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"wf/builtins"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/mocks"
)

// TestRenamed renames one occurrence of a name in a shipped file: whatever is said is
// about that name, and nothing is said of anything else.
func TestRenamed(t *testing.T) {
	fsys := os.DirFS("../../workflows")
	var files []string
	if err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if path.Ext(name) == ".wf" {
			files = append(files, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	registry := builtins.New()
	mocks.Register(registry, mocks.Options{Seed: 1})
	everything := whole(t, fsys)
	const each = 10 // names of a file that are tried, about
	names := map[string][]token.Token{}
	words := map[string]bool{"nil": true, "true": true, "false": true}
	for _, w := range syntax.Words() {
		words[w] = true
	}
	for _, name := range files {
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		tokens, _, _ := token.Scan(name, string(src))
		for _, tok := range tokens {
			if tok.Kind == token.Ident && !words[string(src[tok.Start:tok.End])] {
				names[name] = append(names[name], tok)
			}
		}
	}
	told, tried := 0, 0
	for _, name := range files {
		src, _ := fs.ReadFile(fsys, name)
		before := map[string]bool{} // what is said anyway
		_, problems := lang.Load(everything, name, lang.Options{Catalog: registry})
		for _, d := range problems {
			before[d.Error()] = true
		}
		for i := len(name) % 5; i < len(names[name]); i += 1 + len(names[name])/each {
			tok := names[name][i]
			word := string(src[tok.Start:tok.End])
			text := bytes.Join([][]byte{src[:tok.Start], []byte(word + "_zz"), src[tok.End:]}, nil)
			everything[name] = &fstest.MapFile{Data: text}
			p, problems := lang.Load(everything, name, lang.Options{Catalog: registry})
			everything[name] = &fstest.MapFile{Data: src}
			problems = slices.DeleteFunc(problems, func(d *diag.Diagnostic) bool { return before[d.Error()] })
			if tried++; len(problems) > 0 {
				told++
			}
			fail := func(why string) {
				var b strings.Builder
				_ = diag.Write(&b, p.Sources, problems[:min(6, len(problems))], diag.Options{})
				t.Errorf("%s:%d: %s is renamed, and %s\n%s", name, 1+bytes.Count(src[:tok.Start], []byte("\n")), word, why, b.String())
			}
			if len(problems) > 2+strings.Count(string(src), word) {
				fail(fmt.Sprintf("that gives %d messages", len(problems)))
			}
			for _, d := range problems {
				if !about(p.Sources, d, word) {
					fail("this is about something else: " + d.Summary)
					break
				}
			}
		}
	}
	t.Logf("%d of %d renames are told", told, tried)
	if told*2 < tried {
		t.Errorf("only %d of %d renames are told", told, tried)
	}
}

// about reports whether a problem names a word, on its line or in its text.
func about(sources diag.Sources, d *diag.Diagnostic, word string) bool {
	texts := []string{d.Summary, d.Hint}
	for _, r := range append([]diag.Related{{Span: d.Span}}, d.Related...) {
		src := sources[r.Span.File]
		from := 1 + bytes.LastIndexByte(src[:r.Span.Start], '\n')
		to := bytes.IndexByte(append(src[r.Span.End:len(src):len(src)], '\n'), '\n')
		texts = append(texts, r.Message, string(src[from:r.Span.End+to]))
	}
	return strings.Contains(strings.Join(texts, "\n"), word)
}

// whole is a folder in memory.
func whole(t *testing.T, fsys fs.FS) fstest.MapFS {
	out := fstest.MapFS{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		out[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
