package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// junitSchema is the JUnit format as far as the readers of Jenkins, GitLab, GitHub's
// actions, Surefire and Ant agree on it: which attributes and elements an element may
// have. A ! marks an attribute that must be there.
var junitSchema = map[string]struct{ attributes, children string }{
	"testsuites": {"name tests failures errors skipped time", "testsuite"},
	"testsuite":  {"name! tests! failures! errors! skipped time timestamp hostname id package", "properties testcase system-out system-err"},
	"testcase":   {"name! classname! time file assertions", "skipped error failure system-out system-err"},
	"failure":    {"message type", ""},
	"error":      {"message type", ""},
	"skipped":    {"message", ""},
}

var (
	junitCount = regexp.MustCompile(`^\d+$`)
	junitTime  = regexp.MustCompile(`^\d+\.\d+$`)
)

// element is any XML element.
type element struct {
	XMLName    xml.Name
	Attributes []xml.Attr `xml:",any,attr"`
	Children   []element  `xml:",any"`
	Text       string     `xml:",chardata"`
}

func (e *element) attr(name string) string {
	for _, a := range e.Attributes {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// check holds an element against the schema, and its totals against what is in it.
func (e *element) check(t *testing.T, path string) {
	t.Helper()
	name := e.XMLName.Local
	path += "/" + name
	schema, known := junitSchema[name]
	if !known {
		t.Errorf("%s: no such element", path)
		return
	}
	allowed := strings.Fields(strings.ReplaceAll(schema.attributes, "!", ""))
	for _, a := range e.Attributes {
		switch {
		case !slices.Contains(allowed, a.Name.Local):
			t.Errorf("%s: no such attribute %s", path, a.Name.Local)
		case slices.Contains([]string{"tests", "failures", "errors", "skipped"}, a.Name.Local) && !junitCount.MatchString(a.Value),
			a.Name.Local == "time" && !junitTime.MatchString(a.Value):
			t.Errorf("%s: %s=%q", path, a.Name.Local, a.Value)
		}
	}
	for _, a := range strings.Fields(schema.attributes) {
		if must, ok := strings.CutSuffix(a, "!"); ok && e.attr(must) == "" {
			t.Errorf("%s: %s is missing", path, must)
		}
	}
	problems := 0
	for i := range e.Children {
		c := &e.Children[i]
		if !slices.Contains(strings.Fields(schema.children), c.XMLName.Local) {
			t.Errorf("%s: %s does not belong here", path, c.XMLName.Local)
		}
		if slices.Contains([]string{"failure", "error", "skipped"}, c.XMLName.Local) {
			problems++
		}
		c.check(t, path)
	}
	if name == "testcase" && problems > 1 {
		t.Errorf("%s: a case ends in one way", path)
	}
	if name == "testsuite" || name == "testsuites" {
		e.totals(t, path)
	}
}

func (e *element) totals(t *testing.T, path string) {
	t.Helper()
	for attribute, in := range map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"} {
		if got := strconv.Itoa(e.count(in)); e.attr(attribute) != got {
			t.Errorf("%s: %s is %q, and there are %s", path, attribute, e.attr(attribute), got)
		}
	}
}

func (e *element) count(name string) int {
	n := 0
	for i := range e.Children {
		if e.Children[i].XMLName.Local == name {
			n++
		}
		n += e.Children[i].count(name)
	}
	return n
}

// TestJUnit holds the reports of every case of package golden that has test files
// against the format.
func TestJUnit(t *testing.T) {
	cases, err := filepath.Glob("../../golden/testdata/test_*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	seen := map[string]int{}
	for _, name := range cases {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir, _ := unpack(t, ar)
		write(t, filepath.Join(dir, "broken_test.wf"), "test \"\x01 <&]]>\" {")
		for _, more := range [][]string{nil, {"--fail-fast"}} {
			report := filepath.Join(t.TempDir(), "report.xml")
			invoke("", append([]string{"test", dir, "--junit", report}, more...)...)
			text, err := os.ReadFile(report)
			if err != nil {
				t.Fatal(err)
			}
			var root element
			if err := xml.Unmarshal(text, &root); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, text)
			}
			root.check(t, filepath.Base(name))
			for kind := range junitSchema {
				seen[kind] += root.count(kind)
			}
		}
	}
	for kind := range junitSchema {
		if seen[kind] == 0 && kind != "testsuites" {
			t.Errorf("no report has a %s", kind)
		}
	}
}
