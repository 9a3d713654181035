package expr

import (
	"github.com/expr-lang/expr/ast"

	"wf/lang/diag"
	"wf/lang/value"
)

// Prober is a scope whose expressions are compiled with probes, if Probe says so.
type Prober interface{ Probe() bool }

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
// the order of the text. Of conditions joined by `and` and `or` each single one is a
// place. Predicates inside filter, map and the like have none: they are evaluated many
// times. Nor has what is the same at every evaluation.
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

// way is the condition on which evaluation turns; nil if it has none of its own.
func (p *prober) way(n ast.Node) *Program {
	text := canonical(n)
	if m, ok := n.(*ast.MemberNode); ok {
		n = &ast.ChainNode{Node: m} // a chain cut short by ?. is one all the same
		n.SetLocation(m.Location())
	}
	prog := p.part(n, text, value.TAny)
	if prog.plan == nil || prog.fixed {
		return nil
	}
	return prog
}

func (p *prober) add(kind string, cond *Program, guards []guard) {
	if cond != nil {
		p.out = append(p.out, Probe{Kind: kind, Span: cond.span, Text: cond.text, cond: cond, guards: guards})
	}
}

// with are guards and one more.
func with(guards []guard, cond *Program, want, nils bool) []guard {
	if cond == nil {
		return guards
	}
	return append(guards[:len(guards):len(guards)], guard{cond, want, nils})
}

func (p *prober) walk(n ast.Node, guards []guard) {
	switch n := n.(type) {
	case *ast.PredicateNode:
		return
	case *ast.MemberNode:
		p.chain(n, guards)
		return
	case *ast.ConditionalNode:
		cond := p.decides("?:", n.Cond, guards)
		p.walk(n.Exp1, with(guards, cond, true, false))
		p.walk(n.Exp2, with(guards, cond, false, false))
		return
	case *ast.BinaryNode:
		switch kind := junction(n); {
		case n.Operator == "??":
			p.walk(n.Left, guards)
			left := p.way(n.Left)
			p.add("??", left, guards)
			p.walk(n.Right, with(guards, left, false, true))
			return
		case kind != "":
			left := p.decides(kind, n.Left, guards)
			p.decides(kind, n.Right, with(guards, left, kind == "and", false))
			return
		}
	}
	for _, child := range children(n) {
		p.walk(child, guards)
	}
}

// junction is "and" or "or" if the node joins conditions.
func junction(n ast.Node) string {
	if b, ok := n.(*ast.BinaryNode); ok {
		switch b.Operator {
		case "and", "&&":
			return "and"
		case "or", "||":
			return "or"
		}
	}
	return ""
}

// decides adds the probe of a condition, unless it is made of others, which have
// theirs.
func (p *prober) decides(kind string, n ast.Node, guards []guard) *Program {
	cond := p.way(n)
	if junction(n) == "" {
		p.add(kind, cond, guards)
	}
	p.walk(n, guards)
	return cond
}

// chain walks a.b?.c from its root on and returns what holds where it was not cut
// short.
func (p *prober) chain(n ast.Node, guards []guard) []guard {
	m, ok := n.(*ast.MemberNode)
	if !ok {
		p.walk(n, guards)
		return guards
	}
	guards = p.chain(m.Node, guards)
	if m.Optional {
		root := p.way(m.Node)
		p.add("?.", root, guards)
		guards = with(guards, root, true, true)
	}
	p.walk(m.Property, guards)
	return guards
}
