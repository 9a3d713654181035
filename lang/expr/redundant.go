package expr

import (
	"github.com/expr-lang/expr/ast"

	"wf/lang/diag"
	"wf/lang/value"
)

// certain reports whether a value of a type is never nil, in a scope that knows why others
// may be.
func (c *inferrer) certain(t *value.Type) bool {
	r, ok := c.scope.(Reasoner)
	return ok && r.Certain() && !t.Optional && t.Kind != value.Nil && !isAny(t)
}

// neverNil warns of a comparison with nil whose outcome is known beforehand.
func (c *inferrer) neverNil(n *ast.BinaryNode, l, r *value.Type) {
	of, t := n.Left, l
	if l.Kind == value.Nil {
		of, t = n.Right, r
	}
	if c.certain(t) {
		c.add(diag.Warnf(CodeRedundant, c.span(n), "this is always %t: %s is never nil", n.Operator == "!=", c.shown(of)))
	}
}

// neverUsed warns of a value that stands in for one which is always there.
func (c *inferrer) neverUsed(n *ast.BinaryNode, l *value.Type) {
	if !c.certain(l) {
		return
	}
	left, right := c.span(n.Left), c.span(n.Right)
	d := diag.Warnf(CodeRedundant, right, "this is never used: %s is never nil", c.shown(n.Left)).Hintf("remove the ?? and what stands behind it")
	if len(c.src.Pieces) == 0 {
		d.Fix("remove it", diag.Edit{Span: diag.Span{File: left.File, Start: left.End, End: right.End}})
	}
	c.add(d)
}

// neverStops warns of a ?. behind a value that is always there.
func (c *inferrer) neverStops(n *ast.MemberNode, t *value.Type) {
	if at, ok := c.dot(n, "?."); ok && c.certain(t) {
		c.add(diag.Warnf(CodeRedundant, at, "a plain . does here: %s is never nil", c.shown(n.Node)).Fix("write .", diag.Edit{Span: at, New: "."}))
	}
}

// shown is the text of a node, if it is short.
func (c *inferrer) shown(n ast.Node) string {
	if path := trail(n); path != nil {
		return path[len(path)-1]
	}
	return "the value"
}
