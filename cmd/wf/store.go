package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing/fstest"
	"time"

	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/journal/sqlite"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/graph"
)

// keyVariable names the variable of the environment with the key of the store.
const keyVariable = "WF_STORE_KEY"

// storeFlags are those of every command that has to do with a store.
type storeFlags struct {
	Store string `help:"File with the runs: a SQLite database, made if there is none." placeholder:"FILE" required:"" predictor:"file"`
}

// opened is a store that a command works with.
type opened struct {
	journal.Store
	key *journal.Key
}

// open opens the store. It is made if create is set; else there must be one.
func (f storeFlags) open(create bool) (*opened, error) { return openStore(f.Store, create) }

// openRun opens the store for one of its runs.
func (f storeFlags) openRun(id string) (*opened, journal.Record, error) {
	s, err := f.open(false)
	if err != nil {
		return nil, journal.Record{}, err
	}
	rec, err := s.find(context.Background(), id)
	if err != nil {
		s.Close()
		return nil, journal.Record{}, err
	}
	return s, rec, nil
}

func openStore(file string, create bool) (*opened, error) {
	key, err := storeKey()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && !create {
		x := wrong("%s: there is no such store", file)
		x.hint = near(file)
		return nil, x
	}
	s, err := sqlite.Open(file, sqlite.Options{})
	if err != nil {
		return nil, environment(err)
	}
	return &opened{s, key}, nil
}

// storeKey is the key from the environment; nil if there is none.
func storeKey() (*journal.Key, error) {
	text := os.Getenv(keyVariable)
	if text == "" {
		return nil, nil
	}
	key, err := journal.ParseKey(text)
	if err != nil {
		return nil, wrong("%s: %v", keyVariable, err)
	}
	return key, nil
}

// definitionOf packs up a workflow, so that its runs go on with what they began with.
func definitionOf(p *lang.Program, g *graph.Graph, main, environment string) (journal.Definition, error) {
	d := journal.Definition{Workflow: g.FullName(), Version: g.Version, Environment: environment, Main: main, Files: map[string][]byte{}}
	for name, text := range p.Sources {
		d.Files[name] = []byte(text)
	}
	var err error
	if d.Graph, err = g.Hash(); err != nil {
		return d, err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return d, err
	}
	sum := sha256.Sum256(text)
	d.Hash = hex.EncodeToString(sum[:])
	return d, nil
}

// storedFS are the files of a definition in a store.
type storedFS map[string][]byte

func (s storedFS) Open(name string) (fs.File, error) {
	text, ok := s[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	base := path.Base(name) // the name itself may be one that fs.ValidPath refuses
	return fstest.MapFS{base: {Data: text}}.Open(base)
}

// compile is how workers get from a definition in a store to a graph.
func (c *cast) compile(d journal.Definition) (*graph.Graph, error) {
	_, g, err := c.recompile(d)
	if err == nil {
		err = c.at.reachable(g)
	}
	return g, err
}

// recompile also gives the sources.
func (c *cast) recompile(d journal.Definition) (*lang.Program, *graph.Graph, error) {
	p, problems := lang.Load(storedFS(d.Files), d.Main, lang.Options{Catalog: c.catalog, Environment: d.Environment})
	if problems.HasErrors() {
		return nil, nil, firstError(problems)
	}
	g, err := p.Workflow(d.Workflow)
	return p, g, err
}

func firstError(list diag.List) error {
	for _, d := range list {
		if d.Severity == diag.Error {
			return errors.New(d.Span.File + ": " + string(d.Code) + ": " + d.Summary)
		}
	}
	return errors.New("the definition has errors")
}

// identity is how a run is named, and who wants it.
type identity struct {
	ID  string            `name:"id" help:"Id of the run; without it one is made. Starting a run of the same id again does nothing." placeholder:"ID"`
	Key string            `help:"Business key, unique among the runs of the workflow: starting again with the same key does nothing." placeholder:"KEY"`
	Tag map[string]string `help:"Tag by which runs are found: team=sales." placeholder:"NAME=VALUE"`
	By  string            `help:"Who starts it." placeholder:"WHO"`
	Why string            `help:"What for." placeholder:"WHY"`
}

func (i identity) given() bool {
	return i.ID != "" || i.Key != "" || len(i.Tag) > 0 || i.By != "" || i.Why != ""
}

// run is a fresh run of a workflow.
func (i identity) run(g *graph.Graph, d journal.Definition, seed uint64, start time.Time) journal.Run {
	id := i.ID
	if id == "" {
		id = journal.NewID("run_", start.UnixMilli())
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	return journal.Run{ID: id, Key: i.Key, Workflow: g.FullName(), Version: g.Version, Definition: d.Hash, Seed: h.Sum64() + seed, Start: start.UTC(), Tags: i.Tag, By: i.By, Why: i.Why}
}

// workerName is one that no other worker has.
func workerName(now time.Time) string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return journal.NewID(host+"_", now.UnixMilli())
}

// environment turns an error of a store into an exit.
func environment(err error) error {
	var x *exit
	switch {
	case err == nil || errors.As(err, &x):
		return err
	case errors.Is(err, durable.ErrSecret):
		return wrong("%v", err).hinted("make a key with: openssl rand -hex 32 — and set %s, so that the store encrypts what it keeps", keyVariable)
	case errors.Is(err, journal.ErrSealed):
		return wrong("%v", err).hinted("set %s to the key that the run was started with", keyVariable)
	}
	var broken *journal.StoreError
	if errors.As(err, &broken) {
		return (&exit{status: exitEnvironment, message: err.Error()}).hinted("%s", broken.Hint)
	}
	return &exit{status: exitEnvironment, message: err.Error()}
}

// find is a run by its id, or by the beginning of one.
func (s *opened) find(ctx context.Context, id string) (journal.Record, error) {
	rec, err := s.Run(ctx, id)
	if !errors.Is(err, journal.ErrNotFound) {
		return rec, environment(err)
	}
	list, err := s.List(ctx, journal.Filter{Limit: 10_000})
	if err != nil {
		return rec, environment(err)
	}
	var found []journal.Record
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
		if id != "" && strings.HasPrefix(r.ID, id) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		x := wrong("there is no run %s in the store", id)
		if x.hint = diag.DidYouMean(id, ids); x.hint == "" {
			x.hint = "wf runs --store FILE lists them"
		}
		return rec, x
	case 1:
		return found[0], nil
	}
	return rec, wrong("%d runs begin with %s", len(found), id)
}
