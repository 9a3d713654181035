package syntax

import "wf/lang/diag"

// Walk visits the nodes under n, n first and children in source order. Nodes are
// passed as pointers, of the types of this package; visit returns whether to go on
// below the node.
func Walk(n any, visit func(n any) bool) {
	w := walker{visit}
	w.node(n)
}

type walker struct{ visit func(any) bool }

func nodes[T any](w walker, list []T) {
	for i := range list {
		w.node(any(list[i]))
	}
}

func values[T any](w walker, list []T) {
	for i := range list {
		w.node(any(&list[i]))
	}
}

// expr visits an expression that may be absent.
func (w walker) expr(e *Expr) {
	if e != nil {
		w.visit(e)
	}
}

func (w walker) shape(s Shape) {
	if s != nil {
		w.node(s)
	}
}

func (w walker) node(n any) {
	if !w.visit(n) {
		return
	}
	switch n := n.(type) {
	case *File:
		nodes(w, n.Decls)
	case *Import:
		w.visit(&n.Path)
	case *TypeDecl:
		w.visit(&n.Name)
		w.shape(n.Shape)
	case *PolicyDecl:
		w.visit(&n.Name)
		nodes(w, n.Stmts)
	case *Service:
		w.visit(&n.Name)
		nodes(w, n.Items)
	case *Workflow:
		values(w, n.Name)
		nodes(w, n.Stmts)
	case *Operation:
		w.visit(&n.Name)
		nodes(w, n.Items)
	case *HTTP:
		w.visit(&n.Method)
		w.visit(&n.Path)
	case *Answer:
		values(w, n.Outcomes)
		w.shape(n.Shape)
	case *Record:
		nodes(w, n.Fields)
	case *ListShape:
		w.shape(n.Elem)
		nodes(w, n.Rules)
	case *EnumShape:
		values(w, n.Values)
	case *Field:
		w.visit(&n.Name)
		w.shape(n.Shape)
		nodes(w, n.Rules)
		w.expr(n.Default)
	case *Rule:
		if n.Pattern != nil {
			w.visit(n.Pattern)
		}
		w.expr(n.Min)
		w.expr(n.Max)
	case *Mock:
		if n.Class != nil {
			w.visit(n.Class)
		} else {
			w.visit(&n.Service)
		}
		if n.Operation != nil {
			w.visit(n.Operation)
		}
		values(w, n.More)
		nodes(w, n.Items)
		nodes(w, n.Replies)
	case *Table:
		w.visit(&n.Name)
		w.shape(n.Shape)
	case *MockOperation:
		w.visit(&n.Name)
		nodes(w, n.Replies)
	case *When:
		w.expr(n.Cond)
		nodes(w, n.Replies)
	case *Put:
		values(w, n.Table)
		w.expr(n.Row)
	case *Reply:
		if !n.Pass {
			w.visit(&n.Outcome)
		}
		for _, e := range []*Expr{n.Body, n.Headers, n.After, n.Times} {
			w.expr(e)
		}
	case *Test:
		w.visit(&n.Name)
		if n.Var != nil {
			w.visit(n.Var)
		}
		w.expr(n.Cases)
		nodes(w, n.Stmts)
	case *Invariant, InvariantRule:
		w.invariant(n)
	default:
		w.stmt(n)
	}
}

// test visits what is below a statement of a test.
func (w walker) test(n any) {
	switch n := n.(type) {
	case *Seed:
		w.expr(n.Value)
	case *Clock:
		w.expr(n.At)
	case *Deed:
		w.expr(n.At)
		for _, name := range []*Name{n.Step, n.From, n.Signal} {
			if name != nil {
				w.visit(name)
			}
		}
		w.expr(n.Result)
		w.expr(n.Payload)
	case *Run:
		values(w, n.Workflow)
		w.expr(n.Input)
	case *Expect:
		w.expr(n.Step)
		for _, name := range []*Name{n.Ending, n.Code} {
			if name != nil {
				w.visit(name)
			}
		}
		if n.Path != nil {
			w.visit(n.Path)
		}
		w.expr(n.Attempts)
		w.expr(n.Cond)
	}
}

func (w walker) stmt(n any) {
	switch n := n.(type) {
	case *Version:
		w.visit(&n.Value)
	case *Describe:
		w.visit(&n.Value)
	case *Input:
		if n.Record != nil {
			w.node(n.Record)
		}
	case *Retry:
		w.expr(n.Attempts)
		w.expr(n.Backoff)
		w.expr(n.MaxBackoff)
		if n.Jitter != nil {
			w.visit(n.Jitter)
		}
	case *Timeout:
		w.expr(n.Value)
	case *Within:
		w.expr(n.Value)
	case *Limit:
		w.expr(n.Value)
		w.expr(n.Per)
	case *Breaker:
		w.expr(n.Failures)
		w.expr(n.In)
		w.expr(n.Open)
	case *First:
		w.expr(n.Value)
	case *Tolerate:
		if n.Share != nil {
			w.visit(n.Share)
		}
		w.expr(n.Value)
	case *Use:
		w.visit(&n.Name)
	case *Classify:
		values(w, n.Outcomes)
	case *Let:
		w.visit(&n.Name)
		if n.Call != nil {
			w.node(n.Call)
		}
		if n.Wait != nil {
			w.node(n.Wait)
		}
		if n.Put != nil {
			w.node(n.Put)
		}
		if n.Read != nil {
			w.visit(n.Read)
		}
		w.expr(n.Value)
	case *Ensure:
		w.expr(n.Cond)
		if n.Else != nil {
			w.node(n.Else)
		}
	case *Step:
		w.visit(&n.Name)
		values(w, n.After)
		w.expr(n.When)
		if n.For != nil {
			w.visit(n.For)
			w.visit(&n.For.Var)
			if n.For.Of != nil {
				w.visit(&n.For.Of.Expr)
			}
			w.expr(n.For.In)
			w.expr(n.For.By)
		}
		nodes(w, n.Stmts)
	case *Call:
		values(w, n.Target)
		w.expr(n.Args)
		w.expr(n.Key)
	case *Signal:
		w.visit(&n.Name)
		if n.Key != nil {
			w.visit(n.Key)
		}
		if n.Record != nil {
			w.node(n.Record)
		}
	case *Wait:
		if n.Signal != nil {
			w.visit(n.Signal)
		}
		for _, e := range []*Expr{n.Key, n.Within, n.Until, n.For} {
			w.expr(e)
		}
	case *On:
		values(w, n.Outcomes)
		w.expr(n.When)
		nodes(w, n.Stmts)
	case *Undo:
		values(w, n.Until)
		nodes(w, n.Stmts)
	case *Switch:
		w.expr(n.Value)
		nodes(w, n.Arms)
	case *Arm:
		for _, e := range n.Values {
			w.expr(e)
		}
		nodes(w, n.Stmts)
	case *Finally:
		nodes(w, n.Stmts)
	case *Return:
		w.expr(n.Value)
	case *Degrade:
		w.expr(n.Value)
	case *Fail:
		w.visit(&n.Code)
		w.expr(n.Message)
	case *Output:
		w.expr(n.Value)
	default:
		w.test(n)
	}
}

// PlaceOf is where a node stands; the zero Span for anything else.
func PlaceOf(n any) diag.Span {
	if p := placeOf(n); p != nil {
		return p.Span
	}
	return diag.Span{}
}
