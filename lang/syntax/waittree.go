package syntax

type (
	// Signal declares what a run can be told from outside while it goes on.
	Signal struct {
		Node
		Name   Name    `parser:"'signal' @@"`
		Key    *Name   `parser:"( 'by' @@ )?"` // the field that says whom a signal is for; nil: anybody
		Record *Record `parser:"@@?"`          // nil: it says nothing but its name
	}
	// Wait waits for a signal, until a moment, or for a time. Exactly one of Signal,
	// Until and For is set.
	Wait struct {
		Node
		raw
		Signal *Name `parser:"'wait' ( 'for' @@"`
		Key    *Expr `parser:"( 'by' @@ )?"`     // whose signals; nil: all
		Within *Expr `parser:"( 'within' @@ )?"` // how long; nil: for ever
		Until  *Expr `parser:"| 'until' @@"`
		For    *Expr `parser:"| @@ )"`
	}
)

func (*Signal) stmt() {}
func (*Wait) stmt()   {}
