package lang

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"wf/lang/check"
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
)

// Options of [Load]. The zero value knows no registered services.
type Options struct {
	Catalog      check.Catalog // services registered in Go; nil: none
	Environment  string        // YAML: which of its environments to merge in; "": none
	StubHandlers bool          // YAML: take any handler_class as registered
	Probe        bool          // compile expressions with probes, so that coverage sees which way each goes
	Uncalled     bool          // invariants may be about operations that no run calls, because another version of the workflow does
	Index        bool          // make an index of the names, for editors
	Typed        diag.Span     // with Index: where a name stands that is being typed, see Program.Known
	Parsed       Parsed        // files that were read before and are not read again; nil: none
	Cache        *expr.Cache   // of expressions, for those who load nearly the same again and again; nil: none
	Thorough     bool          // warn also of what a sketch may leave out, and what runs in earnest may not: bounds in time
}

// Program is what a file defines.
type Program struct {
	Workflows []*graph.Graph   // of the file itself, in order
	Services  []*check.Service // declared in the file and its imports
	Suite     *suite.Suite     // of a test file; nil for any other
	Sources   diag.Sources     // text of every file read, for printing diagnostics
	Files     []string         // names of every file looked for: sources, in the order in which they are imported, then data
	Tree      *syntax.File     // of the file itself; nil if it could not be read
	Parsed    Parsed           // what was read without errors, for [Options]
	Index     *check.Index     // nil unless it was asked for
	Known     []diag.Known     // what could stand in the place of the name that is being typed
	KnownFor  diag.Code        // what is said of that name
}

// Parsed are files that were read, by name. Checking them does not change them, so that
// several loads may share them.
type Parsed map[string]ParsedFile

// ParsedFile is the text of a file and what it says.
type ParsedFile struct {
	Source []byte
	Tree   *syntax.File
}

// Workflow finds a workflow by name, with or without its namespace; "" means the
// only one. The error says what there is to choose from.
func (p *Program) Workflow(name string) (*graph.Graph, error) {
	var names, full []string
	var found []*graph.Graph
	for _, g := range p.Workflows {
		names = append(names, g.FullName())
		switch name {
		case g.FullName():
			return g, nil
		case g.Name, "":
			full, found = append(full, g.FullName()), append(found, g)
		}
	}
	switch {
	case len(names) == 0:
		return nil, errors.New("the file defines no workflow")
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && name == "":
		return nil, fmt.Errorf("the file defines several workflows, choose one: %s", strings.Join(names, ", "))
	case len(found) > 1:
		return nil, fmt.Errorf("the file defines %d workflows %s, choose one: %s", len(found), name, strings.Join(full, ", "))
	}
	hint := diag.DidYouMean(name, names)
	if hint == "" {
		hint = "there is " + strings.Join(names, ", ")
	}
	return nil, fmt.Errorf("no workflow %s in the file; %s", name, hint)
}

// Limits of a definition.
const (
	MaxFiles    = 1000          // imported files
	MaxSize     = token.MaxSize // bytes of a file
	MaxProblems = 500           // problems told at once
)

// Load reads a file with everything it imports, and checks it. Import paths are
// relative to the importing file. The program is usable as far as it goes beside
// errors; it must not be run if the list has errors.
func Load(fsys fs.FS, name string, opts Options) (*Program, diag.List) {
	l := &loader{fsys: fsys, opts: opts, looked: []string{name}, files: map[string]*syntax.File{}, sources: diag.Sources{}, parsed: Parsed{},
		unit: &check.Unit{Imports: map[*syntax.File][]*syntax.File{}, Data: map[*syntax.Let]any{}}}
	l.unit.Sources = l.sources
	p := &Program{Sources: l.sources, Files: l.looked}
	main, err := l.open(name)
	if err != nil {
		d := diag.Errorf(check.CodeImport, diag.Span{File: name}, "%s", cause(err))
		d.Hint = nearFile(fsys, name)
		return p, diag.List{d}
	}
	l.unit.Main = main
	l.imports()
	for _, f := range l.order {
		l.data(f)
	}
	p.Tree = l.unit.Main
	lost := l.lost()
	res, problems := check.Check(l.unit, check.Options{Catalog: opts.Catalog, StubHandlers: opts.StubHandlers, Uncalled: opts.Uncalled, Probe: opts.Probe, Index: opts.Index, Typed: opts.Typed, Thorough: opts.Thorough, Cache: opts.Cache})
	p.known(opts.Typed, slices.Concat(problems, l.problems))
	for _, d := range problems {
		if lost.leads(d) {
			continue
		}
		if lost.all && d.Code == check.CodeUnknownField && !d.Suggests() {
			continue // it may be one of those that could not be read
		}
		l.problems.Add(d)
	}
	p.Files, p.Parsed = l.looked, l.parsed
	p.Workflows, p.Services, p.Suite, p.Index = res.Workflows, res.Services, res.Suite, res.Index
	l.problems.Sort()
	return p, few(l.problems)
}

// known finds out what could stand in the place of a name.
func (p *Program) known(typed diag.Span, problems diag.List) {
	if typed.IsZero() {
		return
	}
	for _, d := range problems {
		if d.KnownAt == typed && d.Known != nil {
			p.Known, p.KnownFor = d.Known, d.Code
			return
		}
	}
}

// few cuts a list that nobody reads to its end.
func few(problems diag.List) diag.List {
	if len(problems) <= MaxProblems {
		return problems
	}
	d := diag.Warnf(token.CodeLimit, problems[MaxProblems].Span, "there are %d problems more; %d are told", len(problems)-MaxProblems, MaxProblems)
	if problems[MaxProblems:].HasErrors() {
		d.Severity = diag.Error
	}
	return append(problems[:MaxProblems:MaxProblems], d)
}

// losses are what could not be read.
type losses struct {
	words   map[string]bool // names in it
	all     bool            // it may hold any name
	files   map[string]bool // files in YAML with errors
	wrong   bool            // some text could not be read as it stands
	sources diag.Sources
}

// consequences are what a name that is lost leads to elsewhere.
var consequences = []diag.Code{
	check.CodeUnknownName, check.CodeUnknownStep, check.CodeUnknownType, check.CodeUnknownService, check.CodeUnknownOp,
	check.CodeUnknownPolicy, check.CodeUnknownArgument, check.CodeImpossible, check.CodeUnused,
}

// leftovers are what a part of a YAML file that could not be read leads to where it stands;
// other files know of each statement whether it is whole.
var leftovers = []diag.Code{check.CodeUnused, check.CodeEmptyStep, check.CodeMissingArgument, check.CodeNoEnding}

// lost lists what could not be read of the files.
func (l *loader) lost() *losses {
	lost := &losses{words: map[string]bool{}, files: map[string]bool{}, sources: l.sources}
	for _, f := range l.order {
		lost.all = lost.all || f.Gaps
		for _, span := range f.Lost {
			for _, name := range names(l.sources[f.Name][span.Start:span.End]) {
				lost.words[name] = true
			}
		}
	}
	lost.wrong = l.problems.HasErrors()
	for _, d := range l.problems {
		ext := path.Ext(d.Span.File)
		lost.all = lost.all || d.Code == check.CodeImport
		lost.files[d.Span.File] = lost.files[d.Span.File] || d.Severity == diag.Error && (ext == ".yaml" || ext == ".yml")
	}
	return lost
}

// leads reports whether a diagnostic follows from what is lost.
func (l *losses) leads(d *diag.Diagnostic) bool {
	switch {
	case slices.Contains(leftovers, d.Code) && l.files[d.Span.File]:
		return true
	case d.Code == check.CodeUnusedDecl && l.wrong:
		return true
	case !slices.Contains(consequences, d.Code):
		return false
	case l.all:
		return true
	}
	src := l.sources[d.Span.File]
	if len(l.words) == 0 || d.Span.Start > d.Span.End || d.Span.End > len(src) {
		return false
	}
	return slices.ContainsFunc(names(src[d.Span.Start:d.Span.End]), func(name string) bool { return l.words[name] })
}

// names are the words of a text.
func names(src []byte) []string {
	var out []string
	tokens, _, _ := token.Scan("", string(src))
	for _, t := range tokens {
		if t.Kind == token.Ident {
			out = append(out, string(src[t.Start:t.End]))
		}
	}
	return out
}

type loader struct {
	fsys     fs.FS
	opts     Options
	looked   []string // names of files
	files    map[string]*syntax.File
	order    []*syntax.File
	sources  diag.Sources
	parsed   Parsed
	unit     *check.Unit
	problems diag.List
}

// open reads a file, unless it was read before.
func (l *loader) open(name string) (*syntax.File, error) {
	if known, ok := l.opts.Parsed[name]; ok {
		l.sources[name], l.files[name], l.parsed[name] = known.Source, known.Tree, known
		l.order = append(l.order, known.Tree)
		return known.Tree, nil
	}
	src, err := read(l.fsys, name)
	if err != nil {
		return nil, err
	}
	before := len(l.problems)
	f := l.parse(name, src)
	if !l.problems[before:].HasErrors() {
		l.parsed[name] = ParsedFile{src, f}
	}
	return f, nil
}

// parse reads one source by the rules of its ending.
func (l *loader) parse(name string, src []byte) *syntax.File {
	l.sources[name] = src
	var f *syntax.File
	var problems diag.List
	switch path.Ext(name) {
	case ".yaml", ".yml":
		f, problems = syntax.ParseYAML(name, src, l.opts.Environment)
	default:
		f, problems = syntax.Parse(name, src)
	}
	l.problems = append(l.problems, problems...)
	l.files[name] = f
	l.order = append(l.order, f)
	return f
}

// imports reads the imports of every file read so far, and of those.
func (l *loader) imports() {
	for i := 0; i < len(l.order); i++ {
		f := l.order[i]
		for _, d := range f.Decls {
			if imp, ok := d.(*syntax.Import); ok {
				if g := l.follow(f, imp); g != nil {
					l.unit.Imports[f] = append(l.unit.Imports[f], g)
				}
			}
		}
	}
}

func (l *loader) follow(from *syntax.File, imp *syntax.Import) *syntax.File {
	target := imp.Path.Value
	if target == "" || path.IsAbs(target) || strings.Contains(target, `\`) {
		l.problems.Add(diag.Errorf(check.CodeImport, imp.Path.Span, "an import names a file relative to this one, with / between folders"))
		return nil
	}
	name := path.Join(path.Dir(from.Name), target)
	if f := l.files[name]; f != nil {
		return f
	}
	if len(l.order) >= MaxFiles {
		l.problems.Add(diag.Errorf(check.CodeImport, imp.Path.Span, "more than %d files are imported", MaxFiles))
		return nil
	}
	l.looked = append(l.looked, name)
	f, err := l.open(name)
	if err != nil {
		d := diag.Errorf(check.CodeImport, imp.Path.Span, "cannot import %s: %s", name, cause(err))
		d.Hint = nearFile(l.fsys, name)
		l.problems.Add(d)
		return nil
	}
	return f
}

// data reads the JSON files that the lets of a test file name.
func (l *loader) data(f *syntax.File) {
	syntax.Walk(f, func(n any) bool {
		let, ok := n.(*syntax.Let)
		if !ok || let.Read == nil {
			return true
		}
		v, err := l.json(f, let.Read.Value)
		if err != nil {
			l.problems.Add(diag.Errorf(check.CodeImport, let.Read.Span, "cannot read %s: %s", let.Read.Value, cause(err)))
		} else {
			l.unit.Data[let] = v
		}
		return true
	})
}

func (l *loader) json(from *syntax.File, target string) (any, error) {
	if target == "" || path.IsAbs(target) || strings.Contains(target, `\`) {
		return nil, errors.New("a file is named relative to this one, with / between folders")
	}
	if !slices.ContainsFunc(from.Decls, func(d syntax.Decl) bool { _, ok := d.(*syntax.Test); return ok }) {
		return nil, errors.New("only test files read data; a workflow gets it as input")
	}
	name := path.Join(path.Dir(from.Name), target)
	l.looked = append(l.looked, name)
	src, err := read(l.fsys, name)
	if err != nil {
		return nil, err
	}
	return value.DecodeJSON(src)
}

// read reads a file that is not larger than any definition may be.
func read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	return io.ReadAll(io.LimitReader(f, token.MaxSize+1))
}

// cause is what went wrong without the operating system's repetition of the name.
func cause(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file"
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// nearFile suggests a file of the same folder with a similar name.
func nearFile(fsys fs.FS, name string) string {
	entries, err := fs.ReadDir(fsys, path.Dir(name))
	if err != nil {
		return ""
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return diag.DidYouMean(path.Base(name), names)
}
