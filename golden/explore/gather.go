package explore

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// gather makes of all that differs the changes that a person wants to know of.
func (d *differ) gather() {
	slices.SortStableFunc(d.all, func(a, b *job) int { return cmp.Compare(len(a.script), len(b.script)) })
	groups := map[string][]*job{}
	var order []string
	for _, j := range d.all {
		d.untold(j)
	}
	for _, j := range d.all {
		if len(j.facts) == 0 {
			continue
		}
		d.diff.Differ++
		if j.news = d.news(j); d.entries[j.entry].plain {
			j.news = d.unseen(j)
		}
		if !slices.ContainsFunc(j.news, func(f fact) bool { return !f.follows }) {
			d.diff.Left++
			continue
		}
		k := d.groupKey(j)
		for _, known := range order { // less of what another input shows
			if first := groups[known][0]; groups[k] == nil && len(j.script)+len(first.script) == 0 && first.shows(j) {
				k = known
			}
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], j)
	}
	came := make([]bool, len(d.sites))
	for _, j := range d.all {
		for _, s := range append(slices.Clone(j.oldAt), j.newAt...) {
			came[s.site] = true
		}
	}
	for i, s := range d.sites {
		if !came[i] && d.diff.Faults >= 0 {
			d.diff.Missed = append(d.diff.Missed, s.name)
		}
	}
	d.came = map[string]map[int]bool{}
	for _, j := range d.all {
		if len(j.oldAt)+len(j.newAt) == 0 || d.entries[j.entry].plain {
			continue // it ended at once, or shows what no other input does
		}
		k := j.script.sites()
		if d.came[k] == nil {
			d.came[k] = map[int]bool{}
		}
		d.came[k][j.entry] = true
	}
	for _, k := range order {
		var same []*Change
		for _, jobs := range d.bySites(groups[k]) {
			same = merged(same, d.change(jobs))
		}
		d.diff.Changes = append(d.diff.Changes, same...)
	}
	slices.SortStableFunc(d.diff.Changes, func(a, b *Change) int {
		return cmp.Or(cmp.Compare(len(a.When), len(b.When)), cmp.Compare(a.first, b.first))
	})
}

// shows reports whether a pair of runs differs in all that another one does, whatever the values are.
func (j *job) shows(other *job) bool {
	return !slices.ContainsFunc(other.news, func(f fact) bool { return !f.follows && !slices.ContainsFunc(j.news, f.about) })
}

// less lists the pairs of runs with a part of the turns, those with none first.
func (d *differ) less(j *job) []*job {
	var out []*job
	n := len(j.script)
	for set := range 1<<n - 1 {
		var sc script
		for i, t := range j.script {
			if set&(1<<i) != 0 {
				sc = append(sc, t)
			}
		}
		if k := d.known[jobKey(j.entry, sc)]; k != nil && k.digest != "" {
			out = append(out, k)
		}
	}
	return out
}

// news is what of a pair of runs is not said by those with fewer turns, or with trouble that
// does not last as long. Once a run goes another way, what comes later differs as a matter
// of course.
func (d *differ) news(j *job) []fact {
	if len(j.script) == 1 && j.script[0].deed == cancels && !d.sites[j.script[0].site].both() {
		return nil // what is cancelled there ends, as it does everywhere
	}
	news := slices.Clone(j.facts)
	for _, k := range d.less(j) {
		if len(k.script) > 0 && slices.ContainsFunc(k.news, fact.major) {
			return nil
		}
		if slices.ContainsFunc(k.facts, func(f fact) bool { return f.kind == factEnd && len(k.script) == 0 && stops(f) }) {
			return nil
		}
		news = slices.DeleteFunc(news, func(f fact) bool { return slices.ContainsFunc(k.facts, f.like) })
	}
	if mine, _ := d.principal(j); len(mine) > 1 && !slices.ContainsFunc(news, func(f fact) bool { return f.kind != factTime }) {
		return nil
	}
	if len(news) == 0 || slices.ContainsFunc(news, func(f fact) bool { return f.kind == factEnd }) {
		return news
	}
	for i, t := range j.script {
		if t.deed != nothing || t.times == 1 {
			continue
		}
		for _, times := range []int{1, d.timesOf(j, i)} {
			short := t
			short.times, short.items = times, false
			k := d.known[jobKey(j.entry, j.script.without(i).with(short))]
			if k == nil || times == 0 || k == j {
				continue
			}
			if slices.ContainsFunc(k.facts, func(f fact) bool { return f.kind == factEnd }) {
				return nil
			}
			news = slices.DeleteFunc(news, func(f fact) bool { return slices.ContainsFunc(k.facts, f.like) })
		}
	}
	return news
}

// timesOf is how many attempts one version makes less than the other, when a turn lasts.
func (d *differ) timesOf(j *job, i int) int {
	a, _ := attemptsAt(j.oldAt, j.script[i].site)
	b, _ := attemptsAt(j.newAt, j.script[i].site)
	return min(a, b)
}

// stops reports whether runs of one version end where those of the other go on.
func stops(f fact) bool {
	bad := func(s string) bool {
		return strings.HasPrefix(s, "failed") || strings.HasPrefix(s, "compensated") || strings.HasPrefix(s, "refused") || strings.HasPrefix(s, "stuck")
	}
	return bad(f.old) || bad(f.new)
}

// unseen is what of a pair of runs with a plain input no other input shows.
func (d *differ) unseen(j *job) []fact {
	return slices.DeleteFunc(j.news, func(f fact) bool {
		return slices.ContainsFunc(d.all, func(k *job) bool {
			return len(k.script) <= len(j.script) && !d.entries[k.entry].plain && slices.ContainsFunc(k.facts, f.about)
		})
	})
}

// groupKey is the same for pairs that differ in the same way: it does not matter by which
// call, and by which of its outcomes.
func (d *differ) groupKey(j *job) string {
	var b strings.Builder
	if d.entries[j.entry].plain {
		b.WriteString("plain ")
	}
	mine, ahead := d.principal(j)
	for _, t := range mine {
		how := d.how(j, t)
		if how == Passes { // it stays as it is
			how = Always
		}
		fmt.Fprint(&b, how, t.deed, " ")
		if how == Times {
			fmt.Fprint(&b, t.times, " ")
		}
	}
	ends := false
	for _, f := range j.news {
		ends = ends || f.kind == factEnd
	}
	site := func(n int) string {
		for i, t := range mine {
			if t.site == n {
				return "$" + strconv.Itoa(i)
			}
		}
		for _, t := range ahead {
			if t.site == n {
				return "$"
			}
		}
		return strconv.Itoa(n)
	}
	step := func(name string) string {
		for i, t := range mine {
			s := d.sites[t.site]
			if len(s.new) > 0 && d.new.steps[s.new[0]] == firstOf(name) {
				return "$" + strconv.Itoa(i)
			}
		}
		return name
	}
	var parts []string
	for _, f := range j.news {
		if f.follows || ends && f.kind != factEnd && f.kind != factBreach {
			continue
		}
		part := fmt.Sprint(f.kind, " ")
		switch f.kind {
		case factEnd:
			part += starred(f.old, f.bareOld) + " " + starred(f.new, f.bareNew)
		case factWhere:
			part += step(f.old) + " " + step(f.new)
		case factMessage:
			part += starred(f.path, f.bareNew)
		case factBreach:
			part += f.path + strconv.FormatBool(f.old == "")
		case factStep:
			part += step(f.path) + " " + f.old + " " + f.new
		case factResult:
			part += f.path
		case factCalls, factOperation:
			part += site(f.site) + " " + f.old + " " + f.new
		case factArg, factKey, factOutput:
			part += site(f.site) + " " + f.path
		case factTime:
			part += strconv.FormatBool(f.longer())
		}
		parts = append(parts, part)
	}
	b.WriteString(strings.Join(parts, "; "))
	return b.String()
}

// starred leaves the code away that is that of the outcome.
func starred(end string, bare bool) string {
	if i := strings.LastIndexByte(end, ' '); bare && i >= 0 {
		return end[:i] + " *"
	}
	return end
}

// how says how long the trouble of a turn lasts.
func (d *differ) how(j *job, t turn) How {
	switch {
	case t.deed == overtakes:
		return First
	case t.deed != nothing:
		return Around
	case t.items:
		return AllItems
	case t.times == 0:
		return Always
	case t.times > 1:
		return Times
	}
	to := t
	to.times = 0
	if d.known[jobKey(j.entry, j.script.without(slices.Index(j.script, t)).with(to))] != nil {
		return Once
	}
	return Passes
}

// sites names the sites of a script.
func (sc script) sites() string {
	var b strings.Builder
	for _, t := range sc {
		b.WriteString(strconv.Itoa(t.site) + " ")
	}
	return b.String()
}

// groupSites names the sites of a pair, those that lead to others apart.
func (d *differ) groupSites(j *job) string {
	mine, ahead := d.principal(j)
	return mine.sites() + "after " + ahead.sites()
}

// bySites divides pairs by the sites of their turns. Where a site is reached without others
// leading there, it does not matter that these also do.
func (d *differ) bySites(jobs []*job) [][]*job {
	var out [][]*job
	at, straight := map[string]int{}, map[string]string{}
	for _, j := range jobs {
		if mine, ahead := d.principal(j); len(ahead) == 0 {
			straight[mine.sites()] = d.groupSites(j)
		}
	}
	for _, j := range jobs {
		k := d.groupSites(j)
		if mine, _ := d.principal(j); straight[mine.sites()] != "" {
			k = straight[mine.sites()]
		}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], j)
	}
	return out
}

// principal divides the turns of a pair: ahead are those without which the calls of the
// others are not reached.
func (d *differ) principal(j *job) (mine, ahead script) {
	for i, t := range j.script {
		k := d.known[jobKey(j.entry, j.script.without(i))]
		if k == nil { // nobody came by there to try it
			k = d.known[jobKey(j.entry, nil)]
		}
		leads := slices.ContainsFunc(j.script, func(o turn) bool {
			a, _ := attemptsAt(k.oldAt, o.site)
			b, _ := attemptsAt(k.newAt, o.site)
			return o != t && o.deed != sends && a+b == 0
		})
		if leads {
			ahead = append(ahead, t)
		} else {
			mine = append(mine, t)
		}
	}
	if len(mine) == 0 {
		return j.script, nil
	}
	return mine, ahead
}

// change tells what pairs have in common that differ in the same way at the same sites.
func (d *differ) change(jobs []*job) *Change {
	j := jobs[0]
	c := &Change{Runs: len(jobs)}
	mine, ahead := d.principal(j)
	c.first = len(d.sites)
	for _, t := range mine {
		how := d.how(j, t)
		for _, o := range jobs {
			for _, u := range o.script {
				if u.site == t.site && u.deed == t.deed && d.how(o, u) == Always {
					how = Always
				}
			}
		}
		c.When = append(c.When, When{Calls: []string{d.sites[t.site].name}, How: how, Times: t.times})
		c.first = min(c.first, t.site)
	}
	entries := map[int]bool{}
	paths := make([][]string, len(ahead))
	for _, j := range jobs {
		entries[j.entry] = true
		mine, ahead := d.principal(j)
		for i, t := range mine {
			for _, way := range d.waysOf(t) {
				c.When[i].Ways = unique(c.When[i].Ways, way)
			}
		}
		for i, t := range ahead[:min(len(ahead), len(paths))] {
			for _, way := range d.waysOf(t) {
				paths[i] = unique(paths[i], way)
			}
		}
		ends := slices.ContainsFunc(j.news, func(f fact) bool { return f.kind == factEnd })
		for _, f := range j.news {
			d.tell(c, f, ends, mine)
		}
	}
	for i, t := range ahead {
		c.When[0].Calls[0] += " after " + d.sites[t.site].name + " " + listed(paths[i], "or")
	}
	all := !d.entries[j.entry].plain
	for i := range d.came[j.script.sites()] {
		all = all && entries[i]
	}
	if !all {
		c.Inputs = nil
		for i, e := range d.entries {
			if entries[i] {
				c.Inputs = append(c.Inputs, e.input.Label)
			}
		}
	}
	e := d.entries[j.entry]
	c.Input = e.input
	tell := func(v *version, r *root) []Line {
		if r == nil {
			return nil
		}
		st := &story{}
		v.play(r, j.script, st)
		return st.lines
	}
	c.OldStory, c.NewStory = tell(d.old, e.old), tell(d.new, e.new)
	return c
}

func unique(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// tell adds a fact to a change.
func (d *differ) tell(c *Change, f fact, ends bool, mine script) {
	ofTurn := func(site int) bool { return slices.ContainsFunc(mine, func(t turn) bool { return t.site == site }) }
	add := func(kind, what, old, new string) {
		i := slices.IndexFunc(c.Facts, func(o Fact) bool { return o.Kind == kind && o.What == what })
		if i < 0 {
			i = len(c.Facts)
			c.Facts = append(c.Facts, Fact{Kind: kind, What: what})
		}
		c.Facts[i].Old, c.Facts[i].New = unique(c.Facts[i].Old, old), unique(c.Facts[i].New, new)
	}
	site := func() string { return d.sites[f.site].name }
	switch f.kind {
	case factEnd:
		c.Old, c.New = unique(c.Old, f.old), unique(c.New, f.new)
	case factWhere:
		add("place", "", f.old, f.new)
	case factMessage:
		add("message", f.path, f.old, f.new)
	case factBreach:
		add("finding", "", f.old, f.new)
	case factStep:
		if !ends {
			add("step", f.path, f.old, f.new)
		}
	case factResult:
		if !ends && !f.follows {
			add("result", f.path, f.old, f.new)
		}
	case factOperation:
		add("operation", "", f.old, f.new)
	case factCalls:
		switch {
		case ofTurn(f.site) && f.old != "" && f.new != "":
			if len(mine) == 1 {
				add("attempts", "", f.old, f.new)
			} else {
				add("attempts", site(), f.old, f.new)
			}
		case ends && f.old == "":
			c.Called = unique(c.Called, site())
		case ends && f.new == "":
			c.Dropped = unique(c.Dropped, site())
		default:
			add("calls", site(), f.old, f.new)
		}
	case factArg:
		add("argument", site()+": "+f.path, f.old, f.new)
	case factKey:
		add("key", site(), f.old, f.new)
	case factOutput:
		add("output", f.path, f.old, f.new)
	case factTime:
		if !ends {
			i := slices.IndexFunc(c.Facts, func(o Fact) bool { return o.Kind == "time" })
			if i < 0 {
				i = len(c.Facts)
				c.Facts = append(c.Facts, Fact{Kind: "time", Times: [2][2]time.Duration{{f.times[0], f.times[0]}, {f.times[1], f.times[1]}}})
			}
			c.Facts[i].span(f.times[0], f.times[0], f.times[1], f.times[1])
		}
	}
}

// merged adds a change to others of the same kind: to one that differs from it by nothing
// but one call.
func merged(list []*Change, c *Change) []*Change {
	for _, o := range list {
		differ := -1
		for i := range c.When {
			a, b := o.When[i], c.When[i]
			if !slices.Equal(a.Ways, b.Ways) {
				differ = -2
				break
			}
			if !slices.Equal(a.Calls, b.Calls) {
				if differ != -1 {
					differ = -2
					break
				}
				differ = i
			}
		}
		if differ < 0 || !slices.Equal(o.Inputs, c.Inputs) {
			continue
		}
		o.When[differ].Calls = append(o.When[differ].Calls, c.When[differ].Calls...)
		o.Runs += c.Runs
		join := func(to *[]string, from []string) {
			for _, s := range from {
				*to = unique(*to, s)
			}
		}
		join(&o.Old, c.Old)
		join(&o.New, c.New)
		join(&o.Called, c.Called)
		join(&o.Dropped, c.Dropped)
		for _, f := range c.Facts {
			i := slices.IndexFunc(o.Facts, func(k Fact) bool { return k.Kind == f.Kind && k.What == f.What })
			if i < 0 {
				o.Facts = append(o.Facts, f)
				continue
			}
			if f.Kind == "time" {
				o.Facts[i].span(f.Times[0][0], f.Times[0][1], f.Times[1][0], f.Times[1][1])
			}
			join(&o.Facts[i].Old, f.Old)
			join(&o.Facts[i].New, f.New)
		}
		return list
	}
	return append(list, c)
}

// waysOf is an outcome with those that go the same way.
func (d *differ) waysOf(t turn) []string {
	for _, a := range d.labels(t.site) {
		if a.label != t.label {
			continue
		}
		label := a.label
		if i := strings.Index(label, asHeard); i >= 0 {
			if label = label[:i]; !a.fault { // one refusal is as good as another
				label = "another " + label
			}
		}
		return append([]string{inList(label)}, a.also...)
	}
	if strings.HasPrefix(t.label, "no signal ") {
		return []string{"never comes"}
	}
	if i := strings.Index(t.label, " comes "); i >= 0 && strings.HasPrefix(t.label, "signal ") {
		return []string{t.label[i+1:]}
	}
	return []string{inList(t.label)}
}

// inList is how a label reads among others.
func inList(l string) string {
	if a, b, ok := strings.Cut(l, ", "); ok {
		return a + " (" + b + ")"
	}
	return l
}

// span widens the times of a fact.
func (f *Fact) span(oldMin, oldMax, newMin, newMax time.Duration) {
	f.Times[0] = [2]time.Duration{min(f.Times[0][0], oldMin), max(f.Times[0][1], oldMax)}
	f.Times[1] = [2]time.Duration{min(f.Times[1][0], newMin), max(f.Times[1][1], newMax)}
}
