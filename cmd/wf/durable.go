package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/machine"
	"wf/interpreter/report"
	"wf/lang"
	"wf/lang/graph"
	"wf/lang/value"
)

// answers says who answers the calls of runs in a store.
type answers struct {
	Mocks string `help:".wf file with mocks, as in test files: they answer before the services that are built in." placeholder:"FILE" predictor:"definition"`
	remotes
}

func (a answers) cast(e *env) (*cast, error) {
	return (&runCmd{Mocks: a.Mocks, Seed: 1, remotes: a.remotes}).cast(e)
}

type startCmd struct {
	storeFlags
	File        string   `arg:"" help:"Definition, .wf or .yaml." predictor:"definition"`
	Workflow    string   `help:"Which workflow of the file, if it has several." placeholder:"NAME" predictor:"workflow"`
	Input       string   `short:"i" help:"JSON file with the input; - reads standard input." placeholder:"FILE" predictor:"file"`
	Set         []string `help:"Set one field of the input: user.plan=pro. The value is JSON, or else a string." placeholder:"PATH=VALUE" sep:"none" predictor:"field"`
	Environment string   `help:"YAML: which of its environments to apply." placeholder:"NAME"`
	identity
}

// Help is shown by wf start --help.
func (startCmd) Help() string {
	return `Writes a run into a store, where a worker finds it (wf worker, wf resume), and prints its id. When the
command ends, the run is on the disk. With --id or --key it can be repeated: the run is started once.

Examples:
  wf start workflows/payment_refund.wf --input workflows/inputs/payment_refund.json --store runs.db --key refund-7`
}

// Run starts the run.
func (c *startCmd) Run(e *env) error {
	r := &runCmd{File: c.File, Workflow: c.Workflow, Input: c.Input, Set: c.Set, Environment: c.Environment, Seed: 1}
	stock := services(r.Seed)
	p, err := e.load(c.File, lang.Options{Catalog: stock, Environment: c.Environment})
	if err != nil {
		return err
	}
	g, err := p.Workflow(c.Workflow)
	if err != nil {
		return wrong("%s: %v", c.File, err)
	}
	s, err := c.open(true)
	if err != nil {
		return err
	}
	defer s.Close()
	run, fresh, err := r.create(e, s, p, g, c.identity)
	if err != nil {
		return err
	}
	if !fresh {
		fmt.Fprintf(e.stderr, "the run was started before\n")
	}
	fmt.Fprintln(e.stdout, run.ID)
	return nil
}

// create writes a run into a store. fresh is false if it is there already.
func (c *runCmd) create(e *env, s *opened, p *lang.Program, g *graph.Graph, id identity) (run journal.Run, fresh bool, err error) {
	d, err := definitionOf(p, g, c.File, c.Environment)
	if err != nil {
		return run, false, err
	}
	run = id.run(g, d, c.Seed, e.now())
	input, err := c.input(e, g, run.ID, run.Start)
	if err != nil {
		return run, false, err
	}
	run, err = durable.Create(context.Background(), s, s.key, d, g, run, input)
	if errors.Is(err, journal.ErrExists) {
		return run, false, nil
	}
	return run, true, environment(err)
}

// durably runs a workflow in a store: it is written as it goes on, and wf resume goes on
// with it if this process ends before.
func (c *runCmd) durably(e *env, cast *cast, p *lang.Program, g *graph.Graph) error {
	s, err := openStore(c.Store, true)
	if err != nil {
		return err
	}
	defer s.Close()
	out, err := c.sending(e, g)
	if err != nil {
		return err
	}
	run, fresh, err := c.create(e, s, p, g, c.identity)
	if err != nil {
		return err
	}
	if !fresh && (len(c.Signal) > 0 || c.Signals != "") {
		return wrong("run %s was started before, and its signals were sent then", run.ID).hinted("wf signal %s NAME JSON --store %s sends one, and wf resume goes on", run.ID, c.Store)
	}
	tell, flush, err := c.telemetryFlags.start(e)
	if err != nil {
		return err
	}
	defer flush()
	ctx, stop := e.interrupt(context.Background())
	defer stop()
	show := newProgress(e, g, false)
	out.later = show.screen != nil
	posted, post := context.WithCancel(ctx)
	defer post()
	go s.post(posted, cast, run, out)
	var entries []machine.Entry
	var result *machine.Result
	var lost error
	w := durable.New(durable.Options{Store: s, Name: workerName(e.now()), Services: cast.services, Compile: cast.compile, Key: s.key, Only: []string{run.ID}, Nap: -1, Telemetry: tell,
		Trace: func(_ journal.Run, t machine.Entry) {
			entries = append(entries, t)
			show.entry(t)
			if cast.failed() {
				stop()
			}
		},
		Ended: func(_ journal.Run, r *machine.Result) { result = r },
		Lost:  func(_ journal.Run, err error) { lost = err; stop() }})
	err = w.Serve(ctx, func() bool {
		rec, err := s.Run(ctx, run.ID)
		return err == nil && !rec.Ended.IsZero()
	})
	show.close()
	post()
	out.close()
	if err := errors.Join(err, lost); err != nil {
		return environment(err)
	}
	if err := c.writeTrace(e, entries); err != nil {
		return err
	}
	if cast.failed() {
		return cast.report(e, c.Mocks)
	}
	if result == nil { // perhaps it had ended before, or with another worker
		past, _, _, err := s.replay(cast, run.ID, nil)
		if err != nil {
			return err
		}
		result = past.Result()
	}
	if result == nil {
		return (&exit{status: exitInterrupted, message: "interrupted; the run stays as it is"}).hinted("wf resume --store %s %s", c.Store, run.ID)
	}
	if err := writeReport(e, c.Report, &report.Run{Graph: g, Result: result, Trace: entries, Sources: p.Sources, Started: run.Start, Seed: c.Seed}); err != nil {
		return err
	}
	return c.report(e, g, p, result, run.Start)
}

// post leaves the signals of a command line for a run, until the context ends.
func (s *opened) post(ctx context.Context, cast *cast, run journal.Run, out *sending) {
	signals := out.outside(ctx)
	for signals != nil {
		select {
		case o := <-signals:
			rec, err := s.Run(ctx, run.ID)
			if err == nil {
				err = s.say(cast, rec, o.Event, who{run.By, run.Why})
			}
			if ctx.Err() == nil {
				o.Taken(err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// replay brings a run of the store to where it stands.
func (s *opened) replay(cast *cast, id string, trace func(machine.Entry)) (*machine.Machine, *lang.Program, *graph.Graph, error) {
	ctx := context.Background()
	rec, err := s.Run(ctx, id)
	if err != nil {
		return nil, nil, nil, environment(err)
	}
	d, err := s.Definition(ctx, rec.Definition)
	if err != nil {
		return nil, nil, nil, environment(err)
	}
	p, g, err := cast.recompile(d)
	if err != nil {
		return nil, nil, nil, wrong("the definition of run %s cannot be compiled here: %v", id, err)
	}
	h, err := durable.Load(ctx, s, s.key, rec.Run, g)
	if err != nil {
		return nil, nil, nil, environment(err)
	}
	m, err := h.Replay(trace)
	return m, p, g, environment(err)
}

type resumeCmd struct {
	storeFlags
	answers
	telemetryFlags
	IDs  []string `arg:"" optional:"" name:"run" help:"Runs to go on with; without any, all that have not ended."`
	Runs int      `help:"Runs at once." default:"256" placeholder:"N"`
}

// Help is shown by wf resume --help.
func (resumeCmd) Help() string {
	return `Goes on with the runs of a store that have not ended, until each has ended or waits for somebody.
Waits for a time are waited for. What was under way when its process died is called once more, with
the same idempotency key; what was answered is not called again.

Examples:
  wf resume --store runs.db`
}

// Run works until nothing is due.
func (c *resumeCmd) Run(e *env) error {
	s, err := c.open(false)
	if err != nil {
		return err
	}
	defer s.Close()
	for i, id := range c.IDs {
		rec, err := s.find(context.Background(), id)
		if err != nil {
			return err
		}
		c.IDs[i] = rec.ID
	}
	return c.work(e, s, c.answers, c.telemetryFlags, durable.Options{Only: c.IDs, Runs: c.Runs}, true)
}

type workerCmd struct {
	storeFlags
	answers
	telemetryFlags
	Runs  int           `help:"Runs at once." default:"256" placeholder:"N"`
	Lease time.Duration `help:"Another worker takes the runs over if this one is silent for so long." default:"30s" placeholder:"DURATION"`
}

// Help is shown by wf worker --help.
func (workerCmd) Help() string {
	return `Works for a store until it is interrupted: begins what is started, resumes what was left, and wakes
what waits when its time has come or somebody speaks to it. Several workers may share a store; each
run is with one of them. When a worker is interrupted, its runs stay as they are for the next one.

Examples:
  timeout 1 wf worker --store runs.db || true   # until it is interrupted`
}

// Run works until it is interrupted.
func (c *workerCmd) Run(e *env) error {
	s, err := c.open(true)
	if err != nil {
		return err
	}
	defer s.Close()
	return c.work(e, s, c.answers, c.telemetryFlags, durable.Options{Runs: c.Runs, Lease: c.Lease}, false)
}

// work serves a store, and says which runs end.
func (f storeFlags) work(e *env, s *opened, a answers, tf telemetryFlags, opts durable.Options, drain bool) error {
	cast, err := a.cast(e)
	if err != nil {
		return err
	}
	if opts.Runs < 1 {
		return wrong("--runs must be at least 1")
	}
	tell, flush, err := tf.start(e)
	if err != nil {
		return err
	}
	defer flush()
	opts.Telemetry = tell
	ctx, stop := e.interrupt(context.Background())
	defer stop()
	said := newLines(e)
	opts.Store, opts.Name, opts.Services, opts.Compile, opts.Key = s, workerName(e.now()), cast.services, cast.compile, s.key
	opts.Ended = func(run journal.Run, r *machine.Result) {
		text := string(r.Ending)
		if r.Error != nil {
			text += "  " + r.Error.Error()
		}
		said.line("%s  %s  %s", run.ID, run.Workflow, text)
	}
	opts.Lost = func(run journal.Run, err error) { said.line("%s  %s  left: %v", run.ID, run.Workflow, err) }
	w := durable.New(opts)
	var drained func() bool
	if drain {
		drained = func() bool { return s.drained(ctx, opts.Only) }
	}
	if err := w.Serve(ctx, drained); err != nil {
		return environment(err)
	}
	if ctx.Err() != nil {
		return &exit{status: exitInterrupted}
	}
	if waiting, err := s.List(context.Background(), journal.Filter{States: []journal.State{journal.Waiting}}); err == nil && len(waiting) > 0 && drain {
		said.line("%s for somebody; wf runs --store %s --state waiting", plural(len(waiting), "run")+" waiting", f.Store)
	}
	return nil
}

// drained reports whether no run goes on by itself.
func (s *opened) drained(ctx context.Context, only []string) bool {
	if len(only) == 0 {
		next, err := s.Next(ctx)
		running, err2 := s.List(ctx, journal.Filter{States: []journal.State{journal.Running}, Limit: 1})
		return err == nil && err2 == nil && next.IsZero() && len(running) == 0
	}
	for _, id := range only {
		rec, err := s.Run(ctx, id)
		if err != nil || rec.State == journal.Running || rec.State == journal.Waiting && !rec.Wake.IsZero() {
			return false
		}
	}
	return true
}

type runsCmd struct {
	storeFlags
	State      []string          `help:"Only runs in these states: running, waiting, or an ending." placeholder:"STATE"`
	Workflow   string            `help:"Only runs of this workflow, by its full name." placeholder:"NAME"`
	Namespace  string            `help:"Only runs of workflows in this namespace." placeholder:"NAME"`
	Definition string            `help:"Only runs of this version of the workflow." placeholder:"VERSION"`
	Tag        map[string]string `help:"Only runs with this tag." placeholder:"NAME=VALUE"`
	By         string            `help:"Only runs that this person started." placeholder:"WHO"`
	Key        string            `help:"Only the run with this business key." placeholder:"KEY"`
	Since      string            `help:"Only runs that began at that moment or later: a time (2026-01-02T09:00:00Z, 2026-01-02), or how long ago (2h)." placeholder:"TIME"`
	Limit      int               `help:"At most so many." default:"100" placeholder:"N"`
	Oldest     bool              `help:"The oldest first; else the latest."`
	Format     string            `help:"text, or json: one object a line." enum:"text,json" default:"text"`
}

// Help is shown by wf runs --help.
func (runsCmd) Help() string {
	return `Examples:
  wf runs --store runs.db
  wf runs --store runs.db --state waiting,failed --since 2h --format json`
}

// runRecord is a run in the JSON form of wf runs and wf show.
type runRecord struct {
	Version       int               `json:"version"` // of this form
	ID            string            `json:"id"`
	Workflow      string            `json:"workflow"`
	WorkflowIs    string            `json:"workflow_version,omitempty"`
	Key           string            `json:"key,omitempty"`
	State         string            `json:"state"`
	StartedAt     string            `json:"started_at"`
	EndedAt       string            `json:"ended_at,omitempty"`
	WakeAt        string            `json:"wake_at,omitempty"`
	Error         *errorObject      `json:"error,omitempty"`
	CorrelationID string            `json:"correlation_id"`
	Seed          uint64            `json:"seed"`
	Tags          map[string]string `json:"tags,omitempty"`
	By            string            `json:"by,omitempty"`
	Why           string            `json:"why,omitempty"`
	Events        int               `json:"events"`
	Worker        string            `json:"worker,omitempty"`
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func recordObject(r journal.Record) runRecord {
	out := runRecord{Version: 1, ID: r.ID, Workflow: r.Workflow, WorkflowIs: r.Version, Key: r.Key, State: string(r.State), StartedAt: stamp(r.Start), EndedAt: stamp(r.Ended), WakeAt: stamp(r.Wake),
		CorrelationID: r.Correlation, Seed: r.Seed, Tags: r.Tags, By: r.By, Why: r.Why, Events: r.Events, Worker: r.Worker}
	out.Error = failure(r.Code, r.Message)
	return out
}

var runStates = []string{"running", "waiting", "completed", "degraded", "failed", "cancelled", "compensated"}

// filter reads the flags.
func (c *runsCmd) filter(now time.Time) (journal.Filter, error) {
	f := journal.Filter{Workflow: c.Workflow, Namespace: c.Namespace, Version: c.Definition, Tags: c.Tag, By: c.By, Key: c.Key, Limit: c.Limit, Oldest: c.Oldest}
	for _, s := range c.State {
		if err := oneOf("--state", s, runStates); err != nil {
			return f, err
		}
		f.States = append(f.States, journal.State(s))
	}
	if c.Since == "" {
		return f, nil
	}
	var err error
	f.Since, err = ago(c.Since, now)
	return f, err
}

func oneOf(flag, s string, choice []string) error {
	for _, c := range choice {
		if c == s {
			return nil
		}
	}
	x := wrong("%s: there is no %s", flag, s)
	x.hint = "there is " + strings.Join(choice, ", ")
	return x
}

// ago reads a moment: a time, or how long before now.
func ago(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	d, err := value.ParseDuration(text)
	if err != nil {
		return time.Time{}, wrong("%q is neither a time (2026-01-02T09:00:00Z, 2026-01-02) nor a duration (2h, 30d)", text)
	}
	return now.Add(-d), nil
}

// Run lists the runs.
func (c *runsCmd) Run(e *env) error {
	f, err := c.filter(e.now())
	if err != nil {
		return err
	}
	s, err := c.open(false)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.List(context.Background(), f)
	if err != nil {
		return environment(err)
	}
	if c.Format == "json" {
		for _, r := range list {
			if err := writeJSON(e.stdout, recordObject(r)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(e.stderr, "no runs")
	}
	return printRuns(e, list)
}

func printRuns(e *env, list []journal.Record) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, r := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Workflow, r.State, r.Start.Format(time.DateTime), remark(r, e.now()))
	}
	return w.Flush()
}

// remark is what there is to say of a run beside its state.
func remark(r journal.Record, now time.Time) string {
	switch {
	case r.Code != "":
		return strings.TrimSuffix(r.Code+": "+r.Message, ": ")
	case r.State == journal.Waiting && r.Wake.IsZero():
		return "until it is told something"
	case r.State == journal.Waiting:
		return "for " + short(max(0, r.Wake.Sub(now)))
	case !r.Ended.IsZero():
		return "took " + short(r.Ended.Sub(r.Start))
	}
	return ""
}

type showCmd struct {
	storeFlags
	answers
	ID     string `arg:"" name:"run" help:"Id of the run, or the beginning of it."`
	Trace  bool   `help:"Its whole trace."`
	Report string `help:"Write what became of it to a file: .html, one page with everything, or .svg, its timeline." placeholder:"FILE" predictor:"file"`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

// Help is shown by wf show --help.
func (showCmd) Help() string {
	return `Shows a run of a store: where it stands, its steps with their attempts, and what it waits for. What is
shown is what a worker would find: the journal, applied to the definition that the run began with.

Examples:
  wf show refund-1 --store runs.db
  wf show refund-1 --store runs.db --trace
  wf show refund-9 --store runs.db --report refund.html`
}

// showObject is the JSON form of wf show.
type showObject struct {
	runRecord
	Steps    []shownStep    `json:"steps"`
	Attempts []shownAttempt `json:"attempts"`
	Deeds    []shownDeed    `json:"deeds"`
	Output   any            `json:"output,omitempty"`
}

// shownDeed is what a person did to the run.
type shownDeed struct {
	At   string `json:"at"`
	What string `json:"what"`
	By   string `json:"by,omitempty"`
	Why  string `json:"why,omitempty"`
}

type shownStep struct {
	Name        string       `json:"name"`
	Inner       bool         `json:"inner,omitempty"` // of a group or loop, or an undo
	State       string       `json:"state"`
	Attempts    int          `json:"attempts"`
	MaxAttempts int          `json:"max_attempts,omitempty"`
	NextRetryAt string       `json:"next_retry_at,omitempty"`
	StartedAt   string       `json:"started_at,omitempty"`
	EndedAt     string       `json:"ended_at,omitempty"`
	Error       *errorObject `json:"error,omitempty"`
	Needs       []string     `json:"needs,omitempty"`
}

type shownAttempt struct {
	Step      string `json:"step"`
	Place     string `json:"place"`
	Attempt   int    `json:"attempt"`
	Operation string `json:"operation"`
	Key       string `json:"idempotency_key"`
	Outcome   string `json:"outcome,omitempty"`
	StartedAt string `json:"started_at"`
	EndedAt   string `json:"ended_at,omitempty"`
}

// failure is the error of a run or step; nil if there is none.
func failure(code, message string) *errorObject {
	if code == "" {
		return nil
	}
	return &errorObject{Code: code, Message: message}
}

// Run shows the run.
func (c *showCmd) Run(e *env) error {
	if err := reportable(c.Report); err != nil {
		return err
	}
	s, err := c.open(false)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx := context.Background()
	rec, err := s.find(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.Report != "" {
		return c.report(e, s, rec)
	}
	if c.Trace {
		return c.trace(e, s, rec)
	}
	steps, attempts, err := s.Steps(ctx, rec.ID)
	if err != nil {
		return environment(err)
	}
	output, err := s.output(rec)
	if err != nil {
		return err
	}
	deeds, err := s.Deeds(ctx, rec.ID)
	if err != nil {
		return environment(err)
	}
	if c.Format == "json" {
		out := showObject{runRecord: recordObject(rec), Steps: []shownStep{}, Attempts: []shownAttempt{}, Deeds: []shownDeed{}, Output: output}
		for _, d := range deeds {
			out.Deeds = append(out.Deeds, shownDeed{stamp(d.At), d.What, d.By, d.Why})
		}
		for _, st := range steps {
			out.Steps = append(out.Steps, shownStep{st.Name, st.Inner, st.State, st.Attempts, st.Of, stamp(st.NextRetry), stamp(st.Started), stamp(st.Ended), failure(st.Code, st.Message), st.Needs})
		}
		for _, a := range attempts {
			out.Attempts = append(out.Attempts, shownAttempt{a.Step, a.Place, a.Number, a.Operation, a.Key, a.Outcome, stamp(a.Started), stamp(a.Ended)})
		}
		return writeJSON(e.stdout, out)
	}
	c.text(e, rec, steps, deeds, output)
	return nil
}

// trace prints all that has happened.
func (c *showCmd) trace(e *env, s *opened, rec journal.Record) error {
	cast, err := c.cast(e)
	if err != nil {
		return err
	}
	var entries []machine.Entry
	if _, _, _, err := s.replay(cast, rec.ID, func(t machine.Entry) { entries = append(entries, t) }); err != nil {
		return err
	}
	if c.Format == "json" {
		return machine.WriteJSON(e.stdout, entries)
	}
	return machine.WriteText(e.stdout, entries)
}

// report writes what became of the run.
func (c *showCmd) report(e *env, s *opened, rec journal.Record) error {
	cast, err := c.cast(e)
	if err != nil {
		return err
	}
	var entries []machine.Entry
	m, p, g, err := s.replay(cast, rec.ID, func(t machine.Entry) { entries = append(entries, t) })
	if err != nil {
		return err
	}
	result := m.Result()
	if result == nil {
		return wrong("run %s has not ended; its report comes with its end", rec.ID).hinted("wf show %s --store %s --trace prints what has happened so far", rec.ID, c.Store)
	}
	return writeReport(e, c.Report, &report.Run{Graph: g, Result: result, Trace: entries, Sources: p.Sources, Started: rec.Start, Seed: rec.Seed})
}

// output is what a run returned; nil if it has not.
func (s *opened) output(rec journal.Record) (any, error) {
	if rec.Output == nil {
		return nil, nil
	}
	text, err := s.key.Open(rec.Output, rec.ID+" output")
	if err != nil {
		return nil, environment(err)
	}
	return value.DecodeJSON(text)
}

func (c *showCmd) text(e *env, rec journal.Record, steps []journal.Step, deeds []journal.Deed, output any) {
	out := func(format string, args ...any) { fmt.Fprintf(e.stdout, format, args...) }
	out("%s  %s  %s\n", rec.ID, rec.Workflow, e.paintOut(string(rec.State), endingColor(machine.Ending(rec.State))))
	out("  began %s", rec.Start.Format(time.DateTime))
	if r := remark(rec, e.now()); r != "" {
		out(", %s", r)
	}
	if rec.Key != "" {
		out(", key %s", rec.Key)
	}
	if rec.By != "" {
		out(", by %s", rec.By)
	}
	if rec.Why != "" {
		out(", %s", rec.Why)
	}
	out("\n")
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, st := range steps {
		var parts []string
		if st.Attempts > 1 {
			parts = append(parts, plural(st.Attempts, "attempt"))
		}
		if !st.NextRetry.IsZero() {
			parts = append(parts, "next at "+st.NextRetry.Format(time.DateTime))
		}
		if st.Code != "" {
			parts = append(parts, strings.TrimSuffix(st.Code+": "+st.Message, ": "))
		}
		took := ""
		if !st.Ended.IsZero() && !st.Started.IsZero() {
			took = short(st.Ended.Sub(st.Started))
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", st.Name, st.State, took, strings.Join(parts, ", "))
	}
	_ = w.Flush() // a strings.Builder takes everything
	for line := range strings.Lines(table.String()) {
		out("%s\n", strings.TrimRight(line, " \n"))
	}
	for _, d := range deeds {
		out("  told at %s: %s", d.At.Format(time.DateTime), d.What)
		if d.By != "" {
			out(", by %s", d.By)
		}
		if d.Why != "" {
			out(", %s", d.Why)
		}
		out("\n")
	}
	if output != nil {
		if text, err := json.MarshalIndent(output, "", "  "); err == nil {
			out("%s\n", text)
		}
	}
}

type cancelCmd struct {
	storeFlags
	IDs []string `arg:"" name:"run" help:"Runs, by their ids or the beginning of one."`
	who
}

// Help is shown by wf cancel --help.
func (cancelCmd) Help() string {
	return `Tells runs of a store to end. The worker that has a run hears of it at once; else the next one does.
What a run did and can take back is taken back.

Examples:
  wf cancel refund-1 --store runs.db`
}

// Run tells them.
func (c *cancelCmd) Run(e *env) error {
	s, err := c.open(false)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, id := range c.IDs {
		rec, err := s.find(context.Background(), id)
		if err != nil {
			return err
		}
		if !rec.Ended.IsZero() {
			return wrong("run %s has ended: it is %s", rec.ID, rec.State)
		}
		if err := s.tell(rec, machine.CancelRequested{}, c.who); err != nil {
			return err
		}
	}
	return nil
}

// who says who does something to a run, and why.
type who struct {
	By  string `help:"Who does it; it is written down." placeholder:"WHO"`
	Why string `help:"What for; it is written down." placeholder:"WHY"`
}

// tell leaves a message for a run.
func (s *opened) tell(rec journal.Record, ev machine.Event, w who) error {
	return environment(durable.Tell(context.Background(), s, s.key, rec.ID, ev, w.By, w.Why))
}

type resolveCmd struct {
	storeFlags
	answers
	ID     string `arg:"" name:"run" help:"Id of the run, or the beginning of it."`
	Step   string `arg:"" help:"The step that failed."`
	Result string `help:"What it should have returned, as JSON." placeholder:"JSON" required:""`
	who
}

// Help is shown by wf resolve --help.
func (resolveCmd) Help() string {
	return `Gives a failed step of a run the result that a person decided on. The run, even one that has ended, goes
on with the steps that could not be run, as soon as a worker has it.

Examples:
  wf resolve refund-9 validate_payment_eligibility --store runs.db --result '{"charge_id":"ch_1001","amount_cents":900,"currency":"EUR","partial":true}'`
}

// Run resolves the step.
func (c *resolveCmd) Run(e *env) error {
	result, err := value.DecodeJSON([]byte(c.Result))
	if err != nil {
		return wrong("--result: %v", err)
	}
	s, rec, err := c.openRun(c.ID)
	if err != nil {
		return err
	}
	defer s.Close()
	cast, err := c.cast(e)
	if err != nil {
		return err
	}
	return s.say(cast, rec, machine.StepResolved{Step: c.Step, Result: result}, c.who)
}

type pruneCmd struct {
	storeFlags
	OlderThan string            `help:"Runs that ended so long ago: 30d." placeholder:"DURATION" required:""`
	State     []string          `help:"Only runs that ended like this." placeholder:"ENDING"`
	Workflow  string            `help:"Only runs of this workflow, by its full name." placeholder:"NAME"`
	Namespace string            `help:"Only runs of workflows in this namespace." placeholder:"NAME"`
	Tag       map[string]string `help:"Only runs with this tag." placeholder:"NAME=VALUE"`
	DryRun    bool              `help:"Forget nothing, but list what would be forgotten."`
	who
}

// Help is shown by wf prune --help.
func (pruneCmd) Help() string {
	return `Forgets runs that have ended, with their journals, and definitions that no run has any more.

Examples:
  wf prune --store runs.db --older-than 30d --state completed --dry-run
  wf prune --store runs.db --older-than 30d --state completed --by ada --why 'we keep a month'`
}

// deed is the command as it is written down.
func (c *pruneCmd) deed(now time.Time) journal.Deed {
	what := "prune --older-than " + c.OlderThan
	for _, p := range []struct{ flag, value string }{{"--state", strings.Join(c.State, ",")}, {"--workflow", c.Workflow}, {"--namespace", c.Namespace}} {
		if p.value != "" {
			what += " " + p.flag + " " + p.value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Tag)) {
		what += " --tag " + name + "=" + c.Tag[name]
	}
	return journal.Deed{At: now, What: what, By: c.By, Why: c.Why}
}

// Run forgets them.
func (c *pruneCmd) Run(e *env) error {
	f := journal.Filter{Workflow: c.Workflow, Namespace: c.Namespace, Tags: c.Tag, Over: true}
	for _, s := range c.State {
		if err := oneOf("--state", s, runStates[2:]); err != nil {
			return err
		}
		f.States = append(f.States, journal.State(s))
	}
	d, err := value.ParseDuration(c.OlderThan)
	if err != nil {
		return wrong("--older-than: %v", err)
	}
	f.EndedBefore = e.now().Add(-d)
	s, err := c.open(false)
	if err != nil {
		return err
	}
	defer s.Close()
	if c.DryRun {
		return c.list(e, s, f)
	}
	n, err := s.Prune(context.Background(), f, c.deed(e.now()))
	if err != nil {
		return environment(err)
	}
	fmt.Fprintf(e.stderr, "%s forgotten\n", plural(n, "run"))
	return nil
}

// list prints what would be forgotten.
func (c *pruneCmd) list(e *env, s *opened, f journal.Filter) error {
	n := 0
	for f.Oldest = true; ; {
		page, err := s.List(context.Background(), f)
		if err != nil {
			return environment(err)
		}
		if err := printRuns(e, page); err != nil {
			return err
		}
		if n += len(page); len(page) < 1000 {
			break
		}
		f.After = page[len(page)-1].ID
	}
	fmt.Fprintf(e.stderr, "%s would be forgotten\n", plural(n, "run"))
	return nil
}

// lines writes lines to standard error, of several runs at once.
type lines struct {
	mu sync.Mutex
	e  *env
}

func newLines(e *env) *lines { return &lines{e: e} }

func (l *lines) line(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.e.stderr, format+"\n", args...)
}

type signalCmd struct {
	storeFlags
	answers
	ID      string `arg:"" name:"run" help:"Id of the run, or the beginning of it."`
	Name    string `arg:"" name:"signal" help:"The signal, as the workflow declares it."`
	Payload string `arg:"" optional:"" help:"What it carries, as JSON."`
	who
}

// Help is shown by wf signal --help.
func (signalCmd) Help() string {
	return `Tells a run of a store something that its workflow waits for. What does not fit is refused at once.
A signal that comes early is kept until somebody waits for it.

Examples:
  wf signal expense-7 decision '{"expense_id": "e-17", "approved": true, "by": "mia@example.com"}' --store runs.db`
}

// Run sends the signal.
func (c *signalCmd) Run(e *env) error {
	ev := machine.SignalReceived{Name: c.Name}
	if c.Payload != "" {
		var err error
		if ev.Payload, err = value.DecodeJSON([]byte(c.Payload)); err != nil {
			return wrong("what signal %s carries is no JSON: %v", c.Name, err)
		}
	}
	s, rec, err := c.openRun(c.ID)
	if err != nil {
		return err
	}
	defer s.Close()
	if !rec.Ended.IsZero() {
		return wrong("run %s has ended: it is %s", rec.ID, rec.State)
	}
	cast, err := c.cast(e)
	if err != nil {
		return err
	}
	return s.say(cast, rec, ev, c.who)
}
