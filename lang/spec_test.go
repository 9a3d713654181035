package lang_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wf/builtins"
	"wf/golden"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/check"
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
	"wf/mocks"
)

/*
SPEC.md is executed. Its examples are fenced blocks that stand directly below one
another; the kind of each tells what it is:

	wf                         a definition, or the inside of a workflow or step
	wf text                    its exact diagnostics; without text there are none
	wf [json] [wf mocks] text  what a run with that input and those services came to, warnings aside:
	                           the whole trace if the text begins with "trace", the
	                           violations of the input if it does not fit, else the
	                           line of each step's end and of the run's
	wf [json] [wf mocks] jsonl the trace as JSON
	wf order.wf, fetch.wf      the workflows that the examples of tests import
	wf packing.wf              another one that they import, with handlers
	wf paired.wf, asking.wf    others: one says the keys of its calls, one waits for a signal
	wf test [text]             a test file, and what its failing tests print; without
	                           text all of them pass

Tables are known by their first line. `WF_UPDATE=1 go test ./lang -run Spec` writes what
came of everything.
*/

// update says to rewrite what tests compare with, as in every test of this module.
var update = os.Getenv("WF_UPDATE") != ""

const specFile = "SPEC.md"

func TestSpec(t *testing.T) {
	doc := readSpec(t)
	for _, ex := range doc.examples {
		t.Run(fmt.Sprintf("line %d", ex.wf.line), func(t *testing.T) { doc.try(t, ex) })
	}
	for _, tab := range doc.tables {
		t.Run(fmt.Sprintf("line %d", tab.line), func(t *testing.T) { doc.tryTable(t, tab) })
	}
	if update {
		kept := slices.DeleteFunc(doc.lines, func(line string) bool { return line == dropped })
		if err := os.WriteFile(specFile, []byte(strings.Join(kept, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSpecCovers holds the page against the code: every rule has an example, every code
// and limit it names exists, every function, format and operator is shown.
func TestSpecCovers(t *testing.T) {
	doc := readSpec(t)
	for _, r := range doc.rules {
		if !r.shown {
			t.Errorf("%s:%d: §%s has no example", specFile, r.line, r.id)
		}
	}
	for i, r := range doc.rules {
		if i > 0 && !follows(doc.rules[i-1].id, r.id) {
			t.Errorf("%s:%d: §%s does not follow §%s", specFile, r.line, r.id, doc.rules[i-1].id)
		}
	}
	text := strings.Join(doc.lines, "\n")
	ids := map[string]bool{}
	for _, r := range doc.rules {
		ids[r.id] = true
	}
	for _, m := range regexp.MustCompile(`§(\d+\.\d+)`).FindAllStringSubmatch(text, -1) {
		if !ids[m[1]] {
			t.Errorf("§%s is mentioned and does not exist", m[1])
		}
	}
	codes := codesOfSource(t)
	for _, code := range regexp.MustCompile(`WF\d{3}`).FindAllString(text, -1) {
		if !codes[code] {
			t.Errorf("the code %s does not exist", code)
		}
	}
	for name := range value.Formats {
		if !strings.Contains(text, "`"+name+"`") || !strings.Contains(doc.code(), "matching "+name) {
			t.Errorf("the format %s is not shown", name)
		}
	}
	for _, name := range expr.Builtins() {
		if !strings.Contains(doc.tableCode("expression"), name+"(") {
			t.Errorf("the function %s is not shown", name)
		}
	}
	for name := range limits {
		if !strings.Contains(doc.tableCode("limit"), name+"\n") {
			t.Errorf("the limit %q is not in the table", name)
		}
	}
	fields := regexp.MustCompile(`\w+`).FindAllString(doc.tableCode("field"), -1)
	for _, ex := range doc.examples {
		if ex.jsonl == nil {
			continue
		}
		for _, m := range regexp.MustCompile(`[{,]"(\w+)":`).FindAllStringSubmatch(topLevel(doc.content(ex.jsonl)), -1) {
			if !slices.Contains(fields, m[1]) {
				t.Errorf("%s:%d: the field %s of JSON traces is not in the table", specFile, ex.jsonl.line, m[1])
			}
		}
	}
	for _, code := range []string{machine.CodeDeadline, machine.CodeExpression, machine.CodeArgument} {
		if !strings.Contains(text, "`"+code+"`") {
			t.Errorf("the run-time code %s is not mentioned", code)
		}
	}
}

// topLevel is lines of JSON objects without what stands inside further objects.
func topLevel(jsonl string) string {
	inner := regexp.MustCompile(`:\{[^{}]*\}`)
	for inner.MatchString(jsonl) {
		jsonl = inner.ReplaceAllString(jsonl, ":0")
	}
	return jsonl
}

// TestSpecTakenNames tries every name that §13.4 says is taken, and words that are not.
func TestSpecTakenNames(t *testing.T) {
	doc := readSpec(t)
	m := regexp.MustCompile("(?s)§13.4 Taken names.*?nor\\s+`([^`]+)`").FindStringSubmatch(strings.Join(doc.lines, "\n"))
	if m == nil {
		t.Fatal("§13.4 lists no names")
	}
	taken := func(name string) bool {
		src := "workflow w { step " + name + " { return 1 } }"
		_, problems := lang.Load(fstest.MapFS{"x.wf": {Data: []byte(src)}}, "x.wf", lang.Options{})
		return slices.ContainsFunc(problems, func(d *diag.Diagnostic) bool { return d.Code == check.CodeReserved })
	}
	listed := slices.Concat(strings.Fields(m[1]), expr.Builtins())
	for _, name := range listed {
		if !taken(name) {
			t.Errorf("%s is not taken", name)
		}
	}
	for _, name := range slices.Concat(syntax.Words(), expressionWords, []string{"null", "env"}) {
		if taken(name) && !slices.Contains(listed, name) {
			t.Errorf("%s is taken and not listed", name)
		}
	}
}

// follows reports whether rule b may come after rule a.
func follows(a, b string) bool {
	var a1, a2, b1, b2 int
	fmt.Sscanf(a, "%d.%d", &a1, &a2)
	fmt.Sscanf(b, "%d.%d", &b1, &b2)
	return b1 == a1 && b2 == a2+1 || b1 == a1+1 && b2 == 1
}

// codesOfSource lists the codes that are constants of this module.
func codesOfSource(t *testing.T) map[string]bool {
	codes := map[string]bool{}
	constant := regexp.MustCompile(`diag\.Code\s*=\s*"(WF\d+)"`)
	for _, pattern := range []string{"*/*.go", "../golden/*.go", "../cmd/wf/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range constant.FindAllSubmatch(src, -1) {
				codes[string(m[1])] = true
			}
		}
	}
	if len(codes) < 40 {
		t.Fatalf("only %d codes found in the source", len(codes))
	}
	return codes
}

// spec is the page, cut into what is executed.
type spec struct {
	lines    []string
	rules    []*rule
	examples []*example
	tables   []*table
	grammar  string
	prelude  string         // services that every example may call
	tested   []tested       // workflows that the examples of tests import
	names    specScope      // what expressions in tables may read
	env      map[string]any // and the values
}

type rule struct {
	id    string
	line  int
	shown bool
}

// fence is a fenced block: its content is lines[from:to].
type fence struct {
	kind     string
	line     int // of the fence, from 1
	from, to int
}

// example is a group of blocks; nil ones are absent.
type example struct {
	tests                        bool // it is a test file
	wf                           *fence
	input, services, text, jsonl *fence
}

// table is rows of cells, with the lines they stand in.
type table struct {
	line   int
	header []string
	rows   [][]string
	at     []int
}

var ruleHead = regexp.MustCompile(`^\*\*§(\d+\.\d+) `)

func readSpec(t *testing.T) *spec {
	src, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	doc := &spec{lines: strings.Split(string(src), "\n")}
	var group *example
	for i := 0; i < len(doc.lines); i++ {
		line := doc.lines[i]
		switch {
		case strings.HasPrefix(line, "```"):
			f := &fence{kind: strings.TrimPrefix(line, "```"), line: i + 1, from: i + 1}
			for i++; i < len(doc.lines) && doc.lines[i] != "```"; i++ {
			}
			f.to = i
			group = doc.fence(t, f, group)
		case strings.HasPrefix(line, "| ") && i+1 < len(doc.lines) && strings.HasPrefix(doc.lines[i+1], "|-"):
			tab := &table{line: i + 1, header: cells(line)}
			for i += 2; i < len(doc.lines) && strings.HasPrefix(doc.lines[i], "|"); i++ {
				tab.rows = append(tab.rows, cells(doc.lines[i]))
				tab.at = append(tab.at, i)
			}
			i--
			doc.tables = append(doc.tables, tab)
			doc.show(tableKinds[tab.header[0]] != nil)
			if tab.header[0] == "name" {
				doc.readNames(t, tab)
			}
			group = nil
		case ruleHead.MatchString(line):
			doc.rules = append(doc.rules, &rule{id: ruleHead.FindStringSubmatch(line)[1], line: i + 1})
			group = nil
		case line != "":
			group = nil
		}
	}
	if doc.prelude == "" || doc.grammar == "" || doc.names == nil {
		t.Fatal("the page lacks the prelude, the grammar or the names of its expressions")
	}
	return doc
}

// show notes that the rule read last has an example.
func (doc *spec) show(executed bool) {
	if n := len(doc.rules); n > 0 && executed {
		doc.rules[n-1].shown = true
	}
}

// fence adds a block to the group it continues, or begins a new one.
func (doc *spec) fence(t *testing.T, f *fence, group *example) *example {
	switch f.kind {
	case "wf":
		if doc.prelude == "" { // the first one
			doc.prelude = doc.content(f)
			return nil
		}
		group = &example{wf: f}
		doc.examples = append(doc.examples, group)
		doc.show(true)
		return group
	case "wf order.wf", "wf fetch.wf", "wf packing.wf", "wf paired.wf", "wf asking.wf":
		_, name, _ := strings.Cut(f.kind, " ")
		doc.tested = append(doc.tested, tested{name, doc.content(f)})
		return nil
	case "wf test":
		group = &example{wf: f, tests: true}
		doc.examples = append(doc.examples, group)
		doc.show(true)
		return group
	case "ebnf":
		doc.grammar = doc.content(f)
		return nil
	}
	if group == nil {
		t.Errorf("%s:%d: this %s block belongs to no wf block", specFile, f.line, f.kind)
		return nil
	}
	switch f.kind {
	case "json":
		group.input = f
	case "wf mocks":
		group.services = f
	case "text":
		group.text = f
	case "jsonl":
		group.jsonl = f
	default:
		t.Errorf("%s:%d: what is a %s block?", specFile, f.line, f.kind)
	}
	return group
}

func (doc *spec) content(f *fence) string {
	if f.from == f.to {
		return ""
	}
	return strings.Join(doc.lines[f.from:f.to], "\n") + "\n"
}

// code is the text of all definitions that are examples.
func (doc *spec) code() string {
	var b strings.Builder
	for _, ex := range doc.examples {
		b.WriteString(doc.content(ex.wf))
	}
	return b.String()
}

// mocks is the text of all services that examples mock.
func (doc *spec) mocks() string {
	var b strings.Builder
	for _, ex := range doc.examples {
		if ex.services != nil {
			b.WriteString(doc.content(ex.services))
		}
	}
	return b.String()
}

// tableCode is the first column of the tables with that first header.
func (doc *spec) tableCode(header string) string {
	var b strings.Builder
	for _, tab := range doc.tables {
		if tab.header[0] != header {
			continue
		}
		for _, row := range tab.rows {
			b.WriteString(row[0] + "\n")
		}
	}
	return b.String()
}

// settle compares a block with what came, or puts it in its place. Lines are replaced
// one for one only when they are written, so that the numbers of all blocks hold.
func (doc *spec) settle(t *testing.T, f *fence, got string) {
	want := doc.content(f)
	if got == want {
		return
	}
	if !update {
		t.Errorf("%s:%d differs (-want +got); WF_UPDATE=1 go test ./lang -run Spec rewrites it:\n%s", specFile, f.line, cmp.Diff(want, got))
		return
	}
	for i := f.from; i < f.to; i++ {
		doc.lines[i] = dropped
	}
	doc.lines[f.from-1] += "\n" + strings.TrimSuffix(got, "\n")
}

// dropped marks lines that are not written back.
const dropped = "\x00dropped"

// cells cuts a line of a table; `\|` is no border.
func cells(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	parts := strings.Split(strings.ReplaceAll(line, `\|`, "\x01"), "|")
	for i, p := range parts {
		p = strings.TrimSpace(strings.ReplaceAll(p, "\x01", "|"))
		if len(p) > 1 && strings.HasPrefix(p, "`") && strings.HasSuffix(p, "`") {
			p = strings.Trim(p, "`")
		}
		parts[i] = p
	}
	return parts
}

// cell writes text as code in a table.
func cell(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

// starts of the lines that tell what an example is the inside of.
var (
	fileWord     = regexp.MustCompile(`(?m)^(import|type|policy|service|workflow) `)
	workflowWord = regexp.MustCompile(`(?m)^(input|step|output|version|limit) `)
	stepWord     = regexp.MustCompile(`(?m)^step `)
	outputWord   = regexp.MustCompile(`(?m)^output `)
)

// complete puts around an example what it is the inside of. The example begins at
// byte prefix of the source.
func complete(text string) (src string, prefix int) {
	before, after := "", ""
	switch {
	case fileWord.MatchString(text):
	case workflowWord.MatchString(text):
		before = "workflow example {\n"
		if !stepWord.MatchString(text) {
			after += "step s { call shop.ping }\n"
		}
		if !outputWord.MatchString(text) && !stepWord.MatchString(text) {
			after += "output input\n"
		}
		after += "}\n"
	default:
		before, after = "workflow example {\nstep s {\n", "}\noutput s\n}\n"
	}
	return before + text + after, len(before)
}

// try checks or runs one example.
func (doc *spec) try(t *testing.T, ex *example) {
	if ex.tests {
		doc.tryTests(t, ex)
		return
	}
	text := doc.content(ex.wf)
	src, prefix := complete(text)
	fsys := fstest.MapFS{"example.wf": {Data: []byte(src)}, "shop.wf": {Data: []byte(doc.prelude)}}
	p, problems := lang.Load(fsys, "example.wf", lang.Options{Catalog: doc.catalog(t)})
	for _, d := range problems {
		shift(&d.Span, prefix)
		for i := range d.Related {
			shift(&d.Related[i].Span, prefix)
		}
	}
	sources := diag.Sources{"example.wf": []byte(text), "shop.wf": []byte(doc.prelude)}
	var said bytes.Buffer
	if err := diag.Write(&said, sources, problems, diag.Options{}); err != nil {
		t.Fatal(err)
	}
	if ex.input == nil && ex.services == nil && ex.jsonl == nil {
		if ex.text == nil {
			if said.Len() > 0 {
				t.Errorf("%s:%d: this example is not clean:\n%s", specFile, ex.wf.line, &said)
			}
			return
		}
		doc.settle(t, ex.text, said.String())
		return
	}
	if problems.HasErrors() {
		t.Fatalf("%s:%d: this example does not run:\n%s", specFile, ex.wf.line, &said)
	}
	doc.run(t, ex, p, fsys)
}

// tested is a workflow that the examples of tests import.
type tested struct{ file, text string }

// tryTests runs an example that is a test file.
func (doc *spec) tryTests(t *testing.T, ex *example) {
	head, text := "", doc.content(ex.wf)
	fsys := fstest.MapFS{"order.json": {Data: []byte(`{"sku": "lamp"}`)}}
	sources := diag.Sources{"order_test.wf": []byte(text)}
	for _, w := range doc.tested {
		head += fmt.Sprintf("import %q\n", w.file)
		fsys[w.file] = &fstest.MapFile{Data: []byte(w.text)}
		sources[w.file] = []byte(w.text)
	}
	fsys["order_test.wf"] = &fstest.MapFile{Data: []byte(head + text)}
	p, problems := lang.Load(fsys, "order_test.wf", lang.Options{Catalog: doc.catalog(t)})
	var said bytes.Buffer
	for _, d := range problems {
		shift(&d.Span, len(head))
	}
	if err := diag.Write(&said, sources, problems, diag.Options{}); err != nil {
		t.Fatal(err)
	}
	if !problems.HasErrors() {
		for _, r := range golden.Run(p, golden.Options{Files: noFiles{fsys}}) {
			for _, f := range r.Failures {
				shift(&f.Span, len(head))
				f.Trace = ""
			}
			if err := golden.WriteFailures(&said, sources, r, diag.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ex.text != nil {
		doc.settle(t, ex.text, said.String())
	} else if said.Len() > 0 {
		t.Errorf("%s:%d: these tests do not pass:\n%s", specFile, ex.wf.line, &said)
	}
}

// noFiles is a place for golden files that has none and takes none.
type noFiles struct{ fs.FS }

func (noFiles) Write(string, []byte) error { return errors.New("golden files are not written here") }
func (noFiles) Remove(string) error        { return errors.New("golden files are not removed here") }

func shift(s *diag.Span, by int) {
	if s.File == "example.wf" || s.File == "order_test.wf" {
		s.Start, s.End = s.Start-by, s.End-by
	}
}

// catalog is the services of the prelude.
func (doc *spec) catalog(t *testing.T) *builtins.Registry {
	reg := builtins.New()
	for _, s := range doc.preludeProgram(t).Services {
		for _, sig := range s.Operations {
			if err := reg.Register(sig, func(context.Context, builtins.Call) (builtins.Answer, error) { return builtins.Answer{}, nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	return reg
}

// stage is the services as the mocks of the example describe them.
func (doc *spec) stage(t *testing.T, ex *example, fsys fstest.MapFS) (stage *mocks.Stage, all *suite.Suite) {
	all = &suite.Suite{}
	if ex.services != nil {
		fsys["mocks.wf"] = &fstest.MapFile{Data: []byte("import \"example.wf\"\n" + directive.ReplaceAllString(doc.content(ex.services), ""))}
		p, problems := lang.Load(fsys, "mocks.wf", lang.Options{Catalog: doc.catalog(t)})
		if problems.HasErrors() {
			t.Fatalf("%s:%d: %v", specFile, ex.services.line, problems)
		}
		if p.Suite != nil {
			all = p.Suite
		}
	}
	stage = mocks.NewStage(all, nil, nil)
	stage.Begin(specStart)
	return stage, all
}

func (doc *spec) preludeProgram(t *testing.T) *lang.Program {
	p, problems := lang.Load(fstest.MapFS{"shop.wf": {Data: []byte(doc.prelude)}}, "shop.wf", lang.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// directive is a line of the services that is about the run.
var directive = regexp.MustCompile(`(?m)^(?:after (\S+) (?:cancel|signal (\w+)(?: (\{.*\}))?|(retry)(?: (\w+))?)|seed (\d+))\n`)

// specStart is when every run of the page begins.
var specStart = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// run executes an example and compares what came of it.
func (doc *spec) run(t *testing.T, ex *example, p *lang.Program, fsys fstest.MapFS) {
	g := p.Workflows[0]
	raw := any(map[string]any{})
	if ex.input != nil {
		var err error
		if raw, err = value.DecodeJSON([]byte(doc.content(ex.input))); err != nil {
			t.Fatalf("%s:%d: %v", specFile, ex.input.line, err)
		}
	}
	input, violations := interpreter.Prepare(g, raw, "run_1", specStart)
	if len(violations) > 0 {
		var b strings.Builder
		for _, v := range violations {
			fmt.Fprintln(&b, v)
		}
		doc.settle(t, ex.text, b.String())
		return
	}
	stage, all := doc.stage(t, ex, fsys)
	entries := doc.simulate(t, ex, g, input, stage)
	for _, p := range append(stage.Problems(), stage.Unused(all.Mocks)...) {
		t.Errorf("%s:%d: %v", specFile, ex.wf.line, p.Message)
	}
	var b bytes.Buffer
	if ex.jsonl != nil {
		if err := machine.WriteJSON(&b, entries); err != nil {
			t.Fatal(err)
		}
		doc.settle(t, ex.jsonl, b.String())
	}
	if ex.text == nil {
		return
	}
	b.Reset()
	if strings.HasPrefix(doc.content(ex.text), "trace") {
		if err := machine.WriteText(&b, entries); err != nil {
			t.Fatal(err)
		}
	} else {
		for _, e := range entries {
			if e.Kind == machine.EntryStepEnded || e.Kind == machine.EntryRunEnded {
				fmt.Fprintln(&b, e.Line())
			}
		}
	}
	doc.settle(t, ex.text, b.String())
}

func (doc *spec) simulate(t *testing.T, ex *example, g *graph.Graph, input map[string]any, services builtins.Services) []machine.Entry {
	var entries []machine.Entry
	opts := sim.Options{Registry: services, Seed: 1, Start: specStart, RunID: "run_1", Trace: func(e machine.Entry) { entries = append(entries, e) }}
	if ex.services != nil {
		for _, m := range directive.FindAllStringSubmatch(doc.content(ex.services), -1) {
			if m[6] != "" {
				opts.Seed, _ = strconv.ParseUint(m[6], 10, 64)
				continue
			}
			at, err := value.ParseDuration(m[1])
			if err != nil {
				t.Fatal(err)
			}
			deed := sim.Deed{At: at, Signal: m[2], Retry: m[4] != "", Step: m[5]}
			if m[3] != "" {
				if deed.Payload, err = value.DecodeJSON([]byte(m[3])); err != nil {
					t.Fatal(err)
				}
			}
			opts.Deeds = append(opts.Deeds, deed)
		}
	}
	if _, err := sim.Run(g, input, opts); err != nil {
		t.Fatalf("%s:%d: %v", specFile, ex.wf.line, err)
	}
	return entries
}

// tableKinds are the tables that are executed, by their first header. A row is
// settled by what the function returns for its cells behind the first.
var tableKinds = map[string]func(doc *spec, t *testing.T, row []string) []string{
	"expression": (*spec).expressionRow,
	"refused":    (*spec).refusedRow,
	"written":    (*spec).meansRow,
	"outcome":    (*spec).outcomeRow,
	"given":      (*spec).fitsRow,
	"one":        (*spec).joinRow,
	"limit":      (*spec).limitRow,
}

func (doc *spec) tryTable(t *testing.T, tab *table) {
	kind := tableKinds[tab.header[0]]
	if kind == nil {
		return
	}
	for i, row := range tab.rows {
		if len(row) != len(tab.header) {
			t.Errorf("%s:%d: %d cells under %d headers", specFile, tab.at[i]+1, len(row), len(tab.header))
			continue
		}
		got := append([]string{row[0]}, kind(doc, t, row)...)
		if slices.Equal(got, row) {
			continue
		}
		if !update {
			t.Errorf("%s:%d:\n got %q\nwant %q", specFile, tab.at[i]+1, got, row)
			continue
		}
		out := make([]string, len(got))
		for j := range got {
			out[j] = cell(got[j])
			if got[j] == row[j] { // as it was, with or without marks
				out[j] = rawCells(doc.lines[tab.at[i]])[j]
			}
		}
		doc.lines[tab.at[i]] = "| " + strings.Join(out, " | ") + " |"
	}
}

// rawCells are the cells of a line as they are written.
func rawCells(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	parts := strings.Split(strings.ReplaceAll(line, `\|`, "\x01"), "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(strings.ReplaceAll(parts[i], "\x01", `\|`))
	}
	return parts
}

// specScope is the names that the expressions of the tables may read.
type specScope map[string]*value.Type

func (s specScope) Lookup(name string) (*value.Type, bool) { t, ok := s[name]; return t, ok }

func (s specScope) Unknown(name string, span diag.Span) *diag.Diagnostic {
	return diag.Errorf("WF203", span, "there is no %s here", name)
}

func (doc *spec) readNames(t *testing.T, tab *table) {
	doc.names, doc.env = specScope{}, map[string]any{}
	for _, row := range tab.rows {
		typ := typeOf(t, row[1])
		v, err := value.DecodeJSON([]byte(row[2]))
		if err != nil {
			t.Fatal(err)
		}
		v, violations := typ.Conform(v, nil)
		if len(violations) > 0 {
			t.Fatalf("%s: %v", row[0], violations)
		}
		doc.names[row[0]], doc.env[row[0]] = typ, v
	}
}

// typeOf reads a type as messages write it: a shape, with ? behind it if it is optional.
func typeOf(t *testing.T, text string) *value.Type {
	text, optional := strings.CutSuffix(text, "?")
	if text == "nil" {
		return value.TNil
	}
	src := "service s { operation o { input { v " + text + " }, 200 } }"
	p, problems := lang.Load(fstest.MapFS{"t.wf": {Data: []byte(src)}}, "t.wf", lang.Options{})
	if len(problems) > 0 {
		t.Fatalf("type %s: %v", text, problems)
	}
	typ := p.Services[0].Operations[0].Input.Field("v").Type
	if optional {
		return typ.Opt()
	}
	return typ
}

func (doc *spec) compile(text string) (*expr.Program, diag.List) {
	return expr.Compile(expr.Source{Text: text, Span: diag.Span{File: "t.wf", End: len(text)}}, doc.names)
}

// expressionRow is an expression with its type and value, or why it fails.
func (doc *spec) expressionRow(t *testing.T, row []string) []string {
	p, problems := doc.compile(row[0])
	if len(problems) > 0 {
		t.Errorf("%s: %v", row[0], problems)
		return row[1:]
	}
	v, err := p.Eval(expr.NewMachine(), doc.env)
	if err != nil {
		return []string{p.Type().String(), "fails: " + err.Error()}
	}
	text, err := value.EncodeJSON(v, "")
	if err != nil {
		t.Fatal(err)
	}
	return []string{p.Type().String(), string(text)}
}

// refusedRow is an expression that is refused, why, and one to write instead.
func (doc *spec) refusedRow(t *testing.T, row []string) []string {
	_, problems := doc.compile(row[0])
	if len(problems) == 0 {
		t.Errorf("%s is not refused", row[0])
		return row[1:]
	}
	if _, more := doc.compile(row[2]); len(more) > 0 {
		t.Errorf("%s: %v", row[2], more)
	}
	said := make([]string, len(problems))
	for i, d := range problems {
		said[i] = fmt.Sprintf("%s: %s", d.Code, d.Summary)
	}
	return []string{strings.Join(said, "; "), row[2]}
}

// meansRow is two expressions that mean the same.
func (doc *spec) meansRow(t *testing.T, row []string) []string {
	a, problems := doc.compile(row[0])
	b, more := doc.compile(row[1])
	if len(problems)+len(more) > 0 || a.String() != b.String() {
		t.Errorf("%s is %s, and %s is %s: %v %v", row[0], a, row[1], b, problems, more)
	}
	return row[1:]
}

// outcomeRow is outcomes of a call with what the default table makes of them.
func (doc *spec) outcomeRow(t *testing.T, row []string) []string {
	got := ""
	for _, outcome := range strings.Split(row[0], ", ") {
		outcome = strings.TrimPrefix(outcome, "other ")
		from, to, class := 0, 0, ""
		switch {
		case strings.HasSuffix(outcome, "xx"):
			from = int(outcome[0]-'0') * 100
			to = from + 99
		default:
			if n, err := fmt.Sscanf(outcome, "%d", &from); n != 1 || err != nil {
				class = outcome
			}
			to = from
		}
		for status := from; status <= to; status++ {
			if slices.Contains(exceptions, status) && to > from {
				continue
			}
			d, _ := value.Classify(nil, status, class)
			if got != "" && got != d.String() {
				t.Errorf("%s: %s is %s, others are %s", row[0], outcome, d, got)
			}
			got = d.String()
		}
	}
	return []string{got}
}

// exceptions are the statuses that a class in the table does not mean.
var exceptions = []int{408, 425, 429}

// fitsRow is whether a value of one type may stand where another is wanted.
func (doc *spec) fitsRow(t *testing.T, row []string) []string {
	ok, why := typeOf(t, row[0]).AssignableTo(typeOf(t, row[1]))
	if ok {
		return []string{row[1], "yes"}
	}
	return []string{row[1], "no: " + why}
}

// joinRow is the type of what has one type or the other.
func (doc *spec) joinRow(t *testing.T, row []string) []string {
	return []string{row[1], value.Join(typeOf(t, row[0]), typeOf(t, row[1])).String()}
}

// limits by the names the page gives them.
var limits = map[string]string{
	"bytes of a file":                                      fmt.Sprint(token.MaxSize),
	"words and signs of a file":                            fmt.Sprint(token.MaxTokens),
	"parts of an expression":                               fmt.Sprint(expr.MaxNodes),
	"problems told of a definition":                        fmt.Sprint(lang.MaxProblems),
	"letters of a message":                                 fmt.Sprint(diag.MaxText),
	"open brackets":                                        fmt.Sprint(token.MaxDepth),
	"columns of a formatted line":                          fmt.Sprint(syntax.MaxColumns),
	"files of one definition":                              fmt.Sprint(lang.MaxFiles),
	"syntax errors told of a file":                         fmt.Sprint(token.MaxErrors),
	"levels of a value":                                    fmt.Sprint(value.MaxDepth),
	"attempts of a call":                                   fmt.Sprint(graph.MaxAttempts),
	"workflows called inside of one another":               fmt.Sprint(graph.MaxNesting),
	"workflows called in one run":                          fmt.Sprint(graph.MaxRuns),
	"steps at once, if limited":                            fmt.Sprint(graph.MaxAttempts),
	"calls of a limit of a service":                        fmt.Sprint(value.MaxCalls),
	"failures that open a breaker":                         fmt.Sprint(value.MaxFailures),
	"longest duration of a setting":                        value.FormatDuration(graph.MaxDuration),
	"shortest timeout, within, time of a limit or breaker": value.FormatDuration(graph.MinDeadline),
	"first backoff, if not set":                            value.FormatDuration(machine.DefaultBackoff),
	"longest backoff, if not set":                          value.FormatDuration(machine.DefaultMaxBackoff),
	"longest Retry-After":                                  value.FormatDuration(machine.MaxRetryAfter),
	"signals that nobody has waited for":                   fmt.Sprint(graph.MaxKept),
}

func (doc *spec) limitRow(t *testing.T, row []string) []string {
	number, ok := limits[row[0]]
	if !ok {
		t.Errorf("there is no limit %q", row[0])
		return row[1:]
	}
	return append([]string{number}, row[2:]...)
}
