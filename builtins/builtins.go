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
	Args               map[string]any // complete and checked; must not be written to
	Context            map[string]any // handlers only: input, results, config
	Key                string         // idempotency key, the same for all attempts
	RunID              string
	CorrelationID      string
	Attempt            int       // from 1
	At                 time.Time // now, on the clock of the run
	Seed               uint64    // of the run
}

// Answer is what a service says. Either Status or Class is set.
type Answer struct {
	Status  int               // HTTP status
	Class   string            // error class: timeout, unreachable, or one the operation declares
	Headers map[string]string // names in lower case
	Body    any
	Latency time.Duration // how long the driver lets the answer take; simulated services set it
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
	Sig  *value.Signature
	Func Func
}

// Registry is a set of operations. The zero Registry is empty and ready; it must
// not be changed while a run uses it.
type Registry struct {
	services map[string]map[string]*Operation
}

// New returns an empty registry.
func New() *Registry { return &Registry{} }

var (
	serviceName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	operationName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_:]*$`)
)

// Register adds an operation. It refuses names that cannot be written in a
// workflow, operations registered before, and signatures without an input type.
func (r *Registry) Register(sig *value.Signature, f Func) error {
	switch {
	case sig == nil || f == nil:
		return errors.New("an operation needs a signature and a function")
	case !serviceName.MatchString(sig.Service):
		return fmt.Errorf("service name %q: use letters, digits and _", sig.Service)
	case !operationName.MatchString(sig.Operation):
		return fmt.Errorf("operation name %q of service %s: use letters, digits and _", sig.Operation, sig.Service)
	case sig.Input == nil || sig.Input.Kind != value.Record:
		return fmt.Errorf("%s: the input type must be a record", sig.Name())
	case r.services[sig.Service][sig.Operation] != nil:
		return fmt.Errorf("%s is registered already", sig.Name())
	}
	if r.services == nil {
		r.services = map[string]map[string]*Operation{}
	}
	if r.services[sig.Service] == nil {
		r.services[sig.Service] = map[string]*Operation{}
	}
	r.services[sig.Service][sig.Operation] = &Operation{sig, f}
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
	if op, ok := r.Lookup(service, operation); ok {
		return op.Sig
	}
	return nil
}
