// Package builtins is the registry of the operations a workflow can call: each a
// signature, so that calls are checked before anything runs, and a function.
//
// A [Registry] is a value that is made ([New]), filled ([Registry.Register], [Add])
// and passed on; there is no global one. It is a check.Catalog. Package mocks fills
// one with the mock services of the shipped workflows.
package builtins

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"wf/lang/value"
)

// Call is one attempt of a call as its function sees it.
type Call struct {
	Service, Operation string
	Sig                *value.Signature // as the definition has it
	Args               map[string]any   // complete and checked; must not be written to
	Context            *Context         // handlers get it instead of Args; nil for all others
	Place              string           // of the call in the run, "charge" or "charge.found"
	Key                string           // idempotency key, the same for all attempts of one request
	RunID              string
	CorrelationID      string
	Attempt            int          // from 1
	At                 time.Time    // now, on the clock of the run
	Seed               uint64       // of the run
	Guard              *value.Guard // bounds the calls of the service; nil: nothing does. The run has seen to it; drivers of many runs do for all of them
	OperationGuard     *value.Guard // bounds those of the operation
}

// Held is the error of a function that has not made a call, because of what others do: it
// is asked again after a while. That is no attempt.
type Held struct {
	For time.Duration
	Why string
}

func (h *Held) Error() string { return "not asked for " + h.For.String() + ": " + h.Why }

// Context is what a handler knows when it is called.
type Context struct {
	Input   map[string]any // of the run, complete and checked; must not be written to
	Config  map[string]any // handler_config of its step; nil if there is none
	Results Results        // of the steps before its own
}

// Results are those of the steps before a handler's.
type Results interface {
	// Result is what a step returned; nil if it was skipped. ok is false for a step that
	// is none of those before.
	Result(step string) (result any, ok bool)
	// All is the results of all steps before, by name. The map is the caller's.
	All() map[string]any
}

// Answer is what a service says. Either Status or Class is set.
type Answer struct {
	Status  int               // HTTP status
	Class   string            // error class: timeout, unreachable, or one the operation declares
	Headers map[string]string // names in lower case
	Body    any
	Latency time.Duration // how long the driver lets the answer take; simulated services set it
	Lost    bool          // the service did its work, and the answer never arrives
}

// Func carries out one attempt. An error means that no answer came: its class is
// unreachable, unless it is an *[Error].
type Func func(ctx context.Context, c Call) (Answer, error)

// Error is a failed attempt with a class of its own.
type Error struct {
	Class   string // timeout, unreachable, or an error class that the operation declares
	Message string
}

// Error returns class and message.
func (e *Error) Error() string { return e.Class + ": " + e.Message }

// Operation is one registered operation.
type Operation struct {
	Sig  *value.Signature // nil if it was declared; see [Registry.Signature]
	Func Func

	sig func() *value.Signature // of a declared one
}

// Services finds operations. A *[Registry] does.
type Services interface {
	Lookup(service, operation string) (*Operation, bool)
}

// Registry is a set of operations. The zero Registry is empty and ready; it must
// not be changed while a run uses it.
type Registry struct {
	services map[string]map[string]*Operation
	guards   map[string]*value.Guard
}

// New returns an empty registry.
func New() *Registry { return &Registry{} }

var (
	serviceName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	operationName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	handlerName   = regexp.MustCompile(`^[^\s"\\]+$`) // a Ruby class, a Python path, a plain key
)

// Register adds an operation. It refuses names that cannot be written in a
// workflow, operations registered before, and signatures without an input type.
func (r *Registry) Register(sig *value.Signature, f Func) error {
	switch {
	case sig == nil || f == nil:
		return errors.New("an operation needs a signature and a function")
	case sig.Input == nil || sig.Input.Kind != value.Record:
		return fmt.Errorf("%s: the input type must be a record", sig.Name())
	}
	for _, g := range []*value.Guard{sig.Guard, sig.ServiceGuard} {
		if g == nil {
			continue
		}
		if err := g.Check(); err != nil {
			return fmt.Errorf("%s: %w", sig.Name(), err)
		}
	}
	if sig.Handler && !handlerName.MatchString(sig.Operation) {
		return fmt.Errorf("handler name %q: use no blanks and quotes", sig.Operation)
	}
	return r.add(sig.Service, sig.Operation, &Operation{Sig: sig, Func: f})
}

// Declare adds an operation whose signature is costly to make: sig is called when
// somebody asks for it, each time anew, and not to list or call the operation. It must
// return a signature that [Registry.Register] would take, of these very names.
func (r *Registry) Declare(service, operation string, sig func() *value.Signature, f Func) error {
	if sig == nil || f == nil {
		return errors.New("an operation needs a signature and a function")
	}
	return r.add(service, operation, &Operation{Func: f, sig: sig})
}

func (r *Registry) add(service, operation string, op *Operation) error {
	switch {
	case !serviceName.MatchString(service):
		return fmt.Errorf("service name %q: use letters, digits and _", service)
	case (op.Sig == nil || !op.Sig.Handler) && !operationName.MatchString(operation):
		return fmt.Errorf("operation name %q of service %s: use letters, digits and _", operation, service)
	case r.services[service][operation] != nil:
		return fmt.Errorf("%s.%s is registered already", service, operation)
	}
	if r.services == nil {
		r.services = map[string]map[string]*Operation{}
	}
	if r.services[service] == nil {
		r.services[service] = map[string]*Operation{}
	}
	r.services[service][operation] = op
	return nil
}

// Guard bounds the calls of a service, all its operations together; a later one takes the
// place of an earlier. What bounds an operation by itself stands in its signature.
func (r *Registry) Guard(service string, g value.Guard) error {
	if !serviceName.MatchString(service) {
		return fmt.Errorf("service name %q: use letters, digits and _", service)
	}
	if err := g.Check(); err != nil {
		return fmt.Errorf("service %s: %w", service, err)
	}
	if r.guards == nil {
		r.guards = map[string]*value.Guard{}
	}
	r.guards[service] = &g
	return nil
}

// Lookup finds an operation.
func (r *Registry) Lookup(service, operation string) (*Operation, bool) {
	op, ok := r.services[service][operation]
	return op, ok
}

// Services lists the services, sorted.
func (r *Registry) Services() []string { return slices.Sorted(maps.Keys(r.services)) }

// Operations lists the operations of a service, sorted; none for an unknown one.
func (r *Registry) Operations(service string) []string {
	return slices.Sorted(maps.Keys(r.services[service]))
}

// Signature is the signature of an operation, nil for an unknown one.
func (r *Registry) Signature(service, operation string) *value.Signature {
	op, ok := r.Lookup(service, operation)
	if !ok {
		return nil
	}
	sig := op.Sig
	if op.sig != nil {
		sig = op.sig()
	}
	if g := r.guards[service]; g != nil {
		guarded := *sig
		guarded.ServiceGuard = g
		sig = &guarded
	}
	return sig
}
