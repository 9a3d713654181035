package lang_test

import (
	"path/filepath"
	"reflect"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"wf/lang"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// TestEachProgram finds the expressions of all steps of the golden archives by reflection,
// and wants the same ones visited.
func TestEachProgram(t *testing.T) {
	files, _ := filepath.Glob("../golden/testdata/*.txtar")
	steps, programs := 0, 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fsys := fstest.MapFS{}
		for _, f := range archive.Files {
			fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		if fsys["flow.wf"] == nil {
			continue
		}
		p, problems := lang.Load(fsys, "flow.wf", lang.Options{})
		if problems.HasErrors() {
			continue
		}
		for _, g := range p.Workflows {
			for _, s := range g.Steps {
				want, got := map[*expr.Program]bool{}, map[*expr.Program]bool{}
				collect(reflect.ValueOf(s), want, map[any]bool{})
				s.EachProgram(func(p *expr.Program) { got[p] = true })
				if !reflect.DeepEqual(want, got) {
					t.Errorf("%s: step %s: %d expressions are visited, want %d", filepath.Base(file), s.Name, len(got), len(want))
				}
				steps++
				programs += len(want)
			}
		}
	}
	if steps < 100 || programs < 500 {
		t.Errorf("only %d steps with %d expressions", steps, programs)
	}
}

// collect finds the expressions that a part of a graph consists of.
func collect(v reflect.Value, into map[*expr.Program]bool, seen map[any]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Interface()] {
			return
		}
		seen[v.Interface()] = true
		switch part := v.Interface().(type) {
		case *expr.Program:
			into[part] = true
			return
		case *graph.Graph, *value.Type, *value.Signature:
			return
		}
		collect(v.Elem(), into, seen)
	case reflect.Interface:
		if !v.IsNil() {
			collect(v.Elem(), into, seen)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), into, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "As" { // that is made of the steps of another workflow
				collect(v.Field(i), into, seen)
			}
		}
	}
}
