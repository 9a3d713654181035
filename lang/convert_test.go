package lang_test

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"wf/builtins"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/syntax"
	"wf/mocks"
)

// convertible are the definitions of the golden cases that are right, each with the files
// beside it. What stands beside a workflow in its file is moved to another one.
func convertible(t *testing.T) map[string]fstest.MapFS {
	archives, err := filepath.Glob("../golden/testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]fstest.MapFS{}
	for _, name := range archives {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files := fstest.MapFS{}
		for _, f := range ar.Files {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		for _, f := range slices.Sorted(maps.Keys(files)) {
			ext := path.Ext(f)
			if (ext != ".wf" && ext != ".yaml") || strings.HasSuffix(f, "_test.wf") || strings.HasPrefix(f, "out/") {
				continue
			}
			own := maps.Clone(files)
			if ext == ".wf" {
				apart(own, f)
			}
			p, problems := lang.Load(own, f, lang.Options{Catalog: registry(), StubHandlers: true})
			if !problems.HasErrors() && len(p.Workflows) > 0 {
				out[filepath.Base(name)+" "+f] = own
			}
		}
	}
	if len(out) < 120 {
		t.Fatalf("only %d definitions", len(out))
	}
	return out
}

func registry() *builtins.Registry {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	return r
}

// apart moves what is no workflow into a file of its own.
func apart(files fstest.MapFS, name string) {
	src := string(files[name].Data)
	f, problems := syntax.Parse(name, []byte(src))
	if problems.HasErrors() {
		return
	}
	var rest, flows strings.Builder
	from := 0
	for _, d := range f.Decls {
		if w, ok := d.(*syntax.Workflow); ok {
			rest.WriteString(src[from:w.Span.Start] + "\n")
			flows.WriteString(src[w.Span.Start:w.Span.End] + "\n\n")
			from = w.Span.End
		}
	}
	rest.WriteString(src[from:])
	if _, problems := syntax.Parse(name, []byte(rest.String())); problems.HasErrors() {
		return // there is nothing else
	}
	beside := strings.TrimSuffix(name, ".wf") + "_beside.wf"
	files[beside] = &fstest.MapFile{Data: []byte(rest.String())}
	files[name] = &fstest.MapFile{Data: []byte(fmt.Sprintf("import %q\n\n%s", path.Base(beside), flows.String()))}
}

func options(yaml bool, as, workflow string) lang.ConvertOptions {
	return lang.ConvertOptions{Options: lang.Options{Catalog: registry()}, YAML: yaml, As: as, Workflow: workflow}
}

// noForm is what may be said of the golden cases: parts of the message.
var noForm = []string{
	"of a JSON Schema has no form in .wf", "the schema says more than a record in .wf can",
	"a step of the name", "a field of the name", "a workflow of the name",
}

// TestConvertThereAndBack converts every definition to the other syntax and back. That the
// graphs are equal is what Convert itself holds; the text of the way back is the same as
// what a second turn gives, and no comment is lost.
func TestConvertThereAndBack(t *testing.T) {
	all := convertible(t)
	converted := 0
	for _, key := range slices.Sorted(maps.Keys(all)) {
		files := all[key]
		_, name, _ := strings.Cut(key, " ")
		p, _ := lang.Load(files, name, lang.Options{Catalog: registry(), StubHandlers: true})
		for _, g := range p.Workflows {
			if there(t, key, files, name, g.FullName()) {
				converted++
			}
		}
	}
	if converted < 120 {
		t.Errorf("only %d workflows have a form in both syntaxes", converted)
	}
	t.Logf("%d workflows", converted)
}

// there converts one workflow, and back, and there again.
func there(t *testing.T, key string, files fstest.MapFS, name, workflow string) bool {
	files = maps.Clone(files)
	yaml := path.Ext(name) == ".wf"
	texts := []string{string(files[name].Data)}
	for turn := range 4 {
		as := fmt.Sprintf("turn%d%s", turn, map[bool]string{true: ".yaml", false: ".wf"}[yaml])
		out, problems, sources := lang.Convert(files, name, options(yaml, as, workflow))
		if problems.HasErrors() {
			var b strings.Builder
			_ = diag.Write(&b, sources, problems, diag.Options{})
			if turn == 0 && slices.ContainsFunc(noForm, func(s string) bool { return strings.Contains(b.String(), s) }) {
				return false
			}
			t.Errorf("%s, turn %d: %s\n%s", key, turn, b.String(), texts[len(texts)-1])
			return false
		}
		files[as] = &fstest.MapFile{Data: out}
		if before, after := comments(t, name, files, workflow), comments(t, as, files, workflow); before != after {
			t.Errorf("%s, turn %d: the comments were\n%s\nand are\n%s", key, turn, before, after)
		}
		texts = append(texts, string(out))
		name, yaml = as, !yaml
	}
	if blank := regexp.MustCompile(`\n+`); blank.ReplaceAllString(texts[2], "\n") != blank.ReplaceAllString(texts[4], "\n") {
		t.Errorf("%s: another turn gives another text\n%s\n%s", key, texts[3], cmp.Diff(texts[2], texts[4]))
	}
	return true
}

// comments are the texts of all comments of a file outside of other workflows, sorted. Keys
// that are kept as comments are none.
func comments(t *testing.T, name string, files fstest.MapFS, workflow string) string {
	t.Helper()
	src := files[name].Data
	var f *syntax.File
	if path.Ext(name) == ".wf" {
		f, _ = syntax.Parse(name, src)
	} else {
		f, _ = syntax.ParseYAML(name, src, "")
	}
	var out []string
	for _, c := range f.Comments {
		text := strings.TrimSpace(strings.TrimLeft(c.Text, "/#"))
		if strings.HasPrefix(text, "yaml") || strings.HasPrefix(text, "Lines that begin with \"yaml:\"") || text == "" {
			continue
		}
		if !within(f, c, workflow) {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// within reports whether a comment is in another workflow than the one that is converted.
func within(f *syntax.File, c syntax.Comment, workflow string) bool {
	for _, d := range f.Decls {
		if w, ok := d.(*syntax.Workflow); ok && w.Span.Start <= c.Span.Start && c.Span.End <= w.Span.End {
			names := make([]string, len(w.Name))
			for i, n := range w.Name {
				names[i] = n.Text
			}
			return strings.Join(names, ".") != workflow
		}
	}
	return false
}

// TestConvertShipped converts the registration, which is shipped in both syntaxes, and the
// configurations of Tasker.
func TestConvertShipped(t *testing.T) {
	files := os.DirFS("../workflows")
	for name, as := range map[string]string{"user_registration.wf": "new.yaml", "user_registration.yaml": "new.wf", "tasker/order_fulfillment.yaml": "tasker/new.wf", "tasker/user_registration.yaml": "deep/er/new.wf", "checkout.wf": "new.yaml", "travel_booking.wf": "new.yaml"} {
		out, problems, sources := lang.Convert(files, name, options(path.Ext(as) == ".yaml", as, ""))
		if problems.HasErrors() {
			var b strings.Builder
			_ = diag.Write(&b, sources, problems, diag.Options{})
			t.Error(b.String())
		}
		if name == "tasker/order_fulfillment.yaml" && !strings.Contains(string(out), "  retry 3 attempts\n") {
			t.Errorf("nobody would write that:\n%s", out)
		}
	}
}

// TestConvertRandom converts workflows with random inputs and random data, scattered over
// lines with comments between them, there and back.
func TestConvertRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &drawn{T: t}
		src := fmt.Sprintf("workflow w {\n  input %s\n  step a {\n    return %s\n  }\n  output %s\n}\n", g.record(2), g.data(3), g.data(2))
		files := fstest.MapFS{"flow.wf": {Data: []byte(src)}}
		p, problems := lang.Load(files, "flow.wf", lang.Options{})
		if problems.HasErrors() {
			t.Fatalf("%v\n%s", problems, src)
		}
		for turn, as := range []string{"flow.yaml", "again.wf", "again.yaml"} {
			from := []string{"flow.wf", "flow.yaml", "again.wf"}[turn]
			out, problems, sources := lang.Convert(files, from, options(path.Ext(as) == ".yaml", as, ""))
			if problems.HasErrors() {
				var b strings.Builder
				_ = diag.Write(&b, sources, problems, diag.Options{})
				t.Fatalf("%s\n%s", b.String(), files[from].Data)
			}
			files[as] = &fstest.MapFile{Data: out}
		}
		again, _ := lang.Load(files, "again.yaml", lang.Options{})
		was, _ := p.Workflows[0].Hash()
		if is, _ := again.Workflows[0].Hash(); was != is {
			t.Fatalf("another graph:\n%s\n%s", src, files["again.yaml"].Data)
		}
		if n := strings.Count(string(files["again.yaml"].Data), "# note"); n != g.notes {
			t.Fatalf("%d comments of %d:\n%s\n%s\n%s", n, g.notes, src, files["flow.yaml"].Data, files["again.yaml"].Data)
		}
	})
}

// drawn draws parts of a workflow.
type drawn struct {
	*rapid.T
	notes int // comments so far
}

func (g *drawn) upTo(n int) int { return rapid.IntRange(0, n).Draw(g.T, "number") }

func (g *drawn) one(of ...string) string { return rapid.SampledFrom(of).Draw(g.T, "choice") }

// gap is what may stand between two parts, with a comma or line end in it.
func (g *drawn) gap(first bool) string {
	switch n := g.upTo(9); {
	case n < 4 && first:
		return " "
	case n < 4:
		return ", "
	case n < 7:
		return "\n"
	case n < 8:
		return "\n\n"
	case n < 9:
		g.notes++
		return "  // note\n"
	default:
		g.notes += 2
		return "\n  // note: a\n// note # - b\n"
	}
}

func (g *drawn) record(depth int) string {
	out := g.one("", "open ") + "{"
	for i := range g.upTo(4) {
		shape := g.shape(depth)
		optional := ""
		if !strings.Contains(shape, " = ") || strings.HasPrefix(shape, "{") || strings.HasPrefix(shape, "open") {
			optional = g.one("", "?", "")
		}
		out += g.gap(i == 0) + fmt.Sprintf("f%d%s %s", i, optional, g.one("", "", "secret ")+shape)
	}
	return out + g.one(" ", "\n") + "}"
}

func (g *drawn) shape(depth int) string {
	kinds := 8
	if depth > 0 {
		kinds = 10
	}
	switch g.upTo(kinds) {
	case 0:
		return "bool" + g.one("", " = true")
	case 1:
		return "int" + g.one("", " min 1", " min -5 max 1_000", " max 3 = 3")
	case 2:
		return "float" + g.one("", " min 0.5 = 1.5")
	case 3:
		return "time"
	case 4:
		return "duration" + g.one("", " = 90s")
	case 5:
		return g.one(`"a" | "b c" = "a"`, `"yes" | "no" | "null" | "1"`, `1 | -2`)
	case 6:
		return "any"
	case 7, 8:
		return "string" + g.one("", " nonempty", " min 2", ` matching "^a: #b$"`, " matching email", ` matching url max 80`, " matching ip", " = "+g.text())
	case 9:
		elem := g.one("int min 0", "string nonempty", "any", "")
		if elem == "" {
			elem = g.record(depth - 1)
		}
		return "[" + elem + "]" + g.one("", " nonempty", " min 2", " max 9")
	}
	return g.record(depth - 1)
}

func (g *drawn) data(depth int) string {
	kinds := 5
	if depth > 0 {
		kinds = 8
	}
	switch g.upTo(kinds) {
	case 0:
		return g.one("1", "-7", "0x1f", "1_000", "2.5", "1e3", "-0.25", "1e-9", "30s", "9223372036854775807")
	case 1:
		return g.one("true", "false", "nil", "run.id", `"a${run.id}b"`, `run.id == "a" ? 1 : 2`, `{ "x": [1] }["x"]`, "[1, 2][0]", "-(1 + 2)", "len([1]) +\n 2", "(1 // why\n + 3)")
	case 2, 3, 4, 5:
		return g.text()
	case 6:
		out := "["
		for i := range g.upTo(4) {
			v := g.data(depth - 1)
			sep := g.gap(i == 0)
			if i > 0 && sep[0] != ',' && strings.ContainsAny(v[:1], "-([") { // it would go on with the line above
				sep = "," + sep
			}
			out += sep + v
		}
		return out + g.one("", "\n") + "]"
	}
	out := "{"
	seen := map[string]bool{}
	for i := range g.upTo(4) {
		key := g.one("a", "on", "no", "null", "true", "y", "step", `"b c"`, `"1"`, `""`, `"#"`, `": "`, `"<<"`, `"x-y"`, `"ä"`)
		if !seen[key] {
			seen[key] = true
			out += g.gap(i == 0) + key + ": " + g.data(depth-1)
		}
	}
	return out + g.one(" ", "\n") + "}"
}

// text is a string literal with any letters.
func (g *drawn) text() string {
	if g.upTo(2) == 0 {
		return g.one(`"yes"`, `"no"`, `"null"`, `"~"`, `"1"`, `"1.5"`, `"0x1f"`, `"2026-01-31"`, `"input.x"`, `"a: b"`, `"a #b"`, `"- a"`, `"? a"`, `"!expr x"`, `"\${x}"`, `"'"`, `"\"q\""`, `"[a]"`, `"{a}"`, `"a, b"`, `"&a"`, `"*a"`, `"%a"`, `"@a"`, `"|"`, `">"`, `""`, `" a "`, `"a\n"`, `"\ta"`, `".inf"`, `"// no comment"`, `"# none"`, `"true"`, `"a\\b"`, `"12:30:45"`, `"="`)
	}
	letters := []*unicode.RangeTable{unicode.L, unicode.P, unicode.S, unicode.Nd, unicode.Zs, unicode.Cc}
	var b strings.Builder
	for _, c := range rapid.StringOfN(rapid.RuneFrom(nil, letters...), 0, 12, -1).Draw(g.T, "text") {
		switch {
		case c == '"' || c == '\\' || c == '$':
			b.WriteString(`\` + string(c))
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return `"` + b.String() + `"`
}

// TestConvertAnything converts every file of the golden cases, however wrong: there is a
// result, or a reason with a place.
func TestConvertAnything(t *testing.T) {
	archives, err := filepath.Glob("../golden/testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range archives {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files := fstest.MapFS{}
		for _, f := range ar.Files {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		for _, f := range ar.Files {
			ext := path.Ext(f.Name)
			if ext != ".wf" && ext != ".yaml" {
				continue
			}
			as := "converted" + map[string]string{".wf": ".yaml", ".yaml": ".wf"}[ext]
			out, problems, _ := lang.Convert(files, f.Name, options(ext == ".wf", as, ""))
			if (out == nil) != problems.HasErrors() {
				t.Errorf("%s %s: %d bytes and %v", filepath.Base(name), f.Name, len(out), problems)
			}
			for _, d := range problems {
				if d.Span.File == "" {
					t.Errorf("%s %s: no place: %v", filepath.Base(name), f.Name, d)
				}
				if d.Severity == diag.Error && d.Code == syntax.CodeNoForm && d.Hint == "" {
					t.Errorf("%s %s: no way out: %v", filepath.Base(name), f.Name, d)
				}
			}
		}
	}
}
