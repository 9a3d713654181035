package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"wf/lang/diag"
	"wf/lang/token"
	"wf/lang/value"
)

// Source is the text of an expression and where it stands. If Span is as long as
// Text they correspond byte by byte; else Pieces say which parts do.
type Source struct {
	Text   string
	Span   diag.Span
	Pieces []Piece
}

// Piece maps Len bytes of the text from Text on to the file from Source on.
type Piece struct{ Text, Source, Len int }

// Scope says which names an expression may read. Lookup returns the type of a
// root name; ok is false if there is no such name.
type Scope interface {
	Lookup(name string) (t *value.Type, ok bool)
	// Unknown makes the diagnostic for a name Lookup does not know.
	Unknown(name string, span diag.Span) *diag.Diagnostic
}

// Witness is a scope that may want to be told what the names of an expression are.
type Witness interface {
	Witness() bool                                    // whether it does
	Named(name string, t *value.Type, span diag.Span) // a name is read
	Read(f *value.Field, span diag.Span)              // a field is read, or is one of an object literal
}

// Referrer is a scope with functions of things rather than of values: in
// `attempts(charge)` the argument names a step. Their value is known before the
// expression is evaluated, in env under the text of the call, "attempts(charge)".
type Referrer interface {
	// Refer types a call whose argument is a name, or a path of names and keys such as
	// a.b["c"]; path is "" if it is anything else. ok is false for functions that take values. A diagnostic explains a reference to nothing.
	Refer(function, path string, span diag.Span) (t *value.Type, problem *diag.Diagnostic, ok bool)
	// Functions lists them, sorted.
	Functions() []string
}

// Field is one field of an expression that is an object literal.
type Field struct {
	Name    string
	Key     diag.Span // of the name
	Path    []string  // name and fields that the value reads; nil if it is anything else
	Span    diag.Span // of the value
	Type    *value.Type
	Literal any // its value if it is a number, text or truth value as it stands; nil: it is something else
}

// Program is a compiled expression: immutable, and safe for concurrent use with
// one [Machine] each.
type Program struct {
	span   diag.Span
	text   string
	typ    *value.Type
	refs   []string
	fields []Field
	plan   plan // nil if the expression did not compile
	parsed bool
	path   []string    // see Path
	fixed  bool        // plan is a constant
	secret bool        // reads a secret: what goes wrong is not told
	shown  []diag.Span // see Secrets
	dur    time.Duration
	probes []Probe // nil unless the scope asks for them

	ifTrue, ifFalse []Fact // see Facts
}

// Type is the static type of the result; never nil.
func (p *Program) Type() *value.Type { return p.typ }

// Refs lists the root names the expression reads, sorted.
func (p *Program) Refs() []string { return p.refs }

// String is the expression in one spelling, whatever the layout of its source.
func (p *Program) String() string { return p.text }

// MarshalText writes [Program.String].
func (p *Program) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// Span is where the expression stands.
func (p *Program) Span() diag.Span { return p.span }

// Path is the name and the fields that an expression reads which is nothing else; nil for
// others.
func (p *Program) Path() []string { return p.path }

// Fields lists the fields of an object literal; nil for anything else.
func (p *Program) Fields() []Field { return p.fields }

// Secrets are the places of what is, or has in it, a secret in the value, and of which the
// expression does not say by secret(…) that it is one.
func (p *Program) Secrets() []diag.Span { return p.shown }

// Const is the value of an expression that reads no names.
func (p *Program) Const() (any, bool) {
	if c, ok := p.plan.(constant); ok && p.fixed {
		return c.v, true
	}
	return nil, false
}

// MaxNodes is how many operands and operators an expression has at most.
const MaxNodes = 10_000

// base is the configuration all expressions share.
var base = sync.OnceValue(func() *conf.Config {
	c := conf.CreateNew()
	c.Optimize = false
	c.MaxNodes = MaxNodes
	addFunctions(c)
	return c
})

// Parsed reports whether the text is an expression at all, whatever else is wrong with it.
func (p *Program) Parsed() bool { return p.parsed }

// Compile compiles an expression. The program is never nil: beside errors it has the type
// that is known all the same, with any for what is not, and must not be evaluated.
func Compile(src Source, scope Scope) (*Program, diag.List) {
	p := &Program{span: src.Span, text: src.Text, typ: value.TUnknown}
	cache := cacheOf(scope)
	r := cache.reading(src.Text)
	if r == nil {
		var problems diag.List
		if r, problems = read(src, scope); r == nil {
			touch(src.Text, scope)
			return p, problems
		}
	}
	tree, place := r.tree, placer(src, r.out, r.segments)
	p.parsed, p.path, p.text, p.ifTrue, p.ifFalse = true, r.path, r.text, r.ifTrue, r.ifFalse
	c := newInferrer(scope, src, place)
	p.typ = c.infer(&tree.Node)
	cache.keep(src.Text, r, c.patched)
	p.text = c.spelled(p.text)
	slices.Sort(c.roots)
	p.refs, p.secret = c.roots, c.secret
	p.shown = c.secretParts(tree.Node, nil)
	if m, ok := tree.Node.(*ast.MapNode); ok {
		p.fields = objectFields(m, p.typ, c)
	}
	if c.problems.HasErrors() {
		return p, c.problems
	}
	b := &builder{scope: scope, place: place, span: src.Span, roots: c.roots}
	var err error
	if p.plan, err = b.build(tree.Node); err != nil && c.unknown {
		return p, c.problems // the error is told where the type got lost
	} else if err != nil {
		p.typ = value.TUnknown
		return p, diag.List{b.problem(err)}
	}
	if prober, ok := scope.(Prober); ok && prober.Probe() {
		p.probes = b.probes(tree.Node)
	}
	if !c.ambient {
		return p, append(c.problems, p.fold()...)
	}
	return p, c.problems
}

// touch looks up what a text that is no expression may read, for nobody shall be told that
// it is not read.
func touch(text string, scope Scope) {
	tokens, _, _ := token.Scan("", text)
	for _, t := range tokens {
		if t.Kind == token.Ident {
			scope.Lookup(text[t.Start:t.End])
		}
	}
}

// Condition is one of the conditions an expression joins by `and`. If it compares two
// values, Left and Right are these, so that one can show why it does not hold.
type Condition struct {
	*Program
	Operator    string     // "==", "<", "in", …, or "all" or "none"; "" if it is none of these
	Left, Right *Program   // the sides; of all and none the list, and the index of the element that breaks it
	Parts       []*Program // what else is read in it, if it has no Operator
}

// CompileConditions compiles an expression that must be a bool, and takes it apart at
// its outermost `and`s. Beside errors there is one condition, of type any.
func CompileConditions(src Source, scope Scope) ([]Condition, diag.List) {
	whole := &Program{span: src.Span, text: src.Text, typ: value.TUnknown}
	out, segments, problems := rewrite(src, hasFacts(scope))
	if problems.HasErrors() {
		return []Condition{{Program: whole}}, problems
	}
	place := placer(src, out, segments)
	tree, err := parser.ParseWithConfig(out, base())
	if err != nil {
		return []Condition{{Program: whole}}, diag.List{syntaxProblem(err, src, scope, place)}
	}
	nodes := conjuncts(&tree.Node, nil)
	texts := make([]string, len(nodes))
	for i, n := range nodes {
		texts[i] = canonical(*n)
	}
	c := newInferrer(scope, src, place)
	if t := c.infer(&tree.Node); !c.problems.HasErrors() {
		if ok, why := t.AssignableTo(value.TBool); !ok {
			c.add(diag.Errorf(CodeOperator, src.Span, "a condition is a bool: %s", why))
		}
	}
	if c.problems.HasErrors() {
		return []Condition{{Program: whole}}, c.problems
	}
	slices.Sort(c.roots)
	b := &builder{scope: scope, place: place, span: src.Span, roots: c.roots}
	var conditions []Condition
	for i, n := range nodes {
		cond := Condition{Program: b.part(*n, c.spelled(texts[i]), value.TBool)}
		if left, right, op := operands(*n); op != "" {
			cond.Operator, cond.Left, cond.Right = op, b.part(left, canonical(left), value.TAny), b.part(right, canonical(right), value.TAny)
		} else {
			for _, part := range accesses(*n, nil) {
				cond.Parts = append(cond.Parts, b.part(part, canonical(part), value.TAny))
			}
		}
		conditions = append(conditions, cond)
	}
	return conditions, append(c.problems, b.problems...)
}

// conjuncts lists the operands of the outermost `and`s.
func conjuncts(n *ast.Node, out []*ast.Node) []*ast.Node {
	if and, ok := (*n).(*ast.BinaryNode); ok && (and.Operator == "and" || and.Operator == "&&") {
		return conjuncts(&and.Right, conjuncts(&and.Left, out))
	}
	return append(out, n)
}

// operands are the sides of a comparison as its author wrote them; op is "" for
// anything else.
func operands(n ast.Node) (left, right ast.Node, op string) {
	if call, ok := n.(*ast.BuiltinNode); ok && (call.Name == "all" || call.Name == "none") && len(call.Arguments) == 2 {
		return call.Arguments[0], breaker(call), call.Name
	}
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return nil, nil, ""
	}
	switch b.Operator {
	case "==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "matches", "startsWith", "endsWith":
	default:
		return nil, nil, ""
	}
	if call, ok := b.Left.(*ast.CallNode); ok { // of times or durations, see compareBy
		if id, ok := call.Callee.(*ast.IdentifierNode); ok && (id.Value == "__dur_cmp" || id.Value == "__time_cmp") {
			return call.Arguments[0], call.Arguments[1], b.Operator
		}
	}
	return b.Left, b.Right, b.Operator
}

// accesses lists the names, and the fields and elements of them, that an expression
// reads, each once.
func accesses(n ast.Node, out []ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode:
		if !slices.ContainsFunc(out, func(o ast.Node) bool { return o.String() == n.String() }) {
			out = append(out, n)
		}
	case *ast.UnaryNode:
		out = accesses(n.Node, out)
	case *ast.BinaryNode:
		out = accesses(n.Right, accesses(n.Left, out))
	case *ast.ConditionalNode:
		out = accesses(n.Exp2, accesses(n.Exp1, accesses(n.Cond, out)))
	case *ast.CallNode:
		for _, a := range n.Arguments {
			out = accesses(a, out)
		}
	case *ast.BuiltinNode:
		for _, a := range n.Arguments {
			out = accesses(a, out)
		}
	}
	return out
}

// breaker finds the element that makes an all or none false.
func breaker(call *ast.BuiltinNode) ast.Node {
	predicate, ok := call.Arguments[1].(*ast.PredicateNode)
	if ok && call.Name == "all" {
		not := &ast.UnaryNode{Operator: "not", Node: predicate.Node}
		not.SetLocation(predicate.Location())
		predicate = &ast.PredicateNode{Node: not}
		predicate.SetLocation(not.Location())
	}
	find := &ast.BuiltinNode{Name: "findIndex", Arguments: []ast.Node{call.Arguments[0], predicate}}
	find.SetLocation(call.Location())
	return find
}

// part is the program of a part of an expression.
func (b *builder) part(n ast.Node, text string, t *value.Type) *Program {
	p := &Program{span: b.place(extent(n)), text: text, typ: t, refs: b.roots}
	var err error
	if p.plan, err = b.build(n); err != nil {
		b.problems.Add(b.problem(err))
	}
	_, p.fixed = p.plan.(constant)
	return p
}

// Constant is a program with a value that was found elsewhere, such as a file.
func Constant(v any, t *value.Type, span diag.Span) *Program {
	text, err := value.EncodeJSON(v, "")
	if err != nil {
		text = []byte("…")
	}
	return &Program{span: span, text: string(text), typ: t, plan: constant{v}, fixed: true}
}

// fold evaluates a constant expression once and for all.
func (p *Program) fold() diag.List {
	v, err := p.Eval(NewMachine(), nil)
	if err != nil {
		var e *Error
		span, msg := p.span, err.Error()
		if errors.As(err, &e) {
			span, msg = e.Span, e.Message
		}
		p.typ, p.plan = value.TUnknown, nil
		return diag.List{diag.Errorf(CodeConstant, span, "this always fails: %s", msg)}
	}
	p.plan, p.fixed = constant{v}, true
	if s, ok := v.(string); ok && p.typ.Kind == value.Duration {
		p.dur, _ = asDuration(s)
	}
	return nil
}

func objectFields(m *ast.MapNode, t *value.Type, c *inferrer) []Field {
	fields := make([]Field, 0, len(m.Pairs))
	for _, p := range m.Pairs {
		pair := p.(*ast.PairNode)
		key, ok := pair.Key.(*ast.StringNode)
		if !ok {
			continue
		}
		f := Field{Name: key.Value, Key: c.span(pair.Key), Span: c.span(pair.Value), Type: value.TUnknown}
		if tf := t.Field(key.Value); tf != nil {
			f.Type = tf.Type
		}
		if path := trail(pair.Value); path != nil {
			f.Path = Path(path[len(path)-1])
		}
		switch n := pair.Value.(type) {
		case *ast.IntegerNode:
			f.Literal = n.Value
		case *ast.FloatNode:
			f.Literal = n.Value
		case *ast.StringNode:
			f.Literal = n.Value
		case *ast.BoolNode:
			f.Literal = n.Value
		}
		fields = append(fields, f)
	}
	return fields
}

// placer maps rune offsets of the rewritten text to places in the file.
func placer(src Source, out string, segments []segment) func(from, to int) diag.Span {
	ascii := true
	for i := 0; i < len(out) && ascii; i++ {
		ascii = out[i] < 0x80
	}
	offsets := []int(nil)
	if !ascii {
		for i := range out {
			offsets = append(offsets, i)
		}
		offsets = append(offsets, len(out))
	}
	toByte := func(r int) int {
		if ascii {
			return min(r, len(out))
		}
		return offsets[min(max(r, 0), len(offsets)-1)]
	}
	return func(from, to int) diag.Span {
		start := textOffset(segments, toByte(from), false)
		end := max(start, textOffset(segments, toByte(to), true))
		return src.At(start, min(end, len(src.Text)))
	}
}

// textOffset is where a byte of the rewritten text came from; generated text
// belongs to what was copied before it.
func textOffset(segments []segment, at int, end bool) int {
	i, found := slices.BinarySearchFunc(segments, at, func(s segment, at int) int { return s.out - at })
	if !found || end && i > 0 {
		i--
	}
	if i < 0 || len(segments) == 0 {
		return 0
	}
	s := segments[min(i, len(segments)-1)]
	return s.text + min(max(at-s.out, 0), s.len)
}

// syntaxProblem explains why a text is no expression. A misspelt function comes
// first: the engine stumbles over the # in its argument instead.
func syntaxProblem(err error, src Source, scope Scope, place func(int, int) diag.Span) *diag.Diagnostic {
	if d := misspelt(src, scope); d != nil {
		return d
	}
	if d := slip(src); d != nil {
		return d
	}
	var fe *file.Error
	if !errors.As(err, &fe) {
		return diag.Errorf(CodeSyntax, place(0, 0), "not an expression: %v", err)
	}
	if strings.Contains(fe.Message, "maximum allowed nodes") {
		return diag.Errorf(token.CodeLimit, place(0, 0), "the expression has more than %d parts", MaxNodes).Hintf("name parts of it with let")
	}
	span := place(fe.From, max(fe.To, fe.From+1))
	d := diag.Errorf(CodeSyntax, span, "not an expression: %s", plain(fe.Message))
	if hint := hintFor(fe.Message); hint != "" {
		d.Hintf("%s", hint)
	}
	return d
}

// misspelt reports the first call of a function that does not exist.
func misspelt(src Source, scope Scope) *diag.Diagnostic {
	tokens, _, _ := token.Scan("", src.Text)
	var names []string // of functions of things
	if r, ok := scope.(Referrer); ok {
		names = r.Functions()
	}
	for i := 0; i+1 < len(tokens); i++ {
		word, next := src.Text[tokens[i].Start:tokens[i].End], src.Text[tokens[i+1].Start:tokens[i+1].End]
		if tokens[i].Kind != token.Ident || next != "(" || IsBuiltin(word) || token.WordOps[word] || ambient[word] != "" || slices.Contains(names, word) {
			continue
		}
		if i > 0 && src.Text[tokens[i-1].Start:tokens[i-1].End] == "." {
			continue
		}
		d := diag.Errorf(CodeFunction, src.At(tokens[i].Start, tokens[i].End), "there is no function %s", word)
		d.Hint = instead(word)
		return d
	}
	return nil
}

// environment is the strict environment of the roots an expression reads.
func environment(scope Scope, roots []string) types.Map {
	env := make(types.Map, len(roots))
	for _, name := range roots {
		if t, ok := scope.Lookup(name); ok {
			env[name] = engineType(t, 0)
		}
	}
	return env
}

// engineType is a type in expr-lang's terms. What may be nil is any there; our own
// checker has already made sure that it is not read as if it were present.
func engineType(t *value.Type, depth int) types.Type {
	if t.Optional || depth > 6 {
		return types.Any
	}
	switch t.Kind {
	case value.Bool:
		return types.Bool
	case value.Int:
		return types.Int
	case value.Float:
		return types.Float64
	case value.String, value.Time, value.Duration:
		return types.String
	case value.Enum:
		if isText(t) {
			return types.String
		}
	case value.List:
		return types.Array(engineType(t.Elem, depth+1))
	case value.Record:
		m := make(types.Map, len(t.Fields)+1)
		for _, f := range t.Fields {
			m[f.Name] = engineType(f.ReadType(), depth+1)
		}
		if t.Open {
			m[types.Extra] = types.Any
		}
		return m
	}
	return types.Any
}

// builder makes the plan of a typed tree.
type builder struct {
	scope Scope
	place func(from, to int) diag.Span
	span  diag.Span
	roots []string
	conf  *conf.Config

	problems diag.List
}

// program compiles a node for expr-lang's machine.
func (b *builder) program(n ast.Node) (plan, error) {
	if b.conf == nil {
		c := *base()
		c.WithEnv(environment(b.scope, b.roots))
		b.conf = &c
	}
	tree := &parser.Tree{Node: n}
	if err := b.check(tree); err != nil {
		return nil, err
	}
	prog, err := compiler.Compile(tree, b.conf)
	if err != nil {
		return nil, err
	}
	return compiled{prog, b.place}, nil
}

// check runs expr-lang's checker, which the compiler needs. It knows #index in a few
// functions only, the machine in all; so it is shown a number in that place.
func (b *builder) check(tree *parser.Tree) error {
	places := indexes{}
	ast.Walk(&tree.Node, &places)
	for _, p := range places {
		*p.at = &ast.IntegerNode{Value: 1}
	}
	_, err := checker.Check(tree, b.conf)
	for _, p := range places {
		p.node.SetNature(*(*p.at).Nature())
		*p.at = p.node
	}
	return err
}

// indexes are the places of #index in a tree.
type indexes []struct {
	at   *ast.Node
	node *ast.PointerNode
}

// Visit collects.
func (x *indexes) Visit(at *ast.Node) {
	if n, ok := (*at).(*ast.PointerNode); ok && n.Name == "index" {
		*x = append(*x, struct {
			at   *ast.Node
			node *ast.PointerNode
		}{at, n})
	}
}

func (b *builder) problem(err error) *diag.Diagnostic {
	var fe *file.Error
	if errors.As(err, &fe) {
		return diag.Errorf(CodeUnsupported, b.place(fe.From, max(fe.To, fe.From+1)), "%s", plain(fe.Message))
	}
	return diag.Errorf(CodeUnsupported, b.span, "%s", plain(err.Error()))
}

// Machine evaluates programs, reusing its memory. It is not for concurrent use.
type Machine struct {
	vm vm.VM

	// Observe is told of every program with probes before it is evaluated; nil:
	// nobody listens.
	Observe func(p *Program, env map[string]any)
}

// NewMachine returns a machine.
func NewMachine() *Machine { return &Machine{} }

// Error is an evaluation that failed.
type Error struct {
	Span    diag.Span
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Eval evaluates the expression; env holds a value for each of Refs. The result is
// in the value domain. Errors are of type *[Error].
func (p *Program) Eval(m *Machine, env map[string]any) (any, error) {
	if p.plan == nil {
		return nil, &Error{p.span, "the expression did not compile"}
	}
	if m.Observe != nil && len(p.probes) > 0 {
		m.Observe(p, env)
	}
	v, err := p.plan.eval(m, env)
	if err == nil {
		if _, whole := p.plan.(compiled); whole && !value.InDomain(v) {
			v, err = value.Normalize(v)
		}
	}
	if err == nil {
		return v, nil
	}
	var e *Error
	if errors.As(err, &e) {
		if e.Span.IsZero() {
			e.Span = p.span
		}
	} else {
		e = &Error{p.span, err.Error()}
	}
	if p.secret {
		e.Message = "this cannot be computed; why is not told, because it reads a secret"
	}
	return nil, e
}

// Bool evaluates a condition.
func (p *Program) Bool(m *Machine, env map[string]any) (bool, error) {
	v, err := p.Eval(m, env)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, &Error{p.span, "expected true or false, got " + value.KindOf(v)}
	}
	return b, nil
}

// Int evaluates a number.
func (p *Program) Int(m *Machine, env map[string]any) (int, error) {
	v, err := p.Eval(m, env)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int)
	if !ok {
		return 0, &Error{p.span, "expected an int, got " + value.KindOf(v)}
	}
	return n, nil
}

// Duration evaluates a duration.
func (p *Program) Duration(m *Machine, env map[string]any) (time.Duration, error) {
	if p.fixed && p.typ.Kind == value.Duration {
		return p.dur, nil
	}
	v, err := p.Eval(m, env)
	if err != nil {
		return 0, err
	}
	d, err := asDuration(v)
	if err != nil {
		return 0, &Error{p.span, fmt.Sprintf("expected a duration: %v", err)}
	}
	return d, nil
}
