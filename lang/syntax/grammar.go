package syntax

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"wf/lang/diag"
)

// rules is the grammar participle builds its parsers from: every construct that has
// productions of its own, in the tags of tree.go.
type rules struct {
	File  *File  `parser:"@@"`
	Block *block `parser:"| @@"`

	Import     *Import     `parser:"| @@"`
	TypeDecl   *TypeDecl   `parser:"| @@"`
	PolicyDecl *PolicyDecl `parser:"| @@"`
	Service    *Service    `parser:"| @@"`
	Workflow   *Workflow   `parser:"| @@"`

	Operation *Operation `parser:"| @@"`
	HTTP      *HTTP      `parser:"| @@"`
	Answer    *Answer    `parser:"| @@"`

	Record     *Record     `parser:"| @@"`
	ListShape  *ListShape  `parser:"| @@"`
	EnumShape  *EnumShape  `parser:"| @@"`
	NamedShape *NamedShape `parser:"| @@"`

	Version  *Version  `parser:"| @@"`
	Describe *Describe `parser:"| @@"`
	Input    *Input    `parser:"| @@"`
	Retry    *Retry    `parser:"| @@"`
	Timeout  *Timeout  `parser:"| @@"`
	Within   *Within   `parser:"| @@"`
	Limit    *Limit    `parser:"| @@"`
	Breaker  *Breaker  `parser:"| @@"`
	First    *First    `parser:"| @@"`
	Tolerate *Tolerate `parser:"| @@"`
	Use      *Use      `parser:"| @@"`
	Classify *Classify `parser:"| @@"`
	Let      *Let      `parser:"| @@"`
	Ensure   *Ensure   `parser:"| @@"`
	Step     *Step     `parser:"| @@"`
	Call     *Call     `parser:"| @@"`
	Signal   *Signal   `parser:"| @@"`
	Wait     *Wait     `parser:"| @@"`
	On       *On       `parser:"| @@"`
	Undo     *Undo     `parser:"| @@"`
	Switch   *Switch   `parser:"| @@"`
	Finally  *Finally  `parser:"| @@"`
	Return   *Return   `parser:"| @@"`
	Degrade  *Degrade  `parser:"| @@"`
	Fail     *Fail     `parser:"| @@"`
	Output   *Output   `parser:"| @@"`

	Mock          *Mock          `parser:"| @@"`
	HandlerMock   *handlerMock   `parser:"| @@"`
	Table         *Table         `parser:"| @@"`
	MockOperation *MockOperation `parser:"| @@"`
	Pass          *Pass          `parser:"| @@"`
	When          *When          `parser:"| @@"`
	Put           *Put           `parser:"| @@"`
	Reply         *Reply         `parser:"| @@"`
	Test          *Test          `parser:"| @@"`
	Seed          *Seed          `parser:"| @@"`
	Clock         *Clock         `parser:"| @@"`
	Deed          *Deed          `parser:"| @@"`
	Run           *Run           `parser:"| @@"`

	Invariant  *Invariant  `parser:"| @@"`
	NeverCall  *NeverCall  `parser:"| @@"`
	Holds      *Holds      `parser:"| @@"`
	Implies    *Implies    `parser:"| @@"`
	AtMost     *AtMost     `parser:"| @@"`
	EndsWithin *EndsWithin `parser:"| @@"`
}

// block is a run of statements without braces.
type block struct {
	Node
	Stmts []Stmt `parser:"@@*"`
}

// production parses one construct and leaves the lexer behind it.
type production[T any] func(*lexer.PeekingLexer) (T, error)

// choices are the productions of one sort by the word they begin with.
type choices[T any] map[string]production[T]

// productions is the parsers of the grammar. Which production a declaration, statement,
// item or shape takes follows from its first word, so nothing is tried in vain, and
// an error is about the construct that was meant.
type productions struct {
	file        production[*File]
	block       production[*block]
	decls       choices[Decl]
	stmts       choices[Stmt]
	endings     choices[Ending]
	mockItems   choices[MockItem]
	mockStmt    production[MockStmt]
	testStmts   choices[TestStmt]
	invariants  choices[InvariantRule]
	serviceItem production[ServiceItem]
	opItem      production[OperationItem]
	record      production[Shape]
	list        production[Shape]
	enum        production[Shape]
	named       production[Shape]
}

// grammar is built on first use, once: it costs a millisecond.
var grammar = sync.OnceValue(func() *productions {
	l := &productions{}
	g := participle.MustBuild[rules](
		participle.Lexer(definition{}),
		participle.UseLookahead(0),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (Decl, error) { return l.decls.parse(lex) }),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (Stmt, error) { return l.stmts.parse(lex) }),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (ServiceItem, error) { return l.serviceItem(lex) }),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (OperationItem, error) { return l.opItem(lex) }),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (Ending, error) { return l.ending(lex) }),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (MockItem, error) { return l.mockItems.parse(lex) }),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (MockStmt, error) { return l.mockStmt(lex) }),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (TestStmt, error) { return l.testStmts.parse(lex) }),
		participle.ParseTypeWith(func(lex *lexer.PeekingLexer) (InvariantRule, error) { return l.invariants.parse(lex) }),
		participle.ParseTypeWith(l.shape),
	)
	l.file = of[File, *File](g, participle.AllowTrailing(false))
	l.block = of[block, *block](g, participle.AllowTrailing(false))
	l.decls = choices[Decl]{
		"import": of[Import, Decl](g), "type": of[TypeDecl, Decl](g), "let": of[Let, Decl](g), "policy": of[PolicyDecl, Decl](g),
		"service": of[Service, Decl](g), "workflow": of[Workflow, Decl](g), "mock": mock(of[Mock, Decl](g), of[handlerMock, Decl](g)), "put": of[Put, Decl](g), "test": of[Test, Decl](g),
		"invariant": of[Invariant, Decl](g),
	}
	classify := of[Classify, Stmt](g)
	l.stmts = choices[Stmt]{
		"version": of[Version, Stmt](g), "describe": of[Describe, Stmt](g), "input": of[Input, Stmt](g), "retry": of[Retry, Stmt](g),
		"timeout": of[Timeout, Stmt](g), "within": of[Within, Stmt](g), "limit": of[Limit, Stmt](g), "breaker": of[Breaker, Stmt](g), "first": of[First, Stmt](g), "tolerate": of[Tolerate, Stmt](g), "use": of[Use, Stmt](g),
		"retryable": classify, "permanent": classify, "let": of[Let, Stmt](g), "ensure": of[Ensure, Stmt](g), "step": of[Step, Stmt](g),
		"call": of[Call, Stmt](g), "signal": of[Signal, Stmt](g), "wait": of[Wait, Stmt](g), "on": of[On, Stmt](g), "undo": of[Undo, Stmt](g), "switch": of[Switch, Stmt](g), "finally": of[Finally, Stmt](g), "return": of[Return, Stmt](g), "degrade": of[Degrade, Stmt](g), "fail": of[Fail, Stmt](g),
		"output": of[Output, Stmt](g),
	}
	l.endings = choices[Ending]{"return": of[Return, Ending](g), "degrade": of[Degrade, Ending](g), "fail": of[Fail, Ending](g), "retry": of[Retry, Ending](g)}
	l.serviceItem = choices[ServiceItem]{"operation": of[Operation, ServiceItem](g), "retryable": of[Classify, ServiceItem](g), "permanent": of[Classify, ServiceItem](g),
		"limit": of[Limit, ServiceItem](g), "breaker": of[Breaker, ServiceItem](g)}.
		or(outcomeOr(of[Answer, ServiceItem](g)))
	l.opItem = choices[OperationItem]{"http": of[HTTP, OperationItem](g), "input": of[Input, OperationItem](g), "retryable": of[Classify, OperationItem](g), "permanent": of[Classify, OperationItem](g),
		"limit": of[Limit, OperationItem](g), "breaker": of[Breaker, OperationItem](g)}.
		or(outcomeOr(of[Answer, OperationItem](g)))
	l.mockItems = choices[MockItem]{"table": of[Table, MockItem](g), "operation": of[MockOperation, MockItem](g), "pass": of[Pass, MockItem](g)}
	l.mockStmt = choices[MockStmt]{"let": of[Let, MockStmt](g), "put": of[Put, MockStmt](g), "when": of[When, MockStmt](g)}.
		or(outcomeOr(of[Reply, MockStmt](g)))
	l.testStmts = choices[TestStmt]{
		"let": of[Let, TestStmt](g), "mock": mock(of[Mock, TestStmt](g), of[handlerMock, TestStmt](g)), "put": of[Put, TestStmt](g), "call": of[Call, TestStmt](g), "seed": of[Seed, TestStmt](g), "clock": of[Clock, TestStmt](g),
		"after": of[Deed, TestStmt](g), "run": of[Run, TestStmt](g), "expect": expectation,
	}
	l.invariants = invariantRules(g)
	l.record, l.list, l.enum, l.named = of[Record, Shape](g), of[ListShape, Shape](g), of[EnumShape, Shape](g), of[NamedShape, Shape](g)
	return l
})

// of is the production of a node type P, as a T. More may follow it, unless an option
// says otherwise.
func of[P, T any](g *participle.Parser[rules], opts ...participle.ParseOption) production[T] {
	p, err := participle.ParserForProduction[P](g)
	if err != nil {
		panic(err)
	}
	opts = append([]participle.ParseOption{participle.AllowTrailing(true)}, opts...)
	return func(lex *lexer.PeekingLexer) (T, error) {
		start := lex.RawCursor()
		v, err := p.ParseFromLexer(lex, opts...)
		cover(any(v).(placed).place(), lex.Range(start, lex.RawCursor()))
		return any(v).(T), err
	}
}

// expectation parses an expectation, which finds its own end.
func expectation(lex *lexer.PeekingLexer) (TestStmt, error) {
	start, e := lex.RawCursor(), &Expect{}
	err := e.Parse(lex)
	cover(&e.Node, lex.Range(start, lex.RawCursor()))
	return e, err
}

// placed is every node of the tree.
type placed interface{ place() *Node }

// cover makes a node span the tokens it was made of, but for line ends behind it.
func cover(n *Node, tokens []lexer.Token) {
	for len(tokens) > 0 && tokens[len(tokens)-1].Type == tNewline {
		tokens = tokens[:len(tokens)-1]
	}
	if len(tokens) > 0 {
		first, last := &tokens[0], &tokens[len(tokens)-1]
		n.Span = diag.Span{File: first.Pos.Filename, Start: first.Pos.Offset, End: last.Pos.Offset + len(last.Value)}
	}
}

// take consumes a token of one of the types and spans it; nil if it is another one.
func take(lex *lexer.PeekingLexer, n *Node, types ...lexer.TokenType) *lexer.Token {
	t := lex.Peek()
	if !slices.Contains(types, t.Type) {
		return nil
	}
	n.Span = diag.Span{File: t.Pos.Filename, Start: t.Pos.Offset, End: t.Pos.Offset + len(t.Value)}
	return lex.Next()
}

// Parse reads a name. The nodes of one token parse themselves, which is much faster
// than by tags, and they are most of a tree.
func (n *Name) Parse(lex *lexer.PeekingLexer) error {
	t := take(lex, &n.Node, tIdent)
	if t == nil {
		return participle.NextMatch
	}
	n.Text = t.Value
	return nil
}

// Parse reads a string; it is unquoted later.
func (n *Text) Parse(lex *lexer.PeekingLexer) error {
	t := take(lex, &n.Node, tString)
	if t == nil {
		return participle.NextMatch
	}
	n.Value = t.Value
	return nil
}

// Parse reads a status, a class of statuses or a name.
func (n *Outcome) Parse(lex *lexer.PeekingLexer) error {
	t := take(lex, &n.Node, tInt, tClass, tIdent)
	switch {
	case t == nil:
		return participle.NextMatch
	case t.Type == tInt:
		n.Status, _ = strconv.Atoi(t.Value) // what is no number is no status either, and reported as such
	case t.Type == tClass:
		n.Class = Digit(t.Value[0] - '0')
	default:
		n.Name = t.Value
	}
	return nil
}

// Parse reads a string or an int; its value is made later.
func (n *Literal) Parse(lex *lexer.PeekingLexer) error {
	start := lex.RawCursor()
	if t := lex.Peek(); t.Type == tOp && t.Value == "-" {
		lex.Next()
	}
	t := take(lex, &n.Node, tInt, tString)
	if t == nil {
		return participle.NextMatch
	}
	if tokens := lex.Range(start, lex.RawCursor()); len(tokens) > 1 {
		if cover(&n.Node, tokens); t.Type == tString {
			return participle.Errorf(t.Pos, "unexpected token %s", t.Value)
		}
	}
	return nil
}

// Parse reads a percentage.
func (n *Percent) Parse(lex *lexer.PeekingLexer) error {
	t := take(lex, &n.Node, tPercent)
	if t == nil {
		return participle.NextMatch
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSuffix(t.Value, "%"), "_", ""), 64)
	n.Value = Share(f)
	return err
}

// parse takes the production of the next word, if it has one. The line ends and commas
// before it, and those before the end of the list, belong to no item.
func (c choices[T]) parse(lex *lexer.PeekingLexer) (T, error) { return c.or(nil)(lex) }

// or is parse with a production for what begins with no word of the list.
func (c choices[T]) or(other production[T]) production[T] {
	return func(lex *lexer.PeekingLexer) (T, error) {
		var none T
		apart := separated(lex)
		t := lex.Peek()
		p := other
		if own := c[t.Value]; own != nil && t.Type == tIdent {
			p = own
		}
		if p == nil || !apart {
			return none, participle.NextMatch
		}
		return p(lex)
	}
}

// separated skips line ends and commas, and reports whether something may begin here:
// behind one of them, behind an opening brace, or at the start.
func separated(lex *lexer.PeekingLexer) bool {
	at := lex.RawCursor()
	apart := at == 0
	if !apart {
		before := lex.Range(at-1, at)[0]
		apart = before.Type == tNewline || before.Type == tOp && (before.Value == "{" || before.Value == ",")
	}
	for {
		t := lex.Peek()
		if t.Type != tNewline && (t.Type != tOp || t.Value != ",") {
			return apart
		}
		apart = true
		lex.Next()
	}
}

// outcomeOr is the production of an answer, for lists where one may stand.
func outcomeOr[T any](answer production[T]) production[T] {
	return func(lex *lexer.PeekingLexer) (T, error) {
		if t := lex.Peek(); t.Type == tIdent || t.Type == tInt || t.Type == tClass {
			return answer(lex)
		}
		var none T
		return none, participle.NextMatch
	}
}

// ending parses what stands behind else.
func (l *productions) ending(lex *lexer.PeekingLexer) (Ending, error) {
	if p := l.endings[lex.Peek().Value]; p != nil {
		return p(lex)
	}
	return nil, participle.NextMatch
}

func (l *productions) shape(lex *lexer.PeekingLexer) (Shape, error) {
	switch t := lex.Peek(); {
	case isOp(*t, "{"), isWord(*t, "open") && isOp(peek(lex, 1), "{"):
		return l.record(lex)
	case t.Type == tOp && t.Value == "[":
		return l.list(lex)
	case t.Type == tIdent:
		return l.named(lex)
	case t.Type == tString, t.Type == tInt, t.Type == tOp && t.Value == "-":
		return l.enum(lex)
	}
	return nil, participle.NextMatch
}
