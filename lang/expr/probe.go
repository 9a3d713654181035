package expr

import (
	"github.com/expr-lang/expr/ast"

	"wf/lang/diag"
	"wf/lang/value"
)

// Prober is a scope whose expressions are compiled with probes.
type Prober interface{ Probe() }

// Probe is a place in an expression where evaluation goes one of two ways.
type Probe struct {
	Kind string // "??", "?.", "?:", "and", "or"
	Span diag.Span
	Text string // what decides, as written

	cond *Program
}

// Probes lists the places of the expression where evaluation goes one of two ways, in
// the order of the text. Predicates inside filter, map and the like have none: they are
// evaluated many times.
func (p *Program) Probes() []Probe { return p.probes }

// Side tells which way evaluation goes in env: for ?? and ?. whether the value is
// there, for ?:, and, or whether the condition holds. ok is false if it is not reached
// or fails.
func (p *Probe) Side(m *Machine, env map[string]any) (yes, ok bool) {
	v, err := p.cond.plan.eval(m, env)
	if err != nil {
		return false, false
	}
	if p.Kind == "??" || p.Kind == "?." {
		return v != nil, true
	}
	b, ok := v.(bool)
	return b, ok
}

// probes makes the probes of a typed tree.
func (b *builder) probes(n ast.Node) []Probe {
	var out []Probe
	add := func(kind string, cond ast.Node) {
		out = append(out, Probe{Kind: kind, Span: b.place(extent(cond)), Text: canonical(cond), cond: b.part(cond, "", value.TAny)})
	}
	var walk func(n ast.Node)
	walk = func(n ast.Node) {
		switch n := n.(type) {
		case *ast.PredicateNode:
			return
		case *ast.MemberNode:
			if n.Optional {
				add("?.", n.Node)
			}
		case *ast.ConditionalNode:
			add("?:", n.Cond)
		case *ast.BinaryNode:
			switch n.Operator {
			case "??":
				add("??", n.Left)
			case "and", "&&":
				add("and", n.Left)
				add("and", n.Right)
			case "or", "||":
				add("or", n.Left)
				add("or", n.Right)
			}
		}
		for _, child := range children(n) {
			walk(child)
		}
	}
	walk(n)
	return out
}
