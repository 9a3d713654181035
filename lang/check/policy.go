package check

import (
	"slices"
	"time"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// parts are the settings of one level; nil parts are not given there.
type parts struct {
	attempts, backoff, maxBackoff, timeout, within, limit *graph.Setting
	breaker                                               *graph.Breaker // of a workflow
	first, tolerate                                       *graph.Setting // of the items of a loop, the steps of a group
	share                                                 *float64       // instead of tolerate
	jitter                                                *float64
	rules                                                 []value.Rule
	lost                                                  bool // some part names a policy that there is not, so it is not known what outcomes become
}

// over lays p over an outer level: what p gives wins, part by part.
func (p parts) over(outer parts) parts {
	pick := func(near, far *graph.Setting) *graph.Setting {
		if near != nil {
			return near
		}
		return far
	}
	out := parts{
		attempts: pick(p.attempts, outer.attempts), backoff: pick(p.backoff, outer.backoff), maxBackoff: pick(p.maxBackoff, outer.maxBackoff),
		timeout: pick(p.timeout, outer.timeout), within: p.within, limit: p.limit, first: p.first, tolerate: p.tolerate, share: p.share, jitter: p.jitter, breaker: p.breaker,
		rules: append(p.rules[:len(p.rules):len(p.rules)], outer.rules...), lost: p.lost || outer.lost,
	}
	if out.breaker == nil {
		out.breaker = outer.breaker
	}
	if out.jitter == nil {
		out.jitter = outer.jitter
	}
	return out
}

// policy is what governs the attempts of a call under these parts; service rules
// come after all others.
func (p parts) policy(sig *value.Signature) *graph.Policy {
	out := &graph.Policy{Attempts: p.attempts, Backoff: p.backoff, MaxBackoff: p.maxBackoff, Timeout: p.timeout,
		Rules: append(p.rules[:len(p.rules):len(p.rules)], sig.Rules...)}
	if p.jitter != nil {
		out.Jitter = *p.jitter
	}
	return out
}

// settings compiles the settings among stmts; level names them in messages.
func (f *flow) settings(stmts []syntax.Stmt, level string, sc *scope) parts {
	var own, used parts
	var classes []*syntax.Classify
	seen := map[string]diag.Span{}
	once := func(word string, span diag.Span) bool {
		first, dup := seen[word]
		if dup {
			f.add(diag.Errorf(CodeDuplicateSet, span, "%s is set twice for this %s", word, level).See(first, "first here"))
		}
		seen[word] = span
		return !dup
	}
	for _, st := range stmts {
		switch st := st.(type) {
		case *syntax.Retry:
			if once("retry", st.Span) {
				f.retry(&own, st, level, sc)
			}
			if st.Attempts == nil && st.Backoff == nil && st.Jitter == nil {
				f.add(diag.Errorf(CodeMisplaced, st.Span, "this retry sets nothing").Hintf("write retry 3 attempts"))
			}
		case *syntax.Timeout:
			if once("timeout", st.Span) {
				own.timeout = f.duration(st.Value, "timeout", level, sc, graph.MinDeadline)
			}
		case *syntax.Within:
			if once("within", st.Span) {
				own.within = f.duration(st.Value, "within", level, sc, graph.MinDeadline)
			}
		case *syntax.Limit:
			if st.Per != nil {
				f.misplaced(st, perTime)
			} else if once("limit", st.Span) {
				own.limit = f.count(st.Value, "limit", level, sc)
			}
		case *syntax.Breaker:
			f.breaker(&own, st, level, sc, once)
		case *syntax.First:
			if level == "workflow" {
				f.misplaced(st, "it is a setting of a loop, or of a step with steps inside")
			} else if once("first", st.Span) {
				own.first = f.firstOf(st, level, sc)
			}
		case *syntax.Tolerate:
			if level == "workflow" {
				f.misplaced(st, "it is a setting of a loop")
			} else if once("tolerate", st.Span) {
				f.tolerate(&own, st, level, sc)
			}
		case *syntax.Classify:
			classes = append(classes, st)
		case *syntax.Use:
			if once("use", st.Span) {
				used = f.policyNamed(st, sc)
				f.noBreaker(&used, st, level)
			}
		}
	}
	if len(classes) > 0 {
		own.rules = f.classification(classes, f.classNames())
	}
	merged := own.over(used)
	if merged.within == nil {
		merged.within = used.within
	}
	f.fits(merged)
	return merged
}

// named resolves `use NAME`.
func (f *flow) policyNamed(st *syntax.Use, sc *scope) parts {
	d := f.space.policies.byName[st.Name.Text]
	f.used[d] = true
	if d != nil {
		f.noteName(SortPolicy, st.Name, d.Name.Span, nil)
	}
	if d == nil {
		problem := diag.Errorf(CodeUnknownPolicy, st.Name.Span, "there is no policy %s", st.Name.Text)
		problem.Suggest(st.Name.Span, st.Name.Text, f.space.policies.names)
		f.add(problem)
		return parts{lost: true}
	}
	stmts := slices.DeleteFunc(slices.Clone(d.Stmts), func(st syntax.Stmt) bool {
		switch st.(type) {
		case *syntax.Use, *syntax.Limit, *syntax.First, *syntax.Tolerate:
			return true // reported at the policy
		}
		return false
	})
	return f.settings(stmts, "policy "+d.Name.Text, sc)
}

// classNames lists the error classes of every service in sight.
func (f *flow) classNames() []string {
	var ops []*value.Signature
	for _, d := range f.space.services.list {
		ops = append(ops, f.services[d].Operations...)
	}
	if f.opts.Catalog != nil {
		for _, service := range f.opts.Catalog.Services() {
			for _, op := range f.opts.Catalog.Operations(service) {
				ops = append(ops, f.opts.Catalog.Signature(service, op))
			}
		}
	}
	return append(classNames(ops), f.space.codes()...)
}

func (f *flow) retry(p *parts, st *syntax.Retry, level string, sc *scope) {
	if st.Attempts != nil {
		p.attempts = f.count(st.Attempts, "attempts", level, sc)
	}
	if st.Backoff != nil {
		p.backoff = f.duration(st.Backoff, "backoff", level, sc, 0)
	}
	if st.MaxBackoff != nil {
		p.maxBackoff = f.duration(st.MaxBackoff, "the longest backoff", level, sc, 0)
	}
	if st.Jitter != nil {
		share := float64(st.Jitter.Value) / 100
		if share < 0 || share > 1 {
			f.add(diag.Errorf(CodeSettingValue, st.Jitter.Span, "jitter is a share from 0%% to 100%%"))
			share = 0
		}
		p.jitter = &share
	}
	if lo, ok := constDuration(p.backoff); ok && st.MaxBackoff != nil {
		if hi, ok := constDuration(p.maxBackoff); ok && hi < lo {
			f.add(diag.Errorf(CodeSettingValue, st.MaxBackoff.Span, "the longest backoff, %s, is shorter than the first, %s",
				value.FormatDuration(hi), value.FormatDuration(lo)).Hintf("write backoff %s to %s", value.FormatDuration(hi), value.FormatDuration(lo)))
		}
	}
}

// MaxAttempts bounds how often one call is tried; MaxSetting bounds durations.
const (
	MaxAttempts = graph.MaxAttempts
	MaxSetting  = graph.MaxDuration
)

// firstOf compiles how many completions are enough; one, if it does not say.
func (f *flow) firstOf(st *syntax.First, level string, sc *scope) *graph.Setting {
	if st.Value != nil {
		return f.count(st.Value, "first", level, sc)
	}
	p := f.compile(&syntax.Expr{Node: st.Node, Text: "1"}, sc)
	return &graph.Setting{Value: p, Level: level, Span: st.Span}
}

// tolerate compiles how many items may fail: a number, or a share of them.
func (f *flow) tolerate(p *parts, st *syntax.Tolerate, level string, sc *scope) {
	if st.Share == nil {
		p.tolerate = f.number(st.Value, "tolerate", level, sc, 0)
		return
	}
	share := float64(st.Share.Value) / 100
	if share < 0 || share > 1 {
		f.add(diag.Errorf(CodeSettingValue, st.Share.Span, "tolerate takes a share from 0%% to 100%%"))
		share = 0
	}
	p.share = &share
}

func (f *flow) count(e *syntax.Expr, what, level string, sc *scope) *graph.Setting {
	return f.number(e, what, level, sc, 1)
}

func (f *flow) number(e *syntax.Expr, what, level string, sc *scope, least int) *graph.Setting {
	return f.numberTo(e, what, level, sc, least, MaxAttempts)
}

func (f *flow) numberTo(e *syntax.Expr, what, level string, sc *scope, least, most int) *graph.Setting {
	p := f.expectIn(e, sc, value.TInt, what)
	if v, ok := p.Const(); ok {
		if n, ok := v.(int); ok && (n < least || n > most) {
			d := diag.Errorf(CodeSettingValue, e.Span, "%s must be from %d to %d, not %d", what, least, most, n)
			if n == 0 && what == "attempts" {
				d.Hintf("the first attempt counts: 1 attempts means no retry")
			}
			f.add(d)
		}
	}
	return &graph.Setting{Value: p, Level: level, Span: e.Span}
}

func (f *flow) duration(e *syntax.Expr, what, level string, sc *scope, least time.Duration) *graph.Setting {
	s := &graph.Setting{Value: f.expectIn(e, sc, value.TDuration, what), Level: level, Span: e.Span}
	if d, ok := constDuration(s); ok && (d < least || d > MaxSetting) {
		f.add(diag.Errorf(CodeSettingValue, e.Span, "%s must be from %s to %s", what, value.FormatDuration(least), value.FormatDuration(MaxSetting)))
	}
	return s
}

func constDuration(s *graph.Setting) (time.Duration, bool) {
	if s == nil {
		return 0, false
	}
	v, ok := s.Value.Const()
	if !ok {
		return 0, false
	}
	text, _ := v.(string)
	d, err := value.ParseDuration(text)
	return d, err == nil
}

// fits compares a deadline with the timeout of one attempt under it.
func (f *flow) fits(p parts) {
	timeout, ok1 := constDuration(p.timeout)
	within, ok2 := constDuration(p.within)
	if ok1 && ok2 && within < timeout {
		f.add(diag.Errorf(CodeTightDeadline, p.within.Span, "within %s (everything) is shorter than timeout %s (one attempt)",
			value.FormatDuration(within), value.FormatDuration(timeout)).See(p.timeout.Span, "the timeout"))
	}
}
