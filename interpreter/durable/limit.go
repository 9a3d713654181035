package durable

import (
	"context"
	"fmt"
	"time"

	"wf/builtins"
	"wf/interpreter/journal"
	"wf/lang/value"
)

// What a limit keeps back asks again after a while, longer each time: nobody is told when
// a call of another worker is over.
const (
	firstTry = 250 * time.Millisecond
	lastTry  = 10 * time.Second
)

// quotas are the limits of a call, of its service and of its operation.
func quotas(service, operation string, c builtins.Call) (out []journal.Quota) {
	add := func(name string, g *value.Guard) {
		if g != nil && (g.Limit > 0 || g.Rate.Calls > 0) {
			out = append(out, journal.Quota{Name: name, Limit: g.Limit, Calls: g.Rate.Calls, Per: g.Rate.Per})
		}
	}
	add(service, c.Guard)
	add(service+"."+operation, c.OperationGuard)
	return out
}

// limited makes a call when the limits of all runs let it, and else says when to ask again.
func (b *breakers) limited(ctx context.Context, list []journal.Quota, c builtins.Call, do func() (builtins.Answer, error)) (a builtins.Answer, err error) {
	call := fmt.Sprintf("%s %s#%d", c.RunID, c.Place, c.Attempt)
	now := time.Now()
	p, err := b.store.Permit(ctx, b.worker, call, list, now)
	switch {
	case err != nil:
		return a, &builtins.Held{For: firstTry, Why: err.Error()}
	case !p.Granted:
		wait := p.Until.Sub(now)
		if p.Until.IsZero() {
			wait = b.tries(call)
		}
		return a, &builtins.Held{For: wait, Why: because(p)}
	}
	b.mu.Lock()
	delete(b.held, call)
	b.mu.Unlock()
	defer b.releases.Go(func() { // the answer does not wait for it
		// if it cannot be written, it counts as long as this worker lives
		_ = b.store.Release(context.WithoutCancel(ctx), call)
	})
	if a, err = do(); a.Latency > 0 { // the call is under way as long
		wait := time.NewTimer(a.Latency)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
		a.Latency = 0
	}
	return a, err
}

// because says what keeps a call back.
func because(p journal.Permit) string {
	if p.Until.IsZero() {
		return fmt.Sprintf("limit %d of %s, in all runs", p.By.Limit, p.By.Name)
	}
	return fmt.Sprintf("limit %d per %s of %s, in all runs", p.By.Calls, value.FormatDuration(p.By.Per), p.By.Name)
}

// tries is how long a call waits before it asks again.
func (b *breakers) tries(call string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil {
		b.held = map[string]time.Duration{}
	}
	wait := min(max(firstTry, 2*b.held[call]), lastTry)
	b.held[call] = wait
	return wait
}
