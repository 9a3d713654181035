package propose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"wf/interpreter/machine"
	"wf/lang/graph"
	"wf/lang/value"
)

// Seen is what a test can see of a run.
type Seen struct {
	Graph  *graph.Graph
	Result *machine.Result
	calls  map[string][]seenCall // by operation, in order
	order  []string              // operations, by their first call
}

// seenCall is a call as a test sees it. Secrets in args are masked.
type seenCall struct {
	sig  *value.Signature
	at   time.Duration
	key  string
	args any
}

// See keeps of a run what a test can see of it: what came of it, and its trace.
func See(g *graph.Graph, r *machine.Result, trace []machine.Entry) *Seen {
	s := &Seen{Graph: g, Result: r, calls: map[string][]seenCall{}}
	sigs := map[string]*value.Signature{}
	g.EachServiceCall(func(c *graph.Call) { sigs[c.Sig.Name()] = c.Sig })
	for _, e := range trace {
		if e.Kind != machine.EntryCall || sigs[e.Operation] == nil || sigs[e.Operation].Handler {
			continue
		}
		if s.calls[e.Operation] == nil {
			s.order = append(s.order, e.Operation)
		}
		s.calls[e.Operation] = append(s.calls[e.Operation], seenCall{sigs[e.Operation], e.At, e.Key, e.Args})
	}
	return s
}

// Differences lists expectations, as they stand behind expect, that hold of a run and
// perhaps not of another one: what matters most comes first. None means that no test can
// tell the two apart by what they did.
func (s *Seen) Differences(other *Seen) []string {
	d := &differ{a: s, b: other}
	d.endings()
	d.output()
	d.steps(s.Result.Steps, other.Result.Steps, "", nil)
	d.steps(s.Result.Closing, other.Result.Closing, "", nil)
	d.made()
	d.times()
	return d.out
}

// differ finds what two runs differ in.
type differ struct {
	a, b *Seen
	out  []string
}

func (d *differ) add(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(d.out, text) && !strings.Contains(text, "\n") {
		d.out = append(d.out, text)
	}
}

func (d *differ) endings() {
	if a, b := ending(d.a.Result.Ending, d.a.Result.Error), ending(d.b.Result.Ending, d.b.Result.Error); a != b {
		d.add("%s", a)
	}
	if a, b := d.a.Result.Error, d.b.Result.Error; a != nil && (b == nil || a.Message != b.Message) && !d.secretive() {
		d.add("run.error?.message == %s", text(a.Message))
	}
}

// secretive reports whether messages of the run may tell secrets.
func (d *differ) secretive() bool { return d.a.Graph.Input.HasSecret() }

func ending(e machine.Ending, err *machine.RunError) string {
	if err != nil && err.Code != "" {
		return string(e) + " " + err.Code
	}
	return string(e)
}

func (d *differ) output() {
	p := d.a.Graph.Output
	if p == nil || !plainly(p.Type()) || d.a.Result.Output == nil {
		return
	}
	d.value("output", p.Type(), d.a.Result.Output, d.b.Result.Output)
}

// same reports whether two values read the same.
func same(a, b any) bool {
	x, err1 := value.EncodeJSON(a, "")
	y, err2 := value.EncodeJSON(b, "")
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// value says in what a value differs: if it is a record or list, in which part of it.
func (d *differ) value(name string, t *value.Type, a, b any) {
	if same(a, b) {
		return
	}
	ra, okA := a.(map[string]any)
	rb, okB := b.(map[string]any)
	says := source(t, a)
	dot := "."
	if t.Optional {
		dot = "?."
	}
	if okA && t.Kind == value.Record && (okB || len(says) >= maxValue) {
		for _, f := range t.Fields {
			before := len(d.out)
			if !same(ra[f.Name], rb[f.Name]) && word.MatchString(f.Name) {
				d.value(name+dot+f.Name, f.ReadType(), ra[f.Name], rb[f.Name])
			}
			if !okB && len(d.out) > before {
				return // one is enough
			}
		}
	}
	la, okA := a.([]any)
	lb, okB := b.([]any)
	if okA && okB && t.Kind == value.List && !t.Optional && len(says) >= maxValue {
		if len(la) != len(lb) {
			d.add("len(%s) == %d", name, len(la))
			return
		}
		for i := range la {
			if !same(la[i], lb[i]) {
				d.value(fmt.Sprintf("%s[%d]", name, i), t.Elem, la[i], lb[i])
				return
			}
		}
	}
	if len(says) < maxValue {
		d.add("%s == %s", name, says)
	}
}

// steps says which steps ended otherwise.
func (d *differ) steps(a, b []machine.StepResult, of string, around *machine.StepResult) {
	for i := range a {
		st := &a[i]
		name, ok := st.Name, true
		if around != nil {
			name, ok = innerName(around, st, of)
		}
		if !ok || around == nil && !strings.Contains(name, ".") && !word.MatchString(name) {
			continue
		}
		var other *machine.StepResult
		if j := slices.IndexFunc(b, func(o machine.StepResult) bool { return o.Name == st.Name }); j >= 0 {
			other = &b[j]
		} else {
			other = &machine.StepResult{Ending: machine.NotRun}
		}
		d.step(st, other, name)
		d.steps(st.Steps, other.Steps, name, st)
	}
}

func (d *differ) step(a, b *machine.StepResult, name string) {
	switch {
	case slices.Contains(endingWords, name):
		if a.Ending != b.Ending {
			d.add("ending(%s) == %q", name, a.Ending)
		}
	case ending(a.Ending, a.Error) != ending(b.Ending, b.Error):
		d.add("%s %s", name, ending(a.Ending, a.Error))
	}
	if a.Attempts != b.Attempts && a.Ending != machine.NotRun {
		d.add("attempts(%s) == %d", name, a.Attempts)
	}
	if a.Def != nil && a.Result != nil && word.MatchString(name) && plainly(a.Def.Result) && (a.Ending == machine.Completed || a.Ending == machine.Degraded) {
		d.value(name, a.Def.Result, a.Result, b.Result)
	}
}

// made says which calls are made otherwise.
func (d *differ) made() {
	for _, op := range d.a.order {
		if a, b := d.a.calls[op], d.b.calls[op]; len(a) != len(b) {
			d.add("len(calls(%s)) == %d", op, len(a))
		}
	}
	for _, op := range d.b.order {
		if d.a.calls[op] == nil {
			d.add("len(calls(%s)) == 0", op)
		}
	}
	for _, op := range d.a.order {
		a, b := d.a.calls[op], d.b.calls[op]
		for i := range min(len(a), len(b)) {
			d.args(fmt.Sprintf("calls(%s)[%d].args", op, i), a[i], b[i])
			if a[i].key != b[i].key {
				d.add("calls(%s)[%d].key == %s", op, i, text(a[i].key))
			}
		}
	}
}

func (d *differ) args(name string, a, b seenCall) {
	ra, okA := a.args.(map[string]any)
	rb, okB := b.args.(map[string]any)
	if !okA || !okB {
		return
	}
	for _, f := range a.sig.Input.Fields {
		v, w := ra[f.Name], rb[f.Name]
		if same(v, w) || v == any(value.Mask) || w == any(value.Mask) || !plainly(f.Type) {
			continue
		}
		if v == nil {
			d.add("%s.%s == nil", name, f.Name)
			continue
		}
		d.value(name+"."+f.Name, f.Type, v, w)
	}
}

// times says what happens earlier or later.
func (d *differ) times() {
	for _, op := range d.a.order {
		a, b := d.a.calls[op], d.b.calls[op]
		for i := range min(len(a), len(b)) {
			d.time(fmt.Sprintf("calls(%s)[%d].at", op, i), a[i].at, b[i].at)
		}
	}
	d.time("run.took", d.a.Result.Summary.Total, d.b.Result.Summary.Total)
	for i := range d.a.Result.Steps {
		a := &d.a.Result.Steps[i]
		j := slices.IndexFunc(d.b.Result.Steps, func(o machine.StepResult) bool { return o.Name == a.Name })
		if j >= 0 && word.MatchString(a.Name) && a.Ending != machine.NotRun && a.Ending != machine.Skipped {
			d.time("started("+a.Name+")", a.Started, d.b.Result.Steps[j].Started)
		}
	}
}

// time says on which side of a round moment between the two something happens.
func (d *differ) time(what string, a, b time.Duration) {
	switch {
	case a < b:
		d.add("%s <= %s", what, value.FormatDuration(between(a, b)))
	case a > b:
		d.add("%s > %s", what, value.FormatDuration(between(b, a)))
	}
}

// between is the roundest moment from a on that is before b.
func between(a, b time.Duration) time.Duration {
	for _, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, 10 * time.Second, time.Second, 100 * time.Millisecond, 10 * time.Millisecond, time.Millisecond, time.Microsecond} {
		if at := (a + (b-a)/2).Truncate(unit); at > a && at < b {
			return at
		}
	}
	return a
}
