package lsp

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.lsp.dev/protocol"

	"wf/lang"
	"wf/lang/check"
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
)

/*
What can be written at a place is found out by writing a name there that means nothing, and
asking what is wrong with it: whoever complains about an unknown name knows those that he
would take. So there is one place that knows what may stand where, the checker.
*/

// stand is the name that means nothing. Nothing is similar to it.
const stand = "wfCompletesHere"

// typing is a place where something is being typed.
type typing struct {
	*state
	doc        *document
	start, end int    // of the word that is typed
	line       string // up to the word
	rest       string // of the line behind the word
	items      []protocol.CompletionItem
}

// Completion lists what can be written at a place.
func (s *Server) Completion(ctx context.Context, params *protocol.CompletionParams) (protocol.CompletionResult, error) {
	now := stateOf(ctx)
	d := now.docs[fileOf(params.TextDocument.URI)]
	if d == nil {
		return nil, nil
	}
	t := &typing{state: now, doc: d}
	t.place(d.offset(params.Position))
	switch {
	case t.paths():
	case isYAML(d.name):
		t.names(stand)
	default:
		t.source()
	}
	return &protocol.CompletionList{Items: append([]protocol.CompletionItem{}, t.items...)}, nil
}

// place finds the word around an offset.
func (t *typing) place(offset int) {
	src := t.doc.src
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	t.start, t.end = offset, offset
	for t.start > 0 {
		r, size := utf8.DecodeLastRuneInString(src[:t.start])
		if !inWord(r) {
			break
		}
		t.start -= size
	}
	for t.end < len(src) {
		r, size := utf8.DecodeRuneInString(src[t.end:])
		if !inWord(r) {
			break
		}
		t.end += size
	}
	t.line = src[strings.LastIndexByte(src[:t.start], '\n')+1 : t.start]
	t.rest, _, _ = strings.Cut(src[t.end:], "\n")
}

// source completes in a .wf file.
func (t *typing) source() {
	words, around := syntax.WordsAt(t.doc.src, t.start)
	tokens, _, _ := token.Scan("", t.line)
	text := token.Text{Source: t.line, Tokens: tokens}
	last := text.Word(len(tokens) - 2)
	begins := last == "" || last == "{" || last == "," || last == "}"
	inner := t.inner(text, around)
	t.words(inner)
	switch {
	case len(inner) > 0 && last != ",": // nothing else stands there
	case begins && (around == "operation" || around == "service"): // where any name is an outcome
		t.words(words)
		t.outcomes()
	case begins && words == nil && around != "input" && around != "type" && !t.shape():
		t.names(stand + ": nil")
		if len(t.items) == 0 {
			t.names(stand)
		}
	case slices.Contains([]string{"on", "step", "when", "mock", "operation", "after", "test"}, first(text)) && !strings.Contains(t.rest, "{"):
		t.names(stand + " { 200 }")
		if len(t.items) == 0 {
			t.names(stand)
		}
	case strings.Contains(t.line, "undo until ") && !strings.Contains(t.rest, "{"):
		t.names(stand + " { }")
	case around == "invariant" && first(text) == "never" && !conditional(t.line+t.rest):
		t.names(stand + " unless run completed")
	default:
		t.names(stand)
	}
	if begins && (around == "mock" || around == "when") {
		t.words(words)
	}
	if around == "test" && first(text) == "after" && len(tokens) > 2 && !slices.ContainsFunc(syntax.Deeds, func(w string) bool { return strings.Contains(t.line, " "+w+" ") }) {
		t.words(syntax.Deeds)
	}
	if last == "expect" {
		t.words(append([]string{"golden"}, syntax.Endings...))
	}
	if around == "invariant" {
		t.rule(text)
	}
	if last == "else" {
		t.words([]string{"fail", "return", "degrade", "retry"})
	}
}

// rule completes with the words that go on with a rule of an invariant.
func (t *typing) rule(line token.Text) {
	last := line.Word(len(line.Tokens) - 2)
	follows := map[string][]string{"never": {"call"}, "at": {"most"}, "every": {"run ends within"}, "then": {"finally"}, "took": {"effect"}, "was": {"called"}, "per": {"run"}}
	before := []string{"always", "finally", "if", "unless", "before", "after", "and", "or", "not", "call", "of", "in"}
	switch {
	case follows[last] != nil:
		t.words(follows[last])
	case slices.Contains(before, last) || last != "]" && (len(line.Tokens) < 2 || line.Tokens[len(line.Tokens)-2].Kind != token.Ident): // nothing yet of which something could be said
	case first(line) == "at" && !strings.Contains(t.line, " of "):
	default:
		t.words(slices.DeleteFunc(append(slices.Clone(syntax.Endings), "took effect", "was called"), func(w string) bool { return w == "refused" }))
		switch {
		case strings.Contains(t.line, "never call ") && !conditional(t.line):
			t.items = nil
			t.words([]string{"unless", "before", "after"})
		case first(line) == "if" && !strings.Contains(t.line, " then "):
			t.words([]string{"then finally"})
		}
	}
}

// conditional reports whether a rule about a call says when it is forbidden.
func conditional(line string) bool {
	return slices.ContainsFunc([]string{" unless ", " before ", " after "}, func(w string) bool { return strings.Contains(line, w) })
}

// first is the first word of a line.
func first(t token.Text) string {
	for i := range t.Tokens {
		if t.Tokens[i].Kind == token.Ident {
			return t.Word(i)
		}
	}
	return ""
}

// shape reports whether the place is in the shape of an answer.
func (t *typing) shape() bool {
	open := strings.LastIndexByte(t.doc.src[:t.start], '{')
	if open < 0 {
		return false
	}
	_, around := syntax.WordsAt(t.doc.src, open)
	return around == "operation" || around == "service" || around == "input" || around == "type"
}

// names completes with what the checker would take in the place of the word.
func (t *typing) names(by string) {
	src := t.doc.src[:t.start] + by + t.doc.src[t.end:]
	then := t.with(t.doc.name, &document{text: newText(src), name: t.doc.name})
	opts := t.server.options
	opts.Typed = diag.Span{File: t.doc.name, Start: t.start, End: t.start + len(stand)}
	p, _ := lang.Load(then, t.doc.name, opts)
	if p.Index != nil && p.Index.Want != nil {
		t.fields(p.Index.Want, p.Index.Given)
		return
	}
	kind := kinds[p.KnownFor]
	if p.KnownFor == check.CodeUnknownOp && !strings.HasSuffix(strings.TrimSpace(t.line), ".") { // the service is missing too
		kind = kinds[check.CodeUnknownService]
	}
	for _, k := range p.Known {
		if k.Name != stand {
			t.item("1", k.Name, kind, k.What)
		}
	}
	if p.KnownFor == check.CodeUnknownName && slices.ContainsFunc(p.Known, func(k diag.Known) bool { return k.What != "" }) { // of values
		for _, name := range expr.Builtins() {
			t.item("2", name, protocol.CompletionItemKindFunction, "")
		}
		for _, name := range []string{"nil", "true", "false"} {
			t.item("3", name, protocol.CompletionItemKindKeyword, "")
		}
	}
}

// kinds of what is known, by what is said of an unknown one.
var kinds = map[diag.Code]protocol.CompletionItemKind{
	check.CodeUnknownName: protocol.CompletionItemKindVariable, expr.CodeField: protocol.CompletionItemKindField, check.CodeUnknownType: protocol.CompletionItemKindStruct,
	check.CodeUnknownService: protocol.CompletionItemKindModule, check.CodeUnknownOp: protocol.CompletionItemKindMethod, check.CodeUnknownPolicy: protocol.CompletionItemKindConstant,
	check.CodeUnknownStep: protocol.CompletionItemKindEvent, check.CodeImpossible: protocol.CompletionItemKindEnumMember, check.CodeUnknownArgument: protocol.CompletionItemKindField,
	syntax.CodeWord: protocol.CompletionItemKindKeyword,
}

// fields completes the key of an object that becomes a record.
func (t *typing) fields(want *value.Type, given []string) {
	for _, f := range want.Fields {
		if slices.Contains(given, f.Name) {
			continue
		}
		what := f.Type.String()
		sort := "1" // what must be given comes first
		if f.CanOmit() {
			what, sort = what+", may be left out", "2"
		}
		text := f.Name
		if !strings.HasPrefix(strings.TrimSpace(t.rest), ":") {
			text += ": "
		}
		t.item(sort, f.Name, protocol.CompletionItemKindField, what)
		t.items[len(t.items)-1].TextEdit = &protocol.TextEdit{Range: t.doc.span(diag.Span{Start: t.start, End: t.end}), NewText: text}
	}
}

// words completes with words of the language.
func (t *typing) words(words []string) {
	for _, w := range words {
		if !slices.ContainsFunc(t.items, func(i protocol.CompletionItem) bool { return i.Label == w }) {
			t.item("1", w, protocol.CompletionItemKindKeyword, "")
		}
	}
}

// outcomes completes with the statuses that services answer most.
func (t *typing) outcomes() {
	for _, o := range []string{"200", "201", "202", "204", "400", "401", "403", "404", "409", "422", "429", "5xx"} {
		t.item("2", o, protocol.CompletionItemKindEnumMember, "")
	}
}

// item adds one thing that can be written.
func (t *typing) item(sort, name string, kind protocol.CompletionItemKind, what string) {
	item := protocol.CompletionItem{
		Label: name, Kind: kind, SortText: protocol.NewOptional(fmt.Sprintf("%s%04d", sort, len(t.items))),
		TextEdit: &protocol.TextEdit{Range: t.doc.span(diag.Span{Start: t.start, End: t.end}), NewText: name},
	}
	if what != "" {
		item.Detail = protocol.NewOptional(what)
	}
	t.items = append(t.items, item)
}

// paths completes the file of an import, and reports whether there is one.
func (t *typing) paths() bool {
	quote := strings.LastIndexByte(t.line, '"')
	if quote < 0 {
		return false
	}
	head := strings.Fields(t.line[:quote])
	if len(head) == 0 || head[len(head)-1] != "import" && head[len(head)-1] != "read" {
		return false
	}
	folder, prefix := path.Split(t.line[quote+1:] + t.doc.src[t.start:t.end])
	entries, err := fs.ReadDir(t.server.host, path.Join(path.Dir(t.doc.name), folder))
	if err != nil {
		return true
	}
	data := head[len(head)-1] == "read"
	for _, e := range entries {
		name := e.Name()
		ext := path.Ext(name)
		switch {
		case strings.HasPrefix(name, ".") || path.Join(path.Dir(t.doc.name), folder, name) == t.doc.name:
		case e.IsDir():
			t.item("2", name+"/", protocol.CompletionItemKindFolder, "")
		case data == (ext == ".json") && (data || ext == ".wf" || isYAML(name)):
			t.item("1", name, protocol.CompletionItemKindFile, "")
		}
	}
	from := t.end - len(prefix) // the whole name, which may have dots
	for i := range t.items {
		t.items[i].TextEdit.(*protocol.TextEdit).Range = t.doc.span(diag.Span{Start: from, End: t.end})
	}
	return true
}

// CompletionResolve tells more of a word: what the specification says of it.
func (s *Server) CompletionResolve(_ context.Context, item *protocol.CompletionItem) (*protocol.CompletionItem, error) {
	text := ""
	switch item.Kind {
	case protocol.CompletionItemKindKeyword:
		text = wordDoc(item.Label)
	case protocol.CompletionItemKindFunction:
		text = functionDoc(item.Label)
	}
	if text != "" {
		item.Documentation = &protocol.MarkupContent{Kind: protocol.MarkupKindMarkdown, Value: text}
	}
	return item, nil
}
