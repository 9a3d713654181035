package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"wf/lang/diag"
)

// Limits on a YAML source.
const (
	MaxYAMLSize     = 8 << 20 // bytes of one file
	MaxYAMLDepth    = 200     // nested lists and mappings
	MaxYAMLAliases  = 100_000 // values that come out of aliases and merge keys
	MaxYAMLProblems = 1000    // problems reported of one file
)

// ParseYAML reads a workflow written in YAML: a Tasker task configuration as it
// stands, or the same format with what this language adds to it. environment names
// the entry of `environments` that is merged over the rest; "" merges none. The
// file is never nil; beside errors it holds what could be read.
func ParseYAML(name string, src []byte, environment string) (*File, diag.List) {
	r := &yamlReader{file: name, src: src, environment: environment, inert: map[string]*inertUse{}}
	return r.read(), r.problems
}

// read reads the file; it is never nil.
func (r *yamlReader) read() *File {
	f := &File{Name: r.file, Node: Node{Span: diag.Span{File: r.file, End: len(r.src)}}}
	if root := r.load(); root != nil {
		if r.kept != nil {
			r.kept.root = root
		}
		f.Decls = r.document(root)
		f.Comments = r.comments()
	}
	r.reportInert()
	f.Gaps = r.gaps || len(f.Decls) == 0
	return f
}

// yamlReader is one file while it is read.
type yamlReader struct {
	file        string
	src         []byte
	environment string
	problems    diag.List

	lines    []int               // offset of each line
	ascii    bool                // every letter is a byte
	marks    map[int][]int       // of lines with other letters: the offset of every 128th one
	scalars  []diag.Span         // of all scalars, in source order once sorted
	expanded int                 // values that came out of aliases
	active   map[*yaml.Node]bool // anchors being expanded
	stopped  bool                // a limit was met; nothing more is reported
	gaps     bool                // a part that could not be read may have defined names

	retries bool // the workflow says how often calls are tried

	names map[string]bool      // names expressions may read, for WF608
	inert map[string]*inertUse // inert keys met, by key
	order []string             // of inert, as met
	kept  *kept                // what only a conversion needs; nil: nothing
}

func (r *yamlReader) add(d *diag.Diagnostic) {
	d.Summary, d.Hint = cut(d.Summary), cut(d.Hint)
	switch n := len(r.problems); {
	case n < MaxYAMLProblems:
		r.problems.Add(d)
	case n == MaxYAMLProblems:
		r.problems.Add(diag.Errorf(CodeYAMLLimit, d.Span, "more than %d problems; what follows is not told", MaxYAMLProblems))
	}
}

// cut shortens a message that repeats a text of the file, which may be of any length.
func cut(s string) string {
	const longest = 400
	if len(s) <= longest {
		return s
	}
	at := longest
	for !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + "…"
}

// flooded reports whether nothing more is told.
func (r *yamlReader) flooded() bool { return len(r.problems) > MaxYAMLProblems }

func (r *yamlReader) errorf(code diag.Code, span diag.Span, format string, args ...any) *diag.Diagnostic {
	d := diag.Errorf(code, span, format, args...)
	r.add(d)
	return d
}

func (r *yamlReader) warnf(code diag.Code, span diag.Span, format string, args ...any) *diag.Diagnostic {
	d := diag.Warnf(code, span, format, args...)
	r.add(d)
	return d
}

// errors is how many errors were reported so far.
func (r *yamlReader) errors() int {
	n := 0
	for _, d := range r.problems {
		if d.Severity == diag.Error {
			n++
		}
	}
	return n
}

func (r *yamlReader) span(start, end int) diag.Span {
	return diag.Span{File: r.file, Start: start, End: max(start, end)}
}

// load turns the text into values; nil if that is not possible.
func (r *yamlReader) load() *yvalue {
	if len(r.src) > MaxYAMLSize {
		r.errorf(CodeYAMLLimit, r.span(0, 0), "the file has %d bytes; the limit for YAML is %d", len(r.src), MaxYAMLSize).
			Hintf("split it; a workflow of that size is better generated as .wf")
		return nil
	}
	if at := invalidUTF8(r.src); at >= 0 {
		r.errorf(CodeYAML, r.span(at, at+1), "byte 0x%02x is not text: a definition is written in UTF-8", r.src[at]).
			Hintf("save the file as UTF-8; binary files and other encodings (UTF-16, Latin-1) are not read")
		return nil
	}
	r.lines = lineStarts(r.src)
	r.ascii = !bytes.ContainsFunc(r.src, func(c rune) bool { return c >= utf8.RuneSelf })
	doc := r.decode()
	if doc == nil {
		return nil
	}
	r.active = map[*yaml.Node]bool{}
	root := r.convert(doc, 0)
	slices.SortFunc(r.scalars, func(a, b diag.Span) int { return a.Start - b.Start })
	if r.stopped {
		return nil
	}
	if root.kind != yMap {
		r.errorf(CodeYAMLType, root.span, "a workflow in YAML is a mapping, not %s", root.describe()).
			Hintf("begin with `name:` and `steps:`")
		return nil
	}
	return root
}

func invalidUTF8(src []byte) int {
	if utf8.Valid(src) {
		return -1
	}
	for i := 0; i < len(src); {
		c, n := utf8.DecodeRune(src[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// decode parses exactly one document.
func (r *yamlReader) decode() *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(version11(r.src)))
	doc, err := decodeNode(dec)
	if err == nil && doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		next, err := decodeNode(dec)
		if errors.Is(err, io.EOF) {
			return doc.Content[0]
		}
		if err != nil {
			r.syntaxError(err)
			return nil
		}
		at := r.offset(next.Line, next.Column)
		r.errorf(CodeYAML, r.span(at, r.lineEnd(at)), "the file holds more than one YAML document").Hintf("give each workflow a file of its own")
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.syntaxError(err)
		return nil
	}
	r.errorf(CodeEmpty, r.span(0, 0), "the file declares nothing").Hintf("a workflow in YAML begins with `name:` and `steps:`")
	return nil
}

// version11 is a source that names YAML 1.2 as one of 1.1, which the library reads
// alike, and refuses by its name.
func version11(src []byte) []byte {
	const directive = "%YAML 1.2"
	if !bytes.HasPrefix(src, []byte(directive)) {
		return src
	}
	return append([]byte("%YAML 1.1"), src[len(directive):]...)
}

// decodeNode reads the next document. The library reports some broken texts by
// panicking.
func decodeNode(dec *yaml.Decoder) (n *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: unreadable text: %v", p)
		}
	}()
	n = &yaml.Node{}
	err = dec.Decode(n)
	return n, err
}

var (
	yamlLine   = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntaxError reports what the YAML library could not read.
func (r *yamlReader) syntaxError(err error) {
	text, _, _ := strings.Cut(err.Error(), "\n")
	message, span := text, r.span(0, 0)
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		message = m[2]
		line, _ := strconv.Atoi(m[1])
		if line == 0 && !yamlAnchor.MatchString(message) {
			line = 1 // the library leaves it out
		}
		if strings.HasPrefix(message, "did not find expected ") { // counted from 0, and where the list or mapping begins
			line = r.firstBad(message, line+1)
		}
		if line > 0 {
			span = r.culprit(r.lines[min(line, len(r.lines))-1], message)
		}
	}
	if m := yamlAnchor.FindStringSubmatch(message); m != nil {
		if at := bytes.Index(r.src, []byte("*"+m[1])); at >= 0 {
			span = r.span(at, at+1+len(m[1]))
		}
		message = fmt.Sprintf("there is no anchor &%s above", m[1])
	}
	d := r.errorf(CodeYAML, span, "not YAML: %s", message)
	if hint := yamlHint(message, string(r.src[span.Start:span.End])); hint != "" {
		d.Hintf("%s", hint)
	}
}

// maxYAMLSearch is how large a file may be in which the line of an error is looked for.
const maxYAMLSearch = 1 << 20

// firstBad is the line of an error that the library reports at a line above: the first
// one with which the text up to there has that error. Inside brackets a text that ends
// early has the same error, so there the line above must do.
func (r *yamlReader) firstBad(message string, above int) int {
	if strings.Contains(message, "',' or '") || len(r.src) > maxYAMLSearch {
		return above
	}
	bad := func(i int) bool { // with line i, from 0
		end := len(r.src)
		if i+1 < len(r.lines) {
			end = r.lines[i+1]
		}
		_, err := decodeNode(yaml.NewDecoder(bytes.NewReader(r.src[:end])))
		return err != nil && strings.Contains(err.Error(), message)
	}
	return sort.Search(len(r.lines), bad) + 1
}

// culprit is what an error is about in the line that begins at start: a tab that
// indents, a letter that begins no value, or all of it.
func (r *yamlReader) culprit(start int, message string) diag.Span {
	end := r.lineEnd(start)
	for start < end && r.src[start] == ' ' {
		start++
	}
	if !strings.Contains(message, "cannot start any token") {
		return r.span(start, end)
	}
	if start < end && r.src[start] == '\t' {
		return r.span(start, start+1)
	}
	if at := bytes.IndexAny(r.src[start:end], "@`%"); at >= 0 {
		return r.span(start+at, start+at+1)
	}
	return r.span(start, end)
}

func yamlHint(message, at string) string {
	switch {
	case strings.Contains(message, "cannot start any token") && at == "\t":
		return "YAML is indented with spaces, never with tabs"
	case strings.Contains(message, "unexpected end of stream"):
		return "a text in quotes is not closed"
	case strings.Contains(message, "mapping values are not allowed"):
		return "a value that contains \": \" must be quoted"
	case strings.Contains(message, "cannot start any token"):
		return "a value that starts with @, ` or % must be quoted"
	case strings.Contains(message, "did not find expected ','"):
		return "this list or mapping is not closed, or a value in it contains one of , ? : [ ] { } # and must be quoted"
	case strings.Contains(message, "did not find expected key"), strings.Contains(message, "did not find expected '-' indicator"):
		return "look at the indentation of this line and of those above"
	case strings.Contains(message, "exceeded"):
		return "nothing a person writes is nested that deep"
	}
	return ""
}

// lineStarts lists where lines start, by the line ends YAML knows.
func lineStarts(src []byte) []int {
	at := 0
	if bytes.HasPrefix(src, []byte("\ufeff")) {
		at = 3
	}
	lines := []int{at}
	for i := at; i < len(src); {
		n := breakLen(src[i:])
		if n == 0 {
			i++
			continue
		}
		i += n
		lines = append(lines, i)
	}
	return lines
}

// breakLen is the length of the line end src begins with, 0 if there is none.
func breakLen(src []byte) int {
	switch {
	case src[0] == '\r' && len(src) > 1 && src[1] == '\n':
		return 2
	case src[0] == '\r' || src[0] == '\n':
		return 1
	case src[0] == 0xC2 && len(src) > 1 && src[1] == 0x85:
		return 2
	case src[0] == 0xE2 && len(src) > 2 && src[1] == 0x80 && (src[2] == 0xA8 || src[2] == 0xA9):
		return 3
	}
	return 0
}

// offset is the byte at a 1-based line and rune column.
func (r *yamlReader) offset(line, column int) int {
	if line < 1 || line > len(r.lines) {
		return len(r.src)
	}
	at := r.lines[line-1]
	if r.ascii {
		return min(at+max(0, column-1), len(r.src))
	}
	marks := r.marked(line)
	at = marks[min(max(0, column-1)/markEvery, len(marks)-1)]
	for n := max(0, column-1) - markEvery*min(max(0, column-1)/markEvery, len(marks)-1); n > 0 && at < len(r.src); n-- {
		_, size := utf8.DecodeRune(r.src[at:])
		at += size
	}
	return at
}

// markEvery is how far apart the marks in a line are, in letters.
const markEvery = 128

// marked gives the marks of a line, so that places in a long one are found at once.
func (r *yamlReader) marked(line int) []int {
	if marks := r.marks[line]; marks != nil {
		return marks
	}
	end := len(r.src)
	if line < len(r.lines) {
		end = r.lines[line]
	}
	var marks []int
	n := 0
	for at := r.lines[line-1]; at < end || n == 0; n++ {
		if n%markEvery == 0 {
			marks = append(marks, at)
		}
		_, size := utf8.DecodeRune(r.src[at:])
		at += size
	}
	if r.marks == nil {
		r.marks = map[int][]int{}
	}
	r.marks[line] = marks
	return marks
}

func (r *yamlReader) lineEnd(at int) int {
	for at < len(r.src) && breakLen(r.src[at:]) == 0 {
		at++
	}
	return at
}

// inHeader reports whether a place is on the line on which a block begins, which may end with
// a comment.
func (r *yamlReader) inHeader(start, at int) bool {
	return (r.src[start] == '|' || r.src[start] == '>') && at < r.lineEnd(start)
}

// comments finds the comments: each # at the start of a word, outside scalars.
func (r *yamlReader) comments() []Comment {
	var out []Comment
	next := 0
	for at := 0; at < len(r.src); {
		i := bytes.IndexByte(r.src[at:], '#')
		if i < 0 {
			break
		}
		at += i
		for next < len(r.scalars) && r.scalars[next].End <= at {
			next++
		}
		if next < len(r.scalars) && r.scalars[next].Start <= at && !r.inHeader(r.scalars[next].Start, at) {
			at = r.scalars[next].End
			continue
		}
		if at > 0 && !bytes.ContainsRune([]byte(" \t\r\n"), rune(r.src[at-1])) {
			at++
			continue
		}
		end := r.lineEnd(at)
		out = append(out, Comment{Node{Span: r.span(at, end)}, strings.TrimRight(string(r.src[at:end]), " \t")})
		at = end
	}
	return out
}
