package invariant

import (
	"fmt"
	"maps"

	"wf/interpreter/machine"
	"wf/lang/value"
)

// Free judges what must be true of every run of every workflow, so that nobody need say it.
// It watches one run. The zero value knows of nothing yet.
type Free struct {
	over string             // why nothing may be begun any more; "": it may
	keys map[string]request // whose key the definition says
}

// request is what was asked for.
type request struct {
	args  string
	told  string // the same, secrets masked
	place string // of the call that asked first
}

// FreeRule is something that must be true of every run.
type FreeRule int8

// Rules that hold for every workflow.
const (
	AfterEnd FreeRule = iota // nothing is asked of a service once the run was cancelled, or is out of time, but by what is done at the end
	OneKey                   // different requests have different idempotency keys
)

// Broken is a rule of every run that a call breaks.
type Broken struct {
	Rule    FreeRule
	Call    machine.ID
	Place   string // of the call
	Summary string // what is wrong, in words
	Because string // what is known of it
}

// Happens is told of an event before the run is.
func (f *Free) Happens(ev machine.Event) {
	switch ev := ev.(type) {
	case machine.CancelRequested:
		f.over = "the run was cancelled"
	case machine.TimerFired:
		if ev.ID.Kind == machine.KindRunWithin && !ev.ID.Called() {
			f.over = "the time of the run was up"
		}
	case machine.StepRetried, machine.StepResolved: // somebody wants it to go on
		f.over = ""
	}
}

// Called is told of every attempt of a call as it is made, and says what is wrong about it.
func (f *Free) Called(c machine.Call) (out []Broken) {
	name := c.Call.Sig.Name()
	if f.over != "" && !c.Closing {
		out = append(out, Broken{AfterEnd, c.ID, c.Place, name + " is called after the run was over", f.over})
	}
	if c.Call.Key == nil {
		return out
	}
	args, told := text(c.Args), ""
	if c.Call.Sig.Input != nil {
		told = text(c.Call.Sig.Input.Redact(any(c.Args)))
	}
	known, ok := f.keys[RequestOf(c)]
	switch {
	case !ok:
		if f.keys == nil {
			f.keys = map[string]request{}
		}
		f.keys[RequestOf(c)] = request{args, told, c.Place}
	case known.args != args:
		out = append(out, Broken{OneKey, c.ID, c.Place, "two different requests have the key " + c.Key,
			fmt.Sprintf("%s at %s has %s, and at %s %s", name, known.place, known.told, c.Place, told)})
	}
	return out
}

// Clone is a copy that goes on by itself.
func (f *Free) Clone() Free { return Free{f.over, maps.Clone(f.keys)} }

// RequestOf is what a request is known by: what different operations do with one key are
// different requests.
func RequestOf(c machine.Call) string { return c.Call.Sig.Name() + " " + c.Key }

func text(v any) string {
	b, _ := value.EncodeJSON(v, "")
	return string(b)
}

// Digest is a hash of all on which the rules can still depend.
func (f *Free) Digest() value.Digest {
	var sum value.Digest
	for key, r := range f.keys {
		var h value.Hash
		h.Text(key)
		h.Text(r.args)
		sum.Add(h.Sum())
	}
	var h value.Hash
	h.Digest(sum)
	h.Bool(f.over != "")
	return h.Sum()
}
