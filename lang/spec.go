package lang

import _ "embed" // the specification is told in pieces by editors

// Spec is the specification of the language, SPEC.md.
//
//go:embed SPEC.md
var Spec string
