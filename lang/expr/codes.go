package expr

import "wf/lang/diag"

// Codes of the diagnostics of this package.
const (
	CodeSyntax      diag.Code = "WF301" // not an expression
	CodeRefused     diag.Code = "WF302" // something expressions do not have, on purpose
	CodeField       diag.Code = "WF303" // a field the value does not have
	CodeMissing     diag.Code = "WF304" // a value that may be missing, read as if it were there
	CodeOperator    diag.Code = "WF305" // an operator between types it is not for
	CodeFunction    diag.Code = "WF306" // an unknown function
	CodeArguments   diag.Code = "WF307" // wrong arguments of a function
	CodeNeverEqual  diag.Code = "WF308" // a comparison that can never hold
	CodeConstant    diag.Code = "WF309" // an expression without names that fails
	CodeIndex       diag.Code = "WF310" // an index that does not fit
	CodeRedundant   diag.Code = "WF312" // warning: a condition known beforehand, or what never stands in
	CodeZero        diag.Code = "WF313" // warning: a divisor that may be zero
	CodeUntyped     diag.Code = "WF314" // warning: a value of type any where another type is wanted
	CodeUnsupported diag.Code = "WF311" // accepted here, refused by the expression engine
)
