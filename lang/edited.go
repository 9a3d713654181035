package lang

import (
	"bytes"
	"io/fs"
)

// edited is a file system in which some files have another text than they have, or are
// there and were not.
type edited struct {
	fs.FS
	texts map[string][]byte
}

// Open opens a file.
func (e edited) Open(name string) (fs.File, error) {
	if text, ok := e.texts[name]; ok {
		return file{bytes.NewReader(text)}, nil
	}
	return e.FS.Open(name)
}

// ReadDir lists a folder, for suggestions.
func (e edited) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(e.FS, name) }

// file is one of them.
type file struct{ *bytes.Reader }

// Stat says nothing.
func (file) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

// Close does nothing.
func (file) Close() error { return nil }
