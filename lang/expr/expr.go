package expr

import (
	"time"

	"wf/lang/diag"
	"wf/lang/value"
)

// Source is the text of an expression and where it stands. If Span is as long as
// Text they correspond byte by byte; else Pieces say which parts do.
type Source struct {
	Text   string
	Span   diag.Span
	Pieces []Piece
}

// Piece maps Len bytes of the text from Text on to the file from Source on.
type Piece struct{ Text, Source, Len int }

// Scope says which names an expression may read. Lookup returns the type of a
// root name; ok false if there is no such name.
type Scope interface {
	Lookup(name string) (t *value.Type, ok bool)
	// Unknown makes the diagnostic for a name Lookup does not know.
	Unknown(name string, span diag.Span) *diag.Diagnostic
}

// Field is one field of an expression that is an object literal.
type Field struct {
	Name string
	Span diag.Span // of the value
	Type *value.Type
}

// Compile, and the methods of Program below, are implemented in compile.go.
type api interface {
	Type() *value.Type // static type of the result; never nil
	Refs() []string    // root names read, sorted, without repetition
	String() string    // canonical text: one line, one spacing
	Span() diag.Span
	Fields() []Field    // nil unless an object literal
	Const() (any, bool) // value of an expression that reads no names
	Eval(m *Machine, env map[string]any) (any, error)
	Bool(m *Machine, env map[string]any) (bool, error)
	Int(m *Machine, env map[string]any) (int, error)
	Duration(m *Machine, env map[string]any) (time.Duration, error)
}
