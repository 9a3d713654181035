package propose

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wf/golden/vary"
	"wf/lang/graph"
	"wf/lang/value"
)

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// outcomes tries other outcomes for the calls of a plan.
func (s *search) outcomes(at *plan, try func(*plan)) {
	s.eachPlace(at, func(m made, about string) {
		answer := func(sc script, text string) {
			l := label{m.place, about + text}
			if s.tried[l]++; s.tried[l] <= maxTries {
				try(at.with(m.place, sc, l.text))
			}
		}
		for _, p := range vary.Patterns(m.sig) {
			r := reply{outcome: p, body: s.body(m.sig, p, m.args, at.run.input)}
			word := " answers " + p.String()
			if p.Name == value.Timeout {
				word = " times out"
			} else if p.Name == value.Unreachable {
				word = " is unreachable"
			}
			answer(script{replies: []reply{r}, always: true}, word)
			answer(script{replies: []reply{r}}, word+" once")
			if p.Status >= 400 {
				late := r
				late.headers = map[string]any{"retry-after": "3600"}
				answer(script{replies: []reply{late}, always: true}, word+" and asks for an hour")
				if n := attempts(s.call(m.place)) - 1; n > 1 && n <= maxLate {
					answer(script{replies: slices.Repeat([]reply{late}, n)}, fmt.Sprintf("%s %d times and asks for an hour", word, n))
				}
			}
		}
		for _, d := range s.deadlines(s.call(m.place)) {
			late := m.reply
			late.pass, late.after = false, value.FormatDuration(d+time.Second)
			answer(script{replies: []reply{late}, always: true}, " takes "+late.after)
		}
	})
}

// maxTries is in how many plans one outcome of a call is tried.
const maxTries = 40

// inputs tries other fields in the input of a plan.
func (s *search) inputs(at *plan, try func(*plan)) {
	v := vary.Varier{Pool: s.pool.With(at.run.input), Idents: s.idents}
	for _, c := range v.Vary(s.graph.Input, at.input, "") {
		try(&plan{input: c.Value, deeds: at.deeds, lead: at.lead, answers: at.answers, labels: relabelled(at.labels, label{text: c.Label})})
	}
}

// bodies tries other fields in the answers of a plan.
func (s *search) bodies(at *plan, try func(*plan)) {
	s.eachPlace(at, func(m made, about string) {
		t, _ := m.sig.Body(m.reply.outcome.Status, m.reply.outcome.Name)
		if t == nil || m.reply.body == nil {
			return
		}
		v := vary.Varier{Pool: s.pool.With(at.run.input).With(m.args), Idents: s.idents}
		for _, c := range v.Vary(t, m.reply.body, "") {
			r := m.reply
			r.pass, r.body = false, c.Value
			label := about + " answers " + r.outcome.String() + ", " + c.Label
			try(at.with(m.place, script{replies: []reply{r}, always: true}, label))
			if at.run.count(m.place) > 1 {
				try(at.with(m.place, script{replies: []reply{r}}, label+" once"))
			}
		}
	})
}

// count is how many calls a run made at a place.
func (o *outcome) count(place string) int {
	n := 0
	for _, m := range o.calls {
		if m.place == place {
			n++
		}
	}
	return n
}

// eachPlace visits the first call at each place of a run, with the words that name it.
func (s *search) eachPlace(at *plan, visit func(m made, about string)) {
	seen := map[string]bool{}
	for _, m := range at.run.calls {
		if seen[m.place] {
			continue
		}
		seen[m.place] = true
		about := m.sig.Name()
		if m.sig.Handler {
			about = m.sig.Operation
		}
		if s.ops[m.sig.Name()] > 1 || strings.Contains(m.place, "[") {
			about = m.place + ": " + about
		}
		visit(m, about)
	}
}

// maxLate is how many attempts are used up to gain time.
const maxLate = 100

// attempts is how many a call has; 0 if that is not known beforehand.
func attempts(c *graph.Call) int {
	if c.Policy.Attempts == nil {
		return 1
	}
	n, _ := c.Policy.Attempts.Value.Const()
	out, _ := n.(int)
	return out
}

// deadlines are the times that a call may take too long for.
func (s *search) deadlines(c *graph.Call) []time.Duration {
	var out []time.Duration
	add := func(set *graph.Setting) {
		if set == nil {
			return
		}
		if v, ok := set.Value.Const(); ok {
			if text, ok := v.(string); ok {
				if d, err := value.ParseDuration(text); err == nil {
					out = append(out, d)
				}
			}
		}
	}
	add(s.graph.Within)
	for _, st := range s.graph.Steps {
		graph.EachCall(st.Body, func(other *graph.Call) {
			if other == c {
				add(st.Within)
			}
		})
	}
	return out
}
