package syntax

import "wf/lang/token"

// armWords begin an arm of a switch here or elsewhere, with what they are here.
var armWords = map[string]string{"when": "when", "else": "else", "case": "when", "default": "else", "otherwise": "else"}

// arms puts braces around what stands behind the colon of an arm, as other languages have
// it: up to the next arm, or the end of the switch.
func (m *mender) arms() {
	var open []bool // brackets; whether they are those of a switch
	for i := range m.all {
		switch sign := m.all[i].Kind == token.Op; {
		case sign && nesting(m.word(i)) > 0:
			first := i
			for first > 0 && m.all[first-1].Kind != token.Newline && !m.is(first-1, "{") {
				first--
			}
			open = append(open, m.is(i, "{") && (m.is(first, "switch") || m.is(first, "match")))
		case sign && nesting(m.word(i)) < 0:
			open = open[:max(0, len(open)-1)]
		case len(open) > 0 && open[len(open)-1] && m.beginsArm(i):
			m.arm(i)
		}
	}
}

func (m *mender) beginsArm(i int) bool {
	return m.isKind(i, token.Ident) && armWords[m.word(i)] != "" && (m.isKind(i-1, token.Newline) || m.is(i-1, "{") || m.is(i-1, ",") || m.is(i-1, "}"))
}

// arm mends the arm that begins with token i, if it has a colon instead of braces.
func (m *mender) arm(i int) {
	arrow := func(j int) bool { return m.is(j, "=") && m.is(j+1, ">") && m.touch(j) }
	colon := m.outside(i, func(j int) bool { return m.is(j, ":") || arrow(j) || m.is(j, "{") || m.isKind(j, token.Newline) })
	c := m.all[colon]
	switch {
	case arrow(colon):
		c.End++
		if m.is(colon+2, "{") {
			m.habit(CodeUnexpected, c.Start, c.End, "write "+armWords[m.word(i)]+" … { … }", "nothing stands before the braces of an arm")
			m.edit(c.Start, c.End, "")
			return
		}
	case !m.is(colon, ":"):
		return
	}
	end := m.outside(colon+1, m.beginsArm)
	for end--; end > colon && (m.isKind(end, token.Newline) || m.is(end, ",")); end-- {
	}
	m.habit(CodeUnexpected, c.Start, c.End, "write "+armWords[m.word(i)]+" … { … }", "the statements of an arm stand in braces")
	m.edit(c.Start, c.End, " {")
	m.edit(m.all[end].End, m.all[end].End, " }")
}

// outside is the first token from i on that is found outside of all brackets, or the one
// that closes the brackets around them.
func (m *mender) outside(i int, found func(int) bool) int {
	for depth := 0; i < len(m.all)-1; i++ {
		if depth == 0 && found(i) {
			break
		}
		if m.all[i].Kind == token.Op {
			if depth += nesting(m.word(i)); depth < 0 {
				break
			}
		}
	}
	return i
}
