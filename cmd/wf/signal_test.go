//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process starts wf as a process of its own in a folder with some files.
func process(t *testing.T, files map[string]string, args ...string) (*exec.Cmd, *bufio.Scanner, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "wf" // what TestMain goes by
	cmd.Dir = dir
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil && cmd.Process != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd, bufio.NewScanner(stderr), &stdout
}

const patient = `
service shop {
  5xx
  operation get { 200 { n int } }
}
workflow patient {
  retry 2 attempts, backoff 1h
  step a { call shop.get }
  step b { return { n: a.n } }
  output b
}`

// readTo reads lines until one has the text; it returns all of them.
func readTo(t *testing.T, in *bufio.Scanner, text string) string {
	t.Helper()
	var lines []string
	for in.Scan() {
		lines = append(lines, in.Text())
		if strings.Contains(in.Text(), text) {
			return strings.Join(lines, "\n")
		}
	}
	t.Fatalf("nobody says %s:\n%s", text, strings.Join(lines, "\n"))
	return ""
}

// TestInterrupt sends Ctrl-C to a run that waits for an hour: it is cancelled, says so,
// and still writes its trace and result.
func TestInterrupt(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, stderr, stdout := process(t, map[string]string{"flow.wf": patient, "mocks.wf": "import \"flow.wf\"\nmock shop.get { 503 always }"},
			"run", "flow.wf", "--mocks", "mocks.wf", "--format", "json", "--trace", "run.trace")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		readTo(t, stderr, "wait 1h until")
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		for stderr.Scan() {
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
			t.Errorf("%v: exit status %d, want %d", sig, got, exitInterrupted)
		}
		if !strings.Contains(stdout.String(), `"ending":"cancelled"`) || !strings.Contains(stdout.String(), `"name":"b","ending":"not_run"`) {
			t.Errorf("%v: the result is %s", sig, stdout)
		}
		trace, err := os.ReadFile(filepath.Join(cmd.Dir, "run.trace"))
		if err != nil || !strings.Contains(string(trace), "run  cancelled") {
			t.Errorf("%v: the trace is %q, %v", sig, trace, err)
		}
	}
}

// TestInterruptTwice aborts a process that does not come to its end: nobody reads what
// it prints.
func TestInterruptTwice(t *testing.T) {
	cmd, stderr, _ := process(t, map[string]string{"flow.wf": "workflow big {\n  input { text string }\n  step a { return { text: input.text } }\n  output a\n}",
		"input.json": `{"text": "` + strings.Repeat("x", 1<<20) + `"}`}, "run", "flow.wf", "--input", "input.json")
	cmd.Stdout = nil
	stdout, err := cmd.StdoutPipe() // never read
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	readTo(t, stderr, "correlation")
	done := make(chan struct{})
	go func() {
		for stderr.Scan() {
		}
		close(done)
	}()
	for sent := 0; ; sent++ {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			break
		}
		select {
		case <-done:
		case <-time.After(5 * time.Millisecond): // two signals at once would count as one
			continue
		}
		break
	}
	<-done
	_ = stdout.Close()
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
		t.Errorf("exit status %d, want %d", got, exitInterrupted)
	}
}

// TestColours runs wf on a terminal of its own: it colours there, unless NO_COLOR or TERM
// say otherwise, and never what is piped.
func TestColours(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("script(1) makes the terminal")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "wf")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "wrong.wf"), "workflow wrong {\n  step a { return { n: inptu } }\n  output a\n}\n")
	for _, c := range []struct {
		command string
		env     []string
		colours bool
	}{
		{"./wf check wrong.wf", nil, true},
		{"./wf check wrong.wf", []string{"NO_COLOR=1"}, false},
		{"./wf check wrong.wf", []string{"TERM=dumb"}, false},
		{"./wf check wrong.wf | cat", nil, false},
		{"./wf run wrong.wf", nil, true},
		{"./wf run wrong.wf 2>&1 | cat", nil, false},
	} {
		cmd := exec.Command("script", "-qec", c.command, filepath.Join(dir, "typescript"))
		cmd.Dir = dir
		cmd.Env = append(append(os.Environ(), "TERM=xterm", "NO_COLOR="), c.env...)
		out, _ := cmd.CombinedOutput() // its status is that of wf
		if !bytes.Contains(out, []byte("WF203")) {
			t.Errorf("%s: %s", c.command, out)
		}
		if got := bytes.Contains(out, []byte("\x1b[")); got != c.colours {
			t.Errorf("%v %s: colours %v, want %v: %q", c.env, c.command, got, c.colours, out)
		}
	}
}
