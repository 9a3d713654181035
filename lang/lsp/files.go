package lsp

import (
	"bytes"
	"io/fs"
	"path"
	"time"

	"go.lsp.dev/uri"
)

// Host is the machine the server runs on. Names of files are absolute, with slashes.
type Host interface {
	fs.ReadDirFS
	// Definitions lists the definitions and test files under a folder, sorted.
	Definitions(folder string) []string
}

// fileOf is the name of the file of a document; "" if it is no file.
func fileOf(u uri.URI) string {
	parsed, err := uri.Parse(string(u))
	if err != nil {
		return ""
	}
	name := uri.FsPathFor(parsed, uri.PlatformPOSIX, false)
	if len(name) > 2 && name[0] == '/' && name[2] == ':' { // /c:/a.wf
		name = name[1:]
	}
	return name
}

// isYAML reports whether a file is read as YAML.
func isYAML(name string) bool { return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" }

// buffer is an open document as a file.
type buffer struct {
	name string
	bytes.Reader
	size int64
}

func newBuffer(name, src string) *buffer {
	b := &buffer{name: path.Base(name), size: int64(len(src))}
	b.Reset([]byte(src))
	return b
}

// Stat says of the document what a file would.
func (b *buffer) Stat() (fs.FileInfo, error) { return info{b}, nil }

// Close does nothing.
func (b *buffer) Close() error { return nil }

type info struct{ b *buffer }

func (i info) Name() string     { return i.b.name }
func (i info) Size() int64      { return i.b.size }
func (info) Mode() fs.FileMode  { return 0o444 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }
