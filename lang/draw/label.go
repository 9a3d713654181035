package draw

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"

	"wf/lang/graph"
)

// phrase is a line that stands in a box below its name.
type phrase struct{ class, text string }

// Classes of phrases. All pictures say the same of a step; the class is how.
const (
	classCall  = "call"      // what it goes over, what it calls, its condition
	classAfter = "call next" // what a clause calls
	classUndo  = "call undo" // what takes an effect back
	classMark  = "mark"      // what it does when things go wrong
	classNote  = "note"      // of who asked for the picture
)

// Signs before the calls that are not made in the course of a step.
const (
	signAfter = "↳ "
	signUndo  = "↶ "
)

// says lists what a picture says of a step below its name.
func (in inside) says(s *graph.Step) []phrase {
	var out []phrase
	for _, text := range in.head() {
		out = append(out, phrase{classCall, text})
	}
	out = append(out, in.calls()...)
	if s.When != nil {
		out = append(out, phrase{classCall, "when " + s.When.String()})
	}
	if m := in.marks(s); len(m) > 0 {
		out = append(out, phrase{classMark, strings.Join(m, " · ")})
	}
	return out
}

// calls lists the operations a step may call itself, each once: those it calls in any case,
// then those of clauses, then those that take back what it did.
func (in inside) calls() []phrase {
	var course, after, undo []phrase
	until := ""
	var walk func(body []graph.Stmt, sign string, to *[]phrase)
	clauses := func(list []*graph.Clause, sign string, to *[]phrase) {
		if to == &course {
			sign, to = signAfter, &after
		}
		for _, c := range list {
			walk(c.Body, sign, to)
		}
	}
	add := func(what, sign string, to *[]phrase) {
		class := classCall
		switch to {
		case &after:
			class = classAfter
		case &undo:
			class = classUndo
		}
		if p := (phrase{class, sign + cutCall(what) + until}); !slices.Contains(*to, p) {
			*to = append(*to, p)
		}
	}
	walk = func(body []graph.Stmt, sign string, to *[]phrase) {
		for _, st := range body {
			switch st := st.(type) {
			case *graph.Call:
				if st.Sig.Signal {
					add("wait for "+st.Sig.Operation, sign, to)
				} else {
					add(calledAs(st), sign, to)
				}
				clauses(st.Clauses, sign, to)
				if st.Undo != nil {
					until = untilOf(st)
					walk(st.Undo.Steps[0].Body, signUndo, &undo)
					until = ""
				}
			case *graph.Wait:
				add(st.String(), sign, to)
			case *graph.Switch:
				for _, a := range own(st) {
					walk(a.Body, sign, to)
				}
			case *graph.Group:
				clauses(st.Clauses, sign, to)
				if st.Finally != nil {
					walk(st.Finally.Steps[0].Body, signAfter, &after)
				}
			}
		}
	}
	walk(in.own, "", &course)
	after = slices.DeleteFunc(after, func(p phrase) bool {
		return slices.Contains(course, phrase{classCall, strings.TrimPrefix(p.text, signAfter)})
	})
	return slices.Concat(course, after, undo)
}

// untilOf says how long what a call did is undone; "" if that has no end.
func untilOf(c *graph.Call) string {
	if c.Until == nil {
		return ""
	}
	return " until " + cutCall(c.UntilText())
}

// endsOf lists what a run does at its end, as steps that follow one another.
func endsOf(g *graph.Graph) []*graph.Step {
	var out []*graph.Step
	add := func(b *graph.Block, name string) {
		if b == nil {
			return
		}
		s := *b.Steps[0]
		s.Index, s.Name = len(out), name
		if len(out) > 0 {
			s.Needs = []graph.Need{{Step: len(out) - 1}}
		}
		out = append(out, &s)
	}
	add(g.OnFailed, "on failed")
	add(g.Finally, "finally")
	return out
}

// atTheEnd says when that is done.
func atTheEnd(g *graph.Graph) string {
	undoes := false
	g.EachCall(func(c *graph.Call) { undoes = undoes || c.Undo != nil })
	if undoes {
		return "at the end of the run; if it failed, after its effects are undone"
	}
	return "at the end of the run"
}

// sinks lists the steps that no other step of their level needs.
func sinks(steps []*graph.Step) []*graph.Step {
	needed := make([]bool, len(steps))
	for _, s := range steps {
		for _, n := range s.Needs {
			needed[n.Step] = true
		}
	}
	var out []*graph.Step
	for i, s := range steps {
		if !needed[i] {
			out = append(out, s)
		}
	}
	return out
}

// Plain is a text without characters that change how the text around them is shown: those
// that turn its direction, and controls.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == unicode.ReplacementChar || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '\ufffd'
		}
		return r
	}, s)
}

// Columns is how many letters of a monospaced font a text takes.
func Columns(s string) int { return uniseg.StringWidth(s) }

// nameWidth is how wide a step's name is, generously.
func nameWidth(name string) float64 {
	w := 0.0
	for g := uniseg.NewGraphemes(name); g.Next(); {
		switch r := g.Runes()[0]; {
		case strings.ContainsRune("mwMW", r):
			w += 15
		case strings.ContainsRune("ijltfr", r):
			w += 6.8
		case r == '_':
			w += 7
		case r >= 'A' && r <= 'Z':
			w += 11.6
		case r < unicode.MaxLatin1:
			w += 9.8
		default:
			w += max(13.5, float64(g.Width())*9.8)
		}
	}
	return w
}

// wrap breaks a condition between words.
func wrap(s string) []string { return wrapAt(s, maxLetter, maxWhen) }

// wrapAt breaks a text between words into lines of so many columns; what is too much is cut.
func wrapAt(s string, most, lines int) []string {
	var out []string
	for len(out) < lines-1 && Columns(s) > most {
		line, rest, found := strings.Cut(s, " ")
		if !found || Columns(line) > most {
			break
		}
		word := ""
		for {
			var after string
			var more bool
			word, after, more = strings.Cut(rest, " ")
			if Columns(line)+1+Columns(word) > most {
				break
			}
			line, rest = line+" "+word, after
			if !more {
				break
			}
		}
		if Columns(line) < most/2 && Columns(word) > most { // rather cut than a line that is nearly empty
			break
		}
		out, s = append(out, line), rest
	}
	return append(out, Cut(s, most))
}

func cut(s string) string { return Cut(s, maxLetter) }

// Cut shortens a text to so many columns.
func Cut(s string, most int) string {
	if Columns(s) <= most {
		return s
	}
	var b strings.Builder
	w := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if w += g.Width(); w > most-1 {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}

// cutCall shortens the name of an operation. Of the class of a handler the end tells more
// than the beginning.
func cutCall(s string) string {
	if i := strings.LastIndex(s, "::"); i >= 0 && Columns(s) > maxLetter {
		s = "…" + s[i:]
	}
	return cut(s)
}
