package check

import (
	"fmt"
	"slices"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/syntax"
	"wf/lang/value"
)

// Catalog is what the checker knows of services that are registered in Go. All
// methods list names sorted; Signature is nil for an unknown operation.
type Catalog interface {
	Services() []string
	Operations(service string) []string
	Signature(service, operation string) *value.Signature
}

// Unit is a file and, transitively, what it imports. Imports holds the direct
// imports of every file of the unit; import cycles are allowed.
type Unit struct {
	Main    *syntax.File
	Imports map[*syntax.File][]*syntax.File
	Data    map[*syntax.Let]any // test files: content of the JSON files that `read` names
	Sources diag.Sources        // texts of the files, for fixes; may lack some
}

// Options of [Check]. The zero value knows no registered services.
type Options struct {
	Catalog      Catalog
	Uncalled     bool        // invariants may be about operations that no run calls, because another version of the workflow does
	StubHandlers bool        // take any handler class as registered
	Probe        bool        // compile the expressions of workflows with probes, for coverage
	Index        bool        // make an index of the names
	Typed        diag.Span   // with Index: where a name stands that is being typed
	Cache        *expr.Cache // of expressions, for many checks of nearly the same; nil: none
	Thorough     bool        // warn of what a sketch may leave out: bounds in time
}

// Service is a service declared in a .wf file.
type Service struct {
	Name       string
	Span       diag.Span
	Operations []*value.Signature // in declared order
}

// Result is what a unit declares: the workflows of its main file as graphs, and
// every service it can see. It is usable, as far as it goes, beside errors.
type Result struct {
	Workflows []*graph.Graph
	Services  []*Service
	Suite     *suite.Suite // of a test file; nil for any other
	Index     *Index       // nil unless it was asked for
}

// Check checks the main file of a unit and everything it imports.
func Check(u *Unit, opts Options) (*Result, diag.List) {
	c := &checker{unit: u, opts: opts, spaces: map[*syntax.File]*space{}, types: map[*syntax.TypeDecl]*typeState{}, homes: map[*syntax.TypeDecl]*syntax.File{}, services: map[*syntax.Service]*Service{}, mocked: map[string]bool{}, used: map[syntax.Decl]bool{}, workflows: map[*syntax.Workflow]*called{}, depths: map[*graph.Graph]int{}}
	if opts.Index {
		c.index = &Index{uses: map[useKey]bool{}, typed: opts.Typed}
	}
	files := c.files(u.Main)
	for _, f := range files {
		for _, d := range f.Decls {
			if t, ok := d.(*syntax.TypeDecl); ok {
				c.homes[t] = f
			}
		}
	}
	for _, f := range files {
		for _, class := range mockedHandlers(f) {
			c.mocked[class.Value] = true
		}
	}
	main := c.space(u.Main)
	for _, f := range files {
		c.declare(f)
	}
	res := &Result{}
	for _, s := range main.services.list {
		res.Services = append(res.Services, c.services[s])
	}
	names := map[string]diag.Span{}
	for _, d := range u.Main.Decls {
		w, ok := d.(*syntax.Workflow)
		if !ok {
			continue
		}
		made := c.compiled(definition{w, u.Main}, diag.Span{})
		g := made.graph
		full := g.FullName()
		if first, dup := names[full]; dup {
			c.add(diag.Errorf(CodeDuplicate, w.Name[len(w.Name)-1].Span, "workflow %s is defined twice", full).See(first, "first here"))
			continue
		}
		c.noteWorkflowAs(w.Name, w.Name, made.sig, nil)
		names[full] = w.Name[len(w.Name)-1].Span
		res.Workflows = append(res.Workflows, g)
	}
	if res.Suite = c.suite(u.Main, files); res.Suite == nil && len(res.Workflows) == 0 {
		c.constantsAlone(main)
	}
	c.withoutDoubts()
	if res.Suite == nil && len(res.Workflows) > 0 && !c.problems.HasErrors() {
		c.unusedDecls()
	}
	c.problems.Sort()
	res.Index = c.index.sorted()
	return res, c.problems
}

// withoutDoubts drops the warnings about unused names if some name was not
// understood: it may be the very use that is missed.
func (c *checker) withoutDoubts() {
	doubtful := slices.ContainsFunc(c.problems, func(d *diag.Diagnostic) bool {
		return d.Code == CodeUnknownName || d.Code == CodeUnknownSignal || d.Code == expr.CodeArguments || d.Code == expr.CodeField || d.Code == expr.CodeSyntax || d.Code == CodeUnknownArgument
	})
	if doubtful {
		c.problems = slices.DeleteFunc(c.problems, func(d *diag.Diagnostic) bool { return d.Code == CodeUnused })
	}
}

type checker struct {
	unit      *Unit
	opts      Options
	problems  diag.List
	spaces    map[*syntax.File]*space
	types     map[*syntax.TypeDecl]*typeState
	homes     map[*syntax.TypeDecl]*syntax.File
	services  map[*syntax.Service]*Service
	budgets   map[[2]diag.Span]bool        // told: of a deadline and attempts
	used      map[syntax.Decl]bool         // declarations that something reads
	mocked    map[string]bool              // handlers that a test file mocks
	once      map[string]*repeated         // of addOnce
	reading   map[string][]chain           // of chains
	workflows map[*syntax.Workflow]*called // that have been checked
	depths    map[*graph.Graph]int         // of those
	stack     []calling                    // workflows that are being checked, each called by the one before
	index     *Index                       // nil unless it is asked for
}

func (c *checker) add(d *diag.Diagnostic) { c.problems.Add(d) }

// addOnce adds what is wrong with a value that is used all over a file: the first places
// are shown, the rest is counted.
func (c *checker) addOnce(d *diag.Diagnostic) {
	key := string(d.Code) + d.Span.File + d.Summary
	first := c.once[key]
	if first == nil {
		if c.once == nil {
			c.once = map[string]*repeated{}
		}
		c.once[key] = &repeated{d, d.Hint, 0}
		c.add(d)
		return
	}
	if first.more++; first.more <= 2 {
		first.See(d.Span, "and here")
		return
	}
	first.Hint = fmt.Sprintf("%s; the same stands in %d more places", first.hint, first.more-2)
}

// repeated is a diagnostic that stands for more like it.
type repeated struct {
	*diag.Diagnostic
	hint string
	more int
}

// files lists the files a file can see: itself, then its imports, depth first,
// each once.
func (c *checker) files(from *syntax.File) []*syntax.File {
	var out []*syntax.File
	seen := map[*syntax.File]bool{}
	todo := []*syntax.File{from}
	for len(todo) > 0 {
		f := todo[0]
		todo = todo[1:]
		if seen[f] {
			continue
		}
		seen[f] = true
		out = append(out, f)
		todo = append(todo, c.unit.Imports[f]...)
	}
	return out
}

// importsFirst lists a file and all it imports, a file behind those it imports itself.
func (c *checker) importsFirst(from *syntax.File) []*syntax.File {
	var out []*syntax.File
	seen := map[*syntax.File]bool{}
	type visit struct {
		file *syntax.File
		next int // of its imports
	}
	for stack := []visit{{file: from}}; len(stack) > 0; {
		top := &stack[len(stack)-1]
		seen[top.file] = true
		if imports := c.unit.Imports[top.file]; top.next < len(imports) {
			next := imports[top.next]
			top.next++
			if !seen[next] {
				stack = append(stack, visit{file: next})
			}
			continue
		}
		out = append(out, top.file)
		stack = stack[:len(stack)-1]
	}
	return out
}

// source hands an expression of the tree to the compiler.
func source(e *syntax.Expr) expr.Source {
	src := expr.Source{Text: e.Text, Span: e.Span}
	for _, p := range e.Pieces {
		src.Pieces = append(src.Pieces, expr.Piece(p))
	}
	return src
}

// compile compiles an expression in a scope; the result is never nil, and of type
// any if there were errors.
func (c *checker) compile(e *syntax.Expr, in expr.Scope) *expr.Program {
	p, problems := expr.Compile(source(e), in)
	if !p.Parsed() && len(e.Parts) > 0 { // of several expressions, say what is wrong with each
		var each diag.List
		for _, part := range e.Parts {
			_, problems := expr.Compile(source(part), in)
			each = append(each, problems...)
		}
		if each.HasErrors() {
			problems = each
		}
	}
	c.problems = append(c.problems, problems...)
	return p
}

// expect compiles an expression that must be assignable to want; what names its
// place in messages ("timeout", "the condition of ensure").
func (c *checker) expect(e *syntax.Expr, in expr.Scope, want *value.Type, what string) *expr.Program {
	p := c.compile(e, in)
	if ok, why := p.Type().AssignableTo(want); !ok {
		d := diag.Errorf(CodeType, e.Span, "%s must be %s: %s", what, article(want), why)
		if p.Type().Optional && !want.Optional {
			d.Hintf("say what to use when it is missing: `… ?? other`")
			if r, ok := in.(expr.Reasoner); ok && p.Path() != nil {
				d.Related = r.Missing(p.Path())
			}
		} else if want.Kind == value.Duration {
			d.Hintf("write a duration such as 30s or 1m30s")
		}
		c.add(d)
	} else {
		c.typed(p, in, want, what)
	}
	return p
}

func article(t *value.Type) string {
	s := t.String()
	switch s[0] {
	case 'a', 'e', 'i', 'o', 'u':
		return "an " + s
	}
	return "a " + s
}
