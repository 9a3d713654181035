package propose

import (
	"io/fs"
	"strings"
	"time"
)

// openText is an open file with a text.
func openText(name, text string) fs.File {
	return &textFile{name: name, size: int64(len(text)), Reader: *strings.NewReader(text)}
}

type textFile struct {
	strings.Reader
	name string
	size int64
}

// Stat describes the file.
func (f *textFile) Stat() (fs.FileInfo, error) { return textInfo{f}, nil }

// Close does nothing.
func (f *textFile) Close() error { return nil }

type textInfo struct{ f *textFile }

// Name and the other methods make an fs.FileInfo.
func (i textInfo) Name() string     { return i.f.name }
func (i textInfo) Size() int64      { return i.f.size }
func (textInfo) Mode() fs.FileMode  { return 0o444 }
func (textInfo) ModTime() time.Time { return time.Time{} }
func (textInfo) IsDir() bool        { return false }
func (textInfo) Sys() any           { return nil }
