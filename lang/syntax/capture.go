package syntax

import (
	"fmt"
	"io"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"wf/lang/diag"
	"wf/lang/token"
)

// Digit is the first digit of a class of statuses: 5 for 5xx.
type Digit int

// Share is a percentage: 10 for 10%.
type Share float64

// Token types as participle numbers them.
const (
	tNewline lexer.TokenType = lexer.TokenType(token.Newline) + 1
	tIdent                   = lexer.TokenType(token.Ident) + 1
	tOp                      = lexer.TokenType(token.Op) + 1
	tString                  = lexer.TokenType(token.String) + 1
	tInt                     = lexer.TokenType(token.Int) + 1
	tClass                   = lexer.TokenType(token.Class) + 1
	tPercent                 = lexer.TokenType(token.Percent) + 1
)

// binary are the signs that need an operand on both sides.
var binary = map[string]bool{
	"+": true, "-": true, "*": true, "/": true, "%": true, "**": true, "^": true, "==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true,
	"&&": true, "||": true, "??": true, "..": true,
}

// binaryWords are the words that do.
var binaryWords = map[string]bool{"and": true, "or": true, "in": true, "matches": true, "contains": true, "startsWith": true, "endsWith": true}

// Parse takes an expression off the token stream. An expression alternates operands
// and operators; it ends before the first token that would be a second operand in a
// row, which is how `when a == b {` and `3 attempts` need no reserved words. A
// newline outside brackets ends it, unless the line ended with an operator or the
// next one begins with one.
func (e *Expr) Parse(lex *lexer.PeekingLexer) error { return e.scan(&exprScan{lex: lex}) }

// Parse takes an operand.
func (o *Operand) Parse(lex *lexer.PeekingLexer) error {
	return o.scan(&exprScan{lex: lex, single: true})
}

func (e *Expr) scan(s *exprScan) error {
	lex := s.lex
	first := lex.Peek()
	if err := s.run(); err != nil {
		return err
	}
	if s.last == nil {
		return participle.NextMatch
	}
	e.Span = diag.Span{File: first.Pos.Filename, Start: first.Pos.Offset, End: s.last.Pos.Offset + len(s.last.Value)}
	return nil
}

type exprScan struct {
	lex      *lexer.PeekingLexer
	last     *lexer.Token // last token taken
	single   bool         // no operator follows the operand
	operand  bool         // an operand was just completed
	ternary  int          // ? without their : so far
	wordLast bool         // the operand ends in a name, so ( calls it
}

func (s *exprScan) take() *lexer.Token {
	s.last = s.lex.Next()
	return s.last
}

func (s *exprScan) run() error {
	for {
		t := s.lex.Peek()
		if t.EOF() {
			return nil
		}
		var more bool
		var err error
		if s.operand {
			more, err = s.wantOperator(t)
		} else {
			more = s.wantOperand(t)
		}
		if !more || err != nil {
			return err
		}
		if !s.operand || !s.opens() {
			continue
		}
		if err := s.brackets(); err != nil {
			return err
		}
	}
}

// opens reports whether the token just taken opens a bracket.
func (s *exprScan) opens() bool {
	return s.last.Type == tOp && (s.last.Value == "{" || s.last.Value == "(" || s.last.Value == "[")
}

// wantOperand takes one token where an operand may begin. It leaves operand set once
// there is one; the zero return ends the expression.
func (s *exprScan) wantOperand(t *lexer.Token) bool {
	switch {
	case t.Type == tNewline:
		if s.last == nil {
			return false
		}
		s.lex.Next()
		return true
	case t.Type == tOp && (t.Value == "-" || t.Value == "+" || t.Value == "!"), t.Type == tIdent && t.Value == "not":
		s.take()
		return true
	case t.Type == tOp && t.Value != "{" && t.Value != "(" && t.Value != "[":
		return false
	}
	s.take()
	s.operand, s.wordLast = true, t.Type == tIdent
	return true
}

// wantOperator takes one token where an operator may stand.
func (s *exprScan) wantOperator(t *lexer.Token) (more bool, err error) {
	switch {
	case s.single && t.Value != "." && t.Value != "?." && t.Value != "[" && t.Value != "(":
		return false, nil
	case t.Type == tNewline:
		return s.acrossNewline(), nil
	case t.Type == tIdent && (binaryWords[t.Value] || t.Value == "not" && s.negates()):
		if s.take(); t.Value == "not" {
			s.take()
		}
	case t.Type == tIdent && s.fact():
		return true, nil
	case t.Type != tOp:
		return false, nil
	case binary[t.Value]:
		s.take()
	case t.Value == "?":
		s.take()
		s.ternary++
	case t.Value == ":" && s.ternary > 0:
		s.take()
		s.ternary--
	case t.Value == "." || t.Value == "?.":
		s.take()
		next := s.lex.Peek()
		if next.Type != tIdent && next.Value != "[" {
			return false, nil
		}
		s.take()
		s.wordLast = true
		return true, nil
	case t.Value == "[" || t.Value == "(" && s.wordLast:
		s.take()
		s.wordLast = false
		return true, nil
	default:
		return false, nil
	}
	s.operand = false
	return true, nil
}

// fact takes the words that say something of what stands before them: `charge completed`,
// `shop.ship took effect`.
func (s *exprScan) fact() bool {
	if !s.wordLast && s.last.Value != "]" {
		return false
	}
	n := factAhead(*s.lex.Peek(), func() lexer.Token { return peek(s.lex, 1) })
	for range n {
		s.take()
	}
	s.wordLast = false
	return n > 0
}

// negates reports whether the not ahead belongs to the operator behind it: `not in`.
func (s *exprScan) negates() bool {
	mark := s.lex.MakeCheckpoint()
	defer s.lex.LoadCheckpoint(mark)
	s.lex.Next()
	word := s.lex.Peek().Value
	return binaryWords[word] && word != "and" && word != "or"
}

// acrossNewline skips a newline if the next line goes on with an operator.
func (s *exprScan) acrossNewline() bool {
	mark := s.lex.MakeCheckpoint()
	s.lex.Next()
	t := s.lex.Peek()
	goesOn := t.Type == tOp && (binary[t.Value] || t.Value == "?" || t.Value == ":" && s.ternary > 0 || t.Value == "." || t.Value == "?.") ||
		t.Type == tIdent && (binaryWords[t.Value] || t.Value == "not" && s.negates())
	if !goesOn {
		s.lex.LoadCheckpoint(mark)
	}
	return goesOn
}

// brackets takes everything up to the bracket that closes the one just taken.
func (s *exprScan) brackets() error {
	open := s.last
	stack := []string{closer(open.Value)}
	for len(stack) > 0 {
		t := s.lex.Peek()
		switch {
		case t.EOF():
			return participle.Errorf(open.Pos, "unclosed %s", open.Value)
		case t.Type == tNewline && s.last.Type == tOp && (s.last.Value == "." || s.last.Value == "?."):
			return participle.Errorf(t.Pos, "unexpected token %q", t.Value) // a field's name is missing
		case t.Type != tOp:
		case t.Value == "{" || t.Value == "(" || t.Value == "[":
			stack = append(stack, closer(t.Value))
		case t.Value == "}" || t.Value == ")" || t.Value == "]":
			if t.Value != stack[len(stack)-1] {
				return participle.Errorf(t.Pos, "mismatched %s %s", t.Value, stack[len(stack)-1])
			}
			stack = stack[:len(stack)-1]
		}
		s.take()
	}
	s.wordLast = false
	return nil
}

func closer(open string) string {
	switch open {
	case "{":
		return "}"
	case "(":
		return ")"
	}
	return "]"
}

// definition is the lexer participle asks for; Parse hands it tokens directly.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{"EOF": lexer.EOF, "Newline": tNewline, "Ident": tIdent, "String": tString,
		"Int": tInt, "Float": lexer.TokenType(token.Float) + 1, "Duration": lexer.TokenType(token.Duration) + 1,
		"Percent": tPercent, "Class": tClass, "Op": tOp, "Invalid": lexer.TokenType(token.Invalid) + 1}
}

func (definition) Lex(string, io.Reader) (lexer.Lexer, error) {
	return nil, fmt.Errorf("use Parse")
}
