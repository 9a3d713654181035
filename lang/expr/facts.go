package expr

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"wf/lang/value"
)

// Present lists the paths that cannot be nil if the expression, a condition, came out
// as held says: behind `a != nil and b.c == 1` none of a, b and b.c is.
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
			return equalFacts(n, held == (n.Operator == "=="))
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
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if from := trail(n.Node); ok && from != nil {
			return append(from, from[len(from)-1]+"."+name.Value)
		}
	}
	return nil
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
