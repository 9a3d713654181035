// Package explore runs a workflow in every way it can go, with the core that runs it for
// real: at every call that a run reaches it tries each outcome that the service declares,
// each success that conditions can tell from another, each failure, answers that are lost
// after the call took effect; it cancels, lets the process die, sends signals early, late
// and never, and takes what falls on one moment in every order. States that go on alike are
// visited once. What must never happen is told with the shortest story that leads to it.
package explore

import (
	"runtime"
	"time"

	"wf/golden/invariant"
	"wf/golden/propose"
	"wf/interpreter/machine"
	"wf/lang/diag"
	"wf/lang/graph"
)

// Options of [Run]. The zero value explores an example of the input, without cancelling
// and crashes.
type Options struct {
	Inputs      []Input       // to begin with
	Examples    bool          // and with an example of the input's type, and with what differs from the first in what conditions read
	Faults      int           // at once in a run, at most; negative: all, if that can be afforded, else two
	Limit       int           // choices that may be tried; 0: DefaultLimit. A search that was asked for a number of faults may take more
	Attempts    int           // of a call that may each go another way; further ones go as the last of these did. 0: three
	Items       int           // of a loop that may each go another way; further ones go well, or as the last of these did. 0: two
	Workers     int           // 0: as many as there are processors. What comes out is the same
	Cancel      bool          // cancel the run at every moment
	Crash       bool          // let the process die at every moment
	Signals     bool          // send signals when nobody waits for them
	WithoutKeys bool          // services know no idempotency keys: what is asked for again is done again
	Cover       machine.Cover // of [Apart]: listens to the runs of the old version, one at a time if Workers is 1; nil: nobody
	Progress    func(Progress)
	Stop        func() bool // asked often, by all workers; true ends the search; nil: never

	Heard      *Heard           // what calls answer when all is well; nil: examples
	Invariants []*invariant.Set // of the workflow, of each file that has some
	Exact      bool             // tell states apart whose deadlines are nearly as far away; else by a 16th of their length

	Choices int      // [Compare] tries so many in each version to find what must not happen; 0: it does not look for that
	Demands []Demand // by which [Compare] judges; nil: by what holds for every workflow alone

	known     []diag.Span // invariants
	tests     Tests       // that were run
	apart     bool        // tell what is wrong in runs that are cancelled apart from what is in others
	given     bool        // Inputs are where runs begin: none is left out, and none comes beside
	focus     []string    // expressions that matter as conditions do
	changed   bool        // of a pair: expressions that only one version has do
	pairs     bool        // of runs of two versions are made
	noMerging bool        // of equal states, for tests
}

// DefaultLimit is how many choices are tried.
const DefaultLimit = 200_000

// deadlines is into how many parts a deadline is divided, of which moments are alike.
const deadlines = 16

// Input is where runs begin.
type Input struct {
	Value any
	Text  string // how a test says it, with names of its file; "": it must be written out
	Label string // what is special about it
}

// Progress is how far a search has come.
type Progress struct {
	Faults  int    // at once, in the runs that are being tried
	States  int    // that were found
	Waiting int    // of these, with something left to try
	Tried   int    // choices
	Version string // the one that is explored, "old" or "new"; "": there is but one, or pairs of runs of both are made
}

// Kind is what must not happen.
type Kind string

// Kinds of findings. All but Invariant hold for every workflow.
const (
	Invariant  Kind = "invariant"  // one of the workflow is broken
	Expression Kind = "expression" // an expression or an argument fails
	Stuck      Kind = "stuck"      // a run that never ends
	Left       Kind = "left"       // one fault is enough, and something is not undone
	AfterEnd   Kind = "after_end"  // a call after the run was cancelled, or out of time
	OneKey     Kind = "one_key"    // two different requests have one idempotency key
	Twice      Kind = "twice"      // one request takes effect twice
)

// Finding is something that must not happen, and the shortest way to it.
type Finding struct {
	Kind      Kind
	Title     string
	Rule      string // of an invariant that is broken; "" for others
	Place     string // of the call or step; "" if there is none
	Faults    int    // how many it takes
	Times     int    // how many more choices led to the same
	Input     Input
	Story     []Line
	Cancelled bool // the run was, before it happened

	run *propose.Run // as a test expects it not to be
}

// End is how a run ended.
type End struct {
	Ending string // of the machine, or "stuck"
	Code   string // of a failure; "" for none
	Wrong  bool   // something that must not happen did
}

// String is "failed HTTP_503".
func (e End) String() string {
	s := e.Ending
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Wrong {
		s += " (wrong)"
	}
	return s
}

// Line is one line of a story.
type Line struct {
	At   time.Duration
	Text string
	Note bool // it is not the run's, but what is known about the world
}

// How many attempts of a call, and items of a loop, may each go another way if nobody says
// otherwise.
const (
	usualAttempts = 3
	usualItems    = 2
)

// Run explores a workflow. It is the same however many workers there are.
func Run(g *graph.Graph, opts Options) (*Report, error) {
	if opts.Limit == 0 {
		opts.Limit = DefaultLimit
	}
	if opts.Attempts == 0 {
		opts.Attempts = usualAttempts
	}
	if opts.Items == 0 {
		opts.Items = usualItems
	}
	if opts.Workers == 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	return newSearch(g, opts).run()
}
