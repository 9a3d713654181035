package check

import (
	"slices"

	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// stepFlow is one step while its statements are checked.
type stepFlow struct {
	*flow
	info    *stepInfo
	graph   *graph.Step
	policy  parts          // workflow and step merged
	runs    parts          // of the calls of workflows: those of the steps alone
	own     bool           // the step has settings of its own
	result  *value.Type    // join of everything returned so far; nil: nothing yet
	mains   []*graph.Call  // last plain call outside clauses, or those of the arms of a switch
	mainOut *value.Type    // type of its body where it falls through; nil: there may be none
	below   bool           // statements stand below the switch that is checked
	nested  []syntax.Name  // steps inside, of all arms
	places  map[string]int // how often a place name was given out
	special string         // what it is instead of a step: undo, on failed or finally
	bounded bool           // a within bounds what it does
}

// inClause is the call whose clause is being checked; nil outside clauses.
type inClause struct {
	call    *graph.Call
	parts   parts
	on      []value.Pattern // what the clause is for; nil for steps inside
	verdict bool            // the clause is for exhausted or failed: nothing is left to retry
}

func (f *flow) step(info *stepInfo) *graph.Step {
	t := info.tree
	g := &graph.Step{Index: info.index, Name: t.Name.Text, Span: t.Name.Span, Needs: needs(info)}
	s := &stepFlow{flow: f, info: info, graph: g, places: map[string]int{}}
	head := f.late.child()
	lets := letsOf(t.Stmts)
	head.later = &later{lets, "the let", "when and settings are read before the step begins", "write the value here, or put the let above the steps"}
	if t.For != nil {
		head = head.child()
		head.later = &later{map[string]diag.Span{t.For.Var.Text: t.For.Var.Span}, "the item", "this is said of the loop as a whole, before any item begins", "leave it out here"}
	}
	if t.When != nil {
		g.When = f.expectIn(t.When, head, value.TBool, "when")
		f.fixed(g.When, "so the when can be left out", "so the step is always skipped")
	}
	sc := f.late.child()
	sc.later = &later{lets, "the let", "statements are executed from top to bottom", "put the let above this"}
	sc.assume(g.When, true)
	own := f.settings(t.Stmts, "step", head)
	s.own = hasSettings(t.Stmts)
	s.policy = own.over(f.base)
	s.runs = own.over(f.calls)
	f.fits(parts{timeout: s.policy.timeout, within: own.within})
	g.Within = own.within
	s.bounded = f.bounded || g.Within != nil
	if t.For != nil {
		s.loop(t, sc, head)
	} else {
		s.body(t.Stmts, sc)
	}
	info.result = s.result
	info.bind.typ = s.result
	if t.When != nil {
		info.bind.typ = s.result.Opt()
	}
	f.noteName(SortStep, t.Name, t.Name.Span, info.bind.typ)
	return g
}

// body checks what a step does: calls, or steps of its own.
func (s *stepFlow) body(stmts []syntax.Stmt, sc *scope) {
	var falls bool
	if anyStmt(stmts, isStep) {
		s.graph.Body, falls = s.nest(stmts, sc)
	} else {
		stmts = slices.DeleteFunc(slices.Clone(stmts), func(st syntax.Stmt) bool {
			switch st := st.(type) {
			case *syntax.Limit:
				if st.Per == nil { // else it is told with the settings
					s.misplaced(st, "it is a setting of a loop, or of a step with steps inside")
				}
			case *syntax.First:
				s.misplaced(st, "it is a setting of a loop, or of a step with steps inside")
			case *syntax.Tolerate:
				s.misplaced(st, "it is a setting of a loop")
			default:
				return false
			}
			return true
		})
		s.graph.Body, falls = s.block(stmts, sc, nil)
		if len(s.graph.Body) == 0 && !s.info.tree.Partial && headOnly(stmts) {
			what := "step " + s.info.name()
			if s.special != "" {
				what = "this " + s.special
			}
			s.add(diag.Errorf(CodeEmptyStep, s.graph.Span, "%s does nothing", what).Hintf("give it a call, or return a value"))
		}
		for _, main := range s.mains {
			main.Main = true
		}
	}
	if falls {
		out := value.TNil
		if s.mainOut != nil {
			out = s.mainOut
		}
		s.returns(returned{typ: out, word: "call", span: s.graph.Span})
	}
	s.fallbacks(s.info.returned)
	switch {
	case s.info.cyclic || s.info.tree.Partial:
		s.result = value.TUnknown
	case s.result == nil:
		s.result = value.TAny
	}
	s.graph.Result = s.result
}

// stepsOf lists the steps among some statements, those in arms of a switch included.
func stepsOf(stmts []syntax.Stmt) (out []syntax.Stmt) {
	anyStmt(stmts, func(st syntax.Stmt) bool {
		if isStep(st) {
			out = append(out, st)
		}
		return false
	})
	return out
}

func isStep(st syntax.Stmt) bool {
	_, ok := st.(*syntax.Step)
	return ok
}

// headOnly reports whether statements only say how calls are made, or what for.
func headOnly(stmts []syntax.Stmt) bool {
	for _, st := range stmts {
		switch st.(type) {
		case *syntax.Retry, *syntax.Timeout, *syntax.Within, *syntax.Limit, *syntax.Breaker, *syntax.First, *syntax.Tolerate, *syntax.Classify, *syntax.Use, *syntax.Describe:
		default:
			return false
		}
	}
	return true
}

// letsOf are the names that the statements of a step define, with their places.
func letsOf(stmts []syntax.Stmt) map[string]diag.Span {
	var out map[string]diag.Span
	for _, st := range stmts {
		if let, ok := st.(*syntax.Let); ok {
			if out == nil {
				out = map[string]diag.Span{}
			}
			out[let.Name.Text] = let.Name.Span
		}
	}
	return out
}

func (s *stepFlow) returns(r returned) {
	s.info.returned = append(s.info.returned, r)
	t := r.typ
	if s.result == nil {
		s.result = t
		return
	}
	s.result = value.Join(s.result, t)
}

func hasSettings(stmts []syntax.Stmt) bool {
	for _, st := range stmts {
		switch st.(type) {
		case *syntax.Retry, *syntax.Timeout, *syntax.Classify, *syntax.Use:
			return true
		}
	}
	return false
}

// block checks statements in order. falls tells whether the end can be reached.
func (s *stepFlow) block(stmts []syntax.Stmt, sc *scope, in *inClause) (out []graph.Stmt, falls bool) {
	falls = true
	told := false
	busy := false // a call or ending was met, settings come too late
	for i := 0; i < len(stmts); i++ {
		st := stmts[i]
		if !falls && !told {
			told = true
			word, span := leading(st)
			s.add(diag.Errorf(CodeUnreachable, span, "this %s is never reached: what stands above always ends", word))
		}
		var made graph.Stmt
		ends := false
		switch st := st.(type) {
		case *syntax.Let:
			if st.Wait != nil {
				n := clausesAfter(stmts[i+1:])
				made, ends = s.wait(st.Wait, &st.Name, stmts[i+1:i+1+n], i+1+n < len(stmts), sc, in)
				i += n
				busy = true
				break
			}
			if st.Call == nil {
				if b, let := s.let(st, sc); let != nil {
					s.lets = append(s.lets, b)
					made = let
				}
				break
			}
			n := clausesAfter(stmts[i+1:])
			made, ends = s.call(st.Call, st.Span, &st.Name, stmts[i+1:i+1+n], s.below || i+1+n < len(stmts), sc, in)
			i += n
			busy = true
		case *syntax.Call:
			n := clausesAfter(stmts[i+1:])
			made, ends = s.call(st, diag.Span{}, nil, stmts[i+1:i+1+n], s.below || i+1+n < len(stmts), sc, in)
			i += n
			busy = true
		case *syntax.Wait:
			n := clausesAfter(stmts[i+1:])
			made, ends = s.wait(st, nil, stmts[i+1:i+1+n], i+1+n < len(stmts), sc, in)
			i += n
			busy = true
		case *syntax.On, *syntax.Undo:
			s.misplaced(st, "it belongs to the call above it, and there is none")
		case *syntax.Finally:
			s.misplaced(st, "it belongs below the steps of a group, or into a workflow")
		case *syntax.Step:
			s.misplaced(st, "steps stand in a step of their own, and not in clauses")
		case *syntax.Switch:
			made, ends = s.switches(st, i+1 < len(stmts), sc, in)
			busy = true
		case *syntax.Ensure:
			e := s.ensure(st, sc, in)
			sc.assume(e.Cond, true)
			made = e
		case *syntax.Retry:
			switch {
			case in != nil:
				made, ends = s.retryEnding(st, sc, in), true
			case busy:
				s.misplaced(st, "settings stand before the first call; to try again, write it in a clause")
			}
		case *syntax.Return, *syntax.Degrade, *syntax.Fail:
			made, ends = s.ending(st, sc, in), true
			busy = true
		case *syntax.Describe:
			s.describe(st, in)
		case *syntax.Breaker:
			if in != nil { // else it is told with the settings
				s.misplaced(st, "it is a setting of a workflow or a service")
			}
		case *syntax.Timeout, *syntax.Within, *syntax.Classify, *syntax.Use, *syntax.Limit, *syntax.First, *syntax.Tolerate:
			if in != nil {
				s.misplaced(st, "settings stand at the head of a step or workflow")
			} else if busy {
				s.misplaced(st, "settings stand before the first call")
			}
		default:
			s.misplaced(st, "it belongs into a workflow")
		}
		if made != nil {
			out = append(out, made)
		}
		falls = falls && !ends
	}
	return out, falls
}

func clausesAfter(stmts []syntax.Stmt) int {
	for i, st := range stmts {
		switch st.(type) {
		case *syntax.On, *syntax.Undo:
		default:
			return i
		}
	}
	return len(stmts)
}

func (s *stepFlow) describe(st *syntax.Describe, in *inClause) {
	switch {
	case in != nil:
		s.misplaced(st, "it describes a step or workflow")
	case s.graph.Describe != "":
		s.add(diag.Errorf(CodeDuplicateSet, st.Span, "describe is given twice"))
	default:
		s.graph.Describe = st.Value.Value
	}
}

func (s *stepFlow) ensure(st *syntax.Ensure, sc *scope, in *inClause) *graph.Ensure {
	e := &graph.Ensure{Cond: s.expectIn(st.Cond, sc, value.TBool, "the condition of ensure"), Span: st.Span}
	s.fixed(e.Cond, "so nothing is ensured", "so nothing behind it is executed")
	if r, ok := st.Else.(*syntax.Retry); ok {
		if in == nil {
			s.misplaced(r, "only a clause can try its call again")
			return e
		}
		e.Else = s.retryEnding(r, sc, in)
		return e
	}
	otherwise := sc.child()
	otherwise.assume(e.Cond, false)
	e.Else = s.ending(st.Else, otherwise, in)
	return e
}

func (s *stepFlow) ending(st syntax.Stmt, sc *scope, in *inClause) graph.Stmt {
	switch st := st.(type) {
	case *syntax.Return:
		p := s.compileIn(st.Value, sc)
		s.returns(returned{p.Type(), wordOf(st), st.Span, p.Fields()})
		s.info.told = s.info.told || p.Type().Kind != value.Nil // nil is for nobody
		return &graph.Return{Value: p, Span: st.Span}
	case *syntax.Degrade:
		p := s.compileIn(st.Value, sc)
		s.returns(returned{p.Type(), wordOf(st), st.Span, p.Fields()})
		return &graph.Degrade{Value: p, Span: st.Span}
	case *syntax.Fail:
		return s.fail(st, sc)
	}
	return nil
}

func (f *flow) fail(st *syntax.Fail, sc *scope) graph.Stmt {
	out := &graph.Fail{Code: st.Code.Text, Span: st.Span}
	if st.Message != nil {
		out.Message = f.expectIn(st.Message, sc, value.TString, "the message of fail")
		f.shownSecrets(out.Message, st.Message.Text, sc)
	}
	return out
}

func (s *stepFlow) retryEnding(st *syntax.Retry, sc *scope, in *inClause) graph.Stmt {
	if in.call == nil {
		s.misplaced(st, "the steps of a group are not run again; retry inside of them")
		return nil
	}
	if in.verdict {
		s.misplaced(st, "the attempts are over when exhausted or failed is judged")
	}
	s.repeats(st, in)
	var own parts
	s.retry(&own, st, "clause", sc)
	merged := own.over(in.parts)
	if merged.attempts == nil {
		s.add(diag.Errorf(CodeMisplaced, st.Span, "retry here never retries: no number of attempts is set, so there is one").
			Hintf("write retry 3 attempts"))
	}
	return &graph.Retry{Policy: merged.policy(in.call.Sig), Own: own.attempts != nil, Span: st.Span}
}

// leading is the first word of a statement with its place, for messages.
func leading(st any) (string, diag.Span) {
	word, span := "", diag.Span{}
	switch st := st.(type) {
	case *syntax.Version:
		word, span = "version", st.Span
	case *syntax.Describe:
		word, span = "describe", st.Span
	case *syntax.Input:
		word, span = "input", st.Span
	case *syntax.Retry:
		word, span = "retry", st.Span
	case *syntax.Timeout:
		word, span = "timeout", st.Span
	case *syntax.Within:
		word, span = "within", st.Span
	case *syntax.Limit:
		word, span = "limit", st.Span
	case *syntax.Breaker:
		word, span = "breaker", st.Span
	case *syntax.First:
		word, span = "first", st.Span
	case *syntax.Tolerate:
		word, span = "tolerate", st.Span
	case *syntax.Use:
		word, span = "use", st.Span
	case *syntax.Classify:
		word, span = "permanent", st.Span
		if st.Retryable {
			word = "retryable"
		}
	case *syntax.Let:
		word, span = "let", st.Span
	case *syntax.Ensure:
		word, span = "ensure", st.Span
	case *syntax.Step:
		word, span = "step", st.Span
	case *syntax.Call:
		word, span = "call", st.Span
	case *syntax.Signal:
		word, span = "signal", st.Span
	case *syntax.Wait:
		word, span = "wait", st.Span
	case *syntax.On:
		word, span = "on", st.Span
	case *syntax.Undo:
		word, span = "undo", st.Span
	case *syntax.Switch:
		word, span = "switch", st.Span
	case *syntax.Arm:
		word, span = "when", st.Span
		if st.Values == nil {
			word = "else"
		}
	case *syntax.Finally:
		word, span = "finally", st.Span
	case *syntax.Return:
		word, span = "return", st.Span
	case *syntax.Degrade:
		word, span = "degrade", st.Span
	case *syntax.Fail:
		word, span = "fail", st.Span
	case *syntax.Output:
		word, span = "output", st.Span
	}
	if span.End-span.Start > len(word) {
		span.End = span.Start + len(word)
	}
	return word, span
}

// fixed warns of a condition that is known beforehand.
func (f *flow) fixed(p *expr.Program, always, never string) {
	switch v, _ := p.Const(); v {
	case true:
		f.add(diag.Warnf(expr.CodeRedundant, p.Span(), "this is always true, %s", always))
	case false:
		f.add(diag.Warnf(expr.CodeRedundant, p.Span(), "this is always false, %s", never))
	}
}
