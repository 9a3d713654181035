package explore

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wf/builtins"
	"wf/golden"
	"wf/golden/invariant"
	"wf/golden/propose"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang/graph"
	"wf/lang/value"
)

// latency of an answer, as of mocks that say nothing else.
const latency = 10 * time.Millisecond

// planned is something that will happen: a timer, or a call whose fate is open.
type planned struct {
	at     time.Duration
	seq    int
	id     machine.ID
	call   *machine.Call // nil: a timer, or a signal
	signal *chance       // somebody waits for a signal
	effect bool          // of a call: an earlier attempt of the request took effect
	late   *alternative  // how it will be answered, later; nil: that is open
}

// chance is a wait that a signal may end.
type chance struct {
	place   string
	attempt int
	signal  string
	key     any
	call    *graph.Call
}

// request is a call that is tried again.
type request struct {
	key     string
	attempt int          // the last one
	last    *alternative // what came of it
	wrong   bool         // that was unusual, and may pass
	effect  bool         // some attempt took effect
	held    bool         // its next attempt waits for a limit or a breaker
}

// items are the calls of one place in the items of a loop.
type items struct {
	places []string     // of those that may go any way
	last   *alternative // of the last answer to one of these
}

// world is one run of a workflow with everything around it. What is open is decided by a
// path of choices.
type world struct {
	s     *search
	root  *root
	m     *machine.Machine
	now   time.Duration
	plans []planned
	seq   int
	err   error

	path   []uint16 // choices to make
	at     int      // the next of them
	made   []open   // choices since the mark
	breaks []breach // what must not happen, since the mark
	wrong  bool     // something of that has happened

	past      *happened // the last thing that the run was told
	events    int       // how many there were
	cancelled bool
	crashed   bool
	sent      []string            // signals that were sent out of turn
	missed    []chance            // waits that no signal ended
	requests  map[string]*request // by place of the call
	items     map[string]*items   // by place, with […] for the key of an item
	done      map[string]bool     // requests whose definition says the key: took effect
	refused   []string            // places of undos whose services said no at last
	undoFault int                 // attempts of undos that went wrong
	faults    int
	free      invariant.Free     // of what holds for every workflow
	monitors  invariant.Monitors // of the files with invariants
	reading   bool               // what is read again was judged before
	seen      []int              // violations, by monitor
	fates     []fate             // of calls that what happens now gives up
	swapped   time.Duration      // the moment at which something came before its turn; negative: none
	story     *story             // nil: nobody listens
	cover     machine.Cover      // listens, too; nil: nobody
}

// happened is something that a run was told, behind all that it was told before.
type happened struct {
	before *happened
	event  machine.Event
}

// open is a choice that was made for the time being.
type open struct{ chosen, of int }

// option is one thing that may happen next.
type option struct {
	plan  int // index in plans; -1: something else
	alt   *alternative
	deed  deed
	label string
	place string // whose call it is about; "" for none
	fault bool   // it is unusual: a fault, or another answer than the first
	again bool   // it was unusual before, and goes on
	text  string // of a signal
}

// deed is what happens from outside.
type deed int8

const (
	nothing deed = iota
	cancels
	crashes
	sends     // a signal out of turn
	overtakes // of pairs of runs: a call is answered before what else falls on the same moment
)

func (s *search) newWorld(r *root, path []uint16) *world {
	w := &world{s: s, root: r, path: path, requests: map[string]*request{}, swapped: -1}
	return w
}

// begin starts the run.
func (w *world) begin(trace func(machine.Entry)) {
	w.m = machine.New(w.s.graph, w.root.input, w.config(trace))
	if len(w.s.opts.Invariants) > 0 {
		w.monitors, w.seen = invariant.Watch(w.s.opts.Invariants), make([]int, len(w.s.opts.Invariants))
		w.monitors.Begin(invariant.Run{ID: runID, CorrelationID: sim.CorrelationID(w.root.input), Start: golden.Start, Input: w.root.input})
	}
	w.tell(machine.Started{})
}

func (w *world) config(trace func(machine.Entry)) machine.Config {
	return machine.Config{Ended: w.stepEnded, RunID: runID, CorrelationID: sim.CorrelationID(w.root.input), Seed: 1, Start: golden.Start, Trace: trace, Cover: w.cover}
}

func (w *world) stepEnded(st machine.StepResult) {
	if !w.reading {
		w.monitors.StepEnded(st)
	}
}

// clone is a copy of a world to which nobody listens. It goes on by itself; but the two must
// not be used at the same time.
func (w *world) clone() *world {
	c := *w
	c.m = w.m.Clone(c.stepEnded)
	c.free, c.monitors, c.seen = w.free.Clone(), w.monitors.Clone(), slices.Clone(w.seen)
	c.plans, c.made, c.breaks, c.fates = slices.Clone(w.plans), nil, nil, nil
	c.sent, c.missed, c.refused, c.done = slices.Clone(w.sent), slices.Clone(w.missed), slices.Clone(w.refused), maps.Clone(w.done)
	c.requests = make(map[string]*request, len(w.requests))
	for place, r := range w.requests {
		r := *r
		c.requests[place] = &r
	}
	if w.items != nil {
		c.items = make(map[string]*items, len(w.items))
		for name, of := range w.items {
			c.items[name] = &items{slices.Clone(of.places), of.last}
		}
	}
	c.story, c.cover = nil, nil
	return &c
}

// heard lists what the run was told since it was started.
func (w *world) heard() []machine.Event {
	out := make([]machine.Event, w.events-1)
	at := w.past
	for i := len(out) - 1; i >= 0; i-- {
		out[i], at = at.event, at.before
	}
	return out
}

const runID = "run_1"

// maxEvents bounds a single run.
const maxEvents = 10_000

// tell hands an event to the machine and carries out what comes of it.
func (w *world) tell(ev machine.Event) {
	w.now = machine.At(ev)
	w.past = &happened{w.past, ev}
	if w.events++; w.events > maxEvents {
		w.err = fmt.Errorf("a single run has more than %d events, which is too long to be explored: begin with a smaller input", maxEvents)
		return
	}
	w.free.Happens(ev)
	w.monitors.Happens(ev)
	commands, err := w.m.Apply(ev)
	var refused *machine.SignalError
	if errors.As(err, &refused) { // the run is as it was
		w.past = w.past.before
		w.events--
		if w.story != nil {
			w.story.refused(w, refused)
		}
		return
	}
	if err != nil {
		w.err = fmt.Errorf("at +%s: %w", value.FormatDuration(w.now), err)
		return
	}
	w.carryOut(commands)
	w.judged()
	if fired, ok := ev.(machine.TimerFired); ok && fired.ID.Kind == machine.KindBackoff {
		if r := w.requests[fired.ID.Place]; r != nil {
			r.held = !w.underWay(fired.ID.Place)
		}
	}
	if w.s.signals {
		w.chances()
	}
}

// underWay reports whether something is planned for a place.
func (w *world) underWay(place string) bool {
	return slices.ContainsFunc(w.plans, func(p planned) bool { return p.signal == nil && p.id.Place == place })
}

// judged notes the rules that are broken by now.
func (w *world) judged() {
	w.monitors.Settled()
	for i, m := range w.monitors {
		all := m.Violations()
		for _, v := range all[w.seen[i]:] {
			w.breach(breach{kind: Invariant, title: v.Invariant.Name, rule: v.Rule.Text, place: v.Call})
			if w.story != nil {
				w.story.note(w.now, "this breaks \""+v.Invariant.Name+"\": "+v.Why)
			}
		}
		w.seen[i] = len(all)
	}
}

func (w *world) carryOut(commands []machine.Command) {
	for _, c := range commands {
		switch c := c.(type) {
		case machine.Call:
			w.called(&c)
		case machine.SetTimer:
			w.plan(planned{at: c.At, id: c.ID})
		case machine.CancelCall:
			w.givenUp(c.ID)
		case machine.CancelTimer:
			if c.ID.Kind == machine.KindBackoff {
				delete(w.requests, c.ID.Place)
			}
			w.forget(c.ID)
		}
	}
}

func (w *world) plan(p planned) {
	p.seq = w.seq
	w.seq++
	w.plans = append(w.plans, p)
}

func (w *world) forget(id machine.ID) {
	w.plans = slices.DeleteFunc(w.plans, func(p planned) bool { return p.signal == nil && p.id == id })
}

// called plans the answer of a call.
func (w *world) called(c *machine.Call) {
	w.monitors.Called(*c)
	w.plan(planned{at: w.now + latency, id: c.ID, call: c, effect: w.tookEffect(c)})
	for _, b := range w.free.Called(*c) {
		w.breach(breach{kind: kinds[b.Rule], title: b.Summary, place: b.Place})
		if w.story != nil {
			w.story.note(w.now, "this must not happen: "+b.Because)
		}
	}
}

// kinds of findings that rules of every run are.
var kinds = map[invariant.FreeRule]Kind{invariant.AfterEnd: AfterEnd, invariant.OneKey: OneKey}

// tookEffect reports whether the request that a call makes took effect before.
func (w *world) tookEffect(c *machine.Call) bool {
	r := w.requests[c.ID.Place]
	if r != nil {
		r.held = false
	}
	return r != nil && r.key == c.Key && r.effect || w.done[invariant.RequestOf(*c)]
}

// givenUp is told that nobody waits for an answer any more. Whether the service did what
// it was asked for stays open.
func (w *world) givenUp(id machine.ID) {
	i := slices.IndexFunc(w.plans, func(p planned) bool { return p.call != nil && p.id == id })
	if i < 0 {
		return
	}
	p := w.plans[i]
	w.plans = slices.Delete(w.plans, i, i+1)
	delete(w.requests, id.Place)
	if p.effect || !w.s.menus.calls[p.call.Call].effects {
		return
	}
	took := w.fate(p.call.Place, true)
	if took {
		w.affected(p.call, &w.s.menus.calls[p.call.Call].all[0])
	}
	if w.story != nil {
		w.story.givenUp(w, p.call, took)
	}
}

// fate decides what became of a call of which nothing more is heard: whether it took effect.
// usual is what is tried first. Of the items of a loop that are given up at once some go either
// way, and the rest as the last of these; so do all calls if there are many.
func (w *world) fate(place string, usual bool) bool {
	name, most := "", fates
	if strings.Contains(place, "[") {
		name, most = anyItem(place), w.s.opts.Items
	}
	n, took := 0, usual
	for _, f := range w.fates {
		if f.name == name {
			n++
		}
		if f.name == name || n == 0 {
			took = f.took
		}
	}
	if n < most && len(w.fates) < fates {
		took = (w.choose(2) == 0) == usual
		w.fates = append(w.fates, fate{name, took})
	}
	return took
}

// fates is of how many calls that are given up at once each may take effect or not.
const fates = 6

// fate is whether a call took effect that was given up.
type fate struct {
	name string // of its place, if it is one of the items of a loop; "": it is none
	took bool
}

// affected notes that a call took effect.
func (w *world) affected(c *machine.Call, a *alternative) {
	w.monitors.Answered(c.ID, builtins.Answer{Status: a.status, Class: a.class, Lost: true})
	w.judged()
	if c.Call.Key != nil {
		if w.done == nil {
			w.done = map[string]bool{}
		}
		w.done[invariant.RequestOf(*c)] = true
	}
	if w.story != nil {
		w.story.effect(w, c, a)
	}
}

// choose takes one of n ways: as the path says, and beyond it the first.
func (w *world) choose(n int) int {
	if n == 1 {
		return 0
	}
	c := 0
	if w.at < len(w.path) {
		c = min(int(w.path[w.at]), n-1)
		w.at++
	}
	w.made = append(w.made, open{c, n})
	return c
}

// mark gives the world another path, of which it has come so far.
func (w *world) mark(path []uint16, at int) {
	w.path, w.at, w.made, w.breaks = path, at, w.made[:0], nil
}

// chances plans the signals that the run has begun to wait for, and forgets those that it
// does not wait for any more.
func (w *world) chances() {
	waiting := slices.DeleteFunc(w.m.Waiting(), func(x machine.Waiting) bool { return x.Signal == "" })
	w.plans = slices.DeleteFunc(w.plans, func(p planned) bool {
		return p.signal != nil && !slices.ContainsFunc(waiting, p.signal.of)
	})
	for _, x := range waiting {
		known := slices.ContainsFunc(w.plans, func(p planned) bool { return p.signal != nil && p.signal.of(x) }) ||
			slices.ContainsFunc(w.missed, func(c chance) bool { return c.of(x) })
		if !known {
			w.plan(planned{at: w.now + latency, signal: &chance{place: x.Place, attempt: x.Attempt, signal: x.Signal, key: x.Key, call: x.Call}})
		}
	}
}

func (c *chance) of(x machine.Waiting) bool { return c.place == x.Place && c.attempt == x.Attempt }

// settle forgets requests that are over.
func (w *world) settle() {
	for place, r := range w.requests {
		if !r.held && !w.underWay(place) {
			delete(w.requests, place)
		}
	}
	for name, of := range w.items { // of loops that are over
		loop := of.places[0][:strings.IndexByte(of.places[0], '[')+1]
		if !slices.ContainsFunc(w.plans, func(p planned) bool { return p.signal == nil && strings.HasPrefix(p.id.Place, loop) }) {
			delete(w.items, name)
		}
	}
}

// due is when something happens next; ok is false if nothing ever does.
func (w *world) due() (at time.Duration, ok bool) {
	for i := range w.plans {
		if !ok || w.plans[i].at < at {
			at, ok = w.plans[i].at, true
		}
	}
	return at, ok
}

// options lists what may happen next. The first is that all is well.
func (w *world) options(out []option) []option {
	at, ok := w.due()
	if !ok {
		return out
	}
	var room [8]int
	now := w.together(room[:0], at)
	if w.swapped == at {
		now = now[:1]
	}
	for _, i := range now {
		out = w.ways(out, i)
	}
	if w.m.Done() || w.settled() {
		return out
	}
	if w.s.opts.Signals && w.s.signals {
		out = w.outOfTurn(out)
	}
	if w.s.opts.Cancel && !w.cancelled && w.events > 0 {
		out = append(out, option{plan: -1, deed: cancels, label: "cancelled", fault: true})
	}
	if w.s.opts.Crash && !w.crashed && slices.ContainsFunc(w.plans, func(p planned) bool { return p.call != nil }) {
		out = append(out, option{plan: -1, deed: crashes, label: "the process dies", fault: true})
	}
	return out
}

// together lists what falls on a moment, in the order in which it was planned; of the items of
// a loop, which are alike, the first.
func (w *world) together(now []int, at time.Duration) []int {
	for i := range w.plans {
		if w.plans[i].at == at {
			now = append(now, i)
		}
	}
	slices.SortFunc(now, func(a, b int) int { return cmp.Compare(w.plans[a].seq, w.plans[b].seq) })
	kinds := now[:0]
	for _, i := range now {
		p := &w.plans[i]
		if p.call == nil || !slices.ContainsFunc(kinds, func(j int) bool { return w.plans[j].call != nil && w.plans[j].call.Call == p.call.Call }) {
			kinds = append(kinds, i)
		}
	}
	return kinds
}

// orders is of how many things that fall on one moment every order is tried. Of more, each
// comes before its turn once.
const orders = 6

// swaps notes that something comes before its turn, at a moment at which there is so much that
// nothing else does.
func (w *world) swaps(plan int) {
	var room [8]int
	at := w.plans[plan].at
	if now := w.together(room[:0], at); len(now) > orders && now[0] != plan {
		w.swapped = at
	}
}

// settled reports whether a call goes on as it did: what may happen meanwhile was tried
// before.
func (w *world) settled() bool {
	for _, r := range w.requests {
		if r.attempt >= w.s.opts.Attempts && !r.held {
			return true
		}
	}
	return false
}

// ways lists what may come of something that is planned.
func (w *world) ways(out []option, i int) []option {
	p := &w.plans[i]
	switch {
	case p.late != nil:
		return append(out, option{plan: i, alt: p.late})
	case p.signal != nil:
		menu := w.s.menus.calls[p.signal.call]
		for j := range menu.all {
			out = append(out, option{plan: i, alt: &menu.all[j], place: p.signal.place, label: menu.all[j].label, fault: j > 0})
		}
		return append(out, option{plan: i, place: p.signal.place, label: "no signal " + p.signal.signal, fault: true})
	case p.call == nil:
		return append(out, option{plan: i})
	}
	menu := w.s.menus.calls[p.call.Call]
	r := w.requests[p.id.Place]
	again := r != nil && r.wrong
	forced := r != nil && p.id.Attempt > w.s.opts.Attempts
	like, alike := w.alike(p.call.Place)
	for j := range menu.all {
		a := &menu.all[j]
		if forced && a != r.last {
			continue // by now it goes on as it did
		}
		if j > 0 && !a.can(p.call.Args, w.root) {
			continue
		}
		if alike && j > 0 && a != like && (r == nil || a != r.last) {
			continue
		}
		if p.effect && !w.s.opts.WithoutKeys && !forced {
			if a.refusal && a.status != 409 && !a.throttles {
				continue // it did what was asked for already, and knows the key
			}
			if a.label == labelTimeout {
				continue // the same as an answer that is lost
			}
		}
		o := option{plan: i, alt: a, place: p.call.Place, label: a.label, fault: j > 0 || a.fault}
		if o.fault && (forced || again && (!a.fault || w.passing(p.call.Call, a))) {
			o.fault, o.again = false, true
		}
		out = append(out, o)
	}
	return out
}

// alike reports whether a call is one of an item of a loop, of which others went any way
// already: it goes well, or like the last of these.
func (w *world) alike(place string) (like *alternative, yes bool) {
	if !strings.Contains(place, "[") {
		return nil, false
	}
	of := w.items[anyItem(place)]
	if of == nil || len(of.places) < w.s.opts.Items || slices.Contains(of.places, place) {
		return nil, false
	}
	return of.last, true
}

// went notes which way a call of an item goes.
func (w *world) went(place string, a *alternative) {
	if !strings.Contains(place, "[") {
		return
	}
	if w.items == nil {
		w.items = map[string]*items{}
	}
	name := anyItem(place)
	of := w.items[name]
	if of == nil {
		of = &items{}
		w.items[name] = of
	}
	known := slices.Contains(of.places, place)
	if !known && len(of.places) < w.s.opts.Items {
		of.places, known = append(of.places, place), true
	}
	if known {
		of.last = a
	}
}

// passing reports whether an outcome of a call may pass: a call that is in trouble stays
// so without a further fault.
func (w *world) passing(c *graph.Call, a *alternative) bool {
	if a.kind != answers || a.label == labelMalformed {
		return true
	}
	d, _ := c.Sig.Classify(c.Policy.Rules, a.status, a.class)
	return d == value.Retryable
}

// outOfTurn lists signals that come before anybody waits, or when nobody does any more.
func (w *world) outOfTurn(out []option) []option {
	for _, sg := range w.s.sendable {
		if slices.Contains(w.sent, sg) {
			continue
		}
		call := w.s.waits[sg]
		if call == nil {
			continue
		}
		early := w.events == 1
		late := slices.ContainsFunc(w.missed, func(c chance) bool { return c.signal == sg })
		if !early && !late || slices.ContainsFunc(w.plans, func(p planned) bool { return p.signal != nil && p.signal.signal == sg }) {
			continue
		}
		when := "early"
		if late {
			when = "late"
		}
		menu := w.s.menus.calls[call]
		out = append(out, option{plan: -1, deed: sends, alt: &menu.all[0], text: sg, label: "signal " + sg + " comes " + when, fault: true})
	}
	return out
}

// take makes something happen.
func (w *world) take(o *option) {
	w.fates = w.fates[:0]
	if o.fault {
		w.faults++
	}
	if w.story != nil {
		w.story.takes(w, o)
	}
	switch o.deed {
	case cancels:
		w.cancel()
		return
	case crashes:
		w.crash()
		return
	case sends:
		w.sent = append(w.sent, o.text)
		w.signal(w.soon(), o.text, o.alt, nil)
		return
	}
	w.swaps(o.plan)
	p := w.plans[o.plan]
	w.plans = slices.Delete(w.plans, o.plan, o.plan+1)
	if o.alt != nil && o.alt.after > 0 && p.late == nil {
		p.at, p.late = p.at+o.alt.after, o.alt
		w.plans = append(w.plans, p)
		return
	}
	switch {
	case p.signal != nil:
		if o.alt == nil {
			w.missed = append(w.missed, *p.signal)
			return
		}
		w.signal(p.at, p.signal.signal, o.alt, p.signal.key)
	case p.call == nil:
		w.tell(machine.TimerFired{At: p.at, ID: p.id})
	default:
		w.answer(&p, o)
	}
}

// soon is a moment before the next thing happens.
func (w *world) soon() time.Duration {
	at, ok := w.due()
	if soon := w.now + time.Millisecond; !ok || soon < at {
		return soon
	}
	return at
}

func (w *world) cancel() {
	w.cancelled = true
	w.tell(machine.CancelRequested{At: w.soon()})
}

// crash lets another machine take over from what was written down: calls that are under
// way are made again. It is in the state of the one before, or exploring makes no sense: so
// that is looked at in every run without other faults, and in some of the rest. Else the one
// before goes on in its place.
func (w *world) crash() {
	w.crashed = true
	m := w.m
	if w.faults <= 1 || w.story != nil || w.events%reread == 0 {
		if m = w.readAgain(); w.err != nil {
			return
		}
	}
	w.m = m
	under := w.plans
	w.plans = slices.DeleteFunc(slices.Clone(under), func(p planned) bool { return p.signal == nil })
	for _, c := range m.Pending() {
		switch c := c.(type) {
		case machine.Call:
			i := slices.IndexFunc(under, func(p planned) bool { return p.call != nil && p.id == c.ID })
			effect := false
			switch {
			case i < 0: // nobody answers it any more, and its timeout comes
				continue
			case under[i].effect:
				effect = true
			case w.s.menus.calls[c.Call].effects:
				if effect = w.fate(c.Place, false); effect {
					w.affected(&c, &w.s.menus.calls[c.Call].all[0])
					if w.story != nil {
						w.story.tookEffect(w, &c, &w.s.menus.calls[c.Call].all[0], 0)
					}
				}
			}
			w.monitors.Again(c)
			w.plan(planned{at: w.now + latency, id: c.ID, call: &c, effect: effect})
		case machine.SetTimer: // a deadline that has passed, and no longer matters, comes again at once
			w.plan(planned{at: max(c.At, w.now), id: c.ID})
		}
	}
	if w.story != nil {
		w.story.unheard = append(w.story.unheard, propose.Unheard{Behind: w.events - 1})
	}
}

// reread is of how many crashes in runs with other faults one is carried out by reading what
// was written down.
const reread = 8

// readAgain makes a machine of what was written down.
func (w *world) readAgain() *machine.Machine {
	w.reading = true
	defer func() { w.reading = false }()
	m := machine.New(w.s.graph, w.root.input, w.config(w.retold()))
	if err := interpreter.Replay(m, w.heard(), nil); err != nil {
		w.err = err
		return nil
	}
	if m.Now() != w.m.Now() || w.s.digest(w) != w.s.digest(w.with(m)) {
		w.err = fmt.Errorf("a run that is read again is in another state than before")
	}
	return m
}

// with is the world with another machine.
func (w *world) with(m *machine.Machine) *world {
	c := *w
	c.m = m
	return &c
}

// signal sends a signal.
func (w *world) signal(at time.Duration, name string, a *alternative, key any) {
	payload := a.said(nil, w.root)
	if record, ok := payload.(map[string]any); ok && key != nil {
		if sg := w.s.graph.SendableAs(name); sg != nil && sg.Key != "" {
			record[sg.Key] = key
		}
	}
	w.tell(machine.SignalReceived{At: at, Name: name, Payload: payload})
}

// answer ends an attempt.
func (w *world) answer(p *planned, o *option) {
	a, c := o.alt, p.call
	w.went(c.Place, a)
	if c.Closing {
		w.closed(c, a)
	}
	effect := a.effect && (!p.effect || w.s.opts.WithoutKeys && !c.Call.Sig.Idempotent)
	if effect {
		w.affected(c, a)
		if p.effect && !w.crashed { // services that know no keys; behind a crash nothing helps but an operation that is idempotent
			w.breach(breach{kind: Twice, title: c.Call.Sig.Name() + " takes effect twice for one request", place: c.Place, call: c})
		}
	}
	var body any
	if a.kind == answers {
		body = a.said(c.Args, w.root)
	}
	if !effect {
		w.monitors.Answered(c.ID, a.seen(body))
	}
	w.requests[p.id.Place] = &request{key: c.Key, attempt: p.id.Attempt, last: a, wrong: a != &w.s.menus.calls[c.Call].all[0] && (!a.fault || w.passing(c.Call, a)), effect: p.effect || a.effect}
	w.now = p.at
	timed := c.Call.Policy.Timeout != nil
	var ev machine.Event
	switch {
	case a.kind == silent && timed: // the timeout tells
		return
	case a.kind == silent && a.label == labelLost:
		ev = machine.CallFailed{At: p.at, ID: p.id, Class: value.Unreachable, Message: "the connection broke before the answer"}
	case a.kind == silent:
		ev = machine.CallFailed{At: p.at, ID: p.id, Class: value.Timeout, Message: "the connection timed out; the call itself has no timeout"}
	case a.kind == broken:
		ev = machine.CallFailed{At: p.at, ID: p.id, Class: value.Unreachable}
	default:
		ev = machine.CallReturned{At: p.at, ID: p.id, Status: a.status, Class: a.class, Headers: a.headers, Body: body, Again: c.Again}
	}
	w.tell(ev)
}

// seen is what a monitor is told of an attempt that did nothing, or nothing new.
func (a *alternative) seen(body any) builtins.Answer {
	switch {
	case a.kind != answers:
		return builtins.Answer{Class: value.Unreachable}
	case a.label == labelMalformed:
		return builtins.Answer{Class: value.Malformed}
	}
	return builtins.Answer{Status: a.status, Class: a.class, Body: body}
}
