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

	cond   *Program
	guards []guard // what must hold for evaluation to get here
}

// guard is a condition on the way to a place.
type guard struct {
	cond *Program
	want bool // the condition holds; of ?? that the value is there
	nils bool // the value is compared with nil
}

// Probes lists the places of the expression where evaluation goes one of two ways, in
// the order of the text. Predicates inside filter, map and the like have none: they are
// evaluated many times.
func (p *Program) Probes() []Probe { return p.probes }

// Side tells which way evaluation goes in env: for ?? and ?. whether the value is
// there, for ?:, and, or whether the condition holds. ok is false if evaluation does
// not get there, or fails.
func (p *Probe) Side(m *Machine, env map[string]any) (yes, ok bool) {
	for _, g := range p.guards {
		if yes, ok := g.cond.side(m, env, g.nils); !ok || yes != g.want {
			return false, false
		}
	}
	return p.cond.side(m, env, p.Kind == "??" || p.Kind == "?.")
}

func (p *Program) side(m *Machine, env map[string]any, nils bool) (yes, ok bool) {
	v, err := p.plan.eval(m, env)
	if err != nil {
		return false, false
	}
	if nils {
		return v != nil, true
	}
	yes, ok = v.(bool)
	return yes, ok
}

// probes makes the probes of a typed tree.
func (b *builder) probes(n ast.Node) []Probe {
	p := prober{builder: b}
	p.walk(n, nil)
	return p.out
}

type prober struct {
	*builder
	out []Probe
}

func (p *prober) add(kind string, cond ast.Node, guards []guard) *Program {
	prog := p.part(cond, canonical(cond), value.TAny)
	p.out = append(p.out, Probe{Kind: kind, Span: prog.span, Text: prog.text, cond: prog, guards: guards})
	return prog
}

func (p *prober) walk(n ast.Node, guards []guard) {
	with := func(g guard) []guard { return append(guards[:len(guards):len(guards)], g) }
	switch n := n.(type) {
	case *ast.PredicateNode:
		return
	case *ast.MemberNode:
		if n.Optional {
			p.add("?.", n.Node, guards)
		}
	case *ast.ConditionalNode:
		cond := p.add("?:", n.Cond, guards)
		p.walk(n.Cond, guards)
		p.walk(n.Exp1, with(guard{cond, true, false}))
		p.walk(n.Exp2, with(guard{cond, false, false}))
		return
	case *ast.BinaryNode:
		var left *Program
		g := guard{}
		switch n.Operator {
		case "??":
			left = p.add("??", n.Left, guards)
			g = guard{left, false, true}
		case "and", "&&":
			left = p.add("and", n.Left, guards)
			g = guard{left, true, false}
			p.add("and", n.Right, with(g))
		case "or", "||":
			left = p.add("or", n.Left, guards)
			g = guard{left, false, false}
			p.add("or", n.Right, with(g))
		}
		if left != nil {
			p.walk(n.Left, guards)
			p.walk(n.Right, with(g))
			return
		}
	}
	for _, child := range children(n) {
		p.walk(child, guards)
	}
}
