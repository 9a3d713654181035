package syntax

import "wf/lang/diag"

// Codes of the diagnostics of this package; package token has those below WF104.
const (
	CodeUnexpected diag.Code = "WF104" // something that does not belong there
	CodeWord       diag.Code = "WF105" // a statement word nobody knows
	CodeUnclosed   diag.Code = "WF107" // a bracket without its partner
	CodeEmpty      diag.Code = "WF108" // a file without declarations
	CodeLiteral    diag.Code = "WF109" // a literal that does not fit its place
)
