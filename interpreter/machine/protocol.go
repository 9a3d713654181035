package machine

import (
	"strconv"
	"time"

	"wf/lang/graph"
)

// Kind says what an ID stands for.
type Kind int8

// Kinds of IDs.
const (
	KindCall       Kind = iota // an attempt of a call
	KindTimeout                // the timer that bounds an attempt
	KindBackoff                // the timer before the next attempt
	KindStepWithin             // the timer that bounds a step
	KindRunWithin              // the timer that bounds the run
	KindLimit                  // the timer after which calls of a service may go that its limits hold
	KindPause                  // the timer of a wait for a time
)

// ID names an attempt or timer by its place in the graph, or by its service, the same on every
// driver and never given out twice in a run. It is comparable.
type ID struct {
	Place   string // of a KindLimit the service; of a call in a clause that is taken again with its round: "a.found[2]"
	Attempt int    // from 1; of a KindLimit how often it was set; of a KindBackoff the attempt it leads to, of a KindPause which of its step it is; 0 for deadlines
	Kind    Kind
	scope   int32
	step    int32
	round   int32
	run     int32 // 0: the run itself; else a workflow that it called
}

// Called reports whether it is of a workflow that the run called, and not of the run itself.
func (id ID) Called() bool { return id.run != 0 }

// String spells "place#attempt", a timer with what it is for: "place#1:timeout".
func (id ID) String() string {
	s := id.Place
	if id.Attempt != 0 {
		s += "#" + strconv.Itoa(id.Attempt)
	}
	switch id.Kind {
	case KindCall:
	case KindTimeout:
		s += ":timeout"
	case KindBackoff:
		s += ":backoff"
	case KindLimit:
		s += ":limit"
	case KindStepWithin, KindRunWithin:
		s += ":within"
	case KindPause:
		s += ":wait"
	default:
		s += ":kind " + strconv.Itoa(int(id.Kind))
	}
	return s
}

// Event is Started, CallReturned, CallFailed, CallHeld, TimerFired, SignalReceived, CancelRequested,
// StepResolved or StepRetried. Every event carries the time since the start of the run; it never goes back.
type Event interface{ event() time.Duration }

type (
	// Started begins the run. It is the first event.
	Started struct{ At time.Duration }
	// CallReturned is the answer to a call: an HTTP status, or the name of an error
	// class that the operation declares. Header names are lower-case.
	CallReturned struct {
		At      time.Duration
		ID      ID
		Status  int
		Class   string
		Headers map[string]string
		Body    any
		Again   bool // see Call
	}
	// CallFailed says that no answer came: class timeout or unreachable.
	CallFailed struct {
		At      time.Duration
		ID      ID
		Class   string
		Message string
	}
	// CallHeld says that an attempt was not made, and is not to be made before a time,
	// because of what others do. It is asked for again then, under the same ID, and its
	// timeout begins then.
	CallHeld struct {
		At    time.Duration
		ID    ID
		Until time.Duration // since the start of the run
		Why   string
		Again bool // see Call
	}
	// TimerFired says that the time of a timer has come.
	TimerFired struct {
		At time.Duration
		ID ID
	}
	// SignalReceived is a signal from outside. One that nobody waits for is kept. One that
	// the run does not know, or whose payload does not fit, is refused with a
	// [SignalError], and the run is as it was.
	SignalReceived struct {
		At      time.Duration
		Name    string
		Payload any // nil: nothing
	}
	// CancelRequested ends the run as soon as possible.
	CancelRequested struct{ At time.Duration }
	// StepResolved says that a person decided what a failed step should have returned.
	// The run, even one that has ended, goes on with the steps that could not be run.
	StepResolved struct {
		At     time.Duration
		Step   string
		Result any
	}
	// StepRetried says that a person wants a step to be run again, and what needs it. The
	// run, even one that has ended, goes on with it. Calls that were answered before the
	// step failed keep their answers, and those whose outcome is in doubt their keys; a step
	// that had not failed is done anew.
	StepRetried struct {
		At   time.Duration
		Step string // "": all that failed
	}
)

func (e Started) event() time.Duration         { return e.At }
func (e CallReturned) event() time.Duration    { return e.At }
func (e CallFailed) event() time.Duration      { return e.At }
func (e CallHeld) event() time.Duration        { return e.At }
func (e TimerFired) event() time.Duration      { return e.At }
func (e SignalReceived) event() time.Duration  { return e.At }
func (e CancelRequested) event() time.Duration { return e.At }
func (e StepResolved) event() time.Duration    { return e.At }
func (e StepRetried) event() time.Duration     { return e.At }

// At is when an event happened, since the start of its run.
func At(ev Event) time.Duration { return ev.event() }

// Command is Call, CancelCall, SetTimer, CancelTimer or Finish.
type Command interface{ command() }

type (
	// Call asks for one attempt of a call. Key is its idempotency key, the same for
	// all attempts of one request. Args must not be written to.
	Call struct {
		ID      ID
		Call    *graph.Call
		Place   string // of the call, whichever time it is made
		Args    map[string]any
		Context *Context // of a handler; nil otherwise
		Key     string
		Again   bool // it was asked for before, by a process that died perhaps, so that a refusal says nothing of what it did
		Closing bool // it belongs to an undo, to what a run does at its end, or to the finally of a step
	}
	// CancelCall says that nobody waits for an answer any more. One that comes all
	// the same is ignored.
	CancelCall struct{ ID ID }
	// SetTimer asks for TimerFired at a time since the start.
	SetTimer struct {
		ID ID
		At time.Duration
	}
	// CancelTimer revokes SetTimer. A timer that fires all the same is ignored.
	CancelTimer struct{ ID ID }
	// Finish says that the run has ended; see [Machine.Result].
	Finish struct{}
)

func (Call) command()        {}
func (CancelCall) command()  {}
func (SetTimer) command()    {}
func (CancelTimer) command() {}
func (Finish) command()      {}
