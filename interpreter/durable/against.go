package durable

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/lang/graph"
	"wf/lang/value"
)

// Misfit is where the journal of a run no longer fits a definition.
type Misfit struct {
	At    time.Duration // since the start of the run
	Event int           // which one, from 1; 0: the input, or how the run begins; behind the last: what is under way
	Why   string
}

// Against plays a run again on another definition, as if it had begun with that: what the
// run was told must be what the definition asks for, at the same places, in the same words.
// nil means that the run could go on with it. A step or call that is new is no misfit.
func (h History) Against(g *graph.Graph) (*Misfit, error) {
	if _, violations := g.Input.Conform(h.Input, nil); len(violations) > 0 {
		return &Misfit{Why: "its input does not fit: " + violations.Error()}, nil
	}
	old, now := h.rehearsal(h.Graph), h.rehearsal(g)
	if err := errors.Join(old.apply(machine.Started{}), now.apply(machine.Started{})); err != nil {
		return nil, err
	}
	for i, ev := range h.Events {
		why, err := old.follow(now, ev)
		if err != nil {
			return nil, fmt.Errorf("event %d does not fit the definition that the run began with: %w", i+1, err)
		}
		if why == "" && now.m.Done() && !old.m.Done() {
			why = "the run ends with it: " + ended(now.m.Result())
		}
		if why != "" {
			return &Misfit{At: machine.At(ev), Event: i + 1, Why: why}, nil
		}
	}
	for name, c := range old.calls { // one is enough, and which one must not be left to chance
		why := now.asks(name, c)
		for other, c := range old.calls {
			if w := now.asks(other, c); w != "" && (why == "" || other < name) {
				name, why = other, w
			}
		}
		if why != "" {
			return &Misfit{At: old.m.Now(), Event: len(h.Events) + 1, Why: "call " + name + " may be under way: " + why}, nil
		}
		break
	}
	return nil, nil
}

// ended is how a run ended, in a few words.
func ended(r *machine.Result) string {
	if r.Error == nil {
		return string(r.Ending)
	}
	return string(r.Ending) + " " + r.Error.Error()
}

// rehearsal is a machine, and what it waits for, by the names of calls and timers.
type rehearsal struct {
	m      *machine.Machine
	ids    map[string]machine.ID
	calls  map[string]machine.Call
	timers map[string]time.Duration
}

func (h History) rehearsal(g *graph.Graph) *rehearsal {
	m := machine.New(g, h.Input, machine.Config{RunID: h.Run.ID, CorrelationID: h.Run.Correlation, Seed: h.Run.Seed, Start: h.Run.Start})
	return &rehearsal{m: m, ids: map[string]machine.ID{}, calls: map[string]machine.Call{}, timers: map[string]time.Duration{}}
}

func (r *rehearsal) apply(ev machine.Event) error {
	commands, err := r.m.Apply(ev)
	if err != nil {
		return err
	}
	for _, c := range commands {
		switch c := c.(type) {
		case machine.Call:
			r.ids[c.ID.String()], r.calls[c.ID.String()] = c.ID, c
		case machine.SetTimer:
			r.ids[c.ID.String()], r.timers[c.ID.String()] = c.ID, c.At
		case machine.CancelCall:
			delete(r.calls, c.ID.String())
		case machine.CancelTimer:
			delete(r.timers, c.ID.String())
		}
	}
	return nil
}

// follow applies an event to the machine of the run, and what it means to the other one. It
// returns why that does not take it; "": it does.
func (r *rehearsal) follow(now *rehearsal, ev machine.Event) (why string, err error) {
	switch ev := ev.(type) {
	case machine.CallReturned:
		return r.answer(now, ev.ID, ev, func(id machine.ID) machine.Event { ev.ID = id; return ev })
	case machine.CallFailed:
		return r.answer(now, ev.ID, ev, func(id machine.ID) machine.Event { ev.ID = id; return ev })
	case machine.CallHeld:
		if err := r.apply(ev); err != nil {
			return "", err
		}
		id, made := now.ids[ev.ID.String()]
		if !made {
			return "", nil // its answer will tell
		}
		ev.ID = id
		return refusal(now.apply(ev)), nil
	case machine.TimerFired:
		name := ev.ID.String()
		_, awaited := r.timers[name]
		delete(r.timers, name)
		if err := r.apply(ev); err != nil || !awaited {
			return "", err
		}
		due, set := now.timers[name]
		delete(now.timers, name)
		switch {
		case !set:
			return "nothing waits for the time of " + name, nil
		case due > ev.At:
			return fmt.Sprintf("%s is due at +%s, and was over at +%s", name, value.FormatDuration(due), value.FormatDuration(ev.At.Round(time.Millisecond))), nil
		}
		ev.ID = now.ids[name]
		return refusal(now.apply(ev)), nil
	}
	if err := r.apply(ev); err != nil { // refused then, and so perhaps now
		_ = now.apply(ev)
		return "", nil
	}
	return refusal(now.apply(ev)), nil
}

func refusal(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// answer is follow for the answer to a call.
func (r *rehearsal) answer(now *rehearsal, id machine.ID, ev machine.Event, to func(machine.ID) machine.Event) (why string, err error) {
	name := id.String()
	c, awaited := r.calls[name]
	delete(r.calls, name)
	if err := r.apply(ev); err != nil || !awaited {
		return "", err
	}
	if why := now.asks(name, c); why != "" {
		return "the answer to " + name + ": " + why, nil
	}
	delete(now.calls, name)
	return refusal(now.apply(interpreter.Stamp(to(now.ids[name]), machine.At(ev)))), nil
}

// asks tells in what a call differs from that of this machine; "": in nothing.
func (r *rehearsal) asks(name string, old machine.Call) string {
	c, ok := r.calls[name]
	switch {
	case !ok:
		place, _, _ := strings.Cut(name, "#")
		return "nobody asks for it any more: there is no call " + place + " under way then"
	case c.Call.Sig.Name() != old.Call.Sig.Name():
		return "it calls " + c.Call.Sig.Name() + " now, and called " + old.Call.Sig.Name()
	case c.Key != old.Key:
		return "its idempotency key is another one"
	case !reflect.DeepEqual(c.Args, old.Args), !reflect.DeepEqual(c.Context, old.Context) && (c.Context == nil || old.Context == nil || !reflect.DeepEqual(c.Context.Config, old.Context.Config)):
		return "it asks " + c.Call.Sig.Name() + " something else" + changed(old, c)
	}
	return ""
}

// changed names the arguments that differ.
func changed(old, now machine.Call) string {
	var names []string
	for _, f := range now.Call.Sig.Input.Fields {
		if !reflect.DeepEqual(old.Args[f.Name], now.Args[f.Name]) {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}
