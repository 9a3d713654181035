package machine

import (
	"reflect"
	"testing"
)

// Why a field is not in the digest of a machine.
const (
	digested = ""

	same     = "it is the same for all runs that are compared"
	memory   = "it is room to be used again"
	derived  = "it follows from what is digested"
	settled  = "it is empty between two events"
	told     = "it is only for people: nothing that is decided reads it"
	whatNow  = "it says where something is, which is digested by its place"
	recalled = "it counts only when a person has a step run again, which is not foreseen; what was before that is digested"
	readable = "only what is read of it is digested, where it is read"
)

// left says of every field of all that a machine consists of whether it is digested, and if
// not, why it may be left out.
var left = map[string]map[string]string{
	"Machine": {
		"shared": digested, "caller": digested, "g": derived, "cfg": same, "eval": memory, "env": derived, "begun": digested, "done": digested,
		"root": digested, "scopes": digested, "linked": derived, "ready": digested, "running": derived, "limit": derived, "since": told, "within": digested,
		"spare": memory, "err": digested, "failures": derived, "cancelled": digested, "stopped": digested, "pasts": derived, "outcome": digested,
		"breaks": derived, "result": derived, "undoings": digested, "concluding": digested, "compensated": digested, "undone": digested,
		"left": digested, "room": memory, "pivots": derived,
	},
	"Config": {"RunID": same, "CorrelationID": same, "Seed": same, "Start": same, "Trace": told, "Cover": told, "Ended": told},
	"shared": {
		"now": digested, "out": settled, "services": told, "affects": derived, "closing": digested, "runs": digested, "agenda": settled,
		"recalls": recalled, "before": digested, "renewed": digested,
		"gates": digested, "gateAt": derived, "freed": settled, "boxes": derived, "posts": digested, "kept": derived,
	},
	"caller": {
		"seq": digested, "of": digested, "waiter": digested, "awaited": derived, "node": told, "place": digested, "overdue": digested,
		"told": digested, "then": digested,
	},
	"stepState": {
		"waits": derived, "ending": digested, "reason": told, "clause": told, "attempts": told, "started": told, "ended": told, "result": readable,
		"err": digested, "failed": digested, "exec": digested, "inner": digested, "anew": digested, "failures": readable, "digest": memory,
	},
	"scope": {
		"seq": digested, "of": digested, "prefix": digested, "steps": digested, "states": digested, "links": derived, "left": derived, "limit": digested,
		"running": derived, "held": digested, "names": readable, "item": derived, "then": digested, "effects": digested,
	},
	"links":     {"followers": same, "first": same, "waits": same, "read": same, "reads": same},
	"readyStep": {"scope": digested, "step": digested},
	"name":      {"name": readable, "value": readable},
	"exec": {
		"scope": whatNow, "step": whatNow, "nests": derived, "inner": digested, "undoing": digested, "finally": digested, "names": readable,
		"frames": digested, "call": digested, "made": readable, "within": digested, "late": digested, "main": digested, "last": recalled, "other": told, "spare": memory,
		"degraded": digested, "fallen": told, "paused": digested, "pauses": digested, "until": digested, "room": memory,
	},
	"frame": {"body": digested, "next": digested, "owner": digested, "arm": derived, "label": told, "why": digested},
	"made":  {"call": digested, "rounds": digested, "attempts": told},
	"inner": {
		"group": derived, "loop": derived, "first": digested, "won": digested, "failures": digested, "failed": digested, "degraded": digested,
		"scope": digested, "items": digested, "keys": digested, "ids": digested, "results": digested, "open": digested, "steps": digested,
		"limit": "it counts only when the loop begins", "tolerated": digested, "next": digested, "ended": digested,
	},
	"callState": {
		"call": derived, "place": digested, "round": derived, "args": digested, "own": digested, "given": digested, "child": digested, "context": digested,
		"attempt": digested, "first": digested, "since": digested, "effect": digested, "counts": digested, "sent": readable, "timeout": digested,
		"resume": digested, "waiting": digested, "held": digested, "gate": derived, "lane": derived, "ticket": digested, "passed": digested, "probe": digested,
		"recall": recalled, "delay": told, "answer": readable, "by": digested, "awaits": digested, "digest": memory,
	},
	"ownCount": {"of": digested, "n": digested},
	"answer": {
		"status": digested, "class": digested, "headers": digested, "body": digested, "message": readable, "undeclared": told, "ignored": told,
		"cause": told, "again": "it counts only when the answer comes",
	},
	"Context": {"Input": same, "Config": digested, "Past": derived},
	"Past":    {"parents": derived},
	"ended":   {"name": derived, "result": derived, "past": derived},
	"gate": {
		"service": digested, "breaker": digested, "bound": digested, "lanes": digested, "held": derived, "seq": derived, "timer": digested,
		"timers": digested, "set": digested, "freed": settled,
	},
	"lane":    {"of": digested, "bound": digested, "queue": digested, "first": derived},
	"bound":   {"limit": digested, "running": digested, "rate": digested},
	"ticket":  {"m": whatNow, "x": whatNow, "cs": derived, "seq": digested, "since": told, "gone": digested},
	"breaker": {"Breaker": digested, "state": digested, "until": digested, "probing": digested, "failures": digested},
	"window":  {"most": digested, "length": digested, "at": digested, "oldest": digested},
	"address": {"signal": digested, "key": digested},
	"mailbox": {"address": digested, "first": digested, "last": derived, "kept": digested},
	"waiter":  {"run": whatNow, "of": whatNow, "call": derived, "box": derived, "prev": derived, "next": digested},
	"effect": {
		"of": digested, "call": derived, "place": digested, "key": readable, "body": readable, "status": readable, "names": readable,
		"step": digested, "recall": recalled, "order": digested, "in": digested, "stands": settled,
	},
	"recall": {
		"number": derived, "place": digested, "asked": digested, "attempt": digested, "first": digested, "known": digested, "blamed": digested, "undone": digested,
		"status": digested, "class": digested, "headers": digested, "body": digested,
	},
	"recalls": {"full": digested, "latest": digested, "count": derived},

	"undoing":        {"effects": digested, "next": digested, "then": digested, "m": digested},
	"running":        {"m": whatNow, "x": whatNow, "st": derived},
	"vainUndone":     {"running": digested, "in": digested, "short": digested},
	"itemUndone":     {"m": whatNow, "x": whatNow, "in": derived, "s": digested},
	"runUndone":      {"m": whatNow, "failed": digested},
	"failedHandled":  {"m": whatNow},
	"finallyHandled": {"m": whatNow},
	"handled":        {"m": whatNow, "then": digested},
	"tidied":         {"running": digested, "ending": digested, "result": digested, "reason": told, "err": digested},
	"deserted":       {"running": digested, "call": digested, "why": digested},

	"RunError":    {"Code": digested, "Message": readable, "Step": told, "Place": told, "Attempt": told, "Span": told, "Cause": told},
	"StepResult":  {"Def": derived, "Name": derived, "Ending": digested, "Reason": told, "Attempts": told, "Started": told, "Ended": told, "Result": told, "Error": digested, "Clause": told, "Steps": digested},
	"ledger":      {"list": told, "at": told},
	"ServiceTime": {"Service": told, "Calls": told, "Time": told, "Held": told, "Refused": told, "Breaker": told},
	"Result":      {"Ending": derived, "Reason": told, "RunID": same, "CorrelationID": same, "Output": derived, "Error": derived, "Steps": derived, "Closing": derived, "Summary": told},
	"Summary":     {"Total": told, "Services": told, "Saved": told},
}

// continuations are the members of the interface: a new one has to stand here to be walked.
var continuations = []continuation{&undoing{}, vainUndone{}, itemUndone{}, runUndone{}, failedHandled{}, finallyHandled{}, handled{}, tidied{}, deserted{}}

// TestDigestIsComplete wants a word about every field that a machine consists of, so that
// none is forgotten when one is added.
func TestDigestIsComplete(t *testing.T) {
	found := map[string]bool{}
	var walk func(reflect.Type)
	fields := func(of reflect.Type) {
		for i := range of.NumField() {
			walk(of.Field(i).Type)
		}
	}
	walk = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(of.Elem())
		case reflect.Map:
			walk(of.Key())
			walk(of.Elem())
		case reflect.Struct:
			switch {
			case of.Name() == "": // room
				fields(of)
			case of.PkgPath() != reflect.TypeFor[Machine]().PkgPath() || found[of.Name()]:
			default:
				found[of.Name()] = true
				for i := range of.NumField() {
					if _, said := left[of.Name()][of.Field(i).Name]; !said {
						t.Errorf("%s.%s is new: should Digest write it?", of.Name(), of.Field(i).Name)
					}
				}
				if n := len(left[of.Name()]); n > of.NumField() {
					t.Errorf("%s has %d fields, and %d are told of", of.Name(), of.NumField(), n)
				}
				fields(of)
			}
		}
	}
	walk(reflect.TypeFor[Machine]())
	for _, c := range continuations {
		walk(reflect.TypeOf(c))
	}
	for name := range left {
		if !found[name] {
			t.Errorf("%s is told of, and is no part of a machine", name)
		}
	}
}

// TestEndings holds that a digest tells endings apart.
func TestEndings(t *testing.T) {
	seen := map[any]Ending{}
	for _, e := range []Ending{"", Completed, Degraded, Skipped, Failed, Cancelled, Compensated, NotRun, Resolved} {
		var h digester
		h.ending(e)
		sum := h.Sum()
		if other, twice := seen[sum]; twice {
			t.Errorf("%q and %q have one digest", e, other)
		}
		seen[sum] = e
	}
}
