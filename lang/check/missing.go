package check

import (
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/syntax"
	"wf/lang/value"
)

// returned is one of the ways in which a step gets its result.
type returned struct {
	typ   *value.Type
	word  string // what gives it: return, degrade, or call for an answer
	span  diag.Span
	value []expr.Field // that it gives; nil if it is no object written there
}

// at is the place of what fields lead to, as near as it is known.
func (r returned) at(fields []string) diag.Span {
	if len(fields) > 0 {
		for _, f := range r.value {
			if f.Name == fields[0] {
				return f.Span
			}
		}
	}
	return r.span
}

// maxReasons is how many places say why a value may be missing.
const maxReasons = 3

// Missing says why what a path leads to may be nil: the condition that skips a step, the
// ending that leaves a field out, the place that declares it with a ?.
func (s *scope) Missing(path []string) []diag.Related {
	b := s.find(path[0])
	if b == nil {
		return nil
	}
	out := b.why(path[1:])
	return out[:min(len(out), maxReasons)]
}

// Certain reports whether the types of the scope say which values may be nil: in tests
// they do not, for a step may have any ending there.
func (s *scope) Certain() bool { return s.flow.tree != nil }

// why says why what fields lead to may be nil in the value of a name.
func (b *binding) why(fields []string) (out []diag.Related) {
	see := func(span diag.Span, message string) { out = append(out, diag.Related{Span: span, Message: message}) }
	if len(fields) == 0 && b.reason != "" {
		see(b.place, b.reason)
	}
	if b.alias != nil {
		if in := b.input; in != nil {
			return append(out, in.why(append(strings.Split(*b.alias, "."), fields...))...)
		}
	}
	if b.step == nil {
		for _, at := range declaredAt(b.typ, fields) {
			see(at, "it is declared here as optional")
		}
		return out
	}
	if when := b.step.tree.When; when != nil && len(fields) == 0 {
		see(when.Span, b.name+" is skipped if this does not hold")
	}
	if b.step.tree.For != nil {
		return out
	}
	for _, r := range b.step.returned {
		switch at := declaredAt(r.typ, fields); {
		case !lacks(r.typ, fields):
		case r.word == "call" && at != nil:
			for _, span := range at {
				see(span, "the answer may leave it out")
			}
		case r.word == "call" && len(fields) == 0:
			see(r.span, "this leaves "+b.name+" without a result")
		case r.word == "call":
			see(r.span, "the answer may leave it out")
		default:
			see(r.at(fields), "it may be nil behind this "+r.word)
		}
	}
	return out
}

// lacks reports whether what fields lead to may be nil in a value of a type.
func lacks(t *value.Type, fields []string) bool {
	for _, name := range fields {
		if t.Optional || t.Kind == value.Nil {
			return true
		}
		f := t.Field(name)
		if f == nil {
			return t.Kind == value.Record && !t.Open
		}
		t = f.ReadType()
	}
	return t.Optional || t.Kind == value.Nil
}

// declaredAt is where the field is declared by which what fields lead to may be nil.
func declaredAt(t *value.Type, fields []string) []diag.Span {
	for _, name := range fields {
		f := t.Field(name)
		if f == nil {
			return nil
		}
		if t = f.ReadType(); t.Optional {
			spans := make([]diag.Span, len(f.Declared))
			for i, p := range f.Declared {
				spans[i] = diag.Span(p)
			}
			return spans
		}
	}
	return nil
}

// wordOf is what a step's result came from.
func wordOf(st syntax.Stmt) string {
	if _, ok := st.(*syntax.Degrade); ok {
		return "degrade"
	}
	return "return"
}
