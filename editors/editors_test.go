// Package editors_test holds what editors know of the language against the language.
package editors_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wf/lang/expr"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
)

// TestWords holds the words of the grammars for editors against those of the parser: each
// is coloured, and none that does not exist.
func TestWords(t *testing.T) {
	words := syntax.Words()
	for name := range token.WordOps {
		words = append(words, name)
	}
	words = append(words, "nil", "true", "false")
	for name := range value.Primitives {
		words = append(words, name)
	}
	words = append(append(words, value.Unconditional...), value.Exhausted, value.Failed)
	slices.Sort(words)
	words = slices.Compact(words)
	also := append(expr.Builtins(), // names that are coloured where they mean something
		"input", "run", "body", "status", "headers", "error", "output", "key")
	for file, read := range map[string]func(*testing.T, string) string{"vscode/syntaxes/wf.tmLanguage.json": textMate, "vim/syntax/wf.vim": vim} {
		known := regexp.MustCompile(`[a-zA-Z_]{2,}`).FindAllString(read(t, file), -1)
		for _, w := range words {
			if !slices.Contains(known, w) {
				t.Errorf("%s does not know the word %s: add it to the pattern where it can stand", file, w)
			}
		}
		for _, w := range known {
			if !slices.Contains(words, w) && !slices.Contains(also, w) {
				t.Errorf("%s knows the word %s, which the language does not have", file, w)
			}
		}
	}
}

// noWords are parts of regular expressions that look like words and are none.
var noWords = regexp.MustCompile(`\\p\{[A-Za-z]+\}|\\[a-zA-Z]|\[[^\]]*\]|\(\?<?[:=!]|\b(?:ns|us|ms|xx|x|o|b|u)\b|0[xob]`)

// textMate is the regular expressions of a grammar for TextMate.
func textMate(t *testing.T, file string) string {
	var grammar any
	if err := json.Unmarshal([]byte(text(t, file)), &grammar); err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, e := range v {
				if s, ok := e.(string); ok && (key == "match" || key == "begin" || key == "end") {
					out = append(out, noWords.ReplaceAllString(s, " "))
				}
				walk(e)
			}
		}
	}
	walk(grammar)
	return strings.Join(out, "\n")
}

// vim is the patterns of a syntax file for Vim.
func vim(t *testing.T, file string) string {
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^syntax match \w+ "(.*?[^\\])"(?: contain|$)`).FindAllStringSubmatch(text(t, file), -1) {
		s := strings.NewReplacer(`\ze`, " ", `\zs`, " ", `\h`, " ", `\k`, " ", `\s`, " ", `\d`, " ", `\u`, " ", `\@<=`, " ", `\@1<=`, " ").Replace(m[1])
		out = append(out, noWords.ReplaceAllString(s, " "))
	}
	return strings.Join(out, "\n")
}

func text(t *testing.T, file string) string {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}
