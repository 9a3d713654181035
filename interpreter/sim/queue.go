package sim

import (
	"time"

	"wf/interpreter/machine"
)

// queue holds what is going to happen, soonest first.
type queue struct {
	heap     []timed
	seq      int
	canceled map[machine.ID]int // events that are not to happen, if planned before this seq
}

// timed is an event with its moment; simultaneous ones keep the order in which
// they were planned.
type timed struct {
	at    time.Duration
	seq   int
	event machine.Event
}

func (t timed) before(u timed) bool { return t.at < u.at || t.at == u.at && t.seq < u.seq }

// id names the call or timer an event is about; zero if nobody can cancel it.
func (t timed) id() machine.ID {
	switch ev := t.event.(type) {
	case machine.CallReturned:
		return ev.ID
	case machine.CallFailed:
		return ev.ID
	case unheard:
		return ev.ID
	case machine.CallHeld:
		return ev.ID
	case machine.TimerFired:
		return ev.ID
	}
	return machine.ID{}
}

// outside reports whether it is done to the run from outside.
func (t timed) outside() bool {
	switch t.event.(type) {
	case nil, whileRunning, machine.SignalReceived, machine.CancelRequested, machine.StepResolved, machine.StepRetried:
		return true
	}
	return false
}

// forget drops all but what is done from outside.
func (q *queue) forget() {
	kept := q.heap[:0]
	for _, t := range q.heap {
		if t.outside() {
			kept = append(kept, t)
		}
	}
	q.replace(kept)
}

func (q *queue) push(at time.Duration, ev machine.Event) {
	q.heap = append(q.heap, timed{at, q.seq, ev})
	q.seq++
	q.up(len(q.heap) - 1)
}

// pop takes the soonest event that was not cancelled; ok is false if there is none.
func (q *queue) pop() (next timed, ok bool) {
	for len(q.heap) > 0 {
		next = q.heap[0]
		last := len(q.heap) - 1
		q.heap[0], q.heap[last] = q.heap[last], timed{}
		q.heap = q.heap[:last]
		q.down(0)
		if len(q.canceled) == 0 || !q.revoked(next) {
			return next, true
		}
	}
	return timed{}, false
}

// cancel makes an event of the heap not happen. Cancelled events are thrown out
// when they are the greater part, so that long timers of many short calls do not
// pile up.
func (q *queue) cancel(id machine.ID) {
	if q.canceled == nil {
		q.canceled = map[machine.ID]int{}
	}
	q.canceled[id] = q.seq
	if len(q.canceled) > 64 && len(q.canceled) > len(q.heap)/2 {
		q.sweep()
	}
}

// revoked reports whether an event was cancelled after it was planned.
func (q *queue) revoked(t timed) bool { return t.seq < q.canceled[t.id()] }

func (q *queue) sweep() {
	kept := q.heap[:0]
	for _, t := range q.heap {
		if !q.revoked(t) {
			kept = append(kept, t)
		}
	}
	q.replace(kept)
}

// replace makes a part of the heap the whole of it.
func (q *queue) replace(kept []timed) {
	clear(q.heap[len(kept):])
	clear(q.canceled)
	q.heap = kept
	for i := len(kept)/2 - 1; i >= 0; i-- {
		q.down(i)
	}
}

func (q *queue) up(i int) {
	h := q.heap
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (q *queue) down(i int) {
	h := q.heap
	for {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(h) && h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
