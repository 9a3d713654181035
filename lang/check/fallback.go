package check

import (
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/value"
)

// fallbacks warns of a degrade whose shape is not that of what the step returns otherwise.
func (s *stepFlow) fallbacks(all []returned) {
	var common, some []string // fields of every return, and of any
	written := false
	kind := value.Nil
	open := false
	for _, r := range all {
		if r.word == "degrade" || r.typ.Kind == value.Nil {
			continue
		}
		kind = r.typ.Kind
		if kind != value.Record || r.typ.Open || r.typ.Unknown {
			open = true
			continue
		}
		names := r.typ.FieldNames()
		if some = append(some, names...); r.word == "return" {
			if !written {
				common = names
			}
			written = true
			common = slices.DeleteFunc(slices.Clone(common), func(n string) bool { return !slices.Contains(names, n) })
		}
	}
	if some == nil || open {
		return
	}
	for _, r := range all {
		switch {
		case r.word != "degrade" || r.typ.Kind == value.Nil || r.typ.Kind == value.Any:
		case r.typ.Kind != kind:
			s.add(diag.Warnf(CodeFallback, r.span, "this fallback is %s, and otherwise the step returns a record", article(r.typ)).Hintf("give it the same fields, nil where there is no value"))
		case r.value != nil:
			s.fallback(r, common, some)
		}
	}
}

// fallback compares the fields of one that is written as an object.
func (s *stepFlow) fallback(r returned, common, some []string) {
	for _, f := range r.value {
		if slices.Contains(some, f.Name) {
			continue
		}
		d := diag.Warnf(CodeFallback, f.Key, "only this fallback has a field %s", f.Name)
		if d.Suggest(f.Key, f.Name, some) { // else it may well say why there is a fallback
			s.add(d)
		}
	}
	var lacks []string
	for _, name := range common {
		if !slices.ContainsFunc(r.value, func(f expr.Field) bool { return f.Name == name }) {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		d := diag.Warnf(CodeFallback, r.span, "this fallback has no %s, which the step returns otherwise", listed(lacks, "and")).
			Hintf("say that there is no value: %s: nil", lacks[0])
		fields := make([]string, len(lacks))
		for i, name := range lacks {
			fields[i] = name + ": nil"
		}
		s.add(offer(d, "add "+strings.Join(fields, ", "), s.last(r.span, fields...)))
	}
}
