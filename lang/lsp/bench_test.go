package lsp_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.lsp.dev/protocol"
	"golang.org/x/tools/txtar"
)

// large is a definition of 2,000 lines: steps that read each other, with clauses.
func large() string {
	var b strings.Builder
	b.WriteString("service shop {\n  429, 5xx\n  operation find idempotent { input { sku string }, 200 { id int, name string, price? float }, 404 { error string } }\n" +
		"  operation reserve { input { sku string, count int = 1 }, 201 { id int, state \"new\" | \"held\" }, 409 { id int, state \"new\" | \"held\" }, SOLD_OUT }\n}\n" +
		"workflow big {\n  input { sku string, fast bool }\n\n")
	last := "0"
	n := 0
	for ; strings.Count(b.String(), "\n") < 1985; n++ {
		fmt.Fprintf(&b, "  // step %d\n  step s%d when input.fast {\n    retry 3 attempts, backoff 2s\n    let found = call shop.find { sku: \"${input.sku}-${%s}\" }\n"+
			"    on 404 { fail NONE_%d \"no ${body.error}\" }\n    ensure found.id > %d and found.name != \"\" else fail ODD\n    call shop.reserve { sku: found.name, count: %d }\n"+
			"    on SOLD_OUT { degrade { id: found.id, state: \"held\" } }\n    on 409 { return { id: body.id, state: body.state } }\n  }\n\n", n, n, last, n, n, n%7+1)
		last = fmt.Sprintf("s%d?.id ?? 0", n)
	}
	fmt.Fprintf(&b, "  output { id: %s }\n}\n", last)
	return b.String()
}

// BenchmarkAnswers asks a file of 2,000 lines. `type` is what a letter costs until the
// editor knows what is wrong. The time of the processor is what counts where others use it
// too.
func BenchmarkAnswers(b *testing.B) {
	const name = "big.wf"
	ctx := context.Background()
	s := newSession(b, &txtar.Archive{Files: []txtar.File{{Name: name, Data: []byte(strings.Replace(large(), "found.id > 90", "found.«a»id > 90", 1))}}})
	defer s.end()
	s.command("open " + name)
	s.problems()
	doc := protocol.TextDocumentIdentifier{URI: s.uri(name)}
	at := protocol.TextDocumentPositionParams{TextDocument: doc, Position: s.position(name, s.marks["a"].offset)}
	end := s.position(name, len(s.texts[name]))
	version := int32(1)
	for _, ask := range []struct {
		name string
		do   func() error
	}{
		{"type", func() error {
			version++
			change := &protocol.TextDocumentContentChangePartial{Range: protocol.Range{Start: end, End: end}, Text: "\n"}
			if err := s.server.DidChange(ctx, &protocol.DidChangeTextDocumentParams{
				TextDocument:   protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: doc, Version: version},
				ContentChanges: []protocol.TextDocumentContentChangeEvent{change},
			}); err != nil {
				return err
			}
			<-s.told
			return nil
		}},
		{"complete", func() error {
			_, err := s.server.Completion(ctx, &protocol.CompletionParams{TextDocumentPositionParams: at})
			return err
		}},
		{"hover", func() error {
			_, err := s.server.Hover(ctx, &protocol.HoverParams{TextDocumentPositionParams: at})
			return err
		}},
		{"references", func() error {
			_, err := s.server.References(ctx, &protocol.ReferenceParams{TextDocumentPositionParams: at})
			return err
		}},
		{"tokens", func() error {
			_, err := s.server.SemanticTokensFull(ctx, &protocol.SemanticTokensParams{TextDocument: doc})
			return err
		}},
		{"hints", func() error {
			_, err := s.server.InlayHint(ctx, &protocol.InlayHintParams{TextDocument: doc, Range: protocol.Range{End: end}})
			return err
		}},
		{"symbols", func() error {
			_, err := s.server.DocumentSymbol(ctx, &protocol.DocumentSymbolParams{TextDocument: doc})
			return err
		}},
		{"format", func() error {
			_, err := s.server.Formatting(ctx, &protocol.DocumentFormattingParams{TextDocument: doc})
			return err
		}},
	} {
		b.Run(ask.name, func(b *testing.B) {
			before := processor()
			for b.Loop() {
				if err := ask.do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((processor()-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// processor is the time of the processor that this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
