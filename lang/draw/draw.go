// Package draw turns a step graph into pictures: Mermaid and DOT for other tools,
// and SVG that needs none. Equal graphs give equal bytes.
package draw

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"wf/lang/graph"
	"wf/lang/value"
)

// inside is what a step runs instead of calls.
type inside struct {
	loop  *graph.Loop   // nil: it is no loop
	steps []*graph.Step // of a group, or of each item; nil: there are none
	arms  bool          // they stand for the arms of a switch, and are no steps of a run
	own   []graph.Stmt  // what the step, or each item, does itself
	first *graph.Setting
	limit *graph.Setting
}

func insideOf(s *graph.Step) inside {
	in := inside{own: s.Body}
	for _, st := range s.Body {
		if loop, ok := st.(*graph.Loop); ok {
			in = insideOf(loop.Steps[0])
			in.loop, in.first, in.limit = loop, loop.First, loop.Limit
			return in
		}
	}
	for _, st := range s.Body {
		switch st := st.(type) {
		case *graph.Group:
			in.steps, in.first, in.limit = st.Steps, st.First, st.Limit
		case *graph.Switch:
			if own(st) == nil {
				in.steps, in.arms = arms(st), true
			}
		}
	}
	return in
}

// own lists the arms of a switch that have no boxes of their own: all, or none if some have
// steps.
func own(s *graph.Switch) []*graph.Arm {
	if len(graph.Inside([]graph.Stmt{s})) > 0 {
		return nil
	}
	return s.Arms
}

// arms are boxes for the ways of a switch whose arms have steps.
func arms(s *graph.Switch) []*graph.Step {
	out := make([]*graph.Step, len(s.Arms))
	for i, a := range s.Arms {
		out[i] = &graph.Step{Index: i, Name: a.Label, Body: a.Body}
	}
	return out
}

// prefix is what stands before the names of the steps inside a step of a full name. […] is
// where the key of an item stands.
func (in inside) prefix(name string) string {
	if in.loop != nil {
		name += "[…]"
	}
	return name + "."
}

// head says what a step goes over and how many of what it runs count.
func (in inside) head() []string {
	var out, settings []string
	if in.loop != nil {
		over := "for " + in.loop.Var
		if in.loop.Of != nil {
			over += " of " + in.loop.Of.Value.String()
		}
		over += " in " + in.loop.In.String()
		if in.loop.By != nil {
			over += " by " + in.loop.By.String()
		}
		out = append(out, over)
	}
	set := func(word string, s *graph.Setting) {
		if s == nil {
			return
		}
		if text := s.Value.String(); word != "first" || text != "1" {
			word += " " + text
		}
		settings = append(settings, word)
	}
	set("first", in.first)
	set("limit", in.limit)
	if in.loop != nil {
		set("tolerate", in.loop.Tolerate)
		if in.loop.Share > 0 {
			settings = append(settings, "tolerate "+strconv.FormatFloat(in.loop.Share*100, 'f', -1, 64)+"%")
		}
	}
	if len(settings) > 0 {
		out = append(out, strings.Join(settings, " · "))
	}
	for _, st := range in.own {
		if s, ok := st.(*graph.Switch); ok {
			out = append(out, s.Label)
		}
	}
	return out
}

// calledAs is what a call calls, told apart if it is a workflow.
func calledAs(c *graph.Call) string {
	if c.Runs != nil {
		return "workflow " + c.Sig.Name()
	}
	return c.Sig.Name()
}

// runs reports whether a step may call a workflow itself.
func (in inside) runs() bool {
	found := false
	if in.steps == nil {
		graph.EachCall(in.own, func(c *graph.Call) { found = found || c.Runs != nil })
	}
	return found
}

// marks are short words on what a step does itself when things go wrong.
func (in inside) marks(s *graph.Step) []string {
	var out []string
	var retry, degrade, fail bool
	var held []string // by which its calls are held or refused
	attempts := ""
	var walk func(body []graph.Stmt)
	clauses := func(list []*graph.Clause) {
		for _, c := range list {
			walk(c.Body)
		}
	}
	walk = func(body []graph.Stmt) {
		for _, st := range body {
			switch st := st.(type) {
			case *graph.Call:
				if p := st.Policy; p != nil && p.Attempts != nil {
					if text := p.Attempts.Value.String(); text != "1" {
						retry, attempts = true, text
					}
				}
				for _, m := range guards(st) {
					if !slices.Contains(held, m) {
						held = append(held, m)
					}
				}
				clauses(st.Clauses)
			case *graph.Switch:
				for _, a := range own(st) {
					walk(a.Body)
				}
			case *graph.Group:
				clauses(st.Clauses)
			case *graph.Ensure:
				walk([]graph.Stmt{st.Else})
			case *graph.Degrade:
				degrade = true
			case *graph.Fail:
				fail = true
			}
		}
	}
	walk(in.own)
	if s.Within != nil {
		out = append(out, "within "+Cut(s.Within.Value.String(), 12))
	}
	if retry && len(attempts) <= 6 {
		out = append(out, "↻"+attempts)
	} else if retry {
		out = append(out, "↻")
	}
	out = append(out, held...)
	if degrade {
		out = append(out, "fallback")
	}
	if fail {
		out = append(out, "can fail")
	}
	return out
}

// guards says what keeps a call back, or refuses it: limits of its operation or service,
// and a breaker.
func guards(c *graph.Call) (out []string) {
	for _, g := range []*value.Guard{c.Sig.Guard, c.Sig.ServiceGuard} {
		if g == nil {
			continue
		}
		if g.Limit > 0 {
			out = append(out, fmt.Sprintf("limit %d", g.Limit))
		}
		if g.Rate.Calls > 0 {
			out = append(out, fmt.Sprintf("limit %d per %s", g.Rate.Calls, value.FormatDuration(g.Rate.Per)))
		}
	}
	if c.Breaker {
		out = append(out, "breaker")
	}
	return out
}

// Mermaid draws a flowchart; an edge that only orders is dotted, and steps with steps
// inside are subgraphs. With failures, what can go wrong in each step leads to nodes of its
// own.
func Mermaid(g *graph.Graph, failures bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "---\ntitle: %q\n---\nflowchart TD\n", strings.TrimSpace(g.FullName()+" "+g.Version))
	mermaid(&b, g.Steps, "s", "  ", failures)
	ends := endsOf(g)
	if len(ends) > 0 {
		fmt.Fprintf(&b, "  subgraph ends[%q]\n", atTheEnd(g))
		mermaid(&b, ends, "e", "    ", failures)
		b.WriteString("  end\n")
		for _, last := range sinks(g.Steps) {
			fmt.Fprintf(&b, "  s%d ~~~ ends\n", last.Index)
		}
	}
	if failures {
		b.WriteString("  classDef good fill:#f0f9f3,stroke:#7fbf97,color:#1b2733\n  classDef fair fill:#fff9ea,stroke:#d9b95b,color:#1b2733\n  classDef bad fill:#fdf1f0,stroke:#d99a94,color:#1b2733\n")
	}
	return b.Bytes()
}

// mermaid draws the steps of a level; id is what their ids begin with.
func mermaid(b *bytes.Buffer, steps []*graph.Step, id, indent string, failures bool) {
	for _, s := range steps {
		in := insideOf(s)
		label := "<b>" + mermaidText(s.Name) + "</b>"
		for _, line := range in.says(s) {
			text := mermaidText(line.text)
			if line.class == classMark {
				text = "<i>" + text + "</i>"
			}
			label += "<br/>" + text
		}
		open, shut := "[", "]"
		switch {
		case s.When != nil && in.steps == nil:
			open, shut = "{{", "}}"
		case in.loop != nil && in.steps == nil:
			open, shut = "[[", "]]"
		case in.runs():
			open, shut = "([", "])"
		}
		if in.steps == nil {
			fmt.Fprintf(b, "%s%s%d%s\"%s\"%s\n", indent, id, s.Index, open, label, shut)
			continue
		}
		fmt.Fprintf(b, "%ssubgraph %s%d[\"%s\"]\n", indent, id, s.Index, label)
		mermaid(b, in.steps, fmt.Sprintf("%s%d_", id, s.Index), indent+"  ", failures)
		fmt.Fprintf(b, "%send\n", indent)
	}
	for _, s := range steps {
		for _, n := range s.Needs {
			arrow := "-->"
			if !n.Data {
				arrow = "-.->"
			}
			fmt.Fprintf(b, "%s%s%d %s %s%d\n", indent, id, n.Step, arrow, id, s.Index)
		}
	}
	if failures {
		mermaidWays(b, steps, id, indent)
	}
}

// mermaidText escapes what Mermaid would take for markup.
func mermaidText(s string) string {
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "#", "&num;").Replace(Plain(s))
}

// DOT draws for Graphviz; an edge that only orders is dashed, and steps with steps inside
// are clusters. With failures, what can go wrong in each step leads to nodes of its own.
func DOT(g *graph.Graph, failures bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "digraph %q {\n  label=%q\n  labelloc=t\n  node [shape=box, style=rounded, fontname=\"sans-serif\"]\n", g.FullName(), strings.TrimSpace(g.FullName()+" "+g.Version))
	ends := endsOf(g)
	if len(ends) > 0 || slices.ContainsFunc(g.Steps, func(s *graph.Step) bool { return insideOf(s).steps != nil }) {
		b.WriteString("  compound=true\n")
	}
	dot(&b, g.Steps, "s", "  ", failures)
	if len(ends) > 0 {
		fmt.Fprintf(&b, "  subgraph cluster_ends {\n    label=%q\n    style=\"rounded,dashed\"\n", atTheEnd(g))
		dot(&b, ends, "e", "    ", failures)
		b.WriteString("  }\n")
		for _, last := range sinks(g.Steps) {
			from, _ := end(last, "s", true)
			to, _ := end(ends[0], "e", false)
			fmt.Fprintf(&b, "  %s -> %s [style=invis]\n", from, to)
		}
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// dot draws the steps of a level; id is what their ids begin with.
func dot(b *bytes.Buffer, steps []*graph.Step, id, indent string, failures bool) {
	for _, s := range steps {
		in := insideOf(s)
		label := []string{s.Name}
		for _, line := range in.says(s) {
			label = append(label, Plain(line.text))
		}
		text := strings.Join(label, "\n")
		switch {
		case in.steps != nil:
			fmt.Fprintf(b, "%ssubgraph cluster_%s%d {\n%s  label=%q\n%s  style=rounded\n", indent, id, s.Index, indent, text, indent)
			dot(b, in.steps, fmt.Sprintf("%s%d_", id, s.Index), indent+"  ", failures)
			fmt.Fprintf(b, "%s}\n", indent)
		case in.loop != nil:
			fmt.Fprintf(b, "%s%s%d [label=%q, peripheries=2]\n", indent, id, s.Index, text)
		case in.runs():
			fmt.Fprintf(b, "%s%s%d [label=%q, shape=component]\n", indent, id, s.Index, text)
		default:
			fmt.Fprintf(b, "%s%s%d [label=%q]\n", indent, id, s.Index, text)
		}
	}
	for _, s := range steps {
		for _, n := range s.Needs {
			var style []string
			if !n.Data {
				style = append(style, "style=dashed")
			}
			from, tail := end(steps[n.Step], id, true)
			to, head := end(s, id, false)
			if tail != "" {
				style = append(style, "ltail="+tail)
			}
			if head != "" {
				style = append(style, "lhead="+head)
			}
			fmt.Fprintf(b, "%s%s -> %s", indent, from, to)
			if len(style) > 0 {
				fmt.Fprintf(b, " [%s]", strings.Join(style, ", "))
			}
			b.WriteString("\n")
		}
	}
	if failures {
		dotWays(b, steps, id, indent)
	}
}

// end is the node at which an edge of a step is fixed, its last or first one inside if it is
// a cluster, and the name of the cluster, "" if it is none.
func end(s *graph.Step, id string, last bool) (node, cluster string) {
	node = fmt.Sprintf("%s%d", id, s.Index)
	in := insideOf(s)
	if in.steps == nil {
		return node, ""
	}
	cluster, id = "cluster_"+node, node+"_"
	inner := in.steps[0]
	if last {
		inner = in.steps[len(in.steps)-1]
	}
	node, _ = end(inner, id, last)
	return node, cluster
}
