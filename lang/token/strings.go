package token

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Part is a piece of a string literal; Start and Len are in bytes of the literal.
type Part struct {
	Text       string // unescaped, or the text of the hole
	Hole       bool
	Start, Len int
}

// SplitString reads a literal, quotes included: its text, and the holes `${…}`.
// problem is not empty if an escape in it is none.
func SplitString(lit string) (parts []Part, problem string) {
	var b strings.Builder
	from := 1
	flush := func(end int) {
		if b.Len() > 0 || len(parts) == 0 && end == len(lit)-1 {
			parts = append(parts, Part{Text: b.String(), Start: from, Len: end - from})
		}
		b.Reset()
	}
	for i := 1; i < len(lit)-1; {
		switch {
		case lit[i] == '\\':
			n, bad := unescape(&b, lit[i:len(lit)-1])
			if bad != "" {
				return nil, bad
			}
			i += n
		case strings.HasPrefix(lit[i:], "${"):
			end := closing(lit, i+2)
			flush(i)
			parts = append(parts, Part{Text: lit[i+2 : end], Hole: true, Start: i + 2, Len: end - i - 2})
			i = end + 1
			from = i
		default:
			b.WriteByte(lit[i])
			i++
		}
	}
	flush(len(lit) - 1)
	return parts, ""
}

// closing finds the brace that ends a hole; the scanner has seen that there is one.
func closing(lit string, i int) int {
	depth, quoted := 0, false
	for ; i < len(lit)-1; i++ {
		switch c := lit[i]; {
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
	return len(lit) - 1
}

// unescape writes one escape sequence and returns its length.
func unescape(b *strings.Builder, s string) (n int, problem string) {
	if len(s) < 2 {
		return 0, `a string ends in a lone \`
	}
	switch s[1] {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case '"', '\\', '$', '/':
		b.WriteByte(s[1])
	case 'u':
		var r rune
		if len(s) >= 6 {
			if _, err := fmt.Sscanf(s[2:6], "%04x", &r); err == nil && utf8.ValidRune(r) {
				b.WriteRune(r)
				return 6, ""
			}
		}
		return 0, `\u is followed by four hexadecimal digits`
	default:
		return 0, fmt.Sprintf(`\%c is no escape; known are \n \t \r \" \\ \$ \u0041`, s[1])
	}
	return 2, ""
}

// Unquote reads a string literal without holes, quotes included.
func Unquote(lit string) (string, error) {
	parts, problem := SplitString(lit)
	switch {
	case problem != "":
		return "", fmt.Errorf("%s", problem)
	case len(parts) != 1 || parts[0].Hole:
		return "", fmt.Errorf("${…} is not evaluated here; write \\${ for the letters")
	}
	return parts[0].Text, nil
}
