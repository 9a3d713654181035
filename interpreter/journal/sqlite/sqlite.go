// Package sqlite keeps runs in one SQLite file, in WAL mode with synchronous=FULL: what
// is acknowledged survives a power failure. Writes of all runs go through one goroutine
// that commits what has gathered in one transaction, so that the price of a flush is
// shared. Several processes may use a file at once.
package sqlite

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"wf/interpreter/journal"
)

// The tables of a store, its views, and what brings a store of version N to the next one.
//
//go:embed schema.sql views.sql upgrade*.sql
var files embed.FS

// applicationID marks the file as a store of wf; version is of its tables.
const (
	applicationID = 0x77660001
	version       = 2
)

// maxBatch bounds the requests of one transaction.
const maxBatch = 512

// Store is a journal.Store.
type Store struct {
	file     string
	requests chan request
	closed   chan struct{} // closed when the writer is gone
	once     sync.Once
	quit     chan struct{}

	reading sync.Mutex // one reader at a time
	reader  *conn
}

type request struct {
	do   func(*conn) error // must not write before it knows that it will not fail
	done chan error
}

// Options of [Open].
type Options struct {
	VFS    string // file system of SQLite; "": the real one
	Single bool   // nobody else uses the file meanwhile: needs no shared memory

	Patience time.Duration // how long a lock of another process is waited for; 0: DefaultPatience
}

// DefaultPatience is longer than any transaction of a store takes.
const DefaultPatience = 10 * time.Second

// Open opens the store in a file, and makes it if there is none.
func Open(file string, opts Options) (*Store, error) {
	w, err := open(file, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, fault(err))
	}
	if err := w.prepare(); err != nil {
		w.close()
		return nil, fmt.Errorf("%s: %w", file, fault(err))
	}
	s := &Store{file: file, requests: make(chan request, maxBatch), closed: make(chan struct{}), quit: make(chan struct{})}
	if opts.Single {
		s.reader = w
	} else if s.reader, err = open(file, opts); err != nil {
		w.close()
		return nil, fmt.Errorf("%s: %w", file, fault(err))
	}
	go s.write(w)
	return s, nil
}

func open(file string, opts Options) (*conn, error) {
	uri := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(file) + "?"
	if opts.VFS != "" {
		uri += "vfs=" + opts.VFS + "&"
	}
	if opts.Single {
		uri += "_pragma=locking_mode(exclusive)&"
	}
	if opts.Patience == 0 {
		opts.Patience = DefaultPatience
	}
	c, err := sqlite3.Open(uri + fmt.Sprintf("_pragma=busy_timeout(%d)&", opts.Patience.Milliseconds()) + "_pragma=synchronous(full)")
	if err != nil {
		return nil, err
	}
	return &conn{c: c, known: map[string]*sqlite3.Stmt{}}, nil
}

// prepare makes the tables of a new file and refuses one of somebody else.
func (c *conn) prepare() (err error) {
	id, err := c.number("PRAGMA application_id")
	if err != nil {
		return err
	}
	if id == applicationID {
		if v, err := c.number("PRAGMA user_version"); err != nil || v == version {
			return err // so that a file that cannot be written can be read
		}
	} else { // of somebody else nothing is changed
		tables, err := c.number("SELECT count(*) FROM sqlite_schema")
		switch {
		case err != nil:
			return err
		case tables > 0:
			return &journal.StoreError{Message: "this is a database, but not a store of wf", Hint: "name another file; it is made if there is none"}
		}
	}
	if err := c.c.Exec("PRAGMA journal_mode=wal"); err != nil { // the file remembers it
		return err
	}
	tx, err := c.c.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)
	v, err := c.number("PRAGMA user_version") // again: another process may have made them
	switch {
	case err != nil:
		return err
	case v == version:
		return nil
	case v > version:
		return &journal.StoreError{Message: fmt.Sprintf("the store is of version %d, made by a newer wf; this one knows version %d", v, version), Hint: "use that wf; wf version says which one this is"}
	case v == 0:
		if err := c.script("schema.sql"); err != nil {
			return err
		}
	default:
		if err := c.upgrade(v); err != nil {
			return err
		}
	}
	if err := c.script("views.sql"); err != nil {
		return err
	}
	return c.c.Exec(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;", applicationID, version))
}

// upgrade brings the tables of an older version to this one, within a transaction: it
// happens or it does not. The views are made anew behind it.
func (c *conn) upgrade(from int64) error {
	alive := ""
	if err := c.each("SELECT id FROM worker WHERE until > ? LIMIT 1", func(st *sqlite3.Stmt) error { alive = st.ColumnText(0); return nil }, time.Now()); err != nil {
		return err
	}
	if alive != "" {
		return fmt.Errorf("the store is of version %d, and this wf needs version %d: it is upgraded when nobody works on it; stop worker %s first", from, version, alive)
	}
	var views []string
	if err := c.each("SELECT name FROM sqlite_schema WHERE type = 'view'", func(st *sqlite3.Stmt) error { views = append(views, st.ColumnText(0)); return nil }); err != nil {
		return err
	}
	for _, name := range views {
		if err := c.c.Exec(`DROP VIEW "` + name + `"`); err != nil {
			return err
		}
	}
	for v := from; v < version; v++ {
		if err := c.script(fmt.Sprintf("upgrade%d.sql", v)); err != nil {
			return fmt.Errorf("the store cannot be upgraded from version %d: %w", v, err)
		}
	}
	return nil
}

// script carries out a file of SQL.
func (c *conn) script(name string) error {
	sql, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	return c.c.Exec(string(sql))
}

// Close waits for what is being written.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.quit) })
	<-s.closed
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.reader == nil {
		return nil
	}
	err := s.reader.close()
	s.reader = nil
	return err
}

// errClosed is what a closed store says.
var errClosed = errors.New("the store is closed")

// write commits what has gathered, again and again.
func (s *Store) write(c *conn) {
	defer close(s.closed)
	defer func() {
		if c != s.reader {
			c.close()
		}
	}()
	batch := make([]request, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case r := <-s.requests:
			batch = append(batch, r)
		case <-s.quit:
			select { // one that came before the end
			case r := <-s.requests:
				batch = append(batch, r)
			default:
				return
			}
		}
		for more := true; more && len(batch) < maxBatch; {
			select {
			case r := <-s.requests:
				batch = append(batch, r)
			default:
				more = false
			}
		}
		s.commit(c, batch)
	}
}

// commit carries out a batch in one transaction. If that fails, all of them fail.
func (s *Store) commit(c *conn, batch []request) {
	answers := make([]error, len(batch))
	err := func() (err error) {
		if c == s.reader {
			s.reading.Lock()
			defer s.reading.Unlock()
		}
		tx, err := c.c.BeginImmediate()
		if err != nil {
			return err
		}
		defer tx.End(&err)
		for i, r := range batch {
			answers[i] = r.do(c)
			var broken *sqlite3.Error
			if errors.As(answers[i], &broken) {
				return answers[i]
			}
		}
		return nil
	}()
	for i, r := range batch {
		if err != nil {
			r.done <- s.fault(err)
		} else {
			r.done <- answers[i]
		}
	}
}

// update has something written and waits until it is on the disk.
func (s *Store) update(do func(*conn) error) error {
	r := request{do, make(chan error, 1)}
	select {
	case s.requests <- r:
	case <-s.closed:
		return errClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-s.closed:
		select {
		case err := <-r.done:
			return err
		default:
			return errClosed
		}
	}
}

// view reads.
func (s *Store) view(ctx context.Context, do func(*conn) error) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.reader == nil {
		return errClosed
	}
	old := s.reader.c.SetInterrupt(ctx)
	defer s.reader.c.SetInterrupt(old)
	return s.fault(do(s.reader))
}

// conn is a connection with its prepared statements.
type conn struct {
	c     *sqlite3.Conn
	known map[string]*sqlite3.Stmt
}

func (c *conn) close() error {
	for _, st := range c.known {
		st.Close()
	}
	return c.c.Close()
}

// each carries out a statement and visits its rows. Arguments: string, int, int64, []byte,
// time.Time (zero: NULL), nil.
func (c *conn) each(sql string, visit func(*sqlite3.Stmt) error, args ...any) (err error) {
	st := c.known[sql]
	if st == nil {
		if st, _, err = c.c.Prepare(sql); err != nil {
			return err
		}
		c.known[sql] = st
	}
	defer func() { err = errors.Join(err, st.Reset()) }()
	for i, a := range args {
		if err := bind(st, i+1, a); err != nil {
			return err
		}
	}
	for st.Step() {
		if visit == nil {
			continue
		}
		if err := visit(st); err != nil {
			return err
		}
	}
	return st.Err()
}

func bind(st *sqlite3.Stmt, i int, a any) error {
	switch a := a.(type) {
	case string:
		return st.BindText(i, a)
	case int:
		return st.BindInt64(i, int64(a))
	case int64:
		return st.BindInt64(i, a)
	case []byte:
		if a == nil {
			return st.BindNull(i)
		}
		return st.BindBlob(i, a)
	case time.Time:
		if a.IsZero() {
			return st.BindNull(i)
		}
		return st.BindInt64(i, a.UnixNano())
	case nil:
		return st.BindNull(i)
	}
	panic(fmt.Sprintf("cannot bind %T", a))
}

func (c *conn) exec(sql string, args ...any) error { return c.each(sql, nil, args...) }

// number is the first column of the first row, 0 if there is none.
func (c *conn) number(sql string, args ...any) (n int64, err error) {
	err = c.each(sql, func(st *sqlite3.Stmt) error { n = st.ColumnInt64(0); return nil }, args...)
	return n, err
}

func moment(st *sqlite3.Stmt, col int) time.Time {
	if st.ColumnType(col) == sqlite3.NULL {
		return time.Time{}
	}
	return time.Unix(0, st.ColumnInt64(col)).UTC()
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and bytes only
	}
	return string(text)
}

func blob(st *sqlite3.Stmt, col int) []byte {
	if st.ColumnType(col) == sqlite3.NULL {
		return nil
	}
	return st.ColumnBlob(col, nil)
}

// Definition finds one.
func (s *Store) Definition(ctx context.Context, hash string) (d journal.Definition, err error) {
	err = s.view(ctx, func(c *conn) error {
		return c.each("SELECT workflow, version, environment, graph, main, files FROM definition WHERE hash = ?", func(st *sqlite3.Stmt) error {
			d = journal.Definition{Hash: hash, Workflow: st.ColumnText(0), Version: st.ColumnText(1), Environment: st.ColumnText(2), Graph: st.ColumnText(3), Main: st.ColumnText(4)}
			return json.Unmarshal(st.ColumnRawText(5), &d.Files)
		}, hash)
	})
	if err == nil && d.Hash == "" {
		err = journal.ErrNotFound
	}
	return d, err
}

// Create begins a run.
func (s *Store) Create(ctx context.Context, d journal.Definition, r journal.Run, status journal.Status, worker string) (claim journal.Claim, err error) {
	claim = journal.Claim{Run: r}
	if worker != "" {
		claim.Fence = 1
	}
	err = s.update(func(c *conn) error {
		existing := ""
		look := func(st *sqlite3.Stmt) error { existing = st.ColumnText(0); return nil }
		if err := c.each("SELECT id FROM run WHERE id = ?", look, r.ID); err != nil {
			return err
		}
		if existing == "" && r.Key != "" {
			if err := c.each("SELECT id FROM run WHERE workflow = ? AND key = ?", look, r.Workflow, r.Key); err != nil {
				return err
			}
		}
		if existing != "" {
			rec, err := c.record(existing)
			claim = journal.Claim{Run: rec.Run, Events: rec.Events}
			if err != nil {
				return err
			}
			return journal.ErrExists
		}
		known, err := c.number("SELECT count(*) FROM definition WHERE hash = ?", d.Hash)
		if err == nil && known == 0 {
			err = c.exec("INSERT INTO definition VALUES (?, ?, ?, ?, ?, ?, ?)", d.Hash, d.Workflow, d.Version, d.Environment, d.Graph, d.Main, toJSON(d.Files))
		}
		if err != nil {
			return err
		}
		var wake any = 0
		if status.State != journal.Running {
			wake = status.Wake
		}
		tags := r.Tags
		if tags == nil {
			tags = map[string]string{}
		}
		if err := c.exec(`INSERT INTO run (id, key, workflow, version, definition, correlation, seed, start, tags, started_by, why, state, wake, code, message, worker, fence)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', ?, ?)`,
			r.ID, orNull(r.Key), r.Workflow, r.Version, r.Definition, r.Correlation, int64(r.Seed), r.Start, toJSON(tags), r.By, r.Why,
			string(status.State), wake, orNull(worker), claim.Fence); err != nil {
			return err
		}
		number := c.c.LastInsertRowID()
		if err := c.exec("INSERT INTO payload VALUES (?, ?, NULL)", number, r.Input); err != nil {
			return err
		}
		return c.show(number, status)
	})
	return claim, err
}

// show writes what is shown of steps and attempts.
func (c *conn) show(run int64, s journal.Status) error {
	for _, st := range s.Steps {
		needs := st.Needs
		if needs == nil {
			needs = []string{}
		}
		if err := c.exec("INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			run, st.Name, st.Number, asInt(st.Inner), st.State, st.Attempts, st.Of, st.NextRetry, st.Started, st.Ended, st.Code, st.Message, toJSON(needs)); err != nil {
			return err
		}
	}
	for _, a := range s.Attempts {
		if err := c.exec("INSERT OR REPLACE INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			run, a.Place, a.Number, a.Step, a.Operation, a.Key, a.Outcome, a.Started, a.Ended); err != nil {
			return err
		}
	}
	return nil
}

// Append adds to a run.
func (s *Store) Append(_ context.Context, a journal.Append) error {
	return s.update(func(c *conn) error {
		run, fence, state, events := int64(-1), int64(0), journal.State(""), 0
		if err := c.each("SELECT number, fence, state, (SELECT max(seq) FROM event WHERE run = number) FROM run WHERE id = ?", func(st *sqlite3.Stmt) error {
			run, fence, state = st.ColumnInt64(0), st.ColumnInt64(1), journal.State(st.ColumnText(2))
			if st.ColumnType(3) != sqlite3.NULL {
				events = st.ColumnInt(3) + 1
			}
			return nil
		}, a.Run); err != nil {
			return err
		}
		switch {
		case run < 0:
			return journal.ErrNotFound
		case fence != a.Fence:
			return journal.ErrFenced
		case events != a.From:
			return fmt.Errorf("run %s has %d events, not %d", a.Run, events, a.From)
		}
		for i, ev := range a.Events {
			if err := c.exec("INSERT INTO event VALUES (?, ?, ?)", run, a.From+i, ev); err != nil {
				return err
			}
		}
		for _, n := range a.Taken {
			if err := c.exec("DELETE FROM message WHERE number = ?", n); err != nil {
				return err
			}
		}
		if st := a.Status; st != nil {
			if err := c.status(run, state, *st); err != nil {
				return err
			}
		}
		if !a.Leave {
			return nil
		}
		// whoever has left it a message meanwhile is heard at once
		return c.exec(`UPDATE run SET worker = NULL, wake = CASE WHEN EXISTS (SELECT 1 FROM message WHERE run = run.number) THEN 0 ELSE wake END WHERE number = ?`, run)
	})
}

// status writes what is shown of a run. A run that goes on running has its row as it is:
// nearly every event is of that kind.
func (c *conn) status(run int64, was journal.State, st journal.Status) error {
	if st.State != journal.Running || was != journal.Running {
		var wake any = 0
		if st.State != journal.Running {
			wake = st.Wake
		}
		if err := c.exec("UPDATE run SET state = ?, wake = ?, ended = ?, code = ?, message = ? WHERE number = ?",
			string(st.State), wake, st.Ended, st.Code, st.Message, run); err != nil {
			return err
		}
		if err := c.exec("UPDATE payload SET output = ?1 WHERE run = ?2 AND output IS NOT ?1", st.Output, run); err != nil {
			return err
		}
	}
	return c.show(run, st)
}

// Post leaves a message.
func (s *Store) Post(_ context.Context, run string, event []byte, d journal.Deed) error {
	return s.update(func(c *conn) error {
		number, err := c.number("SELECT number FROM run WHERE id = ?", run)
		switch {
		case err != nil:
			return err
		case number == 0:
			return journal.ErrNotFound
		}
		if err := c.exec("INSERT INTO message (run, event) VALUES (?, ?)", number, event); err != nil {
			return err
		}
		if err := c.exec("UPDATE run SET wake = 0 WHERE number = ?", number); err != nil {
			return err
		}
		return c.did(number, d)
	})
}

// did writes a deed down; run is nil for the store.
func (c *conn) did(run any, d journal.Deed) error {
	return c.exec("INSERT INTO deed (run, at, what, did_by, why) VALUES (?, ?, ?, ?, ?)", run, d.At, d.What, d.By, d.Why)
}

// Deeds are those of a run, or of the store.
func (s *Store) Deeds(ctx context.Context, run string) (out []journal.Deed, err error) {
	err = s.view(ctx, func(c *conn) error {
		var number any
		if run != "" {
			n, err := c.number("SELECT number FROM run WHERE id = ?", run)
			switch {
			case err != nil:
				return err
			case n == 0:
				return journal.ErrNotFound
			}
			number = n
		}
		return c.each("SELECT at, what, did_by, why FROM deed WHERE run IS ? ORDER BY number", func(st *sqlite3.Stmt) error {
			out = append(out, journal.Deed{At: moment(st, 0), What: st.ColumnText(1), By: st.ColumnText(2), Why: st.ColumnText(3)})
			return nil
		}, number)
	})
	return out, err
}

// Told are the runs of a worker that have messages.
func (s *Store) Told(ctx context.Context, worker string) (out []string, err error) {
	err = s.view(ctx, func(c *conn) error {
		return c.each(told, func(st *sqlite3.Stmt) error {
			out = append(out, st.ColumnText(0))
			return nil
		}, worker)
	})
	return out, err
}

// Inbox are the messages of a run.
func (s *Store) Inbox(ctx context.Context, run string) (out []journal.Message, err error) {
	err = s.view(ctx, func(c *conn) error {
		return c.each("SELECT message.number, event FROM message JOIN run ON run.number = message.run WHERE run.id = ? ORDER BY message.number", func(st *sqlite3.Stmt) error {
			out = append(out, journal.Message{Number: st.ColumnInt64(0), Event: blob(st, 1)})
			return nil
		}, run)
	})
	return out, err
}

// claimable are runs that want a worker: ?1 now, ?2 how many, ?3 the worker, ?4 the only
// runs, as JSON, or NULL.
const claimable = `SELECT number FROM (
  SELECT * FROM (SELECT number, wake FROM run WHERE worker IS NULL AND wake IS NOT NULL AND wake <= ?1
    AND (?4 IS NULL OR id IN (SELECT value FROM json_each(?4))) ORDER BY wake LIMIT ?2)
  UNION ALL
  SELECT * FROM (SELECT number, 0 FROM run WHERE worker IS NOT NULL AND worker <> ?3 AND worker NOT IN (SELECT id FROM worker WHERE until > ?1)
    AND (?4 IS NULL OR id IN (SELECT value FROM json_each(?4))) LIMIT ?2)
) ORDER BY wake LIMIT ?2`

// nextDue is when the next run wants a worker.
const nextDue = "SELECT min(wake) FROM run WHERE worker IS NULL AND wake IS NOT NULL"

// told are the runs of worker ?1 that have messages.
const told = "SELECT DISTINCT run.id FROM message JOIN run ON run.number = message.run WHERE run.worker = ?1 ORDER BY 1"

// Claim hands runs to a worker.
func (s *Store) Claim(ctx context.Context, worker string, now time.Time, n int, runs ...string) (out []journal.Claim, err error) {
	if n <= 0 {
		return nil, nil
	}
	var only any
	if len(runs) > 0 {
		only = toJSON(runs)
	}
	due := false // nearly always nothing is, and then nothing is written
	if err := s.view(ctx, func(c *conn) error {
		return c.each(claimable, func(*sqlite3.Stmt) error { due = true; return nil }, now, 1, worker, only)
	}); err != nil || !due {
		return nil, err
	}
	err = s.update(func(c *conn) error {
		var numbers []int64
		if err := c.each(claimable, func(st *sqlite3.Stmt) error { numbers = append(numbers, st.ColumnInt64(0)); return nil }, now, n, worker, only); err != nil {
			return err
		}
		for _, number := range numbers {
			if err := c.exec("UPDATE run SET worker = ?, fence = fence + 1 WHERE number = ?", worker, number); err != nil {
				return err
			}
			if err := c.each("SELECT "+columns+", fence FROM "+tables+" WHERE number = ?", func(st *sqlite3.Stmt) error {
				rec, err := record(st)
				out = append(out, journal.Claim{Run: rec.Run, Events: rec.Events, Wake: rec.Wake, Fence: st.ColumnInt64(columnCount)})
				return err
			}, number); err != nil {
				return err
			}
		}
		return c.exec("DELETE FROM worker WHERE until < ? AND id NOT IN (SELECT worker FROM run WHERE worker IS NOT NULL)", now)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Alive says that a worker lives.
func (s *Store) Alive(_ context.Context, worker string, until time.Time) error {
	return s.update(func(c *conn) error {
		return c.exec("INSERT OR REPLACE INTO worker VALUES (?, ?)", worker, until)
	})
}

// Next is when the next run is due.
func (s *Store) Next(ctx context.Context) (at time.Time, err error) {
	err = s.view(ctx, func(c *conn) error {
		return c.each(nextDue, func(st *sqlite3.Stmt) error {
			at = moment(st, 0)
			return nil
		})
	})
	return at, err
}

// Keep writes a breaker.
func (s *Store) Keep(_ context.Context, b journal.Breaker) error {
	return s.update(func(c *conn) error {
		return c.exec(`INSERT INTO breaker VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (service) DO UPDATE SET state = ?2, until = ?3, changed = ?4 WHERE changed < ?4`, b.Service, b.State, b.Until, b.Changed)
	})
}

// Breakers are all that were kept.
func (s *Store) Breakers(ctx context.Context) (out []journal.Breaker, err error) {
	err = s.view(ctx, func(c *conn) error {
		return c.each("SELECT service, state, until, changed FROM breaker ORDER BY service", func(st *sqlite3.Stmt) error {
			out = append(out, journal.Breaker{Service: st.ColumnText(0), State: st.ColumnText(1), Until: moment(st, 2), Changed: moment(st, 3)})
			return nil
		})
	})
	return out, err
}

const (
	columns = "id, key, workflow, version, definition, correlation, seed, start, input, tags, started_by, why, state, wake, ended, code, message, output, " +
		"(SELECT coalesce(max(seq), -1) FROM event WHERE event.run = number) + 1, worker"
	tables      = "run JOIN payload ON payload.run = number"
	columnCount = 20
)

func record(st *sqlite3.Stmt) (r journal.Record, err error) {
	r.Run = journal.Run{ID: st.ColumnText(0), Key: st.ColumnText(1), Workflow: st.ColumnText(2), Version: st.ColumnText(3), Definition: st.ColumnText(4),
		Correlation: st.ColumnText(5), Seed: uint64(st.ColumnInt64(6)), Start: moment(st, 7), Input: blob(st, 8), By: st.ColumnText(10), Why: st.ColumnText(11)}
	if err := json.Unmarshal(st.ColumnRawText(9), &r.Tags); err != nil {
		return r, err
	}
	r.Status = journal.Status{State: journal.State(st.ColumnText(12)), Wake: moment(st, 13), Ended: moment(st, 14), Code: st.ColumnText(15), Message: st.ColumnText(16), Output: blob(st, 17)}
	if r.State != journal.Waiting || st.ColumnInt64(13) == 0 { // it wants a worker at once
		r.Wake = time.Time{}
	}
	r.Events, r.Worker = st.ColumnInt(18), st.ColumnText(19)
	return r, nil
}

func (c *conn) record(id string) (r journal.Record, err error) {
	err = c.each("SELECT "+columns+" FROM "+tables+" WHERE id = ?", func(st *sqlite3.Stmt) (err error) { r, err = record(st); return err }, id)
	if err == nil && r.ID == "" {
		err = journal.ErrNotFound
	}
	return r, err
}

// Run finds one.
func (s *Store) Run(ctx context.Context, id string) (r journal.Record, err error) {
	err = s.view(ctx, func(c *conn) (err error) { r, err = c.record(id); return err })
	return r, err
}

// Events are those of a run.
func (s *Store) Events(ctx context.Context, id string) (out [][]byte, err error) {
	err = s.view(ctx, func(c *conn) error {
		number, err := c.number("SELECT number FROM run WHERE id = ?", id)
		switch {
		case err != nil:
			return err
		case number == 0:
			return journal.ErrNotFound
		}
		return c.each("SELECT body FROM event WHERE run = ? ORDER BY seq", func(st *sqlite3.Stmt) error {
			out = append(out, blob(st, 0))
			return nil
		}, number)
	})
	return out, err
}

// Steps and attempts of a run.
func (s *Store) Steps(ctx context.Context, id string) (steps []journal.Step, attempts []journal.Attempt, err error) {
	err = s.view(ctx, func(c *conn) error {
		number, err := c.number("SELECT number FROM run WHERE id = ?", id)
		switch {
		case err != nil:
			return err
		case number == 0:
			return journal.ErrNotFound
		}
		if err := c.each("SELECT name, number, state, attempts, granted, next_retry, started, ended, code, message, needs, nested FROM step WHERE run = ? ORDER BY number, name", func(st *sqlite3.Stmt) error {
			step := journal.Step{Name: st.ColumnText(0), Number: st.ColumnInt(1), State: st.ColumnText(2), Attempts: st.ColumnInt(3), Of: st.ColumnInt(4),
				NextRetry: moment(st, 5), Started: moment(st, 6), Ended: moment(st, 7), Code: st.ColumnText(8), Message: st.ColumnText(9), Inner: st.ColumnInt(11) == 1}
			err := json.Unmarshal(st.ColumnRawText(10), &step.Needs)
			if len(step.Needs) == 0 {
				step.Needs = nil
			}
			steps = append(steps, step)
			return err
		}, number); err != nil {
			return err
		}
		return c.each("SELECT step, place, number, operation, key, outcome, started, ended FROM attempt WHERE run = ? ORDER BY started, place, number", func(st *sqlite3.Stmt) error {
			attempts = append(attempts, journal.Attempt{Step: st.ColumnText(0), Place: st.ColumnText(1), Number: st.ColumnInt(2), Operation: st.ColumnText(3),
				Key: st.ColumnText(4), Outcome: st.ColumnText(5), Started: moment(st, 6), Ended: moment(st, 7)})
			return nil
		}, number)
	})
	return steps, attempts, err
}

// where turns a filter into SQL.
func where(f journal.Filter) (string, []any) {
	sql, args := "1", []any{}
	add := func(cond string, a ...any) { sql, args = sql+" AND "+cond, append(args, a...) }
	if len(f.States) > 0 {
		states := make([]any, len(f.States))
		for i, s := range f.States {
			states[i] = string(s)
		}
		add("state IN ("+strings.TrimSuffix(strings.Repeat("?,", len(states)), ",")+")", states...)
	}
	if f.Workflow != "" {
		add("workflow = ?", f.Workflow)
	}
	if f.Key != "" {
		add("key = ?", f.Key)
	}
	if f.Namespace != "" {
		add("substr(workflow, 1, length(?) + 1) = ? || '.'", f.Namespace, f.Namespace)
	}
	if f.Version != "" {
		add("version = ?", f.Version)
	}
	if f.By != "" {
		add("started_by = ?", f.By)
	}
	if f.Over {
		add("ended IS NOT NULL AND worker IS NULL AND wake IS NULL")
	}
	for name, v := range f.Tags {
		add("EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.key = ? AND tag.value = ?)", name, v)
	}
	if !f.Since.IsZero() {
		add("start >= ?", f.Since)
	}
	if !f.Before.IsZero() {
		add("start < ?", f.Before)
	}
	if !f.EndedBefore.IsZero() {
		add("ended IS NOT NULL AND ended < ?", f.EndedBefore)
	}
	return sql, args
}

// List chooses runs.
func (s *Store) List(ctx context.Context, f journal.Filter) (out []journal.Record, err error) {
	cond, args := where(f)
	order, beyond := "DESC", "<"
	if f.Oldest {
		order, beyond = "ASC", ">"
	}
	if f.After != "" {
		cond, args = cond+" AND number "+beyond+" (SELECT number FROM run WHERE id = ?)", append(args, f.After)
	}
	limit := f.Limit
	if limit == 0 {
		limit = 1000
	}
	err = s.view(ctx, func(c *conn) error {
		return c.each("SELECT "+columns+" FROM "+tables+" WHERE "+cond+" ORDER BY number "+order+" LIMIT ?", func(st *sqlite3.Stmt) error {
			r, err := record(st)
			out = append(out, r)
			return err
		}, append(args, limit)...)
	})
	return out, err
}

// Prune forgets runs that have ended.
func (s *Store) Prune(_ context.Context, f journal.Filter, d journal.Deed) (n int, err error) {
	f.Over = true
	cond, args := where(f)
	for more := true; more && err == nil; { // in pieces, so that others can write meanwhile
		err = s.update(func(c *conn) error {
			var numbers []int64
			if err := c.each("SELECT number FROM run WHERE "+cond+" LIMIT 1000",
				func(st *sqlite3.Stmt) error { numbers = append(numbers, st.ColumnInt64(0)); return nil }, args...); err != nil {
				return err
			}
			more = len(numbers) == 1000
			for _, number := range numbers {
				for _, sql := range []string{"DELETE FROM event WHERE run = ?", "DELETE FROM step WHERE run = ?", "DELETE FROM attempt WHERE run = ?", "DELETE FROM message WHERE run = ?", "DELETE FROM payload WHERE run = ?", "DELETE FROM deed WHERE run = ?", "DELETE FROM run WHERE number = ?"} {
					if err := c.exec(sql, number); err != nil {
						return err
					}
				}
			}
			n += len(numbers)
			if more {
				return nil
			}
			if err := c.did(nil, d); err != nil {
				return err
			}
			return c.exec("DELETE FROM definition WHERE hash NOT IN (SELECT definition FROM run)")
		})
	}
	return n, err
}
