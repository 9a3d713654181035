package value

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Example is a value of a type, the same at every call: what must be there and nothing
// more, lists with one element, choices at their first. It conforms to the type unless
// its rules contradict one another, or bound the length of a pattern.
func Example(t *Type) any { return example(t, "", 0) }

// ExampleOf is an example of a field: its name says what a text may be.
func ExampleOf(f *Field) any { return example(f.Type, f.Name, 0) }

func example(t *Type, name string, depth int) any {
	if depth > MaxDepth {
		return nil
	}
	switch t.Kind {
	case Any:
		return map[string]any{}
	case Bool:
		return true
	case Int:
		if len(t.Values) > 0 {
			return t.Values[0]
		}
		return within(t, 1)
	case Float:
		if n, ok := within(t, 1).(int); ok {
			return float64(n)
		}
		return within(t, 1)
	case String:
		return sampleText(t, name)
	case Time:
		return "2026-01-02T09:00:00Z"
	case Duration:
		return "1m"
	case Enum:
		return t.Values[0]
	case List:
		n := 1
		if least, ok := number(t.Rules.Min); ok {
			n = max(n, int(least))
		}
		if most, ok := number(t.Rules.Max); ok {
			n = min(n, int(most))
		}
		list := make([]any, max(n, 0))
		for i := range list {
			list[i] = example(t.Elem, strings.TrimSuffix(name, "s"), depth+1)
		}
		return list
	case Record:
		record := map[string]any{}
		for _, f := range t.Fields {
			if !f.CanOmit() {
				record[f.Name] = example(f.Type, f.Name, depth+1)
			}
		}
		return record
	}
	return nil
}

// within is n moved into the bounds of a number type.
func within(t *Type, n int) any {
	if least, ok := number(t.Rules.Min); ok && float64(n) < least {
		return bound(t.Rules.Min)
	}
	if most, ok := number(t.Rules.Max); ok && float64(n) > most {
		return bound(t.Rules.Max)
	}
	return n
}

// bound is a bound as an int where it is whole.
func bound(v any) any {
	if f, ok := v.(float64); ok && f == float64(int(f)) {
		return int(f)
	}
	return v
}

// samples are texts for formats, and for fields whose names say what they hold.
func sample(word string) string {
	switch word {
	case "email":
		return "ada@example.com"
	case "url":
		return "https://example.com/"
	case "uuid":
		return "0d9f5c4e-6a1b-4c3d-8e2f-7a6b5c4d3e2f"
	case "date":
		return "2026-01-31"
	case "hostname":
		return "example.com"
	case "ip":
		return "192.0.2.1"
	case "name":
		return "Ada Lovelace"
	case "currency":
		return "EUR"
	case "country":
		return "DE"
	}
	return ""
}

func sampleText(t *Type, name string) string {
	if s := sample(t.Rules.Format); s != "" {
		return s
	}
	if t.Rules.Pattern != "" {
		if s := sample(name); s != "" && t.check(s) {
			return s
		}
		if re, err := syntax.Parse(t.Rules.Pattern, syntax.Perl); err == nil {
			m := matcher{hint: []rune(name)}
			m.write(re)
			if m.Len() > 0 {
				return m.String()
			}
		}
	}
	s := sample(name)
	if s == "" {
		s = name
	}
	if s == "" {
		s = "text"
	}
	return fitLength(t, s)
}

// check reports whether a text conforms.
func (t *Type) check(s string) bool {
	_, violations := t.Conform(s, nil)
	return len(violations) == 0
}

// maxExample is the longest text that an example is stretched to.
const maxExample = 10_000

func fitLength(t *Type, s string) string {
	if least, ok := number(t.Rules.Min); ok && least <= maxExample {
		for utf8.RuneCountInString(s) < int(least) {
			s += "x"
		}
	}
	if most, ok := number(t.Rules.Max); ok && most >= 0 && float64(utf8.RuneCountInString(s)) > most {
		s = string([]rune(s)[:int(most)])
	}
	return s
}

// matcher writes a short text that an expression matches. Where it may choose, it
// spells the name of the field.
type matcher struct {
	strings.Builder
	hint []rune
}

func (m *matcher) write(re *syntax.Regexp) {
	times := 1
	switch re.Op {
	case syntax.OpLiteral:
		m.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		m.WriteRune(m.pick(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		m.WriteRune(m.pick([]rune{'!', unicode.MaxRune}))
	case syntax.OpStar, syntax.OpQuest:
	case syntax.OpRepeat:
		times = re.Min
		fallthrough
	case syntax.OpPlus, syntax.OpCapture:
		for range min(times, maxExample) {
			m.write(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			m.write(sub)
		}
	case syntax.OpAlternate:
		m.write(re.Sub[0])
	}
}

// pick takes a letter of a class: the next one of the name, else a plain one.
func (m *matcher) pick(ranges []rune) rune {
	in := func(c rune) bool {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= c && c <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	if len(m.hint) > 0 {
		c := m.hint[0]
		m.hint = m.hint[1:]
		for _, c := range []rune{c, unicode.ToUpper(c), unicode.ToLower(c)} {
			if in(c) {
				return c
			}
		}
	}
	for _, c := range "aA1" {
		if in(c) {
			return c
		}
	}
	for i := 0; i+1 < len(ranges); i += 2 { // not what cannot be seen
		if c := max(ranges[i], '!'); c <= ranges[i+1] {
			return c
		}
	}
	return ranges[0]
}
