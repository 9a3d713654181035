package draw

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"wf/lang/effect"
	"wf/lang/graph"
	"wf/lang/value"
)

// way is an outcome, or something else that can happen to a step, and where it leads.
type way struct {
	on   string
	to   string
	mood string // "good", "fair" or "bad"
}

// matter is a part of a step that can go wrong: a call, or with no name the step itself.
type matter struct {
	name string // of the call, with its sign; "" for the step
	ways []way
}

// failures lists what can go wrong in a step, with where it leads, in the order in which it
// is executed. What is inside has boxes of its own.
func (in inside) failures(s *graph.Step) []matter {
	var course matter // what is no matter of a call
	var calls []matter
	if s.When != nil {
		course.ways = append(course.ways, way{"not " + operand(s.When.String()), "– skipped", "good"})
	}
	if s.Within != nil {
		course.ways = append(course.ways, way{"within " + s.Within.Value.String() + " passes", "✗ DEADLINE_EXCEEDED", "bad"})
	}
	course.ways = append(course.ways, in.inner()...)
	var walk func(body []graph.Stmt, sign string)
	until := ""
	clauses := func(list []*graph.Clause, sign string) {
		if sign == "" {
			sign = signAfter
		}
		for _, c := range list {
			walk(c.Body, sign)
		}
	}
	walk = func(body []graph.Stmt, sign string) {
		for _, st := range body {
			switch st := st.(type) {
			case *graph.Switch:
				for _, a := range own(st) {
					_, name, _ := strings.Cut(a.Label, ": ")
					if w := leading(name, a.Body); w.mood != "good" && sign == "" {
						course.ways = append(course.ways, w)
					}
					walk(a.Body, sign)
				}
			case *graph.Ensure:
				if sign != "" { // what its clause leads to says it
					continue
				}
				course.ways = append(course.ways, leading("not "+operand(st.Cond.String()), []graph.Stmt{st.Else}))
			case *graph.Call:
				calls = append(calls, matter{sign + cutCall(calledAs(st)) + until, waysOf(st)})
				clauses(st.Clauses, sign)
				if st.Undo != nil {
					until = untilOf(st)
					walk(st.Undo.Steps[0].Body, signUndo)
					until = ""
				}
			case *graph.Group:
				for _, c := range st.Clauses {
					course.ways = append(course.ways, leading(c.Label, c.Body))
				}
				clauses(st.Clauses, sign)
				if st.Finally != nil {
					walk(st.Finally.Steps[0].Body, signAfter)
				}
			}
		}
	}
	walk(in.own, "")
	if len(course.ways) > 0 {
		calls = append([]matter{course}, calls...)
	}
	return slices.DeleteFunc(calls, func(m matter) bool { return len(m.ways) == 0 })
}

// operand puts parentheses around what would not be one operand of not.
func operand(s string) string {
	if strings.Contains(s, " ") {
		return "(" + s + ")"
	}
	return s
}

// inner says what becomes of a group or loop when something inside fails.
func (in inside) inner() []way {
	what := "a step inside fails"
	if in.loop != nil {
		what = "an item fails"
	}
	switch {
	case in.first != nil:
		return []way{{"fewer than " + in.first.Value.String() + " complete", "✗ TOO_FEW_COMPLETED", "bad"}}
	case in.loop != nil && in.loop.Tolerate != nil, in.loop != nil && in.loop.Share > 0:
		return []way{{what, "~ degraded", "fair"}, {"more fail than tolerated", "✗ fails, the others are cancelled", "bad"}}
	case in.loop != nil:
		return []way{{what, "✗ fails, the others are cancelled", "bad"}}
	}
	for _, st := range in.own {
		if g, is := st.(*graph.Group); is && !slices.ContainsFunc(g.Clauses, func(c *graph.Clause) bool { return c.When == nil }) {
			return []way{{what, "✗ fails, the others are cancelled", "bad"}}
		}
	}
	return nil
}

// waysOf lists the outcomes of a call that are not simply its success. Those that lead to the
// same stand together.
func waysOf(c *graph.Call) []way {
	type key struct{ when, to, mood string }
	var keys []key
	outcomes := map[key][]string{}
	for _, o := range effect.Outcomes(c) {
		for _, w := range effect.Of(c, o) {
			if w.Sort == effect.Passed || w.Sort == effect.Clause && success(c, o) && w.Ends()&^(effect.GoesOn|effect.Returns) == 0 {
				continue
			}
			k := key{}
			if w.Sort == effect.Clause && w.Clause.When != nil {
				k.when = " when " + w.Clause.When.String()
			}
			k.to, k.mood = ends(c, w)
			if outcomes[k] == nil {
				keys = append(keys, k)
			}
			outcomes[k] = append(outcomes[k], o.String())
		}
	}
	out := make([]way, len(keys))
	for i, k := range keys {
		out[i] = way{strings.Join(outcomes[k], ", ") + k.when, k.to, k.mood}
	}
	return out
}

func success(c *graph.Call, o value.Pattern) bool {
	status := o.Status
	if o.Class != 0 {
		status = o.Class * 100
	}
	d, _ := value.Classify(c.Policy.Rules, status, o.Name)
	return d == value.Success
}

// ends says where a way leads.
func ends(c *graph.Call, w effect.Way) (to, mood string) {
	switch w.Sort {
	case effect.Fails:
		return "✗ fails", "bad"
	case effect.Passed:
		return "✓ goes on", "good"
	case effect.Clause:
		l := leading("", w.Clause.Body)
		to, mood = l.to, l.mood
		if len(w.Then) == 0 {
			return to, mood
		}
	case effect.Retry:
		attempts := "1"
		if c.Policy.Attempts != nil {
			attempts = c.Policy.Attempts.Value.String()
		}
		if attempts == "1" {
			return lasts(c, w.Then)
		}
		to = "↻ " + Cut(attempts, 16) + " attempts"
	}
	last, mood := lasts(c, w.Then)
	return to + ", then " + last, mood
}

// lasts says where several ways lead, of which the first holds whose condition does.
func lasts(c *graph.Call, ways []effect.Way) (string, string) {
	var words []string
	mood := ""
	for _, w := range ways {
		w.Then = nil // it has been tried already
		to, m := ends(c, w)
		if !slices.Contains(words, to) {
			words = append(words, to)
		}
		mood = worse(mood, m)
	}
	return strings.Join(words, " or "), mood
}

// worse is the worse of two moods.
func worse(a, b string) string {
	for _, m := range []string{"bad", "fair"} {
		if a == m || b == m {
			return m
		}
	}
	return "good"
}

// leading says where statements lead.
func leading(on string, body []graph.Stmt) way {
	var calls, words []string
	mood := ""
	add := func(word, m string) {
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
		mood = worse(mood, m)
	}
	var walk func(body []graph.Stmt)
	walk = func(body []graph.Stmt) {
		for _, st := range body {
			switch st := st.(type) {
			case *graph.Switch:
				for _, a := range st.Arms {
					walk(a.Body)
				}
			case *graph.Ensure:
				walk([]graph.Stmt{st.Else})
			case *graph.Call:
				calls = append(calls, signAfter+cutCall(calledAs(st)))
			case *graph.Return:
				add("✓ completed", "good")
			case *graph.Degrade:
				add("~ degraded", "fair")
			case *graph.Fail:
				add("✗ "+st.Code, "bad")
			case *graph.Retry:
				add("↻ again", "good")
			}
		}
	}
	walk(body)
	if effect.Ends(body)&effect.GoesOn != 0 && len(words) == 0 && len(calls) == 0 {
		add("✓ goes on", "good")
	}
	to := strings.Join(words, " or ")
	if len(calls) > 0 {
		to = strings.TrimSuffix(strings.Join(calls, ", ")+", then "+to, ", then ")
	}
	return way{on, to, worse(mood, "")}
}

// Widths of the columns of outcomes and of where they lead, in letters, and how many lines one
// may take.
const (
	maxOn = 6
	onW   = 30
	toW   = 36
)

// wayLine is a line of what a box says of failures.
type wayLine struct {
	rule  bool   // a line above it
	first bool   // of an outcome
	name  string // of a call; "" for an outcome
	on    string
	to    string
	mood  string
}

// wayLines lays out what can go wrong in a step.
func (in inside) wayLines(s *graph.Step) []wayLine {
	var out []wayLine
	matters := in.failures(s)
	for _, m := range matters {
		rule := true
		if m.name != "" && len(matters) > 1 {
			out, rule = append(out, wayLine{rule: true, name: Plain(m.name)}), false
		}
		for _, w := range m.ways {
			on, to := wrapAt(Plain(w.on), onW, maxOn), wrapAt(together(Plain(w.to)), toW, maxOn)
			for i := range max(len(on), len(to)) {
				l := wayLine{rule: rule, first: i == 0, mood: w.mood}
				if rule = false; i < len(on) {
					l.on = on[i]
				}
				if i < len(to) {
					l.to = to[i]
				}
				out = append(out, l)
			}
		}
	}
	return out
}

// together keeps signs with the word behind them.
func together(s string) string {
	return strings.NewReplacer("✗ ", "✗\u00a0", "✓ ", "✓\u00a0", "~ ", "~\u00a0", "↻ ", "↻\u00a0", signAfter, "↳\u00a0").Replace(s)
}

// arrowW is the room of the arrow between an outcome and where it leads.
const arrowW = 26

// ruleH is the room that a line above an outcome takes.
const ruleH = 9

// sizeWays returns the width and height of what a box says of failures, and sets how wide the
// column of outcomes is.
func (b *box) sizeWays() (w, h float64) {
	for _, l := range b.ways {
		b.onW = max(b.onW, float64(Columns(l.on))*smallW)
	}
	for _, l := range b.ways {
		if h += lineH - 2; l.rule {
			h += ruleH
		}
		w = max(w, float64(Columns(l.name))*smallW)
		if l.to != "" {
			w = max(w, b.onW+arrowW+float64(Columns(l.to))*smallW)
		}
		w = max(w, float64(Columns(l.on))*smallW)
	}
	return w, h
}

// writeWays draws what a box says of failures; y is the base of the line above, and id that
// of the picture.
func (b *box) writeWays(out *bytes.Buffer, y float64, id string) {
	x := b.x + boxPad
	for _, l := range b.ways {
		if l.rule {
			fmt.Fprintf(out, `<path class="rule" d="M%.1f,%.1f H%.1f"/>`, b.x+boxPad/2, y+8, b.x+b.w-b.stack-boxPad/2)
			y += ruleH
		}
		y += lineH - 2
		if l.name != "" {
			class := classCall
			switch {
			case strings.HasPrefix(l.name, signUndo):
				class = classUndo
			case strings.HasPrefix(l.name, signAfter):
				class = classAfter
			}
			fmt.Fprintf(out, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, Escape(l.name))
			continue
		}
		if l.on != "" {
			fmt.Fprintf(out, `<text class="call on" x="%.1f" y="%.1f">%s</text>`, x, y, Escape(l.on))
		}
		if l.to != "" {
			if l.first {
				fmt.Fprintf(out, `<path class="edge" d="M%.1f,%.1f h14" marker-end="url(#wf-head%s)"/>`, x+b.onW+5, y-4, id)
			}
			fmt.Fprintf(out, `<text class="call to-%s" x="%.1f" y="%.1f">%s</text>`, l.mood, x+b.onW+arrowW, y, Escape(l.to))
		}
	}
}

// meaning explains what failures lead to, at the foot of a picture.
func meaning(g *graph.Graph) string {
	text := "✗ fails the step, and with it the run, unless what is around it takes it"
	if g.OnFailed != nil {
		text += "; then comes on failed"
	}
	return text
}

// mermaidWays draws what can go wrong in steps as nodes that their outcomes lead to.
func mermaidWays(b *bytes.Buffer, steps []*graph.Step, id, indent string) {
	for _, s := range steps {
		in := insideOf(s)
		n := 0
		for _, m := range in.failures(s) {
			for _, w := range m.ways {
				on := w.on
				if m.name != "" && m.name != in.main() {
					on = m.name + ": " + on
				}
				fmt.Fprintf(b, "%s%s%d -. \"%s\" .-> %s%df%d([\"%s\"]):::%s\n", indent, id, s.Index, mermaidText(on), id, s.Index, n, mermaidText(w.to), w.mood)
				n++
			}
		}
	}
}

// dotWays draws the same for Graphviz.
func dotWays(b *bytes.Buffer, steps []*graph.Step, id, indent string) {
	for _, s := range steps {
		in := insideOf(s)
		from, tail := end(s, id, true)
		if tail != "" {
			tail = ", ltail=" + tail
		}
		n := 0
		for _, m := range in.failures(s) {
			for _, w := range m.ways {
				on := w.on
				if m.name != "" && m.name != in.main() {
					on = m.name + ": " + on
				}
				fmt.Fprintf(b, "%s%s%df%d [label=%q, shape=plaintext]\n", indent, id, s.Index, n, Plain(w.to))
				fmt.Fprintf(b, "%s%s -> %s%df%d [label=%q, style=dotted, fontsize=10%s]\n", indent, from, id, s.Index, n, Plain(on), tail)
				n++
			}
		}
	}
}

// main is the name of the call of a step that makes only one in its course; "" else.
func (in inside) main() string {
	name := ""
	for _, p := range in.calls() {
		if p.class != classCall {
			continue
		}
		if name != "" {
			return ""
		}
		name = p.text
	}
	return name
}
