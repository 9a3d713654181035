package expr

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"wf/lang/value"
)

// Fact is what a condition that came out one way says of what it reads.
type Fact struct {
	Text string      // a path that is not nil; with NotZero an expression in one spelling
	Zero bool        // it says that the expression is not zero, and nothing else
	Type *value.Type // what the value of the path is, whatever its type; nil: that is not said
}

func (f Fact) equal(g Fact) bool {
	return f.Text == g.Text && f.Zero == g.Zero && f.Type.Equal(g.Type)
}

// Facts lists what the expression, a condition, says if it came out as held says: behind
// `a != nil and b.c == 1` none of a, b and b.c is nil.
func (p *Program) Facts(held bool) []Fact {
	if held {
		return p.ifTrue
	}
	return p.ifFalse
}

// facts lists what is known if a condition came out so, outer paths first.
func facts(n ast.Node, held bool) []Fact {
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
		case "in", "not in":
			return memberFacts(n, held == (n.Operator == "in"))
		case "<", "<=", ">", ">=":
			return zeroFacts(n, held)
		}
	}
	return nil
}

// both lists what is in two lists. Of a path that two conditions say two types of, either
// is possible.
func both(a, b []Fact) (out []Fact) {
	for _, f := range a {
		i := slices.IndexFunc(b, func(g Fact) bool { return f.equal(g) || f.Type != nil && g.Type != nil && f.Text == g.Text })
		if i < 0 {
			continue
		}
		if f.Type != nil {
			f.Type = value.Join(f.Type, b[i].Type)
		}
		out = append(out, f)
	}
	return out
}

// there lists the paths that are not nil if what a node reads is not.
func there(n ast.Node) []Fact {
	path := trail(n)
	out := make([]Fact, len(path))
	for i, p := range path {
		out[i].Text = p
	}
	return out
}

// equalFacts is facts of a comparison whose sides are equal, or are not.
func equalFacts(n *ast.BinaryNode, equal bool) []Fact {
	for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		if _, isNil := side[1].(*ast.NilNode); isNil {
			if !equal {
				return there(side[0])
			}
			continue
		}
		t := literal(side[1])
		if t == nil || !equal {
			continue
		}
		if of := typeCall(side[0]); of != nil {
			return is(of, kindNamed(t))
		}
		return is(side[0], t)
	}
	return nil
}

// memberFacts is facts of a value that is, or is not, in a list of literals.
func memberFacts(n *ast.BinaryNode, in bool) []Fact {
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok || !in {
		return nil
	}
	var t *value.Type
	for _, item := range list.Nodes {
		it := literal(item)
		if it == nil {
			return nil
		}
		t = value.Join(t, it)
	}
	return is(n.Left, t)
}

// is says that the value of a node is of a type; nothing, if it is not known of which, or
// the node is no path.
func is(n ast.Node, t *value.Type) []Fact {
	out := there(n)
	if len(out) > 0 && t != nil {
		out = append(out, Fact{Text: out[len(out)-1].Text, Type: t})
	}
	return out
}

// literal is the type of what can be no other value; nil for anything else.
func literal(n ast.Node) *value.Type {
	switch n := n.(type) {
	case *ast.StringNode:
		return value.EnumOf(n.Value)
	case *ast.IntegerNode:
		return &value.Type{Kind: value.Int, Values: []any{n.Value}}
	case *ast.FloatNode:
		return value.TFloat
	case *ast.BoolNode:
		return value.TBool
	}
	return nil
}

// typeCall is the argument of a call of type; nil for anything else.
func typeCall(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.BuiltinNode:
		if n.Name == "type" && len(n.Arguments) == 1 {
			return n.Arguments[0]
		}
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == "type" && len(n.Arguments) == 1 {
			return n.Arguments[0]
		}
	}
	return nil
}

// kindNamed is the type of values of which type says a word; nil for others.
func kindNamed(word *value.Type) *value.Type {
	if len(word.Values) != 1 {
		return nil
	}
	switch word.Values[0] {
	case "bool":
		return value.TBool
	case "int":
		return value.TInt
	case "float":
		return value.TFloat
	case "string":
		return value.TString
	case "list":
		return value.ListOf(value.TAny)
	case "record":
		return &value.Type{Kind: value.Record, Open: true}
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
func kept(list *value.Type, facts []Fact) *value.Type {
	e := elem(list)
	for _, f := range facts {
		switch parts := Path(f.Text); {
		case f.Zero || parts[0] != element:
		case f.Type == nil:
			e = Present(e, parts[1:])
		case isAny(e) && len(parts) == 1:
			e = f.Type
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
func outside(facts []Fact) []Fact {
	return slices.DeleteFunc(slices.Clone(facts), func(f Fact) bool { return Path(f.Text)[0] == element })
}

// assuming infers a node where facts are known.
func (c *inferrer) assuming(facts []Fact, at *ast.Node) *value.Type {
	before := c.known
	c.known = append(before[:len(before):len(before)], facts...)
	t := c.infer(at)
	c.known = before
	return t
}

// narrow is the type of a node by what is known of it: nil is taken from it if it is there,
// and any is what a condition says it is.
func (c *inferrer) narrow(n ast.Node, t *value.Type) *value.Type {
	untyped := isAny(t) && !t.Unknown
	if !untyped && (len(c.known) == 0 || !t.Optional || t.Kind == value.Nil) {
		return t
	}
	path := trail(n)
	if path == nil {
		return t
	}
	text := path[len(path)-1]
	if untyped {
		for i := len(c.known) - 1; i >= 0; i-- {
			if f := c.known[i]; f.Type != nil && f.Text == text {
				return f.Type
			}
		}
		if r, ok := c.scope.(Reasoner); ok && path[0] != element {
			if known := r.Is(text); known != nil {
				return known
			}
		}
		return t
	}
	if slices.ContainsFunc(c.known, func(f Fact) bool { return f.Type == nil && !f.Zero && f.Text == text }) {
		return t.Req()
	}
	return t
}

// Path splits a path that a [Fact] is about.
func Path(p string) []string { return strings.Split(p, ".") }
