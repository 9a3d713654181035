package syntax_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/tools/txtar"

	"wf/lang/diag"
	"wf/lang/syntax"
)

// order is a workflow that is read without a word.
const order = "name: order\nsteps:\n  - name: a\n    call: shop.ping\n"

// repeat repeats a text up to a quarter of a megabyte.
func repeat(s string) string { return strings.Repeat(s, 1<<18/len(s)) }

// bomb is a text whose aliases double the values they stand for with each line.
func bomb(levels int) string {
	var b strings.Builder
	b.WriteString("name: order\na0: &a0 [x, x]\n")
	for i := range levels {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i+1, i+1, i, i, i, i, i, i, i, i, i)
	}
	return b.String() + "steps: []\n"
}

func encoded(text string, low bool) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		if low {
			b.WriteByte(byte(u))
		}
		b.WriteByte(byte(u >> 8))
		if !low {
			b.WriteByte(byte(u))
		}
	}
	return b.String()
}

// many is a line n times, with its number for %[1]d.
func many(n int, line string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, line, i, "")
	}
	return b.String()
}

// TestBadYAML holds that whatever is wrong with a text is told, at once and in short.
func TestBadYAML(t *testing.T) {
	for _, c := range []struct {
		name, src string
		code      diag.Code
		says      string // part of the first message
	}{
		{"empty", "", syntax.CodeEmpty, "declares nothing"},
		{"blanks", repeat(" \n"), syntax.CodeEmpty, "declares nothing"},
		{"NUL", "name: a\x00b\nsteps: []\n", syntax.CodeYAML, "control characters are not allowed"},
		{"only NUL", strings.Repeat("\x00", 1000), syntax.CodeYAML, "control characters are not allowed"},
		{"escape", "name: a\x1b[31m\n", syntax.CodeYAML, "control characters are not allowed"},
		{"UTF-16, low byte first", encoded(order, true), syntax.CodeYAML, "byte 0xff is not text"},
		{"UTF-16, high byte first", encoded(order, false), syntax.CodeYAML, "byte 0xfe is not text"},
		{"Latin-1", "name: gr\xf6\xdfe\n", syntax.CodeYAML, "byte 0xf6 is not text"},
		{"binary", "\x7fELF\x02\x01\x01\x80\xff", syntax.CodeYAML, "is not text"},
		{"cut in a letter", "name: gr\xc3", syntax.CodeYAML, "byte 0xc3 is not text"},
		{"8 MB and more", order + strings.Repeat("# x\n", 2<<20+1), syntax.CodeYAMLLimit, "the limit for YAML is 8388608"},
		{"braces", repeat("{"), syntax.CodeYAML, "exceeded max depth"},
		{"brackets", repeat("["), syntax.CodeYAML, "exceeded max depth"},
		{"lists in lists", repeat("- "), syntax.CodeYAML, "exceeded max depth"},
		{"keys in keys", repeat("? "), syntax.CodeYAML, "exceeded max depth"},
		{"300 deep", "name: a\nsteps: " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "\n", syntax.CodeYAMLLimit, "nested more than 200 deep"},
		{"300 deep, by indentation", many(300, "%[1]*[2]sa:\n"), syntax.CodeYAMLLimit, "nested more than 200 deep"},
		{"billion laughs", bomb(10), syntax.CodeYAMLLimit, "aliases expand to more than 100000 values"},
		{"laughs by merging", "name: order\nm: &m {" + strings.TrimSuffix(many(500, "k%[1]d: v, "), ", ") + "}\nsteps:\n" + many(500, "  - {name: s%[1]d, <<: *m}\n"), syntax.CodeYAMLLimit, "aliases expand"},
		{"anchor in itself", "name: &n {a: *n}\nsteps: []\n", syntax.CodeYAML, "contains itself"},
		{"tags", repeat("!a "), syntax.CodeYAML, "did not find expected"},
		{"one long tag", "steps: []\nname: " + repeat("!"), syntax.CodeYAMLTag, "the tag !!!!!"},
		{"one long key", repeat("k") + ": 1\n", syntax.CodeYAML, "mapping values are not allowed"},
		{"one long name", "name: " + repeat("n") + "\nstepz: []\n", syntax.CodeYAMLMissing, "no steps"},
		{"quotes", repeat("\""), syntax.CodeYAML, "did not find expected"},
		{"an open quote", "name: \"" + repeat("x\n"), syntax.CodeYAML, "unexpected end of stream"},
		{"a tab", "name: order\nsteps:\n\t- name: a\n", syntax.CodeYAML, "cannot start any token"},
		{"documents", repeat("---\na\n"), syntax.CodeYAML, "more than one YAML document"},
		{"duplicate keys", order + repeat("limit: 1\n"), syntax.CodeYAMLDuplicate, "given twice"},
		{"unknown keys", order + many(20_000, "k%[1]d: v\n"), syntax.CodeYAMLUnknown, "no key k0"},
		{"no workflow", many(20_000, "k%[1]d: v\n"), syntax.CodeYAMLType, "not a workflow"},
		{"wrong steps", "name: order\nsteps:\n" + repeat("- 5\n"), syntax.CodeYAMLType, "a step is a mapping"},
		{"unknown overrides", order + "environments:\n  test:\n    steps:\n" + many(20_000, "    - {name: s%[1]d}\n"), syntax.CodeYAMLEnvironment, "no step s0"},
		{"slip at the end", order + repeat("# comment\n") + " x: y\n", syntax.CodeYAML, "did not find expected key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, problems := syntax.ParseYAML("x.yaml", []byte(c.src), "")
			if f == nil {
				t.Fatal("no tree")
			}
			if len(problems) == 0 || len(problems) > syntax.MaxYAMLProblems+1 {
				t.Fatalf("%d problems", len(problems))
			}
			if !slices.ContainsFunc(problems, func(d *diag.Diagnostic) bool { return d.Code == c.code && strings.Contains(d.Summary, c.says) }) {
				t.Errorf("got  %s %s\nwant %s … %s …", problems[0].Code, problems[0].Summary, c.code, c.says)
			}
			for _, d := range problems {
				if len(d.Summary) > 500 || d.Span.Start < 0 || d.Span.End < d.Span.Start || d.Span.End > len(c.src) {
					t.Fatalf("at %d to %d of %d: %.600s", d.Span.Start, d.Span.End, len(c.src), d.Summary)
				}
			}
		})
	}
}

// TestYAMLLineEnds holds that line ends, a byte order mark and letters of several bytes
// move no place.
func TestYAMLLineEnds(t *testing.T) {
	const src = "name: order\ndescription: größer\nsteps:\n  - name: a\n    timeout: 30\n    call: shop.ping\n"
	want := strings.Index(src, "30")
	for _, c := range []struct{ name, src string }{
		{"LF", src},
		{"CRLF", strings.ReplaceAll(src, "\n", "\r\n")},
		{"CR", strings.ReplaceAll(src, "\n", "\r")},
		{"byte order mark", "\ufeff" + src},
		{"both", "\ufeff" + strings.ReplaceAll(src, "\n", "\r\n")},
		{"a long line", strings.Replace(src, "größer", strings.Repeat("größer ", 1000), 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, problems := syntax.ParseYAML("x.yaml", []byte(c.src), "")
			if len(problems) != 1 || problems[0].Code != syntax.CodeYAMLType {
				t.Fatalf("%v", problems)
			}
			span := problems[0].Span
			if c.src[span.Start:span.End] != "30" || c.name == "LF" && span.Start != want {
				t.Errorf("the place is %q", c.src[span.Start:span.End])
			}
			if len(f.Decls) != 1 {
				t.Errorf("%d declarations", len(f.Decls))
			}
		})
	}
}

// TestYAMLPlaces holds that a place far to the right is found, whatever stands before.
func TestYAMLPlaces(t *testing.T) {
	for _, letters := range []string{"x", "ü", "漢", "🙂"} {
		for _, n := range []int{0, 1, 126, 127, 128, 129, 255, 256, 1000} {
			src := "name: order\nsteps: [{name: a, description: " + strings.Repeat(letters, n) + ", timeout: 30, call: shop.ping}]\n"
			_, problems := syntax.ParseYAML("x.yaml", []byte(src), "")
			if n == 0 { // nothing is described
				problems = problems[len(problems)-1:]
			}
			if len(problems) != 1 || src[problems[0].Span.Start:problems[0].Span.End] != "30" {
				t.Errorf("%d times %s: %v", n, letters, problems)
			}
		}
	}
}

// FuzzParseYAML reads whatever comes: it must not panic, and what it says must have a
// place in the text.
func FuzzParseYAML(f *testing.F) {
	for _, pattern := range []string{"../../golden/testdata/yaml_*.txtar", "../../workflows/*.yaml", "../../workflows/tasker/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if filepath.Ext(file) != ".txtar" {
				f.Add(string(src), "test")
				continue
			}
			for _, part := range txtar.Parse(src).Files {
				if filepath.Ext(part.Name) == ".yaml" {
					f.Add(string(part.Data), "test")
				}
			}
		}
	}
	f.Add(encoded(order, true), "")
	f.Add(bomb(3), "")
	f.Fuzz(func(t *testing.T, src, environment string) {
		tree, problems := syntax.ParseYAML("x.yaml", []byte(src), environment)
		if tree == nil {
			t.Fatal("no tree")
		}
		for _, d := range problems {
			if s := d.Span; s.Start < 0 || s.End < s.Start || s.End > len(src) {
				t.Errorf("%s: the place %d to %d is outside of the text of %d", d.Summary, s.Start, s.End, len(src))
			}
		}
		if len(tree.Decls) == 0 && !problems.HasErrors() {
			t.Error("nothing was read, and nothing is wrong")
		}
	})
}

// TestYAMLDocument holds that docs/yaml.md names the limits as they are.
func TestYAMLDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	for _, limit := range []string{
		fmt.Sprintf("at most %d MB", syntax.MaxYAMLSize>>20), fmt.Sprintf("%d levels", syntax.MaxYAMLDepth), fmt.Sprintf("%d,000 values", syntax.MaxYAMLAliases/1000),
	} {
		if !strings.Contains(text, limit) {
			t.Errorf("docs/yaml.md does not say %q", limit)
		}
	}
}
