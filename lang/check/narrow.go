package check

import (
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
)

// assume makes the scope know what a condition that held, or did not, says about
// missing values: behind `x.y != nil` neither x nor x.y can be nil. Only comparisons of
// a path with nil, joined by `and`, are understood; everything else says nothing.
func (s *scope) assume(e *syntax.Expr, held bool) {
	if e == nil {
		return
	}
	parts := comparisons(e.Text)
	if !held && len(parts) != 1 {
		return // one of several does not hold, and nobody knows which
	}
	for _, p := range parts {
		if p.path != nil && p.present == held {
			s.present(p.path)
		}
	}
}

// present narrows the type of a root name so that the path behind it is not nil.
func (s *scope) present(path []string) {
	b := s.find(path[0])
	if b == nil {
		return
	}
	b.used = true
	narrowed := *b
	if narrowed.typ = presentType(b.typ, path[1:]); narrowed.typ != b.typ {
		s.names[path[0]] = &narrowed
	}
}

// presentType is t where neither t nor what the path leads to is nil.
func presentType(t *value.Type, path []string) *value.Type {
	t = t.Req()
	if len(path) == 0 || t.Kind != value.Record {
		return t
	}
	out := *t
	out.Fields = nil
	for _, f := range t.Fields {
		if f.Name == path[0] {
			c := *f
			c.Type, c.Optional = presentType(f.Type, path[1:]), false
			f = &c
		}
		out.Fields = append(out.Fields, f)
	}
	return &out
}

// comparison is one operand of `and`: a path that is compared with nil, or anything
// else (path nil).
type comparison struct {
	path    []string
	present bool // != nil
}

// comparisons takes a condition apart at its outermost `and`s; an `or` makes it one
// part that says nothing.
func comparisons(text string) []comparison {
	tokens, _, _ := token.Scan("", []byte(text))
	word := func(i int) string { return text[tokens[i].Start:tokens[i].End] }
	var parts []comparison
	from, depth := 0, 0
	for i, t := range tokens {
		w := word(i)
		switch {
		case t.Kind == token.Op && (w == "(" || w == "[" || w == "{"):
			depth++
		case t.Kind == token.Op && (w == ")" || w == "]" || w == "}"):
			depth--
		case depth == 0 && (w == "or" || w == "||" || w == "?" || w == "??"):
			return []comparison{{}}
		case t.Kind == token.EOF, depth == 0 && (w == "and" || w == "&&"):
			parts = append(parts, compared(text, tokens[from:i]))
			from = i + 1
		}
	}
	return parts
}

// compared reads `a.b?.c != nil`.
func compared(text string, tokens []token.Token) comparison {
	var words []string
	for _, t := range tokens {
		if t.Kind != token.Newline {
			words = append(words, text[t.Start:t.End])
		}
	}
	n := len(words)
	if n < 3 || words[n-1] != "nil" || words[n-2] != "!=" && words[n-2] != "==" {
		return comparison{}
	}
	var path []string
	for i, w := range words[:n-2] {
		switch {
		case i%2 == 0 && isName(w):
			path = append(path, w)
		case i%2 == 1 && (w == "." || w == "?."):
		default:
			return comparison{}
		}
	}
	return comparison{path, words[n-2] == "!="}
}

func isName(w string) bool {
	return w[0] == '_' || w[0]|0x20 >= 'a' && w[0]|0x20 <= 'z'
}
