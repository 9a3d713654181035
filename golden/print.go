package golden

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"wf/lang/diag"
)

// WriteResult prints one test for a person: how it ended, the golden file it wrote, and
// why it failed.
func WriteResult(w io.Writer, sources diag.Sources, r *Result, opts diag.Options) error {
	var b bytes.Buffer
	switch {
	case r.Skipped:
		fmt.Fprintf(&b, "%s %s: %s (not run)\n", paint(opts, "2", "-"), r.File, r.Name)
	case r.Passed():
		fmt.Fprintf(&b, "%s %s: %s  %s\n", paint(opts, "32", "✓"), r.File, r.Name, paint(opts, "2", short(r.Virtual)))
	default:
		fmt.Fprintf(&b, "%s %s: %s (seed %d)\n", paint(opts, "31", "✗"), r.File, r.Name, r.Seed)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return err
	}
	if err := WriteChange(w, r, opts); err != nil || r.Passed() || r.Skipped {
		return err
	}
	return WriteFailures(w, sources, r, opts)
}

// WriteChange prints the golden file that a test wrote, with what changed in it.
func WriteChange(w io.Writer, r *Result, opts diag.Options) error {
	if r.Changed == "" {
		return nil
	}
	text := fmt.Sprintf("%s %s\n", r.Changed, r.Golden)
	if r.Change != "" {
		text += indent(colored(cut(r.Change), opts))
	}
	_, err := io.WriteString(w, text)
	return err
}

// WriteFailures prints why a test failed: each failure with its place in the test
// file, what was expected and what is, and what happened around it.
func WriteFailures(w io.Writer, sources diag.Sources, r *Result, opts diag.Options) error {
	shown := ""
	var b bytes.Buffer
	for i, f := range r.Failures {
		if i > 0 {
			b.WriteByte('\n')
		}
		d := f.Diagnostic
		if err := diag.Write(&b, sources, diag.List{&d}, opts); err != nil {
			return err
		}
		if f.compares() {
			fmt.Fprintf(&b, "  expected  %s\n  actual    %s\n", paint(opts, "32", f.Expected), paint(opts, "31", f.Actual))
		}
		if f.Detail != "" {
			b.WriteString(indent(colored(f.Detail, opts)))
		}
		if f.Trace != "" && f.Trace != shown {
			b.WriteString("  what happened:\n" + indent(indent(cut(f.Trace))))
			shown = f.Trace
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// compares reports whether expected and actual are worth a line each: not where the
// message says both.
func (f *Failure) compares() bool { return f.Expected != "" && !strings.HasSuffix(f.Summary, f.Actual) }

// Compared is what was expected and what is, on a line each; "" if the message says it.
func (f *Failure) Compared() string {
	if !f.compares() {
		return ""
	}
	return "expected  " + f.Expected + "\nactual    " + f.Actual
}

func paint(opts diag.Options, color, text string) string {
	if !opts.Color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// colored paints the lines of a difference.
func colored(text string, opts diag.Options) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "-"):
			lines[i] = paint(opts, "32", l)
		case strings.HasPrefix(l, "+"):
			lines[i] = paint(opts, "31", l)
		case strings.HasPrefix(l, "@@"):
			lines[i] = paint(opts, "36", l)
		}
	}
	return strings.Join(lines, "\n")
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
