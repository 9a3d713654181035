package syntax

// choice reads a switch: a mapping with the arms as a list of cases, and else.
func (r *yamlReader) choice(e yentry, in where) *Switch {
	if !r.isMap(e.value, "switch") {
		r.gaps = true
		return nil
	}
	entries := r.entries(e.value, switchKeys, "switch")
	s := &Switch{Node: e.at()}
	if on := find(entries, "on"); on != nil {
		s.Value = r.expr(on.value)
	}
	cases := find(entries, "cases")
	if cases == nil || cases.value.kind != yList {
		span := e.key.span
		if cases != nil {
			span = cases.value.span
		}
		r.errorf(CodeYAMLType, span, "a switch has a list of cases").Hintf("write cases: [{when: …, do: […]}, …]")
		r.gaps = true
		return nil
	}
	for _, item := range cases.value.items {
		if !r.isMap(item, "a case") {
			r.gaps = true
			continue
		}
		if a := r.arm(item, s.Value != nil, in); a != nil {
			s.Arms = append(s.Arms, a)
		}
	}
	if other := find(entries, "else"); other != nil {
		a := &Arm{Node: other.at()}
		switch other.value.kind {
		case yMap:
			a.Stmts = r.retryable(r.entries(other.value, elseKeys, "else"), in)
		case yList:
			a.Stmts = r.block(other.value, in)
		default:
			r.errorf(CodeYAMLType, other.value.span, "else takes a list of statements, not %s", other.value.describe())
			r.gaps = true
		}
		s.Arms = append(s.Arms, a)
	}
	return s
}

// arm reads a case: with values to compare with, or with a condition.
func (r *yamlReader) arm(v *yvalue, compares bool, in where) *Arm {
	entries := r.entries(v, caseKeys, "a case")
	a := &Arm{Node: Node{Span: v.span}}
	when := find(entries, "when")
	if when == nil {
		r.errorf(CodeYAMLMissing, r.span(v.span.Start, v.span.Start), "the case has no when").Hintf("add when: …; what is left stands behind else, beside cases")
		r.gaps = true
		return nil
	}
	values := []*yvalue{when.value}
	if when.value.kind == yList {
		values = when.value.items
	}
	for _, item := range values {
		if compares {
			a.Values = append(a.Values, r.expr(item))
		} else if cond := r.condition(item, "when"); cond != nil {
			a.Values = append(a.Values, cond)
		}
	}
	if len(a.Values) == 0 {
		return nil
	}
	a.Stmts = r.retryable(entries, in)
	return a
}
