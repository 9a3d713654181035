package workflows_test

import (
	"testing"

	"wf/builtins"
	"wf/golden"
	"wf/mocks"
)

// TestWorkflows runs the test files of the shipped workflows, as `wf test workflows`
// does.
func TestWorkflows(t *testing.T) {
	golden.Test(t, ".", func() golden.Services {
		r := builtins.New()
		mocks.Register(r, mocks.Options{Seed: 1})
		return r
	})
}
