package check

import (
	"strings"

	"wf/lang/diag"
	"wf/lang/syntax"
)

// Statements that fixes put in stand on lines of their own, as deep as what is around them,
// or behind a comma where their neighbours share a line. Where the text is not known, or is
// YAML, there is no such fix.

// source is the text of the file of a place; "" if nothing can be put in there.
func (c *checker) source(at diag.Span) string {
	if isYAML(at) || at.Start > at.End || at.End > len(c.unit.Sources[at.File]) {
		return ""
	}
	return string(c.unit.Sources[at.File])
}

// depth is the white space before the first word of the line that an offset is in.
func depth(src string, at int) string {
	line := src[strings.LastIndexByte(src[:at], '\n')+1:]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// insertion is the edit that puts a text in at an offset.
func insertion(at diag.Span, offset int, text string) []diag.Edit {
	return []diag.Edit{{Span: diag.Span{File: at.File, Start: offset, End: offset}, New: text}}
}

// behind puts statements behind one; nil if that cannot be done.
func (c *checker) behind(at diag.Span, statements ...string) []diag.Edit {
	src := c.source(at)
	if src == "" {
		return nil
	}
	rest, _, _ := strings.Cut(src[at.End:], "\n")
	rest = strings.TrimSuffix(rest, "\r")
	if blank := strings.TrimLeft(rest, " \t"); blank != "" && !strings.HasPrefix(blank, "//") {
		return insertion(at, at.End, ", "+strings.Join(statements, ", "))
	}
	line := "\n" + depth(src, at.Start)
	return insertion(at, at.End+len(rest), line+strings.Join(statements, line))
}

// ahead puts a statement before one; nil if that cannot be done.
func (c *checker) ahead(at diag.Span, statement string) []diag.Edit {
	src := c.source(at)
	if src == "" {
		return nil
	}
	begin := strings.LastIndexByte(src[:at.Start], '\n') + 1
	if strings.TrimLeft(src[begin:at.Start], " \t") != "" {
		return insertion(at, at.Start, statement+"\n"+depth(src, at.Start)+"  ") // a comma might go on with it
	}
	return insertion(at, at.Start, statement+"\n"+src[begin:at.Start])
}

// last puts statements at the end of a block, whose last character is its brace; nil if
// that cannot be done.
func (c *checker) last(block diag.Span, statements ...string) []diag.Edit {
	src := c.source(block)
	if src == "" || block.End == block.Start || src[block.End-1] != '}' {
		return nil
	}
	brace := block.End - 1
	begin := strings.LastIndexByte(src[:brace], '\n') + 1
	before := src[begin:brace]
	if outer := strings.TrimLeft(before, " \t"); begin > block.Start && outer == "" { // on a line of its own
		line := before + "  "
		return insertion(block, begin, line+strings.Join(statements, "\n"+line)+"\n")
	}
	text := strings.TrimRight(src[:brace], " \t")
	separator := ", "
	if strings.HasSuffix(text, "{") {
		separator = " "
	}
	out := insertion(block, len(text), separator+strings.Join(statements, ", "))
	if len(text) == brace {
		out[0].New += " "
	}
	return out
}

// offer adds a change to a diagnostic that a person decides on; no edits, no offer.
func offer(d *diag.Diagnostic, title string, edits []diag.Edit) *diag.Diagnostic {
	if edits == nil {
		return d
	}
	return d.Offer(title, edits...)
}

// wrapped puts what stands at a place into a call of a function; nil if that cannot be done.
func (c *checker) wrapped(at diag.Span, function string) []diag.Edit {
	if c.source(at) == "" {
		return nil
	}
	return []diag.Edit{insertion(at, at.Start, function+"(")[0], insertion(at, at.End, ")")[0]}
}

// firstOfStep is the place of the first statement of a step; the zero Span if it has none.
func firstOfStep(t *syntax.Step) diag.Span {
	if len(t.Stmts) == 0 {
		return diag.Span{}
	}
	return syntax.PlaceOf(t.Stmts[0])
}
