package expr

import (
	"strings"

	"wf/lang/diag"
	"wf/lang/token"
)

// habits are functions of other languages, with what is written here.
var habits = map[string]string{
	"length": "len(…)", "size": "len(…)", "lenght": "len(…)", "strlen": "len(…)", "toString": "string(…)", "str": "string(…)", "to_s": "string(…)", "String": "string(…)", "tostring": "string(…)",
	"parseInt": "int(…)", "toInt": "int(…)", "to_i": "int(…)", "Number": "float(…)", "parseFloat": "float(…)", "round2": "round(…)",
	"toUpperCase": "upper(…)", "toUpper": "upper(…)", "uppercase": "upper(…)", "upcase": "upper(…)", "toLowerCase": "lower(…)", "toLower": "lower(…)", "lowercase": "lower(…)", "downcase": "lower(…)", "strip": "trim(…)",
	"includes": "value in list, or text contains \"…\"", "contains": "value in list, or text contains \"…\"", "indexOf": "findIndex(list, # == value)", "some": "any(list, …)", "every": "all(list, …)", "select": "filter(list, …)",
	"coalesce": "a ?? b", "default": "a ?? b", "ifnull": "a ?? b", "isNull": "x == nil", "isnull": "x == nil", "exists": "x != nil", "isset": "x != nil", "empty": "len(x) == 0", "isEmpty": "len(x) == 0",
	"substring": "text[from:to]", "substr": "text[from:to]", "slice": "list[from:to]", "concat_ws": "join(list, \", \")", "format": "a string with the value inside: \"… ${value}\"", "sprintf": "a string with the value inside: \"… ${value}\"",
	"push": "concat(list, [value])", "append": "concat(list, [value])",
}

// instead is the hint for a function that does not exist.
func instead(name string) string {
	if own, ok := habits[name]; ok && !IsBuiltin(name) {
		return "write " + own
	}
	return diag.DidYouMean(name, Builtins())
}

// slip explains a text that is no expression by what commonly goes wrong; nil if it is
// none of that.
func slip(src Source) *diag.Diagnostic {
	text := token.Text{Source: src.Text}
	text.Tokens, _, _ = token.Scan("", src.Text)
	s := slipFinder{Text: text, src: src}
	for i := range text.Tokens {
		if d := s.at(i); d != nil {
			return d
		}
		if text.Tokens[i].Kind != token.Op {
			continue
		}
		switch word := text.Word(i); word {
		case "{", "(", "[":
			s.open = append(s.open, bracket{word: word})
		case "}", ")", "]":
			s.open = s.open[:max(0, len(s.open)-1)]
		case "?":
			s.top().choices++
		case ":":
			if s.top().choices > 0 {
				s.top().choices--
			}
		}
	}
	return nil
}

// bracket is one that is open; choices are the ? in it without their : so far.
type bracket struct {
	word    string
	choices int
}

type slipFinder struct {
	token.Text
	src   Source
	open  []bracket
	outer bracket
}

func (s *slipFinder) top() *bracket {
	if len(s.open) == 0 {
		return &s.outer
	}
	return &s.open[len(s.open)-1]
}

func (s *slipFinder) problem(i int, format string, args ...any) *diag.Diagnostic {
	t := s.Tokens[i]
	end := t.End
	if t.Kind == token.Newline || t.Kind == token.EOF {
		end = t.Start
	}
	return diag.Errorf(CodeSyntax, s.src.At(t.Start, max(end, t.Start)), format, args...)
}

// at looks at token i and what is before it.
func (s *slipFinder) at(i int) *diag.Diagnostic {
	t, word := s.Tokens[i], s.Word(i)
	prev := i - 1
	for prev >= 0 && s.Tokens[prev].Kind == token.Newline {
		prev--
	}
	if prev < 0 {
		return nil
	}
	before := s.Word(prev)
	ends := t.Kind == token.EOF || t.Kind == token.Op && (word == "}" || word == ")" || word == "]" || word == ",") ||
		t.Kind == token.Newline && !s.Continues(i)
	switch {
	case ends && s.Tokens[prev].Kind == token.Op && (before == "." || before == "?."):
		return s.problem(prev, "a name is missing behind %s", before)
	case ends && before == ":" && s.top().choices == 0 && s.top().word == "{" && prev > 0:
		return s.problem(prev, "%s has no value", strings.Trim(s.Word(prev-1), `"`)).Hintf("write %s: value", strings.Trim(s.Word(prev-1), `"`))
	case ends && s.operator(prev):
		return s.problem(prev, "a value is missing behind %s", before)
	case ends && s.top().choices > 0:
		return s.problem(prev, "this choice has no other side").Hintf("write condition ? one : other")
	case t.Kind == token.Op && word == ":" && s.top().word == "(" && s.top().choices == 0:
		return s.problem(i, "arguments of functions have no names").Hintf("pass the values in their order")
	case s.operator(i) && word != "-" && word != "+" && s.operator(prev) && before != "-" && before != "+" && t.Kind == token.Op:
		return s.problem(i, "a value is missing between %s and %s", before, word)
	}
	return s.twoInARow(i, prev)
}

// operator reports whether token i needs a value on its right.
func (s *slipFinder) operator(i int) bool {
	switch s.Tokens[i].Kind {
	case token.Ident:
		return token.WordOps[s.Word(i)] && !s.IsKey(i) && s.Word(i-1) != "." && s.Word(i-1) != "?."
	case token.Op:
		return !strings.Contains("{([})],:.?.#", s.Word(i))
	}
	return false
}

// twoInARow finds two values without anything between.
func (s *slipFinder) twoInARow(i, prev int) *diag.Diagnostic {
	value := func(i int) bool {
		switch s.Tokens[i].Kind {
		case token.Ident:
			return !token.WordOps[s.Word(i)] || s.IsKey(i)
		case token.String, token.Int, token.Float, token.Duration:
			return true
		}
		return false
	}
	closes := s.Tokens[prev].Kind == token.Op && strings.Contains("})]", s.Word(prev))
	if !value(i) || !value(prev) && !closes || s.Word(prev-1) == "let" || i-prev > 1 && s.top().word != "(" {
		return nil
	}
	word := strings.Trim(s.Word(i), `"`)
	if s.Tokens[i].Kind == token.String && s.Tokens[prev].Kind == token.Ident && s.Tokens[prev].End == s.Tokens[i].Start {
		return s.problem(prev, "a string has no prefix").Hintf("write %s; ${…} puts values into any string", s.Word(i))
	}
	switch s.top().word {
	case "{", "[":
		return s.problem(i, "a comma is missing before %s", word)
	case "(":
		return s.problem(i, "a comma or operator is missing before %s", word)
	}
	return s.problem(i, "an operator is missing before %s", word)
}
