package propose

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"wf/builtins"
	"wf/golden"
	"wf/golden/cover"
	"wf/lang"
	"wf/lang/check"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// Services is a registry of operations with their signatures. A *builtins.Registry is
// one.
type Services interface {
	builtins.Services
	check.Catalog
}

// File is what to write into a test file.
type File struct {
	Name  string // of the test file
	New   bool   // there is no such file yet: Text is a whole one
	Text  string
	Tests []Test
	Left  []cover.Point // for which no test was found
}

// Write proposes what a test file lacks: tests that exercise what of a workflow the
// tests there are do not. definition is the file of the workflow, name that of the test
// file, which may not be there yet. Of the options Suite and Builtins are found by
// Write itself. Every test was run, and passes.
func Write(fsys fs.FS, definition, name string, w *cover.Workflow, services func() Services, opts Options) (*File, error) {
	f := &File{Name: name}
	src, err := fs.ReadFile(fsys, name)
	if f.New = err != nil || len(bytes.TrimSpace(src)) == 0; f.New {
		p, problems := lang.Load(fsys, definition, lang.Options{Catalog: services(), StubHandlers: true, Probe: true})
		if problems.HasErrors() {
			return nil, problems
		}
		g, err := p.Workflow(w.Name)
		if err != nil {
			return nil, err
		}
		src = []byte(skeleton(g, definition, name, services()))
	}
	load := func(text string) (*lang.Program, error) {
		p, problems := lang.Load(With(fsys, name, text), name, lang.Options{Catalog: services(), Probe: true})
		return p, problems.Err()
	}
	p, err := load(string(src))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	g, err := workflow(fsys, definition, w.Name, services)
	if err != nil {
		return nil, err
	}
	opts.Suite, opts.Builtins = p.Suite, func() builtins.Services { return services() }
	f.Tests, f.Left = Tests(g, w, opts)
	f.keepPassing(string(src), load, services)
	var b strings.Builder
	if f.New {
		b.Write(src)
	}
	for i, t := range f.Tests {
		if i > 0 || f.New {
			b.WriteString("\n")
		}
		b.WriteString(t.Text)
	}
	if f.Text = LaidOut(name, b.String()); !f.New && f.Text != "" {
		f.Text = "\n" + f.Text // below the tests there are
	}
	return f, nil
}

func workflow(fsys fs.FS, definition, name string, services func() Services) (*graph.Graph, error) {
	p, problems := lang.Load(fsys, definition, lang.Options{Catalog: services(), StubHandlers: true, Probe: true})
	if problems.HasErrors() {
		return nil, problems
	}
	return p.Workflow(name)
}

// keepPassing runs the tests as they will stand in the file, and drops what does not
// pass: first the values that are expected, then the test.
func (f *File) keepPassing(src string, load func(string) (*lang.Program, error), services func() Services) {
	passed := func(tests []Test) []bool {
		text := src
		for _, t := range tests {
			text += "\n" + t.Text
		}
		out := make([]bool, len(tests))
		p, err := load(text)
		if err != nil {
			return out
		}
		p.Suite.Tests = p.Suite.Tests[len(p.Suite.Tests)-len(tests):]
		for i, r := range golden.Run(p, golden.Options{Builtins: func() builtins.Services { return services() }}) {
			out[i] = r.Passed()
		}
		return out
	}
	if len(f.Tests) == 0 {
		return
	}
	ok := passed(f.Tests)
	var kept []Test
	for i, t := range f.Tests {
		if !ok[i] && !passed([]Test{t})[0] {
			if t.Text = withoutValues(t.Text); !passed([]Test{t})[0] {
				f.Left = append(f.Left, t.Covers...)
				continue
			}
		}
		kept = append(kept, t)
	}
	f.Tests = kept
}

// LaidOut is a text in the one layout.
func LaidOut(name, text string) string {
	if text == "" {
		return ""
	}
	tree, problems := syntax.Parse(name, []byte(text))
	if problems.HasErrors() {
		return text
	}
	return string(syntax.Format(tree, []byte(text)))
}

// withoutValues leaves expectations of values out.
func withoutValues(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "  expect ") && strings.Contains(l, " == ")
	}), "\n")
}

// With is a file system in which one file has another text, or is there at all.
func With(fsys fs.FS, name, text string) fs.FS { return with{fsys, name, text} }

type with struct {
	fs.FS
	name, text string
}

// Open opens a file.
func (w with) Open(name string) (fs.File, error) {
	if path.Clean(name) == path.Clean(w.name) {
		return openText(w.name, w.text), nil
	}
	return w.FS.Open(name)
}

// skeleton is a test file without tests: its imports, and mocks of the services that
// answer with success.
func skeleton(g *graph.Graph, definition, name string, services Services) string {
	var b strings.Builder
	fmt.Fprintf(&b, "import %s\n", text(relative(path.Dir(name), definition)))
	var order []string // of services
	ops := map[string][]*value.Signature{}
	g.EachServiceCall(func(c *graph.Call) {
		sig := c.Sig
		if slices.Contains(ops[sig.Service], sig) {
			return
		}
		if len(ops[sig.Service]) == 0 && !sig.Handler {
			order = append(order, sig.Service)
		}
		ops[sig.Service] = append(ops[sig.Service], sig)
	})
	var builtIn, own []string
	for _, service := range order {
		missing := func(sig *value.Signature) bool { return services.Signature(sig.Service, sig.Operation) == nil }
		if slices.ContainsFunc(ops[service], missing) { // perhaps another one of that name is built in
			own = append(own, service)
		} else {
			builtIn = append(builtIn, service)
		}
	}
	if len(builtIn) > 0 {
		fmt.Fprintf(&b, "\nmock %s { pass }\n", strings.Join(builtIn, ", "))
	}
	for _, sig := range ops[value.HandlerService] {
		fmt.Fprintf(&b, "\nmock %s { 200 always }\n", mockName(sig))
	}
	s := &search{}
	for _, service := range own {
		fmt.Fprintf(&b, "\nmock %s {\n", service)
		for _, sig := range ops[service] {
			r := s.success(sig, nil, nil)
			answer := r.outcome.String()
			if t, _ := sig.Body(r.outcome.Status, r.outcome.Name); t != nil && r.body != nil {
				answer += " " + echoed(t, r.body, sig.Input)
			}
			fmt.Fprintf(&b, "  operation %s { %s }\n", sig.Operation, answer)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// echoed writes a body that gives back what it was told under the same name.
func echoed(t *value.Type, v any, input *value.Type) string {
	record, ok := v.(map[string]any)
	if !ok || t.Kind != value.Record || len(record) == 0 {
		return source(t, v)
	}
	var parts []string
	for _, f := range t.Fields {
		old, there := record[f.Name]
		if !there {
			continue
		}
		say := source(f.Type, old)
		if given := input.Field(f.Name); given != nil {
			if fits, _ := given.ReadType().AssignableTo(f.Type); fits {
				say = "input." + f.Name
			}
		}
		parts = append(parts, f.Name+": "+say)
	}
	if one := "{ " + strings.Join(parts, ", ") + " }"; len(one) < maxLine {
		return one
	}
	return "{\n" + strings.Join(parts, "\n") + "\n}"
}

// relative is a file seen from a folder.
func relative(dir, file string) string {
	rel, err := filepath.Rel(filepath.FromSlash(dir), filepath.FromSlash(file))
	if err != nil {
		return file
	}
	return filepath.ToSlash(rel)
}
