// Package mutate plants defects: it makes copies of a definition with one slip each, as
// people make them, to see whether its tests notice.
//
// [Mutants] is pure: equal sources give equal mutants, in the order of the source. A
// mutant is a few edits of the text, so that the rest of it stays as it was written,
// comments included. Whether it is a workflow at all only the checker knows, and whether
// it means anything else than the original only the hash of its graph.
package mutate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/syntax"
)

// Kind is a kind of slips.
type Kind struct {
	Name string // a word for command lines
	Verb string // what a mutant does, without the place: "drops"
	Doc  string // what slip it is, in a few words

	plant func(*planter, *syntax.File)
}

// Mutant is a definition with one defect.
type Mutant struct {
	Kind  string    // the name of its kind
	Name  string    // what it does, and where: "drops on 402 of setup_billing_profile"
	Span  diag.Span // of what is changed, in the original
	Scope diag.Span // of the clause, step or workflow around it

	edits []edit
}

// edit replaces a part of the source.
type edit struct {
	from, to int
	text     string
}

// Mutants lists the mutants of a file that was parsed from src, in the order of their
// places. kinds are names of kinds; nil means all.
func Mutants(f *syntax.File, src []byte, kinds []string) []Mutant {
	p := &planter{file: f.Name, src: string(src)}
	syntax.Walk(f, func(n any) bool {
		switch n.(type) {
		case *syntax.Workflow, *syntax.Step, *syntax.On, *syntax.Undo, *syntax.Finally, *syntax.Arm, *syntax.Service, *syntax.Operation:
			p.scopes = append(p.scopes, syntax.PlaceOf(n))
		}
		return true
	})
	for _, kind := range Kinds {
		if p.kind = &kind; kinds == nil || slices.Contains(kinds, p.kind.Name) {
			p.kind.plant(p, f)
		}
	}
	slices.SortStableFunc(p.out, func(a, b Mutant) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	return p.out
}

// Apply is the source of the mutant.
func (m *Mutant) Apply(src []byte) []byte {
	var b strings.Builder
	at := 0
	for _, e := range m.edits {
		b.Write(src[at:e.from])
		b.WriteString(e.text)
		at = e.to
	}
	b.Write(src[at:])
	return []byte(b.String())
}

// Change is a place of the source that a mutant changes: whole lines.
type Change struct {
	Line     int // of the first of Old, from 1
	Old, New []string
}

// Changes lists what a mutant changes, from top to bottom.
func (m *Mutant) Changes(src []byte) []Change {
	var out []Change
	for i := 0; i < len(m.edits); {
		from := strings.LastIndexByte(string(src[:m.edits[i].from]), '\n') + 1
		to := lineEnd(src, m.edits[i].from, m.edits[i].to)
		j := i + 1
		for ; j < len(m.edits) && m.edits[j].from <= to; j++ {
			to = max(to, lineEnd(src, m.edits[j].from, m.edits[j].to))
		}
		part := Mutant{}
		for _, e := range m.edits[i:j] {
			part.edits = append(part.edits, edit{e.from - from, e.to - from, e.text})
		}
		out = append(out, change(strings.Count(string(src[:from]), "\n")+1, lines(src[from:to]), lines(part.Apply(src[from:to]))))
		i = j
	}
	return out
}

// change leaves out the lines that stay.
func change(line int, was, is []string) Change {
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
		line++
	}
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	return Change{Line: line, Old: was, New: is}
}

// lineEnd is where the line ends in which a part of the source does.
func lineEnd(src []byte, from, to int) int {
	if to > from && src[to-1] == '\n' {
		return to
	}
	if i := strings.IndexByte(string(src[to:]), '\n'); i >= 0 {
		return to + i + 1
	}
	return len(src)
}

func lines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// planter gathers the mutants of a file.
type planter struct {
	file   string
	src    string
	kind   *Kind
	scopes []diag.Span
	out    []Mutant
}

// plant adds a mutant: where says what is changed, behind the verb of the kind.
func (p *planter) plant(at diag.Span, where string, edits ...edit) {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	scope := diag.Span{File: p.file, End: len(p.src)}
	for _, s := range p.scopes {
		if s.Start <= at.Start && at.End <= s.End && s.End-s.Start < scope.End-scope.Start {
			scope = s
		}
	}
	p.out = append(p.out, Mutant{Kind: p.kind.Name, Name: p.kind.Verb + " " + where, Span: at, Scope: scope, edits: edits})
}

// text is the source of a span.
func (p *planter) text(s diag.Span) string { return p.src[s.Start:s.End] }

// put replaces what stands at a span.
func put(s diag.Span, text string) edit { return edit{s.Start, s.End, text} }

// swap exchanges two parts of the source.
func (p *planter) swap(a, b diag.Span) []edit { return []edit{put(a, p.text(b)), put(b, p.text(a))} }

// cut removes a part of the source, with the comma that parts it from its neighbours, and
// with its lines if nothing else stands on them but a comment.
func (p *planter) cut(s diag.Span) edit {
	from, to := s.Start, s.End
	left := strings.TrimRight(p.src[:from], " \t")
	alone := left == "" || strings.HasSuffix(left, "\n")
	right := skip(p.src, to)
	comma := strings.HasPrefix(p.src[right:], ",")
	if comma {
		right = skip(p.src, right+1)
	}
	rest, _, _ := strings.Cut(p.src[right:], "\n")
	ends := rest == "" || strings.HasPrefix(rest, "//")
	switch {
	case alone && ends:
		to = min(right+len(rest)+1, len(p.src))
		return edit{len(left), to, ""}
	case comma && !ends:
		return edit{from, right, ""}
	case comma:
		to = right
	}
	if strings.HasSuffix(left, ",") {
		from = len(left) - 1
	}
	return edit{from, to, ""}
}

// edited is what stands at a span, with some of it replaced.
func (p *planter) edited(s diag.Span, edits []edit) string {
	m := Mutant{}
	for _, e := range edits {
		m.edits = append(m.edits, edit{e.from - s.Start, e.to - s.Start, e.text})
	}
	slices.SortStableFunc(m.edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	return string(m.Apply([]byte(p.text(s))))
}

// skip is where something else than blanks stands.
func skip(src string, at int) int {
	for at < len(src) && (src[at] == ' ' || src[at] == '\t') {
		at++
	}
	return at
}

// block is a list of statements with what it belongs to.
type block struct {
	owner string
	stmts []syntax.Stmt
}

// blocks lists all lists of statements, outer ones first.
func blocks(f *syntax.File) (out []block) {
	var visit func(owner string, stmts []syntax.Stmt)
	visit = func(owner string, stmts []syntax.Stmt) {
		out = append(out, block{owner, stmts})
		for _, st := range stmts {
			switch st := st.(type) {
			case *syntax.Step:
				visit(st.Name.Text, st.Stmts)
			case *syntax.On:
				visit(owner, st.Stmts)
			case *syntax.Undo:
				visit("the undo of "+owner, st.Stmts)
			case *syntax.Finally:
				visit("the finally of "+owner, st.Stmts)
			case *syntax.Switch:
				for _, a := range st.Arms {
					visit(owner, a.Stmts)
				}
			}
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *syntax.Workflow:
			visit("the workflow", d.Stmts)
		case *syntax.PolicyDecl:
			visit("policy "+d.Name.Text, d.Stmts)
		}
	}
	return out
}

// eachStmt visits every statement.
func eachStmt(f *syntax.File, visit func(owner string, st syntax.Stmt)) {
	for _, b := range blocks(f) {
		for _, st := range b.stmts {
			visit(b.owner, st)
		}
	}
}

// eachPair visits the clauses that follow one another.
func eachPair(f *syntax.File, visit func(owner string, a, b *syntax.On)) {
	for _, b := range blocks(f) {
		for i := 1; i < len(b.stmts); i++ {
			first, isOn := b.stmts[i-1].(*syntax.On)
			second, isToo := b.stmts[i].(*syntax.On)
			if isOn && isToo {
				visit(b.owner, first, second)
			}
		}
	}
}

// eachItem visits what services say of all their operations, and of each.
func eachItem(f *syntax.File, visit func(owner string, item any)) {
	for _, d := range f.Decls {
		s, ok := d.(*syntax.Service)
		if !ok {
			continue
		}
		for _, item := range s.Items {
			visit(s.Name.Text, item)
			if op, ok := item.(*syntax.Operation); ok {
				for _, item := range op.Items {
					visit(s.Name.Text+"."+op.Name.Text, item)
				}
			}
		}
	}
}

// outcomes are those of a clause as messages name them.
func outcomes(on *syntax.On) string {
	words := make([]string, len(on.Outcomes))
	for i, o := range on.Outcomes {
		words[i] = outcome(o)
	}
	return strings.Join(words, ",")
}

func outcome(o syntax.Outcome) string {
	switch {
	case o.Name != "":
		return o.Name
	case o.Class != 0:
		return fmt.Sprintf("%dxx", o.Class)
	}
	return fmt.Sprint(o.Status)
}

// eachCondition visits the conditions of steps, clauses, arms and ensures.
func eachCondition(f *syntax.File, visit func(owner string, e *syntax.Expr)) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		switch st := st.(type) {
		case *syntax.Step:
			if st.When != nil {
				visit("step "+st.Name.Text, st.When)
			}
		case *syntax.On:
			if st.When != nil {
				visit(fmt.Sprintf("on %s of %s", outcomes(st), owner), st.When)
			}
		case *syntax.Ensure:
			visit("ensure of "+owner, st.Cond)
		case *syntax.Switch:
			if st.Value != nil {
				return
			}
			for i, a := range st.Arms {
				for _, e := range a.Values {
					visit(fmt.Sprintf("arm %d of %s", i+1, owner), e)
				}
			}
		}
	})
}

// eachValue visits the expressions that say what a workflow gives to others, or computes.
func eachValue(f *syntax.File, visit func(what, owner string, e *syntax.Expr)) {
	some := func(what, owner string, e *syntax.Expr) {
		if e != nil {
			visit(what, owner, e)
		}
	}
	call := func(owner string, c *syntax.Call) {
		if c != nil && len(c.Target) > 0 {
			some(c.Target[len(c.Target)-1].Text, owner, c.Args)
			some("the key", owner, c.Key)
		}
	}
	eachStmt(f, func(owner string, st syntax.Stmt) {
		switch st := st.(type) {
		case *syntax.Let:
			some(st.Name.Text, owner, st.Value)
			call(owner, st.Call)
			if st.Wait != nil {
				some("the key", owner, st.Wait.Key)
			}
		case *syntax.Return:
			some("the result", owner, st.Value)
		case *syntax.Degrade:
			some("the fallback", owner, st.Value)
		case *syntax.Call:
			call(owner, st)
		case *syntax.Wait:
			some("the key", owner, st.Key)
		case *syntax.Output:
			some("the output", owner, st.Value)
		case *syntax.Step:
			if st.For != nil {
				some("the list", st.Name.Text, st.For.In)
				some("the key", st.Name.Text, st.For.By)
			}
		}
	})
}

// eachField visits the fields of inputs, signals and types.
func eachField(f *syntax.File, visit func(*syntax.Field)) {
	syntax.Walk(f, func(n any) bool {
		switch n := n.(type) {
		case *syntax.Service, *syntax.Mock, *syntax.Test:
			return false
		case *syntax.Field:
			visit(n)
		}
		return true
	})
}
