package workflows_test

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"wf/builtins"
	"wf/golden"
	"wf/lang"
	"wf/lang/diag"
)

// TestConvertedRunsTheSame runs the scenarios of the configurations of Tasker, and of the
// registration, against what wf convert makes of them: all of them, and to the same golden
// traces.
func TestConvertedRunsTheSame(t *testing.T) {
	files := os.DirFS(".")
	for from, as := range map[string]string{"tasker/order_fulfillment.yaml": ".wf", "tasker/user_registration.yaml": ".wf", "user_registration.wf": ".yaml", "travel_booking.wf": ".yaml", "checkout.wf": ".yaml"} {
		base := strings.TrimSuffix(from, path.Ext(from))
		to := base + as
		out, problems, sources := lang.Convert(files, from, lang.ConvertOptions{Options: lang.Options{Catalog: services()}, YAML: as == ".yaml", As: to})
		if problems.HasErrors() {
			var b strings.Builder
			_ = diag.Write(&b, sources, problems, diag.Options{})
			t.Fatal(b.String())
		}
		name := base + "_test.wf"
		src, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		tests := strings.Replace(string(src), path.Base(from), path.Base(to), 1)
		p := load(t, laid(t, files, map[string]string{name: tests, to: string(out)}), name)
		ran := 0
		for _, r := range golden.Run(p, golden.Options{Files: readOnly{files}, Builtins: func() builtins.Services { return services() }}) {
			ran++
			if !r.Passed() {
				var b strings.Builder
				_ = golden.WriteFailures(&b, p.Sources, r, diag.Options{})
				t.Errorf("%s, %s:\n%s", to, r.Name, b.String())
			}
		}
		if ran < 3 {
			t.Errorf("%s: %d scenarios were run", to, ran)
		}
	}
}
