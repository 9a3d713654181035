// Package suite is the compiled form of test files: mocks that say how services
// behave, and tests. It is data only; package golden runs it.
package suite

import (
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// Suite is one test file.
type Suite struct {
	File    string
	Prelude []*graph.Let // of the file and its imports, in order; those with a constant value included
	Mocks   []*Mock      // of the file and its imports: service mocks, then those of single operations
	Puts    []*Put       // made before every test
	Tests   []*Test

	Invariants []*Invariant // of the file and its imports, in order
}

// Test is a scenario, or one for each of Cases.
type Test struct {
	Name  string
	Span  diag.Span
	Var   string           // name each of Cases is known by; "" for a single scenario
	Cases *expr.Program    // a list; nil for a single scenario
	Body  []Stmt           // in order
	Steps map[string]*Step // the arguments of functions of steps, by their text
}

// Step names a step of a run as its trace does.
type Step struct {
	Text     string // as written: send["a"].pack
	Parts    []Part
	Workflow bool // it names a workflow that a step calls
}

// Part is the name of a step in what stands before it, or the key of an item.
type Part struct {
	Name string
	Key  *expr.Program // nil: Name
}

// Stmt is *graph.Let, *Mock, *Put, *Setup, *Seed, *Clock, *Deed, *Run, *Expect or *Golden.
type Stmt interface{}

type (
	// Mock is how a service behaves, or one of its operations.
	Mock struct {
		Service   string
		Operation string // "" for a whole service
		Tables    []*Table
		Replies   map[string]*Replies // by operation
		Pass      bool                // whole services: what is not in Replies is answered by the mock below
		Span      diag.Span
	}
	// Table is state of a mock service.
	Table struct {
		Service string
		Name    string
		Row     *value.Type // a record; its first field is the key
		Span    diag.Span
	}
	// Replies is what answers the calls of an operation. Once says that each reply
	// answers one call, unless it says otherwise.
	Replies struct {
		Sig   *value.Signature
		Once  bool
		Reads []string // names its expressions read, sorted
		Body  []Reaction
		Span  diag.Span
	}
	// Reaction is *graph.Let, *Put, *When or *Reply.
	Reaction interface{}
	// When holds reactions under a condition.
	When struct {
		Cond *expr.Program
		Body []Reaction
		Span diag.Span
	}
	// Reply is one answer.
	Reply struct {
		Index   int // among the replies of its Replies
		Pass    bool
		Outcome value.Pattern // a status or a class
		Body    *expr.Program // nil: none
		Headers *expr.Program // nil: none
		After   *expr.Program // nil: as long as the mock below, or 10ms
		Times   *expr.Program // nil: once, if its Replies say so
		Always  bool
		Lost    bool
		Broken  bool // it breaks the signature on purpose
		Span    diag.Span
	}
	// Put adds or changes a row. Name is what a let calls it, "" for nothing.
	Put struct {
		Service, Table string
		Name           string
		Row            *expr.Program
		Span           diag.Span
	}
	// Setup is a call the test makes itself, to bring the services into a state or to
	// ask for it. Name is what a let calls the body of the answer, "" for nothing.
	Setup struct {
		Name string
		Sig  *value.Signature
		Args *expr.Program // nil: {}
		Span diag.Span
	}
	// Seed is the seed of the runs below.
	Seed struct{ Value *expr.Program }
	// Clock is the moment at which the next run begins.
	Clock struct{ At *expr.Program }
	// Deed is done at a moment of the next run.
	Deed struct {
		At      *expr.Program
		Signal  string        // sent with Payload; "": none is
		Payload *expr.Program // nil: nothing
		Running bool          // it is not sent to a run that has ended
		Crash   bool          // the process dies, and another one takes over
		Step    string        // resolved with Result; "": none is. Without any of these the run is cancelled
		Result  *expr.Program
		Retry   bool // Step is run again, or all that failed if it is ""
		Span    diag.Span
	}
	// Run runs a workflow.
	Run struct {
		Graph *graph.Graph
		Input *expr.Program // nil: {}
		Span  diag.Span
	}
	// Expect is an expectation of the last run. Exactly one of Ending and Cond is set.
	Expect struct {
		Step     *Step // of Ending; nil is the run
		Ending   string
		Code     string        // of a failure; "" is any
		Path     *expr.Program // of a refused input; nil is any
		Attempts *expr.Program // nil: any number
		Cond     *expr.Program
		Sides    *Sides          // of Cond, if it compares; nil otherwise
		Parts    []*expr.Program // what Cond reads, if it does not
		Span     diag.Span
	}
	// Sides are the operands of a comparison, so that a failure can show both; of "all"
	// and "none" the list, and the index of the element that breaks it.
	Sides struct {
		Operator    string
		Left, Right *expr.Program
	}
	// Golden compares the trace of the last run with a file.
	Golden struct{ Span diag.Span }
)

// Endings a run may be expected to have beside those of the machine.
const Refused = "refused" // the input did not fit, and nothing was run

// EveryCall reports whether the reply answers every call that reaches it; once says
// that a reply which says nothing answers one.
func (r *Reply) EveryCall(once bool) bool { return r.Always || !once && r.Times == nil }
