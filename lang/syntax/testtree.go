package syntax

import (
	"slices"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"wf/lang/diag"
	"wf/lang/value"
)

// The nodes of test files: mocks, which say how services behave, and tests.

// MockItem is *Table, *MockOperation or *Pass.
type MockItem interface{ mockItem() }

// MockStmt is *Let, *Put, *When or *Reply.
type MockStmt interface{ mockStmt() }

// TestStmt is *Let, *Mock, *Put, *Call, *Seed, *Clock, *Deed, *Run or *Expect.
type TestStmt interface{ testStmt() }

type (
	// Mock says how a service behaves. With an Operation, or the Class of a Tasker
	// handler, Replies answer the calls of that operation one after the other; else
	// Items are the services' tables and operations, and their replies answer every call.
	Mock struct {
		Node
		Class     *Text      // of a handler, whose Service is value.HandlerService; nil: see Service
		Service   Name       `parser:"'mock' @@"`
		Operation *Name      `parser:"( '.' @@"`
		Replies   []MockStmt `parser:"'{' @@* '}'"`
		More      []Name     `parser:"| ( ',' @@ )*"` // further services that behave so
		Items     []MockItem `parser:"'{' @@* '}' )"`
	}
	// handlerMock is the form that a mock of a handler has in a file.
	handlerMock struct {
		Node
		Class   Text       `parser:"'mock' 'handler' @@"`
		Replies []MockStmt `parser:"'{' @@* '}'"`
	}
	// Table is state of a mock: rows of a record type whose first field is the key.
	Table struct {
		Node
		Name  Name  `parser:"'table' @@"`
		Shape Shape `parser:"@@"`
	}
	// MockOperation is how an operation of a mock service answers.
	MockOperation struct {
		Node
		Name    Name       `parser:"'operation' @@"`
		Replies []MockStmt `parser:"'{' @@* '}'"`
	}
	// Pass lets all operations that are not given be answered by the mock below.
	Pass struct {
		Node
		Word string `parser:"@'pass'"`
	}
	// When holds replies that answer only if a condition holds.
	When struct {
		Node
		Cond    *Expr      `parser:"'when' @@"`
		Replies []MockStmt `parser:"'{' @@* '}'"`
	}
	// Put adds a row to a table, or changes the one with its key. In a test the
	// service is named too.
	Put struct {
		Node
		raw
		Table []Name `parser:"'put' @@ ( '.' @@ )*"`
		Row   *Expr  `parser:"@@"`
	}
	// Reply is one answer. Pass takes it from the mock below; a Lost one takes effect
	// and is never heard; Undeclared and Malformed ones break the signature on purpose.
	Reply struct {
		Node
		Pass    bool    `parser:"( @'pass'"`
		Outcome Outcome `parser:"| @@ )"`
		Body    *Expr   `parser:"( (?! 'headers' | 'after' | 'always' | 'times' | 'lost' | 'undeclared' | 'malformed' ) @@ )?"` // nil: none
		Headers *Expr   `parser:"( 'headers' @@"`
		After   *Expr   `parser:"| 'after' @@"` // how long the answer takes; nil: as long as the mock below, or 10ms
		Times   *Expr   `parser:"| 'times' @@"` // how many calls it answers; nil: one
		Always  bool    `parser:"| @'always'"`
		Lost    bool    `parser:"| @'lost'"`

		Undeclared bool `parser:"| @'undeclared'"`   // the signature does not know the status
		Malformed  bool `parser:"| @'malformed' )*"` // the body is not what the signature promises
	}
)

type (
	// Test is one scenario, or one for each value of a list.
	Test struct {
		Node
		Name  Text       `parser:"'test' @@"`
		Var   *Name      `parser:"( 'for' @@"` // nil: a single one
		Cases *Expr      `parser:"'in' @@ )?"`
		Stmts []TestStmt `parser:"'{' @@* '}'"`
	}
	// Seed sets the seed of the runs below.
	Seed struct {
		Node
		Value *Expr `parser:"'seed' @@"`
	}
	// Clock sets the moment at which the next run begins.
	Clock struct {
		Node
		At *Expr `parser:"'clock' @@"`
	}
	// Deed is something done from outside at a moment of the next run: it is
	// cancelled or sent a signal, its process dies, or a person runs a step again, or says what
	// a failed one should have returned.
	Deed struct {
		Node
		At      *Expr `parser:"'after' @@"`
		Cancel  bool  `parser:"( @'cancel'"`
		Crash   bool  `parser:"| @'crash'"`
		Signal  *Name `parser:"| 'signal' @@"`        // nil: none is sent
		Payload *Expr `parser:"( (?! 'if' ) @@ )?"`   // nil: {}
		Running bool  `parser:"@( 'if' 'running' )?"` // it is not sent to a run that has ended
		Retry   bool  `parser:"| @'retry'"`
		From    *Name `parser:"@@?"`            // nil: all that failed
		Step    *Name `parser:"| 'resolve' @@"` // nil: none is resolved
		Result  *Expr `parser:"@@ )"`
	}
	// Run runs a workflow. A nil Input is {}.
	Run struct {
		Node
		Workflow []Name `parser:"'run' @@ ( '.' @@ )*"`
		Input    *Expr  `parser:"@@?"`
	}
	// Expect says what must be true of the last run: its trace is the golden one, it or
	// a step ended in a way, or an expression holds.
	Expect struct {
		Node
		Golden   bool
		Step     *Expr // of Ending, named as in a trace: a.b, or items[key]; nil: the run
		Ending   *Name // nil: none is expected
		Code     *Name // with which it failed; nil: any
		Path     *Expr // of the input that was refused; nil: any
		Attempts *Expr // how often its call was tried; nil: any number
		Cond     *Expr // nil: no expression
	}
)

// Deeds lists the words for what may be done from outside.
var Deeds = []string{"cancel", "crash", "signal", "resolve", "retry"}

// Endings lists what may be expected of a run or step, beside an expression. A run
// is refused when its input does not fit.
var Endings = []string{"completed", "degraded", "skipped", "failed", "cancelled", "compensated", "not_run", "resolved", "refused"}

// Parse reads what stands behind expect. Two names in a row, the second an ending, are
// never an expression.
func (e *Expect) Parse(lex *lexer.PeekingLexer) error {
	if t := lex.Peek(); t.Type != tIdent || t.Value != "expect" {
		return participle.NextMatch
	}
	lex.Next()
	first, second := peek(lex, 0), peek(lex, 1)
	switch {
	case isWord(first, "golden") && ends(second):
		lex.Next()
		e.Golden = true
		return nil
	case isEnding(first) && (ends(second) || second.Type == tIdent && !binaryWords[second.Value] || second.Type == tString):
		return e.ending(lex)
	case first.Type == tIdent && !isEnding(first):
		if e.Step = step(lex); e.Step != nil {
			return e.ending(lex)
		}
	}
	e.Cond = &Expr{}
	if err := e.Cond.Parse(lex); err != nil {
		if err == participle.NextMatch {
			return participle.Errorf(lex.Peek().Pos, "unexpected token %q (expected Expr)", lex.Peek().Value)
		}
		return err
	}
	return nil
}

// step takes the name of a step off the tokens, with the steps and items it stands in; nil
// if no ending follows, so that it is something else.
func step(lex *lexer.PeekingLexer) *Expr {
	mark := lex.MakeCheckpoint()
	first, last := *lex.Peek(), *lex.Next()
	dotted := func() bool { return last.Type == tOp && last.Value == "." }
	for depth := 0; depth > 0 || dotted() || !isEnding(*lex.Peek()); last = *lex.Next() {
		t := *lex.Peek()
		switch {
		case t.EOF(), t.Type == tNewline && depth == 0:
			lex.LoadCheckpoint(mark)
			return nil
		case t.Type == tOp && t.Value == "[", t.Type == tOp && depth > 0 && nesting(t.Value) > 0:
			depth++
		case depth > 0:
			if t.Type == tOp && nesting(t.Value) < 0 {
				depth--
			}
		case t.Type == tOp && t.Value == ".", dotted() && t.Type == tIdent:
		default:
			lex.LoadCheckpoint(mark)
			return nil
		}
	}
	return &Expr{Node: Node{Span: diag.Span{File: first.Pos.Filename, Start: first.Pos.Offset, End: last.Pos.Offset + len(last.Value)}}}
}

// ending reads an ending with what may follow it.
func (e *Expect) ending(lex *lexer.PeekingLexer) error {
	e.Ending = &Name{}
	if err := e.Ending.Parse(lex); err != nil {
		return err
	}
	switch t := lex.Peek(); {
	case e.Ending.Text == "refused" && !ends(*t) && !isWord(*t, "after"):
		e.Path = &Expr{}
		if err := e.Path.Parse(lex); err != nil {
			return err
		}
	case t.Type == tIdent && t.Value != "after":
		e.Code = &Name{}
		if err := e.Code.Parse(lex); err != nil {
			return err
		}
	}
	if !isWord(*lex.Peek(), "after") {
		return nil
	}
	lex.Next()
	e.Attempts = &Expr{}
	if err := e.Attempts.Parse(lex); err != nil {
		return err
	}
	if t := lex.Peek(); !isWord(*t, "attempts") && !isWord(*t, "attempt") {
		return participle.Errorf(t.Pos, "unexpected token %q (expected \"attempts\")", t.Value)
	}
	lex.Next()
	return nil
}

// peek looks n tokens ahead.
func peek(lex *lexer.PeekingLexer, n int) lexer.Token {
	mark := lex.MakeCheckpoint()
	defer lex.LoadCheckpoint(mark)
	for range n {
		lex.Next()
	}
	return *lex.Peek()
}

// mock is the production of mocks of services and of handlers.
func mock[T any](service, handler production[T]) production[T] {
	return func(lex *lexer.PeekingLexer) (T, error) {
		if t := peek(lex, 1); !isWord(t, value.HandlerService) {
			return service(lex)
		}
		v, err := handler(lex)
		h := any(v).(*handlerMock)
		m := &Mock{Node: h.Node, Class: &h.Class, Replies: h.Replies}
		m.Service.Text = value.HandlerService
		m.Service.Span = h.Class.Span
		return any(m).(T), err
	}
}

func isWord(t lexer.Token, word string) bool { return t.Type == tIdent && t.Value == word }

func isOp(t lexer.Token, sign string) bool { return t.Type == tOp && t.Value == sign }

func isEnding(t lexer.Token) bool { return t.Type == tIdent && slices.Contains(Endings, t.Value) }

// ends reports whether a statement ends before the token.
func ends(t lexer.Token) bool {
	return t.EOF() || t.Type == tNewline || t.Type == tOp && (t.Value == "," || t.Value == "}")
}

func (*Mock) decl() {}

func (*handlerMock) decl()     {}
func (*handlerMock) testStmt() {}

func (*Put) decl()  {}
func (*Test) decl() {}

func (*Table) mockItem()         {}
func (*MockOperation) mockItem() {}
func (*Pass) mockItem()          {}

func (*Let) mockStmt()   {}
func (*Put) mockStmt()   {}
func (*When) mockStmt()  {}
func (*Reply) mockStmt() {}

func (*Let) testStmt()    {}
func (*Mock) testStmt()   {}
func (*Put) testStmt()    {}
func (*Call) testStmt()   {}
func (*Seed) testStmt()   {}
func (*Clock) testStmt()  {}
func (*Deed) testStmt()   {}
func (*Run) testStmt()    {}
func (*Expect) testStmt() {}
