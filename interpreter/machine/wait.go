package machine

import (
	"fmt"
	"strings"
	"time"

	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

/*
A wait for a signal is a call to whoever sends it: it has a place, attempts and clauses
like any other, and a timeout if it says within. What makes it one is that nobody is
called; it takes its turn at a mailbox. There is a mailbox for each signal, or for each
key of one that has a key; the workflows of a run have them in common.
*/

// address is the signal, and the key, that a mailbox is for. The key is spelt with its
// type, so that 1 is not "1"; "" is none.
type address struct{ signal, key string }

// mailbox holds the waits for a signal in the order in which they began, or the signals
// that came before somebody waited, in the order in which they came. Never both.
type mailbox struct {
	address
	first, last *waiter
	kept        []any // payloads
}

// waiter is a wait in the line of a mailbox.
type waiter struct {
	run        *Machine // of the workflow that waits
	of         *exec
	call       *callState
	box        *mailbox
	prev, next *waiter
}

// SignalError is why a run refuses a signal. The run is as it was.
type SignalError struct {
	Signal     string
	Message    string
	Violations value.Violations // of the payload; nil if it is refused for something else
}

// Error names the signal and all that is wrong with it.
func (e *SignalError) Error() string { return "signal " + e.Signal + " is refused: " + e.Message }

// box is the mailbox of an address.
func (m *Machine) box(a address) *mailbox {
	b := m.boxes[a]
	if b == nil {
		if m.boxes == nil {
			m.boxes = map[address]*mailbox{}
		}
		b = &mailbox{address: a}
		m.boxes[a] = b
		m.posts = append(m.posts, b)
	}
	return b
}

// keyed spells a key; ok is false if it is neither a string nor an int.
func keyed(key any) (spelt string, ok bool) {
	switch key := key.(type) {
	case string:
		return "string " + key, true
	case int:
		return fmt.Sprint("int ", key), true
	}
	return "", false
}

// signalKey evaluates whose signals a wait is for.
func (m *Machine) signalKey(cs *callState) *RunError {
	p := cs.call.By
	if p == nil {
		return nil
	}
	v, err := p.Eval(&m.eval, m.env)
	if err == nil {
		if _, ok := keyed(v); !ok {
			err = &expr.Error{Span: p.Span(), Message: fmt.Sprintf("the key of a signal is a string or an int, not %s", value.KindOf(v))}
		}
	}
	if err != nil {
		return expressionError(err)
	}
	cs.by = v
	return nil
}

// await takes the signal that came first, or begins to wait for one.
func (m *Machine) await(x *exec, cs *callState) {
	a := address{signal: cs.call.Sig.Operation}
	a.key, _ = keyed(cs.by)
	b := m.box(a)
	if len(b.kept) > 0 {
		payload := b.kept[0]
		b.kept = b.kept[1:]
		m.kept--
		cs.timeout = 0
		m.judge(x, cs, answer{class: value.Received, body: payload})
		return
	}
	w := &waiter{run: m, of: x, call: cs, box: b, prev: b.last}
	if b.last == nil {
		b.first = w
	} else {
		b.last.next = w
	}
	b.last, cs.awaits = w, w
	if cs.timeout > 0 {
		m.emit(SetTimer{m.callID(x, cs, KindTimeout), cs.timeout})
	}
}

// forgo takes a wait out of its line.
func (m *Machine) forgo(cs *callState) {
	w := cs.awaits
	cs.awaits = nil
	if w.prev == nil {
		w.box.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		w.box.last = w.prev
	} else {
		w.next.prev = w.prev
	}
}

// signalled hands a signal to whoever has waited longest, or keeps it.
func (m *Machine) signalled(ev SignalReceived) error {
	sig := m.g.SendableAs(ev.Name)
	if sig == nil {
		return &SignalError{Signal: ev.Name, Message: "workflow " + m.g.FullName() + " has no such signal"}
	}
	payload, a, err := m.admit(sig, ev.Payload)
	if err != nil {
		return err
	}
	b := m.box(a)
	e := Entry{Kind: EntrySignal, Signal: sig.Name, Body: payload}
	if sig.Payload != nil {
		e.Body = sig.Payload.Redact(payload)
	}
	if b.first == nil {
		if m.kept >= graph.MaxKept {
			return &SignalError{Signal: sig.Name, Message: fmt.Sprintf("the run keeps %d signals that nobody has waited for, and that is the limit", graph.MaxKept)}
		}
		m.kept++
		b.kept = append(b.kept, payload)
		e.Note = "kept, because nobody waits for it"
		m.trace(e)
		return nil
	}
	m.trace(e)
	to, x, cs := b.first.run, b.first.of, b.first.call
	to.forgo(cs)
	if cs.timeout > 0 {
		to.emit(CancelTimer{to.callID(x, cs, KindTimeout)})
	}
	to.resume(x)
	to.judge(x, cs, answer{class: value.Received, body: payload})
	to.schedule()
	return nil
}

// admit completes a payload and finds out whom it is for.
func (m *Machine) admit(sig *graph.Signal, payload any) (any, address, error) {
	a := address{signal: sig.Name}
	refuse := func(format string, args ...any) (any, address, error) {
		return nil, a, &SignalError{Signal: sig.Name, Message: fmt.Sprintf(format, args...)}
	}
	payload, err := value.Normalize(payload)
	switch empty, _ := payload.(map[string]any); {
	case err != nil:
		return refuse("%v", err)
	case sig.Payload == nil && payload != nil && (empty == nil || len(empty) > 0):
		return refuse("it carries nothing but its name, and this one carries something")
	case sig.Payload == nil:
		return nil, a, nil
	case payload == nil:
		payload = map[string]any{}
	}
	done, violations := sig.Payload.Conform(payload, m.env)
	if len(violations) > 0 {
		return nil, a, &SignalError{Signal: sig.Name, Message: violations.Error(), Violations: violations}
	}
	if sig.Key != "" {
		fields, _ := done.(map[string]any)
		var ok bool
		if a.key, ok = keyed(fields[sig.Key]); !ok {
			return refuse("%s says whom it is for, and must be a string or an int", sig.Key)
		}
	}
	return done, a, nil
}

// traceUnread tells of the signals that nobody took, when the run ends.
func (m *Machine) traceUnread() {
	if !m.traced() || m.kept == 0 {
		return
	}
	for _, sig := range m.g.Sendable() {
		n := 0
		for _, b := range m.posts {
			if b.signal == sig.Name {
				n += len(b.kept)
			}
		}
		if n > 0 {
			m.trace(Entry{Kind: EntrySignal, Signal: sig.Name, Count: n, Note: "never waited for"})
		}
	}
}

// traceAwait tells that a step waits for a signal from now on.
func (m *Machine) traceAwait(x *exec, cs *callState) {
	e := m.about(x, cs, EntryWait)
	e.Signal, e.Until = cs.call.Sig.Operation, cs.timeout
	if cs.by != nil {
		e.Key = fmt.Sprint(cs.by)
		if cs.call.By.Type().HasSecret() {
			e.Key = value.Mask
		}
	}
	m.trace(e)
}

// pauseFor lets time pass. It reports whether the step has to wait, or has failed.
func (m *Machine) pauseFor(x *exec, st *graph.Wait) (stop bool) {
	if x.late {
		m.fail(x, x.deadline())
		return true
	}
	due, note, err := m.due(st)
	if err != nil {
		m.fail(x, expressionError(err))
		return true
	}
	if due <= m.now && note == "" {
		note = "no time to wait"
	}
	m.trace(Entry{Kind: EntryWait, Step: x.name(), Took: max(0, due-m.now), Until: max(due, m.now), Note: note})
	if due <= m.now {
		return false
	}
	if _, depth := x.clause(); depth > 0 { // what was answered means the same behind the wait
		for _, name := range answerNames {
			m.bind(x, name, m.env[name])
		}
	}
	x.pauses++
	x.paused, x.until = true, due
	m.emit(SetTimer{m.pauseID(x), due})
	return true
}

// due is when a wait for a time is over.
func (m *Machine) due(st *graph.Wait) (at time.Duration, note string, err error) {
	if st.Until == nil {
		d, err := m.duration(st.For, 0)
		return m.now + d, "", err
	}
	v, err := st.Until.Eval(&m.eval, m.env)
	if err != nil {
		return 0, "", err
	}
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, "", &expr.Error{Span: st.Until.Span(), Message: fmt.Sprintf("%v is no time", v)}
	}
	if st.Until.Type().HasSecret() {
		text = value.Mask
	}
	if at = t.Sub(m.cfg.Start); at <= m.now {
		text += " is past"
	}
	return at, text, nil
}

func (m *Machine) pauseID(x *exec) ID {
	return ID{Place: x.name(), Attempt: x.pauses, Kind: KindPause, scope: x.scope.seq, step: int32(x.step)}
}

// pauseOver goes on behind a wait for a time.
func (m *Machine) pauseOver(id ID) error {
	s, err := m.scopeOf(id)
	if s == nil {
		return err
	}
	x := s.states[id.step].exec
	switch {
	case x == nil && s.states[id.step].ending != "" && s.steps[id.step].Pauses():
		return nil
	case x == nil || id.Attempt < 1 || id.Attempt > x.pauses:
		return fmt.Errorf("%s was never asked for", id)
	case !x.paused || id.Attempt < x.pauses:
		return nil
	case m.now < x.until:
		return early(id, x.until)
	}
	x.paused = false
	m.resume(x)
	m.run(x)
	m.schedule()
	return nil
}

// Waiting is one thing that a run waits for from outside: a signal, or a moment.
type Waiting struct {
	Step    string
	Place   string        // of a wait for a signal; "" for a moment
	Call    *graph.Call   // of a wait for a signal: what it is in the definition
	Attempt int           // of a wait for a signal, from 1
	Signal  string        // "": a moment
	Key     any           // whose signals, a string or an int; nil: all
	Since   time.Duration // of a wait for a signal
	Until   time.Duration // when it is over; 0: never
}

// Waiting lists what a run waits for, in the order in which the steps stand; what the
// workflows wait for that it calls comes last.
func (m *Machine) Waiting() []Waiting {
	var out []Waiting
	m.eachRunning(func(x *exec) {
		switch cs := x.call; {
		case x.paused:
			out = append(out, Waiting{Step: x.name(), Until: x.until})
		case cs != nil && cs.awaits != nil:
			out = append(out, Waiting{Step: x.name(), Place: cs.place, Call: cs.call, Attempt: cs.attempt, Signal: cs.call.Sig.Operation, Key: cs.by, Since: cs.sent, Until: cs.timeout})
		}
	})
	return out
}

// State is what a run is doing: running, or waiting if all that is under way waits for a
// signal or a moment; ended when it is done.
type State string

// States of runs.
const (
	StateRunning State = "running"
	StateWaiting State = "waiting"
	StateEnded   State = "ended"
)

// State says what the run is doing.
func (m *Machine) State() State {
	if m.done {
		return StateEnded
	}
	waits, busy := false, false
	m.eachRunning(func(x *exec) {
		if x.inner != nil || x.call != nil && x.call.child != nil { // its steps say
			return
		}
		idle := x.paused || x.call != nil && x.call.awaits != nil
		waits, busy = waits || idle, busy || !idle
	})
	if waits && !busy {
		return StateWaiting
	}
	return StateRunning
}

// eachRunning visits the steps under way, those of the scope opened first first.
func (m *Machine) eachRunning(visit func(*exec)) {
	m.eachOwn(visit)
	for _, called := range m.runs {
		if called != nil && called != m {
			called.eachOwn(visit)
		}
	}
}

// eachOwn visits those of the workflow itself.
func (m *Machine) eachOwn(visit func(*exec)) {
	for _, s := range m.scopes {
		if s == nil {
			continue
		}
		for i := range s.states {
			if x := s.states[i].exec; x != nil {
				visit(x)
			}
		}
	}
}

// Awaited names what the entry of a wait is about that is none between two attempts:
// "wait for decision", "wait 10m".
func (e Entry) Awaited() string {
	switch {
	case e.Signal == "":
		return "wait " + offset(e.Took)
	case e.Key != "":
		return "wait for " + e.Signal + " by " + e.Key
	}
	return "wait for " + e.Signal
}

// waits is what such an entry says.
func (e Entry) waits() string {
	s := e.Awaited()
	if e.Until > 0 || e.Signal == "" {
		s += " until +" + offset(e.Until)
	}
	return s + strings.TrimSuffix(": "+e.Note, ": ")
}

// signalled is what the entry of a signal says.
func (e Entry) signalled() string {
	switch {
	case e.Count > 1:
		return fmt.Sprintf("%d signals %s were %s", e.Count, e.Signal, e.Note)
	case e.Count == 1:
		return "signal " + e.Signal + " was " + e.Note
	}
	return "signal " + e.Signal + with("", e.Body) + paren(e.Note)
}
