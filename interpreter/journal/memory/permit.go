package memory

import (
	"context"
	"slices"
	"time"

	"wf/interpreter/journal"
)

// Permit asks whether a call may be made.
func (s *Store) Permit(_ context.Context, worker, call string, quotas []journal.Quota, now time.Time) (journal.Permit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := journal.Permit{Granted: true}
	for _, q := range quotas {
		if at := s.place(q, call, now); at.After(now) && (p.Granted || at.After(p.Until)) {
			p = journal.Permit{Until: at, By: q}
		}
	}
	for _, q := range quotas {
		running := 0
		for _, o := range s.permits[q.Name] {
			if o.call != call && s.workers[o.worker].After(now) {
				running++
			}
		}
		if p.Granted && q.Limit > 0 && running >= q.Limit {
			p = journal.Permit{By: q}
		}
	}
	for _, q := range quotas {
		if p.Granted {
			list := slices.DeleteFunc(s.permits[q.Name], func(o permit) bool { return o.call == call && (o.reserved || o.worker != "") })
			s.permits[q.Name] = append(list, permit{call: call, at: now, worker: worker})
		}
	}
	return p, nil
}

// place is when a call may be made by the rate of a quota; if that is later, the moment is
// reserved.
func (s *Store) place(q journal.Quota, call string, now time.Time) time.Time {
	list := slices.DeleteFunc(s.permits[q.Name], func(o permit) bool {
		return !o.at.After(now.Add(-q.Per)) && !o.reserved && !s.workers[o.worker].After(now)
	})
	s.permits[q.Name] = list
	if q.Calls == 0 {
		return now
	}
	if i := slices.IndexFunc(list, func(o permit) bool { return o.call == call && o.reserved }); i >= 0 {
		return list[i].at
	}
	slices.SortStableFunc(list, func(a, b permit) int { return a.at.Compare(b.at) })
	if len(list) < q.Calls {
		return now
	}
	at := list[len(list)-q.Calls].at.Add(q.Per)
	if !at.After(now) {
		return now
	}
	s.permits[q.Name] = append(list, permit{call: call, at: at, reserved: true})
	return at
}

// Release says that a call is over.
func (s *Store) Release(_ context.Context, call string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.permits {
		for i := range list {
			if list[i].call == call {
				list[i].worker = ""
			}
		}
	}
	return nil
}
