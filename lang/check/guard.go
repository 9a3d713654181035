package check

import (
	"strings"
	"time"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

const (
	perTime     = "a limit per time is a setting of a service or an operation"
	stepBreaker = "a breaker is shared by all calls of a service, so it is a setting of a workflow or a service"
)

// breaker compiles the breaker of a workflow or policy.
func (f *flow) breaker(own *parts, st *syntax.Breaker, level string, sc *scope, once func(string, diag.Span) bool) {
	switch {
	case !breaks(level):
		f.misplaced(st, stepBreaker)
	case once("breaker", st.Span):
		own.breaker = &graph.Breaker{
			Failures: f.numberTo(st.Failures, "failures", level, sc, 1, value.MaxFailures),
			In:       f.duration(st.In, "the time of a breaker", level, sc, value.MinGuardTime),
			Open:     f.duration(st.Open, "open", level, sc, value.MinGuardTime),
			Span:     st.Span,
		}
	}
}

// breaks reports whether a breaker may stand at a level.
func breaks(level string) bool {
	return level == "workflow" || strings.HasPrefix(level, "policy ")
}

// noBreaker reports a policy whose breaker a step would take over.
func (f *flow) noBreaker(used *parts, st *syntax.Use, level string) {
	if used.breaker != nil && !breaks(level) {
		f.add(diag.Errorf(CodeMisplaced, st.Name.Span, "policy %s has a breaker, which a step does not take over: %s", st.Name.Text, stepBreaker).
			See(used.breaker.Span, "the breaker").Hintf("use the policy in the workflow, or declare the breaker in the service"))
		used.breaker = nil
	}
}

// graphBreaks reports whether the calls of an operation have a breaker.
func (s *stepFlow) graphBreaks(sig *value.Signature) bool {
	return s.base.breaker != nil || sig.ServiceGuard != nil && sig.ServiceGuard.Breaker.On()
}

// guardOf reads what bounds the calls of a service or operation; nil if nothing does.
func guardOf[T any](c *checker, what string, items []T) *value.Guard {
	g := &value.Guard{}
	seen := map[string]diag.Span{}
	once := func(word string, span diag.Span) bool {
		first, dup := seen[word]
		if dup {
			c.add(diag.Errorf(CodeDuplicateSet, span, "%s is set twice for this %s", word, what).See(first, "first here"))
		}
		seen[word] = span
		return !dup
	}
	for _, item := range items {
		switch item := any(item).(type) {
		case *syntax.Limit:
			switch {
			case item.Per == nil && once("limit", item.Span):
				g.Limit = c.constant(item.Value, "limit", value.MaxCalls)
			case item.Per != nil && once("limit per", item.Span):
				g.Rate = value.Rate{Calls: c.constant(item.Value, "limit", value.MaxCalls), Per: c.constantTime(item.Per, "the time of a limit")}
			}
		case *syntax.Breaker:
			if what == "operation" {
				word, span := leading(item)
				c.add(diag.Errorf(CodeMisplaced, span, "%s has no meaning here: it is shared by all operations of a service", word).Hintf("put it into the service"))
			} else if once("breaker", item.Span) {
				g.Breaker = value.Breaker{Failures: c.constant(item.Failures, "failures", value.MaxFailures),
					In: c.constantTime(item.In, "the time of a breaker"), Open: c.constantTime(item.Open, "open")}
			}
		}
	}
	if *g == (value.Guard{}) {
		return nil
	}
	return g
}

// constantScope is what the settings of a service may read: nothing.
type constantScope struct{}

func (constantScope) Lookup(string) (*value.Type, bool) { return nil, false }

func (constantScope) Unknown(name string, span diag.Span) *diag.Diagnostic {
	return diag.Errorf(CodeUnknownName, span, "a service cannot read %s", name).
		Hintf("what bounds its calls is the same for everybody who calls it: write a number or a time")
}

// constant is a number that a service says, from 1; 1 if it is wrong, which is told.
func (c *checker) constant(e *syntax.Expr, what string, most int) int {
	p := c.compile(e, constantScope{})
	v, _ := p.Const()
	n, isInt := v.(int)
	switch {
	case p.Type().Unknown:
		return 1
	case !isInt:
		c.add(diag.Errorf(CodeType, e.Span, "%s takes a whole number known beforehand", what))
		return 1
	case n < 1 || n > most:
		c.add(diag.Errorf(CodeSettingValue, e.Span, "%s must be from 1 to %d, not %d", what, most, n))
		return 1
	}
	return n
}

// constantTime is a duration that a service says.
func (c *checker) constantTime(e *syntax.Expr, what string) time.Duration {
	p := c.compile(e, constantScope{})
	d, ok := constDuration(&graph.Setting{Value: p})
	switch {
	case p.Type().Unknown:
		return time.Second
	case !ok || p.Type().Kind != value.Duration:
		c.add(diag.Errorf(CodeType, e.Span, "%s is a duration known beforehand", what).Hintf("write 30s, 1m"))
		return time.Second
	case d < value.MinGuardTime || d > value.MaxGuardTime:
		c.add(diag.Errorf(CodeSettingValue, e.Span, "%s must be from %s to %s", what, value.FormatDuration(value.MinGuardTime), value.FormatDuration(value.MaxGuardTime)))
		return time.Second
	}
	return d
}
