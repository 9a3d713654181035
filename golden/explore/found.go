package explore

import (
	"slices"
	"strings"

	"wf/golden/invariant"
)

// DefaultChoices is how many choices [Compare] tries in each version to find out what must
// not happen in it.
const DefaultChoices = 50_000

// Demand is invariants by which [Compare] judges both versions, in sets of each file that has
// some. None means that none of them can be judged of that version.
type Demand struct {
	Old, New []*invariant.Set
	Gone     bool // the tests of the new version no longer say so
}

// Found is what must not happen, as far as one version does it and the other does not, or
// not as easily. Both were explored with the inputs that pairs of runs have.
type Found struct {
	Faults  int  // all runs of both were tried that have so many faults at once; -1: not even those without
	All     bool // all runs were, however many faults
	Choices int  // tried in both
	Wrong   []*Turned
	Mended  []*Turned
	Both    int // things that both versions do, as easily
}

// Turned is something that must not happen, and does in one version: in the new one if it
// is wrong, in the old one if it is mended.
type Turned struct {
	*Finding
	Other int  // how many faults it takes in the other version; -1: it does not happen there
	Gone  bool // an invariant that the tests of the new version no longer have
}

// identity of a finding, the same in both versions: steps of the old one have the names
// that they have now.
func (p *pair) identity(old bool, kind Kind, title, rule, place string) string {
	switch kind {
	case Invariant:
		if old {
			rule = p.renamed.Rule(rule)
		}
		return string(kind) + " " + title + " " + rule
	case Expression:
	default: // the title names the place
		title = ""
	}
	if place = anyItem(place); old {
		place = p.step(place)
	}
	return string(kind) + " " + title + " " + place
}

// cancelled ends the identity of what is wrong in a run that is cancelled: a rule that holds
// until then is another matter than one that holds never.
const cancelled = " cancelled"

// seen are the findings of a version, in the order in which they were found.
type seen struct {
	report *Report
	ids    []string
	by     map[string]*Finding
}

// tells reports whether all runs with one fault were tried.
func (s *seen) tells() bool { return s.report.All || s.report.Complete >= 1 }

// find explores both versions by all demands, and tells what one does and the other does
// not.
func (d *differ) find() {
	demands := d.opts.Demands
	if len(demands) == 0 {
		demands = []Demand{{}}
	}
	out := &Found{All: true, Faults: d.most()}
	d.told = map[string]bool{}
	for i, by := range demands {
		var was, is *seen
		for few := len(d.entries); ; few = (few + 3) / 4 { // fewer inputs are better than not one fault
			was = d.seek(d.old, by.Old, d.entries[:few], func(e *entry) *root { return e.old })
			if d.diff.Stopped {
				return
			}
			is = d.seek(d.new, by.New, d.entries[:few], func(e *entry) *root { return e.new })
			if d.diff.Stopped {
				return
			}
			if few <= 1 || d.most() == 0 || was.tells() && is.tells() {
				break
			}
		}
		out.add(was, is, i == 0, by.Gone, d.undoes)
		for _, s := range []*seen{was, is} {
			for _, id := range s.ids {
				d.told[strings.TrimSuffix(id, cancelled)] = true
			}
		}
	}
	d.diff.Found = out
}

// most is how many things at once go another way, at most.
func (d *differ) most() int {
	if d.opts.Faults < 0 {
		return 2
	}
	return d.opts.Faults
}

// seek explores one version, with the inputs of some pairs. If it takes no input, nothing is found.
func (d *differ) seek(v *version, rules []*invariant.Set, entries []*entry, of func(*entry) *root) *seen {
	opts := d.opts
	opts.Inputs, opts.Examples, opts.given, opts.apart = nil, false, true, true
	opts.Faults, opts.Limit = d.most(), max(1, d.opts.Choices/hard)
	opts.Attempts, opts.Items, opts.Crash, opts.Invariants = usualAttempts, usualItems, true, rules
	if opts.Progress != nil {
		opts.Progress = func(at Progress) {
			if at.Version = "old"; v == d.new {
				at.Version = "new"
			}
			d.opts.Progress(at)
		}
	}
	for _, e := range entries {
		if r := of(e); r != nil && !e.plain {
			opts.Inputs = append(opts.Inputs, Input{Value: any(r.input), Label: e.input.Label})
		}
	}
	out := &seen{report: &Report{All: true}, by: map[string]*Finding{}}
	if len(opts.Inputs) == 0 {
		return out
	}
	r, err := newSearch(v.graph, opts).run()
	if err != nil { // a run is too long: nothing is known
		out.report = &Report{Complete: -1, Cut: true}
		return out
	}
	d.diff.Stopped = d.diff.Stopped || r.Stopped
	out.report = r
	for _, f := range r.Findings {
		id := d.identity(v == d.old, f.Kind, f.Title, f.Rule, f.Place)
		if f.Cancelled {
			id += cancelled
		}
		if out.by[id] == nil {
			out.ids = append(out.ids, id)
			out.by[id] = f
		}
	}
	return out
}

// add adds what was found by one demand; what holds for every workflow is found by the first.
// undoes: whether the new version still has the undo that failed.
func (f *Found) add(was, is *seen, first, gone bool, undoes func(*Finding) bool) {
	for _, r := range []*Report{was.report, is.report} {
		f.Choices += r.Tried
		if !r.All {
			f.All = false
			f.Faults = min(f.Faults, r.Complete)
		}
	}
	turned := func(mine, other *seen) []*Turned {
		var out []*Turned
		for _, id := range mine.ids {
			this, that := mine.by[id], other.by[id]
			t := &Turned{Finding: this, Other: -1, Gone: gone}
			if that != nil {
				t.Other = that.Faults
			}
			switch {
			case !first && this.Kind != Invariant: // it was told
			case that != nil && that.Faults <= this.Faults:
			case !other.report.All && other.report.Complete < this.Faults: // nobody knows
			default:
				out = append(out, t)
			}
		}
		return once(out)
	}
	wrong, mended := turned(is, was), turned(was, is)
	mended = slices.DeleteFunc(mended, func(t *Turned) bool { return t.Kind == Left && !undoes(t.Finding) })
	if gone {
		mended = nil // nobody asks
	}
	both := map[string]bool{}
	for id := range is.by {
		if was.by[id] != nil && (first || is.by[id].Kind == Invariant) {
			both[strings.TrimSuffix(id, cancelled)] = true
		}
	}
	f.Both += len(both)
	mended = slices.DeleteFunc(mended, func(m *Turned) bool { // it is worse than before
		return slices.ContainsFunc(wrong, func(w *Turned) bool { return w.same(m) && w.Faults <= m.Faults })
	})
	moved(&wrong, &mended)
	f.Wrong, f.Mended = append(f.Wrong, wrong...), append(f.Mended, mended...)
}

// once leaves out what is wrong in a run that is cancelled if it takes no less without that,
// and the other way round.
func once(list []*Turned) []*Turned {
	return slices.DeleteFunc(slices.Clone(list), func(t *Turned) bool {
		return slices.ContainsFunc(list, func(o *Turned) bool {
			return o.same(t) && o.Cancelled != t.Cancelled && (o.Faults < t.Faults || o.Faults == t.Faults && t.Cancelled)
		})
	})
}

// same reports whether two findings are the same, but for whether the run is cancelled.
func (t *Turned) same(o *Turned) bool {
	return o.Kind == t.Kind && o.Title == t.Title && o.Rule == t.Rule && o.Place == t.Place
}

// undoes reports whether the new version has the undo that failed in the old one.
func (d *differ) undoes(f *Finding) bool {
	place := d.step(anyItem(f.Place))
	for _, at := range d.new.places {
		if at == place || strings.HasPrefix(at, place+".") {
			return true
		}
	}
	return false
}

// moved drops what is wrong in one place now, and was in another.
func moved(wrong, mended *[]*Turned) {
	same := func(a, b *Turned) bool {
		return a.Kind == b.Kind && a.Kind != Invariant && a.Kind != Left && a.Title == b.Title && a.Faults == b.Faults && a.Other < 0 && b.Other < 0
	}
	*wrong = slices.DeleteFunc(*wrong, func(w *Turned) bool {
		i := slices.IndexFunc(*mended, func(m *Turned) bool { return same(w, m) })
		if i < 0 {
			return false
		}
		*mended = slices.Delete(*mended, i, i+1)
		return true
	})
}

// untold leaves out of a pair of runs what exploring has found in either version: that is
// told there.
func (d *differ) untold(j *job) {
	j.facts = slices.DeleteFunc(j.facts, func(f fact) bool {
		return f.kind == factBreach && d.told[f.path]
	})
}
