package syntax

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"wf/lang/diag"
)

// ynode is a value that is to be written as YAML: a scalar, a list or a mapping.
type ynode struct {
	kind  ykind
	text  string   // of a scalar, as it is written in a block
	flow  string   // of a scalar, as it is written inside of brackets
	block []string // of a scalar that goes over lines: what stands below its text
	items []yitem
	short bool // on one line if it fits
	foot  []string
}

// yitem is an entry of a mapping, or an element of a list, which has no key.
type yitem struct {
	key    string
	value  *ynode
	before []string // comments
	behind []string
	blank  bool     // an empty line goes before it
	raw    []string // lines that stand for all of the above
}

// scalar is a text that is written as it stands.
func scalar(text string) *ynode { return &ynode{text: text, flow: text} }

// dataText is a string.
func dataText(s string) *ynode { return &ynode{text: yamlText(s, false), flow: yamlText(s, true)} }

// nameText is a string that no one takes for an expression.
func nameText(s string) *ynode {
	n := dataText(s)
	if isPlain(s, true, "!!str") {
		n.text, n.flow = s, s
	}
	return n
}

// mapping is a mapping of keys and values, in their order.
func mapping(items ...yitem) *ynode { return &ynode{kind: yMap, items: items, short: true} }

// exprNode is an expression.
func exprNode(text string) *ynode {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if strings.ContainsAny(text, "\n") {
		return &ynode{text: exprTag + " |-", block: outdented(text)}
	}
	return &ynode{text: tagged3(text, false), flow: tagged3(text, true)}
}

// outdented is the lines of a text, those behind the first one moved to the left together.
func outdented(text string) []string {
	lines := strings.Split(text, "\n")
	least := -1
	for _, line := range lines[1:] {
		if trimmed := strings.TrimLeft(line, " \t"); trimmed != "" && (least < 0 || len(line)-len(trimmed) < least) {
			least = len(line) - len(trimmed)
		}
	}
	for i, line := range lines {
		if i > 0 {
			line = line[min(max(least, 0), len(line)):]
		}
		lines[i] = strings.TrimRight(line, " \t")
	}
	return lines
}

func tagged3(text string, flow bool) string { return exprTag + " " + plainOr(text, flow, exprTag) }

// yamlText is a string as a YAML scalar: plain if it stays one and cannot be taken for
// something else.
func yamlText(s string, flow bool) string { return plainOr(s, flow, "!!str") }

func plainOr(s string, flow bool, tag string) string {
	if tag != "!!str" || !suspect(s) {
		if isPlain(s, flow, tag) {
			return s
		}
	}
	if !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) || c == '\u0085' }) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return doubleQuoted(s)
}

// doubleQuoted is a string in the quotes in which everything can be escaped.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// suspect reports whether a plain text would be warned of, or be read in another way by
// YAML 1.1.
func suspect(s string) bool {
	switch strings.ToLower(s) {
	case "yes", "no", "on", "off", "y", "n", "~", "null", "true", "false", "":
		return true
	}
	return yamlPath.MatchString(s)
}

// plainWords and plainExprs are texts that stay what they are, which is known without
// trying: most are.
var (
	plainWords = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*([ ./-][A-Za-z0-9_]+)*$`)
	plainExprs = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*( ?[.+*/()<>="-]+ ?[A-Za-z0-9_]+)*[)"]?$`)
)

// isPlain reports whether a text is read as itself without quotes.
func isPlain(s string, flow bool, tag string) bool {
	if tag == exprTag && plainExprs.MatchString(s) || tag == "!!str" && plainWords.MatchString(s) && !suspect(s) {
		return true
	}
	if s == "" || !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\r\t") {
		return false
	}
	written := s
	if tag == exprTag {
		written = exprTag + " " + s
	}
	if flow {
		written = "{a: " + written + ", b: c}"
	} else {
		written = "a: " + written
	}
	doc, err := decodeNode(yaml.NewDecoder(strings.NewReader(written + "\nb: c\n")))
	if flow {
		doc, err = decodeNode(yaml.NewDecoder(strings.NewReader(written + "\n")))
	}
	if err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode || len(doc.Content[0].Content) != 4 {
		return false
	}
	v, b := doc.Content[0].Content[1], doc.Content[0].Content[3]
	return v.Kind == yaml.ScalarNode && v.Value == s && v.ShortTag() == tag && v.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 &&
		v.Anchor == "" && v.LineComment == "" && b.Value == "c"
}

// yamlOf is a value that was read, for writing it again.
func yamlOf(v *yvalue) *ynode {
	n := &ynode{kind: v.kind, short: true}
	switch {
	case v.kind == yMap:
		for _, f := range v.fields {
			n.items = append(n.items, yitem{key: yamlText(f.key.text, true), value: yamlOf(f.value)})
		}
	case v.kind == yList:
		for _, item := range v.items {
			n.items = append(n.items, yitem{value: yamlOf(item)})
		}
	case v.isExpr():
		return exprNode(v.text)
	case v.tag == "!!str":
		return dataText(v.text)
	default:
		return scalar(v.text)
	}
	return n
}

// yamlLines is one entry as lines.
func yamlLines(it yitem) []string {
	w := &yamlWriter{}
	w.entry(it, 0, "")
	return w.texts()
}

// yamlWriter writes values as the lines of a file.
type yamlWriter struct{ lines []yline }

type yline struct{ text, comment string }

func (w *yamlWriter) texts() []string {
	out := make([]string, len(w.lines))
	for from := 0; from < len(w.lines); {
		to, width := from, 0
		for ; to < len(w.lines) && w.lines[to].comment != ""; to++ {
			width = max(width, diag.Columns(w.lines[to].text))
		}
		for i := from; i < to; i++ {
			n := w.lines[i]
			out[i] = n.text + strings.Repeat(" ", width-diag.Columns(n.text)+2) + n.comment
		}
		if to == from {
			out[from] = w.lines[from].text
			to++
		}
		from = to
	}
	return out
}

func (w *yamlWriter) line(indent int, text string) {
	w.lines = append(w.lines, yline{text: strings.TrimRight(strings.Repeat(" ", indent)+text, " ")})
}

func (w *yamlWriter) comments(indent int, texts []string) {
	for _, t := range texts {
		w.line(indent, "#"+t)
	}
}

// remark puts comments behind a line.
func (w *yamlWriter) remark(at int, texts []string) {
	for _, t := range texts {
		if line := &w.lines[at]; line.comment == "" {
			line.comment = "#" + t
		} else {
			line.comment += " #" + t
		}
	}
}

// entries writes the entries of a mapping or the elements of a list. lead is what the first
// line begins with instead of its indentation.
func (w *yamlWriter) entries(n *ynode, indent int, lead string) {
	for i, it := range n.items {
		if i > 0 {
			lead = ""
		}
		if it.blank && (i > 0 || lead != "") && len(w.lines) > 0 {
			w.line(0, "")
		}
		w.entry(it, indent, lead)
	}
	w.comments(indent, n.foot)
}

// entry writes one of them.
func (w *yamlWriter) entry(it yitem, indent int, lead string) {
	start := lead
	if lead == "" {
		start = strings.Repeat(" ", indent)
	}
	if it.raw != nil {
		for i, line := range it.raw {
			if i == 0 && lead != "" {
				w.lines = append(w.lines, yline{text: lead + line})
				continue
			}
			w.line(indent, line)
		}
		return
	}
	w.comments(len(start)-len(strings.TrimLeft(start, " ")), it.before)
	if it.value.kind == yScalar && it.value.block != nil { // its text begins on the next line
		w.comments(len(start)-len(strings.TrimLeft(start, " ")), it.behind)
		it.behind = nil
	}
	at := len(w.lines)
	if it.key == "" {
		w.element(it.value, indent, start)
	} else {
		w.pair(it, indent, start)
	}
	w.remark(at, it.behind)
}

// element writes an element of a list.
func (w *yamlWriter) element(v *ynode, indent int, start string) {
	if text, ok := v.line(len(start) + 2); ok {
		w.lines = append(w.lines, yline{text: start + "- " + text})
		return
	}
	if v.kind == yScalar {
		w.lines = append(w.lines, yline{text: start + "- " + v.text})
		w.below(v, indent+2)
		return
	}
	if len(v.items) > 0 && (len(v.items[0].before) > 0) {
		first := v.items[0]
		w.comments(indent, first.before)
		items := append([]yitem{first}, v.items[1:]...)
		items[0].before = nil
		v = &ynode{kind: v.kind, items: items, foot: v.foot}
	}
	w.entries(v, indent+2, start+"- ")
}

// pair writes an entry of a mapping.
func (w *yamlWriter) pair(it yitem, indent int, start string) {
	head := start + it.key + ":"
	if text, ok := it.value.line(diag.Columns(head) + 1); ok {
		w.lines = append(w.lines, yline{text: strings.TrimRight(head+" "+text, " ")})
		return
	}
	if it.value.kind == yScalar {
		w.lines = append(w.lines, yline{text: head + " " + it.value.text})
		w.below(it.value, indent+2)
		return
	}
	w.lines = append(w.lines, yline{text: head})
	w.entries(it.value, indent+2, "")
}

func (w *yamlWriter) below(v *ynode, indent int) {
	for _, line := range v.block {
		w.line(indent, line)
	}
}

// line is a value on one line, if it may and does fit there.
func (n *ynode) line(column int) (string, bool) {
	if n.kind == yScalar {
		return n.text, n.block == nil
	}
	text, ok := n.inline()
	return text, ok && (len(n.items) == 0 || column+diag.Columns(text) <= MaxColumns)
}

// inline is a value in brackets.
func (n *ynode) inline() (string, bool) {
	if n.kind == yScalar {
		return n.flow, n.block == nil
	}
	open, closed := "[", "]"
	if n.kind == yMap {
		open, closed = "{", "}"
	}
	parts := make([]string, len(n.items))
	for i, it := range n.items {
		text, ok := it.value.inlineOrEmpty()
		if !ok || len(it.before)+len(it.behind)+len(it.raw) > 0 {
			return "", false
		}
		parts[i] = text
		if it.key != "" {
			parts[i] = strings.TrimRight(it.key+": "+text, " ")
		}
	}
	return open + strings.Join(parts, ", ") + closed, (n.short || len(n.items) == 0) && len(n.foot) == 0
}

func (n *ynode) inlineOrEmpty() (string, bool) {
	if n == nil {
		return "", false
	}
	return n.inline()
}
