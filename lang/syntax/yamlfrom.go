package syntax

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/token"
)

// yamlMark begins a comment that keeps a key of YAML which has no effect, and so no form
// in .wf; [YAML] writes the key back. insideMark keeps one that has lost its place.
const (
	yamlMark   = " yaml: "
	insideMark = " yaml, in "
)

// yamlNote explains the mark at the top of a file.
const yamlNote = ` Lines that begin with "yaml:" keep keys of YAML without effect here; wf convert --to yaml writes them back.`

// kept is what the tree of a YAML file lacks and its conversion needs.
type kept struct {
	root    *yvalue
	data    map[*Expr]*yvalue // expressions that are data
	dropped []droppedKey
	beyond  []yfield // keywords of a JSON Schema that no record can say
}

// droppedKey is a key without effect, and the mapping it stands in.
type droppedKey struct {
	in *yvalue
	yfield
}

// drop notes a key that is not in the tree.
func (r *yamlReader) drop(in *yvalue, f yfield) {
	if r.kept != nil {
		r.kept.dropped = append(r.kept.dropped, droppedKey{in, f})
	}
}

// ConvertYAML reads a workflow in YAML as [ParseYAML] does, and writes it as a .wf file in
// the layout of [Format]. Comments are carried over, and keys without effect become
// comments. What has no form in .wf is an error with its place; the text is nil then.
func ConvertYAML(name string, src []byte, opts ConvertOptions) ([]byte, diag.List) {
	r := &yamlReader{file: name, src: src, environment: opts.Environment, inert: map[string]*inertUse{}, kept: &kept{data: map[*Expr]*yvalue{}}}
	f := r.read()
	if r.problems.HasErrors() {
		return nil, r.problems
	}
	r.problems = nil
	c := &fromYAML{yamlReader: r, file: f}
	c.check()
	if r.problems.HasErrors() {
		return nil, r.problems
	}
	for _, d := range f.Decls {
		if imp, ok := d.(*Import); ok && opts.Import != nil {
			imp.Path.Value = opts.Import(imp.Path.Value)
		}
	}
	c.share()
	w := &writer{src: src, remarks: c.comments(), render: c.expr}
	w.file(f)
	for _, text := range w.remarks.rest(c.anchors) {
		w.print("//", text, "\n")
	}
	out := []byte(w.out.String())
	again, problems := Parse(name, out)
	if problems.HasErrors() {
		d := problems[0]
		line := bytes.Count(out[:min(d.Span.Start, len(out))], []byte("\n"))
		r.errorf(CodeNoForm, f.Span, "it cannot be written as .wf: %s", d.Summary).
			Hintf("this is what would have been written: %s", bytes.TrimSpace(bytes.Split(out, []byte("\n"))[line]))
		return nil, r.problems
	}
	return Format(again, out), nil
}

// fromYAML is one file while it is written as .wf.
type fromYAML struct {
	*yamlReader
	file    *File
	anchors []*anchor
	opaque  []diag.Span
}

// isIdent reports whether a text can be a name in a .wf file.
func isIdent(text string) bool {
	tokens, _, problems := token.Scan("", text)
	return len(tokens) == 2 && tokens[0].Kind == token.Ident && tokens[0].End == len(text) && !problems.HasErrors()
}

// check reports what has no form in .wf.
func (c *fromYAML) check() {
	needsName := func(what string, n Name) {
		if !isIdent(n.Text) {
			c.errorf(CodeNoForm, n.Span, "%s of the name %s has no form in .wf", what, n.Text).Hintf("use letters, digits and _: %s", snake(n.Text))
		}
	}
	Walk(c.file, func(n any) bool {
		switch n := n.(type) {
		case *Workflow:
			for _, part := range n.Name {
				needsName("a workflow", part)
			}
		case *Step:
			needsName("a step", n.Name)
			if n.For != nil {
				needsName("an item", n.For.Var)
			}
		case *Field:
			needsName("a field", n.Name)
		case *Let:
			needsName("a let", n.Name)
		case *Signal:
			needsName("a signal", n.Name)
		case *Input:
			c.schemaForm(n)
		}
		return true
	})
}

// schemaForm reports what a JSON Schema says and a record cannot.
func (c *fromYAML) schemaForm(in *Input) {
	if in.Schema == nil {
		return
	}
	for _, f := range c.kept.beyond {
		c.errorf(CodeNoForm, f.key.span, "%s of a JSON Schema has no form in .wf", f.key.text).
			Hintf("say it with types and rules, or remove it and write the condition as `ensure` above the steps")
	}
	if len(c.kept.beyond) == 0 {
		c.errorf(CodeNoForm, in.Span, "the schema says more than a record in .wf can").
			Hintf("say it with types and rules, or remove it and write the condition as `ensure` above the steps")
	}
}

// share makes one setting of the workflow of the attempts that every step has, as somebody
// would who writes it by hand.
func (c *fromYAML) share() {
	w, ok := c.file.Decls[len(c.file.Decls)-1].(*Workflow)
	if !ok || hasRetry(w.Stmts) || c.hasSideBlocks(w) {
		return
	}
	var usual *Retry
	var at int
	count := map[string]int{}
	for i, st := range w.Stmts {
		step, ok := st.(*Step)
		if !ok {
			continue
		}
		if at == 0 {
			at = i
		}
		retry := attemptsOf(step)
		if retry == nil || slices.ContainsFunc(step.Stmts, isStepStmt) {
			return
		}
		if only := retry.Backoff == nil && retry.Jitter == nil; only && retry.Attempts.Text != "1" {
			if count[retry.Attempts.Text]++; usual == nil || count[retry.Attempts.Text] > count[usual.Attempts.Text] {
				usual = retry
			}
		}
	}
	if usual == nil || count[usual.Attempts.Text] < 2 {
		return
	}
	for _, st := range w.Stmts {
		if step, ok := st.(*Step); ok {
			step.Stmts = slices.DeleteFunc(step.Stmts, func(st Stmt) bool {
				r, ok := st.(*Retry)
				return ok && r.Backoff == nil && r.Jitter == nil && r.Attempts.Text == usual.Attempts.Text
			})
		}
	}
	w.Stmts = slices.Insert(w.Stmts, at, Stmt(&Retry{Node: Node{Span: usual.Span}, Attempts: usual.Attempts}))
}

func isStepStmt(st Stmt) bool { _, ok := st.(*Step); return ok }

// hasSideBlocks reports whether calls stand outside of the steps.
func (c *fromYAML) hasSideBlocks(w *Workflow) bool {
	return slices.ContainsFunc(w.Stmts, func(st Stmt) bool {
		switch st.(type) {
		case *On, *Finally:
			return true
		}
		return false
	})
}

// attemptsOf is the setting of a step that says how often a call is tried, as a number; nil
// if there is none.
func attemptsOf(step *Step) *Retry {
	for _, st := range step.Stmts {
		if r, ok := st.(*Retry); ok && r.Attempts != nil && digitsOnly.MatchString(r.Attempts.Text) {
			return r
		}
	}
	return nil
}

// comments places the comments of the file and the keys that are dropped.
func (c *fromYAML) comments() *remarks {
	owners := map[diag.Span]any{} // of mappings
	before := map[diag.Span]any{} // of mappings whose keys are told above
	inner := map[any]bool{}
	add := func(n any, span diag.Span, block bool) {
		c.anchors = append(c.anchors, &anchor{of: n, start: span.Start, end: span.End, block: block})
	}
	Walk(c.file, func(n any) bool {
		if inner[n] {
			return true
		}
		switch n := n.(type) {
		case *File:
			return true
		case *Workflow:
			owners[c.kept.root.span] = n
		case *Step:
			owners[n.Span] = n
		case *On:
			owners[n.Span] = n
		case *Ensure:
			inner[n.Else] = true
		case *Let:
			inner[n.Call], inner[n.Wait] = true, true
		case *Expr:
			c.exprAnchors(n)
			return true
		}
		switch n := n.(type) {
		case *Retry:
			if digits := n.Attempts; digits != nil && n.Span.End-n.Span.Start != 0 && c.isGenerated(n) {
				return true
			}
			add(n, n.Span, false)
		case *Input:
			if n.Span != n.Record.Span { // else there is no schema
				add(n, n.Span, true)
			}
		case *Field:
			_, record := n.Shape.(*Record)
			add(n, n.Span, record)
		case *Workflow:
			add(n, c.kept.root.span, true)
		case Decl, Stmt, *Arm:
			add(n, placeOf(n).Span, isBlock(n))
		}
		return true
	})
	p := &placer{src: c.src, indented: true, anchors: c.anchors, first: c.file.Decls[0]}
	out := p.place(c.file.Comments, c.opaque)
	c.keepDropped(out, p, owners, before)
	if w, ok := c.file.Decls[len(c.file.Decls)-1].(*Workflow); ok {
		for i, st := range w.Stmts {
			if _, ok := st.(*Input); ok && i+1 < len(w.Stmts) {
				out.blank[w.Stmts[i+1]] = true
			}
		}
	}
	return out
}

// isBlock reports whether a node has statements inside.
func isBlock(n any) bool {
	switch n := n.(type) {
	case *Signal:
		return n.Record != nil
	case *Workflow, *Step, *On, *Undo, *Switch, *Arm, *Finally, *Service, *Operation, *PolicyDecl, *Input:
		return true
	}
	return false
}

// isGenerated reports whether a retry was written by nobody: it stands where the name of
// its step does.
func (c *fromYAML) isGenerated(n *Retry) bool {
	return !bytes.Contains(c.src[n.Span.Start:n.Span.End], []byte(":")) && n.Attempts.Span == n.Span
}

// exprAnchors notes the parts of data, and the expressions whose comments are theirs.
func (c *fromYAML) exprAnchors(e *Expr) {
	v := c.kept.data[e]
	if v == nil {
		c.hide(e.Span)
		return
	}
	c.dataAnchors(v)
}

func (c *fromYAML) dataAnchors(v *yvalue) {
	part := func(of *yvalue, span diag.Span, value *yvalue) {
		if span.Start >= v.span.Start && span.End <= v.span.End { // else it comes out of an alias
			c.anchors = append(c.anchors, &anchor{of: of, start: span.Start, end: span.End})
			c.dataAnchors(value)
		}
	}
	if v.kind != yScalar && v.span.Start < len(c.src) && (c.src[v.span.Start] == '{' || c.src[v.span.Start] == '[') {
		c.anchors = append(c.anchors, &anchor{of: v, start: v.span.Start, end: v.span.End, brackets: true})
	}
	for _, f := range v.fields {
		part(f.key, f.key.span.To(f.value.span), f.value)
	}
	for _, item := range v.items {
		part(item, item.span, item)
	}
	if v.isExpr() {
		c.hide(v.span)
	}
}

// hide notes an expression, whose comments are its own. The line on which a block begins is
// not part of it.
func (c *fromYAML) hide(s diag.Span) {
	if s.Start < s.End && (c.src[s.Start] == '|' || c.src[s.Start] == '>') {
		s.Start = min(c.lineEnd(s.Start), s.End)
	}
	c.opaque = append(c.opaque, s)
}

// keepDropped makes comments of the keys that are not in the tree.
func (c *fromYAML) keepDropped(out *remarks, p *placer, owners, before map[diag.Span]any) {
	marked := false
	for _, d := range c.kept.dropped {
		if of := owners[d.in.span]; of != nil {
			for _, line := range c.verbatim(d.yfield) {
				out.foot[of] = append(out.foot[of], yamlMark+line)
			}
			marked = true
			continue
		}
		a := p.last(d.key.span.Start + 1)
		for a != nil && a.end < d.key.span.End {
			a = a.up
		}
		if a == nil {
			a = p.anchors[0]
		}
		field, isField := a.of.(*Field)
		input, isInput := a.of.(*Input)
		if isField && c.root(d.in, field.Span) || isInput && c.root(d.in, input.Span) {
			for _, line := range c.verbatim(d.yfield) {
				out.before[a.of] = append(out.before[a.of], yamlMark+line)
			}
			marked = true
			continue
		}
		for _, line := range c.verbatim(d.yfield) {
			out.before[a.of] = append(out.before[a.of], fmt.Sprintf("%s%s: %s", insideMark, c.keyOf(c.kept.root, d.in), line))
		}
	}
	if marked {
		first := c.file.Decls[0]
		if len(out.before[first]) > 0 {
			out.before[first] = append(out.before[first], "")
		}
		out.before[first] = append(out.before[first], yamlNote)
	}
}

// root reports whether a mapping is all that stands behind the key at a place.
func (c *fromYAML) root(m *yvalue, at diag.Span) bool {
	key := c.src[at.Start:m.span.Start]
	return at.End == m.span.End && bytes.Count(key, []byte(":")) == 1
}

// keyOf is the key that a mapping stands behind.
func (c *fromYAML) keyOf(v, m *yvalue) string {
	for _, f := range v.fields {
		if f.value == m {
			return f.key.text
		}
		if key := c.keyOf(f.value, m); key != "" {
			return key
		}
	}
	for _, item := range v.items {
		if key := c.keyOf(item, m); key != "" {
			return key
		}
	}
	return ""
}

// verbatim is the lines of a key with its value, as they stand in the file or, where it
// comes out of an alias, as data.
func (c *fromYAML) verbatim(f yfield) []string {
	span := f.key.span.To(f.value.span)
	if f.value.isNull() && f.value.span.Start == f.value.span.End {
		return []string{f.key.text + ":"}
	}
	if !within(f.value, span) || f.value.span.Start < f.key.span.End {
		return yamlLines(yitem{key: yamlText(f.key.text, false), value: yamlOf(f.value)})
	}
	column := f.key.span.Start - (bytes.LastIndexByte(c.src[:f.key.span.Start], '\n') + 1)
	lines := strings.Split(string(c.src[span.Start:span.End]), "\n")
	for i, line := range lines {
		if i > 0 {
			trimmed := strings.TrimLeft(line, " ")
			line = line[min(column, len(line)-len(trimmed)):]
		}
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return lines
}

// within reports whether all of a value stands in a span.
func within(v *yvalue, s diag.Span) bool {
	if v.span.Start < s.Start || v.span.End > s.End {
		return false
	}
	for _, f := range v.fields {
		if !within(f.key, s) || !within(f.value, s) {
			return false
		}
	}
	return !slices.ContainsFunc(v.items, func(item *yvalue) bool { return !within(item, s) })
}

// expr writes an expression. Data goes over lines where it does in YAML.
func (c *fromYAML) expr(w *writer, e *Expr) {
	v := c.kept.data[e]
	if v == nil {
		w.print(whole(e.Text))
		return
	}
	c.value(w, v)
}

// whole is an expression that does not end with a line of it.
func whole(text string) string {
	if !strings.Contains(text, "\n") && !strings.Contains(text, "//") {
		return text
	}
	f, problems := Parse("", []byte("let x = "+text+"\n"))
	if !problems.HasErrors() && len(f.Decls) == 1 {
		if let, ok := f.Decls[0].(*Let); ok && let.Value != nil && let.Value.Text == strings.TrimSpace(text) {
			return text
		}
	}
	return "(" + text + "\n)"
}

// inParens reports whether a pair of parentheses is around all of an expression.
func inParens(text string) bool {
	tokens, _, _ := token.Scan("", text)
	d := dataReader{Text: token.Text{Source: text, Tokens: tokens}}
	return d.Word(0) == "(" && d.partner(0) == len(tokens)-2 && tokens[0].Start == 0 && tokens[len(tokens)-2].End == len(text)
}

func (c *fromYAML) value(w *writer, v *yvalue) {
	switch {
	case v.kind == yMap:
		c.list(w, v, "{", "}", len(v.fields), func(i int) any { return v.fields[i].key }, func(i int) {
			key := v.fields[i].key.text
			if !identifier.MatchString(key) {
				key = quoteData(key)
			}
			w.print(key, ": ")
			c.value(w, v.fields[i].value)
		})
	case v.kind == yList:
		c.list(w, v, "[", "]", len(v.items), func(i int) any { return v.items[i] }, func(i int) { c.value(w, v.items[i]) })
	case v.isExpr():
		e := c.written(v)
		if wrap, _ := c.needsParens(e); wrap && !inParens(e.Text) {
			w.print("(", e.Text, "\n)")
		} else {
			w.print(e.Text)
		}
	default:
		w.print(c.scalarText(v))
	}
}

// list writes the parts of data in brackets, each on a line if the author had it so.
func (c *fromYAML) list(w *writer, v *yvalue, open, closed string, n int, part func(int) any, write func(int)) {
	spread := bytes.Contains(c.src[v.span.Start:v.span.End], []byte("\n"))
	for i := 0; i < n; i++ {
		spread = spread || w.commented(part(i))
	}
	w.print(open)
	for i := range n {
		switch {
		case spread:
			w.print("\n")
			w.above(part(i))
		case i > 0:
			w.print(" ")
		}
		write(i)
		if i < n-1 || spread {
			w.print(",")
		}
		w.beside(part(i))
	}
	if spread {
		w.print("\n")
		w.atEnd(v)
	}
	w.print(closed)
}
