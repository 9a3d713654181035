package syntax

import (
	"slices"
	"strings"

	"wf/lang/diag"
)

// revision is the text of a file with some changes, which knows where each part of it
// stands in the file.
type revision struct {
	text   string
	pieces []piece // what is left of the file, in order
}

// piece says that text[at:at+len] stands in the file from place on.
type piece struct{ at, place, len int }

// edit puts a text in the place of text[start:end].
type edit struct {
	start, end int
	text       string
}

func newRevision(text string) *revision { return &revision{text, []piece{{0, 0, len(text)}}} }

// apply makes the revision with some edits, which may touch but not overlap; of two that do,
// the first is kept. Insertions at one place keep their order.
func (d *revision) apply(edits []edit) *revision {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	var b strings.Builder
	out := &revision{}
	next, at := 0, 0 // first piece that may still be needed, end of what is copied
	keep := func(to int) {
		for ; next < len(d.pieces) && d.pieces[next].at < to; next++ {
			p := d.pieces[next]
			from, end := max(p.at, at), min(p.at+p.len, to)
			if from < end {
				out.pieces = append(out.pieces, piece{b.Len() + from - at, p.place + from - p.at, end - from})
			}
			if p.at+p.len > to {
				break
			}
		}
		b.WriteString(d.text[at:to])
		at = to
	}
	for _, e := range edits {
		if e.start < at || e.end < e.start || e.end > len(d.text) {
			continue
		}
		keep(e.start)
		b.WriteString(e.text)
		at = e.end
		for next < len(d.pieces) && d.pieces[next].at+d.pieces[next].len <= at {
			next++
		}
	}
	keep(len(d.text))
	out.text = b.String()
	return out
}

// place is where in the file an offset of the revision is; for what is not of the file, where
// it was put in.
func (d *revision) place(offset int) int {
	i, exact := slices.BinarySearchFunc(d.pieces, offset, func(p piece, at int) int { return p.at - at })
	if exact {
		return d.pieces[i].place
	}
	if i == 0 {
		if len(d.pieces) > 0 {
			return d.pieces[0].place
		}
		return 0
	}
	p := d.pieces[i-1]
	return p.place + min(offset-p.at, p.len)
}

// span is where in the file a span of the revision is.
func (d *revision) span(s diag.Span) diag.Span {
	start, end := d.place(s.Start), d.place(s.End)
	if s.End > s.Start { // up to the end of its last byte, not to the begin of what follows
		end = max(start, d.place(s.End-1)+1)
		if i, _ := slices.BinarySearchFunc(d.pieces, s.End, func(p piece, at int) int { return p.at - at }); i > 0 {
			if p := d.pieces[i-1]; s.End > p.at+p.len { // its end was put in
				end = max(start, p.place+p.len)
			}
		}
	}
	return diag.Span{File: s.File, Start: start, End: end}
}

// expr says for an expression which parts of its text stand where.
func (d *revision) expr(s diag.Span) []Piece {
	var out []Piece
	for _, p := range d.pieces {
		from, to := max(p.at, s.Start), min(p.at+p.len, s.End)
		if from < to {
			out = append(out, Piece{Text: from - s.Start, Source: p.place + from - p.at, Len: to - from})
		}
	}
	return out
}

// relocate brings the places of a file that was read from a revision to those of the source.
func (d *revision) relocate(f *File) {
	Walk(f, func(n any) bool {
		place := placeOf(n)
		if e, ok := n.(*Expr); ok {
			pieces := d.expr(e.Span)
			if len(pieces) != 1 || pieces[0].Len != len(e.Text) {
				e.Pieces = pieces
			}
		}
		if place != nil && !place.Span.IsZero() {
			place.Span = d.span(place.Span)
		}
		return true
	})
	for i := range f.Lost {
		f.Lost[i] = d.span(f.Lost[i])
	}
}

// relocateAll does so for problems.
func (d *revision) relocateAll(list diag.List) {
	for _, p := range list {
		p.Span = d.span(p.Span)
		for i := range p.Related {
			p.Related[i].Span = d.span(p.Related[i].Span)
		}
	}
}
