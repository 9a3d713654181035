package lsp

import (
	"context"
	"strings"

	"go.lsp.dev/protocol"

	"wf/lang/syntax"
)

// Formatting lays a document out. One with syntax errors, and YAML, is left as it is.
func (s *Server) Formatting(ctx context.Context, params *protocol.DocumentFormattingParams) ([]protocol.TextEdit, error) {
	d := stateOf(ctx).docs[fileOf(params.TextDocument.URI)]
	if d == nil || isYAML(d.name) {
		return nil, nil
	}
	tree, problems := syntax.Parse(d.name, []byte(d.src))
	if problems.HasErrors() {
		return nil, nil
	}
	return edits(d.text, string(syntax.Format(tree, []byte(d.src)))), nil
}

// edits turns a text into another one. Lines at the beginning and end that are the same
// stay, so that the cursor does where nothing changes.
func edits(from *text, to string) []protocol.TextEdit {
	if from.src == to {
		return nil
	}
	a, b := strings.SplitAfter(from.src, "\n"), strings.SplitAfter(to, "\n")
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	start := len(strings.Join(a[:head], ""))
	end := len(from.src) - len(strings.Join(a[len(a)-tail:], ""))
	return []protocol.TextEdit{{
		Range:   protocol.Range{Start: from.position(start), End: from.position(end)},
		NewText: strings.Join(b[head:len(b)-tail], ""),
	}}
}
