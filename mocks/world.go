// Package mocks holds the mock services of the shipped workflows: small, stateful
// and deterministic. [Register] adds them to a registry; the [World] it returns is
// their shared state, which lives as long as one run or test scenario.
//
// Their signatures are those of workflows/services, the files that authors import.
// Some services are mocked in the language itself, in workflows/mocks.
// Ids count from 1, times come from the clock of the run, latencies and other
// "random" parts from the seed. A call repeated with the same idempotency key gets
// the stored answer and has no second effect.
//
// [Stage] is the other kind of mock: services that answer what a .wf file tells them.
package mocks

import (
	"io/fs"
	"path"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"wf/builtins"
	"wf/lang"
	"wf/lang/value"
	"wf/workflows"
)

// Options of [Register].
type Options struct {
	Seed uint64 // of latencies and generated ids
}

// World is the state of all mock services.
type World struct {
	mu     sync.Mutex
	seed   uint64
	tables map[string]*Table
	sent   map[string]int       // notifications by user and minute
	stored map[storedKey]stored // answers by operation and idempotency key
	calls  []builtins.Call

	writing sync.Mutex        // of stages
	stages  map[string]*Stage // of workflows/mocks, by file
}

type storedKey struct{ service, operation, key string }

type stored struct {
	args   map[string]any
	answer builtins.Answer
}

// Table is the rows of one kind, in the order in which they were made.
type Table struct{ Rows []map[string]any }

// Find is the first row whose field has the value; nil if there is none.
func (t *Table) Find(field string, v any) map[string]any {
	for _, row := range t.Rows {
		if row[field] == v {
			return row
		}
	}
	return nil
}

// Table is the table of that name ("users", "profiles", …), made on first use.
func (w *World) Table(name string) *Table {
	if w.tables == nil {
		w.tables = map[string]*Table{}
	}
	if w.tables[name] == nil {
		w.tables[name] = &Table{}
	}
	return w.tables[name]
}

// Calls lists every call made so far, in order.
func (w *World) Calls() []builtins.Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]builtins.Call(nil), w.calls...)
}

// reply is what an operation says: a status or an error class, a body, and headers
// beside the usual.
type reply struct {
	status  int
	class   string
	body    map[string]any
	headers map[string]string
}

// operation is one mock operation. It runs under the lock of the world.
type operation func(w *World, c builtins.Call) reply

// domain is the services that belong together, as one file of this package mocks them.
type domain struct {
	profiles   map[string]profile   // by service
	operations map[string]operation // by "service.operation"
}

// domains lists them all. No service is in two.
var domains = []domain{registration, shop, refund, travel}

// profile is how a service presents itself.
type profile struct {
	name, version string
	least, most   int // latency in milliseconds
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Signatures lists the signatures of all mock services, by file and place.
var Signatures = sync.OnceValue(func() []*value.Signature {
	files, err := fs.Glob(workflows.FS, "services/*.wf")
	must(err)
	var out []*value.Signature
	for _, f := range files {
		p, problems := lang.Load(workflows.FS, path.Clean(f), lang.Options{})
		must(problems.Err())
		for _, s := range p.Services {
			out = append(out, s.Operations...)
		}
	}
	return out
})

// signatures finds a signature by "service.operation". They are read from the
// embedded files when first asked for, which a run that imports its own never does.
var signatures = sync.OnceValue(func() map[string]*value.Signature {
	out := map[string]*value.Signature{}
	for _, sig := range Signatures() {
		out[sig.Name()] = sig
	}
	return out
})

// serve answers one call.
func (w *World) serve(op operation, c builtins.Call) builtins.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
	id := storedKey{c.Service, c.Operation, c.Key}
	// whether the operation is idempotent matters, and is looked up, only when a key comes again
	if old, seen := w.stored[id]; seen && !signatures()[c.Service+"."+c.Operation].Idempotent {
		if reflect.DeepEqual(old.args, c.Args) {
			return old.answer
		}
		return w.dress(c, reply{status: 422, body: map[string]any{"error": "this idempotency key was used with other arguments"}})
	}
	a := w.dress(c, op(w, c))
	if a.Status/100 == 2 && c.Key != "" {
		if w.stored == nil {
			w.stored = map[storedKey]stored{}
		}
		w.stored[id] = stored{c.Args, a}
	}
	return a
}

// dress adds headers and latency to a reply.
func (w *World) dress(c builtins.Call, r reply) builtins.Answer {
	p, known := profiles()[c.Service]
	if !known {
		p = profile{c.Service + "-service", "1.0.0", 10, 60}
	}
	ms := p.least + int(w.draw(c.Service+"."+c.Operation, c)%uint64(p.most-p.least+1))
	headers := map[string]string{"content-type": "application/json", "x-response-time": strconv.Itoa(ms) + "ms", "x-service": p.name, "x-version": p.version}
	for k, v := range r.headers {
		headers[k] = v
	}
	var body any
	if r.body != nil {
		body = r.body
	}
	return builtins.Answer{Status: r.status, Class: r.class, Headers: headers, Body: body, Latency: time.Duration(ms) * time.Millisecond}
}

// draw is a number that depends on the seed and the call only.
func (w *World) draw(what string, c builtins.Call) uint64 {
	var buf [128]byte
	text := strconv.AppendUint(buf[:0], w.seed, 10)
	text = append(append(text, ' '), what...)
	text = append(append(text, ' '), strings.TrimPrefix(c.Key, c.RunID)...)
	text = strconv.AppendInt(append(text, ' '), int64(c.Attempt), 10)
	n := uint64(14695981039346656037) // FNV-1a
	for _, b := range text {
		n = (n ^ uint64(b)) * 1099511628211
	}
	n = (n ^ n>>33) * 0xff51afd7ed558ccd
	return n ^ n>>33
}

// insert adds a row with the next id and the current time.
func (w *World) insert(table string, c builtins.Call, row map[string]any) map[string]any {
	t := w.Table(table)
	out := map[string]any{"id": len(t.Rows) + 1, "created_at": stamp(c.At), "updated_at": stamp(c.At)}
	for k, v := range row {
		if v != nil {
			out[k] = v
		}
	}
	t.Rows = append(t.Rows, out)
	return out
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// pick copies the named fields of a record.
func pick(from map[string]any, names ...string) map[string]any {
	out := make(map[string]any, len(names))
	for _, n := range names {
		if v, ok := from[n]; ok {
			out[n] = v
		}
	}
	return out
}

// merge copies records into one; the last wins.
func merge(records ...map[string]any) map[string]any {
	out := map[string]any{}
	for _, r := range records {
		for k, v := range r {
			out[k] = v
		}
	}
	return out
}
