package check

import (
	"wf/lang/diag"
	"wf/lang/expr"
)

// Codes of the diagnostics of this package. Each has a page behind `wf explain`.
const (
	CodeDuplicate       diag.Code = "WF201" // a name defined twice
	CodeReserved        diag.Code = "WF202" // a name that means something else already
	CodeUnknownName     diag.Code = "WF203" // a name an expression reads and nobody defines
	CodeUnknownStep     diag.Code = "WF204" // `after` names no step
	CodeUnknownService  diag.Code = "WF205" // a call to an unknown service
	CodeUnknownOp       diag.Code = "WF206" // a call to an unknown operation
	CodeUnknownType     diag.Code = "WF207" // a shape names no type
	CodeUnknownPolicy   diag.Code = "WF208" // `use` names no policy
	CodeUnknownHandler  diag.Code = "WF209" // a handler_class nobody registered
	CodeImport          diag.Code = "WF210" // an import that cannot be read
	CodeUnused          diag.Code = "WF211" // warning: an input, let or result nobody reads
	CodeRecursiveType   diag.Code = "WF212" // a type that contains itself
	CodeTooLate         diag.Code = "WF214" // a name read before it has a value
	CodeUnusedDecl      diag.Code = "WF215" // warning: a declaration or import that nothing uses
	CodeUnknownSignal   diag.Code = "WF216" // a wait for, or sending of, an unknown signal
	CodeUnknownField              = expr.CodeField
	CodeUnknownArgument diag.Code = "WF320" // an argument the operation does not take
	CodeMissingArgument diag.Code = "WF321" // a required argument left out
	CodeArgumentType    diag.Code = "WF322" // an argument of the wrong type
	CodeType            diag.Code = "WF323" // a value of the wrong type in its place
	CodeRule            diag.Code = "WF324" // a rule or default that does not fit its field
	CodeRoute           diag.Code = "WF325" // an HTTP request that does not fit its operation
	CodeSecret          diag.Code = "WF330" // a secret where it is shown, or not known as one
	CodeCycle           diag.Code = "WF401" // steps that wait for one another
	CodeImpossible      diag.Code = "WF402" // a clause for an outcome that cannot occur
	CodeUnreachable     diag.Code = "WF403" // a clause or statement that is never reached
	CodeReplacesRetry   diag.Code = "WF404" // a clause that silently switches the retry off
	CodeNoEnding        diag.Code = "WF405" // a clause that ends nothing
	CodeMisplaced       diag.Code = "WF406" // a statement where it has no meaning
	CodeEmptyStep       diag.Code = "WF407" // a step that does nothing
	CodeVacuous         diag.Code = "WF411" // an invariant that no run can break
	CodeNoPivot         diag.Code = "WF409" // `until` names a step that an undo cannot wait for
	CodeMissingArm      diag.Code = "WF408" // a switch without an arm for some value
	CodeRecursion       diag.Code = "WF431" // workflows that call one another
	CodeLone            diag.Code = "WF433" // warning: a step that nothing orders
	CodeNesting         diag.Code = "WF432" // more workflows inside of one another than the limit
	CodeUnhandled       diag.Code = "WF421" // an outcome with a meaning that nobody speaks of
	CodeNet             diag.Code = "WF422" // warning: a clause for everything takes such an outcome along
	CodeRepeats         diag.Code = "WF423" // warning: what an operation did is done again
	CodeFallback        diag.Code = "WF424" // warning: a fallback of another shape
	CodeEndless         diag.Code = "WF441" // warning: a wait that nothing bounds
	CodeDuplicateSet    diag.Code = "WF501" // a setting given twice
	CodeSettingValue    diag.Code = "WF502" // a setting outside its bounds
	CodeTightDeadline   diag.Code = "WF503" // a deadline its own timeouts cannot meet
	CodeUnbounded       diag.Code = "WF505" // warning: a call that nothing bounds in time
	CodeBudget          diag.Code = "WF507" // warning: attempts that a deadline never lets begin
	CodeVersion         diag.Code = "WF504" // a version that is not MAJOR.MINOR.PATCH
)
