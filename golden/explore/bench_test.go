package explore_test

import (
	"testing"

	"wf/golden/explore"
	"wf/lang"
	"wf/workflows"
)

// BenchmarkRegistration tries what can happen in the registration with up to two faults.
func BenchmarkRegistration(b *testing.B) {
	p, problems := lang.Load(workflows.FS, "user_registration.wf", lang.Options{})
	if problems.HasErrors() {
		b.Fatal(problems)
	}
	b.ReportAllocs()
	tried := 0
	for b.Loop() {
		r, err := explore.Run(p.Workflows[0], explore.Options{Faults: 2, Cancel: true, Crash: true, Workers: 1})
		if err != nil {
			b.Fatal(err)
		}
		tried += r.Tried
	}
	b.ReportMetric(float64(tried)/b.Elapsed().Seconds(), "tries/s")
}
