package durable_test

import (
	"io/fs"
	"testing/fstest"
)

// mapFS makes a file system of the files of a definition.
func mapFS(files map[string][]byte) fs.FS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: text}
	}
	return out
}
