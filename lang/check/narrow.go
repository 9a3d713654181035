package check

import (
	"wf/lang/expr"
	"wf/lang/value"
)

// assume makes the scope know what a condition that held, or did not, says about
// missing values: behind `x.y != nil` neither x nor x.y can be nil.
func (s *scope) assume(p *expr.Program, held bool) {
	if p == nil {
		return
	}
	for _, path := range p.Present(held) {
		s.present(expr.Path(path))
	}
}

// present narrows the type of a root name so that the path behind it is not nil.
func (s *scope) present(path []string) {
	b := s.find(path[0])
	if b == nil {
		return
	}
	b.used = true
	narrowed := *b
	if narrowed.typ = presentType(b.typ, path[1:]); narrowed.typ != b.typ {
		s.names[path[0]] = &narrowed
	}
}

// presentType is t where neither t nor what the path leads to is nil.
func presentType(t *value.Type, path []string) *value.Type {
	t = t.Req()
	if len(path) == 0 || t.Kind != value.Record {
		return t
	}
	out := *t
	out.Fields = nil
	for _, f := range t.Fields {
		if f.Name == path[0] {
			c := *f
			c.Type, c.Optional = presentType(f.Type, path[1:]), false
			f = &c
		}
		out.Fields = append(out.Fields, f)
	}
	return &out
}
