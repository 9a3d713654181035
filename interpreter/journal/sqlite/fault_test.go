package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"wf/interpreter/journal"
	"wf/interpreter/journal/sqlite"
)

// filled is a store with some runs, closed.
func filled(t *testing.T, file string) []byte {
	t.Helper()
	s, err := sqlite.Open(file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{acked: map[string]int{}, sent: map[string]int{}}
	if l.load(s) {
		t.Fatal("it fails by itself")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestFaults: what keeps a store from being opened is told with a way out, and the file
// stays as it is.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	good := filled(t, filepath.Join(dir, "good.db"))
	sql := func(data []byte, script string) []byte {
		file := filepath.Join(dir, "sql.db")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := sqlite3.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Exec(script), c.Close()); err != nil {
			t.Fatal(err)
		}
		out, err := os.ReadFile(file)
		if err := errors.Join(err, os.Remove(file)); err != nil {
			t.Fatal(err)
		}
		return out
	}
	scheme := bytes.Clone(good)
	copy(scheme[100:], bytes.Repeat([]byte{0xff}, 200))
	for _, c := range []struct {
		name string
		data []byte // nil: a folder
		want string
	}{
		{"folder", nil, "the file cannot be opened (is a directory)"},
		{"text", []byte("workflow order { }\n" + strings.Repeat("x", 4096)), "this is no database, or its beginning is damaged"},
		{"short", good[:50], "the file is damaged"},
		{"header", append([]byte("XXXX"), good[4:]...), "this is no database, or its beginning is damaged"},
		{"truncated", good[:5000], "the file is damaged"},
		{"first page", scheme, "the file is damaged"},
		{"another database", sql(nil, "CREATE TABLE t(x)"), "this is a database, but not a store of wf"},
		{"newer", sql(good, "PRAGMA user_version=99"), "the store is of version 99, made by a newer wf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "runs.db")
			if c.data == nil {
				if err := os.Mkdir(file, 0o755); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(file, c.data, 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := sqlite.Open(file, sqlite.Options{})
			if err == nil {
				s.Close()
				t.Fatal("it opens")
			}
			var told *journal.StoreError
			if !errors.As(err, &told) || !strings.HasPrefix(err.Error(), file+": "+c.want) || told.Hint == "" {
				t.Errorf("%v (%#v)", err, told)
			}
			if after, err := os.ReadFile(file); c.data != nil && (err != nil || !bytes.Equal(after, c.data)) {
				t.Errorf("the file has changed (%v)", err)
			}
		})
	}
	if _, err := sqlite.Open(filepath.Join(dir, "no", "runs.db"), sqlite.Options{}); err == nil || !strings.Contains(err.Error(), "the file cannot be opened (no such file or directory)") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestLocked: a lock of another process is waited for, and then told; what was there can be
// read all the while, and written when the lock is gone.
func TestLocked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs.db")
	filled(t, file)
	s, err := sqlite.Open(file, sqlite.Options{Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other, err := sqlite3.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	var told *journal.StoreError
	if err := s.Post(ctx, "w0-r0", []byte("{}"), journal.Deed{At: time.Unix(1, 0)}); !errors.As(err, &told) || !strings.HasPrefix(err.Error(), file+": another process has locked the file") {
		t.Errorf("locked: %v", err)
	}
	if list, err := s.List(ctx, journal.Filter{}); err != nil || len(list) != 20 {
		t.Errorf("%d runs are read, %v", len(list), err)
	}
	if err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.Post(ctx, "w0-r0", []byte("{}"), journal.Deed{At: time.Unix(1, 0)}); err != nil {
		t.Errorf("unlocked: %v", err)
	}
}

// TestReadOnly: a file that cannot be written says so, and takes nothing.
func TestReadOnly(t *testing.T) {
	for code, want := range map[sqlite3.ErrorCode]string{sqlite3.READONLY: "the file cannot be written", sqlite3.FULL: "there is no room left on the disk", sqlite3.IOERR: "the disk fails"} {
		d := &disk{files: map[string]*file{}}
		s, err := d.mount(t)
		if err != nil {
			t.Fatal(err)
		}
		run := func(id string) error {
			_, err := s.Create(ctx, definition, journal.Run{ID: id, Workflow: "w", Definition: "h", Start: epoch, Input: []byte("{}")}, journal.Status{State: journal.Running}, "w")
			return err
		}
		if err := run("before"); err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.refuses = code
		d.mu.Unlock()
		var told *journal.StoreError
		if err := run("then"); !errors.As(err, &told) || !strings.HasPrefix(err.Error(), "runs.db: "+want) || told.Hint == "" {
			t.Errorf("%v: %v", code, err)
		}
		d.mu.Lock()
		d.refuses = nil
		d.mu.Unlock()
		if err := run("after"); err != nil {
			t.Errorf("%v is over: %v", code, err)
		}
		if list, err := s.List(ctx, journal.Filter{}); err != nil || len(list) != 2 {
			t.Errorf("%v: %d runs are there, not 2 (%v)", code, len(list), err)
		}
		s.Close()
	}
}

// TestDamaged: whatever bytes of a store are damaged, it answers or says what is wrong.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	good := filled(t, filepath.Join(dir, "good.db"))
	rounds := 150
	if testing.Short() {
		rounds = 20
	}
	failed := 0
	for round := range rounds {
		rng := rand.New(rand.NewPCG(uint64(round), 7))
		bad := bytes.Clone(good)
		for range 1 + rng.IntN(300) {
			bad[100+rng.IntN(len(bad)-100)] ^= byte(1 + rng.IntN(255))
		}
		if rng.IntN(4) == 0 {
			bad = bad[:rng.IntN(len(bad))]
		}
		file := filepath.Join(dir, fmt.Sprintf("bad%d.db", round))
		if err := os.WriteFile(file, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := use(file); err != nil {
			failed++
			if text := err.Error(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
				t.Errorf("round %d: %q", round, text)
			}
		}
		os.Remove(file)
	}
	if failed < rounds/2 {
		t.Errorf("of %d damaged stores only %d say so", rounds, failed)
	}
}

// use does with a store what commands and workers do, and returns all that fails.
func use(file string) error {
	s, err := sqlite.Open(file, sqlite.Options{Patience: time.Millisecond})
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.List(ctx, journal.Filter{})
	errs := []error{err}
	note := func(_ any, err error) { errs = append(errs, err) }
	for _, r := range list {
		note(s.Events(ctx, r.ID))
		_, _, err := s.Steps(ctx, r.ID)
		note(nil, err)
		note(s.Inbox(ctx, r.ID))
		note(s.Definition(ctx, r.Definition))
	}
	claims, err := s.Claim(ctx, "w2", epoch.Add(time.Hour), 100)
	note(nil, err)
	for _, c := range claims {
		note(nil, s.Append(ctx, journal.Append{Run: c.Run.ID, Fence: c.Fence, From: c.Events, Events: [][]byte{[]byte("{}")}}))
	}
	note(s.Create(ctx, definition, journal.Run{ID: "new", Workflow: "w", Definition: "h", Start: epoch, Input: []byte("{}")}, journal.Status{State: journal.Running}, "w"))
	note(s.Next(ctx))
	note(s.Told(ctx, "w"))
	note(s.Breakers(ctx))
	note(s.Prune(ctx, journal.Filter{EndedBefore: time.Now()}, journal.Deed{At: time.Unix(1, 0)}))
	return errors.Join(errs...)
}
