package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"wf/lang"
	"wf/lang/expr"
)

// Server is one session with an editor.
type Server struct {
	protocol.UnimplementedServer
	host    Host
	options lang.Options
	version string // of the program, for the editor to show
	folders []string
	client  protocol.Client

	now       atomic.Pointer[state]
	cancelled sync.Map              // ids of requests whose answers are not wanted any more
	turns     turns                 // one request at a time finds something out
	analyses  map[string]*analysis  // by name of the main file; in turns
	texts     map[string]*text      // of files that are not open; in turns
	published map[string]*published // in turns
	shutdown  atomic.Bool           // the editor has said that the session ends
	conn      jsonrpc2.Conn
	session   context.Context // of the connection: those of requests do not outlive them
	stream    stream
}

// ErrNoShutdown is told of a session that the editor ended without saying so before.
var ErrNoShutdown = errors.New("the editor sent exit without shutdown")

// Serve answers an editor on a stream until it ends the session or closes the stream.
// version is that of the program, for the editor to show.
func Serve(ctx context.Context, stream io.ReadWriteCloser, host Host, opts lang.Options, version string) error {
	opts.Index, opts.Cache = true, &expr.Cache{} // it is used in turns
	s := &Server{host: host, options: opts, version: version, analyses: map[string]*analysis{}, texts: map[string]*text{}, published: map[string]*published{}}
	s.turns.moved.L = &s.turns.mu
	s.now.Store(&state{server: s, docs: map[string]*document{}, saved: map[string]int{}, closed: &closed{}})
	s.conn = jsonrpc2.NewConn(jsonrpc2.NewHeaderStream(&s.stream), jsonrpc2.WithCodec(Codec{}))
	s.client = protocol.ClientDispatcher(s.conn)
	var end context.CancelFunc
	s.session, end = context.WithCancel(ctx)
	defer end()
	s.stream.ReadWriteCloser = stream
	s.conn.Go(s.session, s.inOrder(protocol.ServerHandler(s, jsonrpc2.MethodNotFoundHandler)))
	select {
	case <-s.conn.Done():
	case <-ctx.Done(): // the reader may go on to wait for a stream that nobody closes
		return ctx.Err()
	}
	if s.stream.ended.Load() && !s.shutdown.Load() {
		return ErrNoShutdown
	}
	if err := s.conn.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// stream is that of the session. It ends for the server when the editor says so, whether or
// not the editor closes it: what came before is still answered.
type stream struct {
	io.ReadWriteCloser
	ended atomic.Bool
}

// Read reads until the session has ended.
func (s *stream) Read(p []byte) (int, error) {
	if s.ended.Load() {
		return 0, io.EOF
	}
	return s.ReadWriteCloser.Read(p)
}

// Codec writes and reads the types of the protocol.
type Codec struct{}

// Marshal writes a type of the protocol.
func (Codec) Marshal(v any) ([]byte, error) { return protocol.Marshal(v) }

// Unmarshal reads one.
func (Codec) Unmarshal(data []byte, v any) error { return protocol.Unmarshal(data, v) }

// stateKey is the key of the state that a request is about.
type stateKey struct{}

// stateOf is the state of the documents when the request came.
func stateOf(ctx context.Context) *state { return ctx.Value(stateKey{}).(*state) }

// retold are requests that an editor repeats after each change: an answer about what has
// changed meanwhile helps nobody.
var retold = map[string]bool{
	protocol.MethodTextDocumentSemanticTokensFull: true, protocol.MethodTextDocumentInlayHint: true, protocol.MethodTextDocumentDocumentSymbol: true,
	protocol.MethodTextDocumentCodeLens: true, protocol.MethodTextDocumentDocumentHighlight: true,
}

// inOrder takes changes in as they come, and hands on one request after the other, each with
// the state of the documents at the time it came.
func (s *Server) inOrder(next jsonrpc2.Handler) jsonrpc2.Handler {
	return func(ctx context.Context, req *jsonrpc2.Request) (result any, err error) {
		call := req.IsCall()
		defer func() {
			if r := recover(); r != nil { // a bug of ours; the session goes on
				err = fmt.Errorf("%w: %s: %v", jsonrpc2.ErrInternal, req.Method(), r)
			}
			if !call { // nobody waits for an answer, and an error would end the session
				err = nil
			}
		}()
		switch req.Method() {
		case protocol.MethodCancelRequest:
			return nil, s.cancel(req)
		case protocol.MethodInitialize, protocol.MethodInitialized, protocol.MethodExit,
			protocol.MethodTextDocumentDidOpen, protocol.MethodTextDocumentDidChange, protocol.MethodTextDocumentDidClose, protocol.MethodWorkspaceDidChangeWatchedFiles:
			return next(ctx, req)
		}
		then, id := s.now.Load(), req.ID()
		defer s.cancelled.Delete(id)
		defer s.turn(ctx)()
		if _, gone := s.cancelled.Load(id); gone {
			return nil, protocol.ErrRequestCancelled
		}
		if retold[req.Method()] && s.now.Load() != then {
			return nil, protocol.ErrContentModified
		}
		return next(context.WithValue(ctx, stateKey{}, then), req)
	}
}

// cancel notes that the answer to a request is not wanted any more.
func (s *Server) cancel(req *jsonrpc2.Request) error {
	var params protocol.CancelParams
	if err := protocol.Unmarshal(req.Params(), &params); err != nil {
		return nil // nothing can be answered to a notification
	}
	switch id := params.ID.(type) {
	case protocol.Integer:
		s.cancelled.Store(jsonrpc2.NewNumberID(int64(id)), true)
	case protocol.String:
		s.cancelled.Store(jsonrpc2.NewStringID(string(id)), true)
	}
	return nil
}

// turn lets the server read what comes next, and waits until all that came before is
// answered. The result ends the turn.
func (s *Server) turn(ctx context.Context) (done func()) {
	mine := s.turns.take()
	jsonrpc2.Async(ctx)
	s.turns.wait(mine)
	return s.turns.done
}

// turns lets one after the other work, in the order in which they came.
type turns struct {
	mu    sync.Mutex
	moved sync.Cond // on mu: it is somebody else's turn
	taken uint64
	ended uint64
}

func (t *turns) take() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken++
	return t.taken - 1
}

func (t *turns) wait(mine uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.ended != mine {
		t.moved.Wait()
	}
}

func (t *turns) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended++
	t.moved.Broadcast()
}

// Initialize says what the server can do.
func (s *Server) Initialize(_ context.Context, params *protocol.InitializeParams) (*protocol.InitializeResult, error) {
	if folders, ok := params.WorkspaceFolders.Get(); ok {
		for _, f := range folders {
			s.addFolder(f.URI)
		}
	}
	//lint:ignore SA1019 older editors send nothing else
	if root := params.RootURI; len(s.folders) == 0 && root != nil {
		s.addFolder(*root)
	}
	var settings struct {
		StubHandlers bool   `json:"stubHandlers"`
		Environment  string `json:"environment"`
	}
	if len(params.InitializationOptions) > 0 {
		if err := json.Unmarshal(params.InitializationOptions, &settings); err != nil {
			return nil, fmt.Errorf("%w: initializationOptions: %w", jsonrpc2.ErrInvalidParams, err)
		}
	}
	s.options.StubHandlers = s.options.StubHandlers || settings.StubHandlers
	if settings.Environment != "" {
		s.options.Environment = settings.Environment
	}
	return &protocol.InitializeResult{Capabilities: capabilities(), ServerInfo: protocol.ServerInfo{Name: "wf", Version: protocol.NewOptional(s.version)}}, nil
}

func (s *Server) addFolder(u uri.URI) {
	if name := fileOf(u); name != "" {
		s.folders = append(s.folders, name)
	}
}

func capabilities() protocol.ServerCapabilities {
	yes, change := true, protocol.TextDocumentSyncKindIncremental
	return protocol.ServerCapabilities{
		PositionEncoding:           protocol.PositionEncodingKindUTF16,
		TextDocumentSync:           &protocol.TextDocumentSyncOptions{OpenClose: &yes, Change: &change},
		CompletionProvider:         &protocol.CompletionOptions{TriggerCharacters: []string{".", "\"", "/"}, ResolveProvider: &yes},
		HoverProvider:              protocol.Boolean(true),
		DefinitionProvider:         protocol.Boolean(true),
		ReferencesProvider:         protocol.Boolean(true),
		DocumentHighlightProvider:  protocol.Boolean(true),
		RenameProvider:             &protocol.RenameOptions{PrepareProvider: &yes},
		InlayHintProvider:          protocol.Boolean(true),
		CodeActionProvider:         &protocol.CodeActionOptions{CodeActionKinds: []protocol.CodeActionKind{protocol.CodeActionKindQuickFix}},
		DocumentSymbolProvider:     protocol.Boolean(true),
		DocumentFormattingProvider: protocol.Boolean(true),
		SemanticTokensProvider: &protocol.SemanticTokensOptions{
			Legend: protocol.SemanticTokensLegend{TokenTypes: tokenTypes, TokenModifiers: tokenModifiers}, Full: protocol.Boolean(true),
		},
	}
}

// Initialized is the editor's word that it is ready.
func (s *Server) Initialized(context.Context, *protocol.InitializedParams) error { return nil }

// Shutdown announces the end of the session.
func (s *Server) Shutdown(context.Context) error {
	s.shutdown.Store(true)
	return nil
}

// Exit ends the session.
func (s *Server) Exit(context.Context) error {
	s.stream.ended.Store(true)
	return nil
}

// DidOpen takes a document in.
func (s *Server) DidOpen(ctx context.Context, params *protocol.DidOpenTextDocumentParams) error {
	d := params.TextDocument
	return s.set(ctx, d.URI, &document{text: newText(d.Text), uri: d.URI, version: d.Version})
}

// DidChange takes the changes of a document in.
func (s *Server) DidChange(ctx context.Context, params *protocol.DidChangeTextDocumentParams) error {
	id := params.TextDocument
	d := s.now.Load().docs[fileOf(id.URI)]
	if d == nil {
		return fmt.Errorf("%w: %s is not open", jsonrpc2.ErrInvalidParams, id.URI)
	}
	t := d.text
	for _, c := range params.ContentChanges {
		switch c := c.(type) {
		case *protocol.TextDocumentContentChangePartial:
			t = newText(t.change(c.Range, c.Text))
		case *protocol.TextDocumentContentChangeWholeDocument:
			t = newText(c.Text)
		}
	}
	return s.set(ctx, id.URI, &document{text: t, uri: id.URI, version: id.Version})
}

// DidClose forgets a document: its file counts again.
func (s *Server) DidClose(ctx context.Context, params *protocol.DidCloseTextDocumentParams) error {
	return s.set(ctx, params.TextDocument.URI, nil)
}

// set enters a document, and tells the editor what is wrong with it and with those that
// import it.
func (s *Server) set(ctx context.Context, u uri.URI, d *document) error {
	name := fileOf(u)
	if name == "" {
		return nil // nothing that could be read or imported
	}
	if d != nil {
		d.name = name
	}
	s.now.Store(s.now.Load().with(name, d))
	return s.tell(ctx)
}

// DidChangeWatchedFiles is told of files that were changed by others.
func (s *Server) DidChangeWatchedFiles(ctx context.Context, params *protocol.DidChangeWatchedFilesParams) error {
	var names []string
	for _, c := range params.Changes {
		if name := fileOf(c.URI); name != "" {
			names = append(names, name)
		}
	}
	s.now.Store(s.now.Load().after(names))
	return s.tell(ctx)
}
