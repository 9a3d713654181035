package golden

import (
	"fmt"
	"io"
	"strings"

	"wf/lang/diag"
)

// WriteFailures prints why a test failed: each failure with its place in the test
// file, what was expected and what is, and what happened around it.
func WriteFailures(w io.Writer, sources diag.Sources, r *Result, opts diag.Options) error {
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
		for _, part := range []struct{ title, text string }{{"", f.Detail}, {"what happened:", f.Trace}} {
			if part.text == "" {
				continue
			}
			if part.title != "" {
				part.text = part.title + "\n" + indent(part.text)
			}
			if _, err := fmt.Fprint(w, indent(part.text)); err != nil {
				return err
			}
		}
	}
	return nil
}

func indent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return "  " + strings.Join(lines, "\n  ") + "\n"
}
