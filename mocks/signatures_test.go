package mocks_test

import (
	"testing"

	"wf/builtins"
	"wf/mocks"
)

// TestEveryMockHasItsSignature: mocks are declared by name, and their signatures are
// read from the files that authors import; neither may exist without the other.
func TestEveryMockHasItsSignature(t *testing.T) {
	r := builtins.New()
	mocks.Register(r, mocks.Options{})
	declared := map[string]bool{}
	for _, sig := range mocks.Signatures() {
		declared[sig.Name()] = true
		if _, ok := r.Lookup(sig.Service, sig.Operation); !ok {
			t.Errorf("nobody implements %s", sig.Name())
		}
	}
	for _, service := range r.Services() {
		for _, operation := range r.Operations(service) {
			sig := r.Signature(service, operation)
			switch {
			case sig == nil:
				t.Errorf("%s.%s has no signature", service, operation)
			case sig.Service != service || sig.Operation != operation:
				t.Errorf("%s.%s has the signature of %s", service, operation, sig.Name())
			case !sig.Handler && !declared[sig.Name()]:
				t.Errorf("%s is in no service file", sig.Name())
			}
		}
	}
}
