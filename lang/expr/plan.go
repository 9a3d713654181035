package expr

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"wf/lang/diag"
	"wf/lang/value"
)

// plan is how an expression is evaluated: *path, constant, object or compiled.
// Most expressions of a workflow are paths and objects of paths, and need no
// machine; the result is the same.
type plan interface {
	eval(m *Machine, env map[string]any) (any, error)
}

// constant is a value known beforehand.
type constant struct{ v any }

func (c constant) eval(*Machine, map[string]any) (any, error) { return c.v, nil }

// path reads a root name and fields from it.
type path struct {
	root  string
	links []link
	span  diag.Span
}

type link struct {
	name     string
	optional bool // ?.
}

func (p *path) eval(_ *Machine, env map[string]any) (any, error) {
	v := env[p.root]
	for _, l := range p.links {
		m, ok := v.(map[string]any)
		switch {
		case ok:
			v = m[l.name]
		case v == nil && l.optional:
			return nil, nil
		case v == nil:
			return nil, &Error{p.span, fmt.Sprintf("there is nothing to read %s from", l.name)}
		default:
			return nil, &Error{p.span, fmt.Sprintf("%s has no field %s", value.KindOf(v), l.name)}
		}
	}
	return v, nil
}

// object builds a record field by field.
type object struct {
	keys  []string
	plans []plan
}

func (o object) eval(m *Machine, env map[string]any) (any, error) {
	out := make(map[string]any, len(o.keys))
	for i, p := range o.plans {
		v, err := p.eval(m, env)
		if err != nil {
			return nil, err
		}
		if _, ok := p.(compiled); ok && !value.InDomain(v) {
			if v, err = value.Normalize(v); err != nil {
				return nil, err
			}
		}
		out[o.keys[i]] = v
	}
	return out, nil
}

// compiled is everything else, in expr-lang's byte code.
type compiled struct {
	program *vm.Program
	place   func(from, to int) diag.Span
}

func (c compiled) eval(m *Machine, env map[string]any) (v any, err error) {
	v, err = m.vm.Run(c.program, env)
	if err == nil {
		return v, nil
	}
	var fe *file.Error
	if errors.As(err, &fe) {
		return nil, &Error{c.place(fe.From, max(fe.To, fe.From+1)), plain(fe.Message)}
	}
	return nil, &Error{Message: plain(err.Error())}
}

// build makes the plan of a node.
func (b *builder) build(n ast.Node) (plan, error) {
	switch n := n.(type) {
	case *ast.NilNode:
		return constant{}, nil
	case *ast.BoolNode:
		return constant{n.Value}, nil
	case *ast.IntegerNode:
		return constant{n.Value}, nil
	case *ast.FloatNode:
		return constant{n.Value}, nil
	case *ast.StringNode:
		return constant{n.Value}, nil
	case *ast.MapNode:
		return b.object(n)
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode:
		if p := b.path(n); p != nil {
			return p, nil
		}
	}
	return b.program(n)
}

func (b *builder) object(n *ast.MapNode) (plan, error) {
	o := object{}
	for _, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		sub, err := b.build(pair.Value)
		if err != nil {
			return nil, err
		}
		o.keys = append(o.keys, pair.Key.(*ast.StringNode).Value)
		o.plans = append(o.plans, sub)
	}
	return o, nil
}

// path recognises a.b?.c; nil for anything else.
func (b *builder) path(n ast.Node) *path {
	if ch, ok := n.(*ast.ChainNode); ok {
		n = ch.Node
	}
	var links []link
	top := n
	for {
		switch at := n.(type) {
		case *ast.MemberNode:
			name, ok := at.Property.(*ast.StringNode)
			if !ok {
				return nil
			}
			links = append(links, link{name.Value, at.Optional})
			n = at.Node
		case *ast.IdentifierNode:
			for i, j := 0, len(links)-1; i < j; i, j = i+1, j-1 {
				links[i], links[j] = links[j], links[i]
			}
			return &path{at.Value, links, b.place(extent(top))}
		default:
			return nil
		}
	}
}

var durationCall = regexp.MustCompile(`\bduration\("([0-9a-z.]+)"\)`)

// canonical prints a tree in one spelling, durations as literals.
func canonical(n ast.Node) string {
	text := n.String()
	if !strings.Contains(text, "duration(") {
		return text
	}
	return durationCall.ReplaceAllString(text, "$1")
}

// mixed is the engine's complaint about `a ?? b + c`.
var mixed = regexp.MustCompile(`^Operator \((.+)\) and coalesce expressions`)

// plain says an engine's message in our words, on one line.
func plain(msg string) string {
	msg, _, _ = strings.Cut(msg, "\n")
	if m := mixed.FindStringSubmatch(msg); m != nil {
		return "?? and " + m[1] + " stand side by side, and which comes first is not said"
	}
	if strings.Contains(msg, "value out of range") || strings.HasSuffix(msg, "literal is too large") {
		return "the number does not fit 64 bits"
	}
	for _, r := range [...]struct{ from, to string }{
		{"runtime error: ", ""}, {"reflect: slice index out of range", "the index is outside the list"}, {"array length is", "the list has"},
		{"unexpected token EOF", "it ends too early"}, {"unexpected token Operator", "unexpected"}, {"unexpected token Bracket", "unexpected"},
		{"unexpected token Identifier", "unexpected name"}, {"unexpected token Number", "unexpected number"}, {"unexpected token String", "unexpected string"},
		{"<nil>", "nil"}, {"map[string]interface {}", "an object"}, {"[]interface {}", "a list"}, {"interface {}", "any"}, {"float64", "float"},
	} {
		msg = strings.ReplaceAll(msg, r.from, r.to)
	}
	return msg
}

func hintFor(msg string) string {
	switch {
	case mixed.MatchString(msg):
		return "put one of them in parentheses: (a ?? b) + c"
	case strings.Contains(msg, "EOF"):
		return "a value is missing at the end"
	case strings.Contains(msg, `Operator("!")`):
		return "write not"
	}
	return ""
}
