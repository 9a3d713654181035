package lsp

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"wf/lang"
	"wf/lang/check"
	"wf/lang/diag"
	"wf/lang/syntax"
	"wf/lang/token"
)

// place is where in a file an editor asks something.
type place struct {
	*analysis
	file   string
	text   *text
	offset int
}

// placeOf is the place of a request; nil if the file cannot be read.
func (s *state) placeOf(p protocol.TextDocumentPositionParams) *place {
	name := fileOf(p.TextDocument.URI)
	if s.docs[name] == nil {
		return nil
	}
	a := s.analyse(name)
	if a.Tree == nil {
		return nil
	}
	t := s.text(a, name)
	return &place{a, name, t, t.offset(p.Position)}
}

// uses lists the names of the file itself.
func (a *analysis) uses(file string) []check.Use {
	if a.Index == nil {
		return nil
	}
	all := a.Index.Uses
	from, _ := slices.BinarySearchFunc(all, file, func(u check.Use, file string) int { return strings.Compare(u.Span.File, file) })
	to := from
	for to < len(all) && all[to].Span.File == file {
		to++
	}
	return all[from:to]
}

// use is the name at a place, or just before it; nil if there is none. Of several it is the
// shortest.
func (p *place) use() *check.Use {
	var best *check.Use
	all := p.uses(p.file)
	for i := range all {
		u := &all[i]
		if u.Span.Start <= p.offset && p.offset <= u.Span.End && (best == nil || u.Span.End-u.Span.Start <= best.Span.End-best.Span.Start) {
			best = u
		}
	}
	return best
}

// Definition leads from a name to where it is declared, and from an import to its file.
func (s *Server) Definition(ctx context.Context, params *protocol.DefinitionParams) (protocol.DefinitionResult, error) {
	now := stateOf(ctx)
	p := now.placeOf(params.TextDocumentPositionParams)
	if p == nil {
		return nil, nil
	}
	out := protocol.LocationSlice{}
	if u := p.use(); u != nil {
		for _, span := range u.Declared {
			out = append(out, now.location(p.analysis, span))
		}
		return out, nil
	}
	if file := p.importAt(); file != "" {
		out = append(out, protocol.Location{URI: now.uri(file)})
	}
	return out, nil
}

// importAt is the file that is imported or read by the text at a place; "" if none is.
func (p *place) importAt() (file string) {
	syntax.Walk(p.Tree, func(n any) bool {
		var t *syntax.Text
		switch n := n.(type) {
		case *syntax.Import:
			t = &n.Path
		case *syntax.Let:
			t = n.Read
		}
		if t != nil && t.Span.Start <= p.offset && p.offset <= t.Span.End && t.Value != "" {
			file = path.Join(path.Dir(p.file), t.Value)
		}
		return file == ""
	})
	return file
}

// DocumentHighlight lists the places of a name in its file.
func (s *Server) DocumentHighlight(ctx context.Context, params *protocol.DocumentHighlightParams) ([]protocol.DocumentHighlight, error) {
	now := stateOf(ctx)
	p := now.placeOf(params.TextDocumentPositionParams)
	if p == nil {
		return nil, nil
	}
	u := p.use()
	if u == nil {
		return nil, nil
	}
	var out []protocol.DocumentHighlight
	for _, o := range now.symbol(u, map[string]*analysis{p.file: p.analysis}).uses {
		kind := protocol.DocumentHighlightKindRead
		if o.declares() {
			kind = protocol.DocumentHighlightKindWrite
		}
		out = append(out, protocol.DocumentHighlight{Range: p.text.span(o.Span), Kind: kind})
	}
	return out, nil
}

// References lists the places of a name in all files.
func (s *Server) References(ctx context.Context, params *protocol.ReferenceParams) ([]protocol.Location, error) {
	now := stateOf(ctx)
	p := now.placeOf(params.TextDocumentPositionParams)
	if p == nil {
		return nil, nil
	}
	u := p.use()
	if u == nil {
		return nil, nil
	}
	var out []protocol.Location
	for _, o := range now.symbol(u, now.everything()).uses {
		if params.Context.IncludeDeclaration || !o.declares() {
			out = append(out, now.location(o.in, o.Span))
		}
	}
	return out, nil
}

// everything is the analyses of the open documents, and of all definitions in the folders
// of the session.
func (s *state) everything() map[string]*analysis {
	out := map[string]*analysis{}
	for _, name := range s.names() {
		out[name] = s.analyse(name)
	}
	for _, folder := range s.server.folders {
		for _, name := range s.server.host.Definitions(folder) {
			if len(out) < lang.MaxFiles && out[name] == nil {
				out[name] = s.analyse(name)
			}
		}
	}
	for _, a := range slices.Collect(maps.Values(out)) { // and what they import from elsewhere
		for _, name := range a.Files {
			if ext := path.Ext(name); out[name] == nil && len(out) < lang.MaxFiles && (ext == ".wf" || isYAML(name)) {
				out[name] = s.analyse(name)
			}
		}
	}
	return out
}

// symbol is one thing with all its names: where it is declared, in several places if a
// field is handed on, and where it is used.
type symbol struct {
	uses  []occurrence
	fixed bool // it is declared in Go too
}

// occurrence is a use in a file of an analysis.
type occurrence struct {
	check.Use
	in *analysis
}

func (o occurrence) declares() bool { return slices.Contains(o.Declared, o.Span) }

// symbol collects all uses of what is used.
func (s *state) symbol(of *check.Use, in map[string]*analysis) symbol {
	groups := union{}
	for _, a := range in {
		if a.Index == nil {
			continue
		}
		for _, l := range a.Index.Links {
			groups.join(l[0], l[1])
		}
		for _, u := range a.Index.Uses {
			for _, d := range u.Declared[min(1, len(u.Declared)):] {
				groups.join(u.Declared[0], d)
			}
		}
	}
	same := func(u *check.Use) bool {
		if len(of.Declared) > 0 {
			return len(u.Declared) > 0 && groups.root(u.Declared[0]) == groups.root(of.Declared[0])
		}
		if of.Signature != nil && of.Sort == check.SortOperation {
			return len(u.Declared) == 0 && u.Sort == of.Sort && u.Signature != nil && u.Signature.Name() == of.Signature.Name()
		}
		return len(u.Declared) == 0 && u.Sort == of.Sort && u.Name == of.Name && u.Span.File == of.Span.File
	}
	var out symbol
	for _, name := range slices.Sorted(maps.Keys(in)) {
		a := in[name]
		for _, u := range a.uses(name) {
			if same(&u) {
				out.uses = append(out.uses, occurrence{u, a})
			}
		}
		if a.Index != nil && len(of.Declared) > 0 {
			out.fixed = out.fixed || slices.ContainsFunc(a.Index.Fixed, func(f diag.Span) bool { return groups.root(f) == groups.root(of.Declared[0]) })
		}
	}
	return out
}

// union puts places into groups: each leads to another one of its group, the last to itself.
type union map[diag.Span]diag.Span

func (u union) root(s diag.Span) diag.Span {
	for {
		next, ok := u[s]
		if !ok {
			return s
		}
		s = next
	}
}

func (u union) join(a, b diag.Span) {
	if a, b = u.root(a), u.root(b); a != b {
		u[a] = b
	}
}

// named reports whether the source has the name where a use is: the key of a field may be
// written in quotes.
func (s *state) named(o occurrence) (span diag.Span, ok bool) {
	span = o.Span
	src := s.text(o.in, span.File).src
	if span.End > len(src) {
		return span, false
	}
	switch src[span.Start:span.End] {
	case o.Name:
		return span, true
	case `"` + o.Name + `"`, `'` + o.Name + `'`:
		return diag.Span{File: span.File, Start: span.Start + 1, End: span.End - 1}, true
	}
	return span, false
}

// PrepareRename tells whether the name at a place can be changed.
func (s *Server) PrepareRename(ctx context.Context, params *protocol.PrepareRenameParams) (protocol.PrepareRenameResult, error) {
	now := stateOf(ctx)
	p := now.placeOf(params.TextDocumentPositionParams)
	if p == nil {
		return nil, nil
	}
	u, err := p.renamed()
	if err != nil {
		return nil, err
	}
	span, ok := now.named(occurrence{*u, p.analysis})
	if !ok {
		return nil, refused("%s does not stand here as it is", u.Name)
	}
	return &protocol.PrepareRenamePlaceholder{Range: p.text.span(span), Placeholder: u.Name}, nil
}

func refused(format string, args ...any) error {
	return jsonrpc2.NewError(jsonrpc2.Code(protocol.LSPErrorCodesRequestFailed), fmt.Sprintf(format, args...))
}

// renamed is the use at a place whose name can be changed.
func (p *place) renamed() (*check.Use, error) {
	u := p.use()
	switch {
	case u == nil:
		return nil, refused("there is no name here that could be changed")
	case u.Sort == check.SortLanguage, u.Sort == check.SortOutcome:
		return nil, refused("%s is a name of the language", u.Name)
	case len(u.Declared) == 0:
		return nil, refused("%s is declared in Go", u.Name)
	}
	return u, nil
}

// Rename changes a name wherever it stands. What would give an error is refused.
func (s *Server) Rename(ctx context.Context, params *protocol.RenameParams) (*protocol.WorkspaceEdit, error) {
	now := stateOf(ctx)
	p := now.placeOf(params.TextDocumentPositionParams)
	if p == nil {
		return nil, nil
	}
	u, err := p.renamed()
	if err != nil {
		return nil, err
	}
	tokens, _, problems := token.Scan("", params.NewName)
	if len(problems) > 0 || len(tokens) != 2 || tokens[0].Kind != token.Ident || tokens[0].End != len(params.NewName) {
		return nil, refused("%q is no name: it starts with a letter from a to z or _, and goes on with letters, digits and _", params.NewName)
	}
	in := now.everything()
	sym := now.symbol(u, in)
	if sym.fixed {
		return nil, refused("%s is a field of a service that is declared in Go", u.Name)
	}
	edits := map[string][]diag.Span{}
	for _, o := range sym.uses {
		if span, ok := now.named(o); ok && o.Name == u.Name {
			edits[span.File] = append(edits[span.File], span)
		}
	}
	out := &protocol.WorkspaceEdit{Changes: map[uri.URI][]protocol.TextEdit{}}
	then := now
	for _, file := range slices.Sorted(maps.Keys(edits)) {
		t := now.text(in[file], file)
		src := t.src
		slices.SortFunc(edits[file], func(a, b diag.Span) int { return b.Start - a.Start })
		for i, span := range slices.Compact(edits[file]) {
			if i > 0 && span == edits[file][i-1] {
				continue
			}
			out.Changes[now.uri(file)] = append(out.Changes[now.uri(file)], protocol.TextEdit{Range: t.span(span), NewText: params.NewName})
			src = src[:span.Start] + params.NewName + src[span.End:]
		}
		slices.Reverse(out.Changes[now.uri(file)])
		then = then.with(file, &document{text: newText(src), name: file})
	}
	if d := then.newError(in); d != nil {
		return nil, refused("%s cannot be called %s: %s", u.Name, params.NewName, d.Summary)
	}
	return out, nil
}

// newError is an error of this state that some analyses do not have; nil if there is none.
// Their texts may have the changed name in them.
func (s *state) newError(before map[string]*analysis) *diag.Diagnostic {
	type sort struct {
		code diag.Code
		file string
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		a := before[name]
		if s.sees(a) {
			continue
		}
		_, problems := lang.Load(s, name, s.server.options)
		known := map[sort]int{}
		for _, d := range a.problems {
			known[sort{d.Code, d.Span.File}]++
		}
		for _, d := range problems {
			key := sort{d.Code, d.Span.File}
			if known[key]--; known[key] < 0 && d.Severity == diag.Error {
				return d
			}
		}
	}
	return nil
}
