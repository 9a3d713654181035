package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// screen draws lines at the end of a terminal, in the place of those drawn before.
type screen struct {
	w     io.Writer
	size  func() (columns, rows int)
	drawn []string // what stands there now
}

// draw replaces what is drawn. A line that does not fit is cut: a wrapped one would
// spoil the count.
func (s *screen) draw(lines []string, columns int) {
	var b strings.Builder
	b.WriteString(s.up(columns))
	s.drawn = s.drawn[:0]
	for _, l := range lines {
		l = cutTo(l, columns-1)
		s.drawn = append(s.drawn, l)
		b.WriteString(l + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	// a terminal that is gone leaves nobody to tell
	_, _ = io.WriteString(s.w, b.String())
}

// clear removes what is drawn.
func (s *screen) clear() {
	columns, _ := s.size()
	_, _ = io.WriteString(s.w, s.up(columns)+"\x1b[J")
	s.drawn = nil
}

// up moves to the first drawn line. On a terminal that became narrower the lines
// take more rows than they did.
func (s *screen) up(columns int) string {
	rows := 0
	for _, l := range s.drawn {
		rows += max(1, (columnsOf(l)+columns-1)/columns)
	}
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r", rows)
}

// runeColumns is how many columns a letter takes.
func runeColumns(r rune) int {
	switch {
	case r < ' ' || r == 0x7f || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// eachLetter visits the letters of a text and the columns they take; a colour takes none.
func eachLetter(s string, visit func(at, columns int) bool) {
	escape := false
	for i, r := range s {
		switch {
		case r == 0x1b:
			escape = true
		case escape:
			escape = r != 'm'
		default:
			if !visit(i, runeColumns(r)) {
				return
			}
		}
	}
}

// columnsOf is how many columns a text takes.
func columnsOf(s string) int {
	n := 0
	eachLetter(s, func(_, columns int) bool { n += columns; return true })
	return n
}

// cutTo shortens a text to so many columns; what was coloured ends there.
func cutTo(s string, most int) string {
	if columnsOf(s) <= most {
		return s
	}
	n, end := 0, 0
	eachLetter(s, func(at, columns int) bool {
		if n+columns > most-1 {
			end = at
			return false
		}
		n += columns
		return true
	})
	text := s[:end] + "…"
	if strings.Contains(text, "\x1b[") {
		text += "\x1b[0m"
	}
	return text
}

// pad fills a text up with blanks.
func pad(s string, columns int) string { return s + strings.Repeat(" ", max(0, columns-columnsOf(s))) }
