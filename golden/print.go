package golden

import (
	"bytes"
	"fmt"
	"io"
	"slices"
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
		text += indent(colored(atMost(maxLines, cutDifference(r.Change)), opts))
	}
	_, err := io.WriteString(w, text)
	return err
}

// WriteFailures prints why a test failed: each failure with its place in the test
// file, what was expected and what is, and what happened around it.
func WriteFailures(w io.Writer, sources diag.Sources, r *Result, opts diag.Options) error {
	shown := map[string]bool{} // lines of traces, without their blanks
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
			b.WriteString(indent(colored(atMost(maxLines, cutDifference(f.Detail)), opts)))
		}
		if news(f.Trace, shown) {
			b.WriteString("  what happened:\n" + indent(indent(cut(f.Trace))))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// news reports whether a trace says more than what was shown, and adds it to that.
func news(trace string, shown map[string]bool) bool {
	more := false
	for _, line := range strings.Split(strings.TrimRight(trace, "\n"), "\n") {
		bare := strings.Join(strings.Fields(line), " ")
		if bare != "" && !shown[bare] && !strings.HasPrefix(bare, "…") {
			more = true
		}
		shown[bare] = true
	}
	return more
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
		lines[i] = cutFrom([]rune(l), 0)
	}
	return strings.Join(lines, "\n")
}

// maxLines is how many lines of a difference are shown.
const maxLines = 100

func atMost(n int, text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) <= n {
		return text
	}
	return strings.Join(lines[:n], "\n") + "\n… " + plural(len(lines)-n, "more line")
}

// cutFrom cuts a line so that its beginning is shown, and what stands at a place.
func cutFrom(line []rune, place int) string {
	const head, before = maxWidth / 3, 20
	if len(line) <= maxWidth {
		return string(line)
	}
	if place < maxWidth*2/3 {
		return string(line[:maxWidth-1]) + "…"
	}
	tail := line[min(place-before, len(line)):]
	if len(tail) > maxWidth-head-2 {
		tail = append(slices.Clone(tail[:maxWidth-head-2]), '…')
	}
	return string(line[:head]) + "…" + string(tail)
}

// cutDifference cuts the lines of a difference so that what differs is shown: of a line
// that takes the place of another one, the part where they part.
func cutDifference(text string) string {
	lines := strings.Split(text, "\n")
	out := make([]string, len(lines))
	for i := 0; i < len(lines); {
		gone := i
		for gone < len(lines) && strings.HasPrefix(lines[gone], "-") && !strings.HasPrefix(lines[gone], "---") {
			gone++
		}
		come := gone
		for come < len(lines) && strings.HasPrefix(lines[come], "+") && !strings.HasPrefix(lines[come], "+++") {
			come++
		}
		if n := gone - i; n > 0 && come-gone == n {
			for k := range n {
				a, b := []rune(lines[i+k]), []rune(lines[gone+k])
				place := 1
				for place < min(len(a), len(b)) && a[place] == b[place] {
					place++
				}
				out[i+k], out[gone+k] = cutFrom(a, place), cutFrom(b, place)
			}
			i = come
			continue
		}
		out[i] = cutFrom([]rune(lines[i]), 0)
		i++
	}
	return strings.Join(out, "\n")
}

func indent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return "  " + strings.Join(lines, "\n  ") + "\n"
}
