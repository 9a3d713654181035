package syntax

import (
	"slices"
	"strconv"
	"strings"

	"wf/lang/diag"
	"wf/lang/token"
	"wf/lang/value"
)

// finish completes what the grammar leaves raw: spans, expression texts, string and
// int literals, and rules that hold inside one statement.
func (p *source) finish(f *File) {
	Walk(f, func(n any) bool {
		if at := placeOf(n); at != nil { // a bracket that was missing ends behind the text
			at.Span.End = min(at.Span.End, len(p.text))
		}
		switch n := n.(type) {
		case *Record:
			p.span(&n.Node, &n.raw)
		case *Field:
			p.span(&n.Node, &n.raw)
		case *Rule:
			p.span(&n.Node, &n.raw)
		case *For:
			p.span(&n.Node, &n.raw)
		case *Arm:
			p.span(&n.Node, &n.raw)
		case *Wait:
			p.span(&n.Node, &n.raw)
		case *Call:
			p.span(&n.Node, &n.raw)
			p.handler(n)
		case *Put:
			p.span(&n.Node, &n.raw)
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
		}
		return true
	})
}

// span makes the span of a node that is part of another one from the parser's places.
// EndPos is where the next token starts; the node ends with the token before it.
func (p *source) span(n *Node, at *raw) {
	if !n.Span.IsZero() {
		return
	}
	start, end := at.Pos.Offset, at.EndPos.Offset
	i, _ := slices.BinarySearchFunc(p.all, end, func(t token.Token, at int) int { return t.Start - at })
	for i > 0 {
		if i--; p.all[i].Kind != token.Newline {
			break
		}
	}
	if i < len(p.all) {
		end = max(p.all[i].End, start)
	}
	n.Span = diag.Span{File: p.name, Start: start, End: end}
	*at = raw{}
}

// handler makes the target of a call that names a handler by its class.
func (p *source) handler(n *Call) {
	if class := n.Class; class != nil {
		word := class.Span // the word before it
		word.Start = n.Span.Start + strings.Index(p.text[n.Span.Start:class.Span.Start], value.HandlerService)
		word.End = word.Start + len(value.HandlerService)
		n.Target = []Name{{Node{Span: word}, value.HandlerService}, {class.Node, p.unquote(class.Value, class.Span)}}
		n.Class = nil
		return
	}
	if len(n.Target) > 1 && n.Target[0].Text == value.HandlerService {
		last := n.Target[len(n.Target)-1]
		p.problems.Add(diag.Errorf(CodeUnexpected, n.Target[0].Span.To(last.Span), "a handler is named by its class, in quotes").Hintf("write call handler %q", last.Text))
	}
}

func (p *source) unquote(lit string, span diag.Span) string {
	if !strings.HasPrefix(lit, `"`) {
		return lit
	}
	s, err := token.Unquote(lit)
	if err != nil {
		p.problems.Add(diag.Errorf(CodeLiteral, span, "%v", err))
	}
	return s
}

func (p *source) literal(n *Literal) {
	raw := p.text[n.Span.Start:n.Span.End]
	if raw[0] == '"' {
		n.Value = p.unquote(raw, n.Span)
		return
	}
	if raw[0] == '-' { // anything may stand between sign and digits in the brackets of a list
		words := strings.Fields(raw)
		raw = "-" + strings.TrimPrefix(words[len(words)-1], "-")
	}
	i, err := strconv.ParseInt(strings.ReplaceAll(raw, "_", ""), 0, 64)
	if err != nil {
		p.problems.Add(diag.Errorf(CodeLiteral, n.Span, "%s does not fit 64 bits", raw))
	}
	n.Value = int(i)
}

// placeOf is the place of a tree node; nil if it has none.
func placeOf(n any) *Node {
	if p, ok := n.(placed); ok {
		return p.place()
	}
	return nil
}
