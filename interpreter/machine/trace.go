package machine

import (
	"time"

	"wf/lang/value"
)

// EntryKind says what a trace entry tells.
type EntryKind string

// Kinds of trace entries, with the fields they fill beside At, Kind and Step.
const (
	EntryRunStarted  EntryKind = "run_started"  // RunID, CorrelationID, Seed, Args (the input), Note (the workflow)
	EntryStepStarted EntryKind = "step_started" // Of (an item: how many there are)
	EntryCall        EntryKind = "call"         // Place, Attempt, Operation, Version (of a workflow), Args, Key, Until (its timeout; 0: none), Took (how long it was held), Note (the key, if the definition says it)
	EntryHeld        EntryKind = "held"         // Place, Attempt, Note (the limit that keeps the call back), Until (0: until others have ended)
	EntryRefused     EntryKind = "refused"      // Place, Attempt, Operation, Outcome (breaker_open), Note: the call is not made
	EntryBreaker     EntryKind = "breaker"      // Place, Attempt (that changed it), Service, State, Until (open until), Note
	EntryAnswer      EntryKind = "answer"       // Place, Attempt, Outcome, Body, Headers, Took, Note (what is odd about it)
	EntryDecision    EntryKind = "decision"     // Place, Attempt, Note (the clause or policy, and why)
	EntryWait        EntryKind = "wait"         // between attempts: Place, Attempt (the next), Until, Of, Note; for a signal: Place, Attempt, Signal, Key, Until (0: for ever); for a time: Until, Note
	EntrySignal      EntryKind = "signal"       // Signal, Body (the payload), Note (what became of it, if nobody waited); at the end of a run: Signal, Count, Note
	EntryTakenOver   EntryKind = "taken_over"   // Note: the process of the run died, and another one has taken over, which makes calls again
	EntryStepEnded   EntryKind = "step_ended"   // Ending, Body (the result), Took, Note (the reason), Error
	EntryRunEnded    EntryKind = "run_ended"    // Ending, Body (the output), Error
)

// Entry is one line of a trace. Secrets are masked in it already.
type Entry struct {
	At            time.Duration
	Kind          EntryKind
	Step          string
	Place         string
	Attempt       int
	Count         int // the attempt's number among those that count for Of
	Of            int // attempts granted; items of a loop
	Operation     string
	Version       string // of a workflow that is called; "" if it says none
	Service       string
	State         BreakerState
	Key           string // idempotency key; of a wait, whose signals
	Signal        string
	Args          any
	Outcome       string
	Headers       map[string]string
	Body          any
	Took          time.Duration
	Until         time.Duration
	Ending        Ending
	Note          string
	Error         *RunError
	RunID         string
	CorrelationID string
	Seed          uint64
}

// traced reports whether somebody listens, so that a note is worth its making.
func (m *Machine) traced() bool { return m.cfg.Trace != nil }

func (m *Machine) trace(e Entry) {
	if !m.traced() {
		return
	}
	if m.of != nil && e.Step == "" { // its call and the answer tell the rest
		if e.Kind == EntryRunStarted {
			return
		}
		e.Step = m.place
	}
	e.At = m.now
	if e.Kind == EntryRunStarted {
		e.RunID, e.CorrelationID, e.Seed = m.cfg.RunID, m.cfg.CorrelationID, m.cfg.Seed
		e.Args = m.g.Input.Redact(e.Args)
	}
	m.cfg.Trace(e)
}

func (m *Machine) traceCall(x *exec, cs *callState) {
	if !m.traced() {
		return
	}
	if cs.call.Sig.Signal {
		m.traceAwait(x, cs)
		return
	}
	e := m.about(x, cs, EntryCall)
	e.Operation, e.Key, e.Until, e.Took = cs.call.Sig.Name(), m.key(cs), cs.timeout, cs.delay
	if cs.own != "" {
		e.Note = "key " + e.Key
	}
	if cs.call.Runs != nil {
		e.Version = cs.call.Runs.Version
	}
	if cs.call.Sig.Handler {
		if cs.call.Args != nil {
			e.Args = cs.call.Args.Type().Redact(cs.context.Config)
		}
	} else {
		e.Args = cs.call.Sig.Input.Redact(any(cs.args))
		if cs.call.Args != nil { // a secret stays one, even where the operation does not ask for it
			e.Args = cs.call.Args.Type().Redact(e.Args)
		}
	}
	m.trace(e)
}

func (m *Machine) about(x *exec, cs *callState, kind EntryKind) Entry {
	return Entry{Kind: kind, Step: x.name(), Place: cs.place, Attempt: cs.attempt}
}

func (m *Machine) traceAnswer(x *exec, cs *callState, t *value.Type) {
	if !m.traced() {
		return
	}
	e := m.about(x, cs, EntryAnswer)
	a := cs.answer
	if a.class == value.BreakerOpen {
		e.Kind, e.Operation, e.Outcome, e.Note = EntryRefused, cs.call.Sig.Name(), a.class, a.message
		m.trace(e)
		return
	}
	e.Outcome, e.Headers, e.Body, e.Took, e.Note = a.String(), a.headers, a.body, m.now-cs.sent, a.message
	if t != nil {
		e.Body = t.Redact(a.body)
	}
	switch {
	case a.undeclared:
		e.Note = "undeclared"
	case a.ignored != "":
		e.Note = a.ignored
	}
	m.trace(e)
}

// decided notes which clause or policy decided, and why.
func (m *Machine) decided(x *exec, note string) {
	if !m.traced() {
		return
	}
	e := Entry{Kind: EntryDecision, Step: x.name(), Note: note}
	if c := x.latest(); c != nil {
		e.Place, e.Attempt = c.place, c.attempt
	}
	m.trace(e)
}

func (m *Machine) traceWait(x *exec, cs *callState, n, of int, p pause) {
	if !m.traced() {
		return
	}
	e := m.about(x, cs, EntryWait)
	e.Attempt, e.Count, e.Of, e.Took, e.Until, e.Note = cs.attempt+1, n, of, p.wait, cs.resume, p.String()
	m.trace(e)
}

func (m *Machine) traceStepEnded(in *scope, i int) {
	if !m.traced() {
		return
	}
	st, s := &in.states[i], in.steps[i]
	m.trace(Entry{Kind: EntryStepEnded, Step: in.name(i), Ending: st.ending, Attempt: st.attempts, Body: s.Result.Redact(st.result), Took: st.ended - st.started, Note: st.reason, Error: st.err})
}

func (m *Machine) traceRunEnded(r *Result) {
	if !m.traced() {
		return
	}
	e := Entry{Kind: EntryRunEnded, Ending: r.Ending, Took: r.Summary.Total, Body: r.Output, Error: r.Error, Note: r.Reason}
	if m.g.Output != nil {
		e.Body = m.g.Output.Type().Redact(r.Output)
	}
	m.trace(e)
}
