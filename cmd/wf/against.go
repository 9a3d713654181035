package main

import (
	"context"
	"fmt"
	"time"

	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/lang"
	"wf/lang/graph"
)

// liveRun is a live run of a store, held against a definition, in the JSON form of wf check
// --against.
type liveRun struct {
	Run      string `json:"run"`
	Workflow string `json:"workflow"`
	File     string `json:"file"`
	State    string `json:"state"`
	Events   int    `json:"events"`
	Fits     bool   `json:"fits"`
	Event    *int   `json:"event,omitempty"` // from 1; 0: the input
	AtMS     *int64 `json:"at_ms,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// against tells which live runs of a store could not go on with the definitions.
func (c *checkCmd) against(e *env, programs []*lang.Program, files []string) error {
	s, err := openStore(c.Against, false)
	if err != nil {
		return err
	}
	defer s.Close()
	cast, err := (&runCmd{Seed: 1, Virtual: true}).cast(e)
	if err != nil {
		return err
	}
	live, broken := 0, 0
	for i, p := range programs {
		for _, g := range p.Workflows {
			err := s.eachLive(g.FullName(), func(rec journal.Record) error {
				r, err := s.held(cast, rec, g)
				if err != nil {
					return err
				}
				r.File = files[i]
				live++
				if !r.Fits {
					broken++
				}
				return c.tellLive(e, r)
			})
			if err != nil {
				return err
			}
		}
	}
	switch {
	case live == 0:
		fmt.Fprintf(e.stderr, "no run that has not ended is of these workflows\n")
	case broken == 0:
		fmt.Fprintf(e.stderr, "%s fit\n", plural(live, "live run"))
	default:
		x := &exit{status: exitFailed, message: fmt.Sprintf("%d of %s could not go on with this definition", broken, plural(live, "live run"))}
		return x.hinted("they go on with the one they began with, which the store keeps; only new runs begin with this one")
	}
	return nil
}

// eachLive visits the runs of a workflow that have not ended, the oldest first.
func (s *opened) eachLive(workflow string, visit func(journal.Record) error) error {
	f := journal.Filter{States: []journal.State{journal.Running, journal.Waiting}, Workflow: workflow, Oldest: true, Limit: 1000}
	for {
		list, err := s.List(context.Background(), f)
		if err != nil {
			return environment(err)
		}
		for _, rec := range list {
			if err := visit(rec); err != nil {
				return err
			}
			f.After = rec.ID
		}
		if len(list) < f.Limit {
			return nil
		}
	}
}

// held holds a run against a definition.
func (s *opened) held(cast *cast, rec journal.Record, g *graph.Graph) (liveRun, error) {
	out := liveRun{Run: rec.ID, Workflow: rec.Workflow, State: string(rec.State), Events: rec.Events, Fits: true}
	ctx := context.Background()
	d, err := s.Definition(ctx, rec.Definition)
	if err != nil {
		return out, environment(err)
	}
	if sum, err := g.Hash(); err == nil && sum == d.Graph {
		return out, nil // it is the same
	}
	_, old, err := cast.recompile(d)
	if err != nil {
		return out, wrong("the definition of run %s cannot be compiled here: %v", rec.ID, err)
	}
	h, err := durable.Load(ctx, s, s.key, rec.Run, old)
	if err != nil {
		return out, environment(err)
	}
	misfit, err := h.Against(g)
	if err != nil {
		return out, wrong("run %s: %v", rec.ID, err)
	}
	if misfit != nil {
		ms := misfit.At.Milliseconds()
		out.Fits, out.Event, out.AtMS, out.Reason = false, &misfit.Event, &ms, misfit.Why
	}
	return out, nil
}

// tellLive prints what came of one.
func (c *checkCmd) tellLive(e *env, r liveRun) error {
	if c.Format == "json" {
		return writeJSON(e.stdout, r)
	}
	if r.Fits {
		return nil
	}
	where := "at its beginning"
	switch {
	case *r.Event > r.Events:
		where = fmt.Sprintf("where it is now, at +%s", short(time.Duration(*r.AtMS)*time.Millisecond))
	case *r.Event > 0:
		where = fmt.Sprintf("event %d of %d, at +%s", *r.Event, r.Events, short(time.Duration(*r.AtMS)*time.Millisecond))
	}
	_, err := fmt.Fprintf(e.stdout, "%s: run %s of %s breaks %s: %s\n", r.File, r.Run, r.Workflow, where, r.Reason)
	return err
}
