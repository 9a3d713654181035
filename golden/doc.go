// Package golden runs test files: scenarios of workflows against mocks in virtual
// time, with expectations and golden traces.
//
// A program that embeds wf tests its workflows with [Test], in a Go test beside them:
//
//	func TestWorkflows(t *testing.T) {
//		golden.Test(t, golden.Dir("workflows"), nil)
//	}
//
// Every *_test.wf file below the folder becomes a subtest, and so does every test in it:
//
//	go test -run 'TestWorkflows/order_test/sold_out'
//
// If the workflows call services that the program registers in Go, the third argument
// makes them, anew for every test, so that no test sees what another one left behind:
//
//	golden.Test(t, golden.Dir("workflows"), func() golden.Services {
//		r := builtins.New()
//		stock := &warehouse{left: 3}
//		if err := builtins.Add(r, "warehouse", "reserve", stock.reserve, "SOLD_OUT"); err != nil {
//			panic(err)
//		}
//		return r
//	})
//
// A test file then says which of them it wants, and what it wants to be different:
//
//	mock warehouse { pass }                      // the registered service, fresh for every test
//
//	test "the warehouse is slow" {
//	  mock warehouse.reserve { timeout, pass }   // but for its first answer
//	  run order { sku: "lamp" }
//	  expect reserve completed after 2 attempts
//	  expect golden
//	}
//
// WF_UPDATE=1 go test writes the golden files. [Run] runs a loaded file and gives the
// results to whoever wants to show them in another way, as the command `wf test` does.
//
// A test is hermetic: a call nobody mocked fails it, and so do a mock that is not used
// and an answer that breaks its signature. Equal tests give equal traces, byte for
// byte, on every machine.
package golden

/*
Its testdata is the conformance suite of the language itself: every file is one case, a
txtar archive that shows a definition, what it was given and what came of it on one
page. Those called test_* hold test files, and in out/report what comes of running them;
in all others there is

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
