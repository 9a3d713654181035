package syntax

import (
	"github.com/alecthomas/participle/v2/lexer"

	"wf/lang/diag"
	"wf/lang/schema"
)

// Node is the place of a tree node in its source. Partial says that something in it
// could not be read and is not in the tree.
type Node struct {
	Span    diag.Span
	Partial bool
}

// place gives access to the place of any node.
func (n *Node) place() *Node { return n }

// raw is where the parser saw a node that is part of another one begin, and where the
// next token begins; its span is made from them.
type raw struct{ Pos, EndPos lexer.Position }

// File is one parsed source, whichever syntax it was written in.
type File struct {
	Node
	Name     string
	Decls    []Decl `parser:"@@*"` // in source order
	Comments []Comment
	Gaps     bool        // any name may be missing
	Lost     []diag.Span // what could not be read and is not in the tree
}

// Comment is a comment with its text, "// …" or "# …".
type Comment struct {
	Node
	Text string
}

// Name is a name where it is written. In YAML it may hold any text.
type Name struct {
	Node
	Text string
}

// Text is a string literal, unquoted.
type Text struct {
	Node
	Value string
}

// Expr is an expression, kept as text until it is compiled. If Span is as long as
// Text they correspond byte by byte; else Pieces say which parts do.
type Expr struct {
	Node
	Text   string
	Pieces []Piece
	Parts  []*Expr // YAML: the expressions inside data, of which Text is made
}

// Operand is an expression without operators, but for those in brackets: a word that is
// an operator elsewhere may follow it.
type Operand struct{ Expr }

// Piece says that the Len bytes of an expression's text from Text on stand in the
// source from Source on.
type Piece struct{ Text, Source, Len int }

// Decl is *Import, *TypeDecl, *Let, *PolicyDecl, *Service or *Workflow, and in test
// files *Mock, *Put or *Test.
type Decl interface{ decl() }

// Stmt is what may stand in a workflow or block: *Version, *Describe, *Input,
// *Retry, *Timeout, *Within, *Limit, *Breaker, *First, *Tolerate, *Use, *Classify, *Signal, *Let, *Ensure, *Step,
// *Call, *Wait, *On, *Undo, *Switch, *Finally, *Return, *Degrade, *Fail or *Output. Which may stand where is
// checked, not parsed.
type Stmt interface{ stmt() }

// Ending is a statement that ends a step, clause or run: *Return, *Degrade, *Fail or
// *Retry.
type Ending interface {
	Stmt
	ending()
}

type (
	// Import brings the declarations of another file into this one.
	Import struct {
		Node
		Path Text `parser:"'import' @@"`
	}
	// TypeDecl names a shape.
	TypeDecl struct {
		Node
		Name  Name  `parser:"'type' @@ '='?"`
		Shape Shape `parser:"@@"`
	}
	// PolicyDecl names a list of settings for `use`.
	PolicyDecl struct {
		Node
		Name  Name   `parser:"'policy' @@"`
		Stmts []Stmt `parser:"'{' @@* '}'"` // settings only
	}
	// Service is a service with its operations, and what holds for all of them.
	Service struct {
		Node
		Name  Name          `parser:"'service' @@"`
		Items []ServiceItem `parser:"'{' @@* '}'"`
	}
	// Workflow is a definition. Its name is dotted: namespace, then name.
	Workflow struct {
		Node
		Name  []Name `parser:"'workflow' @@ ( '.' @@ )*"`
		Stmts []Stmt `parser:"'{' @@* '}'"`
	}
)

// ServiceItem is *Operation, *Answer, *Classify, *Limit or *Breaker.
type ServiceItem interface{ serviceItem() }

// OperationItem is *HTTP, *Input, *Answer, *Classify, *Limit or *Breaker, which is refused.
type OperationItem interface{ operationItem() }

type (
	// Operation declares one operation.
	Operation struct {
		Node
		Name       Name            `parser:"'operation' @@"`
		Idempotent bool            `parser:"@'idempotent'?"`
		Items      []OperationItem `parser:"'{' @@* '}'"`
	}
	// HTTP is the request of an operation: `http POST "/users"`.
	HTTP struct {
		Node
		Method Name `parser:"'http' @@"`
		Path   Text `parser:"@@"`
	}
	// Answer declares outcomes with the shape of their body; a nil Shape says
	// nothing about it.
	Answer struct {
		Node
		Outcomes []Outcome `parser:"@@"`
		Shape    Shape     `parser:"@@?"`
	}
	// Outcome is a status, a class of statuses, or a named class.
	Outcome struct {
		Node
		Status int    // 201
		Class  Digit  // 5 for 5xx
		Name   string // timeout
	}
)

// Shape is *Record, *ListShape, *EnumShape or *NamedShape.
type Shape interface {
	shape()
	Place() diag.Span
}

type (
	// Record is a shape with fields; Open admits others too.
	Record struct {
		Node
		raw
		Open   bool     `parser:"@'open'?"`
		Fields []*Field `parser:"'{' ( Newline | ',' )* ( @@ ( ( Newline | ',' )+ @@? )* )? '}'"`
	}
	// ListShape is `[shape]`.
	ListShape struct {
		Node
		Elem  Shape   `parser:"'[' @@"`
		Rules []*Rule `parser:"@@* ']'"`
	}
	// EnumShape is a choice of literals: strings or ints.
	EnumShape struct {
		Node
		Values []Literal `parser:"@@ ( '|' @@ )*"`
	}
	// NamedShape is a primitive or declared type.
	NamedShape struct {
		Node
		Name string `parser:"@Ident"`
	}
	// Literal is a string or int with its place.
	Literal struct {
		Node
		Value any
	}
	// Field is one field of a record.
	Field struct {
		Node
		raw
		Name     Name    `parser:"@@"`
		Optional bool    `parser:"@'?'?"`
		Secret   bool    `parser:"@'secret'?"`
		Shape    Shape   `parser:"@@"`
		Rules    []*Rule `parser:"@@*"`
		Default  *Expr   `parser:"( '=' @@ )?"` // nil: none
	}
	// Rule narrows a field: nonempty, matching, min or max.
	Rule struct {
		Node
		raw
		Nonempty bool   `parser:"( @'nonempty'"`
		Format   string `parser:"| 'matching' ( @Ident"` // matching NAME
		Pattern  *Text  `parser:"| @@ )"`                // matching "RE2"
		Min      *Expr  `parser:"| 'min' @@"`
		Max      *Expr  `parser:"| 'max' @@ )"`
	}
)

type (
	// Version is `version "1.0.0"`.
	Version struct {
		Node
		Value Text `parser:"'version' @@"`
	}
	// Describe is `describe "…"`, of a workflow or step.
	Describe struct {
		Node
		Value Text `parser:"'describe' @@"`
	}
	// Input is the input record of a workflow or operation. Schema is a JSON Schema
	// that says more than Record can (YAML only), nil otherwise.
	Input struct {
		Node
		Record *Record `parser:"'input' @@"`
		Schema *schema.Schema
	}
	// Retry is the setting, and in a clause the ending. Absent parts are nil.
	Retry struct {
		Node
		Attempts   *Expr    `parser:"'retry' ( (?! 'backoff' | 'jitter' ) @@ ( 'attempts' | 'attempt' ) )?"`
		Backoff    *Expr    `parser:"( (?= ','? ( 'backoff' | 'jitter' ) ) ','? ( 'backoff' @@"`
		MaxBackoff *Expr    `parser:"( 'to' @@ )?"`
		Jitter     *Percent `parser:"| 'jitter' @@ ) )*"`
	}
	// Percent is `10%`.
	Percent struct {
		Node
		Value Share // 10
	}
	// Timeout bounds one attempt of a call.
	Timeout struct {
		Node
		Value *Expr `parser:"'timeout' @@"`
	}
	// Within bounds a whole step or run.
	Within struct {
		Node
		Value *Expr `parser:"'within' @@"`
	}
	// Limit is how many steps of a workflow or group, items of a loop, or calls of a
	// service or operation run at once; with Per how many calls are made in a time.
	Limit struct {
		Node
		Value *Expr `parser:"'limit' @@"`
		Per   *Expr `parser:"( 'per' @@ )?"` // nil: at once
	}
	// Breaker keeps calls from a service that fails: after so many failures in a time it
	// is open for another one.
	Breaker struct {
		Node
		Failures *Expr `parser:"'breaker' @@ ( 'failures' | 'failure' )"`
		In       *Expr `parser:"'in' @@"`
		Open     *Expr `parser:"','? 'open' @@"`
	}
	// First is how many completions of the steps of a group, or items of a loop, are
	// enough; a nil Value is one.
	First struct {
		Node
		Value *Expr `parser:"'first' ( (?! Newline | ',' | '}' ) @@ )?"`
	}
	// Tolerate is how many items of a loop may fail. Exactly one of Share and Value is
	// set.
	Tolerate struct {
		Node
		Share *Percent `parser:"'tolerate' ( @@"`
		Value *Expr    `parser:"| @@ )"`
	}
	// Use takes over the settings of a named policy.
	Use struct {
		Node
		Name Name `parser:"'use' @@"`
	}
	// Classify is `retryable 409, 5xx` or `permanent 503`.
	Classify struct {
		Node
		Retryable bool      `parser:"( @'retryable' | 'permanent' )"`
		Outcomes  []Outcome `parser:"@@ ( ',' @@ )*"`
	}
	// Let names a value, or the body of a call or signal. Exactly one of Call, Wait, Put,
	// Read and Value is set.
	Let struct {
		Node
		Name  Name  `parser:"'let' @@ '='"`
		Call  *Call `parser:"( @@"`
		Wait  *Wait `parser:"| (?= 'wait' 'for' ) @@"` // for a signal
		Put   *Put  `parser:"| @@"`                    // in mocks only
		Read  *Text `parser:"| 'read' @@"`             // in test files only: a JSON file
		Value *Expr `parser:"| @@ )"`
	}
	// Ensure ends the block with Else unless Cond holds.
	Ensure struct {
		Node
		Cond *Expr  `parser:"'ensure' @@"`
		Else Ending `parser:"Newline* 'else' @@"`
	}
	// Step is one box of the graph. It calls, or runs steps of its own.
	Step struct {
		Node
		Name  Name   `parser:"'step' @@"`
		After []Name `parser:"( 'after' @@ ( ',' @@ )* )?"`
		When  *Expr  `parser:"( 'when' @@ )?"` // nil: always
		For   *For   `parser:"@@?"`            // nil: once
		Stmts []Stmt `parser:"'{' @@* '}'"`
	}
	// For says that a step is a loop: it runs for every element of a list.
	For struct {
		Node
		raw
		Var Name     `parser:"'for' @@"`
		Of  *Operand `parser:"( 'of' @@ )?"` // how many elements are an item; nil: it is one element
		In  *Expr    `parser:"'in' @@"`
		By  *Expr    `parser:"( 'by' @@ )?"` // the key of an item; nil: its index
	}
	// Call calls Target, `service.operation`. A nil Args passes {}. The call of a
	// handler, `call handler "CLASS"`, has a Target of value.HandlerService and the class;
	// it passes the step's whole context, Args as config.
	Call struct {
		Node
		raw
		Class  *Text  `parser:"'call' ( (?= 'handler' String ) 'handler' @@"` // until it is part of Target
		Target []Name `parser:"| @@ ( '.' @@ )* )"`
		Args   *Expr  `parser:"( (?! 'key' ) @@ )?"`
		Key    *Expr  `parser:"( 'key' @@ )?"` // idempotency key; nil: made of run and place
	}
	// On is a clause of the call above it.
	On struct {
		Node
		Outcomes []Outcome `parser:"'on' @@ ( ',' @@ )*"`
		When     *Expr     `parser:"( 'when' @@ )?"` // nil: always
		Stmts    []Stmt    `parser:"'{' @@* '}'"`
	}
	// Undo says how to take back what the call above it did, or may have done: as long as
	// none of the steps named by Until has completed.
	Undo struct {
		Node
		Until []Name `parser:"'undo' ( 'until' @@ ( ',' @@ )* )?"` // nil: always
		Stmts []Stmt `parser:"'{' @@* '}'"`
	}
	// Switch goes one of several ways: the first arm that has a value equal to Value or,
	// without one, whose condition holds.
	Switch struct {
		Node
		Value *Expr  `parser:"'switch' ( (?! '{' ) @@ )?"` // nil: arms have conditions
		Arms  []*Arm `parser:"'{' ( Newline | ',' )* ( @@ ( ( Newline | ',' )+ @@? | (?= 'else' ) @@ )* )? '}'"`
	}
	// Arm is one of these ways: `when "a", "b" { … }`, or `else { … }`.
	Arm struct {
		Node
		raw
		Values []*Expr `parser:"( 'when' @@ ( ',' @@ )* | 'else' )"` // or conditions; nil: else
		Stmts  []Stmt  `parser:"'{' @@* '}'"`
	}
	// Finally is what a run, or a step with steps inside, does at its end, however it ends.
	Finally struct {
		Node
		Stmts []Stmt `parser:"'finally' '{' @@* '}'"`
	}
	// Return ends the step, completed.
	Return struct {
		Node
		Value *Expr `parser:"'return' @@"`
	}
	// Degrade ends the step, degraded.
	Degrade struct {
		Node
		Value *Expr `parser:"'degrade' @@"`
	}
	// Fail ends the step or run, failed.
	Fail struct {
		Node
		Code    Name  `parser:"'fail' @@"`
		Message *Expr `parser:"@@?"` // nil: none
	}
	// Output is the result of the workflow.
	Output struct {
		Node
		Value *Expr `parser:"'output' @@"`
	}
)

// Word is the word the rule begins with.
func (r *Rule) Word() string {
	switch {
	case r.Nonempty:
		return "nonempty"
	case r.Min != nil:
		return "min"
	case r.Max != nil:
		return "max"
	}
	return "matching"
}

func (*Import) decl()     {}
func (*TypeDecl) decl()   {}
func (*PolicyDecl) decl() {}
func (*Service) decl()    {}
func (*Workflow) decl()   {}
func (*Let) decl()        {}

func (*Operation) serviceItem()  {}
func (*Answer) serviceItem()     {}
func (*Classify) serviceItem()   {}
func (*Limit) serviceItem()      {}
func (*Breaker) serviceItem()    {}
func (*HTTP) operationItem()     {}
func (*Input) operationItem()    {}
func (*Answer) operationItem()   {}
func (*Limit) operationItem()    {}
func (*Breaker) operationItem()  {}
func (*Classify) operationItem() {}

func (*Record) shape()     {}
func (*ListShape) shape()  {}
func (*EnumShape) shape()  {}
func (*NamedShape) shape() {}

// Place is the span of the shape.
func (n Node) Place() diag.Span { return n.Span }

func (*Version) stmt()  {}
func (*Describe) stmt() {}
func (*Input) stmt()    {}
func (*Retry) stmt()    {}
func (*Timeout) stmt()  {}
func (*Within) stmt()   {}
func (*Limit) stmt()    {}
func (*Breaker) stmt()  {}
func (*First) stmt()    {}
func (*Tolerate) stmt() {}
func (*Use) stmt()      {}
func (*Classify) stmt() {}
func (*Let) stmt()      {}
func (*Ensure) stmt()   {}
func (*Step) stmt()     {}
func (*Call) stmt()     {}
func (*On) stmt()       {}
func (*Undo) stmt()     {}
func (*Switch) stmt()   {}
func (*Finally) stmt()  {}
func (*Return) stmt()   {}
func (*Degrade) stmt()  {}
func (*Fail) stmt()     {}
func (*Output) stmt()   {}

func (*Return) ending()  {}
func (*Degrade) ending() {}
func (*Fail) ending()    {}
func (*Retry) ending()   {}
