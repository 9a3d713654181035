package syntax

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/token"
)

/*
A file with syntax errors is read again as what it most likely means: habits of other
languages and misspelt words are reported, each in words of its own, and written as the
language has them in a revision of the file. What is left is parsed as usual, so that one
slip neither hides what stands below it nor causes further messages. A file without
errors never comes here.
*/

// mender makes the revision. Its source is the revision as far as it is.
type mender struct {
	*source
	revision *revision
	edits    []edit                      // of this pass
	told     diag.List                   // places are those of the file
	last     *diag.Diagnostic            // that the next edits mend; nil: none
	repeated map[string]*diag.Diagnostic // first of each habit
	again    map[string][]int            // lines where a habit is met again
	original string
	lost     []diag.Span // of the file: what is in no revision
}

// mended reads a file again; nil if nothing of it could be mended.
func (s *source) mended(scanned diag.List) *File {
	m := &mender{source: &source{name: s.name, text: s.text, all: slices.Clone(s.all)}, revision: newRevision(s.text), told: slices.Clone(scanned),
		repeated: map[string]*diag.Diagnostic{}, again: map[string][]int{}, original: s.text}
	changed := false
	for _, pass := range []func(){m.literals, m.headers, m.brackets, m.statements} {
		m.edits, m.last = nil, nil
		pass()
		if len(m.edits) > 0 {
			changed = true
			m.revision = m.revision.apply(m.edits)
			m.text = m.revision.text
			m.all, _, _ = token.Scan(m.name, m.text)
		}
	}
	if !changed {
		return nil
	}
	m.count()
	m.settle()
	again := &source{name: s.name, text: m.text, all: m.all, errors: token.MaxErrors, invalid: true}
	f := again.parse()
	f.Name = s.name
	again.finish(f)
	m.revision.relocate(f)
	f.Lost = append(f.Lost, m.lost...)
	m.revision.relocateAll(again.problems)
	for _, d := range again.problems {
		if !m.reportedAt(d) {
			m.told.Add(d)
		}
	}
	if len(m.told) > token.MaxErrors { // a file full of errors is not understood better this way
		return nil
	}
	s.problems = m.told
	return f
}

// reportedAt tells whether something is said about the place of a problem already.
func (m *mender) reportedAt(d *diag.Diagnostic) bool {
	return slices.ContainsFunc(m.told, func(o *diag.Diagnostic) bool {
		return o.Span.Start <= d.Span.Start && d.Span.Start < max(o.Span.End, o.Span.Start+1)
	})
}

// at is a place of the revision in the file.
func (m *mender) at(start, end int) diag.Span {
	return m.revision.span(diag.Span{File: m.name, Start: start, End: end})
}

// report adds a problem at a place of the revision.
func (m *mender) report(code diag.Code, start, end int, format string, args ...any) *diag.Diagnostic {
	d := diag.Errorf(code, m.at(start, end), format, args...)
	m.told.Add(d)
	m.last = d
	return d
}

// habit reports what people do all over a file once, and counts the rest.
func (m *mender) habit(code diag.Code, start, end int, hint, format string, args ...any) {
	summary := fmt.Sprintf(format, args...)
	key := string(code) + strings.SplitN(summary, ":", 2)[0]
	if m.repeated[key] == nil {
		m.repeated[key] = m.report(code, start, end, "%s", summary).Hintf("%s", hint)
		return
	}
	m.last = m.repeated[key]
	line := m.lineOf(start, end)
	if first := 1 + strings.Count(m.original[:m.repeated[key].Span.Start], "\n"); line != first && !slices.Contains(m.again[key], line) {
		m.again[key] = append(m.again[key], line)
	}
}

func (m *mender) lineOf(start, end int) int {
	return 1 + strings.Count(m.original[:m.at(start, end).Start], "\n")
}

// maxLines is how many further lines a hint lists.
const maxLines = 8

// count says where else the habits were met.
func (m *mender) count() {
	for key, lines := range m.again { // each goes to its own diagnostic
		d := m.repeated[key]
		var list []string
		for _, n := range lines[:min(len(lines), maxLines)] {
			list = append(list, fmt.Sprint(n))
		}
		word := "line"
		if len(lines) > 1 {
			word = "lines"
		}
		text := strings.Join(list, ", ")
		if more := len(lines) - maxLines; more > 0 {
			text = fmt.Sprintf("%s and %d more", text, more)
		}
		d.Hint += fmt.Sprintf("; also in %s %s", word, text)
	}
}

// settle puts the edits of every fix in order; where they overlap, nobody knows how.
func (m *mender) settle() {
	for _, d := range m.told {
		for i := range d.Fixes {
			edits := d.Fixes[i].Edits
			slices.SortStableFunc(edits, func(a, b diag.Edit) int { return cmp.Or(a.Span.Start-b.Span.Start, a.Span.End-b.Span.End) })
			for k := 1; k < len(edits); k++ {
				if edits[k-1].Span.End > edits[k].Span.Start {
					d.Fixes = nil
					break
				}
			}
			if d.Fixes == nil {
				break
			}
		}
	}
}

// forget takes back what the scanner said about a place of the file, to say it better.
func (m *mender) forget(start, end int) {
	at := m.at(start, end)
	m.told = slices.DeleteFunc(m.told, func(d *diag.Diagnostic) bool { return at.Start <= d.Span.Start && d.Span.Start < at.End })
}

// lose takes a statement out of the revision.
func (m *mender) lose(start, end int) {
	m.lost = append(m.lost, m.at(start, end))
	m.last = nil
	m.edit(start, end, "")
}

// edit changes the revision at the end of the pass. If the problem that was reported last
// says what to write, to do so is its fix.
func (m *mender) edit(start, end int, text string) {
	m.edits = append(m.edits, edit{start, end, text})
	d := m.last
	if d == nil || strings.Contains(text, "FAILED") || strings.Contains(text, "unnamed") || d.Hint == "" {
		return
	}
	if d.Fixes == nil {
		title, _, _ := strings.Cut(d.Hint, ";")
		if d.Suggests() {
			title = "write " + text
		} else if !strings.HasPrefix(title, "write ") {
			title = "correct it"
		}
		d.Fix(title)
	}
	f := &d.Fixes[0]
	f.Edits = append(f.Edits, diag.Edit{Span: m.at(start, end), New: text})
}

// is reports whether token i is a sign or word.
func (m *mender) is(i int, text string) bool {
	return i >= 0 && i < len(m.all) && m.all[i].Kind != token.String && m.word(i) == text
}

func (m *mender) isKind(i int, kind token.Kind) bool {
	return i >= 0 && i < len(m.all) && m.all[i].Kind == kind
}

// touch reports whether nothing stands between tokens i and i+1.
func (m *mender) touch(i int) bool {
	return i >= 0 && i+1 < len(m.all) && m.all[i].End == m.all[i+1].Start
}

// lineEnd is the index of the line end at or behind token i.
func (m *mender) lineEnd(i int) int {
	for i < len(m.all)-1 && m.all[i].Kind != token.Newline {
		i++
	}
	return i
}

// partner is the index of the bracket that closes the one at i, or -1.
func (m *mender) partner(i int) int {
	depth := 0
	for j := i; j < len(m.all); j++ {
		if m.all[j].Kind == token.Op {
			if depth += nesting(m.word(j)); depth == 0 {
				return j
			}
		}
	}
	return -1
}

// literals mends what stands within one line of text: strings, durations, comments.
func (m *mender) literals() {
	for i := 0; i < len(m.all); i++ {
		t, word := m.all[i], m.word(i)
		switch {
		case t.Kind == token.Invalid:
			i = m.invalid(i, word)
		case word == ";" && t.Kind == token.Op:
			m.semicolon(i)
		case t.Kind == token.Op && (word == "#" || word == "/" || word == "-"):
			i = m.comment(i, word)
		case t.Kind == token.Int && i > 0 && m.isKind(i+1, token.Ident) && units[strings.ToLower(m.word(i+1))] != "" && !m.is(i+2, ":"):
			if unit := units[strings.ToLower(m.word(i+1))]; durationBefore[m.word(i-1)] {
				m.report(token.CodeBadToken, t.Start, m.all[i+1].End, "a duration is one word").Hintf("write %s%s", word, unit)
				m.edit(t.End, m.all[i+1].End, unit)
			}
		}
	}
}

// units of durations as people write them.
var units = map[string]string{
	"sec": "s", "secs": "s", "second": "s", "seconds": "s", "s": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m", "m": "m", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "h": "h",
	"day": "d", "days": "d", "d": "d", "msec": "ms", "msecs": "ms", "millis": "ms", "millisecond": "ms", "milliseconds": "ms", "ms": "ms",
}

// durationBefore are the words behind which a duration stands.
var durationBefore = map[string]bool{"timeout": true, "within": true, "backoff": true, "to": true, "after": true, ":": true, "=": true}

var (
	worded = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)_?([A-Za-z]+)$`)
	class  = regexp.MustCompile(`^[1-5][xX0-9][xX]$`)
	points = regexp.MustCompile(`^[0-9]+(\.[0-9]+){2,}$`)
	tail   = regexp.MustCompile(`["\s})\],;]*$`)
	ending = regexp.MustCompile(`[\s})\],;]*$`)
)

// invalid mends a token that the scanner could not read; it returns the last one it took.
func (m *mender) invalid(i int, word string) int {
	t := m.all[i]
	put := func(code diag.Code, text, hint, format string, args ...any) {
		m.forget(t.Start, t.End)
		m.report(code, t.Start, t.End, format, args...).Hintf("%s", hint)
		m.edit(t.Start, t.End, text)
	}
	switch quote := []rune(word)[0]; {
	case quote == '\'' || quote == '`' || strings.ContainsRune(token.Quotes, quote):
		inner := strings.TrimFunc(word, func(r rune) bool { return r == '\'' || r == '`' || r == '"' || strings.ContainsRune(token.Quotes, r) })
		text := `"` + strings.ReplaceAll(inner, `"`, `\"`) + `"`
		m.forget(t.Start, t.End)
		m.habit(token.CodeBadToken, t.Start, t.End, "write "+text, "a string stands in straight double quotes")
		m.edit(t.Start, t.End, text)
	case quote == '"':
		return m.unclosedString(i, word)
	case class.MatchString(word):
		text := word[:1] + "xx"
		put(token.CodeBadToken, text, "write "+text, "a class of statuses is a digit and xx")
	case points.MatchString(word):
		if m.is(i-1, "version") {
			put(token.CodeBadToken, `"`+word+`"`, `write version "`+word+`"`, "a version is a string")
			break
		}
		parts := strings.Split(word, ".")
		put(token.CodeBadToken, parts[0]+"."+parts[1], "a number has one point; a version stands in quotes", "%s is not a number", word)
	case len([]rune(word)) == 1:
		m.edit(t.Start, t.End, "") // the scanner said what it is
	default:
		if p := worded.FindStringSubmatch(word); p != nil && units[strings.ToLower(p[2])] != "" {
			text := p[1] + units[strings.ToLower(p[2])]
			put(token.CodeBadToken, text, "write "+text, "%s is not a duration", word)
		}
	}
	return i
}

// caseList is what may follow the name of a test on its line.
var caseList = regexp.MustCompile(`\s*\bfor \w+ in [\[\w]`)

// unclosedString mends a string whose closing or opening quote is missing.
func (m *mender) unclosedString(i int, word string) int {
	t := m.all[i]
	rest := word[1:]
	for j := i - 1; j >= 0 && m.all[j].Kind != token.Newline; j-- {
		if m.all[j].Kind == token.Invalid { // a quote is missing before it already, and it is the text of a string
			m.forget(m.all[j].Start, m.all[j].End)
		}
	}
	if open := strings.Index(rest, "${"); open >= 0 && strings.Contains(rest[open:], `"`) {
		at := open + strings.Index(rest[open:], `"`)
		m.forget(t.Start, t.End)
		m.report(token.CodeBadToken, t.Start+1+open, t.Start+1+open+2, "this ${ is not closed in its string").Hintf("write %s}", rest[open:at])
		m.edit(t.Start+1+at, t.Start+1+at, "}")
		return i
	}
	if end := m.lineEnd(i); tail.FindString(rest) == rest && i > 0 && m.isKind(i-1, token.Ident) && m.touch(i-1) && end == i+1 {
		m.forget(t.Start, t.End)
		name := m.all[i-1]
		m.report(token.CodeBadToken, t.Start, t.Start+1, "this string has no opening quote").Hintf(`write "%s"`, m.word(i-1))
		m.edit(name.Start, name.Start, `"`)
		return i
	}
	for j := i + 1; j < min(i+40, len(m.all)); j++ { // a string over lines
		if m.all[j].Kind == token.String {
			break
		}
		if m.all[j].Kind == token.Invalid && m.word(j)[0] == '"' && ending.FindString(rest) == "" && tail.FindString(m.word(j)) == m.word(j) {
			m.forget(t.Start, m.all[j].Start+1)
			m.report(token.CodeBadToken, t.Start, t.Start+1, "this string does not end on its line").Hintf(`close it with ", and write \n for a line end`)
			text := m.text[t.Start+1 : m.all[j].Start]
			m.edit(t.Start, m.all[j].Start+1, `"`+strings.Join(strings.Fields(text), " ")+`"`)
			return j
		}
	}
	at := t.End - len(ending.FindString(rest))
	if cases := caseList.FindStringIndex(rest); cases != nil && m.is(i-1, "test") {
		at = t.Start + 1 + cases[0]
	}
	m.edit(at, at, `"`) // the scanner said so
	return i
}

// semicolon takes out a semicolon, or makes a comma of it where something follows.
func (m *mender) semicolon(i int) {
	t := m.all[i]
	text := ","
	if m.isKind(i+1, token.Newline) || m.isKind(i+1, token.EOF) || m.is(i+1, "}") {
		text = " "
	}
	m.habit(CodeUnexpected, t.Start, t.End, "statements and fields end with their line, or with a comma", "; has no meaning")
	m.edit(t.Start, t.End, text)
}

// comment takes out comments of other languages.
func (m *mender) comment(i int, word string) int {
	t := m.all[i]
	first := i == 0 || m.isKind(i-1, token.Newline)
	hint := "a comment goes from // to the end of its line"
	switch {
	case word == "#" && (first || m.all[i-1].End < t.Start && (m.is(i-1, "}") || m.is(i-1, "{"))) && !m.is(i+1, ".") && (m.isKind(i+1, token.Ident) || m.isKind(i+1, token.Newline) || m.is(i+1, "#") || m.is(i+1, "!")) && !m.innermost(i, "(") && !m.innermost(i, "["):
	case word == "-" && first && m.is(i+1, "-") && m.touch(i):
	case word == "/" && m.is(i+1, "*") && m.touch(i):
		end := strings.Index(m.text[t.Start:], "*/")
		if end < 0 {
			end = len(m.text) - t.Start - 2
		}
		stop := t.Start + end + 2
		m.forget(t.Start, stop)
		m.habit(CodeUnexpected, t.Start, t.Start+2, hint, "there are no /* */ comments")
		m.edit(t.Start, stop, strings.Repeat("\n", strings.Count(m.text[t.Start:stop], "\n"))+" ")
		for i+1 < len(m.all)-1 && m.all[i+1].Start < stop {
			i++
		}
		return i
	default:
		return i
	}
	end := m.lineEnd(i)
	m.forget(t.Start, m.all[end].Start)
	m.habit(CodeUnexpected, t.Start, t.End, hint, "%s begins no comment", strings.Repeat(word, map[string]int{"#": 1, "-": 2}[word]))
	m.edit(t.Start, m.all[end].Start, "")
	return end - 1
}

// innermost reports whether the innermost bracket that is open at token i is this one.
func (m *mender) innermost(i int, bracket string) bool {
	depth := 0
	for j := i - 1; j >= max(0, i-400); j-- {
		if m.all[j].Kind != token.Op {
			continue
		}
		switch n := nesting(m.word(j)); {
		case n > 0 && depth == 0:
			return m.word(j) == bracket
		case n != 0:
			depth -= n
		}
	}
	return false
}

// headers finds blocks without their opening brace, and those that begin a line too late.
func (m *mender) headers() {
	m.arms()
	lines := m.lines()
	surplus := 0
	for i, t := range m.all {
		if t.Kind == token.Op {
			surplus -= nesting(m.word(i))
		}
	}
	for n, l := range lines {
		if n+1 == len(lines) || m.all[l.from].Kind != token.Ident {
			continue
		}
		if !balanced(m.text, m.all[l.from:l.to]) || slices.ContainsFunc(m.all[l.from:l.to], func(t token.Token) bool { return t.Kind == token.Op && m.text[t.Start:t.End] == "{" }) {
			continue
		}
		next, end := lines[n+1], m.all[l.to-1].End
		what, block := m.word(l.from), slices.Contains(blockWords, m.word(l.from))
		if l.to > l.from+1 {
			what = m.text[m.all[l.from].Start:m.all[l.from+1].End]
		}
		switch {
		case block && m.is(next.from, "{") && !balanced(m.text, m.all[next.from:next.to]):
			m.report(CodeUnexpected, m.all[next.from].Start, m.all[next.from].End, "the { of %s stands on the same line", what).Hintf("write %s {", what)
			m.edit(end, m.all[next.from].Start, " ")
		case surplus > 0 && m.is(l.from, "test") && m.is(l.to-1, "in"):
			surplus--
			m.report(CodeUnclosed, end, end, "the [ of the cases is missing").Hintf("write in [")
			m.edit(end, end, " [")
		case surplus > 0 && next.indent > l.indent && m.all[next.from].Kind != token.Op && !m.is(next.from, "else") && !m.is(next.from, "then") && !binaryWords[m.word(next.from)] && (m.ends(l.to-1) || m.isKind(next.from, token.Ident) && m.is(next.from+1, ":")):
			surplus--
			m.report(CodeUnclosed, end, end, "the { of %s is missing", what).Hintf("write %s {", what)
			m.edit(end, end, " {")
		}
	}
}

// ends reports whether a line may end with token i.
func (m *mender) ends(i int) bool {
	t := m.all[i]
	return t.Kind != token.Op && !binaryWords[m.word(i)] || t.Kind == token.Op && (nesting(m.word(i)) < 0 || m.is(i, "="))
}

// blockWords begin what has braces.
var blockWords = []string{"workflow", "step", "service", "operation", "policy", "test", "invariant", "mock", "on", "when", "else", "switch", "input", "call", "run"}
