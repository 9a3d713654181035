package golden

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"wf/builtins"
	"wf/lang"
	"wf/lang/diag"
	"wf/mocks"
	"wf/workflows"
)

// runTestFiles runs the test files of an archive as `wf test -v` does, and gives back
// what it prints, and every golden file that is not as the archive has it.
func runTestFiles(t *testing.T, ar *txtar.Archive) []txtar.File {
	opts := struct {
		Seed     uint64 `json:"seed"`
		Update   bool   `json:"update"`
		FailFast bool   `json:"fail_fast"`
		ReadOnly bool   `json:"read_only"`
	}{}
	files := &memory{fsys: fstest.MapFS{}, written: map[string]string{}}
	for _, f := range ar.Files {
		switch {
		case strings.HasPrefix(f.Name, "out/"):
		case f.Name == "options.json":
			if err := json.Unmarshal(f.Data, &opts); err != nil {
				t.Fatalf("options.json: %v", err)
			}
		default:
			files.fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	files.readOnly = opts.ReadOnly
	names, err := TestFiles(files.fsys, ".")
	if err != nil || len(names) == 0 {
		t.Fatalf("no test files in the archive: %v", err)
	}
	registry := func() *builtins.Registry {
		r := builtins.New()
		mocks.Register(r, mocks.Options{Seed: 1})
		return r
	}
	var b bytes.Buffer
	var programs []*lang.Program
	for _, name := range names {
		p, problems := lang.Load(files.fsys, name, lang.Options{Catalog: registry()})
		if err := diag.Write(&b, p.Sources, problems, diag.Options{}); err != nil {
			t.Fatal(err)
		}
		if !problems.HasErrors() {
			programs = append(programs, p)
		}
	}
	results := RunAll(programs, Options{Seed: opts.Seed, Update: opts.Update, FailFast: opts.FailFast, Files: files, Builtins: func() builtins.Services { return registry() }})
	for i, r := range results {
		if i > 0 && !(results[i-1].Passed() && r.Passed()) {
			b.WriteByte('\n')
		}
		if err := WriteResult(&b, sourcesOf(programs, r), r, diag.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	orphans, err := Orphans(programs, files, results)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range orphans {
		fmt.Fprintf(&b, "orphan: %s\n", name)
	}
	out := []txtar.File{{Name: "out/report", Data: b.Bytes()}}
	for _, name := range slices.Sorted(maps.Keys(files.written)) {
		out = append(out, txtar.File{Name: "out/" + name, Data: []byte(files.written[name])})
	}
	return out
}

func sourcesOf(programs []*lang.Program, r *Result) diag.Sources {
	for _, p := range programs {
		if p.Suite.File == r.File {
			return p.Sources
		}
	}
	return nil
}

// memory is golden files that are kept in memory. Tests that run at once write them.
type memory struct {
	mu       sync.Mutex
	fsys     fstest.MapFS
	written  map[string]string
	readOnly bool
}

func (m *memory) Open(name string) (fs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fsys.Open(name)
}

func (m *memory) Write(name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.readOnly {
		return errors.New("read-only file system")
	}
	m.written[name] = string(data)
	return nil
}

func (m *memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.fsys, name)
	return nil
}

// TestWorkersAgree runs the shipped test files one test after the other, and many at
// once: results and golden files are the same, byte for byte.
func TestWorkersAgree(t *testing.T) {
	names, err := TestFiles(workflows.FS, ".")
	if err != nil || len(names) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	var programs []*lang.Program
	for _, name := range names {
		r := builtins.New()
		mocks.Register(r, mocks.Options{Seed: 1})
		p, problems := lang.Load(workflows.FS, name, lang.Options{Catalog: r})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		programs = append(programs, p)
	}
	all := func(workers int) string {
		var b bytes.Buffer
		files := &memory{fsys: fstest.MapFS{}, written: map[string]string{}}
		results := RunAll(programs, Options{Workers: workers, Update: true, Files: files, Seed: 5,
			Builtins: func() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: 5}) }})
		for _, r := range results {
			if err := WriteResult(&b, sourcesOf(programs, r), r, diag.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(files.written)) {
			b.WriteString(name + "\n" + files.written[name])
		}
		return b.String()
	}
	one := all(1)
	if len(one) < 10_000 {
		t.Fatalf("this compares little:\n%s", one)
	}
	for _, workers := range []int{2, 16} {
		if many := all(workers); many != one {
			t.Errorf("%d workers give something else (-1 +%d):\n%s", workers, workers, cmp.Diff(one, many))
		}
	}
}
