package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"wf/lang/diag"
	"wf/lang/value"
)

// Untyped is the warning of a value of type any where another type is wanted: nothing tells
// before a run whether it fits. What says which place takes what; text is the path that
// reads the value, "" if it is no path.
func Untyped(span diag.Span, what, text string, want *value.Type) *diag.Diagnostic {
	return diag.Warnf(CodeUntyped, span, "%s, and this is of type any: only a run tells whether it fits", what).
		Hintf("%s; or declare its shape where it comes from", sayType(text, want))
}

// sayType is how an expression says which type a value of type any has.
func sayType(text string, want *value.Type) string {
	if text == "" {
		text = "…"
	}
	switch want.Kind {
	case value.Bool:
		return fmt.Sprintf("say what you take it for: %s == true", text)
	case value.Int, value.Float, value.String, value.Time, value.Duration:
		return fmt.Sprintf("say what you take it for: %s(%s)", want.Kind, text)
	case value.Enum:
		values := make([]string, len(want.Values))
		for i, v := range want.Values {
			values[i] = value.Literal(v)
		}
		return fmt.Sprintf("ask before: ensure %s in [%s] else …", text, strings.Join(values, ", "))
	case value.List:
		ask := fmt.Sprintf(`ask before: ensure type(%s) == "list" else …`, text)
		switch want.Elem.Kind {
		case value.Any:
		case value.Int, value.Float, value.String, value.Time, value.Duration:
			ask += fmt.Sprintf(", and say what you take each element for: map(%s, %s(#))", text, want.Elem.Kind)
		default:
			ask += ", and make its elements one by one: map(" + text + ", …)"
		}
		return ask
	case value.Record:
		if len(want.Fields) > 0 {
			return fmt.Sprintf("make it of its fields: { %s }", fieldsOf(text, want))
		}
		return fmt.Sprintf(`ask before: ensure type(%s) == "record" else …`, text)
	}
	return fmt.Sprintf("say what you take it for: int(%s), string(%s)", text, text)
}

// fieldsOf spells the first fields of a record as they are read from a value.
func fieldsOf(text string, t *value.Type) string {
	f := t.Fields[0]
	out := fmt.Sprintf("%s: %s.%s", f.Name, text, f.Name)
	switch f.Type.Kind {
	case value.Int, value.Float, value.String, value.Time, value.Duration:
		out = fmt.Sprintf("%s: %s(%s.%s)", f.Name, f.Type.Kind, text, f.Name)
	}
	if len(t.Fields) > 1 {
		out += ", …"
	}
	return out
}

// knows reports whether the types that the scope gives are those of a run. In tests they
// are not: what a test gives is seen when it is run.
func (c *inferrer) knows() bool {
	r, ok := c.scope.(Reasoner)
	return ok && r.Certain()
}

// untyped warns of an operand of type any, where the scope knows types for sure.
func (c *inferrer) untyped(n ast.Node, t *value.Type, what string, want *value.Type) {
	if !isAny(t) || t.Unknown || !c.knows() {
		return
	}
	text := ""
	if path := trail(n); path != nil && path[0] != element {
		text = path[len(path)-1]
	}
	c.add(Untyped(c.span(n), what, text, want))
}

// untypedOperands warns of operands of type any, of operators that want another one.
func (c *inferrer) untypedOperands(n *ast.BinaryNode, l, r *value.Type) {
	var want *value.Type
	left, right := n.Left, n.Right
	switch n.Operator {
	case "and", "&&", "or", "||":
		want = value.TBool
	case "matches", "contains", "startsWith", "endsWith":
		want = value.TString
	case "in", "not in":
		left, want = nil, value.TEmpty
	case "..":
		want = value.TInt
	default: // as the other one
		if want = value.TInt; n.Operator == "+" && isAny(l) && isAny(r) {
			want = value.TAny
		}
		for _, t := range []*value.Type{l, r} {
			switch {
			case isText(t):
				want = value.TString
			case !isAny(t):
				want = value.Of(t.Kind)
			}
		}
		if want.Kind == value.Time && n.Operator == "-" || want.Kind == value.Duration && n.Operator == "*" {
			want = value.TAny // it may be of several types, and says itself of which
		}
	}
	if left != nil {
		c.untyped(left, l, n.Operator+" takes "+operandOf(want), want)
	}
	c.untyped(right, r, n.Operator+" takes "+operandOf(want), want)
}

// operandOf says what an operator takes.
func operandOf(want *value.Type) string {
	switch want.Kind {
	case value.Int, value.Float:
		return "a number"
	case value.List:
		return "a list"
	case value.Any:
		return "values of known types"
	}
	return article(want)
}

// samples are types by which it is tried out what a function takes.
var samples = []*value.Type{value.TString, value.TInt, value.ListOf(value.TInt), value.RecordOf(&value.Field{Name: "a", Type: value.TInt}), value.TBool}

// lists are such types of lists.
var lists = []*value.Type{value.ListOf(value.TInt), value.ListOf(value.TString), value.ListOf(value.TBool), value.ListOf(value.ListOf(value.TInt))}

// converts lists the functions that make a value of a certain type of any.
var converts = []string{"int", "float", "string", "time", "duration"}

// untypedArguments warns of arguments of type any, of functions that want another one.
func (c *inferrer) untypedArguments(name string, sig signature, args []ast.Node, types []*value.Type) {
	if slices.Contains(converts, name) || !c.knows() {
		return
	}
	for i, t := range types {
		try, at := samples, t
		if t.Kind == value.List && t != value.TEmpty {
			try, at = lists, t.Elem
		}
		if !isAny(at) || at.Unknown {
			continue
		}
		var taken []*value.Type
		for _, sample := range try {
			given := slices.Clone(types)
			given[i] = sample
			if _, complaint := sig.typ(given); complaint == "" {
				taken = append(taken, sample)
			}
		}
		if len(taken) == 0 || len(taken) == len(try) {
			continue
		}
		n := args[i]
		if p, ok := n.(*ast.PredicateNode); ok {
			n = p.Node
		}
		want, kinds := taken[0], make([]value.Kind, len(taken))
		for j, sample := range taken {
			if kinds[j] = sample.Kind; sample.Kind == value.List {
				want = sample
			}
		}
		what := "a " + kindList(kinds)
		switch {
		case at != t:
			what = "a list of " + want.Elem.String() + "s"
		case want.Kind == value.Int:
			what = "a number"
		case want.Kind == value.List:
			want = value.TEmpty
		}
		c.untyped(n, at, name+" takes "+what, want)
	}
}
