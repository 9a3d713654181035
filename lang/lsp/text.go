package lsp

import (
	"sort"
	"strings"
	"unicode/utf8"

	"go.lsp.dev/protocol"

	"wf/lang/diag"
)

// text is a source with its lines. The protocol counts lines from 0 and columns in units
// of UTF-16, we count bytes.
type text struct {
	src    string
	starts []int // of the lines
}

func newText(src string) *text {
	t := &text{src: src, starts: []int{0}}
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '\n':
			t.starts = append(t.starts, i+1)
		case '\r': // alone it ends a line too, for the protocol
			if i+1 == len(src) || src[i+1] != '\n' {
				t.starts = append(t.starts, i+1)
			}
		}
	}
	return t
}

// line is the index of the line of an offset.
func (t *text) line(offset int) int {
	return sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > offset }) - 1
}

// position is the place of an offset; one outside the text is at its nearer end.
func (t *text) position(offset int) protocol.Position {
	offset = max(0, min(offset, len(t.src)))
	line := t.line(offset)
	return protocol.Position{Line: uint32(line), Character: uint32(units(t.src[t.starts[line]:offset]))}
}

// units is the length of a text in UTF-16.
func units(s string) (n int) {
	for _, r := range s {
		n += unitsOf(r)
	}
	return n
}

func unitsOf(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

// offset is the byte at a place; a column behind the end of its line is that end.
func (t *text) offset(p protocol.Position) int {
	if int(p.Line) >= len(t.starts) {
		return len(t.src)
	}
	at := t.starts[p.Line]
	end := len(t.src)
	if int(p.Line)+1 < len(t.starts) {
		end = t.starts[p.Line+1]
	}
	end = at + len(strings.TrimRight(t.src[at:end], "\r\n"))
	for n := 0; at < end && n < int(p.Character); {
		r, size := utf8.DecodeRuneInString(t.src[at:end])
		if n += unitsOf(r); n > int(p.Character) { // in the midst of a letter
			break
		}
		at += size
	}
	return at
}

// span is the range of a span.
func (t *text) span(s diag.Span) protocol.Range {
	return protocol.Range{Start: t.position(s.Start), End: t.position(max(s.Start, s.End))}
}

// change is the text with a part replaced.
func (t *text) change(r protocol.Range, by string) string {
	from, to := t.offset(r.Start), t.offset(r.End)
	return t.src[:from] + by + t.src[max(from, to):]
}
