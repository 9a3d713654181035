package effect

import (
	"wf/lang/graph"
)

// Call is a call of a graph with what stands around it.
type Call struct {
	*graph.Call
	Within *graph.Setting // deadline of the step, or block, that makes it; nil: none of its own
	Place  string         // in a run, with […] for the key of an item
	Body   []graph.Stmt   // of the step, or block, that makes it
	Items  bool           // the step is the item of a loop
	Scope  *Scope         // what runs its step; nil: the run
	Block  string         // "undo", "on failed" or "finally": what makes it is no step; "" for one
}

// Scope is a group or loop around a step.
type Scope struct {
	Step  string       // that is a group or loop
	Group *graph.Group // one of both is set
	Loop  *graph.Loop
	Outer *Scope // nil: the run
}

// Calls lists the calls of a graph in source order: of steps, then of what the run does at
// its end.
func Calls(g *graph.Graph) []Call {
	w := &walker{}
	for _, s := range g.Steps {
		w.step(s, "", nil)
	}
	if g.OnFailed != nil {
		w.block(g.OnFailed, "run.", "on failed", nil)
	}
	if g.Finally != nil {
		w.block(g.Finally, "run.", "finally", nil)
	}
	return w.calls
}

type walker struct{ calls []Call }

// step visits a step; prefix is what stands before its name in a run.
func (w *walker) step(s *graph.Step, prefix string, around *Scope) {
	w.body(s.Body, Call{Body: s.Body, Scope: around, Within: s.Within}, prefix, prefix+s.Name)
}

func (w *walker) block(b *graph.Block, prefix, what string, around *Scope) {
	s := b.Steps[0]
	w.body(s.Body, Call{Body: s.Body, Scope: around, Block: what, Within: s.Within}, prefix, prefix+s.Name)
}

// body visits statements; like is a call without what is its own, name that of the step.
func (w *walker) body(body []graph.Stmt, like Call, prefix, name string) {
	clauses := func(list []*graph.Clause) {
		for _, c := range list {
			w.body(c.Body, like, prefix, name)
		}
	}
	for _, st := range body {
		switch st := st.(type) {
		case *graph.Call:
			c := like
			c.Call, c.Place = st, prefix+st.Place
			w.calls = append(w.calls, c)
			clauses(st.Clauses)
			if st.Undo != nil {
				w.block(st.Undo, c.Place+".", "undo", like.Scope)
			}
		case *graph.Switch:
			for _, a := range st.Arms {
				w.body(a.Body, like, prefix, name)
			}
		case *graph.Group:
			scope := &Scope{Step: name, Group: st, Outer: like.Scope}
			for _, s := range st.Steps {
				w.step(s, name+".", scope)
			}
			clauses(st.Clauses)
			if st.Finally != nil {
				w.block(st.Finally, name+".", "finally", like.Scope)
			}
		case *graph.Loop:
			scope := &Scope{Step: name, Loop: st, Outer: like.Scope}
			s := st.Steps[0]
			w.body(s.Body, Call{Body: s.Body, Scope: scope, Items: true}, name+"[…]", name+"[…]")
		}
	}
}

// Fate is what becomes of the run when a step in a scope ends in some way.
type Fate struct {
	Caught *Scope // where a failure ends, because others do or it is tolerated; nil: nowhere
	Ends   End    // how the step of Caught goes on, or the step that ends, if nothing is caught
}

// FateOf follows how a step can end through what is around it.
func FateOf(ends End, around *Scope) Fate {
	for s := around; s != nil && ends&Fail != 0; s = s.Outer {
		switch {
		case s.Loop != nil && (s.Loop.First != nil || s.Loop.Tolerate != nil || s.Loop.Share > 0), s.Group != nil && s.Group.First != nil:
			return Fate{Caught: s, Ends: ends}
		case s.Group != nil && len(s.Group.Clauses) > 0:
			behind := ends &^ Fail
			always := false
			for _, c := range s.Group.Clauses {
				behind |= Ends(c.Body)
				always = always || c.When == nil
			}
			if !always {
				behind |= Fail
			}
			if behind&Fail == 0 {
				return Fate{Caught: s, Ends: behind}
			}
			ends = behind
		}
	}
	return Fate{Ends: ends}
}
