package diag

import (
	"strings"
	"testing"
)

// TestCaretsStandUnderTheirSpan shows one span in lines of all widths of letters.
func TestCaretsStandUnderTheirSpan(t *testing.T) {
	for _, tt := range []struct{ line, carets string }{
		{"let a = X", "        ^"},
		{"größe = X", "        ^"},
		{`"漢字" = X`, "         ^"},
		{"e\u0301 = X", "    ^"},
		{"\t= X", "   ^"},
		{"🙂 = X", "     ^"},
		{"let a = " + strings.Repeat("漢", 100) + "X", " "},
	} {
		at := strings.Index(tt.line, "X")
		var out strings.Builder
		if err := Write(&out, Sources{"x.wf": []byte(tt.line)}, List{Errorf("WF000", Span{"x.wf", at, at + 1}, "here")}, Options{}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		shown, carets := strings.TrimPrefix(lines[1], "    1 | "), strings.TrimPrefix(lines[2], "      | ")
		before, _, found := strings.Cut(shown, "X")
		if !found || Columns(before) != strings.Index(carets, "^") || strings.Count(carets, "^") != 1 {
			t.Errorf("the caret is not under the X:\n%s\n%s", shown, carets)
		}
		if tt.carets != " " && carets != tt.carets {
			t.Errorf("%q: %q, want %q", tt.line, carets, tt.carets)
		}
	}
}
