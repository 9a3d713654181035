package explore

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"wf/builtins"
	"wf/golden"
	"wf/golden/invariant"
	"wf/interpreter/machine"
	"wf/lang"
	"wf/mocks"
)

// goOn goes on in a world with random choices, of which as many as before lie ahead that all
// is well. It stops where fewer steps are left than there may be; at is called before each.
func goOn(w *world, rnd *rand.Rand, steps int, at func(choice int)) {
	for ; steps > 0 && w.err == nil && !w.m.Done(); steps-- {
		w.settle()
		all := w.options(nil)
		if len(all) == 0 {
			return
		}
		i := 0
		if rnd.IntN(3) == 0 {
			i = rnd.IntN(len(all))
		}
		at(i)
		w.mark(nil, 0)
		w.take(&all[i])
	}
}

// again makes choices in a world.
func again(w *world, choices []int) {
	for _, i := range choices {
		w.settle()
		all := w.options(nil)
		w.mark(nil, 0)
		w.take(&all[i])
	}
}

// apart holds that a world and its copies go on by themselves: what happens in one changes
// nothing in another, and what happens in both leads to the same.
func apart(t interface {
	Helper()
	Fatalf(string, ...any)
}, s *search, r *root, seed uint64, d *disjoint) (copies int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := s.newWorld(r, nil)
	w.begin(nil)
	first := w.clone()
	var choices []int
	type copied struct {
		w    *world
		made int // choices before it
	}
	var kept []copied
	for !w.m.Done() && w.err == nil && len(choices) < 400 {
		before := len(choices)
		goOn(w, rnd, 1+rnd.IntN(6), func(i int) { choices = append(choices, i) })
		if before == len(choices) {
			break
		}
		if w.err != nil || w.m.Done() {
			break
		}
		was := s.digest(w)
		c := w.clone()
		if s.digest(c) != was {
			t.Fatalf("a copy has another digest")
		}
		kept = append(kept, copied{w.clone(), len(choices)})
		d.seen = map[[2]uintptr]bool{}
		d.walk(reflect.ValueOf(w), reflect.ValueOf(c), "world")
		goOn(c, rnd, 1000, func(int) {})
		if s.digest(w) != was {
			t.Fatalf("what happens in a copy changes the world it was made of")
		}
	}
	if w.err != nil {
		t.Fatalf("%v", w.err)
	}
	want := outcome(w)
	kept = append(kept, copied{first, 0})
	for _, c := range kept {
		again(c.w, choices[c.made:])
		if got := outcome(c.w); got != want {
			t.Fatalf("a copy made behind %d of %d choices ends otherwise:\n%s\nthan the world it was made of:\n%s", c.made, len(choices), got, want)
		}
	}
	fresh := s.newWorld(r, nil)
	fresh.begin(nil)
	again(fresh, choices)
	if got := outcome(fresh); got != want {
		t.Fatalf("a world of which copies were made ends otherwise:\n%s\nthan one without:\n%s", want, got)
	}
	return len(kept)
}

// outcome is all that came of a run, or of what there is of it.
func outcome(w *world) string {
	if w.err != nil {
		return w.err.Error()
	}
	if !w.m.Done() {
		d := w.s.digest(w)
		return fmt.Sprint(d)
	}
	end := w.end()
	var breaks []string
	for _, b := range w.breaks {
		breaks = append(breaks, b.cause)
	}
	r := w.m.Result()
	return end.String() + " " + text(map[string]any{"output": r.Output}) + " " + strings.Join(breaks, ", ") + " " + steps(w)
}

func steps(w *world) string {
	var p played
	p.ended(w.m.Result().Steps)
	p.ended(w.m.Result().Closing)
	var out []string
	for _, st := range p.steps {
		out = append(out, st.name+" "+string(st.ending)+" "+text(st.result))
	}
	return strings.Join(out, ", ")
}

// ofShipped copies runs of every workflow of the gallery.
func ofShipped(t *testing.T, d *disjoint) {
	files, err := filepath.Glob("../../workflows/gallery/*/*_test.wf")
	if err != nil || len(files) < 20 {
		t.Fatal("the gallery is missing", err)
	}
	copies := 0
	for _, file := range files {
		dir, name := filepath.Split(file)
		p, problems := lang.Load(os.DirFS(dir), name, lang.Options{})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		for _, g := range golden.Workflows(p.Suite) {
			o := Options{Examples: true, Cancel: true, Crash: true, Signals: true, Attempts: usualAttempts, Items: usualItems, Faults: 1}
			if _, _, err := o.Beside(p, g, func() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: 1}) }); err != nil {
				t.Fatal(err)
			}
			s := newSearch(g, o)
			if err := s.begin(); err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(12) {
				copies += apart(t, s, s.roots[int(seed)%len(s.roots)], seed, d)
			}
		}
	}
	if copies < 1000 {
		t.Errorf("only %d copies were made", copies)
	}
}

// kinds of runs in which something is that there is not in the gallery, with what a test says of them.
var kindsOfRuns = []struct{ name, src, rules string }{
	{"held and kept", `service l { limit 1, operation take { input { n int = 0 }, 202 }, operation put { 202 } }
workflow w {
  signal go { ok bool }
  step a for n in [1, 2, 3] by n { call l.take { n: n } }
  step b { call l.put }
  step c after a { wait for go within 1h, on timeout { degrade nil } }
  step d after c { wait for go within 1h, on timeout { degrade nil } }
}`, `every run ends within 10s`},
	{"bounds", `service l { operation take { limit 1 per 2s, input { n int }, 202 }, operation put { limit 1, 202 } }
service many { limit 2 per 3s, operation a { input { n int }, 202 }, operation b { 202 }, operation c { 202 } }
service b { operation take { 202 }, operation put { 202 } }
workflow w {
  retry 2 attempts
  breaker 2 failures in 1m, open 30s
  limit 2
  step a for n in [1, 2, 3] by n { limit 2, call l.take { n: n } }
  step r for n in [1, 2, 3, 4, 5] by n { limit 1, call many.a { n: n } }
  step m {
    step u { call many.b }
    step v { call many.c }
  }
  step b {
    limit 1
    step x { call b.take }
    step y { call l.put }
    step z { call b.put }
  }
  step c { call b.take }
}`, `every run ends within 10s`},
	{"waits", `service s { operation do { 201 { id int }, 402, 503 }, permanent 402 }
workflow w {
  signal to by id { id int }
  step a for n in [1, 2] by n { wait for to by 1 within 1h, on timeout { degrade nil } }
  step b { wait 1s, call s.do, on 402 { wait 2s, retry 2 attempts } }
  step c {
    within 1h
    call s.do
    on 201 { retry 3 attempts, backoff 1s }
  }
}`, `never code(b) == "HTTP_402"`},
	{"handlers", `workflow w {
  step a { call handler "A" }
  step b after a { call handler "B" { n: 1 } }
  step c { call handler "C" }
  step d after b, c { call handler "D" }
}`, `every run ends within 10s`},
	{"deserted", `service s { operation do { 202 }, operation take { input { n int = 0 }, 202 } }
workflow inner {
  within 1h
  limit 2
  step x { call s.take, undo { retry 2 attempts, call s.take { n: 1 } } }
  step y after x { retry 3 attempts, backoff 5s, call s.do }
  finally { call s.take { n: 2 } }
}
workflow w {
  step a {
    within 2s
    call inner
    on failed { call s.take { n: 3 }, degrade 0 }
  }
  step b {
    retry 5 attempts, backoff 1s
    call inner
    on DEADLINE_EXCEEDED { retry 2 attempts }
  }
  step c { call inner, on HTTP_402 { retry 5 attempts, backoff 1s } }
  step d { timeout 2s, call inner, on timeout { retry 3 attempts, backoff 1s } }
  step e { call inner, undo { call s.take { n: 4 } } }
}`, `every run ends within 10s`},
	{"ends", `service s { operation do { 201 { id int }, 402, 503 }, operation take { input { n int = 0 }, 202 }, permanent 402 }
workflow w {
  step a {
    within 2s
    step x { retry 2 attempts, backoff 5s, call s.do, on 402 { degrade { id: 0 } } }
    step y { call s.do, on 402 { degrade nil }, undo { call s.do } }
    on failed { call s.take { n: 1 } }
    finally { call s.take { n: 2 } }
    ensure x?.id == 1 else fail ODD
    return 1
  }
  step b for n in [1, 2, 3, 4, 5] { first 4, call s.do, undo { call s.take { n: 3 } } }
  step c for n in [1, 2, 3] by n { tolerate 2, call s.do, undo { call s.take { n: 4 } } }
  step e for n in [1, 2] {
    step x { call s.do }
    step y { call s.do, on 402 { degrade nil } }
  }
  step d {
    first
    step u { call s.do, undo { call s.take { n: 5 } } }
    step v { call s.do, undo { call s.take { n: 6 } } }
  }
  step f {
    first 2
    step u { call s.do, undo { call s.take { n: 9 } } }
    step v { call s.do, undo { call s.take { n: 9 } } }
    on failed { degrade nil }
    finally { call s.take { n: 9 } }
  }
  step g after c when len(failures(c)) < 3 {
    switch a {
      when 1 { call s.do }
      else   { call s.take }
    }
  }
  output { c: c, g: g }
  on failed { call s.take { n: 7 } }
  finally { call s.take { n: 8 } }
}`, `every run ends within 10s`},
	{"undos", `service s { operation do { 201 { id int }, 402, 503 }, operation undo { 202 }, permanent 402 }
workflow w {
  step a for n in [1, 2, 3, 4, 5] { call s.do, undo { call s.undo } }
  step b after a { call s.do, on 402 { call s.undo, retry 4 attempts, backoff 1s }, on 503 { let m = call s.do, ensure m.id == 1 else fail ODD, retry 3 attempts }, undo until c { call s.undo } }
  step c after b { call s.do }
  step d { call s.do key "k", undo { call s.undo } }
  output b.id
}`, `at most 1 effect of s.do
  never any(calls(s.do), .outcome == "503")
  at most 2 calls of s.undo
  every run ends within 5s
  if s.do took effect then finally len(effects(s.do)) > 3`},
}

// TestClonesOfAllKinds copies runs in which all is that can be in one.
func TestClonesOfAllKinds(t *testing.T) {
	d := newDisjoint(t)
	t.Run("gallery", func(t *testing.T) { ofShipped(t, d) })
	for _, k := range kindsOfRuns {
		t.Run(k.name, func(t *testing.T) {
			g, rules := ruled(t, k.src, k.rules)
			o := Options{Inputs: []Input{{Value: map[string]any{}}}, Invariants: []*invariant.Set{rules}, Cancel: true, Crash: true, Signals: true, Attempts: usualAttempts, Items: usualItems}
			s := newSearch(g, o)
			if err := s.begin(); err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(100) {
				apart(t, s, s.roots[0], seed, d)
			}
		})
	}
	for _, at := range slices.Sorted(maps.Keys(d.used)) {
		if !d.used[at] && unused[at] == "" {
			t.Errorf("no run has %s", at)
		}
	}
	for at, why := range common {
		if why == appended && !d.said[at] && at != "mailbox.kept" { // two signals leave none
			t.Errorf("no run has %s with room left", at)
		}
	}
}

// unused says of fields why they have the zero value in all runs that are copied.
var unused = map[string]string{
	"shared.before": byPerson, "shared.renewed": byPerson, "stepState.anew": byPerson,
	"gate.freed": between, "Monitor.dirty": between, "ruleState.dirty": between, "world.reading": between,
	"Monitor.ended": over, "ServiceTime.Breaker": over, "world.err": over,
	"Config.Trace": listener, "Config.Cover": listener, "world.story": listener, "world.cover": listener,
	"answer.ignored": declared, "answer.undeclared": declared, "recall.headers": declared,
	"RunError.Step": "what has one does not change", "effect.stands": "it is let go at once", "ticket.gone": "nothing leads to it", "world.at": "it is at the end of its path",
	"planned.late": "only of pairs of runs", "answer.again": "only drivers know", "callState.held": "only drivers hold calls",
}

// Why fields are not used.
const (
	byPerson = "nobody runs steps again"
	between  = "it is used while an event is dealt with"
	over     = "the run has ended"
	declared = "services answer what they declare"
)

// TestClones copies runs of random workflows.
func TestClones(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := compiled(t, drawDefinition(t))
		s := newSearch(g, Options{Inputs: []Input{{Value: map[string]any{}}}, Cancel: true, Crash: true, Signals: true, Attempts: usualAttempts, Items: usualItems, WithoutKeys: rapid.Bool().Draw(t, "keys")})
		if err := s.begin(); err != nil {
			t.Fatal(err)
		}
		apart(t, s, s.roots[0], rapid.Uint64().Draw(t, "seed"), newDisjoint(t))
	})
}

// Why a world and its copy may have something in common.
const (
	fixed    = "it does not change"
	listener = "it is told who listens"
	lent     = "it is room to be used, and the two are not used at the same time"
	anew     = "the copy has its own, and begins with nothing"
	reshaped = "the copy has it in another shape"
	appended = "nothing in it changes; it grows, and has no room left in the copy" // is looked at
)

// common says of the fields that refer to something which of them refer to the same in a copy.
var common = map[string]string{
	"world.path": anew, "world.made": anew, "world.fates": anew, "world.breaks": anew, "world.story": listener,
	"Machine.spare": anew, "Machine.room": anew, "Machine.eval": lent, "shared.out": anew, "shared.agenda": anew, "shared.freed": anew,
	"exec.spare": anew, "exec.room": anew, "recalls.full": reshaped, "recalls.latest": reshaped, "lane.queue": reshaped, "lane.first": reshaped,
	"running.st": reshaped, // of what is given up
	"world.s":    fixed, "world.root": fixed, "world.past": fixed, "world.cover": listener,
	"planned.call": fixed, "planned.signal": fixed, "planned.late": fixed, "chance.call": fixed, "request.last": fixed, "items.last": fixed,

	"Machine.g": fixed, "Machine.linked": lent, "Machine.err": fixed, "Machine.outcome": fixed, "Machine.result": fixed, "Machine.left": appended,
	"Config.Trace": listener, "Config.Cover": listener, "Config.Ended": listener,
	"shared.closing":   appended,
	"stepState.result": fixed, "stepState.err": fixed, "stepState.inner": appended, "stepState.failures": fixed,
	"scope.steps": fixed, "scope.links": fixed, "ended.result": fixed, "ended.past": fixed, "mailbox.kept": appended,
	"exec.finally": fixed, "exec.main": fixed, "frame.body": fixed, "made.call": fixed, "name.value": fixed,
	"inner.group": fixed, "inner.loop": fixed, "inner.won": appended, "inner.failed": fixed, "inner.items": fixed, "inner.keys": fixed, "inner.ids": fixed,
	"callState.call": fixed, "callState.args": fixed, "callState.given": fixed, "callState.context": fixed, "callState.by": fixed,
	"ownCount.of": fixed, "answer.headers": fixed, "answer.body": fixed, "answer.cause": fixed,
	"lane.of": fixed, "effect.call": fixed, "effect.body": fixed, "effect.status": fixed, "effect.names": fixed,
	"recall.asked": fixed, "recall.headers": fixed, "recall.body": fixed,
	"runUndone.failed": fixed, "tidied.result": fixed,
	"StepResult.Def": fixed, "StepResult.Result": fixed, "StepResult.Error": fixed, "StepResult.Steps": fixed,

	"Monitor.set": fixed, "Monitor.eval": lent, "Monitor.run": fixed, "Monitor.needed": lent,
	"opState.effects": appended, "Violation.Invariant": fixed, "Violation.Rule": fixed, "Run.Input": fixed, "Free.keys": "",
}

// elements says of the fields that are lists or maps of things which refer to something that
// these may be the same.
var elements = map[string]string{"Machine.env": fixed, "Machine.pasts": fixed, "inner.results": fixed, "Monitor.env": fixed, "Monitor.errors": fixed, "opState.list": fixed, "opState.did": fixed, "opened.record": fixed}

// disjoint holds that what can change of a world is not that of its copy, but like it. It walks through
// both side by side.
type disjoint struct {
	t    interface{ Errorf(string, ...any) }
	seen map[[2]uintptr]bool // of this pair
	said map[string]bool     // of common: needed
	used map[string]bool     // fields: whether any had a value
	told map[string]bool     // each is told once
}

func newDisjoint(t interface{ Errorf(string, ...any) }) *disjoint {
	return &disjoint{t: t, said: map[string]bool{}, used: map[string]bool{}, told: map[string]bool{}}
}

func (d *disjoint) errorf(at, format string, args ...any) {
	if !d.told[at+format] {
		d.t.Errorf(at+" "+format, args...)
	}
	d.told[at+format] = true
}

func (d *disjoint) walk(a, b reflect.Value, at string) {
	if a.Kind() != b.Kind() {
		d.errorf(at, "is %s, and %s in the copy", a.Kind(), b.Kind())
		return
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func:
		if a.IsNil() != b.IsNil() && a.Kind() != reflect.Slice && a.Kind() != reflect.Map {
			if common[at] != listener {
				d.errorf(at, "is nil in one of the two")
			}
			return
		}
		if a.Kind() == reflect.Slice || a.Kind() == reflect.Map {
			if a.Len() != b.Len() {
				d.errorf(at, "has %d elements, and %d in the copy", a.Len(), b.Len())
				return
			}
		}
		if a.IsNil() || b.IsNil() || a.Kind() == reflect.Slice && a.Len() == 0 {
			return
		}
		why, known := common[at]
		if a.Pointer() == b.Pointer() {
			switch {
			case a.Type() == reflect.TypeFor[*machine.RunError]() && a.Elem().FieldByName("Step").String() != "": // then nothing in it changes
			case !known:
				d.errorf(at, "is the same in the copy")
			case why == appended && b.Cap() > b.Len():
				d.errorf(at, "has room left in the copy, which is also that of the other")
			}
			if why != appended || a.Cap() > a.Len() {
				d.said[at] = true
			}
			return
		}
		if known {
			return
		}
	}
	switch a.Kind() {
	case reflect.Pointer:
		key := [2]uintptr{a.Pointer(), b.Pointer()}
		if d.seen[key] {
			return
		}
		d.seen[key] = true
		d.walk(a.Elem(), b.Elem(), at)
	case reflect.Interface:
		if !a.IsNil() && !b.IsNil() && common[at] == "" {
			d.walk(a.Elem(), b.Elem(), at)
		}
	case reflect.Slice, reflect.Array:
		for i := range a.Len() {
			if elements[at] == "" {
				d.walk(a.Index(i), b.Index(i), at)
			}
		}
	case reflect.Map:
		for _, k := range a.MapKeys() {
			if w := b.MapIndex(k); !w.IsValid() {
				d.errorf(at, "lacks a key in the copy")
			} else if elements[at] == "" {
				d.walk(a.MapIndex(k), w, at)
			}
		}
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int32, reflect.Int64, reflect.Uint64, reflect.String:
		if !a.Equal(b) {
			d.errorf(at, "is %v, and %v in the copy", a, b)
		}
	case reflect.Struct:
		if !strings.HasPrefix(a.Type().PkgPath(), "wf/golden") && !strings.HasPrefix(a.Type().PkgPath(), "wf/interpreter") {
			if a.Comparable() && !a.Equal(b) {
				d.errorf(at, "is %v, and %v in the copy", a, b)
			}
			return
		}
		for i := range a.NumField() {
			name := a.Type().Name() + "." + a.Type().Field(i).Name
			if why := common[name]; why != anew && why != lent && why != reshaped {
				d.used[name] = d.used[name] || !a.Field(i).IsZero()
				d.walk(a.Field(i), b.Field(i), name)
			}
		}
	}
}
