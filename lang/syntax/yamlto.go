package syntax

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"wf/lang/diag"
	"wf/lang/token"
	"wf/lang/value"
)

// ConvertOptions say what a conversion cannot know from the file alone.
type ConvertOptions struct {
	Workflow    string                   // to YAML: which one, if the file has several; "" is the only one
	Types       func(name string) Shape  // to YAML: declared types; nil if there is no such type
	Environment string                   // from YAML: which environment to apply; "": none
	Import      func(path string) string // how the result imports what the file imports; nil: the same way
}

// ConvertWF writes a workflow of a .wf file, which [Parse] read from src without an error,
// in YAML. Comments are carried over. What the file declares beside it has no form in YAML:
// the result imports the file for it. What else has no form in YAML is an error with its place;
// the text is nil then.
func ConvertWF(f *File, src []byte, opts ConvertOptions) ([]byte, diag.List) {
	c := &toYAML{file: f, src: src, opts: opts, data: map[*Expr]*ynode{}}
	w := c.choose()
	if w == nil {
		return nil, c.problems
	}
	c.remarks = c.place(w)
	root := c.workflow(w)
	if c.problems.HasErrors() {
		return nil, c.problems
	}
	out := &yamlWriter{}
	out.comments(0, c.top)
	out.entries(root, 0, "")
	out.comments(0, c.remarks.rest(c.anchors))
	return []byte(strings.Join(out.texts(), "\n") + "\n"), c.problems
}

// toYAML is one file while it is written in YAML.
type toYAML struct {
	file     *File
	src      []byte
	opts     ConvertOptions
	problems diag.List
	data     map[*Expr]*ynode // what expressions are that are data
	anchors  []*anchor
	opaque   []diag.Span
	remarks  *remarks
	top      []string // comments above the file
	retries  bool     // the workflow says how often calls are tried
	beside   []Decl   // what has no form in YAML, and is imported from the file
}

func (c *toYAML) formless(at diag.Span, hint, format string, args ...any) {
	c.problems.Add(diag.Errorf(CodeNoForm, at, format, args...).Hintf("%s", hint))
}

// choose finds the workflow, and reports what cannot stand beside it.
func (c *toYAML) choose() *Workflow {
	var all []*Workflow
	var names []string
	for _, d := range c.file.Decls {
		if w, ok := d.(*Workflow); ok {
			all, names = append(all, w), append(names, dotted(w.Name))
		}
	}
	var found []*Workflow
	for i, w := range all {
		if c.opts.Workflow == "" || c.opts.Workflow == names[i] || c.opts.Workflow == w.Name[len(w.Name)-1].Text {
			found = append(found, w)
		}
	}
	for _, d := range c.file.Decls {
		switch d.(type) {
		case *Import, *Workflow:
		case *TypeDecl, *Service, *PolicyDecl, *Let:
			c.isBeside(d)
		default:
			c.formless(placeOf(d).Span, "a file in YAML holds one workflow; tests and mocks stay in .wf files, which can import it", "mocks and tests have no form in YAML")
			return nil
		}
	}
	switch {
	case len(all) == 0:
		c.formless(c.file.Span, "only workflows have a form in YAML", "the file defines no workflow")
	case len(found) == 0:
		d := diag.Errorf(CodeNoForm, c.file.Span, "there is no workflow %s in the file", c.opts.Workflow)
		if d.Hint = diag.DidYouMean(c.opts.Workflow, names); d.Hint == "" {
			d.Hintf("there is %s", strings.Join(names, ", "))
		}
		c.problems.Add(d)
	case len(found) > 1:
		c.formless(found[1].Span, "choose one: --workflow "+names[0], "a file in YAML holds one workflow, and this one defines %d: %s", len(all), strings.Join(names, ", "))
	}
	if c.problems.HasErrors() {
		return nil
	}
	c.callees(found[0], all)
	return found[0]
}

// callees adds the other workflows of the file that a workflow calls to what is beside it.
func (c *toYAML) callees(w *Workflow, all []*Workflow) {
	called := map[string]bool{}
	Walk(w, func(n any) bool {
		if call, ok := n.(*Call); ok {
			called[dotted(call.Target)] = true
		}
		return true
	})
	for _, other := range all {
		if other != w && (called[dotted(other.Name)] || called[other.Name[len(other.Name)-1].Text]) {
			c.isBeside(other)
		}
	}
}

// isBeside notes what the result has to import from the file.
func (c *toYAML) isBeside(d Decl) {
	if c.beside == nil {
		c.problems.Add(diag.Warnf(CodeNoForm, placeOf(d).Span, "this cannot stand beside a workflow in YAML; the result imports %s for it", c.file.Name).
			Hintf("a .wf file that declares what workflows share is imported by either form"))
	}
	c.beside = append(c.beside, d)
}

func dotted(names []Name) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = n.Text
	}
	return strings.Join(parts, ".")
}

// place finds out what comments are about.
func (c *toYAML) place(w *Workflow) *remarks {
	inner := map[any]bool{}
	add := func(n any, block bool) {
		span := placeOf(n).Span
		c.anchors = append(c.anchors, &anchor{of: n, start: span.Start, end: span.End, block: block})
	}
	visit := func(n any) bool {
		if inner[n] {
			return true
		}
		switch n := n.(type) {
		case *Ensure:
			inner[n.Else] = true
		case *Let:
			inner[n.Call] = true
		case *Expr:
			c.expression(n)
			return true
		}
		switch n := n.(type) {
		case *Field:
			_, record := n.Shape.(*Record)
			add(n, record)
		case Decl, Stmt, *Arm:
			add(n, isBlock(n))
		}
		return true
	}
	for _, d := range c.file.Decls {
		switch other, ok := d.(*Workflow); {
		case !ok && slices.Contains(c.beside, d), ok && other != w:
			add(d, true)
		default:
			Walk(d, visit)
		}
	}
	var comments []Comment
	for i, m := range c.file.Comments {
		note := func(i int) bool {
			return i < len(c.file.Comments) && strings.TrimPrefix(c.file.Comments[i].Text, "//") == yamlNote
		}
		if !note(i) && !(note(i+1) && m.Text == "//") && !c.elsewhere(m.Span, w) {
			comments = append(comments, m)
		}
	}
	p := &placer{src: c.src, anchors: c.anchors, first: c.file.Decls[0]}
	out := p.place(comments, c.opaque)
	for _, d := range c.file.Decls {
		if _, imp := d.(*Import); !imp && d != Decl(w) { // it keeps its comments
			delete(out.before, d)
			delete(out.behind, d)
			delete(out.foot, d)
		}
	}
	c.top = append(taken(out.before, c.file.Decls[0]), c.top...)
	if first := c.file.Decls[0]; first != Decl(w) {
		c.top = append(c.top, taken(out.before, w)...)
	}
	return out
}

// elsewhere reports whether a place is in another workflow than the one that is written.
func (c *toYAML) elsewhere(at diag.Span, w *Workflow) bool {
	return slices.ContainsFunc(c.file.Decls, func(d Decl) bool {
		span := placeOf(d).Span
		return d != Decl(w) && span.Start <= at.Start && at.End <= span.End
	})
}

// expression finds out what of an expression is data, and where comments in it can stand.
func (c *toYAML) expression(e *Expr) {
	d := &dataReader{c: c, Text: token.Text{Source: e.Text}, base: e.Span.Start}
	tokens, comments, problems := token.Scan("", e.Text)
	if problems.HasErrors() {
		c.data[e] = exprNode(e.Text)
		return
	}
	d.Tokens = tokens
	c.data[e] = d.value(0, len(tokens)-1)
	if len(comments) > 0 && c.data[e].kind == yScalar {
		c.opaque = append(c.opaque, e.Span)
	}
}

// dataReader tells data from expressions in the text of one.
type dataReader struct {
	c *toYAML
	token.Text
	base int // where the text stands in the source
}

// value is what tokens from up to (and without) to stand for.
func (d *dataReader) value(from, to int) *ynode {
	for from < to && d.Tokens[from].Kind == token.Newline {
		from++
	}
	for to > from && d.Tokens[to-1].Kind == token.Newline {
		to--
	}
	if from >= to {
		return exprNode("nil")
	}
	start, end := d.Tokens[from].Start, d.Tokens[to-1].End
	if n := d.collection(from, to); n != nil {
		return n
	}
	if n := d.literal(from, to); n != nil {
		return n
	}
	if strings.Contains(d.Source[start:end], "//") {
		d.c.opaque = append(d.c.opaque, diag.Span{Start: d.base + start, End: d.base + end})
	}
	return exprNode(d.Source[start:end])
}

// collection is an object or list; nil if the tokens are none.
func (d *dataReader) collection(from, to int) *ynode {
	open, closed := d.Word(from), ""
	n := &ynode{}
	switch {
	case d.Tokens[from].Kind != token.Op:
		return nil
	case open == "{":
		n.kind, closed = yMap, "}"
	case open == "[":
		n.kind, closed = yList, "]"
	default:
		return nil
	}
	if d.partner(from) != to-1 || d.Word(to-1) != closed {
		return nil
	}
	start, end := d.Tokens[from].Start, d.Tokens[to-1].End
	n.short = !strings.Contains(d.Source[start:end], "\n")
	anchors, opaque := len(d.c.anchors), len(d.c.opaque)
	d.c.anchors = append(d.c.anchors, &anchor{of: n, start: d.base + start, end: d.base + end, brackets: true})
	seen := map[string]bool{}
	for at := from + 1; at < to-1; {
		next := d.itemEnd(at, to-1)
		first := at
		for first < next && d.Tokens[first].Kind == token.Newline {
			first++
		}
		at = next + 1
		if first == next {
			continue
		}
		it := yitem{}
		value := first
		if n.kind == yMap {
			key, ok := d.key(first, next)
			if !ok || seen[key] {
				d.c.anchors, d.c.opaque = d.c.anchors[:anchors], d.c.opaque[:opaque]
				return nil
			}
			seen[key] = true
			it.key, value = yamlText(key, true), first+2
		}
		d.c.anchors = append(d.c.anchors, &anchor{of: datum{n, len(n.items)}, start: d.base + d.Tokens[first].Start, end: d.base + d.Tokens[next-1].End})
		it.value = d.value(value, next)
		n.items = append(n.items, it)
	}
	return n
}

// datum is an item of data, as that which comments are about.
type datum struct {
	of *ynode
	i  int
}

// key is the key of an object's field.
func (d *dataReader) key(i, end int) (string, bool) {
	if i+2 >= end || d.Word(i+1) != ":" {
		return "", false
	}
	switch d.Tokens[i].Kind {
	case token.Ident:
		return d.Word(i), true
	case token.String:
		key, err := token.Unquote(d.Word(i))
		return key, err == nil
	}
	return "", false
}

// partner is the bracket that closes the one at i.
func (d *dataReader) partner(i int) int {
	depth := 0
	for ; i < len(d.Tokens); i++ {
		if d.Tokens[i].Kind != token.Op {
			continue
		}
		switch d.Word(i) {
		case "{", "[", "(":
			depth++
		case "}", "]", ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// itemEnd is the separator behind the item that begins at i.
func (d *dataReader) itemEnd(i, to int) int {
	begun := false
	for ; i < to; i++ {
		switch t := d.Tokens[i]; {
		case t.Kind == token.Newline:
			if begun && !d.Continues(i) {
				return i
			}
			continue
		case t.Kind != token.Op:
		case d.Word(i) == ",":
			return i
		case strings.Contains("{[(", d.Word(i)):
			if end := d.partner(i); end > 0 {
				i = end
			}
		}
		begun = true
	}
	return to
}

// literal is a text, a number, true, false or nil; nil if the tokens are none of these, or
// are written in a way of the language.
func (d *dataReader) literal(from, to int) *ynode {
	word := d.Word(from)
	if to-from == 2 && word == "-" && (d.Tokens[from+1].Kind == token.Int || d.Tokens[from+1].Kind == token.Float) {
		word += d.Word(from + 1)
		from++
	}
	if to-from != 1 {
		return nil
	}
	switch d.Tokens[from].Kind {
	case token.String:
		if text, err := token.Unquote(word); err == nil && !strings.Contains(text, "${") {
			return dataText(text)
		}
	case token.Int:
		if n, err := strconv.ParseInt(word, 10, 64); err == nil && strconv.FormatInt(n, 10) == word {
			return scalar(word)
		}
	case token.Float:
		node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: word}
		var f float64
		if node.Decode(&f) == nil && strconv.FormatFloat(f, 'g', -1, 64) == word {
			return scalar(word)
		}
	case token.Ident:
		switch word {
		case "true", "false":
			return scalar(word)
		case "nil":
			return scalar("null")
		}
	}
	return nil
}

// dress puts the comments of data where they belong.
func (c *toYAML) dress(n *ynode) *ynode {
	for i := range n.items {
		p := datum{n, i}
		it := &n.items[i]
		it.before, it.behind = append(it.before, taken(c.remarks.before, p)...), append(it.behind, taken(c.remarks.behind, p)...)
		if !n.short {
			it.blank = c.remarks.blank[p]
		}
		c.dress(it.value)
	}
	n.foot = append(n.foot, taken(c.remarks.foot, any(n))...)
	return n
}

// expr is an expression where any value may stand.
func (c *toYAML) expr(e *Expr) *ynode { return c.dress(c.node(e)) }

// node is an expression without its comments. One of another file is read here.
func (c *toYAML) node(e *Expr) *ynode {
	if n := c.data[e]; n != nil {
		return n
	}
	other := &toYAML{data: map[*Expr]*ynode{}}
	other.expression(e)
	return other.data[e]
}

// code is an expression where data has another meaning: a condition.
func (c *toYAML) code(e *Expr) *ynode {
	if e.Text == "true" || e.Text == "false" {
		return scalar(e.Text)
	}
	return exprNode(e.Text)
}

// number is a setting that is a number.
func (c *toYAML) number(e *Expr) *ynode {
	if n := c.node(e); n.kind == yScalar && digitsOnly.MatchString(n.text) {
		return n
	}
	return exprNode(e.Text)
}

// duration is a setting that is a duration.
func (c *toYAML) duration(e *Expr) *ynode {
	if tokens, _, problems := token.Scan("", e.Text); len(tokens) == 2 && tokens[0].Kind == token.Duration && !problems.HasErrors() {
		return dataText(e.Text)
	}
	return exprNode(e.Text)
}

func pair(key string, v *ynode) yitem { return yitem{key: key, value: v} }

// about adds the comments of a part of the file to an entry.
func (c *toYAML) about(n any, it yitem) yitem {
	it.before = append(taken(c.remarks.before, n), it.before...)
	it.behind = append(it.behind, taken(c.remarks.behind, n)...)
	it.blank = c.remarks.blank[n]
	return it
}

// workflow is the top-level mapping.
func (c *toYAML) workflow(w *Workflow) *ynode {
	root := &ynode{kind: yMap}
	add := func(it yitem) { root.items = append(root.items, it) }
	imports := &ynode{kind: yList, short: true}
	for _, d := range c.file.Decls {
		if imp, ok := d.(*Import); ok {
			target := imp.Path.Value
			if c.opts.Import != nil {
				target = c.opts.Import(target)
			}
			imports.items = append(imports.items, c.about(imp, yitem{value: nameText(target)}))
		}
	}
	if len(c.beside) > 0 {
		self := path.Base(c.file.Name)
		if c.opts.Import != nil {
			self = c.opts.Import(self)
		}
		imports.items = append(imports.items, yitem{value: nameText(self)})
	}
	if len(imports.items) == 1 && len(imports.items[0].behind) > 0 {
		it := imports.items[0]
		imports.items[0].behind = nil
		add(yitem{key: "imports", value: imports, behind: it.behind})
	} else if len(imports.items) > 0 {
		add(pair("imports", imports))
	}
	names := len(root.items)
	if space := w.Name[:len(w.Name)-1]; len(space) > 0 {
		add(pair("namespace_name", nameText(dotted(space))))
	}
	add(pair("name", nameText(w.Name[len(w.Name)-1].Text)))
	root.items[names].blank = names > 0
	root.items[names].behind = taken(c.remarks.behind, w)
	c.head(w, add)
	c.signals(w, add)
	c.prelude(w, add)
	settings := c.settings(w.Stmts)
	if len(settings) > 0 {
		settings[0].blank = true
	}
	root.items = append(root.items, settings...)
	c.retries = hasRetry(w.Stmts)
	c.closing(w, add)
	n := len(root.items)
	c.atFoot(root, w)
	if len(root.items) > n {
		root.items[n].blank = true
	}
	return root
}

// head adds version, description and schema.
func (c *toYAML) head(w *Workflow, add func(yitem)) {
	var input *Input
	for _, st := range w.Stmts {
		switch st := st.(type) {
		case *Version:
			add(c.about(st, pair("version", scalar(doubleQuoted(st.Value.Value)))))
		case *Describe:
			add(c.about(st, pair("description", dataText(st.Value.Value))))
		case *Input:
			input = st
		}
	}
	if input == nil || len(input.Record.Fields) == 0 && !input.Record.Open && len(c.remarks.before[input])+len(c.remarks.foot[input]) == 0 {
		add(yitem{key: "schema", value: mapping(pair("type", scalar("object")), pair("additionalProperties", scalar("false"))), blank: true})
		return
	}
	if len(input.Record.Fields) == 0 && input.Record.Open && len(c.remarks.before[input])+len(c.remarks.foot[input]) == 0 {
		return
	}
	schema := c.record(input.Record)
	schema.short = false
	c.atFoot(schema, input)
	it := c.about(input, yitem{key: "schema", value: schema})
	it.blank = true
	it.before = c.restore(schema, it.before)
	add(it)
}

// prelude adds what comes before the first step.
func (c *toYAML) prelude(w *Workflow, add func(yitem)) {
	var before []Stmt
	for _, st := range w.Stmts {
		switch st.(type) {
		case *Let, *Ensure:
			before = append(before, st)
		}
	}
	if len(before) > 0 {
		add(yitem{key: "do", value: listOf(c.statements(before)), blank: true})
	}
}

// closing adds the steps and what comes behind them.
func (c *toYAML) closing(w *Workflow, add func(yitem)) {
	steps := &ynode{kind: yList}
	for _, st := range w.Stmts {
		if step, ok := st.(*Step); ok {
			it := c.step(step)
			it.blank = len(steps.items) > 0
			steps.items = append(steps.items, it)
		}
	}
	add(yitem{key: "steps", value: steps, blank: true})
	for _, st := range w.Stmts {
		var it yitem
		switch st := st.(type) {
		case *On:
			it = c.about(st, pair("on_failed", c.aside(st, st.Stmts)))
			if len(st.Outcomes) != 1 || st.Outcomes[0].Name != value.Failed || st.When != nil {
				c.formless(st.Span, "write on failed, and the condition inside of it", "this clause of the workflow has no form in YAML")
			}
		case *Finally:
			it = c.about(st, pair("finally", c.aside(st, st.Stmts)))
		case *Output:
			it = c.about(st, pair("output", c.expr(st.Value)))
		default:
			c.known(st)
			continue
		}
		it.blank = true
		add(it)
	}
}

// atFoot adds the comments at the end of a block, and the keys that they keep.
func (c *toYAML) atFoot(n *ynode, of any) {
	n.foot = append(n.foot, c.restore(n, taken(c.remarks.foot, of))...)
}

// restore makes keys again of the comments that keep some, and returns the others.
func (c *toYAML) restore(n *ynode, comments []string) []string {
	var rest, lines []string
	for _, text := range comments {
		if line, marked := strings.CutPrefix(text, yamlMark); marked {
			lines = append(lines, line)
		} else {
			rest = append(rest, text)
		}
	}
	doc, err := decodeNode(yaml.NewDecoder(strings.NewReader(strings.Join(lines, "\n") + "\n")))
	if len(lines) == 0 || err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return comments
	}
	for i := 0; i < len(doc.Content[0].Content); i += 2 {
		if key := doc.Content[0].Content[i].Value; slices.ContainsFunc(n.items, func(it yitem) bool { return it.key == key }) {
			return comments
		}
	}
	n.items = append(n.items, yitem{raw: lines})
	n.short = false
	return rest
}

// record is a record as a JSON Schema.
func (c *toYAML) record(r *Record) *ynode {
	out := mapping(pair("type", scalar("object")))
	required := &ynode{kind: yList, short: true}
	props := &ynode{kind: yMap}
	for _, f := range r.Fields {
		if rec, ok := c.resolve(f.Shape).(*Record); !f.Optional && f.Default == nil && !(ok && fillable(rec)) {
			required.items = append(required.items, yitem{value: dataText(f.Name.Text)})
		}
		schema := c.shape(f.Shape, f.Rules)
		switch rec, ok := c.resolve(f.Shape).(*Record); {
		case f.Optional && f.Default != nil:
			c.formless(f.Span, "remove the ?: a field with a default is never missing", "an optional field with a default has no form in YAML")
		case f.Optional && ok && fillable(rec): // left out it is nil, and not filled with its defaults
			schema.items[0].value = &ynode{kind: yList, short: true, items: []yitem{{value: scalar("object")}, {value: dataText("null")}}}
		}
		if f.Secret {
			schema.items = append(schema.items, pair("x-wf-secret", scalar("true")))
		}
		if f.Default != nil {
			schema.items = append(schema.items, pair("default", c.expr(f.Default)))
		}
		it := c.about(f, pair(yamlText(f.Name.Text, true), schema))
		it.before = c.restore(schema, it.before)
		if _, written := f.Shape.(*Record); written {
			c.atFoot(schema, f)
		}
		props.items = append(props.items, it)
	}
	if len(required.items) > 0 {
		out.items = append(out.items, pair("required", required))
	}
	if !r.Open {
		out.items = append(out.items, pair("additionalProperties", scalar("false")))
	}
	if len(props.items) > 0 {
		out.items = append(out.items, pair("properties", props))
	}
	return out
}

// resolve follows the names of types.
func (c *toYAML) resolve(s Shape) Shape {
	for range 100 {
		n, ok := s.(*NamedShape)
		if !ok || c.opts.Types == nil || value.Primitives[n.Name] != 0 {
			return s
		}
		t := c.opts.Types(n.Name)
		if t == nil {
			return s
		}
		s = t
	}
	return s
}

// formats are the names that JSON Schema has for ours.
var formats = map[string]string{"url": "uri"}

// shape is a shape with its rules as a JSON Schema.
func (c *toYAML) shape(s Shape, rules []*Rule) *ynode {
	var out *ynode
	low, high := "minLength", "maxLength"
	switch s := c.resolve(s).(type) {
	case *Record:
		return c.record(s)
	case *ListShape:
		out = mapping(pair("type", scalar("array")), pair("items", c.shape(s.Elem, s.Rules)))
		low, high = "minItems", "maxItems"
	case *EnumShape:
		values := &ynode{kind: yList, short: true}
		kind := "string"
		for _, v := range s.Values {
			if text, ok := v.Value.(string); ok {
				values.items = append(values.items, yitem{value: dataText(text)})
			} else {
				kind = "integer"
				values.items = append(values.items, yitem{value: scalar(fmt.Sprint(v.Value))})
			}
		}
		return mapping(pair("type", scalar(kind)), pair("enum", values))
	case *NamedShape:
		switch s.Name {
		case "any":
			return mapping()
		case "bool":
			return mapping(pair("type", scalar("boolean")))
		case "int":
			out, low, high = mapping(pair("type", scalar("integer"))), "minimum", "maximum"
		case "float":
			out, low, high = mapping(pair("type", scalar("number"))), "minimum", "maximum"
		case "time":
			return mapping(pair("type", scalar("string")), pair("format", scalar("date-time")))
		case "duration":
			return mapping(pair("type", scalar("string")), pair("x-wf-type", scalar("duration")))
		default:
			out = mapping(pair("type", scalar("string")))
		}
	}
	for _, r := range rules {
		switch {
		case r.Nonempty && low == "minItems":
			out.items = append(out.items, pair(low, scalar("1")))
		case r.Nonempty:
			out.items = append(out.items, pair("x-wf-nonempty", scalar("true")))
		case r.Pattern != nil:
			out.items = append(out.items, pair("pattern", dataText(r.Pattern.Value)))
		case r.Format != "":
			format := r.Format
			if other := formats[format]; other != "" {
				format = other
			}
			out.items = append(out.items, pair("format", scalar(format)))
		case r.Min != nil:
			out.items = append(out.items, pair(low, c.bound(r.Min)))
		case r.Max != nil:
			out.items = append(out.items, pair(high, c.bound(r.Max)))
		}
	}
	return out
}

// bound is a number that is known before the run.
func (c *toYAML) bound(e *Expr) *ynode {
	n := c.node(e)
	if n.kind != yScalar || strings.HasPrefix(n.text, exprTag) {
		if i, err := strconv.ParseInt(strings.ReplaceAll(e.Text, "_", ""), 0, 64); err == nil {
			return scalar(strconv.FormatInt(i, 10))
		}
		c.formless(e.Span, "write the number itself", "a bound that is computed has no form in YAML")
		return scalar("0")
	}
	return n
}

// outcomes is one outcome, or a list of them.
func outcomes(all []Outcome) *ynode {
	list := &ynode{kind: yList, short: true}
	for _, o := range all {
		w := &writer{}
		w.outcome(o)
		list.items = append(list.items, yitem{value: scalar(w.out.String())})
		if o.Name != "" {
			list.items[len(list.items)-1].value = dataText(o.Name)
		}
	}
	if len(all) == 1 {
		return list.items[0].value
	}
	return list
}

// retry is a setting or an ending; without parts it is empty.
func (c *toYAML) retry(r *Retry) *ynode {
	out := mapping()
	if r.Attempts != nil {
		out.items = append(out.items, pair("attempts", c.number(r.Attempts)))
	}
	if r.Backoff != nil {
		out.items = append(out.items, pair("backoff", c.duration(r.Backoff)))
	}
	if r.MaxBackoff != nil {
		out.items = append(out.items, pair("max_backoff", c.duration(r.MaxBackoff)))
	}
	if r.Jitter != nil {
		out.items = append(out.items, pair("jitter", scalar(percent(r.Jitter))))
	}
	if len(out.items) == 0 {
		return &ynode{text: "", flow: "null"}
	}
	return out
}

// setting is a statement that says how calls are made; ok is false for any other.
func (c *toYAML) setting(st Stmt) (it yitem, ok bool) {
	switch st := st.(type) {
	case *Retry:
		it = pair("retry", c.retry(st))
	case *Timeout:
		it = pair("timeout", c.duration(st.Value))
	case *Within:
		it = pair("within", c.duration(st.Value))
	case *Limit:
		it = pair("limit", c.number(st.Value))
	case *Breaker:
		out := mapping()
		out.items = append(out.items, pair("failures", c.number(st.Failures)), pair("in", c.duration(st.In)), pair("open", c.duration(st.Open)))
		it = pair("breaker", out)
	case *First:
		it = pair("first", scalar("true"))
		if st.Value != nil {
			it.value = c.number(st.Value)
		}
	case *Tolerate:
		if st.Share != nil {
			it = pair("tolerate", scalar(percent(st.Share)))
		} else {
			it = pair("tolerate", c.number(st.Value))
		}
	case *Use:
		it = pair("use", nameText(st.Name.Text))
	case *Classify:
		it = pair(map[bool]string{true: "retryable", false: "permanent"}[st.Retryable], outcomes(st.Outcomes))
	default:
		return it, false
	}
	return c.about(st, it), true
}

// settings are the settings among statements, those of one key joined.
func (c *toYAML) settings(stmts []Stmt) []yitem {
	var out []yitem
	classes := map[bool]*Classify{}
	for _, st := range stmts {
		if class, ok := st.(*Classify); ok {
			if first := classes[class.Retryable]; first != nil {
				continue
			}
			joined := &Classify{class.Node, class.Retryable, nil}
			for _, other := range stmts {
				if more, ok := other.(*Classify); ok && more.Retryable == class.Retryable {
					joined.Outcomes = append(joined.Outcomes, more.Outcomes...)
				}
			}
			classes[class.Retryable] = joined
			it, _ := c.setting(joined)
			out = append(out, c.about(class, it))
			continue
		}
		if it, ok := c.setting(st); ok {
			out = append(out, it)
		}
	}
	return out
}

// step is an element of a list of steps.
func (c *toYAML) step(s *Step) yitem {
	out := &ynode{kind: yMap}
	add := func(it yitem) { out.items = append(out.items, it) }
	add(pair("name", nameText(s.Name.Text)))
	for _, st := range s.Stmts {
		if d, ok := st.(*Describe); ok {
			add(c.about(d, pair("description", dataText(d.Value.Value))))
		}
	}
	if len(s.After) > 0 {
		add(pair("depends_on", nameList(s.After)))
	}
	if s.When != nil {
		add(pair("when", c.code(s.When)))
	}
	if s.For != nil {
		loop := mapping(pair(yamlText(s.For.Var.Text, true), c.expr(s.For.In)))
		if s.For.Of != nil {
			loop.items = append(loop.items, pair("of", c.number(&s.For.Of.Expr)))
		}
		if s.For.By != nil {
			loop.items = append(loop.items, pair("by", c.expr(s.For.By)))
		}
		if name := s.For.Var.Text; name == "by" || name == "of" {
			c.formless(s.For.Var.Span, "give the item another name", "an item called %s has no form in YAML", name)
		}
		add(pair("for", loop))
	}
	out.items = append(out.items, c.settings(s.Stmts)...)
	c.into(out, s.Stmts, c.retries || hasRetry(s.Stmts) || hasUse(s.Stmts))
	c.atFoot(out, s)
	return c.about(s, yitem{value: out})
}

// aside is a block that is executed like a step and is none.
func (c *toYAML) aside(of any, stmts []Stmt) *ynode {
	out := mapping()
	out.items = c.settings(stmts)
	c.into(out, stmts, false)
	out.short = false
	c.atFoot(out, of)
	return out
}

// nameList is a list of steps on one line.
func nameList(names []Name) *ynode {
	out := &ynode{kind: yList, short: true}
	for _, n := range names {
		out.items = append(out.items, yitem{value: nameText(n.Text)})
	}
	return out
}

// yamlGroup is the keys that say one statement, with what belongs to it.
type yamlGroup struct {
	items  []yitem
	class  string   // of the handler it calls
	before []string // comments
	behind []string
	blank  bool
}

// into adds the statements of a block to its mapping: as keys, if each occurs once, and
// else as a list behind do. handlers tells that handler_class may be among the keys.
func (c *toYAML) into(out *ynode, stmts []Stmt, handlers bool) {
	groups := c.statements(slices.DeleteFunc(slices.Clone(stmts), isHead))
	seen := map[string]bool{}
	for _, it := range out.items {
		seen[it.key] = true
	}
	for _, g := range groups {
		keys := []string{}
		for _, it := range g.items {
			keys = append(keys, it.key)
			if it.key == "call" || it.key == "wait" || it.key == "steps" { // whose on would it be?
				keys = append(keys, "one with clauses")
			}
		}
		if slices.ContainsFunc(keys, func(key string) bool { return seen[key] }) {
			out.items = append(out.items, pair("do", listOf(groups)))
			return
		}
		for _, key := range keys {
			seen[key] = true
		}
	}
	for _, g := range groups {
		if handlers && g.class != "" && !seen["undo"] && !seen["key"] {
			g.items[0] = yitem{key: "handler_class", value: nameText(g.class)}
			if len(g.items) > 1 && g.items[1].key == "with" {
				g.items[1].key = "handler_config"
			}
		}
		first := &g.items[0]
		first.before, first.blank = append(g.before, first.before...), g.blank
		first.behind = append(first.behind, g.behind...)
		out.items = append(out.items, g.items...)
	}
}

// listOf is statements as a list of mappings.
func listOf(groups []yamlGroup) *ynode {
	out := &ynode{kind: yList}
	for _, g := range groups {
		item := mapping(g.items...)
		item.short = len(g.items) == 1 && g.items[0].value.kind == yScalar
		out.items = append(out.items, yitem{value: item, before: g.before, behind: g.behind, blank: g.blank})
	}
	return out
}

// isHead reports whether a statement is a setting of a step or describes it; those stand by
// themselves.
func isHead(st Stmt) bool {
	switch st.(type) {
	case *Retry, *Timeout, *Within, *Limit, *Breaker, *First, *Tolerate, *Use, *Classify, *Describe:
		return true
	}
	return false
}

// statements are the statements of a block, each with the clauses that belong to it.
func (c *toYAML) statements(stmts []Stmt) []yamlGroup {
	var out []yamlGroup
	for i := 0; i < len(stmts); i++ {
		st := stmts[i]
		g := yamlGroup{}
		about := c.about(st, yitem{})
		g.before, g.behind, g.blank = about.before, about.behind, about.blank
		switch st := st.(type) {
		case *Let:
			if st.Call != nil {
				g.items = append([]yitem{pair("let", nameText(st.Name.Text))}, c.call(st.Call)...)
				g.class = ""
				i += c.belongs(&g, stmts[i+1:])
				break
			}
			if st.Wait != nil {
				g.items = []yitem{pair("let", nameText(st.Name.Text)), c.wait(st.Wait)}
				i += c.belongs(&g, stmts[i+1:])
				break
			}
			run := 1
			for i+run < len(stmts) && isValue(stmts[i+run]) {
				run++
			}
			g = c.lets(stmts[i:i+run], g)
			i += run - 1
		case *Call:
			g.items, g.class = c.call(st), handlerClassOf(st)
			i += c.belongs(&g, stmts[i+1:])
		case *Wait:
			g.items = []yitem{c.wait(st)}
			i += c.belongs(&g, stmts[i+1:])
		case *Step:
			steps := &ynode{kind: yList}
			run := 0
			for ; i+run < len(stmts) && isStepStmt(stmts[i+run]); run++ {
				steps.items = append(steps.items, c.step(stmts[i+run].(*Step)))
				steps.items[run].blank = false
			}
			steps.items[0].before = g.before
			steps.items[0].behind = append(g.behind, steps.items[0].behind...)
			g.before, g.behind, g.blank = nil, nil, false
			g.items = []yitem{pair("steps", steps)}
			i += run - 1
			i += c.belongs(&g, stmts[i+1:])
		default:
			g.items = c.statement(st)
		}
		if len(g.items) > 0 {
			out = append(out, g)
		}
	}
	return out
}

func isValue(st Stmt) bool {
	let, ok := st.(*Let)
	return ok && let.Call == nil && let.Wait == nil
}

// handlerClassOf is the class of the handler that a call calls; "" if it calls none.
func handlerClassOf(call *Call) string {
	if len(call.Target) == 2 && call.Target[0].Text == value.HandlerService {
		return call.Target[1].Text
	}
	return ""
}

// lets are values one after the other.
func (c *toYAML) lets(stmts []Stmt, g yamlGroup) yamlGroup {
	values := &ynode{kind: yMap, short: len(stmts) == 1}
	for i, st := range stmts {
		let := st.(*Let)
		it := pair(yamlText(let.Name.Text, true), c.expr(let.Value))
		if i > 0 || len(g.before) == 0 {
			it = c.about(let, it)
			it.blank = it.blank && i > 0
		}
		values.items = append(values.items, it)
	}
	seen := map[string]bool{}
	for _, it := range values.items {
		if seen[it.key] {
			c.formless(stmts[0].(*Let).Span, "give one of them another name", "two lets of one name in a row have no form in YAML")
		}
		seen[it.key] = true
	}
	if len(stmts) > 1 && len(g.behind) > 0 {
		values.items[0].behind, g.behind = g.behind, nil
	}
	g.items = []yitem{pair("let", values)}
	return g
}

// belongs adds the clauses behind a statement, and returns how many statements they are.
func (c *toYAML) belongs(g *yamlGroup, rest []Stmt) int {
	clauses := &ynode{kind: yList}
	var end []yitem // undo, finally
	n := 0
	for ; n < len(rest); n++ {
		switch st := rest[n].(type) {
		case *On:
			clauses.items = append(clauses.items, c.clause(st))
			continue
		case *Undo:
			undo := c.aside(st, st.Stmts)
			if len(st.Until) > 0 {
				undo.items = slices.Insert(undo.items, 0, pair("until", nameList(st.Until)))
			}
			end = append(end, c.about(st, pair("undo", undo)))
			continue
		case *Finally:
			end = append(end, c.about(st, pair("finally", c.aside(st, st.Stmts))))
			continue
		}
		break
	}
	if len(clauses.items) > 0 {
		g.items = append(g.items, pair("on", clauses))
	}
	g.items = append(g.items, end...)
	return n
}

// clause is an element of a list of clauses.
func (c *toYAML) clause(on *On) yitem {
	out := &ynode{kind: yMap}
	out.items = append(out.items, pair("outcome", outcomes(on.Outcomes)))
	if on.When != nil {
		out.items = append(out.items, pair("when", c.code(on.When)))
	}
	c.body(out, on.Stmts)
	c.atFoot(out, on)
	it := c.about(on, yitem{value: out})
	it.blank = false
	return it
}

// body adds the statements of a clause or of an arm, which may end with retry.
func (c *toYAML) body(out *ynode, stmts []Stmt) {
	var end *Retry
	if n := len(stmts); n > 0 {
		if retry, ok := stmts[n-1].(*Retry); ok {
			end, stmts = retry, stmts[:n-1]
		}
	}
	before := len(out.items)
	c.into(out, stmts, false)
	if end == nil {
		return
	}
	it := c.about(end, pair("retry", c.retry(end)))
	if len(out.items) > before && out.items[before].key == "do" {
		do := out.items[before].value
		do.items = append(do.items, yitem{value: mapping(it)})
		return
	}
	out.items = append(out.items, it)
}

// choice is the value of a switch.
func (c *toYAML) choice(s *Switch) *ynode {
	out := &ynode{kind: yMap}
	if s.Value != nil {
		out.items = append(out.items, pair("on", c.expr(s.Value)))
	}
	cases := &ynode{kind: yList}
	var other []yitem
	for _, a := range s.Arms {
		arm := &ynode{kind: yMap}
		if a.Values == nil {
			c.body(arm, a.Stmts)
			c.atFoot(arm, a)
			other = append(other, c.about(a, pair("else", arm)))
			continue
		}
		values := &ynode{kind: yList, short: true}
		for _, e := range a.Values {
			v := c.code(e)
			if s.Value != nil {
				v = c.expr(e)
			}
			values.items = append(values.items, yitem{value: v})
		}
		when := values
		if len(values.items) == 1 && values.items[0].value.kind == yScalar {
			when = values.items[0].value
		}
		arm.items = append(arm.items, pair("when", when))
		c.body(arm, a.Stmts)
		c.atFoot(arm, a)
		it := c.about(a, yitem{value: arm})
		it.blank = false
		cases.items = append(cases.items, it)
	}
	out.items = append(out.items, pair("cases", cases))
	out.items = append(out.items, other...)
	c.atFoot(out, s)
	return out
}

// call is the keys of a call.
func (c *toYAML) call(call *Call) []yitem {
	items := []yitem{pair("call", nameText(dotted(call.Target)))}
	if call.Args != nil {
		items = append(items, pair("with", c.expr(call.Args)))
	}
	if call.Key != nil {
		items = append(items, pair("key", c.expr(call.Key)))
	}
	return items
}

// statement is the keys of a statement that stands by itself.
func (c *toYAML) statement(st Stmt) []yitem {
	switch st := st.(type) {
	case *Ensure:
		other := mapping(c.statement(st.Else)...)
		return []yitem{pair("ensure", c.code(st.Cond)), pair("else", other)}
	case *Switch:
		return []yitem{pair("switch", c.choice(st))}
	case *Return:
		return []yitem{pair("return", c.expr(st.Value))}
	case *Degrade:
		return []yitem{pair("degrade", c.expr(st.Value))}
	case *Fail:
		items := []yitem{pair("fail", dataText(st.Code.Text))}
		if st.Message != nil {
			items = append(items, pair("message", c.expr(st.Message)))
		}
		return items
	case *Retry:
		return []yitem{pair("retry", c.retry(st))}
	}
	c.known(st)
	return nil
}

// known reports a statement that has no form where it stands. What it does not know is a
// mistake of this file.
func (c *toYAML) known(st Stmt) {
	switch st.(type) {
	case *Version, *Describe, *Input, *Signal, *Retry, *Timeout, *Within, *Limit, *Breaker, *First, *Tolerate, *Use, *Classify, *Let, *Ensure, *Step:
		// written elsewhere, or misplaced, which the checker reports
	case *Call, *Wait, *On, *Undo, *Switch, *Finally, *Return, *Degrade, *Fail, *Output:
	default:
		c.formless(placeOf(st).Span, "keep the workflow in .wf", "this statement has no form in YAML")
	}
}
