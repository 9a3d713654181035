package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"wf/builtins"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/syntax"
	"wf/mocks"
)

// Exit statuses, a contract with scripts.
const (
	exitFine        = 0
	exitFailed      = 1   // a run, test or exploration failed
	exitWrong       = 2   // the definition, input or usage is wrong
	exitEnvironment = 3   // a file could not be written, the network failed
	exitInterrupted = 130 // Ctrl-C
)

// env is everything the command takes from its surroundings.
type env struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool                       // stderr is a terminal: progress may be drawn on it
	color          bool                       // stderr takes colours
	colorOut       bool                       // stdout takes colours
	size           func() (columns, rows int) // of the terminal on stderr
	github         bool                       // a job of GitHub Actions, whose log takes annotations
	now            func() time.Time
	interrupt      func(context.Context) (context.Context, context.CancelFunc)
}

func hostEnv() *env {
	terminal := func(f *os.File) bool { return os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd())) }
	plain := os.Getenv("NO_COLOR") != ""
	return &env{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, terminal: terminal(os.Stderr),
		color: !plain && terminal(os.Stderr), colorOut: !plain && terminal(os.Stdout), size: terminalSize,
		github: os.Getenv("GITHUB_ACTIONS") == "true", now: time.Now, interrupt: onInterrupt}
}

// terminalSize is the size of the terminal on standard error, or what most have.
func terminalSize() (columns, rows int) {
	columns, rows, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

// onInterrupt cancels on the first Ctrl-C, or when the process is told to end, and
// aborts on the second.
func onInterrupt(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	return ctx, cancel
}

// cli is the command line, read by kong.
type cli struct {
	Run        runCmd        `cmd:"" help:"Run a workflow." group:"run"`
	Start      startCmd      `cmd:"" help:"Write a run into a store, for a worker." group:"store"`
	Resume     resumeCmd     `cmd:"" help:"Go on with the runs of a store." group:"store"`
	Worker     workerCmd     `cmd:"" help:"Work for a store until interrupted." group:"store"`
	Runs       runsCmd       `cmd:"" help:"List the runs of a store." group:"store"`
	Show       showCmd       `cmd:"" help:"Show a run of a store." group:"store"`
	Retry      retryCmd      `cmd:"" help:"Run failed steps of a run of a store again." group:"store"`
	Resolve    resolveCmd    `cmd:"" help:"Give a failed step of a run the result that a person decided on." group:"store"`
	Signal     signalCmd     `cmd:"" help:"Tell a run of a store what it waits for." group:"store"`
	Cancel     cancelCmd     `cmd:"" help:"Tell runs of a store to end." group:"store"`
	Export     exportCmd     `cmd:"" help:"Write a run of a store as a test, with its golden trace." group:"store"`
	Prune      pruneCmd      `cmd:"" help:"Forget runs of a store that have ended." group:"store"`
	Check      checkCmd      `cmd:"" help:"Find everything that is wrong with definitions, without running them." group:"author"`
	Test       testCmd       `cmd:"" help:"Run the test files beside the definitions." group:"author"`
	Mutate     mutateCmd     `cmd:"" help:"Plant defects in definitions, and tell those that their tests do not notice." group:"author"`
	Explore    exploreCmd    `cmd:"" help:"Try every way in which a workflow can go and fail." group:"author"`
	Diff       diffCmd       `cmd:"" help:"Compare what two versions of a workflow do." group:"author"`
	Graph      graphCmd      `cmd:"" help:"Draw the step graph of a workflow." group:"author"`
	Fmt        fmtCmd        `cmd:"" help:"Lay files out in the one style." group:"author"`
	Convert    convertCmd    `cmd:"" help:"Write a definition in the other syntax: .wf or YAML." group:"author"`
	Init       initCmd       `cmd:"" help:"Make a folder with a workflow, its services and its tests, to begin with." group:"author"`
	Services   servicesCmd   `cmd:"" help:"List the services and operations that are built in." group:"author"`
	Explain    explainCmd    `cmd:"" help:"Explain a diagnostic code, or the policy of a step." group:"author"`
	LSP        lspCmd        `cmd:"" name:"lsp" help:"Serve an editor over the Language Server Protocol." group:"author"`
	Version    versionCmd    `cmd:"" help:"Print the version." group:"other"`
	Completion completionCmd `cmd:"" help:"Print a script that makes a shell complete wf commands." group:"other"`

	PrintVersion versionFlag `name:"version" help:"Print the version."`
}

const about = `wf runs small declarative workflows that can be trusted before they run.

Examples:
  wf check workflows
  wf test workflows
  wf run workflows/user_registration.wf --input input.json --virtual
  wf graph workflows/user_registration.wf --format svg -o graph.svg
  wf explain WF205

Exit status: 0 fine, 1 a run failed, 2 the definition, input or usage is wrong,
3 the environment failed, 130 interrupted.`

// exit is an error that carries its exit status; an empty message prints nothing.
type exit struct {
	status  int
	message string
	hint    string
}

func (e *exit) Error() string { return e.message }

func wrong(format string, args ...any) *exit {
	return &exit{status: exitWrong, message: fmt.Sprintf(format, args...)}
}

func (e *exit) hinted(format string, args ...any) *exit {
	e.hint = fmt.Sprintf(format, args...)
	return e
}

// run executes one command line and returns its exit status.
func run(e *env) (status int) {
	var c cli
	done := -1
	parser, err := kong.New(&c, kong.Name("wf"), kong.Description(about), kong.Writers(e.stdout, e.stderr), kong.Exit(func(code int) { done = code; panic(exitNow{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}), kong.Bind(e),
		kong.ExplicitGroups([]kong.Group{{Key: "author", Title: "Author's tools:"}, {Key: "run", Title: "Running:"}, {Key: "store", Title: "Durable runs, in a store:"}, {Key: "other", Title: "Other:"}}))
	if err != nil {
		panic(err)
	}
	defer func() {
		if r := recover(); r != nil {
			if _, now := r.(exitNow); !now {
				panic(r)
			}
			status = done
		}
	}()
	args := e.args
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	if complete(e, parser) {
		return exitFine
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return e.report(usage(err))
	}
	return e.report(ctx.Run())
}

// usage says what is wrong with a command line, and whom to ask.
func usage(err error) *exit {
	command := ""
	var p *kong.ParseError
	if errors.As(err, &p) {
		if n := p.Context.Selected(); n != nil {
			command = " " + n.Name
		}
	}
	message := err.Error()
	if what, ok := strings.CutPrefix(message, "expected "); ok && command != "" {
		message = "wf" + command + " needs " + strings.Trim(what, `"`)
	}
	return wrong("%s", message).hinted("wf%s --help", command)
}

type exitNow struct{}

// report prints an error and gives its exit status.
func (e *env) report(err error) int {
	if err == nil {
		return exitFine
	}
	var x *exit
	if !errors.As(err, &x) {
		x = &exit{status: exitEnvironment, message: err.Error()}
	}
	if x.message != "" {
		fmt.Fprintf(e.stderr, "wf: %s\n", x.message)
	}
	if x.hint != "" {
		fmt.Fprintf(e.stderr, "  hint: %s\n", x.hint)
	}
	return x.status
}

// hostFS reads files by the names people give: relative to here, or absolute.
type hostFS struct{}

func (hostFS) Open(name string) (fs.File, error) { return os.Open(filepath.FromSlash(name)) }

// ReadDir lists a folder, for suggestions.
func (hostFS) ReadDir(name string) ([]fs.DirEntry, error) {
	return os.ReadDir(filepath.FromSlash(name))
}

// services is a fresh registry with the mock services.
func services(seed uint64) *builtins.Registry {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: seed})
	return r
}

// load reads a definition and prints its diagnostics. It fails if there are errors.
func (e *env) load(file string, opts lang.Options) (*lang.Program, error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return nil, wrong("%s is a folder; name one definition in it", file)
	}
	p, problems := lang.Load(hostFS{}, filepath.ToSlash(file), opts)
	if err := e.tell(problems, p.Sources); err != nil {
		return nil, err
	}
	if problems.HasErrors() {
		return nil, &exit{status: exitWrong, message: file + ": " + counts(problems)}
	}
	return p, nil
}

// tell prints diagnostics, with one line for all keys of a YAML file that have no
// effect: only wf check is about them.
func (e *env) tell(list diag.List, sources diag.Sources) error {
	inert := map[string]int{}
	var files []string
	var rest diag.List
	for _, d := range list {
		if d.Code != syntax.CodeYAMLInert || d.Severity != diag.Warning {
			rest.Add(d)
			continue
		}
		if inert[d.Span.File]++; inert[d.Span.File] == 1 {
			files = append(files, d.Span.File)
		}
	}
	if err := diag.Write(e.stderr, sources, rest, diag.Options{Color: e.color}); err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintf(e.stderr, "%s: warning WF605: %s without effect here; wf check %s tells which\n", f, plural(inert[f], "key"), f)
	}
	return nil
}

// counts says how many errors and warnings there are.
func counts(l diag.List) string {
	errs, warns := 0, 0
	for _, d := range l {
		if d.Severity == diag.Error {
			errs++
		} else {
			warns++
		}
	}
	var parts []string
	if errs > 0 {
		parts = append(parts, plural(errs, "error"))
	}
	if warns > 0 {
		parts = append(parts, plural(warns, "warning"))
	}
	if len(parts) == 0 {
		return "no problems"
	}
	return strings.Join(parts, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// writeFile writes to a file, or to stdout for "" and "-".
func (e *env) writeFile(name string, data []byte) error {
	if name == "" || name == "-" {
		_, err := e.stdout.Write(data)
		return err
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return &exit{status: exitEnvironment, message: err.Error()}
	}
	return nil
}
