package lsp

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.lsp.dev/protocol"

	"wf/lang"
	"wf/lang/check"
	"wf/lang/diag"
	"wf/lang/effect"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// Hover tells what a name or word is.
func (s *Server) Hover(ctx context.Context, params *protocol.HoverParams) (*protocol.Hover, error) {
	now := stateOf(ctx)
	p := now.placeOf(params.TextDocumentPositionParams)
	if p == nil {
		return nil, nil
	}
	told := func(text string, span diag.Span) (*protocol.Hover, error) {
		r := p.text.span(span)
		return &protocol.Hover{Contents: &protocol.MarkupContent{Kind: protocol.MarkupKindMarkdown, Value: text}, Range: &r}, nil
	}
	if u := p.use(); u != nil {
		return told(p.describe(u), u.Span)
	}
	if isYAML(p.file) {
		return nil, nil
	}
	for _, m := range marked(p.text.src, p.Tree) {
		if m.Start > p.offset || p.offset > m.End {
			continue
		}
		word := p.text.src[m.Start:m.End]
		if word == "until" && strings.HasSuffix(strings.TrimRight(p.text.src[:m.Start], " \t"), "wait") {
			word = "wait until" // a word of two statements
		}
		text := ""
		switch m.kind {
		case tokenKeyword, tokenOperator, tokenType:
			text = wordDoc(word)
		case tokenFunction:
			text = functionDoc(word)
		}
		if text != "" {
			return told(text, diag.Span{File: p.file, Start: m.Start, End: m.End})
		}
	}
	return nil, nil
}

// describe tells what a use is of.
func (p *place) describe(u *check.Use) string {
	var b strings.Builder
	b.WriteString("```wf\n")
	switch u.Sort {
	case check.SortOperation:
		b.WriteString(signature(u.Signature, u.Call))
	case check.SortType:
		fmt.Fprintf(&b, "type %s = %s", u.Name, shape(u.Type, "", true))
	case check.SortOutcome:
		b.WriteString(u.Name)
		if u.Type != nil && u.Type.Kind != value.Nil {
			b.WriteString(" " + shape(u.Type, "", false))
		}
	case check.SortWorkflow:
		if u.Signature == nil {
			fmt.Fprintf(&b, "workflow %s", u.Name)
			break
		}
		b.WriteString(signature(u.Signature, u.Call))
	case check.SortService, check.SortPolicy:
		fmt.Fprintf(&b, "%s %s", u.Sort, u.Name)
	default:
		word := u.Sort.String()
		if u.Sort == check.SortField {
			word = ""
		}
		b.WriteString(strings.TrimSpace(word + " " + u.Name))
		if u.Type != nil {
			b.WriteString(" " + shape(u.Type, "", false))
		}
	}
	b.WriteString("\n```")
	if u.Sort == check.SortOutcome && u.Signature != nil {
		fmt.Fprintf(&b, "\n\n%s", byDefault(u.Signature, u.Name))
	}
	if text := p.described(u); text != "" {
		fmt.Fprintf(&b, "\n\n%s", text)
	} else if u.Sort == check.SortWorkflow && u.Signature != nil && u.Signature.Doc != "" { // it stands elsewhere
		fmt.Fprintf(&b, "\n\n%s", u.Signature.Doc)
	}
	if u.Sort == check.SortLanguage && wordDoc(u.Name) != "" {
		fmt.Fprintf(&b, "\n\n%s", wordDoc(u.Name))
	}
	return b.String()
}

// byDefault says what an outcome becomes if no clause names it.
func byDefault(sig *value.Signature, outcome string) string {
	for _, o := range sig.Outcomes {
		if o.String() == outcome {
			return "By default: " + disposition(sig.Rules, o.Pattern).String() + "."
		}
	}
	if slices.Contains(value.Unconditional, outcome) {
		return "Every call may end so. By default: " + disposition(sig.Rules, value.Pattern{Name: outcome}).String() + "."
	}
	return ""
}

func disposition(rules []value.Rule, p value.Pattern) value.Disposition {
	status := p.Status
	if p.Class != 0 {
		status = p.Class * 100
	}
	d, _ := value.Classify(rules, status, p.Name)
	return d
}

// described is what stands behind describe in the step or workflow of a use, or in the
// comment above its declaration.
func (p *place) described(u *check.Use) string {
	if len(u.Declared) == 0 || u.Declared[0].File != p.file {
		return ""
	}
	at := u.Declared[0]
	text := ""
	syntax.Walk(p.Tree, func(n any) bool {
		var stmts []syntax.Stmt
		switch n := n.(type) {
		case *syntax.Workflow:
			if n.Name[len(n.Name)-1].Span == at {
				stmts = n.Stmts
			}
		case *syntax.Step:
			if n.Name.Span == at {
				stmts = n.Stmts
			}
		}
		for _, st := range stmts {
			if d, ok := st.(*syntax.Describe); ok {
				text = d.Value.Value
			}
		}
		return text == ""
	})
	if text != "" {
		return text
	}
	return commentAbove(p.text, at)
}

// commentAbove is the comment in the lines above a place.
func commentAbove(t *text, at diag.Span) string {
	var lines []string
	for n := t.line(at.Start) - 1; n >= 0; n-- {
		line := strings.TrimSpace(t.src[t.starts[n]:t.starts[n+1]])
		text, ok := strings.CutPrefix(line, "//")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimSpace(text))
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

// shape writes a type as the language does, long records with a field a line; whole writes a
// named one out.
func shape(t *value.Type, indent string, whole bool) string {
	if t.Kind == value.List && t.Name == "" {
		return "[" + shape(t.Elem, indent, false) + "]" + optional(t)
	}
	if t.Kind != value.Record || t.Name != "" && !whole || len(t.Fields) == 0 {
		if whole {
			u := *t
			u.Name = ""
			return u.String()
		}
		return t.String()
	}
	open := ""
	if t.Open {
		open = "open "
	}
	if line := open + "{ " + strings.Join(fields(t, indent), ", ") + " }" + optional(t); len(line) <= 60 && !strings.Contains(line, "\n") {
		return line
	}
	inner := indent + "  "
	return open + "{\n" + inner + strings.Join(fields(t, inner), "\n"+inner) + "\n" + indent + "}" + optional(t)
}

// fields writes the fields of a record.
func fields(t *value.Type, indent string) []string {
	out := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		mark, secret, ft := "", "", f.Type
		if f.Optional {
			mark, ft = "?", ft.Req()
		}
		if ft.Secret {
			secret = "secret "
		}
		out[i] = f.Name + mark + " " + secret + shape(ft, indent, false) + fallback(f)
	}
	return out
}

func optional(t *value.Type) string {
	if t.Optional {
		return "?"
	}
	return ""
}

func fallback(f *value.Field) string {
	switch d := f.Default.(type) {
	case value.Lazy:
		return " = " + d.String()
	default:
		if !f.HasDef {
			return ""
		}
		return " = " + value.Literal(d)
	}
}

// signature writes an operation with its outcomes, and what becomes of each; at a call,
// what the call does with it.
func signature(sig *value.Signature, call *graph.Call) string {
	var b strings.Builder
	word := "operation"
	if sig.Workflow {
		word = "workflow"
	}
	fmt.Fprintf(&b, "%s %s", word, sig.Name())
	if sig.Idempotent {
		b.WriteString(" idempotent")
	}
	if sig.Unknown || sig.Handler {
		return b.String()
	}
	b.WriteString(" {\n")
	if sig.Route != nil {
		fmt.Fprintf(&b, "  http %s %q\n", sig.Route.Method, sig.Route.Path)
	}
	if len(sig.Input.Fields) > 0 {
		fmt.Fprintf(&b, "  input %s\n", shape(sig.Input, "  ", false))
	}
	for _, o := range outcomes(sig, call) {
		fmt.Fprintf(&b, "  %s", o)
		body, _ := sig.Body(o.Status, o.Name)
		if body == nil {
			body = classBody(sig, o)
		}
		if body != nil && body.Kind != value.Nil {
			b.WriteString(" " + shape(body, "  ", false))
		}
		fmt.Fprintf(&b, "  // %s\n", becomes(sig, call, o))
	}
	b.WriteString("}")
	return b.String()
}

// outcomes lists the ways an operation can end, as far as a call tells them apart.
func outcomes(sig *value.Signature, call *graph.Call) (out []value.Pattern) {
	if call != nil && call.Policy != nil {
		return effect.Outcomes(call)
	}
	for _, o := range sig.Outcomes {
		out = append(out, o.Pattern)
	}
	for _, name := range sig.Always() {
		out = append(out, value.Pattern{Name: name})
	}
	if sig.AnyStatus {
		out = append(out, value.Pattern{Name: value.OtherStatus})
	}
	return out
}

// classBody is the declared body of a class of statuses; nil if there is none.
func classBody(sig *value.Signature, p value.Pattern) *value.Type {
	for _, o := range sig.Outcomes {
		if o.Pattern == p {
			return o.Body
		}
	}
	return nil
}

// becomes says what happens after an outcome.
func becomes(sig *value.Signature, call *graph.Call, p value.Pattern) string {
	if call == nil || call.Policy == nil {
		return disposition(sig.Rules, p).String()
	}
	return ways(effect.Of(call, p), call.Policy.Attempts != nil)
}

// ways says what becomes of an outcome: the first of them whose condition holds. Without
// retries there is one attempt.
func ways(list []effect.Way, retries bool) string {
	parts := make([]string, len(list))
	for i, w := range list {
		switch w.Sort {
		case effect.Clause:
			parts[i] = w.Clause.Label + " " + ends(w.Ends())
		case effect.Passed:
			parts[i] = "goes on below"
		case effect.Retry:
			if !retries {
				parts[i] = ways(w.Then, retries)
				continue
			}
			parts[i] = "tried again; after the last attempt: " + ways(w.Then, retries)
			continue
		case effect.Fails:
			parts[i] = "fails the step"
		}
		if len(w.Then) > 0 {
			parts[i] += "; then " + ways(w.Then, retries)
		}
	}
	return strings.Join(parts, "; else ")
}

// ends says how a clause ends.
func ends(e effect.End) string {
	var out []string
	for _, w := range []struct {
		end  effect.End
		word string
	}{{effect.GoesOn, "goes on below"}, {effect.Returns, "returns"}, {effect.Degrades, "degrades"}, {effect.Fail, "fails"}, {effect.Again, "tries again"}} {
		if e&w.end != 0 {
			out = append(out, w.word)
		}
	}
	return strings.Join(out, " or ")
}

// rule is a numbered rule of the specification, up to its examples.
var rule = regexp.MustCompile(`(?m)^\*\*§([0-9.]+) (.+?)\.\*\* ((?:.+\n)+)`)

// subjects are the rules that tell of words whose name is in no title of a rule.
var subjects = map[string]string{
	"workflow": "5.2", "step": "6.7", "service": "4.1", "operation": "4.1", "type": "3.5", "input": "5.2", "let": "5.3", "test": "17.1", "mock": "17.2", "when": "6.5",
	"run": "17.1", "else": "9.4", "import": "2.2", "expect": "17.8", "secret": "3.8", "output": "5.4", "version": "5.1", "describe": "5.1", "not": "11.3", "headers": "7.4", "key": "9.8",
	"if": "17.15", "then": "17.15", "never": "17.15", "unless": "17.15", "before": "17.15", "at": "17.15", "most": "17.15", "every": "17.15", "ends": "17.15", "effect": "17.14", "effects": "17.14", "took": "17.14",
	"was": "17.14", "called": "17.14", "until": "9.10", "wait until": "7.13",
}

// wordDoc is the rule of the specification that tells of a word: the one whose title is of
// words of the language and has it, or the first that names it. "" if there is none.
func wordDoc(word string) string {
	rules := rule.FindAllStringSubmatch(lang.Spec, -1)
	tell := func(m []string) string {
		return fmt.Sprintf("**%s** (§%s)\n\n%s", m[2], m[1], strings.TrimSpace(m[3]))
	}
	for _, m := range rules {
		if m[1] == subjects[word] {
			return tell(m)
		}
	}
	for _, m := range rules {
		if title := m[2]; title[0] >= 'a' && title[0] <= 'z' && slices.Contains(strings.FieldsFunc(title, func(r rune) bool { return r == ' ' || r == ',' }), word) {
			return tell(m)
		}
	}
	for _, m := range rules {
		if strings.Contains(m[3], "`"+word+"`") || strings.Contains(m[3], "`"+word+" ") {
			return tell(m)
		}
	}
	return ""
}

// functionDoc is the rows of the specification's tables that show a function.
func functionDoc(name string) string {
	if !expr.IsBuiltin(name) {
		return wordDoc(name) // of tests: ending(step)
	}
	var rows []string
	for line := range strings.Lines(lang.Spec) {
		if strings.HasPrefix(line, "| `"+name+"(") && len(rows) < 4 {
			cells := strings.Split(strings.Trim(strings.TrimSpace(strings.ReplaceAll(line, `\|`, "\x00")), "|"), " | ")
			if len(cells) == 3 {
				clean := func(s string) string { return strings.ReplaceAll(strings.Trim(strings.TrimSpace(s), "`"), "\x00", "|") }
				rows = append(rows, fmt.Sprintf("%s  // %s, here %s", clean(cells[0]), clean(cells[1]), clean(cells[2])))
			}
		}
	}
	if rows == nil {
		return ""
	}
	return "```wf\n" + strings.Join(rows, "\n") + "\n```"
}
