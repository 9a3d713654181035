package syntax

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layouts are sources with what they are laid out as.
var layouts = []struct{ name, src, want string }{
	{"short blocks stay on their line",
		`workflow w{step a{call s.op{x:1},on 404{fail NONE}}}`,
		`workflow w { step a { call s.op { x: 1 }, on 404 { fail NONE } } }
`},
	{"a break between statements breaks the block",
		`workflow w { step a { call s.op
		on 404 { fail NONE }, on 409 { fail TAKEN } } }`,
		`workflow w {
  step a {
    call s.op
    on 404 { fail NONE }, on 409 { fail TAKEN }
  }
}
`},
	{"what is too long is broken from outside in, statements one by one, fields evenly",
		`workflow w { step a { call service.operation { first_argument: input.first, second_argument: input.second, third: 3, fourth: 4 }, on 404 { fail NONE } } }`,
		`workflow w {
  step a {
    call service.operation { first_argument: input.first, second_argument: input.second, third: 3, fourth: 4 }
    on 404 { fail NONE }
  }
}
`},
	{"fields are spread evenly",
		`let x = { first_argument: "the first", second_argument: "the second", third_argument: "the third one", last_argument: "the fourth" }`,
		`let x = {
  first_argument: "the first", second_argument: "the second"
  third_argument: "the third one", last_argument: "the fourth"
}
`},
	{"the breaks of the author stay",
		`let x = { a: 1, b: 2
		c: 3, d: [
		1, 2, 3], e: 5 }`,
		`let x = {
  a: 1, b: 2
  c: 3, d: [
    1, 2, 3
  ]
  e: 5
}
`},
	{"wide characters count two columns, and combining ones none",
		"let x = {\n\"漢字\": 1 // two\n\"e\u0301\": 2 // one\nabc: 3 // three\n}",
		"let x = {\n  \"漢字\": 1  // two\n  \"e\u0301\":    2  // one\n  abc:    3  // three\n}\n"},
	{"a line of 120 columns stays",
		`let x = { a: "` + strings.Repeat("字", 48) + `x", b: 1 }`,
		`let x = { a: "` + strings.Repeat("字", 48) + `x", b: 1 }
`},
	{"a line of 121 columns does not",
		`let x = { a: "` + strings.Repeat("é", 98) + `", b: 1 }`,
		`let x = {
  a: "` + strings.Repeat("é", 98) + `", b: 1
}
`},
	{"comments are lined up over lines that follow on each other",
		"// of the file\n\n\n\nlet a = 1 // one   \nlet bcd = 2 //two\n\nlet e = 3 // alone\n// own\nlet f = 4\n// last",
		`// of the file

let a   = 1  // one
let bcd = 2  //two

let e = 3  // alone
// own
let f = 4
// last
`},
	{"comments in odd places",
		"let x = [ // open\n1, // one\n// two\n2 // behind\n, 3 ] // closed\nlet y = f(1, // in a call\n2) + // operator\n3",
		`let x = [  // open
  1        // one
  // two
  2  // behind
  3
]             // closed
let y = f(1,  // in a call
  2) +        // operator
  3
`},
	{"no empty lines at edges",
		"\n\nworkflow w {\n\n\nstep a {\n\n}\n\n\n}\n\n\n",
		`workflow w {
  step a {}
}
`},
	{"an else that does not fit has its own line",
		`workflow w { ensure input.the_first_number > input.the_second_number else fail NUMBERS "the first number is not larger than the second" }`,
		`workflow w {
  ensure input.the_first_number > input.the_second_number
    else fail NUMBERS "the first number is not larger than the second"
}
`},
	{"signs",
		`let x=-a+(- b)*!c?.d[ -1 ]..f ( 1,2 )[1 : n]?{}:[ ]`,
		`let x = -a + (-b) * !c?.d[-1]..f(1, 2)[1:n] ? {} : []
`},
	{"a comma stays where the next line would go on with the expression",
		"let x = [1,\n-1,\nnot a,\n  not in, # ]\ntype t { a int = 1,\n in int,\nnot? int }",
		`let x = [
  1,
  -1
  not a,
  not in, #
]
type t {
  a    int = 1,
  in   int
  not? int
}
`},
	{"types and retries have one spelling",
		`type a = { b int }
		type c "x" | "y"
		policy p { retry 3 attempts backoff 1s to 5s jitter 10% }
		policy q { retry, backoff 1s }`,
		`type a { b int }
type c = "x" | "y"
policy p { retry 3 attempts, backoff 1s to 5s, jitter 10% }
policy q { retry backoff 1s }
`},
}

func TestLayout(t *testing.T) {
	for _, tt := range layouts {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, formatted(t, tt.name, tt.src)); d != "" {
				t.Error(d)
			}
		})
	}
}

// BenchmarkFormat lays out files of 1,000 to 100,000 lines: the time for a line stays.
func BenchmarkFormat(b *testing.B) {
	for _, lines := range []int{1_000, 10_000, 100_000} {
		var src strings.Builder
		src.WriteString("workflow w {\n")
		for i := range lines / 5 {
			fmt.Fprintf(&src, "step s%d { // a comment\ncall svc.op { a: input.a, b: [1, 2, %d], c: \"text\" }\non 201 { return { id: body.id } }\non 404 { fail NONE }\n}\n", i, i)
		}
		src.WriteString("}\n")
		text := []byte(src.String())
		f, problems := Parse("w.wf", text)
		if problems.HasErrors() {
			b.Fatal(problems)
		}
		b.Run(fmt.Sprint(lines), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Format(f, text)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
		})
	}
}
