package mutate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"wf/lang/diag"
	"wf/lang/syntax"
	"wf/lang/token"
	"wf/lang/value"
)

// Kinds are the slips that are known, in the order in which they are planted at one place.
var Kinds = []Kind{
	{"setting", "drops", "a retry, timeout, within, limit, breaker, first, tolerate, use or classification is lost", settings},
	{"ensure", "drops", "an ensure is lost", dropped[*syntax.Ensure]("ensure")},
	{"clause", "drops", "a clause of a call, step or run is lost", clauses},
	{"undo", "drops", "an undo is lost", dropped[*syntax.Undo]("undo")},
	{"until", "forgets that there is no way back behind", "a step named behind until is lost", unending},
	{"finally", "drops", "a finally is lost", dropped[*syntax.Finally]("finally")},
	{"call", "does not make", "a call is lost", calls},
	{"step", "drops", "a step is lost", steps},
	{"pause", "does not make", "a wait for a time is lost", pauses},
	{"arm", "drops", "an arm of a switch is lost", arms},
	{"when", "forgets the condition of", "a step or clause has no condition any more", unconditional},
	{"never", "never runs", "a step with a condition is always skipped", never},
	{"operand", "asks for less in", "one side of an and or or is lost", operands},
	{"negate", "does the opposite where", "a condition is turned round", negated},
	{"compare", "is off by one where", "a comparison is < for <=, == for !=, and for or", compared},
	{"after", "forgets to wait for", "a step named behind after is lost", unawaited},
	{"order", "is the other way round:", "a step is waited for by the one it waits for", turned},
	{"swap", "swaps", "two neighbouring clauses do each other's work", swapped},
	{"cross", "takes the other way in", "two neighbouring arms of a switch do each other's work", crossed},
	{"widen", "takes everything for granted in", "a clause takes the first status of the next one, too", widened},
	{"narrow", "no longer takes", "a clause with several outcomes has one less", narrowed},
	{"degrade", "hides the fallback of", "a degrade has become a return", undegraded},
	{"fallback", "has nothing instead in", "a ?? and what stands behind it is lost", unguarded},
	{"choice", "chooses the other in", "the two values of c ? a : b are swapped", chosen},
	{"code", "fails differently in", "a fail has another code", recoded},
	{"permanence", "turns round", "retryable is permanent, and permanent retryable", turnedRound},
	{"more", "tries once more in", "attempts are one more", attempts(1)},
	{"fewer", "tries once less in", "attempts are one less", attempts(-1)},
	{"backoff", "pauses otherwise in", "a backoff is doubled, or does not grow", backoffs},
	{"jitter", "has no jitter in", "a jitter is lost", unjittered},
	{"time", "waits twice as long in", "a timeout, within or wait is doubled", times},
	{"count", "counts one more in", "a limit, first, tolerate, of or breaker is one more", counted},
	{"text", "says otherwise in", "a text in a value is another one", reworded},
	{"number", "is one more in", "a number in a value or condition is one more", numbered},
	{"flag", "says the opposite in", "true is false, and false true", flagged},
	{"field", "leaves out", "a field of an argument, result or output is lost", omitted},
	{"mix", "mixes up", "two neighbouring fields have each other's value", mixed},
	{"other", "reads", "another field of the same record is read", misread},
	{"sum", "reckons otherwise with", "+ is -, and * is /", miscounted},
	{"function", "takes the other for", "any is all, min is max, first is last, startsWith is endsWith", asked},
	{"rule", "lets pass what breaks", "a rule of an input, signal or type is lost", unruled},
	{"bound", "allows one more in", "a min is one less, or a max one more", widerBounds},
	{"default", "takes another default for", "the default of a field is another one", defaulted},
	{"key", "drops", "the idempotency key of a call, or the key of an item, is lost", keys},
}

// settings drops settings of workflows, steps, clauses, policies and services.
func settings(p *planter, f *syntax.File) {
	drop := func(owner string, n any) {
		what := ""
		switch n := n.(type) {
		case *syntax.Retry:
			what = "retry"
		case *syntax.Timeout:
			what = "timeout"
		case *syntax.Within:
			what = "within"
		case *syntax.Limit:
			what = "limit"
		case *syntax.Breaker:
			what = "breaker"
		case *syntax.First:
			what = "first"
		case *syntax.Tolerate:
			what = "tolerate"
		case *syntax.Use:
			what = "use " + n.Name.Text
		case *syntax.Classify:
			what = classification(n)
		default:
			return
		}
		at := syntax.PlaceOf(n)
		p.plant(at, what+" of "+owner, p.cut(at))
	}
	eachStmt(f, func(owner string, st syntax.Stmt) { drop(owner, st) })
	eachItem(f, drop)
}

func classification(c *syntax.Classify) string {
	words := make([]string, len(c.Outcomes))
	for i, o := range c.Outcomes {
		words[i] = outcome(o)
	}
	return word(c) + " " + strings.Join(words, ",")
}

func word(c *syntax.Classify) string {
	if c.Retryable {
		return "retryable"
	}
	return "permanent"
}

// dropped drops the statements of one type.
func dropped[T syntax.Stmt](what string) func(*planter, *syntax.File) {
	return func(p *planter, f *syntax.File) {
		eachStmt(f, func(owner string, st syntax.Stmt) {
			if st, ok := st.(T); ok {
				at := syntax.PlaceOf(st)
				p.plant(at, what+" of "+owner, p.cut(at))
			}
		})
	}
}

func clauses(p *planter, f *syntax.File) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if on, ok := st.(*syntax.On); ok {
			p.plant(on.Span, "on "+outcomes(on)+" of "+owner, p.cut(on.Span))
		}
	})
}

func calls(p *planter, f *syntax.File) {
	for _, b := range blocks(f) {
		for i, st := range b.stmts {
			c, ok := st.(*syntax.Call)
			if !ok || len(c.Target) == 0 || i+1 < len(b.stmts) && belongs(b.stmts[i+1]) {
				continue // without the call, what belongs to it would belong to another one
			}
			p.plant(c.Span, "the call of "+target(c)+" in "+b.owner, p.cut(c.Span))
		}
	}
}

// belongs reports whether a statement belongs to the call above it.
func belongs(st syntax.Stmt) bool {
	switch st.(type) {
	case *syntax.On, *syntax.Undo:
		return true
	}
	return false
}

func target(c *syntax.Call) string {
	words := make([]string, len(c.Target))
	for i, n := range c.Target {
		words[i] = n.Text
	}
	return strings.Join(words, ".")
}

func steps(p *planter, f *syntax.File) {
	eachStmt(f, func(_ string, st syntax.Stmt) {
		if s, ok := st.(*syntax.Step); ok {
			p.plant(s.Span, "step "+s.Name.Text, p.cut(s.Span))
		}
	})
}

func pauses(p *planter, f *syntax.File) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if w, ok := st.(*syntax.Wait); ok && w.Signal == nil {
			p.plant(w.Span, "the wait in "+owner, p.cut(w.Span))
		}
	})
}

// eachSwitch visits the switches.
func eachSwitch(f *syntax.File, visit func(owner string, s *syntax.Switch)) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if s, ok := st.(*syntax.Switch); ok {
			visit(owner, s)
		}
	})
}

func arms(p *planter, f *syntax.File) {
	eachSwitch(f, func(owner string, s *syntax.Switch) {
		for i, a := range s.Arms {
			p.plant(a.Span, fmt.Sprintf("arm %d of %s", i+1, owner), p.cut(a.Span))
		}
	})
}

// crossed exchanges what two arms do.
func crossed(p *planter, f *syntax.File) {
	eachSwitch(f, func(owner string, s *syntax.Switch) {
		for i := 1; i < len(s.Arms); i++ {
			a, okA := p.braces(s.Arms[i-1])
			b, okB := p.braces(s.Arms[i])
			if okA && okB && p.text(a) != p.text(b) {
				p.plant(s.Arms[i-1].Span, fmt.Sprintf("arms %d and %d of %s", i, i+1, owner), p.swap(a, b)...)
			}
		}
	})
}

// braces is what stands in the braces of an arm, with them.
func (p *planter) braces(a *syntax.Arm) (diag.Span, bool) {
	from := a.Span.Start
	if len(a.Values) > 0 {
		from = a.Values[len(a.Values)-1].Span.End
	}
	i := strings.IndexByte(p.src[from:a.Span.End], '{')
	return diag.Span{File: p.file, Start: from + max(i, 0), End: a.Span.End}, i >= 0
}

// unconditional drops the conditions of steps and clauses.
func unconditional(p *planter, f *syntax.File) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		switch st := st.(type) {
		case *syntax.Step:
			if st.When != nil {
				from := st.Name.Span.End
				if n := len(st.After); n > 0 {
					from = st.After[n-1].Span.End
				}
				p.plant(st.When.Span, "step "+st.Name.Text, edit{from, st.When.Span.End, ""})
			}
		case *syntax.On:
			if st.When != nil {
				p.plant(st.When.Span, "on "+outcomes(st)+" of "+owner, edit{st.Outcomes[len(st.Outcomes)-1].Span.End, st.When.Span.End, ""})
			}
		}
	})
}

func never(p *planter, f *syntax.File) {
	eachStmt(f, func(_ string, st syntax.Stmt) {
		if s, ok := st.(*syntax.Step); ok && s.When != nil {
			p.plant(s.When.Span, "step "+s.Name.Text, put(s.When.Span, "false"))
		}
	})
}

// operands drops the sides of conditions that are one chain of and, or one of or.
func operands(p *planter, f *syntax.File) {
	eachCondition(f, func(owner string, e *syntax.Expr) {
		var at []scanned
		for _, t := range p.scan(e.Span) {
			switch {
			case t.depth > 0:
			case t.text == "?" || t.text == ":" || t.text == "not":
				return
			case t.text == "and" || t.text == "or" || t.text == "&&" || t.text == "||":
				if at = append(at, t); t.text != at[0].text {
					return
				}
			}
		}
		for i := range at {
			from, to := at[i].Start, end(at, i+1, e.Span.End)
			if to == e.Span.End {
				from = len(strings.TrimRight(p.src[:from], " "))
			}
			p.plant(e.Span, fmt.Sprintf("%s %d of %s", at[i].text, i+1, owner), edit{from, to, ""})
		}
		if len(at) > 0 {
			p.plant(e.Span, fmt.Sprintf("the first of %s", owner), edit{e.Span.Start, skip(p.src, at[0].End), ""})
		}
	})
}

// end is where the i-th token begins, or the end behind the last one.
func end(at []scanned, i, last int) int {
	if i < len(at) {
		return at[i].Start
	}
	return last
}

func negated(p *planter, f *syntax.File) {
	eachCondition(f, func(owner string, e *syntax.Expr) {
		p.plant(e.Span, owner, put(e.Span, "not ("+p.text(e.Span)+")"))
	})
}

// other is the operator that is easily taken for one.
var other = map[string]string{"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "and": "or", "or": "and", "&&": "||", "||": "&&"}

func compared(p *planter, f *syntax.File) {
	eachCondition(f, func(owner string, e *syntax.Expr) {
		for _, t := range p.scan(e.Span) {
			if o := other[t.text]; o != "" && (t.Kind == token.Op || t.Kind == token.Ident) {
				p.plant(t.span(p), fmt.Sprintf("%s stands in %s", t.text, owner), put(t.span(p), o))
			}
		}
	})
}

// unawaited drops names behind after.
func unawaited(p *planter, f *syntax.File) {
	eachStmt(f, func(_ string, st syntax.Stmt) {
		s, ok := st.(*syntax.Step)
		if !ok {
			return
		}
		for i, name := range s.After {
			e := p.cut(name.Span)
			if len(s.After) == 1 {
				e = edit{s.Name.Span.End, name.Span.End, ""}
			}
			p.plant(s.After[i].Span, name.Text+" in "+s.Name.Text, e)
		}
	})
}

// unending drops names behind until.
func unending(p *planter, f *syntax.File) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		u, ok := st.(*syntax.Undo)
		if !ok {
			return
		}
		for _, name := range u.Until {
			e := p.cut(name.Span)
			if len(u.Until) == 1 {
				e = edit{u.Span.Start + len("undo"), name.Span.End, ""}
			}
			p.plant(name.Span, name.Text+" in "+owner, e)
		}
	})
}

func turned(p *planter, f *syntax.File) {
	for _, b := range blocks(f) {
		named := map[string]*syntax.Step{}
		for _, st := range b.stmts {
			if s, ok := st.(*syntax.Step); ok {
				named[s.Name.Text] = s
			}
		}
		for _, st := range b.stmts {
			s, ok := st.(*syntax.Step)
			if !ok || len(s.After) != 1 || named[s.After[0].Text] == nil {
				continue
			}
			first := named[s.After[0].Text]
			at, add := first.Name.Span.End, " after "+s.Name.Text
			if n := len(first.After); n > 0 {
				at, add = first.After[n-1].Span.End, ", "+s.Name.Text
			}
			p.plant(s.After[0].Span, s.Name.Text+" after "+first.Name.Text, edit{s.Name.Span.End, s.After[0].Span.End, ""}, edit{at, at, add})
		}
	}
}

// head is what stands between on and the brace.
func (p *planter) head(on *syntax.On) diag.Span {
	s := diag.Span{File: p.file, Start: on.Outcomes[0].Span.Start, End: on.Outcomes[len(on.Outcomes)-1].Span.End}
	if on.When != nil {
		s.End = on.When.Span.End
	}
	return s
}

func swapped(p *planter, f *syntax.File) {
	eachPair(f, func(owner string, a, b *syntax.On) {
		p.plant(a.Span, fmt.Sprintf("on %s and on %s of %s", outcomes(a), outcomes(b), owner), p.swap(p.head(a), p.head(b))...)
	})
}

func widened(p *planter, f *syntax.File) {
	eachPair(f, func(owner string, a, b *syntax.On) {
		if o := b.Outcomes[0]; o.Status != 0 && b.When == nil && a.When == nil {
			at := a.Outcomes[len(a.Outcomes)-1].Span.End
			p.plant(a.Span, fmt.Sprintf("on %s of %s", outcomes(a), owner), edit{at, at, ", " + outcome(o)})
		}
	})
}

func narrowed(p *planter, f *syntax.File) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		on, ok := st.(*syntax.On)
		if !ok || len(on.Outcomes) < 2 {
			return
		}
		for _, o := range on.Outcomes {
			p.plant(o.Span, fmt.Sprintf("%s in on %s of %s", outcome(o), outcomes(on), owner), p.cut(o.Span))
		}
	})
}

func undegraded(p *planter, f *syntax.File) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if d, ok := ending(st).(*syntax.Degrade); ok {
			p.plant(d.Span, owner, edit{d.Span.Start, d.Span.Start + len("degrade"), "return"})
		}
	})
}

// ending is the statement, or what an ensure does.
func ending(st syntax.Stmt) syntax.Stmt {
	if e, ok := st.(*syntax.Ensure); ok && e.Else != nil {
		return e.Else
	}
	return st
}

func recoded(p *planter, f *syntax.File) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if fail, ok := ending(st).(*syntax.Fail); ok {
			p.plant(fail.Code.Span, fail.Code.Text+" of "+owner, put(fail.Code.Span, "MUTANT"))
		}
	})
}

func turnedRound(p *planter, f *syntax.File) {
	turn := func(owner string, n any) {
		if c, ok := n.(*syntax.Classify); ok {
			to := word(&syntax.Classify{Retryable: !c.Retryable})
			p.plant(c.Span, classification(c)+" of "+owner, edit{c.Span.Start, c.Span.Start + len(word(c)), to})
		}
	}
	eachStmt(f, func(owner string, st syntax.Stmt) { turn(owner, st) })
	eachItem(f, turn)
}

// plus is a whole number and so much more; "" if that would be less than 1.
func (p *planter) plus(e *syntax.Expr, more int) string {
	text := p.text(e.Span)
	if n, err := strconv.Atoi(text); err == nil {
		if n+more < 1 {
			return ""
		}
		return strconv.Itoa(n + more)
	}
	if more < 0 {
		return fmt.Sprintf("(%s) - %d", text, -more)
	}
	return fmt.Sprintf("(%s) + %d", text, more)
}

// doubled is a duration, and as much again.
func (p *planter) doubled(e *syntax.Expr) string {
	text := p.text(e.Span)
	if d, err := value.ParseDuration(text); err == nil && d < 1000*24*time.Hour {
		return value.FormatDuration(2 * d)
	}
	return "(" + text + ") * 2"
}

// eachRetry visits the retries of calls, clauses and policies.
func eachRetry(f *syntax.File, visit func(owner string, r *syntax.Retry)) {
	eachStmt(f, func(owner string, st syntax.Stmt) {
		if r, ok := ending(st).(*syntax.Retry); ok {
			visit(owner, r)
		}
	})
}

func attempts(more int) func(*planter, *syntax.File) {
	return func(p *planter, f *syntax.File) {
		eachRetry(f, func(owner string, r *syntax.Retry) {
			if r.Attempts == nil {
				return
			}
			if text := p.plus(r.Attempts, more); text != "" {
				p.plant(r.Attempts.Span, owner, put(r.Attempts.Span, text))
			}
		})
	}
}

func backoffs(p *planter, f *syntax.File) {
	eachRetry(f, func(owner string, r *syntax.Retry) {
		if r.Backoff != nil {
			p.plant(r.Backoff.Span, owner, put(r.Backoff.Span, p.doubled(r.Backoff)))
		}
		if r.Backoff != nil && r.MaxBackoff != nil && p.text(r.Backoff.Span) != p.text(r.MaxBackoff.Span) {
			p.plant(r.MaxBackoff.Span, "the growth of "+owner, put(r.MaxBackoff.Span, p.text(r.Backoff.Span)))
		}
	})
}

func unjittered(p *planter, f *syntax.File) {
	eachRetry(f, func(owner string, r *syntax.Retry) {
		if r.Jitter != nil && p.text(r.Jitter.Span) != "0%" {
			p.plant(r.Jitter.Span, owner, put(r.Jitter.Span, "0%"))
		}
	})
}

func times(p *planter, f *syntax.File) {
	double := func(e *syntax.Expr, where string) {
		if e != nil {
			p.plant(e.Span, where, put(e.Span, p.doubled(e)))
		}
	}
	eachStmt(f, func(owner string, st syntax.Stmt) {
		switch st := st.(type) {
		case *syntax.Timeout:
			double(st.Value, "timeout of "+owner)
		case *syntax.Within:
			double(st.Value, "within of "+owner)
		case *syntax.Wait:
			double(st.Within, "wait for "+name(st.Signal)+" of "+owner)
			double(st.For, "wait of "+owner)
		case *syntax.Let:
			if st.Wait != nil {
				double(st.Wait.Within, "wait for "+name(st.Wait.Signal)+" of "+owner)
			}
		}
	})
}

func name(n *syntax.Name) string {
	if n == nil {
		return ""
	}
	return n.Text
}

// counted raises what counts steps, items, calls and failures.
func counted(p *planter, f *syntax.File) {
	one := func(e *syntax.Expr, where string) {
		if e != nil {
			if _, err := strconv.Atoi(p.text(e.Span)); err == nil {
				p.plant(e.Span, where, put(e.Span, p.plus(e, 1)))
			}
		}
	}
	raise := func(owner string, n any) {
		switch n := n.(type) {
		case *syntax.Step:
			if n.For != nil && n.For.Of != nil {
				one(&n.For.Of.Expr, "the batches of "+n.Name.Text)
			}
		case *syntax.Limit:
			one(n.Value, "limit of "+owner)
			if n.Per != nil {
				p.plant(n.Per.Span, "the time of the limit of "+owner, put(n.Per.Span, p.doubled(n.Per)))
			}
		case *syntax.First:
			one(n.Value, "first of "+owner)
		case *syntax.Tolerate:
			one(n.Value, "tolerate of "+owner)
		case *syntax.Breaker:
			one(n.Failures, "failures of the breaker of "+owner)
			if p.text(n.Failures.Span) != "1" { // one failure is one in whatever time
				p.plant(n.In.Span, "the time of the breaker of "+owner, put(n.In.Span, p.doubled(n.In)))
			}
			p.plant(n.Open.Span, "the pause of the breaker of "+owner, put(n.Open.Span, p.doubled(n.Open)))
		}
	}
	eachStmt(f, func(owner string, st syntax.Stmt) { raise(owner, st) })
	eachItem(f, raise)
}

// unruled drops rules of fields.
func unruled(p *planter, f *syntax.File) {
	eachField(f, func(field *syntax.Field) {
		for _, r := range field.Rules {
			p.plant(r.Span, fmt.Sprintf("%s of %s", r.Word(), field.Name.Text), edit{len(strings.TrimRight(p.src[:r.Span.Start], " ")), r.Span.End, ""})
		}
	})
}

func widerBounds(p *planter, f *syntax.File) {
	eachField(f, func(field *syntax.Field) {
		for _, r := range field.Rules {
			e, more := r.Min, -1
			if r.Max != nil {
				e, more = r.Max, 1
			}
			if e == nil {
				continue
			}
			if n, err := strconv.Atoi(p.text(e.Span)); err == nil {
				p.plant(e.Span, fmt.Sprintf("%s of %s", r.Word(), field.Name.Text), put(e.Span, strconv.Itoa(n+more)))
			}
		}
	})
}

// keys drops the idempotency keys of calls, and what items are known by.
func keys(p *planter, f *syntax.File) {
	drop := func(owner string, c *syntax.Call) {
		if c == nil || c.Key == nil || len(c.Target) == 0 {
			return
		}
		from := c.Target[len(c.Target)-1].Span.End
		if c.Args != nil {
			from = c.Args.Span.End
		}
		p.plant(c.Key.Span, "the key of "+target(c)+" in "+owner, edit{from, c.Key.Span.End, ""})
	}
	eachStmt(f, func(owner string, st syntax.Stmt) {
		switch st := st.(type) {
		case *syntax.Call:
			drop(owner, st)
		case *syntax.Let:
			drop(owner, st.Call)
		case *syntax.Step:
			if st.For != nil && st.For.By != nil {
				p.plant(st.For.By.Span, "the key of the items of "+st.Name.Text, edit{st.For.In.Span.End, st.For.By.Span.End, ""})
			}
		}
	})
}
