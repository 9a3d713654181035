package mocks

import (
	"io/fs"
	"slices"
	"testing"

	"wf/lang"
	"wf/workflows"
)

// TestWrittenNamesWhatTheFilesMock: the list of operations must be that of the files,
// without those that are mocked in Go as well.
func TestWrittenNamesWhatTheFilesMock(t *testing.T) {
	files, err := fs.Glob(workflows.FS, "mocks/*.wf")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string][]string{}
	for _, w := range written {
		listed[w.file] = w.operations
		if !slices.Contains(files, w.file) {
			t.Errorf("there is no %s", w.file)
		}
	}
	for _, file := range files {
		p, problems := lang.Load(workflows.FS, file, lang.Options{})
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		var mocked []string
		for _, m := range p.Suite.Mocks {
			for operation := range m.Replies {
				if name := m.Service + "." + operation; !inGo(name) {
					mocked = append(mocked, name)
				}
			}
		}
		names := slices.Sorted(slices.Values(listed[file]))
		if slices.Sort(mocked); !slices.Equal(names, mocked) {
			t.Errorf("%s mocks %v, and the list says %v", file, mocked, names)
		}
	}
}

func inGo(name string) bool {
	return slices.ContainsFunc(domains, func(d domain) bool { return d.operations[name] != nil })
}
