package explore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"wf/golden/vary"
	"wf/lang/graph"
	"wf/lang/value"
)

// declared says what the versions declare otherwise, that others can see.
func (d *differ) declared() {
	add := func(format string, args ...any) {
		if line := fmt.Sprintf(format, args...); !slices.Contains(d.diff.Declared, line) {
			d.diff.Declared = append(d.diff.Declared, line)
		}
	}
	o, n := d.old.graph, d.new.graph
	types(o.Input, n.Input, "input", add)
	d.signals(add)
	for _, s := range d.sites {
		if s.both() && !s.other() {
			operation(s.op, s.old[0].Sig, s.new[0].Sig, add)
		}
	}
	for _, s := range d.sites {
		if s.both() && !s.other() {
			was, is := s.old[0].Sig, s.new[0].Sig
			guard(is.Service, was.ServiceGuard, is.ServiceGuard, add)
			guard(s.op, was.Guard, is.Guard, add)
		}
	}
	d.waits(add)
}

// types tells how a type has changed.
func types(was, is *value.Type, at string, add func(string, ...any)) {
	if was.Kind != value.Record || is.Kind != value.Record {
		a, b := was.String(), is.String()
		switch {
		case sameType(was, is): // by whatever name
		case a != b:
			add("%s: %s → %s", at, a, b)
		default:
			add("%s: what it may be has changed", at)
		}
		return
	}
	for _, f := range was.Fields {
		if is.Field(f.Name) == nil {
			add("%s.%s is gone", at, f.Name)
		}
	}
	for _, f := range is.Fields {
		name := at + "." + f.Name
		old := was.Field(f.Name)
		switch {
		case old == nil && f.CanOmit():
			add("%s is new", name)
			continue
		case old == nil:
			add("%s is new, and must be given", name)
			continue
		case old.CanOmit() && !f.CanOmit():
			add("%s must be given now", name)
		case !old.CanOmit() && f.CanOmit():
			add("%s may be left out now", name)
		}
		if old.HasDef && f.HasDef && !vary.Same(old.Default, f.Default) {
			from, to := known(old.Type.HasSecret() || f.Type.HasSecret(), shown(old.Default), shown(f.Default))
			add("%s: default %s → %s", name, from, to)
		}
		types(old.Type.Req(), f.Type.Req(), name, add)
	}
}

// sameType reports whether types allow the same, rules included.
func sameType(a, b *value.Type) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

func (d *differ) signals(add func(string, ...any)) {
	was, is := d.old.graph.Sendable(), d.new.graph.Sendable()
	of := func(list []*graph.Signal, name string) *graph.Signal {
		i := slices.IndexFunc(list, func(s *graph.Signal) bool { return s.Name == name })
		if i < 0 {
			return nil
		}
		return list[i]
	}
	for _, s := range was {
		if of(is, s.Name) == nil {
			add("signal %s is gone", s.Name)
		}
	}
	for _, s := range is {
		old := of(was, s.Name)
		if old == nil {
			add("signal %s is new", s.Name)
			continue
		}
		if old.Key != s.Key {
			add("signal %s: for whom it is says %s → %s", s.Name, named(old.Key), named(s.Key))
		}
		if old.Payload != nil && s.Payload != nil {
			types(old.Payload, s.Payload, "signal "+s.Name, add)
		}
	}
}

func named(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// operation tells how what a service promises has changed.
func operation(name string, was, is *value.Signature, add func(string, ...any)) {
	if was.Signal || is.Signal {
		return
	}
	if was.Input != nil && is.Input != nil {
		types(was.Input, is.Input, name, add)
	}
	outcomes := func(s *value.Signature) map[string]*value.Type {
		out := map[string]*value.Type{}
		for _, o := range s.Outcomes {
			out[o.Pattern.String()] = o.Body
		}
		return out
	}
	a, b := outcomes(was), outcomes(is)
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[k]; !ok {
			add("%s no longer declares %s", name, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(b)) {
		old, ok := a[k]
		switch {
		case !ok:
			add("%s declares %s, which is new", name, k)
		case old != nil && b[k] != nil:
			types(old, b[k], name+" "+k, add)
		}
	}
	if was.Idempotent != is.Idempotent {
		add("%s: idempotent %t → %t", name, was.Idempotent, is.Idempotent)
	}
}

// guard tells which bounds of calls have changed.
func guard(name string, was, is *value.Guard, add func(string, ...any)) {
	a, b := bounded(was), bounded(is)
	for _, words := range []string{"limit", "breaker"} {
		if a[words] != b[words] {
			add("%s: %s %s → %s", name, words, named(a[words]), named(b[words]))
		}
	}
}

// bounded is the bounds of a guard as the language says them.
func bounded(g *value.Guard) map[string]string {
	out := map[string]string{}
	if g == nil {
		return out
	}
	var limits []string
	if g.Limit > 0 {
		limits = append(limits, strconv.Itoa(g.Limit))
	}
	if g.Rate.Calls > 0 {
		limits = append(limits, fmt.Sprintf("%d per %s", g.Rate.Calls, value.FormatDuration(g.Rate.Per)))
	}
	out["limit"] = strings.Join(limits, ", ")
	if b := g.Breaker; b.On() {
		out["breaker"] = fmt.Sprintf("%s in %s, open %s", many(b.Failures, "failure"), value.FormatDuration(b.In), value.FormatDuration(b.Open))
	}
	return out
}

// waits tells which calls wait for others now, and which do not any more: of all that this
// makes, only what makes it.
func (d *differ) waits(add func(string, ...any)) {
	was, is := before(d.old), before(d.new)
	type two struct{ a, b int }
	order := func(of map[two]bool) func(add func(a, b string)) {
		return func(add func(a, b string)) {
			for b := range d.sites {
				for a := range d.sites {
					if !of[two{a, b}] {
						continue
					}
					implied := false
					for c := range d.sites { // another one between, or in front, says it
						implied = implied || c != a && c != b && (of[two{c, b}] && (is[[2]int{a, c}] && was[[2]int{a, c}]) || of[two{a, c}] && (is[[2]int{c, b}] && was[[2]int{c, b}]))
					}
					if !implied {
						add(d.sites[a].name, d.sites[b].name)
					}
				}
			}
		}
	}
	gone, come := map[two]bool{}, map[two]bool{}
	for a, x := range d.sites {
		for b, y := range d.sites {
			if a == b || !x.both() || !y.both() {
				continue
			}
			k := [2]int{a, b}
			if was[k] && !is[k] {
				gone[two{a, b}] = true
			}
			if is[k] && !was[k] {
				come[two{a, b}] = true
			}
		}
	}
	order(gone)(func(a, b string) { add("%s no longer waits for %s", b, a) })
	order(come)(func(a, b string) { add("%s waits for %s now", b, a) })
}

// before says of which sites the first is over before the second begins, in every run in
// which both are called.
func before(v *version) map[[2]int]bool {
	out := map[[2]int]bool{}
	for _, g := range append([]*graph.Graph{v.graph}, v.graph.Called()...) {
		v.level(g.Steps, out)
	}
	return out
}

// level notes the order of steps that run together, and of the calls in each.
func (v *version) level(steps []*graph.Step, out map[[2]int]bool) {
	calls := make([][]*graph.Call, len(steps))
	for i, s := range steps {
		s.EachPlace("", func(_ string, c *graph.Call) { calls[i] = append(calls[i], v.below(c, nil)...) })
	}
	ahead := make([]map[int]bool, len(steps))
	var reach func(i int) map[int]bool
	reach = func(i int) map[int]bool {
		if ahead[i] == nil {
			ahead[i] = map[int]bool{}
			for _, n := range steps[i].Needs {
				ahead[i][n.Step] = true
				maps.Copy(ahead[i], reach(n.Step))
			}
		}
		return ahead[i]
	}
	for i, s := range steps {
		for j := range reach(i) {
			v.inOrder(calls[j], calls[i], out)
		}
		v.body(s.Body, out)
	}
}

// below lists the calls of services that a call stands for.
func (v *version) below(c *graph.Call, on []*graph.Graph) []*graph.Call {
	if c.Runs == nil {
		return []*graph.Call{c}
	}
	if slices.Contains(on, c.Runs) {
		return nil
	}
	var out []*graph.Call
	c.Runs.EachCall(func(in *graph.Call) { out = append(out, v.below(in, append(on, c.Runs))...) })
	return out
}

func (v *version) inOrder(first, then []*graph.Call, out map[[2]int]bool) {
	for _, a := range first {
		for _, b := range then {
			i, ok1 := v.sites[a]
			j, ok2 := v.sites[b]
			if ok1 && ok2 && i != j {
				out[[2]int{i, j}] = true
			}
		}
	}
}

// body notes the order of the calls of one block: one after another.
func (v *version) body(body []graph.Stmt, out map[[2]int]bool) {
	var first []*graph.Call
	for _, st := range body {
		var here []*graph.Call
		graph.EachCall([]graph.Stmt{st}, func(c *graph.Call) { here = append(here, v.below(c, nil)...) })
		v.inOrder(first, here, out)
		switch st := st.(type) {
		case *graph.Call:
			var inside []*graph.Call
			for _, c := range st.Clauses {
				graph.EachCall(c.Body, func(c *graph.Call) { inside = append(inside, v.below(c, nil)...) })
				v.body(c.Body, out)
			}
			v.inOrder(v.below(st, nil), inside, out)
		case *graph.Switch:
			for _, a := range st.Arms {
				v.body(a.Body, out)
			}
		case *graph.Group:
			v.level(st.Steps, out)
		case *graph.Loop:
			v.level(st.Steps, out)
		}
		first = append(first, here...)
	}
}

// listed is "a, b or c".
func listed(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
