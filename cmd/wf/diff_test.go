package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// TestDiffOfEdits compares shipped workflows with edited ones, and what wf diff says with
// testdata/diff.txt: one that changes the text alone shows nothing, and every other one as
// few lines as it takes to tell what it does.
func TestDiffOfEdits(t *testing.T) {
	if testing.Short() {
		t.Skip("compares nineteen pairs of versions")
	}
	edits := []struct {
		name, file string
		replace    []string // old and new text, in turn
	}{
		{"the name of a step", "user_registration.wf", []string{"setup_billing_profile", "make_billing"}},
		{"the name of a let", "user_registration.wf", []string{"let who =", "let person =", "who.", "person."}},
		{"a policy that has got a name", "user_registration.wf", []string{"  retry   3 attempts, backoff 1s to 30s, jitter 10%", "  use patient", "workflow blog", "policy patient { retry 3 attempts, backoff 1s to 30s, jitter 10% }\n\nworkflow blog"}},
		{"clauses that never meet, in another order", "checkout.wf", []string{"    on 202     { return \"sent\" }\n    on BOUNCED { degrade \"bounced\" }\n", "    on BOUNCED { degrade \"bounced\" }\n    on 202     { return \"sent\" }\n"}},
		{"no retry", "user_registration.wf", []string{"retry   3 attempts", "retry   1 attempts"}},
		{"one attempt more", "user_registration.wf", []string{"retry 2 attempts", "retry 3 attempts"}},
		{"no fallback", "user_registration.wf", []string{"    on exhausted { degrade { profile_id: nil, plan: \"free\", status: \"pending\" } }\n", ""}},
		{"another fallback", "user_registration.wf", []string{"status: \"pending\"", "status: \"later\""}},
		{"a narrower clause", "user_registration.wf", []string{"on failed { degrade { preferences_id", "on exhausted { degrade { preferences_id"}},
		{"nobody waits", "user_registration.wf", []string{" after initialize_preferences", ""}},
		{"a shorter timeout", "user_registration.wf", []string{"timeout who.plan == \"enterprise\" ? 45s : 30s", "timeout 3s"}},
		{"a deadline that is near", "user_registration.wf", []string{"within  10m", "within  5s"}},
		{"an ensure that asks for less", "user_registration.wf", []string{"found.name == who.name and ", ""}},
		{"an argument", "user_registration.wf", []string{"status: \"registration_complete\"", "status: \"complete\""}},
		{"a field of the output", "user_registration.wf", []string{"source: who.source, scheduled", "scheduled"}},
		{"another text", "user_registration.wf", []string{"an enterprise plan needs a company", "which company?"}},
		{"no refund", "checkout.wf", []string{"    undo until create_order {\n      call card.refund { reference: run.id, reason: \"no order\" }\n      on 404, ALREADY_REFUNDED { return nil }\n      on failed                { fail REFUND_BY_HAND \"perhaps ${price_cart.total_cents} cents are taken still\" }\n    }\n", ""}},
		{"no point of no return", "checkout.wf", []string{"undo until create_order {\n      call card.refund", "undo {\n      call card.refund"}},
		{"polling that gives up early", "gallery/video_transcode/video_transcode.wf", []string{"retry 200 attempts, backoff 5s to 30s", "retry 10 attempts, backoff 5s to 30s"}},
	}
	var out strings.Builder
	shipped := os.DirFS("../../workflows")
	for i, e := range edits {
		dir := t.TempDir()
		old, fresh := filepath.Join(dir, "old"), filepath.Join(dir, "new")
		for _, to := range []string{old, fresh} {
			if err := os.CopyFS(to, shipped); err != nil {
				t.Fatal(err)
			}
		}
		name := filepath.Join(fresh, e.file)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(e.replace); i += 2 {
			if !strings.Contains(string(text), e.replace[i]) {
				t.Fatalf("%s: nothing of %s is %q", e.name, e.file, e.replace[i])
			}
			text = []byte(strings.ReplaceAll(string(text), e.replace[i], e.replace[i+1]))
		}
		write(t, name, string(text))
		tests := strings.TrimSuffix(name, ".wf") + "_test.wf"
		if text, err = os.ReadFile(tests); err != nil {
			t.Fatal(err)
		}
		write(t, tests, strings.ReplaceAll(string(text), e.replace[0], e.replace[1])) // names of steps
		flags := []string{"diff", filepath.Join(old, e.file), name}
		if e.file == "checkout.wf" {
			flags = append(flags, "--faults", "1")
		}
		if i%4 != 0 { // it takes its time to find what must not happen
			flags = append(flags, "--choices", "0")
		}
		_, said, wrong := invoke("", append(flags, "--jobs", "1")...)
		if said == "" {
			t.Fatalf("%s: %s", e.name, wrong)
		}
		if i%5 == 4 {
			if _, again, _ := invoke("", append(flags, "--jobs", "3")...); again != said {
				t.Errorf("%s: with three workers it says\n%s\nand with one\n%s", e.name, again, said)
			}
		}
		out.WriteString("#### " + e.name + "\n\n" + said + "\n")
	}
	const file = "testdata/diff.txt"
	want, err := os.ReadFile(file)
	switch {
	case err == nil && string(want) == out.String():
	case update:
		write(t, file, out.String())
	default:
		t.Errorf("WF_UPDATE=1 go test ./cmd/wf -run DiffOfEdits rewrites it:\n%s", diff.Diff(file, want, "said", []byte(out.String())))
	}
}
