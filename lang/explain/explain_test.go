package explain_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"wf/builtins"
	"wf/golden"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/explain"
	"wf/mocks"
)

/*
A page is its headline, `# CODE: what is wrong`, some prose, and examples: indented
blocks below a line that says what they are.

	Wrong:              a definition that gives the code, and no other one
	Right:              a definition that gives nothing
	Wrong, FILE:        the same under another name than flow.wf
	Wrong, converting FILE:  a definition whose conversion to the other syntax gives the code
	With FILE:          a file that both examples can see

If one of the files is a test file it is run, else it is checked.
*/

func TestPages(t *testing.T) {
	for _, code := range explain.Codes() {
		t.Run(code, func(t *testing.T) {
			text, _ := explain.Page(code)
			head, rest, _ := strings.Cut(text, "\n")
			if !regexp.MustCompile(`^# ` + code + `: [a-z<!].*[^.]$`).MatchString(head) {
				t.Errorf("the headline is %q", head)
			}
			p := cut(rest)
			if n := len(strings.Fields(p.prose)); n < 12 || n > 90 {
				t.Errorf("%d words say what it means; a page is short", n)
			}
			for _, line := range strings.Split(text, "\n") {
				if len([]rune(line)) > 100 {
					t.Errorf("a line is too long to be read: %s", line)
				}
			}
			if got := p.try(t, "Wrong"); !slices.Equal(slices.Compact(got), []string{code}) {
				t.Errorf("the wrong example gives %v", got)
			}
			if got := p.try(t, "Right"); len(got) > 0 {
				t.Errorf("the right example gives %v", got)
			}
		})
	}
}

// TestEveryCodeHasAPage holds the pages against the constants of the module.
func TestEveryCodeHasAPage(t *testing.T) {
	codes := codesOfModule(t)
	if len(codes) < 60 {
		t.Fatalf("only %d codes found in the source", len(codes))
	}
	for _, code := range codes {
		if _, ok := explain.Page(code); !ok {
			t.Errorf("%s has no page: write lang/explain/pages/%s.md", code, code)
		}
	}
	for _, code := range explain.Codes() {
		if !slices.Contains(codes, code) {
			t.Errorf("there is a page for %s, and no such code", code)
		}
	}
	for _, g := range explain.Groups() {
		if g.Name == "" {
			t.Errorf("%v belong to no group", g.Codes)
		}
	}
}

// codesOfModule lists the values of all constants of type diag.Code, sorted.
func codesOfModule(t *testing.T) []string {
	var codes []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && regexp.MustCompile(`^"WF\d{3}"$`).MatchString(lit.Value) {
				codes = append(codes, strings.Trim(lit.Value, `"`))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(codes)
	for i := 1; i < len(codes); i++ {
		if codes[i] == codes[i-1] {
			t.Errorf("%s is two constants", codes[i])
		}
	}
	return codes
}

type page struct {
	prose    string
	examples []example
}

type example struct {
	sort, file, text string
	convert          bool
}

var label = regexp.MustCompile(`^(Wrong|Right|With)(?:,? (converting )?(\S+))?:$`)

func cut(text string) *page {
	p := &page{}
	var at *example
	for _, line := range strings.Split(text, "\n") {
		switch m := label.FindStringSubmatch(line); {
		case m != nil:
			p.examples = append(p.examples, example{sort: m[1], file: m[3], convert: m[2] != ""})
			at = &p.examples[len(p.examples)-1]
			if at.file == "" {
				at.file = "flow.wf"
			}
		case at == nil:
			p.prose += line + "\n"
		case strings.HasPrefix(line, "    "):
			at.text += line[4:] + "\n"
		case line == "" && at.text != "":
			at.text += "\n"
		case line != "":
			at = nil
			p.prose += line + "\n"
		}
	}
	return p
}

// try gives the codes that the files of one sort lead to, beside those for both.
func (p *page) try(t *testing.T, sort string) []string {
	fsys := fstest.MapFS{}
	var files []string
	shown, convert := false, false
	for _, ex := range p.examples {
		if ex.sort == sort || ex.sort == "With" {
			fsys[ex.file] = &fstest.MapFile{Data: []byte(strings.TrimRight(ex.text, "\n") + "\n")}
			files = append(files, ex.file)
			shown = shown || ex.sort == sort
			convert = convert || ex.convert
		}
	}
	if !shown && sort == "Wrong" || len(files) == 0 {
		t.Fatalf("there is no %s example", strings.ToLower(sort))
	}
	main := files[0]
	for _, f := range files {
		if strings.HasPrefix(f, "flow.") {
			main = f
		}
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.wf") {
			return tested(t, fsys, f)
		}
	}
	registry := builtins.New()
	mocks.Register(registry, mocks.Options{Seed: 1})
	prog, problems := lang.Load(fsys, main, lang.Options{Catalog: registry, Thorough: strings.Contains(p.prose, "in editors")})
	if convert && len(problems) == 0 {
		_, problems, _ = lang.Convert(fsys, main, lang.ConvertOptions{Options: lang.Options{Catalog: registry}, YAML: strings.HasSuffix(main, ".wf"), As: "converted" + map[string]string{".wf": ".yaml", ".yaml": ".wf"}[path.Ext(main)]})
	}
	return told(t, prog, problems)
}

// tested gives the codes of a test file, and of its tests if it could be run.
func tested(t *testing.T, fsys fstest.MapFS, file string) []string {
	prog, problems := lang.Load(fsys, file, lang.Options{})
	if len(problems) > 0 {
		return told(t, prog, problems)
	}
	files := readOnly{fsys}
	results := golden.Run(prog, golden.Options{Files: files})
	for _, r := range results {
		for _, f := range r.Failures {
			d := f.Diagnostic
			problems.Add(&d)
		}
	}
	orphans, err := golden.Orphans([]*lang.Program{prog}, files, results)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range orphans {
		problems.Add(golden.Orphaned(name))
	}
	return told(t, prog, problems)
}

func told(t *testing.T, prog *lang.Program, problems diag.List) []string {
	var b strings.Builder
	if err := diag.Write(&b, prog.Sources, problems, diag.Options{}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 0 {
		t.Log("\n" + b.String())
	}
	var codes []string
	for _, d := range problems {
		codes = append(codes, string(d.Code))
	}
	slices.Sort(codes)
	return codes
}

// readOnly are golden files that nobody writes.
type readOnly struct{ fstest.MapFS }

func (readOnly) Write(string, []byte) error { return fs.ErrPermission }

func (readOnly) Remove(string) error { return fs.ErrPermission }
