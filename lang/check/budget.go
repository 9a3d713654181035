package check

import (
	"time"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// budget warns of attempts that are never made because a deadline is over before.
func (s *stepFlow) budget(p *graph.Policy) {
	attempts := constCount(p.Attempts)
	if attempts < 2 {
		return
	}
	pauses := totalPause(p, attempts)
	timeout, limited := constDuration(p.Timeout)
	if p.Timeout != nil && !limited {
		return // nobody knows
	}
	spent := pauses + time.Duration(attempts-1)*timeout
	around := s.flow.graph.Within
	if s.special != "" { // the deadline of the run does not bound them
		around = nil
	}
	for _, within := range []*graph.Setting{s.graph.Within, around} {
		bound, ok := constDuration(within)
		if !ok || spent < bound {
			continue
		}
		why := "the pauses before it take " + value.FormatDuration(pauses)
		if pauses < bound {
			why = "if each takes its timeout of " + value.FormatDuration(timeout) + ", the pauses take " + value.FormatDuration(pauses)
		}
		key := [2]diag.Span{within.Span, p.Attempts.Span}
		if s.budgets[key] {
			return
		}
		if s.budgets == nil {
			s.budgets = map[[2]diag.Span]bool{}
		}
		s.budgets[key] = true
		s.add(diag.Warnf(CodeBudget, within.Span, "within %s is over before attempt %d of %d begins: %s", value.FormatDuration(bound), attempts, attempts, why).
			See(p.Attempts.Span, "the attempts").Hintf("allow fewer attempts, or more time"))
		return
	}
}

// constCount is a number of attempts that is known beforehand; 0 if it is not.
func constCount(s *graph.Setting) int {
	if s == nil {
		return 1
	}
	v, _ := s.Value.Const()
	n, _ := v.(int)
	return n
}

// totalPause is how long the pauses between so many attempts take; 0 if they are computed.
func totalPause(p *graph.Policy, attempts int) time.Duration {
	pause, longest := time.Second, 5*time.Minute
	for setting, to := range map[*graph.Setting]*time.Duration{p.Backoff: &pause, p.MaxBackoff: &longest} { // independent of the order
		if setting == nil {
			continue
		}
		d, ok := constDuration(setting)
		if !ok {
			return 0
		}
		*to = d
	}
	var total time.Duration
	for i := 1; i < attempts && total < MaxSetting; i++ {
		total += min(pause, longest)
		if pause < longest {
			pause *= 2
		}
	}
	return total
}

// repeats warns of a retry behind a success of an operation that is not idempotent: each is
// another request, so that what the operation does is done again.
func (s *stepFlow) repeats(st *syntax.Retry, in *inClause) {
	sig := in.call.Sig
	if in.on == nil || sig.Idempotent || sig.Handler || in.call.Runs != nil || in.call.Key != nil {
		return
	}
	for _, p := range in.on {
		status := p.Status
		if p.Class != 0 {
			status = p.Class * 100
		}
		if d, _ := value.Classify(in.call.Policy.Rules, status, p.Name); d == value.Success && !isVerdict(p) {
			word := st.Span
			word.End = word.Start + len("retry")
			s.add(diag.Warnf(CodeRepeats, word, "%s is not idempotent, and behind a %s each retry is another request: it does again what it did", sig.Name(), p).
				Hintf("ask an operation that only looks; or, if it does nothing more, declare it so: operation %s idempotent { … }", sig.Operation))
			return
		}
	}
}
