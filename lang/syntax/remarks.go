package syntax

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"wf/lang/diag"
)

// remarks are the comments of a file, each with the part of the file that it is about,
// for writing that part in another syntax. Texts are without the sign that begins a
// comment.
type remarks struct {
	before map[any][]string // on lines above the part
	behind map[any][]string // on the line on which the part begins
	foot   map[any][]string // at the end of what is inside of the part
	blank  map[any]bool     // an empty line stands above the part and its comments
}

// anchor is a part of a file that comments may be about.
type anchor struct {
	of         any
	start, end int
	block      bool // other parts are inside of it, on lines of their own
	brackets   bool // it is the brackets around data, and no part by itself
	up         *anchor
}

// placer finds out what the comments of a file are about.
type placer struct {
	src      []byte
	indented bool // blocks are told by indentation, as in YAML
	anchors  []*anchor
	first    any // what a comment at the top of the file stands before
	out      *remarks
}

// place is what the comments are about. Those within opaque spans stay where they are.
func (p *placer) place(comments []Comment, opaque []diag.Span) *remarks {
	p.out = &remarks{before: map[any][]string{}, behind: map[any][]string{}, foot: map[any][]string{}, blank: map[any]bool{}}
	slices.SortStableFunc(p.anchors, func(a, b *anchor) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end)) })
	var open []*anchor
	for _, a := range p.anchors {
		for len(open) > 0 && open[len(open)-1].end < a.end {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			a.up = open[len(open)-1]
		}
		open = append(open, a)
	}
	top := map[any]int{} // of each part with its comments
	slices.SortFunc(opaque, func(a, b diag.Span) int { return cmp.Compare(a.Start, b.Start) })
	for _, c := range comments {
		i, _ := slices.BinarySearchFunc(opaque, c.Span.End, func(s diag.Span, at int) int { return cmp.Compare(s.Start, at) })
		if i > 0 && c.Span.Start < opaque[i-1].End || len(p.anchors) == 0 {
			continue
		}
		text := strings.TrimRight(strings.TrimPrefix(strings.TrimPrefix(c.Text, "//"), "#"), " \t\r")
		if len(bytes.TrimSpace(p.src[p.line(c.Span.Start):c.Span.Start])) > 0 && p.last(c.Span.Start) != nil {
			p.beside(c.Span.Start, text)
			continue
		}
		if of := p.above(c.Span, text); of != nil {
			if _, more := top[of]; !more {
				top[of] = c.Span.Start
			}
		}
	}
	for _, a := range p.anchors {
		at, commented := top[a.of]
		if !commented {
			at = a.start
		}
		p.out.blank[a.of] = p.out.blank[a.of] || p.emptyAbove(at)
	}
	return p.out
}

// line is where the line of a place begins.
func (p *placer) line(at int) int { return bytes.LastIndexByte(p.src[:at], '\n') + 1 }

// last is the last part that begins before a place, the innermost one.
func (p *placer) last(at int) *anchor {
	i, _ := slices.BinarySearchFunc(p.anchors, at, func(a *anchor, at int) int { return cmp.Compare(a.start, at) })
	if i == 0 {
		return nil
	}
	return p.anchors[i-1]
}

// beside places a comment behind something on its line.
func (p *placer) beside(at int, text string) {
	a, line := p.last(at), p.line(at)
	for b := a.up; b != nil; b = b.up {
		if b.end <= at && b.end > line && (!p.indented || b.start >= line || b.brackets) {
			a = b
		}
	}
	for a.brackets && a.up != nil {
		a = a.up
	}
	switch {
	case a.end <= line: // it is behind what is no part
		if i, _ := slices.BinarySearchFunc(p.anchors, at, func(b *anchor, at int) int { return cmp.Compare(b.start, at) }); i < len(p.anchors) {
			of := p.anchors[i].of
			p.out.before[of] = append(p.out.before[of], text)
			return
		}
	case a.block && a.end <= at && a.start < line:
		p.out.foot[a.of] = append(p.out.foot[a.of], text)
		return
	}
	p.out.behind[a.of] = append(p.out.behind[a.of], text)
}

// above places a comment on a line of its own, and returns what it stands before; nil if
// it stands at the end of something.
func (p *placer) above(at diag.Span, text string) any {
	i, _ := slices.BinarySearchFunc(p.anchors, at.End, func(a *anchor, at int) int { return cmp.Compare(a.start, at) })
	around := p.last(at.Start) // the innermost part with parts inside that it stands in
	for around != nil && !(around.block || around.brackets) || around != nil && around.end <= at.Start {
		around = around.up
	}
	var end *anchor
	switch {
	case i == 0 && p.first != nil:
		p.out.before[p.first] = append(p.out.before[p.first], text)
		return p.first
	case around != nil && (i == len(p.anchors) || p.anchors[i].start >= around.end):
		end = around
	case p.indented && (around == nil || !around.brackets):
		column := at.Start - p.line(at.Start)
		if i == len(p.anchors) || column > p.column(p.anchors[i]) {
			end = p.indentedLess(i, column)
		}
	}
	if end != nil {
		p.out.foot[end.of] = append(p.out.foot[end.of], text)
		return nil
	}
	if i == len(p.anchors) {
		last := p.anchors[0]
		p.out.foot[last.of] = append(p.out.foot[last.of], text)
		return nil
	}
	of := p.anchors[i].of
	p.out.before[of] = append(p.out.before[of], text)
	return of
}

func (p *placer) column(a *anchor) int { return a.start - p.line(a.start) }

// indentedLess is the last part before i with parts inside that a comment at a column may
// belong to.
func (p *placer) indentedLess(i, column int) *anchor {
	for i--; i >= 0; i-- {
		if a := p.anchors[i]; a.block && p.column(a) <= column {
			return a
		}
	}
	return nil
}

// emptyAbove reports whether the line above that of a place is empty. Lines that hold
// nothing but a key do not count.
func (p *placer) emptyAbove(at int) bool {
	if len(bytes.Trim(p.src[p.line(at):at], " \t-")) > 0 {
		return false // it is not the first on its line
	}
	for line := p.line(at); line > 0; {
		above := p.line(line - 1)
		text := bytes.TrimPrefix(bytes.TrimSpace(p.src[above:line]), []byte("- "))
		if len(text) == 0 {
			return true
		}
		if !p.indented || !bytes.HasSuffix(text, []byte(":")) || bytes.ContainsAny(text, " #") {
			return false
		}
		line = above
	}
	return false
}

// rest takes what was not written yet: the comments of parts that the other syntax does
// not have.
func (r *remarks) rest(order []*anchor) []string {
	var out []string
	for _, a := range order {
		for _, of := range []map[any][]string{r.before, r.behind, r.foot} {
			out = append(out, of[a.of]...)
			delete(of, a.of)
		}
	}
	return out
}

// taken returns the texts of a part and forgets them.
func taken(of map[any][]string, part any) []string {
	texts := of[part]
	delete(of, part)
	return texts
}
