package check

import (
	"slices"

	"wf/lang/expr"
	"wf/lang/value"
)

// assume makes the scope know what a condition that held, or did not, says: behind
// `x.y != nil` neither x nor x.y can be nil.
func (s *scope) assume(p *expr.Program, held bool) {
	if p == nil {
		return
	}
	for _, f := range p.Facts(held) {
		if f.Zero || f.Type != nil {
			s.facts = append(s.facts[:len(s.facts):len(s.facts)], f)
		} else {
			s.present(expr.Path(f.Text))
		}
	}
}

// fact finds what is known and matches, the latest first; nil: nothing does. What is known
// of the answer of one call is not known of that of the next.
func (s *scope) fact(matches func(expr.Fact) bool) *expr.Fact {
	answered := false
	for at := s; at != nil; at = at.parent {
		for i := len(at.facts) - 1; i >= 0; i-- {
			if f := at.facts[i]; matches(f) && !(answered && ofAnswer(f)) {
				return &f
			}
		}
		answered = answered || at.answered
	}
	return nil
}

// ofAnswer reports whether a fact is about the answer of the nearest call.
func ofAnswer(f expr.Fact) bool {
	return slices.ContainsFunc(chains(f.Text), func(ch chain) bool { return slices.Contains(answerNames, ch.root) })
}

// NotZero reports whether an expression is known not to be zero.
func (s *scope) NotZero(text string) bool {
	return s.fact(func(f expr.Fact) bool { return f.Zero && f.Text == text }) != nil
}

// Is is what the value of a path of type any is known to be; nil: nothing is.
func (s *scope) Is(path string) *value.Type {
	if f := s.fact(func(f expr.Fact) bool { return f.Type != nil && f.Text == path }); f != nil {
		return f.Type
	}
	return nil
}

// present narrows the type of a root name so that the path behind it is not nil.
func (s *scope) present(path []string) {
	b := s.find(path[0])
	if b == nil { // a name that is wrong, which is told: whatever may be meant is not told of as well
		if len(path) > 1 {
			for _, name := range s.visible() {
				s.present(append([]string{name}, path[1:]...))
			}
		}
		return
	}
	b.used = true
	narrowed := *b
	if narrowed.typ = expr.Present(b.typ, path[1:]); narrowed.typ != b.typ {
		s.names[path[0]] = &narrowed
	}
}
