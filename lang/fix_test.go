package lang_test

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"wf/lang"
	"wf/lang/diag"
	"wf/lang/syntax"
)

func count(problems diag.List) (errors int) {
	for _, d := range problems {
		if d.Severity == diag.Error {
			errors++
		}
	}
	return errors
}

// TestFixNeverMakesItWorse fixes every golden case: there are never more errors than there
// were, comments stay, and a second time finds nothing to do.
func TestFixNeverMakesItWorse(t *testing.T) {
	archives, err := filepath.Glob("../golden/testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	opts := lang.Options{Catalog: registry(), StubHandlers: true}
	fixed, gone := 0, 0
	for _, archive := range archives {
		ar, err := txtar.ParseFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		files := fstest.MapFS{}
		var names []string
		for _, f := range ar.Files {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
			if ext := path.Ext(f.Name); ext == ".wf" || ext == ".yaml" {
				names = append(names, f.Name)
			}
		}
		var before diag.List
		for _, name := range names {
			_, problems := lang.Load(files, name, opts)
			before = append(before, problems...)
		}
		before.Sort()
		done := lang.Fix(files, names, opts)
		if len(done.Done) == 0 {
			if len(done.Files) > 0 || len(done.Problems) != len(before) {
				t.Errorf("%s: nothing was done, and something changed", archive)
			}
			continue
		}
		fixed++
		gone += len(done.Done)
		if count(done.Problems) > count(before) || len(done.Problems) >= len(before) {
			t.Errorf("%s: before %v\nafter %v", archive, before, done.Problems)
		}
		for name, text := range done.Files {
			if was, is := notes(name, files[name].Data), notes(name, text); was != is {
				t.Errorf("%s %s: the comments were\n%s\nand are\n%s", archive, name, was, is)
			}
			files[name] = &fstest.MapFile{Data: text}
		}
		if again := lang.Fix(files, names, opts); len(again.Done) > 0 {
			t.Errorf("%s: a second time does more: %v", archive, again.Done[0].Problem)
		}
	}
	if fixed < 20 || gone < 30 {
		t.Errorf("only %d problems of %d cases are fixed", gone, fixed)
	}
	t.Logf("%d problems of %d cases are fixed", gone, fixed)
}

// notes are the comments of a file.
func notes(name string, src []byte) string {
	f, _ := syntax.Parse(name, src)
	if path.Ext(name) != ".wf" {
		f, _ = syntax.ParseYAML(name, src, "")
	}
	var out []string
	for _, c := range f.Comments {
		out = append(out, c.Text)
	}
	return strings.Join(out, "\n")
}

// TestFixKeepsToItsFiles holds that what is only imported is left alone, and that a change
// which makes it worse is not kept.
func TestFixKeepsToItsFiles(t *testing.T) {
	files := fstest.MapFS{
		"flow.wf":  {Data: []byte("import \"shop.wf\"\nworkflow w {\n  step a { call shop.pingg }  // mine\n}\n")},
		"shop.wf":  {Data: []byte("service shop { operation ping { input { sku strin }, 200 } }\n")},
		"worse.wf": {Data: []byte("service s { operation find { input { a int, b int }, 200 } }\nworkflow w { step a { call s.findd } }\n")},
	}
	done := lang.Fix(files, []string{"flow.wf"}, lang.Options{})
	if names := slices.Sorted(maps.Keys(done.Files)); len(names) > 1 || len(names) == 1 && names[0] != "flow.wf" {
		t.Errorf("%v changed", names)
	}
	both := lang.Fix(files, []string{"flow.wf", "shop.wf"}, lang.Options{})
	if want := "service shop { operation ping { input { sku string }, 200 } }\n"; string(both.Files["shop.wf"]) != want {
		t.Errorf("shop.wf is %q", both.Files["shop.wf"])
	}
	worse := lang.Fix(files, []string{"worse.wf"}, lang.Options{})
	if len(worse.Files) > 0 {
		t.Errorf("one error became several:\n%s\n%v", worse.Files["worse.wf"], worse.Problems)
	}
}
