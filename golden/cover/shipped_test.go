package cover_test

import (
	"slices"
	"testing"

	"wf/builtins"
	"wf/golden"
	"wf/golden/cover"
	"wf/lang"
	"wf/mocks"
	"wf/workflows"
)

func services() builtins.Services {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	return r
}

// registration loads the tests of the shipped registration.
func registration(tb testing.TB, probe bool) *lang.Program {
	tb.Helper()
	p, problems := lang.Load(workflows.FS, "user_registration_test.wf", lang.Options{Catalog: services().(*builtins.Registry), Probe: probe})
	if problems.HasErrors() {
		tb.Fatal(problems)
	}
	return p
}

// TestDroppedScenario drops one scenario of the shipped registration at a time: what it
// alone exercises must show as missing.
func TestDroppedScenario(t *testing.T) {
	for _, tt := range []struct {
		scenario string
		missing  string
	}{
		{"validates enterprise plan requirements", "ensure who.plan != \"enterprise\" or who.company != nil never fails"},
		{"the last step is tried twice", "update_user_status: user.update_user_status never uses its attempts up"},
		{"handles billing service unavailability with graceful degradation", "setup_billing_profile: on exhausted is never taken"},
		{"handles preferences service failures with fallback defaults", "initialize_preferences: preferences.initialize never uses its attempts up"},
		{"looking a known address up is tried again, too", "create_user_account.found: user.get_user_by_email never answers 429"},
		{"the address belongs to somebody else", "ensure found.name == who.name and found.plan == who.plan never fails"},
	} {
		p := registration(t, true)
		before := missing(p)
		all := len(p.Suite.Tests)
		for i, test := range p.Suite.Tests {
			if test.Name == tt.scenario {
				p.Suite.Tests = slices.Delete(p.Suite.Tests, i, i+1)
				break
			}
		}
		if len(p.Suite.Tests) == all {
			t.Errorf("there is no scenario %q", tt.scenario)
			continue
		}
		if after := missing(p); slices.Contains(before, tt.missing) || !slices.Contains(after, tt.missing) {
			t.Errorf("without %q, not said: %s\nbut: %q", tt.scenario, tt.missing, after)
		}
	}
}

// missing says what the tests of a program do not exercise.
func missing(p *lang.Program) []string {
	profile := &cover.Profile{}
	golden.Run(p, golden.Options{Cover: profile, Builtins: services, Files: golden.Dir("../../workflows")})
	var out []string
	for _, m := range profile.Workflows()[0].Missing("") {
		out = append(out, m.Missing)
	}
	return out
}

// BenchmarkCover runs the tests of the shipped registration without coverage and with
// it. Without, nothing is spent on it: expressions have no probes, nobody listens.
func BenchmarkCover(b *testing.B) {
	for _, on := range []bool{false, true} {
		name := "off"
		if on {
			name = "on"
		}
		b.Run(name, func(b *testing.B) {
			p := registration(b, on)
			b.ReportAllocs()
			tests := 0
			for b.Loop() {
				opts := golden.Options{Builtins: services, Files: golden.Dir("../../workflows"), Workers: 1}
				if on {
					opts.Cover = &cover.Profile{}
				}
				tests += len(golden.Run(p, opts))
			}
			b.ReportMetric(float64(tests)/b.Elapsed().Seconds(), "tests/s")
		})
	}
}
