package lsp

import (
	"context"
	"maps"
	"slices"

	"go.lsp.dev/protocol"

	"wf/lang/check"
	"wf/lang/diag"
)

// published is what the editor was told last of a file.
type published struct {
	problems diag.List
	version  int32
	open     bool
	importer bool // it is told of because it imports others
}

// tell publishes what is wrong with the open documents and with what they import, and then
// with closed files that import them, as far as the editor does not know it. If something
// changes meanwhile, that change tells it.
func (s *Server) tell(ctx context.Context) error {
	now := s.now.Load()
	defer s.turn(ctx)()
	all := map[string]diag.List{}
	from := map[string]*analysis{}
	for _, name := range now.names() {
		if s.now.Load() != now {
			return nil
		}
		a := now.analyse(name)
		all[name], from[name] = nil, a
		for _, d := range a.problems {
			if file := d.Span.File; file == name || now.docs[file] == nil {
				all[file] = append(all[file], d)
				from[file] = a
			}
		}
	}
	importers := now.importers()
	for _, name := range slices.Sorted(maps.Keys(s.published)) {
		if p := s.published[name]; p.importer && now.docs[name] == nil && !slices.Contains(importers, name) {
			importers = append(importers, name) // what was wrong may be wrong still
		}
	}
	for name := range s.published {
		if _, known := all[name]; !known && !slices.Contains(importers, name) {
			all[name] = nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := s.publish(now, name, from[name], all[name], false); err != nil {
			return err
		}
	}
	for _, name := range importers {
		if s.now.Load() != now {
			return nil
		}
		a := now.analyse(name)
		own := slices.DeleteFunc(slices.Clone(a.problems), func(d *diag.Diagnostic) bool { return d.Span.File != name })
		if err := s.publish(now, name, a, own, true); err != nil {
			return err
		}
	}
	return nil
}

// publish tells the editor what is wrong with a file, if it does not know.
func (s *Server) publish(now *state, name string, a *analysis, list diag.List, importer bool) error {
	list.Sort()
	p := &published{problems: list, importer: importer}
	d := now.docs[name]
	if d != nil {
		p.version, p.open = d.version, true
	}
	before := s.published[name]
	if before != nil && before.open == p.open && before.version == p.version && slices.EqualFunc(before.problems, p.problems, same) {
		before.importer = importer
		return nil
	}
	if before == nil && d == nil && len(list) == 0 {
		return nil
	}
	if s.published[name] = p; len(list) == 0 && d == nil {
		delete(s.published, name)
	}
	params := &protocol.PublishDiagnosticsParams{URI: now.uri(name), Diagnostics: make([]protocol.Diagnostic, 0, len(list))}
	if d != nil {
		params.Version = protocol.NewOptional(d.version)
	}
	for _, d := range list {
		params.Diagnostics = append(params.Diagnostics, now.diagnostic(a, d))
	}
	return s.client.PublishDiagnostics(s.session, params)
}

func same(a, b *diag.Diagnostic) bool {
	return a.Span == b.Span && a.Severity == b.Severity && a.Code == b.Code && a.Summary == b.Summary && a.Hint == b.Hint && slices.Equal(a.Related, b.Related)
}

// diagnostic is a problem in terms of the protocol.
func (s *state) diagnostic(a *analysis, d *diag.Diagnostic) protocol.Diagnostic {
	out := protocol.Diagnostic{Range: s.text(a, d.Span.File).span(d.Span), Severity: protocol.DiagnosticSeverityError, Code: protocol.String(d.Code), Source: protocol.NewOptional("wf")}
	if d.Severity == diag.Warning {
		out.Severity = protocol.DiagnosticSeverityWarning
	}
	message := d.Summary
	if d.Hint != "" {
		message += "\nhint: " + d.Hint
	}
	out.Message = protocol.String(message)
	if d.Code == check.CodeUnused || d.Code == check.CodeUnreachable {
		out.Tags = protocol.NewDiagnosticTags(protocol.DiagnosticTagUnnecessary)
	}
	for _, r := range d.Related {
		out.RelatedInformation = append(out.RelatedInformation, protocol.DiagnosticRelatedInformation{Location: s.location(a, r.Span), Message: r.Message})
	}
	return out
}
