// Package token cuts source text into words, numbers and signs. It is shared by
// the grammar (lang/syntax) and the expressions (lang/expr), so that both agree on
// what a token is.
//
// [Scan] never fails: what it cannot read becomes an [Invalid] token and a
// diagnostic. Newlines are tokens, because the language ends statements with them;
// spaces are nothing and comments are collected on the side.
package token

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"wf/lang/diag"
)

// Kind is the sort of a token.
type Kind int8

// Token kinds.
const (
	EOF      Kind = iota
	Newline       // one or more line ends, with the comments between them
	Ident         // letters, digits and _, not starting with a digit
	String        // "…" with escapes, both quotes included
	Int           // 42, 0x2a, 1_000
	Float         // 1.5, 1e9
	Duration      // 30s, 1m30s, 2d
	Percent       // 10%
	Class         // 5xx
	Op            // a sign: { } ( ) [ ] , : . ?. ?? == …
	Invalid       // what no rule fits
)

var kindNames = [...]string{"end of file", "end of line", "name", "string", "number", "number", "duration", "percentage", "status class", "sign", "unreadable text"}

// String names the kind for messages.
func (k Kind) String() string { return kindNames[k] }

// Token is one token; its text is src[Start:End].
type Token struct {
	Kind       Kind
	Start, End int
}

// Comment is a `//` comment without its line end.
type Comment struct{ Start, End int }

// Limits on a source text. They are far above what people write and keep hostile
// input from costing more than a moment.
const (
	MaxSize   = 64 << 20  // bytes of one file
	MaxTokens = 5_000_000 // words and signs of one file
	MaxDepth  = 200       // open brackets
	MaxErrors = 20        // errors told by one stage of reading a file
)

// Codes of the diagnostics Scan gives.
const (
	CodeBadText  diag.Code = "WF101" // bytes that are not text of the language
	CodeLimit    diag.Code = "WF102" // a limit of size or depth
	CodeBadToken diag.Code = "WF103" // a literal that is not well formed
)

// ops lists the signs by their first byte, longest first.
var ops = func() (by [utf8.RuneSelf][]string) {
	for _, op := range []string{
		"??", "?.", "==", "!=", "<=", ">=", "&&", "||", "..", "**", "::",
		"{", "}", "(", ")", "[", "]", ",", ":", ".", "?", "=", "<", ">", "+", "-", "*", "/", "%", "^", "|", "!", "#", ";", "$",
	} {
		by[op[0]] = append(by[op[0]], op)
	}
	return by
}()

// Scan cuts src into tokens; the last one is always EOF. Newlines directly after
// one another are one token. A byte order mark at the start is skipped, and "\r\n"
// is a line end like "\n".
func Scan(file, src string) ([]Token, []Comment, diag.List) {
	s := scanner{file: file, src: src}
	if len(src) > MaxSize {
		s.problems.Add(diag.Errorf(CodeLimit, diag.Span{File: file}, "the file has %d bytes; the limit is %d", len(src), MaxSize).
			Hintf("split the definition into files and import them"))
		return []Token{{EOF, len(src), len(src)}}, nil, s.problems
	}
	if i := notText(src); i >= 0 {
		s.problems.Add(diag.Errorf(CodeBadText, s.span(i, i+1), "byte 0x%02x is not text: a definition is written in UTF-8", src[i]).
			Hintf("save the file as UTF-8; binary files and other encodings (UTF-16, Latin-1) are not read"))
		return []Token{{EOF, len(src), len(src)}}, nil, s.problems
	}
	s.tokens = make([]Token, 0, min(len(src)/3, MaxTokens)+8)
	if strings.HasPrefix(src, "\xEF\xBB\xBF") {
		s.pos = 3
	}
	for s.pos < len(src) && s.next() && !s.tooMuch() {
	}
	s.emit(EOF, len(src), len(src))
	return s.tokens, s.comments, s.problems
}

// notText is the place of the first byte that is no UTF-8 text or a control character,
// or -1.
func notText(src string) int {
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f:
			return i
		case c < utf8.RuneSelf:
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(src[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return -1
}

// tooMuch reports whether a limit is reached, and says so.
func (s *scanner) tooMuch() bool {
	switch {
	case len(s.tokens) >= MaxTokens:
		s.problems.Add(diag.Errorf(CodeLimit, s.span(s.pos, s.pos), "the file has more than %d words and signs", MaxTokens).
			Hintf("split the definition into files and import them"))
	case len(s.problems) > MaxErrors:
		s.problems = append(s.problems[:MaxErrors], MoreErrors(s.problems[MaxErrors].Span))
	default:
		return false
	}
	return true
}

// MoreErrors says that no further errors are told; the place is that of the next one.
func MoreErrors(at diag.Span) *diag.Diagnostic {
	return diag.Errorf(CodeLimit, at, "there are more than %d errors; the others are not told", MaxErrors)
}

type scanner struct {
	file     string
	src      string
	pos      int
	depth    int
	tokens   []Token
	comments []Comment
	problems diag.List
}

func (s *scanner) emit(k Kind, start, end int) {
	s.tokens = append(s.tokens, Token{k, start, end})
	s.pos = end
}

func (s *scanner) span(start, end int) diag.Span {
	return diag.Span{File: s.file, Start: start, End: end}
}

// next reads one token and reports whether it makes sense to go on.
func (s *scanner) next() bool {
	start, c := s.pos, s.src[s.pos]
	switch {
	case c == ' ' || c == '\t' || c == '\r' && s.peek(1) == '\n':
		s.pos++
	case c == '\n':
		s.newline()
	case c == '/' && s.peek(1) == '/':
		for s.pos < len(s.src) && s.src[s.pos] != '\n' && s.src[s.pos] != '\r' {
			s.pos++
		}
		s.comments = append(s.comments, Comment{start, s.pos})
	case c == '"':
		s.str()
	case isDigit(c):
		s.number()
	case c == '_' || c < utf8.RuneSelf && unicode.IsLetter(rune(c)):
		s.emit(Ident, start, s.wordEnd(start))
	default:
		return s.sign()
	}
	return true
}

func (s *scanner) peek(n int) byte {
	if s.pos+n < len(s.src) {
		return s.src[s.pos+n]
	}
	return 0
}

func (s *scanner) newline() {
	if n := len(s.tokens); n > 0 && s.tokens[n-1].Kind == Newline {
		s.pos++
		return
	}
	s.emit(Newline, s.pos, s.pos+1)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// wordEnd is the end of the run of letters, digits and _ that starts at i.
func (s *scanner) wordEnd(i int) int {
	for i < len(s.src) {
		c := s.src[i]
		if c < utf8.RuneSelf {
			if c != '_' && !isDigit(c) && !unicode.IsLetter(rune(c)) {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s.src[i:])
		if r == utf8.RuneError || !unicode.IsLetter(r) {
			break
		}
		i += n
	}
	return i
}

func (s *scanner) sign() bool {
	rest := s.src[s.pos:]
	if rest[0] < utf8.RuneSelf {
		for _, op := range ops[rest[0]] {
			if strings.HasPrefix(rest, op) {
				return s.op(op)
			}
		}
	}
	r, n := utf8.DecodeRuneInString(rest)
	start := s.pos
	switch {
	case r == '\'' || r == '`':
		n = quoted(rest)
		s.problems.Add(diag.Errorf(CodeBadToken, s.span(start, start+n), "a string stands in straight double quotes").
			Hintf(`write "…"`))
	case strings.ContainsRune(Quotes, r):
		n = s.typographic(rest)
		s.problems.Add(diag.Errorf(CodeBadToken, s.span(start, start+n), "a string stands in straight double quotes").
			Hintf(`write "…"`))
	case unicode.IsLetter(r):
		end := s.wordEnd(start)
		s.problems.Add(diag.Errorf(CodeBadToken, s.span(start, end), "a name starts with a letter from a to z, or _"))
		n = end - start
	case unicode.IsSpace(r) || r == '\uFEFF' || r == '\r':
		s.problems.Add(diag.Errorf(CodeBadText, s.span(start, start+n), "invisible character U+%04X", r).
			Hintf("replace it by a plain space or line end"))
		s.pos += n
		return true
	default:
		s.problems.Add(diag.Errorf(CodeBadText, s.span(start, start+n), "unexpected character %q", r))
	}
	s.emit(Invalid, start, start+n)
	return true
}

// quoted is the length of a string in quotes of one byte; a quote in it is written twice.
func quoted(rest string) int {
	for i := 1; i < len(rest) && rest[i] != '\n'; i++ {
		if rest[i] != rest[0] {
			continue
		}
		if i+1 == len(rest) || rest[i+1] != rest[0] || i == 1 {
			return i + 1
		}
		i++
	}
	n := 1
	for n < len(rest) && rest[n] != '\n' && rest[n] != '\r' {
		n++
	}
	return n
}

// Quotes are those of typography, which come along when text is copied from documents.
const Quotes = "“”„‟‘’‚«»"

// typographic is the length of a string in such quotes; of the quote alone if none
// closes it on its line.
func (s *scanner) typographic(rest string) int {
	_, first := utf8.DecodeRuneInString(rest)
	for i := first; i < len(rest) && rest[i] != '\n'; {
		r, n := utf8.DecodeRuneInString(rest[i:])
		i += n
		if r == '"' || strings.ContainsRune(Quotes, r) {
			return i
		}
	}
	return first
}

func (s *scanner) op(op string) bool {
	start := s.pos
	switch op {
	case "{", "(", "[":
		if s.depth++; s.depth > MaxDepth {
			s.problems.Add(diag.Errorf(CodeLimit, s.span(start, start+1), "more than %d brackets are open here", MaxDepth).
				Hintf("name the inner parts with let"))
			return false
		}
	case "}", ")", "]":
		s.depth = max(0, s.depth-1)
	}
	if op == "?." && isDigit(s.peek(2)) { // a?.5:b is a condition, not a path
		op = "?"
	}
	s.emit(Op, start, start+len(op))
	return true
}

// str reads a string up to its closing quote on the same line.
func (s *scanner) str() {
	start := s.pos
	for i := start + 1; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '"':
			s.emit(String, start, i+1)
			return
		case c == '\n':
			s.unterminated(start, i)
			return
		case c == '$' && i+1 < len(s.src) && s.src[i+1] == '{':
			end := s.hole(i + 2)
			if end < 0 {
				s.unterminated(start, lineEnd(s.src, i))
				return
			}
			i = end
		case c == '\\':
			i++
		}
	}
	s.unterminated(start, len(s.src))
}

// hole finds the brace that closes a `${` whose content starts at i, minding
// braces and strings inside; -1 if the line ends first.
func (s *scanner) hole(i int) int {
	depth, quoted := 0, false
	for ; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '\n':
			return -1
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

func lineEnd(src string, i int) int {
	for i < len(src) && src[i] != '\n' {
		i++
	}
	return i
}

func (s *scanner) unterminated(start, end int) {
	for end > start && s.src[end-1] == '\r' {
		end--
	}
	s.problems.Add(diag.Errorf(CodeBadToken, s.span(start, start+1), "this string is not closed on its line").
		Hintf(`close it with ", and write \n for a line end`))
	s.emit(Invalid, start, end)
}

// number reads everything that starts with a digit.
func (s *scanner) number() {
	start := s.pos
	i := s.digits(start)
	kind := Int
	if s.src[start] == '0' && i == start+1 && i < len(s.src) && (s.src[i]|0x20 == 'x' || s.src[i]|0x20 == 'b' || s.src[i]|0x20 == 'o') {
		s.emit(Int, start, s.wordEnd(i))
		return
	}
	if i+1 < len(s.src) && s.src[i] == '.' && isDigit(s.src[i+1]) {
		kind, i = Float, s.digits(i+1)
	}
	if kind == Float && i+1 < len(s.src) && s.src[i] == '.' && isDigit(s.src[i+1]) {
		for i+1 < len(s.src) && s.src[i] == '.' && isDigit(s.src[i+1]) {
			i = s.digits(i + 1)
		}
		i = s.wordEnd(i)
		s.problems.Add(diag.Errorf(CodeBadToken, s.span(start, i), "%s is not a number", s.src[start:i]).Hintf("a number has one point; a version stands in quotes"))
		s.emit(Invalid, start, i)
		return
	}
	if i < len(s.src) && s.src[i] == '%' && !s.operandAt(i+1) {
		s.emit(Percent, start, i+1)
		return
	}
	end := s.wordEnd(i)
	switch word := s.src[i:end]; {
	case word == "" && kind == Int && i > start+1 && s.src[start] == '0':
		s.problems.Add(diag.Errorf(CodeBadToken, s.span(start, i), "a number does not begin with 0").
			Hintf("write %s, or 0o… for an octal number", strings.TrimLeft(s.src[start:i-1], "0_")+s.src[i-1:i]))
		s.emit(Invalid, start, i)
	case word == "":
		s.emit(kind, start, i)
	case kind == Int && i == start+1 && word == "xx" && s.src[start] != '0':
		s.emit(Class, start, end)
	case exponent(word):
		s.emit(Float, start, end)
	case word == "e" && end < len(s.src) && (s.src[end] == '-' || s.src[end] == '+') && end+1 < len(s.src) && isDigit(s.src[end+1]):
		s.emit(Float, start, s.digits(end+1))
	default:
		s.duration(start, i)
	}
}

func exponent(word string) bool {
	if len(word) < 2 || word[0]|0x20 != 'e' {
		return false
	}
	for _, c := range []byte(word[1:]) {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// operandAt reports whether a number, name or bracket follows directly, or after
// spaces on the same line a number does: then a % before it is the remainder.
func (s *scanner) operandAt(i int) bool {
	for i < len(s.src) && s.src[i] == ' ' {
		i++
	}
	return i < len(s.src) && (isDigit(s.src[i]) || s.src[i] == '(' || s.src[i] == '_' || s.src[i]|0x20 >= 'a' && s.src[i]|0x20 <= 'z')
}

func (s *scanner) digits(i int) int {
	for i < len(s.src) && (isDigit(s.src[i]) || s.src[i] == '_' && i+1 < len(s.src) && isDigit(s.src[i+1])) {
		i++
	}
	return i
}

// duration reads the units and further digits of a duration, "1m30s", "1.5h".
func (s *scanner) duration(start, i int) {
	end := s.wordEnd(i)
	for end+1 < len(s.src) && s.src[end] == '.' && isDigit(s.src[end+1]) && isDigit(s.src[end-1]) {
		end = s.wordEnd(end + 1)
	}
	if units(s.src[start:end]) {
		s.emit(Duration, start, end)
		return
	}
	s.problems.Add(diag.Errorf(CodeBadToken, s.span(start, end), "%q is neither a number nor a duration", s.src[start:end]).
		Hintf("durations end in ms, s, m, h or d, as in 1m30s"))
	s.emit(Invalid, start, end)
}

// units reports whether text alternates numbers and known units.
func units(text string) bool {
	for i := 0; i < len(text); {
		for i < len(text) && (isDigit(text[i]) || text[i] == '.' || text[i] == '_') {
			i++
		}
		u := i
		for i < len(text) && !isDigit(text[i]) {
			i++
		}
		switch text[u:i] {
		case "ns", "us", "µs", "μs", "ms", "s", "m", "h", "d":
		default:
			return false
		}
	}
	return true
}
