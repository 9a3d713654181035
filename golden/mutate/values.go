package mutate

import (
	"fmt"
	"strconv"
	"strings"

	"wf/lang/diag"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
)

// scanned is a token of an expression, with its text and how deep in brackets it stands.
// Its place is that in the file.
type scanned struct {
	token.Token
	text  string
	depth int
}

func (t scanned) span(p *planter) diag.Span {
	return diag.Span{File: p.file, Start: t.Start, End: t.End}
}

// scan cuts an expression into tokens; a bracket is as deep as what stands around it.
func (p *planter) scan(at diag.Span) (out []scanned) {
	tokens, _, _ := token.Scan("", p.text(at))
	depth := 0
	for _, t := range tokens {
		if t.Kind == token.EOF {
			break
		}
		t.Start, t.End = t.Start+at.Start, t.End+at.Start
		word := p.src[t.Start:t.End]
		if t.Kind == token.Op && (word == "}" || word == "]" || word == ")") {
			depth--
		}
		out = append(out, scanned{t, word, depth})
		if t.Kind == token.Op && (word == "{" || word == "[" || word == "(") {
			depth++
		}
	}
	return out
}

// eachToken visits the tokens of the expressions that say something; i is the place of
// the token among those of its expression.
func (p *planter) eachToken(f *syntax.File, conditions bool, visit func(owner string, tokens []scanned, i int)) {
	in := func(owner string, e *syntax.Expr) {
		tokens := p.scan(e.Span)
		for i := range tokens {
			visit(owner, tokens, i)
		}
	}
	eachValue(f, func(_, owner string, e *syntax.Expr) { in(owner, e) })
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if s, ok := st.(*syntax.Switch); ok && s.Value != nil {
			for i, a := range s.Arms {
				for _, e := range a.Values {
					in(fmt.Sprintf("arm %d of %s", i+1, owner), e)
				}
			}
		}
	})
	if conditions {
		eachCondition(f, in)
	}
}

func reworded(p *planter, f *syntax.File) {
	p.eachToken(f, true, func(owner string, tokens []scanned, i int) {
		if t := tokens[i]; t.Kind == token.String && !isKey(tokens, i) {
			p.plant(t.span(p), t.text+" of "+owner, put(t.span(p), `"mutant"`))
		}
	})
}

// isKey reports whether a token is the name of a field.
func isKey(tokens []scanned, i int) bool {
	return i+1 < len(tokens) && tokens[i+1].text == ":" && (i == 0 || tokens[i-1].text != "?")
}

func numbered(p *planter, f *syntax.File) {
	p.eachToken(f, true, func(owner string, tokens []scanned, i int) {
		t := tokens[i]
		if text, ok := oneMore(t); ok {
			p.plant(t.span(p), t.text+" of "+owner, put(t.span(p), text))
		}
	})
}

// oneMore is a number and one more, or a duration doubled.
func oneMore(t scanned) (string, bool) {
	switch t.Kind {
	case token.Int:
		n, err := strconv.ParseInt(strings.ReplaceAll(t.text, "_", ""), 0, 62)
		return strconv.FormatInt(n+1, 10), err == nil
	case token.Float:
		x, err := strconv.ParseFloat(strings.ReplaceAll(t.text, "_", ""), 64)
		text := strconv.FormatFloat(x+1, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text, err == nil
	case token.Duration:
		d, err := value.ParseDuration(t.text)
		if d == 0 {
			return "1s", err == nil
		}
		return value.FormatDuration(2 * d), err == nil
	}
	return "", false
}

func flagged(p *planter, f *syntax.File) {
	p.eachToken(f, true, func(owner string, tokens []scanned, i int) {
		t := tokens[i]
		if to, ok := opposite[t.text]; ok && t.Kind == token.Ident && !isKey(tokens, i) {
			p.plant(t.span(p), t.text+" of "+owner, put(t.span(p), to))
		}
	})
}

var opposite = map[string]string{"true": "false", "false": "true"}

// unguarded drops what stands in for a value that is not there.
func unguarded(p *planter, f *syntax.File) {
	p.eachToken(f, true, func(owner string, tokens []scanned, i int) {
		if tokens[i].text != "??" {
			return
		}
		j := i + 1
		for ; j < len(tokens) && tokens[j].depth >= tokens[i].depth && !ends(tokens[i], tokens[j]); j++ {
		}
		from := tokens[i-1].End
		p.plant(tokens[i].span(p), p.src[tokens[i].Start:tokens[j-1].End]+" of "+owner, edit{from, tokens[j-1].End, ""})
	})
}

// ends reports whether an operand of a weak operator ends before a token: at a comma, the
// end of a line, or an operator that is weaker.
func ends(op, t scanned) bool {
	if t.depth != op.depth {
		return false
	}
	switch t.text {
	case ",", ")", "]", "}", "?", ":", "and", "or", "&&", "||", "==", "!=", "<", ">", "<=", ">=", "??", "in", "+", "-", "*", "/":
		return true
	}
	return t.Kind == token.Newline
}

// chosen exchanges the values of c ? a : b.
func chosen(p *planter, f *syntax.File) {
	p.eachToken(f, true, func(owner string, tokens []scanned, i int) {
		if tokens[i].text != "?" || tokens[i].Kind != token.Op {
			return
		}
		colon, open := i+1, 1
		for ; colon < len(tokens) && tokens[colon].depth >= tokens[i].depth; colon++ {
			if tokens[colon].depth == tokens[i].depth && tokens[colon].text == "?" {
				open++
			}
			if tokens[colon].depth == tokens[i].depth && tokens[colon].text == ":" {
				if open--; open == 0 {
					break
				}
			}
		}
		if colon >= len(tokens) || tokens[colon].text != ":" {
			return
		}
		last := colon + 1
		for ; last < len(tokens) && tokens[last].depth >= tokens[i].depth; last++ {
			t := tokens[last]
			if t.depth == tokens[i].depth && (t.text == "," || t.text == ")" || t.text == "]" || t.text == "}" || t.Kind == token.Newline && last > colon+1) {
				break
			}
		}
		if last == colon+1 || colon == i+1 {
			return
		}
		a := diag.Span{File: p.file, Start: tokens[i+1].Start, End: tokens[colon-1].End}
		b := diag.Span{File: p.file, Start: tokens[colon+1].Start, End: tokens[last-1].End}
		if p.text(a) != p.text(b) {
			p.plant(tokens[i].span(p), p.text(a)+" of "+owner, p.swap(a, b)...)
		}
	})
}

// pair is a field of an object as it is written.
type pair struct {
	key   string
	whole diag.Span
	value diag.Span
}

// pairs lists the fields of an object; none of another expression.
func (p *planter) pairs(at diag.Span) (out []pair) {
	tokens := p.scan(at)
	if len(tokens) < 3 || tokens[0].text != "{" {
		return nil
	}
	for i := 1; i < len(tokens)-1; i++ {
		if tokens[i].depth != 1 || tokens[i].text != ":" {
			continue
		}
		first := i + 1
		if tokens[first].Kind == token.Newline {
			first++
		}
		j := first
		for ; j < len(tokens) && tokens[j].depth > 0 && !(tokens[j].depth == 1 && (tokens[j].text == "," || tokens[j].Kind == token.Newline)); j++ {
		}
		out = append(out, pair{key: tokens[i-1].text,
			whole: diag.Span{File: p.file, Start: tokens[i-1].Start, End: tokens[j-1].End},
			value: diag.Span{File: p.file, Start: tokens[first].Start, End: tokens[j-1].End}})
		i = j
	}
	return out
}

func omitted(p *planter, f *syntax.File) {
	eachValue(f, func(what, owner string, e *syntax.Expr) {
		for _, field := range p.pairs(e.Span) {
			p.plant(field.whole, fmt.Sprintf("%s of %s in %s", field.key, what, owner), p.cut(field.whole))
		}
	})
}

func mixed(p *planter, f *syntax.File) {
	eachValue(f, func(what, owner string, e *syntax.Expr) {
		all := p.pairs(e.Span)
		for i := 1; i < len(all); i++ {
			a, b := all[i-1], all[i]
			if p.text(a.value) != p.text(b.value) {
				p.plant(a.whole, fmt.Sprintf("%s and %s of %s in %s", a.key, b.key, what, owner), p.swap(a.value, b.value)...)
			}
		}
	})
}

// defaulted changes the defaults of fields.
func defaulted(p *planter, f *syntax.File) {
	eachField(f, func(field *syntax.Field) {
		if field.Default == nil {
			return
		}
		text := p.text(field.Default.Span)
		tokens := p.scan(field.Default.Span)
		to, ok := opposite[text]
		if len(tokens) == 1 && !ok {
			if to, ok = oneMore(tokens[0]); !ok && tokens[0].Kind == token.String {
				to, ok = p.otherText(field, text), true
			}
		}
		if ok {
			p.plant(field.Default.Span, field.Name.Text, put(field.Default.Span, to))
		}
	})
}

// otherText is another text that a field may have.
func (p *planter) otherText(field *syntax.Field, text string) string {
	if enum, ok := field.Shape.(*syntax.EnumShape); ok {
		for _, v := range enum.Values {
			if t := p.text(v.Span); t != text {
				return t
			}
		}
	}
	return `"mutant"`
}
