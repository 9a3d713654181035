package check

import (
	"wf/lang/expr"
)

// assume makes the scope know what a condition that held, or did not, says about
// missing values: behind `x.y != nil` neither x nor x.y can be nil.
func (s *scope) assume(p *expr.Program, held bool) {
	if p == nil {
		return
	}
	for _, path := range p.Present(held) {
		if text := expr.NotZero(path); text != "" {
			s.nonzero = append(s.nonzero[:len(s.nonzero):len(s.nonzero)], text)
			continue
		}
		s.present(expr.Path(path))
	}
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
