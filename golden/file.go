package golden

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/suite"
)

// Folder is where the golden files of a test file are: beside it, under its name.
func Folder(file string) string {
	base := path.Base(file)
	base = strings.TrimSuffix(strings.TrimSuffix(base, path.Ext(base)), "_test")
	return path.Join(path.Dir(file), "golden", base)
}

// FileName is the golden file of a test: its name in letters that every file system
// takes.
func FileName(file, test string) string {
	var b strings.Builder
	dash := false
	for _, c := range strings.ToLower(test) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			if dash && b.Len() > 0 {
				b.WriteByte('_')
			}
			b.WriteRune(c)
			dash = false
		default:
			dash = true
		}
	}
	name := b.String()
	if len(name) > 80 {
		name = name[:80]
	}
	if name == "" {
		name = "test"
	}
	return path.Join(Folder(file), name+".trace")
}

// golden compares the trace of the last run with its golden file, or writes it.
func (s *scenario) golden(st *suite.Golden) {
	if s.last == nil || s.last.result == nil {
		return
	}
	if s.opts.Files == nil {
		s.result.fail(CodeGolden, st.Span, "there is no place for golden files here")
		return
	}
	name := s.file
	if s.result.Golden != "" {
		s.result.fail(CodeGolden, st.Span, "one golden trace a test: %s is it already", s.result.Golden)
		return
	}
	s.result.Golden = name
	var b bytes.Buffer
	if err := machine.WriteText(&b, s.last.entries); err != nil {
		s.result.fail(CodeGolden, st.Span, "%v", err)
		return
	}
	trace := aliased(b.Bytes())
	old, err := fs.ReadFile(s.opts.Files, name)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		s.result.fail(CodeGolden, st.Span, "%s cannot be read: %v", name, err)
		s.result.FileError = err
		return
	}
	switch {
	case !missing && bytes.Equal(old, trace):
	case s.opts.Update:
		s.update(st, name, old, trace, missing)
	case missing:
		s.result.fail(CodeGolden, st.Span, "there is no golden file %s yet", name).Hintf("wf test --update writes it; review it like code")
	default:
		f := s.result.fail(CodeGolden, st.Span, "the trace differs from %s", name)
		f.Hintf("wf test --update rewrites it, if the new behaviour is right")
		if version, _, _ := bytes.Cut(old, []byte("\n")); !bytes.HasPrefix(trace, append(version, '\n')) {
			f.Hintf("it is not of the version that is written now, trace %d; wf test --update rewrites it", machine.TraceVersion)
		}
		f.Detail = unified("expected "+name, old, "actual", trace)
	}
}

func (s *scenario) update(st *suite.Golden, name string, old, data []byte, isNew bool) {
	if err := s.opts.Files.Write(name, data); err != nil {
		s.result.fail(CodeGolden, st.Span, "%s cannot be written: %v", name, err)
		s.result.FileError = err
		return
	}
	if s.result.Changed = "new"; !isNew {
		s.result.Changed = "changed"
		s.result.Change = unified("before", old, "now", data)
	}
}

// Orphans lists the golden files that none of the results used, beside the programs'
// test files: of tests that are gone, and of test files that are. It is meaningful only
// if all tests were run.
func Orphans(programs []*lang.Program, files Files, results []*Result) ([]string, error) {
	used := map[string]bool{}
	for _, r := range results {
		used[r.Golden] = true
	}
	mine, parents := map[string]bool{}, []string{}
	for _, p := range programs {
		folder := Folder(p.Suite.File)
		mine[folder] = true
		parents = append(parents, path.Dir(folder))
	}
	slices.Sort(parents)
	var out []string
	for _, parent := range slices.Compact(parents) {
		folders, err := list(files, parent)
		if err != nil {
			return nil, err
		}
		for _, f := range folders {
			folder := path.Join(parent, f.Name())
			if !f.IsDir() || !mine[folder] && hasTests(files, folder) {
				continue
			}
			traces, err := list(files, folder)
			if err != nil {
				return nil, err
			}
			for _, e := range traces {
				if name := path.Join(folder, e.Name()); strings.HasSuffix(name, ".trace") && !used[name] {
					out = append(out, name)
				}
			}
		}
	}
	return out, nil
}

// list reads a folder; one that is not there is empty.
func list(fsys fs.FS, name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// hasTests reports whether the test file is there that a folder of golden files belongs
// to.
func hasTests(fsys fs.FS, folder string) bool {
	base := path.Join(path.Dir(path.Dir(folder)), path.Base(folder))
	if _, err := fs.Stat(fsys, base+"_test.wf"); err == nil {
		return true
	}
	text, err := fs.ReadFile(fsys, base+".wf") // one whose name does not say so
	return err == nil && bytes.Contains(text, []byte("expect golden"))
}

// Orphaned is the diagnostic for a golden file that belongs to no test.
func Orphaned(name string) *diag.Diagnostic {
	return diag.Warnf(CodeOrphaned, diag.Span{File: name}, "this golden file belongs to no test").Hintf("wf test --update removes it")
}
