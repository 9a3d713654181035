package value

// SignalService is the service of the signatures that stand for waits for a signal; the
// operation is the signal's name.
const SignalService = "signal"

// Received is the outcome of a wait whose signal came. The other one is [Timeout].
const Received = "received"

// WaitFor is the signature of a wait for a signal: a call to whoever sends it. A nil
// payload is nothing; bounded says that the wait has a within.
func WaitFor(signal string, payload *Type, bounded bool) *Signature {
	if payload == nil {
		payload = TNil
	}
	sig := &Signature{Service: SignalService, Operation: signal, Input: RecordOf(), Signal: true, Outcomes: []Outcome{{Pattern: Pattern{Name: Received}, Body: payload}}}
	if bounded {
		sig.Outcomes = append(sig.Outcomes, Outcome{Pattern: Pattern{Name: Timeout}, Body: TNil})
	}
	return sig
}

// Classify is [Classify] for an answer to a call with this signature. A signal that does
// not come is not called for again: only a clause waits once more.
func (s *Signature) Classify(rules []Rule, status int, class string) (Disposition, *Rule) {
	switch {
	case !s.Signal:
		return Classify(rules, status, class)
	case class == Received:
		return Success, nil
	}
	return Permanent, nil
}
