package golden

import (
	"bytes"
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

// Test runs every test file under a folder as Go subtests: one for each file, and in
// it one for each test. services makes fresh registered services for one test; nil if
// the tests mock everything. Golden files are compared, and written where the
// environment variable WF_UPDATE is set.
func Test(t *testing.T, dir string, services func() Services) {
	t.Helper()
	files, err := TestFiles(os.DirFS(dir), ".")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("%s holds no test file (*_test.wf)", dir)
	}
	opts := lang.Options{}
	run := Options{Files: Dir(dir), Update: os.Getenv("WF_UPDATE") != ""}
	if services != nil {
		opts.Catalog = services()
		run.Builtins = func() builtins.Services { return services() }
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".wf"), func(t *testing.T) {
			p, problems := lang.Load(os.DirFS(dir), file, opts)
			if len(problems) > 0 {
				var b bytes.Buffer
				if err := diag.Write(&b, p.Sources, problems, diag.Options{}); err != nil {
					t.Fatal(err)
				}
				t.Log(b.String())
			}
			if problems.HasErrors() {
				t.FailNow()
			}
			for _, r := range Run(p, run) {
				t.Run(r.Name, func(t *testing.T) {
					var b bytes.Buffer
					if err := WriteFailures(&b, p.Sources, r, diag.Options{}); err != nil {
						t.Fatal(err)
					}
					if !r.Passed() {
						t.Errorf("seed %d\n%s", r.Seed, b.String())
					}
				})
			}
		})
	}
}

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
