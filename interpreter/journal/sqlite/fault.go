package sqlite

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"wf/interpreter/journal"
)

// fault says in plain words why a file cannot be worked with, and what to do about it.
// Errors that are not SQLite's stay as they are.
func fault(err error) error {
	var told *journal.StoreError
	var code sqlite3.ErrorCode
	var full *sqlite3.Error
	switch {
	case err == nil || errors.As(err, &told):
		return err
	case errors.As(err, &full):
		code = full.Code()
	case !errors.As(err, &code):
		return err
	}
	out := &journal.StoreError{Err: err}
	switch code {
	case sqlite3.NOTADB:
		out.Message = "this is no database, or its beginning is damaged"
		out.Hint = "name the file of the store; if it is the one, put a copy of it in its place"
	case sqlite3.CORRUPT:
		out.Message = "the file is damaged"
		out.Hint = "nothing is written to it; put a copy in its place, or save what can be read: sqlite3 FILE .recover | sqlite3 NEW"
	case sqlite3.BUSY, sqlite3.LOCKED:
		out.Message = "another process has locked the file, and keeps it locked"
		out.Hint = "end what works on it for so long, such as a backup or a transaction in sqlite3; nothing is lost"
	case sqlite3.READONLY, sqlite3.PERM:
		out.Message = "the file cannot be written"
		out.Hint = "this user must be allowed to write the file and the folder it is in, where SQLite keeps two files beside it"
	case sqlite3.FULL:
		out.Message = "there is no room left on the disk"
		out.Hint = "make room, or forget runs: wf prune; what was acknowledged is kept"
	case sqlite3.IOERR:
		out.Message = "the disk fails"
		out.Hint = "what was acknowledged is kept; look into the log of the system"
	case sqlite3.CANTOPEN:
		out.Message, out.Hint = "the file cannot be opened", "its folder must be there, and this user must be allowed to read and write it"
	default:
		return err
	}
	if detail := detail(err); detail != "" {
		out.Message += " (" + detail + ")"
	}
	return out
}

// fault names the file, too.
func (s *Store) fault(err error) error {
	var told *journal.StoreError
	if err = fault(err); errors.As(err, &told) {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	return err
}

// detail is what SQLite or the system says beyond the code.
func detail(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	text := err.Error()
	if i := strings.LastIndex(text, "sqlite3: "); i >= 0 {
		text = text[i+len("sqlite3: "):]
	}
	_, rest, _ := strings.Cut(text, ": ") // behind the name of the code
	return strings.ToValidUTF8(strings.Map(printable, rest), "?")
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}
