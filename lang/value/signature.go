package value

import (
	"fmt"
	"slices"
	"strconv"
)

// HandlerService is the service of the handlers that Tasker task configurations name;
// the operation is the class.
const HandlerService = "handler"

// Signature is the contract of one operation of a service: what it takes and
// every way it can answer.
type Signature struct {
	Service, Operation string
	Doc                string
	Input              *Type // a record; never nil
	Outcomes           []Outcome
	Idempotent         bool   // repeating a call has no further effect
	Route              *Route // how the HTTP caller reaches it; nil if it cannot
	Rules              []Rule // classification declared by the service
	Unknown            bool   // stands for one that does not exist, which is told
	Guard              *Guard // bounds the calls of the operation; nil: nothing does
	ServiceGuard       *Guard // bounds those of its service, all operations together; nil: nothing does
	Handler            bool   // takes the whole context of a step instead of Input
	Workflow           bool   // it is a workflow: Service is its namespace, and its outcomes are how it ends
	AnyStatus          bool   // of a workflow: it can also fail as an undeclared answer of a service does, see [OtherStatus]
	Signal             bool   // stands for a wait for the signal Operation; see [WaitFor]
}

// Name is "service.operation", the operation alone if there is no service; of a wait
// "signal decision".
func (s *Signature) Name() string {
	switch {
	case s.Signal:
		return s.Service + " " + s.Operation
	case s.Service == "":
		return s.Operation
	}
	return s.Service + "." + s.Operation
}

// Route is the HTTP request of an operation. Parts of the path in braces are
// filled from the arguments of that name.
type Route struct{ Method, Path string }

// Outcome is one declared answer of an operation and the type of its body; a nil
// Body says nothing about it.
type Outcome struct {
	Pattern
	Body   *Type
	Common bool // declared for all operations of the service
}

// Rule classifies outcomes: retried while attempts are left, or permanent.
type Rule struct {
	Pattern
	Retryable bool
	Implied   bool // nobody wrote it: it is part of the language
}

// UndoRule is the last rule of every call in an undo: as long as nobody knows that an effect
// is taken back, it is tried again.
var UndoRule = Rule{Pattern: Pattern{Name: Malformed}, Retryable: true, Implied: true}

// Pattern says which outcomes of a call are meant. Exactly one field is set.
type Pattern struct {
	Status int    // one HTTP status, 201
	Class  int    // first digit of a class of statuses: 5 is "5xx"
	Name   string // an error class: "timeout", or one that a service declares, "SOLD_OUT"
}

// The classes every call can end in, besides a status. They are never declared.
const (
	Timeout     = "timeout"     // no answer within the time of one attempt
	Unreachable = "unreachable" // no connection, or it broke
	Malformed   = "malformed"   // an answer that breaks the signature
)

// BreakerOpen is the class of a call that is not made, because the breaker of its service
// is open. Only calls of services with a breaker end in it.
const BreakerOpen = "breaker_open"

// Doubtful reports whether an outcome leaves open what the service did: it may be in
// trouble, and the call may have had its effect.
func Doubtful(status int, class string) bool {
	switch class {
	case "":
		return status >= 500
	case Timeout, Unreachable, Malformed:
		return true
	}
	return false
}

// Classes after the policy had its say; they stand only in `on`.
const (
	Exhausted = "exhausted" // retryable, and no attempt is left
	Failed    = "failed"    // the call failed for whatever reason
)

// Unconditional lists the classes that every call of a service can end in.
var Unconditional = []string{Timeout, Unreachable, Malformed}

// The successes of a workflow that is called. No service declares them.
const (
	Completed = "completed"
	Degraded  = "degraded" // a fallback stood in
)

// OtherStatus stands for the codes HTTP_400 to HTTP_599 with which a workflow can fail
// though no call in it declares them.
const OtherStatus = "HTTP_…"

// Always lists the classes that a call of s can end in whatever it declares.
func (s *Signature) Always() []string {
	switch {
	case s.Signal: // one that is not bounded never ends otherwise
		return nil
	case s.Workflow: // nothing stands between it and its caller
		return Unconditional[:1]
	}
	return Unconditional
}

// String spells the pattern as the language does: "201", "5xx", "timeout".
func (p Pattern) String() string {
	switch {
	case p.Status != 0:
		return strconv.Itoa(p.Status)
	case p.Class != 0:
		return fmt.Sprintf("%dxx", p.Class)
	}
	return p.Name
}

// MarshalText writes [Pattern.String].
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Matches reports whether an outcome is meant: a status, or (status 0) a class.
func (p Pattern) Matches(status int, class string) bool {
	if p.Name != "" {
		return p.Name == class
	}
	return class == "" && status != 0 && (p.Status == status || p.Class != 0 && p.Class == status/100)
}

// Covers reports whether p means everything that q means.
func (p Pattern) Covers(q Pattern) bool {
	return p == q || p.Class != 0 && p.Class == q.Status/100 && q.Status != 0
}

// Overlaps reports whether some outcome is meant by both.
func (p Pattern) Overlaps(q Pattern) bool { return p.Covers(q) || q.Covers(p) }

// Body returns the declared type of the answer's body; ok is false if nothing is
// declared for such an answer. An exact status wins over a class.
func (s *Signature) Body(status int, class string) (t *Type, ok bool) {
	for _, exact := range []bool{true, false} {
		for _, o := range s.Outcomes {
			if (o.Class == 0) == exact && o.Matches(status, class) {
				return o.Body, true
			}
		}
	}
	return nil, false
}

// Possible reports whether a call of s can end in an outcome that p means:
// declared ones, or [Signature.Always].
func (s *Signature) Possible(p Pattern) bool {
	return slices.Contains(s.Always(), p.Name) ||
		slices.ContainsFunc(s.Outcomes, func(o Outcome) bool { return o.Overlaps(p) })
}

// Disposition is what becomes of an outcome that no clause names.
type Disposition int8

// Dispositions.
const (
	Success   Disposition = iota
	Retryable             // tried again while attempts are left, then exhausted
	Permanent             // fails the call at once
)

// String returns "success", "retryable" or "permanent".
func (d Disposition) String() string { return [...]string{"success", "retryable", "permanent"}[d] }

// Classify decides an outcome: the first rule that matches, else the default
// table: 2xx and the successes of a workflow succeed; 408, 425, 429, 5xx, timeout, unreachable and
// breaker_open are worth
// another try; everything else is permanent. by is the deciding rule, nil for the
// default table.
func Classify(rules []Rule, status int, class string) (d Disposition, by *Rule) {
	for i := range rules {
		if r := &rules[i]; r.Matches(status, class) {
			if r.Retryable {
				return Retryable, r
			}
			return Permanent, r
		}
	}
	switch {
	case class == Timeout, class == Unreachable, class == BreakerOpen:
		return Retryable, nil
	case class == Completed, class == Degraded:
		return Success, nil
	case class != "":
		return Permanent, nil
	case status/100 == 2:
		return Success, nil
	case status == 408, status == 425, status == 429, status/100 == 5:
		return Retryable, nil
	}
	return Permanent, nil
}
