package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"wf/golden"
	"wf/golden/propose"
	"wf/interpreter/durable"
	"wf/interpreter/journal"
)

type exportCmd struct {
	storeFlags
	answers
	ID  string `arg:"" name:"run" help:"Id of the run, or the beginning of it."`
	Out string `short:"o" help:"Write the test into this folder, with the definition that the run began with; without it, beside the definition." placeholder:"DIR" predictor:"file"`
}

// Help is shown by wf export --help.
func (exportCmd) Help() string {
	return `Writes a run that has ended as a test, with its trace as golden file: its input, what each service
answered, what failed and got lost, what was done from outside, and when. The test passes at once, and
notices when a change of the definition makes the run take another way. What the run was told in
secret is made up in it.

Examples:
  wf export refund-9 --store runs.db -o incident`
}

// Run writes the test.
func (c *exportCmd) Run(e *env) error {
	s, rec, err := c.openRun(c.ID)
	if err != nil {
		return err
	}
	defer s.Close()
	if rec.Ended.IsZero() {
		return wrong("run %s has not ended; it can be written as a test when it has", rec.ID).hinted("wf show %s --store %s says where it stands", rec.ID, c.Store)
	}
	d, run, err := c.past(e, s, rec)
	if err != nil {
		return err
	}
	to, err := c.target(e, d)
	if err != nil {
		return err
	}
	test := strings.TrimSuffix(to.main, path.Ext(to.main)) + "_" + fileName(rec.ID) + "_test.wf"
	out, err := propose.Record(to.files, to.main, test, func() propose.Services { return services(1) }, run)
	if err != nil {
		return wrong("run %s: %v", rec.ID, err)
	}
	written := map[string][]byte{out.Name: []byte(out.Text)}
	maps.Copy(written, to.write)
	if out.Golden != "" { // else the test came to no end
		written[out.Golden] = []byte(out.Trace)
	}
	if err := to.put(e, written); err != nil {
		return err
	}
	if len(out.MadeUp) > 0 {
		fmt.Fprintf(e.stderr, "made up, because it is secret: %s\n", strings.Join(out.MadeUp, ", "))
	}
	if len(out.Differs) > 0 {
		x := &exit{status: exitFailed, message: "the test does not take the way of the run:\n  " + strings.Join(out.Differs, "\n  ")}
		return x.hinted("a time that is not told from the start of the run, its id, a secret, or a changed definition makes a difference")
	}
	return nil
}

// past is what a store knows of a run.
func (c *exportCmd) past(e *env, s *opened, rec journal.Record) (d journal.Definition, run propose.Run, err error) {
	cast, err := c.cast(e)
	if err != nil {
		return d, run, err
	}
	ctx := context.Background()
	if d, err = s.Definition(ctx, rec.Definition); err != nil {
		return d, run, environment(err)
	}
	_, g, err := cast.recompile(d)
	if err != nil {
		return d, run, wrong("the definition of run %s cannot be compiled here: %v", rec.ID, err)
	}
	h, err := durable.Load(ctx, s, s.key, rec.Run, g)
	if err != nil {
		return d, run, environment(err)
	}
	return d, propose.Run{Graph: g, Input: h.Input, ID: rec.ID, CorrelationID: rec.Correlation, Seed: rec.Seed, Start: rec.Start, Events: h.Events}, nil
}

// target is where a test is written.
type target struct {
	dir   string
	files fs.FS // as the test will find them
	main  string
	write map[string][]byte // the definition, if it is to be written too
}

// target finds out where the test goes.
func (c *exportCmd) target(e *env, d journal.Definition) (*target, error) {
	if c.Out != "" {
		root, files := gathered(d)
		if root == "" {
			return nil, wrong("the files of the definition are not in one folder: %s", strings.Join(slices.Sorted(maps.Keys(d.Files)), ", "))
		}
		return &target{dir: c.Out, files: storedFS(files), main: strings.TrimPrefix(path.Clean(d.Main), root), write: files}, nil
	}
	changed := false
	for _, name := range slices.Sorted(maps.Keys(d.Files)) {
		text, err := os.ReadFile(filepath.FromSlash(name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, wrong("%s: the run began with this file, and it is not here", name).hinted("-o DIR writes the test together with the definition")
		} else if err != nil {
			return nil, &exit{status: exitEnvironment, message: err.Error()}
		}
		changed = changed || !bytes.Equal(text, d.Files[name])
	}
	if changed {
		fmt.Fprintf(e.stderr, "%s has changed since the run began; the test is of the present one\n", d.Main)
	}
	return &target{files: hostFS{}, main: path.Clean(d.Main)}, nil
}

// gathered are the files of a definition, as seen from the folder that has them all: root,
// with a slash behind it, or "./" for the present one. It is "" if there is none.
func gathered(d journal.Definition) (root string, files map[string][]byte) {
	names := slices.Sorted(maps.Keys(d.Files))
	dir := path.Dir(path.Clean(names[0]))
	for _, name := range names {
		for dir != "." && dir != "/" && !strings.HasPrefix(path.Clean(name), dir+"/") {
			dir = path.Dir(dir)
		}
	}
	root = dir + "/"
	if dir == "/" {
		root = dir
	}
	files = map[string][]byte{}
	for name, text := range d.Files {
		name = strings.TrimPrefix(path.Clean(name), root)
		if strings.HasPrefix(name, "../") || path.IsAbs(name) {
			return "", nil
		}
		files[name] = text
	}
	return root, files
}

// fileName is an id in letters that every file system takes.
func fileName(id string) string {
	name := path.Base(golden.FileName("x_test.wf", id))
	return strings.TrimSuffix(name, path.Ext(name))
}

// put writes files, none of them over another one.
func (t *target) put(e *env, files map[string][]byte) error {
	names := slices.Sorted(maps.Keys(files))
	at := func(name string) string { return filepath.Join(t.dir, filepath.FromSlash(name)) }
	for _, name := range names {
		if old, err := os.ReadFile(at(name)); err == nil && !bytes.Equal(old, files[name]) {
			return wrong("%s is there already, and says something else", at(name)).hinted("remove it, or write into another folder: -o DIR")
		}
	}
	for _, name := range names {
		err := os.MkdirAll(filepath.Dir(at(name)), 0o755)
		if err == nil {
			err = os.WriteFile(at(name), files[name], 0o644)
		}
		if err != nil {
			return &exit{status: exitEnvironment, message: err.Error()}
		}
		fmt.Fprintln(e.stdout, filepath.ToSlash(at(name)))
	}
	return nil
}
