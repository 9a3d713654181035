package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkCold starts wf as a process: what a person waits for. `version` is the share
// of the process itself, without any work.
func BenchmarkCold(b *testing.B) {
	wf := filepath.Join(b.TempDir(), "wf")
	if out, err := exec.Command("go", "build", "-o", wf, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, args := range [][]string{
		{"version"},
		{"check", "user_registration.wf"},
		{"run", "user_registration.wf", "--input", "inputs/user_registration.json", "--virtual"},
		{"run", "user_registration.yaml", "--input", "inputs/user_registration.json", "--virtual"},
	} {
		b.Run(strings.Join(args[:min(2, len(args))], " "), func(b *testing.B) {
			cpu := 0.0
			for b.Loop() {
				cmd := exec.Command(wf, args...)
				cmd.Dir = "../../workflows"
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
			}
			b.ReportMetric(cpu/float64(b.N)*1000, "cpu-ms/op")
		})
	}
}
