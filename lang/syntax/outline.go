package syntax

// group is a pair of brackets with what stands between; the outermost one, of the whole
// file, has none.
type group struct {
	bracket
	open, close int // words
	items       []item
	columns     int  // width on one line, brackets included
	spread      bool // it has lines of its own, because the author broke it between two items or it must
	several     bool // it goes over several lines, because it is spread or something in it is
}

// item is a statement, field or element; in plain brackets it is all that stands there.
type item struct {
	parts   []part
	columns int // width on one line
	several bool
}

// part is a word, or a group.
type part struct {
	word  int // of a group: its bracket
	group *group
}

// outliner makes groups of words.
type outliner struct {
	words []word
	next  int
}

func newOutline(words []word) *group {
	o := &outliner{words: words}
	g := &group{bracket: statements, open: -1}
	o.fill(g)
	g.spread, g.several = true, true
	return g
}

// fill takes the words up to the bracket that closes the group.
func (o *outliner) fill(g *group) {
	for ; !o.closes(o.next); o.next++ {
		w := &o.words[o.next]
		if len(g.items) == 0 || w.first && g.bracket != plain {
			g.items = append(g.items, item{})
		}
		it := &g.items[len(g.items)-1]
		p := part{word: o.next}
		if w.encloses != noBracket {
			p.group = &group{bracket: w.encloses, open: o.next}
			o.next++
			o.fill(p.group)
		}
		it.parts = append(it.parts, p)
	}
	g.close = o.next
	o.measure(g)
}

// closes reports whether a word closes a group.
func (o *outliner) closes(i int) bool {
	switch o.words[i].text {
	case "}", ")", "]", "":
		return true
	}
	return false
}

// measure finds out the width of a group and whether it goes over several lines.
func (o *outliner) measure(g *group) {
	for i := range g.items {
		it := &g.items[i]
		for k, p := range it.parts {
			w := &o.words[p.word]
			if k > 0 && !w.glued {
				it.columns++
			}
			if k > 0 && w.broken {
				it.several = true
			}
			if p.group == nil {
				it.columns += w.columns
				continue
			}
			it.columns += p.group.columns
			it.several = it.several || p.group.several
		}
		first := &o.words[it.parts[0].word]
		g.columns += it.columns
		if i > 0 {
			g.columns += len(", ")
		}
		g.several = g.several || it.several || first.broken
		g.spread = g.spread || first.broken || it.several && (g.bracket != elements || len(g.items) > 1)
	}
	if g.columns += len("[]"); g.bracket != elements && g.bracket != plain && len(g.items) > 0 {
		g.columns += len("  ")
	}
	end := &o.words[g.close]
	if end.broken && (len(g.items) > 0 || len(end.comments) > 0) {
		g.spread, g.several = true, true
	}
	if g.bracket == plain {
		g.spread = false
	}
}

// sole is the group that is all there is in a list: both brackets go together.
func (g *group) sole() *group {
	if g.bracket == elements && len(g.items) == 1 && len(g.items[0].parts) == 1 {
		return g.items[0].parts[0].group
	}
	return nil
}

// joined reports whether a list has a single element that goes over several lines
// without being put on lines of its own.
func (g *group) joined() bool {
	return g.bracket == elements && !g.spread && len(g.items) == 1 && (g.several || g.sole() != nil)
}

// lead is how many columns a part needs before the line may be broken in it; breaks
// tells whether it may be.
func (l *layout) lead(p part) (columns int, breaks bool) {
	g := p.group
	switch {
	case g == nil:
		return l.words[p.word].columns, false
	case len(g.items) == 0 && !g.several:
		return g.columns, false
	case g.bracket != plain && !g.joined():
		return len("{"), true
	}
	if len(g.items) > 0 {
		columns, breaks = l.leads(g.items[0].parts)
	}
	if breaks {
		return len("(") + columns, true
	}
	return len("(") + columns + len(")"), false
}

// leads is lead for parts that follow on each other.
func (l *layout) leads(parts []part) (columns int, breaks bool) {
	for i, p := range parts {
		w := &l.words[p.word]
		if i > 0 && (w.broken || w.soft) {
			return columns, true
		}
		if i > 0 && !w.glued {
			columns++
		}
		n, breaks := l.lead(p)
		if columns += n; breaks {
			return columns, true
		}
	}
	return columns, false
}
