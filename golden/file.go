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
	old, err := fs.ReadFile(s.opts.Files, name)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		s.result.fail(CodeGolden, st.Span, "%s cannot be read: %v", name, err)
		return
	}
	switch {
	case !missing && bytes.Equal(old, b.Bytes()):
	case s.opts.Update:
		s.update(st, name, b.Bytes(), missing)
	case missing:
		s.result.fail(CodeGolden, st.Span, "there is no golden file %s yet", name).Hintf("wf test --update writes it; review it like code")
	default:
		f := s.result.fail(CodeGolden, st.Span, "the trace differs from %s", name)
		f.Hintf("wf test --update rewrites it, if the new behaviour is right")
		f.Detail = unified("expected "+name, old, "actual", b.Bytes())
	}
}

func (s *scenario) update(st *suite.Golden, name string, data []byte, isNew bool) {
	if err := s.opts.Files.Write(name, data); err != nil {
		s.result.fail(CodeGolden, st.Span, "%s cannot be written: %v", name, err)
		return
	}
	s.result.Changed = "changed"
	if isNew {
		s.result.Changed = "new"
	}
}

// Orphans lists the golden files of a test file that none of its results used. It is
// meaningful only if all tests were run.
func Orphans(p *lang.Program, files Files, results []*Result) ([]string, error) {
	if p.Suite == nil || files == nil {
		return nil, nil
	}
	var used []string
	for _, r := range results {
		used = append(used, r.Golden)
	}
	entries, err := fs.ReadDir(files, Folder(p.Suite.File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		name := path.Join(Folder(p.Suite.File), e.Name())
		if strings.HasSuffix(name, ".trace") && !slices.Contains(used, name) {
			out = append(out, name)
		}
	}
	return out, err
}

// Orphaned is the diagnostic for a golden file that belongs to no test.
func Orphaned(name string) *diag.Diagnostic {
	return diag.Warnf(CodeOrphaned, diag.Span{File: name}, "this golden file belongs to no test").Hintf("wf test --update removes it")
}
