package syntax

import (
	"maps"
	"reflect"
	"regexp"
	"slices"

	"wf/lang/token"
)

// Words lists the words that mean something to the grammar, sorted. None of them is
// reserved; the operators and constants of expressions are not among them.
func Words() []string {
	set := map[string]bool{}
	for _, known := range words {
		for _, word := range known {
			set[word] = true
		}
	}
	tagged(reflect.TypeFor[rules](), set, map[reflect.Type]bool{})
	for _, word := range slices.Concat([]string{"golden"}, Endings, factWords) { // found by hand
		set[word] = true
	}
	return slices.Sorted(maps.Keys(set))
}

var wordTag = regexp.MustCompile(`'([a-z]+)'`)

// tagged collects the words in the grammar tags of a type and of everything it is made of.
func tagged(t reflect.Type, set map[string]bool, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		for _, m := range wordTag.FindAllStringSubmatch(f.Tag.Get("parser"), -1) {
			set[m[1]] = true
		}
		tagged(f.Type, set, seen)
	}
}

// WordsAt lists the words that may begin a statement at a place of a .wf source, and the
// word that begins the construct around it: "" outside of all. There are none in what has
// no statements.
func WordsAt(src string, offset int) (known []string, around string) {
	s := &source{text: src}
	s.all, _, _ = token.Scan("", src)
	p := &parser{source: s, tokens: s.all}
	at, _ := slices.BinarySearchFunc(p.tokens, offset, func(t token.Token, at int) int { return t.Start - at })
	around = p.context(min(at, len(p.tokens)-1))
	return slices.Clone(words[around]), around
}
