// Package effect says of every call which outcomes it can have, and what becomes of each: a
// clause that takes it, the policy that tries again, or the end of the step, and then of the
// run. It reads a [graph.Graph] and decides nothing: what it says is what the machine does.
package effect

import (
	"slices"

	"wf/lang/graph"
	"wf/lang/value"
)

// Outcomes lists the ways a call can end: those its service declares, those a clause or
// rule names more narrowly, and those that every call has.
func Outcomes(c *graph.Call) []value.Pattern {
	var out []value.Pattern
	add := func(p value.Pattern) {
		if !slices.Contains(out, p) && !isVerdict(p) {
			out = append(out, p)
		}
	}
	for _, o := range c.Sig.Outcomes {
		add(o.Pattern)
	}
	if c.Sig.Handler {
		for _, class := range []int{2, 4, 5} {
			add(value.Pattern{Class: class})
		}
		add(value.Pattern{Status: 429})
	}
	for _, clause := range c.Clauses {
		for _, p := range clause.On {
			add(p)
		}
	}
	for _, r := range c.Policy.Rules {
		if c.Sig.Possible(r.Pattern) {
			add(r.Pattern)
		}
	}
	// statuses first, a class behind those of its own
	rank := func(p value.Pattern) int {
		switch {
		case p.Status != 0:
			return p.Status
		case p.Class != 0:
			return p.Class*100 + 99
		}
		return 1000
	}
	slices.SortStableFunc(out, func(a, b value.Pattern) int { return rank(a) - rank(b) })
	for _, name := range c.Classes() {
		out = slices.DeleteFunc(out, func(p value.Pattern) bool { return p.Name == name })
		out = append(out, value.Pattern{Name: name})
	}
	if c.Sig.AnyStatus {
		add(value.Pattern{Name: value.OtherStatus})
	}
	return out
}

func isVerdict(p value.Pattern) bool { return p.Name == value.Exhausted || p.Name == value.Failed }

// Sort is what takes an outcome.
type Sort int8

// Sorts of what takes an outcome.
const (
	Clause Sort = iota // a clause
	Passed             // a success: what stands below the call is next
	Retry              // the policy tries again; Then is what comes when no attempt is left
	Fails              // the step fails
)

// Way is one of the things that become of an outcome. Of several, the first whose condition
// holds.
type Way struct {
	Sort   Sort
	Clause *graph.Clause // that takes it; nil unless Sort says so. It may have a condition
	Number int           // of the clause among those of its call, from 1
	Rule   *value.Rule   // that classifies the outcome; nil: the default does, or a clause takes it
	Then   []Way         // of Retry, and of a clause that tries again
}

// Of says what becomes of an outcome of a call: conditional ways first, the last one is
// without a condition.
func Of(c *graph.Call, o value.Pattern) []Way {
	ways, done := taken(c, func(p value.Pattern) bool { return p.Covers(o) })
	if done {
		return ways
	}
	status := o.Status
	if o.Class != 0 {
		status = o.Class*100 + 99 // one that no row of its own names
	}
	disposition, rule := c.Sig.Classify(c.Policy.Rules, status, o.Name)
	switch disposition {
	case value.Success:
		return append(ways, Way{Sort: Passed})
	case value.Retryable:
		return append(ways, Way{Sort: Retry, Rule: rule, Then: Verdict(c, value.Exhausted, value.Failed)})
	}
	for _, w := range Verdict(c, value.Failed) {
		w.Rule = rule
		ways = append(ways, w)
	}
	return ways
}

// Verdict says what becomes of a failure for which the clauses of these classes are asked,
// in their order.
func Verdict(c *graph.Call, classes ...string) []Way {
	var ways []Way
	for _, class := range classes {
		some, done := taken(c, func(p value.Pattern) bool { return p.Name == class })
		if ways = append(ways, some...); done {
			return ways
		}
	}
	return append(ways, Way{Sort: Fails})
}

// taken lists the clauses that name something; done tells that one of them always takes it.
func taken(c *graph.Call, names func(value.Pattern) bool) (ways []Way, done bool) {
	for i, clause := range c.Clauses {
		if !slices.ContainsFunc(clause.On, names) {
			continue
		}
		w := Way{Sort: Clause, Clause: clause, Number: i + 1}
		if Ends(clause.Body)&Again != 0 {
			w.Then = Verdict(c, value.Exhausted, value.Failed)
		}
		ways = append(ways, w)
		if clause.When == nil {
			return ways, true
		}
	}
	return ways, false
}

// End is a set of ways in which statements end.
type End uint8

// Ends.
const (
	GoesOn   End = 1 << iota // to what stands below
	Returns                  // the step ends, completed
	Degrades                 // the step ends, degraded
	Fail                     // the step fails
	Again                    // the call is tried again
)

// Ends says how statements can end. The calls among them have outcomes of their own; here
// they go on.
func Ends(body []graph.Stmt) End {
	ends := GoesOn
	for _, st := range body {
		switch st := st.(type) {
		case *graph.Return:
			return ends&^GoesOn | Returns
		case *graph.Degrade:
			return ends&^GoesOn | Degrades
		case *graph.Fail:
			return ends&^GoesOn | Fail
		case *graph.Retry:
			return ends&^GoesOn | Again
		case *graph.Switch: // every value has an arm
			var arms End
			for _, a := range st.Arms {
				arms |= Ends(a.Body)
			}
			if arms&GoesOn == 0 {
				return ends&^GoesOn | arms
			}
			ends |= arms
		case *graph.Ensure:
			ends |= Ends([]graph.Stmt{st.Else}) &^ GoesOn
		}
	}
	return ends
}

// Ends says how a way leaves its step, but for what comes when no attempt is left.
func (w Way) Ends() End {
	switch w.Sort {
	case Clause:
		return Ends(w.Clause.Body)
	case Passed:
		return GoesOn
	case Fails:
		return Fail
	}
	return Again
}
