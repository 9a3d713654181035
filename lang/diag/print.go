package diag

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Sources gives the text of each file that a span may name; a missing file
// prints without its line.
type Sources map[string][]byte

// Position is a place for people: 1-based line, and 1-based column in runes.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Position computes the line and column of a byte offset in a file of s. An
// unknown file gives the zero Position.
func (s Sources) Position(file string, offset int) Position {
	src, ok := s[file]
	if !ok {
		return Position{}
	}
	offset = max(0, min(offset, len(src)))
	head := src[:offset]
	line := 1 + strings.Count(string(head), "\n")
	start := strings.LastIndexByte(string(head), '\n') + 1
	return Position{line, 1 + utf8.RuneCount(head[start:])}
}

// Options of [Write]. The zero value prints without colour.
type Options struct {
	Color bool
}

// Write prints the list for a person: a headline with place, severity, code and
// sentence; the source line with a caret under the exact span; the hint; related
// places. A file's text comes from sources.
func Write(w io.Writer, sources Sources, list List, opts Options) error {
	p := printer{w: w, sources: sources, color: opts.Color, lines: map[string][]int{}}
	for i, d := range list {
		if i > 0 {
			p.printf("\n")
		}
		p.diagnostic(d)
	}
	return p.err
}

type printer struct {
	w       io.Writer
	sources Sources
	color   bool
	lines   map[string][]int // start offset of each line, per file
	err     error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) paint(color, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (p *printer) diagnostic(d *Diagnostic) {
	word := p.paint("1;31", d.Severity.String())
	if d.Severity == Warning {
		word = p.paint("1;33", d.Severity.String())
	}
	p.printf("%s%s %s: %s\n", p.place(d.Span), word, d.Code, p.paint("1", d.Summary))
	p.excerpt(d.Span)
	for _, r := range d.Related {
		p.printf("%snote: %s\n", p.place(r.Span), r.Message)
		p.excerpt(r.Span)
	}
	if d.Hint != "" {
		p.printf("  %s %s\n", p.paint("1;36", "hint:"), d.Hint)
	}
}

// place is the "file:line:column: " in front of a message.
func (p *printer) place(s Span) string {
	if s.File == "" {
		return ""
	}
	line, start, ok := p.locate(s)
	if !ok {
		return s.File + ": "
	}
	col := 1 + utf8.RuneCount(p.sources[s.File][start:s.Start])
	return fmt.Sprintf("%s:%d:%d: ", s.File, line, col)
}

// locate finds the 1-based line of a span and where that line starts.
func (p *printer) locate(s Span) (line, start int, ok bool) {
	src, ok := p.sources[s.File]
	if !ok || s.Start > len(src) || s.Start < 0 {
		return 0, 0, false
	}
	starts := p.lines[s.File]
	if starts == nil {
		starts = []int{0}
		for i, b := range src {
			if b == '\n' {
				starts = append(starts, i+1)
			}
		}
		p.lines[s.File] = starts
	}
	i := sort.SearchInts(starts, s.Start+1) - 1
	return i + 1, starts[i], true
}

// maxExcerpt is how many runes of a source line are shown; a longer line is cut
// around the span.
const maxExcerpt = 120

func (p *printer) excerpt(s Span) {
	line, start, ok := p.locate(s)
	if !ok {
		return
	}
	src := p.sources[s.File]
	end := start
	for end < len(src) && src[end] != '\n' {
		end++
	}
	from, to := s.Start, max(s.Start, min(s.End, end))
	before := clean(src[start:from])
	marked := clean(src[from:to])
	after := strings.TrimRight(clean(src[to:end]), " ")
	if n := utf8.RuneCountInString(before); n > maxExcerpt/2 {
		before = "…" + string([]rune(before)[n-maxExcerpt/2:])
	}
	text := before + marked + after
	if r := []rune(text); len(r) > maxExcerpt {
		text = string(r[:maxExcerpt]) + "…"
		shown := max(0, maxExcerpt-utf8.RuneCountInString(before))
		marked = string([]rune(marked)[:min(shown, utf8.RuneCountInString(marked))])
	}
	width := max(1, Columns(marked))
	gutter := fmt.Sprintf("%5d", line)
	p.printf("%s | %s\n", gutter, text)
	pad := strings.Repeat(" ", Columns(before))
	p.printf("%s | %s%s\n", strings.Repeat(" ", len(gutter)), pad, p.paint("1;31", strings.Repeat("^", width)))
}

// Columns is how many columns a text takes on a screen: wide letters take two.
func Columns(text string) int {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return uniseg.StringWidth(text)
		}
	}
	return len(text)
}

// clean makes a piece of a source line printable: tabs become single spaces and
// control characters and broken UTF-8 become the replacement character, so that
// the caret stays under its span and a terminal is not driven by a source file.
func clean(b []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == '\r':
			return -1
		case r < ' ' || r == 0x7f || r == 0x9b:
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(string(b), string(utf8.RuneError)))
}
