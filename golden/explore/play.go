package explore

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"wf/interpreter/machine"
	"wf/lang/value"
)

// turn is one thing that goes another way than well in a run.
type turn struct {
	site  int
	label string // of the alternative that is answered, or of what else happens
	deed  deed   // nothing: a call is answered, or a signal comes, in another way
	times int    // attempts that are answered so, from the first; 0: all
	items bool   // of all requests of the site; else only of its first
}

// script is what goes another way in a run. All else goes well.
type script []turn

// with is the script with one more turn, in one order however it was come by.
func (sc script) with(t turn) script {
	out := append(slices.Clone(sc), t)
	slices.SortFunc(out, turn.compare)
	return out
}

func (t turn) compare(o turn) int {
	return strings.Compare(t.key(), o.key())
}

func (t turn) key() string {
	s := strconv.Itoa(1000+t.site) + " " + strconv.Itoa(int(t.deed)) + " " + t.label + " " + strconv.Itoa(t.times)
	if t.items {
		s += " all"
	}
	return s
}

func (sc script) key() string {
	var b strings.Builder
	for _, t := range sc {
		b.WriteString(t.key())
		b.WriteByte('\n')
	}
	return b.String()
}

// without is the script without one of its turns.
func (sc script) without(i int) script { return slices.Delete(slices.Clone(sc), i, i+1) }

// played is what a run did, as far as it can be seen from outside.
type played struct {
	refused string // why the input is not accepted; "": it is
	end     string
	code    string
	bare    bool   // the code is that of the call that failed, and not one of the definition
	message string // of a failure
	said    bool   // the definition says it
	where   string // the step that failed
	took    time.Duration
	calls   []called
	steps   []endedStep
	output  any
	breaks  []breach
	reached []reachedSite // in the order of their first requests
	tied    []int         // sites that something else came before at the same moment
}

// called is a request, with all its attempts.
type called struct {
	site     int
	place    string
	args     map[string]any
	key      string // if the definition says it
	attempts int
}

// endedStep is a step and how it ended; of a loop each item.
type endedStep struct {
	name   string
	ending machine.Ending
	typ    *value.Type
	result any
}

// reachedSite is a site that a run came by.
type reachedSite struct {
	site     int
	attempts int // of its first request
	requests int
}

// tooLong is after how many events a run is given up.
const tooLong = 20_000

// play runs a version as a script says. story: nil, or what is told.
func (v *version) play(r *root, sc script, tell *story) *played {
	w := v.s.newWorld(r, nil)
	w.story = tell
	var trace func(machine.Entry)
	if tell != nil {
		trace, tell.of = tell.trace, w
		w.cover = tell.cover
	}
	out := &played{}
	w.begin(trace)
	requests := map[machine.ID]int{} // of an attempt without its number
	first := map[int]string{}        // of a site: the first place
	done := make([]bool, len(sc))
	seen := 0
	note := func() {
		for i := range w.plans {
			p := &w.plans[i]
			if p.seq < seen || p.call == nil && p.signal == nil {
				continue
			}
			site, place := v.at(p)
			if _, ok := first[site]; !ok {
				first[site] = place
				out.reached = append(out.reached, reachedSite{site: site})
			}
			k := slices.IndexFunc(out.reached, func(s reachedSite) bool { return s.site == site })
			if p.call == nil {
				out.reached[k].attempts = max(out.reached[k].attempts, p.signal.attempt)
				continue
			}
			id := p.id
			id.Attempt = 0
			j, again := requests[id]
			if !again || p.id.Attempt == 1 {
				j = len(out.calls)
				requests[id] = j
				c := called{site: site, place: place, args: p.call.Args}
				if p.call.Call.Key != nil {
					c.key = p.call.Key
				}
				out.calls = append(out.calls, c)
				out.reached[k].requests++
			}
			out.calls[j].attempts++
			if place == first[site] {
				out.reached[k].attempts = max(out.reached[k].attempts, p.id.Attempt)
			}
		}
		seen = w.seq
	}
	note()
	var room [16]option
	for n := 0; w.err == nil && !w.m.Done(); n++ {
		w.settle()
		all := w.options(room[:0])
		if len(all) == 0 || n > tooLong {
			break
		}
		for i := range all {
			if o := &all[i]; o.plan >= 0 && o.plan != all[0].plan {
				if p := &w.plans[o.plan]; p.call != nil || p.signal != nil {
					if site, place := v.at(p); place == first[site] && !slices.Contains(out.tied, site) {
						out.tied = append(out.tied, site)
					}
				}
			}
		}
		o := &all[v.choose(w, all, sc, done, first)]
		if w.take(o); o.deed == crashes {
			seen = w.seq // what is made again was counted
			continue
		}
		note()
	}
	if w.err != nil {
		out.end, out.message = "broken", w.err.Error()
		return out
	}
	if !w.m.Done() && len(w.plans) > 0 {
		out.end, out.took = "endless", w.now
		return out
	}
	e := w.end()
	out.end, out.code, out.took, out.breaks = e.Ending, e.Code, w.now, w.breaks
	if r := w.m.Result(); r != nil {
		out.output = r.Output
		if r.Error != nil {
			out.message, out.where = r.Error.Message, anyItem(r.Error.Step)
			out.bare = ofCall(r.Error)
			out.said = !out.bare && !slices.Contains(machines, r.Error.Code)
		}
		out.ended(r.Steps)
		out.ended(r.Closing)
	}
	return out
}

// machines are the codes of failures that no definition words.
var machines = []string{machine.CodeDeadline, machine.CodeExpression, machine.CodeArgument, machine.CodeCancelled, machine.CodeUndo,
	machine.CodeTooFew, machine.CodeTooMany, machine.CodeSameKey, machine.CodeTooManyRuns}

// ofCall reports whether a failure has the code of the outcome of its call.
func ofCall(e *machine.RunError) bool {
	if e.Cause != nil {
		return ofCall(e.Cause)
	}
	return e.Place != "" && (strings.HasPrefix(e.Code, "HTTP_") || slices.Contains([]string{"TIMEOUT", "UNREACHABLE", "MALFORMED"}, e.Code))
}

func (p *played) ended(steps []machine.StepResult) {
	for i := range steps {
		s := &steps[i]
		p.steps = append(p.steps, endedStep{anyItem(s.Name), s.Ending, s.Def.Result, s.Result})
		p.ended(s.Steps)
	}
}

// at is the site of what is planned, and its place in the run.
func (v *version) at(p *planned) (site int, place string) {
	if p.signal != nil {
		return v.sites[p.signal.call], p.signal.place
	}
	return v.sites[p.call.Call], p.call.Place
}

// choose takes of what may happen next what the script says, else that all is well. What
// falls on one moment comes in the order in which it was asked for, but for what overtakes.
func (v *version) choose(w *world, all []option, sc script, done []bool, first map[int]string) int {
	site, place, attempt := -1, "", 0
	of := func(plan int) (int, string) {
		if plan >= 0 {
			if p := &w.plans[plan]; p.call != nil || p.signal != nil {
				return v.at(p)
			}
		}
		return -1, ""
	}
	next := 0
	for i := range all {
		at, where := of(all[i].plan)
		if slices.ContainsFunc(sc, func(t turn) bool { return t.deed == overtakes && t.site == at && where == first[at] }) {
			next = i
			break
		}
	}
	plan := all[next].plan
	if site, place = of(plan); site >= 0 {
		if attempt = w.plans[plan].id.Attempt; w.plans[plan].signal != nil {
			attempt = w.plans[plan].signal.attempt
		}
	}
	for i, t := range sc {
		switch {
		case t.deed == overtakes:
			continue
		case t.deed == sends:
			if done[i] {
				continue
			}
		case t.site != site, !t.items && place != first[site]:
			continue
		case t.deed != nothing:
			if done[i] {
				continue
			}
		case t.times != 0 && attempt > t.times:
			continue
		}
		for j := range all {
			o := &all[j]
			if o.deed == t.deed && o.label == t.label && (t.deed != nothing || o.plan == plan) {
				done[i] = true
				return j
			}
		}
	}
	return next
}
