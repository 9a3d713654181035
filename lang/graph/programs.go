package graph

import "wf/lang/expr"

// EachProgram visits all expressions of a step: those of its statements, of clauses, of
// steps inside, of undos and of what it does at its end. Those of the workflows that it calls
// are not among them.
func (s *Step) EachProgram(visit func(*expr.Program)) {
	eachProgram(s.When, visit)
	s.Within.eachProgram(visit)
	EachStmt(s.Body, func(st Stmt) { statementPrograms(st, visit) })
}

func eachProgram(p *expr.Program, visit func(*expr.Program)) {
	if p != nil {
		visit(p)
	}
}

func (s *Setting) eachProgram(visit func(*expr.Program)) {
	if s != nil {
		eachProgram(s.Value, visit)
	}
}

func (p *Policy) eachProgram(visit func(*expr.Program)) {
	if p != nil {
		for _, s := range []*Setting{p.Attempts, p.Backoff, p.MaxBackoff, p.Timeout} {
			s.eachProgram(visit)
		}
	}
}

// blockPrograms visits what EachStmt does not show of a block: what stands at its step.
func (b *Block) blockPrograms(visit func(*expr.Program)) {
	if b != nil {
		headPrograms(b.Steps, visit)
	}
}

func headPrograms(steps []*Step, visit func(*expr.Program)) {
	for _, s := range steps {
		eachProgram(s.When, visit)
		s.Within.eachProgram(visit)
	}
}

// statementPrograms visits the expressions of a statement but for those of statements
// inside it.
func statementPrograms(st Stmt, visit func(*expr.Program)) {
	each := func(list ...*expr.Program) {
		for _, p := range list {
			eachProgram(p, visit)
		}
	}
	clauses := func(list []*Clause) {
		for _, c := range list {
			each(c.When)
		}
	}
	switch st := st.(type) {
	case *Let:
		each(st.Value)
	case *Ensure:
		each(st.Cond)
	case *Call:
		each(st.Args, st.Key, st.By)
		st.Policy.eachProgram(visit)
		clauses(st.Clauses)
		st.Undo.blockPrograms(visit)
	case *Wait:
		st.For.eachProgram(visit)
		each(st.Until)
	case *Switch:
		for _, a := range st.Arms {
			each(a.When)
		}
	case *Group:
		headPrograms(st.Steps, visit)
		st.First.eachProgram(visit)
		st.Limit.eachProgram(visit)
		clauses(st.Clauses)
		st.Finally.blockPrograms(visit)
	case *Loop:
		headPrograms(st.Steps, visit)
		each(st.In, st.By)
		for _, s := range []*Setting{st.Of, st.First, st.Limit, st.Tolerate} {
			s.eachProgram(visit)
		}
	case *Return:
		each(st.Value)
	case *Degrade:
		each(st.Value)
	case *Fail:
		each(st.Message)
	case *Retry:
		st.Policy.eachProgram(visit)
	}
}
