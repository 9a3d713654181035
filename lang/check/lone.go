package check

import (
	"wf/lang/diag"
	"wf/lang/graph"
)

// lone warns of steps that do something which is not idempotent, wait for no step and are
// waited for by none: order on the page is not order in time, and an `after` is easily
// forgotten. The first step of a workflow is meant to begin with the run, and steps inside
// of another one to run side by side.
func (f *flow) lone() {
	followed := map[*stepInfo]bool{}
	for _, st := range f.order {
		for _, e := range st.edges {
			followed[e.to] = true
		}
	}
	for i, st := range f.order {
		if i == 0 || len(st.edges) > 0 || len(st.tree.After) > 0 || followed[st] || st.bind.used || f.made[i] == nil || st.tree.Partial {
			continue
		}
		does := false
		graph.EachCall(f.made[i].Body, func(c *graph.Call) { does = does || !c.Sig.Idempotent && !c.Sig.Handler && !c.Sig.Signal })
		if !does {
			continue
		}
		name, before := st.tree.Name, f.order[i-1].tree.Name.Text
		d := diag.Warnf(CodeLone, name.Span, "%s begins with the run, whatever becomes of %s: order on the page is not order in time", name.Text, before).
			Hintf("say what it comes after: step %s after %s; or put steps that run side by side into one: step … { step %s { … } … }", name.Text, before, name.Text)
		if f.source(name.Span) != "" {
			d.Offer("say after "+before, insertion(name.Span, name.Span.End, " after "+before)...)
		}
		f.add(d)
	}
}
