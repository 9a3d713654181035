package syntax

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxLine is how long a line may get before a block is spread over several.
const maxLine = 120

// Format prints a file in the one layout. src is what it was read from; nil for a
// tree that was made otherwise. Comments stay where the author put them, single
// blank lines too, and what stood on one line stays on one if it fits. Reading the
// result gives the same tree, and formatting it changes nothing.
func Format(f *File, src []byte) []byte {
	p := &printer{comments: f.Comments}
	for i, c := range src {
		if c == '\n' {
			p.lines = append(p.lines, i)
		}
	}
	p.known = src != nil
	for i, d := range f.Decls {
		p.gap(spanOf(d).Start, i > 0 && !p.known)
		p.decl(d)
		p.end(spanOf(d).End)
	}
	p.leading(len(src) + 1)
	return []byte(p.out.String())
}

type printer struct {
	out      strings.Builder
	comments []Comment // not printed yet
	lines    []int     // offsets of line ends in the source
	known    bool      // there is a source
	indent   int
	last     int // offset in the source of what was printed last
}

func spanOf(n any) (s struct{ Start, End int }) {
	if node := placeOf(n); node != nil {
		s.Start, s.End = node.Span.Start, node.Span.End
	}
	return s
}

func (p *printer) line(offset int) int {
	n, _ := slices.BinarySearch(p.lines, offset)
	return n
}

func (p *printer) tabs() string { return strings.Repeat("  ", p.indent) }

// gap prints what stands before a statement: comments, and one blank line if there
// was one.
func (p *printer) gap(start int, blank bool) {
	p.leading(start)
	if p.out.Len() == 0 {
		return
	}
	if blank || p.known && p.last > 0 && p.line(start)-p.line(p.last) > 1 {
		p.blank()
	}
}

func (p *printer) blank() {
	if s := p.out.String(); !strings.HasSuffix(s, "\n\n") && !strings.HasSuffix(s, "{\n") {
		p.out.WriteByte('\n')
	}
}

// leading prints the comments before an offset, each on its line.
func (p *printer) leading(before int) {
	for len(p.comments) > 0 && p.comments[0].Span.Start < before {
		c := p.comments[0]
		p.comments = p.comments[1:]
		if p.last > 0 && p.line(c.Span.Start)-p.line(p.last) > 1 {
			p.blank()
		}
		p.out.WriteString(p.tabs() + strings.TrimRight(c.Text, " \t") + "\n")
		p.last = c.Span.End
	}
}

// end finishes a line: the comment behind a statement stays behind it.
func (p *printer) end(end int) {
	if len(p.comments) > 0 && p.known && p.line(p.comments[0].Span.Start) == p.line(end) && p.comments[0].Span.Start >= end {
		c := p.comments[0]
		p.comments = p.comments[1:]
		p.out.WriteString("  " + strings.TrimRight(c.Text, " \t"))
		end = c.Span.End
	}
	p.out.WriteByte('\n')
	p.last = max(p.last, end)
}

func (p *printer) decl(d Decl) {
	switch d := d.(type) {
	case *Import:
		p.out.WriteString("import " + quoted(d.Path.Value))
	case *TypeDecl:
		eq := " = "
		if _, ok := d.Shape.(*Record); ok {
			eq = " "
		}
		p.out.WriteString("type " + d.Name.Text + eq)
		p.shape(d.Shape)
	case *PolicyDecl:
		p.out.WriteString("policy " + d.Name.Text + " ")
		braces(p, d.Stmts, spanOf(d), p.stmt)
	case *Service:
		p.out.WriteString("service " + d.Name.Text + " ")
		braces(p, d.Items, spanOf(d), func(it ServiceItem) { p.serviceItem(it) })
	case *Workflow:
		p.out.WriteString("workflow " + dotted(d.Name) + " ")
		p.spread(d.Stmts, spanOf(d))
	case *Let:
		p.stmt(d)
	}
}

func dotted(names []Name) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = n.Text
	}
	return strings.Join(parts, ".")
}

// quoted writes a string literal that has no holes.
func quoted(s string) string {
	return strings.ReplaceAll(strconv.Quote(s), "${", `\${`)
}

// inline prints to a text without touching comments.
func (p *printer) inline(print func(*printer)) string {
	sub := &printer{indent: p.indent, known: false}
	print(sub)
	return sub.out.String()
}

// fits reports whether a block may stay on one line: its author wrote it so, no
// comment is in it, and it is short.
func (p *printer) fits(s struct{ Start, End int }, text string) bool {
	if strings.Contains(text, "\n") || p.column()+len(text) > maxLine {
		return false
	}
	if !p.known {
		return len(text) < 60
	}
	return p.line(s.Start) == p.line(s.End-1) && (len(p.comments) == 0 || p.comments[0].Span.Start >= s.End)
}

func (p *printer) column() int {
	s := p.out.String()
	return len(s) - 1 - strings.LastIndexByte(s, '\n')
}

// braces prints items in braces, on one line if they fit.
func braces[T any](p *printer, items []T, span struct{ Start, End int }, print func(T)) {
	if len(items) == 0 {
		p.out.WriteString("{ }")
		return
	}
	text := p.oneLine(items2any(items))
	if p.fits(span, text) {
		p.out.WriteString(text)
		return
	}
	p.out.WriteString("{\n")
	p.indent++
	for _, it := range items {
		p.gap(spanOf(it).Start, false)
		p.out.WriteString(p.tabs())
		print(it)
		p.end(spanOf(it).End)
	}
	p.leading(span.End)
	p.indent--
	p.out.WriteString(p.tabs() + "}")
}

func items2any[T any](items []T) []any {
	out := make([]any, len(items))
	for i := range items {
		out[i] = items[i]
	}
	return out
}

// oneLine is a block on one line, statements split by commas.
func (p *printer) oneLine(items []any) string {
	parts := make([]string, len(items))
	for i, it := range items {
		parts[i] = p.inline(func(sub *printer) { sub.item(it) })
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

func (p *printer) item(it any) {
	switch it := it.(type) {
	case *Field:
		p.field(it)
	case *Answer, *HTTP, *Operation:
		p.serviceItem(it)
	case Stmt:
		p.stmt(it)
	}
}

// spread prints statements in braces, one a line; steps stand apart.
func (p *printer) spread(stmts []Stmt, span struct{ Start, End int }) {
	p.out.WriteString("{\n")
	p.indent++
	for i, st := range stmts {
		_, step := st.(*Step)
		p.gap(spanOf(st).Start, step && i > 0)
		p.out.WriteString(p.tabs())
		p.stmt(st)
		p.end(spanOf(st).End)
	}
	p.leading(span.End)
	p.indent--
	p.out.WriteString(p.tabs() + "}")
}

func (p *printer) serviceItem(it any) {
	switch it := it.(type) {
	case *Operation:
		p.out.WriteString("operation " + it.Name.Text + " ")
		if it.Idempotent {
			p.out.WriteString("idempotent ")
		}
		braces(p, it.Items, spanOf(it), func(o OperationItem) { p.serviceItem(o) })
	case *HTTP:
		p.out.WriteString("http " + it.Method.Text + " " + quoted(it.Path.Value))
	case *Answer:
		p.out.WriteString(outcomes(it.Outcomes))
		if it.Shape != nil {
			p.out.WriteByte(' ')
			p.shape(it.Shape)
		}
	case Stmt:
		p.stmt(it)
	}
}

func outcomes(list []Outcome) string {
	parts := make([]string, len(list))
	for i, o := range list {
		switch {
		case o.Status != 0:
			parts[i] = strconv.Itoa(o.Status)
		case o.Class != 0:
			parts[i] = fmt.Sprintf("%dxx", o.Class)
		default:
			parts[i] = o.Name
		}
	}
	return strings.Join(parts, ", ")
}

func (p *printer) shape(s Shape) {
	switch s := s.(type) {
	case *Record:
		braces(p, s.Fields, spanOf(s), p.field)
	case *ListShape:
		p.out.WriteByte('[')
		p.shape(s.Elem)
		p.rules(s.Rules)
		p.out.WriteByte(']')
	case *EnumShape:
		for i, v := range s.Values {
			if i > 0 {
				p.out.WriteString(" | ")
			}
			if text, ok := v.Value.(string); ok {
				p.out.WriteString(quoted(text))
			} else {
				fmt.Fprint(&p.out, v.Value)
			}
		}
	case *NamedShape:
		p.out.WriteString(s.Name)
	}
}

func (p *printer) field(f *Field) {
	p.out.WriteString(f.Name.Text)
	if f.Optional {
		p.out.WriteByte('?')
	}
	p.out.WriteByte(' ')
	if f.Secret {
		p.out.WriteString("secret ")
	}
	p.shape(f.Shape)
	p.rules(f.Rules)
	if f.Default != nil {
		p.out.WriteString(" = ")
		p.expr(f.Default)
	}
}

func (p *printer) rules(rules []*Rule) {
	for _, r := range rules {
		p.out.WriteString(" " + r.Word())
		switch {
		case r.Pattern != nil:
			p.out.WriteString(" " + quoted(r.Pattern.Value))
		case r.Format != "":
			p.out.WriteString(" " + r.Format)
		case r.Min != nil:
			p.out.WriteByte(' ')
			p.expr(r.Min)
		case r.Max != nil:
			p.out.WriteByte(' ')
			p.expr(r.Max)
		}
	}
}

// word prints a leading word with an expression.
func (p *printer) word(word string, e *Expr) {
	p.out.WriteString(word + " ")
	p.expr(e)
}

func (p *printer) stmt(st Stmt) {
	switch st := st.(type) {
	case *Version:
		p.out.WriteString("version " + quoted(st.Value.Value))
	case *Describe:
		p.out.WriteString("describe " + quoted(st.Value.Value))
	case *Input:
		p.out.WriteString("input ")
		p.shape(st.Record)
	case *Retry:
		p.retry(st)
	case *Timeout:
		p.word("timeout", st.Value)
	case *Within:
		p.word("within", st.Value)
	case *Limit:
		p.word("limit", st.Value)
	case *Use:
		p.out.WriteString("use " + st.Name.Text)
	case *Classify:
		word := "permanent "
		if st.Retryable {
			word = "retryable "
		}
		p.out.WriteString(word + outcomes(st.Outcomes))
	case *Let:
		p.out.WriteString("let " + st.Name.Text + " = ")
		if st.Call != nil {
			p.stmt(st.Call)
		} else {
			p.expr(st.Value)
		}
	case *Ensure:
		p.ensure(st)
	case *Step:
		p.step(st)
	case *Call:
		p.out.WriteString("call " + dotted(st.Target))
		if st.Args != nil {
			p.out.WriteByte(' ')
			p.expr(st.Args)
		}
	case *On:
		p.out.WriteString("on " + outcomes(st.Outcomes) + " ")
		if st.When != nil {
			p.word("when", st.When)
			p.out.WriteByte(' ')
		}
		braces(p, st.Stmts, spanOf(st), p.stmt)
	case *Return:
		p.word("return", st.Value)
	case *Degrade:
		p.word("degrade", st.Value)
	case *Fail:
		p.out.WriteString("fail " + st.Code.Text)
		if st.Message != nil {
			p.out.WriteByte(' ')
			p.expr(st.Message)
		}
	case *Output:
		p.word("output", st.Value)
	}
}

func (p *printer) retry(st *Retry) {
	p.out.WriteString("retry")
	sep := " "
	if st.Attempts != nil {
		p.word(" ", st.Attempts)
		p.out.WriteString(" attempts")
		sep = ", "
	}
	if st.Backoff != nil {
		p.word(sep+"backoff", st.Backoff)
		sep = ", "
	}
	if st.MaxBackoff != nil {
		p.word(" to", st.MaxBackoff)
	}
	if st.Jitter != nil {
		p.out.WriteString(sep + "jitter " + strconv.FormatFloat(float64(st.Jitter.Value), 'f', -1, 64) + "%")
	}
}

func (p *printer) ensure(st *Ensure) {
	p.word("ensure", st.Cond)
	rest := p.inline(func(sub *printer) { sub.stmt(st.Else) })
	sep := " "
	if p.known && p.line(spanOf(st).Start) != p.line(spanOf(st.Else).Start) || p.column()+len(rest)+6 > maxLine {
		sep = "\n" + p.tabs() + "  "
	}
	p.out.WriteString(sep + "else " + rest)
}

func (p *printer) step(st *Step) {
	p.out.WriteString("step " + st.Name.Text)
	for i, n := range st.After {
		if i == 0 {
			p.out.WriteString(" after " + n.Text)
		} else {
			p.out.WriteString(", " + n.Text)
		}
	}
	if st.When != nil {
		p.word(" when", st.When)
	}
	p.out.WriteByte(' ')
	braces(p, st.Stmts, spanOf(st), p.stmt)
}

// expr prints an expression as it was written; lines after the first are indented
// by the brackets around them. Comments inside come out where they stand.
func (p *printer) expr(e *Expr) {
	lines := strings.Split(e.Text, "\n")
	depth := 0
	for i, l := range lines {
		l = strings.TrimSpace(strings.TrimSuffix(l, "\r"))
		if i > 0 && l == "" {
			continue
		}
		first := depth
		for _, c := range l {
			if c != '}' && c != ']' && c != ')' {
				break
			}
			first--
		}
		if i > 0 {
			p.out.WriteString("\n" + strings.Repeat("  ", max(0, p.indent+max(first, min(1, len(lines)*boolInt(depth == 0 && first == 0))))))
		}
		p.out.WriteString(l)
		depth += balance(l)
	}
	for len(p.comments) > 0 && p.comments[0].Span.Start < e.Span.End {
		p.comments = p.comments[1:] // it is part of the text
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// balance counts how many brackets a line opens, outside strings and comments.
func balance(l string) int {
	depth, quotes := 0, false
	for i := 0; i < len(l); i++ {
		switch c := l[i]; {
		case quotes && c == '\\':
			i++
		case c == '"':
			quotes = !quotes
		case quotes:
		case c == '/' && i+1 < len(l) && l[i+1] == '/':
			return depth
		case c == '{' || c == '(' || c == '[':
			depth++
		case c == '}' || c == ')' || c == ']':
			depth--
		}
	}
	return depth
}
