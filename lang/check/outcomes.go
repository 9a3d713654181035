package check

import (
	"fmt"
	"slices"
	"strings"

	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

// business lists the outcomes of a call that mean something in the case at hand and fail
// it unless somebody says what to do: error classes, and statuses that are neither about
// how the request was made nor, like 404, about something that is not there. What the
// service declares for all of its operations is none, nor what a rule classifies: that is
// said already.
func business(g *graph.Call) (out []value.Pattern) {
	for _, o := range g.Sig.Outcomes {
		if o.Common || o.Class != 0 || o.Name == "" && !slices.Contains(telling, o.Status) {
			continue
		}
		if d, by := value.Classify(g.Policy.Rules, o.Status, o.Name); d == value.Permanent && by == nil {
			out = append(out, o.Pattern)
		}
	}
	return out
}

// telling are the statuses by which services say what the case is, and not what is wrong
// with the request.
var telling = []int{402, 409, 412, 422, 423, 424}

// handled reports business outcomes that nobody speaks of, and those that a clause for
// everything takes along.
func (s *stepFlow) handled(t *syntax.Call, g *graph.Call, ons []syntax.Stmt) {
	var nobody []string
	partly := false
	along := make([][]string, len(g.Clauses))
	for _, p := range business(g) {
		named, sometimes, net := false, false, -1
		for i, c := range g.Clauses {
			switch {
			case slices.Contains(c.On, p) && c.When != nil:
				sometimes = true
			case slices.Contains(c.On, p):
				named = true
			case c.When == nil && net < 0 && slices.ContainsFunc(c.On, func(q value.Pattern) bool { return q.Name == value.Failed || q.Covers(p) }):
				net = i
			}
		}
		switch {
		case named:
		case net >= 0 && !sometimes:
			along[net] = append(along[net], p.String())
		case net >= 0 || s.caught:
		default:
			nobody, partly = append(nobody, p.String()), partly || sometimes
		}
	}
	for i, names := range along {
		if len(names) > 0 {
			s.along(g, ons[i].(*syntax.On), names)
		}
	}
	if len(nobody) == 0 || s.policy.lost {
		return
	}
	target := t.Target[0].Span.To(t.Target[len(t.Target)-1].Span)
	d := diag.Errorf(CodeUnhandled, target, "%s may answer %s, and nobody says what then", g.Sig.Name(), listed(nobody, "or"))
	if partly {
		d.Summary += ", whatever the conditions of its clauses"
	}
	d.Hintf("write on %s { … }; or say that it fails the step as it is: permanent %s", nobody[0], strings.Join(nobody, ", "))
	clauses := make([]string, len(nobody))
	for i, outcome := range nobody {
		code := outcome
		if isStatus(outcome) {
			code = "HTTP_" + outcome
		}
		clauses[i] = fmt.Sprintf("on %s { fail %s }", outcome, code)
	}
	end := t.Span
	if len(ons) > 0 {
		end = syntax.PlaceOf(ons[len(ons)-1])
	}
	offer(d, "add "+strings.Join(clauses, ", "), s.behind(end, clauses...))
	if first := firstOfStep(s.info.tree); !first.IsZero() {
		rule := "permanent " + strings.Join(nobody, ", ")
		offer(d, "say that it fails the step: "+rule, s.ahead(first, rule))
	}
	s.add(d)
}

// isStatus reports whether the text of an outcome is that of a status.
func isStatus(outcome string) bool { return outcome[0] >= '0' && outcome[0] <= '9' }

// along warns of a clause for everything that takes outcomes with a meaning along.
func (s *stepFlow) along(g *graph.Call, on *syntax.On, names []string) {
	net := on.Outcomes[slices.IndexFunc(on.Outcomes, func(o syntax.Outcome) bool { return o.Class != 0 || o.Name == value.Failed })]
	all := strings.Join(names, ", ")
	d := diag.Warnf(CodeNet, net.Span, "%s takes %s of %s along with everything else", pattern(net), listed(names, "and"), g.Sig.Name())
	d.Hintf("if that is meant, say so: on %s, %s; else write a clause of its own, above", all, pattern(net))
	if !isYAML(net.Span) {
		d.Fix("name "+listed(names, "and"), diag.Edit{Span: diag.Span{File: net.Span.File, Start: net.Span.Start, End: net.Span.Start}, New: all + ", "})
	}
	s.add(d)
}

// isYAML reports whether a place is in a file that is not in our own syntax, so that only
// names and expressions can be put in.
func isYAML(at diag.Span) bool {
	return strings.HasSuffix(at.File, ".yaml") || strings.HasSuffix(at.File, ".yml")
}

// listed joins words: "a", "a and b", "a, b and c".
func listed(words []string, and string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + and + " " + words[len(words)-1]
}
