package lsp

import (
	"slices"

	"wf/lang/token"
)

// rules are the words behind the shape of a field.
var rules = []string{"nonempty", "min", "max", "matching"}

// inner lists the words that go on with a setting, or with the shape of a field, in a line up
// to the place; nil if there are none.
func (t *typing) inner(line token.Text, around string) []string {
	words := make([]string, 0, len(line.Tokens))
	for i := range line.Tokens[:max(0, len(line.Tokens)-1)] {
		words = append(words, line.Word(i))
	}
	n := len(words)
	if n == 0 {
		return nil
	}
	last, kind := words[n-1], line.Tokens[n-1].Kind
	before := ""
	if n > 1 {
		before = words[n-2]
	}
	for i := n - 1; i >= 0; i-- {
		set := words[i+1:]
		switch words[i] {
		case "{", "}":
			return t.fieldRules(words[i+1:], kind, around)
		case "retry":
			switch {
			case before == "retry" && kind == token.Int:
				return []string{"attempts"}
			case last == "," || last == "attempts":
				return slices.DeleteFunc([]string{"backoff", "jitter"}, func(w string) bool { return slices.Contains(set, w) })
			case before == "backoff" && kind == token.Duration:
				return []string{"to"}
			}
			return nil
		case "breaker":
			switch {
			case before == "breaker" && kind == token.Int:
				return []string{"failures"}
			case last == "failures":
				return []string{"in"}
			case last == "," && !slices.Contains(set, "open"):
				return []string{"open"}
			}
			return nil
		case "undo":
			if last == "undo" {
				return []string{"until"}
			}
			return nil
		case "limit":
			if before == "limit" && kind == token.Int && (around == "service" || around == "operation") {
				return []string{"per"}
			}
			return nil
		}
	}
	return t.fieldRules(words, kind, around)
}

// fieldRules lists the rules that may stand behind the shape of a field; words are those
// before the place, in its record.
func (t *typing) fieldRules(words []string, last token.Kind, around string) []string {
	if around != "input" && around != "type" && !t.shape() {
		return nil
	}
	field := words
	for i, w := range words {
		if w == "," {
			field = words[i+1:]
		}
	}
	if len(field) < 2 || slices.Contains(field, "=") || slices.Contains(rules, words[len(words)-1]) || last == token.Op && words[len(words)-1] != "]" && words[len(words)-1] != "}" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(rules), func(w string) bool { return slices.Contains(field, w) })
}
