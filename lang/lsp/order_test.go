package lsp

import (
	"context"
	"errors"
	"net"
	"testing"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// TestStaleRequests asks things while the server is busy, and takes them back, or changes
// what they are about: nobody works for them.
func TestStaleRequests(t *testing.T) {
	const busy = "test/busy"
	here, there := net.Pipe()
	release, answered := make(chan bool), 0
	s := &Server{published: map[string]*published{}, analyses: map[string]*analysis{}, texts: map[string]*text{}, host: nowhere{}}
	s.turns.moved.L = &s.turns.mu
	s.session = t.Context()
	s.now.Store(&state{server: s, docs: map[string]*document{}, saved: map[string]int{}})
	server := jsonrpc2.NewConn(jsonrpc2.NewHeaderStream(there), jsonrpc2.WithCodec(Codec{}))
	s.client = protocol.ClientDispatcher(server)
	handler := protocol.ServerHandler(s, jsonrpc2.MethodNotFoundHandler)
	server.Go(t.Context(), s.inOrder(func(ctx context.Context, req *jsonrpc2.Request) (any, error) {
		switch req.Method() {
		case busy:
			<-release
			return true, nil
		case protocol.MethodTextDocumentHover, protocol.MethodTextDocumentInlayHint:
			answered++
			return nil, nil
		}
		return handler(ctx, req)
	}))
	client := jsonrpc2.NewHeaderStream(here)
	send := func(m jsonrpc2.Message) {
		t.Helper()
		if _, err := client.Write(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	params := func(v any) jsonrpc2.RawMessage {
		data, err := protocol.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return jsonrpc2.RawMessage(data)
	}
	receive := func() *jsonrpc2.Response {
		t.Helper()
		for {
			m, _, err := client.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r, ok := m.(*jsonrpc2.Response); ok {
				return r
			}
		}
	}
	id := func(n int64) jsonrpc2.ID { return jsonrpc2.NewNumberID(n) }
	send(jsonrpc2.NewCall(id(1), busy, nil))
	send(jsonrpc2.NewCall(id(2), protocol.MethodTextDocumentHover, params(&protocol.HoverParams{})))
	send(jsonrpc2.NewCall(id(3), protocol.MethodTextDocumentInlayHint, params(&protocol.InlayHintParams{})))
	send(jsonrpc2.NewCall(id(4), protocol.MethodTextDocumentHover, params(&protocol.HoverParams{})))
	send(jsonrpc2.NewNotification(protocol.MethodCancelRequest, params(&protocol.CancelParams{ID: protocol.Integer(2)})))
	send(jsonrpc2.NewNotification(protocol.MethodTextDocumentDidOpen, params(&protocol.DidOpenTextDocumentParams{
		TextDocument: protocol.TextDocumentItem{URI: uri.File("/a.wf"), Text: "workflow w { step a { return 1 }, output a }"}})))
	send(jsonrpc2.NewCall(id(5), protocol.MethodInitialize, params(&protocol.InitializeParams{})))
	if r := receive(); r.ID() != id(5) || r.Err() != nil {
		t.Fatalf("%v: %v", r.ID(), r.Err())
	}
	release <- true // all of the above is read by now
	want := map[jsonrpc2.ID]error{id(1): nil, id(2): protocol.ErrRequestCancelled, id(3): protocol.ErrContentModified, id(4): nil}
	for range len(want) { // in any order
		r := receive()
		if err, asked := want[r.ID()]; !asked || !errors.Is(r.Err(), err) {
			t.Errorf("%v: %v, want %v", r.ID(), r.Err(), err)
		}
		delete(want, r.ID())
	}
	if answered != 1 {
		t.Errorf("%d requests were answered; only one was worth it", answered)
	}
	_ = here.Close()
	<-server.Done()
}

// nowhere is a machine without files.
type nowhere struct{ Host }
