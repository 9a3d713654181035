package sim_test

import (
	"fmt"
	"testing"

	"wf/interpreter/machine"
)

// BenchmarkLoop shows that time and bytes per item stay flat.
func BenchmarkLoop(b *testing.B) {
	src := shopSource + `
workflow each {
  input { ns [int] }
  step each for n in input.ns {
    call shop.next { n: n }
    on 200 { return body.n }
  }
  output len(each)
}`
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, r := load(b, src)
			ns := make([]any, n)
			for i := range ns {
				ns[i] = i
			}
			for b.Loop() {
				if res := run(b, g, r, map[string]any{"ns": ns}, nil); res.Ending != machine.Completed || res.Output != n {
					b.Fatalf("%s %v", res.Ending, res.Output)
				}
			}
			b.ReportAllocs()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/item")
		})
	}
}
