package syntax

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"wf/lang/diag"
	"wf/lang/token"
)

// expr turns a value into an expression: !expr is one, everything else is data.
func (r *yamlReader) expr(v *yvalue) *Expr {
	if v.isExpr() {
		return r.written(v)
	}
	w := exprWriter{r: r}
	w.value(v, 0)
	e := &Expr{Node: Node{Span: v.span}, Text: w.b.String(), Pieces: w.pieces, Parts: w.parts}
	if r.kept != nil {
		r.kept.data[e] = v
	}
	return e
}

// written is the expression of an !expr tag.
func (r *yamlReader) written(v *yvalue) *Expr {
	text := strings.TrimRight(v.text, " \t\r\n")
	e := &Expr{Node: Node{Span: v.span}, Text: text, Pieces: v.pieces}
	if strings.TrimSpace(text) == "" {
		r.errorf(CodeYAMLType, v.span, "!expr without an expression")
		e.Text = "nil"
	}
	return e
}

// generated is an expression that a value stands for.
func generated(text string, span diag.Span) *Expr {
	return &Expr{Node: Node{Span: span}, Text: text, Pieces: []Piece{{0, span.Start, span.End - span.Start}}}
}

// exprWriter writes data, with the expressions in it, as the text of an expression.
type exprWriter struct {
	r      *yamlReader
	b      strings.Builder
	pieces []Piece
	parts  []*Expr
}

// literal writes a text that stands for the source of v.
func (w *exprWriter) literal(text string, v *yvalue) {
	w.pieces = append(w.pieces, Piece{w.b.Len(), v.span.Start, min(len(text), v.span.End-v.span.Start)})
	w.b.WriteString(text)
}

func (w *exprWriter) value(v *yvalue, depth int) {
	switch {
	case v.kind == yMap:
		w.b.WriteByte('{')
		for i, f := range v.fields {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.b.WriteByte(' ')
			w.key(f.key)
			w.value(f.value, depth+1)
		}
		if len(v.fields) > 0 {
			w.b.WriteByte(' ')
		}
		w.b.WriteByte('}')
	case v.kind == yList:
		w.b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				w.b.WriteString(", ")
			}
			w.value(item, depth+1)
		}
		w.b.WriteByte(']')
	case v.isExpr():
		w.inner(v)
	default:
		w.literal(w.r.scalarText(v), v)
	}
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (w *exprWriter) key(key *yvalue) {
	text := key.text
	if !identifier.MatchString(text) {
		text = quoteData(text)
	}
	w.literal(text, key)
	w.b.WriteString(": ")
}

// inner writes an expression inside data, in parentheses where it could be taken
// for more than one value.
func (w *exprWriter) inner(v *yvalue) {
	e := w.r.written(v)
	wrap, ok := w.r.needsParens(e)
	if !ok {
		w.b.WriteString("nil")
		return
	}
	w.parts = append(w.parts, e)
	if wrap {
		w.b.WriteByte('(')
	}
	base := w.b.Len()
	if len(e.Pieces) == 0 {
		w.pieces = append(w.pieces, Piece{base, e.Span.Start, min(len(e.Text), e.Span.End-e.Span.Start)})
	}
	for _, p := range e.Pieces {
		w.pieces = append(w.pieces, Piece{base + p.Text, p.Source, p.Len})
	}
	w.b.WriteString(e.Text)
	if wrap {
		w.b.WriteString("\n)")
	}
}

// needsParens looks for what would end the expression early inside an object.
// Brackets without a partner are reported; ok is false then.
func (r *yamlReader) needsParens(e *Expr) (wrap, ok bool) {
	tokens, comments, problems := token.Scan(r.file, e.Text)
	if problems.HasErrors() {
		for _, d := range problems {
			c := *d
			c.Span = e.Span
			r.add(&c)
		}
		return false, false
	}
	wrap = len(comments) > 0
	var open []byte
	for _, t := range tokens {
		word := e.Text[t.Start:t.End]
		if t.Kind == token.Newline {
			wrap = true
		}
		if t.Kind != token.Op {
			continue
		}
		switch word {
		case "(", "[", "{":
			open = append(open, closer(word)[0])
		case ")", "]", "}":
			if len(open) == 0 || open[len(open)-1] != word[0] {
				r.errorf(CodeUnclosed, e.Span, "this %s closes nothing", word)
				return false, false
			}
			open = open[:len(open)-1]
		case ",":
			wrap = wrap || len(open) == 0
		}
	}
	if len(open) > 0 {
		r.errorf(CodeUnclosed, e.Span, "a bracket is not closed: %c is missing", open[len(open)-1])
		return false, false
	}
	return wrap, true
}

// scalarText is a plain scalar as a literal of the language.
func (r *yamlReader) scalarText(v *yvalue) string {
	switch v.tag {
	case "!!null":
		return "nil"
	case "!!bool":
		return strings.ToLower(v.text)
	case "!!int":
		if n, ok := r.integer(v); ok {
			return strconv.Itoa(n)
		}
		return "0"
	case "!!float":
		return r.float(v)
	}
	r.suspicious(v)
	return quoteData(v.text)
}

// integer reads an int scalar; ok is false, and reported, if it does not fit.
func (r *yamlReader) integer(v *yvalue) (int, bool) {
	var n int
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: v.text}
	if err := node.Decode(&n); err != nil {
		r.errorf(CodeYAMLType, v.span, "%s does not fit 64 bits", v.text)
		return 0, false
	}
	return n, true
}

var digitsOnly = regexp.MustCompile(`^[-+]?[0-9_]+$`)

func (r *yamlReader) float(v *yvalue) string {
	var f float64
	if digitsOnly.MatchString(v.text) {
		r.errorf(CodeYAMLType, v.span, "%s does not fit 64 bits", v.text).Hintf("quote it if it is a text")
		return "0.0"
	}
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: v.text}
	if err := node.Decode(&f); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		r.errorf(CodeYAMLType, v.span, "%s is not a number that JSON has", v.text)
		return "0.0"
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// yamlPath is a text that reads like an expression: a path, perhaps with an operator
// behind it.
var yamlPath = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(\??\.[A-Za-z_][A-Za-z0-9_]*|(\?\.)?\[[^\]]*\])+( *(==|!=|<|>|\+|-|\*|/|\?| and | or | in ).*)?$`)

// oldWords are true and false in YAML 1.1.
var oldWords = []string{"yes", "no", "on", "off"}

// suspicious warns of data that looks like something to be evaluated.
func (r *yamlReader) suspicious(v *yvalue) {
	if m := yamlPath.FindStringSubmatch(v.text); v.plain && m != nil && r.names[m[1]] {
		written := v.text
		if strings.ContainsAny(written, ":#,?[]{}\"'") {
			written = "'" + strings.ReplaceAll(written, "'", "''") + "'"
		}
		r.warnf(CodeYAMLPath, v.span, "%s is taken as a text", v.text).
			Hintf("write !expr %s for the value, or quote it if the text is meant", written)
	}
	if v.plain && v.tag == "!!str" && slices.Contains(oldWords, strings.ToLower(v.text)) {
		r.warnf(CodeYAMLWord, v.span, "%s is a text here, and no bool", v.text).Hintf("write true or false, or quote it if the text is meant")
	}
	if i := strings.Index(v.text, "${"); i >= 0 && strings.Contains(v.text[i:], "}") {
		r.warnf(CodeYAMLPlaceholder, v.span, "${…} is kept as it stands: data is not interpolated and the environment not read").
			Hintf("write !expr '\"… ${name} …\"' to insert a value of the run")
	}
}

// duration reads a setting that is a duration: 30s, or an expression.
func (r *yamlReader) duration(v *yvalue, what string) *Expr {
	if v.isExpr() {
		return r.written(v)
	}
	if v.kind == yScalar && v.tag == "!!str" {
		tokens, _, problems := token.Scan(r.file, v.text)
		if !problems.HasErrors() && len(tokens) == 2 && tokens[0].Kind == token.Duration {
			return generated(v.text, v.span)
		}
	}
	d := r.errorf(CodeYAMLType, v.span, "%s takes a duration, not %s", what, v.describe())
	if v.tag == "!!int" && v.kind == yScalar {
		d.Hintf("write the unit too: %ss", v.text)
	} else {
		d.Hintf("write 30s or 1m30s, or an expression: !expr …")
	}
	return nil
}

// unitDuration reads a number of seconds or milliseconds.
func (r *yamlReader) unitDuration(v *yvalue, what, unit string) *Expr {
	if v.kind != yScalar || v.tag != "!!int" {
		r.errorf(CodeYAMLType, v.span, "%s takes an int, not %s", what, v.describe())
		return nil
	}
	n, ok := r.integer(v)
	if !ok || n < 0 {
		return nil
	}
	return generated(strconv.Itoa(n)+unit, v.span)
}

// number reads a setting that is an int, or an expression.
func (r *yamlReader) number(v *yvalue, what string) *Expr {
	switch {
	case v.isExpr():
		return r.written(v)
	case v.kind == yScalar && v.tag == "!!int":
		if n, ok := r.integer(v); ok {
			return generated(strconv.Itoa(n), v.span)
		}
		return nil
	}
	d := r.errorf(CodeYAMLType, v.span, "%s takes an int, not %s", what, v.describe())
	if v.kind == yScalar && v.tag == "!!str" {
		if _, err := strconv.Atoi(v.text); err == nil {
			d.Hintf("remove the quotes: %s", v.text)
		}
	}
	return nil
}

// condition reads what must be true or false.
func (r *yamlReader) condition(v *yvalue, what string) *Expr {
	switch {
	case v.isExpr():
		return r.written(v)
	case v.kind == yScalar && v.tag == "!!bool":
		return r.expr(v)
	}
	d := r.errorf(CodeYAMLType, v.span, "%s takes an expression, not %s", what, v.describe())
	if v.kind == yScalar && v.tag == "!!str" {
		d.Hintf("write %s: !expr %s", what, v.text)
	}
	return nil
}
