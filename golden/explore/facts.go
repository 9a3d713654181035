package explore

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"wf/golden/vary"
	"wf/lang/expr"
	"wf/lang/graph"
	"wf/lang/value"
)

// factKind is what of a run is another one than before.
type factKind int8

const (
	factEnd       factKind = iota // how the run ends
	factWhere                     // in which step it fails
	factMessage                   // what a failure says
	factBreach                    // something that must not happen does, or no longer does
	factStep                      // how a step ends
	factResult                    // a field of what a step results in, which leads to nothing else
	factOperation                 // another operation is called
	factCalls                     // how often something is called
	factArg                       // an argument of a call
	factKey                       // the idempotency key that the definition gives a call
	factOutput                    // a field of the output
	factTime                      // how long the run takes
)

// fact is one difference between what two versions do in one world.
type fact struct {
	kind     factKind
	site     int    // of a call; -1: none
	path     string // a field, the name of a step, the cause of a breach
	old, new string // "": there is none
	times    [2]time.Duration
	bareOld  bool // the old code is that of the call that failed
	bareNew  bool
	follows  bool // from another one, or says the same: it is not told
}

// end is how a run ended, as far as it matters.
func (p *played) ending() string {
	if p.refused != "" {
		return "refused"
	}
	if p.code == "" {
		return p.end
	}
	return p.end + " " + p.code
}

// compare lists what the new version does otherwise than the old one.
func (pr *pair) compare(o, n *played) []fact {
	var out []fact
	if o.ending() != n.ending() {
		out = append(out, fact{kind: factEnd, site: -1, old: o.ending(), new: n.ending(), bareOld: o.bare, bareNew: n.bare})
	} else if o.refused == "" {
		if was := pr.step(o.where); was != n.where && o.bare == n.bare && !pr.sameSteps(o, n) {
			out = append(out, fact{kind: factWhere, site: -1, old: o.where, new: n.where})
		}
		if pr.inOtherWords(o.message) != n.message && o.said && n.said {
			out = append(out, fact{kind: factMessage, site: -1, path: n.code, old: o.message, new: n.message})
		}
	}
	out = append(out, pr.compareBreaches(o, n)...)
	out = append(out, pr.compareSteps(o, n)...)
	out = append(out, pr.compareCalls(o, n)...)
	if o.output != nil && n.output != nil {
		fields(o.output, n.output, "", func(path, was, is string) {
			was, is = known(secretAt(typeOf(pr.old.graph.Output), path) || secretAt(typeOf(pr.new.graph.Output), path), was, is)
			out = append(out, fact{kind: factOutput, site: -1, path: path, old: was, new: is})
		})
	}
	out = append(out, pr.compareResults(o, n, out)...)
	if was, is := o.took, n.took; pr.later(was, is) {
		out = append(out, fact{kind: factTime, site: -1, times: [2]time.Duration{was, is}})
	}
	return out
}

// inOtherWords is a message of the old version with the names that steps have now: that
// undos failed is told by their names.
func (pr *pair) inOtherWords(message string) string {
	for _, old := range slices.Sorted(maps.Keys(pr.renamed)) {
		message = strings.ReplaceAll(message, old+".undo", pr.renamed[old]+".undo")
	}
	return message
}

// later reports whether times differ by more than answers and jitter make up.
func (pr *pair) later(was, is time.Duration) bool {
	a, b := min(was, is), max(was, is)
	return b-a >= time.Second && float64(b-a) > 0.2*float64(b)
}

// sameSteps reports whether no step that both versions have ends in another way.
func (pr *pair) sameSteps(o, n *played) bool { return len(pr.compareSteps(o, n)) == 0 }

// compareBreaches compares what happened that must not.
func (pr *pair) compareBreaches(o, n *played) []fact {
	was, is := map[string]string{}, map[string]string{}
	for _, b := range o.breaks {
		was[pr.identity(true, b.kind, b.title, b.rule, b.place)] = b.title
	}
	for _, b := range n.breaks {
		is[pr.identity(false, b.kind, b.title, b.rule, b.place)] = b.title
	}
	var out []fact
	for _, id := range slices.Sorted(maps.Keys(was)) {
		if is[id] == "" {
			out = append(out, fact{kind: factBreach, site: -1, path: id, old: was[id]})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(is)) {
		if was[id] == "" {
			out = append(out, fact{kind: factBreach, site: -1, path: id, new: is[id]})
		}
	}
	return out
}

// compareSteps compares how steps ended that both versions have. That one was not run tells
// nothing but that the run ended before.
func (pr *pair) compareSteps(o, n *played) []fact {
	was, is := map[string][]string{}, map[string][]string{}
	var names []string
	for _, s := range n.steps {
		if _, ok := is[s.name]; !ok {
			names = append(names, s.name)
		}
		is[s.name] = append(is[s.name], string(s.ending))
	}
	for _, s := range o.steps {
		name := pr.step(s.name)
		was[name] = append(was[name], string(s.ending))
	}
	var out []fact
	for _, name := range names {
		if was[name] == nil {
			continue
		}
		a, b := summed(was[name]), summed(is[name])
		if a != b && !strings.Contains(a+b, "not_run") && !strings.Contains(a+b, "cancelled") {
			out = append(out, fact{kind: factStep, site: -1, path: name, old: a, new: b})
		}
	}
	return out
}

// compareResults compares what steps resulted in that ended alike. What arguments or the
// output differ in as well is told by these.
func (pr *pair) compareResults(o, n *played, told []fact) []fact {
	was := map[string][]endedStep{}
	for _, s := range o.steps {
		name := pr.step(s.name)
		was[name] = append(was[name], s)
	}
	var out []fact
	for _, s := range n.steps {
		if len(was[s.name]) == 0 {
			continue
		}
		before := was[s.name][0]
		was[s.name] = was[s.name][1:]
		if before.ending != s.ending || before.result == nil && s.result == nil {
			continue
		}
		fields(before.result, s.result, "", func(path, a, b string) {
			leads := func(f fact) bool { return f.old == a && f.new == b && f.kind != factEnd }
			follows := slices.ContainsFunc(told, leads) || slices.ContainsFunc(out, leads)
			a, b = known(secretAt(before.typ, path) || secretAt(s.typ, path), a, b)
			out = append(out, fact{kind: factResult, site: -1, path: strings.TrimSuffix(s.name+"."+path, "."), old: a, new: b, follows: follows})
		})
	}
	return out
}

// summed is "completed", "2 completed, 1 failed".
func summed(endings []string) string {
	count := map[string]int{}
	for _, e := range endings {
		count[e]++
	}
	if len(count) == 1 {
		return endings[0]
	}
	var parts []string
	for _, e := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, strconv.Itoa(count[e])+" "+e)
	}
	return strings.Join(parts, ", ")
}

// compareCalls compares what was asked for: how often, and with what.
func (pr *pair) compareCalls(o, n *played) []fact {
	var out []fact
	for i, s := range pr.sites {
		was, is := o.of(i), n.of(i)
		if s.other() && len(was) > 0 && len(is) > 0 {
			out = append(out, fact{kind: factOperation, site: i, old: s.old[0].Sig.Name(), new: s.new[0].Sig.Name()})
		}
		if a, b := counted(was), counted(is); a != b {
			out = append(out, fact{kind: factCalls, site: i, old: a, new: b})
		}
		if len(was) != len(is) || !s.both() {
			continue
		}
		byArgs(was)
		byArgs(is)
		for j := range was {
			fields(any(was[j].args), any(is[j].args), "", func(path, a, b string) {
				a, b = known(s.hides(path), a, b)
				f := fact{kind: factArg, site: i, path: path, old: a, new: b}
				if !slices.Contains(out, f) {
					out = append(out, f)
				}
			})
			if was[j].key != is[j].key {
				out = append(out, fact{kind: factKey, site: i, old: was[j].key, new: is[j].key})
				break
			}
		}
	}
	return out
}

// hides reports whether a field of the arguments is a secret of either version.
func (s *site) hides(path string) bool {
	return slices.ContainsFunc(append(slices.Clone(s.old), s.new...), func(c *graph.Call) bool {
		return secretAt(c.Sig.Input, path) || secretAt(typeOf(c.Args), path)
	})
}

// secretAt reports whether a part of a value is a secret, or has one in it.
func secretAt(t *value.Type, path string) bool {
	for _, name := range strings.Split(path, ".") {
		name, item, _ := strings.Cut(name, "[")
		switch {
		case t == nil:
			return false
		case t.Secret || t.Kind != value.Record:
			return t.HasSecret()
		case name != "":
			f := t.Field(name)
			if f == nil {
				return false
			}
			t = f.Type
		}
		if n := strings.Count(item, "]"); item != "" {
			for ; n > 0 && !t.Secret && t.Kind == value.List; n-- {
				t = t.Elem
			}
		}
	}
	return t.HasSecret()
}

func typeOf(p *expr.Program) *value.Type {
	if p == nil {
		return nil
	}
	return p.Type()
}

func hidden(s string) string {
	if s == "" {
		return ""
	}
	return value.Mask
}

// known is what may be shown of both values of a field.
func known(secret bool, was, is string) (string, string) {
	if secret {
		return hidden(was), hidden(is)
	}
	return was, is
}

// of lists the requests of a site.
func (p *played) of(site int) []called {
	var out []called
	for _, c := range p.calls {
		if c.site == site {
			out = append(out, c)
		}
	}
	return out
}

// byArgs orders requests: items of a loop may come in any order.
func byArgs(list []called) {
	if len(list) < 2 {
		return
	}
	slices.SortStableFunc(list, func(a, b called) int {
		return cmp.Compare(text(a.args), text(b.args))
	})
}

// counted is "", "1 attempt", "3 calls, 5 attempts".
func counted(list []called) string {
	attempts := 0
	for _, c := range list {
		attempts += c.attempts
	}
	switch {
	case len(list) == 0:
		return ""
	case len(list) == 1:
		return many(attempts, "attempt")
	case len(list) == attempts:
		return many(attempts, "call")
	}
	return many(len(list), "call") + ", " + many(attempts, "attempt")
}

func many(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// fields tells which parts of two values differ.
func fields(was, is any, path string, tell func(path, was, is string)) {
	a, ok1 := was.(map[string]any)
	b, ok2 := is.(map[string]any)
	if ok1 && ok2 {
		names := map[string]bool{}
		for k := range a {
			names[k] = true
		}
		for k := range b {
			names[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(names)) {
			at := strings.TrimPrefix(path+"."+k, ".")
			x, in1 := a[k]
			y, in2 := b[k]
			switch {
			case in1 && in2:
				fields(x, y, at, tell)
			case in1 && x != nil:
				tell(at, shown(x), "")
			case in2 && y != nil:
				tell(at, "", shown(y))
			}
		}
		return
	}
	c, ok1 := was.([]any)
	d, ok2 := is.([]any)
	if ok1 && ok2 && len(c) == len(d) {
		for i := range c {
			fields(c[i], d[i], path+"["+strconv.Itoa(i)+"]", tell)
		}
		return
	}
	if !vary.Same(was, is) {
		tell(path, shown(was), shown(is))
	}
}

// shown is a value, if it is not too long.
func shown(v any) string {
	s := text(v)
	if v == nil {
		s = "nil"
	}
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "…"
	}
	return s
}

// like reports whether a fact says the same as one of fewer faults: then it is no news.
func (f fact) like(o fact) bool {
	if f.kind != o.kind || f.site != o.site || f.path != o.path {
		return false
	}
	switch f.kind {
	case factTime:
		return f.longer() == o.longer()
	case factCalls:
		if (f.old == "") == (o.old == "") && (f.new == "") == (o.new == "") && (f.old == "" || f.new == "") {
			return true
		}
	case factBreach:
		return (f.old == "") == (o.old == "")
	case factArg, factOutput, factResult, factKey: // a field that is new or gone
		if f.old == "" && o.old == "" || f.new == "" && o.new == "" {
			return true
		}
	}
	return f.old == o.old && f.new == o.new
}

// about reports whether a fact is about the same as another one, with whatever values.
func (f fact) about(o fact) bool {
	switch f.kind {
	case factResult, factArg, factOutput, factKey:
		return f.kind == o.kind && f.site == o.site && f.path == o.path && (f.old == "") == (o.old == "") && (f.new == "") == (o.new == "")
	}
	return f.like(o)
}

// major reports whether a fact is about where a run goes.
func (f fact) major() bool {
	return f.kind == factEnd || f.kind == factCalls || f.kind == factStep || f.kind == factBreach || f.kind == factWhere
}

// longer reports whether a run takes longer than before.
func (f fact) longer() bool { return f.times[0] < f.times[1] }

func text(v any) string {
	b, _ := value.EncodeJSON(v, "")
	return string(b)
}
