package syntax

import (
	"errors"
	"slices"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"wf/lang/diag"
	"wf/lang/token"
)

// MaxErrors is how many syntax errors of one file are looked for.
const MaxErrors = 20

// grammar is built on first use, once: it costs a millisecond.
var grammar = sync.OnceValue(func() *participle.Parser[File] {
	return participle.MustBuild[File](
		participle.Lexer(definition{}),
		participle.UseLookahead(2),
		participle.Union[Decl](&Import{}, &TypeDecl{}, &Let{}, &PolicyDecl{}, &Service{}, &Workflow{}),
		participle.Union[ServiceItem](&Operation{}, &Classify{}, &Answer{}),
		participle.Union[OperationItem](&HTTP{}, &Input{}, &Answer{}),
		participle.Union[Shape](&Record{}, &ListShape{}, &EnumShape{}, &NamedShape{}),
		participle.Union[Stmt](&Step{}, &Call{}, &On{}, &Let{}, &Return{}, &Ensure{}, &Fail{}, &Degrade{}, &Retry{}, &Timeout{}, &Within{}, &Limit{},
			&Use{}, &Classify{}, &Version{}, &Describe{}, &Input{}, &Output{}),
	)
})

// Parse reads a .wf file. The file is never nil; beside errors it holds what could
// be read, without the statements that could not.
func Parse(name string, src []byte) (*File, diag.List) {
	p := &parser{name: name, text: string(src)}
	var comments []token.Comment
	p.tokens, comments, p.problems = token.Scan(name, src)
	f := &File{}
	if !slices.ContainsFunc(p.problems, func(d *diag.Diagnostic) bool { return d.Code == token.CodeLimit || d.Code == token.CodeBadText }) {
		f = p.parse()
		if !p.problems.HasErrors() && len(f.Decls) == 0 {
			p.problems.Add(diag.Errorf(CodeEmpty, diag.Span{File: name}, "the file declares nothing").
				Hintf("a definition begins with: workflow NAME { … }"))
		}
	}
	f.Name = name
	f.Span = diag.Span{File: name, End: len(src)}
	for _, c := range comments {
		f.Comments = append(f.Comments, Comment{Node{Span: diag.Span{File: name, Start: c.Start, End: c.End}}, p.text[c.Start:c.End]})
	}
	p.finish(f)
	return f, p.problems
}

type parser struct {
	name     string
	text     string
	tokens   []token.Token
	problems diag.List
	closers  []string // brackets to be added at the end, so that the rest can be read
}

// parse reads the tokens, leaving out one bad statement after the other.
func (p *parser) parse() *File {
	invalid := p.problems.HasErrors()
	for range MaxErrors {
		f, err := grammar().ParseFromLexer(p.lexer())
		if err == nil {
			return f
		}
		at := p.failure(err)
		if !invalid || !p.reported(at) {
			p.explain(at, err)
		}
		if !p.blank(at) {
			return f
		}
	}
	return &File{}
}

// lexer hands the tokens to participle. Newlines inside ( and [ are dropped.
func (p *parser) lexer() *lexer.PeekingLexer {
	l := &stream{p: p}
	peeking, err := lexer.Upgrade(l)
	if err != nil {
		panic("a token stream cannot fail: " + err.Error())
	}
	return peeking
}

type stream struct {
	p    *parser
	next int
	more int // closers handed out
	open []byte
}

// Next converts one token.
func (l *stream) Next() (lexer.Token, error) {
	for {
		t := l.p.tokens[l.next]
		word := l.p.text[t.Start:t.End]
		pos := lexer.Position{Filename: l.p.name, Offset: t.Start}
		if t.Kind == token.EOF {
			if l.more < len(l.p.closers) {
				l.more++
				return lexer.Token{Type: tOp, Value: l.p.closers[l.more-1], Pos: pos}, nil
			}
			return lexer.Token{Type: lexer.EOF, Pos: pos}, nil
		}
		l.next++
		switch {
		case t.Kind == token.Newline && len(l.open) > 0 && l.open[len(l.open)-1] != '{':
			continue
		case t.Kind != token.Op:
		case word == "{" || word == "(" || word == "[":
			l.open = append(l.open, word[0])
		case word == "}" || word == ")" || word == "]":
			l.open = l.open[:max(0, len(l.open)-1)]
		}
		return lexer.Token{Type: lexer.TokenType(t.Kind) + 1, Value: word, Pos: pos}, nil
	}
}

// failure is the index of the token a parse error is about.
func (p *parser) failure(err error) int {
	var pe participle.Error
	offset := 0
	if errors.As(err, &pe) {
		offset = pe.Position().Offset
	}
	i, _ := slices.BinarySearchFunc(p.tokens, offset, func(t token.Token, at int) int { return t.Start - at })
	return min(i, len(p.tokens)-1)
}

// reported tells whether the scanner complained about this token already.
func (p *parser) reported(at int) bool {
	return slices.ContainsFunc(p.problems, func(d *diag.Diagnostic) bool {
		return d.Span.Start >= p.tokens[at].Start && d.Span.Start < p.tokens[at].End
	})
}

// blank removes the statement around token at: from the newline, comma or brace
// before it to the next newline or comma on its level, or its closing brace. It
// reports whether anything was left to remove.
func (p *parser) blank(at int) bool {
	if len(p.tokens) == 1 {
		return false
	}
	if p.tokens[at].Kind == token.EOF {
		return p.balance()
	}
	from := at
	for depth := 0; from > 0; from-- {
		t := p.tokens[from-1]
		word := p.text[t.Start:t.End]
		if t.Kind == token.Op && (word == "}" || word == ")" || word == "]") {
			depth++
		} else if t.Kind == token.Op && (word == "{" || word == "(" || word == "[") {
			if depth == 0 && word == "{" {
				break
			}
			depth = max(0, depth-1)
		} else if depth == 0 && t.Kind == token.Newline {
			break
		}
	}
	to := p.statementEnd(from, at)
	if to == from {
		to++ // a stray closing brace
	}
	p.tokens = slices.Delete(p.tokens, from, min(to, len(p.tokens)-1))
	return true
}

// statementEnd is where the statement that starts at from and fails at `at` ends.
func (p *parser) statementEnd(from, at int) int {
	depth := 0
	for i := from; i < len(p.tokens)-1; i++ {
		t := p.tokens[i]
		word := p.text[t.Start:t.End]
		switch {
		case t.Kind == token.Newline && depth <= 0 && i >= at:
			return i
		case t.Kind != token.Op:
		case word == "{" || word == "(" || word == "[":
			depth++
		case word == "}" || word == ")" || word == "]":
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return len(p.tokens) - 1
}

// balance closes what is open at the end of the file, and reports whether
// anything was.
func (p *parser) balance() bool {
	open := p.unclosed()
	if len(open) == 0 || len(p.closers) > 0 {
		return false
	}
	for _, i := range slices.Backward(open) {
		p.closers = append(p.closers, closer(p.text[p.tokens[i].Start:p.tokens[i].End]))
	}
	return true
}

// unclosed lists the indexes of brackets that are never closed.
func (p *parser) unclosed() []int {
	var open []int
	for i, t := range p.tokens {
		if t.Kind != token.Op {
			continue
		}
		switch p.text[t.Start:t.End] {
		case "{", "(", "[":
			open = append(open, i)
		case "}", ")", "]":
			open = open[:max(0, len(open)-1)]
		}
	}
	return open
}
