package lsp_test

import (
	"context"
	"io/fs"
	"os"
	"path"
	"testing"

	"go.lsp.dev/protocol"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"
)

// TestAnything types into the shipped files at random: letters, brackets, quotes and cuts,
// and asks everything there. Nothing is ever an error, and what is answered is in the text.
func TestAnything(t *testing.T) {
	disk := os.DirFS("../../workflows")
	a := &txtar.Archive{}
	var names []string
	err := fs.WalkDir(disk, ".", func(name string, d fs.DirEntry, err error) error {
		if ext := path.Ext(name); err != nil || d.IsDir() || ext != ".wf" && ext != ".yaml" {
			return err
		}
		src, err := fs.ReadFile(disk, name)
		a.Files = append(a.Files, txtar.File{Name: name, Data: src})
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(t, a)
	defer s.end()
	ctx := context.Background()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		if n++; testing.Short() && n > 15 || n > 50 { // each costs several checks of a file
			return
		}
		name := rapid.SampledFrom(names).Draw(t, "file")
		src := s.texts[name]
		at := rapid.IntRange(0, len(src)).Draw(t, "at")
		typed := rapid.SampledFrom([]string{"", ".", "{", "}", "\"", "${", "input.", " on ", "call ", "x", "\n", "(", "//", "𝄞", "step a {", "?.", ":", "\x00", "=", "after "}).Draw(t, "typed")
		cut := rapid.SampledFrom([]int{0, 0, 1, 5, 40, len(src)}).Draw(t, "cut")
		for at > 0 && at < len(src) && src[at]&0xc0 == 0x80 {
			at--
		}
		end := min(len(src), at+cut)
		for end < len(src) && src[end]&0xc0 == 0x80 {
			end++
		}
		s.texts[name] = src[:at] + typed + src[end:]
		defer func() { s.texts[name] = src }()
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		doc := protocol.TextDocumentIdentifier{URI: s.uri(name)}
		ok(s.server.DidOpen(ctx, &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: doc.URI, Version: 1, Text: s.texts[name]}}))
		place := protocol.TextDocumentPositionParams{TextDocument: doc, Position: s.position(name, at+len(typed))}
		end2 := s.position(name, len(s.texts[name]))
		_, err := s.server.Completion(ctx, &protocol.CompletionParams{TextDocumentPositionParams: place})
		ok(err)
		hover, err := s.server.Hover(ctx, &protocol.HoverParams{TextDocumentPositionParams: place})
		ok(err)
		if hover != nil {
			s.slice(name, *hover.Range)
		}
		_, err = s.server.Definition(ctx, &protocol.DefinitionParams{TextDocumentPositionParams: place})
		ok(err)
		marks, err := s.server.DocumentHighlight(ctx, &protocol.DocumentHighlightParams{TextDocumentPositionParams: place})
		ok(err)
		for _, h := range marks {
			s.slice(name, h.Range)
		}
		_, err = s.server.InlayHint(ctx, &protocol.InlayHintParams{TextDocument: doc, Range: protocol.Range{End: end2}})
		ok(err)
		tokens, err := s.server.SemanticTokensFull(ctx, &protocol.SemanticTokensParams{TextDocument: doc})
		ok(err)
		s.tokens(name, tokens.Data)
		r, err := s.server.DocumentSymbol(ctx, &protocol.DocumentSymbolParams{TextDocument: doc})
		ok(err)
		s.symbols(r.(protocol.DocumentSymbolSlice), "")
		_, err = s.server.CodeAction(ctx, &protocol.CodeActionParams{TextDocument: doc, Range: protocol.Range{End: end2}})
		ok(err)
		_, err = s.server.Formatting(ctx, &protocol.DocumentFormattingParams{TextDocument: doc})
		ok(err)
		ok(s.server.DidClose(ctx, &protocol.DidCloseTextDocumentParams{TextDocument: doc}))
		for len(s.told) > 0 {
			<-s.told
		}
	})
}
