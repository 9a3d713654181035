package expr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"wf/lang/diag"
	"wf/lang/token"
)

// segment says that out[Out:Out+Len] was copied from text[Text:Text+Len].
type segment struct{ out, text, len int }

// rewriter turns the text of an expression into what expr-lang reads: commas
// between the fields of an object, quoted keys, durations and interpolated strings
// spelled as calls.
type rewriter struct {
	token.Text
	src      Source
	facts    bool // see [Facts]
	out      strings.Builder
	segments []segment
	open     []byte // brackets around the current token; argument for a { that was wrapped
	problems diag.List
}

// At is the place in the file of text[start:end].
func (s Source) At(start, end int) diag.Span {
	span := s.Span
	if len(s.Pieces) == 0 {
		if span.End-span.Start == len(s.Text) {
			return diag.Span{File: span.File, Start: span.Start + start, End: span.Start + end}
		}
		return span
	}
	for _, p := range s.Pieces {
		if p.Text <= start && start < p.Text+p.Len {
			return diag.Span{File: span.File, Start: p.Source + start - p.Text, End: p.Source + min(end, p.Text+p.Len) - p.Text}
		}
	}
	return span
}

func rewrite(src Source, facts bool) (out string, segments []segment, problems diag.List) {
	r := &rewriter{src: src, facts: facts}
	tokens, _, bad := token.Scan(src.Span.File, src.Text)
	for _, d := range bad {
		c := *d
		c.Span = src.At(d.Span.Start, d.Span.End)
		r.problems.Add(&c)
	}
	r.Text = token.Text{Source: src.Text, Tokens: tokens}
	if !r.problems.HasErrors() {
		r.out.Grow(len(src.Text) + 3*len(tokens)) // a space each, and quotes
		r.segments = make([]segment, 0, len(tokens))
		r.all()
	}
	return r.out.String(), r.segments, r.problems
}

// copy writes a piece of the text as it is.
func (r *rewriter) copy(start, end int) {
	r.segments = append(r.segments, segment{r.out.Len(), start, end - start})
	r.out.WriteString(r.Source[start:end])
}

// put writes text that stands for text[start:end].
func (r *rewriter) put(start, end int, s string) {
	r.segments = append(r.segments, segment{r.out.Len(), start, end - start})
	r.out.WriteString(s)
}

func (r *rewriter) refuse(i int, format string, args ...any) *diag.Diagnostic {
	t := r.Tokens[i]
	d := diag.Errorf(CodeRefused, r.src.At(t.Start, t.End), format, args...)
	r.problems.Add(d)
	return d
}

func (r *rewriter) all() {
	for i := 0; i < len(r.Tokens); i++ {
		if i > 0 {
			r.out.WriteByte(' ')
		}
		if f := r.fact(i); f != nil {
			i = r.writeFact(f)
			continue
		}
		r.token(i)
	}
}

func (r *rewriter) token(i int) {
	t, word := r.Tokens[i], r.Word(i)
	switch t.Kind {
	case token.EOF:
	case token.Newline:
		if r.inList() && !r.Continues(i) {
			r.out.WriteByte(',')
		}
	case token.Ident:
		r.ident(i, word)
	case token.String:
		r.str(t)
	case token.Duration:
		r.put(t.Start, t.End, fmt.Sprintf("duration(%q)", word))
	case token.Percent:
		r.refuse(i, "%s is not a number", word).Hintf("write the share: %s / 100", strings.TrimSuffix(word, "%"))
	case token.Class:
		r.refuse(i, "%s is not a value", word).Hintf("write a range: status in %c00..%c99", word[0], word[0])
	case token.Op:
		r.op(i, word)
	case token.Int, token.Float:
		if r.inObject() && r.StartsField(i) && r.Word(i+1) == ":" {
			r.refuse(i, "the key of a field is a plain name or string").Hintf("write %q", word)
		}
		if _, err := strconv.ParseInt(word, 0, 64); t.Kind == token.Int && errors.Is(err, strconv.ErrRange) {
			r.problems.Add(diag.Errorf(CodeSyntax, r.src.At(t.Start, t.End), "the number does not fit 64 bits"))
		}
		r.copy(t.Start, t.End)
	default:
		r.copy(t.Start, t.End)
	}
}

// argument marks an object that stands as an argument of a function. It gets round
// brackets, for expr-lang takes bare braces there for brackets of a condition.
const argument = 'a'

func (r *rewriter) inObject() bool { return r.within('{') || r.within(argument) }

// inList reports whether newlines separate: in an object, and in a list.
func (r *rewriter) inList() bool { return r.inObject() || r.within('[') }

// within reports whether the innermost bracket is this one.
func (r *rewriter) within(bracket byte) bool {
	return len(r.open) > 0 && r.open[len(r.open)-1] == bracket
}

// isArgument reports whether the { of token i begins an argument: behind a comma
// between round brackets nothing else can stand; in the first place it does no harm.
func (r *rewriter) isArgument(i int) bool { return r.within('(') && r.before(i) == "," }

// before is the last token before i that is no line end.
func (r *rewriter) before(i int) string {
	for i--; i > 0 && r.Tokens[i].Kind == token.Newline; i-- {
	}
	return r.Word(i)
}

func (r *rewriter) ident(i int, word string) {
	t := r.Tokens[i]
	dotted := r.Word(i-1) == "." || r.Word(i-1) == "?."
	switch {
	case r.inObject() && r.IsKey(i):
		r.put(t.Start, t.End, `"`+word+`"`)
	case dotted:
		r.copy(t.Start, t.End)
	case word == "if":
		r.refuse(i, "there is no if in an expression").Hintf("write condition ? one : other, or `when` on the step or clause")
	case word == "let":
		r.refuse(i, "there is no let inside an expression").Hintf("put the let on a line of its own above")
	default:
		r.copy(t.Start, t.End)
	}
}

func (r *rewriter) op(i int, word string) {
	t := r.Tokens[i]
	switch word {
	case "{":
		r.brace(i)
		return
	case "(", "[":
		r.open = append(r.open, word[0])
	case "}", ")", "]":
		wrapped := word == "}" && r.within(argument)
		r.open = r.open[:max(0, len(r.open)-1)]
		if wrapped {
			r.put(t.Start, t.End, word+")")
			return
		}
	case "=":
		if r.inObject() && i > 1 && r.StartsField(i-1) && (r.Tokens[i-1].Kind == token.Ident || r.Tokens[i-1].Kind == token.String) {
			r.refuse(i, "a field has a colon before its value").Hintf("write %s: …", r.Word(i-1))
			return
		}
		if r.Word(i+1) == ">" {
			r.refuse(i, "there are no arrows").Hintf("an element is #: map(list, # + 1)")
			return
		}
		r.refuse(i, "= compares nothing").Hintf("compare with ==")
		return
	case "-":
		if r.Word(i+1) == ">" {
			r.refuse(i, "there are no arrows").Hintf("an element is #: map(list, # + 1)")
			return
		}
	case "$":
		d := r.refuse(i, "names are read without $")
		if i+1 < len(r.Tokens) && r.Tokens[i+1].Kind == token.Ident {
			d.Hintf("write %s", r.Word(i+1))
		}
		return
	case ";", "::", "|":
		r.refuse(i, "%s has no meaning in an expression", word)
		return
	}
	r.copy(t.Start, t.End)
}

// brace opens an object.
func (r *rewriter) brace(i int) {
	t := r.Tokens[i]
	if !r.isArgument(i) {
		r.open = append(r.open, '{')
		r.copy(t.Start, t.End)
		return
	}
	if !r.isObject(i) {
		r.refuse(i, "braces make an object, and no field stands here").Hintf("write a condition without braces: filter(list, # > 1)")
	}
	r.open = append(r.open, argument)
	r.put(t.Start, t.End, "({")
}

// isObject reports whether fields stand behind the { of token i, or nothing.
func (r *rewriter) isObject(i int) bool {
	for i++; i < len(r.Tokens) && r.Tokens[i].Kind == token.Newline; i++ {
	}
	return r.Word(i) == "}" || r.IsKey(i)
}

// str writes a string literal, with `${…}` as concatenation.
func (r *rewriter) str(t token.Token) {
	parts, problem := token.SplitString(r.Source[t.Start:t.End])
	if problem != "" {
		r.problems.Add(diag.Errorf(CodeSyntax, r.src.At(t.Start, t.End), "%s", problem))
		return
	}
	if len(parts) == 1 && !parts[0].Hole {
		r.put(t.Start, t.End, quote(parts[0].Text))
		return
	}
	r.out.WriteString(`("" `)
	for _, p := range parts {
		start := t.Start + p.Start
		if !p.Hole {
			r.put(start, start+p.Len, "+ "+quote(p.Text))
			r.out.WriteByte(' ')
			continue
		}
		r.hole(start, p)
	}
	r.out.WriteByte(')')
}

// hole writes one interpolated expression.
func (r *rewriter) hole(start int, p token.Part) {
	inner := Source{Text: p.Text, Span: r.src.At(start, start+p.Len)}
	if strings.TrimSpace(p.Text) == "" {
		r.problems.Add(diag.Errorf(CodeSyntax, inner.Span, "nothing stands between ${ and }"))
		return
	}
	out, segments, problems := rewrite(inner, r.facts)
	r.problems = append(r.problems, problems...)
	r.out.WriteString("+ string(")
	base := r.out.Len()
	for _, s := range segments {
		r.segments = append(r.segments, segment{base + s.out, start + s.text, s.len})
	}
	r.out.WriteString(out)
	r.out.WriteString(") ")
}

// quote writes a string as expr-lang reads it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
