package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"wf/lang"
	"wf/lang/diag"
	"wf/lang/explain"
)

type checkCmd struct {
	Paths        []string `arg:"" help:"Files, or folders with definitions." predictor:"definition"`
	Format       string   `help:"text, json (one object a line) or sarif." enum:"text,json,sarif" default:"text"`
	Strict       bool     `help:"Take warnings for errors."`
	Effects      bool     `help:"Print for every call what becomes of each outcome."`
	Fix          bool     `help:"Change the files where there is one way to mend a problem, and check them again."`
	Diff         bool     `help:"With --fix: change nothing; print what would change."`
	StubHandlers bool     `help:"YAML: take any handler_class as registered."`
	Environment  string   `help:"YAML: which of its environments to apply." placeholder:"NAME"`
	Against      string   `help:"A store: tell which of its runs that have not ended could not go on with these definitions." placeholder:"FILE" predictor:"file"`
}

// Help is shown by wf check --help.
func (checkCmd) Help() string {
	return `Diagnostics go to standard output. The exit status is 2 if there are errors.

--fix makes the changes that problems come with, such as a misspelt name written right,
where there is but one; what it did goes to standard error. A change that would lead to
more errors is not made, and files that are only imported are left alone.

--against plays each run of a store that has not ended again on the definition, and says where that
asks for something else than what the run was told; then the exit status is 1. The runs themselves go
on with the definition they began with.

Examples:
  wf check workflows
  wf check flow.wf --strict --format json
  wf check flow.wf --effects
  wf check flow.wf --fix --diff
  wf check workflows/payment_refund.wf --against runs.db
  wf check tasker.yaml --stub-handlers`
}

// Run checks every definition under the paths.
func (c *checkCmd) Run(e *env) error {
	files, err := definitions(c.Paths)
	if err != nil {
		return err
	}
	opts := lang.Options{Catalog: services(1), Environment: c.Environment, StubHandlers: c.StubHandlers, Thorough: c.Strict}
	if c.Effects && c.Format == "sarif" {
		return wrong("effects have no SARIF form").hinted("--format text or json")
	}
	if c.Against != "" && (c.Effects || c.Fix || c.Format == "sarif") {
		return wrong("--against goes with --format text or json, and neither with --effects nor with --fix")
	}
	if c.Diff && !c.Fix {
		return wrong("--diff shows what --fix would change").hinted("wf check --fix --diff …")
	}
	var all diag.List
	var programs []*lang.Program
	sources := diag.Sources{}
	fsys := fs.FS(hostFS{})
	if c.Fix {
		if fsys, err = c.fix(e, files, opts); err != nil {
			return err
		}
	}
	for _, f := range files {
		p, problems := lang.Load(fsys, f, opts)
		maps.Copy(sources, p.Sources)
		programs = append(programs, p)
		all = append(all, problems...)
	}
	if c.Strict {
		all = all.Strict()
	}
	all.Sort()
	if c.Effects && !all.HasErrors() {
		printed := 0
		for i, p := range programs {
			if err := c.effects(e, p, files[i], &printed); err != nil {
				return err
			}
		}
		return nil
	}
	if err := c.print(e, all, sources, len(files)); err != nil {
		return err
	}
	if all.HasErrors() {
		return &exit{status: exitWrong}
	}
	if c.Against != "" {
		return c.against(e, programs, files)
	}
	return nil
}

func (c *checkCmd) print(e *env, all diag.List, sources diag.Sources, files int) error {
	if c.Diff { // which is what standard output is for
		return diag.Write(e.stderr, sources, all, diag.Options{Color: e.color})
	}
	switch c.Format {
	case "json":
		return writeJSONLines(e, all, sources)
	case "sarif":
		return writeSARIF(e, all, sources)
	}
	if err := diag.Write(e.stdout, sources, all, diag.Options{Color: e.colorOut}); err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "%s checked: %s\n", plural(files, "file"), counts(all))
	return nil
}

// definitions lists the files under the paths: those named, and in folders every
// .wf file, and every .yaml file that looks like a workflow.
func definitions(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			x := wrong("%s: there is no such file", p)
			x.hint = near(p)
			return nil, x
		}
		if !info.IsDir() {
			out = append(out, filepath.ToSlash(p))
			continue
		}
		found, err := under(p)
		if err != nil {
			return nil, wrong("%v", err)
		}
		if len(found) == 0 {
			return nil, wrong("%s holds no definition", p).hinted("definitions end in .wf, .yaml or .yml")
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func under(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case d.IsDir():
		case filepath.Ext(path) == ".wf", isYAML(path) && mentionsSteps(path):
			out = append(out, filepath.ToSlash(path))
		}
		return nil
	})
	return out, err
}

func isYAML(path string) bool { return filepath.Ext(path) == ".yaml" || filepath.Ext(path) == ".yml" }

// stepsKey is the key that every workflow in YAML has, also as a Ruby symbol.
var stepsKey = regexp.MustCompile(`(?m)^\x{FEFF}?:?["']?(?:step_templates|steps)["']?[ \t]*:`)

// mentionsSteps tells a workflow from other YAML files in a folder.
func mentionsSteps(path string) bool {
	text, err := os.ReadFile(path)
	return err == nil && stepsKey.Match(text)
}

// near suggests a file with a similar name.
func near(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	names := make([]string, len(entries))
	for i, d := range entries {
		names[i] = d.Name()
	}
	return diag.DidYouMean(filepath.Base(path), names)
}

// place is a span for people and tools: 1-based lines and columns in characters.
type place struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
}

func placeOf(sources diag.Sources, s diag.Span) place {
	from, to := sources.Position(s.File, s.Start), sources.Position(s.File, s.End)
	return place{s.File, from.Line, from.Column, to.Line, to.Column}
}

type relatedObject struct {
	place
	Message string `json:"message"`
}

type diagObject struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	place
	Message string          `json:"message"`
	Hint    string          `json:"hint,omitempty"`
	Related []relatedObject `json:"related,omitempty"`
	Fixes   []fixObject     `json:"fixes,omitempty"`
}

type fixObject struct {
	Title string       `json:"title"`
	Edits []editObject `json:"edits"`
	Ask   bool         `json:"ask,omitempty"`
}

type editObject struct {
	place
	New string `json:"new"`
}

func writeJSONLines(e *env, all diag.List, sources diag.Sources) error {
	out := json.NewEncoder(e.stdout)
	out.SetEscapeHTML(false)
	for _, d := range all {
		if err := out.Encode(diagnosticObject(sources, d)); err != nil {
			return err
		}
	}
	return nil
}

func diagnosticObject(sources diag.Sources, d *diag.Diagnostic) diagObject {
	o := diagObject{Severity: d.Severity.String(), Code: string(d.Code), place: placeOf(sources, d.Span), Message: d.Summary, Hint: d.Hint}
	for _, r := range d.Related {
		o.Related = append(o.Related, relatedObject{placeOf(sources, r.Span), r.Message})
	}
	for _, f := range d.Fixes {
		fix := fixObject{Title: f.Title, Ask: f.Ask}
		for _, e := range f.Edits {
			fix.Edits = append(fix.Edits, editObject{placeOf(sources, e.Span), e.New})
		}
		o.Fixes = append(o.Fixes, fix)
	}
	return o
}

// writeSARIF writes SARIF 2.1.0 (OASIS), which code hosts show in reviews.
func writeSARIF(e *env, all diag.List, sources diag.Sources) error {
	type m = map[string]any
	region := func(p place) m {
		return m{"startLine": p.Line, "startColumn": p.Column, "endLine": p.EndLine, "endColumn": p.EndColumn}
	}
	location := func(s diag.Span) m {
		p := placeOf(sources, s)
		at := m{"artifactLocation": m{"uri": uri(p.File)}}
		if p.Line > 0 {
			at["region"] = region(p)
		}
		return m{"physicalLocation": at}
	}
	fix := func(f diag.Fix) m {
		var changes []m // one for each file
		for i, e := range f.Edits {
			if i == 0 || f.Edits[i-1].Span.File != e.Span.File {
				changes = append(changes, m{"artifactLocation": m{"uri": uri(e.Span.File)}, "replacements": []m{}})
			}
			last := changes[len(changes)-1]
			last["replacements"] = append(last["replacements"].([]m), m{"deletedRegion": region(placeOf(sources, e.Span)), "insertedContent": m{"text": e.New}})
		}
		return m{"description": m{"text": f.Title}, "artifactChanges": changes}
	}
	results, rules, known := []m{}, []m{}, map[diag.Code]bool{}
	for _, d := range all {
		if !known[d.Code] {
			known[d.Code] = true
			rule := m{"id": d.Code}
			if page, ok := explain.Page(string(d.Code)); ok {
				rule["shortDescription"] = m{"text": explain.Title(string(d.Code))}
				rule["help"] = m{"text": page, "markdown": page}
			}
			rules = append(rules, rule)
		}
		text := d.Summary
		if d.Hint != "" {
			text += " (" + d.Hint + ")"
		}
		r := m{"ruleId": d.Code, "level": d.Severity.String(), "message": m{"text": text}, "locations": []m{location(d.Span)}}
		var related []m
		for _, rel := range d.Related {
			l := location(rel.Span)
			l["message"] = m{"text": rel.Message}
			related = append(related, l)
		}
		if related != nil {
			r["relatedLocations"] = related
		}
		var fixes []m
		for _, f := range d.Fixes {
			fixes = append(fixes, fix(f))
		}
		if fixes != nil {
			r["fixes"] = fixes
		}
		results = append(results, r)
	}
	out := json.NewEncoder(e.stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(m{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []m{{"tool": m{"driver": m{"name": "wf", "language": "en", "rules": rules}}, "language": "en", "columnKind": "unicodeCodePoints",
			"newlineSequences": []string{"\r\n", "\n"}, "results": results}}})
}

// uri is a file name as a URI: relative ones stay so.
func uri(file string) string {
	u := url.URL{Path: file}
	if path.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}

// writeJSON writes an object on one line.
func writeJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(v)
}
