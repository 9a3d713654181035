// Package golden is the conformance suite of the language: every file in testdata
// is one case, a txtar archive that shows a definition, what it was given and what
// came of it on one page.
//
//	-- flow.wf --          the definition (or flow.yaml); other .wf files may be imported
//	-- services.yaml --    scripted services, see mocks.Script; absent: the stock mocks
//	-- input.json --       the run's input; absent: the case is only checked
//	-- options.json --     {"seed": 1, "cancel": "3s", "environment": "test"}
//	-- out/diag --         diagnostics
//	-- out/graph --        steps with what they need and call
//	-- out/trace --        trace of the simulated run
//	-- out/result.json --  ending, output and step endings
//
// `go test ./golden -update` rewrites the out/ sections; review the difference like
// code. Every run is made twice in virtual time, which must agree byte for byte, and
// once by the real-time driver, which must agree in every step.
package golden
