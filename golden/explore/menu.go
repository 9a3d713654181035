package explore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wf/golden/vary"
	"wf/lang/effect"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// alternative is one way in which an attempt of a call can go.
type alternative struct {
	kind      kind
	status    int
	class     string
	headers   map[string]string
	body      any           // an example of what is answered; nil: nothing
	other     any           // the same with something changed; nil: body is as it is
	heard     []heard       // what it is to other arguments, if that is known
	asked     *value.Type   // the arguments
	from      any           // what is changed to other; nil: body
	kin       *kin          // what else is changed, by the input; nil: nothing
	usual     *alternative  // the answer when all is well, in which this one changes something; nil: the example
	typ       *value.Type   // of the body; nil: nothing is known
	label     string        // "503", "201, state is used"
	also      []string      // outcomes that go the same way, and are not tried
	fault     bool          // something went wrong
	effect    bool          // the service did what it was asked for
	refusal   bool          // the service says that it did not
	after     time.Duration // how much later than usual it comes
	throttles bool          // it says so whatever it did before: ask again
}

// kind is how an attempt ends.
type kind int8

const (
	answers kind = iota
	silent       // no answer within the timeout of the attempt, or ever
	broken       // the connection broke
)

// Labels of what is no answer.
const (
	labelTimeout     = "timeout"
	labelLost        = "answer lost"
	labelUnreachable = "unreachable"
	labelMalformed   = "malformed"
)

// menus are the alternatives of the calls of a run.
type menus struct {
	looks *lookout
	calls map[*graph.Call]*menu
	heard *Heard
	apart bool // two versions are to be told apart: more is tried
}

// menu is the alternatives of one call. The first is that all is well.
type menu struct {
	all     []alternative
	effects bool // its operation changes something
}

func newMenus(g *graph.Graph, heard *Heard, focus []string, apart bool) *menus {
	m := &menus{looks: looksOf(g, focus), calls: map[*graph.Call]*menu{}, heard: heard, apart: apart}
	for _, each := range append([]*graph.Graph{g}, g.Called()...) {
		each.EachCall(func(c *graph.Call) {
			if c.Runs == nil {
				m.calls[c] = m.menu(c, vary.Patterns(c.Sig), func(p value.Pattern) string { return m.way(c, p) })
			}
		})
	}
	return m
}

// changing reports whether an operation may change something. What HTTP calls safe does
// not (RFC 9110, 9.2.1).
func changing(sig *value.Signature) bool {
	if sig.Signal || sig.Route == nil {
		return !sig.Signal
	}
	return !slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, sig.Route.Method)
}

// menu lists the alternatives of a call: its successes, each with what conditions tell
// apart; then its failures, of those that go the same way one.
func (m *menus) menu(c *graph.Call, patterns []value.Pattern, way func(value.Pattern) string) *menu {
	out := &menu{effects: changing(c.Sig)}
	if c.Sig.Signal {
		out.all = m.payloads(c)
		return out
	}
	known := map[string]int{}
	patterns = slices.Clone(patterns)
	slices.SortStableFunc(patterns, func(a, b value.Pattern) int {
		x, y := m.rank(c, a), m.rank(c, b)
		if x == 0 && y == 0 {
			x, y = m.heard.since(c, a), m.heard.since(c, b)
		}
		return cmp.Compare(x, y)
	})
	for _, p := range patterns {
		d, _ := c.Sig.Classify(c.Policy.Rules, p.Status, p.Name)
		good := d == value.Success
		on := way(p)
		if i, ok := known[on]; ok {
			out.all[i].also = append(out.all[i].also, p.String())
			continue
		}
		known[on] = len(out.all)
		switch p.Name {
		case value.Timeout:
			out.all = append(out.all, alternative{kind: silent, class: p.Name, label: labelTimeout, fault: true})
			if out.effects {
				lost := m.first(out)
				lost.kind, lost.label, lost.fault, lost.effect, lost.also = silent, labelLost, true, true, nil
				out.all = append(out.all, lost)
			}
			continue
		case value.Unreachable:
			out.all = append(out.all, alternative{kind: broken, class: p.Name, label: labelUnreachable, fault: true})
			continue
		case value.Malformed:
			ok := m.first(out)
			if ok.typ == nil || ok.typ.Kind == value.Any {
				continue
			}
			ok.body, ok.other, ok.kin, ok.label, ok.fault, ok.also = "<html>", nil, nil, labelMalformed, true, nil
			out.all = append(out.all, ok)
			continue
		}
		t, _ := c.Sig.Body(p.Status, p.Name)
		a := alternative{status: p.Status, class: p.Name, typ: t, label: p.String(), fault: !good, effect: good && out.effects, refusal: !good && !value.Doubtful(p.Status, p.Name)}
		a.throttles = a.refusal && throttles(c.Sig, p)
		if t != nil && t.Kind != value.Any {
			a.body = value.Example(t)
		}
		all := m.more(c, p, a)
		out.all = append(out.all, all...)
		for _, v := range m.variants(c, t, all[0].body) {
			b := all[0]
			b.other, b.label, b.also = v.value, a.label+", "+v.label, nil
			out.all = append(out.all, b)
		}
		if t != nil && a.body != nil {
			of, labels := m.looks.of[c].kin(t)
			for i := range of {
				b := all[0]
				b.kin, b.label, b.also = &of[i], a.label+", "+labels[i], nil
				out.all = append(out.all, b)
			}
		}
		if d == value.Retryable && retries(c) && (p.Status == 429 || p.Status == 503) {
			b := a
			b.headers, b.label, b.also = map[string]string{"retry-after": "3600"}, a.label+", retry after 1h", nil
			out.all = append(out.all, b)
		}
	}
	return out
}

// throttles reports whether a service says with an outcome that one should ask again, whatever
// it has done before.
func throttles(sig *value.Signature, p value.Pattern) bool {
	d, _ := value.Classify(sig.Rules, p.Status, p.Name)
	return d == value.Retryable
}

// rank puts successes first, then what a service answers, then what it does not.
func (m *menus) rank(c *graph.Call, p value.Pattern) int {
	d, _ := c.Sig.Classify(c.Policy.Rules, p.Status, p.Name)
	switch {
	case d == value.Success:
		return 0
	case slices.Contains(value.Unconditional, p.Name):
		return 2
	}
	return 1
}

// first is the answer when all is well.
func (*menus) first(of *menu) alternative {
	if len(of.all) == 0 || of.all[0].fault { // it declares no success
		return alternative{status: 200, effect: of.effects}
	}
	return of.all[0]
}

// way names what becomes of an outcome: outcomes of one way need not all be tried.
func (m *menus) way(c *graph.Call, p value.Pattern) string {
	d, _ := c.Sig.Classify(c.Policy.Rules, p.Status, p.Name)
	if slices.Contains(value.Unconditional, p.Name) || byStatus(c) {
		return p.String()
	}
	var b strings.Builder
	fmt.Fprint(&b, d, value.Doubtful(p.Status, p.Name), p.Name != "")
	t, declared := c.Sig.Body(p.Status, p.Name)
	fmt.Fprintf(&b, " %p %v", t, declared)
	if t != nil {
		b.WriteString(t.String())
	}
	if d == value.Success {
		b.WriteString(" success")
	}
	var ways func([]effect.Way)
	ways = func(list []effect.Way) {
		for _, w := range list {
			fmt.Fprintf(&b, " %d/%d", w.Sort, w.Number)
			ways(w.Then)
		}
	}
	all := effect.Of(c, p)
	ways(all)
	if d == value.Permanent && !c.Sig.Handler && exact(c.Sig, p) && len(all) > 0 && all[0].Sort == effect.Fails {
		b.WriteString(p.String()) // its code is how the run ends
	}
	return b.String()
}

// exact reports whether a service declares an outcome itself, and not its class.
func exact(sig *value.Signature, p value.Pattern) bool {
	return slices.ContainsFunc(sig.Outcomes, func(o value.Outcome) bool { return o.Pattern == p })
}

// retries reports whether a call can be tried again.
func retries(c *graph.Call) bool {
	if c.Policy.Attempts != nil {
		return true
	}
	return slices.ContainsFunc(c.Clauses, func(cl *graph.Clause) bool { return effect.Ends(cl.Body)&effect.Again != 0 })
}

// byStatus reports whether a clause of a call, or what stands in it, looks at which
// outcome it was.
func byStatus(c *graph.Call) bool {
	looks := func(p *expr.Program) bool {
		return p != nil && (slices.Contains(p.Refs(), "status") || slices.Contains(p.Refs(), "error"))
	}
	yes := false
	for _, cl := range c.Clauses {
		yes = yes || looks(cl.When)
		graph.EachStmt(cl.Body, func(st graph.Stmt) {
			switch st := st.(type) {
			case *graph.Ensure:
				yes = yes || looks(st.Cond)
			case *graph.Let:
				yes = yes || looks(st.Value)
			case *graph.Switch:
				for _, a := range st.Arms {
					yes = yes || looks(a.When)
				}
			}
		})
	}
	return yes
}

// variants lists other bodies of an answer that conditions may tell from one.
func (m *menus) variants(c *graph.Call, t *value.Type, body any) []variant {
	if t == nil || body == nil {
		return nil
	}
	return m.looks.of[c].variants(t, body)
}

// payloads are what a signal can say.
func (m *menus) payloads(c *graph.Call) []alternative {
	t, _ := c.Sig.Body(0, value.Received)
	a := alternative{class: value.Received, typ: t, label: value.Received}
	if t != nil && t.Kind == value.Record {
		a.body = value.Example(t)
	}
	out := m.more(c, value.Pattern{Name: value.Received}, a)
	for _, v := range m.variants(c, t, out[0].body) {
		b := out[0]
		b.other, b.label = v.value, a.label+", "+v.label
		out = append(out, b)
	}
	return out
}

// said is the body of an answer to certain arguments: fields that bear the name of what
// was asked for, or of what the run was told, have their values.
func (a *alternative) said(args map[string]any, to *root) any {
	if a.kind == answers && a.label == labelMalformed || a.body == nil || a.typ == nil {
		return a.body
	}
	var v any
	if a.usual != nil {
		v = a.usual.said(args, to)
	} else if v = a.answered(args); v == nil {
		v = vary.Echo(a.typ, fresh(a.body), func(name string) (any, bool) {
			given, ok := args[name]
			if !ok || given == nil {
				given, ok = to.known[name]
			}
			return given, ok
		})
	}
	switch {
	case a.from != nil:
		v = changed(a.from, a.other, v)
	case a.other != nil:
		v = changed(a.body, a.other, v)
	}
	if a.kin != nil {
		v, _ = a.kin.in(a.typ, v, to.input)
	}
	return v
}

// answered is what was heard in answer to the same arguments; nil if nothing was.
func (a *alternative) answered(args map[string]any) any {
	if len(a.heard) == 0 || args == nil {
		return nil
	}
	masked := a.asked.Redact(args)
	for i := range a.heard {
		if vary.Same(a.heard[i].args, masked) {
			return fresh(a.heard[i].body)
		}
	}
	return nil
}

// can reports whether a call can be answered so, and it is another answer: what one owes to
// the input may be what it says anyway, or no such answer.
func (a *alternative) can(args map[string]any, to *root) bool {
	if a.kin == nil {
		return a.usual == nil || a.other != nil || len(a.headers) > 0
	}
	plain := *a
	plain.kin = nil
	_, ok := a.kin.in(a.typ, plain.said(args, to), to.input)
	return ok
}

// rebase takes the first alternative for the one that is usual, in place of that at j: what
// the others with its outcome change, they change in it. The one at j takes back what the
// first one changes.
func (m *menu) rebase(j int) {
	usual := m.all[0]
	if usual.other == nil && usual.kin == nil {
		return
	}
	same := func(a *alternative) bool {
		return a.kind == answers && a.status == usual.status && a.class == usual.class && a.label != labelMalformed
	}
	for i := range m.all[1:] {
		if a := &m.all[i+1]; same(a) {
			a.usual = &usual
		}
	}
	if last := &m.all[j]; same(last) {
		last.from, last.other, last.kin = usual.other, usual.body, nil
		if usual.kin != nil {
			last.from = without(usual.body, usual.kin.path)
		}
	}
}

// without is a record that lacks a field.
func without(v any, path []string) any {
	out := fresh(v)
	delete(holder(out, path), path[len(path)-1])
	return out
}

// fresh copies records, which are written to.
func fresh(v any) any {
	record, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := maps.Clone(record)
	for k, e := range out {
		out[k] = fresh(e)
	}
	return out
}

// changed makes in v the change that tells to from from.
func changed(from, to, v any) any {
	was, ok1 := from.(map[string]any)
	is, ok2 := to.(map[string]any)
	now, ok3 := v.(map[string]any)
	if !ok1 || !ok2 || !ok3 {
		return to
	}
	for k := range was {
		if _, kept := is[k]; !kept {
			delete(now, k)
		}
	}
	for k, e := range is {
		old, there := was[k]
		switch {
		case !there:
			now[k] = e
		case !vary.Same(old, e):
			now[k] = changed(old, e, now[k])
		}
	}
	return now
}
