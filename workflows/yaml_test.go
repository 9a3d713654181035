package workflows_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"wf/builtins"
	"wf/golden"
	"wf/lang"
	"wf/lang/diag"
	"wf/lang/expr"
	"wf/lang/schema"
	"wf/lang/value"
	"wf/mocks"
	"wf/workflows"
)

func services() *builtins.Registry {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	return r
}

func load(t *testing.T, fsys fs.FS, file string) *lang.Program {
	t.Helper()
	p, problems := lang.Load(fsys, file, lang.Options{Catalog: services()})
	if len(problems) > 0 {
		var b strings.Builder
		_ = diag.Write(&b, p.Sources, problems, diag.Options{}) // a strings.Builder takes everything
		t.Fatal(b.String())
	}
	return p
}

// sameGraph compares graphs but for where they stand in their sources. Expressions are
// compared by text and type, types and schemas as the graph's JSON has them: the names
// that types were declared under are no part of the meaning.
var sameGraph = cmp.Options{
	cmp.Comparer(func(a, b diag.Span) bool { return true }),
	cmp.Comparer(func(a, b *expr.Program) bool {
		return a == b || a != nil && b != nil && a.String() == b.String() && asJSON(a.Type()) == asJSON(b.Type())
	}),
	cmp.Comparer(func(a, b *value.Type) bool { return asJSON(a) == asJSON(b) }),
	cmp.Comparer(func(a, b *schema.Schema) bool { return asJSON(a) == asJSON(b) }),
	cmp.Comparer(func(a, b *value.Signature) bool { return a == b || a.Name() == b.Name() && asJSON(a) == asJSON(b) }),
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// TestYAMLIsTheSameGraph holds the two forms of the registration against each other.
func TestYAMLIsTheSameGraph(t *testing.T) {
	wf, yaml := load(t, workflows.FS, "user_registration.wf").Workflows[0], load(t, workflows.FS, "user_registration.yaml").Workflows[0]
	if diff := cmp.Diff(wf, yaml, sameGraph); diff != "" {
		t.Errorf("the graphs differ (-wf +yaml):\n%s", diff)
	}
	a, errA := wf.Hash()
	b, errB := yaml.Hash()
	if errA != nil || errB != nil || a != b {
		t.Errorf("the fingerprints differ: %s (%v) and %s (%v)", a, errA, b, errB)
	}
}

// TestSameGraphTells shows that the comparison above notices what matters.
func TestSameGraphTells(t *testing.T) {
	src, err := fs.ReadFile(workflows.FS, "user_registration.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := load(t, workflows.FS, "user_registration.wf").Workflows[0]
	for _, change := range [][2]string{
		{"max_backoff: 30s", "max_backoff: 31s"}, {"default_retry_limit: 5", "default_retry_limit: 4"}, {"jitter: 10%", "jitter: 11%"},
		{"timeout: !expr 'who.plan == \"enterprise\" ? 45s : 30s'", "timeout: 30s"}, {"within: 10m", "within: 11m"},
		{"zip: {type: string}", "zip: {type: string, minLength: 2}"}, {", x-wf-secret: true", ""}, {"default: UTC", "default: CET"},
		{"required: [street, city, zip]", "required: [street, city, zip, state]"}, {"depends_on_step: initialize_preferences", "depends_on: [initialize_preferences, setup_billing_profile]"},
		{"profile_id: null, plan: free", "profile_id: null, plan: pro"}, {"fail: USER_NOT_FOUND", "fail: USER_GONE"}, {"outcome: exhausted", "outcome: failed"},
		{"scheduled: !expr send_welcome_sequence.scheduled", "scheduled: !expr send_welcome_sequence.scheduled + 0"}, {"name: user_registration", "name: registration"},
		{"email_notifications: !expr input.preferences.product_updates", "email_notifications: !expr input.preferences.newsletter"},
	} {
		changed := strings.Replace(string(src), change[0], change[1], 1)
		if changed == string(src) {
			t.Errorf("%q does not occur", change[0])
			continue
		}
		p, problems := lang.Load(overlay(t, map[string]string{"user_registration.yaml": changed}), "user_registration.yaml", lang.Options{Catalog: services()})
		if problems.HasErrors() {
			t.Errorf("%s: %v", change[1], problems.Err())
			continue
		}
		if cmp.Equal(want, p.Workflows[0], sameGraph) {
			t.Errorf("%s instead of %s makes no difference", change[1], change[0])
		}
	}
}

// overlay is the shipped files with some replaced.
func overlay(t *testing.T, files map[string]string) fs.FS { return laid(t, workflows.FS, files) }

// laid is the files of a file system with some replaced.
func laid(t *testing.T, base fs.FS, files map[string]string) fs.FS {
	out := fstest.MapFS{}
	err := fs.WalkDir(base, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(base, name)
		out[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// readOnly gives the golden files of this folder and lets nobody change them.
type readOnly struct{ fs.FS }

func (readOnly) Write(string, []byte) error { return fs.ErrPermission }

func (readOnly) Remove(string) error { return fs.ErrPermission }

// TestYAMLRunsTheSame runs the scenarios of user_registration_test.wf against the YAML
// form: all of them, and to the same golden traces.
func TestYAMLRunsTheSame(t *testing.T) {
	src, err := fs.ReadFile(workflows.FS, "user_registration_test.wf")
	if err != nil {
		t.Fatal(err)
	}
	tests := strings.Replace(string(src), `import "user_registration.wf"`, `import "user_registration.yaml"`, 1)
	p := load(t, overlay(t, map[string]string{"user_registration_test.wf": tests}), "user_registration_test.wf")
	ran := 0
	for _, r := range golden.Run(p, golden.Options{Files: readOnly{os.DirFS(".")}, Builtins: func() builtins.Services { return services() }}) {
		ran++
		if r.Passed() {
			continue
		}
		var b strings.Builder
		_ = golden.WriteFailures(&b, p.Sources, r, diag.Options{})
		t.Errorf("%s:\n%s", r.Name, b.String())
	}
	if ran < 25 {
		t.Errorf("%d scenarios were run", ran)
	}
}
