// Package draw turns a step graph into pictures: Mermaid and DOT for other tools,
// and SVG that needs none. Equal graphs give equal bytes.
package draw

import (
	"bytes"
	"fmt"
	"strings"

	"wf/lang/graph"
)

// calls lists the operations a step may call, in order, each once.
func calls(s *graph.Step) []string {
	var out []string
	seen := map[string]bool{}
	graph.EachCall(s.Body, func(c *graph.Call) {
		if name := c.Sig.Name(); !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	})
	return out
}

// marks are short words on what a step does when things go wrong.
func marks(s *graph.Step) []string {
	var out []string
	var retry, degrade, fail bool
	attempts := ""
	var walk func(body []graph.Stmt)
	walk = func(body []graph.Stmt) {
		for _, st := range body {
			switch st := st.(type) {
			case *graph.Call:
				if p := st.Policy; p != nil && p.Attempts != nil {
					if text := p.Attempts.Value.String(); text != "1" {
						retry, attempts = true, text
					}
				}
				for _, c := range st.Clauses {
					walk(c.Body)
				}
			case *graph.Ensure:
				walk([]graph.Stmt{st.Else})
			case *graph.Degrade:
				degrade = true
			case *graph.Fail:
				fail = true
			}
		}
	}
	walk(s.Body)
	if retry && len(attempts) <= 6 {
		out = append(out, "↻"+attempts)
	} else if retry {
		out = append(out, "↻")
	}
	if degrade {
		out = append(out, "fallback")
	}
	if fail {
		out = append(out, "can fail")
	}
	return out
}

// Mermaid draws a flowchart; an edge that only orders is dotted.
func Mermaid(g *graph.Graph) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "---\ntitle: %q\n---\nflowchart TD\n", strings.TrimSpace(g.FullName()+" "+g.Version))
	for _, s := range g.Steps {
		label := "<b>" + mermaidText(s.Name) + "</b>"
		for _, c := range calls(s) {
			label += "<br/>" + mermaidText(c)
		}
		if m := marks(s); len(m) > 0 {
			label += "<br/><i>" + mermaidText(strings.Join(m, " · ")) + "</i>"
		}
		open, shut := "[", "]"
		if s.When != nil {
			open, shut = "{{", "}}"
			label += "<br/>when " + mermaidText(s.When.String())
		}
		fmt.Fprintf(&b, "  s%d%s\"%s\"%s\n", s.Index, open, label, shut)
	}
	for _, s := range g.Steps {
		for _, n := range s.Needs {
			arrow := "-->"
			if !n.Data {
				arrow = "-.->"
			}
			fmt.Fprintf(&b, "  s%d %s s%d\n", n.Step, arrow, s.Index)
		}
	}
	return b.Bytes()
}

// mermaidText escapes what Mermaid would take for markup.
func mermaidText(s string) string {
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "#", "&num;").Replace(s)
}

// DOT draws for Graphviz; an edge that only orders is dashed.
func DOT(g *graph.Graph) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "digraph %q {\n  label=%q\n  labelloc=t\n  node [shape=box, style=rounded, fontname=\"sans-serif\"]\n", g.FullName(), strings.TrimSpace(g.FullName()+" "+g.Version))
	for _, s := range g.Steps {
		label := append([]string{s.Name}, calls(s)...)
		if m := marks(s); len(m) > 0 {
			label = append(label, strings.Join(m, " · "))
		}
		if s.When != nil {
			label = append(label, "when "+s.When.String())
		}
		fmt.Fprintf(&b, "  s%d [label=%q]\n", s.Index, strings.Join(label, "\n"))
	}
	for _, s := range g.Steps {
		for _, n := range s.Needs {
			style := ""
			if !n.Data {
				style = " [style=dashed]"
			}
			fmt.Fprintf(&b, "  s%d -> s%d%s\n", n.Step, s.Index, style)
		}
	}
	b.WriteString("}\n")
	return b.Bytes()
}
