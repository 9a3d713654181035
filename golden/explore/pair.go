package explore

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"wf/golden/vary"
	"wf/lang/effect"
	"wf/lang/graph"
	"wf/lang/token"
	"wf/lang/value"
)

// pair is two versions of a workflow in one world: what answers calls of the one answers
// those of the other.
type pair struct {
	old, new *version
	sites    []*site
	renamed  Renaming
}

// version is one of both.
type version struct {
	s      *search
	graph  *graph.Graph
	sites  map[*graph.Call]int
	places map[*graph.Call]string // in a run, with […] for the key of an item
	steps  map[*graph.Call]string // the step of the run, or block, that makes it
}

// site is a call of both versions, or of one. Calls of an operation that cannot be told
// apart are one site.
type site struct {
	name     string // "billing.create_profile", with its step where there are several
	op       string
	old, new []*graph.Call
}

// other reports whether another operation is called than before.
func (s *site) other() bool { return s.both() && s.old[0].Sig.Name() != s.new[0].Sig.Name() }

// both reports whether both versions make the call.
func (s *site) both() bool { return len(s.old) > 0 && len(s.new) > 0 }

func newVersion(g *graph.Graph, opts Options) *version {
	opts.pairs = true
	v := &version{s: newSearch(g, opts), graph: g, sites: map[*graph.Call]int{}, places: map[*graph.Call]string{}, steps: map[*graph.Call]string{}}
	for _, each := range append([]*graph.Graph{g}, g.Called()...) {
		before := ""
		if each != g {
			before = each.FullName() + ": "
		}
		for _, c := range effect.Calls(each) {
			v.places[c.Call] = before + c.Place
			v.steps[c.Call] = before + firstOf(c.Place)
		}
	}
	return v
}

// firstOf is the step of the run that a place is in.
func firstOf(place string) string {
	if i := strings.IndexAny(place, ".["); i >= 0 {
		return place[:i]
	}
	return place
}

// calls lists what a version can be answered, in source order; a wait for a signal as the
// world knows it.
func (v *version) calls() []*graph.Call {
	var out []*graph.Call
	for _, each := range append([]*graph.Graph{v.graph}, v.graph.Called()...) {
		each.EachCall(func(c *graph.Call) {
			if c.Runs == nil && !slices.Contains(out, c) {
				out = append(out, c)
			}
		})
	}
	return out
}

// newPair says which calls of both versions are the same one: those in the same place, even
// if another operation is called there that the other version does not call; of an operation
// that is left on both sides, all that are.
func newPair(old, new *graph.Graph, opts Options) *pair {
	if opts.changed {
		opts.focus = onlyOne(expressions(old), expressions(new))
	}
	p := &pair{old: newVersion(old, opts), new: newVersion(new, opts), renamed: Renaming{}}
	was, is := p.old.calls(), p.new.calls()
	drop := func(list []*graph.Call, c *graph.Call) []*graph.Call {
		return slices.DeleteFunc(list, func(o *graph.Call) bool { return o == c })
	}
	match := func(same func(o, n *graph.Call) bool) {
		for _, o := range slices.Clone(was) {
			if i := slices.IndexFunc(is, func(n *graph.Call) bool { return same(o, n) }); i >= 0 {
				p.sites = append(p.sites, &site{op: is[i].Sig.Name(), old: []*graph.Call{o}, new: []*graph.Call{is[i]}})
				was, is = drop(was, o), drop(is, is[i])
			}
		}
	}
	operation := func(o, n *graph.Call) bool { return o.Sig.Name() == n.Sig.Name() }
	match(func(o, n *graph.Call) bool { return operation(o, n) && p.old.places[o] == p.new.places[n] })
	match(func(o, n *graph.Call) bool {
		return operation(o, n) && p.old.steps[o] == p.new.steps[n] && argsOf(o) == argsOf(n)
	})
	match(func(o, n *graph.Call) bool { // another operation in its place
		elsewhere := func(list []*graph.Call, of *graph.Call) bool {
			return slices.ContainsFunc(list, func(c *graph.Call) bool { return operation(c, of) })
		}
		return p.old.places[o] == p.new.places[n] && !o.Sig.Signal && !n.Sig.Signal && !elsewhere(p.new.calls(), o) && !elsewhere(p.old.calls(), n)
	})
	byOp := map[string]*site{}
	add := func(c *graph.Call, to func(*site) *[]*graph.Call) {
		op := c.Sig.Name()
		if byOp[op] == nil {
			byOp[op] = &site{op: op}
			p.sites = append(p.sites, byOp[op])
		}
		list := to(byOp[op])
		*list = append(*list, c)
	}
	for _, c := range was {
		add(c, func(s *site) *[]*graph.Call { return &s.old })
	}
	for _, c := range is {
		add(c, func(s *site) *[]*graph.Call { return &s.new })
	}
	p.order()
	p.name()
	p.rename()
	p.answers()
	return p
}

func argsOf(c *graph.Call) string {
	if c.Args == nil {
		return ""
	}
	return c.Args.String()
}

// order puts sites in the order of the new version; those it lacks behind the one that
// they follow in the old one.
func (p *pair) order() {
	at := map[*graph.Call]float64{}
	for i, c := range p.new.calls() {
		at[c] = float64(i)
	}
	rank := map[*site]float64{}
	last := -1.0
	before := map[*graph.Call]*site{}
	for _, s := range p.sites {
		for _, c := range s.old {
			before[c] = s
		}
		if len(s.new) > 0 {
			rank[s] = at[s.new[0]]
		}
	}
	for i, c := range p.old.calls() {
		s := before[c]
		if _, ok := rank[s]; !ok {
			rank[s] = last + float64(i+1)/1e6
			continue
		}
		last = rank[s]
	}
	slices.SortStableFunc(p.sites, func(a, b *site) int { return cmp.Compare(rank[a], rank[b]) })
	for i, s := range p.sites {
		for _, c := range s.old {
			p.old.sites[c] = i
		}
		for _, c := range s.new {
			p.new.sites[c] = i
		}
	}
}

// name names the sites: by the operation, if that is enough.
func (p *pair) name() {
	times := map[string]int{}
	for _, s := range p.sites {
		times[s.op]++
	}
	for _, s := range p.sites {
		if s.name = s.op; times[s.op] == 1 {
			continue
		}
		if len(s.new) > 0 {
			s.name += " (" + p.new.places[s.new[0]] + ")"
		} else {
			s.name += " (" + p.old.places[s.old[0]] + ")"
		}
	}
}

// rename finds steps with another name: all calls of one are those of the other.
func (p *pair) rename() {
	names := func(g *graph.Graph) map[string]bool {
		out := map[string]bool{}
		for _, s := range g.Steps {
			out[s.Name] = true
		}
		return out
	}
	was, is := names(p.old.graph), names(p.new.graph)
	to, from := map[string][]string{}, map[string][]string{}
	note := func(m map[string][]string, k, v string) {
		if !slices.Contains(m[k], v) {
			m[k] = append(m[k], v)
		}
	}
	for _, s := range p.sites {
		if s.other() {
			p.renamed[s.old[0].Sig.Name()] = s.new[0].Sig.Name()
		}
		for _, o := range s.old {
			for _, n := range s.new {
				note(to, p.old.steps[o], p.new.steps[n])
				note(from, p.new.steps[n], p.old.steps[o])
			}
		}
	}
	for _, o := range slices.Sorted(maps.Keys(to)) {
		n := to[o]
		if len(n) == 1 && len(from[n[0]]) == 1 && was[o] && is[n[0]] && !is[o] && !was[n[0]] {
			p.renamed[o] = n[0]
		}
	}
}

// Renaming says which steps of the old version have another name in the new one, because the
// calls of both are the same, and which operations another one stands for.
type Renaming map[string]string

// Renamed finds steps and operations with another name.
func Renamed(old, new *graph.Graph) Renaming { return newPair(old, new, Options{}).renamed }

// Rule is a rule of an invariant with the names that steps and operations have now.
func (r Renaming) Rule(text string) string {
	tokens, _, _ := token.Scan("", text)
	var b strings.Builder
	at := 0
	for i, t := range tokens {
		if t.Kind != token.Ident || strings.HasSuffix(text[:t.Start], ".") {
			continue
		}
		end := t.End
		if i+2 < len(tokens) && text[tokens[i+1].Start:tokens[i+1].End] == "." { // of an operation
			end = tokens[i+2].End
		}
		for _, end := range []int{end, t.End} {
			if to, ok := r[text[t.Start:end]]; ok && at <= t.Start {
				b.WriteString(text[at:t.Start] + to)
				at = end
			}
		}
	}
	return b.String() + text[at:]
}

// step is the name of a step of the old version in the new one.
func (p *pair) step(name string) string {
	first := firstOf(name)
	if to, ok := p.renamed[first]; ok {
		return to + name[len(first):]
	}
	return name
}

// answers gives the calls of a site one menu: what either version tells apart.
func (p *pair) answers() {
	was, is := p.old.s.menus, p.new.s.menus
	times1, counts1 := bounds(p.old.graph)
	times2, counts2 := bounds(p.new.graph)
	times, counts := onlyOne(times1, times2), onlyOne(counts1, counts2)
	sized := func(l looks) looks {
		for path := range l {
			for _, n := range counts {
				l[path] = append(l[path], size(n+1))
			}
		}
		return l
	}
	for _, f := range p.old.graph.Input.Fields {
		if o := p.new.graph.Input.Field(f.Name); o != nil && o.HasDef && f.HasDef && !vary.Same(o.Default, f.Default) {
			note(at(was.looks.input, p.old.graph), []string{f.Name}, []any{first{}})
		}
	}
	sized(unite(at(was.looks.input, p.old.graph), at(is.looks.input, p.new.graph)))
	unite(at(is.looks.input, p.new.graph), at(was.looks.input, p.old.graph))
	for _, s := range p.sites {
		var all looks
		for _, c := range s.old {
			all = unite(all, at(was.looks.of, c))
		}
		for _, c := range s.new {
			all = unite(all, at(is.looks.of, c))
		}
		all = sized(all)
		var patterns []value.Pattern
		for _, c := range append(slices.Clone(s.old), s.new...) {
			for _, p := range vary.Patterns(c.Sig) {
				if !slices.Contains(patterns, p) {
					patterns = append(patterns, p)
				}
			}
		}
		way := func(of value.Pattern) string {
			var b strings.Builder
			for _, c := range s.old {
				b.WriteString(was.way(c, of) + "\n")
			}
			for _, c := range s.new {
				b.WriteString(is.way(c, of) + "\n")
			}
			return b.String()
		}
		var list []*menu
		make := func(m *menus, calls []*graph.Call) {
			for _, c := range calls {
				m.looks.of[c] = unite(m.looks.of[c], all)
				if !c.Sig.Signal {
					m.calls[c] = m.menu(c, patterns, way)
				} else {
					m.calls[c] = &menu{all: m.payloads(c)}
				}
				if of := m.calls[c]; len(of.all) > 0 {
					of.all = append(of.all, late(of.all[0], times)...)
				}
				list = append(list, m.calls[c])
			}
		}
		make(was, s.old)
		make(is, s.new)
		align(s, list)
	}
}

// unite joins what conditions look at; both have it then.
func unite(a, b looks) looks {
	if a == nil {
		a = looks{}
	}
	for path, literals := range b {
		note(a, strings.Split(path, "."), literals)
	}
	if b != nil {
		for path, literals := range a {
			note(b, strings.Split(path, "."), literals)
		}
	}
	return a
}

// align lets all menus have all labels. What the service of one version does not declare
// is answered as that of the other does.
func align(s *site, list []*menu) {
	calls := append(slices.Clone(s.old), s.new...)
	for i, m := range list {
		for j, other := range list {
			for _, a := range other.all {
				k := slices.IndexFunc(m.all, func(o alternative) bool { return o.label == a.label })
				if k < 0 {
					m.all = append(m.all, a)
					continue
				}
				if _, ok := calls[i].Sig.Body(a.status, a.class); i != j && !ok && m.all[k].typ == nil {
					m.all[k].typ, m.all[k].body, m.all[k].other = a.typ, a.body, a.other
				}
			}
		}
	}
}

// labels are the ways a call of a site can go, but for that all is well.
func (p *pair) labels(i int) []alternative {
	s := p.sites[i]
	if len(s.new) > 0 {
		return p.new.s.menus.calls[s.new[0]].all
	}
	return p.old.s.menus.calls[s.old[0]].all
}
