package main

import (
	"io/fs"
	"strings"
	"testing"
)

// TestTemplateIsComplete holds the list of the files of wf init against the folder.
func TestTemplateIsComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, f := range templateFiles {
		listed["template/"+f.name] = true
		if len(f.name) > longest {
			t.Errorf("%s breaks the columns", f.name)
		}
	}
	err := fs.WalkDir(template, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !listed[name] {
			t.Errorf("%s is not written", strings.TrimPrefix(name, "template/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
