package golden

import (
	"fmt"
	"strings"
	"testing"

	"wf/lang/diag"
)

// TestLongDifferences looks at what is shown of differences that are long: the part of a
// line in which it differs, and not more lines than a person reads.
func TestLongDifferences(t *testing.T) {
	long := strings.Repeat("x", 300)
	before, after := "+10ms  a#1  call shop.get {\"a\":\""+long+"\",\"b\":1}", "+10ms  a#1  call shop.get {\"a\":\""+long+"\",\"b\":2}"
	text := cutDifference("--- before\n+++ now\n@@ -1 +1 @@\n-" + before + "\n+" + after + "\n " + before)
	for i, line := range strings.Split(text, "\n") {
		if n := len([]rune(line)); n > maxWidth {
			t.Errorf("line %d has %d letters", i, n)
		}
	}
	lines := strings.Split(text, "\n")
	if !strings.HasPrefix(lines[3], "-+10ms  a#1") || !strings.HasSuffix(lines[3], `"b":1}`) || !strings.HasSuffix(lines[4], `"b":2}`) || !strings.HasSuffix(lines[5], "…") {
		t.Errorf("this does not show what differs:\n%s", text)
	}
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("-line %d", i))
	}
	var b strings.Builder
	r := &Result{File: "f", Name: "n", Golden: "golden/f/n.trace", Changed: "changed", Change: strings.Join(many, "\n")}
	if err := WriteResult(&b, nil, r, diag.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Count(got, "\n") != maxLines+3 || !strings.HasSuffix(got, "  … 900 more lines\n") {
		t.Errorf("%d lines are shown:\n%s", strings.Count(got, "\n"), got)
	}
}
