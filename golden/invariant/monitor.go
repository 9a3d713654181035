package invariant

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/lang/expr"
	"wf/lang/suite"
	"wf/lang/value"
)

// Run is what is known of a run when it begins.
type Run struct {
	ID            string
	CorrelationID string // "": ID
	Start         time.Time
	Input         map[string]any // prepared
}

// Violation is a rule that a run has broken. Each rule is told once a run.
type Violation struct {
	Invariant *suite.Invariant
	Rule      *suite.Rule
	At        time.Duration // since the run began
	Call      string        // place of the call that broke it, with its attempt: "ship#2"; "": it was no call
	Why       string        // the values of the facts, in words
}

// Monitor watches a run.
type Monitor struct {
	set        *Set
	eval       *expr.Machine
	env        map[string]any
	hashes     []uint64 // of the values of slots
	rules      []ruleState
	ops        []opState
	run        map[string]any // the value of `run`
	of         Run
	now        time.Duration
	dirty      bool // some rule is
	ended      bool
	errors     map[string]*machine.RunError // of steps that failed, by name; for those that rules read
	violations []Violation
	needed     []bool // room for Digest
}

// ruleState is what is known of a rule in this run.
type ruleState struct {
	dirty   bool // something it reads has changed since it was judged
	latched bool // of Before, After and Implies: its fact has held
	broken  bool
	bound   int // of AtMost
	limit   time.Duration
}

// opState is what became of the calls of an operation in this run.
type opState struct {
	calls   int
	effects []made   // each once for its idempotency key
	last    made     // the latest call
	open    []opened // calls without an answer yet
	list    []any    // of the calls, if somebody reads it
	did     []any    // of the effects
	hash    uint64   // of both, order included
	keys    uint64   // of the keys of effects, order not included
}

// made is a call with its moment.
type made struct {
	id  machine.ID
	key string
	at  time.Duration
}

// opened is a call whose answer is not known.
type opened struct {
	made
	record map[string]any // in list; nil: nobody reads it
}

// Begin forgets the run before and begins another one.
func (m *Monitor) Begin(r Run) {
	if r.CorrelationID == "" {
		r.CorrelationID = r.ID
	}
	m.of, m.now, m.ended, m.dirty = r, 0, false, true
	m.violations = nil
	clear(m.errors)
	for i := range m.ops {
		op := &m.ops[i]
		*op = opState{effects: op.effects[:0], open: op.open[:0]}
	}
	s := m.set
	for i := range s.slots {
		m.env[s.slots[i].name], m.hashes[i] = s.slots[i].initial, s.slots[i].hash
	}
	m.env["input"] = any(r.Input)
	if s.input >= 0 {
		m.put(s.input, any(r.Input))
	}
	if s.run >= 0 {
		m.setRun(nil)
	}
	for i := range m.rules {
		m.rules[i] = ruleState{dirty: true}
		m.bound(i)
	}
}

// Clone is a copy that goes on by itself: what is told to one changes nothing of the other.
// They share scratch memory, so they must not be used at the same time.
func (m *Monitor) Clone() *Monitor {
	c := *m
	c.env, c.hashes, c.rules, c.ops = maps.Clone(m.env), slices.Clone(m.hashes), slices.Clone(m.rules), slices.Clone(m.ops)
	c.errors, c.violations = maps.Clone(m.errors), slices.Clone(m.violations)
	for i := range c.ops {
		o, op := &m.set.ops[i], &c.ops[i]
		op.effects, op.open = slices.Clip(op.effects), slices.Clone(op.open)
		if !o.listed {
			continue
		}
		op.list, op.did = slices.Clone(op.list), slices.Clone(op.did)
		for k := range op.open { // what is answered yet is written into its record
			of := &op.open[k]
			was, is := of.record, maps.Clone(of.record)
			of.record = is
			for _, list := range [][]any{op.list, op.did} {
				for j := len(list) - 1; j >= 0; j-- {
					if sameRecord(list[j], was) {
						list[j] = is
					}
				}
			}
		}
		if o.calls >= 0 && len(op.list) > 0 {
			c.env[m.set.slots[o.calls].name] = slices.Clip(op.list)
		}
		if o.effects >= 0 && len(op.did) > 0 {
			c.env[m.set.slots[o.effects].name] = slices.Clip(op.did)
		}
	}
	return &c
}

// sameRecord reports whether an element of a list of calls is a record itself, not only like it.
func sameRecord(element any, record map[string]any) bool {
	return reflect.ValueOf(element).Pointer() == reflect.ValueOf(record).Pointer()
}

// bound evaluates the bound of a rule.
func (m *Monitor) bound(i int) {
	r := &m.set.rules[i]
	if r.Bound == nil {
		return
	}
	var err error
	if r.Kind == suite.EndsWithin {
		m.rules[i].limit, err = r.Bound.Duration(m.eval, m.env)
	} else {
		m.rules[i].bound, err = r.Bound.Int(m.eval, m.env)
	}
	if err != nil {
		m.breaks(i, "", "its bound cannot be computed: "+err.Error())
	}
}

// isStep reports whether a step of the run is the one of a slot.
func (m *Monitor) isStep(sl *slot, name string) bool {
	for i, part := range sl.step.Parts {
		want := part.Name
		if part.Key != nil {
			key, err := part.Key.Eval(m.eval, m.env)
			if err != nil {
				return false
			}
			want = "[" + machine.KeyText(key) + "]"
		} else if i > 0 {
			want = "." + want
		}
		rest, ok := strings.CutPrefix(name, want)
		if !ok {
			return false
		}
		if sl.step.Workflow || strings.HasPrefix(rest, "#") { // a workflow may be called several times
			rest = again(rest)
		}
		name = rest
	}
	return name == ""
}

// again cuts off which time it is that a workflow is called: "#2".
func again(name string) string {
	if !strings.HasPrefix(name, "#") {
		return name
	}
	return strings.TrimLeft(name[1:], "0123456789")
}

// put gives a slot its value.
func (m *Monitor) put(slot int, v any) {
	sl := &m.set.slots[slot]
	m.env[sl.name] = v
	m.hashes[slot] = hashOf(v)
	m.touch(sl)
}

// touch makes the rules be judged again that read a slot.
func (m *Monitor) touch(sl *slot) {
	for _, r := range sl.rules {
		m.rules[r].dirty = true
	}
	m.dirty = true
}

// Happens is told of an event before the run is.
func (m *Monitor) Happens(ev machine.Event) { m.now = machine.At(ev) }

// StepEnded is told of every step that has ended, see machine.Config.
func (m *Monitor) StepEnded(st machine.StepResult) {
	s := m.set
	if i, ok := s.result[st.Name]; ok {
		m.put(i, st.Result)
	}
	for _, i := range s.steps[st.Name] {
		m.stepSlot(i, &st)
	}
	for _, i := range s.keyed {
		if m.isStep(&s.slots[i], st.Name) {
			m.stepSlot(i, &st)
		}
	}
}

func (m *Monitor) stepSlot(i int, st *machine.StepResult) {
	m.put(i, OfStep(m.set.slots[i].function, st))
	if st.Error != nil {
		if m.errors == nil {
			m.errors = map[string]*machine.RunError{}
		}
		m.errors[m.set.slots[i].step.Text] = st.Error
	}
}

// OfStep is what a function of steps says of one: "ending", "attempts", and so on.
func OfStep(function string, st *machine.StepResult) any {
	switch function {
	case "ending":
		return string(st.Ending)
	case "attempts":
		return st.Attempts
	case "started":
		return value.FormatDuration(st.Started)
	case "ended":
		return value.FormatDuration(st.Ended)
	case "took":
		return value.FormatDuration(st.Ended - st.Started)
	case "reason":
		return st.Reason
	case "code":
		if st.Error != nil {
			return st.Error.Code
		}
	}
	return ""
}

// Called is told of every attempt of a call as it is made.
func (m *Monitor) Called(c machine.Call) {
	i, ok := m.set.opAt[c.Call.Sig]
	if !ok {
		return
	}
	o, op := &m.set.ops[i], &m.ops[i]
	for _, r := range o.never {
		m.forbids(r, c.ID)
	}
	call := made{c.ID, c.Key, m.now}
	op.calls++
	op.last = call
	open := opened{made: call}
	if o.listed {
		open.record = m.record(c)
		op.hash = mix(mix(mix(op.hash, uint64(c.ID.Attempt)), hashOf(c.Key)), hashOf(open.record["args"]))
	}
	op.open = append(op.open, open)
	if o.calls >= 0 {
		op.list = append(op.list, any(open.record))
		m.list(o.calls, op.list, op)
	}
	if o.called >= 0 && op.calls == 1 {
		m.put(o.called, true)
	}
	for _, r := range o.most {
		if st := &m.rules[r]; !m.set.rules[r].Effects && op.calls > st.bound {
			m.breaks(r, c.ID.String(), "")
		}
	}
}

// Again is told of a call that is made once more, because the process died that waited for
// its answer. It is the same call of the run.
func (m *Monitor) Again(c machine.Call) {
	i, ok := m.set.opAt[c.Call.Sig]
	if !ok || slices.ContainsFunc(m.ops[i].open, func(o opened) bool { return o.id == c.ID }) {
		return
	}
	op := &m.ops[i]
	open := opened{made: made{c.ID, c.Key, m.now}}
	for _, call := range op.list {
		if r := call.(map[string]any); r["attempt"] == c.ID.Attempt && r["key"] == c.Key && r["step"] == stepOf(c) {
			open.record = r
		}
	}
	if m.set.ops[i].listed && open.record == nil {
		open.record = m.record(c)
	}
	op.open = append(op.open, open)
}

// record is a call as expressions see it.
func (m *Monitor) record(c machine.Call) map[string]any {
	args := any(c.Args)
	if x := c.Context; x != nil {
		args = map[string]any{"input": x.Input, "config": x.Config, "results": x.Past.All()}
	}
	return map[string]any{"at": value.FormatDuration(m.now), "args": args, "attempt": c.ID.Attempt, "key": c.Key, "step": stepOf(c), "correlation_id": m.of.CorrelationID,
		"outcome": "", "body": nil, "lost": false}
}

// stepOf is the step that makes a call: its place without the name that a let gives it.
func stepOf(c machine.Call) string {
	if step, named, ok := strings.Cut(c.Call.Place, "."); ok && step != "" {
		return strings.TrimSuffix(c.Place, "."+named)
	}
	return c.Place
}

// list gives a list of calls to those who read it.
func (m *Monitor) list(slot int, list []any, op *opState) {
	sl := &m.set.slots[slot]
	m.env[sl.name] = list[:len(list):len(list)]
	m.hashes[slot] = op.hash
	if sl.moments {
		op.hash = mix(op.hash, uint64(m.now))
		m.hashes[slot] = op.hash
	}
	m.touch(sl)
}

// Answered is told what the service did with a call and said, or would have said, once that
// is decided. An answer that is a success means that the call took effect, also if it is
// lost. Of a call with which nothing happened that anybody knows of, nothing need be told.
func (m *Monitor) Answered(id machine.ID, a builtins.Answer) {
	for i := range m.ops {
		op := &m.ops[i]
		for k := range op.open {
			if op.open[k].id == id {
				call := op.open[k]
				op.open = slices.Delete(op.open, k, k+1)
				m.answered(i, call, a)
				return
			}
		}
	}
}

func (m *Monitor) answered(i int, call opened, a builtins.Answer) {
	o, op := &m.set.ops[i], &m.ops[i]
	outcome := a.Class
	if outcome == "" {
		outcome = statusText(a.Status)
	}
	if r := call.record; r != nil {
		r["outcome"], r["lost"] = outcome, a.Lost
		if body, err := value.Normalize(a.Body); err == nil {
			r["body"] = body
		}
		op.hash = mix(mix(op.hash, hashOf(outcome)), hashOf(r["body"]))
		if o.calls >= 0 {
			m.list(o.calls, op.list, op)
		}
	}
	if !TookEffect(o.rules, a.Status, a.Class) || slices.ContainsFunc(op.effects, func(e made) bool { return e.key == call.key }) {
		return
	}
	op.effects = append(op.effects, call.made)
	op.keys += hashOf(call.key)
	if o.effects >= 0 {
		op.did = append(op.did, any(call.record))
		m.list(o.effects, op.did, op)
	}
	if o.took >= 0 && len(op.effects) == 1 {
		m.put(o.took, true)
	}
	for _, r := range o.most {
		if st := &m.rules[r]; m.set.rules[r].Effects && len(op.effects) > st.bound {
			m.breaks(r, call.id.String(), "")
		}
	}
}

// TookEffect reports whether a status, or a class, that an operation answers by its rules
// means that it did what it was asked for.
func TookEffect(rules []value.Rule, status int, class string) bool {
	verdict, _ := value.Classify(rules, status, class)
	return verdict == value.Success
}

// Settled says that all that follows from an event is dealt with: the rules are judged that
// read something that has changed.
func (m *Monitor) Settled() {
	if len(m.set.timed) > 0 && !m.ended {
		m.setRun(nil)
	}
	if !m.dirty {
		return
	}
	m.dirty = false
	for i := range m.rules {
		if m.rules[i].dirty {
			m.judge(i)
		}
	}
}

// judge judges a rule whose facts have changed.
func (m *Monitor) judge(i int) {
	r, st := &m.set.rules[i], &m.rules[i]
	st.dirty = false
	if st.broken {
		return
	}
	switch r.Kind {
	case suite.Always, suite.Never:
		if holds, ok := m.holds(i, r.Fact); ok && holds == (r.Kind == suite.Never) {
			m.breaks(i, "", m.why(r, r.facts))
		}
	case suite.NeverCall, suite.Implies:
		m.latch(i)
	}
}

// latch takes note that the fact of a rule has held.
func (m *Monitor) latch(i int) {
	r, st := &m.set.rules[i], &m.rules[i]
	if st.latched || r.Kind == suite.NeverCall && r.When == suite.Unless {
		return
	}
	if holds, ok := m.holds(i, r.Fact); ok && holds {
		st.latched = true
	}
}

// forbids judges a rule about calls when one is made.
func (m *Monitor) forbids(i int, id machine.ID) {
	r, st := &m.set.rules[i], &m.rules[i]
	if st.broken {
		return
	}
	bad := false
	switch r.When {
	case suite.Unless:
		holds, ok := m.holds(i, r.Fact)
		bad = ok && !holds
	default:
		m.latch(i)
		bad = st.latched == (r.When == suite.After)
	}
	if bad && !st.broken {
		m.breaks(i, id.String(), m.why(r, r.facts))
	}
}

// holds evaluates a condition. If that fails, the rule is broken.
func (m *Monitor) holds(i int, p *expr.Program) (holds, ok bool) {
	holds, err := p.Bool(m.eval, m.env)
	if err != nil {
		m.breaks(i, "", "it cannot be judged: "+err.Error())
		return false, false
	}
	return holds, true
}

// RunEnded is told that the run has ended, and nothing more will happen: the rules about
// its end are judged.
func (m *Monitor) RunEnded(r *machine.Result) {
	s := m.set
	m.now = max(m.now, r.Summary.Total)
	for _, i := range s.keyed {
		m.neverBegan(i)
	}
	for _, slots := range s.steps {
		for _, i := range slots {
			m.neverBegan(i)
		}
	}
	if s.output >= 0 {
		m.put(s.output, r.Output)
	}
	m.ended = true
	if s.run >= 0 {
		m.setRun(r)
	}
	m.Settled()
	for i := range m.rules {
		m.atEnd(i, r)
	}
}

// neverBegan says of a step that it was not run, if nothing else is known of it.
func (m *Monitor) neverBegan(i int) {
	sl := &m.set.slots[i]
	if sl.function == "ending" && m.env[sl.name] == "" {
		m.put(i, string(machine.NotRun))
	}
}

func (m *Monitor) atEnd(i int, result *machine.Result) {
	r, st := &m.set.rules[i], &m.rules[i]
	if st.broken {
		return
	}
	switch r.Kind {
	case suite.Finally:
		if holds, ok := m.holds(i, r.Fact); ok && !holds {
			m.breaks(i, "", m.why(r, r.facts))
		}
	case suite.Implies:
		if !st.latched {
			return
		}
		if holds, ok := m.holds(i, r.Then); ok && !holds {
			m.breaks(i, "", m.why(r, append(slices.Clone(r.facts), r.then...)))
		}
	case suite.EndsWithin:
		if result.Summary.Total > st.limit {
			m.breaks(i, "", "it ended after "+value.FormatDuration(result.Summary.Total))
		}
	}
}

// Endless says that the run goes on for ever, so that rules about how long one takes are
// broken.
func (m *Monitor) Endless() {
	for i := range m.rules {
		if m.set.rules[i].Kind == suite.EndsWithin && !m.rules[i].broken {
			m.breaks(i, "", "it never ends")
		}
	}
}

// Tested tells of the rules that the run has put to the test so far: what they are about has
// been called, and the condition of those that have one has held. Rules about all that
// happens, and about the end, always are.
func (m *Monitor) Tested(tell func(*suite.Rule)) {
	for i := range m.rules {
		r, yes := &m.set.rules[i], true
		switch r.Kind {
		case suite.Implies:
			yes = m.rules[i].latched
		case suite.NeverCall, suite.AtMost:
			yes = m.ops[r.op].calls > 0
		}
		if yes {
			tell(r.Rule)
		}
	}
}

// setRun gives `run` its value.
func (m *Monitor) setRun(r *machine.Result) {
	run := map[string]any{"id": m.of.ID, "correlation_id": m.of.CorrelationID, "started_at": m.of.Start.UTC().Format(time.RFC3339Nano), "ending": "", "took": value.FormatDuration(m.now)}
	if r != nil {
		run["ending"] = string(r.Ending)
		if e := r.Error; e != nil {
			told := map[string]any{"code": e.Code, "message": e.Message}
			if e.Step != "" {
				told["step"] = e.Step
			}
			run["error"] = told
		}
	}
	sl := &m.set.slots[m.set.run]
	m.env[sl.name] = run
	m.hashes[m.set.run] = hashOf(run["ending"])
	m.run = run
	if r != nil || m.now == 0 {
		m.touch(sl)
		return
	}
	for _, i := range m.set.timed {
		m.rules[i].dirty, m.dirty = true, true
	}
}

// breaks tells of a broken rule.
func (m *Monitor) breaks(i int, call, why string) {
	r, st := &m.set.rules[i], &m.rules[i]
	if st.broken {
		return
	}
	st.broken = true
	if r.Kind == suite.AtMost && why == "" {
		why = m.counted(r)
	}
	m.violations = append(m.violations, Violation{Invariant: r.of, Rule: r.Rule, At: m.now, Call: call, Why: why})
}

// Violations lists the rules that the run has broken so far, in the order in which it did.
func (m *Monitor) Violations() []Violation { return m.violations }
