package invariant

import (
	"maps"
	"slices"
	"strings"

	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
)

// Set is the invariants of a workflow. It is immutable.
type Set struct {
	rules   []rule
	slots   []slot
	ops     []operation
	steps   map[string][]int // slots of a step, by its name; items with a computed key are not among them
	keyed   []int            // slots of steps whose name is known when a run begins, or that are in a called workflow
	result  map[string]int   // slots of the results of steps
	opAt    map[*value.Signature]int
	run     int // slots of names; -1: nobody reads them
	output  int
	input   int
	timed   []int // rules that depend on how long the run has taken
	moments bool
	names   map[string]any // of the file
}

// rule is a line of an invariant with what it depends on.
type rule struct {
	*suite.Rule
	of    *suite.Invariant
	op    int   // -1: none
	facts []int // slots that Fact reads
	then  []int // slots that Then reads
}

// slot is something that rules read: a name, or a function of a step or operation.
type slot struct {
	name     string // in the environment of expressions
	function string // "": it is a name
	step     *suite.Step
	op       int // -1: none
	typ      *value.Type
	initial  any
	hash     uint64 // of initial
	rules    []int
	moments  bool // its value is compared as to when things happened
}

// operation is one that rules are about.
type operation struct {
	name           string
	rules          []value.Rule // how its answers are classified
	took, called   int          // slots of the facts; -1: nobody reads them
	calls, effects int          // slots of the lists
	listed         bool
	never          []int // rules that forbid its calls
	most           []int // rules that bound them
}

// Rules lists its rules with the invariants that they are of.
func (s *Set) Rules(tell func(*suite.Invariant, *suite.Rule)) {
	for i := range s.rules {
		tell(s.rules[i].of, s.rules[i].Rule)
	}
}

// Size is how many invariants it has rules of.
func (s *Set) Size() int {
	n := 0
	for i := range s.rules {
		if i == 0 || s.rules[i].of != s.rules[i-1].of {
			n++
		}
	}
	return n
}

// New makes the invariants of a workflow ready; nil if there are none. names are the values
// of the file that declares them.
func New(all []*suite.Invariant, g *graph.Graph, names map[string]any) *Set {
	s := &Set{steps: map[string][]int{}, result: map[string]int{}, run: -1, output: -1, input: -1, names: names}
	at := map[string]int{}
	for _, inv := range all {
		if inv.Graph != g {
			continue
		}
		for _, r := range inv.Rules {
			s.add(inv, r, at)
		}
	}
	if len(s.rules) == 0 {
		return nil
	}
	s.find(g)
	return s
}

// find finds the operations that the rules are about.
func (s *Set) find(g *graph.Graph) {
	s.opAt = map[*value.Signature]int{}
	g.EachServiceCall(func(c *graph.Call) {
		if i := s.operationNamed(c.Sig.Name()); i >= 0 {
			s.opAt[c.Sig], s.ops[i].rules = i, c.Sig.Rules
		}
	})
}

// On is the set for the same workflow as another file has it.
func (s *Set) On(g *graph.Graph) *Set {
	out := *s
	out.ops = slices.Clone(s.ops)
	out.find(g)
	return &out
}

// ReadsTime reports whether some rule depends on when something happens, and not only on
// the order in which things do.
func (s *Set) ReadsTime() bool { return s.moments }

func (s *Set) operationNamed(name string) int {
	return slices.IndexFunc(s.ops, func(o operation) bool { return o.name == name })
}

// operation is the index of an operation, which is entered if it is new.
func (s *Set) operation(name string) int {
	i := s.operationNamed(name)
	if i < 0 {
		i = len(s.ops)
		s.ops = append(s.ops, operation{name: name, took: -1, called: -1, calls: -1, effects: -1})
	}
	return i
}

func (s *Set) add(inv *suite.Invariant, r *suite.Rule, at map[string]int) {
	n := len(s.rules)
	out := rule{Rule: r, of: inv, op: -1}
	s.moments = s.moments || r.Moments
	if r.Sig != nil {
		out.op = s.operation(r.Sig.Name())
		op := &s.ops[out.op]
		if r.Kind == suite.AtMost {
			op.most = append(op.most, n)
		} else {
			op.never = append(op.never, n)
		}
	}
	out.facts, out.then = s.read(r.Fact, inv, n, r.Moments, at), s.read(r.Then, inv, n, r.Moments, at)
	if r.Moments && s.run >= 0 && (slices.Contains(out.facts, s.run) || slices.Contains(out.then, s.run)) {
		s.timed = append(s.timed, n)
	}
	s.rules = append(s.rules, out)
}

// read enters what a program reads of a run.
func (s *Set) read(p *expr.Program, inv *suite.Invariant, rule int, moments bool, at map[string]int) (out []int) {
	if p == nil {
		return nil
	}
	for _, name := range p.Refs() {
		i, known := at[name]
		if !known {
			if inv.Types[name] == nil { // a value of the file
				continue
			}
			i = s.slot(name, inv)
			at[name] = i
		}
		sl := &s.slots[i]
		sl.moments = sl.moments || moments
		if !slices.Contains(sl.rules, rule) {
			sl.rules = append(sl.rules, rule)
		}
		out = append(out, i)
	}
	return out
}

// slot enters something that a run has.
func (s *Set) slot(name string, inv *suite.Invariant) int {
	i := len(s.slots)
	sl := slot{name: name, op: -1, typ: inv.Types[name]}
	function, of, isCall := strings.Cut(strings.TrimSuffix(name, ")"), "(")
	if isCall {
		sl.function, sl.step = function, inv.Steps[of]
	}
	switch {
	case isCall && sl.step != nil:
		sl.initial = initial(function)
		if plain := plainName(sl.step); plain != "" {
			s.steps[plain] = append(s.steps[plain], i)
		} else {
			s.keyed = append(s.keyed, i)
		}
	case isCall:
		sl.op = s.operation(of)
		op := &s.ops[sl.op]
		switch function {
		case expr.TookEffect:
			op.took, sl.initial = i, false
		case expr.WasCalled:
			op.called, sl.initial = i, false
		case suite.Calls:
			op.calls, op.listed, sl.initial = i, true, none
		case suite.Effects:
			op.effects, op.listed, sl.initial = i, true, none
		}
	case name == "run":
		s.run = i
	case name == "output":
		s.output = i
	case name == "input":
		s.input = i
	default:
		s.result[name] = i
	}
	sl.hash = hashOf(sl.initial)
	s.slots = append(s.slots, sl)
	return i
}

var none = []any{}

// initial is what a function of a step says before that has ended.
func initial(function string) any {
	switch function {
	case "attempts":
		return 0
	case "started", "ended", "took":
		return "0s"
	}
	return ""
}

// plainName is the name of a step in a run; "" if that depends on the run.
func plainName(step *suite.Step) string {
	var b strings.Builder
	for i, part := range step.Parts {
		if part.Key != nil || step.Workflow {
			return ""
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(part.Name)
	}
	return b.String()
}

// Monitor returns one for runs of the workflow, one after the other. It is not for
// concurrent use.
func (s *Set) Monitor() *Monitor {
	m := &Monitor{set: s, eval: expr.NewMachine(), env: maps.Clone(s.names), rules: make([]ruleState, len(s.rules)), ops: make([]opState, len(s.ops)), hashes: make([]uint64, len(s.slots)),
		needed: make([]bool, len(s.slots))}
	if m.env == nil {
		m.env = map[string]any{}
	}
	return m
}
