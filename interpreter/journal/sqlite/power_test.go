package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"wf/interpreter/journal"
	"wf/interpreter/journal/sqlite"
)

// disk is a disk with a volatile cache: what was written since the last flush of a file
// is lost when the power fails, or reaches the disk in part, torn and in any order. It can
// also be full.
type disk struct {
	mu    sync.Mutex
	files map[string]*file
	ops   int // writes, truncations and flushes so far
	cut   int // the power fails at this one; 0: never
	full  int // from this one on there is no room; 0: never

	refuses error // what each of them fails with; nil: they do not
}

type file struct {
	data    []byte   // as programs see it
	stable  []byte   // as it was at the last flush
	pending []change // since then
}

// change is a write, or a truncation if data is nil.
type change struct {
	at   int64
	data []byte
}

const sector = 512

func (f *file) apply(to []byte, c change) []byte {
	if c.data == nil {
		return append(slices.Clone(to[:min(int(c.at), len(to))]), make([]byte, max(0, int(c.at)-len(to)))...)
	}
	if need := int(c.at) + len(c.data); need > len(to) {
		to = append(to, make([]byte, need-len(to))...)
	}
	copy(to[c.at:], c.data)
	return to
}

// survivor is what is on the disk after the power has failed.
func (d *disk) survivor(rng *rand.Rand) *disk {
	out := &disk{files: map[string]*file{}}
	names := make([]string, 0, len(d.files))
	for name := range d.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := d.files[name]
		data := slices.Clone(f.stable)
		var pieces []change
		for _, c := range f.pending {
			if c.data == nil {
				pieces = append(pieces, c)
			}
			for i := 0; i < len(c.data); i += sector {
				pieces = append(pieces, change{c.at + int64(i), c.data[i:min(i+sector, len(c.data))]})
			}
		}
		rng.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		for _, c := range pieces[:rng.IntN(len(pieces)+1)] {
			data = f.apply(data, c)
		}
		out.files[name] = &file{data: data, stable: slices.Clone(data)}
	}
	return out
}

// op counts one, and says whether it fails.
func (d *disk) op() error {
	d.ops++
	switch {
	case d.refuses != nil:
		return d.refuses
	case d.cut > 0 && d.ops >= d.cut:
		return sqlite3.IOERR
	case d.full > 0 && d.ops >= d.full:
		return sqlite3.FULL
	}
	return nil
}

func (d *disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if f == nil {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, sqlite3.CANTOPEN
		}
		f = &file{}
		d.files[name] = f
	}
	return &handle{d, f}, flags, nil
}

func (d *disk) Delete(name string, _ bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.op(); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

func (d *disk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files[name] != nil, nil
}

func (d *disk) FullPathname(name string) (string, error) { return name, nil }

type handle struct {
	d *disk
	f *file
}

func (h *handle) Close() error { return nil }

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return bytes.NewReader(h.f.data).ReadAt(b, at)
}

func (h *handle) change(c change) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.op(); err != nil {
		if h.d.cut > 0 && h.d.ops == h.d.cut { // it was on its way
			h.f.pending = append(h.f.pending, c)
		}
		return err
	}
	h.f.data = h.f.apply(h.f.data, c)
	h.f.pending = append(h.f.pending, c)
	return nil
}

func (h *handle) WriteAt(b []byte, at int64) (int, error) {
	if err := h.change(change{at, slices.Clone(b)}); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (h *handle) Truncate(size int64) error { return h.change(change{at: size}) }

func (h *handle) Sync(vfs.SyncFlag) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.d.op(); err != nil {
		return err
	}
	h.f.stable, h.f.pending = slices.Clone(h.f.data), nil
	return nil
}

func (h *handle) Size() (int64, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return int64(len(h.f.data)), nil
}

func (h *handle) Lock(vfs.LockLevel) error                        { return nil }
func (h *handle) Unlock(vfs.LockLevel) error                      { return nil }
func (h *handle) CheckReservedLock() (bool, error)                { return false, nil }
func (h *handle) SectorSize() int                                 { return sector }
func (h *handle) DeviceCharacteristics() vfs.DeviceCharacteristic { return 0 }

var _ io.ReaderAt = (*handle)(nil)

// mount makes the disk known to SQLite and opens the store on it.
func (d *disk) mount(t *testing.T) (*sqlite.Store, error) {
	t.Helper()
	name := fmt.Sprintf("disk %p", d)
	vfs.Register(name, d)
	t.Cleanup(func() { vfs.Unregister(name) })
	return sqlite.Open("runs.db", sqlite.Options{VFS: name, Single: true})
}

var (
	ctx        = context.Background()
	epoch      = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	definition = journal.Definition{Hash: "h", Workflow: "w", Files: map[string][]byte{"w.wf": bytes.Repeat([]byte("x"), 3000)}}
)

// ledger is what a store has acknowledged.
type ledger struct {
	mu    sync.Mutex
	acked map[string]int // events of a run; it was created if it stands here
	sent  map[string]int // that were handed over
}

// load makes several runs write at once until the store fails, or they are through.
func (l *ledger) load(s *sqlite.Store) (failed bool) {
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for r := range 5 {
				id := fmt.Sprintf("w%d-r%d", w, r)
				c, err := s.Create(ctx, definition, journal.Run{ID: id, Workflow: "w", Definition: "h", Start: epoch, Input: []byte("{}")}, journal.Status{State: journal.Running}, "w")
				for i := 0; err == nil; i++ {
					l.mu.Lock()
					l.acked[id], l.sent[id] = i, i+1
					l.mu.Unlock()
					if i == 12 {
						break
					}
					a := journal.Append{Run: id, Fence: c.Fence, From: i, Events: [][]byte{event(id, i)}, Status: &journal.Status{State: journal.Running, Steps: []journal.Step{{Name: "s", Attempts: i}}}}
					err = s.Append(ctx, a)
				}
				if err != nil {
					l.mu.Lock()
					failed = true
					l.mu.Unlock()
					return
				}
			}
		})
	}
	all.Wait()
	return failed
}

func event(run string, i int) []byte {
	return fmt.Appendf(nil, "%s event %d %s", run, i, bytes.Repeat([]byte{'a' + byte(i)}, 40*i))
}

// holds checks that all that was acknowledged is there, and nothing that was never sent.
func (l *ledger) holds(t *testing.T, s *sqlite.Store, seed uint64) {
	t.Helper()
	for id, n := range l.acked {
		got, err := s.Events(ctx, id)
		if err != nil {
			t.Fatalf("seed %d: run %s was acknowledged: %v", seed, id, err)
		}
		if len(got) < n || len(got) > l.sent[id] {
			t.Fatalf("seed %d: run %s has %d events; %d were acknowledged, %d sent", seed, id, len(got), n, l.sent[id])
		}
		for i, ev := range got {
			if !bytes.Equal(ev, event(id, i)) {
				t.Fatalf("seed %d: event %d of run %s is %q", seed, i, id, ev)
			}
		}
		rec, err := s.Run(ctx, id)
		if err != nil || rec.Events != len(got) {
			t.Fatalf("seed %d: run %s is %+v, %v", seed, id, rec, err)
		}
		steps, _, err := s.Steps(ctx, id)
		if err != nil || len(got) > 0 && (len(steps) != 1 || steps[0].Attempts != len(got)-1) {
			t.Fatalf("seed %d: run %s has %d events and steps %+v, %v", seed, id, len(got), steps, err)
		}
	}
}

// rounds is how often a property is tried; WF_SOAK=1000 tries longer.
func rounds(t *testing.T, n int) uint64 {
	if s := os.Getenv("WF_SOAK"); s != "" {
		more, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(more)
	}
	return uint64(n)
}

// TestPowerFailure cuts the power at a random write: the store opens again, with all that
// was acknowledged. It goes on from there, and the power fails again.
func TestPowerFailure(t *testing.T) {
	whole := &disk{files: map[string]*file{}}
	s, err := whole.mount(t)
	if err != nil {
		t.Fatal(err)
	}
	if (&ledger{acked: map[string]int{}, sent: map[string]int{}}).load(s) {
		t.Fatal("the load fails without a failure")
	}
	s.Close()
	for seed := range rounds(t, 40) {
		rng := rand.New(rand.NewPCG(seed, 7))
		d := &disk{files: map[string]*file{}, cut: 1 + rng.IntN(whole.ops)}
		l := &ledger{acked: map[string]int{}, sent: map[string]int{}}
		if s, err := d.mount(t); err == nil {
			l.load(s)
			s.Close()
		}
		for range 2 {
			d = d.survivor(rng)
			d.cut = 0
			s, err := d.mount(t)
			if err != nil {
				t.Fatalf("seed %d: the store does not open again: %v", seed, err)
			}
			l.holds(t, s, seed)
			d.cut = d.ops + 1 + rng.IntN(40)
			for i := 0; ; i++ {
				id := fmt.Sprintf("later %d %d", d.cut, i)
				if _, err := s.Create(ctx, definition, journal.Run{ID: id, Workflow: "w", Definition: "h", Start: epoch, Input: []byte("{}")}, journal.Status{State: journal.Running}, "w"); err != nil {
					break
				}
				l.acked[id], l.sent[id] = 0, 0
			}
			s.Close()
		}
	}
}

// TestDiskFull lets the disk run full at a random write: what is refused is not there, and
// once there is room the same store goes on.
func TestDiskFull(t *testing.T) {
	for seed := range rounds(t, 20) {
		rng := rand.New(rand.NewPCG(seed, 8))
		d := &disk{files: map[string]*file{}}
		s, err := d.mount(t)
		if err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.full = d.ops + 1 + rng.IntN(200)
		d.mu.Unlock()
		l := &ledger{acked: map[string]int{}, sent: map[string]int{}}
		if !l.load(s) {
			t.Fatalf("seed %d: nobody noticed that the disk is full", seed)
		}
		d.mu.Lock()
		d.full = 0
		d.mu.Unlock()
		l.holds(t, s, seed)
		if _, err := s.Create(ctx, definition, journal.Run{ID: "later", Workflow: "w", Definition: "h", Start: epoch, Input: []byte("{}")}, journal.Status{State: journal.Running}, "w"); err != nil {
			t.Fatalf("seed %d: there is room again, and yet: %v", seed, err)
		}
		s.Close()
		again, err := d.mount(t)
		if err != nil {
			t.Fatal(err)
		}
		l.holds(t, again, seed)
		again.Close()
	}
}
