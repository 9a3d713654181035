package sqlite

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"wf/interpreter/journal"
)

// States of a row of permit: reserved for a time, under way, over. One that is over counts
// for rates as long as they look back.
const (
	permitReserved = iota
	permitUnderWay
	permitOver
)

// forgotten is how long a place is kept for a call that does not come.
const forgotten = time.Hour

// Permit asks whether a call may be made.
func (s *Store) Permit(_ context.Context, worker, call string, quotas []journal.Quota, now time.Time) (p journal.Permit, err error) {
	err = s.update(func(c *conn) error {
		p = journal.Permit{Granted: true}
		for _, q := range quotas {
			at, err := c.place(q, call, now)
			if err != nil {
				return err
			}
			if at.After(now) && (p.Granted || at.After(p.Until)) {
				p = journal.Permit{Until: at, By: q}
			}
		}
		for _, q := range quotas {
			if !p.Granted || q.Limit == 0 {
				continue
			}
			n, err := c.number(`SELECT count(*) FROM permit WHERE name = ?1 AND state = 1 AND call <> ?2
				AND worker IN (SELECT id FROM worker WHERE until > ?3)`, q.Name, call, now)
			if err != nil {
				return err
			}
			if n >= int64(q.Limit) {
				p = journal.Permit{By: q}
			}
		}
		for _, q := range quotas {
			if !p.Granted {
				continue
			}
			// its reserved place, or one that was under way with a worker that is silent since
			if err := c.exec("DELETE FROM permit WHERE name = ? AND call = ? AND state <> 2", q.Name, call); err != nil {
				return err
			}
			if err := c.exec("INSERT INTO permit (name, call, at, state, worker) VALUES (?, ?, ?, ?, ?)", q.Name, call, now, permitUnderWay, worker); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

// place is when a call may be made by the rate of a quota; if that is later, the moment is
// reserved.
func (c *conn) place(q journal.Quota, call string, now time.Time) (at time.Time, err error) {
	if err := c.exec(`DELETE FROM permit WHERE name = ?1 AND at <= ?2 AND (state = 2
		OR state = 1 AND worker NOT IN (SELECT id FROM worker WHERE until > ?3) OR state = 0 AND at <= ?4)`,
		q.Name, now.Add(-q.Per), now, now.Add(-q.Per-forgotten)); err != nil || q.Calls == 0 {
		return now, err
	}
	first := func(st *sqlite3.Stmt) error { at = moment(st, 0); return nil }
	if err := c.each("SELECT at FROM permit WHERE name = ? AND call = ? AND state = 0", first, q.Name, call); err != nil || !at.IsZero() {
		return at, err
	}
	if err := c.each("SELECT at FROM permit WHERE name = ? ORDER BY at DESC LIMIT 1 OFFSET ?", first, q.Name, q.Calls-1); err != nil {
		return at, err
	}
	if at = at.Add(q.Per); !at.After(now) {
		return now, nil
	}
	return at, c.exec("INSERT INTO permit (name, call, at, state) VALUES (?, ?, ?, ?)", q.Name, call, at, permitReserved)
}

// Release says that a call is over.
func (s *Store) Release(_ context.Context, call string) error {
	return s.update(func(c *conn) error {
		return c.exec("UPDATE permit SET state = ?, worker = NULL WHERE call = ? AND state = ?", permitOver, call, permitUnderWay)
	})
}
