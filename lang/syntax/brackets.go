package syntax

import (
	"slices"

	"wf/lang/token"
)

// opening is a bracket while it is open.
type opening struct {
	token int // index
	line  int // index of its line
	ch    string
}

// srcLine is tokens[from:to] that stand on one line, without the line end.
type row struct{ from, to, indent int }

// brackets gives every bracket its partner, going by the indentation where one is
// missing or one too many. A declaration that begins in the first column begins anew,
// so that a missing brace costs no more than its own declaration.
func (m *mender) brackets() {
	if balanced(m.text, m.all) {
		return
	}
	lines := m.lines()
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && !m.beginsDeclaration(lines[to]) {
			to++
		}
		if !balanced(m.text, m.all[lines[from].from:lines[to-1].to]) {
			b := &balancer{mender: m, lines: lines[from:to]}
			b.run()
		}
		from = to
	}
}

// balanced reports whether every bracket of some tokens has its partner among them.
func balanced(text string, tokens []token.Token) bool {
	var open []string
	for _, t := range tokens {
		if t.Kind != token.Op {
			continue
		}
		switch word := text[t.Start:t.End]; nesting(word) {
		case 1:
			open = append(open, closer(word))
		case -1:
			if len(open) == 0 || open[len(open)-1] != word {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0
}

// lines cuts the tokens into lines.
func (s *source) lines() []row {
	var out []row
	for i := 0; i < len(s.all); {
		from := i
		for i < len(s.all) && s.all[i].Kind != token.Newline && s.all[i].Kind != token.EOF {
			i++
		}
		if i > from {
			out = append(out, row{from, i, s.indent(s.all[from].Start)})
		}
		i++
	}
	return out
}

// indent is how far a place is from the start of its line; a tab counts as four.
func (s *source) indent(at int) int {
	n := 0
	for at--; at >= 0 && s.text[at] != '\n'; at-- {
		if s.text[at] == '\t' {
			n += 3
		}
		n++
	}
	return n
}

func (m *mender) beginsDeclaration(l row) bool {
	return l.indent == 0 && m.all[l.from].Kind == token.Ident && slices.Contains(words[""], m.word(l.from)) && m.word(l.from+1) != ":" && m.word(l.from+1) != "="
}

// balancer mends the brackets of one declaration.
type balancer struct {
	*mender
	lines   []row
	open    []opening
	surplus int // closing brackets that have no partner; missing ones if negative
}

func (b *balancer) run() {
	for _, l := range b.lines {
		for i := l.from; i < l.to; i++ {
			if b.all[i].Kind == token.Op {
				b.surplus -= nesting(b.word(i))
			}
		}
	}
	for n, l := range b.lines {
		b.lineStart(n, l)
		for i := l.from; i < l.to; i++ {
			if b.all[i].Kind != token.Op {
				continue
			}
			switch word := b.word(i); nesting(word) {
			case 1:
				if word == "{" && b.is(i-1, "{") && i > l.from && b.surplus < 0 && i < l.to {
					b.surplus++
					b.report(CodeUnclosed, b.all[i].Start, b.all[i].End, "this { is one too many").Hintf("remove it, or add its }")
					b.edit(b.all[i].Start, b.all[i].End, " ")
					continue
				}
				b.open = append(b.open, opening{i, n, word})
			case -1:
				b.close(n, i, word)
			}
		}
	}
	for len(b.open) > 0 {
		b.closeTop(b.lines[len(b.lines)-1].to - 1)
	}
}

// lineStart closes what should have been closed before a line: the blocks that its first
// token is not deeper in than the line they begin on.
func (b *balancer) lineStart(n int, l row) {
	first := b.word(l.from)
	if nesting(first) < 0 && b.all[l.from].Kind == token.Op {
		at := slices.IndexFunc(b.open, func(o opening) bool { return b.lines[o.line].indent == l.indent })
		for at >= 0 && len(b.open) > 0 && b.surplus < 0 && b.lines[b.top().line].indent > l.indent {
			b.closeTop(b.lines[n-1].to - 1)
		}
		return
	}
	if b.all[l.from].Kind == token.Op && nesting(first) == 0 || first == "else" || first == "then" || binaryWords[first] {
		return // it goes on with the line above
	}
	for len(b.open) > 0 && b.surplus < 0 && b.top().line < n && b.lines[b.top().line].indent >= l.indent {
		b.closeTop(b.lines[n-1].to - 1)
	}
}

func (b *balancer) top() opening { return b.open[len(b.open)-1] }

// closeTop puts in the partner of the innermost open bracket behind a token.
func (b *balancer) closeTop(behind int) {
	o := b.top()
	b.open = b.open[:len(b.open)-1]
	b.surplus++
	end := b.all[behind].End
	want := closer(o.ch)
	d := b.report(CodeUnclosed, b.all[o.token].Start, b.all[o.token].End, "this %s is never closed", o.ch)
	if b.lines[o.line].from <= behind && behind < b.lines[o.line].to {
		d.Hintf("add its %s", want)
	} else {
		d.See(b.at(end, end), "going by the indentation, a %s is missing after this", want)
	}
	b.edit(end, end, want)
}

// close finds the partner of a closing bracket.
func (b *balancer) close(n, i int, word string) {
	if len(b.open) == 0 || b.surplus > 0 && b.premature(n, i) {
		b.stray(i, word)
		return
	}
	if closer(b.top().ch) == word {
		b.open = b.open[:len(b.open)-1]
		return
	}
	if slices.ContainsFunc(b.open, func(o opening) bool { return closer(o.ch) == word }) && b.surplus < 0 {
		for closer(b.top().ch) != word {
			b.closeTop(i - 1)
		}
		b.open = b.open[:len(b.open)-1]
		return
	}
	if b.surplus > 0 || b.top().line != n {
		b.stray(i, word)
		return
	}
	want := closer(b.top().ch)
	o := b.all[b.top().token]
	b.report(CodeUnclosed, b.all[i].Start, b.all[i].End, "%s stands where a %s is open", word, b.top().ch).
		See(b.at(o.Start, o.End), "this one").Hintf("close it with %s", want)
	b.edit(b.all[i].Start, b.all[i].End, want)
	b.open = b.open[:len(b.open)-1]
}

// premature reports whether a closing bracket would end a block that goes on, by the
// indentation of the next line.
func (b *balancer) premature(n, i int) bool {
	o := b.top()
	if o.line == n || n+1 >= len(b.lines) {
		return false
	}
	for j := i + 1; j < b.lines[n].to; j++ {
		if b.all[j].Kind == token.Op && nesting(b.word(j)) != 0 {
			return false // the last one of the line is the one too many, or the next line is deeper for a reason
		}
	}
	next := b.lines[n+1]
	own := next.indent == b.lines[o.line].indent && b.all[next.from].Kind == token.Op && b.word(next.from) == closer(o.ch)
	return own || next.indent > b.lines[o.line].indent
}

func (b *balancer) stray(i int, word string) {
	b.surplus--
	d := b.report(CodeUnclosed, b.all[i].Start, b.all[i].End, "this %s closes nothing", word)
	if at := b.opener(i, word); at > 0 {
		before := b.all[at].Start
		d.See(b.at(before, before), "a { may be missing before this")
		b.edit(before, before, "{ ")
		return
	}
	d.Hintf("remove it, or look for a missing opening bracket above")
	b.edit(b.all[i].Start, b.all[i].End, " ")
}

// opener is the token of the same line before which the { of the } at i is probably
// missing; 0 if there is none.
func (b *balancer) opener(i int, word string) int {
	from := i
	for from > 0 && b.all[from-1].Kind != token.Newline && !b.is(from-1, "{") {
		from--
	}
	if word != "}" || from == i || !b.isKind(from, token.Ident) && !b.isKind(from, token.Int) && !b.isKind(from, token.Class) {
		return 0
	}
	at := from + 1
	switch first := b.word(from); {
	case first == "call" || first == "run" || first == "let" || first == "put" || first == "return" || first == "degrade" || first == "output":
		for at < i && !(b.is(at+1, ":") && (b.isKind(at, token.Ident) || b.isKind(at, token.String))) {
			at++
		}
	case first == "on":
		for at < i && !slices.Contains(words["on"], b.word(at)) {
			at++
		}
	case first == "step":
		for at < i && !slices.Contains(words["step"], b.word(at)) {
			at++
		}
	case first == "type" || first == "table":
		for at++; at < i && b.is(at, "="); {
			at++
		}
	case first == "input", first == "signal", b.isKind(from, token.Int), b.isKind(from, token.Class):
	default:
		return 0
	}
	if at >= i {
		return 0
	}
	return at
}
