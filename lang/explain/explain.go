// Package explain holds a page for every diagnostic code: what it means, an
// example that is wrong and one that is right. `wf explain CODE` prints them.
package explain

import (
	"embed"
	"strings"
)

//go:embed pages/*.md
var pages embed.FS

// Page is the page of a code; ok is false for an unknown one.
func Page(code string) (text string, ok bool) {
	b, err := pages.ReadFile("pages/" + code + ".md")
	return string(b), err == nil
}

// Codes lists all codes, sorted.
func Codes() []string {
	entries, err := pages.ReadDir("pages")
	if err != nil {
		return nil
	}
	codes := make([]string, len(entries))
	for i, e := range entries {
		codes[i] = strings.TrimSuffix(e.Name(), ".md")
	}
	return codes
}

// Title is the headline of a page, without its code.
func Title(code string) string {
	text, _ := Page(code)
	line, _, _ := strings.Cut(text, "\n")
	_, title, _ := strings.Cut(line, ": ")
	return title
}

// Group is codes that belong together.
type Group struct {
	Name  string
	Codes []string // sorted
}

// groups by the first digit of their codes.
var groups = map[byte]string{
	'1': "Text and syntax", '2': "Names", '3': "Expressions and types", '4': "Steps and clauses",
	'5': "Settings", '6': "YAML", '7': "Test files", '9': "Tests that fail",
}

// Groups lists all codes by group, both sorted.
func Groups() []Group {
	var out []Group
	for _, code := range Codes() {
		name := groups[strings.TrimPrefix(code, "WF")[0]]
		if n := len(out); n == 0 || out[n-1].Name != name {
			out = append(out, Group{Name: name})
		}
		last := &out[len(out)-1]
		last.Codes = append(last.Codes, code)
	}
	return out
}
