package main

import (
	"fmt"
	"regexp"
	"strings"

	"wf/golden"
	"wf/golden/cover"
	"wf/lang/diag"
)

// reporter tells what comes of test files, in order: each file that was read, each
// test, each golden file without a test, and the end.
type reporter interface {
	file(f testFile) error
	test(sources diag.Sources, r *golden.Result) error
	orphan(name string, removed bool) error
	coverage(p *cover.Profile) error
	end(t *tally) error
}

// reporters tell several readers the same.
type reporters []reporter

func (rs reporters) file(f testFile) error {
	return rs.each(func(r reporter) error { return r.file(f) })
}

func (rs reporters) test(sources diag.Sources, res *golden.Result) error {
	return rs.each(func(r reporter) error { return r.test(sources, res) })
}

func (rs reporters) orphan(name string, removed bool) error {
	return rs.each(func(r reporter) error { return r.orphan(name, removed) })
}

func (rs reporters) coverage(p *cover.Profile) error {
	return rs.each(func(r reporter) error { return r.coverage(p) })
}

func (rs reporters) end(t *tally) error {
	return rs.each(func(r reporter) error { return r.end(t) })
}

func (rs reporters) each(tell func(reporter) error) error {
	for _, r := range rs {
		if err := tell(r); err != nil {
			return err
		}
	}
	return nil
}

// format is the reporter of --format.
func (c *testCmd) format(e *env) reporter {
	text := &textReport{e: e, verbose: c.Verbose, seed: c.Seed}
	switch c.Format {
	case "json":
		return newJSONReport(e)
	case "github":
		return &githubReport{text}
	}
	return text
}

// textReport is for people.
type textReport struct {
	e       *env
	verbose bool
	seed    uint64
}

func (t *textReport) file(f testFile) error {
	return t.e.tell(f.problems, f.program.Sources)
}

func (t *textReport) test(sources diag.Sources, r *golden.Result) error {
	if !t.verbose && (r.Passed() || r.Skipped) {
		return golden.WriteChange(t.e.stdout, r, diag.Options{Color: t.e.colorOut})
	}
	if err := golden.WriteResult(t.e.stdout, sources, r, diag.Options{Color: t.e.colorOut}); err != nil || r.Passed() || r.Skipped {
		return err
	}
	_, err := fmt.Fprintf(t.e.stdout, "  %s %s\n\n", paint(t.e.colorOut, "again:", "36"), t.again(r))
	return err
}

// again is the command that runs one test again as it was run.
func (t *textReport) again(r *golden.Result) string {
	command := "wf test " + shellWord(r.File) + " --run " + shellWord("^"+regexp.QuoteMeta(r.Name)+"$")
	if t.seed != 1 {
		command += fmt.Sprintf(" --seed %d", t.seed)
	}
	return command
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

// shellWord quotes a word for a shell, if it needs that.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (t *textReport) orphan(name string, removed bool) error {
	if removed {
		_, err := fmt.Fprintf(t.e.stdout, "removed %s\n", name)
		return err
	}
	return diag.Write(t.e.stderr, nil, diag.List{golden.Orphaned(name)}, diag.Options{Color: t.e.color})
}

func (t *textReport) coverage(p *cover.Profile) error { return p.WriteText(t.e.stdout, t.e.paint) }

func (t *textReport) end(n *tally) error {
	line := fmt.Sprintf("%s in %s: %d passed", plural(n.Passed+n.Failed, "test"), plural(n.Files, "file"), n.Passed)
	if n.Failed > 0 {
		line += ", " + t.e.paint(fmt.Sprintf("%d failed", n.Failed), "31")
	}
	if n.Skipped > 0 {
		line += fmt.Sprintf(", %d not run", n.Skipped)
	}
	if n.Wrong > 0 {
		line += ", " + t.e.paint(plural(n.Wrong, "file")+" with errors", "31")
	}
	if n.Written > 0 {
		line += ", " + plural(n.Written, "golden file") + " written"
	}
	if n.Removed > 0 {
		line += fmt.Sprintf(", %d removed", n.Removed)
	}
	_, err := fmt.Fprintf(t.e.stderr, "%s (%s)\n", line, short(n.Took))
	return err
}

// githubReport is text, and beside it annotations as GitHub Actions reads them from
// the log of a job: they show failures in the changed lines of a pull request.
type githubReport struct{ *textReport }

func (g *githubReport) file(f testFile) error {
	if err := g.textReport.file(f); err != nil {
		return err
	}
	for _, d := range f.problems {
		if err := g.annotate(f.program.Sources, *d, string(d.Code)); err != nil {
			return err
		}
	}
	return nil
}

func (g *githubReport) test(sources diag.Sources, r *golden.Result) error {
	if err := g.textReport.test(sources, r); err != nil {
		return err
	}
	for _, f := range r.Failures {
		if err := g.annotate(sources, f.Diagnostic, r.Name, f.Compared(), f.Detail); err != nil {
			return err
		}
	}
	return nil
}

func (g *githubReport) orphan(name string, removed bool) error {
	if err := g.textReport.orphan(name, removed); err != nil || removed {
		return err
	}
	return g.annotate(nil, *golden.Orphaned(name), string(golden.CodeOrphaned))
}

// Values of workflow commands are escaped as GitHub's toolkit does.
var (
	annotationText = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	annotationItem = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func (g *githubReport) annotate(sources diag.Sources, d diag.Diagnostic, title string, details ...string) error {
	items := []string{"file=" + annotationItem.Replace(d.Span.File)}
	if at := placeOf(sources, d.Span); at.Line > 0 {
		items = append(items, fmt.Sprintf("line=%d,endLine=%d,col=%d,endColumn=%d", at.Line, at.EndLine, at.Column, at.EndColumn))
	}
	items = append(items, "title="+annotationItem.Replace(title))
	text := d.Summary
	for _, more := range append(details, d.Hint) {
		if more != "" {
			text += "\n" + strings.TrimRight(more, "\n")
		}
	}
	_, err := fmt.Fprintf(g.e.stdout, "::%s %s::%s\n", d.Severity, strings.Join(items, ","), annotationText.Replace(text))
	return err
}
