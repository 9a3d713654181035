package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"wf/lang/diag"
)

// ykind is the sort of a YAML value.
type ykind int8

const (
	yScalar ykind = iota
	yList
	yMap
)

// yvalue is a YAML value with its place; aliases and merge keys are resolved.
type yvalue struct {
	kind   ykind
	tag    string // "!!str", "!!int", …, "!expr"
	text   string // of a scalar
	plain  bool   // a scalar without quotes
	span   diag.Span
	pieces []Piece // how text maps to the source; nil if byte by byte
	fields []yfield
	items  []*yvalue
}

type yfield struct{ key, value *yvalue }

func (v *yvalue) isNull() bool { return v.kind == yScalar && v.tag == "!!null" }

func (v *yvalue) isExpr() bool { return v.kind == yScalar && v.tag == exprTag }

// field is the value of a key, nil if there is none.
func (v *yvalue) field(name string) *yvalue {
	for _, f := range v.fields {
		if f.key.text == name {
			return f.value
		}
	}
	return nil
}

// describe names the sort of a value for messages.
func (v *yvalue) describe() string {
	switch {
	case v.kind == yList:
		return "a list"
	case v.kind == yMap:
		return "a mapping"
	}
	switch v.tag {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "a bool"
	case "!!int":
		return "an int"
	case "!!float":
		return "a float"
	case exprTag:
		return "an expression"
	}
	return "a string"
}

const exprTag = "!expr"

// stop reports that a limit was met and ends the reading.
func (r *yamlReader) stop(span diag.Span, format string, args ...any) {
	if !r.stopped {
		r.errorf(CodeYAMLLimit, span, format, args...)
	}
	r.stopped = true
}

// convert copies a node with what it contains.
func (r *yamlReader) convert(n *yaml.Node, depth int) *yvalue {
	at := r.offset(n.Line, n.Column)
	v := &yvalue{tag: n.ShortTag(), span: r.span(at, at)}
	if depth > MaxYAMLDepth {
		r.stop(v.span, "lists and mappings are nested more than %d deep here", MaxYAMLDepth)
	}
	if len(r.active) > 0 {
		if r.expanded++; r.expanded > MaxYAMLAliases {
			r.stop(v.span, "aliases expand to more than %d values", MaxYAMLAliases)
		}
	}
	if r.stopped {
		return v
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.alias(n, v, depth)
	case yaml.SequenceNode:
		v.kind = yList
		r.collection(n, v, at)
		for _, c := range n.Content {
			v.items = append(v.items, r.convert(c, depth+1))
		}
		if len(v.items) > 0 {
			v.span.End = max(v.span.End, v.items[len(v.items)-1].span.End)
		}
	case yaml.MappingNode:
		v.kind = yMap
		r.collection(n, v, at)
		r.mapping(n, v, depth)
	default:
		r.scalar(n, v, at)
	}
	if v.kind != yScalar && n.Style&yaml.FlowStyle != 0 && len(r.active) == 0 {
		v.span.End = r.flowEnd(v.span.End)
	}
	return v
}

func (r *yamlReader) alias(n *yaml.Node, v *yvalue, depth int) *yvalue {
	v.span.End = v.span.Start + 1 + len(n.Value)
	if n.Alias == nil || r.active[n.Alias] {
		r.errorf(CodeYAML, v.span, "the value of &%s contains itself", n.Value)
		return &yvalue{tag: "!!null", span: v.span}
	}
	r.active[n.Alias] = true
	out := r.convert(n.Alias, depth)
	delete(r.active, n.Alias)
	return out
}

// collection checks the tag of a list or mapping, and where its content starts.
func (r *yamlReader) collection(n *yaml.Node, v *yvalue, at int) {
	start := r.content(at)
	v.span = r.span(start, start+1)
	switch v.tag {
	case "!!seq", "!!map":
	case exprTag:
		r.errorf(CodeYAMLType, r.span(at, at+len(n.Tag)), "!expr takes a text, not %s", v.describe()).Hintf("quote the expression: !expr '[1, 2]'")
	default:
		r.badTag(n.Tag, at)
	}
}

func (r *yamlReader) badTag(tag string, at int) {
	d := r.errorf(CodeYAMLTag, r.span(at, at+len(tag)), "the tag %s means nothing here", tag)
	if d.Hint = diag.DidYouMean(tag, []string{exprTag}); d.Hint == "" {
		d.Hintf("!expr marks an expression; everything else is plain data")
	}
}

// content skips tag and anchor in front of a value.
func (r *yamlReader) content(at int) int {
	for at < len(r.src) {
		switch c := r.src[at]; {
		case c == '!' || c == '&':
			for at < len(r.src) && !isBlank(r.src[at]) {
				at++
			}
		case isBlank(c):
			at++
		default:
			return at
		}
	}
	return at
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// flowEnd is behind the bracket that closes a flow collection.
func (r *yamlReader) flowEnd(at int) int {
	for at < len(r.src) {
		switch c := r.src[at]; {
		case c == ']' || c == '}':
			return at + 1
		case c == '#':
			at = r.lineEnd(at)
		case isBlank(c) || c == ',':
			at++
		default:
			return at
		}
	}
	return at
}

// mapping fills in the fields of a mapping, those of merge keys last.
func (r *yamlReader) mapping(n *yaml.Node, v *yvalue, depth int) {
	seen := map[string]*yvalue{}
	var merges []*yvalue
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := r.convert(n.Content[i], depth+1), r.convert(n.Content[i+1], depth+1)
		v.span.End = max(v.span.End, value.span.End, key.span.End)
		switch {
		case r.stopped:
			return
		case key.tag == "!!merge":
			merges = append(merges, value)
		case key.kind != yScalar || key.isExpr() || key.isNull():
			r.errorf(CodeYAMLType, key.span, "a key must be a word, not %s", key.describe())
		case seen[key.text] != nil:
			r.errorf(CodeYAMLDuplicate, key.span, "the key %s is given twice", key.text).See(seen[key.text].span, "first here")
		default:
			seen[key.text] = key
			v.fields = append(v.fields, yfield{key, value})
		}
	}
	for _, m := range merges {
		r.merge(v, m, seen)
	}
}

// merge adds the fields of a `<<` that the mapping does not give itself.
func (r *yamlReader) merge(v, from *yvalue, seen map[string]*yvalue) {
	if from.kind == yList {
		for _, item := range from.items {
			r.merge(v, item, seen)
		}
		return
	}
	if from.kind != yMap {
		r.errorf(CodeYAMLType, from.span, "<< takes a mapping, not %s", from.describe())
		return
	}
	for _, f := range from.fields {
		if seen[f.key.text] == nil {
			seen[f.key.text] = f.key
			v.fields = append(v.fields, f)
		}
	}
}

// scalar fills in a scalar: its text, and where it ends.
func (r *yamlReader) scalar(n *yaml.Node, v *yvalue, at int) {
	v.text = n.Value
	v.plain = n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	switch v.tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!merge", exprTag:
	case "!!timestamp":
		v.tag = "!!str"
	default:
		r.badTag(n.Tag, at)
		v.tag, v.plain = "!!str", false
	}
	if v.plain && n.Value == "" {
		return
	}
	start := at
	if n.Style&yaml.TaggedStyle != 0 || n.Anchor != "" {
		start = r.content(at)
	}
	a := aligner{src: r.src, at: start}
	end := a.run(n)
	v.span, v.pieces = r.span(start, end), a.pieces
	if len(r.active) == 0 {
		r.scalars = append(r.scalars, v.span)
	}
	if len(a.pieces) == 1 && len(n.Value) == a.pieces[0].Len { // one line, no escapes
		p := a.pieces[0]
		v.pieces = nil
		if v.isExpr() {
			v.span = r.span(p.Source, p.Source+p.Len)
		} else if p.Source != start {
			v.pieces = a.pieces
		}
	}
}

// aligner finds the source of a scalar's text.
type aligner struct {
	src    []byte
	at     int
	quote  byte // the quote around the scalar, 0 if there is none
	pieces []Piece
}

// run walks over the text and its source together and returns where the scalar
// ends. Where the two cannot be matched the mapping ends.
func (a *aligner) run(n *yaml.Node) int {
	block := n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	switch {
	case a.at >= len(a.src):
		return len(a.src)
	case block:
		for a.at < len(a.src) && breakLen(a.src[a.at:]) == 0 {
			a.at++
		}
	case a.src[a.at] == '"' || a.src[a.at] == '\'':
		a.quote = a.src[a.at]
		a.at++
	}
	text := n.Value
	for i := 0; i < len(text); {
		size := a.step(text[i:], i)
		if size == 0 {
			break
		}
		i += size
	}
	if a.quote != 0 {
		return a.closing()
	}
	if block {
		return a.blockEnd()
	}
	return a.at
}

// closing finds the quote that ends the scalar.
func (a *aligner) closing() int {
	for i := a.at; i < len(a.src); i++ {
		switch {
		case a.quote == '"' && a.src[i] == '\\':
			i++
		case a.src[i] != a.quote:
		case a.quote == '\'' && i+1 < len(a.src) && a.src[i+1] == '\'':
			i++
		default:
			return i + 1
		}
	}
	return len(a.src)
}

// blockEnd leaves the blank rest of the last line out.
func (a *aligner) blockEnd() int {
	end := min(a.at, len(a.src))
	for end > 0 && isBlank(a.src[end-1]) {
		end--
	}
	return end
}

// step matches the first letter of text, at offset i of the whole, and returns its
// size; 0 if it has no match.
func (a *aligner) step(text string, i int) int {
	c, size := utf8.DecodeRuneInString(text)
	if c == ' ' || c == '\n' || c == '\t' {
		return a.blank(c, i)
	}
	if len(a.pieces) == 0 || a.at < len(a.src) && isBlank(a.src[a.at]) {
		a.skipBlank()
	}
	for a.quote == '"' && a.at+1 < len(a.src) && a.src[a.at] == '\\' && breakLen(a.src[a.at+1:]) > 0 {
		a.at++ // a line end behind a backslash is nothing
		a.skipBlank()
	}
	switch {
	case a.at >= len(a.src):
		return 0
	case strings.HasPrefix(text, string(a.src[a.at:min(len(a.src), a.at+size)])) && a.src[a.at] != '\\' && (a.quote != '\'' || c != '\''):
		a.put(i, a.at, size)
		a.at += size
	case a.quote == '\'' && c == '\'':
		a.put(i, a.at, size)
		a.at += 2
	case a.quote == '"' && a.src[a.at] == '\\':
		a.put(i, a.at, size)
		a.at = min(len(a.src), a.at+escapeLen(a.src[a.at:]))
	case a.src[a.at] == '\\' && c == '\\':
		a.put(i, a.at, size)
		a.at++
	default:
		return 0
	}
	return size
}

// blank matches white space, which folding may have changed.
func (a *aligner) blank(c rune, i int) int {
	switch {
	case a.at < len(a.src) && rune(a.src[a.at]) == c && len(a.pieces) > 0 && (c != ' ' || !a.atLineEnd()):
		a.put(i, a.at, 1)
		a.at++
	case a.quote == '"' && a.at < len(a.src) && a.src[a.at] == '\\':
		a.at = min(len(a.src), a.at+escapeLen(a.src[a.at:]))
	}
	return 1
}

// atLineEnd reports whether nothing but spaces follows on the line.
func (a *aligner) atLineEnd() bool {
	for i := a.at; i < len(a.src); i++ {
		if breakLen(a.src[i:]) > 0 {
			return true
		}
		if a.src[i] != ' ' && a.src[i] != '\t' {
			return false
		}
	}
	return true
}

func (a *aligner) skipBlank() {
	for a.at < len(a.src) && isBlank(a.src[a.at]) {
		a.at++
	}
}

// put notes that a letter of the text stands at a place of the source.
func (a *aligner) put(text, source, size int) {
	if n := len(a.pieces); n > 0 {
		p := &a.pieces[n-1]
		if p.Text+p.Len == text && p.Source+p.Len == source {
			p.Len += size
			return
		}
	}
	a.pieces = append(a.pieces, Piece{text, source, size})
}

func escapeLen(src []byte) int {
	if len(src) < 2 {
		return len(src)
	}
	switch src[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// quoteData writes a string as a literal of the language; ${ is escaped, because
// data is never evaluated.
func quoteData(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '$' && strings.HasPrefix(s[i+1:], "{"):
			b.WriteString(`\$`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
