package syntax

import (
	"cmp"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/token"
)

// draft is a source cut into the words that a layout consists of.
type draft struct {
	token.Text
	words    []word // the last one is empty and stands for the end of the file
	comments []token.Comment
	notes    []note // of each token
	open     []opened
	at       int  // token that is looked at
	pos      int  // source offset behind the last word or comment
	exprEnd  int  // source offset at which the current expression ends
	operand  bool // in an expression: an operand is complete
	tight    bool // no space behind the last word
	inExpr   bool // the last word is part of an expression
	member   bool // the last word is the dot before a name
}

// word is a token that stays, with what stood before it.
type word struct {
	text     string
	columns  int      // width of the text
	glued    bool     // no space before it
	first    bool     // it begins an item
	broken   bool     // a line ended before it
	blank    bool     // a line was empty before it, behind the last of its comments
	goesOn   bool     // at the start of a line it would go on with the expression above
	soft     bool     // the line may be broken before it
	encloses bracket  // what an opening bracket encloses
	lineUp   lineUp   // of the item it begins
	comments []remark // before it
}

// remark is a comment before a word.
type remark struct {
	text   string
	behind bool // on the line of the word before
	blank  bool // a line was empty before it
}

// bracket tells what stands in brackets, and so what a line end in them means.
type bracket int8

const (
	noBracket  bracket = iota
	statements         // { } of a block
	fields             // { } of a record
	pairs              // { } of an object
	elements           // [ ] of a list
	plain              // ( ), [ ] behind a value, [ ] of a shape: line ends mean nothing
)

// lineUp tells which items are lined up when they follow on each other.
type lineUp int8

const (
	byNothing lineUp = iota
	bySetting        // settings, version, describe: by their values
	byEqual          // lets: by the =
	byType           // types and tables: by what is behind the name
	byShape          // fields of records: by their types
	byValue          // fields of objects: by their values
	byBlock          // clauses: by the {
)

// note is what the tree tells of a token.
type note struct {
	item    bool // an item begins
	lineUp  lineUp
	expr    int    // an expression begins that ends at this offset; 0: none
	record  bool   // the { of a record
	dropped bool   // it is left out
	broken  bool   // a line ends before it
	insert  string // a sign that is put before it
}

// opened is a bracket that is open.
type opened struct {
	bracket
	ternary int  // ? without their : so far
	fresh   bool // no word yet since it was opened or since the last separator
}

func newDraft(f *File, src []byte) *draft {
	d := &draft{open: []opened{{bracket: statements, fresh: true}}}
	d.Source = string(src)
	d.Tokens, d.comments, _ = token.Scan(f.Name, d.Source)
	d.notes = make([]note, len(d.Tokens))
	d.words = make([]word, 0, len(d.Tokens))
	d.read(f)
	for d.at = range d.Tokens {
		d.token()
	}
	return d
}

// index is the token that begins at an offset.
func (d *draft) index(offset int) int {
	i, _ := slices.BinarySearchFunc(d.Tokens, offset, func(t token.Token, at int) int { return cmp.Compare(t.Start, at) })
	return min(i, len(d.Tokens)-1)
}

// read notes what the tokens do not tell by themselves.
func (d *draft) read(f *File) {
	inner := map[any]bool{} // statements that are part of another one
	Walk(f, func(n any) bool {
		switch n := n.(type) {
		case *Expr:
			d.notes[d.index(n.Span.Start)].expr = n.Span.End
			return true
		case *Record:
			i := d.index(n.Span.Start)
			if n.Open {
				i++
			}
			d.notes[i].record = true
		case *Ensure:
			inner[n.Else] = true
		case *Let:
			inner[n.Call], inner[n.Wait], inner[n.Put] = true, true, true
		case *TypeDecl:
			d.equals(n)
		case *Retry:
			if n.Backoff != nil {
				d.comma(&n.Backoff.Node)
			}
			if n.Jitter != nil {
				d.comma(&n.Jitter.Node)
			}
		case *Breaker:
			d.comma(&n.Open.Node)
		}
		if _, ok := n.(*Arm); ok {
			d.notes[d.index(placeOf(n).Span.Start)].broken = true
		}
		switch n.(type) {
		case Decl, Stmt, *Arm, ServiceItem, OperationItem, MockItem, MockStmt, TestStmt, InvariantRule, *Field:
			if !inner[n] {
				i := d.index(placeOf(n).Span.Start)
				d.notes[i].item, d.notes[i].lineUp = true, lineUpOf(n)
			}
		}
		return true
	})
}

func lineUpOf(n any) lineUp {
	switch n.(type) {
	case *Version, *Describe, *Retry, *Timeout, *Within, *Limit, *Breaker, *First, *Tolerate, *Use, *Classify, *Seed, *Clock:
		return bySetting
	case *Let:
		return byEqual
	case *TypeDecl, *Table:
		return byType
	case *Field:
		return byShape
	case *On, *Undo, *Arm, *Finally:
		return byBlock
	}
	return byNothing
}

// equals makes `type name { … }` have no = and any other type have one.
func (d *draft) equals(n *TypeDecl) {
	i := d.index(n.Name.Span.Start) + 1
	_, record := n.Shape.(*Record)
	switch {
	case d.Word(i) == "=" && record:
		d.notes[i].dropped = true
	case d.Word(i) != "=" && !record:
		d.notes[i].insert = "="
	}
}

// comma makes a part of a setting be separated by one: the word before its value begins it.
func (d *draft) comma(value *Node) {
	i := d.index(value.Span.Start) - 1
	before := i - 1
	if d.Tokens[before].Kind == token.Newline {
		before--
	}
	if d.Word(before) == "," {
		d.notes[before].dropped = true
		before--
	}
	if d.Word(before) != "retry" {
		d.notes[i].insert = ","
	}
}

func (d *draft) top() *opened { return &d.open[len(d.open)-1] }

// token makes a word of the token that is looked at, unless it only separates.
func (d *draft) token() {
	t, n := d.Tokens[d.at], d.notes[d.at]
	if n.expr > 0 && t.Start >= d.exprEnd {
		d.exprEnd, d.operand, d.top().ternary = n.expr, false, 0
	}
	inExpr, top := t.Start < d.exprEnd, d.top()
	switch {
	case n.dropped:
	case t.Kind == token.Newline:
		if inExpr && (top.bracket == pairs || top.bracket == elements) && !top.fresh && !d.Continues(d.at) {
			top.fresh, d.operand = true, false
		}
	case d.Word(d.at) == "," && d.separates(inExpr):
		top.fresh, d.operand = true, false
	case n.insert != "":
		d.words = append(d.words, word{text: n.insert, columns: len(n.insert), glued: n.insert == ","})
		d.tight = false
		fallthrough
	default:
		d.word(inExpr)
	}
}

// separates reports whether the comma that is looked at stands between two items, or
// behind the last one.
func (d *draft) separates(inExpr bool) bool {
	top, next := d.top(), d.at+1
	for d.Tokens[next].Kind == token.Newline || d.Word(next) == "," && !inExpr {
		next++
	}
	switch {
	case !inExpr:
		return d.notes[next].item || d.Word(next) == "}" || d.Tokens[next].Kind == token.EOF
	case top.bracket == plain:
		return d.Word(next) == ")"
	}
	return !top.fresh
}

// add adds a word with what stood before it.
func (d *draft) add(text string, glued bool) *word {
	start := d.Tokens[d.at].Start
	w := word{text: text, columns: diag.Columns(text), glued: (glued || d.tight) && !d.merges(text)}
	for len(d.comments) > 0 && d.comments[0].Start < start {
		c := d.comments[0]
		d.comments = d.comments[1:]
		lines := strings.Count(d.Source[d.pos:c.Start], "\n")
		w.comments = append(w.comments, remark{strings.TrimRight(d.Source[c.Start:c.End], " \t"), lines == 0 && len(d.words) > 0, lines > 1 && len(d.words) > 0})
		d.pos = c.End
	}
	lines := strings.Count(d.Source[min(d.pos, start):start], "\n")
	w.broken, w.blank = lines > 0 || len(w.comments) > 0, lines > 1
	d.pos = d.Tokens[d.at].End
	d.words = append(d.words, w)
	return &d.words[len(d.words)-1]
}

// last is the text of the last word.
func (d *draft) last() string {
	if len(d.words) == 0 {
		return ""
	}
	return d.words[len(d.words)-1].text
}

// merges reports whether a text right behind the last word would be read as one with it.
func (d *draft) merges(text string) bool {
	last := d.last()
	if last == "" || text == "" {
		return false
	}
	if strings.ContainsAny(last[len(last)-1:], `()[]{},"`) || strings.ContainsAny(text[:1], `()[]{},"`) {
		return false
	}
	if (last == "." || last == "?.") && '0' <= text[0] && text[0] <= '9' { // a number may stand before it
		return true
	}
	tokens, _, problems := token.Scan("", last+text)
	return len(tokens) != 3 || tokens[0].End != len(last) || problems.HasErrors()
}

// word adds the token that is looked at.
func (d *draft) word(inExpr bool) {
	t, n, text, top := d.Tokens[d.at], d.notes[d.at], d.Word(d.at), d.top()
	glued, tight, first, encloses := false, false, n.item, noBracket
	member := d.member
	d.member = false
	if inExpr && (top.bracket == pairs || top.bracket == elements) {
		first = top.fresh
	}
	key := inExpr && top.bracket == pairs && top.fresh && d.IsKey(d.at)
	switch {
	case text == "}" || text == ")" || text == "]":
		first = false
		if glued = text != "}"; len(d.open) > 1 {
			d.open = d.open[:len(d.open)-1]
		}
		d.operand = true
	case t.Kind == token.Op && inExpr:
		glued, tight, encloses = d.exprSign(text, member)
	case t.Kind == token.Op:
		glued, tight, encloses = d.sign(text, n.record)
	case inExpr && t.Kind == token.Ident && !key && !member && token.WordOps[text] && (d.operand || text == "not" || d.last() == "not"):
		d.operand = false
	case inExpr:
		glued = text == "index" && d.Word(d.at-1) == "#"
		d.operand = true
	}
	w := d.add(text, glued)
	w.broken = w.broken || n.broken
	w.first, w.encloses, w.goesOn, w.soft = first, encloses, d.inExpr && d.GoesOn(d.at), !inExpr && (text == "else" || text == "then")
	switch {
	case key:
		w.lineUp = byValue
	case first:
		w.lineUp = n.lineUp
	}
	d.tight, d.inExpr, top.fresh = tight, inExpr, false
	if encloses != noBracket {
		d.open = append(d.open, opened{bracket: encloses, fresh: true})
		d.operand = false
	}
}

// sign tells how a sign outside of expressions is written.
func (d *draft) sign(text string, record bool) (glued, tight bool, encloses bracket) {
	switch text {
	case "{":
		if record {
			return false, false, fields
		}
		return false, false, statements
	case "[", "(":
		return false, true, plain
	case ".":
		return true, true, noBracket
	case "?", ",":
		return true, false, noBracket
	case "-":
		return false, true, noBracket
	}
	return false, false, noBracket
}

// exprSign tells how a sign in an expression is written, and follows the operands.
func (d *draft) exprSign(text string, member bool) (glued, tight bool, encloses bracket) {
	top, operand := d.top(), d.operand
	d.operand = false
	switch text {
	case "{":
		return false, false, pairs
	case "(":
		return operand, true, plain
	case "[":
		if operand || member {
			return true, true, plain
		}
		return false, true, elements
	case ".", "?.":
		d.member = true
		return operand, true, noBracket
	case "-", "+", "!":
		return false, !operand, noBracket
	case "#":
		d.operand = true
		return false, false, noBracket
	case "..":
		return true, true, noBracket
	case ",":
		return true, false, noBracket
	case "?":
		top.ternary++
	case ":":
		switch {
		case top.ternary > 0:
			top.ternary--
		case top.bracket == pairs:
			return true, false, noBracket
		case top.bracket == plain:
			return true, true, noBracket
		}
	}
	return false, false, noBracket
}
