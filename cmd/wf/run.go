package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"wf/golden"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/report"
	"wf/interpreter/sim"
	"wf/interpreter/telemetry"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/graph"
	"wf/lang/suite"
	"wf/lang/value"
)

type runCmd struct {
	File     string   `arg:"" help:"Definition, .wf or .yaml." predictor:"definition"`
	Workflow string   `help:"Which workflow of the file, if it has several." placeholder:"NAME" predictor:"workflow"`
	Input    string   `short:"i" help:"JSON file with the input; - reads standard input." placeholder:"FILE" predictor:"file"`
	Set      []string `help:"Set one field of the input: user.plan=pro. The value is JSON, or else a string." placeholder:"PATH=VALUE" sep:"none" predictor:"field"`
	Signal   []string `help:"Send the run a signal, when it begins or at a time since then: decision@2h={\"approved\":true}. What it carries is JSON." placeholder:"NAME[@TIME][=JSON]" sep:"none"`
	Signals  string   `help:"Send the signals of a file, one JSON object a line: {\"signal\": NAME, \"payload\": {…}}; - reads standard input while the run goes on." placeholder:"FILE" predictor:"file"`
	Virtual  bool     `help:"Do not wait: simulate the time that calls and backoffs take."`
	Seed     uint64   `help:"Seed of jitter, ids and mock latencies." default:"1"`
	Mocks    string   `help:".wf file with mocks, as in test files: they answer before the services that are built in." placeholder:"FILE" predictor:"definition"`
	remotes
	Format       string `help:"Form of the result: text or json." enum:"text,json" default:"text"`
	Trace        string `help:"Write the trace to a file (.json or .jsonl: one object a line; else text); - is standard error." placeholder:"FILE" predictor:"file"`
	Report       string `help:"Write what became of the run to a file: .html, one page with everything, or .svg, its timeline." placeholder:"FILE" predictor:"file"`
	Environment  string `help:"YAML: which of its environments to apply." placeholder:"NAME"`
	StubHandlers bool   `help:"YAML: take any handler_class as registered; those that are not answer success, and nothing else."`
	Store        string `help:"Keep the run in this store as it goes on, so that wf resume can go on with it." placeholder:"FILE" predictor:"file" group:"store"`
	identity     `group:"store"`
	telemetryFlags
}

// Help is shown by wf run --help.
func (runCmd) Help() string {
	return `The result goes to standard output, everything else to standard error.

Examples:
  wf run workflows/user_registration.wf --input workflows/inputs/user_registration.json --virtual
  wf run flow.wf --set sku=lamp --set count=2 --mocks flow_test.wf
  echo '{"sku":"lamp"}' | wf run flow.wf --input - --mocks flow_test.wf --virtual --format json
  wf run workflows/checkout.wf --input workflows/inputs/checkout.json --trace run.jsonl --virtual
  wf run workflows/checkout.wf --input workflows/inputs/checkout.json --report run.html --virtual
  wf run approval.wf --signal 'decision@2h={"approved":true}' --virtual`
}

// Run runs the workflow.
func (c *runCmd) Run(e *env) error {
	if err := reportable(c.Report); err != nil {
		return err
	}
	cast, err := c.cast(e)
	if err != nil {
		return err
	}
	p, err := e.load(c.File, lang.Options{Catalog: cast.catalog, Environment: c.Environment, StubHandlers: c.StubHandlers})
	if err != nil {
		return err
	}
	g, err := p.Workflow(c.Workflow)
	if err != nil {
		return wrong("%s: %v", c.File, err)
	}
	if err := cast.at.fits(g); err != nil {
		return err
	}
	switch {
	case c.Input == "-" && c.Signals == "-":
		return wrong("standard input holds the input or the signals, not both").hinted("put one of them into a file")
	case c.Store != "" && (c.Virtual || c.StubHandlers):
		return wrong("--store keeps real runs: it goes neither with --virtual nor with --stub-handlers")
	case c.Store != "":
		return c.durably(e, cast, p, g)
	case c.identity.given():
		return wrong("--id, --key, --tag, --by and --why are of runs in a store").hinted("add --store FILE")
	}
	tell, flush, err := c.telemetryFlags.start(e)
	if err != nil {
		return err
	}
	defer flush()
	start := e.now()
	if c.Virtual { // the same run, whenever it is made
		start = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	}
	runID := interpreter.RunID(g, c.Seed)
	input, err := c.input(e, g, runID, start)
	if err != nil {
		return err
	}
	out, err := c.sending(e, g)
	if err != nil {
		return err
	}
	ctx, stop := e.interrupt(context.Background())
	defer stop()
	var entries []machine.Entry
	show := newProgress(e, g, c.Virtual)
	out.later = show.screen != nil
	var told *telemetry.Run
	if !c.Virtual {
		told = tell.Begin(telemetry.Info{ID: runID, Workflow: g.FullName(), Version: g.Version, Correlation: sim.CorrelationID(input), Start: start})
		defer told.Leave()
	}
	trace := func(t machine.Entry) {
		told.Entry(t, true)
		if c.Trace != "" || c.Report != "" {
			entries = append(entries, t)
		}
		show.entry(t)
		if cast.failed() {
			stop()
		}
	}
	result, err := c.drive(ctx, g, input, cast, out, runID, start, trace)
	show.close()
	out.close()
	var unbound *sim.Unbound
	var stuck *sim.Stuck
	switch {
	case errors.As(err, &unbound):
		return c.unbound(unbound)
	case errors.As(err, &stuck):
		return (&exit{status: exitFailed, message: stuck.Error()}).hinted("send one: --signal '%s@1h={…}'", stuck.Waiting[0].Signal)
	case err != nil && !errors.Is(err, sim.ErrStopped):
		return wrong("%v", err)
	}
	if err := c.writeTrace(e, entries); err != nil {
		return err
	}
	switch {
	case cast.failed():
		return cast.report(e, c.Mocks)
	case result == nil: // a simulated run has no time in which it could end cleanly
		return &exit{status: exitInterrupted, message: "interrupted"}
	}
	if err := writeReport(e, c.Report, &report.Run{Graph: g, Result: result, Trace: entries, Sources: p.Sources, Started: start, Seed: c.Seed, Virtual: c.Virtual}); err != nil {
		return err
	}
	return c.report(e, g, p, result, start)
}

func (c *runCmd) drive(ctx context.Context, g *graph.Graph, input map[string]any, cast *cast, out *sending, runID string, start time.Time, trace func(machine.Entry)) (*machine.Result, error) {
	if c.Virtual {
		return sim.Run(g, input, sim.Options{Registry: cast.services, Seed: c.Seed, Start: start, RunID: runID, Trace: trace, Deeds: out.deeds(), Refused: out.refused, Stop: func() bool { return ctx.Err() != nil }})
	}
	ended, end := context.WithCancel(ctx)
	defer end()
	return interpreter.Run(ctx, g, input, interpreter.Options{Outside: out.outside(ended), Registry: cast.services, Seed: c.Seed, Start: start, RunID: runID, Trace: trace})
}

// unbound says which services are missing, and how to stand in for them.
func (c *runCmd) unbound(err *sim.Unbound) *exit {
	names := make([]string, len(err.Missing))
	for i, sig := range err.Missing {
		names[i] = sig.Name()
	}
	x := wrong("%s cannot run: nobody answers for %s", c.File, strings.Join(names, ", "))
	if c.Mocks != "" {
		return x.hinted("neither %s nor what is built in (wf services) does; add: mock %s { … }", c.Mocks, names[0])
	}
	return x.hinted("these services are declared, but none of the name is built in (wf services). Say in a .wf file how they behave (mock %s { … }) and run: wf run %s --mocks FILE.wf; or say where they are: --service %s=URL",
		names[0], c.File, err.Missing[0].Service)
}

// MaxInput is the size of the largest input that is read.
const MaxInput = 64 << 20

// input reads, completes and checks the input.
func (c *runCmd) input(e *env, g *graph.Graph, runID string, start time.Time) (map[string]any, error) {
	var raw any = map[string]any{}
	name := "the input"
	if c.Input != "" {
		src, err := c.read(e)
		if err != nil {
			return nil, err
		}
		if name = c.Input; name == "-" {
			name = "standard input"
		}
		if raw, err = value.DecodeJSON(src); err != nil {
			return nil, wrong("%s is not usable as input: %v", name, err)
		}
	}
	raw, err := assign(raw, g.Input, c.Set)
	if err != nil {
		return nil, err
	}
	input, violations := interpreter.Prepare(g, raw, runID, start)
	if len(violations) == 0 {
		return input, nil
	}
	return nil, c.refuse(e, g, name, violations)
}

// refuse says everything that keeps an input from fitting.
func (c *runCmd) refuse(e *env, g *graph.Graph, name string, violations value.Violations) error {
	out := refusedObject{Version: resultVersion, Workflow: g.FullName(), Ending: suite.Refused}
	for i, v := range violations {
		if i == lang.MaxProblems {
			fmt.Fprintf(e.stderr, "input: there are %d violations more; %d are told\n", len(violations)-i, i)
			break
		}
		hint := ""
		if v.Record != nil {
			hint = diag.DidYouMean(v.Unknown, v.Record.FieldNames())
		}
		out.Violations = append(out.Violations, violationObject{diag.Shorten(v.Path), diag.Shorten(v.Message), hint})
		fmt.Fprintf(e.stderr, "input: %s %s: %s\n", e.paint("error", "1;31"), golden.CodeRefused, diag.Shorten(v.String()))
		if hint != "" {
			fmt.Fprintf(e.stderr, "  %s %s\n", e.paint("hint:", "1;36"), hint)
		}
	}
	if c.Format == "json" {
		if err := writeJSON(e.stdout, out); err != nil {
			return err
		}
	}
	x := wrong("%s does not fit workflow %s: %s", name, g.FullName(), plural(len(violations), "violation"))
	if c.Input == "" && len(c.Set) == 0 {
		return x.hinted("give one with --input FILE or --set path=value")
	}
	return x
}

func (c *runCmd) read(e *env) ([]byte, error) {
	r := e.stdin
	if c.Input != "-" {
		f, err := os.Open(c.Input)
		if errors.Is(err, fs.ErrNotExist) {
			x := wrong("%s: there is no such file", c.Input)
			x.hint = near(c.Input)
			return nil, x
		} else if err != nil {
			return nil, wrong("%v", err)
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, wrong("%s is a folder; name a JSON file", c.Input)
		}
		r = f
	}
	src, err := io.ReadAll(io.LimitReader(r, MaxInput+1))
	if err != nil {
		return nil, wrong("%v", err)
	}
	if len(src) > MaxInput {
		return nil, wrong("the input is larger than %d MB", MaxInput>>20)
	}
	return src, nil
}

func (c *runCmd) writeTrace(e *env, entries []machine.Entry) error {
	if c.Trace == "" {
		return nil
	}
	w, done := e.stderr, func() error { return nil }
	if c.Trace != "-" {
		f, err := os.Create(c.Trace)
		if err != nil {
			return &exit{status: exitEnvironment, message: err.Error()}
		}
		w, done = f, f.Close
	}
	write := machine.WriteText
	if strings.HasSuffix(c.Trace, ".json") || strings.HasSuffix(c.Trace, ".jsonl") {
		write = machine.WriteJSON
	}
	if err := errors.Join(write(w, entries), done()); err != nil {
		return &exit{status: exitEnvironment, message: err.Error()}
	}
	return nil
}

// reportable refuses the name of a report whose ending says nothing.
func reportable(name string) error {
	if ext := path.Ext(name); name != "" && ext != ".html" && ext != ".svg" {
		return wrong("--report %s: the file ends in .html or .svg, which says what is written", name)
	}
	return nil
}

// writeReport writes a run for people, in the form that the file's ending names; "": nothing.
func writeReport(e *env, name string, r *report.Run) error {
	switch path.Ext(name) {
	case ".svg":
		return e.writeFile(name, r.Timeline())
	case ".html":
		page, err := r.HTML()
		if err != nil {
			return err
		}
		return e.writeFile(name, page)
	}
	return nil
}

// report prints the result and turns the ending into an exit status.
func (c *runCmd) report(e *env, g *graph.Graph, p *lang.Program, r *machine.Result, start time.Time) error {
	output := any(nil)
	if g.Output != nil {
		output = g.Output.Type().Redact(r.Output)
	}
	if c.Format == "json" {
		out := resultObject(g, r, output, p.Sources)
		out.Seed, out.StartedAt = c.Seed, start.UTC().Format(time.RFC3339Nano)
		if err := writeJSON(e.stdout, out); err != nil {
			return err
		}
	} else {
		summary(e, g, r)
		if output != nil {
			text, err := value.EncodeJSON(output, "  ")
			if err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "%s\n", strings.TrimRight(string(text), "\n"))
		}
	}
	switch r.Ending {
	case machine.Cancelled:
		return &exit{status: exitInterrupted}
	case machine.Failed, machine.Compensated:
		printFailure(e, p, r)
		return &exit{status: exitFailed}
	}
	return nil
}

// printFailure shows the place in the definition that decided about a failure.
func printFailure(e *env, p *lang.Program, r *machine.Result) {
	if r.Error == nil {
		return
	}
	// a broken pipe on stderr leaves nobody to tell
	_ = diag.Write(e.stderr, p.Sources, diag.List{report.Diagnostic(r.Error)}, diag.Options{Color: e.color})
}
