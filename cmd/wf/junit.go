package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"wf/golden"
	"wf/golden/cover"
	"wf/lang/diag"
)

// junitReport writes the XML that CI servers read test results from, in the form that
// Ant's JUnit task began and all of them understand: a suite for each file, a case for
// each test. A file that cannot be run is a suite with one case, an error.
type junitReport struct {
	e      *env
	to     string // file
	suites []*junitSuite
}

type junitSuites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     seconds  `xml:"time,attr"`
	Suites   []*junitSuite
}

type junitSuite struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     seconds  `xml:"time,attr"`
	Cases    []*junitCase
}

type junitCase struct {
	XMLName xml.Name      `xml:"testcase"`
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"` // the file, as a name with dots
	File    string        `xml:"file,attr"`
	Time    seconds       `xml:"time,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
	Skipped *struct{}     `xml:"skipped"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",innerxml"` // see escaped
}

// escaped is text as XML has it, with its line ends as they are.
func escaped(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return strings.ReplaceAll(b.String(), "&#xA;", "\n")
}

// seconds is a duration as the format has it.
type seconds time.Duration

// MarshalText writes seconds with microseconds.
func (s seconds) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%.6f", time.Duration(s).Seconds()), nil
}

func (j *junitReport) file(f testFile) error {
	s := &junitSuite{Name: f.name}
	j.suites = append(j.suites, s)
	if !f.problems.HasErrors() {
		return nil
	}
	var first *diag.Diagnostic
	for _, d := range f.problems {
		if d.Severity == diag.Error && first == nil {
			first = d
		}
	}
	var b bytes.Buffer
	if err := diag.Write(&b, f.program.Sources, f.problems, diag.Options{}); err != nil {
		return err
	}
	s.add(&junitCase{Name: "the file can be run", Class: className(f.name), File: f.name,
		Error: &junitProblem{Message: first.Summary, Type: string(first.Code), Text: escaped(b.String())}})
	return nil
}

func (j *junitReport) test(sources diag.Sources, r *golden.Result) error {
	c := &junitCase{Name: r.Name, Class: className(r.File), File: r.File, Time: seconds(r.Took)}
	switch {
	case r.Skipped:
		c.Skipped = &struct{}{}
	case !r.Passed():
		var b bytes.Buffer
		if err := golden.WriteFailures(&b, sources, r, diag.Options{}); err != nil {
			return err
		}
		c.Failure = &junitProblem{Message: r.Failures[0].Summary, Type: string(r.Failures[0].Code), Text: escaped(b.String())}
	}
	for _, s := range j.suites {
		if s.Name == r.File {
			s.add(c)
		}
	}
	return nil
}

func (s *junitSuite) add(c *junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	s.Time += c.Time
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func (j *junitReport) orphan(string, bool) error { return nil }

func (j *junitReport) coverage(*cover.Profile) error { return nil }

func (j *junitReport) end(t *tally) error {
	all := &junitSuites{Name: "wf test", Time: seconds(t.Took), Suites: j.suites}
	for _, s := range j.suites {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return j.e.writeFile(j.to, append([]byte(xml.Header), append(text, '\n')...))
}

// className is a file as the name of a class: "orders/ship_test.wf" is "orders.ship_test".
func className(file string) string {
	return strings.ReplaceAll(strings.Trim(strings.TrimSuffix(file, ".wf"), "./"), "/", ".")
}
