package lang

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
)

// ConvertOptions say how a file is converted.
type ConvertOptions struct {
	Options
	YAML     bool   // to YAML, else to .wf
	As       string // name of the file that is made; imports are relative to it
	Workflow string // to YAML: which one, if the file has several; "" is the only one
}

// Convert writes a definition in the other syntax, with its comments. The result was read
// and checked again: it defines the same graphs. Nothing is written, and the list says why,
// if the file is not right, if something in it has no form in the other syntax, or if that
// would mean something else. Sources are for printing the list.
func Convert(fsys fs.FS, name string, opts ConvertOptions) (out []byte, problems diag.List, sources diag.Sources) {
	opts.StubHandlers = true
	p, problems := Load(fsys, name, opts.Options)
	if problems.HasErrors() {
		return nil, problems, p.Sources
	}
	src := p.Sources[name]
	how := syntax.ConvertOptions{Workflow: opts.Workflow, Environment: opts.Environment, Types: p.types(), Import: func(target string) string { return relative(opts.As, path.Join(path.Dir(name), target)) }}
	if opts.YAML {
		out, problems = syntax.ConvertWF(p.Tree, src, how)
	} else {
		out, problems = syntax.ConvertYAML(name, src, how)
	}
	if problems.HasErrors() {
		return nil, problems, p.Sources
	}
	if d := same(fsys, p, out, opts); d != nil {
		return nil, diag.List{d}, p.Sources
	}
	return out, problems, p.Sources
}

// types finds the declared types of all files of the program by their names.
func (p *Program) types() func(name string) syntax.Shape {
	known := map[string]syntax.Shape{}
	for _, file := range p.Files {
		src, read := p.Sources[file]
		if !read || path.Ext(file) != ".wf" {
			continue
		}
		f, _ := syntax.Parse(file, src)
		for _, d := range f.Decls {
			if t, ok := d.(*syntax.TypeDecl); ok {
				known[t.Name.Text] = t.Shape
			}
		}
	}
	return func(name string) syntax.Shape { return known[name] }
}

// relative is the path of a file as one that is imported by another one.
func relative(from, to string) string {
	rel, err := filepath.Rel(filepath.FromSlash(path.Dir(from)), filepath.FromSlash(to))
	if err != nil {
		return to
	}
	return filepath.ToSlash(rel)
}

// same reads what was written and tells why it is not the same; nil if it is.
func same(fsys fs.FS, p *Program, out []byte, opts ConvertOptions) *diag.Diagnostic {
	again, problems := Load(edited{fsys, map[string][]byte{opts.As: out}}, opts.As, opts.Options)
	if opts.YAML {
		again, problems = Load(edited{fsys, map[string][]byte{opts.As: out}}, opts.As, Options{Catalog: opts.Catalog, StubHandlers: true})
	}
	at := p.Tree.Span
	for _, d := range problems {
		if d.Severity == diag.Error {
			return diag.Errorf(syntax.CodeNoForm, at, "it cannot be converted: the result has an error: %s", d.Summary).
				Hintf("it would say %q", line(again.Sources[d.Span.File], d.Span.Start))
		}
	}
	for _, g := range again.Workflows {
		was, err := p.Workflow(g.FullName())
		if err != nil {
			return diag.Errorf(syntax.CodeNoForm, at, "it cannot be converted: the result defines %s", g.FullName())
		}
		if where := difference(was, g); where != "" {
			return diag.Errorf(syntax.CodeNoForm, was.Span, "it cannot be converted: the result would mean something else, at %s", where).
				Hintf("write that part in another way, or keep the workflow in the syntax it has")
		}
	}
	return nil
}

// line is the text of a line.
func line(src []byte, at int) string {
	at = min(at, len(src))
	start := bytes.LastIndexByte(src[:at], '\n') + 1
	end := bytes.IndexByte(src[at:], '\n')
	if end < 0 {
		end = len(src) - at
	}
	return strings.TrimSpace(string(src[start : at+end]))
}

// difference is where the data of two graphs differ first; "" if they do not.
func difference(a, b *graph.Graph) string {
	var x, y any
	for _, p := range []struct {
		g   *graph.Graph
		out *any
	}{{a, &x}, {b, &y}} {
		text, err := json.Marshal(p.g)
		if err == nil {
			err = json.Unmarshal(text, p.out)
		}
		if err != nil {
			return err.Error()
		}
	}
	return differs(x, y, "")
}

func differs(a, b any, at string) string {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		var keys []string
		for k := range x {
			keys = append(keys, k)
		}
		for k := range y {
			if _, both := x[k]; !both {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		for _, k := range keys {
			if where := differs(x[k], y[k], strings.TrimPrefix(at+"."+k, ".")); where != "" {
				return where
			}
		}
		return ""
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			break
		}
		for i := range x {
			if where := differs(x[i], y[i], fmt.Sprintf("%s[%d]", at, i)); where != "" {
				return where
			}
		}
		return ""
	default:
		if a == b {
			return ""
		}
	}
	return at
}
