// Package journal remembers runs, so that none is lost when a process dies. What a run
// is follows from the definition it began with, its input and its events; a [Store]
// keeps these three. What it shows of a run beside them, its [Status], is derived, for
// people and for finding what is due.
//
// The rule of a driver: an event is on the disk before anything is done about it. After a
// crash the events are applied to a fresh machine, and what that has pending is carried
// out again: a call that was under way is made once more with the same idempotency key,
// and no other.
//
// Packages memory and sqlite are stores; journaltest says what every store must do.
package journal

import (
	"context"
	"errors"
	"time"
)

// Errors of a store. Others mean that it does not work at the moment, or is damaged.
var (
	ErrNotFound = errors.New("there is no such run")
	ErrFenced   = errors.New("another worker has taken over the run")
	ErrExists   = errors.New("a run of this id is there already")
)

// StoreError is why a store cannot be worked with: its file is locked, damaged, or no store.
// What was acknowledged before is kept.
type StoreError struct {
	Message string
	Hint    string // what to do about it
	Err     error  // as the store says it
}

// Error is the message.
func (e *StoreError) Error() string { return e.Message }

// Unwrap is the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// Definition is all that is needed to compile a workflow again.
type Definition struct {
	Hash        string            // names it; of all the rest
	Workflow    string            // full name
	Version     string            // "": none
	Environment string            // YAML: the environment that was merged in; "": none
	Graph       string            // fingerprint of the compiled graph
	Main        string            // the file that defines the workflow
	Files       map[string][]byte // it and what it imports, by name
}

// Run is how a run began.
type Run struct {
	ID          string
	Key         string // business key, unique among the runs of a workflow; "": none
	Workflow    string // full name
	Version     string
	Definition  string // hash of its definition
	Correlation string // id of its calls; "": ID
	Seed        uint64
	Start       time.Time
	Input       []byte // JSON, sealed if the store has a key
	Tags        map[string]string
	By, Why     string // who started it, and what for; "": nobody said
}

// State is where a run is: Running, Waiting, or its ending.
type State string

// States of a run that lives.
const (
	Running State = "running"
	Waiting State = "waiting" // for a moment, or for somebody outside
)

// Status is what a store shows of a run.
type Status struct {
	State    State
	Wake     time.Time // of a waiting run: when it goes on by itself; zero: only when told to
	Ended    time.Time // zero: it lives
	Code     string    // of the error; "": none
	Message  string
	Output   []byte // JSON, sealed if the store has a key; nil: none
	Steps    []Step // those that changed, by name
	Attempts []Attempt
}

// Step is what a store shows of a step. Secrets are masked.
type Step struct {
	Name      string
	Number    int    // in the order of the definition
	Inner     bool   // of a group or loop, or an undo: no step of the run itself
	State     string // pending, running, waiting, or an ending
	Attempts  int
	Of        int       // attempts that are granted; 0: unknown
	NextRetry time.Time // zero: none is planned
	Started   time.Time // zero: not yet
	Ended     time.Time
	Code      string
	Message   string
	Needs     []string // steps that must end first
}

// Attempt is one attempt of a call.
type Attempt struct {
	Step, Place string
	Number      int
	Operation   string
	Key         string // idempotency key
	Outcome     string // "": no answer yet
	Started     time.Time
	Ended       time.Time
}

// Breaker is the breaker of a service, for all runs.
type Breaker struct {
	Service string
	State   string    // closed, open or half_open
	Until   time.Time // when the next call may be made; zero unless it is open
	Changed time.Time
}

// Quota bounds the calls of a service or operation, whichever runs make them.
type Quota struct {
	Name  string        // of the service, or of the operation with its service
	Limit int           // under way at once; 0: any number
	Calls int           // in any stretch of time of length Per; 0: any number
	Per   time.Duration // 0 if Calls is
}

// Permit is whether a call may be made.
type Permit struct {
	Granted bool
	Until   time.Time // if not: when to ask again, for it may be made then; zero: when others have ended
	By      Quota     // what keeps it back
}

// Message is what somebody outside tells a run: an encoded event whose moment is not
// known yet (At is 0).
type Message struct {
	Number int64 // given by the store
	Event  []byte
}

// Append is what a driver has to say of a run at once: all of it is kept, or nothing.
type Append struct {
	Run    string
	Fence  int64    // of the claim; an older one is refused with ErrFenced
	From   int      // number of events before these
	Events [][]byte // sealed if the store has a key
	Taken  []int64  // numbers of the messages that are among the events
	Status *Status  // nil: nothing that is shown has changed
	Leave  bool     // the run is given back: nobody has it any more
}

// Claim is a run that a worker has to itself, until it leaves it or is silent for too
// long.
type Claim struct {
	Run    Run
	Fence  int64     // the number of this claim, from 1; 0: nobody has it
	Events int       // how many there are
	Wake   time.Time // when it wanted to go on, if it slept until a time; else zero
}

// Record is a run as it is listed.
type Record struct {
	Run
	Status
	Events int
	Worker string // who has it; "": nobody
}

// Filter chooses runs. Zero fields choose all.
type Filter struct {
	States        []State
	Workflow      string // full name
	Namespace     string // of the workflow, or of one above it
	Version       string // of the workflow
	Tags          map[string]string
	Key           string
	By            string    // who started it
	Since, Before time.Time // of the start
	EndedBefore   time.Time // only runs that have ended
	Over          bool      // only runs that have ended, and that nobody is about to open again
	After         string    // id of the last run of the page before
	Limit         int       // 0: 1000
	Oldest        bool      // the oldest first; else the latest
}

// Deed is what a person did to a run, or to a store.
type Deed struct {
	At      time.Time
	What    string // cancel, "resolve STEP", "signal NAME", "retry STEP"; of a store: "prune 3 runs"
	By, Why string // "": nobody said
}

// Store keeps runs. Methods may be called at once. What is acknowledged with nil is
// there after a crash.
type Store interface {
	// Create begins a run of a definition, which is kept once for all of its runs, and
	// claims it for a worker. A run of the workflow with the same key, or of the same id, is
	// returned instead, with ErrExists; it is not claimed. An empty worker leaves it to
	// whoever claims it.
	Create(ctx context.Context, d Definition, r Run, s Status, worker string) (Claim, error)
	// Definition finds one by its hash; ErrNotFound.
	Definition(ctx context.Context, hash string) (Definition, error)

	// Append adds to a run that is claimed.
	Append(ctx context.Context, a Append) error
	// Post leaves a message for a run and wakes it, and writes down whose it is; ErrNotFound.
	Post(ctx context.Context, run string, event []byte, d Deed) error
	// Deeds are those that were written down for a run, in their order; for the store if run is "".
	Deeds(ctx context.Context, run string) ([]Deed, error)
	// Told are the runs of a worker that have messages.
	Told(ctx context.Context, worker string) ([]string, error)
	// Inbox are the messages that a run has not taken yet, the oldest first.
	Inbox(ctx context.Context, run string) ([]Message, error)

	// Claim hands runs to a worker that nobody has, or whose worker is silent: running
	// ones, waiting ones whose moment has come by now, and those with messages; at most n,
	// the longest due first. If runs are named, no others are handed out.
	Claim(ctx context.Context, worker string, now time.Time, n int, runs ...string) ([]Claim, error)
	// Alive says that a worker lives, and will say so again before until.
	Alive(ctx context.Context, worker string, until time.Time) error
	// Next is when the next run is due, at the latest; zero: none is planned.
	Next(ctx context.Context) (time.Time, error)

	// Keep writes the breaker of a service, unless a later state is known.
	Keep(ctx context.Context, b Breaker) error
	// Breakers are all that were kept, by service.
	Breakers(ctx context.Context) ([]Breaker, error)

	// Permit asks whether a worker may make a call now. What a rate keeps back has a place
	// reserved at the moment that it is told, for when it asks again. What is granted is
	// under way until it is released, or its worker is silent.
	Permit(ctx context.Context, worker, call string, quotas []Quota, now time.Time) (Permit, error)
	// Release says that a call is over.
	Release(ctx context.Context, call string) error

	// Run finds one; ErrNotFound.
	Run(ctx context.Context, id string) (Record, error)
	// Events are those of a run, in order.
	Events(ctx context.Context, id string) ([][]byte, error)
	// Steps and attempts of a run, as they are shown.
	Steps(ctx context.Context, id string) ([]Step, []Attempt, error)
	// List chooses runs.
	List(ctx context.Context, f Filter) ([]Record, error)
	// Prune forgets runs that are over, and definitions that no run has, and writes down who
	// did that; it returns how many runs.
	Prune(ctx context.Context, f Filter, d Deed) (int, error)

	Close() error
}
