package lang_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wf/lang/syntax"
)

// otherLayout stands above a block of a page that is not laid out on purpose.
const otherLayout = "<!-- another layout -->"

// TestPagesAreFormatted holds every wf block of README.md, docs and SPEC.md against the
// formatter, but for blocks with syntax errors and those below otherLayout.
func TestPagesAreFormatted(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md", specFile) {
		src, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		lines := strings.Split(string(src), "\n")
		for i := 0; i < len(lines); i++ {
			out = append(out, lines[i])
			if info := lines[i]; info != "```wf" && !strings.HasPrefix(info, "```wf ") || i > 0 && lines[i-1] == otherLayout {
				continue
			}
			end := i + 1
			for end < len(lines) && lines[end] != "```" {
				end++
			}
			shown := strings.Join(append(lines[i+1:end:end], ""), "\n")
			formatted := layOut(shown)
			if formatted != shown && !update {
				t.Errorf("%s:%d is not formatted (-shown +formatted); WF_UPDATE=1 go test ./lang -run Formatted rewrites it:\n%s", page, i+1, cmp.Diff(shown, formatted))
			}
			out = append(out, strings.Split(strings.TrimSuffix(formatted, "\n"), "\n")...)
			i = end - 1
		}
		if update {
			if err := os.WriteFile(page, []byte(strings.Join(out, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// layOut formats a file, or the inside of a workflow or of a step; what has a syntax
// error stays.
func layOut(text string) string {
	for depth, around := range []string{"%s", "workflow w {\n%s}\n", "workflow w {\nstep s {\n%s}\n}\n"} {
		src := []byte(fmt.Sprintf(around, text))
		f, problems := syntax.Parse("x.wf", src)
		if problems.HasErrors() {
			continue
		}
		lines := strings.Split(strings.TrimSuffix(string(syntax.Format(f, src)), "\n"), "\n")
		lines = lines[depth : len(lines)-depth]
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], strings.Repeat("  ", depth))
		}
		return strings.Join(append(lines, ""), "\n")
	}
	return text
}
