// Package invariant judges the invariants of a workflow while one of its runs goes on,
// whoever makes the run: a test, or a search through all that can happen.
//
// A [Set] is the invariants of one workflow made ready, once. A [Monitor] watches one run
// after the other:
//
//	set := invariant.New(suite.Invariants, g, names)
//	m := set.Monitor()
//	m.Begin(invariant.Run{ID: "run_1", Start: start, Input: input})
//	cfg.Ended = m.StepEnded                  // in the machine.Config of the run
//	for each event {
//		m.Happens(event)                       // before machine.Apply
//		commands := machine.Apply(event)
//		for each call among the commands {
//			m.Called(call)                     // at every attempt
//			m.Answered(call.ID, answer)        // when it is decided what the service did, heard or not
//		}
//		m.Settled()                            // what follows from the event is dealt with
//	}
//	m.RunEnded(machine.Result())
//	m.Violations()
//
// What must be true of every run, whatever its workflow, is judged by [Free] in the same way.
//
// What a rule reads is kept up to date by these doings, and a rule is judged only when
// something of it has changed. Nothing here knows a clock, and equal doings give equal
// violations.
package invariant
