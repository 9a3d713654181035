package lang_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"wf/lang"
	"wf/lang/diag"
	"wf/lang/syntax"
	"wf/lang/token"
)

// TestSpecGrammar holds the grammar of the page against the parser: it knows the same
// words, it takes every definition of the page, of the golden cases and of the shipped
// workflows that the parser takes, and none of those the parser refuses.
func TestSpecGrammar(t *testing.T) {
	doc := readSpec(t)
	g := parseGrammar(t, doc.grammar)
	for _, name := range slices.Sorted(maps.Keys(g.rules)) {
		if name != "file" && !g.used[name] {
			t.Errorf("the rule %s is used nowhere", name)
		}
	}
	words := slices.DeleteFunc(slices.Sorted(maps.Keys(g.words)), func(w string) bool { return !regexp.MustCompile(`^[a-z_]+$`).MatchString(strings.ToLower(w)) })
	known := append(syntax.Words(), expressionWords...)
	slices.Sort(known)
	for _, w := range words {
		if !slices.Contains(known, w) {
			t.Errorf("the grammar has the word %s, which the parser does not know", w)
		}
	}
	for _, w := range slices.Compact(known) {
		if !slices.Contains(words, w) {
			t.Errorf("the grammar lacks the word %s", w)
		}
	}
	shown := doc.code() + doc.mocks() + doc.tableCode("expression") + doc.tableCode("written")
	for _, w := range words {
		if !regexp.MustCompile(`\b` + w + `\b`).MatchString(shown) {
			t.Errorf("the word %s stands in the grammar and in no example", w)
		}
	}
	for name, src := range doc.definitions(t) {
		g.compare(t, name, src)
	}
}

// TestSpecGrammarSlips compares grammar and parser on definitions with one token left
// out, written twice or swapped with the next.
func TestSpecGrammarSlips(t *testing.T) {
	doc := readSpec(t)
	g := parseGrammar(t, doc.grammar)
	all := doc.definitions(t)
	turn := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		src := all[name]
		if !strings.HasPrefix(name, "line ") || !g.takes(src) {
			continue
		}
		tokens, _, _ := token.Scan(name, src)
		for i := range tokens[:len(tokens)-2] {
			this, next := tokens[i], tokens[i+1]
			word, second := src[this.Start:this.End], src[next.Start:next.End]
			for _, slip := range []string{"", word + " " + word, second + " " + word} {
				if turn++; turn%stride != 0 {
					continue
				}
				behind := this.End
				if strings.HasPrefix(slip, second+" ") {
					behind = next.End
				}
				g.compare(t, name, src[:this.Start]+slip+src[behind:])
			}
		}
	}
	if turn < 5000 {
		t.Errorf("only %d slips", turn)
	}
}

// stride is how many slips are passed over for one that is tried.
const stride = 4

// compare reports a definition that grammar and parser judge differently.
func (g *grammar) compare(t *testing.T, name, src string) {
	_, problems := lang.Load(fstest.MapFS{"x.wf": {Data: []byte(src)}}, "x.wf", lang.Options{})
	has := func(codes *regexp.Regexp) bool {
		return slices.ContainsFunc(problems, func(d *diag.Diagnostic) bool { return codes.MatchString(string(d.Code)) })
	}
	switch taken := g.takes(src); {
	case taken && has(syntaxCodes) && !beyondGrammar(src):
		t.Errorf("%s: the grammar takes what is refused: %v\n%s", name, problems, src)
	case !taken && !has(syntaxCodes) && !has(placeCodes):
		t.Errorf("%s: the grammar refuses what is taken: %v\n%s", name, problems, src)
	}
}

// Codes of what no grammar takes, and of what the parser takes and the checker refuses
// for its place, as an expression or as a name, or cannot judge for want of a file.
var (
	syntaxCodes = regexp.MustCompile(`^WF10[1-7]$`)
	placeCodes  = regexp.MustCompile(`^WF(206|210|301|302|306|406)$`)
)

// beyondGrammar is what the page says in words only: a comma behind an outcome or step
// goes on with the list, what could be a word or a name is the word, and that a ? may end
// a field whose shape then is missing.
func beyondGrammar(src string) bool { return openList.MatchString(src) }

var openList = regexp.MustCompile(`(on|after|retryable|permanent) [^\n{]*,\s*\n|http|secret\s*[},=]|key\s*\.|key\s+key|(wait|until|by|within)\s+(until|by|within|for)|(headers|after|times)\s*(headers|after|times|,|\n)|(retryable|permanent)\s*\n|(limit|breaker)\s*[,}{\n]|\w\?[ ]*\n`)

// expressionWords are the words of expressions that are no functions.
var expressionWords = []string{"and", "or", "not", "in", "matches", "contains", "startsWith", "endsWith", "true", "false", "nil", "index"}

// definitions is the .wf sources that the grammar is tried on.
func (doc *spec) definitions(t *testing.T) map[string]string {
	out := map[string]string{"prelude": doc.prelude}
	for _, w := range doc.tested {
		if strings.HasSuffix(w.file, ".wf") {
			out[w.file] = w.text
		}
	}
	for _, ex := range doc.examples {
		if ex.tests { // many words of tests could be names, so slips in them say little
			out[fmt.Sprintf("tests in line %d", ex.wf.line)] = doc.content(ex.wf)
			continue
		}
		src, _ := complete(doc.content(ex.wf))
		out[fmt.Sprintf("line %d", ex.wf.line)] = src
	}
	for _, tab := range doc.tables {
		if tab.header[0] == "expression" {
			for i, row := range tab.rows {
				out[fmt.Sprintf("line %d", tab.at[i]+1)] = "let x = " + row[0] + "\n"
			}
		}
	}
	cases, err := filepath.Glob("../golden/testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, file := range cases {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			if strings.HasSuffix(f.Name, ".wf") {
				out[file+" "+f.Name] = string(f.Data)
			}
		}
	}
	err = fs.WalkDir(os.DirFS("../workflows"), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".wf") {
			var src []byte
			src, err = os.ReadFile(filepath.Join("../workflows", name))
			out[name] = string(src)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

/*
A grammar is a list of rules `name = expression .` with alternatives `|`, options
`[ ]`, repetitions `{ }`, groups `( )`, words and signs in quotes, token kinds in
capitals, and `x…` for any number of x separated by line ends or commas.
*/
type grammar struct {
	rules map[string]node
	words map[string]bool // quoted ones
	used  map[string]bool // names of rules
}

// node is alternatives, sequence, repeat, optional, list, terminal, kind or reference.
type node interface{}

type (
	alternatives []node
	sequence     []node
	repeat       struct{ body node }
	optional     struct{ body node }
	list         struct{ item node }
	terminal     string
	kind         token.Kind
	reference    string
)

var grammarToken = regexp.MustCompile(`"[^"]+"|[A-Z]+|[a-z]+|…|[=|.()\[\]{}]`)

func parseGrammar(t *testing.T, text string) *grammar {
	text = regexp.MustCompile(`\(\*.*?\*\)`).ReplaceAllString(text, "")
	g := &grammar{rules: map[string]node{}, words: map[string]bool{}, used: map[string]bool{}}
	p := &grammarParser{g: g, t: t, tokens: grammarToken.FindAllString(text, -1)}
	for len(p.tokens) > 0 {
		name := p.next()
		p.want("=")
		if g.rules[name] != nil {
			t.Errorf("the rule %s is written twice", name)
		}
		g.rules[name] = p.alternatives()
		p.want(".")
	}
	for name := range g.used {
		if g.rules[name] == nil {
			t.Errorf("there is no rule %s", name)
		}
	}
	return g
}

type grammarParser struct {
	g      *grammar
	t      *testing.T
	tokens []string
}

func (p *grammarParser) next() string {
	if len(p.tokens) == 0 {
		p.t.Fatal("the grammar ends in the middle of a rule")
	}
	tok := p.tokens[0]
	p.tokens = p.tokens[1:]
	return tok
}

func (p *grammarParser) want(tok string) {
	if got := p.next(); got != tok {
		p.t.Fatalf("the grammar has %s where %s is wanted, before %q", got, tok, p.tokens)
	}
}

func (p *grammarParser) alternatives() node {
	alts := alternatives{p.sequence()}
	for p.tokens[0] == "|" {
		p.next()
		alts = append(alts, p.sequence())
	}
	if len(alts) == 1 {
		return alts[0]
	}
	return alts
}

func (p *grammarParser) sequence() node {
	var seq sequence
	for !slices.Contains([]string{"|", ".", ")", "]", "}"}, p.tokens[0]) {
		n := p.primary()
		if p.tokens[0] == "…" {
			p.next()
			n = list{n}
		}
		seq = append(seq, n)
	}
	return seq
}

var tokenKinds = map[string]token.Kind{"NAME": token.Ident, "STRING": token.String, "INT": token.Int, "FLOAT": token.Float,
	"DURATION": token.Duration, "PERCENT": token.Percent, "CLASS": token.Class}

func (p *grammarParser) primary() node {
	tok := p.next()
	closing := map[string]string{"(": ")", "[": "]", "{": "}"}[tok]
	if closing != "" {
		body := p.alternatives()
		p.want(closing)
		switch tok {
		case "[":
			return optional{body}
		case "{":
			return repeat{body}
		}
		return body
	}
	if k, ok := tokenKinds[tok]; ok {
		return kind(k)
	}
	if word, ok := strings.CutPrefix(tok, `"`); ok {
		word = strings.TrimSuffix(word, `"`)
		p.g.words[word] = true
		return terminal(word)
	}
	p.g.used[tok] = true
	return reference(tok)
}

// takes reports whether a source is a file of the grammar.
func (g *grammar) takes(src string) bool {
	tokens, _, problems := token.Scan("x.wf", src)
	if problems.HasErrors() {
		return false
	}
	m := &matcher{g: g, src: src, tokens: continued(src, tokens), memo: map[memoKey][]int{}}
	last := len(m.tokens) - 1 // the end of the file
	return slices.Contains(m.match(reference("file"), []int{0}), last)
}

// waits is a token that something must follow.
var waits = regexp.MustCompile(`^([-+*/%^<>?:|!]|\*\*|==|!=|<=|>=|&&|\|\||\?\?|\.\.|\.|\?\.|and|or|not|in|matches|contains|startsWith|endsWith)$`)

// goesOn is a token that goes on with the line above.
var goesOn = regexp.MustCompile(`^([-+*/%^<>?:.|&]|\*\*|==|!=|<=|>=|&&|\|\||\?\?|\.\.|\?\.|and|or|in|matches|contains|startsWith|endsWith|else)$`)

// continued leaves out the line ends that mean nothing (§1.6).
func continued(src string, tokens []token.Token) []token.Token {
	var out []token.Token
	var open []string
	for i, tok := range tokens {
		word := src[tok.Start:tok.End]
		switch word {
		case "(", "[", "{":
			open = append(open, word)
		case ")", "]", "}":
			open = open[:max(0, len(open)-1)]
		}
		if tok.Kind == token.Newline {
			if len(open) > 0 && open[len(open)-1] == "(" {
				continue
			}
			if n := len(out); len(open) > 0 && open[len(open)-1] == "[" && (src[out[n-1].Start:out[n-1].End] == "[" || src[tokens[i+1].Start:tokens[i+1].End] == "]") {
				continue
			}
			if n := len(out); n > 0 && src[out[n-1].Start:out[n-1].End] == "," {
				continue
			}
			next, after := tokens[i+1], tokens[min(i+2, len(tokens)-1)]
			text, second := src[next.Start:next.End], src[after.Start:after.End]
			if goesOn.MatchString(text) && second != ":" || text == "not" && second != ":" {
				continue
			}
			if n := len(out); n > 0 && out[n-1].Kind != token.String && waits.MatchString(src[out[n-1].Start:out[n-1].End]) {
				continue
			}
		}
		out = append(out, tok)
	}
	return out
}

type memoKey struct {
	rule string
	at   int
}

// matcher finds all places where a match of a node can end.
type matcher struct {
	g      *grammar
	src    string
	tokens []token.Token
	memo   map[memoKey][]int
}

func (m *matcher) match(n node, from []int) []int {
	var out []int
	add := func(ends []int) {
		for _, e := range ends {
			if !slices.Contains(out, e) {
				out = append(out, e)
			}
		}
	}
	switch n := n.(type) {
	case alternatives:
		for _, alt := range n {
			add(m.match(alt, from))
		}
	case sequence:
		at := from
		for _, part := range n {
			at = m.match(part, at)
		}
		add(at)
	case optional:
		add(from)
		add(m.match(n.body, from))
	case repeat:
		add(from)
		for at := from; len(at) > 0; {
			at = slices.DeleteFunc(m.match(n.body, at), func(e int) bool { return slices.Contains(out, e) })
			add(at)
		}
	case list:
		sep := m.separators(from)
		add(from)
		add(sep)
		for at := append(slices.Clone(from), sep...); len(at) > 0; {
			ends := m.match(n.item, at)
			at = slices.DeleteFunc(m.separators(ends), func(e int) bool { return slices.Contains(out, e) })
			add(ends)
			add(at)
		}
	case terminal:
		for _, at := range from {
			tok := m.tokens[at]
			if (tok.Kind == token.Ident || tok.Kind == token.Op) && m.src[tok.Start:tok.End] == string(n) {
				add([]int{at + 1})
			}
		}
	case kind:
		for _, at := range from {
			if m.tokens[at].Kind == token.Kind(n) {
				add([]int{at + 1})
			}
		}
	case reference:
		for _, at := range from {
			if n == "element" && !m.inCall(at) {
				continue
			}
			key := memoKey{string(n), at}
			ends, known := m.memo[key]
			if !known {
				ends = m.match(m.g.rules[string(n)], []int{at})
				m.memo[key] = ends
			}
			add(ends)
		}
	}
	return out
}

// inCall reports whether a parenthesis is open before a token.
func (m *matcher) inCall(at int) bool {
	depth := 0
	for _, tok := range m.tokens[:at] {
		switch m.src[tok.Start:tok.End] {
		case "(":
			depth++
		case ")":
			depth--
		}
	}
	return depth > 0
}

// separators are the places behind line ends and commas, at least one.
func (m *matcher) separators(from []int) []int {
	var out []int
	for _, at := range from {
		start := at
		for m.tokens[at].Kind == token.Newline || m.src[m.tokens[at].Start:m.tokens[at].End] == "," {
			at++
		}
		if at > start && !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out
}
