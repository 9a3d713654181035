package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"wf/lang/diag"
	"wf/lang/value"
)

// madeOfSecret reports whether what a function gives is a secret as a whole: it is made of
// one, or of a list or record that has one in it which its type does not show any more.
func madeOfSecret(name string, args []*value.Type, out *value.Type) bool {
	if name == "map" { // made of what is made of each element
		return args[0].Secret
	}
	inside := !slices.Contains(outer, name) && !out.HasSecret()
	return slices.ContainsFunc(args, func(t *value.Type) bool { return t.Secret || inside && t.HasSecret() })
}

// outer are the functions that tell nothing of what is inside of a list or record.
var outer = []string{"len", "count", "keys", "type", "findIndex"}

// secretParts lists the places of the parts of a value that are, or have in them, a secret,
// but for those of which is said that they are.
func (c *inferrer) secretParts(n ast.Node, out []diag.Span) []diag.Span {
	if !c.secrets[n] {
		return out
	}
	switch n := n.(type) {
	case *ast.MapNode:
		for _, p := range n.Pairs {
			out = c.secretParts(p.(*ast.PairNode).Value, out)
		}
		return out
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			out = c.secretParts(item, out)
		}
		return out
	case *ast.ConditionalNode:
		return c.secretParts(n.Exp2, c.secretParts(n.Exp1, out))
	case *ast.BinaryNode:
		if n.Operator == "??" {
			return c.secretParts(n.Right, c.secretParts(n.Left, out))
		}
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == marks {
			return out
		}
	}
	return append(out, c.span(n))
}
