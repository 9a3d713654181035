package main

import (
	"fmt"
	"slices"
	"strings"

	"wf/lang"
	"wf/lang/effect"
	"wf/lang/graph"
	"wf/lang/value"
)

// effects prints what becomes of every outcome of every call of a file's workflows.
func (c *checkCmd) effects(e *env, p *lang.Program, file string, printed *int) error {
	for _, g := range p.Workflows {
		if *printed++; c.Format == "text" && *printed > 1 {
			fmt.Fprintln(e.stdout)
		}
		calls := effect.Calls(g)
		if c.Format == "text" {
			fmt.Fprintf(e.stdout, "%s\n", e.paintOut(g.FullName(), "1"))
			for _, line := range aboutRun(g, calls) {
				fmt.Fprintf(e.stdout, "  %s\n", line)
			}
			if len(calls) == 0 {
				fmt.Fprintf(e.stdout, "  calls nothing\n")
			}
		}
		for _, call := range calls {
			t := effectTable{explainer{e: e, p: p, g: g, main: file, body: call.Body, who: "the step"}, call}
			switch {
			case call.Block != "":
				t.who = call.Block
			case call.Items:
				t.who = "the item"
			}
			if c.Format == "json" {
				if err := writeJSON(e.stdout, t.object()); err != nil {
					return err
				}
				continue
			}
			t.print()
		}
	}
	return nil
}

// aboutRun says what holds for the run as a whole.
func aboutRun(g *graph.Graph, calls []effect.Call) (lines []string) {
	if g.Within != nil {
		lines = append(lines, fmt.Sprintf("a run that is not over within %s fails", cutTo(g.Within.Value.String(), 40)))
	}
	var then []string
	if slices.ContainsFunc(calls, func(c effect.Call) bool { return c.Undo != nil }) {
		then = append(then, "undoes what it did, and is compensated if all of that succeeds")
	}
	if g.OnFailed != nil {
		then = append(then, "executes on failed")
	}
	if g.Finally != nil {
		then = append(then, "executes finally, as any run")
	}
	if then != nil {
		lines = append(lines, "a run that fails "+strings.Join(then, ", then "))
	}
	for _, c := range calls {
		if c.Until != nil {
			lines = append(lines, fmt.Sprintf("what %s did (%s) stands once %s has completed", c.Sig.Name(), c.Place, c.UntilText()))
		}
	}
	return lines
}

// effectTable is the effects of one call.
type effectTable struct {
	explainer
	call effect.Call
}

// effectLine is a line of a table: who takes an outcome, what becomes of the run, what is done.
type effectLine [3]string

// print writes the table: outcomes with the same effects stand in one row.
func (t *effectTable) print() {
	c := t.call
	does := "calls " + c.Sig.Name()
	if c.Sig.Signal {
		does = "waits for " + c.Sig.Operation
	}
	fmt.Fprintf(t.e.stdout, "\n  %s %s, %s\n", t.e.paintOut(c.Place, "1"), does, t.at(c.Span))
	type row struct {
		outcomes []string
		lines    []effectLine
	}
	var rows []row
	for _, o := range effect.Outcomes(c.Call) {
		lines := t.lines(effect.Of(c.Call, o))
		if i := slices.IndexFunc(rows, func(r row) bool { return slices.Equal(r.lines, lines) }); i >= 0 {
			rows[i].outcomes = append(rows[i].outcomes, o.String())
			continue
		}
		rows = append(rows, row{[]string{o.String()}, lines})
	}
	if lines := t.deadline(); lines != nil {
		rows = append(rows, row{[]string{"deadline"}, lines})
	}
	var cells [][4]string
	for _, r := range rows {
		name := strings.Join(r.outcomes, ", ")
		for _, l := range r.lines {
			cells = append(cells, [4]string{name, l[0], l[1], l[2]})
			name = ""
		}
	}
	var widths [3]int
	for _, cell := range cells {
		for i := range widths {
			widths[i] = max(widths[i], columnsOf(cell[i]))
		}
	}
	for _, cell := range cells {
		line := fmt.Sprintf("    %s  %s  %s  %s", pad(cell[0], widths[0]), pad(cell[1], widths[1]), pad(cell[2], widths[2]), cell[3])
		fmt.Fprintln(t.e.stdout, strings.TrimRight(line, " "))
	}
}

// lines says what becomes of an outcome, one line for each condition.
func (t *effectTable) lines(ways []effect.Way) []effectLine {
	var out []effectLine
	for _, w := range ways {
		out = append(out, effectLine{t.by(w), t.fate(w.Ends()), cutTo(t.does(w), 120)})
		for _, then := range t.lines(w.Then) {
			then[0] = "  then " + then[0]
			out = append(out, then)
		}
	}
	return out
}

// by says what takes an outcome.
func (t *effectTable) by(w effect.Way) string {
	switch {
	case w.Sort == effect.Clause:
		return ordinal(w.Number) + " clause"
	case w.Rule != nil:
		return ruleText(w.Rule)
	case w.Sort == effect.Retry:
		return "retried"
	}
	return "default"
}

// ruleText is a rule as it is written.
func ruleText(r *value.Rule) string {
	if r.Retryable {
		return "retryable " + r.String()
	}
	return "permanent " + r.String()
}

// does says what a way does. Unlike in an explanation, whose clause it is stands beside it.
func (t *effectTable) does(w effect.Way) string {
	switch w.Sort {
	case effect.Passed:
		return t.below(t.call.Call)
	case effect.Retry:
		return t.attempts()
	case effect.Fails:
		return t.who + " fails"
	}
	return t.clause(w.Clause, t.below(t.call.Call))
}

// attempts is the policy of a call in short.
func (t *effectTable) attempts() string {
	p := t.call.Policy
	n := "1"
	if p.Attempts != nil {
		n = p.Attempts.Value.String()
	}
	if n == "1" {
		return "1 attempt"
	}
	short := func(s *graph.Setting, def string) string {
		if s == nil {
			return def
		}
		return cutTo(s.Value.String(), 30)
	}
	return fmt.Sprintf("up to %s attempts, pauses %s to %s", cutTo(n, 30), short(p.Backoff, "1s"), short(p.MaxBackoff, "5m"))
}

// deadline says what becomes of a call that a deadline cuts off; nil if there is none.
func (t *effectTable) deadline() []effectLine {
	if t.call.Within == nil {
		return nil
	}
	return t.lines(effect.Verdict(t.call.Call, value.Failed))
}

// fate says what becomes of the run.
func (t *effectTable) fate(ends effect.End) string {
	f := effect.FateOf(ends, t.call.Scope)
	may := ""
	if ends&(ends-1) != 0 {
		may = "may be "
	}
	if ends == effect.Again {
		return ""
	}
	switch {
	case ends&effect.Fail != 0 && t.call.Block == "undo":
		return may + "not undone"
	case ends&effect.Fail != 0 && t.call.Block == "on failed":
		return "" // it has failed already
	case f.Caught != nil && f.Caught.Loop != nil && f.Caught.Loop.First == nil && ends&effect.Fail != 0:
		return may + "tolerated by " + f.Caught.Step
	case f.Caught != nil && (f.Caught.Loop != nil || f.Caught.Group.First != nil):
		return may + "made up for in " + f.Caught.Step
	case f.Caught != nil:
		return may + "caught by on failed of " + f.Caught.Step
	case f.Ends&effect.Fail != 0:
		return "the run " + strings.Replace(map[bool]string{true: "may fail", false: "fails"}[may != ""], "be ", "", 1)
	case f.Ends&effect.Degrades != 0 && t.call.Block == "":
		return "the run " + map[bool]string{true: "may be degraded", false: "is degraded"}[may != ""]
	}
	return ""
}

// ordinal spells a place in a list: 1st, 2nd.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n, suffix)
}

type effectObject struct {
	Workflow   string `json:"workflow"`
	Call       string `json:"call"`
	Operation  string `json:"operation"`
	Idempotent bool   `json:"idempotent"`
	In         string `json:"in,omitempty"`
	place
	Outcomes []outcomeObject `json:"outcomes"`
}

type outcomeObject struct {
	Outcome  string      `json:"outcome"`
	Declared bool        `json:"declared"`
	Ways     []wayObject `json:"ways"`
}

type wayObject struct {
	By     string      `json:"by"`
	Clause string      `json:"clause,omitempty"`
	Number int         `json:"number,omitempty"`
	When   string      `json:"when,omitempty"`
	Rule   string      `json:"rule,omitempty"`
	Does   string      `json:"does"`
	Ends   []string    `json:"ends,omitempty"`
	Caught string      `json:"caught,omitempty"`
	Run    []string    `json:"run,omitempty"`
	Then   []wayObject `json:"then,omitempty"`
}

// object is the table for programs.
func (t *effectTable) object() effectObject {
	c := t.call
	out := effectObject{Workflow: t.g.FullName(), Call: c.Place, Operation: c.Sig.Name(), Idempotent: c.Sig.Idempotent, In: c.Block, place: placeOf(t.p.Sources, c.Span)}
	for _, o := range effect.Outcomes(c.Call) {
		_, declared := c.Sig.Body(o.Status, o.Name)
		declared = declared || slices.ContainsFunc(c.Sig.Outcomes, func(d value.Outcome) bool { return d.Pattern == o })
		out.Outcomes = append(out.Outcomes, outcomeObject{o.String(), declared, t.objects(effect.Of(c.Call, o))})
	}
	return out
}

func (t *effectTable) objects(ways []effect.Way) []wayObject {
	var out []wayObject
	for _, w := range ways {
		o := wayObject{By: sorts[w.Sort], Number: w.Number, Does: t.does(w)}
		if w.Rule != nil {
			o.Rule = ruleText(w.Rule)
		}
		if w.Clause != nil {
			o.Clause, _, _ = strings.Cut(w.Clause.Label, " when ")
			if w.Clause.When != nil {
				o.When = w.Clause.When.String()
			}
		}
		o.Then = t.objects(w.Then)
		ends := w.Ends()
		o.Ends = words(ends, endWords)
		f := effect.FateOf(ends, t.call.Scope)
		switch {
		case t.call.Block != "":
		case f.Caught != nil:
			o.Caught = f.Caught.Step
		default:
			o.Run = words(f.Ends, runWords)
		}
		out = append(out, o)
	}
	return out
}

var sorts = map[effect.Sort]string{effect.Clause: "clause", effect.Passed: "success", effect.Retry: "retry", effect.Fails: "default"}

type endWord struct {
	end  effect.End
	word string
}

var (
	endWords = []endWord{{effect.GoesOn, "goes_on"}, {effect.Returns, "completed"}, {effect.Degrades, "degraded"}, {effect.Fail, "failed"}, {effect.Again, "again"}}
	runWords = []endWord{{effect.Degrades, "degraded"}, {effect.Fail, "failed"}}
)

func words(ends effect.End, known []endWord) (out []string) {
	for _, k := range known {
		if ends&k.end != 0 {
			out = append(out, k.word)
		}
	}
	return out
}
