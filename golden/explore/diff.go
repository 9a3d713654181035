package explore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"wf/golden/vary"
	"wf/lang/graph"
	"wf/lang/value"
)

// DefaultPairs is how many pairs of runs [Compare] makes.
const DefaultPairs = 20_000

// Diff is what two versions of a workflow do otherwise.
type Diff struct {
	Workflow string   // the name of the new version
	Was      string   // the name of the old one
	Same     bool     // the definitions mean the same to the last word
	Declared []string // what is declared otherwise: input, signals, outcomes of services, who waits for whom
	Found    *Found   // what must not happen; nil: nobody looked
	Changes  []*Change
	Inputs   []Input  // that both versions were run with
	Plain    int      // other inputs, with which all went well
	Faults   int      // all runs were compared in which so many things do not go well
	Some     int      // inputs with which one more was tried; 0: none, or all
	Missed   []string // calls that no run came by: what is otherwise there is not known
	Cut      bool     // the limit was reached
	Stopped  bool     // Options.Stop ended it
	Runs     int      // pairs that were compared
	Differ   int      // of these, pairs that differ
	Left     int      // of these, pairs that differ because others with fewer faults do
}

// Changed reports whether the versions behave differently.
func (d *Diff) Changed() bool {
	return len(d.Changes) > 0 || len(d.Declared) > 0 || d.Found != nil && len(d.Found.Wrong)+len(d.Found.Mended) > 0
}

// Change is one change of behaviour, in all the cases in which it shows.
type Change struct {
	When     []When   // what goes another way than well, all of it; empty: nothing does
	Inputs   []string // with which inputs; nil: with all that come by there
	Old, New []string // how runs ended and end; nil: as before
	Facts    []Fact
	Called   []string // if runs end otherwise: what is called now
	Dropped  []string // and what is not any more
	Runs     int      // in which it shows

	Input    Input // of one of these
	OldStory []Line
	NewStory []Line

	first int // site
}

// When is something that goes another way than well: calls, and in which ways each goes.
type When struct {
	Calls []string
	Ways  []string // "503"
	How   How
	Times int // for Times
}

// How says how long a call goes another way than well.
type How string

// Ways in which trouble lasts.
const (
	Once     How = "once"     // the first attempt
	Times    How = "times"    // so many attempts
	Always   How = "always"   // every attempt
	AllItems How = "all"      // every attempt of every item
	Around   How = "meantime" // it is no answer, but happens while the call is under way
	First    How = "first"    // its answer comes before what else falls on the same moment
	Passes   How = ""         // nobody tries it again
)

// Fact is something that is otherwise.
type Fact struct {
	Kind     string              // "step", "result", "operation", "calls", "attempts", "argument", "key", "output", "time", "message", "finding", "place"
	What     string              // of what: a call, a step, a field
	Old, New []string            // examples; nil: there is none
	Times    [2][2]time.Duration // for "time": the shortest and the longest run before, and now
}

// entry is an input for both versions.
type entry struct {
	input    Input
	old, new *root // nil: it is refused
	why      [2]string
	plain    bool // all goes well with it
	looked   bool // plain, and a condition reads what is special about it: calls may answer well in other ways
}

// job is a pair of runs.
type job struct {
	entry  int
	script script
	fresh  turn // of script, the one that was added last
	parent *job
	facts  []fact
	news   []fact // of these, what is not known from fewer turns
	digest string
	oldAt  []reachedSite
	newAt  []reachedSite
	tied   []int // sites that come behind something of the same moment, in either version
	apart  *Pair // for differ.enough; nil: a test sees no difference
}

// differ compares two versions.
type differ struct {
	*pair
	opts    Options
	entries []*entry
	known   map[string]*job
	alike   map[string]bool // labels of sites that need not be tried again
	settled map[string]bool // sites of which that is known
	all     []*job
	came    map[string]map[int]bool // inputs with which sites were tried
	told    map[string]bool         // what exploring has found in either version
	diff    *Diff

	enough func(*Pair) bool // of [Apart]: shown what a test can tell apart; nil: nobody looks
}

// Compare runs two versions of a workflow in the same worlds, and says what they do
// otherwise. It is the same however many workers there are.
func Compare(old, new *graph.Graph, opts Options) (*Diff, error) {
	d := newDiffer(old, new, opts)
	if err := d.begin(); err != nil {
		return nil, err
	}
	d.declared()
	if opts.Choices > 0 && !d.diff.Same {
		d.find()
	}
	if !d.diff.Stopped {
		d.levels()
	}
	d.gather()
	return d.diff, nil
}

func newDiffer(old, new *graph.Graph, opts Options) *differ {
	if opts.Limit == 0 {
		opts.Limit = DefaultPairs
	}
	if opts.Workers == 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	opts.Attempts, opts.Items = 1<<30, 1<<30
	opts.Crash = true
	return &differ{pair: newPair(old, new, opts), opts: opts, known: map[string]*job{}, alike: map[string]bool{}, settled: map[string]bool{},
		diff: &Diff{Workflow: new.FullName(), Was: old.FullName(), Same: equal(old, new), Faults: -1}}
}

func equal(a, b *graph.Graph) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// begin makes the entries: inputs with which either version goes a way of its own.
func (d *differ) begin() error {
	add := func(in Input, plain, looked bool) {
		if slices.ContainsFunc(d.entries, func(e *entry) bool { return vary.Same(e.input.Value, in.Value) }) {
			return
		}
		e := &entry{input: in, plain: plain, looked: looked}
		e.old, e.why[0] = enter(d.old, in)
		e.new, e.why[1] = enter(d.new, in)
		switch {
		case e.old == nil && e.new == nil:
			return
		case plain:
			d.diff.Plain++
		default:
			d.diff.Inputs = append(d.diff.Inputs, in)
		}
		d.entries = append(d.entries, e)
	}
	var failed error
	for _, v := range []*version{d.new, d.old} {
		if err := v.s.begin(); err != nil {
			failed = err
			continue
		}
		for _, r := range v.s.roots {
			add(r.Input, false, false)
		}
	}
	if len(d.entries) == 0 {
		return failed
	}
	d.agree()
	d.others(add)
	return nil
}

// agree lets all be well in both versions in the same way.
func (d *differ) agree() {
	for _, s := range d.sites {
		if !s.both() {
			continue
		}
		label := d.old.s.menus.calls[s.old[0]].all[0].label
		for _, c := range s.new {
			all := d.new.s.menus.calls[c].all
			if i := slices.IndexFunc(all, func(a alternative) bool { return a.label == label }); i > 0 {
				all[0], all[i] = all[i], all[0]
			}
		}
	}
}

// Bounds of the inputs with which all goes well.
const (
	maxBases = 4   // inputs that are varied
	maxPlain = 200 // that come of it
)

// others adds further inputs: they lead nowhere else when all goes well, and still other
// things may be made of them. These are inputs that differ from one that is there in what a
// condition reads, those that the tests begin with, and inputs that differ in any other field.
func (d *differ) others(add func(in Input, plain, looked bool)) {
	bases := d.entries[:min(len(d.entries), maxBases)]
	each := func(do func(v *version, base any)) {
		if !d.opts.Examples {
			return
		}
		for _, v := range []*version{d.new, d.old} {
			for _, e := range bases {
				do(v, fitting(v.graph.Input, fresh(e.input.Value)))
			}
		}
	}
	each(func(v *version, base any) {
		for _, c := range v.s.menus.looks.input[v.graph].variants(v.graph.Input, base) {
			add(Input{Value: c.value, Label: c.label}, true, true)
		}
	})
	for _, in := range d.opts.Inputs {
		add(in, true, false)
	}
	each(func(v *version, base any) {
		pool, idents := vary.PoolOf(v.graph)
		of := vary.Varier{Pool: pool, Idents: idents}
		for _, c := range of.Vary(v.graph.Input, base, "") {
			if d.diff.Plain < maxPlain {
				add(Input{Value: c.Value, Label: c.Label}, true, false)
			}
		}
	})
}

// enter is where a version begins with an input: fields that it does not know are left
// out, and such that it wants beside are made up. If it is refused all the same, why says so.
func enter(v *version, in Input) (r *root, why string) {
	given := fitting(v.graph.Input, fresh(in.Value))
	r, violations := newRoot(v.graph, in, given)
	if r == nil {
		return nil, violations.Error()
	}
	return r, ""
}

// fitting gives a record the fields of a type.
func fitting(t *value.Type, v any) any {
	record, ok := v.(map[string]any)
	if !ok || t.Kind != value.Record {
		return v
	}
	for k := range record {
		if f := t.Field(k); f != nil {
			record[k] = fitting(f.Type.Req(), record[k])
		} else if !t.Open {
			delete(record, k)
		}
	}
	for _, f := range t.Fields {
		if _, there := record[f.Name]; !there && !f.CanOmit() {
			record[f.Name] = value.ExampleOf(f)
		}
	}
	return record
}

// asked is how many times the limit may be taken for a number of faults that was asked for.
const asked = 5

// levels compares runs level by level: first those in which all goes well, then those in
// which one thing does not, and so on.
func (d *differ) levels() {
	most, limit := d.most(), d.opts.Limit*asked
	if d.opts.Faults < 0 {
		limit = d.opts.Limit
	}
	var level []*job
	for i := range d.entries {
		level = append(level, d.know(&job{entry: i}))
	}
	for faults := 0; ; faults++ {
		byEntry := make([][]*job, len(d.entries))
		for _, j := range level {
			byEntry[j.entry] = append(byEntry[j.entry], j)
		}
		complete, some := true, 0
		for _, jobs := range byEntry {
			if faults > 1 && d.diff.Runs+len(jobs) > limit {
				complete, d.diff.Cut = false, true
				if jobs = d.few(jobs, limit-d.diff.Runs); len(jobs) > 0 && !d.tryAll(jobs, faults) {
					d.diff.Stopped = true
					return
				}
				continue
			}
			if !d.tryAll(jobs, faults) {
				d.diff.Stopped = true
				return
			}
			some++
		}
		if !complete {
			d.diff.Some = some
			return
		}
		d.diff.Faults = faults
		d.class(faults)
		if faults == most {
			return
		}
		level = nil
		for _, j := range d.all {
			if len(j.script) == faults {
				level = append(level, d.further(j)...)
			}
		}
		if len(level) == 0 {
			return
		}
	}
}

// jobKey is what a pair of runs is known by.
func jobKey(entry int, sc script) string { return strconv.Itoa(entry) + "\n" + sc.key() }

// know notes a job; nil if it is known.
func (d *differ) know(j *job) *job {
	key := jobKey(j.entry, j.script)
	if d.known[key] != nil {
		return nil
	}
	d.known[key] = j
	return j
}

// tryAll compares pairs of runs, and those that come of them with as many turns. It is
// false if it was stopped.
func (d *differ) tryAll(jobs []*job, faults int) bool {
	for len(jobs) > 0 {
		n := min(len(jobs), batch)
		if d.enough != nil {
			n = min(n, few)
		}
		now := jobs[:n]
		jobs = jobs[n:]
		each(d.opts.Workers, len(now), func(i int) { d.try(now[i]) })
		for _, j := range now {
			d.diff.Runs++
			d.all = append(d.all, j)
			jobs = append(jobs, d.longer(j)...)
			if p := j.apart; p != nil {
				if j.apart = nil; d.enough(p) {
					return false
				}
			}
		}
		if d.opts.Progress != nil {
			d.opts.Progress(Progress{Faults: faults, States: d.diff.Runs + len(jobs), Waiting: len(jobs), Tried: d.diff.Runs})
		}
		if d.opts.Stop != nil && d.opts.Stop() {
			return false
		}
	}
	return true
}

// few is how many pairs are compared at once if the first that differs may be enough.
const few = 16

// try compares a pair of runs.
func (d *differ) try(j *job) {
	e := d.entries[j.entry]
	run := func(v *version, r *root, why string) (*played, *story) {
		if r == nil {
			return &played{refused: why}, nil
		}
		var st *story
		if d.enough != nil {
			if st = (&story{raw: true}); v == d.old {
				st.cover = d.opts.Cover
			}
		}
		return v.play(r, j.script, st), st
	}
	o, was := run(d.old, e.old, e.why[0])
	n, is := run(d.new, e.new, e.why[1])
	if d.enough != nil {
		j.apart = d.tellApart(j, o, n, was, is)
	}
	j.facts = d.compare(o, n)
	j.oldAt, j.newAt = o.reached, n.reached
	j.tied = o.tied
	for _, site := range n.tied {
		if !slices.Contains(j.tied, site) {
			j.tied = append(j.tied, site)
		}
	}
	j.digest = o.digest() + "\n" + n.digest()
}

// digest tells runs apart, but for what they say of a call that failed.
func (p *played) digest() string {
	var b strings.Builder
	code := p.code
	if p.bare {
		code = "*"
	}
	fmt.Fprintln(&b, p.refused, p.end, code, p.where, p.took.Round(1e9), text(p.output))
	for _, c := range p.calls {
		fmt.Fprintln(&b, c.place, c.attempts, text(c.args))
	}
	for _, s := range p.steps {
		fmt.Fprintln(&b, s.name, s.ending, text(s.result))
	}
	for _, x := range p.breaks {
		fmt.Fprintln(&b, x.cause)
	}
	return b.String()
}

func attemptsAt(list []reachedSite, site int) (attempts, requests int) {
	for _, s := range list {
		if s.site == site {
			return s.attempts, s.requests
		}
	}
	return 0, 0
}

// longer lists what else to try with as many turns: trouble that lasts, if a call is tried
// again, as long as one version bears it and the other does not; trouble of all items.
func (d *differ) longer(j *job) []*job {
	t := j.fresh
	if len(j.script) == 0 || t.deed != nothing {
		return nil
	}
	rest := j.script.without(slices.Index(j.script, t))
	a, more1 := attemptsAt(j.oldAt, t.site)
	b, more2 := attemptsAt(j.newAt, t.site)
	var out []*job
	add := func(times int, items bool) {
		to := t
		to.times, to.items = times, items
		if k := d.know(&job{entry: j.entry, script: rest.with(to), fresh: to, parent: j.parent}); k != nil {
			out = append(out, k)
		}
	}
	switch {
	case t.items:
	case t.times == 1:
		if a > 1 || b > 1 {
			add(0, false)
		}
		if j.parent != nil {
			_, n1 := attemptsAt(j.parent.oldAt, t.site)
			_, n2 := attemptsAt(j.parent.newAt, t.site)
			more1, more2 = max(more1, n1), max(more2, n2)
		}
		if more1 > 1 || more2 > 1 {
			add(0, true)
		}
	case t.times == 0:
		if n := min(a, b); a != b && n > 1 {
			add(n, false)
		}
	}
	return out
}

// further lists the pairs with one more turn, behind those of a job.
func (d *differ) further(j *job) []*job {
	if d.entries[j.entry].plain {
		return d.otherwise(j)
	}
	for _, t := range j.script {
		if d.alike[d.labelKey(j.entry, t)] {
			return nil
		}
	}
	if idle(j.fresh) && j.digest == j.parent.digest {
		return nil // it makes no difference to either version
	}
	var out []*job
	add := func(t turn) {
		if k := d.know(&job{entry: j.entry, script: j.script.with(t), fresh: t, parent: j}); k != nil {
			out = append(out, k)
		}
	}
	for _, t := range j.script {
		if name, ok := strings.CutPrefix(t.label, "no signal "); ok && d.opts.Signals {
			add(turn{site: t.site, label: "signal " + name + " comes late", deed: sends})
		}
	}
	for _, site := range j.tied {
		t := turn{site: site, label: "comes first", deed: overtakes}
		cancelled := slices.ContainsFunc(j.script, func(t turn) bool { return t.deed == cancels }) // which is at another moment then
		if !cancelled && !slices.Contains(j.script, t) {
			add(t)
		}
	}
	seen := map[int]bool{}
	for _, list := range [][]reachedSite{j.oldAt, j.newAt} {
		from := 0
		for i, s := range list {
			if slices.ContainsFunc(j.script, func(t turn) bool { return t.site == s.site }) {
				from = i + 1
			}
		}
		for _, s := range list[from:] {
			if seen[s.site] {
				continue
			}
			seen[s.site] = true
			if d.opts.Cancel && len(j.script) == 0 {
				add(turn{site: s.site, label: "cancelled", deed: cancels})
			}
			if len(j.script) == 0 && !d.signal(s.site) {
				add(turn{site: s.site, label: "the process dies", deed: crashes})
			}
			for _, t := range d.turns(s.site) {
				if !d.alike[d.labelKey(j.entry, t)] {
					add(t)
				}
			}
		}
	}
	return out
}

// otherwise lists the pairs in which one call answers well in another way, with an input of
// which conditions read what is special about it: both may be needed to tell.
func (d *differ) otherwise(j *job) (out []*job) {
	if !d.entries[j.entry].looked || len(j.script) > 0 {
		return nil
	}
	for _, s := range append(slices.Clone(j.oldAt), j.newAt...) {
		for _, a := range d.labels(s.site)[1:] {
			t := turn{site: s.site, label: a.label, times: 1}
			if a.fault {
				continue
			}
			if k := d.know(&job{entry: j.entry, script: script{t}, fresh: t, parent: j}); k != nil {
				out = append(out, k)
			}
		}
	}
	return out
}

// idle reports whether a turn often changes nothing: a run goes on behind a death of its
// process, and calls that do not know of one another may be answered in any order.
func idle(t turn) bool { return t.deed == crashes || t.deed == overtakes }

// signal reports whether a site is a wait for a signal.
func (d *differ) signal(site int) bool {
	s := d.sites[site]
	return append(slices.Clone(s.new), s.old...)[0].Sig.Signal
}

// turns lists the ways in which something at a site does not go well.
func (d *differ) turns(site int) []turn {
	var out []turn
	all := d.labels(site)
	for i := 1; i < len(all); i++ {
		out = append(out, turn{site: site, label: all[i].label, times: 1})
	}
	s := d.sites[site]
	c := append(slices.Clone(s.new), s.old...)[0]
	if c.Sig.Signal {
		name := c.Sig.Operation
		out = append(out, turn{site: site, label: "no signal " + name, times: 1})
		if d.opts.Signals {
			out = append(out, turn{site: site, label: "signal " + name + " comes early", deed: sends})
		}
	}
	return out
}

func (d *differ) labelKey(entry int, t turn) string {
	return strconv.Itoa(entry) + " " + strconv.Itoa(t.site) + " " + t.label
}

// class finds labels of a site of which another one does the same to both versions: more
// faults beside them need not be tried.
func (d *differ) class(faults int) {
	if faults == 0 {
		return
	}
	type group struct {
		parent *job
		site   int
	}
	digests := map[group]map[string]string{} // by label
	var order []group
	labels := map[group][]string{}
	for _, j := range d.all {
		if len(j.script) != faults || idle(j.fresh) {
			continue
		}
		g := group{j.parent, j.fresh.site}
		if digests[g] == nil {
			digests[g] = map[string]string{}
			order = append(order, g)
		}
		if _, ok := digests[g][j.fresh.label]; !ok {
			labels[g] = append(labels[g], j.fresh.label)
		}
		digests[g][j.fresh.label] += strconv.Itoa(j.fresh.times) + " " + j.digest
	}
	for _, g := range order {
		at := strconv.Itoa(g.parent.entry) + " " + strconv.Itoa(g.site)
		if d.settled[at] {
			continue
		}
		d.settled[at] = true
		known := map[string]bool{}
		for _, l := range labels[g] {
			if s := digests[g][l]; known[s] {
				d.alike[at+" "+l] = true
			} else {
				known[s] = true
			}
		}
	}
}
