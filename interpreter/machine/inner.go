package machine

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// inner is what a step runs instead of calls: the steps of a group, or one step for each
// item of a loop.
type inner struct {
	group    *graph.Group
	loop     *graph.Loop
	first    int       // so many completions are enough; 0: all are wanted
	won      []any     // results of those that completed, in that order, while first counts
	failures int       // steps or items that failed
	failed   *RunError // the first failure
	degraded string    // why the first of those that degraded did; "": none has

	scope *scope // of a group

	items     []any // of a loop
	keys      []string
	ids       []any // keys as they are; nil: they are indexes, or nobody asks
	results   []any
	open      []*scope // by item; nil: not begun, or over
	steps     []StepResult
	limit     int // items at once; 0: no limit
	tolerated int // failures that do not fail the loop
	next      int // the item to begin next
	ended     int
}

// group begins the steps of a group.
func (m *Machine) group(x *exec, g *graph.Group) {
	if x.late {
		m.fail(x, x.deadline())
		return
	}
	in := &inner{group: g}
	limit, err := m.many(g.Limit)
	if err == nil {
		in.first, err = m.many(g.First)
	}
	if err != nil {
		m.fail(x, expressionError(err))
		return
	}
	in.scope = m.nested(x, x.name()+".", g.Steps, m.linksOf(g.Steps))
	in.scope.limit = limit
	x.inner, x.finally = in, g.Finally
	m.open(in.scope)
}

// many evaluates a number of steps or items; 0 means that it is not set.
func (m *Machine) many(s *graph.Setting) (int, error) {
	if s == nil {
		return 0, nil
	}
	n, err := s.Value.Int(&m.eval, m.env)
	return max(n, 1), err
}

// innerEnded takes note that step i of a nested scope ended.
func (m *Machine) innerEnded(s *scope, i int) {
	x := s.of
	in, st := x.inner, &s.states[i]
	done := st.ending == Completed || st.ending == Degraded
	switch {
	case st.ending == Failed:
		in.failures++
		if in.failed == nil {
			in.failed = st.err
		}
	case st.ending == Degraded && in.degraded == "":
		in.degraded = s.name(i) + " degraded"
	}
	if done && in.first > 0 {
		in.won = append(in.won, st.result)
	}
	if in.loop != nil {
		m.itemEnded(x, s)
		return
	}
	switch {
	case in.first > 0 && len(in.won) == in.first:
		reason := "enough steps completed"
		if in.first == 1 {
			reason = s.name(i) + " was first"
		}
		m.abandon(s, reason)
	case s.left > 0:
		return
	}
	m.groupEnded(x)
}

// groupEnded goes on behind the steps of a group, or with its clause for failed. What
// was in vain is undone first: of those that did not win, and before a clause for failed
// of all of them.
func (m *Machine) groupEnded(x *exec) {
	in := x.inner
	s := in.scope
	x.inner, x.state().inner = nil, s.results()
	short := in.first > 0 && len(in.won) < in.first
	var vain []*effect
	switch {
	case short || in.first == 0 && in.failed != nil:
		if len(in.group.Clauses) > 0 {
			vain = s.take(everyStep)
		}
	case in.first > 0:
		vain = s.take(func(i int) bool { return s.states[i].ending != Completed && s.states[i].ending != Degraded })
	}
	m.shut(s)
	m.inVain(vain, vainUndone{m.underWay(x), in, short})
}

// inVain undoes effects before a step goes on.
func (m *Machine) inVain(effects []*effect, then vainUndone) {
	then.x.undoing = len(effects) > 0
	m.compensate(then.x.name(), effects, then)
}

func (m *Machine) groupDone(x *exec, in *inner, short bool) {
	s := in.scope
	m.resume(x)
	m.bindResults(x, s)
	switch {
	case short:
		m.conclude(x, nil, in.group.Clauses, value.Failed, in.short(x))
		return
	case in.first == 0 && in.failed != nil:
		m.conclude(x, nil, in.group.Clauses, value.Failed, in.because())
		return
	}
	x.degraded = in.degraded
	switch in.first {
	case 0:
		results := make(map[string]any, len(s.steps))
		for i, st := range s.steps {
			if r := s.states[i].result; r != nil {
				results[st.Name] = r
			}
		}
		x.main = results
	case 1:
		x.main = in.won[0]
	default:
		x.main = in.won
	}
	m.run(x)
}

// bindResults makes the results of a group's steps readable behind it. Their names differ,
// so each is looked for only among those that were bound before.
func (m *Machine) bindResults(x *exec, s *scope) {
	before := len(x.names)
	for i, st := range s.steps {
		x.bind(before, st.Name, s.states[i].result)
		m.env[st.Name] = s.states[i].result
		if told := st.Told(); told != "" {
			x.bind(before, told, s.failures(i))
			m.env[told] = s.failures(i)
		}
	}
}

// because is the first failure, as the failure of the step around it.
func (in *inner) because() *RunError {
	why := *in.failed
	return &why
}

// short is why too few completed.
func (in *inner) short(x *exec) *RunError {
	if in.failed != nil {
		return in.because()
	}
	why := fmt.Sprintf("%d completed, %d are wanted", len(in.won), in.first)
	if in.loop != nil && in.next == 0 {
		why = fmt.Sprintf("the list has %d items, %d are wanted", len(in.items), in.first)
	}
	return &RunError{Code: CodeTooFew, Message: why, Span: x.def().Span}
}

// loop begins the items of a loop. It reports whether the step has to wait for any.
func (m *Machine) loop(x *exec, l *graph.Loop) (waits bool) {
	if x.late {
		m.fail(x, x.deadline())
		return true
	}
	in, err := m.items(l)
	if err != nil {
		m.fail(x, err)
		return true
	}
	x.inner = in
	if len(in.items) == 0 || len(in.items) < in.first {
		return m.loopEnded(x, in)
	}
	for in.next < len(in.items) && (in.limit == 0 || in.next < in.limit) {
		m.beginItem(x, in)
	}
	return true
}

// items evaluates what a loop goes over, and how.
func (m *Machine) items(l *graph.Loop) (*inner, *RunError) {
	list, err := l.In.Eval(&m.eval, m.env)
	if err != nil {
		return nil, expressionError(err)
	}
	in := &inner{loop: l}
	in.items, _ = list.([]any)
	if n := len(in.items); n > graph.MaxItems {
		return nil, &RunError{Code: CodeTooMany, Message: fmt.Sprintf("the list has %d items, the limit is %d", n, graph.MaxItems), Span: l.In.Span()}
	}
	of, err := m.many(l.Of)
	if err == nil {
		in.limit, err = m.many(l.Limit)
	}
	if err == nil {
		in.first, err = m.many(l.First)
	}
	if of > 0 {
		in.items = batches(in.items, of)
	}
	n := len(in.items)
	switch {
	case err != nil:
	case l.Tolerate != nil:
		in.tolerated, err = l.Tolerate.Value.Int(&m.eval, m.env)
	default:
		in.tolerated = int(math.Floor(l.Share * float64(n)))
	}
	if err != nil {
		return nil, expressionError(err)
	}
	in.keys, in.results, in.open, in.steps = make([]string, n), make([]any, n), make([]*scope, n), make([]StepResult, n)
	seen := make(map[string]int, n)
	for i, item := range in.items {
		key := strconv.Itoa(i)
		if l.By != nil {
			m.env[l.Var] = item
			id, err := m.keyOf(l.By)
			if err != nil {
				return nil, expressionError(err)
			}
			if key = KeyText(id); l.Told != "" {
				in.ids = append(in.ids, id)
			}
			if first, twice := seen[key]; twice {
				return nil, &RunError{Code: CodeSameKey, Message: fmt.Sprintf("items %d and %d have the same key %q", first, i, key), Span: l.By.Span()}
			}
			seen[key] = i
		}
		in.keys[i] = key
	}
	return in, nil
}

// batches cuts a list into lists of so many elements; the last one has what is left.
func batches(list []any, of int) []any {
	out := make([]any, 0, (len(list)-1)/of+1)
	for from := 0; from < len(list); from += min(of, len(list)-from) {
		out = append(out, list[from:min(from+of, len(list)):min(from+of, len(list))])
	}
	return out
}

// keyOf is the key of an item.
func (m *Machine) keyOf(p *expr.Program) (any, error) {
	v, err := p.Eval(&m.eval, m.env)
	if err != nil {
		return nil, err
	}
	switch v.(type) {
	case string, int:
		return v, nil
	}
	return nil, &expr.Error{Span: p.Span(), Message: fmt.Sprintf("the key of an item is a string or an int, not %s", value.KindOf(v))}
}

// KeyText is how the key of an item stands in names: what would make them ambiguous
// is escaped.
func KeyText(key any) string {
	text, isString := key.(string)
	if !isString {
		text = fmt.Sprint(key)
	}
	if strings.ContainsAny(text, "%[]\n\r") {
		text = strings.NewReplacer("%", "%25", "[", "%5B", "]", "%5D", "\n", "%0A", "\r", "%0D").Replace(text)
	}
	return text
}

// KeyOf is the text of the key that KeyText gave.
func KeyOf(text string) string {
	return strings.NewReplacer("%25", "%", "%5B", "[", "%5D", "]", "%0A", "\n", "%0D", "\r").Replace(text)
}

// beginItem begins the next item.
func (m *Machine) beginItem(x *exec, in *inner) {
	i := in.next
	in.next++
	s := m.nested(x, x.name()+"["+in.keys[i]+"]", in.loop.Steps, m.linksOf(in.loop.Steps))
	s.item = i
	s.names = append(s.names, name{in.loop.Var, in.items[i]})
	in.open[i] = s
	m.open(s)
}

// itemEnded goes on with the next item, or behind the loop. What an item did that failed
// without failing the loop is undone.
func (m *Machine) itemEnded(x *exec, s *scope) {
	in := x.inner
	if s.states[0].ending == Failed && (in.first > 0 || in.failures <= in.tolerated) {
		m.compensate(s.name(0), s.take(everyStep), itemUndone{m, x, in, s})
		return
	}
	m.itemDone(x, s)
}

func (m *Machine) itemDone(x *exec, s *scope) {
	in := x.inner
	in.results[s.item], in.steps[s.item], in.open[s.item] = s.states[0].result, s.results()[0], nil
	in.ended++
	m.shut(s)
	var vain []*effect
	switch {
	case in.failures > in.tolerated && in.first == 0:
		m.abandonItems(x, "an item failed")
	case in.first > 0 && len(in.won) == in.first:
		kept := len(x.scope.effects)
		m.abandonItems(x, "enough items completed")
		vain = x.scope.takeFrom(kept)
	case in.first > 0 && len(in.items)-in.failures < in.first:
		m.abandonItems(x, "too many items failed")
	default:
		if in.next < len(in.items) {
			m.beginItem(x, in)
		}
		if in.ended < len(in.items) {
			return
		}
	}
	m.inVain(vain, vainUndone{running: m.underWay(x), in: in})
}

// abandonItems ends the items that nobody waits for any more.
func (m *Machine) abandonItems(x *exec, reason string) {
	in := x.inner
	for i, s := range in.open {
		switch {
		case s != nil:
			m.abandon(s, reason)
			m.shut(s)
			in.steps[i], in.open[i] = s.results()[0], nil
		case in.steps[i].Ending == "":
			in.steps[i] = StepResult{Def: in.loop.Steps[0], Name: x.name() + "[" + in.keys[i] + "]", Ending: NotRun, Reason: reason, Started: m.now, Ended: m.now}
		}
	}
}

// loopEnded settles what a loop returns. It reports whether the step has ended by that:
// because it failed.
func (m *Machine) loopEnded(x *exec, in *inner) (over bool) {
	x.inner = nil
	if in.next > 0 { // else the list is empty or too short, and no item is known
		x.state().inner = in.steps
	}
	x.state().failures = in.told()
	m.resume(x)
	switch {
	case in.first > 0 && len(in.won) < in.first:
		m.conclude(x, nil, nil, value.Failed, in.short(x))
		return true
	case in.first == 0 && in.failures > in.tolerated:
		m.conclude(x, nil, nil, value.Failed, in.because())
		return true
	}
	x.degraded = in.degraded
	switch {
	case in.first == 1:
		x.main = in.won[0]
	case in.first > 1:
		x.main = slices.Clip(in.won)
	default:
		x.main = in.results
		if in.failures > 0 {
			x.degraded = fmt.Sprintf("%d of %d items failed, the first with %s", in.failures, len(in.items), in.failed.what())
		}
	}
	return false
}

// told lists the items of a loop that failed, if an expression reads them.
func (in *inner) told() []any {
	if in.loop.Told == "" || in.failures == 0 {
		return nil
	}
	out := make([]any, 0, in.failures)
	for i := range in.steps {
		st := &in.steps[i]
		if st.Ending != Failed {
			continue
		}
		key := any(i)
		if in.ids != nil {
			key = in.ids[i]
		}
		out = append(out, map[string]any{"key": key, "code": st.Error.Code, "message": st.Error.Message})
	}
	return out
}

// tidies executes what a step does at its end, and then goes on with that. It reports
// whether there is anything to do.
func (m *Machine) tidies(x *exec, then tidied) bool {
	b := x.finally
	if b == nil {
		return false
	}
	x.finally, x.undoing, x.call = nil, true, nil
	then.running = m.underWay(x)
	m.undoings++
	m.aside(b, x.name()+".", x.visible(), then)
	return true
}

// visible lists the names that statements of a step read, but for those of the run.
func (x *exec) visible() (out []name) {
	for s := x.scope; s.of != nil; s = s.of.scope {
		out = slices.Concat(s.of.names, s.names, out)
	}
	return append(out, x.names...)
}

// giveUpInner ends what a step runs, because nobody waits for the step any more.
func (m *Machine) giveUpInner(x *exec, reason string) {
	in := x.inner
	if in.loop != nil {
		m.abandonItems(x, reason)
		x.state().inner, x.state().failures = in.steps, in.told()
	} else {
		m.abandon(in.scope, reason)
		m.shut(in.scope)
		x.state().inner = in.scope.results()
		m.bindResults(x, in.scope)
	}
	x.inner = nil
}

// clauses are those that may say what becomes of what the step waits for.
func (x *exec) clauses() []*graph.Clause {
	switch {
	case x.call != nil:
		return x.call.call.Clauses
	case x.inner != nil && x.inner.group != nil:
		return x.inner.group.Clauses
	}
	return nil
}

// without is how a step ends that says nothing about it: degraded if a step inside is.
func (x *exec) without() (Ending, string) {
	if x.degraded != "" {
		return Degraded, x.degraded
	}
	return Completed, ""
}
