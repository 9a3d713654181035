package syntax

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"wf/lang/token"
)

// sources are all .wf texts of the repository that have no syntax error: what is shipped,
// the golden cases, and the examples of the reference.
func sources(t testing.TB) map[string]string {
	out := map[string]string{}
	add := func(name, text string) {
		for _, around := range []string{"%s", "workflow w {\n%s\n}\n", "workflow w {\nstep s {\n%s\n}\n}\n"} {
			src := fmt.Sprintf(around, text)
			if _, problems := Parse(name, []byte(src)); !problems.HasErrors() {
				out[name] = src
				return
			}
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(fs.WalkDir(os.DirFS("../../workflows"), ".", func(name string, _ fs.DirEntry, err error) error {
		if filepath.Ext(name) == ".wf" {
			text, err := os.ReadFile(filepath.Join("../../workflows", name))
			must(err)
			add(name, string(text))
		}
		return err
	}))
	archives, err := filepath.Glob("../../golden/testdata/*.txtar")
	must(err)
	for _, name := range archives {
		ar, err := txtar.ParseFile(name)
		must(err)
		for _, f := range ar.Files {
			if strings.HasSuffix(f.Name, ".wf") {
				add(filepath.Base(name)+" "+f.Name, string(f.Data))
			}
		}
	}
	spec, err := os.ReadFile("../SPEC.md")
	must(err)
	for i, block := range strings.Split(string(spec), "\n```wf")[1:] {
		_, text, _ := strings.Cut(block, "\n")
		text, _, _ = strings.Cut(text, "```\n")
		add(fmt.Sprintf("SPEC.md block %d", i+1), text)
	}
	if len(out) < 200 {
		t.Fatalf("only %d sources found", len(out))
	}
	if testing.Short() { // a fifth of them
		for i, name := range slices.Sorted(maps.Keys(out)) {
			if i%5 != 0 && !strings.Contains(name, "registration") {
				delete(out, name)
			}
		}
	}
	return out
}

// same compares trees: places apart, and the layout of expressions.
var same = cmp.Options{
	cmpopts.IgnoreTypes(Node{}, raw{}),
	cmpopts.EquateEmpty(),
	cmp.Transformer("expr", func(e Expr) []string { return spell("let x = (" + e.Text + ")") }),
	cmp.Transformer("comment", func(c Comment) string { return strings.TrimRight(c.Text, " \t") }),
	cmpopts.IgnoreFields(File{}, "Name"),
}

// spell lists the words of a text, with a mark before each item.
func spell(text string) []string {
	if known, ok := spelt[text]; ok {
		return known
	}
	f, _ := Parse("", []byte(text))
	var out []string
	for _, w := range newDraft(f, []byte(text)).words {
		if w.first {
			out = append(out, "•")
		}
		out = append(out, w.text)
	}
	spelt[text] = out
	return out
}

var spelt = map[string][]string{} // the tests are not parallel

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// formatted formats a text and checks what holds for every text.
func formatted(t fataler, name, src string) string {
	t.Helper()
	f, problems := Parse(name, []byte(src))
	if problems.HasErrors() {
		t.Fatalf("%s: %v\n%s", name, problems, src)
	}
	out := Format(f, []byte(src))
	again, problems := Parse(name, out)
	if problems.HasErrors() {
		t.Fatalf("%s is not read again: %v\n-- before\n%s\n-- after\n%s", name, problems, src, out)
	}
	if d := cmp.Diff(f, again, same); d != "" {
		t.Fatalf("%s has another tree: %s\n-- before\n%s\n-- after\n%s", name, d, src, out)
	}
	if twice := Format(again, out); string(twice) != string(out) {
		t.Fatalf("%s changes when it is formatted again: %s\n-- before\n%s", name, cmp.Diff(string(out), string(twice)), src)
	}
	for _, l := range strings.Split(string(out), "\n") {
		if strings.TrimRight(l, " \t\r") != l {
			t.Fatalf("%s has a space at the end of a line: %q", name, l)
		}
	}
	return string(out)
}

func TestFormatKeepsTheTree(t *testing.T) {
	for name, src := range sources(t) {
		formatted(t, name, src)
	}
}

// TestPrintKeepsTheTree prints the trees of all sources without their texts.
func TestPrintKeepsTheTree(t *testing.T) {
	for name, src := range sources(t) {
		f, _ := Parse(name, []byte(src))
		f.Comments = nil
		printed(t, f)
	}
}

func printed(t fataler, f *File) string {
	t.Helper()
	out := Print(f)
	again, problems := Parse(f.Name, out)
	if problems.HasErrors() {
		t.Fatalf("what is printed is not read: %v\n%s", problems, out)
	}
	again.Comments = nil // those in expressions
	if d := cmp.Diff(f, again, same); d != "" {
		t.Fatalf("another tree: %s\n%s", d, out)
	}
	return string(out)
}

// TestFormatScattered scatters the words of all sources over lines at random, with
// comments among them: formatting brings back a tree that is equal, and all comments.
func TestFormatScattered(t *testing.T) {
	all := sources(t)
	delete(all, "err_slip_ternary.txtar flow.wf") // an else inside of an expression is one word more where a line begins with it
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "source")
		src := all[name]
		if len(src) > 3000 {
			rt.Skip("long")
		}
		scattered := scatter(rt, src)
		f, _ := Parse(name, []byte(src))
		g, problems := Parse(name, []byte(scattered))
		if problems.HasErrors() {
			rt.Fatalf("%s: the test scatters wrongly: %v\n%s", name, problems, scattered)
		}
		f.Comments, g.Comments = nil, nil
		if d := cmp.Diff(f, g, same); d != "" {
			rt.Fatalf("%s: the test scatters wrongly: %s\n%s", name, d, scattered)
		}
		formatted(rt, name, scattered)
	})
}

// scatter writes the words of a source in another layout, with the same tree.
func scatter(t *rapid.T, src string) string {
	f, _ := Parse("", []byte(src))
	d := newDraft(f, []byte(src))
	draw := func(label string, choices ...string) string { return rapid.SampledFrom(choices).Draw(t, label) }
	var b strings.Builder
	var open []bracket
	classify := false
	for i, w := range d.words {
		closes := w.text == "}" || w.text == ")" || w.text == "]"
		opened := i > 0 && d.words[i-1].encloses != noBracket
		in := statements
		if len(open) > 0 {
			in = open[len(open)-1]
		}
		free := in == plain || w.text == "else" || w.text == "|" || i > 0 && d.words[i-1].text == ","
		switch {
		case i == 0:
		case (closes || opened || w.text == "") && in != plain:
			b.WriteString(draw("edge", " ", "\n", " // edge\n", "\n\n// edge\n", ""))
		case w.first && classify:
			b.WriteString(draw("line", "\n", "\n\n\n", " // \t\n", "\n// own\n\n"))
		case w.first && w.goesOn:
			b.WriteString(draw("comma", ", ", ",\n", ", // comma\n"))
		case w.first:
			b.WriteString(draw("separator", ", ", "\n", ",\n", "\n\n\n", " // why\n", ", // a\n// b\n", "\n\n// own\n"))
		case free:
			b.WriteString(draw("free", " ", " ", "\n", " // free\n"))
		case w.glued && !strings.HasSuffix(b.String(), "\n"):
			b.WriteString(draw("glue", "", "", " "))
		default:
			b.WriteString(draw("space", " ", " ", "\t  "))
		}
		if w.first && in == statements {
			classify = w.text == "retryable" || w.text == "permanent"
		}
		if closes {
			open = open[:len(open)-1]
		}
		if w.encloses != noBracket {
			open = append(open, w.encloses)
		}
		b.WriteString(w.text)
	}
	return b.String() + "\n"
}

// TestSlips leaves out and writes twice every token of the registration, in its
// declaration or statement, and a few in the whole file: the parser always comes back, with a tree,
// and with a diagnostic if something cannot be read.
func TestSlips(t *testing.T) {
	stride := 1
	if testing.Short() {
		stride = 7
	}
	for name, src := range sources(t) {
		if !strings.Contains(name, "registration") {
			continue // there is nothing in the others that these lack
		}
		slipEach(t, name, src, 97)
		f, _ := Parse(name, []byte(src))
		for _, d := range f.Decls {
			at := placeOf(d).Span
			w, flow := d.(*Workflow)
			if !flow {
				slipEach(t, name, src[at.Start:at.End], stride)
				continue
			}
			for _, st := range w.Stmts { // a workflow is long
				at := placeOf(st).Span
				slipEach(t, name, "workflow w {\n"+src[at.Start:at.End]+"\n}", stride)
			}
		}
	}
}

func slipEach(t *testing.T, name, src string, stride int) {
	tokens, _, _ := token.Scan(name, src)
	for i := 0; i < len(tokens); i += stride {
		word := src[tokens[i].Start:tokens[i].End]
		for _, slip := range []string{"", word + " " + word} {
			text := src[:tokens[i].Start] + slip + src[tokens[i].End:]
			f, problems := Parse(name, []byte(text))
			if f == nil || len(f.Decls) == 0 && !problems.HasErrors() {
				t.Fatalf("%s: %q for %q: neither tree nor diagnostic\n%s", name, slip, word, text)
			}
		}
	}
}
