package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"wf/lang/diag"
	"wf/lang/value"
)

// zeroFacts says which side of a comparison with a number is not zero if it came out so.
func zeroFacts(n *ast.BinaryNode, held bool) []Fact {
	operator, of := n.Operator, n.Left
	bound, ok := number(n.Right)
	if !ok {
		if bound, ok = number(n.Left); !ok {
			return nil
		}
		of = n.Right
		operator = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}[operator]
	}
	if !held {
		operator = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}[operator]
	}
	if operator == ">" && bound >= 0 || operator == ">=" && bound > 0 || operator == "<" && bound <= 0 || operator == "<=" && bound < 0 ||
		operator == "==" && bound != 0 || operator == "!=" && bound == 0 {
		return []Fact{{Text: canonical(of), Zero: true}}
	}
	return nil
}

// number is the value of a literal.
func number(n ast.Node) (float64, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.UnaryNode:
		v, ok := number(n.Node)
		return -v, ok && n.Operator == "-"
	}
	return 0, false
}

// divisor warns of one that may be zero: what is read, or counted, and neither its type nor
// a condition around it excludes that. It is told before the node is inferred how it reads.
func (c *inferrer) divisor(n *ast.BinaryNode, text string, t *value.Type) {
	if n.Operator != "/" && n.Operator != "%" {
		return
	}
	r, ok := c.scope.(Reasoner)
	if !ok || !r.Certain() {
		return
	}
	if v, ok := number(n.Right); ok {
		if v == 0 {
			c.add(diag.Errorf(CodeConstant, c.span(n.Right), "this always fails: nothing is divided by zero"))
		}
		return
	}
	if !isNumber(t) || excludesZero(t) || slices.ContainsFunc(c.known, func(f Fact) bool { return f.Zero && f.Text == text }) || r.NotZero(text) {
		return
	}
	what := text
	switch right := n.Right.(type) {
	case *ast.BuiltinNode:
		if right.Name != "len" && right.Name != "count" && right.Name != "sum" {
			return
		}
		if len(right.Arguments) == 1 && right.Name == "len" && c.neverEmpty(right.Arguments[0]) {
			return
		}
	default:
		if trail(n.Right) == nil {
			return // whoever computes it knows more of it than can be seen here
		}
	}
	c.add(diag.Warnf(CodeZero, c.span(n.Right), "this may be zero, and the division then fails").
		Hintf("ask before: %s != 0 ? … : …, or ensure %s != 0 else …", what, what))
}

// excludesZero reports whether no number of a type is zero.
func excludesZero(t *value.Type) bool {
	if len(t.Values) > 0 {
		return !slices.Contains(t.Values, any(0))
	}
	return asNumber(t.Rules.Min) > 0 || asNumber(t.Rules.Max) < 0
}

func asNumber(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

// neverEmpty reports whether a list or text has something in it by its type.
func (c *inferrer) neverEmpty(n ast.Node) bool {
	probe := &inferrer{scope: c.scope, src: c.src, place: c.place, known: c.known, elems: c.elems}
	t := probe.infer(&n)
	return t.Rules.Nonempty || asNumber(t.Rules.Min) > 0
}
