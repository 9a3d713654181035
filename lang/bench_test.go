package lang_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"wf/lang"
	"wf/lang/syntax"
	"wf/workflows"
)

// steps is a workflow of n steps as people write them: each calls with a mapping of an
// earlier result, and says what to do about two outcomes.
func steps(n int) string {
	var b strings.Builder
	b.WriteString(`service shop {
  429, 5xx
  operation reserve {
    input { sku string, count int, note? string }
    201 { id int, left int }
    409 { id int, left int }
  }
}
workflow long {
  input { sku string, count int min 1 = 1 }
  retry   3 attempts, backoff 1s to 30s, jitter 10%
  timeout 30s
`)
	from := "input.count"
	for i := range n {
		fmt.Fprintf(&b, `  step s%d {
    call shop.reserve { sku: input.sku, count: %s + 1 }
    on 409 when body.left > 0 { return { id: body.id, left: body.left } }
    on 409                    { fail TAKEN "taken, ${body.left} left" }
    on 201                    { return { id: body.id, left: body.left } }
  }
`, i, from)
		from = fmt.Sprintf("s%d.left", i)
	}
	fmt.Fprintf(&b, "  output { id: s%d.id }\n}\n", n-1)
	return b.String()
}

// BenchmarkLoad shows what reading costs, and that it grows as the file does: the parser
// alone, and the whole way to the graph.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10, 100, 1_000, 10_000, 100_000} {
		src := steps(n)
		fsys := fstest.MapFS{"long.wf": {Data: []byte(src)}}
		b.Run(fmt.Sprintf("parse/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, problems := syntax.Parse("long.wf", []byte(src)); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
			measured(b, n, len(src))
		})
		b.Run(fmt.Sprintf("load/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, problems := lang.Load(fsys, "long.wf", lang.Options{}); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
			measured(b, n, len(src))
		})
	}
}

// BenchmarkFlagship loads the registration with its services, as `wf run` does.
func BenchmarkFlagship(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := lang.Load(workflows.FS, "user_registration.wf", lang.Options{}); len(problems) > 0 {
			b.Fatal(problems)
		}
	}
}

func measured(b *testing.B, steps, bytes int) {
	b.ReportAllocs()
	b.SetBytes(int64(bytes))
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(steps), "µs/step")
}
