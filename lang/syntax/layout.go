package syntax

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"wf/lang/diag"
)

// layout is the lines of a formatted file.
type layout struct {
	words  []word
	lines  []line
	indent int // of the last line, in steps
	column int // of the last line
}

// line is one of them. It can be lined up with its neighbours if one item is all there
// is on it.
type line struct {
	text    []byte
	comment string // behind it
	lineUp  lineUp
	of      *group // that the item belongs to
	at      int    // byte of text before which spaces go
	column  int    // its column
}

func (l *layout) last() *line { return &l.lines[len(l.lines)-1] }

// begin begins a line.
func (l *layout) begin(indent int) {
	l.lines = append(l.lines, line{text: []byte(strings.Repeat("  ", indent))})
	l.indent, l.column = indent, 2*indent
}

func (l *layout) write(text string, columns int) {
	last := l.last()
	last.text = append(last.text, text...)
	l.column += columns
}

// file writes the whole.
func (l *layout) file(g *group) {
	l.items(g, 0)
	l.remarks(&l.words[g.close], 0, len(l.lines) == 0)
}

// remarks writes the comments before a word; top means that no blank line goes before
// the first.
func (l *layout) remarks(w *word, indent int, top bool) {
	for _, c := range w.comments {
		if c.behind {
			l.last().comment = c.text
			continue
		}
		if c.blank && !top {
			l.lines = append(l.lines, line{})
		}
		l.begin(indent)
		l.write(c.text, 0)
		top = false
	}
}

// items writes the items of a group on lines of their own: on one what the author had on
// one, as far as it fits. A block that had no lines of its own gets one for each statement.
func (l *layout) items(g *group, indent int) {
	oneEach := g.bracket == statements && !l.parted(g)
	open := false // the last line takes further items
	limit := 0    // of the lines of this run of items
	for i := range g.items {
		it := &g.items[i]
		w := &l.words[it.parts[0].word]
		if i == 0 || w.broken {
			limit = l.even(g.items[i:], 2*indent)
		}
		if open && !oneEach && !w.broken && l.column+len(", ")+l.width(it) <= limit {
			l.write(", ", len(", "))
			l.last().lineUp = byNothing
		} else {
			if i > 0 && w.goesOn {
				l.write(",", len(","))
			}
			l.remarks(w, indent, i == 0)
			if w.blank && (i > 0 || own(w.comments)) {
				l.lines = append(l.lines, line{})
			}
			l.begin(indent)
			l.last().lineUp, l.last().of = w.lineUp, g
		}
		at := len(l.lines)
		l.parts(it, indent, indent+1, 0)
		if open = len(l.lines) == at; !open {
			l.lines[at-1].lineUp = byNothing
		}
	}
}

// even is the least limit of columns that spreads the items up to the next broken one over
// as few lines as MaxColumns does, so that the last line is not left with a crumb.
func (l *layout) even(items []item, indent int) int {
	n := 1
	for n < len(items) && !l.words[items[n].parts[0].word].broken {
		n++
	}
	items = items[:n]
	lines := func(limit int) int {
		count, column := 1, indent+l.width(&items[0])
		for i := range items[1:] {
			need := len(", ") + l.width(&items[i+1])
			if items[i].several || column+need > limit {
				count, column = count+1, indent+need-len(", ")
			} else {
				column += need
			}
		}
		return count
	}
	most := lines(MaxColumns)
	if most == 1 {
		return MaxColumns
	}
	return sort.Search(MaxColumns, func(limit int) bool { return lines(limit) <= most })
}

// parted reports whether the author broke a group between two items.
func (l *layout) parted(g *group) bool {
	for _, it := range g.items {
		if l.words[it.parts[0].word].broken {
			return true
		}
	}
	return l.words[g.close].broken
}

// own reports whether one of the comments has a line of its own.
func own(comments []remark) bool { return len(comments) > 0 && !comments[len(comments)-1].behind }

// width is how much room an item needs on a line: all of it, or if it goes over several
// lines anyway its beginning.
func (l *layout) width(it *item) int {
	if !it.several {
		return it.columns
	}
	n, _ := l.leads(it.parts)
	return n
}

// parts writes an item; where it was broken, it goes on at an indent. behind is how many
// columns follow on its last line.
func (l *layout) parts(it *item, indent, goesOn, behind int) {
	tails := make([]int, len(it.parts))
	for i := len(it.parts) - 1; i >= 0; i-- {
		tails[i] = behind
		w := &l.words[it.parts[i].word]
		n, breaks := l.lead(it.parts[i])
		if behind = n + behind; breaks {
			behind = n
		}
		if !w.glued {
			behind++
		}
		if i > 0 && (w.broken || w.soft) {
			behind = 0
		}
	}
	up := l.pivot(it)
	for i, p := range it.parts {
		w := &l.words[p.word]
		switch {
		case i == 0:
		case w.broken || w.soft && l.column+1+l.rest(it, i) > MaxColumns:
			l.remarks(w, goesOn, true)
			l.begin(goesOn)
		case !w.glued:
			l.write(" ", 1)
		}
		if i > 0 && i == up {
			l.last().at, l.last().column = len(l.last().text), l.column
		}
		if p.group == nil {
			l.write(w.text, w.columns)
		} else {
			l.group(p.group, tails[i])
		}
	}
}

// rest is how much room the parts of an item from i on need.
func (l *layout) rest(it *item, i int) int {
	n, _ := l.leads(it.parts[i:])
	return n
}

// group writes a group, on one line if it is allowed to and fits.
func (l *layout) group(g *group, behind int) {
	indent := l.indent
	l.write(l.words[g.open].text, 1)
	end := &l.words[g.close]
	switch {
	case !g.several && l.column-1+g.columns+behind <= MaxColumns:
		l.flat(g)
	case g.bracket == plain:
		l.plain(g, indent, behind)
	case g.joined():
		l.parts(&g.items[0], indent, indent+1, behind+1)
	default:
		l.items(g, indent+1)
		l.remarks(end, indent+1, len(g.items) == 0)
		l.begin(indent)
	}
	l.write(end.text, 1)
}

// plain writes what stands in plain brackets, broken where the author broke it.
func (l *layout) plain(g *group, indent, behind int) {
	end := &l.words[g.close]
	for i := range g.items { // one, or none
		if w := &l.words[g.items[i].parts[0].word]; w.broken {
			l.remarks(w, indent+1, true)
			l.begin(indent + 1)
		}
		if end.broken {
			behind = 0
		}
		l.parts(&g.items[i], indent, indent+1, behind+1)
	}
	if end.broken {
		l.remarks(end, indent+1, true)
		l.begin(indent)
	}
}

// flat writes what stands in brackets on one line.
func (l *layout) flat(g *group) {
	space := ""
	if len(g.items) > 0 && g.bracket != plain && g.bracket != elements {
		space = " "
	}
	l.write(space, len(space))
	for i := range g.items {
		if i > 0 {
			l.write(", ", len(", "))
		}
		for k, p := range g.items[i].parts {
			w := &l.words[p.word]
			if k > 0 && !w.glued {
				l.write(" ", 1)
			}
			l.write(w.text, w.columns)
			if p.group != nil {
				l.flat(p.group)
				l.write(l.words[p.group.close].text, 1)
			}
		}
	}
	l.write(space, len(space))
}

// pivot is the part before which an item gets spaces when it is lined up; 0 if none.
func (l *layout) pivot(it *item) int {
	at := 0
	switch l.words[it.parts[0].word].lineUp {
	case bySetting:
		at = 1
	case byShape: // behind the name, and the ? of it
		for at = 1; at < len(it.parts) && l.words[it.parts[at].word].glued; at++ {
		}
	case byEqual, byType, byValue:
		at = 2
	case byBlock:
		if at = len(it.parts) - 1; it.parts[at].group == nil {
			at = 0
		}
	}
	if at >= len(it.parts) {
		return 0
	}
	return at
}

// align lines up the items of one sort that follow on each other, and then the comments.
func (l *layout) align() {
	for from := 0; from < len(l.lines); {
		to := from + 1
		for to < len(l.lines) && l.lines[from].lineUp != byNothing && l.lines[to].lineUp == l.lines[from].lineUp && l.lines[to].of == l.lines[from].of {
			to++
		}
		l.pad(l.lines[from:to])
		from = to
	}
	for from := 0; from < len(l.lines); {
		to, width := from, 0
		for ; to < len(l.lines) && l.lines[to].comment != ""; to++ {
			width = max(width, diag.Columns(string(l.lines[to].text)))
		}
		for i := from; i < to; i++ {
			n := &l.lines[i]
			n.text = append(append(n.text, strings.Repeat(" ", width-diag.Columns(string(n.text))+2)...), n.comment...)
		}
		from = max(to, from+1)
	}
}

// pad moves the pivots of lines to one column, unless a line got too long by that.
func (l *layout) pad(lines []line) {
	width := 0
	for _, n := range lines {
		width = max(width, n.column)
	}
	for _, n := range lines {
		if n.at > 0 && diag.Columns(string(n.text))+width-n.column > MaxColumns {
			return
		}
	}
	for i := range lines {
		if n := &lines[i]; n.at > 0 {
			n.text = slices.Insert(n.text, n.at, bytes.Repeat([]byte(" "), width-n.column)...)
		}
	}
}

// bytes is the text of all lines.
func (l *layout) bytes() []byte {
	var out bytes.Buffer
	for _, n := range l.lines {
		out.Write(n.text)
		out.WriteByte('\n')
	}
	return out.Bytes()
}
