// Package expr compiles and evaluates the expressions of the language.
//
// The grammar and byte code are expr-lang's; what an expression may read, which
// functions it has and what type it gets is decided here, before the engine sees
// it: optional values must be caught, enums know their literals, times and
// durations calculate, and nothing ambient (clock, environment, randomness) can be
// reached. Start with [Compile]; evaluate with [Program.Eval].
//
// Integers are 64 bits wide and wrap around like Go's. Division gives a float.
package expr
