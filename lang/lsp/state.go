package lsp

import (
	"io/fs"
	"maps"
	"slices"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"wf/lang"
	"wf/lang/diag"
)

// document is an open file as its editor has it. It never changes.
type document struct {
	*text
	name    string // of the file
	uri     uri.URI
	version int32
}

// state is the open documents at one moment. It never changes.
type state struct {
	server *Server
	docs   map[string]*document // by name of the file
	saved  map[string]int       // how often a file was changed by others
	closed *closed              // the other definitions of the folders, as they are saved
}

// analysis is what there is to know of a file.
type analysis struct {
	*lang.Program
	problems diag.List
	of       *state // it was found out of
}

// with is the state after a document was opened, changed or (nil) closed.
func (s *state) with(name string, d *document) *state {
	out := &state{server: s.server, docs: maps.Clone(s.docs), saved: s.saved, closed: s.closed}
	if d == nil {
		delete(out.docs, name)
	} else {
		out.docs[name] = d
	}
	return out
}

// after is the state after some files were changed by others.
func (s *state) after(names []string) *state {
	out := &state{server: s.server, docs: s.docs, saved: maps.Clone(s.saved), closed: &closed{}}
	for _, name := range names {
		out.saved[name]++
	}
	return out
}

// sees reports whether the files of an analysis are in this state what they were in its own.
func (s *state) sees(a *analysis) bool {
	return !slices.ContainsFunc(a.Files, func(f string) bool { return s.docs[f] != a.of.docs[f] || s.saved[f] != a.of.saved[f] })
}

// names of the open documents, sorted.
func (s *state) names() []string { return slices.Sorted(maps.Keys(s.docs)) }

// Open reads an open document, or a file of the host.
func (s *state) Open(name string) (fs.File, error) {
	if d := s.docs[name]; d != nil {
		return newBuffer(name, d.src), nil
	}
	return s.server.host.Open(name)
}

// ReadDir lists a folder of the host, for suggestions.
func (s *state) ReadDir(name string) ([]fs.DirEntry, error) { return s.server.host.ReadDir(name) }

// analyse finds out what there is to know of a file.
func (s *state) analyse(name string) *analysis {
	if a := s.server.analyses[name]; a != nil && s.sees(a) {
		return a
	}
	a := &analysis{of: s}
	a.Program, a.problems = lang.Load(s, name, s.server.options)
	s.server.analyses[name] = a
	return a
}

// text is the source of a file of an analysis.
func (s *state) text(a *analysis, name string) *text {
	if d := s.docs[name]; d != nil {
		return d.text
	}
	src := string(a.Sources[name])
	if t := s.server.texts[name]; t != nil && t.src == src {
		return t
	}
	t := newText(src)
	s.server.texts[name] = t
	return t
}

// uri of a file: as the editor spelled it, if the file is open.
func (s *state) uri(name string) uri.URI {
	if d := s.docs[name]; d != nil {
		return d.uri
	}
	return uri.File(name)
}

// location is the place of a span of an analysis.
func (s *state) location(a *analysis, span diag.Span) protocol.Location {
	return protocol.Location{URI: s.uri(span.File), Range: s.text(a, span.File).span(span)}
}
