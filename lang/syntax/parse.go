package syntax

import (
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"wf/lang/diag"
	"wf/lang/token"
)

// Parse reads a .wf file. The file is never nil; beside errors it holds what could
// be read, without the statements that could not.
func Parse(name string, src []byte) (*File, diag.List) {
	s := &source{name: name, text: string(src), errors: token.MaxErrors}
	var comments []token.Comment
	s.all, comments, s.problems = token.Scan(name, s.text)
	f := &File{}
	if !slices.ContainsFunc(s.problems, s.hopeless) {
		scanned := slices.Clone(s.problems)
		f = s.parse()
		if s.problems.HasErrors() {
			if again := s.mended(scanned); again != nil {
				s.describe(again, comments, len(src))
				return again, s.problems
			}
		}
		if !s.problems.HasErrors() && len(f.Decls) == 0 {
			s.problems.Add(diag.Errorf(CodeEmpty, diag.Span{File: name}, "the file declares nothing").
				Hintf("a definition begins with: workflow NAME { … }"))
		}
	}
	s.finish(f)
	s.describe(f, comments, len(src))
	return f, s.problems
}

// hopeless reports whether nothing is read of a file with this problem.
func (s *source) hopeless(d *diag.Diagnostic) bool {
	if d.Code == token.CodeBadText {
		r, _ := utf8.DecodeRuneInString(s.text[d.Span.Start:])
		return r == utf8.RuneError || r == 0
	}
	return d.Code == token.CodeLimit
}

// describe says of a file what is not in its declarations.
func (s *source) describe(f *File, comments []token.Comment, size int) {
	f.Name = s.name
	f.Span = diag.Span{File: s.name, End: size}
	f.markPartial()
	for _, c := range comments {
		f.Comments = append(f.Comments, Comment{Node{Span: diag.Span{File: s.name, Start: c.Start, End: c.End}}, s.text[c.Start:c.End]})
	}
}

// markPartial marks what something is lost of.
func (f *File) markPartial() {
	if len(f.Lost) == 0 {
		return
	}
	Walk(f, func(n any) bool {
		p := placeOf(n)
		if p == nil {
			return true
		}
		p.Partial = slices.ContainsFunc(f.Lost, func(s diag.Span) bool { return p.Span.Start <= s.Start && s.Start < p.Span.End })
		return p.Partial
	})
}

// source is one file while it is parsed.
type source struct {
	name     string
	text     string
	all      []token.Token // ends with EOF
	problems diag.List
	errors   int  // syntax errors still told
	untold   bool // it was said that there are more
	tape     tape
	invalid  bool        // some tokens are known to be wrong
	lost     []diag.Span // what could not be read
}

// parser reads a run of tokens of a source.
type parser struct {
	*source
	tokens  []token.Token // ends with EOF
	within  string        // word of the construct that is around all tokens; "" for a whole file
	closers []string      // brackets to be added at the end, so that the rest can be read
}

// parse reads the file without its steps, and each step by itself: what is kept in
// memory and read again after an error is a step, not the file.
func (s *source) parse() *File {
	rest, steps := s.cut()
	f := read(&parser{source: s, tokens: rest}, grammar().file)
	var workflows []*Workflow // those that may still have steps
	for _, d := range f.Decls {
		if w, ok := d.(*Workflow); ok {
			workflows = append(workflows, w)
		}
	}
	var room []token.Token
	for _, tokens := range steps {
		start, end := tokens[0].Start, tokens[len(tokens)-1].End
		room = append(append(room[:0], tokens...), token.Token{Start: end, End: end})
		block := read(&parser{source: s, tokens: room, within: "workflow"}, grammar().block)
		for len(workflows) > 0 && workflows[0].Span.End <= start {
			workflows = workflows[1:]
		}
		if block != nil && len(workflows) > 0 && workflows[0].Span.Start <= start {
			workflows[0].Stmts = append(workflows[0].Stmts, block.Stmts...)
		}
	}
	for _, d := range f.Decls {
		if w, ok := d.(*Workflow); ok {
			slices.SortStableFunc(w.Stmts, func(a, b Stmt) int { return placeOf(a).Span.Start - placeOf(b).Span.Start })
		}
	}
	f.Lost = s.lost
	return f
}

// cut takes the steps of the workflows out of the tokens. Nothing is cut where
// brackets do not match, because nobody knows then where a step ends.
func (s *source) cut() (rest []token.Token, steps [][]token.Token) {
	whole := &parser{source: s, tokens: s.all}
	if !balanced(s.text, s.all) {
		return slices.Clone(s.all), nil
	}
	depth, decl := 0, ""
	for i := 0; i < len(s.all); i++ {
		word := s.word(i)
		switch s.all[i].Kind {
		case token.Ident:
			if depth == 0 && (whole.opensLine(i) || s.word(i-1) == ",") {
				decl = word
			}
			if depth == 1 && decl == "workflow" && word == "step" && whole.opensLine(i) {
				end := s.stepEnd(i)
				steps = append(steps, s.all[i:end])
				i = end - 1
				continue
			}
		case token.Newline:
			if n := len(rest); n > 0 && rest[n-1].Kind == token.Newline { // that of a step
				continue
			}
		case token.Op:
			depth += nesting(word)
		}
		rest = append(rest, s.all[i])
	}
	return rest, steps
}

// stepEnd is the index behind a step that begins at i: it ends with a brace, and the
// next line begins another statement or ends the workflow.
func (s *source) stepEnd(i int) int {
	depth := 0
	for ; i < len(s.all)-1; i++ {
		word := s.word(i)
		if s.all[i].Kind == token.Op {
			if depth == 0 && nesting(word) < 0 {
				return i
			}
			depth += nesting(word)
		}
		if depth > 0 || i == 0 || s.word(i-1) != "}" || s.all[i].Kind != token.Newline && word != "," {
			continue
		}
		if next := s.word(i + 1); next == "}" || s.all[i+1].Kind == token.Ident && grammar().stmts[next] != nil {
			return i
		}
	}
	return i
}

// word is the text of a token.
func (s *source) word(i int) string { return s.text[s.all[i].Start:s.all[i].End] }

// nesting is +1 for an opening bracket, -1 for a closing one, 0 for other signs.
func nesting(sign string) int {
	switch sign {
	case "{", "(", "[":
		return 1
	case "}", ")", "]":
		return -1
	}
	return 0
}

// read parses the tokens, leaving out one bad statement after the other; nil if that
// left nothing.
func read[T any](p *parser, by production[*T]) *T {
	invalid := p.invalid || p.problems.HasErrors()
	for p.errors > 0 {
		v, err := by(p.lexer())
		if err == nil {
			return v
		}
		p.errors--
		at := p.failure(err)
		if !invalid || !p.reported(at) {
			p.explain(at, err)
		}
		if !p.blank(at) {
			return v
		}
	}
	v, err := by(p.lexer())
	if err != nil && !p.untold {
		p.untold = true
		at := p.tokens[p.failure(err)]
		p.problems.Add(token.MoreErrors(diag.Span{File: p.name, Start: at.Start, End: at.End}))
	}
	return v
}

// lexer hands the tokens to participle, without the newlines that mean nothing.
func (p *parser) lexer() *lexer.PeekingLexer {
	l := &stream{p: p}
	return p.tape.wind(len(p.tokens)+len(p.closers), l.Next)
}

// tape is a lexer of participle that reads one list of tokens after the other: a new one
// for each step would be most of what parsing allocates.
type tape struct {
	lexer *lexer.PeekingLexer
	room  []lexer.Token // the lexer's own
}

// wind writes up to n tokens on the tape, the last of them EOF, and rewinds it.
func (t *tape) wind(n int, next func() lexer.Token) *lexer.PeekingLexer {
	if n > len(t.room) {
		room := blank(max(2*n, 256))
		lex, err := lexer.Upgrade(&room)
		if err != nil {
			panic("a blank tape cannot fail: " + err.Error())
		}
		t.lexer, t.room = lex, lex.Range(0, lexer.RawCursor(max(2*n, 256)))
	}
	for i := range t.room {
		if t.room[i] = next(); t.room[i].EOF() {
			break
		}
	}
	t.lexer.LoadCheckpoint(lexer.Checkpoint{})
	return t.lexer
}

// blank is so many tokens without meaning.
type blank int

// Next hands out one of them.
func (b *blank) Next() (lexer.Token, error) {
	if *b--; *b < 0 {
		return lexer.EOFToken(lexer.Position{}), nil
	}
	return lexer.Token{Type: tNewline}, nil
}

type stream struct {
	p    *parser
	next int
	more int // closers handed out
	open []byte
}

// Next converts one token; behind the last one it is EOF.
func (l *stream) Next() lexer.Token {
	for {
		t := l.p.tokens[l.next]
		word := l.p.text[t.Start:t.End]
		pos := lexer.Position{Filename: l.p.name, Offset: t.Start}
		if t.Kind == token.EOF {
			if l.more < len(l.p.closers) {
				l.more++
				return lexer.Token{Type: tOp, Value: l.p.closers[l.more-1], Pos: pos}
			}
			return lexer.Token{Type: lexer.EOF, Pos: pos}
		}
		l.next++
		switch {
		case t.Kind == token.Newline && l.goesOn():
			continue
		case t.Kind != token.Op:
		case word == "{" || word == "(" || word == "[":
			l.open = append(l.open, word[0])
		case word == "}" || word == ")" || word == "]":
			l.open = l.open[:max(0, len(l.open)-1)]
		}
		return lexer.Token{Type: lexer.TokenType(t.Kind) + 1, Value: word, Pos: pos}
	}
}

// goesOn reports whether the newline just taken means nothing: inside ( and [, around
// the | of a choice and the dot before a name, and behind a comma, which separates as
// well and may go on with a list.
func (l *stream) goesOn() bool {
	return len(l.open) > 0 && l.open[len(l.open)-1] != '{' || l.sign(l.next, "|", ".", "?.") || l.sign(l.next-2, "|", ".", "?.", ",")
}

// sign reports whether token i is one of some signs.
func (l *stream) sign(i int, signs ...string) bool {
	if i < 0 {
		return false
	}
	t := l.p.tokens[i]
	return t.Kind == token.Op && slices.Contains(signs, l.p.text[t.Start:t.End])
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
	if p.tokens[at].Kind == token.EOF && len(p.unclosed()) > 0 {
		return p.balance()
	}
	if end := p.incomplete(at); end > 0 {
		at = end
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
		} else if depth == 0 && t.Kind == token.Newline && !p.continued(from) {
			break
		}
	}
	to := p.statementEnd(from, at)
	if to == from {
		to++ // a stray closing brace
	}
	if to = min(to, len(p.tokens)-1); to > from {
		p.lost = append(p.lost, diag.Span{File: p.name, Start: p.tokens[from].Start, End: p.tokens[to-1].End})
	}
	p.tokens = slices.Delete(p.tokens, from, to)
	return true
}

// continued reports whether the line that begins with token i goes on with the one above.
func (p *parser) continued(i int) bool {
	word := p.textOf(i)
	return p.tokens[i].Kind == token.Ident && (word == "else" || word == "then" || binaryWords[word]) || p.tokens[i].Kind == token.Op && (binary[word] || word == "|" || word == "." || word == "?." || word == "?")
}

// incomplete is the last token of the statement that ends too early, if that is what the
// error at a token is about: another statement begins there, or the block ends; 0 if not.
func (p *parser) incomplete(at int) int {
	end := at - 1
	for end > 0 && p.tokens[end].Kind == token.Newline {
		end--
	}
	if end <= 0 || p.textOf(end) == "{" || p.textOf(end) == "," {
		return 0
	}
	next := p.tokens[at]
	switch {
	case next.Kind == token.EOF, next.Kind == token.Op && p.textOf(at) == "}" && p.opened(at):
		return end
	case next.Kind == token.Ident && end < at-1 && slices.Contains(words[p.context(at)], p.textOf(at)):
		return end
	}
	return 0
}

// textOf is the text of a token; "" outside.
func (p *parser) textOf(i int) string {
	if i < 0 || i >= len(p.tokens) {
		return ""
	}
	return p.text[p.tokens[i].Start:p.tokens[i].End]
}

// statementEnd is where the statement that starts at from and fails at `at` ends.
func (p *parser) statementEnd(from, at int) int {
	depth := 0
	for i := from; i < len(p.tokens)-1; i++ {
		t := p.tokens[i]
		word := p.text[t.Start:t.End]
		switch {
		case t.Kind == token.Newline && depth <= 0 && i >= at && !p.continued(i+1):
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
