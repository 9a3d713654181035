package suite

import (
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// Invariant is what must be true of every run of a workflow.
type Invariant struct {
	Name  string
	Span  diag.Span              // of the name
	Graph *graph.Graph           // whose runs
	Rules []*Rule                // in order
	Steps map[string]*Step       // the arguments of functions of steps, by their text
	Types map[string]*value.Type // of what the rules read of a run, by its text
}

// RuleKind says what a rule demands, and when it is judged.
type RuleKind int8

// Kinds of rules, with the fields they fill beside Kind, Text and Span.
const (
	NeverCall  RuleKind = iota // Sig, When, Fact: at every attempt of a call
	Always                     // Fact: at the beginning and after every event
	Never                      // Fact: likewise
	Finally                    // Fact: when the run has ended
	Implies                    // Fact, Then: when the run has ended, if Fact ever held
	AtMost                     // Sig, Bound, Effects: after every event
	EndsWithin                 // Bound: when the run has ended
)

// CallWhen says how the fact of a [NeverCall] forbids a call.
type CallWhen int8

// A call is forbidden while its fact does not hold (Unless), has not held yet (Before), or
// once it has held (After).
const (
	Unless CallWhen = iota
	Before
	After
)

// Rule is one line of an invariant.
type Rule struct {
	Kind    RuleKind
	Text    string // as written, on one line
	Span    diag.Span
	Sig     *value.Signature // the operation it is about; nil: none
	When    CallWhen
	Fact    *expr.Program // a condition; nil: none
	Then    *expr.Program
	Bound   *expr.Program // an int, or a duration; reads the input and the values of the file only
	Effects bool          // of AtMost: effects are counted; false: calls
	Moments bool          // it depends on when something happened, not on the order alone
}

// Functions of operations that the programs of invariants and tests refer to: the calls
// that were made, and those that took effect. See [expr.TookEffect] and [expr.WasCalled]
// for the facts.
const (
	Calls   = "calls"
	Effects = "effects"
)
