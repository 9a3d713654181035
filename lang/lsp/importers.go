package lsp

import (
	"io"
	"path"
	"slices"
	"strings"

	"wf/lang"
)

// closed is the definitions in the folders of the session, as they are saved. It is used in
// turns.
type closed struct {
	read  bool
	names []string          // sorted
	texts map[string]string // of those that can be read
	of    []string          // documents that are open, when found was found out
	found []string          // see importers
}

// importers lists the closed files that import an open document, directly or by others,
// sorted.
func (s *state) importers() []string {
	c, open := s.closed, s.names()
	if !c.read {
		c.list(s.server)
	}
	if c.found == nil || !slices.Equal(c.of, open) {
		c.of, c.found = open, s.mention(open)
	}
	var out []string
	for _, name := range c.found {
		if slices.ContainsFunc(s.analyse(name).Files, func(file string) bool { return s.docs[file] != nil }) {
			out = append(out, name)
		}
	}
	return out
}

// mention lists the closed files that name one of some files in their text, or one that does
// so: all others do not import them.
func (s *state) mention(files []string) []string {
	out := []string{}
	for i := 0; i < len(files); i++ {
		base := path.Base(files[i])
		for _, name := range s.closed.names {
			if s.docs[name] == nil && !slices.Contains(out, name) && strings.Contains(s.closed.texts[name], base) {
				out = append(out, name)
				files = append(files[:len(files):len(files)], name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// list reads the definitions of the folders.
func (c *closed) list(s *Server) {
	c.read, c.texts = true, map[string]string{}
	for _, folder := range s.folders {
		for _, name := range s.host.Definitions(folder) {
			if len(c.names) == maxClosed {
				return
			}
			if _, twice := c.texts[name]; twice {
				continue
			}
			c.names = append(c.names, name)
			c.texts[name] = textOf(s.host, name)
		}
	}
	slices.Sort(c.names)
}

// textOf is the text of a file; "" if it cannot be read.
func textOf(host Host, name string) string {
	f, err := host.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, lang.MaxSize))
	if err != nil {
		return ""
	}
	return string(src)
}

// maxClosed is how many closed files are looked through for imports of open ones.
const maxClosed = 1000
