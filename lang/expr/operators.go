package expr

import (
	"fmt"

	"github.com/expr-lang/expr/ast"

	"wf/lang/diag"
	"wf/lang/value"
)

// binary types an operator with two operands.
func (c *inferrer) binary(at *ast.Node, n *ast.BinaryNode) *value.Type {
	var known []Fact // of the right side, which is read only then
	switch n.Operator {
	case "and", "&&":
		known = facts(n.Left, true)
	case "or", "||":
		known = facts(n.Left, false)
	}
	text := ""
	if n.Operator == "/" || n.Operator == "%" {
		text = canonical(n.Right)
	}
	left, right := c.infer(&n.Left), c.assuming(known, &n.Right)
	c.divisor(n, text, right)
	switch n.Operator {
	case "??":
		c.neverUsed(n, left)
		return coalesce(left, right)
	case "==", "!=":
		c.equality(at, n, left, right)
		return value.TBool
	}
	left, right = c.present(n.Left, left), c.present(n.Right, right)
	if left.Unknown || right.Unknown {
		c.unknown = true
		switch n.Operator {
		case "+", "-", "*", "/", "%", "**", "^", "..":
			return value.TUnknown
		}
		return value.TBool
	}
	if n.Operator != "in" {
		left, right = widened(left), widened(right)
	}
	c.untypedOperands(n, left, right)
	out := c.operator(at, n, left, right)
	if out.Kind != value.Bool && (left.Secret || right.Secret) {
		out = out.Hidden()
	}
	return out
}

func coalesce(left, right *value.Type) *value.Type {
	if left.Kind == value.Nil {
		return right
	}
	return value.Join(left.Req(), right)
}

func (c *inferrer) operator(at *ast.Node, n *ast.BinaryNode, l, r *value.Type) *value.Type {
	switch n.Operator {
	case "and", "&&", "or", "||":
		if (isAny(l) || l.Kind == value.Bool) && (isAny(r) || r.Kind == value.Bool) {
			return value.TBool
		}
	case "<", "<=", ">", ">=":
		if c.ordered(at, n, l, r) {
			return value.TBool
		}
	case "in", "not in":
		if c.contained(n, l, r) {
			return value.TBool
		}
	case "matches", "contains", "startsWith", "endsWith":
		if (isAny(l) || isText(l)) && (isAny(r) || isText(r)) {
			if n.Operator == "matches" {
				c.pattern(n.Right)
			}
			return value.TBool
		}
	case "..":
		if (isAny(l) || l.Kind == value.Int) && (isAny(r) || r.Kind == value.Int) {
			return value.ListOf(value.TInt)
		}
	default:
		if out := c.arithmetic(at, n, l, r); out != nil {
			return out
		}
	}
	d := diag.Errorf(CodeOperator, c.span(n), "%s does not work between %s and %s", n.Operator, l, r)
	if hint := wayOut(n.Operator, l, r); hint != "" {
		d.Hintf("%s", hint)
	}
	c.add(d)
	return value.TUnknown
}

// wayOut is what to write instead of an operator between the wrong types; "" if there is
// no telling.
func wayOut(operator string, l, r *value.Type) string {
	one := func(k value.Kind) bool { return isText(l) && r.Kind == k || isText(r) && l.Kind == k }
	switch operator {
	case "and", "or", "&&", "||":
		if l.Kind != value.Bool || r.Kind != value.Bool {
			return "a choice between values is written condition ? one : other"
		}
	case "+":
		if isText(l) || isText(r) {
			return "write one string with the value inside: \"… ${value}\", or use string(…)"
		}
	case "in":
		if isText(l) && isText(r) {
			return "a string is searched the other way round: text contains part"
		}
	case "contains":
		if l.Kind == value.List {
			return "a list is searched the other way round: element in list"
		}
	case "<", "<=", ">", ">=", "-":
		switch {
		case one(value.Time):
			return "time(…) makes a time of a string"
		case one(value.Duration):
			return "duration(…) makes a duration of a string; a literal is written without quotes: 90s"
		case one(value.Int), one(value.Float):
			return "int(…) and float(…) make a number of a string"
		}
	}
	if known := map[bool]*value.Type{true: r, false: l}[isAny(l)]; (isAny(l) || isAny(r)) && isTemporal(known) {
		return "say what the other one is: time(…), duration(…), int(…) or float(…)"
	}
	switch operator {
	case "matches", "contains", "startsWith", "endsWith":
		if isText(r) && (l.Kind == value.Time || l.Kind == value.Duration || l.Kind == value.Int || l.Kind == value.Float) {
			return "string(…) makes a string of it"
		}
	}
	return ""
}

// call replaces an operator by a function call.
func (c *inferrer) call(at *ast.Node, name string, args ...ast.Node) {
	c.patched = true
	ast.Patch(at, &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args})
}

// compareBy replaces l OP r by name(l, r) OP 0.
func (c *inferrer) compareBy(n *ast.BinaryNode, name string) {
	c.patched = true
	compared := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: []ast.Node{n.Left, n.Right}}
	compared.SetLocation(n.Location())
	zero := &ast.IntegerNode{Value: 0}
	zero.SetLocation(n.Location())
	n.Left, n.Right = compared, zero
}

func (c *inferrer) ordered(_ *ast.Node, n *ast.BinaryNode, l, r *value.Type) bool {
	switch {
	case isAny(l) && isAny(r):
		return true
	case l.Kind == value.Duration && (r.Kind == value.Duration || isAny(r)), r.Kind == value.Duration && isAny(l):
		c.compareBy(n, "__dur_cmp")
		return true
	case l.Kind == value.Time && (r.Kind == value.Time || isAny(r)), r.Kind == value.Time && isAny(l):
		c.compareBy(n, "__time_cmp")
		return true
	case isNumber(l) || isNumber(r):
		return (isAny(l) || isNumber(l)) && (isAny(r) || isNumber(r))
	}
	return (isAny(l) || isText(l)) && (isAny(r) || isText(r))
}

func (c *inferrer) contained(n *ast.BinaryNode, l, r *value.Type) bool {
	switch {
	case isAny(r):
		return true
	case r.Kind == value.List:
		switch {
		case isTemporal(l) && isTemporal(r.Elem):
			c.add(diag.Errorf(CodeOperator, c.span(n), "in does not compare %ss", l.Kind).Hintf("write any(list, # == value)"))
		case !canEqual(l, r.Elem):
			c.add(diag.Errorf(CodeNeverEqual, c.span(n), "%s is never in a list of %s", l, r.Elem))
		case l.Kind == value.Enum:
			if list, ok := n.Right.(*ast.ArrayNode); ok {
				for _, item := range list.Nodes {
					c.enumLiteral(l, item)
				}
			}
		}
		return true
	case r.Kind == value.Record:
		return isAny(l) || isText(l)
	}
	return false
}

func (c *inferrer) arithmetic(at *ast.Node, n *ast.BinaryNode, l, r *value.Type) *value.Type {
	if l.Kind == value.Time || r.Kind == value.Time || l.Kind == value.Duration || r.Kind == value.Duration {
		return c.temporal(at, n, l, r)
	}
	if n.Operator == "+" && (isText(l) || isAny(l)) && (isText(r) || isAny(r)) {
		if isAny(l) && isAny(r) {
			return value.TAny
		}
		return value.TString
	}
	if !(isAny(l) || isNumber(l)) || !(isAny(r) || isNumber(r)) {
		return nil
	}
	both := l.Kind == value.Int && r.Kind == value.Int
	switch n.Operator {
	case "/", "**", "^":
		return value.TFloat
	case "%":
		if both || isAny(l) || isAny(r) {
			return value.TInt
		}
		return nil
	}
	switch {
	case both:
		return value.TInt
	case isAny(l) || isAny(r):
		return value.TAny
	}
	return value.TFloat
}

// temporal types arithmetic with times and durations, and spells it as calls.
func (c *inferrer) temporal(at *ast.Node, n *ast.BinaryNode, l, r *value.Type) *value.Type {
	minus := &ast.BoolNode{Value: true}
	switch fmt.Sprintf("%s %s %s", l.Kind, n.Operator, r.Kind) {
	case "time + duration":
		c.call(at, "__time_add", n.Left, n.Right)
		return value.TTime
	case "duration + time":
		c.call(at, "__time_add", n.Right, n.Left)
		return value.TTime
	case "time - duration":
		c.call(at, "__time_add", n.Left, n.Right, minus)
		return value.TTime
	case "time - time":
		c.call(at, "__time_sub", n.Left, n.Right)
		return value.TDuration
	case "duration + duration":
		c.call(at, "__dur_add", n.Left, n.Right)
		return value.TDuration
	case "duration - duration":
		c.call(at, "__dur_add", n.Left, n.Right, minus)
		return value.TDuration
	case "duration * int", "duration * float":
		c.call(at, "__dur_scale", n.Left, n.Right)
		return value.TDuration
	case "int * duration", "float * duration":
		c.call(at, "__dur_scale", n.Right, n.Left)
		return value.TDuration
	case "duration / int", "duration / float":
		c.call(at, "__dur_scale", n.Left, n.Right, minus)
		return value.TDuration
	case "duration / duration":
		c.call(at, "__dur_ratio", n.Left, n.Right)
		return value.TFloat
	}
	return nil
}

// equality checks == and !=, where nil is welcome on either side.
func (c *inferrer) equality(_ *ast.Node, n *ast.BinaryNode, l, r *value.Type) {
	switch {
	case l.Kind == value.Nil || r.Kind == value.Nil:
		c.neverNil(n, l, r)
		return
	case !canEqual(l, r):
		d := diag.Errorf(CodeNeverEqual, c.span(n), "%s and %s are never equal", l.Req(), r.Req())
		c.add(d)
		return
	}
	if l.Kind == value.Enum {
		c.enumLiteral(l, n.Right)
	}
	if r.Kind == value.Enum {
		c.enumLiteral(r, n.Left)
	}
	if l.Optional || r.Optional { // nil is compared as it is
		return
	}
	switch {
	case l.Kind == value.Duration && r.Kind == value.Duration:
		c.compareBy(n, "__dur_cmp")
	case l.Kind == value.Time && r.Kind == value.Time:
		c.compareBy(n, "__time_cmp")
	}
}

// canEqual reports whether a value of l can equal one of r, by kind.
func canEqual(l, r *value.Type) bool {
	if isAny(l) || isAny(r) || l.Kind == r.Kind || isNumber(l) && isNumber(r) || isText(l) && isText(r) {
		return true
	}
	return l.Kind == value.Enum && !isText(l) && isNumber(r) || r.Kind == value.Enum && !isText(r) && isNumber(l)
}

// enumLiteral reports a literal that the enum it is compared with does not have.
func (c *inferrer) enumLiteral(enum *value.Type, n ast.Node) {
	var lit any
	switch n := n.(type) {
	case *ast.StringNode:
		lit = n.Value
	case *ast.IntegerNode:
		lit = n.Value
	default:
		return
	}
	names := make([]string, len(enum.Values))
	for i, v := range enum.Values {
		if v == lit {
			return
		}
		names[i] = fmt.Sprint(v)
	}
	d := diag.Errorf(CodeNeverEqual, c.span(n), "%s is not one of %s", value.Literal(lit), enum.Req())
	if text, isText := lit.(string); isText && len(c.src.Pieces) == 0 && d.Span.End-d.Span.Start == len(text)+2 {
		d.Suggest(diag.Span{File: d.Span.File, Start: d.Span.Start + 1, End: d.Span.End - 1}, text, names)
	} else {
		d.Hint = diag.DidYouMean(fmt.Sprint(lit), names)
	}
	c.add(d)
}
