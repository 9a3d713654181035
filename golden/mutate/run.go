package mutate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"wf/builtins"
	"wf/golden"
	"wf/golden/cover"
	"wf/golden/explore"
	"wf/golden/propose"
	"wf/lang"
	"wf/lang/check"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/syntax"
)

// Options of [Run]. The zero value tries all mutants.
type Options struct {
	Context  context.Context              // once it is done, no further mutant is tried; nil: never
	Kinds    []string                     // names of kinds; nil: all
	Limit    int                          // mutants that are tried at most, evenly spread; 0: all
	Catalog  check.Catalog                // signatures of registered services; nil: there are none
	Builtins func() builtins.Services     // fresh registered services for one test; nil: there are none
	Files    golden.Files                 // where golden files are; nil: golden traces are not compared
	Seed     uint64                       // of runs whose test sets none; 0: 1
	Workers  int                          // mutants at once; 0: as many as there are processors
	Plays    int                          // runs among which scenarios for survivors are looked for; 0: propose.DefaultPlays; less: none
	Begin    func(r *Report, mutants int) // told of the report that will be filled, and how many mutants there are, before the first; nil: nobody
	Report   func(*Verdict)               // told of every mutant, in order; nil: nobody
}

// Status is what came of a mutant.
type Status string

// What comes of a mutant. Only those that are killed, by whatever, and those that survive
// count: the others are no other workflow, or behave as if they were none.
const (
	Killed     Status = "killed"        // an expectation or a mock of a test fails, or the tests are wrong with it
	ByGolden   Status = "killed_golden" // only a golden trace differs, which is easily accepted
	Survived   Status = "survived"      // every test passes
	Same       Status = "alike"         // every test passes, and no run was found that tells it from the original
	Invalid    Status = "invalid"       // the definition is wrong
	Equivalent Status = "equivalent"    // the definition means the same
	Untried    Status = "untried"       // the trial was given up before
)

// Verdict is what came of a mutant.
type Verdict struct {
	*Mutant
	Status  Status
	File    string    // test file of the test that killed it; "" if none did
	Test    string    // that test; "" if the test file is wrong with it
	Why     string    // what failed, or why it is no mutant, in a line
	Code    diag.Code // of that
	Reached int       // tests that get to the place
	Remedy  *Remedy   // of a survivor; nil if none was found
	Alike   *Alike    // of one without a remedy; nil if nobody looked
	Found   string    // of a survivor: what exploring finds, though no test does; "": nothing, or nobody looked
}

// Remedy is what would notice a mutant.
type Remedy struct {
	File   string    // test file
	Test   string    // test that lacks it; "": there is none, it is a new one
	Span   diag.Span // of the run in that test, behind which it belongs
	Expect []string  // what to expect there, as it stands behind expect
	Title  string    // of a new test
	Text   string    // of a new test, as a test file says it

	scenario *propose.Scenario // of Text; nil: it was made of a case of another test
}

// Report is what came of the mutants of a definition.
type Report struct {
	File     string
	Tests    []string     // test files
	Count    int          // tests in them
	Source   []byte       // of the definition
	Sources  diag.Sources // of the definition, what it imports, and the test files
	Verdicts []*Verdict

	parsed []lang.ParsedFile // of Tests
}

// Of counts the mutants that have a status.
func (r *Report) Of(s Status) int {
	n := 0
	for _, v := range r.Verdicts {
		if v.Status == s {
			n++
		}
	}
	return n
}

// Mutants counts those that were tried and are another workflow.
func (r *Report) Mutants() int { return r.Of(Killed) + r.Of(ByGolden) + r.Of(Survived) }

// Score is how many percent of them are killed, rounded down; of none, all.
func (r *Report) Score() int {
	return cover.Share{Covered: r.Of(Killed) + r.Of(ByGolden), Total: r.Mutants()}.Percent()
}

// imported finds what a file imports.
var imported = regexp.MustCompile(`(?m)^\s*import\s+"([^"]+)"`)

// Importing lists those of the test files that read a definition.
func Importing(fsys fs.FS, tests []string, file string) []string {
	reads := map[string]bool{} // known so far; false while it is looked at
	var look func(name string) bool
	look = func(name string) bool {
		if name == path.Clean(file) {
			return true
		}
		if known, ok := reads[name]; ok {
			return known
		}
		reads[name] = false
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return false
		}
		for _, m := range imported.FindAllSubmatch(src, -1) {
			reads[name] = reads[name] || look(path.Join(path.Dir(name), string(m[1])))
		}
		return reads[name]
	}
	return slices.DeleteFunc(slices.Clone(tests), func(name string) bool { return !look(path.Clean(name)) })
}

// ErrNoTests is the error of [Run] for a definition that no test runs.
var ErrNoTests = errors.New("no test runs a workflow of it")

// ErrNoWorkflow is the error of [Run] for a file without workflows.
var ErrNoWorkflow = errors.New("there is no workflow in it")

// WrongError is the error of [Run] if the definition or a test file has errors.
type WrongError struct {
	Sources  diag.Sources
	Problems diag.List
}

func (e *WrongError) Error() string { return e.Problems.Error() }

// FailingError is the error of [Run] if tests fail without a defect: they prove nothing.
type FailingError struct {
	Sources diag.Sources
	Result  *golden.Result // of the first
}

func (e *FailingError) Error() string {
	return fmt.Sprintf("%s: %s fails without a defect: %s", e.Result.File, e.Result.Name, e.Result.Failures[0].Summary)
}

// Run tries the mutants of a definition against the test files that run a workflow of it.
// The error is a *[WrongError], [ErrNoWorkflow], [ErrNoTests] or a *[FailingError]. What comes of a mutant does not depend on who is faster.
func Run(fsys fs.FS, file string, tests []string, opts Options) (*Report, error) {
	t := &trial{fsys: fsys, file: path.Clean(file), opts: opts, report: &Report{File: file}}
	if t.opts.Seed == 0 {
		t.opts.Seed = 1
	}
	if err := t.prepare(tests); err != nil {
		return nil, err
	}
	mutants := Mutants(t.original.Tree, t.original.Source, opts.Kinds)
	if n := len(mutants); opts.Limit > 0 && n > opts.Limit {
		few := make([]Mutant, opts.Limit)
		for i := range few {
			few[i] = mutants[i*n/opts.Limit]
		}
		mutants = few
	}
	if opts.Begin != nil {
		opts.Begin(t.report, len(mutants))
	}
	t.tryAll(mutants)
	return t.report, nil
}

// trial tries mutants.
type trial struct {
	fsys     fs.FS
	file     string
	opts     Options
	original version
	graphs   []*graph.Graph // of the definition
	hashes   []string
	known    lang.Parsed // what the definition imports
	points   []diag.Span // places in the definition that tests can get to
	suites   []*tests
	report   *Report

	rehearsals map[string]*lazy // by workflow
	ran        explore.Tests    // their runs
	heard      *explore.Heard   // what services answer in them
}

// tests are a test file that runs a workflow of the definition.
type tests struct {
	name    string
	program *lang.Program
	all     []*test               // in the order of the file
	seen    map[run]*propose.Seen // what can be seen of the runs
	cases   map[string]int        // by name of a case: its place among those of its test
	longest int                   // trace of a run, in entries
	known   map[string]*known     // by workflow: what exploring finds in the original
	apart   bool                  // no two tests would have the same golden file
}

// test is a test of a file, with all its cases.
type test struct {
	name   string
	reach  []diag.Span // places in the definition that it gets to
	length int         // entries of its traces
}

// run is a run of a test.
type run struct {
	test   string
	number int
}

// stopped reports whether the trial was given up.
func (t *trial) stopped() bool { return t.opts.Context != nil && t.opts.Context.Err() != nil }

// version is the definition in some form: as it is, or with a defect.
type version = lang.ParsedFile

// load reads a file with a version of the definition; what was read before is not read
// again.
func (t *trial) load(name string, v version, known lang.Parsed, probe bool) (*lang.Program, diag.List) {
	all := maps.Clone(known)
	if all == nil {
		all = lang.Parsed{}
	}
	if v.Tree != nil {
		all[t.file] = v
	}
	return lang.Load(t.fsys, name, lang.Options{Catalog: t.opts.Catalog, StubHandlers: name == t.file, Probe: probe, Parsed: all})
}

// prepare reads the definition and its tests, and runs these.
func (t *trial) prepare(names []string) error {
	if err := t.read(); err != nil {
		return err
	}
	if len(t.graphs) == 0 {
		return ErrNoWorkflow
	}
	for _, name := range names {
		p, problems := t.load(name, t.original, nil, true)
		if !slices.Contains(p.Files, t.file) {
			continue
		}
		if problems.HasErrors() {
			return &WrongError{p.Sources, problems}
		}
		if p.Suite == nil || !slices.ContainsFunc(golden.Workflows(p.Suite), t.concerns) {
			continue
		}
		s := &tests{name: name, program: p, seen: map[run]*propose.Seen{}, cases: map[string]int{}, known: map[string]*known{}}
		for _, g := range golden.Workflows(p.Suite) {
			s.known[g.FullName()] = &known{}
		}
		if err := t.baseline(s); err != nil {
			return err
		}
		t.suites = append(t.suites, s)
		t.report.Sources[name] = p.Sources[name]
		t.report.Tests, t.report.parsed = append(t.report.Tests, name), append(t.report.parsed, p.Parsed[name])
	}
	if len(t.suites) == 0 {
		return ErrNoTests
	}
	t.heard = t.ran.Heard()
	t.rehearsals = map[string]*lazy{}
	for _, g := range t.graphs {
		t.rehearsals[g.FullName()] = &lazy{}
	}
	return nil
}

// read reads the definition. One in YAML is taken as wf convert writes it.
func (t *trial) read() error {
	if ext := path.Ext(t.file); ext == ".yaml" || ext == ".yml" {
		src, problems, sources := lang.Convert(t.fsys, t.file, lang.ConvertOptions{Options: lang.Options{Catalog: t.opts.Catalog}, As: strings.TrimSuffix(t.file, ext) + ".wf"})
		if problems.HasErrors() {
			return &WrongError{sources, problems}
		}
		t.original.Source = src
		t.original.Tree, _ = syntax.Parse(t.file, src)
	}
	p, problems := t.load(t.file, t.original, nil, true)
	if problems.HasErrors() {
		return &WrongError{p.Sources, problems}
	}
	t.original = p.Parsed[t.file]
	t.graphs, t.hashes, t.known = p.Workflows, hashes(p.Workflows), without(p.Parsed, t.file)
	t.report.Source, t.report.Sources = t.original.Source, p.Sources
	return nil
}

// concerns reports whether a workflow is of the definition, or calls one that is.
func (t *trial) concerns(g *graph.Graph) bool {
	return slices.ContainsFunc(append(g.Called(), g), func(g *graph.Graph) bool { return path.Clean(g.Span.File) == t.file })
}

// without is what was read, but one file.
func without(known lang.Parsed, file string) lang.Parsed {
	out := maps.Clone(known)
	delete(out, file)
	return out
}

func hashes(list []*graph.Graph) []string {
	out := make([]string, len(list))
	for i, g := range list {
		out[i], _ = g.Hash()
	}
	return out
}

func (t *trial) options() golden.Options {
	return golden.Options{Context: t.opts.Context, Builtins: t.opts.Builtins, Seed: t.opts.Seed, Workers: 1, Files: t.opts.Files, NoGolden: t.opts.Files == nil}
}

// baseline runs the tests without a defect: they must pass, and show what they reach.
func (t *trial) baseline(s *tests) error {
	profile := &cover.Profile{}
	for _, g := range golden.Workflows(s.program.Suite) {
		profile.Define(g)
	}
	for _, own := range s.program.Suite.Tests {
		s.all = append(s.all, &test{name: own.Name})
	}
	of := func(r *golden.Result) *test {
		return s.all[slices.IndexFunc(s.program.Suite.Tests, func(own *suite.Test) bool { return own.Span == r.Span })]
	}
	opts := t.options()
	opts.Cover = profile
	opts.Ran = func(r *golden.Result, mine *golden.Ran) {
		own := of(r)
		own.length += len(mine.Entries)
		s.longest = max(s.longest, len(mine.Entries))
		t.ran.Ran(r, mine)
		s.seen[run{r.Name, mine.Number}] = propose.See(mine.Graph, mine.Result, mine.Entries)
	}
	opts.Reached = func(r *golden.Result, rec *cover.Recorder) {
		own := of(r)
		for _, w := range profile.Workflows() {
			for i := range w.Points {
				if path.Clean(w.Points[i].Span.File) == t.file && rec.Covers(w.Graph, i) {
					own.reach = append(own.reach, w.Points[i].Span)
				}
			}
		}
	}
	files, ofTest := map[string]bool{}, map[diag.Span]int{}
	s.apart = true
	for _, r := range golden.Run(s.program, opts) {
		if !r.Passed() {
			return &FailingError{s.program.Sources, r}
		}
		name := golden.FileName(r.File, r.Name)
		s.apart = s.apart && !files[name]
		files[name] = true
		s.cases[r.Name] = ofTest[r.Span]
		ofTest[r.Span]++
		t.report.Count++
	}
	for _, w := range profile.Workflows() {
		for i := range w.Points {
			t.points = append(t.points, w.Points[i].Span)
		}
	}
	return nil
}

// covered reports whether tests can be seen to get to a part of the definition.
func (t *trial) covered(scope diag.Span) bool { return contains(scope, t.points) }

func contains(scope diag.Span, points []diag.Span) bool {
	return slices.ContainsFunc(points, func(at diag.Span) bool {
		return path.Clean(at.File) == path.Clean(scope.File) && scope.Start <= at.Start && at.End <= scope.End
	})
}

// ranked lists the tests of a file as they are run with a mutant: first those that get to
// the place, short ones before long ones. reached is how many of them do.
func (t *trial) ranked(s *tests, scope diag.Span) (names []string, reached int) {
	all := slices.Clone(s.all)
	visible := t.covered(scope)
	gets := map[*test]bool{}
	for _, own := range all {
		if gets[own] = !visible || contains(scope, own.reach); gets[own] {
			reached++
		}
	}
	slices.SortStableFunc(all, func(a, b *test) int {
		if gets[a] != gets[b] {
			if gets[a] {
				return -1
			}
			return 1
		}
		return a.length - b.length
	})
	for _, own := range all {
		names = append(names, own.name)
	}
	return names, reached
}

// tryAll tries the mutants, several at once, and reports them in order.
func (t *trial) tryAll(mutants []Mutant) {
	t.report.Verdicts = make([]*Verdict, len(mutants))
	done := make([]chan struct{}, len(mutants))
	for i := range done {
		done[i] = make(chan struct{})
	}
	var next atomic.Int64
	workers := t.opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	for range min(workers, len(mutants)) {
		go func() {
			for i := int(next.Add(1)) - 1; i < len(mutants); i = int(next.Add(1)) - 1 {
				v := &Verdict{Mutant: &mutants[i]}
				if t.try(v); t.stopped() && (v.Status == "" || v.Status == Survived) {
					v.Status = Untried
				}
				t.report.Verdicts[i] = v
				close(done[i])
			}
		}()
	}
	for i := range done {
		<-done[i]
		if t.opts.Report != nil {
			t.opts.Report(t.report.Verdicts[i])
		}
	}
}

// try finds out what comes of a mutant.
func (t *trial) try(v *Verdict) {
	if t.stopped() {
		return
	}
	mutant := version{Source: v.Apply(t.original.Source)}
	var problems diag.List
	mutant.Tree, problems = syntax.Parse(t.file, mutant.Source)
	var p *lang.Program
	if !problems.HasErrors() {
		p, problems = t.load(t.file, mutant, t.known, false)
	}
	if first := firstError(problems); first != nil {
		v.Status, v.Why, v.Code = Invalid, first.Summary, first.Code
		return
	}
	if slices.Equal(hashes(p.Workflows), t.hashes) {
		v.Status = Equivalent
		return
	}
	for _, s := range t.suites {
		names, reached := t.ranked(s, v.Scope)
		v.Reached += reached
		for len(names) > 0 && v.Status != Killed && !t.stopped() {
			n := len(names)
			if s.apart {
				n = min(n, portion)
			}
			t.kills(v, s, mutant, names[:n])
			names = names[n:]
		}
	}
	if t.stopped() || v.Status != "" {
		return
	}
	if v.Status = Survived; t.opts.Plays >= 0 {
		t.remedy(v, mutant)
	}
}

// portion is how many tests are read and run before the next ones are: most mutants are
// killed by one of the first that get to the place.
const portion = 4

// some reads tests of a file, those of the names only.
func (t *trial) some(s *tests, v version, names []string) (*lang.Program, diag.List) {
	known := maps.Clone(s.program.Parsed)
	whole := known[s.name]
	tree := *whole.Tree
	tree.Decls = slices.DeleteFunc(slices.Clone(tree.Decls), func(d syntax.Decl) bool {
		own, ok := d.(*syntax.Test)
		return ok && !slices.Contains(names, own.Name.Value)
	})
	known[s.name] = lang.ParsedFile{Source: whole.Source, Tree: &tree}
	return t.load(s.name, v, known, false)
}

func firstError(problems diag.List) *diag.Diagnostic {
	for _, d := range problems {
		if d.Severity == diag.Error {
			return d
		}
	}
	return nil
}

// kills runs tests of a file with a mutant, in the order of their names. A golden trace
// kills only if nothing else does.
func (t *trial) kills(v *Verdict, s *tests, mutant version, names []string) {
	p, problems := t.some(s, mutant, names)
	if first := firstError(problems); first != nil {
		v.Status, v.File, v.Why, v.Code = Killed, s.name, first.Summary, first.Code
		return
	}
	rank := map[diag.Span]int{}
	for _, own := range p.Suite.Tests {
		rank[own.Span] = slices.Index(names, own.Name)
	}
	opts := t.options()
	opts.First = func(r *golden.Result) int { return rank[r.Span] }
	opts.Longest = s.endless()
	opts.Enough = func(r *golden.Result) bool { return killer(r) != nil }
	for _, r := range golden.Run(p, opts) {
		if r.Passed() {
			continue
		}
		f, status := killer(r), Killed
		if f == nil {
			f, status = r.Failures[0], ByGolden
		}
		if v.Status == "" || status == Killed {
			v.Status, v.File, v.Test, v.Why, v.Code = status, r.File, r.Name, f.Summary, f.Code
		}
		if status == Killed {
			return
		}
	}
}

// endless is how many entries the trace of a run may have until it is taken for one that
// never ends.
func (s *tests) endless() int { return 100*s.longest + 10_000 }

// killer is the first failure of a test that is not about its golden trace; nil if there
// is none.
func killer(r *golden.Result) *golden.Failure {
	for _, f := range r.Failures {
		if f.Code != golden.CodeGolden {
			return f
		}
	}
	return nil
}
