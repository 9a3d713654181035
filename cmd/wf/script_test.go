package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wf": main})
}

// TestScript carries out the scripts of testdata/script: commands as a user types
// them, and what they print. Each runs in a folder of its own, with the shipped
// workflows beside it.
func TestScript(t *testing.T) {
	shipped, err := filepath.Abs("../../workflows")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Abs(filepath.Join("testdata", "script")) // this process changes folders
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 scripts,
		UpdateScripts:       update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			return os.CopyFS(filepath.Join(env.WorkDir, "workflows"), os.DirFS(shipped))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status},
	})
}

// status runs a command that must end with an exit status: status 2 wf check x.wf.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status NUMBER COMMAND [ARG]…")
	}
	got := "0"
	if args[1] == "wf" && !slices.Contains(args, "-") && ts.Getenv("COMP_LINE") == "" && ts.Getenv("GITHUB_ACTIONS") == "" {
		got = strconv.Itoa(inProcess(ts, args[2:]))
	} else if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = err.Error()
		if s, ok := err.(interface{ ExitCode() int }); ok {
			got = fmt.Sprint(s.ExitCode())
		}
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// folder is held by the script whose folder this process is in.
var folder sync.Mutex

// inProcess carries out a command line in this process, which is much faster than in one of
// its own: a script has hundreds.
func inProcess(ts *testscript.TestScript, args []string) int {
	folder.Lock()
	defer folder.Unlock()
	back, err := os.Getwd()
	ts.Check(err)
	ts.Check(os.Chdir(ts.MkAbs(".")))
	defer func() { ts.Check(os.Chdir(back)) }()
	for _, name := range []string{keyVariable, "HOME"} {
		was, set := os.LookupEnv(name)
		ts.Check(os.Setenv(name, ts.Getenv(name)))
		defer func() {
			if set {
				ts.Check(os.Setenv(name, was))
			} else {
				ts.Check(os.Unsetenv(name))
			}
		}()
	}
	e := &env{args: args, stdin: strings.NewReader(""), stdout: ts.Stdout(), stderr: ts.Stderr(), now: time.Now, size: func() (int, int) { return 80, 24 },
		interrupt: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }}
	return run(e)
}
