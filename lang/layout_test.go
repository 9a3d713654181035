package lang_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"wf/builtins"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/mocks"
	"wf/workflows"
)

// otherLayout stands above a block of a page that is not laid out on purpose.
const otherLayout = "<!-- another layout -->"

// TestPagesAreFormatted holds every wf block of README.md, docs and SPEC.md against the
// formatter, but for blocks with syntax errors and those below otherLayout.
func TestPagesAreFormatted(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md", specFile) {
		src, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		lines := strings.Split(string(src), "\n")
		for i := 0; i < len(lines); i++ {
			out = append(out, lines[i])
			if info := lines[i]; info != "```wf" && !strings.HasPrefix(info, "```wf ") || i > 0 && lines[i-1] == otherLayout {
				continue
			}
			end := i + 1
			for end < len(lines) && lines[end] != "```" {
				end++
			}
			shown := strings.Join(append(lines[i+1:end:end], ""), "\n")
			formatted := layOut(shown)
			if formatted != shown && !update {
				t.Errorf("%s:%d is not formatted (-shown +formatted); WF_UPDATE=1 go test ./lang -run Formatted rewrites it:\n%s", page, i+1, cmp.Diff(shown, formatted))
			}
			out = append(out, strings.Split(strings.TrimSuffix(formatted, "\n"), "\n")...)
			i = end - 1
		}
		if update {
			if err := os.WriteFile(page, []byte(strings.Join(out, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// layOut formats a file, or the inside of a workflow or of a step; what has a syntax
// error stays.
func layOut(text string) string {
	for depth, around := range []string{"%s", "workflow w {\n%s}\n", "workflow w {\nstep s {\n%s}\n}\n"} {
		src := []byte(fmt.Sprintf(around, text))
		f, problems := syntax.Parse("x.wf", src)
		if problems.HasErrors() {
			continue
		}
		lines := strings.Split(strings.TrimSuffix(string(syntax.Format(f, src)), "\n"), "\n")
		lines = lines[depth : len(lines)-depth]
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], strings.Repeat("  ", depth))
		}
		return strings.Join(append(lines, ""), "\n")
	}
	return text
}

// TestLayoutMeansNothing loads every shipped definition and golden case as it is and
// formatted: graphs and diagnostics are equal, places apart.
func TestLayoutMeansNothing(t *testing.T) {
	folders := map[string]fstest.MapFS{"workflows": {}}
	err := fs.WalkDir(workflows.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, _ := fs.ReadFile(workflows.FS, name)
			folders["workflows"][name] = &fstest.MapFile{Data: data}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := filepath.Glob("../golden/testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, name := range cases {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		folder := fstest.MapFS{}
		for _, f := range ar.Files {
			folder[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		folders[name] = folder
	}
	folders["cramped"] = fstest.MapFS{"x.wf": {Data: []byte("service s{operation o{200{a int}}}\nworkflow w{step a{call s.o\non 200 when body.a==1{fail NO}\non 200{return body.a}}\noutput a}\n")}}
	reg := builtins.New()
	mocks.Register(reg, mocks.Options{Seed: 1})
	changed := 0
	for name, folder := range folders {
		formatted := fstest.MapFS{}
		for file, data := range folder {
			formatted[file] = data
			if path.Ext(file) != ".wf" {
				continue
			}
			if f, problems := syntax.Parse(file, data.Data); !problems.HasErrors() {
				formatted[file] = &fstest.MapFile{Data: syntax.Format(f, data.Data)}
				if !bytes.Equal(formatted[file].Data, data.Data) {
					changed++
				}
			}
		}
		for file := range folder {
			if path.Ext(file) != ".wf" {
				continue
			}
			opts := lang.Options{Catalog: reg}
			if d := cmp.Diff(meaning(t, folder, file, opts), meaning(t, formatted, file, opts)); d != "" {
				t.Errorf("%s: %s means something else when formatted:\n%s", name, file, d)
			}
		}
	}
	if changed < 20 {
		t.Errorf("only %d files were changed by formatting, so little is proved", changed)
	}
}

// meaning is the graphs of a file and what is said of it.
func meaning(t *testing.T, fsys fs.FS, name string, opts lang.Options) (out []string) {
	p, problems := lang.Load(fsys, name, opts)
	for _, g := range p.Workflows {
		text, err := json.MarshalIndent(g, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
		for _, s := range g.Steps { // what traces call the clauses
			graph.EachCall(s.Body, func(c *graph.Call) {
				for _, clause := range c.Clauses {
					out = append(out, clause.Label)
				}
			})
		}
	}
	for _, d := range problems {
		out = append(out, fmt.Sprintf("%s %s: %s (%s)", d.Severity, d.Code, strings.Join(strings.Fields(d.Summary), " "), d.Hint))
	}
	return out
}
