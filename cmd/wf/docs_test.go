package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// update says to rewrite what tests compare with, as in every test of this module.
var update = os.Getenv("WF_UPDATE") != ""

// TestDocs carries out what README.md and docs show. In a page, a fence with a file
// name behind its language (```wf order.wf) writes that file; a fence of language
// console holds commands behind "$ " with all they print. The pages run in a folder
// with a copy of workflows/, each in its own. A picture in docs/pictures that a page shows
// is the one that its commands write to pictures/.
func TestDocs(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every page in another process")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "wf"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.CopyFS(filepath.Join(dir, "workflows"), os.DirFS(filepath.Join(root, "workflows"))); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "pictures"), 0o755); err != nil {
				t.Fatal(err)
			}
			got := carryOut(t, string(text), dir, bin)
			pictures(t, string(text), dir, filepath.Join(root, "docs"))
			switch {
			case got == string(text):
			case update:
				if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("WF_UPDATE=1 go test ./cmd/wf -run Docs rewrites it:\n%s", diff.Diff("shown", text, "printed", []byte(got)))
			}
		})
	}
}

// shown finds the pictures of a page.
var shown = regexp.MustCompile(`]\((pictures/[a-z_]+\.svg)\)`)

// pictures holds that what a page shows is what its commands draw.
func pictures(t *testing.T, page, dir, docs string) {
	for _, m := range shown.FindAllStringSubmatch(page, -1) {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(m[1])))
		if err != nil {
			t.Errorf("no command of the page writes %s: %v", m[1], err)
			continue
		}
		name := filepath.Join(docs, filepath.FromSlash(m[1]))
		want, err := os.ReadFile(name)
		switch {
		case err == nil && string(want) == string(got):
		case update:
			write(t, name, string(got))
		default:
			t.Errorf("%s is out of date; WF_UPDATE=1 go test ./cmd/wf -run Docs draws it", m[1])
		}
	}
}

// carryOut returns the page with what its commands print now.
func carryOut(t *testing.T, page, dir, bin string) string {
	var out strings.Builder
	lines := strings.SplitAfter(page, "\n")
	for i := 0; i < len(lines); i++ {
		out.WriteString(lines[i])
		info, ok := strings.CutPrefix(strings.TrimSpace(lines[i]), "```")
		if !ok || info == "" {
			continue
		}
		end := i + 1
		for end < len(lines) && strings.TrimSpace(lines[end]) != "```" {
			end++
		}
		body := lines[i+1 : end]
		words := strings.Fields(info)
		switch {
		case words[0] == "console":
			out.WriteString(console(t, body, dir, bin))
		case len(words) == 2:
			write(t, filepath.Join(dir, filepath.FromSlash(words[1])), strings.Join(body, ""))
			out.WriteString(strings.Join(body, ""))
		default:
			out.WriteString(strings.Join(body, ""))
		}
		if i = end; i < len(lines) {
			out.WriteString(lines[i])
		}
	}
	return out.String()
}

func write(t *testing.T, name, text string) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tookTime is what differs from run to run: how long the tests took.
var tookTime = regexp.MustCompile(`\(\d[\d.]*(µs|ms|s)\)`)

// console runs the commands of a fence.
func console(t *testing.T, body []string, dir, bin string) string {
	var out strings.Builder
	for _, line := range body {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		out.WriteString(line)
		command = strings.TrimSpace(command)
		if strings.HasPrefix(command, "go test") || strings.HasPrefix(command, "git ") {
			continue // the tests are running
		}
		sh := exec.Command("bash", "-c", strings.ReplaceAll(command, "go run ./cmd/wf ", "wf "))
		sh.Dir = dir
		sh.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1")
		printed, err := sh.CombinedOutput()
		if _, failed := err.(*exec.ExitError); err != nil && !failed {
			t.Fatalf("%s: %v", command, err)
		}
		out.Write(tookTime.ReplaceAll(printed, []byte("(20ms)")))
		if n := len(printed); n > 0 && printed[n-1] != '\n' {
			out.WriteByte('\n')
		}
	}
	return out.String()
}
