package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"
)

// good is a definition, from which some of the bad ones are made.
const good = "workflow w {\n  input { name string, n int = 1 }\n  step größe { return \"${input.name} ${input.n}\" }\n  output größe\n}\n"

// in16 writes a text in UTF-16.
func in16(text string, mark []byte, bigEndian bool) string {
	out := mark
	for _, u := range utf16.Encode([]rune(text)) {
		if bigEndian {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return string(out)
}

func nested(open, inner, closing string) string {
	return strings.Repeat(open, 100_000) + inner + strings.Repeat(closing, 100_000)
}

// badFiles are texts that are no definition, with what is said of each. Files whose fault
// is not one of syntax can be formatted.
var badFiles = []struct {
	name, text, says string
	formats          bool
}{
	{name: "binary", text: "\x7fELF\x02\x01\x01\x00\xff\xfe{{{", says: "x.wf:1:1: error WF101: byte 0x7f is not text"},
	{name: "empty", text: "", says: "x.wf:1:1: error WF108: the file declares nothing"},
	{name: "only comments", text: "\n\n  // later\n", says: "error WF108"},
	{name: "10 MB of opening braces", text: strings.Repeat("{", 10<<20), says: "error WF102: more than 200 brackets are open here"},
	{name: "10 MB of closing braces", text: strings.Repeat("}", 10<<20), says: "error WF102: the file has more than 5000000 words and signs"},
	{name: "10 MB of pairs of braces", text: strings.Repeat("{}", 5<<20), says: "error WF102: the file has more than 5000000 words and signs"},
	{name: "beyond the limit of bytes", text: strings.Repeat(" ", 64<<20+1), says: "error WF102: the file has 67108865 bytes; the limit is 67108864"},
	{name: "100,000 parentheses", text: "let x = " + nested("(", "1", ")"), says: "error WF102: more than 200 brackets are open here"},
	{name: "100,000 brackets", text: "let x = " + nested("[", "", "]"), says: "error WF102: more than 200 brackets"},
	{name: "100,000 braces", text: "let x = " + nested("{ a: ", "1", "}"), says: "error WF102: more than 200 brackets"},
	{name: "100,000 clauses", text: "workflow w { step a { call s.o\n" + nested("on 404 {\n", "", "}") + "}}", says: "x.wf:200:8: error WF102: more than 200 brackets"},
	{name: "100,000 shapes", text: "type t = " + nested("[", "int", "]"), says: "error WF102: more than 200 brackets"},
	{name: "100,000 signs", text: "let x = " + strings.Repeat("-", 100_000) + "1", says: "error WF102: the expression has more than 10000 parts", formats: true},
	{name: "100,000 operands", text: "let x = " + strings.Repeat("1 + ", 100_000) + "1", says: "error WF102: the expression has more than 10000 parts", formats: true},
	{name: "100,000 members", text: "let x = a" + strings.Repeat(".b", 100_000), says: "error WF102: the expression has more than 10000 parts", formats: true},
	{name: "100,000 conditions", text: "let x = " + strings.Repeat("true ? 1 : ", 100_000) + "1", says: "error WF102: the expression has more than 10000 parts", formats: true},
	{name: "UTF-16 with a mark", text: in16(good, []byte{0xff, 0xfe}, false), says: "error WF101: byte 0xff is not text"},
	{name: "UTF-16 of the other order", text: in16(good, nil, true), says: "error WF101: byte 0x00 is not text"},
	{name: "Latin-1", text: "// no word of it\nworkflow w { step gr\xf6\xdfe { return 1 } }", says: "x.wf:2:21: error WF101: byte 0xf6 is not text"},
	{name: "Latin-1 in a comment", text: "// gr\xf6\xdfer\n" + good, says: "x.wf:1:6: error WF101: byte 0xf6 is not text"},
	{name: "lone CR", text: strings.ReplaceAll(good, "\n", "\r"), says: "x.wf:1:13: error WF101: invisible character U+000D"},
	{name: "NUL", text: "workflow\x00w { }", says: "x.wf:1:9: error WF101: byte 0x00 is not text"},
	{name: "NUL in a string", text: "let x = \"a\x00b\"", says: "x.wf:1:11: error WF101: byte 0x00 is not text"},
	{name: "a cycle of steps", text: "workflow w { step a { return b.x }\nstep b { return a.x }\n}", says: "error WF401: these steps wait for one another: a → b → a", formats: true},
	{name: "a cycle of types", text: "type a { b b }\ntype b { a a }\nworkflow w { input { a a }, step s { return input.a }, output s }", says: "error WF212", formats: true},
	{name: "an import of nothing", text: "import \"nothing.wf\"\n" + good, says: "x.wf:1:8: error WF210: cannot import nothing.wf: there is no such file", formats: true},
	{name: "an import of a folder", text: "import \"folder\"\n" + good, says: "x.wf:1:8: error WF210: cannot import folder: it is a folder", formats: true},
	{name: "numbers beyond 64 bits", text: "let x = 9223372036854775808\nlet y = " + strings.Repeat("9", 100_000), says: "x.wf:1:9: error WF301: the number does not fit 64 bits", formats: true},
	{name: "a fraction beyond 64 bits", text: "let x = 1e999", says: "error WF301: not an expression: the number does not fit 64 bits", formats: true},
	{name: "a line of a megabyte", text: `let x = "` + strings.Repeat("y", 1<<20) + `" + 5`, says: "x.wf:1:9: error WF305", formats: true},
	{name: "a name of a megabyte", text: "workflow w { step a { return " + strings.Repeat("n", 1<<20) + " } }", says: "x.wf:1:30: error WF203", formats: true},
	{name: "1,000 syntax errors", text: "workflow w {\n" + strings.Repeat("  stepp x { }\n", 1000) + "}\n", says: "x.wf:22:3: error WF102: there are more than 20 errors; the others are not told"},
	{name: "1,000 open strings", text: strings.Repeat("let x = \"abc\n", 1000), says: "x.wf:21:9: error WF102: there are more than 20 errors; the others are not told"},
	{name: "1,000 wrong names", text: "workflow w {\n" + strings.Repeat("  ensure nobody else fail NO\n", 1000) + "step a { return 1 }\noutput a\n}\n", says: "x.wf:502:10: error WF102: there are 500 problems more; 500 are told", formats: true},
	{name: "another language", text: "name: x\nsteps:\n  - run: true\n", says: "x.wf:1:1: error WF105"},
}

// Commands say a fault in bounded space, whatever the size of the file.
const (
	maxSaid      = 400 << 10
	maxAllocated = 2 << 30
)

func TestBadFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range badFiles {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() && len(tt.text) > 1<<18 {
				t.Skip("a large file")
			}
			write(t, "x.wf", tt.text)
			write(t, "x_test.wf", tt.text)
			says := func(file string) string { return strings.Replace(tt.says, "x.wf:", file+":", 1) }
			for _, command := range [][]string{{"check", "x.wf"}, {"check", "--format", "sarif", "x.wf"}, {"run", "x.wf", "--virtual"}, {"graph", "x.wf"}, {"test", "x_test.wf"}, {"explain", "x.wf:a"}} {
				if len(tt.text) > 4<<20 && command[0] != "check" && command[0] != "test" {
					continue // they read files by the same means
				}
				want := says("x.wf")
				switch command[0] + command[1] {
				case "testx_test.wf":
					want = says("x_test.wf")
				case "check--format":
					want = strings.TrimPrefix(want[strings.LastIndex(want, "WF"):], "WF")[:3] // the code
				}
				refused(t, "", want, command...)
			}
			switch {
			case tt.formats:
				if status, _, stderr := invoke("", "fmt", "x.wf"); status != exitFine {
					t.Errorf("wf fmt ends with %d: %s", status, stderr)
				}
			default:
				refused(t, "", tt.says, "fmt", "x.wf")
				refused(t, tt.text, strings.Replace(tt.says, "x.wf:", "standard input:", 1), "fmt", "-")
				if text, err := os.ReadFile("x.wf"); err != nil || string(text) != tt.text {
					t.Errorf("wf fmt changed the file, or lost it: %v", err)
				}
			}
		})
	}
}

// refused runs a command that must end with status 2 and say something, in little space.
func refused(t *testing.T, stdin, says string, command ...string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	status, stdout, stderr := invoke(stdin, command...)
	runtime.ReadMemStats(&after)
	line := "wf " + strings.Join(command, " ")
	said := stdout + stderr
	if status != exitWrong {
		t.Errorf("%s ends with %d: %.300s", line, status, said)
	}
	if !strings.Contains(said, says) {
		t.Errorf("%s does not say %q, but: %.500s", line, says, said)
	}
	if len(said) > maxSaid {
		t.Errorf("%s says %d bytes: %.300s", line, len(said), said)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > maxAllocated {
		t.Errorf("%s allocates %d MB", line, used>>20)
	}
}

// TestStrangeFiles are files that look bad and are not.
func TestStrangeFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"CRLF":            strings.ReplaceAll(good, "\n", "\r\n"),
		"byte order mark": "\xef\xbb\xbf" + good,
		"both":            "\xef\xbb\xbf" + strings.ReplaceAll(good, "\n", "\r\n"),
		"many lines":      strings.Repeat("\n", 1<<20) + good,
		"a huge string":   strings.Replace(good, "  input", "  describe \""+strings.Repeat("y", 10<<20)+"\"\n\n  input", 1),
	} {
		write(t, "x.wf", text)
		for _, command := range [][]string{{"check", "--strict", "x.wf"}, {"graph", "x.wf"}, {"run", "x.wf", "--virtual", "--set", "name=Ada"}, {"fmt", "x.wf"}, {"fmt", "--check", "x.wf"}} {
			if status, _, stderr := invoke("", command...); status != exitFine {
				t.Errorf("%s: %v ends with %d: %.300s", name, command, status, stderr)
			}
		}
	}
}

// TestBadPlaces names what is not there, or is something else.
func TestBadPlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "flow.wf", good)
	write(t, filepath.Join("folder", "readme.txt"), "nothing")
	for _, command := range []string{"check", "run", "graph", "test", "fmt"} {
		refused(t, "", "there is no such file", command, "floww.wf")
		refused(t, "", "did you mean flow.wf?", command, "floww.wf")
	}
	refused(t, "", "folder holds no definition", "check", "folder")
	refused(t, "", "folder holds no definition", "fmt", "folder")
	refused(t, "", "there is no test file", "test", "folder")
	refused(t, "", "folder is a folder; name one definition in it", "run", "folder")
	refused(t, "", "folder is a folder; name one definition in it", "graph", "folder")
	refused(t, "", "folder is a folder; name a JSON file", "run", "flow.wf", "--input", "folder")
	refused(t, "", "there is no such file", "explain", "floww.wf:a")
}

func TestBadInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "flow.wf", good)
	for _, tt := range []struct{ name, text, says string }{
		{"nothing", "", "the text is empty"},
		{"no JSON", "hello", "line 1: invalid character 'h'"},
		{"other quotes", "{'name': 'Ada'}", "line 1: invalid character"},
		{"a list", "[1]", "must be a record, not a list"},
		{"half of it", `{"name":`, "the text ends in the middle"},
		{"more behind it", "{\"name\": \"Ada\"}\nand", "line 2: there is more text after the value"},
		{"a key twice", "{\"name\": \"Ada\",\n \"name\": \"Eve\"}", "line 2: name is given twice"},
		{"a key twice within", `{"name": "Ada", "n": [{"k": 1, "k": 2}]}`, "line 1: n[0].k is given twice"},
		{"an int of 64 bits and one", `{"name": "Ada", "n": 9223372036854775808}`, "n: 9223372036854775808 does not fit a 64-bit integer"},
		{"a float of more than 64 bits", `{"name": "Ada", "n": 1e999}`, "n: 1e999 does not fit a 64-bit float"},
		{"no number", `{"name": "Ada", "n": NaN}`, "line 1: invalid character 'N'"},
		{"depth", nested("[", "", "]"), "nested deeper than 200 levels"},
		{"UTF-16", in16(`{"name": "Ada"}`, []byte{0xff, 0xfe}, false), "it is not UTF-8 text"},
		{"Latin-1", "{\"name\": \"Ren\xe9\"}", "it is not UTF-8 text"},
		{"too much", `{"name": "` + strings.Repeat("x", MaxInput) + `"}`, "the input is larger than 64 MB"},
		{"a huge unknown field", `{"name": "Ada", "` + strings.Repeat("x", 1<<20) + `": 1}`, "1 violation"},
		{"10,000 unknown fields", `{"name": "Ada"` + manyFields(10_000) + `}`, "is not a field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			write(t, "in.json", tt.text)
			refused(t, "", tt.says, "run", "flow.wf", "--virtual", "--input", "in.json")
			refused(t, tt.text, tt.says, "run", "flow.wf", "--virtual", "--input", "-")
		})
	}
	for _, n := range []string{"9007199254740993", "9223372036854775807", "-9223372036854775808"} {
		status, stdout, stderr := invoke(fmt.Sprintf("\ufeff{\"name\": \"Ada\", \"n\": %s}\r\n", n), "run", "flow.wf", "--virtual", "--input", "-")
		if status != exitFine || strings.TrimSpace(stdout) != fmt.Sprintf("%q", "Ada "+n) {
			t.Errorf("%s is not kept: %d %s %s", n, status, stdout, stderr)
		}
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `, "unknown_%d": 1`, i)
	}
	return b.String()
}
