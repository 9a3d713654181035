// Package machine is the core of the interpreter: one run of one workflow as a
// pure state machine. Events go in, commands come out, and nothing else happens:
// there is no clock, no goroutine, no randomness and no I/O in it, which a test
// proves.
//
// A driver makes a machine with [New], applies [Started], carries out the commands
// it gets, and applies what comes of them (an answer, a timer), until [Machine.Done].
// Package sim does so in virtual time, package interpreter in real time.
//
// State is a fold over events. After replaying the events of a run into a new
// machine, [Machine.Pending] lists exactly the commands that are still outstanding.
//
// [Machine.Apply] fails only when the protocol is broken, such as an answer to a
// call never made; a workflow that fails is a state, not an error.
package machine

/*
One file per concern: events and commands (protocol.go), the run as a whole
(machine.go), a workflow that a step calls, which is a machine within the run
(subflow.go), the statements of one step as a small explicit stack (step.go), the life
of one call from arguments to verdict (call.go), backoff and Retry-After (policy.go),
the record of what happened (trace.go, text.go) and what came of it (result.go), a fingerprint
of what a run can still do (digest.go; facts.go is what a definition says about that).

Everything is linear in the number of steps: counters of unfinished needs, lists of
followers, a heap of what is ready; nothing scans all steps on an event, and no
recursion follows the graph.
*/
