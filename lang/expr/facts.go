package expr

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"wf/lang/value"
)

// Present lists the paths that cannot be nil if the expression, a condition, came out
// as held says: behind `a != nil and b.c == 1` none of a, b and b.c is. Facts of another
// sort are among them, see [NotZero].
func (p *Program) Present(held bool) []string {
	if held {
		return p.ifTrue
	}
	return p.ifFalse
}

// facts lists the paths that cannot be nil if a condition came out so, outer ones
// first.
func facts(n ast.Node, held bool) []string {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return facts(n.Node, !held)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			if held {
				return append(facts(n.Left, true), facts(n.Right, true)...)
			}
			return both(facts(n.Left, false), facts(n.Right, false))
		case "or", "||":
			if !held {
				return append(facts(n.Left, false), facts(n.Right, false)...)
			}
			return both(facts(n.Left, true), facts(n.Right, true))
		case "!=", "==":
			return append(equalFacts(n, held == (n.Operator == "==")), zeroFacts(n, held)...)
		case "<", "<=", ">", ">=":
			return zeroFacts(n, held)
		}
	}
	return nil
}

// both lists what is in two lists.
func both(a, b []string) []string {
	return slices.DeleteFunc(a, func(path string) bool { return !slices.Contains(b, path) })
}

// equalFacts is facts of a comparison whose sides are equal, or are not.
func equalFacts(n *ast.BinaryNode, equal bool) []string {
	for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		switch side[1].(type) {
		case *ast.NilNode:
			if !equal {
				return trail(side[0])
			}
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			if equal {
				return trail(side[0])
			}
		}
	}
	return nil
}

// trail is the path a node reads with all that is on the way: a, a.b, a.b.c for
// a.b?.c; nil for anything else.
func trail(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.ChainNode:
		return trail(n.Node)
	case *ast.IdentifierNode:
		return []string{n.Value}
	case *ast.PointerNode:
		if n.Name == "" {
			return []string{element}
		}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if from := trail(n.Node); ok && from != nil {
			return append(from, from[len(from)-1]+"."+name.Value)
		}
	}
	return nil
}

// element is the path of the element that a predicate is about.
const element = "#"

// kept is the type of the list that is left of one when a predicate holds for all of it.
func kept(list *value.Type, facts []string) *value.Type {
	e := elem(list)
	for _, path := range facts {
		if parts := Path(path); parts[0] == element {
			e = Present(e, parts[1:])
		}
	}
	if list.Kind != value.List || e == elem(list) {
		return list
	}
	out := *list
	out.Elem = e
	return &out
}

// Present is t where neither t nor what the path leads to is nil.
func Present(t *value.Type, path []string) *value.Type {
	t = t.Req()
	if len(path) == 0 || t.Kind != value.Record {
		return t
	}
	out := *t
	out.Fields = nil
	for _, f := range t.Fields {
		if f.Name == path[0] {
			c := *f
			c.Type, c.Optional = Present(f.Type, path[1:]), false
			f = &c
		}
		out.Fields = append(out.Fields, f)
	}
	return &out
}

// outside lists the facts that are not about the element of a predicate: in another one
// that is another element.
func outside(facts []string) []string {
	return slices.DeleteFunc(slices.Clone(facts), func(path string) bool { return Path(path)[0] == element })
}

// assuming infers a node where the paths cannot be nil.
func (c *inferrer) assuming(paths []string, at *ast.Node) *value.Type {
	before := c.known
	c.known = append(before[:len(before):len(before)], paths...)
	t := c.infer(at)
	c.known = before
	return t
}

// narrow takes nil from the type of a node that is known to be there.
func (c *inferrer) narrow(n ast.Node, t *value.Type) *value.Type {
	if len(c.known) == 0 || !t.Optional || t.Kind == value.Nil {
		return t
	}
	if path := trail(n); path != nil && slices.Contains(c.known, path[len(path)-1]) {
		return t.Req()
	}
	return t
}

// Path splits a path that [Program.Present] lists.
func Path(p string) []string { return strings.Split(p, ".") }
