package check

import (
	"fmt"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/syntax"
	"wf/lang/value"
)

// typed warns of an expression of type any where another type is wanted; what names the
// place. Tests and mocks are not told: what they give is seen when they are run.
func (c *checker) typed(p *expr.Program, in expr.Scope, want *value.Type, what string) {
	if r, ok := in.(expr.Reasoner); !ok || !r.Certain() {
		return
	}
	if t := p.Type(); t.Kind == value.Any && !t.Unknown && want.Kind != value.Any {
		takes := article(want)
		if want.Kind == value.List {
			takes = "a list"
		}
		c.add(c.convert(expr.Untyped(p.Span(), what+" takes "+takes, strings.Join(p.Path(), "."), want), want))
	}
}

// convert offers to convert the value that a warning is about.
func (c *checker) convert(d *diag.Diagnostic, want *value.Type) *diag.Diagnostic {
	switch want.Kind {
	case value.Int, value.Float, value.String, value.Time, value.Duration:
		return offer(d, fmt.Sprintf("say %s(…)", want.Kind), c.wrapped(d.Span, want.Kind.String()))
	case value.Bool:
		if c.source(d.Span) != "" && d.Hint != "" {
			return offer(d, "say … == true", insertion(d.Span, d.Span.End, " == true"))
		}
	}
	return d
}

// loose is a part of a value that is of type any where another type is wanted.
type loose struct {
	path []string // fields that lead to it; "[]" is an element
	want *value.Type
}

// looseParts lists the parts of a value of type t that are of type any, although u says
// more of them.
func looseParts(t, u *value.Type, path []string, out []loose) []loose {
	switch {
	case t.Unknown || u.Kind == value.Any || t == value.TEmpty:
	case t.Kind == value.Any:
		out = append(out, loose{path, u})
	case t.Kind == value.List && u.Kind == value.List:
		out = looseParts(t.Elem, u.Elem, append(path[:len(path):len(path)], "[]"), out)
	case t.Kind == value.Record && u.Kind == value.Record:
		for _, f := range u.Fields {
			if g := t.Field(f.Name); g != nil {
				out = looseParts(g.Type, f.Type, append(path[:len(path):len(path)], f.Name), out)
			}
		}
	}
	return out
}

// looseArguments warns of what a call passes on without knowing its type.
func (s *stepFlow) looseArguments(sig *value.Signature, args *expr.Program, t *syntax.Call) {
	if s.tree == nil || sig.Unknown { // of a test
		return
	}
	for _, l := range looseParts(args.Type(), sig.Input, nil, nil) {
		span, text, known := t.Args.Span, strings.Join(args.Path(), "."), args.Path() != nil
		if len(l.path) > 0 {
			for _, a := range args.Fields() {
				if a.Name == l.path[0] {
					span, known = a.Span, a.Path != nil
					text = strings.Join(append(a.Path[:len(a.Path):len(a.Path)], l.path[1:]...), ".")
				}
			}
		}
		if !known || strings.Contains(text, "[]") {
			text = ""
		}
		what := "what " + sig.Name() + " is called with"
		if len(l.path) > 0 {
			what = "argument " + strings.ReplaceAll(strings.Join(l.path, "."), ".[]", "[]") + " of " + sig.Name()
		}
		d := expr.Untyped(span, what+" takes "+article(l.want), text, l.want)
		if len(l.path) == 1 { // else the span is of more than that
			s.convert(d, l.want)
		}
		s.add(d)
	}
}
