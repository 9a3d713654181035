package sim

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wf/interpreter/machine"
)

// TestQueue holds the queue against a list that is sorted whenever it is asked: soonest
// first, simultaneous events in the order in which they were planned, without those
// that were cancelled since. An ID may be planned again after it was cancelled.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var list []timed
		for seq := range rapid.IntRange(1, 400).Draw(t, "operations") {
			id := machine.ID{Place: "p", Attempt: rapid.IntRange(1, 200).Draw(t, "id")}
			switch rapid.IntRange(0, 6).Draw(t, "operation") {
			case 0, 1, 2, 3:
				at := time.Duration(rapid.IntRange(0, 50).Draw(t, "at"))
				ev := machine.TimerFired{At: at, ID: id}
				q.push(at, ev)
				list = append(list, timed{at, seq, ev})
			case 4, 5:
				q.cancel(id)
				list = slices.DeleteFunc(list, func(e timed) bool { return e.id() == id })
			default:
				slices.SortStableFunc(list, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
				got, ok := q.pop()
				if ok != (len(list) > 0) || ok && got.event != list[0].event {
					t.Fatalf("pop gives %v %v, want the first of %v", got, ok, list)
				}
				list = list[min(1, len(list)):]
			}
		}
	})
}
