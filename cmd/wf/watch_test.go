//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWatch saves files beside a process that watches them: what reads a file that was
// saved runs again, and nothing else.
func TestWatch(t *testing.T) {
	const flow = `
service shop { operation get { 200 { n int } } }
workflow look {
  step a { call shop.get }
  output a.n
}`
	const tests = `
import "flow.wf"
mock shop { operation get { 200 { n: 1 } } }
test "one" {
  run look
  expect output == 1
}`
	cmd, stderr, stdout := process(t, map[string]string{"flow.wf": flow, "look_test.wf": tests, "sub/other_test.wf": strings.Replace(tests, "flow.wf", "../look.wf", 1),
		"look.wf": strings.ReplaceAll(flow, "shop", "shop")}, "test", "--watch")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	says := func(wants ...string) {
		t.Helper()
		text := readTo(t, stderr, "waiting for a file to be saved")
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("it does not say %q:\n%s", want, text)
			}
		}
	}
	save := func(name, text string) { write(t, filepath.Join(cmd.Dir, filepath.FromSlash(name)), text) }
	says("2 tests in 2 files: 2 passed")
	save("look_test.wf", strings.Replace(tests, "== 1", "== 2", 1))
	says("saved: look_test.wf", "1 test in 1 file: 0 passed, 1 failed")
	save("look.wf", strings.Replace(flow, "output a.n", "output a.m", 1))
	says("saved: look.wf", "1 file with errors", "there is no field m")
	save("look.wf", flow)
	says("saved: look.wf", "1 test in 1 file: 1 passed")
	save("sub/new_test.wf", strings.Replace(tests, "flow.wf", "../flow.wf", 1))
	says("saved: sub/new_test.wf", "1 test in 1 file: 1 passed")
	// as editors do it: a new file takes the place of the old one
	save("flow.tmp", flow+"\n// a comment\n")
	if err := os.Rename(filepath.Join(cmd.Dir, "flow.tmp"), filepath.Join(cmd.Dir, "flow.wf")); err != nil {
		t.Fatal(err)
	}
	says("saved: flow.wf", "2 tests in 2 files: 1 passed, 1 failed")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for stderr.Scan() {
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
		t.Errorf("exit status %d, want %d", got, exitInterrupted)
	}
	if !strings.Contains(stdout.String(), "✗ look_test.wf: one") {
		t.Errorf("standard output is %s", stdout)
	}
}

// TestInterruptTests gives up a test that would go on for long: it is not run, and the
// status says why.
func TestInterruptTests(t *testing.T) {
	cmd, stderr, stdout := process(t, map[string]string{"long_test.wf": `
import "long.wf"
test "long" for n in 1..100000 {
  mock shop.get { 503 always }
  run long
  expect failed
}`, "long.wf": `
service shop { operation get { 200, 503 } }
workflow long {
  retry 1000 attempts, backoff 1s
  step a { call shop.get }
}`}, "test", "-v", "--format", "json")
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 64)
	if _, err := out.Read(first); err != nil { // one has passed
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	go func() {
		for stderr.Scan() {
		}
	}()
	rest := new(strings.Builder)
	buf := make([]byte, 1<<16)
	for {
		n, err := out.Read(buf)
		rest.Write(buf[:n])
		if err != nil {
			break
		}
	}
	_ = cmd.Wait()
	_ = stdout
	if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
		t.Errorf("exit status %d, want %d", got, exitInterrupted)
	}
	if !strings.Contains(rest.String(), `"status":"not_run"`) || strings.Contains(rest.String(), `"status":"failed"`) {
		t.Errorf("what was given up is said to be something else")
	}
}
