// Package graph is the compiled program: data only, immutable once built, printed
// as JSON and hashed. Everything above it is language, everything below execution.
package graph

import (
	"slices"
	"strings"
	"time"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/schema"
	"wf/lang/value"
)

// Graph is one workflow, ready to run.
type Graph struct {
	Namespace, Name   string
	Version, Describe string
	Span              diag.Span      // of its name
	Input             *value.Type    // a record; never nil
	Schema            *schema.Schema // JSON Schema the input must meet as well; nil: none
	Prelude           []Stmt         // *Let and *Ensure, in order, before the first step
	Within            *Setting       // bound of the run; nil: none
	Limit             *Setting       // steps at once; nil: no limit
	Breaker           *Breaker       // of the services that declare none; nil: none
	Signals           []*Signal      // that a run can be sent, in source order
	Steps             []*Step        // in source order; a step's Index is its place here
	Output            *expr.Program  // nil: no output
	OnFailed          *Block         // when the run has failed, and what it did is undone; nil: nothing
	Finally           *Block         // at the end of the run, however it ends; nil: nothing
	ReadsRun          bool           // some expression reads run
}

// Signal is what a run can be told from outside while it goes on.
type Signal struct {
	Name    string
	Key     string      // field of the payload that says whom it is for, a string or an int; "": anybody
	Payload *value.Type // a record; nil: it says nothing but its name
	Span    diag.Span   // of its name
}

// Block is executed like a step, but is none: an undo, what a run does when it failed, and
// at its end.
type Block struct {
	Steps []*Step // the one step; its name says what it is
	Span  diag.Span
}

// Step is one box.
type Step struct {
	Index    int
	Name     string
	Describe string
	Span     diag.Span
	Needs    []Need        // steps that must end first, by index
	When     *expr.Program // nil: always
	Within   *Setting      // bound of the step, all attempts; nil: none
	Body     []Stmt
	Result   *value.Type
}

// Need is an edge to an earlier step. Data says that its result is read; After
// that an `after` names it. Both may hold.
type Need struct {
	Step        int
	Data, After bool
}

// Bounds of settings. The checker refuses constants outside of them; a computed value
// is moved to the nearer bound.
const (
	MaxAttempts = 100_000
	MaxDuration = 366 * 24 * time.Hour
	MinDeadline = time.Millisecond // of timeout and within
	MaxItems    = 1_000_000        // of a loop
	MaxNesting  = 16               // workflows that are called inside of one another
	MaxRuns     = 1_000_000        // workflows that are called in one run
	MaxKept     = 10_000           // signals that a run keeps until somebody waits for them
)

// Setting is a policy value with the level it came from.
type Setting struct {
	Value *expr.Program
	Level string // "workflow", "step", "clause", "policy NAME", "service"
	Span  diag.Span
}

// Policy is what governs the attempts of one call; all levels are merged. Nil
// settings mean the default: 1 attempt, backoff 1s to 5m, no timeout.
type Policy struct {
	Attempts, Backoff, MaxBackoff, Timeout *Setting
	Jitter                                 float64      // share of the backoff, 0 to 1
	Rules                                  []value.Rule // nearest level first; then the default table
}

// Breaker is the breaker of a workflow: it holds for every service it calls that declares
// none, for each by itself.
type Breaker struct {
	Failures, In, Open *Setting
	Span               diag.Span
}

// Opened is what of a graph a run reaches when the breaker of a service opens.
type Opened struct{ Service string }

// Nests reports whether a step runs steps of its own instead of calls.
func (s *Step) Nests() bool { return nests(s.Body) }

func nests(body []Stmt) bool {
	for _, st := range body {
		switch st := st.(type) {
		case *Group, *Loop:
			return true
		case *Switch:
			for _, a := range st.Arms {
				if nests(a.Body) {
					return true
				}
			}
		}
	}
	return false
}

// Pauses reports whether a step itself lets time pass.
func (s *Step) Pauses() bool {
	pauses := false
	EachStmt(s.Body, func(st Stmt) {
		_, yes := st.(*Wait)
		pauses = pauses || yes
	})
	return pauses
}

// Inside lists the steps that a block runs, of all arms of its switches.
func Inside(body []Stmt) (out []*Step) {
	for _, st := range body {
		switch st := st.(type) {
		case *Group:
			out = append(out, st.Steps...)
		case *Switch:
			for _, a := range st.Arms {
				out = append(out, Inside(a.Body)...)
			}
		}
	}
	return out
}

// Told is the name by which expressions read which items of a step failed, if it is a loop;
// "" if none does.
func (s *Step) Told() string {
	if len(s.Body) == 1 {
		if l, ok := s.Body[0].(*Loop); ok {
			return l.Told
		}
	}
	return ""
}

// Stmt is *Let, *Ensure, *Call, *Wait, *Switch, *Group, *Loop, *Return, *Degrade, *Fail or *Retry.
type Stmt interface{ stmt() }

type (
	// Let binds a value.
	Let struct {
		Name  string
		Value *expr.Program
		Span  diag.Span
	}
	// Ensure ends with Else unless Cond is true.
	Ensure struct {
		Cond *expr.Program
		Else Stmt
		Span diag.Span
	}
	// Call is a call with its clauses, or a wait for a signal, which is a call to whoever
	// sends it: Sig says so, and the timeout of its policy is how long it waits. Place
	// names it within the run, once and for all: "step", "step.found", "step.2".
	Call struct {
		Place   string
		Bind    string           // let name of the body; "" binds none
		Main    bool             // the last plain call of the step: its body is the step's result if nothing returns
		Sig     *value.Signature // shared with the catalog; of a workflow made from it
		Runs    *Graph           // the workflow it calls; nil: an operation of a service
		As      *Step            // that workflow as one step of the caller, for results: a group of its steps; nil beside Runs
		Args    *expr.Program    // nil: {}
		Key     *expr.Program    // idempotency key; nil: made of run and place
		By      *expr.Program    // of a wait: whose signals; nil: all
		Policy  *Policy
		Clauses []*Clause
		Undo    *Block  // nil: its effect stays
		Until   []Pivot // its effect stays from when one of these has completed; nil: it is undone in any case
		Breaker bool    // its service has a breaker
		Span    diag.Span
	}
	// Pivot is a step behind which there is no way back: the one that makes the call, one
	// around that, or one that stands beside these and waits for them.
	Pivot struct {
		Name string
		Up   int // levels outwards from the step that makes the call, each item of a loop being one; 0: its own
		Step int // index there
	}
	// Wait lets time pass. Exactly one of For and Until is set.
	Wait struct {
		For   *Setting
		Until *expr.Program // a time; one that is past is not waited for
		Span  diag.Span
	}
	// Clause is one `on`. The first that matches is taken.
	Clause struct {
		On    []value.Pattern
		When  *expr.Program // nil: always
		Body  []Stmt
		Label string // as written: "on 402, 403"
		Span  diag.Span
	}
	// Switch executes the first of its arms whose condition holds, and goes on below it.
	Switch struct {
		Label  string // "switch input.plan"
		Arms   []*Arm
		Secret bool // which arm is taken would tell a secret
		Span   diag.Span
	}
	// Arm is one of the ways a switch can go.
	Arm struct {
		When  *expr.Program // nil: always
		Body  []Stmt
		Label string // "when "free""
		Span  diag.Span
	}
	// Group runs steps of its own. Behind it, and in its clauses, their results can be
	// read by their names; they are the step's result if nothing returns.
	Group struct {
		Steps   []*Step  // with indexes of their own
		First   *Setting // so many completions are enough, the others are cancelled; nil: all
		Limit   *Setting // steps at once; nil: no limit
		Clauses []*Clause
		Finally *Block // when the step around it ends, however it does; nil: nothing
		Span    diag.Span
	}
	// Loop runs a step for each element of a list; the results are a list in the order
	// of that one. It is all that its step does.
	Loop struct {
		Var      string
		In       *expr.Program
		Of       *Setting      // an item is so many elements; nil: it is one element, not a list
		By       *expr.Program // key of an item, unique; nil: its index
		Steps    []*Step       // the one step, without a name; its name is the loop's with the key
		First    *Setting      // so many completions are enough, the others are cancelled; nil: all
		Limit    *Setting      // items at once; nil: no limit
		Tolerate *Setting      // failures that leave the loop degraded; nil: Share
		Share    float64       // of the items, instead of Tolerate
		Told     string        // the name by which expressions read which items failed; "": none does
		Span     diag.Span
	}
	// Return ends the step, completed.
	Return struct {
		Value *expr.Program
		Span  diag.Span
	}
	// Degrade ends the step, degraded.
	Degrade struct {
		Value *expr.Program
		Span  diag.Span
	}
	// Fail ends the step, or in the prelude the run, failed.
	Fail struct {
		Code    string
		Message *expr.Program // nil: none
		Span    diag.Span
	}
	// Retry makes another attempt of the call whose clause it stands in, under
	// Policy (the call's, with the parts the ending names replaced).
	Retry struct {
		Policy *Policy
		Own    bool // names its attempts: they are counted for themselves
		Span   diag.Span
	}
)

func (*Let) stmt()     {}
func (*Ensure) stmt()  {}
func (*Call) stmt()    {}
func (*Wait) stmt()    {}
func (*Switch) stmt()  {}
func (*Group) stmt()   {}
func (*Loop) stmt()    {}
func (*Return) stmt()  {}
func (*Degrade) stmt() {}
func (*Fail) stmt()    {}
func (*Retry) stmt()   {}

// Classes lists the classes that the call can end in without its operation declaring
// them.
func (c *Call) Classes() []string {
	if c.Breaker {
		return append(slices.Clip(c.Sig.Always()), value.BreakerOpen)
	}
	return c.Sig.Always()
}

// UntilText names the steps behind which the effect of a call stands, of which one is enough:
// "order or label"; "" if there are none.
func (c *Call) UntilText() string {
	names := make([]string, len(c.Until))
	for i, p := range c.Until {
		names[i] = p.Name
	}
	return strings.Join(names, " or ")
}

// String is the wait as it is written, in one spelling.
func (w *Wait) String() string {
	if w.Until != nil {
		return "wait until " + w.Until.String()
	}
	return "wait " + w.For.Value.String()
}

// FullName is "namespace.name", or the name alone.
func (g *Graph) FullName() string {
	if g.Namespace == "" {
		return g.Name
	}
	return g.Namespace + "." + g.Name
}

// Same reports whether another graph is of the same workflow, perhaps of another version: it
// has its name, and is of the same file.
func (g *Graph) Same(o *Graph) bool {
	return g.FullName() == o.FullName() && g.Span.File == o.Span.File
}

// EachStmt visits all statements of a graph but those before its steps: of steps in source
// order, then what the run does at its end.
func (g *Graph) EachStmt(visit func(Stmt)) {
	for _, s := range g.Steps {
		if s != nil {
			EachStmt(s.Body, visit)
		}
	}
	for _, b := range []*Block{g.OnFailed, g.Finally} {
		if b != nil {
			EachStmt(b.Steps[0].Body, visit)
		}
	}
}

// Signal is the one of a name that the workflow declares; nil if it declares none.
func (g *Graph) Signal(name string) *Signal { return signalNamed(g.Signals, name) }

// Sendable lists the signals that a run can be sent: those of its workflow, then those of
// the workflows that it calls, directly or by others, each once.
func (g *Graph) Sendable() []*Signal {
	out := g.Signals[:len(g.Signals):len(g.Signals)]
	for _, called := range g.Called() {
		for _, s := range called.Signals {
			if signalNamed(out, s.Name) == nil {
				out = append(out, s)
			}
		}
	}
	return out
}

// SendableAs is the one of a name; nil if there is none.
func (g *Graph) SendableAs(name string) *Signal {
	if s := g.Signal(name); s != nil {
		return s
	}
	return signalNamed(g.Sendable(), name)
}

func signalNamed(list []*Signal, name string) *Signal {
	for _, s := range list {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// EachCall visits the calls that a graph makes, and its waits for signals, in that order.
func (g *Graph) EachCall(visit func(*Call)) {
	g.EachStmt(func(st Stmt) {
		if call, ok := st.(*Call); ok {
			visit(call)
		}
	})
}

// Calls lists the calls that a step makes itself, those in clauses included, but not those
// of steps inside it, nor of undos.
func (s *Step) Calls() []*Call { return callsIn(s.Body, nil) }

func callsIn(body []Stmt, out []*Call) []*Call {
	clauses := func(list []*Clause) {
		for _, c := range list {
			out = callsIn(c.Body, out)
		}
	}
	for _, st := range body {
		switch st := st.(type) {
		case *Call:
			out = append(out, st)
			clauses(st.Clauses)
		case *Switch:
			for _, a := range st.Arms {
				out = callsIn(a.Body, out)
			}
		case *Group:
			clauses(st.Clauses)
		}
	}
	return out
}

// EachServiceCall visits the calls of services that a run can make: those of the graph and
// of all workflows it calls.
func (g *Graph) EachServiceCall(visit func(*Call)) {
	for _, each := range append([]*Graph{g}, g.Called()...) {
		each.EachCall(func(c *Call) {
			if c.Runs == nil && !c.Sig.Signal {
				visit(c)
			}
		})
	}
}

// Called lists the workflows that a graph calls, directly or by others, each once, in the
// order in which they are met.
func (g *Graph) Called() []*Graph {
	var out []*Graph
	seen := map[*Graph]bool{g: true}
	for at, i := g, 0; ; i++ {
		at.EachCall(func(c *Call) {
			if c.Runs != nil && !seen[c.Runs] {
				seen[c.Runs] = true
				out = append(out, c.Runs)
			}
		})
		if i == len(out) {
			return out
		}
		at = out[i]
	}
}

// EachCall visits the calls of a block in source order, those inside clauses and of
// steps inside included.
func EachCall(body []Stmt, visit func(*Call)) {
	EachStmt(body, func(st Stmt) {
		if call, ok := st.(*Call); ok {
			visit(call)
		}
	})
}

// EachStep visits steps and those inside, in source order, with what stands before their
// names in a run, where […] stands for the key of an item, and the steps of their level.
func EachStep(steps []*Step, visit func(prefix string, level []*Step, s *Step)) {
	eachStep(steps, "", visit)
}

func eachStep(steps []*Step, prefix string, visit func(string, []*Step, *Step)) {
	for _, s := range steps {
		name := prefix + s.Name
		if s.Name != "" { // an item has its loop's
			visit(prefix, steps, s)
		}
		eachInside(s.Body, name, visit)
	}
}

func eachInside(body []Stmt, name string, visit func(string, []*Step, *Step)) {
	for _, st := range body {
		switch st := st.(type) {
		case *Group:
			eachStep(st.Steps, name+".", visit)
		case *Loop:
			eachStep(st.Steps, name+"[…]", visit)
		case *Switch:
			for _, a := range st.Arms {
				eachInside(a.Body, name, visit)
			}
		}
	}
}

// EachPlace visits the calls of a step, those of steps inside included, with their places
// in a run, where […] stands for the key of an item. prefix is what stands before the
// step's name, "" for a step of the run.
func (s *Step) EachPlace(prefix string, visit func(place string, c *Call)) {
	s.placesIn(s.Body, prefix, visit)
}

func (s *Step) placesIn(body []Stmt, prefix string, visit func(string, *Call)) {
	clauses := func(list []*Clause) {
		for _, c := range list {
			s.placesIn(c.Body, prefix, visit)
		}
	}
	for _, st := range body {
		switch st := st.(type) {
		case *Call:
			visit(prefix+st.Place, st)
			clauses(st.Clauses)
			if st.Undo != nil {
				st.Undo.Steps[0].EachPlace(prefix+st.Place+".", visit)
			}
		case *Group:
			for _, inner := range st.Steps {
				inner.EachPlace(prefix+s.Name+".", visit)
			}
			clauses(st.Clauses)
			if st.Finally != nil {
				st.Finally.Steps[0].EachPlace(prefix+s.Name+".", visit)
			}
		case *Switch:
			for _, a := range st.Arms {
				s.placesIn(a.Body, prefix, visit)
			}
		case *Loop:
			st.Steps[0].EachPlace(prefix+s.Name+"[…]", visit)
		}
	}
}

// EachStmt visits the statements of a block in source order, those inside clauses, behind
// else and of steps inside included.
func EachStmt(body []Stmt, visit func(Stmt)) {
	clauses := func(list []*Clause) {
		for _, c := range list {
			EachStmt(c.Body, visit)
		}
	}
	for _, st := range body {
		visit(st)
		switch st := st.(type) {
		case *Ensure:
			EachStmt([]Stmt{st.Else}, visit)
		case *Call:
			clauses(st.Clauses)
			if st.Undo != nil {
				EachStmt(st.Undo.Steps[0].Body, visit)
			}
		case *Group:
			for _, s := range st.Steps {
				EachStmt(s.Body, visit)
			}
			clauses(st.Clauses)
			if st.Finally != nil {
				EachStmt(st.Finally.Steps[0].Body, visit)
			}
		case *Switch:
			for _, a := range st.Arms {
				EachStmt(a.Body, visit)
			}
		case *Loop:
			EachStmt(st.Steps[0].Body, visit)
		}
	}
}
