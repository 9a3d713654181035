package lsp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/diff"
	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
	"golang.org/x/tools/txtar"

	"wf/lang"
	"wf/lang/lsp"
)

// TestSessions plays the sessions of testdata over the real protocol. An archive holds the
// files of a workspace, in which «a» names a place (it is taken out), and a script of one
// command a line, with the answer of the server below each. WF_UPDATE=1 rewrites these.
//
//	open FILE               the editor opens a file
//	close FILE
//	type PLACE "text"       the text is typed there; "" takes it back
//	edit FILE "old" "new"   the first such text is replaced; \n in it is a line end
//	disk FILE "old" "new"   the same for a file that is not open, by somebody else
//	problems                what the editor was told of since it was last asked
//	symbols, tokens, format, hints, lenses FILE
//	hover, definition, references, highlights, complete, prepare, fix PLACE
//	rename PLACE NAME
func TestSessions(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no sessions", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(src)
			s := newSession(t, a)
			for i, f := range a.Files {
				if f.Name == "script" {
					a.Files[i].Data = []byte(s.play(string(f.Data)))
				}
			}
			s.end()
			got := txtar.Format(a)
			if os.Getenv("WF_UPDATE") != "" {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(src, got) {
				t.Errorf("%s", diff.Diff("want", src, "got", got))
			}
		})
	}
}

const root = "/ws/"

// host is a workspace in memory, which a session changes while the server reads it.
type host struct {
	mu    sync.Mutex
	files fstest.MapFS
}

func (h *host) Open(name string) (fs.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.files.Open(strings.TrimPrefix(name, "/"))
}

func (h *host) ReadDir(name string) ([]fs.DirEntry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.files.ReadDir(strings.TrimPrefix(name, "/"))
}

func (h *host) Definitions(folder string) (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.files {
		if full := "/" + name; strings.HasPrefix(full, folder) && !strings.HasSuffix(name, ".json") {
			out = append(out, full)
		}
	}
	slices.Sort(out)
	return out
}

func (h *host) read(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.files[name].Data)
}

func (h *host) write(name, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files[name] = &fstest.MapFile{Data: []byte(text)}
}

// session is an editor of few features.
type session struct {
	protocol.UnimplementedClient
	t      testing.TB
	disk   *host
	server protocol.Server
	conn   jsonrpc2.Conn
	texts  map[string]string // of the files as the editor has them
	marks  map[string]mark
	open   map[string]int32 // version
	told   chan *protocol.PublishDiagnosticsParams
	done   chan error
	legend []string // kinds of semantic tokens
	last   int      // how much was typed last
}

type mark struct {
	file   string
	offset int
}

func newSession(t testing.TB, a *txtar.Archive) *session {
	s := &session{t: t, disk: &host{files: fstest.MapFS{}}, texts: map[string]string{}, marks: map[string]mark{}, open: map[string]int32{},
		told: make(chan *protocol.PublishDiagnosticsParams, 100), done: make(chan error, 1)}
	for _, f := range a.Files {
		if f.Name == "script" {
			continue
		}
		text := string(f.Data)
		for {
			m := markRE.FindStringSubmatchIndex(text)
			if m == nil {
				break
			}
			name := text[m[2]:m[3]]
			if _, twice := s.marks[name]; twice {
				t.Fatalf("mark %s stands twice", name)
			}
			s.marks[name] = mark{f.Name, m[0]}
			text = text[:m[0]] + text[m[1]:]
		}
		s.texts[f.Name] = text
		s.disk.write(root[1:]+f.Name, text)
	}
	s.start()
	return s
}

var markRE = regexp.MustCompile(`«(\w+)»`)

func (s *session) start() {
	here, there := net.Pipe()
	go func() {
		err := lsp.Serve(context.Background(), there, s.disk, lang.Options{}, "test")
		_ = there.Close()
		s.done <- err
	}()
	s.conn = jsonrpc2.NewConn(jsonrpc2.NewHeaderStream(here), jsonrpc2.WithCodec(lsp.Codec{}))
	s.conn.Go(context.Background(), protocol.ClientHandler(s, jsonrpc2.MethodNotFoundHandler))
	s.server = protocol.ServerDispatcher(s.conn)
	folder := protocol.WorkspaceFolder{URI: uri.File(strings.TrimSuffix(root, "/")), Name: "ws"}
	params := &protocol.InitializeParams{WorkspaceFoldersInitializeParams: protocol.WorkspaceFoldersInitializeParams{WorkspaceFolders: protocol.NewNullable([]protocol.WorkspaceFolder{folder})}}
	can, err := s.server.Initialize(context.Background(), params)
	s.must(err)
	s.legend = can.Capabilities.SemanticTokensProvider.(*protocol.SemanticTokensOptions).Legend.TokenTypes
	s.must(s.server.Initialized(context.Background(), &protocol.InitializedParams{}))
}

func (s *session) end() {
	s.must(s.server.Shutdown(context.Background()))
	s.must(s.server.Exit(context.Background()))
	s.must(<-s.done)
	_ = s.conn.Close()
}

func (s *session) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// PublishDiagnostics keeps what the server tells.
func (s *session) PublishDiagnostics(_ context.Context, params *protocol.PublishDiagnosticsParams) error {
	s.told <- params
	return nil
}

// play executes the commands of a script, and gives it back with the answers.
func (s *session) play(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") { // comments, and lines between
			if b.Len() > 0 || line != "" {
				fmt.Fprintln(&b, line)
			}
			continue
		}
		command, ok := strings.CutPrefix(line, "> ")
		if !ok {
			continue // an answer
		}
		fmt.Fprintln(&b, line)
		for out := range strings.Lines(s.command(command)) {
			if out = strings.TrimRight(out, "\n "); out != "" { // a blank line would end the answer
				fmt.Fprintln(&b, "  "+out)
			}
		}
	}
	return b.String()
}

func (s *session) uri(file string) uri.URI { return uri.File(root + file) }

func (s *session) file(u uri.URI) string {
	return strings.TrimPrefix(uri.FsPathFor(u, uri.PlatformPOSIX, false), root)
}

// words of a command; those in quotes are one.
func words(command string) (out []string) {
	for command = strings.TrimSpace(command); command != ""; command = strings.TrimSpace(command) {
		word, rest, _ := strings.Cut(command, " ")
		if quoted, err := strconv.QuotedPrefix(command); err == nil {
			word, _ = strconv.Unquote(quoted)
			rest = command[len(quoted):]
		}
		out, command = append(out, word), rest
	}
	return out
}

func (s *session) command(line string) string {
	ctx := context.Background()
	w := words(line)
	arg := ""
	if len(w) > 1 {
		arg = w[1]
	}
	doc := protocol.TextDocumentIdentifier{URI: s.uri(arg)}
	switch w[0] {
	case "open":
		s.open[arg] = 1
		s.must(s.server.DidOpen(ctx, &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: doc.URI, LanguageID: "wf", Version: 1, Text: s.texts[arg]}}))
		return ""
	case "close":
		delete(s.open, arg)
		s.texts[arg] = s.disk.read(root[1:] + arg)
		s.must(s.server.DidClose(ctx, &protocol.DidCloseTextDocumentParams{TextDocument: doc}))
		return ""
	case "edit", "disk":
		return s.edit(ctx, w[0], arg, w[2], w[3])
	case "problems":
		return s.problems()
	case "symbols":
		r, err := s.server.DocumentSymbol(ctx, &protocol.DocumentSymbolParams{TextDocument: doc})
		s.must(err)
		list, _ := r.(protocol.DocumentSymbolSlice)
		return s.symbols(list, "")
	case "tokens":
		r, err := s.server.SemanticTokensFull(ctx, &protocol.SemanticTokensParams{TextDocument: doc})
		s.must(err)
		return s.tokens(arg, r.Data)
	case "format":
		r, err := s.server.Formatting(ctx, &protocol.DocumentFormattingParams{TextDocument: doc})
		s.must(err)
		return s.edits(arg, r)
	}
	if w[0] == "type" {
		m := s.marks[arg]
		text := s.texts[m.file]
		rest := text[m.offset:]
		if w[2] == "" { // what was typed is taken back
			rest = rest[s.last:]
		}
		s.change(ctx, m.file, m.offset, m.offset+len(text[m.offset:])-len(rest), w[2])
		s.last = len(w[2])
		s.marks["typed"] = mark{m.file, m.offset + len(w[2])}
		return ""
	}
	if out, ok := s.atPlace(ctx, w, s.marks[arg]); ok {
		return out
	}
	s.t.Fatalf("no command %s", w[0])
	return ""
}

// atPlace executes the commands about a place.
func (s *session) atPlace(ctx context.Context, w []string, m mark) (string, bool) {
	if w[0] == "hints" {
		m.file = w[1]
	}
	if m.file == "" {
		s.t.Fatalf("no place %s", w[1])
	}
	doc := protocol.TextDocumentIdentifier{URI: s.uri(m.file)}
	at := protocol.TextDocumentPositionParams{TextDocument: doc, Position: s.position(m.file, m.offset)}
	failed := func(err error) (string, bool) { return "refused: " + err.Error() + "\n", true }
	switch w[0] {
	case "hover":
		r, err := s.server.Hover(ctx, &protocol.HoverParams{TextDocumentPositionParams: at})
		s.must(err)
		if r == nil {
			return "nothing\n", true
		}
		return fmt.Sprintf("%s\n%s\n", s.at(m.file, *r.Range), r.Contents.(*protocol.MarkupContent).Value), true
	case "complete":
		r, err := s.server.Completion(ctx, &protocol.CompletionParams{TextDocumentPositionParams: at})
		s.must(err)
		return s.items(m.file, r.(*protocol.CompletionList).Items), true
	case "definition":
		r, err := s.server.Definition(ctx, &protocol.DefinitionParams{TextDocumentPositionParams: at})
		s.must(err)
		list, _ := r.(protocol.LocationSlice)
		return s.locations(list), true
	case "references":
		list, err := s.server.References(ctx, &protocol.ReferenceParams{TextDocumentPositionParams: at, Context: protocol.ReferenceContext{IncludeDeclaration: true}})
		s.must(err)
		return s.locations(list), true
	case "highlights":
		list, err := s.server.DocumentHighlight(ctx, &protocol.DocumentHighlightParams{TextDocumentPositionParams: at})
		s.must(err)
		var b strings.Builder
		for _, h := range list {
			fmt.Fprintf(&b, "%d %s\n", h.Kind, s.at(m.file, h.Range))
		}
		return b.String(), true
	case "prepare":
		r, err := s.server.PrepareRename(ctx, &protocol.PrepareRenameParams{TextDocumentPositionParams: at})
		if err != nil {
			return failed(err)
		}
		p := r.(*protocol.PrepareRenamePlaceholder)
		return fmt.Sprintf("%s %s\n", s.at(m.file, p.Range), p.Placeholder), true
	case "rename":
		r, err := s.server.Rename(ctx, &protocol.RenameParams{TextDocumentPositionParams: at, NewName: w[2]})
		if err != nil {
			return failed(err)
		}
		return s.changes(r), true
	case "hints":
		end := s.position(m.file, len(s.texts[m.file]))
		list, err := s.server.InlayHint(ctx, &protocol.InlayHintParams{TextDocument: doc, Range: protocol.Range{End: end}})
		s.must(err)
		var b strings.Builder
		for _, h := range list {
			line := strings.Split(s.texts[m.file], "\n")[h.Position.Line]
			fmt.Fprintf(&b, "%d: %s‹%s›\n", h.Position.Line+1, line[:h.Position.Character], h.Label)
		}
		return b.String(), true
	case "fix":
		list, err := s.server.CodeAction(ctx, &protocol.CodeActionParams{TextDocument: doc, Range: protocol.Range{Start: at.Position, End: at.Position}})
		s.must(err)
		var b strings.Builder
		for _, c := range list {
			c := c.(*protocol.CodeAction)
			fmt.Fprintf(&b, "%s\n%s", c.Title, s.changes(c.Edit))
		}
		return b.String(), true
	}
	return "", false
}

// items shows what can be written, those of one kind on a line. Of words and functions it
// shows the first, for there are more of them in every version.
func (s *session) items(file string, list []protocol.CompletionItem) string {
	if len(list) == 0 {
		return "nothing\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "in place of %s\n", s.at(file, list[0].TextEdit.(*protocol.TextEdit).Range))
	kind, n := protocol.CompletionItemKind(0), 0
	for i, c := range list {
		if n++; c.Kind != kind {
			if i > 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "%d:", c.Kind)
			kind, n = c.Kind, 1
		} else if few := kind == protocol.CompletionItemKindKeyword || kind == protocol.CompletionItemKindFunction; few && n > 4 {
			if n == 5 {
				b.WriteString(", …")
			}
			continue
		} else {
			b.WriteString(",")
		}
		text := c.TextEdit.(*protocol.TextEdit).NewText
		fmt.Fprintf(&b, " %s", strings.TrimSpace(text))
		if what, ok := c.Detail.Get(); ok {
			fmt.Fprintf(&b, " (%s)", what)
		}
	}
	return b.String() + "\n"
}

// locations shows places with their lines.
func (s *session) locations(list []protocol.Location) string {
	if len(list) == 0 {
		return "nothing\n"
	}
	var b strings.Builder
	for _, l := range list {
		file := s.file(l.URI)
		line := strings.Split(s.texts[file], "\n")[l.Range.Start.Line]
		fmt.Fprintf(&b, "%s:%s in %s\n", file, s.at(file, l.Range), strings.TrimSpace(line))
	}
	return b.String()
}

// changes shows the lines that an edit changes, as they are then.
func (s *session) changes(e *protocol.WorkspaceEdit) string {
	var files []string
	for u := range e.Changes {
		files = append(files, string(u))
	}
	slices.Sort(files)
	var b strings.Builder
	for _, u := range files {
		file := s.file(uri.URI(u))
		text := s.texts[file]
		list := slices.Clone(e.Changes[uri.URI(u)])
		slices.SortFunc(list, func(a, b protocol.TextEdit) int { return s.offset(text, b.Range.Start) - s.offset(text, a.Range.Start) })
		after := text
		for _, c := range list {
			after = after[:s.offset(text, c.Range.Start)] + c.NewText + after[s.offset(text, c.Range.End):]
		}
		now, then := strings.Split(text, "\n"), strings.Split(after, "\n")
		more := max(0, len(then)-len(now)) // lines that were put in
		for i, line := range then {
			switch at := i; {
			case more > 0 && (at >= len(now) || line != now[at]):
				fmt.Fprintf(&b, "%s:%d: + %s\n", file, i+1, strings.TrimSpace(line))
				now, more = slices.Insert(now, min(at, len(now)), line), more-1
			case at >= len(now) || line != now[at]:
				fmt.Fprintf(&b, "%s:%d: %s\n", file, i+1, strings.TrimSpace(line))
			}
		}
	}
	return b.String()
}

// edit replaces a text.
func (s *session) edit(ctx context.Context, how, file, old, by string) string {
	at := strings.Index(s.texts[file], old)
	if at < 0 {
		s.t.Fatalf("%s has no %q", file, old)
	}
	for name, m := range s.marks { // those behind move along
		if m.file == file && m.offset >= at+len(old) {
			s.marks[name] = mark{file, m.offset + len(by) - len(old)}
		}
	}
	if how == "disk" {
		s.texts[file] = s.texts[file][:at] + by + s.texts[file][at+len(old):]
		s.disk.write(root[1:]+file, s.texts[file])
		s.must(s.server.DidChangeWatchedFiles(ctx, &protocol.DidChangeWatchedFilesParams{Changes: []protocol.FileEvent{{URI: s.uri(file), Type: protocol.FileChangeTypeChanged}}}))
		return ""
	}
	s.change(ctx, file, at, at+len(old), by)
	return ""
}

// change tells the server of a change.
func (s *session) change(ctx context.Context, file string, start, end int, by string) {
	r := s.rangeOf(file, start, end)
	s.texts[file] = s.texts[file][:start] + by + s.texts[file][end:]
	s.open[file]++
	s.must(s.server.DidChange(ctx, &protocol.DidChangeTextDocumentParams{
		TextDocument:   protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: s.uri(file)}, Version: s.open[file]},
		ContentChanges: []protocol.TextDocumentContentChangeEvent{&protocol.TextDocumentContentChangePartial{Range: r, Text: by}},
	}))
}

// problems waits until the server has answered what it was sent before, and lists what it
// told meanwhile: of each file the last.
func (s *session) problems() string {
	var any string
	for any = range s.open {
		break
	}
	_, err := s.server.Formatting(context.Background(), &protocol.DocumentFormattingParams{TextDocument: protocol.TextDocumentIdentifier{URI: s.uri(any)}})
	s.must(err)
	last := map[string]*protocol.PublishDiagnosticsParams{}
	for {
		select {
		case p := <-s.told:
			last[s.file(p.URI)] = p
			continue
		default:
		}
		break
	}
	var files []string
	for f := range last {
		files = append(files, f)
	}
	slices.Sort(files)
	var b strings.Builder
	for _, f := range files {
		version := ""
		if v, ok := last[f].Version.Get(); ok {
			version = fmt.Sprintf(" (version %d)", v)
		}
		if len(last[f].Diagnostics) == 0 {
			fmt.Fprintf(&b, "%s%s: nothing\n", f, version)
			continue
		}
		fmt.Fprintf(&b, "%s%s:\n", f, version)
		for _, d := range last[f].Diagnostics {
			message, _ := d.Message.(protocol.String)
			severity := map[protocol.DiagnosticSeverity]string{protocol.DiagnosticSeverityError: "error", protocol.DiagnosticSeverityWarning: "warning"}[d.Severity]
			fmt.Fprintf(&b, "  %s %s %v: %s\n", s.at(f, d.Range), severity, d.Code, strings.ReplaceAll(string(message), "\n", "\n    "))
			for _, r := range d.RelatedInformation {
				fmt.Fprintf(&b, "    %s: %s %s\n", s.file(r.Location.URI), s.at(s.file(r.Location.URI), r.Location.Range), r.Message)
			}
		}
	}
	return b.String()
}

// at shows a range: where it is, and the text there.
func (s *session) at(file string, r protocol.Range) string {
	text := s.slice(file, r)
	if head, _, more := strings.Cut(text, "\n"); more {
		text = head + "…"
	}
	return fmt.Sprintf("%d:%d ‹%s›", r.Start.Line+1, r.Start.Character+1, text)
}

func (s *session) slice(file string, r protocol.Range) string {
	text := s.texts[file]
	return text[s.offset(text, r.Start):s.offset(text, r.End)]
}

// offset is computed by other means than those of the server.
func (s *session) offset(text string, p protocol.Position) int {
	lines := strings.SplitAfter(text, "\n")
	at := len(strings.Join(lines[:p.Line], ""))
	var n uint32
	for i, r := range lines[p.Line] + "\x00" {
		if n == p.Character {
			return at + i
		}
		if n++; r > 0xffff {
			n++
		}
	}
	s.t.Fatalf("no place %v", p)
	return 0
}

func (s *session) position(file string, offset int) protocol.Position {
	head := s.texts[file][:offset]
	line := strings.Count(head, "\n")
	var n uint32
	for _, r := range head[strings.LastIndex(head, "\n")+1:] {
		if n++; r > 0xffff {
			n++
		}
	}
	return protocol.Position{Line: uint32(line), Character: n}
}

func (s *session) rangeOf(file string, start, end int) protocol.Range {
	return protocol.Range{Start: s.position(file, start), End: s.position(file, end)}
}

func (s *session) symbols(list []protocol.DocumentSymbol, indent string) string {
	var b strings.Builder
	for _, d := range list {
		detail := ""
		if d.Detail != nil {
			detail = " " + *d.Detail
		}
		fmt.Fprintf(&b, "%s%d %s%s lines %d-%d\n", indent, d.Kind, d.Name, detail, d.Range.Start.Line+1, d.Range.End.Line+1)
		b.WriteString(s.symbols(d.Children, indent+"  "))
	}
	return b.String()
}

// tokens shows the words of each kind.
func (s *session) tokens(file string, data []uint32) string {
	var b strings.Builder
	var at protocol.Position
	for ; len(data) >= 5; data = data[5:] {
		if data[0] > 0 {
			at.Character = 0
		}
		newLine := data[0] > 0 || b.Len() == 0
		at.Line += data[0]
		at.Character += data[1]
		if newLine {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "%d:", at.Line+1)
		}
		mark := ""
		if data[4] > 0 {
			mark = "!"
		}
		fmt.Fprintf(&b, " %s:%s%s", s.slice(file, protocol.Range{Start: at, End: protocol.Position{Line: at.Line, Character: at.Character + data[2]}}), s.legend[data[3]], mark)
	}
	return b.String() + "\n"
}

func (s *session) edits(file string, list []protocol.TextEdit) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "%d:%d-%d:%d %s\n", e.Range.Start.Line+1, e.Range.Start.Character+1, e.Range.End.Line+1, e.Range.End.Character+1, compact(e.NewText))
	}
	if len(list) == 0 {
		return "nothing\n"
	}
	return b.String()
}

func compact(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}
