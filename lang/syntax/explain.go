package syntax

import (
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2"

	"wf/lang/diag"
	"wf/lang/token"
	"wf/lang/value"
)

// words that may begin a statement, by what encloses it.
var words = map[string][]string{
	"":         {"import", "type", "let", "policy", "service", "workflow", "mock", "put", "test", "invariant"},
	"workflow": {"version", "describe", "input", "let", "ensure", "retry", "timeout", "within", "limit", "breaker", "use", "retryable", "permanent", "step", "on", "finally", "output", "signal"},
	"step": {"describe", "let", "call", "on", "ensure", "return", "degrade", "fail", "retry", "timeout", "within", "use", "retryable", "permanent",
		"step", "limit", "first", "tolerate", "undo", "wait", "switch", "finally"},
	"undo":      {"let", "call", "wait", "on", "ensure", "return", "degrade", "fail", "retry", "timeout", "within", "use", "retryable", "permanent", "switch"},
	"on":        {"let", "call", "wait", "on", "ensure", "return", "degrade", "fail", "retry", "switch"},
	"switch":    {"when", "else"},
	"arm":       {"let", "call", "wait", "on", "undo", "ensure", "return", "degrade", "fail", "retry", "switch", "step", "finally"},
	"service":   {"operation", "retryable", "permanent", "limit", "breaker"},
	"operation": {"http", "input", "retryable", "permanent", "limit"},
	"policy":    {"retry", "timeout", "within", "breaker", "retryable", "permanent"},
	"mock":      {"table", "operation", "pass", "let", "put", "when"},
	"when":      {"let", "put", "when", "pass"},
	"invariant": {"never", "always", "finally", "if", "at", "every"},
	"test":      {"let", "mock", "put", "call", "seed", "clock", "after", "run", "expect"},
}

// foreign are words of other languages with what to write here.
var foreign = map[string]string{
	"if": "a condition is `when` on a step or clause, `switch`, or `ensure … else`", "else": "else follows ensure, or ends a switch", "case": "write one clause each: on …, or the arms of a switch: when …",
	"for": "a loop is a step: step NAME for x in list { … }", "foreach": "a loop is a step: step NAME for x in list { … }", "each": "a loop is a step: step NAME for x in list { … }",
	"func": "there are no functions; a let or a step does it", "function": "there are no functions; a let or a step does it", "enum": "a choice is a type: type NAME = \"a\" | \"b\"", "while": "to try again, end a clause with retry", "loop": "to try again, end a clause with retry", "elif": "a condition is `when` on a step or clause, `switch`, or `ensure … else`", "elseif": "a condition is `when` on a step or clause, `switch`, or `ensure … else`", "parallel": "steps run in parallel unless one needs the other",
	"namespace": "the name of a workflow is dotted: workflow team.name { … }", "from": "write import \"…\"; all that the file declares is known then", "export": "everything a file declares is known to its importers", "default": "a clause for every failure is on failed",
	"assert": "write ensure … else fail CODE, or in a test expect", "should": "write expect", "cancel": "say when: after 3s cancel", "crash": "say when: after 20ms crash", "resolve": "say when: after 1h resolve step { … }",
	"attempts": "write retry 3 attempts", "backoff": "it follows retry: retry 3 attempts, backoff 1s", "jitter": "it follows retry: retry 3 attempts, jitter 10%",
	"key": "an idempotency key stands behind the arguments of its call: call … { … } key …",
	"try": "put a clause below the call: on failed { … }", "catch": "put a clause below the call: on failed { … }",
}

// explain reports the parse error at token `at` in the words of an author.
func (p *parser) explain(at int, err error) {
	t := p.tokens[at]
	word := p.text[t.Start:t.End]
	span := diag.Span{File: p.name, Start: t.Start, End: t.End}
	switch {
	case p.unclosedError(at, err):
	case t.Kind == token.EOF:
		p.endOfFile(span)
	case p.tooEarly(at, err):
	case t.Kind == token.Op && (word == "}" || word == ")" || word == "]") && !p.opened(at):
		p.problems.Add(diag.Errorf(CodeUnclosed, span, "this %s closes nothing", word).Hintf("remove it, or look for a missing opening bracket above"))
	case p.runsOn(at, err):
		d := diag.Errorf(CodeUnexpected, span, "a line end or comma is missing before %s", word)
		d.Hint = p.slip(at, word, "")
		p.problems.Add(d)
	case t.Kind == token.Ident && p.startsStatement(at):
		p.unknownWord(at, word, span)
	default:
		p.unexpected(at, word, span, err)
	}
}

// unclosedError reports errors of the expression scan about brackets.
func (p *parser) unclosedError(at int, err error) bool {
	msg := ""
	if pe, ok := err.(participle.Error); ok {
		msg = pe.Message()
	}
	t := p.tokens[at]
	span := diag.Span{File: p.name, Start: t.Start, End: t.End}
	kind, rest, _ := strings.Cut(msg, " ")
	switch kind {
	case "unclosed":
		p.problems.Add(diag.Errorf(CodeUnclosed, span, "this %s is never closed", rest))
	case "mismatched":
		got, want, _ := strings.Cut(rest, " ")
		p.problems.Add(diag.Errorf(CodeUnclosed, span, "%s stands where a %s is open", got, map[string]string{"}": "{", ")": "(", "]": "["}[want]).Hintf("close it with %s first", want))
	default:
		return false
	}
	return true
}

// endOfFile reports what is missing at the end: a brace, or the rest of a statement.
func (p *parser) endOfFile(span diag.Span) {
	if open := p.unclosed(); len(open) > 0 && len(p.closers) == 0 {
		t := p.tokens[open[len(open)-1]]
		p.problems.Add(diag.Errorf(CodeUnclosed, diag.Span{File: p.name, Start: t.Start, End: t.End}, "this %s is never closed", p.text[t.Start:t.End]).
			Hintf("add %s, or look for an extra opening bracket below it", closer(p.text[t.Start:t.End])))
		return
	}
	p.problems.Add(diag.Errorf(CodeUnexpected, span, "the file ends in the middle of a statement"))
}

// opened reports whether a bracket is open before token at.
func (p *parser) opened(at int) bool { return p.enclosing(at) >= 0 }

// enclosing is the index of the innermost bracket that is open at a token, or -1.
func (p *parser) enclosing(at int) int {
	depth := 0
	for i := at - 1; i >= 0; i-- {
		if p.tokens[i].Kind != token.Op {
			continue
		}
		switch p.text[p.tokens[i].Start:p.tokens[i].End] {
		case "}", ")", "]":
			depth++
		case "{", "(", "[":
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// opensLine reports whether a token is the first of its line or block.
func (p *parser) opensLine(at int) bool {
	return at == 0 || p.tokens[at-1].Kind == token.Newline || p.text[p.tokens[at-1].Start:p.tokens[at-1].End] == "{"
}

// runsOn reports whether an item begins here that nothing separates from the one before.
func (p *parser) runsOn(at int, err error) bool {
	t := p.tokens[at]
	word := p.text[t.Start:t.End]
	if p.opensLine(at) || p.text[p.tokens[at-1].Start:p.tokens[at-1].End] == "," {
		return false
	}
	switch t.Kind {
	case token.Ident:
		return expected(err) == "}" || slices.Contains(words[p.context(at)], word)
	case token.Int, token.Class:
		return expected(err) == "}"
	}
	return false
}

// tooEarly reports a statement that is not complete where the next one begins.
func (p *parser) tooEarly(at int, err error) bool {
	end := p.incomplete(at)
	if end == 0 {
		return false
	}
	last := p.tokens[end]
	d := diag.Errorf(CodeUnexpected, diag.Span{File: p.name, Start: last.End, End: last.End}, "the statement ends too early")
	if p.tokens[at].Kind == token.Newline || end < at-1 {
		d.Summary = "the line ends in the middle of a statement"
	}
	if d.Hint = p.slip(at, p.textOf(at), expected(err)); d.Hint == "" && expected(err) != "" {
		d.Hintf("expected %s", expected(err))
	}
	p.problems.Add(d)
	return true
}

func (p *parser) startsStatement(at int) bool {
	if at == 0 || p.tokens[at-1].Kind == token.Newline {
		return true
	}
	prev := p.text[p.tokens[at-1].Start:p.tokens[at-1].End]
	return prev == "{" || prev == "," || prev == "}"
}

// context is the word of the statement whose braces are around a token: "step";
// what is around all tokens outside their braces.
func (p *parser) context(at int) string {
	open := p.enclosing(at)
	for i := open - 1; i >= 0; i-- {
		if i > 0 && p.tokens[i-1].Kind != token.Newline && p.text[p.tokens[i-1].Start:p.tokens[i-1].End] != "{" && p.text[p.tokens[i-1].Start:p.tokens[i-1].End] != "}" {
			continue
		}
		word := p.text[p.tokens[i].Start:p.tokens[i].End]
		if (word == "when" || word == "else") && p.context(i) == "switch" {
			return "arm"
		}
		return word
	}
	if open < 0 {
		return p.within
	}
	return ""
}

func (p *parser) unknownWord(at int, word string, span diag.Span) {
	context := p.context(at)
	known, ok := words[context]
	switch {
	case foreign[word] != "" && !slices.Contains(known, word):
		p.problems.Add(diag.Errorf(CodeWord, span, "there is no %s", word).Hintf("%s", foreign[word]))
		return
	case !ok:
		p.unexpected(at, word, span, nil)
		return
	}
	where := place(context)
	d := diag.Errorf(CodeWord, span, "no statement begins with %s %s", word, where)
	switch {
	case slices.Contains(known, word):
		d.Summary = "this " + word + " is not complete"
	case elsewhere(word) != "":
		d.Summary = word + " does not stand " + where
		d.Hintf("it stands in a %s", elsewhere(word))
	default:
		if !d.Suggest(span, word, known) {
			d.Hintf("known here: %s", strings.Join(known, ", "))
		}
	}
	p.problems.Add(d)
}

// elsewhere names a construct in which a statement word is at home.
func elsewhere(word string) string {
	for _, context := range []string{"workflow", "step", "service", "operation", "test", "mock"} {
		if slices.Contains(words[context], word) {
			return context
		}
	}
	if slices.Contains(words[""], word) {
		return "file, outside all braces"
	}
	return ""
}

// unexpected reports a token in the midst of a statement.
func (p *parser) unexpected(at int, word string, span diag.Span, err error) {
	shown := word
	switch t := p.tokens[at]; {
	case t.Kind == token.Newline:
		shown = "the end of the line"
		span.End = span.Start
	case t.Kind == token.String:
		shown = "this string"
	}
	d := diag.Errorf(CodeUnexpected, span, "%s does not belong here", shown)
	if p.tokens[at].Kind == token.Newline {
		d.Summary = "the line ends in the middle of a statement"
	}
	prev := ""
	if at > 0 {
		prev = p.text[p.tokens[at-1].Start:p.tokens[at-1].End]
	}
	switch {
	case prev == "else":
		d.Hintf("behind else stands fail, return, degrade or retry")
	case p.slip(at, word, expected(err)) != "":
		d.Hint = p.slip(at, word, expected(err))
	case word == "=":
		d.Hintf("compare with ==; arguments and fields take a colon: name: value")
	case word == ":":
		d.Hintf("a shape has no colon: name type; a let has =: let name = value")
	case word == "?" && at > 0 && p.tokens[at-1].Kind == token.Ident:
		d.Hintf("a field is optional by a ? behind its name: %s? type", "name")
	case word == ";":
		d.Hintf("statements end with the line, or with a comma")
	case prev == "call": // it has two forms, of which the parser names none
		d.Hintf("expected a name")
	case word == "{" && prev == "=":
		d.Hintf("a type is declared without =: type name { … }")
	default:
		if want := expected(err); want != "" {
			d.Hintf("expected %s", want)
		}
	}
	p.problems.Add(d)
}

// slip is what to write instead of a token that authors put there all the same; "" if
// it is no such one.
func (p *parser) slip(at int, word, want string) string {
	prev, first := p.textOf(at-1), p.textOf(p.begins(at))
	switch t := p.tokens[at]; {
	case first == "retry" && at > 0 && p.tokens[at-1].Kind == token.Int, first == "retry" && at > 1 && p.tokens[at-2].Kind == token.Int && prev == ",":
		return "write retry 3 attempts"
	case first == "breaker":
		return "write breaker 5 failures in 1m, open 30s"
	case want == "else":
		return "an ensure says how it ends otherwise: ensure … else fail CODE"
	case prev == "fail" && t.Kind == token.String:
		return `a code comes first: fail CODE "…"`
	case prev == "fail":
		return "a fail has a code: fail NOT_FOUND"
	case prev == "return" || prev == "degrade":
		return "a " + prev + " has a value; nil is nothing: " + prev + " nil"
	case first == "fail" && prev == "," && t.Kind == token.String:
		return `the message follows the code without a comma: fail CODE "…"`
	case first == "on" && prev == "when" && p.textOf(at-2) == ",":
		return "no comma stands before when"
	case first == "on" && (word == ":" || word == "-" || word == "=>"):
		return "what happens stands in braces: on 404 { … }"
	case first == "mock" && word == ":":
		return "replies stand in braces: mock a.b { 503 }"
	case first == "step" && word == "of":
		return "how many elements an item is stands behind its name: for items of 2 in list"
	case first == "step" && (strings.HasPrefix(word, "depend") || word == "needs" || word == "requires" || word == "waits"):
		return "write after: step b after a { … }"
	case prev == "until" && word == "{" && p.textOf(at-2) == "undo":
		return "name the step behind which nothing is undone: undo until STEP { … }"
	case first == "after" && t.Kind == token.Ident && p.sends(at):
		return "behind a signal and what it carries stands nothing, or if running"
	case first == "after" && t.Kind == token.Ident && diag.DidYouMean(word, Deeds) != "":
		return diag.DidYouMean(word, Deeds)
	case first == "after" && want != "a name":
		return "what happens then is one of " + strings.Join(Deeds, ", ")
	case first == "run" && prev == "with":
		return "the input follows the name: run name { … }"
	case first == "expect" && slices.Contains(endings, prev) && t.Kind == token.String:
		return "a code is a name: expect failed CODE"
	case first == "expect" && t.Kind == token.Ident:
		return diag.DidYouMean(word, endings)
	case p.invariantSlip(at, word) != "":
		return p.invariantSlip(at, word)
	case slices.Contains(words["invariant"], first) && t.Kind == token.Ident:
		return diag.DidYouMean(word, slices.Concat(endings, []string{"took effect", "was called"}))
	case t.Kind == token.Ident && value.Formats[word] != nil:
		return "write matching " + word
	case first == "mock" && slices.ContainsFunc([]string{word, prev}, func(w string) bool { return w == "delay" || w == "in" || w == "latency" }):
		return "how long an answer takes follows it: 200 after 3s"
	}
	return ""
}

// invariantSlip is slip in a rule of an invariant.
func (p *parser) invariantSlip(at int, word string) string {
	from := p.begins(at)
	for i := from; i < at; i++ {
		if w := p.textOf(i); w == "unless" || w == "before" || w == "after" || w == "of" {
			return ""
		}
	}
	switch first := p.textOf(from); {
	case first == "if" && word == "finally":
		return "write if … then finally …"
	case first == "never" && p.textOf(from+1) == "call":
		return "say when it is forbidden: never call service.operation unless, before or after step completed"
	case first == "at" && p.textOf(from+1) == "most" && at > from+2:
		return "say what is counted: at most 1 call of service.operation, or effect"
	case slices.Contains(words["invariant"], first) && (word == "was" || word == "took"):
		return "of an operation one says took effect, or was called"
	}
	return ""
}

// endings are the words behind expect that say how a run or step ended.
var endings = []string{"completed", "degraded", "skipped", "failed", "cancelled", "not_run", "resolved", "refused"}

// begins is the first token of the statement that a token is in.
func (p *parser) begins(at int) int {
	for i := at; i > 0; i-- {
		if p.opensLine(i) && i < at {
			return i
		}
	}
	return 0
}

// sends reports whether a token stands behind a signal that a test sends.
func (p *parser) sends(at int) bool {
	for i := p.begins(at); i < at; i++ {
		if p.textOf(i) == "signal" {
			return true
		}
	}
	return false
}

// expected is what the parser wanted instead, if that can be said shortly.
func expected(err error) string {
	pe, ok := err.(participle.Error)
	if !ok {
		return ""
	}
	_, want, found := strings.Cut(pe.Message(), "(expected ")
	if !found {
		return ""
	}
	want = strings.TrimSuffix(want, ")")
	for name, say := range map[string]string{"Name": "a name", "<ident>": "a name", "Expr": "an expression", "Text": "a string", "<string>": "a string", "Shape": "a type", "Outcome": "a status such as 404, a class such as 5xx or timeout"} {
		if want == name || strings.HasPrefix(want, name+" ") {
			return say
		}
	}
	if first, _, _ := strings.Cut(want, " "); len(first) > 2 && first[0] == '"' {
		return strings.Trim(first, `"`)
	}
	return ""
}
