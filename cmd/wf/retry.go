package main

import (
	"wf/interpreter"
	"wf/interpreter/journal"
	"wf/interpreter/machine"
)

type retryCmd struct {
	storeFlags
	answers
	ID   string `arg:"" name:"run" help:"Id of the run, or the beginning of it."`
	From string `help:"The step to run again, failed or not, with those that need it; without it, all that failed." placeholder:"STEP"`
	who
}

// Help is shown by wf retry --help.
func (retryCmd) Help() string {
	return `Runs the failed steps of a run again, or one step, and then what needs them, as soon as a worker has
the run. What was answered before is not called again; a call whose outcome is in doubt keeps its
idempotency key, one that was refused gets another. With --from a step that has not failed is done
anew. A run whose effects are undone, or that was cancelled, stays as it is.

Examples:
  wf retry refund-9 --store runs.db`
}

// Run tells the run.
func (c *retryCmd) Run(e *env) error {
	s, rec, err := c.openRun(c.ID)
	if err != nil {
		return err
	}
	defer s.Close()
	cast, err := c.cast(e)
	if err != nil {
		return err
	}
	return s.say(cast, rec, machine.StepRetried{Step: c.From}, c.who)
}

// say tells a run something that it may refuse. What the worker would refuse is refused
// here, and not left for it.
func (s *opened) say(cast *cast, rec journal.Record, ev machine.Event, w who) error {
	m, _, _, err := s.replay(cast, rec.ID, nil)
	if err != nil {
		return err
	}
	if _, err := m.Apply(interpreter.Stamp(ev, m.Now())); err != nil {
		return wrong("run %s: %v", rec.ID, err)
	}
	return s.tell(rec, ev, w)
}
