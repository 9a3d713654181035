package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"wf/golden"
)

// settle is how long files must be left alone before tests are run again: editors
// write a file in several goes.
const settle = 50 * time.Millisecond

// watch runs the tests, and again those a saved file is part of, until it is
// interrupted.
func (c *testCmd) watch(ctx context.Context, e *env) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return &exit{status: exitEnvironment, message: "files cannot be watched: " + err.Error()}
	}
	defer w.Close()
	t := &watchedTests{cmd: c, e: e, reads: map[string][]string{}, watch: func(dir string) error { return w.Add(dir) }}
	if err := t.begin(ctx); err != nil {
		return err
	}
	saved := map[string]bool{}
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return &exit{status: exitInterrupted}
		case err := <-w.Errors:
			return &exit{status: exitEnvironment, message: "files cannot be watched: " + err.Error()}
		case ev := <-w.Events:
			if t.matters(ev) {
				saved[clean(ev.Name)] = true
				quiet = time.After(settle)
			}
		case <-quiet:
			if err := t.saved(ctx, saved); err != nil {
				return err
			}
			clear(saved)
			quiet = nil
		}
	}
}

// watchedTests are test files with what each of them reads.
type watchedTests struct {
	cmd   *testCmd
	e     *env
	reads map[string][]string // by test file
	dirs  []string            // watched
	watch func(dir string) error
}

// begin runs all tests once.
func (t *watchedTests) begin(ctx context.Context) error {
	files, err := testFiles(t.cmd.Paths)
	if err != nil {
		return err
	}
	for _, p := range t.cmd.folders() {
		if err := t.add(p); err != nil {
			return err
		}
	}
	return t.run(ctx, files)
}

// folders are where new test files may appear: the folders given, with those in them.
func (c *testCmd) folders() []string {
	paths := c.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var out []string
	for _, p := range paths {
		if info, err := os.Stat(p); err != nil || !info.IsDir() {
			continue
		}
		_ = filepath.WalkDir(p, func(path string, d os.DirEntry, err error) error {
			switch {
			case err != nil || !d.IsDir():
				return nil
			case path != p && strings.HasPrefix(d.Name(), "."):
				return filepath.SkipDir
			}
			out = append(out, path)
			return nil
		})
	}
	return out
}

func (t *watchedTests) add(dir string) error {
	if slices.Contains(t.dirs, dir) {
		return nil
	}
	if err := t.watch(dir); err != nil {
		return &exit{status: exitEnvironment, message: fmt.Sprintf("%s cannot be watched: %v", dir, err)}
	}
	t.dirs = append(t.dirs, dir)
	return nil
}

// run runs test files, and watches what they read.
func (t *watchedTests) run(ctx context.Context, names []string) error {
	files, err := t.cmd.round(ctx, t.e, names)
	for _, f := range files {
		t.reads[f.name] = nil
		for _, name := range f.program.Files {
			t.reads[f.name] = append(t.reads[f.name], clean(name))
			if dir := filepath.Dir(clean(name)); isDir(dir) {
				if err := t.add(dir); err != nil {
					return err
				}
			}
		}
		if dir := filepath.FromSlash(golden.Folder(f.name)); isDir(dir) {
			if err := t.add(dir); err != nil {
				return err
			}
		}
	}
	var x *exit
	switch {
	case ctx.Err() != nil:
		return &exit{status: exitInterrupted}
	case errors.As(err, &x): // a test fails, or a file is wrong: that is what we are here for
		t.e.report(&exit{message: x.message, hint: x.hint})
	case err != nil:
		return err
	}
	fmt.Fprintln(t.e.stderr, t.e.paint("waiting for a file to be saved; Ctrl-C ends", "2"))
	return nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

func clean(name string) string { return filepath.Clean(filepath.FromSlash(name)) }

// matters reports whether something happened to a file that tests may read.
func (t *watchedTests) matters(ev fsnotify.Event) bool {
	if ev.Op == fsnotify.Chmod || ev.Op == 0 {
		return false
	}
	switch filepath.Ext(ev.Name) {
	case ".wf", ".yaml", ".yml", ".json":
		return true
	case ".trace":
		return !t.cmd.Update // which we write ourselves
	}
	if ev.Has(fsnotify.Create) && isDir(ev.Name) {
		_ = t.add(ev.Name)
	}
	return false
}

// saved runs the test files that read one of the files.
func (t *watchedTests) saved(ctx context.Context, names map[string]bool) error {
	all, err := testFiles(t.cmd.Paths)
	var x *exit
	if errors.As(err, &x) { // all are gone for the moment
		t.e.report(&exit{message: x.message, hint: x.hint})
		return nil
	}
	var again []string
	for _, f := range all {
		reads, known := t.reads[f]
		folder := filepath.FromSlash(golden.Folder(f))
		for name := range names {
			if !known || slices.Contains(reads, name) || filepath.Dir(name) == folder {
				again = append(again, f)
				break
			}
		}
	}
	if len(again) == 0 {
		return nil
	}
	fmt.Fprintf(t.e.stderr, "\n%s\n", t.e.paint("saved: "+joined(names), "1"))
	return t.run(ctx, again)
}

func joined(names map[string]bool) string {
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	if len(list) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:3], ", "), len(list)-3)
	}
	return strings.Join(list, ", ")
}
