package explore

import (
	"strings"
	"time"
	"unicode"

	"wf/golden"
	"wf/golden/propose"
	"wf/interpreter/machine"
	"wf/lang/value"
)

// story collects what happened in one run.
type story struct {
	lines []Line
	lost  map[machine.ID]propose.Lost

	raw     bool            // entries are kept as they are, and not told as lines
	entries []machine.Entry // of the trace; nil unless raw
	cover   machine.Cover   // listens to the run; nil: nobody
	of      *world          // nil unless [version.play] tells
}

// scenario is the run with what a test expects of it that the finding breaks. A test knows
// neither runs that never end nor a process that dies, and sees nothing of keys.
func (w *world) scenario(f *Finding) *propose.Run {
	if !w.m.Done() || w.crashed {
		return nil
	}
	expect := ""
	switch f.Kind {
	case Invariant: // which the test file has that is imported
		expect = `run.ending in ["completed", "degraded", "compensated", "failed", "cancelled"]`
	case Expression:
		code, _, _ := strings.Cut(f.Title, ":")
		expect = "run.error?.code != " + value.Literal(code)
		if isWord(f.Place) {
			expect = "code(" + f.Place + ") != " + value.Literal(code)
		}
	case Left:
		if !strings.Contains(f.Place, "[") {
			expect = f.Place + " completed"
		}
	}
	if expect == "" {
		return nil
	}
	return &propose.Run{Graph: w.s.graph, Input: w.root.input, ID: runID, Seed: 1, Start: golden.Start, Events: w.past[1:], Lost: w.story.lost, Name: f.Title, Expect: []string{expect}}
}

func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func (s *story) note(at time.Duration, text string) {
	if s.raw {
		return
	}
	s.lines = append(s.lines, Line{At: at, Text: text, Note: true})
}

func (s *story) trace(e machine.Entry) {
	if s.raw {
		s.entries = append(s.entries, e)
		return
	}
	s.lines = append(s.lines, Line{At: e.At, Text: e.Line()})
}

func (s *story) givenUp(w *world, c *machine.Call, took bool) {
	if took {
		s.note(w.now, c.Call.Sig.Name()+" at "+c.Place+" took effect all the same")
	} else {
		s.note(w.now, c.Call.Sig.Name()+" at "+c.Place+" did not take effect")
	}
}

func (s *story) effect(w *world, c *machine.Call, a *alternative) {
	if a.label == labelLost {
		s.note(w.now, c.Call.Sig.Name()+" takes effect, and its answer is lost")
	}
}

func (s *story) takes(w *world, o *option) {
	switch o.deed {
	case cancels:
		s.note(w.soon(), "the run is cancelled")
	case crashes:
		s.note(w.now, "the process dies, and another one takes over")
	}
	if o.plan < 0 {
		return
	}
	p := &w.plans[o.plan]
	if p.signal != nil && o.alt == nil {
		s.note(w.now, "no signal "+p.signal.signal+" comes")
	}
	if p.call != nil && o.alt.label == labelLost {
		if s.lost == nil {
			s.lost = map[machine.ID]propose.Lost{}
		}
		s.lost[p.id] = propose.Lost{Status: o.alt.status, Class: o.alt.class, Body: o.alt.said(p.call.Args, w.root.known)}
	}
}

func (s *story) refused(w *world, err error) {
	s.note(w.now, strings.TrimPrefix(err.Error(), "signal "))
}

// retold listens to a machine that takes over: what was told before is not told again.
func (w *world) retold() func(machine.Entry) {
	if w.story == nil {
		return nil
	}
	return func(e machine.Entry) {
		if !w.reading {
			w.story.trace(e)
		}
	}
}

// tell runs a path to its end, and tells what happened.
func (s *search) tell(r *root, path []uint16) *world {
	w := s.newWorld(r, path)
	w.story = &story{}
	w.begin(w.story.trace)
	w.finish()
	if w.err == nil {
		w.end()
		if !w.m.Done() {
			w.story.note(w.now, "nothing can happen any more: the run goes on for ever")
		}
	}
	return w
}

// shrink makes the path of a finding simpler, as long as the finding stays: of each choice
// it tries the first way.
func (s *search) shrink(f *found, cause string) {
	good := func(r *root, path []uint16) bool {
		w := s.newWorld(r, path)
		w.begin(nil)
		w.finish()
		if w.err != nil {
			return false
		}
		w.end()
		for _, b := range w.breaks {
			if b.cause == cause {
				return w.faults <= f.Faults
			}
		}
		return false
	}
	if r := s.roots[0]; f.root != r && good(r, f.path) {
		f.root = r
	}
	for again := true; again; {
		again = false
		for i := len(f.path) - 1; i >= 0; i-- {
			if f.path[i] == 0 {
				continue
			}
			for _, c := range [][]uint16{f.path[:i:i], with(f.path, i, 0)} {
				if good(f.root, c) {
					f.path, again = c, true
					break
				}
			}
			if again {
				break
			}
		}
	}
}

func with(path []uint16, i int, to uint16) []uint16 {
	out := append([]uint16{}, path...)
	out[i] = to
	return out
}
