package syntax

import (
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/token"
)

// frame is a pair of brackets around the current token: what stands in it, and the
// statement or field that is being read.
type frame struct {
	sort  string // "workflow", "step", … as in words; "shape", "value", "(" or "[" for other content
	start int    // first token of the current statement or field; -1: none yet
	word  string // its first word, as mended
}

// statements mends words and signs by what is around them.
func (m *mender) statements() {
	w := &slips{mender: m, frames: []frame{{sort: "", start: -1}}}
	for i := 0; i < len(m.all)-1; i++ {
		i = w.token(i)
	}
}

type slips struct {
	*mender
	frames []frame
}

func (w *slips) top() *frame { return &w.frames[len(w.frames)-1] }

// outer is the frame around the current one.
func (w *slips) outer() *frame { return &w.frames[max(0, len(w.frames)-2)] }

// token looks at one token and returns the last one that is done with.
func (w *slips) token(i int) int {
	t, word, f := w.all[i], w.word(i), w.top()
	switch {
	case t.Kind == token.Newline:
		w.cutOff(i)
		if f.sort != "(" {
			f.start = -1
		}
		return i
	case t.Kind == token.Op && nesting(word) > 0:
		if f.start < 0 {
			f.start, f.word = i, ""
		}
		if j := w.template(i); j > i {
			return j
		}
		w.frames = append(w.frames, frame{sort: w.inside(i), start: -1})
		return i
	case t.Kind == token.Op && nesting(word) < 0:
		if len(w.frames) > 1 {
			w.frames = w.frames[:len(w.frames)-1]
		}
		return i
	case word == "," && t.Kind == token.Op:
		return w.comma(i)
	}
	if f.start < 0 {
		f.start, f.word = i, word
		if j := w.begin(i); j > i {
			return j
		}
	}
	return w.within(i)
}

// cutOff finds an expression that lacks its end, where the next line begins a statement.
func (w *slips) cutOff(i int) {
	f, next := w.top(), i+1
	if i == 0 || f.start < 0 || !w.goesOn(i-1) && !w.is(i-1, "=") && !w.is(i-1, "?") && !w.is(i-1, ":") || !slices.Contains(words[f.sort], w.word(next)) {
		return
	}
	if f.sort == "service" || f.sort == "operation" || w.isKind(next+1, token.Op) && w.word(next+1) != "{" || w.goesOn(next+1) {
		return
	}
	w.report(CodeUnexpected, w.all[i-1].End, w.all[i-1].End, "the line ends in the middle of a statement").Hintf("a value is missing behind %s", w.word(i-1))
	w.lose(w.all[f.start].Start, w.all[i-1].End)
}

// inside is what stands in the bracket of token i.
func (w *slips) inside(i int) string {
	f, word := w.top(), w.word(i)
	if word != "{" {
		if f.sort == "shape" && word == "[" {
			return "shape"
		}
		return word
	}
	if f.sort == "shape" {
		if w.is(i-1, "=") {
			return "value"
		}
		return "shape"
	}
	switch f.sort + "/" + f.word {
	case "/workflow", "/service", "/policy", "/test", "workflow/step", "step/step", "service/operation", "mock/operation":
		if f.sort == "mock" {
			return "when"
		}
		return f.word
	case "/mock":
		if w.is(f.start+2, ".") {
			return "when"
		}
		return "mock"
	case "/type", "workflow/input", "workflow/signal", "operation/input", "mock/table":
		return "shape"
	case "step/on", "on/on", "undo/on", "arm/on":
		return "on"
	case "step/undo", "arm/undo", "step/finally", "arm/finally":
		return "undo"
	case "arm/step":
		return "step"
	case "step/switch", "on/switch", "undo/switch", "arm/switch":
		return "switch"
	case "switch/when", "switch/else":
		return "arm"
	case "test/mock", "when/when":
		return "when"
	}
	switch f.sort {
	case "service", "operation":
		if f.start >= 0 {
			return "shape"
		}
	}
	return "value"
}

// comma ends a statement where another one begins behind it.
func (w *slips) comma(i int) int {
	f := w.top()
	switch f.sort {
	case "(", "[":
		return i
	case "value", "shape":
		f.start = -1
		return i
	}
	next := w.word(i + 1)
	switch {
	case f.word == "ensure" && next == "else":
		w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "no comma stands before else")
		w.edit(w.all[i].Start, w.all[i].End, "")
		return i
	case slices.Contains([]string{"retryable", "permanent"}, f.word) && slices.Contains(words[f.sort], next) && !w.listEnds(i+2):
		w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "behind this comma the list of %s goes on", f.word).Hintf("begin %s on a line of its own", next)
		w.edit(w.all[i].Start, w.all[i].End, "\n")
		f.start = -1
		return i
	}
	listed := f.word == "step" || f.word == "on" || f.word == "undo" || f.word == "retryable" || f.word == "permanent" || f.word == "mock" || f.word == "when" && f.sort == "switch"
	if !listed || slices.Contains(words[f.sort], next) {
		f.start = -1
	}
	return i
}

// listEnds reports whether a list may end before a token, or go on with it.
func (w *slips) listEnds(i int) bool {
	return i >= len(w.all) || w.isKind(i, token.Newline) || w.isKind(i, token.EOF) || w.is(i, ",") || w.is(i, "}")
}

// begin looks at the first token of a statement or field.
func (w *slips) begin(i int) int {
	f := w.top()
	switch f.sort {
	case "value", "shape", "(", "[":
		return i
	}
	if w.valueAlone(i) || !w.isKind(i, token.Ident) {
		return i
	}
	word := w.word(i)
	if f.sort == "service" || f.sort == "operation" || f.sort == "mock" || f.sort == "when" {
		return w.declared(i, word)
	}
	known := words[f.sort]
	switch {
	case slices.Contains(known, word):
		return w.known(i, word)
	case word == "depends_on" || word == "after" || word == "when" || word == "needs":
		if f.sort == "step" {
			return w.inHead(i, word)
		}
	case meant[word] != "" && slices.Contains(known, meant[word]) && !w.is(i+1, ":") && !w.is(i+1, "=") && !w.is(i+1, "."):
		own := meant[word]
		w.report(CodeWord, w.all[i].Start, w.all[i].End, "there is no %s", word).Hintf("write %s", own)
		w.edit(w.all[i].Start, w.all[i].End, own)
		f.word = own
		return w.known(i, own)
	case executed(f.sort) && w.is(i+1, ".") && w.isKind(i+2, token.Ident):
		w.report(CodeWord, w.all[i].Start, w.all[i+2].End, "a call begins with call").Hintf("write call %s.%s { … }", word, w.word(i+2))
		w.edit(w.all[i].Start, w.all[i].Start, "call ")
		f.word = "call"
		return w.known(i-1, "call")
	case slices.Contains(known, "let") && (w.is(i+1, "=") || w.is(i+1, ":") && w.is(i+2, "=") && w.touch(i+1)):
		w.report(CodeWord, w.all[i].Start, w.all[i].End, "a name gets its value by let").Hintf("write let %s = …", word)
		w.edit(w.all[i].Start, w.all[i].Start, "let ")
		f.word = "let"
		if w.is(i+1, ":") {
			w.edit(w.all[i+1].Start, w.all[i+1].End, "")
		}
		return w.called(i + 1)
	case foreign[word] != "":
	case w.is(i+1, ":") || w.is(i+1, "."):
	case f.sort == "workflow" && (w.is(i+1, "{") || w.is(i+1, "after") || w.is(i+1, "when")) && diag.Nearest(word, known) == "":
		w.report(CodeWord, w.all[i].Start, w.all[i].End, "step is missing before %s", word).Hintf("write step %s", word)
		w.edit(w.all[i].Start, w.all[i].Start, "step ")
		f.word = "step"
	default:
		if near := diag.Nearest(word, known); near != "" {
			where := place(f.sort)
			w.report(CodeWord, w.all[i].Start, w.all[i].End, "no statement begins with %s %s", word, where).Hintf("did you mean %s?", near)
			w.edit(w.all[i].Start, w.all[i].End, near)
			f.word = near
			return w.known(i, near)
		}
	}
	return i
}

// executed reports whether statements of this place are executed in order.
func executed(sort string) bool {
	return sort == "step" || sort == "on" || sort == "undo" || sort == "arm"
}

// place is where a statement stands, for messages.
func place(context string) string {
	switch context {
	case "":
		return "at the top of a file"
	case "on":
		return "in a clause"
	case "arm":
		return "in an arm of a switch"
	case "when":
		return "among the replies of a mock"
	}
	if strings.HasPrefix(context, "i") || strings.HasPrefix(context, "o") {
		return "in an " + context
	}
	return "in a " + context
}

// meant is what is written here for a word of another language.
var meant = map[string]string{
	"case": "when", "default": "else", "otherwise": "else", "match": "switch", "choose": "switch",
	"const": "let", "var": "let", "val": "let", "set": "let", "def": "let", "task": "step", "job": "step", "stage": "step", "activity": "step", "throw": "fail", "raise": "fail", "error": "fail", "abort": "fail",
	"include": "import", "require": "import", "using": "import", "desc": "describe", "description": "describe", "doc": "describe", "title": "describe",
	"assert": "ensure", "require_that": "ensure", "check": "ensure", "invoke": "call", "exec": "call", "execute": "call", "await": "call", "result": "return", "results": "output",
	"param": "input", "params": "input", "inputs": "input", "outputs": "output", "struct": "type", "record": "type", "interface": "service", "pipeline": "workflow", "flow": "workflow",
	"concurrency": "limit", "deadline": "within", "scenario": "test", "it": "test", "client": "service", "api": "service",
}

// declared looks at the first word of an item of a list where names may stand too.
func (w *slips) declared(i int, word string) int {
	f := w.top()
	known := words[f.sort]
	if slices.Contains(known, word) {
		return w.known(i, word)
	}
	own := ""
	switch f.sort {
	case "service", "mock":
		named := w.isKind(i+1, token.Ident) && (w.is(i+2, "{") || w.is(i+2, "idempotent"))
		if named {
			own = map[string]string{"op": "operation", "method": "operation", "function": "operation", "func": "operation", "fn": "operation", "rpc": "operation", "endpoint": "operation", "def": "operation", "action": "operation"}[word]
			if own == "" {
				own = diag.Nearest(word, []string{"operation", "table"})
			}
		}
	case "operation":
		if w.is(i+1, "{") && strings.ToUpper(word) != word {
			own = map[string]string{"args": "input", "arguments": "input", "params": "input", "request": "input", "parameters": "input"}[word]
			if own == "" {
				own = diag.Nearest(word, []string{"input"})
			}
		}
	}
	if f.sort == "service" && own == "" && (w.is(i+1, "idempotent") || w.is(i+1, "{") && w.declares(i+2)) {
		w.report(CodeWord, w.all[i].Start, w.all[i].End, "operation is missing before %s", word).Hintf("write operation %s", word)
		w.edit(w.all[i].Start, w.all[i].Start, "operation ")
		f.word = "operation"
		return i
	}
	if own != "" {
		w.report(CodeWord, w.all[i].Start, w.all[i].End, "no statement begins with %s %s", word, place(f.sort)).Hintf("did you mean %s?", own)
		w.edit(w.all[i].Start, w.all[i].End, own)
		f.word = own
		return w.known(i, own)
	}
	return i
}

// declares reports whether what an operation has begins at token i.
func (w *slips) declares(i int) bool {
	for w.isKind(i, token.Newline) {
		i++
	}
	return w.isKind(i, token.Int) || w.isKind(i, token.Class) || w.is(i, "http") && w.isKind(i+1, token.Ident) || w.is(i, "input") && w.is(i+1, "{")
}

// inHead takes after and when out of a step's braces: they stand before them.
func (w *slips) inHead(i int, word string) int {
	own := word
	if word == "depends_on" || word == "needs" {
		own = "after"
	}
	end := w.statementEnd(i)
	step := ""
	if o := w.outer(); o.start >= 0 {
		step = " " + w.word(o.start+1)
	}
	w.report(CodeWord, w.all[i].Start, w.all[i].End, "%s stands in the head of its step, before the {", own).Hintf("write step%s %s … { … }", step, own)
	w.edit(w.all[i].Start, w.all[end-1].End, "")
	w.top().start = -1
	return end - 1
}

// statementEnd is the index behind the last token of the statement at i.
func (w *slips) statementEnd(i int) int {
	depth := 0
	for ; i < len(w.all)-1; i++ {
		if w.all[i].Kind == token.Newline && depth == 0 {
			return i
		}
		if w.all[i].Kind != token.Op {
			continue
		}
		n := nesting(w.word(i))
		if depth+n < 0 || depth == 0 && w.word(i) == "," {
			return i
		}
		depth += n
	}
	return i
}

// known looks at what stands behind the first word of a statement, at token i.
func (w *slips) known(i int, word string) int {
	next := i + 1
	if w.is(next, ":") && (word != "let") { // timeout: 30s
		w.noColon(next, word)
		next++
	} else if w.is(next, "=") && word != "let" {
		w.report(CodeUnexpected, w.all[next].Start, w.all[next].End, "no = stands behind %s", word).Hintf("write %s …", word)
		w.edit(w.all[next].Start, w.all[next].End, "")
		next++
	}
	switch word {
	case "import":
		return w.imported(next)
	case "workflow", "step", "service", "operation", "policy", "type", "mock":
		return w.named(next, word)
	case "let":
		return w.let(next)
	case "call":
		return w.call(next)
	case "on":
		return w.on(next)
	case "fail":
		w.fail(next)
	case "ensure":
		w.ensure(next)
	case "return", "degrade":
		w.fields(next, word)
	case "retry":
		w.retry(next)
	}
	return next - 1
}

func (w *slips) noColon(at int, word string) {
	w.habit(CodeUnexpected, w.all[at].Start, w.all[at].End, "write "+word+" …", "no colon stands behind a statement word: %s", word)
	w.edit(w.all[at].Start, w.all[at].End, " ")
}

// imported mends `import shop.wf` and what other languages write behind it.
func (w *slips) imported(i int) int {
	end := w.lineEnd(i)
	if w.isKind(i, token.String) {
		if end > i+1 && !w.is(i+1, ",") {
			w.report(CodeUnexpected, w.all[i+1].Start, w.all[end-1].End, "an import names its file, and nothing more").Hintf("all that the file declares is known under its own name")
			w.edit(w.all[i+1].Start, w.all[end-1].End, "")
		}
		return end - 1
	}
	if w.isKind(i, token.Ident) || w.is(i, ".") {
		path := w.text[w.all[i].Start:w.all[end-1].End]
		w.report(CodeUnexpected, w.all[i].Start, w.all[end-1].End, "the file of an import stands in quotes").Hintf("write import %q", path)
		w.edit(w.all[i].Start, w.all[end-1].End, `"`+path+`"`)
	}
	return end - 1
}

// named mends a name that is quoted or has dashes.
func (w *slips) named(i int, word string) int {
	if w.is(i, "{") && word != "type" {
		at := w.all[i-1].End
		w.report(CodeUnexpected, w.all[i-1].Start, at, "this %s has no name", word).Hintf("write %s NAME {", word)
		w.edit(at, at, " unnamed")
		return i - 1
	}
	if w.isKind(i, token.String) {
		name := identifierOf(strings.Trim(w.word(i), `"`))
		w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "the name of a %s stands without quotes", word).Hintf("write %s %s", word, name)
		w.edit(w.all[i].Start, w.all[i].End, name)
		return i
	}
	if w.isKind(i, token.Ident) {
		return w.dashed(i)
	}
	return i - 1
}

// dashed mends a name with dashes in it; it returns its last token.
func (w *slips) dashed(i int) int {
	end := i
	for w.is(end+1, "-") && w.touch(end) && w.touch(end+1) && (w.isKind(end+2, token.Ident) || w.isKind(end+2, token.Int)) {
		end += 2
	}
	if end > i {
		name := identifierOf(w.text[w.all[i].Start:w.all[end].End])
		w.habit(CodeUnexpected, w.all[i].Start, w.all[end].End, "write "+name, "a name has no dashes")
		w.edit(w.all[i].Start, w.all[end].End, name)
	}
	return end
}

// identifierOf is a text as a name.
func identifierOf(text string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, strings.TrimSpace(text))
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// let mends types and := behind the name of a let.
func (w *slips) let(i int) int {
	if !w.isKind(i, token.Ident) || !w.is(i+1, ":") {
		return w.called(i + 1)
	}
	if w.is(i+2, "=") {
		w.report(CodeUnexpected, w.all[i+1].Start, w.all[i+2].End, "let has a plain =").Hintf("write let %s = …", w.word(i))
		w.edit(w.all[i+1].Start, w.all[i+1].End, "")
		return w.called(i + 2)
	}
	if end := w.lineEnd(i); end > i+2 {
		for j := i + 2; j < end; j++ {
			if w.is(j, "=") {
				w.report(CodeUnexpected, w.all[i+1].Start, w.all[j-1].End, "let names no type; it is that of the value").Hintf("write let %s = …", w.word(i))
				w.edit(w.all[i+1].Start, w.all[j-1].End, "")
				return w.called(j)
			}
		}
		w.report(CodeUnexpected, w.all[i+1].Start, w.all[i+1].End, "let has an =").Hintf("write let %s = …", w.word(i))
		w.edit(w.all[i+1].Start, w.all[i+1].End, " = ")
		return w.called(i + 1)
	}
	return i
}

// called mends a call without call behind the = of a let, at token i.
func (w *slips) called(i int) int {
	if w.is(i, "=") && w.isKind(i+1, token.Ident) && w.is(i+2, ".") && w.isKind(i+3, token.Ident) && w.is(i+4, "{") {
		w.report(CodeWord, w.all[i+1].Start, w.all[i+3].End, "a call begins with call").Hintf("write call %s.%s { … }", w.word(i+1), w.word(i+3))
		w.edit(w.all[i+1].Start, w.all[i+1].Start, "call ")
		return i
	}
	if w.is(i, "=") && w.is(i+1, "call") {
		return w.call(i + 2)
	}
	return i
}

// call mends the arguments of a call whose target begins at i.
func (w *slips) call(i int) int {
	for w.isKind(i, token.Ident) && w.is(i+1, ".") && w.isKind(i+2, token.Ident) {
		i += 2
	}
	at := i + 1
	switch {
	case !w.isKind(i, token.Ident):
		return i - 1
	case w.isKind(at, token.Ident) && slices.Contains([]string{"with", "using", "args", "input", "params", "on"}, w.word(at)) && (w.is(at+1, "{") || w.is(at+1, ":")):
		stop := at
		if w.is(at+1, ":") {
			stop++
		}
		w.report(CodeUnexpected, w.all[at].Start, w.all[stop].End, "the arguments of a call stand directly behind its operation").Hintf("write call %s { … }", w.text[w.all[i].Start:w.all[i].End])
		w.edit(w.all[at].Start, w.all[stop].End, "")
		return stop
	case w.is(at, "key") && w.is(at+1, ":"):
		w.noColon(at+1, "key")
	case w.is(at, "("):
		end := w.partner(at)
		if end < 0 {
			return i
		}
		if end == at+1 || w.isKind(at+1, token.Ident) && (w.is(at+2, ":") || w.is(at+2, "=")) {
			w.report(CodeUnexpected, w.all[at].Start, w.all[at].End, "the arguments of a call are an object in braces").Hintf("write { name: value }")
			w.edit(w.all[at].Start, w.all[at].End, " {")
			w.edit(w.all[end].Start, w.all[end].End, "}")
			w.asValue(at, end)
			return end
		}
	default:
		w.fields(at, "the operation")
	}
	return i
}

// asValue mends the = of fields between two brackets.
func (w *slips) asValue(from, to int) {
	for i := from + 1; i+1 < to; i++ {
		if w.isKind(i, token.Ident) && w.is(i+1, "=") && (i == from+1 || w.is(i-1, ",")) {
			w.fieldColon(i + 1)
		}
	}
}

// fields mends an object without its braces: return id: 3.
func (w *slips) fields(i int, behind string) {
	if !(w.isKind(i, token.Ident) || w.isKind(i, token.String)) || !w.is(i+1, ":") {
		return
	}
	end := w.lineEnd(i)
	for depth, j := 0, i; j < end; j++ {
		if w.all[j].Kind != token.Op {
			continue
		}
		if depth += nesting(w.word(j)); depth < 0 {
			end = j
		}
	}
	w.report(CodeUnexpected, w.all[i].Start, w.all[end-1].End, "an object stands in braces").Hintf("write { %s: … } behind %s", w.word(i), behind)
	w.edit(w.all[i].Start, w.all[i].Start, "{ ")
	w.edit(w.all[end-1].End, w.all[end-1].End, " }")
}

// on mends the outcomes of a clause, and braces that are missing.
func (w *slips) on(i int) int {
	j := i
	for ; j < len(w.all)-1 && !w.is(j, "{") && w.all[j].Kind != token.Newline; j++ {
		t, word := w.all[j], w.word(j)
		switch {
		case t.Kind == token.String && j < i+8:
			inner := strings.Trim(word, `"`)
			w.report(CodeUnexpected, t.Start, t.End, "an outcome stands without quotes").Hintf("write on %s", inner)
			w.edit(t.Start, t.End, inner)
		case word == "or" || word == "|" || word == "||" || word == "and":
			w.report(CodeUnexpected, t.Start, t.End, "outcomes are listed with commas").Hintf("write on %s, %s", w.word(j-1), w.word(j+1))
			w.edit(t.Start, t.End, ",")
		case word == ".." && w.isKind(j-1, token.Int) && w.isKind(j+1, token.Int):
			text := w.word(j - 1)[:1] + "xx"
			w.report(CodeUnexpected, w.all[j-1].Start, w.all[j+1].End, "outcomes are statuses and classes, not ranges").Hintf("write on %s", text)
			w.edit(w.all[j-1].Start, w.all[j+1].End, text)
		case word == "*" || word == "_" && j == i:
			w.report(CodeUnexpected, t.Start, t.End, "there is no outcome %s", word).Hintf("write on failed for every failure, on 2xx for every success")
			w.edit(t.Start, t.End, "failed")
		case word == ":":
			w.noColon(j, "on "+w.word(j-1))
		case word == "when":
			return j - 1
		case j > i && w.isKind(j, token.Ident) && !w.is(j-1, ",") && slices.Contains(words["on"], word):
			return w.braceless(j)
		}
	}
	return j - 1
}

// braceless puts braces around what stands behind the outcomes of a clause.
func (w *slips) braceless(i int) int {
	end := w.lineEnd(i)
	for depth, j := 0, i; j < end; j++ {
		if w.all[j].Kind == token.Op {
			if depth += nesting(w.word(j)); depth < 0 {
				end = j
			}
		}
	}
	text := w.text[w.all[i].Start:w.all[end-1].End]
	w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "the statements of a clause stand in braces").Hintf("write { %s }", text)
	w.edit(w.all[i].Start, w.all[i].Start, "{ ")
	w.edit(w.all[end-1].End, w.all[end-1].End, " }")
	w.frames = append(w.frames, frame{sort: "on", start: i, word: w.word(i)})
	w.known(i, w.word(i))
	w.frames = w.frames[:len(w.frames)-1]
	return end - 1
}

// fail mends a failure without a code.
func (w *slips) fail(i int) {
	switch {
	case w.isKind(i, token.String):
		w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "fail has a code before its message").Hintf("write fail CODE %s", w.word(i))
		w.edit(w.all[i].Start, w.all[i].Start, "FAILED ")
	case w.isKind(i, token.Newline) || w.is(i, "}") || w.isKind(i, token.EOF):
		at := w.all[i-1]
		w.report(CodeUnexpected, at.Start, at.End, "fail has a code").Hintf(`write fail CODE, or fail CODE "message"`)
		w.edit(at.End, at.End, " FAILED")
	case w.isKind(i, token.Ident):
		if end := w.dashed(i); w.is(end+1, ",") && w.isKind(end+2, token.String) || w.is(end+1, ":") {
			w.report(CodeUnexpected, w.all[end+1].Start, w.all[end+1].End, "nothing stands between the code of fail and its message").Hintf(`write fail %s "…"`, w.word(i))
			w.edit(w.all[end+1].Start, w.all[end+1].End, "")
		}
	}
}

// ensure mends the other side of an ensure whose condition begins at i.
func (w *slips) ensure(i int) {
	last := i
	for depth, j := 0, i; j < len(w.all)-1; j++ {
		t, word := w.all[j], w.word(j)
		switch {
		case t.Kind == token.Op:
			depth += nesting(word)
			if depth < 0 {
				w.noElse(i, last)
				return
			}
		case t.Kind == token.Newline && depth == 0:
			if next := w.word(j + 1); next != "else" && !w.goesOn(j+1) && !w.goesOn(j-1) {
				w.noElse(i, last)
				return
			}
		case depth == 0 && word == "else":
			if w.is(j+1, "{") {
				w.elseBraces(j + 1)
			} else if slices.Contains(words["step"], w.word(j+1)) {
				w.known(j+1, w.word(j+1))
			}
			return
		case depth == 0 && j > i && (word == "fail" || word == "return" || word == "degrade") && t.Kind == token.Ident:
			start := t.Start
			if w.is(j-1, "or") || w.is(j-1, "then") {
				start = w.all[j-1].Start
			}
			w.report(CodeUnexpected, start, t.End, "else is missing before %s", word).Hintf("write ensure … else %s", word)
			w.edit(start, t.Start, "else ")
			w.known(j, word)
			return
		}
		if t.Kind != token.Newline {
			last = j
		}
	}
}

// goesOn reports whether token i needs an operand before and behind it.
func (w *slips) goesOn(i int) bool {
	return w.isKind(i, token.Op) && binary[w.word(i)] || w.isKind(i, token.Ident) && binaryWords[w.word(i)]
}

func (w *slips) noElse(i, last int) {
	if last < i {
		return
	}
	if at := w.at(w.all[i-1].Start, w.all[i-1].End); !w.reportedAt(&diag.Diagnostic{Span: at}) {
		w.report(CodeUnexpected, w.all[i-1].Start, w.all[i-1].End, "this ensure does not say what else").Hintf("write ensure … else fail CODE")
	}
	w.edit(w.all[last].End, w.all[last].End, " else fail FAILED")
}

// elseBraces takes the braces away behind else, if one statement stands in them.
func (w *slips) elseBraces(i int) {
	end := w.partner(i)
	first := i + 1
	for w.isKind(first, token.Newline) {
		first++
	}
	if end < 0 || !slices.Contains([]string{"fail", "return", "degrade", "retry"}, w.word(first)) {
		return
	}
	last := end - 1
	for w.isKind(last, token.Newline) {
		last--
	}
	if w.statementEnd(first) <= last {
		return
	}
	w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "one ending stands behind else, without braces").Hintf("write else %s", w.text[w.all[first].Start:w.all[last].End])
	w.edit(w.all[i].Start, w.all[first].Start, "")
	w.edit(w.all[last].End, w.all[end].End, "")
}

// retry mends the number of attempts, at token i.
func (w *slips) retry(i int) {
	if !w.isKind(i, token.Int) {
		return
	}
	n, next := w.word(i), i+1
	switch {
	case w.is(next, "attempts") || w.is(next, "attempt"):
		next++
	case w.isKind(next, token.Ident) && slices.Contains([]string{"times", "time", "tries", "retries", "x", "attempt_s"}, w.word(next)) || w.isKind(next, token.Ident) && diag.Nearest(w.word(next), []string{"attempts"}) != "":
		w.report(CodeUnexpected, w.all[next].Start, w.all[next].End, "retry counts attempts").Hintf("write retry %s attempts; the first one counts", n)
		w.edit(w.all[next].Start, w.all[next].End, "attempts")
		next++
	case w.isKind(next, token.Newline) || w.is(next, ",") || w.is(next, "}"):
		w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "retry counts attempts").Hintf("write retry %s attempts; the first one counts", n)
		w.edit(w.all[i].End, w.all[i].End, " attempts")
	}
	for ; next < len(w.all)-1 && w.all[next].Kind != token.Newline && !w.is(next, "}"); next++ {
		if w.is(next, "jitter") && (w.isKind(next+1, token.Float) || w.isKind(next+1, token.Int)) {
			share := w.word(next + 1)
			hint := "write jitter 10%"
			if text, ok := asPercent(share); ok {
				hint = "write jitter " + text
			}
			w.report(CodeUnexpected, w.all[next+1].Start, w.all[next+1].End, "jitter is a percentage").Hintf("%s", hint)
			w.edit(w.all[next+1].Start, w.all[next+1].End, "10%")
		}
	}
}

// asPercent is a share such as 0.1 as a percentage.
func asPercent(share string) (string, bool) {
	digits, ok := strings.CutPrefix(share, "0.")
	if !ok || len(digits) > 2 {
		return share + "%", !ok
	}
	text := strings.TrimLeft((digits + "0")[:2], "0")
	return text + "%", text != ""
}

// within looks at a token in the midst of a statement or field.
func (w *slips) within(i int) int {
	t, word, f := w.all[i], w.word(i), w.top()
	heads := f.sort == "workflow" || f.sort == "step"
	switch f.sort {
	case "shape":
		return w.inShape(i)
	case "value":
		w.inValue(i)
	}
	switch {
	case word == "=" && t.Kind == token.Op && (f.sort == "workflow" || executed(f.sort)) && (f.word == "ensure" || f.word == "step" || f.word == "on"),
		word == "=" && t.Kind == token.Op && f.sort == "(":
		if w.is(i+1, ">") && w.touch(i) {
			break
		}
		w.report(CodeUnexpected, t.Start, t.End, "= compares nothing").Hintf("compare with ==")
		w.edit(t.Start, t.End, "==")
	case heads && f.word == "step" && i == f.start+2 && slices.Contains(words["step"], word) && t.Kind == token.Ident && !w.is(i+1, "{"):
		return w.oneLine(i)
	case f.sort == "" && f.word == "type" && word == "|" && w.isKind(i-1, token.Ident) && w.isKind(i+1, token.Ident):
		return w.choice(i - 1)
	case heads && f.word == "step" && i == f.start+2 || heads && f.word == "step" && word == "after":
		return w.stepHead(i)
	case f.word == "undo" && i == f.start+1 && t.Kind == token.Ident && executed(f.sort):
		return w.undoHead(i)
	case (t.Kind == token.Int || t.Kind == token.Class) && i > f.start && (w.is(i-1, "}") || w.is(i-1, "]")) && (f.sort == "when" || f.sort == "service" || f.sort == "operation"):
		w.report(CodeUnexpected, t.Start, t.End, "a line end or comma is missing before %s", word)
		w.edit(w.all[i-1].End, w.all[i-1].End, ",")
		f.start, f.word = i, word
	case word == "$" && (w.isKind(i+1, token.Ident)):
		w.report(CodeUnexpected, t.Start, t.End, "names are read without $").Hintf("write %s", w.word(i+1))
		w.edit(t.Start, t.End, "")
	case (f.sort == "workflow" || executed(f.sort)) && t.Kind == token.Ident && i > f.start && w.ended(i-1) && slices.Contains(words[f.sort], word) && f.word != "ensure" && f.word != "step" && f.word != "on" && !(word == "within" && (f.word == "wait" || f.word == "let")):
		w.report(CodeUnexpected, t.Start, t.End, "a line end or comma is missing before %s", word)
		w.edit(t.Start, t.Start, "\n")
		f.start, f.word = i, word
		return w.known(i, word)
	}
	return i
}

// oneLine puts braces around the statements of a step that stands on one line.
func (w *slips) oneLine(i int) int {
	end := w.lineEnd(i)
	for depth, j := 0, i; j < end; j++ {
		if w.all[j].Kind == token.Op {
			if depth += nesting(w.word(j)); depth < 0 {
				end = j
			}
		}
	}
	w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "the statements of a step stand in braces").Hintf("write step %s { %s }", w.word(i-1), w.text[w.all[i].Start:w.all[end-1].End])
	w.edit(w.all[i].Start, w.all[i].Start, "{ ")
	w.edit(w.all[end-1].End, w.all[end-1].End, " }")
	return end - 1
}

// valueAlone finds a value where a clause or step has statements, at its first token.
func (w *slips) valueAlone(i int) bool {
	if !w.is(i-1, "{") || w.top().sort != "on" && w.top().sort != "step" {
		return false
	}
	end := w.partner(i - 1)
	if end < 0 {
		return false
	}
	what := "a clause holds statements"
	if w.top().sort == "step" {
		what = "a step holds statements"
	}
	text := w.text[w.all[i].Start:w.all[end-1].End]
	switch {
	case w.isKind(i, token.Ident) && w.is(i+1, ":"):
		w.report(CodeUnexpected, w.all[i].Start, w.all[i+1].End, "%s", what).Hintf("write { return { %s: … } }", w.word(i))
		w.edit(w.all[i].Start, w.all[i].Start, "return { ")
		w.edit(w.all[end].Start, w.all[end].Start, "} ")
	case (w.isKind(i, token.String) || w.isKind(i, token.Int)) && end == i+1:
		w.report(CodeUnexpected, w.all[i].Start, w.all[i].End, "%s", what).Hintf("write { return %s }", text)
		w.edit(w.all[i].Start, w.all[i].Start, "return ")
	default:
		return false
	}
	return true
}

// ended reports whether a value or statement can end with token i.
func (w *slips) ended(i int) bool {
	switch w.all[i].Kind {
	case token.String, token.Int, token.Float, token.Duration, token.Percent, token.Class:
		return true
	case token.Op:
		return nesting(w.word(i)) < 0
	}
	return false
}

// template takes the signs of templates away: {{ x }} and ${ x }.
func (w *slips) template(i int) int {
	if w.word(i) != "{" {
		return i
	}
	switch {
	case w.is(i-1, "$") && w.touch(i-1):
		end := w.partner(i)
		if end < 0 {
			return i
		}
		w.report(CodeUnexpected, w.all[i-1].Start, w.all[i].End, "${ } stands only in strings").Hintf("write %s", strings.TrimSpace(w.text[w.all[i].End:w.all[end].Start]))
		w.edit(w.all[i-1].Start, w.all[i].End, "")
		w.edit(w.all[end].Start, w.all[end].End, "")
		return end
	case w.is(i+1, "{") && w.touch(i) && w.top().sort == "value":
		end := w.partner(i)
		if end < 1 || !w.is(end-1, "}") {
			return i
		}
		w.report(CodeUnexpected, w.all[i].Start, w.all[i+1].End, "there are no {{ }}").Hintf("write %s", strings.TrimSpace(w.text[w.all[i+1].End:w.all[end-1].Start]))
		w.edit(w.all[i].Start, w.all[i+1].End, "")
		w.edit(w.all[end-1].Start, w.all[end].End, "")
		return end
	}
	return i
}

// stepHead mends what stands between the name of a step and its brace.
func (w *slips) stepHead(i int) int {
	switch word := w.word(i); {
	case word == "if" || word == "needs" || word == "depends_on" || word == "requires" || word == "follows":
		own := "after"
		if word == "if" {
			own = "when"
		}
		w.report(CodeWord, w.all[i].Start, w.all[i].End, "there is no %s in the head of a step", word).Hintf("write %s", own)
		w.edit(w.all[i].Start, w.all[i].End, own)
		if own == "when" {
			return i
		}
	case word == "when":
		j := i
		for j < len(w.all)-1 && !w.is(j, "after") && !w.is(j, "{") && w.all[j].Kind != token.Newline {
			j++
		}
		if !w.is(j, "after") || j == i+1 {
			return i
		}
		end := j + 1
		for w.isKind(end, token.Ident) || w.is(end, ",") {
			end++
		}
		w.report(CodeUnexpected, w.all[j].Start, w.all[j].End, "after stands before when").Hintf("write step … %s %s", w.text[w.all[j].Start:w.all[end-1].End], w.text[w.all[i].Start:w.all[j-1].End])
		w.edit(w.all[i].Start, w.all[i].Start, w.text[w.all[j].Start:w.all[end-1].End]+" ")
		w.edit(w.all[j].Start, w.all[end-1].End, "")
		return end - 1
	case word != "after":
		return i
	}
	return w.stepList(i+1, "after")
}

// undoHead mends what stands between undo and its brace.
func (w *slips) undoHead(i int) int {
	switch word := w.word(i); word {
	case "unless", "before", "till", "while", "after", "when", "if":
		w.report(CodeWord, w.all[i].Start, w.all[i].End, "there is no %s in the head of an undo", word).
			Hintf("write undo until STEP { … }: it is undone as long as that step has not completed")
		w.edit(w.all[i].Start, w.all[i].End, "until")
	case "until":
	default:
		return i
	}
	return w.stepList(i+1, "until")
}

// stepList mends the names behind after and until.
func (w *slips) stepList(i int, word string) int {
	if w.is(i, ":") {
		w.noColon(i, word)
		i++
	}
	if w.is(i, "[") {
		if end := w.partner(i); end > 0 {
			w.report(CodeUnexpected, w.all[i].Start, w.all[end].End, "the steps behind %s stand without brackets", word).Hintf("write %s %s", word, strings.TrimSpace(w.text[w.all[i].End:w.all[end].Start]))
			w.edit(w.all[i].Start, w.all[i].End, "")
			w.edit(w.all[end].Start, w.all[end].End, "")
			return end
		}
		return i
	}
	for w.isKind(i, token.Ident) && !w.is(i, "when") {
		end := w.dashed(i)
		switch {
		case w.is(end+1, "for") && (w.is(end+3, "in") || w.is(end+3, "of")):
			return end // the step is a loop
		case w.is(end+1, "and") || w.is(end+1, "&&"):
			w.report(CodeUnexpected, w.all[end+1].Start, w.all[end+1].End, "the steps behind %s are listed with commas", word)
			w.edit(w.all[end+1].Start, w.all[end+1].End, ",")
			i = end + 2
		case w.is(end+1, ","):
			i = end + 2
		case w.isKind(end+1, token.Ident) && !w.is(end+1, "when") && !w.is(end+1, "if"):
			w.report(CodeUnexpected, w.all[end+1].Start, w.all[end+1].End, "a comma is missing before %s", w.word(end+1))
			w.edit(w.all[end].End, w.all[end].End, ",")
			i = end + 1
		default:
			return end
		}
	}
	return i - 1
}

// inShape looks at a token of a record shape.
func (w *slips) inShape(i int) int {
	t, word, f := w.all[i], w.word(i), w.top()
	switch {
	case word == ":" && t.Kind == token.Op && (i == f.start+1 || i == f.start+2):
		name := w.word(f.start)
		w.habit(CodeUnexpected, t.Start, t.End, "write "+name+" "+w.word(i+1), "no colon stands between a field and its type")
		w.edit(t.Start, t.End, " ")
	case word == "?" && t.Kind == token.Op && i > f.start+1 && !w.is(i-1, "]"):
		w.habit(CodeUnexpected, t.Start, t.End, "write "+w.word(f.start)+"? "+w.word(i-1), "the ? of an optional field stands behind its name")
		w.edit(t.Start, t.End, "")
		w.edit(w.all[f.start].End, w.all[f.start].End, "?")
	case word == "<" && w.isKind(i-1, token.Ident) && w.isKind(i+1, token.Ident) && w.is(i+2, ">"):
		inner, outer := w.word(i+1), strings.ToLower(w.word(i-1))
		text := "[" + inner + "]"
		if outer == "optional" || outer == "maybe" || outer == "option" {
			text = inner
			w.edit(w.all[f.start].End, w.all[f.start].End, "?")
			w.report(CodeUnexpected, w.all[i-1].Start, w.all[i+2].End, "a field is optional by a ? behind its name").Hintf("write %s? %s", w.word(f.start), inner)
		} else {
			w.report(CodeUnexpected, w.all[i-1].Start, w.all[i+2].End, "a list of a type stands in brackets").Hintf("write %s", text)
		}
		w.edit(w.all[i-1].Start, w.all[i+2].End, text)
		return i + 2
	case word == "|" && w.isKind(i-1, token.Ident) && w.isKind(i+1, token.Ident) && i-1 > f.start:
		return w.choice(i - 1)
	}
	if t.Kind == token.Ident && w.is(i+1, "[") && w.is(i+2, "]") && i > f.start {
		w.report(CodeUnexpected, t.Start, w.all[i+2].End, "a list of a type stands in brackets").Hintf("write [%s]", word)
		w.edit(t.Start, w.all[i+2].End, "["+word+"]")
		return i + 2
	}
	if i == f.start && w.is(i+1, "[") && w.is(i+2, "]") && w.isKind(i+3, token.Ident) {
		w.report(CodeUnexpected, w.all[i+1].Start, w.all[i+3].End, "a list of a type stands in brackets").Hintf("write [%s]", w.word(i+3))
		w.edit(w.all[i+1].Start, w.all[i+3].End, "["+w.word(i+3)+"]")
		return i + 3
	}
	return i
}

// choice puts the words of a choice into quotes.
func (w *slips) choice(i int) int {
	from, list := i, []string{}
	for {
		list = append(list, `"`+w.word(i)+`"`)
		if !w.is(i+1, "|") || !w.isKind(i+2, token.Ident) {
			break
		}
		i += 2
	}
	text := strings.Join(list, " | ")
	w.report(CodeUnexpected, w.all[from].Start, w.all[i].End, "a choice is one of literals").Hintf("write %s", text)
	w.edit(w.all[from].Start, w.all[i].End, text)
	return i
}

// inValue looks at a token of an object.
func (w *slips) inValue(i int) {
	t, word, f := w.all[i], w.word(i), w.top()
	switch {
	case word == "=" && t.Kind == token.Op && i == f.start+1 && (w.isKind(f.start, token.Ident) || w.isKind(f.start, token.String)):
		w.fieldColon(i)
	case (t.Kind == token.Ident || t.Kind == token.String) && i > f.start && (w.is(i+1, ":") || w.is(i+1, "=") && i > f.start+2) && (w.ended(i-1) || w.isKind(i-1, token.Ident) && !binaryWords[w.word(i-1)] && !w.is(i-1, "not")):
		w.report(CodeUnexpected, t.Start, t.End, "a comma is missing before %s", strings.Trim(word, `"`))
		w.edit(w.all[i-1].End, w.all[i-1].End, ",")
		f.start, f.word = i, word
	}
}

func (w *slips) fieldColon(i int) {
	w.habit(CodeUnexpected, w.all[i].Start, w.all[i].End, "write "+w.word(i-1)+": …", "a field has a colon before its value")
	w.edit(w.all[i].Start, w.all[i].End, ":")
}
