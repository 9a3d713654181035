package workflows_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"wf/lang"
	"wf/lang/diag"
)

// TestGallery holds that every workflow of the gallery has a folder, a row in its table in
// order, and a definition without any diagnostic.
func TestGallery(t *testing.T) {
	text, err := os.ReadFile("gallery/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^\| \[(\w+)\]\((\w+)/(\w+)\.wf\) \| .+ \| .+ \|$`).FindAllStringSubmatch(string(text), -1) {
		if m[1] != m[2] || m[1] != m[3] {
			t.Errorf("the row of %s leads to %s/%s.wf", m[1], m[2], m[3])
		}
		listed = append(listed, m[1])
	}
	if !slices.IsSorted(listed) {
		t.Errorf("the rows are not sorted: %v", listed)
	}
	entries, err := os.ReadDir("gallery")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, e := range entries {
		if e.IsDir() {
			there = append(there, e.Name())
		}
	}
	if !slices.Equal(listed, there) {
		t.Errorf("the table lists %v, and there is %v", listed, there)
	}
	for _, name := range there {
		p, problems := lang.Load(os.DirFS("gallery/"+name), name+".wf", lang.Options{Catalog: services()})
		if len(problems) > 0 {
			_ = diag.Write(t.Output(), p.Sources, problems, diag.Options{})
			t.Errorf("%s has diagnostics", name)
		}
	}
}
