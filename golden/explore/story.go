package explore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"wf/golden"
	"wf/golden/propose"
	"wf/interpreter/machine"
	"wf/lang/graph"
	"wf/lang/value"
)

// story collects what happened in one run.
type story struct {
	lines   []Line
	unheard []propose.Unheard

	raw     bool            // entries are kept as they are, and not told as lines
	entries []machine.Entry // of the trace; nil unless raw
	cover   machine.Cover   // listens to the run; nil: nobody
	of      *world          // nil unless [version.play] tells
}

// scenario is the run with what a test expects of it that the finding breaks. What is held
// against every run, and that it ends, need not be said.
func (w *world) scenario(f *Finding) *propose.Run {
	expect := `run.ending in ["completed", "degraded", "compensated", "failed", "cancelled"]`
	switch f.Kind {
	case Expression:
		code, _, _ := strings.Cut(f.Title, ":")
		expect = "run.error?.code != " + value.Literal(code)
		if name, ok := w.named(f.Place); ok {
			expect = "code(" + name + ") != " + value.Literal(code)
		}
	case Left:
		expect = `run.ending != "failed"`
		if name, ok := w.named(f.Place); ok {
			expect = "not (" + name + " failed)"
		}
	case Twice:
		expect = w.onceOnly(f)
	}
	var usual []propose.Usual
	w.s.graph.EachServiceCall(func(c *graph.Call) {
		if m := w.s.menus.calls[c]; len(m.all) > 0 && !m.all[0].fault {
			a := &m.all[0]
			usual = append(usual, propose.Usual{Sig: c.Sig, Answer: *a.answer(nil, w.root)})
		}
	})
	return &propose.Run{Graph: w.s.graph, Input: w.root.input, ID: runID, Seed: 1, Start: golden.Start, Events: w.heard(),
		Thought: &propose.Thought{Name: f.Title, Expect: []string{expect}, Unheard: w.story.unheard, Usual: usual}}
}

// named is how a test names a step of the run; ok is false if it cannot.
func (w *world) named(place string) (name string, ok bool) {
	r := w.m.Result()
	if r == nil {
		return "", false
	}
	return propose.StepName(slices.Concat(r.Steps, r.Closing), place)
}

// onceOnly expects that a request took effect once, whoever asked how often.
func (w *world) onceOnly(f *Finding) string {
	c := w.breaks[slices.IndexFunc(w.breaks, func(b breach) bool { return b.kind == Twice && b.place == f.Place })].call
	var good []string
	for _, a := range w.s.menus.calls[c.Call].all {
		if outcome := (value.Pattern{Status: a.status, Name: a.class}).String(); a.effect && !slices.Contains(good, value.Literal(outcome)) {
			good = append(good, value.Literal(outcome))
		}
	}
	return fmt.Sprintf("len(filter(calls(%s), .key == %s and .outcome in [%s])) <= 1", c.Call.Sig.Name(), value.Literal(c.Key), strings.Join(good, ", "))
}

// answer is what a service says to certain arguments.
func (a *alternative) answer(args map[string]any, to *root) *propose.Answer {
	return &propose.Answer{Status: a.status, Class: a.class, Body: a.said(args, to)}
}

// tookEffect tells that a call took effect, and that nobody hears of it. before: of the
// events that have come before this one, how many come behind it.
func (s *story) tookEffect(w *world, c *machine.Call, a *alternative, before int) {
	good := *a
	good.kind, good.label = answers, ""
	s.unheard = append(s.unheard, propose.Unheard{Behind: w.events - 1 - before, Call: c.ID, Answer: good.answer(c.Args, w.root)})
	if a.label != labelLost {
		s.note(w.now, c.Call.Sig.Name()+" at "+c.Place+" took effect all the same")
	}
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
		s.tookEffect(w, c, &w.s.menus.calls[c.Call].all[0], 1)
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
		s.tookEffect(w, p.call, o.alt, 0)
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
