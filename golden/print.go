package golden

import (
	"io"
	"strings"

	"wf/lang/diag"
)

// WriteFailures prints why a test failed: each failure with its place in the test
// file, what was expected and what is, and what happened around it.
func WriteFailures(w io.Writer, sources diag.Sources, r *Result, opts diag.Options) error {
	shown := ""
	for i, f := range r.Failures {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		d := f.Diagnostic
		if err := diag.Write(w, sources, diag.List{&d}, opts); err != nil {
			return err
		}
		text := ""
		if f.Detail != "" {
			text = indent(f.Detail)
		}
		if f.Trace != "" && f.Trace != shown {
			text += "  what happened:\n" + indent(indent(cut(f.Trace)))
			shown = f.Trace
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// maxWidth is how many letters of a line of a trace are shown.
const maxWidth = 160

func cut(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if r := []rune(l); len(r) > maxWidth {
			lines[i] = string(r[:maxWidth-1]) + "…"
		}
	}
	return strings.Join(lines, "\n")
}

func indent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return "  " + strings.Join(lines, "\n  ") + "\n"
}
