// Package golden runs test files: scenarios of workflows against mocks in virtual
// time, with expectations and golden traces. [Run] runs a loaded file; [Test] runs a
// folder of them as Go subtests.
//
// A test is hermetic: a call nobody mocked fails it, and so do a mock that is not used
// and an answer that breaks its signature. Equal tests give equal traces, byte for
// byte, on every machine.
package golden

/*
Its testdata is the conformance suite of the language itself: every file is one case, a
txtar archive that shows a definition, what it was given and what came of it on one
page.

	-- flow.wf --          the definition (or flow.yaml); other .wf files may be imported
	-- services.wf --      mocks of the services; absent: the built-in ones
	-- input.json --       the run's input; absent: the case is only checked
	-- options.json --     {"seed": 1, "cancel": "3s", "environment": "test"}
	-- out/diag --         diagnostics
	-- out/graph --        steps with what they need and call
	-- out/trace --        trace of the simulated run
	-- out/result.json --  ending, output and step endings

`WF_UPDATE=1 go test ./golden` rewrites the out/ sections; review the difference like code.
Every run is made twice in virtual time, which must agree byte for byte, and once by the
real-time driver, which must agree in every step.
*/
