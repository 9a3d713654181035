package check

import (
	"strings"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// clauses checks the clauses of a call. It returns the type of the body where an
// answer falls through to the next statement, and whether any does; more tells
// that there is one.
func (s *stepFlow) clauses(g *graph.Call, callee *called, level parts, ons []syntax.Stmt, more bool, sc *scope) (body *value.Type, falls bool) {
	for _, st := range ons {
		on := st.(*syntax.On)
		pats := patterns(on.Outcomes)
		s.possible(g, callee, on)
		s.reachable(g, on, pats)
		in := &inClause{call: g, parts: level, on: pats, verdict: hasVerdict(pats)}
		inner := sc.child()
		typ := s.bodyOf(g, pats)
		s.noteOutcomes(on.Outcomes, func(p value.Pattern) *value.Type { return s.bodyOf(g, []value.Pattern{p}) }, g.Sig)
		inner.setAnswer(typ)
		if in.verdict || g.Sig.Unknown || failures(g.Sig, pats) {
			inner.names["error"] = &binding{name: "error", typ: errorType, used: true}
		}
		c := &graph.Clause{On: pats, Label: label(on), Span: on.Span}
		if on.When != nil {
			c.When = s.expectIn(on.When, inner, value.TBool, "when")
			s.fixed(c.When, "so the when can be left out", "so the clause is never taken")
			c.Label += " when " + c.When.String()
			inner.assume(c.When, true)
		}
		var clauseFalls bool
		c.Body, clauseFalls = s.block(on.Stmts, inner, in)
		g.Clauses = append(g.Clauses, c)
		if clauseFalls && on.Partial {
			body, falls = value.TUnknown, true
		} else if clauseFalls {
			s.mustEnd(g, on, pats, more)
			body, falls = joinBody(body, typ), true
		}
	}
	success, through := s.successes(g)
	if through {
		body, falls = joinBody(body, success), true
	}
	if body == nil {
		body = value.TAny
	}
	return body, falls
}

func joinBody(a, b *value.Type) *value.Type {
	if a == nil {
		return b
	}
	return value.Join(a, b)
}

// label is a clause up to its condition, which is added in one spelling: the layout of a
// file changes no trace.
func label(on *syntax.On) string {
	words := make([]string, len(on.Outcomes))
	for i, o := range on.Outcomes {
		words[i] = pattern(o).String()
	}
	return "on " + strings.Join(words, ", ")
}

func hasVerdict(pats []value.Pattern) bool {
	for _, p := range pats {
		if p.Name == value.Exhausted || p.Name == value.Failed {
			return true
		}
	}
	return false
}

func isVerdict(p value.Pattern) bool { return p.Name == value.Exhausted || p.Name == value.Failed }

// possible reports outcomes the operation cannot have.
func (s *stepFlow) possible(g *graph.Call, callee *called, on *syntax.On) {
	sig := g.Sig
	if sig.Handler {
		return
	}
	for _, o := range on.Outcomes {
		p := pattern(o)
		switch {
		case isVerdict(p) || sig.Possible(p) || p.Name == value.BreakerOpen && g.Breaker || callee != nil && callee.canEnd(p):
			continue
		case callee != nil:
			s.add(callee.impossible(o))
			continue
		}
		names := make([]string, 0, len(sig.Outcomes)+6)
		for _, own := range sig.Outcomes {
			names = append(names, own.String())
		}
		names = append(names, g.Classes()...)
		if sig.Signal {
			s.add(neverEnds(sig, o, p))
			continue
		}
		d := diag.Errorf(CodeImpossible, o.Span, "%s never answers %s", sig.Name(), p)
		known := strings.Join(names, ", ")
		names = append(names, value.Exhausted, value.Failed)
		if own := verdicts[strings.ToLower(p.Name)]; own != "" {
			d.Hint = own
		} else if p.Name == value.BreakerOpen {
			d.Hintf("its service has no breaker: breaker 5 failures in 1m, open 30s, in the service or the workflow")
		} else if p.Name == "" || !d.Suggest(o.Span, p.Name, names) {
			d.Hintf("it answers %s", known)
		}
		s.add(d)
	}
}

// reachable reports a clause all of whose outcomes are taken by clauses above.
func (s *stepFlow) reachable(g *graph.Call, on *syntax.On, pats []value.Pattern) {
	for i, p := range pats {
		var by *graph.Clause
		for _, c := range g.Clauses {
			if c.When == nil && covers(c.On, p) {
				by = c
				break
			}
		}
		if by == nil {
			for j := range i {
				if pats[j].Covers(p) {
					s.add(diag.Errorf(CodeUnreachable, on.Outcomes[i].Span, "%s is said already in this clause", p))
				}
			}
			continue
		}
		s.add(diag.Errorf(CodeUnreachable, on.Outcomes[i].Span, "this is never reached: %q above takes every %s", by.Label, p).
			See(by.Span, "that clause").Hintf("the first clause that matches wins; put the narrower one first"))
	}
}

// verdicts are words that are no answers, with what to write for them.
var verdicts = map[string]string{
	"cancelled": "a run that is cancelled is over, and nothing in it can react", "canceled": "a run that is cancelled is over, and nothing in it can react",
	"error": "for every failure write on failed", "failure": "for every failure write on failed", "fail": "for every failure write on failed", "default": "for every failure write on failed", "else": "for every failure write on failed",
	"other": "for every failure write on failed", "otherwise": "for every failure write on failed", "any": "for every failure write on failed", "exception": "for every failure write on failed",
	"success": "for every success write on 2xx", "ok": "for every success write on 2xx", "completed": "for every success write on 2xx",
	"deadline": "a deadline ends the call: on failed when error.code == \"DEADLINE\"", "invalid_argument": "the call was never made: on failed when error.code == \"INVALID_ARGUMENT\"",
}

func covers(list []value.Pattern, p value.Pattern) bool {
	for _, q := range list {
		if q.Covers(p) {
			return true
		}
	}
	return false
}

// bodyOf is the type of body in a clause for these outcomes, below the clauses that g
// has already.
func (s *stepFlow) bodyOf(g *graph.Call, pats []value.Pattern) *value.Type {
	if g.Sig.Handler {
		return unknownBody(g.Sig)
	}
	var out *value.Type
	for _, p := range pats {
		switch {
		case p.Name == value.Timeout || p.Name == value.Unreachable || p.Name == value.BreakerOpen:
			out = joinBody(out, value.TNil)
		case p.Name == value.Malformed || isVerdict(p):
			return value.TAny
		default:
			out = joinBody(out, declaredBody(g, p))
		}
	}
	return out
}

// unknownBody is the type of what a handler answers, or an operation that does not exist.
func unknownBody(sig *value.Signature) *value.Type {
	if sig.Unknown {
		return value.TUnknown
	}
	return value.TAny
}

func declaredBody(g *graph.Call, p value.Pattern) *value.Type {
	if p.Class == 0 {
		if t, ok := g.Sig.Body(p.Status, p.Name); ok && t != nil {
			return t
		}
		return value.TAny
	}
	var out *value.Type
	for _, o := range g.Sig.Outcomes {
		if p.Covers(o.Pattern) && !takenAlways(g, o.Pattern) {
			if o.Body == nil {
				return value.TAny
			}
			out = joinBody(out, o.Body)
		}
	}
	if out == nil {
		return value.TAny
	}
	return out
}

// mustEnd reports a clause that ends nothing although its outcome is no success.
// If a statement follows, going on there is what the author may well mean; unless
// the clause silently takes the place of a retry.
func (s *stepFlow) mustEnd(g *graph.Call, on *syntax.On, pats []value.Pattern, more bool) {
	for i, p := range pats {
		word, _ := leading(on)
		span := on.Outcomes[i].Span
		switch {
		case isVerdict(p) && more:
			continue
		case isVerdict(p):
			s.add(diag.Errorf(CodeNoEnding, span, "the clause for %s must say how the step ends", p).
				Hintf("end it with return, degrade or fail"))
			return
		case g.Sig.Handler:
			continue
		}
		status := p.Status
		if p.Class != 0 {
			status = p.Class * 100
		}
		switch d, _ := g.Sig.Classify(g.Policy.Rules, status, p.Name); {
		case d == value.Retryable:
			d := diag.Errorf(CodeReplacesRetry, span, "this %s replaces the retry of %s and ends nothing", word, p).
				Hintf("end it with retry to keep trying, or with return, degrade or fail")
			s.add(offer(d, "end it with retry", s.last(on.Span, "retry")))
			return
		case d == value.Permanent && !more:
			s.add(diag.Errorf(CodeNoEnding, span, "after this clause %s would count as success", p).
				Hintf("end it with return, degrade or fail"))
			return
		}
	}
}

// successes is the joined body of the successful answers that no clause ends, and
// whether there are any.
func (s *stepFlow) successes(g *graph.Call) (body *value.Type, any bool) {
	if g.Sig.Handler {
		return unknownBody(g.Sig), !takenAlways(g, value.Pattern{Class: 2})
	}
	all := successful(g)
	for _, o := range all {
		if !takenAlways(g, o.Pattern) {
			body, any = joinBody(body, bodyType(o)), true
		}
	}
	if len(all) == 0 {
		return value.TAny, true
	}
	return body, any
}

// successful lists the declared outcomes of a call that are successes by its policy.
func successful(g *graph.Call) (out []value.Outcome) {
	for _, o := range g.Sig.Outcomes {
		status := o.Status
		if o.Class != 0 {
			status = o.Class * 100
		}
		if d, _ := g.Sig.Classify(g.Policy.Rules, status, o.Name); d == value.Success {
			out = append(out, o)
		}
	}
	return out
}

// bodyType is the type of the body of an outcome; any, if nothing is declared.
func bodyType(o value.Outcome) *value.Type {
	if o.Body == nil {
		return value.TAny
	}
	return o.Body
}

// takenAlways reports whether a clause without a condition takes the outcome.
func takenAlways(g *graph.Call, p value.Pattern) bool {
	for _, c := range g.Clauses {
		if c.When == nil && covers(c.On, p) {
			return true
		}
	}
	return false
}
