package sim

import (
	"fmt"
	"strings"
	"time"

	"wf/interpreter/machine"
	"wf/lang/expr"
)

// die lets another machine take over from what was written down. Nobody hears the answers of
// calls that were under way; they are made again. What is done from outside still comes.
func (d *driver) die(at time.Duration) error {
	reading := true
	cfg := d.config()
	if trace := cfg.Trace; trace != nil {
		cfg.Trace = func(e machine.Entry) {
			if !reading {
				trace(e)
			}
		}
	}
	if ended := cfg.Ended; ended != nil {
		cfg.Ended = func(st machine.StepResult) {
			if !reading {
				ended(st)
			}
		}
	}
	if cfg.Cover != nil {
		cfg.Cover = deaf{cfg.Cover, &reading}
	}
	d.m = machine.New(d.graph, d.input, cfg)
	for _, ev := range d.past {
		if _, err := d.m.Apply(ev); err != nil {
			return fmt.Errorf("the run cannot be gone on with: %w", err)
		}
	}
	reading = false
	d.queue.forget()
	if d.opts.Watch != nil {
		d.allDecided()
	}
	d.takeOver(at)
	return nil
}

// takeOver carries out what the machine waits for.
func (d *driver) takeOver(now time.Duration) {
	pending := d.m.Pending()
	note := "the process died"
	var again []string
	for _, c := range pending {
		if c, ok := c.(machine.Call); ok {
			again = append(again, c.ID.String())
		}
	}
	if len(again) > 0 {
		note += ", and another one calls again: " + strings.Join(again, ", ")
	}
	if d.opts.Trace != nil {
		d.opts.Trace(machine.Entry{At: now, Kind: machine.EntryTakenOver, Note: note})
	}
	for _, c := range pending {
		switch c := c.(type) {
		case machine.Call:
			if d.opts.Watch != nil {
				d.opts.Watch.Again(c)
			}
			d.ask(c, now)
		case machine.SetTimer: // one that is over comes at once
			d.queue.push(max(c.At, now), machine.TimerFired{At: max(c.At, now), ID: c.ID})
		}
	}
}

// deaf is told nothing while what has happened is read again.
type deaf struct {
	machine.Cover
	reading *bool
}

// Reached notes a part of the definition.
func (c deaf) Reached(part any, what string) {
	if !*c.reading {
		c.Cover.Reached(part, what)
	}
}

// Evaluated notes an expression.
func (c deaf) Evaluated(p *expr.Program, env map[string]any) {
	if !*c.reading {
		c.Cover.Evaluated(p, env)
	}
}
