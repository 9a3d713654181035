package syntax

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"wf/lang/diag"
	"wf/lang/token"
)

// finish completes what the grammar leaves raw: spans, expression texts, string and
// int literals, and rules that hold inside one statement.
func (p *parser) finish(f *File) {
	Walk(f, func(n any) bool {
		if node := place(n); node != nil && n != any(f) {
			p.span(node)
		}
		switch n := n.(type) {
		case *Expr:
			if n.Text == "" {
				n.Text = p.text[n.Span.Start:n.Span.End]
			}
		case *Text:
			n.Value = p.unquote(n.Value, n.Span)
		case *Literal:
			p.literal(n)
		case *Outcome:
			if n.Class == 0 && n.Name == "" && (n.Status < 100 || n.Status > 599) {
				p.problems.Add(diag.Errorf(CodeLiteral, n.Span, "%d is not an HTTP status", n.Status).Hintf("statuses go from 100 to 599"))
			}
			if n.Class > 5 {
				p.problems.Add(diag.Errorf(CodeLiteral, n.Span, "%dxx is not a class of HTTP statuses", n.Class).Hintf("classes are 1xx to 5xx"))
			}
		case *Ensure:
			p.elseEnds(n)
		}
		return true
	})
}

// span makes a node's span from the parser's places. EndPos is where the next token
// starts; the node ends with the token before it.
func (p *parser) span(n *Node) {
	if n.Span != (diag.Span{}) {
		return
	}
	end := n.EndPos.Offset
	i, _ := slices.BinarySearchFunc(p.tokens, end, func(t token.Token, at int) int { return t.Start - at })
	for i > 0 && (i >= len(p.tokens) || p.tokens[i].Start >= end || p.tokens[i].Kind == token.Newline) {
		i--
		if p.tokens[i].Kind != token.Newline {
			break
		}
	}
	if i < len(p.tokens) && len(p.tokens) > 0 {
		end = max(p.tokens[i].End, n.Pos.Offset)
	}
	n.Span = diag.Span{File: p.name, Start: n.Pos.Offset, End: end}
	n.Pos, n.EndPos = Position{}, Position{}
}

func (p *parser) unquote(lit string, span diag.Span) string {
	if !strings.HasPrefix(lit, `"`) {
		return lit
	}
	s, err := token.Unquote(lit)
	if err != nil {
		p.problems.Add(diag.Errorf(CodeLiteral, span, "%v", err))
	}
	return s
}

func (p *parser) literal(n *Literal) {
	raw := strings.Join(n.Raw, "")
	if n.Raw = nil; raw == "" {
		return
	}
	if raw[0] == '"' {
		n.Value = p.unquote(raw, n.Span)
		return
	}
	i, err := strconv.ParseInt(strings.ReplaceAll(raw, "_", ""), 0, 64)
	if err != nil {
		p.problems.Add(diag.Errorf(CodeLiteral, n.Span, "%s does not fit 64 bits", raw))
	}
	n.Value = int(i)
}

func (p *parser) elseEnds(n *Ensure) {
	switch n.Else.(type) {
	case *Fail, *Return, *Degrade, *Retry, nil:
		return
	}
	span := place(n.Else).Span
	if span.IsZero() {
		span = n.Span
	}
	p.problems.Add(diag.Errorf(CodeUnexpected, span, "behind else stands fail, return, degrade or retry"))
	n.Else = nil
}

// place gives the Node of a tree node; nil if it has none.
func place(n any) *Node {
	v := reflect.ValueOf(n)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	f := v.Elem().FieldByName("Node")
	if !f.IsValid() {
		return nil
	}
	node, _ := f.Addr().Interface().(*Node)
	return node
}
