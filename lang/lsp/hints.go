package lsp

import (
	"context"
	"strings"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"wf/lang/diag"
	"wf/lang/graph"
)

// InlayHint shows behind the name of each step the steps it waits for because it reads
// their results; those that it names itself are seen anyway.
func (s *Server) InlayHint(ctx context.Context, params *protocol.InlayHintParams) ([]protocol.InlayHint, error) {
	now := stateOf(ctx)
	d := now.docs[fileOf(params.TextDocument.URI)]
	if d == nil {
		return nil, nil
	}
	var out []protocol.InlayHint
	from, to := d.offset(params.Range.Start), d.offset(params.Range.End)
	var level func(steps []*graph.Step)
	level = func(steps []*graph.Step) {
		for _, st := range steps {
			if st == nil {
				continue
			}
			var names []string
			for _, need := range st.Needs {
				if other := steps[need.Step]; need.Data && !need.After && other != nil {
					names = append(names, other.Name)
				}
			}
			if len(names) > 0 && st.Span.File == d.name && from <= st.Span.End && st.Span.End <= to {
				out = append(out, hint(d.text, st.Span, names))
			}
			for _, stmt := range st.Body {
				switch stmt := stmt.(type) {
				case *graph.Group:
					level(stmt.Steps)
				case *graph.Loop:
					level(stmt.Steps)
				}
			}
		}
	}
	for _, g := range now.analyse(d.name).Workflows {
		level(g.Steps)
	}
	return out, nil
}

func hint(t *text, at diag.Span, names []string) protocol.InlayHint {
	yes := true
	return protocol.InlayHint{
		Position: t.position(at.End), Label: protocol.String("after " + strings.Join(names, ", ")), PaddingLeft: &yes,
		Tooltip: protocol.String("it waits for these because it reads their results"),
	}
}

// CodeAction offers the fixes of the problems in a range.
func (s *Server) CodeAction(ctx context.Context, params *protocol.CodeActionParams) ([]protocol.CommandOrCodeAction, error) {
	now := stateOf(ctx)
	d := now.docs[fileOf(params.TextDocument.URI)]
	if d == nil {
		return nil, nil
	}
	a := now.analyse(d.name)
	from, to := d.offset(params.Range.Start), d.offset(params.Range.End)
	out := []protocol.CommandOrCodeAction{}
	for _, problem := range a.problems {
		if problem.Span.File != d.name || problem.Span.End < from || to < problem.Span.Start {
			continue
		}
		for _, fix := range problem.Fixes {
			kind, preferred := protocol.CodeActionKindQuickFix, problem.Sure()
			edit := &protocol.WorkspaceEdit{Changes: map[uri.URI][]protocol.TextEdit{}}
			for _, e := range fix.Edits {
				at := now.uri(e.Span.File)
				edit.Changes[at] = append(edit.Changes[at], protocol.TextEdit{Range: now.text(a, e.Span.File).span(e.Span), NewText: e.New})
			}
			out = append(out, &protocol.CodeAction{Title: fix.Title, Kind: &kind, IsPreferred: &preferred, Edit: edit,
				Diagnostics: []protocol.Diagnostic{now.diagnostic(a, problem)}})
		}
	}
	return out, nil
}
