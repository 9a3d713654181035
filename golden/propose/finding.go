package propose

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"wf/interpreter/machine"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/value"
)

// Thought is what there is to a run that did not take place, but might. As a test file
// (see [Record]) it is something that is to be mended: all goes well that is not in its story,
// so that a definition that is mended goes on.
type Thought struct {
	Name    string    // of the test
	About   []string  // lines of comment above it
	Imports []string  // files beside the definition, as the test file names them
	Named   string    // an expression of the test file that gives the input; "": it is written out
	Expect  []string  // what is expected
	Unheard []Unheard // in order
	Usual   []Usual   // how operations answer when all is well; those that are not listed as their signatures say
}

// Unheard is something that happened and of which the run was not told: a call took effect,
// and nobody hears the answer; or the process died.
type Unheard struct {
	Behind int // how many of the events came before
	Call   machine.ID
	Answer *Answer // to Call; nil: the process died
}

// Answer is what a service says.
type Answer struct {
	Status int
	Class  string // instead of a status
	Body   any    // nil: none
}

// Usual is how an operation answers when all is well.
type Usual struct {
	Sig *value.Signature
	Answer
}

// unheardUntil lets happen of what the run was not told that comes before its nth event. Timers
// that fire at the moment at which the process died come before that: what is made again then
// and what is made then for the first time are the same.
func (rec *record) unheardUntil(n int, next machine.Event) {
	if rec.run.Thought == nil {
		return
	}
	list := rec.run.Thought.Unheard
	for ; rec.heard < len(list) && list[rec.heard].Behind <= n; rec.heard++ {
		u := list[rec.heard]
		if u.Answer == nil && rec.comesNow(next) {
			return
		}
		if u.Answer == nil {
			rec.dies()
		} else if s := rec.calls[u.Call]; s != nil {
			s.took = u.Answer
		}
	}
}

// comesNow reports whether an event is a timer that fires at the present moment.
func (rec *record) comesNow(ev machine.Event) bool {
	fired, ok := ev.(machine.TimerFired)
	if !ok {
		return false
	}
	t, set := rec.timers[fired.ID]
	return set && t.due <= rec.now
}

// dies lets the process die: the calls that are under way are made again.
func (rec *record) dies() {
	rec.now = rec.moment(rec.now + tick)
	rec.deeds = append(rec.deeds, "after "+value.FormatDuration(rec.now)+" crash")
	var under []machine.ID
	for id := range rec.calls {
		under = append(under, id)
	}
	at := func(id machine.ID) int { return slices.Index(rec.made, rec.calls[id]) }
	slices.SortFunc(under, func(a, b machine.ID) int { return at(a) - at(b) })
	for _, id := range under {
		s := rec.leaves(id)
		rec.makes(id, &sent{place: s.place, sig: s.sig, bounded: s.bounded})
	}
}

// lost writes an answer that nobody hears.
func (rec *record) lost(s *sent) string {
	out := value.Pattern{Status: s.took.Status, Name: s.took.Class}.String()
	if t, _ := s.sig.Body(s.took.Status, s.took.Class); t != nil && s.took.Body != nil {
		out += " " + source(t, rec.told(t, s.took.Body))
	}
	return out + " lost"
}

// aftermath says when an answer is lost that comes behind the moment at which nobody waits for
// it any more: without a timeout that a connection broke would be heard at once.
func (rec *record) aftermath(s *sent) string {
	if s.bounded || s.gone-s.now < 10*time.Millisecond {
		return ""
	}
	return afterwards(s.gone - s.now + tick)
}

// usual makes the mocks for all that is not in the story: every operation of the services
// that the workflow calls succeeds.
func (rec *record) usual(fsys fs.FS, definition string, services Services) error {
	p, problems := lang.Load(fsys, definition, lang.Options{Catalog: services, StubHandlers: true})
	if problems.HasErrors() {
		return problems
	}
	var order []string
	ops := map[string][]*value.Signature{}
	add := func(sig *value.Signature) {
		switch known := ops[sig.Service]; {
		case sig.Signal, slices.ContainsFunc(known, func(o *value.Signature) bool { return o.Operation == sig.Operation }):
			return
		case known == nil:
			order = append(order, sig.Service)
		}
		ops[sig.Service] = append(ops[sig.Service], sig)
	}
	rec.run.Graph.EachServiceCall(func(c *graph.Call) { add(c.Sig) })
	for _, s := range p.Services {
		for _, sig := range s.Operations {
			if ops[sig.Service] != nil {
				add(sig)
			}
		}
	}
	for _, service := range order {
		if service == value.HandlerService {
			for _, sig := range ops[service] {
				rec.well = append(rec.well, fmt.Sprintf("mock %s { %s always }\n", mockName(sig), rec.goesWell(sig)))
			}
			continue
		}
		m := "mock " + service + " {\n"
		for _, sig := range ops[service] {
			m += "operation " + sig.Operation + " { " + rec.goesWell(sig) + " }\n"
		}
		rec.well = append(rec.well, m+"}\n")
	}
	return nil
}

// goesWell is the answer of an operation when all is well.
func (rec *record) goesWell(sig *value.Signature) string {
	out := rec.success(sig)
	rec.answers[mockName(sig)] = out
	return out
}

// success writes the answer of an operation when all is well.
func (rec *record) success(sig *value.Signature) string {
	r := (&search{}).success(sig, nil, nil)
	for _, u := range rec.run.Thought.Usual {
		if u.Sig.Name() == sig.Name() {
			r = reply{outcome: value.Pattern{Status: u.Status, Name: u.Class}, body: u.Body}
		}
	}
	out := r.outcome.String()
	if t, _ := sig.Body(r.outcome.Status, r.outcome.Name); t != nil && r.body != nil {
		if sig.Input == nil {
			return out + " " + source(t, r.body)
		}
		out += " " + echoed(t, r.body, sig.Input)
	}
	return out
}

// services writes the mocks of a run that is thought up. They stand outside of its test, where
// it is no matter whether all of them are used.
func (rec *record) services() string {
	var b strings.Builder
	b.WriteString("\n// When all is well, services answer so.\n\n" + strings.Join(rec.well, "\n"))
	first := true
	rec.eachOperation(func(name string, places []string, at map[string][]string) {
		var lines []string
		for _, place := range places {
			replies := folded(at[place])
			if slices.ContainsFunc(at[place], func(r string) bool { return r != rec.answers[name] }) {
				lines = append(lines, fmt.Sprintf("when place == %s { %s }\n", text(place), strings.Join(replies, ", ")))
			}
		}
		if len(lines) == 0 {
			return
		}
		if first {
			b.WriteString("\n// But this time they answer so.\n")
			first = false
		}
		fmt.Fprintf(&b, "\nmock %s {\n%spass always\n}\n", name, strings.Join(lines, ""))
	})
	return b.String()
}
