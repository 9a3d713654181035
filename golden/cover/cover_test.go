package cover_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"wf/golden"
	"wf/golden/cover"
	"wf/lang"
	"wf/lang/diag"
)

// TestGolden runs the cases: a workflow with tests, and what they exercise of it. The
// section out/text is what wf test --cover prints, out/points every single thing with
// how often it happened.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys := archive(ar)
			p := run(t, fsys, 1)
			out := []txtar.File{{Name: "out/text", Data: text(t, p)}, {Name: "out/points", Data: points(p)}}
			if again := points(run(t, fsys, 8)); !bytes.Equal(again, out[1].Data) {
				t.Errorf("tests at once count otherwise:\n%s", cmp.Diff(string(out[1].Data), string(again)))
			}
			compare(t, file, ar, out)
		})
	}
}

func archive(ar *txtar.Archive) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, f := range ar.Files {
		if !strings.HasPrefix(f.Name, "out/") {
			fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return fsys
}

// compare holds the out/ sections of a case against what came out, or rewrites them.
func compare(t *testing.T, file string, ar *txtar.Archive, out []txtar.File) {
	kept := slices.DeleteFunc(slices.Clone(ar.Files), func(f txtar.File) bool { return strings.HasPrefix(f.Name, "out/") })
	want := txtar.Format(&txtar.Archive{Comment: ar.Comment, Files: append(kept, out...)})
	if got := txtar.Format(ar); bytes.Equal(got, want) {
		return
	} else if os.Getenv("WF_UPDATE") == "" {
		t.Errorf("%s differs (-want +got); WF_UPDATE=1 go test ./golden/cover rewrites it:\n%s", file, cmp.Diff(string(got), string(want)))
		return
	}
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs every test file; they must pass.
func run(t *testing.T, fsys fstest.MapFS, workers int) *cover.Profile {
	t.Helper()
	p := &cover.Profile{}
	files, err := golden.TestFiles(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		program := load(t, fsys, file)
		for _, r := range golden.Run(program, golden.Options{Cover: p, Workers: workers}) {
			if !r.Passed() {
				var b bytes.Buffer
				_ = golden.WriteFailures(&b, program.Sources, r, diag.Options{})
				t.Fatalf("%s\n%s", r.Name, b.String())
			}
		}
	}
	program := load(t, fsys, "flow.wf")
	p.Read(program.Sources)
	for _, g := range program.Workflows {
		p.Define(g)
	}
	return p
}

func load(t *testing.T, fsys fstest.MapFS, file string) *lang.Program {
	t.Helper()
	program, problems := lang.Load(fsys, file, lang.Options{Probe: true})
	if len(problems) > 0 {
		var b bytes.Buffer
		_ = diag.Write(&b, program.Sources, problems, diag.Options{})
		t.Fatal(b.String())
	}
	return program
}

func text(t *testing.T, p *cover.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteText(&b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func points(p *cover.Profile) []byte {
	var b bytes.Buffer
	for _, w := range p.Workflows() {
		for i, pt := range w.Points {
			at := p.Sources.Position(pt.Span.File, pt.Span.Start)
			optional := ""
			if pt.Optional {
				optional = " (optional)"
			}
			about := pt.Place
			if about == "" {
				about = pt.Step
			}
			where := fmt.Sprintf("%d:%d", at.Line, at.Column)
			fmt.Fprintf(&b, "%-6s %3d  %-10s  %s%s\n", where, w.Hits[i], pt.Kind, strings.TrimSpace(about+" "+pt.What), optional)
		}
	}
	return b.Bytes()
}

// TestPictures holds that the picture of each case is XML, and that its page is whole and
// names everything that is missing.
func TestPictures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := run(t, archive(ar), 2)
		data, err := p.HTML()
		if err != nil {
			t.Fatal(err)
		}
		page := html.UnescapeString(string(data))
		ids := map[string]int{}
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(string(data), -1) {
			if ids[m[1]]++; ids[m[1]] > 1 {
				t.Errorf("%s: two elements of the page are %s", file, m[1])
			}
		}
		for _, w := range p.Workflows() {
			d := xml.NewDecoder(bytes.NewReader(p.SVG(w, nil)))
			for err = error(nil); err == nil; {
				_, err = d.Token()
			}
			if err != io.EOF {
				t.Errorf("%s: the picture of %s: %v", file, w.Name, err)
			}
			for _, m := range w.Missing("") {
				if !strings.Contains(page, m.Missing) {
					t.Errorf("%s: the page does not say: %s", file, m.Missing)
				}
			}
		}
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), "http") {
			t.Errorf("%s: the page needs something from elsewhere", file)
		}
	}
}

// TestSource holds which lines of the source have which colour: + reached, ~ in part,
// - not at all.
func TestSource(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/clauses.txtar")
	if err != nil {
		t.Fatal(err)
	}
	data, err := run(t, archive(ar), 1).HTML()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, row := range regexp.MustCompile(`<tr id="w1-\d+"(?: class="(\w+)")?>.*<td>(.*)</td></tr>`).FindAllStringSubmatch(string(data), -1) {
		sign := map[string]string{"": " ", "good": "+", "fair": "~", "bad": "-"}[row[1]]
		got.WriteString(strings.TrimRight(sign+" "+html.UnescapeString(row[2]), " ") + "\n")
	}
	want := `
  service shop {
    operation find { input { sku string }, 200 { id int }, 404 }
    operation reserve { input { sku string }, 201 { id int, state "new" | "held" }, 409 { id int } }
  }

  workflow w {
    input { sku string }
~   step a {
+     call shop.reserve { sku: input.sku }
-     on 201 when body.state == "held" { fail HELD }
+     on 409 {
~       let found = call shop.find { sku: input.sku }
-       on 404 { fail GONE }
+       return { id: found.id }
+     }
+   }
    output a
  }
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
