package workflows_test

import (
	"testing"

	"wf/golden"
)

// TestWorkflows runs the test files of the shipped workflows, as `wf test workflows`
// does.
func TestWorkflows(t *testing.T) {
	golden.Test(t, golden.Dir("."), func() golden.Services { return services() })
}
