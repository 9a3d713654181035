package explore

import (
	"fmt"
	"slices"
	"strings"

	"wf/golden/invariant"
	"wf/interpreter/machine"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/value"
)

// breach notes that something happened that must not.
func (w *world) breach(b breach) {
	w.wrong = true
	switch {
	case b.at != (diag.Span{}): // what is said there may differ
		b.cause = fmt.Sprint(b.kind, " ", b.at)
	case b.kind == Invariant:
		b.cause = string(b.kind) + " " + b.title + " " + b.rule
	default:
		b.cause = string(b.kind) + " " + b.title + " " + anyItem(b.place)
	}
	if b.cancelled = w.cancelled; b.cancelled && w.s.opts.apart {
		b.cause += " cancelled"
	}
	w.breaks = append(w.breaks, b)
}

// anyItem leaves out which item of a loop a place is about.
func anyItem(place string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(place, '[')
		j := strings.IndexByte(place, ']')
		if i < 0 || j < i {
			b.WriteString(place)
			return b.String()
		}
		b.WriteString(place[:i+1] + "…")
		place = place[j:]
		b.WriteString("]")
		place = place[1:]
	}
}

// end is how the run ended. What must not happen in any run is judged.
func (w *world) end() End {
	if !w.m.Done() {
		w.breach(breach{kind: Stuck, title: "the run never ends", place: w.waitsFor()})
		w.monitors.Endless()
		w.judged()
		return End{Ending: "stuck", Wrong: true}
	}
	r := w.m.Result()
	w.monitors.RunEnded(r)
	w.judged()
	w.judge(r.Steps)
	w.judge(r.Closing)
	if r.Error != nil && r.Error.Step == "" {
		w.failure(r.Error, "")
	}
	if w.undoFault <= 1 {
		for _, st := range r.Closing {
			if st.Ending == machine.Failed && strings.HasSuffix(st.Name, ".undo") && !ownMaking(st.Error) && !w.saysSo(&st) {
				title := strings.TrimSuffix(anyItem(st.Name), ".undo") + " is not undone: its undo fails"
				w.breach(breach{kind: Left, title: title, place: st.Name})
			}
		}
	}
	e := End{Ending: string(r.Ending), Wrong: w.wrong}
	if r.Error != nil {
		e.Code = r.Error.Code
	}
	return e
}

// sayingSo is where undos say that they fail.
func sayingSo(graphs []*graph.Graph) map[diag.Span]bool {
	out := map[diag.Span]bool{}
	for _, g := range graphs {
		g.EachCall(func(c *graph.Call) {
			if c.Undo == nil {
				return
			}
			graph.EachCall(c.Undo.Steps[0].Body, func(c *graph.Call) {
				for _, cl := range c.Clauses {
					graph.EachStmt(cl.Body, func(st graph.Stmt) {
						if f, ok := st.(*graph.Fail); ok {
							out[f.Span] = true
						}
					})
				}
			})
		})
	}
	return out
}

// saysSo reports whether an undo knows that there is no way back: its service refused, and it
// says that it fails then.
func (w *world) saysSo(undo *machine.StepResult) bool {
	return undo.Error != nil && w.s.sayingSo[undo.Error.Span] && slices.ContainsFunc(w.refused, func(place string) bool {
		return place == undo.Name || strings.HasPrefix(place, undo.Name+".")
	})
}

// closed takes note of the answer to a call that belongs to the end.
func (w *world) closed(c *machine.Call, a *alternative) {
	w.refused = slices.DeleteFunc(w.refused, func(place string) bool { return place == c.Place })
	if a.kind == answers && refuses(c.Call, value.Pattern{Status: a.status, Name: a.class}) {
		w.refused = append(w.refused, c.Place)
	}
	if a.fault {
		w.undoFault++
	}
}

// refuses reports whether a pattern is one thing by which a service can say no.
func refuses(c *graph.Call, p value.Pattern) bool {
	switch {
	case p.Name == value.Exhausted || p.Name == value.Failed:
		return false
	case p.Name != "":
		return !slices.Contains(c.Classes(), p.Name)
	}
	return p.Status >= 400 && p.Status < 500 && p.Status != 408 && p.Status != 429
}

func (w *world) waitsFor() string {
	for _, x := range w.m.Waiting() {
		if x.Signal != "" {
			return x.Place
		}
	}
	return ""
}

func (w *world) judge(steps []machine.StepResult) {
	for i := range steps {
		st := &steps[i]
		w.judge(st.Steps)
		if st.Error != nil {
			w.failure(st.Error, st.Name)
		}
	}
}

// failure judges one: some are of the definition's making.
func (w *world) failure(e *machine.RunError, step string) {
	if ownMaking(e) {
		at := e
		for at.Cause != nil {
			at = at.Cause
		}
		w.breach(breach{kind: Expression, title: e.Code + ": " + e.Message, place: step, at: at.Span})
	}
}

// ownMaking reports whether a definition fails by itself, whatever services do.
func ownMaking(e *machine.RunError) bool {
	if e == nil {
		return false
	}
	switch e.Code {
	case machine.CodeExpression, machine.CodeArgument, machine.CodeSameKey:
		return true
	}
	return false
}

// digest is the state that the world is in: what goes on alike has the same.
func (w *world) digest(of *machine.Hasher) value.Digest {
	var h value.Hash
	h.Digest(w.root.digest)
	h.Digest(of.Digest(w.m))
	h.Word(w.monitors.Digest())
	if slices.ContainsFunc(w.s.opts.Invariants, (*invariant.Set).ReadsTime) {
		h.Int(int(w.now))
	}
	var set value.Digest
	add := func(one value.Hash) {
		set.Add(one.Sum())
	}
	for i := range w.plans {
		p := &w.plans[i]
		var one value.Hash
		switch {
		case p.call != nil:
			one.Int(1)
			one.Text(p.id.Place)
			one.Int(p.id.Attempt)
			one.Bool(p.effect)
			one.Bool(p.call.Again)
		case p.signal != nil:
			one.Int(2)
			one.Text(p.signal.place)
			one.Int(p.signal.attempt)
		default:
			continue // the machine knows its timers
		}
		one.Int(int(p.at - w.now))
		add(one)
	}
	for place, r := range w.requests {
		var one value.Hash
		one.Int(3)
		one.Text(place)
		one.Int(r.attempt)
		one.Bool(r.effect)
		one.Bool(r.wrong)
		one.Bool(r.held)
		one.Text(r.key)
		if r.attempt >= w.s.opts.Attempts || strings.Contains(place, "[") {
			one.Text(r.last.label)
		}
		add(one)
	}
	for _, of := range w.items {
		var one value.Hash
		one.Int(7)
		for _, place := range of.places {
			one.Text(place)
		}
		if len(of.places) == w.s.opts.Items {
			one.Text(of.last.label)
		}
		add(one)
	}
	for k := range w.done {
		var one value.Hash
		one.Int(4)
		one.Text(k)
		add(one)
	}
	for _, c := range w.missed {
		var one value.Hash
		one.Int(5)
		one.Text(c.place)
		one.Int(c.attempt)
		add(one)
	}
	for _, place := range w.refused {
		var one value.Hash
		one.Int(8)
		one.Text(place)
		add(one)
	}
	for _, name := range w.sent {
		var one value.Hash
		one.Int(6)
		one.Text(name)
		add(one)
	}
	h.Digest(set)
	at, ok := w.due()
	h.Bool(ok && at == w.swapped)
	h.Bool(w.cancelled)
	h.Bool(w.crashed)
	h.Digest(w.free.Digest())
	h.Bool(w.wrong)
	h.Bool(w.events == 1)
	h.Int(min(w.undoFault, 2))
	return h.Sum()
}
