package sim_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

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

// TestBatches holds that batches are the list again, cut into equal parts but for the last.
func TestBatches(t *testing.T) {
	src := shopSource + `
workflow parts {
  input { ns [int], size int }
  step part for batch of input.size in input.ns { return batch }
  output part
}`
	g, r := load(t, src)
	rapid.Check(t, func(rt *rapid.T) {
		ns := rapid.SliceOfN(rapid.Int(), 0, 20).Draw(rt, "ns")
		size := rapid.IntRange(-1, 7).Draw(rt, "size")
		list := make([]any, len(ns))
		for i, n := range ns {
			list[i] = n
		}
		res := run(t, g, r, map[string]any{"ns": list, "size": size}, nil)
		parts, _ := res.Output.([]any)
		var all []any
		for i, p := range parts {
			part := p.([]any)
			if last := i == len(parts)-1; !last && len(part) != max(size, 1) || last && (len(part) == 0 || len(part) > max(size, 1)) {
				rt.Errorf("part %d of %d has %d elements of at most %d", i, len(parts), len(part), size)
			}
			all = append(all, part...)
		}
		if !slices.Equal(all, list) {
			rt.Errorf("%v became %v", list, all)
		}
	})
}
