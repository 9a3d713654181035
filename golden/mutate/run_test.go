package mutate_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"wf/golden/mutate"
)

const flow = `
service shop {
  operation find { input { sku string }, 200 { id int, price int }, 404, 503 }
  operation hold { input { id int, note? string }, 201 { token string }, 503 }
  operation free { input { token string }, 200 }
  operation tell { input { text string }, 200, 503 }
}
workflow order {
  input { sku string nonempty, count int min 1 max 20 = 1, gift bool = false }
  signal paid { cents int }
  retry 2 attempts, backoff 1s
  step look {
    call shop.find { sku: input.sku }
    on 404 { fail UNKNOWN }
    ensure body.price * input.count <= 1000 else fail TOO_DEAR
  }
  step hold {
    call shop.hold { id: look.id, note: input.gift ? "gift" : nil }
    undo { call shop.free { token: body?.token ?? "none" } }
  }
  step paid after hold {
    wait for paid within 2d
    on timeout { fail UNPAID }
  }
  step told after paid when input.gift {
    call shop.tell { text: "paid: ${input.sku}" }
    on failed { degrade nil }
  }
  output { token: hold.token, cents: paid.cents }
}`

const flowTests = `
import "flow.wf"
mock shop {
  operation find { when input.sku == "none" { 404 }, 200 { id: 7, price: 300 } }
  operation hold { 201 { token: "t" } }
  operation free { 200 }
  operation tell { 200 }
}
let lamp = { sku: "lamp" }
let two = { sku: "lamp", count: 2, gift: true }  // a comment
test "paid" for who in [lamp, two] {
  after 1h signal paid { cents: 300 }
  run order who
  expect completed
}
test "unknown" {
  run order { sku: "none" }
  expect failed UNKNOWN
}
test "not paid" {
  run order lamp
  expect compensated UNPAID
}
`

func files() fstest.MapFS {
	return fstest.MapFS{"a/flow.wf": {Data: []byte(flow)}, "a/flow_test.wf": {Data: []byte(flowTests)}}
}

func tried(t *testing.T, fsys fstest.MapFS, tests []string, opts mutate.Options) *mutate.Report {
	t.Helper()
	report, err := mutate.Run(fsys, "a/flow.wf", tests, opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestWorkers holds that what comes of mutants does not depend on how many are tried at
// once.
func TestWorkers(t *testing.T) {
	var want string
	for _, workers := range []int{1, 2, 7} {
		var got []mutate.Verdict
		for _, v := range tried(t, files(), []string{"a/flow_test.wf"}, mutate.Options{Workers: workers, Plays: 300}).Verdicts {
			got = append(got, *v)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(text)
		}
		if string(text) != want {
			t.Errorf("%d workers give something else:\n%s\n%s", workers, text, want)
		}
	}
}

// TestRemedies saves what would notice the survivors, and tries the mutants against that,
// too: those with a remedy are killed, and no others.
func TestRemedies(t *testing.T) {
	fsys := files()
	before := tried(t, fsys, []string{"a/flow_test.wf"}, mutate.Options{})
	saved := before.Save("b/c")
	if len(saved) != 1 || saved[0].Name != "flow_mutants_test.wf" || saved[0].Tests < 5 {
		t.Fatalf("%+v", saved)
	}
	fsys["b/c/"+saved[0].Name] = &fstest.MapFile{Data: []byte(saved[0].Text)}
	for _, want := range []string{`import "../../a/flow.wf"`, "let lamp", "expect refused \"count\""} {
		if !strings.Contains(saved[0].Text, want) {
			t.Errorf("%s is missing in\n%s", want, saved[0].Text)
		}
	}
	after := tried(t, fsys, mutate.Importing(fsys, []string{"a/flow_test.wf", "b/c/flow_mutants_test.wf", "a/flow.wf"}, "a/flow.wf"), mutate.Options{Plays: -1})
	survived := 0
	for i, v := range before.Verdicts {
		now := after.Verdicts[i].Status
		switch {
		case v.Status != mutate.Survived:
			if now != v.Status {
				t.Errorf("%s: was %s, and is %s", v.Name, v.Status, now)
			}
		case v.Remedy != nil:
			survived++
			if now != mutate.Killed {
				t.Errorf("%s is not noticed by %+v", v.Name, v.Remedy)
			}
		default:
			t.Errorf("%s: nothing was found that would notice it", v.Name)
		}
	}
	if survived < 20 || after.Score() != 100 {
		t.Errorf("%d survivors, and %d%% in the end", survived, after.Score())
	}
}

// TestGivenUp holds that a trial that is given up tells what is known by then.
func TestGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	told := 0
	report := tried(t, files(), []string{"a/flow_test.wf"}, mutate.Options{Context: ctx, Workers: 1, Plays: -1, Report: func(*mutate.Verdict) {
		if told++; told == 5 {
			cancel()
		}
	}})
	untried := report.Of(mutate.Untried)
	if told != len(report.Verdicts) || untried == 0 || untried > len(report.Verdicts)-5 {
		t.Errorf("%d mutants, %d told, %d not tried", len(report.Verdicts), told, untried)
	}
	for i, v := range report.Verdicts {
		if i < 5 && v.Status == mutate.Untried || v.Status == "" {
			t.Errorf("%s: %q", v.Name, v.Status)
		}
	}
}

// TestEndless holds that a mutant that never ends is killed.
func TestEndless(t *testing.T) {
	fsys := fstest.MapFS{
		"a/flow.wf": {Data: []byte(`service shop { operation ask { 200 { done bool } } }
workflow order {
  step a {
    call shop.ask
    on 200 when body.done { return 1 }
    on 200 { retry 100000 attempts, backoff 1s to 1s }
  }
  output a
}`)},
		"a/flow_test.wf": {Data: []byte(`import "flow.wf"
mock shop { operation ask { 200 { done: true } } }
test "done" {
  run order
  expect completed
}`)}}
	report := tried(t, fsys, []string{"a/flow_test.wf"}, mutate.Options{Kinds: []string{"negate"}})
	if len(report.Verdicts) != 1 || report.Verdicts[0].Status != mutate.Killed || !strings.Contains(report.Verdicts[0].Why, "goes on beyond") {
		t.Errorf("%+v", report.Verdicts[0])
	}
}

// TestRefused says why mutants cannot be tried.
func TestRefused(t *testing.T) {
	fsys := files()
	fsys["a/services.wf"] = &fstest.MapFile{Data: []byte("service shop { operation find { 200 } }")}
	fsys["a/broken.wf"] = &fstest.MapFile{Data: []byte("workflow {")}
	fsys["a/failing_test.wf"] = &fstest.MapFile{Data: []byte(strings.Replace(flowTests, "failed UNKNOWN", "completed", 1))}
	var wrong *mutate.WrongError
	var failing *mutate.FailingError
	if _, err := mutate.Run(fsys, "a/services.wf", nil, mutate.Options{}); err != mutate.ErrNoWorkflow {
		t.Error(err)
	}
	if _, err := mutate.Run(fsys, "a/flow.wf", nil, mutate.Options{}); err != mutate.ErrNoTests {
		t.Error(err)
	}
	if _, err := mutate.Run(fsys, "a/broken.wf", nil, mutate.Options{}); !errors.As(err, &wrong) {
		t.Error(err)
	}
	if _, err := mutate.Run(fsys, "a/flow.wf", []string{"a/failing_test.wf"}, mutate.Options{}); !errors.As(err, &failing) || failing.Result.Name != "unknown" {
		t.Error(err)
	}
}

// only is the one mutant of a kind that survives; the test fails if there is another number.
func only(t *testing.T, report *mutate.Report) *mutate.Verdict {
	t.Helper()
	var out []*mutate.Verdict
	for _, v := range report.Verdicts {
		if v.Status == mutate.Survived || v.Status == mutate.Same {
			out = append(out, v)
		}
	}
	if len(out) != 1 {
		t.Fatalf("%d survive", len(out))
	}
	return out[0]
}

// TestExplored plants one defect each that neither the runs of the tests nor runs like them
// show, and looks at what exploring says of it.
func TestExplored(t *testing.T) {
	for name, c := range map[string]struct {
		flow, tests, kind string
		want              []string // in the new test; nil: there is none
		status            mutate.Status
		unlike            string
		missed            bool
	}{
		"a bound of time": {
			flow:  "service shop { operation ask { 200 } }\nworkflow w {\n  within 3d\n  step a { call shop.ask }\n}",
			tests: "mock shop { operation ask { 200 } }\ntest \"t\" {\n  run w\n  expect completed\n}",
			kind:  "setting", status: mutate.Survived,
			want: []string{"200 after 3d1", "expect failed DEADLINE"},
		},
		"items at once": {
			flow:  "service shop { operation ask { input { n int }, 200 } }\nworkflow w {\n  input { list [int] }\n  step a for n in input.list { limit 3\n call shop.ask { n: n } }\n}",
			tests: "mock shop { operation ask { 200 } }\ntest \"t\" {\n  run w { list: [1, 2] }\n  expect completed\n}",
			kind:  "count", status: mutate.Survived,
			want: []string{"list: [", "expect calls(shop.ask)[3].at"},
		},
		"a clause that does what the next one does": {
			flow:  "service shop { operation ask { 200, 404, 503 } }\nworkflow w {\n  step a {\n    call shop.ask\n    on 404, failed { degrade nil }\n  }\n}",
			tests: "mock shop { operation ask { 200 } }\ntest \"t\" {\n  run w\n  expect completed\n}\ntest \"f\" {\n  mock shop.ask { 503 always }\n  run w\n  expect degraded\n}",
			kind:  "narrow", status: mutate.Same,
		},
		"what a signal may be": {
			flow:  "workflow w {\n  signal go { by string nonempty }\n  step a { wait for go within 1d }\n}",
			tests: "test \"t\" {\n  after 1h signal go { by: \"ada\" }\n  run w\n  expect completed\n}",
			kind:  "rule", status: mutate.Survived, unlike: "signal go.by",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{"a/flow.wf": {Data: []byte(c.flow)}, "a/flow_test.wf": {Data: []byte("import \"flow.wf\"\n" + c.tests)}}
			v := only(t, tried(t, fsys, []string{"a/flow_test.wf"}, mutate.Options{Kinds: []string{c.kind}}))
			if v.Status != c.status || (v.Remedy != nil) != (c.want != nil) {
				t.Fatalf("%s: %s, %+v, %+v", v.Name, v.Status, v.Remedy, v.Alike)
			}
			for _, want := range c.want {
				if !strings.Contains(v.Remedy.Text, want) {
					t.Errorf("%q is not in\n%s", want, v.Remedy.Text)
				}
			}
			if a := v.Alike; c.want == nil && (a == nil || a.Missed != c.missed || !strings.HasPrefix(a.Unlike, c.unlike) || (a.Unlike == "") != (c.unlike == "")) {
				t.Errorf("%+v", a)
			}
		})
	}
}
