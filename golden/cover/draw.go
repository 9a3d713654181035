package cover

import (
	"fmt"
	"strings"

	"wf/lang/draw"
	"wf/lang/graph"
)

// SVG draws the coverage of a workflow on its graph. link gives the address that a step
// leads to; nil: none.
func (p *Profile) SVG(w *Workflow, link func(*graph.Step) string) []byte { return p.svg(w, "", link) }

// svg draws the same where several pictures stand on one page; id tells them apart.
func (p *Profile) svg(w *Workflow, id string, link func(*graph.Step) string) []byte {
	share, _ := w.Share("")
	return draw.Annotated(w.Graph, draw.Notes{
		ID:    id,
		Title: fmt.Sprintf("%d%% covered", share.Percent()),
		Step: func(name string, s *graph.Step) *draw.Note {
			n := w.note(name)
			if link != nil {
				n.Link = link(s)
			}
			return n
		},
	})
}

// note says how much of a step is covered, and what is missing, of a loop with its items.
// The steps inside have notes of their own.
func (w *Workflow) note(name string) *draw.Note {
	var share Share
	var missing []string
	ran := false
	what := map[string]bool{}
	var words []string
	for i, p := range w.Points {
		if p.Optional || p.Step != name && p.Step != name+"[…]" {
			continue
		}
		share.count(w.Hits[i])
		if p.Kind == Steps && p.Step == name {
			ran = w.Hits[i] > 0
		}
		if w.Hits[i] > 0 {
			continue
		}
		missing = append(missing, p.Missing)
		if word := p.brief(); !what[word] {
			what[word] = true
			words = append(words, word)
		}
	}
	n := &draw.Note{Mood: "good", Share: 1, Title: name + ": all of it is covered"}
	if share.Total > 0 {
		n.Share = float64(share.Covered) / float64(share.Total)
	}
	switch {
	case !ran:
		n.Mood, n.Lines = "bad", []string{"never runs"}
		n.Title = name + " never runs"
	case len(missing) > 0:
		n.Mood, n.Lines = "fair", brief(words)
		n.Title = fmt.Sprintf("%s: %s\n%s", name, fraction(share), strings.Join(missing, "\n"))
	}
	return n
}

// brief is a word for what is missing.
func (p *Point) brief() string {
	switch p.Kind {
	case Clauses:
		return short(p.What)
	case Conditions:
		return "a condition"
	case Exhausted, Timeouts:
		return p.What
	case Fallbacks:
		return "the fallback"
	}
	return p.What
}

// maxBrief is how many letters of a line name what is missing.
const maxBrief = 40

// brief lists words on one line, as far as there is room.
func brief(words []string) []string {
	line := "missing: " + words[0]
	for i, word := range words[1:] {
		if len([]rune(line+", "+word)) > maxBrief {
			return []string{fmt.Sprintf("%s and %d more", line, len(words)-1-i)}
		}
		line += ", " + word
	}
	return []string{line}
}
