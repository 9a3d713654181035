package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// examples lists the commands under "Examples:" of a help text.
func examples(help string) []string {
	var out []string
	_, text, _ := strings.Cut(help, "Examples:\n")
	for _, line := range strings.Split(text, "\n") {
		line, indented := strings.CutPrefix(line, "  ")
		if !indented {
			break
		}
		line, _, _ = strings.Cut(line, "   #")
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// TestHelpExamples carries out every example of every help text: it must go well, in a
// folder with the shipped workflows and the files that the examples name.
func TestHelpExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every example in another process")
	}
	helps := map[string]string{"wf": about}
	_, text, _ := invoke("", "--help")
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) < 2 || !strings.HasPrefix(line, "  ") || strings.HasPrefix(words[0], "-") || strings.HasPrefix(words[0], "wf") {
			continue
		}
		status, help, _ := invoke("", words[0], "--help")
		if status != exitFine || !strings.HasPrefix(help, "Usage: wf "+words[0]) {
			continue // a line of prose
		}
		// kong puts a blank line and two more blanks in front of examples
		helps[words[0]] = strings.ReplaceAll(strings.ReplaceAll(help, "Examples:\n\n", "Examples:\n"), "\n    ", "\n  ")
	}
	if len(helps) < 9 {
		t.Fatalf("only %d help texts found in %s", len(helps), text)
	}
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "wf")); err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for name, help := range helps {
		list := examples(help)
		if len(list) == 0 {
			t.Errorf("wf %s --help shows no example", name)
		}
		for _, command := range list {
			if done[command] {
				continue
			}
			done[command] = true
			t.Run(command, func(t *testing.T) {
				if strings.Contains(command, "| dot") || strings.Contains(command, "--watch") {
					t.Skip("needs another program, or never ends")
				}
				dir := t.TempDir()
				for _, pattern := range []string{"user_registration*.wf", "checkout.wf", "payment_refund.wf", "expense_approval.wf", "services/*", "inputs/*", "golden/user_registration/*"} {
					copyFiles(t, dir, pattern)
				}
				for name, text := range helpFiles {
					write(t, filepath.Join(dir, name), text)
				}
				write(t, filepath.Join(dir, "main", "flow.wf"), helpFiles["flow.wf"]) // of another checkout
				if strings.Contains(command, "runs.db") {
					if strings.Contains(command, "expense-7") {
						command = waitingRun + command
					}
					command = storeWithRuns + command
				}
				sh := exec.Command("bash", "-c", command)
				sh.Dir = dir
				sh.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+dir)
				out, err := sh.CombinedOutput()
				verdict := strings.Contains(command, "fmt --check") || strings.Contains(command, "--cover-min")
				if exit, ok := err.(*exec.ExitError); ok && verdict && exit.ExitCode() == exitFailed {
					return // it went well, and found something
				}
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// storeWithRuns makes the store that examples name: with a run that nobody has begun, and
// one that failed.
const storeWithRuns = `wf start workflows/payment_refund.wf --input workflows/inputs/payment_refund.json --store runs.db --id refund-1 >/dev/null
wf run workflows/payment_refund.wf --set payment_id=pay_9 --set reason=broken --store runs.db --id refund-9 2>/dev/null
`

// waitingRun adds one that waits for somebody, for a day.
const waitingRun = `wf start workflows/expense_approval.wf --input workflows/inputs/expense_approval.json --store runs.db --id expense-7 >/dev/null
`

// copyFiles copies shipped files, which keep their place below workflows.
func copyFiles(t *testing.T, dir, pattern string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../../workflows", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, strings.TrimPrefix(filepath.ToSlash(f), "../../")), string(text))
	}
}

// helpFiles are what the examples name.
var helpFiles = map[string]string{
	".config/fish/completions/wf.fish": "",
	"input.json":                       `{ "user_info": { "email": "ada@example.com", "name": "Ada" } }`,
	"tasker.yaml":                      "name: order\nsteps:\n  - name: reserve\n    handler_class: Shop::ReserveHandler\n",
	"flow.wf": `service shop {
  operation reserve {
    input { sku string, count int }
    201 { id int }
  }
}

workflow flow {
  timeout 30s
  input   { sku string, count int = 1 }
  step reserve { call shop.reserve { sku: input.sku, count: input.count } }
  output { id: reserve.id }
}
`,
	"approval.wf": `workflow approval {
  signal decision { approved bool }
  step ask { wait for decision within 1d }
  output ask.approved
}
`,
	"flow_test.wf": `import "flow.wf"

mock shop { operation reserve { 201 { id: 7 } } }

test "it is reserved" {
  run flow { sku: "lamp" }
  expect completed
}
`,
}
