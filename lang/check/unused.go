package check

import (
	"fmt"

	"wf/lang/diag"
	"wf/lang/syntax"
)

// unusedDecls warns of what the main file declares or imports, and none of it reads. A file
// without workflows is there for others, and so is one that only imports such files.
func (c *checker) unusedDecls() {
	for _, d := range c.unit.Main.Decls {
		what, name, node := declared(d)
		if what == "" || c.used[d] {
			continue
		}
		w := diag.Warnf(CodeUnusedDecl, name.Span, "nothing uses %s %s", what, name.Text).Hintf("remove it")
		c.add(remove(w, node.Span, fmt.Sprintf("remove %s %s", what, name.Text)))
	}
	imports := c.unit.Imports[c.unit.Main]
	at := 0
	for _, d := range c.unit.Main.Decls {
		imp, ok := d.(*syntax.Import)
		if !ok || at >= len(imports) { // all of them could be read, for there is no error
			continue
		}
		file := imports[at]
		at++
		if !c.usesAny(file) {
			w := diag.Warnf(CodeUnusedDecl, imp.Path.Span, "nothing of %s is used", imp.Path.Value).Hintf("remove the import")
			c.add(remove(w, imp.Span, "remove the import"))
		}
	}
}

// remove adds the fix that takes a statement out.
func remove(d *diag.Diagnostic, at diag.Span, title string) *diag.Diagnostic {
	if !isYAML(at) {
		d.Fix(title, diag.Edit{Span: at})
	}
	return d
}

// usesAny reports whether something is used that a file declares, or one that it imports.
func (c *checker) usesAny(file *syntax.File) bool {
	for _, f := range c.files(file) {
		if f == c.unit.Main {
			continue
		}
		for _, d := range f.Decls {
			if c.used[d] {
				return true
			}
		}
	}
	return false
}

// declared names what can be used by name; what is "" for anything else.
func declared(d syntax.Decl) (what string, name syntax.Name, node syntax.Node) {
	switch d := d.(type) {
	case *syntax.TypeDecl:
		return "type", d.Name, d.Node
	case *syntax.Let:
		return "let", d.Name, d.Node
	case *syntax.PolicyDecl:
		return "policy", d.Name, d.Node
	case *syntax.Service:
		return "service", d.Name, d.Node
	}
	return "", syntax.Name{}, syntax.Node{}
}
