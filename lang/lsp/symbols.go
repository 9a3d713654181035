package lsp

import (
	"context"
	"strings"

	"go.lsp.dev/protocol"

	"wf/lang/diag"
	"wf/lang/syntax"
)

// DocumentSymbol is the outline of a document.
func (s *Server) DocumentSymbol(ctx context.Context, params *protocol.DocumentSymbolParams) (protocol.DocumentSymbolResult, error) {
	now := stateOf(ctx)
	d := now.docs[fileOf(params.TextDocument.URI)]
	if d == nil {
		return nil, nil
	}
	out := protocol.DocumentSymbolSlice{}
	if tree := now.analyse(d.name).Tree; tree != nil {
		out = append(out, outline(d.text, tree)...)
	}
	return out, nil
}

// outline lists what a node declares.
func outline(t *text, of any) (out []protocol.DocumentSymbol) {
	syntax.Walk(of, func(n any) bool {
		if n == of {
			return true
		}
		sym, ok := declaration(n)
		if !ok {
			return true
		}
		whole := syntax.PlaceOf(n)
		if sym.place.IsZero() || sym.place.Start < whole.Start || sym.place.End > whole.End {
			sym.place = whole
		}
		ds := protocol.DocumentSymbol{Name: sym.name, Kind: sym.kind, Range: t.span(whole), SelectionRange: t.span(sym.place), Children: outline(t, n)}
		if sym.detail != "" {
			ds.Detail = &sym.detail
		}
		if strings.TrimSpace(ds.Name) == "" { // the protocol does not allow that
			ds.Name = "?"
		}
		out = append(out, ds)
		return false
	})
	return out
}

// named is a declaration.
type named struct {
	name, detail string
	kind         protocol.SymbolKind
	place        diag.Span // of the name
}

// declaration is what a node declares, if anything.
func declaration(n any) (named, bool) {
	of := func(name syntax.Name, kind protocol.SymbolKind, detail string) (named, bool) {
		return named{name.Text, detail, kind, name.Span}, true
	}
	switch n := n.(type) {
	case *syntax.Workflow:
		return named{dotted(n.Name), "workflow", protocol.SymbolKindClass, n.Name[0].Span.To(n.Name[len(n.Name)-1].Span)}, true
	case *syntax.Service:
		return of(n.Name, protocol.SymbolKindInterface, "service")
	case *syntax.Operation:
		return of(n.Name, protocol.SymbolKindMethod, "operation")
	case *syntax.TypeDecl:
		return of(n.Name, protocol.SymbolKindStruct, "type")
	case *syntax.PolicyDecl:
		return of(n.Name, protocol.SymbolKindObject, "policy")
	case *syntax.Step:
		return of(n.Name, protocol.SymbolKindFunction, "step")
	case *syntax.Let:
		return of(n.Name, protocol.SymbolKindVariable, "")
	case *syntax.Field:
		return of(n.Name, protocol.SymbolKindField, "")
	case *syntax.Table:
		return of(n.Name, protocol.SymbolKindStruct, "table")
	case *syntax.MockOperation:
		return of(n.Name, protocol.SymbolKindMethod, "mock")
	case *syntax.Mock:
		switch {
		case n.Class != nil:
			return named{n.Class.Value, "mock", protocol.SymbolKindMethod, n.Class.Span}, true
		case n.Operation != nil:
			return named{n.Service.Text + "." + n.Operation.Text, "mock", protocol.SymbolKindMethod, n.Service.Span.To(n.Operation.Span)}, true
		}
		return of(n.Service, protocol.SymbolKindInterface, "mock")
	case *syntax.Invariant:
		return named{n.Name.Value, "invariant", protocol.SymbolKindEvent, n.Name.Span}, true
	case *syntax.Test:
		return named{n.Name.Value, "test", protocol.SymbolKindMethod, n.Name.Span}, true
	case *syntax.Input:
		return named{"input", "", protocol.SymbolKindStruct, diag.Span{}}, true
	}
	return named{}, false
}

// dotted joins names with dots.
func dotted(names []syntax.Name) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = n.Text
	}
	return strings.Join(parts, ".")
}
