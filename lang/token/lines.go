package token

import "strings"

// Text is a source with its tokens.
type Text struct {
	Source string
	Tokens []Token
}

// Word is the text of token i; "" if there is none.
func (t Text) Word(i int) string {
	if i < 0 || i >= len(t.Tokens) {
		return ""
	}
	return t.Source[t.Tokens[i].Start:t.Tokens[i].End]
}

// Closing is the token that closes the bracket at i; the last one of the text if none does.
func (t Text) Closing(i int) int {
	for depth := 0; i < len(t.Tokens)-1; i++ {
		switch t.Word(i) {
		case "[", "(", "{":
			depth++
		case "]", ")", "}":
			depth--
		}
		if depth == 0 {
			break
		}
	}
	return i
}

// WordOps are the operators of expressions that are words.
var WordOps = map[string]bool{"and": true, "or": true, "not": true, "in": true, "matches": true, "contains": true, "startsWith": true, "endsWith": true}

// negatable are the operators that may follow not: `x not in list`.
var negatable = map[string]bool{"in": true, "matches": true, "contains": true, "startsWith": true, "endsWith": true}

// Continues reports whether the Newline token i separates nothing where line ends
// separate, between the fields of an object or the elements of a list: at an edge, next
// to a comma, or in the midst of an expression, though not between a dot and its field.
func (t Text) Continues(i int) bool {
	prev, next := t.Word(i-1), t.Word(i+1)
	if i == 0 || i+1 >= len(t.Tokens) || t.Tokens[i+1].Kind == EOF || next == "}" || next == "]" || next == "," || prev == "{" || prev == "[" || prev == "," || prev == ":" {
		return true
	}
	if t.Tokens[i-1].Kind == Op && !strings.Contains(")]}#.", prev) && prev != "?." || t.Tokens[i-1].Kind == Ident && WordOps[prev] && !t.IsKey(i-1) && t.Word(i-2) != "." && t.Word(i-2) != "?." {
		return true
	}
	return t.GoesOn(i + 1)
}

// GoesOn reports whether token i, at the start of a line, goes on with the expression of
// the line above.
func (t Text) GoesOn(i int) bool {
	switch {
	case t.IsKey(i):
		return false
	case t.Tokens[i].Kind == Op:
		return !strings.Contains("([{#!", t.Word(i))
	}
	return t.Tokens[i].Kind == Ident && WordOps[t.Word(i)] && (t.Word(i) != "not" || negatable[t.Word(i+1)])
}

// IsKey reports whether token i is the key of an object's field.
func (t Text) IsKey(i int) bool {
	return t.Word(i+1) == ":" && (t.Tokens[i].Kind == Ident || t.Tokens[i].Kind == String) && t.StartsField(i)
}

// StartsField reports whether token i stands where a field begins.
func (t Text) StartsField(i int) bool {
	return i > 0 && (t.Tokens[i-1].Kind == Newline || t.Word(i-1) == "{" || t.Word(i-1) == ",")
}
