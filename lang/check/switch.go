package check

import (
	"fmt"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// switchFlow is one switch while its arms are checked.
type switchFlow struct {
	*stepFlow
	tree    *syntax.Switch
	subject *expr.Program     // nil: the arms have conditions, or the subject is wrong
	text    string            // of the subject, as it stands in comparisons
	label   string            // what the arms are called in traces, before their values
	open    []any             // values of the subject that no arm takes yet
	closed  bool              // the subject has these values and no others
	taken   map[any]diag.Span // values that an arm takes, with their places
	always  *syntax.Arm       // takes whatever is left; nil: none does so far
	doubts  bool              // a value is wrong, so nobody knows what is left
	rest    *scope            // where the arms above were not taken
	ends    bool              // all arms so far end
	falling []*scope          // the ends of arms that go on below
	mains   []*graph.Call     // of all arms
	out     *value.Type       // what the step returns behind arms that go on below; nil: nothing
	nests   bool              // arms have steps
}

// switches checks a switch. more tells that statements follow; ends that none of its arms
// goes on below.
func (s *stepFlow) switches(t *syntax.Switch, more bool, sc *scope, in *inClause) (out *graph.Switch, ends bool) {
	w := &switchFlow{stepFlow: s, tree: t, label: "switch", taken: map[any]diag.Span{}, rest: sc.child(), ends: true, nests: anyStmt([]syntax.Stmt{t}, isStep)}
	if t.Value != nil {
		w.judge(t.Value, sc)
	}
	below, mains, mainOut := s.below, s.mains, s.mainOut
	s.below = below || more
	g := &graph.Switch{Span: t.Span}
	var ended []*expr.Program // conditions of the arms before the first that goes on below
	for _, arm := range t.Arms {
		s.mains, s.mainOut = slices.Clone(mains), mainOut
		a, falls := w.arm(arm, in)
		g.Arms = append(g.Arms, a)
		if w.ends = w.ends && !falls; w.ends {
			ended = append(ended, a.When)
		}
		for _, m := range s.mains {
			if !slices.Contains(w.mains, m) {
				w.mains = append(w.mains, m)
			}
		}
		if falls {
			w.returned(s.mainOut)
		}
	}
	s.below, s.mains, s.mainOut = below, w.mains, w.out
	g.Label, g.Secret = w.label, w.subject != nil && w.subject.Type().Secret
	whole := w.complete(more)
	w.answers(sc)
	for _, p := range ended {
		sc.assume(p, false)
	}
	return g, w.ends && whole
}

// returned joins what the step returns if it comes to its end behind an arm.
func (w *switchFlow) returned(t *value.Type) {
	switch first := len(w.falling) == 1; {
	case first:
		w.out = t
	case t != nil && w.out != nil:
		w.out = value.Join(w.out, t)
	case t != nil:
		w.out = t.Opt()
	case w.out != nil:
		w.out = w.out.Opt()
	}
}

// judge compiles what the arms are compared with.
func (w *switchFlow) judge(e *syntax.Expr, sc *scope) {
	before := len(w.problems)
	p := w.compileIn(e, sc)
	w.label += " " + p.String()
	if w.problems[before:].HasErrors() {
		w.doubts = true
		return
	}
	w.subject, w.text = p, "("+e.Text+")"
	if all := w.chains(e.Text); len(all) == 1 && all[0].whole {
		w.text = e.Text
	}
	t := p.Type()
	if w.closed = true; t.Optional {
		w.open = append(w.open, nil)
	}
	switch t.Kind {
	case value.Enum:
		w.open = append(w.open, t.Values...)
	case value.Bool:
		w.open = append(w.open, true, false)
	case value.Nil:
		w.open = []any{nil}
	case value.Any:
		w.closed, w.open, w.doubts = false, nil, t.Unknown
	case value.Record, value.List:
		w.add(diag.Errorf(CodeType, e.Span, "a switch goes by a single value, not %s", article(t)).Hintf("go by a field of it, or write conditions: switch { when … { … } else { … } }"))
		w.subject, w.doubts = nil, true
	default:
		w.closed, w.open = false, nil
	}
}

// arm checks one arm. falls tells that it goes on below.
func (w *switchFlow) arm(t *syntax.Arm, in *inClause) (a *graph.Arm, falls bool) {
	a = &graph.Arm{Span: t.Span, Label: "else"}
	w.reachable(t)
	inner := w.rest.child()
	if len(t.Values) > 0 {
		a.When, a.Label = w.condition(t)
		inner = w.rest.child()
		inner.assume(a.When, true)
		w.rest.assume(a.When, false)
	} else if w.always == nil {
		w.always = t
	}
	stmts := w.statements(t.Stmts, in)
	switch {
	case in == nil && anyStmt(stmts, isStep):
		a.Body, falls = w.nest(stmts, inner)
	case in == nil && w.nests:
		a.Body, falls = w.block(w.around(stmts), inner, in)
	default:
		a.Body, falls = w.block(stmts, inner, in)
	}
	if falls {
		w.falling = append(w.falling, inner)
	}
	return a, falls
}

// statements of an arm, without settings, which say how a whole step makes its calls.
func (w *switchFlow) statements(stmts []syntax.Stmt, in *inClause) []syntax.Stmt {
	return slices.DeleteFunc(slices.Clone(stmts), func(st syntax.Stmt) bool {
		switch st.(type) {
		case *syntax.Timeout, *syntax.Within, *syntax.Classify, *syntax.Use, *syntax.Limit, *syntax.First, *syntax.Tolerate:
			w.misplaced(st, "settings stand at the head of a step or workflow")
		case *syntax.Describe:
			w.misplaced(st, "it describes a step or workflow")
		case *syntax.Retry:
			if in != nil {
				return false
			}
			w.misplaced(st, "settings stand before the first call; to try again, write it in a clause")
		default:
			return false
		}
		return true
	})
}

// condition compiles what an arm is taken for: its condition, or that the subject is one
// of its values.
func (w *switchFlow) condition(t *syntax.Arm) (when *expr.Program, label string) {
	if w.tree.Value == nil {
		return w.conditional(t)
	}
	words := make([]string, len(t.Values))
	var text []string
	for i, e := range t.Values {
		before := len(w.problems)
		p := w.compileIn(e, w.rest)
		words[i] = p.String()
		if w.problems[before:].HasErrors() || w.subject == nil {
			w.doubts = true
			continue
		}
		w.take(e, p)
		text = append(text, w.text+" == ("+e.Text+")")
		var problems diag.List
		when, problems = expr.Compile(expr.Source{Text: text[len(text)-1], Span: e.Span, Pieces: nowhere}, w.rest)
		w.problems = append(w.problems, problems...)
		w.doubts = w.doubts || problems.HasErrors()
	}
	if len(text) != 1 {
		if len(text) == 0 {
			text = []string{"false"}
		}
		when, _ = expr.Compile(expr.Source{Text: strings.Join(text, " or "), Span: t.Span, Pieces: nowhere}, w.rest)
	}
	return when, "when " + strings.Join(words, ", ")
}

// nowhere says that no part of a text stands in the file: what is wrong with the comparison
// with a value is said of the value.
var nowhere = []expr.Piece{{}}

// conditional compiles the condition of an arm.
func (w *switchFlow) conditional(t *syntax.Arm) (*expr.Program, string) {
	e := t.Values[0]
	if len(t.Values) > 1 {
		w.add(diag.Errorf(CodeType, t.Values[1].Span, "this switch has no value to compare with, so each arm has one condition").Hintf("write when %s or %s", e.Text, t.Values[1].Text))
	}
	p := w.expectIn(e, w.rest, value.TBool, "when")
	switch v, fixed := p.Const(); {
	case fixed && v == true && w.always == nil:
		w.always = t
	case fixed && v == false:
		w.add(diag.Errorf(CodeUnreachable, e.Span, "this is never taken: its condition is always false"))
	}
	return p, "when " + p.String()
}

// take notes that an arm takes a value of the subject.
func (w *switchFlow) take(e *syntax.Expr, p *expr.Program) {
	v, fixed := p.Const()
	if !fixed {
		return
	}
	switch v.(type) {
	case nil, bool, int, string:
	default:
		return
	}
	if first, twice := w.taken[v]; twice {
		w.add(diag.Errorf(CodeUnreachable, e.Span, "%s is taken already", p).See(first, "here").Hintf("the first arm that fits is taken; remove this value"))
		return
	}
	w.taken[v] = e.Span
	w.open = slices.DeleteFunc(w.open, func(o any) bool { return o == v })
}

// reachable reports an arm for which nothing is left.
func (w *switchFlow) reachable(t *syntax.Arm) {
	word, span := leading(t)
	switch {
	case w.always != nil:
		other, at := leading(w.always)
		w.add(diag.Errorf(CodeUnreachable, span, "this %s is never taken: the %s above takes everything", word, other).See(at, "that one"))
	case len(t.Values) == 0 && w.closed && !w.doubts && len(w.open) == 0:
		w.add(diag.Errorf(CodeUnreachable, span, "this else is never taken: every value has an arm already").Hintf("remove it"))
	}
}

// complete reports values for which there is no arm; whole tells that there is none.
func (w *switchFlow) complete(more bool) (whole bool) {
	_, span := leading(w.tree)
	switch {
	case w.always != nil || w.doubts || w.tree.Partial:
		return w.always != nil || !more // in doubt it is what leads to no other message
	case w.tree.Value == nil:
		w.lacks(diag.Errorf(CodeMissingArm, span, "what happens if none of these conditions holds?").Hintf("add else { … }; an empty one goes on below"), "")
	case !w.closed:
		w.lacks(diag.Errorf(CodeMissingArm, span, "%s may be another value, for which there is no arm", w.subject).Hintf("add else { … }; an empty one goes on below"), "")
	case len(w.open) > 0:
		names := make([]string, len(w.open))
		for i, v := range w.open {
			names[i] = spell(v)
		}
		list := strings.Join(names, ", ")
		w.lacks(diag.Errorf(CodeMissingArm, span, "%s may also be %s, for which there is no arm", w.subject, list).Hintf("add when %s { … }, or else { … }", list), list)
	default:
		return true
	}
	return false
}

// lacks reports that an arm is missing: for a list of values, or "" for all others.
func (w *switchFlow) lacks(d *diag.Diagnostic, values string) {
	for _, head := range []string{"when " + values, "else"} {
		if head != "when " {
			offer(d, "add "+head+" { fail UNEXPECTED }", w.last(w.tree.Span, head+" { fail UNEXPECTED }"))
		}
	}
	w.add(d)
}

// spell is a value as it stands in an arm.
func spell(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

// answers makes body, status and headers mean below the switch what they mean at the end
// of all arms that go on there. If one of them has made no call, they mean nothing.
func (w *switchFlow) answers(sc *scope) {
	for _, name := range []string{"body", "status", "headers"} {
		var joined *value.Type
		known := len(w.falling) > 0
		for _, end := range w.falling {
			b := end.find(name)
			if known = known && b != nil; !known {
				break
			}
			joined = joinBody(joined, b.typ)
		}
		if known {
			sc.names[name] = &binding{name: name, typ: joined, used: true}
		}
	}
	if slices.ContainsFunc(w.falling, func(end *scope) bool { return end.answered }) {
		sc.answered, sc.facts = true, slices.DeleteFunc(slices.Clone(sc.facts), ofAnswer)
	}
}

// nest checks a block of a step that runs steps of its own: a group, or a switch whose
// arms have steps.
func (s *stepFlow) nest(stmts []syntax.Stmt, sc *scope) (body []graph.Stmt, falls bool) {
	i := slices.IndexFunc(stmts, func(st syntax.Stmt) bool { return anyStmt([]syntax.Stmt{st}, isStep) })
	if isStep(stmts[i]) {
		return s.group(stmts, i, sc)
	}
	before, after := s.around(stmts[:i]), s.around(stmts[i+1:])
	return s.block(slices.Concat(before, stmts[i:i+1], after), sc, nil)
}

// anyStmt reports whether one of some statements, those in arms of a switch included, is
// of a sort.
func anyStmt(stmts []syntax.Stmt, of func(syntax.Stmt) bool) bool {
	return slices.ContainsFunc(stmts, func(st syntax.Stmt) bool {
		t, ok := st.(*syntax.Switch)
		return of(st) || ok && slices.ContainsFunc(t.Arms, func(a *syntax.Arm) bool { return anyStmt(a.Stmts, of) })
	})
}
