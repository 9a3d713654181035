package golden

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wf/builtins"
	"wf/lang"
	"wf/lang/check"
	"wf/lang/diag"
	"wf/lang/value"
)

// Services is a registry of operations with their signatures. A *builtins.Registry is
// one.
type Services interface {
	builtins.Services
	check.Catalog
}

// Test runs every test file in a file system as Go subtests: one for each file, and in
// it one for each test or case, so that `go test -run` can choose among them.
//
//	func TestWorkflows(t *testing.T) {
//		golden.Test(t, golden.Dir("workflows"), nil)
//	}
//
// services makes fresh registered services for one test, those of the program that
// embeds wf: workflows may call them, and mocks may `pass` to them. With nil there are
// none, and the tests mock everything.
//
// Golden files are compared, and written where the environment variable WF_UPDATE is
// set; that needs a file system that is a [Files], such as a [Dir]. A golden file that
// belongs to no test fails the whole, or is removed.
func Test(t *testing.T, fsys fs.FS, services func() Services) {
	t.Helper()
	names, err := TestFiles(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatal("there is no test file (*_test.wf)")
	}
	load, run := lang.Options{}, Options{Files: filesOf(fsys), Update: os.Getenv("WF_UPDATE") != ""}
	if services != nil {
		load.Catalog = services()
		run.Builtins = func() builtins.Services { return services() }
	}
	var programs []*lang.Program
	var results []*Result
	for _, name := range names {
		t.Run(strings.TrimSuffix(name, ".wf"), func(t *testing.T) {
			p, problems := lang.Load(fsys, name, load)
			if len(problems) > 0 {
				t.Log("\n" + printed(func(w io.Writer) error { return diag.Write(w, p.Sources, problems, diag.Options{}) }))
			}
			if problems.HasErrors() {
				t.FailNow()
			}
			programs = append(programs, p)
			for _, r := range Run(p, run) {
				results = append(results, r)
				t.Run(r.Name, func(t *testing.T) {
					if !r.Passed() {
						t.Errorf("seed %d\n%s", r.Seed, printed(func(w io.Writer) error { return WriteFailures(w, p.Sources, r, diag.Options{}) }))
					}
				})
			}
		})
	}
	if len(programs) == len(names) {
		testOrphans(t, programs, run, results)
	}
}

func testOrphans(t *testing.T, programs []*lang.Program, run Options, results []*Result) {
	t.Helper()
	orphans, err := Orphans(programs, run.Files, results)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range orphans {
		if !run.Update {
			t.Errorf("%s belongs to no test; WF_UPDATE=1 go test removes it", name)
		} else if err := run.Files.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

func printed(write func(io.Writer) error) string {
	var b strings.Builder
	if err := write(&b); err != nil {
		return err.Error()
	}
	return b.String()
}

// filesOf is where the golden files of a file system are.
func filesOf(fsys fs.FS) Files {
	if files, ok := fsys.(Files); ok {
		return files
	}
	return fixed{fsys}
}

// fixed is a file system that cannot be written to.
type fixed struct{ fs.FS }

func (fixed) Write(name string, _ []byte) error {
	return fmt.Errorf("%s: this file system is not written to; give golden.Test a golden.Dir", name)
}

func (f fixed) Remove(name string) error { return f.Write(name, nil) }

// TestFiles lists the test files under a folder, sorted: those that end in _test.wf.
func TestFiles(fsys fs.FS, dir string) ([]string, error) {
	var out []string
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != dir && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !d.IsDir() && IsTestFile(name):
			out = append(out, path.Clean(name))
		}
		return nil
	})
	return out, err
}

// short is a duration with as many digits as a person reads.
func short(d time.Duration) string {
	unit := time.Millisecond
	if d >= time.Minute {
		unit = time.Second
	} else if d >= time.Second {
		unit = 10 * time.Millisecond
	}
	return value.FormatDuration(d.Round(unit))
}

// IsTestFile reports whether a file is one by its name.
func IsTestFile(name string) bool { return strings.HasSuffix(name, "_test.wf") }

// Dir is the golden files under a folder of the operating system; "" is the current
// one, and takes absolute names too.
type Dir string

func (d Dir) path(name string) string {
	if filepath.IsAbs(filepath.FromSlash(name)) {
		return filepath.FromSlash(name)
	}
	return filepath.Join(string(d), filepath.FromSlash(name))
}

// Open opens a file for reading.
func (d Dir) Open(name string) (fs.File, error) { return os.Open(d.path(name)) }

// ReadDir lists a folder, sorted.
func (d Dir) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(d.path(name)) }

// Write writes a file, with the folders it needs.
func (d Dir) Write(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(d.path(name), data, 0o644)
}

// Remove removes a file.
func (d Dir) Remove(name string) error { return os.Remove(d.path(name)) }
