package mocks

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"wf/builtins"
	"wf/lang/value"
)

// binding is one operation of all worlds: bind gives its function in one of them.
type binding struct {
	service, operation string
	handler            *value.Signature // nil for an operation, whose signature is in a file
	bind               func(w *World) builtins.Func
}

// bindings lists every operation there is. No world is needed for it, so it is made once.
var bindings = sync.OnceValue(func() []binding {
	var out []binding
	add := func(name string, bind func(w *World) builtins.Func) {
		service, operation, _ := strings.Cut(name, ".")
		out = append(out, binding{service, operation, nil, bind})
	}
	for _, d := range domains {
		for _, name := range slices.Sorted(maps.Keys(d.operations)) {
			op := d.operations[name]
			add(name, func(w *World) builtins.Func {
				return func(_ context.Context, c builtins.Call) (builtins.Answer, error) { return w.serve(op, c), nil }
			})
		}
	}
	for _, f := range written {
		for _, name := range f.operations {
			service, operation, _ := strings.Cut(name, ".")
			add(name, func(w *World) builtins.Func {
				return func(ctx context.Context, c builtins.Call) (builtins.Answer, error) {
					op, _ := w.stage(f.file).Lookup(service, operation)
					return op.Func(ctx, c)
				}
			})
		}
	}
	for _, h := range slices.Concat(handlers, shopHandlers) {
		sig := h.signature()
		out = append(out, binding{sig.Service, sig.Operation, sig, func(w *World) builtins.Func {
			return func(_ context.Context, c builtins.Call) (builtins.Answer, error) { return w.handle(h, c) }
		}})
	}
	return out
})

type operationName struct{ service, operation string }

var bindingByName = sync.OnceValue(func() map[operationName]*binding {
	all := bindings()
	out := make(map[operationName]*binding, len(all))
	for i := range all {
		out[operationName{all[i].service, all[i].operation}] = &all[i]
	}
	return out
})

// profileOf finds how a service presents itself.
var profiles = sync.OnceValue(func() map[string]profile {
	out := map[string]profile{}
	for _, d := range domains {
		maps.Copy(out, d.profiles)
	}
	return out
})

// NewWorld makes the mock services with fresh state. A world costs nothing until its
// operations are called, so every run or test may have its own.
func NewWorld(opts Options) *World { return &World{seed: opts.Seed} }

// Register adds all mock services and handlers, with fresh state.
func Register(r *builtins.Registry, opts Options) *World {
	w := NewWorld(opts)
	for _, b := range bindings() {
		if b.handler != nil {
			must(r.Register(b.handler, b.bind(w)))
			continue
		}
		sig := func() *value.Signature { return signatures()[b.service+"."+b.operation] }
		must(r.Declare(b.service, b.operation, sig, b.bind(w)))
	}
	return w
}

// Lookup finds an operation of this world: it is a builtins.Services by itself.
func (w *World) Lookup(service, operation string) (*builtins.Operation, bool) {
	b := bindingByName()[operationName{service, operation}]
	if b == nil {
		return nil, false
	}
	return &builtins.Operation{Func: b.bind(w)}, true
}
