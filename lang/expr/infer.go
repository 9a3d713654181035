package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"wf/lang/diag"
	"wf/lang/value"
)

// inferrer gives every node of a parsed expression its type in our terms, reports
// what does not fit, and replaces operators on times and durations by calls.
type inferrer struct {
	scope    Scope
	src      Source
	place    func(from, to int) diag.Span // rune offsets of the rewritten text to the file
	problems diag.List
	elems    []*value.Type // element types of the predicates around the node
	missing  bool          // the chain around the node may end early at a ?.
	roots    []string
	known    []Fact            // around the node
	ambient  bool              // reads a name, so it is not constant
	secret   bool              // reads a secret
	secrets  map[ast.Node]bool // values that are one, or have one in them
	unknown  bool              // something of an unknown type is computed with
	printed  []string          // pairs: how a reference is printed, and how it is written
	patched  bool              // the tree was changed
	witness  Witness           // nil: nobody wants to be told
}

func newInferrer(scope Scope, src Source, place func(from, to int) diag.Span) *inferrer {
	c := &inferrer{scope: scope, src: src, place: place}
	if w, ok := scope.(Witness); ok && w.Witness() {
		c.witness = w
	}
	return c
}

// spelled is the text of a tree with its references as they are written.
func (c *inferrer) spelled(text string) string {
	if c.printed == nil {
		return text
	}
	return strings.NewReplacer(c.printed...).Replace(text)
}

func (c *inferrer) add(d *diag.Diagnostic) { c.problems.Add(d) }

// extent is the range of a node with everything under it.
func extent(n ast.Node) (from, to int) {
	loc := n.Location()
	from, to = loc.From, loc.To
	for _, child := range children(n) {
		f, t := extent(child)
		from, to = min(from, f), max(to, t)
	}
	return from, to
}

func children(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		out := []ast.Node{n.Node}
		if n.From != nil {
			out = append(out, n.From)
		}
		if n.To != nil {
			out = append(out, n.To)
		}
		return out
	case *ast.CallNode:
		return append([]ast.Node{n.Callee}, n.Arguments...)
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		return n.Pairs
	case *ast.PairNode:
		return []ast.Node{n.Key, n.Value}
	}
	return nil
}

func (c *inferrer) span(n ast.Node) diag.Span { return c.place(extent(n)) }

// infer types a node.
func (c *inferrer) infer(at *ast.Node) *value.Type {
	n := *at
	t := c.narrow(n, c.node(at))
	c.secret = c.secret || t.Secret
	if t.HasSecret() {
		if c.secrets == nil {
			c.secrets = map[ast.Node]bool{}
		}
		c.secrets[n] = true
	}
	return t
}

func (c *inferrer) node(at *ast.Node) *value.Type {
	switch n := (*at).(type) {
	case *ast.NilNode:
		return value.TNil
	case *ast.BoolNode:
		return value.TBool
	case *ast.IntegerNode: // known, so that it fits an enum
		return &value.Type{Kind: value.Int, Values: []any{n.Value}}
	case *ast.FloatNode:
		return value.TFloat
	case *ast.StringNode: // as narrow as can be, so that it fits an enum
		return value.EnumOf(n.Value)
	case *ast.ConstantNode:
		return value.TAny
	case *ast.IdentifierNode:
		return c.name(n)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(at, n)
	case *ast.ChainNode:
		return c.chain(n)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.SliceNode:
		return c.slice(at, n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.MapNode:
		return c.object(n)
	case *ast.BuiltinNode:
		return c.function(at, n.Name, n.Arguments, n)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.function(at, id.Value, n.Arguments, n)
		}
		c.add(c.noMethod(n))
		return value.TUnknown
	}
	c.add(diag.Errorf(CodeRefused, c.span(*at), "this has no meaning in an expression"))
	return value.TUnknown
}

// noMethod reports a function that is called on its value, as methods are elsewhere.
func (c *inferrer) noMethod(n *ast.CallNode) *diag.Diagnostic {
	m, ok := n.Callee.(*ast.MemberNode)
	if !ok {
		return diag.Errorf(CodeRefused, c.span(n), "only functions are called here, and values have none")
	}
	name, ok := m.Property.(*ast.StringNode)
	if !ok {
		return diag.Errorf(CodeRefused, c.span(n), "only functions are called here, and values have none")
	}
	d := diag.Errorf(CodeRefused, c.span(name), "values have no functions")
	switch own := instead(name.Value); {
	case IsBuiltin(name.Value):
		d.Hintf("write %s(value)", name.Value)
	case own != "":
		d.Hint = own
	default:
		d.Hintf("a function stands before its value: len(value)")
	}
	return d
}

func (c *inferrer) name(n *ast.IdentifierNode) *value.Type {
	c.ambient = true
	t, ok := c.scope.Lookup(n.Value)
	if !ok {
		if _, known := functions[n.Value]; known {
			c.add(diag.Errorf(CodeArguments, c.span(n), "%s is a function; call it with ( )", n.Value))
		} else {
			c.add(c.scope.Unknown(n.Value, c.span(n)))
		}
		return value.TUnknown
	}
	if !slices.Contains(c.roots, n.Value) {
		c.roots = append(c.roots, n.Value)
	}
	if c.witness != nil {
		c.witness.Named(n.Value, t, c.span(n))
	}
	return t
}

func (c *inferrer) pointer(n *ast.PointerNode) *value.Type {
	if len(c.elems) == 0 {
		c.add(diag.Errorf(CodeRefused, c.span(n), "# means an element, inside filter, map and the like only"))
		return value.TUnknown
	}
	switch n.Name {
	case "":
		return c.elems[len(c.elems)-1]
	case "index":
		return value.TInt
	}
	c.add(diag.Errorf(CodeRefused, c.span(n), "there is no #%s; # is the element and #index its place", n.Name))
	return value.TUnknown
}

// present demands a value that cannot be missing and returns its type as such.
func (c *inferrer) present(n ast.Node, t *value.Type) *value.Type {
	if t.Kind == value.Nil {
		c.add(diag.Errorf(CodeMissing, c.span(n), "this is always nil"))
		return value.TUnknown
	}
	if t.Optional {
		c.add(c.why(n, diag.Errorf(CodeMissing, c.span(n), "this may be missing: its type is %s", t).
			Hintf("say what to use then: `… ?? other`")))
		return t.Req()
	}
	return t
}

// Reasoner is a scope that knows why the value that a path leads to may be missing.
type Reasoner interface {
	Missing(path []string) []diag.Related
	// Certain tells that a value is nil only if its type says so.
	Certain() bool
	// NotZero reports whether an expression, in one spelling, is known not to be zero.
	NotZero(text string) bool
	// Is is what the value of a path is known to be, though its type does not say so; nil:
	// nothing is.
	Is(path string) *value.Type
}

// why says why the value of a node may be missing, as far as the scope knows.
func (c *inferrer) why(n ast.Node, d *diag.Diagnostic) *diag.Diagnostic {
	r, ok := c.scope.(Reasoner)
	if path := trail(n); ok && path != nil {
		d.Related = append(d.Related, r.Missing(Path(path[len(path)-1]))...)
	}
	return d
}

// dot is the place of the sign before the field that a node reads.
func (c *inferrer) dot(n *ast.MemberNode, sign string) (diag.Span, bool) {
	from, to := c.span(n.Node), c.span(n.Property)
	start, end := from.End-c.src.Span.Start, to.Start-c.src.Span.Start
	if len(c.src.Pieces) > 0 || start < 0 || end > len(c.src.Text) || start >= end || c.src.Text[start:end] != sign {
		return diag.Span{}, false
	}
	return diag.Span{File: from.File, Start: from.End, End: to.Start}, true
}

func (c *inferrer) unary(n *ast.UnaryNode) *value.Type {
	t := c.present(n.Node, c.infer(&n.Node))
	switch {
	case n.Operator == "!" || n.Operator == "not":
		if !isAny(t) && t.Kind != value.Bool {
			c.add(diag.Errorf(CodeOperator, c.span(n), "%s takes a bool, not %s", n.Operator, t).
				Hintf("%s binds closer than a comparison: write not (a == b)", n.Operator))
			return value.TUnknown
		}
		c.untyped(n.Node, t, n.Operator+" takes a bool", value.TBool)
		return value.TBool
	case isAny(t) || isNumber(t):
		c.untyped(n.Node, t, n.Operator+" takes a number", value.TInt)
		if lit, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
			return &value.Type{Kind: value.Int, Values: []any{-lit.Value}}
		}
		return computed(t)
	}
	c.add(diag.Errorf(CodeOperator, c.span(n), "%s takes a number, not %s", n.Operator, t))
	return value.TUnknown
}

func (c *inferrer) conditional(n *ast.ConditionalNode) *value.Type {
	if !n.Ternary {
		c.add(diag.Errorf(CodeRefused, c.span(n), "there is no if in an expression").Hintf("write condition ? one : other"))
	}
	if n.Exp1 == n.Cond {
		c.add(diag.Errorf(CodeRefused, c.span(n), "there is no ?: without a value between").Hintf("write condition ? one : other, or maybe ?? other"))
		return value.TUnknown
	}
	holds, fails := facts(n.Cond, true), facts(n.Cond, false)
	t := c.present(n.Cond, c.infer(&n.Cond))
	if !isAny(t) && t.Kind != value.Bool {
		c.add(diag.Errorf(CodeOperator, c.span(n.Cond), "a condition is a bool, not %s", t))
	}
	c.untyped(n.Cond, t, "a condition is a bool", value.TBool)
	return value.Join(c.assuming(holds, &n.Exp1), c.assuming(fails, &n.Exp2))
}

func (c *inferrer) array(n *ast.ArrayNode) *value.Type {
	var out *value.Type
	for i := range n.Nodes {
		t := c.infer(&n.Nodes[i])
		if out == nil {
			out = t
		} else {
			out = value.Join(out, t)
		}
	}
	if out == nil {
		return value.TEmpty
	}
	return value.ListOf(out)
}

func (c *inferrer) object(n *ast.MapNode) *value.Type {
	t := value.RecordOf()
	for _, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		key, ok := pair.Key.(*ast.StringNode)
		ft := c.infer(&pair.Value)
		if !ok {
			c.add(diag.Errorf(CodeRefused, c.span(pair.Key), "the key of a field is a plain name or string"))
			t.Open = true
			continue
		}
		if t.Field(key.Value) != nil {
			c.add(diag.Errorf(CodeSyntax, c.span(pair.Key), "field %s is given twice", key.Value))
			continue
		}
		f := &value.Field{Name: key.Value, Type: ft}
		if c.witness != nil {
			at := c.span(pair.Key)
			f.Declared = []value.Place{value.Place(at)}
			c.witness.Read(f, at)
		}
		t.Fields = append(t.Fields, f)
	}
	return t
}

// slice types list[from:to]. Of a string it counts letters where the engine counts bytes,
// so it becomes a call.
func (c *inferrer) slice(at *ast.Node, n *ast.SliceNode) *value.Type {
	t := c.present(n.Node, c.infer(&n.Node))
	for _, bound := range []*ast.Node{&n.From, &n.To} {
		if *bound == nil {
			continue
		}
		if bt := c.present(*bound, c.infer(bound)); !isAny(bt) && bt.Kind != value.Int {
			c.add(diag.Errorf(CodeIndex, c.span(*bound), "a bound is an int, not %s", bt))
		} else {
			c.untyped(*bound, bt, "a bound is an int", value.TInt)
		}
	}
	if !isAny(t) && t.Kind != value.List && !isText(t) {
		c.add(diag.Errorf(CodeIndex, c.span(n), "a range is taken of a list or string, not of %s", t))
		return value.TUnknown
	}
	c.untyped(n.Node, t, "a range is taken of a list or string", value.TEmpty)
	if t.Kind != value.List {
		from, to := n.From, n.To
		if from == nil {
			from = &ast.NilNode{}
		}
		if to == nil {
			to = &ast.NilNode{}
		}
		c.call(at, "__slice", n.Node, from, to)
	}
	if t.Kind == value.Enum { // a part of a literal is another string
		t = textLike(t)
	}
	return t
}

// textLike is the type of strings, as secret as t.
func textLike(t *value.Type) *value.Type {
	if t.Secret {
		return value.TString.Hidden()
	}
	return value.TString
}

// chain is a path with ?. in it, up to its end.
func (c *inferrer) chain(n *ast.ChainNode) *value.Type {
	outer := c.missing
	c.missing = false
	t := c.infer(&n.Node)
	if c.missing {
		t = t.Opt()
	}
	c.missing = outer
	return t
}

func (c *inferrer) member(n *ast.MemberNode) *value.Type {
	t := c.infer(&n.Node)
	switch {
	case n.Optional:
		c.neverStops(n, t)
		if t.Optional || isAny(t) {
			c.missing = true
		}
		if t.Kind == value.Nil {
			return value.TNil
		}
		t = t.Req()
	case t.Optional && t.Kind != value.Nil:
		d := diag.Errorf(CodeMissing, c.span(n.Node), "this may be missing, so it cannot be read from").
			Hintf("write ?. to get nil then, or say what to use instead: (… ?? other)")
		if dot, ok := c.dot(n, "."); ok {
			d.Fix("write ?.", diag.Edit{Span: dot, New: "?."})
		}
		c.add(c.why(n.Node, d))
		t = t.Req()
	case t.Kind == value.Nil:
		c.add(diag.Errorf(CodeMissing, c.span(n.Node), "this is always nil"))
		return value.TUnknown
	}
	if name, ok := n.Property.(*ast.StringNode); ok {
		return within(t, c.field(n, t, name))
	}
	return within(t, c.index(n, t))
}

// within is the type of a part of a value: a part of a secret is one.
func within(whole, part *value.Type) *value.Type {
	if whole.Secret {
		return part.Hidden()
	}
	return part
}

func (c *inferrer) field(n *ast.MemberNode, t *value.Type, name *ast.StringNode) *value.Type {
	switch {
	case isAny(t):
		return t
	case t.Kind != value.Record && (name.Value == "length" || name.Value == "size" || name.Value == "count") && (t.Kind == value.List || isText(t)):
		c.add(diag.Errorf(CodeField, c.span(name), "there is no field %s: this is %s", name.Value, article(t)).Hintf("write len(…)"))
		return value.TUnknown
	case t.Kind != value.Record:
		c.add(diag.Errorf(CodeField, c.span(name), "there is no field %s: this is %s", name.Value, article(t)))
		return value.TUnknown
	}
	if f := t.Field(name.Value); f != nil {
		if c.witness != nil {
			c.witness.Read(f, c.span(name))
		}
		return f.ReadType()
	}
	if t.Open {
		if t.Unknown {
			return value.TUnknown
		}
		d := diag.Warnf(CodeField, c.span(name), "no field %s is declared, although others may be given", name.Value)
		if d.Suggest(d.Span, name.Value, t.FieldNames()) {
			c.add(d)
		}
		return value.TAny
	}
	d := diag.Errorf(CodeField, c.span(name), "there is no field %s", name.Value)
	suggested := d.Suggest(d.Span, name.Value, t.FieldNames())
	d.Tell(func(name string) string { return t.Field(name).ReadType().String() })
	if !suggested {
		d.Hintf("it has %s", fieldList(t))
		if name.Value == "body" || name.Value == "result" || name.Value == "output" || name.Value == "data" {
			d.Hintf("fields are read directly; it has %s", fieldList(t))
		}
	}
	c.add(d)
	return value.TUnknown
}

func fieldList(t *value.Type) string {
	if len(t.Fields) == 0 {
		return "no fields"
	}
	return strings.Join(t.FieldNames(), ", ")
}

func (c *inferrer) index(n *ast.MemberNode, t *value.Type) *value.Type {
	it := c.present(n.Property, c.infer(&n.Property))
	switch {
	case it.Unknown:
		return it
	case isAny(t):
		return t
	case t.Kind == value.List:
		c.untyped(n.Property, it, "a list is indexed by an int", value.TInt)
		if !isAny(it) && it.Kind != value.Int {
			c.add(diag.Errorf(CodeIndex, c.span(n.Property), "a list is indexed by int, not %s", it))
		}
		return t.Elem
	case t.Kind == value.Record && it.Kind == value.Enum:
		return c.indexEnum(n, t, it)
	case t.Kind == value.Record && (isAny(it) || isText(it)):
		c.untyped(n.Property, it, "a record is indexed by a string", value.TString)
		return joinFields(t).Opt()
	}
	d := diag.Errorf(CodeIndex, c.span(n), "%s is not indexed by %s", article(t), it)
	if isText(t) {
		d.Hintf("a part of a string is a range: text[0:1]")
	}
	c.add(d)
	return value.TUnknown
}

// indexEnum types an object indexed by an enum: every literal needs its field.
func (c *inferrer) indexEnum(n *ast.MemberNode, t, it *value.Type) *value.Type {
	var out *value.Type
	var lacking []string
	for _, v := range it.Values {
		name, _ := v.(string)
		f := t.Field(name)
		switch {
		case f == nil && t.Open:
			return value.TAny
		case f == nil:
			lacking = append(lacking, value.Literal(v))
		case out == nil:
			out = f.ReadType()
		default:
			out = value.Join(out, f.ReadType())
		}
	}
	if len(lacking) > 0 {
		c.add(diag.Errorf(CodeIndex, c.span(n.Property), "the object has no field for %s", strings.Join(lacking, ", ")).
			Hintf("it has %s", fieldList(t)))
	}
	if out == nil {
		return value.TUnknown
	}
	return out
}

func (c *inferrer) function(at *ast.Node, name string, args []ast.Node, n ast.Node) *value.Type {
	if t := c.reference(at, name, args); t != nil {
		return t
	}
	sig, ok := functions[name]
	if !ok {
		c.unknownFunction(name, n)
		told := len(c.problems)
		for i := range args {
			c.quiet(&args[i])
		}
		if _, ok := c.scope.(Referrer); ok && len(args) == 1 && c.dotted(args[0]) != "" { // it may have been meant to take names
			c.problems = c.problems[:told]
		}
		return value.TUnknown
	}
	if len(args) < sig.min || len(args) > sig.max {
		want := fmt.Sprint(sig.min)
		if sig.max != sig.min {
			want = fmt.Sprintf("%d to %d", sig.min, sig.max)
		}
		c.add(diag.Errorf(CodeArguments, c.span(n), "%s takes %s arguments, not %d", name, want, len(args)))
		return value.TUnknown
	}
	types := make([]*value.Type, len(args))
	var holds []Fact // if the predicate does
	for i := range args {
		if p, ok := args[i].(*ast.PredicateNode); ok {
			holds = facts(p.Node, true)
			known := c.known
			c.known = outside(known)
			c.elems = append(c.elems, within(types[0], elem(types[0])))
			types[i] = c.infer(&p.Node)
			c.elems = c.elems[:len(c.elems)-1]
			c.known = known
			if name != "map" {
				types[i] = c.present(p.Node, types[i])
			}
		} else {
			if types[i] = c.infer(&args[i]); name != marks {
				types[i] = c.present(args[i], types[i])
			}
		}
		types[i] = widened(types[i])
	}
	out, complaint := sig.typ(types)
	if complaint == "" {
		c.untypedArguments(name, sig, args, types)
	} else {
		at := n
		if name == "string" { // it may be an interpolation, where only the argument is written
			at = args[0]
		}
		c.add(diag.Errorf(CodeArguments, c.span(at), "%s %s", name, complaint))
	}
	if out.Kind == value.Any && slices.ContainsFunc(types, func(t *value.Type) bool { return t.Unknown }) {
		out = value.TUnknown
	}
	if out.Kind != value.Bool && madeOfSecret(name, types, out) {
		out = out.Hidden()
	}
	switch name {
	case "filter":
		out = kept(out, holds)
	case "duration":
		c.literalDuration(at, args)
	case "sort":
		if isTemporal(elem(types[0])) {
			key := &ast.CallNode{Callee: &ast.IdentifierNode{Value: "__instant"}, Arguments: []ast.Node{&ast.PointerNode{}}}
			c.patched = true
			ast.Patch(at, &ast.BuiltinNode{Name: "sortBy", Arguments: []ast.Node{args[0], &ast.PredicateNode{Node: key}}})
		}
	case "sortBy":
		if p, ok := args[1].(*ast.PredicateNode); ok && isTemporal(types[1]) {
			c.call(&p.Node, "__instant", p.Node)
		}
	}
	return out
}

// computed is the type of a number calculated from one of type t.
func computed(t *value.Type) *value.Type {
	if len(t.Values) == 0 || t.Kind != value.Int {
		return t
	}
	if t.Secret {
		return value.TInt.Hidden()
	}
	return value.TInt
}

// widened is the type of what a literal int is one of: an int that can be calculated with.
func widened(t *value.Type) *value.Type {
	if t.Kind != value.Enum || isText(t) {
		return t
	}
	for _, v := range t.Values {
		if _, ok := v.(int); !ok {
			return t
		}
	}
	if t.Secret {
		return value.TInt.Hidden()
	}
	return value.TInt
}

// reference types a function of a thing and replaces its call by a name; nil if it is
// a function of values.
func (c *inferrer) reference(at *ast.Node, name string, args []ast.Node) *value.Type {
	scope, ok := c.scope.(Referrer)
	if !ok || len(args) != 1 {
		return nil
	}
	path := c.dotted(args[0])
	t, problem, ok := scope.Refer(name, path, c.span(args[0]))
	if !ok {
		return nil
	}
	c.ambient = true
	if problem != nil {
		c.add(problem)
		return value.TUnknown
	}
	text := name + "(" + path + ")"
	if !slices.Contains(c.roots, text) {
		c.roots = append(c.roots, text)
	}
	if was := canonical(*at); was != text { // a key is printed as a field
		c.printed = append(c.printed, was, text)
	}
	loc := (*at).Location()
	c.patched = true
	ast.Patch(at, &ast.IdentifierNode{Value: text})
	(*at).SetLocation(loc)
	return t
}

// dotted is the text of a name, or of a path of names and keys: a.b["c"]; "" for
// anything else.
func (c *inferrer) dotted(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.MemberNode:
		from := c.dotted(n.Node)
		if from == "" || n.Optional {
			return ""
		}
		if name, ok := n.Property.(*ast.StringNode); ok && !c.quoted(name) {
			return from + "." + name.Value
		}
		return from + "[" + canonical(n.Property) + "]"
	}
	return ""
}

// quoted reports whether a string is one in the source too, and not the name of a field.
func (c *inferrer) quoted(n *ast.StringNode) bool {
	at := c.span(n)
	start := at.Start - c.src.Span.Start
	return len(c.src.Pieces) > 0 || start < 0 || start >= len(c.src.Text) || c.src.Text[start] == '"'
}

// quiet infers a node for its names only.
func (c *inferrer) quiet(at *ast.Node) {
	if p, ok := (*at).(*ast.PredicateNode); ok {
		at = &p.Node
	}
	c.elems = append(c.elems, value.TUnknown)
	c.infer(at)
	c.elems = c.elems[:len(c.elems)-1]
}

func (c *inferrer) unknownFunction(name string, n ast.Node) {
	if instead, ok := ambient[name]; ok {
		c.add(diag.Errorf(CodeRefused, c.span(n), "%s is not available", name).Hintf("%s", instead))
		return
	}
	d := diag.Errorf(CodeFunction, c.span(n), "there is no function %s", name)
	if r, ok := c.scope.(Referrer); ok && slices.Contains(r.Functions(), name) {
		d.Summary = name + " takes one name"
	} else if ok {
		d.Hint = diag.DidYouMean(name, r.Functions())
	}
	if d.Hint == "" {
		d.Hint = instead(name)
	}
	if d.Hint == "" {
		if _, isName := c.scope.Lookup(name); isName {
			d.Hintf("%s is a value; it is read without ( )", name)
		}
	}
	c.add(d)
}

// literalDuration replaces duration("30s") by its value.
func (c *inferrer) literalDuration(at *ast.Node, args []ast.Node) {
	s, ok := args[0].(*ast.StringNode)
	if !ok {
		return
	}
	d, err := value.ParseDuration(s.Value)
	if err != nil {
		c.add(diag.Errorf(CodeArguments, c.span(s), "%v", err))
		return
	}
	c.patched = true
	ast.Patch(at, &ast.StringNode{Value: value.FormatDuration(d)})
}

func isNumber(t *value.Type) bool { return t.Kind == value.Int || t.Kind == value.Float }

// isText reports whether values of t are handled as strings.
func isText(t *value.Type) bool {
	if t.Kind == value.Enum {
		for _, v := range t.Values {
			if _, ok := v.(string); !ok {
				return false
			}
		}
		return true
	}
	return t.Kind == value.String
}

func article(t *value.Type) string {
	s := t.String()
	if strings.ContainsRune("aeiou", rune(s[0])) {
		return "an " + s
	}
	return "a " + s
}

// pattern checks the literal on the right of matches.
func (c *inferrer) pattern(n ast.Node) {
	if s, ok := n.(*ast.StringNode); ok {
		if _, err := regexp.Compile(s.Value); err != nil {
			c.add(diag.Errorf(CodeArguments, c.span(n), "not a regular expression: %v", err))
		}
	}
}
