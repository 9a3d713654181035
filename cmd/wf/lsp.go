package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"wf/lang"
	"wf/lang/lsp"
)

type lspCmd struct {
	Stdio bool `help:"Speak over standard input and output; that is how it speaks anyway. Editors pass it."`
}

// Help is shown by wf lsp --help.
func (lspCmd) Help() string {
	return `Editors start this. It speaks the Language Server Protocol over standard input and
output. docs/editors.md says how to set up an editor.

Examples:
  wf lsp`
}

// Run serves one session.
func (c *lspCmd) Run(e *env) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // each letter leaves much behind
	}
	err := lsp.Serve(context.Background(), stdio{e.stdin, e.stdout}, lspHost{}, lang.Options{Catalog: services(1), Thorough: true}, version())
	if err != nil { // the protocol wants this status
		return &exit{status: exitFailed, message: err.Error()}
	}
	return nil
}

// stdio is standard input and output as one stream.
type stdio struct {
	io.Reader
	io.Writer
}

// Close closes standard input, so that nobody waits for it any more.
func (s stdio) Close() error {
	if in, ok := s.Reader.(io.Closer); ok {
		return in.Close()
	}
	return nil
}

// lspHost is this machine, for the language server.
type lspHost struct{ hostFS }

// Definitions lists the files under a folder; none if it cannot be read.
func (lspHost) Definitions(folder string) []string {
	found, err := under(filepath.FromSlash(folder))
	if err != nil {
		return nil
	}
	return found
}
