package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"wf/lang"
	"wf/lang/diag"
	"wf/lang/draw"
	"wf/lang/explain"
	"wf/lang/graph"
	"wf/lang/syntax"
	"wf/lang/value"
)

type graphCmd struct {
	File         string `arg:"" help:"Definition, .wf or .yaml."`
	Workflow     string `help:"Which workflow of the file, if it has several." placeholder:"NAME"`
	Format       string `help:"mermaid, dot, svg or json." enum:"mermaid,dot,svg,json" default:"mermaid"`
	Output       string `short:"o" help:"Write to a file instead of standard output." placeholder:"FILE"`
	StubHandlers bool   `help:"YAML: take any handler_class as registered."`
	Environment  string `help:"YAML: which of its environments to apply." placeholder:"NAME"`
}

// Help is shown by wf graph --help.
func (graphCmd) Help() string {
	return `Examples:
  wf graph flow.wf
  wf graph flow.wf --format svg -o flow.svg
  wf graph flow.wf --format dot | dot -Tpng > flow.png`
}

// Run draws the graph.
func (c *graphCmd) Run(e *env) error {
	p, err := e.load(c.File, lang.Options{Catalog: services(1), Environment: c.Environment, StubHandlers: c.StubHandlers})
	if err != nil {
		return err
	}
	g, err := p.Workflow(c.Workflow)
	if err != nil {
		return wrong("%s: %v", c.File, err)
	}
	var out []byte
	switch c.Format {
	case "mermaid":
		out = draw.Mermaid(g)
	case "dot":
		out = draw.DOT(g)
	case "svg":
		out = draw.SVG(g)
	case "json":
		if out, err = json.MarshalIndent(g, "", "  "); err != nil {
			return err
		}
		out = append(out, '\n')
	}
	return e.writeFile(c.Output, out)
}

type fmtCmd struct {
	Paths []string `arg:"" help:"Files, or folders with .wf files."`
	Check bool     `help:"Change nothing; list the files that would change and exit with 1."`
}

// Help is shown by wf fmt --help.
func (fmtCmd) Help() string {
	return `Examples:
  wf fmt workflows
  wf fmt --check .`
}

// Run formats the files in place.
func (c *fmtCmd) Run(e *env) error {
	files, err := definitions(c.Paths)
	if err != nil {
		return err
	}
	changed := 0
	for _, f := range files {
		if isYAML(f) {
			continue
		}
		did, err := c.file(e, f)
		if err != nil {
			return err
		}
		if did {
			changed++
			fmt.Fprintln(e.stdout, f)
		}
	}
	if c.Check && changed > 0 {
		return &exit{status: exitFailed, message: plural(changed, "file") + " not formatted", hint: "run wf fmt on them"}
	}
	return nil
}

func (c *fmtCmd) file(e *env, name string) (changed bool, err error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return false, wrong("%v", err)
	}
	tree, problems := syntax.Parse(name, src)
	if problems.HasErrors() {
		if err := diag.Write(e.stderr, diag.Sources{name: src}, problems, diag.Options{Color: e.color}); err != nil {
			return false, err
		}
		return false, wrong("%s is not changed: it does not parse", name)
	}
	out := syntax.Format(tree, src)
	if bytes.Equal(out, src) {
		return false, nil
	}
	if c.Check {
		return true, nil
	}
	if err := os.WriteFile(name, out, 0o644); err != nil {
		return false, &exit{status: exitEnvironment, message: err.Error()}
	}
	return true, nil
}

type servicesCmd struct {
	Name   string `arg:"" optional:"" help:"One service, or service.operation."`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

// Help is shown by wf services --help.
func (servicesCmd) Help() string {
	return `Examples:
  wf services
  wf services billing
  wf services user.create_user --format json`
}

// Run lists what is registered.
func (c *servicesCmd) Run(e *env) error {
	r := services(1)
	service, operation, _ := strings.Cut(c.Name, ".")
	names := r.Services()
	if service != "" {
		if len(r.Operations(service)) == 0 {
			x := wrong("there is no service %s", service)
			x.hint = diag.DidYouMean(service, names)
			return x
		}
		names = []string{service}
	}
	var sigs []*value.Signature
	for _, s := range names {
		for _, op := range r.Operations(s) {
			if operation == "" || op == operation {
				sigs = append(sigs, r.Signature(s, op))
			}
		}
	}
	if len(sigs) == 0 {
		x := wrong("service %s has no operation %s", service, operation)
		x.hint = diag.DidYouMean(operation, r.Operations(service))
		return x
	}
	return c.print(e, sigs)
}

func (c *servicesCmd) print(e *env, sigs []*value.Signature) error {
	last := ""
	for _, sig := range sigs {
		if c.Format == "json" {
			line, err := json.Marshal(signatureObject(sig))
			if err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "%s\n", line)
			continue
		}
		if sig.Service != last {
			if last != "" {
				fmt.Fprintln(e.stdout, "}")
			}
			fmt.Fprintf(e.stdout, "service %s {\n", sig.Service)
			last = sig.Service
		}
		printSignature(e, sig)
	}
	if last != "" {
		fmt.Fprintln(e.stdout, "}")
	}
	return nil
}

func printSignature(e *env, sig *value.Signature) {
	if sig.Handler {
		fmt.Fprintf(e.stdout, "  handler %s\n", sig.Operation)
		return
	}
	word := ""
	if sig.Idempotent {
		word = " idempotent"
	}
	fmt.Fprintf(e.stdout, "  operation %s%s {\n", sig.Operation, word)
	if len(sig.Input.Fields) > 0 {
		fmt.Fprintf(e.stdout, "    input %s\n", sig.Input)
	}
	for _, o := range sig.Outcomes {
		fmt.Fprintf(e.stdout, "    %s", o.Pattern)
		if o.Body != nil {
			fmt.Fprintf(e.stdout, " %s", o.Body)
		}
		fmt.Fprintln(e.stdout)
	}
	fmt.Fprintln(e.stdout, "  }")
}

func signatureObject(sig *value.Signature) any {
	type outcome struct {
		Outcome value.Pattern `json:"outcome"`
		Body    *value.Type   `json:"body,omitempty"`
	}
	out := struct {
		Service    string      `json:"service"`
		Operation  string      `json:"operation"`
		Doc        string      `json:"doc,omitempty"`
		Idempotent bool        `json:"idempotent"`
		Handler    bool        `json:"handler,omitempty"`
		Input      *value.Type `json:"input"`
		Outcomes   []outcome   `json:"outcomes"`
	}{sig.Service, sig.Operation, sig.Doc, sig.Idempotent, sig.Handler, sig.Input, []outcome{}}
	for _, o := range sig.Outcomes {
		out.Outcomes = append(out.Outcomes, outcome{o.Pattern, o.Body})
	}
	return out
}

type explainCmd struct {
	What string `arg:"" optional:"" help:"A diagnostic code, or FILE:STEP."`
}

// Help is shown by wf explain --help.
func (explainCmd) Help() string {
	return `Without an argument all codes are listed.

Examples:
  wf explain WF205
  wf explain workflows/user_registration.wf:send_welcome_sequence`
}

// Run prints a page, or the policy of a step.
func (c *explainCmd) Run(e *env) error {
	if c.What == "" {
		for i, g := range explain.Groups() {
			if i > 0 {
				fmt.Fprintln(e.stdout)
			}
			fmt.Fprintln(e.stdout, g.Name)
			for _, code := range g.Codes {
				fmt.Fprintf(e.stdout, "  %s  %s\n", code, explain.Title(code))
			}
		}
		return nil
	}
	if i := strings.LastIndexByte(c.What, ':'); i > 0 && filepath.Ext(c.What[:i]) != "" {
		return c.policy(e, c.What[:i], c.What[i+1:])
	}
	code := strings.ToUpper(c.What)
	page, ok := explain.Page(code)
	if !ok {
		x := wrong("there is no code %s", c.What)
		if x.hint = diag.DidYouMean(code, explain.Codes()); x.hint == "" {
			x.hint = "wf explain lists them; wf explain FILE:STEP explains the policy of a step"
		}
		return x
	}
	fmt.Fprint(e.stdout, page)
	return nil
}

// policy prints what governs the calls of a step, and where each part comes from.
func (c *explainCmd) policy(e *env, file, step string) error {
	p, err := e.load(file, lang.Options{Catalog: services(1), StubHandlers: true})
	if err != nil {
		return err
	}
	var names []string
	for _, g := range p.Workflows {
		for _, s := range g.Steps {
			names = append(names, s.Name)
			if s.Name != step {
				continue
			}
			if s.Within != nil {
				explainSetting(e, p, "within", s.Within, "no limit")
			}
			graph.EachCall(s.Body, func(call *graph.Call) { explainCall(e, p, call) })
			return nil
		}
	}
	x := wrong("%s has no step %s", file, step)
	x.hint = diag.DidYouMean(step, names)
	return x
}

func explainCall(e *env, p *lang.Program, c *graph.Call) {
	fmt.Fprintf(e.stdout, "%s  call %s\n", c.Place, c.Sig.Name())
	explainSetting(e, p, "attempts", c.Policy.Attempts, "1")
	explainSetting(e, p, "backoff", c.Policy.Backoff, "1s")
	explainSetting(e, p, "longest backoff", c.Policy.MaxBackoff, "5m")
	fmt.Fprintf(e.stdout, "  %-16s %g%%\n", "jitter", c.Policy.Jitter*100)
	explainSetting(e, p, "timeout", c.Policy.Timeout, "none")
	for _, clause := range c.Clauses {
		fmt.Fprintf(e.stdout, "  %s\n", clause.Label)
	}
	for _, r := range c.Policy.Rules {
		fmt.Fprintf(e.stdout, "  %-16s %s\n", r.Pattern, map[bool]string{true: "retryable", false: "permanent"}[r.Retryable])
	}
	fmt.Fprintln(e.stdout, "  otherwise        2xx success; 408, 425, 429, 5xx, timeout, unreachable retryable; all else permanent")
}

func explainSetting(e *env, p *lang.Program, name string, s *graph.Setting, def string) {
	if s == nil {
		fmt.Fprintf(e.stdout, "  %-16s %s (default)\n", name, def)
		return
	}
	at := p.Sources.Position(s.Span.File, s.Span.Start)
	fmt.Fprintf(e.stdout, "  %-16s %s (%s, %s:%d)\n", name, s.Value, s.Level, s.Span.File, at.Line)
}

type versionCmd struct{}

// Run prints the version, the commit and the Go release.
func (versionCmd) Run(e *env) error {
	version, commit := "devel", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			version = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				commit = " " + s.Value[:12]
			}
		}
	}
	fmt.Fprintf(e.stdout, "wf %s%s %s %s/%s\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
