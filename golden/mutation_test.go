package golden_test

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"wf/builtins"
	"wf/golden/mutate"
	"wf/lang/syntax"
	"wf/mocks"
	"wf/workflows"
)

// TestPlantedDefects plants defects in the shipped workflows, one at a time, and
// demands that their test files notice each, and not by golden traces only, which are
// easily accepted: a suite that does not is no suite.
func TestPlantedDefects(t *testing.T) {
	files, err := fs.Glob(shipped, "*_test.wf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	services := builtins.New()
	mocks.Register(services, mocks.Options{Seed: 1})
	planted := map[string]int{}
	for _, file := range append(files, "inner_test.wf", "guards_test.wf", "pivots_test.wf") {
		definition := strings.TrimSuffix(file, "_test.wf") + ".wf"
		opts := mutate.Options{Catalog: services, Plays: -1, Limit: few,
			Builtins: func() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: 1}) }}
		if os.Getenv("WF_MUTANTS") == "all" {
			opts.Limit = 0
		}
		report, err := mutate.Run(shipped, definition, []string{file}, opts)
		if err != nil {
			t.Error(err)
			continue
		}
		tree, _ := syntax.Parse(definition, report.Source)
		for _, m := range mutate.Mutants(tree, report.Source, nil) {
			planted[m.Kind]++
		}
		for _, v := range report.Verdicts {
			t.Run(strings.TrimSuffix(definition, ".wf")+"/"+v.Name, func(t *testing.T) {
				reason := equivalent[definition+": "+v.Name]
				switch {
				case v.Status != mutate.Survived && reason != "":
					t.Errorf("this is noticed: %s", v.Why)
				case reason != "":
					t.Skip(reason)
				case v.Status == mutate.Survived:
					t.Errorf("no test notices this defect:\n%s", v.Apply(report.Source))
				}
			})
		}
	}
	for _, kind := range mutate.Kinds {
		if planted[kind.Name] == 0 {
			t.Errorf("no workflow has a place where it %s something (%s)", kind.Verb, kind.Name)
		}
	}
}

// few is how many mutants of one definition are tried, evenly spread; WF_MUTANTS=all tries
// all of them, as CI does.
const few = 40

// shipped is the shipped workflows, and one more that has whatever steps inside steps can
// have, with tests that notice each defect in it.
var shipped = overlay{FS: workflows.FS, over: fstest.MapFS{"inner.wf": {Data: []byte(innerFlow)}, "inner_test.wf": {Data: []byte(innerTests)},
	"guards.wf": {Data: []byte(guardFlow)}, "guards_test.wf": {Data: []byte(guardTests)},
	"pivots.wf": {Data: []byte(pivotFlow)}, "pivots_test.wf": {Data: []byte(pivotTests)}}}

const innerFlow = `
service shop {
  operation find idempotent { input { sku string }, 200 { id int, name string }, 404 }
  operation ship { input { id int }, 202 { tracking string } }
  operation note { input { text string }, 200 }
}
workflow inner {
  input { skus [string] }
  step pick {
    first
    step near { call shop.find { sku: "near" } }
    step far { call shop.find { sku: "far" } }
    on failed { degrade { id: 0, name: "nowhere" } }
  }
  step send after pick for sku in input.skus by sku {
    limit 2
    tolerate 1
    step look { call shop.find { sku: sku } }
    step ship { call shop.ship { id: look.id } }
    step tell after ship { call shop.note { text: sku } }
    return ship.tracking
  }
  step finish after send {
    first 2
    step a { call shop.note { text: "a" } }
    step b { call shop.note { text: "b" } }
    step c { call shop.note { text: "c" } }
  }
  step close after finish {
    switch pick.name {
      when "near" {
        step note { call shop.note { text: "short way" } }
      }
      when "far", "farther" {
        step log { call shop.note { text: "long way" } }
        finally { call shop.note { text: "closed" } }
        return "far"
      }
      else { return "nowhere" }
    }
  }
  output { from: pick.name, sent: send, notes: len(finish), closed: close, head: first(send) ?? "none" }
}
`

const innerTests = `
import "inner.wf"
mock shop {
  operation find {
    when input.sku == "near" { 200 { id: 1, name: "near" } after 2s }
    when input.sku == "far" { 200 { id: 2, name: "far" } after 1s }
    when input.sku startsWith "no" { 404 }
    200 { id: 3, name: input.sku } after 1s
  }
  operation ship { 202 { tracking: "T${input.id}" } after 1s }
  operation note { when input.text == "a" { 200 after 3s }, when input.text == "b" { 200 after 1s }, 200 after 2s }
}
test "two at once" {
  run inner { skus: ["x", "y", "z"] }
  expect completed
  expect pick.near cancelled
  expect started(send["x"]) == 1s and started(send["y"]) == 1s and started(send["z"]) == 5s
  expect started(send["x"].tell) == ended(send["x"].ship)
  expect finish.a cancelled
  expect started(finish.a) == ended(send) and ended(finish) == ended(finish.c)
  expect output == { from: "far", sent: ["T3", "T3", "T3"], notes: 2, closed: "far", head: "T3" }
  expect map(calls(shop.find), .args.sku) == ["near", "far", "x", "y", "z"]
  expect map(calls(shop.note), .args.text) == ["x", "y", "z", "a", "b", "c", "long way", "closed"]
}
test "one may be missing" {
  run inner { skus: ["x", "no"] }
  expect degraded
  expect send["no"] failed HTTP_404
  expect output.sent == ["T3", nil] and output.head == "T3"
}
test "the first is missing" {
  run inner { skus: ["no", "x"] }
  expect output.sent == [nil, "T3"] and output.head == "none"
}
test "two may not" {
  run inner { skus: ["no", "none", "x"] }
  expect failed HTTP_404
  expect finish not_run
}
test "near" {
  mock shop.find { 200 { id: 1, name: "near" }, pass always }
  run inner { skus: ["x"] }
  expect close.note completed
  expect close.log not_run
  expect calls(shop.note)[4].args.text == "short way"
}
test "farther" {
  mock shop.find { when input.sku == "far" { 200 { id: 2, name: "farther" } }, pass always }
  run inner { skus: ["x"] }
  expect output.closed == "far"
}
test "nowhere" {
  mock shop.find { 404 times 2, pass }
  run inner { skus: ["x"] }
  expect degraded
  expect pick degraded
  expect pick == { id: 0, name: "nowhere" }
  expect output.from == "nowhere" and output.closed == "nowhere"
}
`

const pivotFlow = `
service bank {
  operation pay { input { what string }, 200, 5xx }
  operation back idempotent { input { what string }, 200 }
}
workflow pivots {
  step items for i in [1, 2] {
    call bank.pay { what: "item ${i}" }
    undo until shelf { call bank.back { what: "item ${i}" } }
  }
  step shelf after items {
    step hold {
      call bank.pay { what: "hold" }
      undo until keep { call bank.back { what: "hold" } }
    }
    step keep after hold { call bank.pay { what: "keep" } }
    step seal after keep {
      timeout 5s
      call bank.pay { what: "seal" }
      undo until seal { call bank.back { what: "seal" } }
    }
    on failed { degrade nil }
  }
  step note when shelf == nil {
    call bank.pay { what: "note" }
  }
  step close_up after note { call bank.pay { what: "last" } }
}
`

const pivotTests = `
import "pivots.wf"
mock bank {
  operation pay { 200 always }
  operation back { 200 always }
}
let paid = ["item 1", "item 2", "hold", "keep", "seal"]
test "all is well" {
  run pivots {}
  expect completed
  expect note skipped
  expect map(calls(bank.pay), .args.what) == concat(paid, ["last"])
  expect len(calls(bank.back)) == 0
}
test "behind all" {
  mock bank.pay { when input.what == "last" { 503 }, pass always }
  run pivots {}
  expect failed HTTP_503
  expect run.ending == "failed"
  expect len(calls(bank.back)) == 0
}
test "nothing is known of the seal" {
  mock bank.pay { when input.what == "seal" { timeout }, when input.what == "note" { 503 }, pass always }
  run pivots {}
  expect failed HTTP_503
  expect shelf degraded
  expect ended(shelf.seal) - started(shelf.seal) == 5s
  expect map(calls(bank.back), .args.what) == ["seal"]
}
test "it is not kept" {
  mock bank.pay { when input.what == "keep" { 503 }, pass always }
  run pivots {}
  expect degraded
  expect note completed
  expect map(calls(bank.pay), .args.what) == ["item 1", "item 2", "hold", "keep", "note", "last"]
  expect map(calls(bank.back), .args.what) == ["hold"]
}
test "nobody knows whether it is held" {
  mock bank.pay { when input.what == "hold" { 503 }, when input.what == "last" { 503 }, pass always }
  run pivots {}
  expect failed HTTP_503
  expect map(calls(bank.pay), .args.what) == ["item 1", "item 2", "hold", "note", "last"]
  expect map(calls(bank.back), .args.what) == ["hold"]
}
test "one item fails" {
  mock bank.pay { when input.what == "item 2" { 503 }, pass always }
  run pivots {}
  expect run.ending == "compensated"
  expect map(calls(bank.back), .args.what) == ["item 2", "item 1"]
}
`

const guardFlow = `
service press {
  retryable 409
  limit 2, limit 3 per 10s
  breaker 2 failures in 1m, open 30s
  operation print { limit 1, input { page int }, 200, 409, 503 }
  operation scan { input { page int }, 200 }
}
service post { operation send { 202, 503 } }
workflow guards {
  breaker 1 failure in 1m, open 10s
  retry 3 attempts, backoff 1s
  input { prints int, scans int = 0 }
  step prints for n in 1..input.prints by n { call press.print { page: n } }
  step scans for n in 1..input.scans by n { call press.scan { page: n } }
  step letter after prints {
    wait 5s
    call post.send
  }
}
`

const guardTests = `
import "guards.wf"
mock press {
  operation print { 200 after 1s }
  operation scan { 200 after 1.5s }
}
mock post { operation send { 202 } }
test "as the limits let them" {
  run guards { prints: 4, scans: 2 }
  expect completed
  expect calls(press.print)[0].at == 0s and calls(press.print)[1].at == 1s and calls(press.print)[2].at == 10s and calls(press.print)[3].at == 11s
  expect calls(press.scan)[0].at == 0s and calls(press.scan)[1].at == 10s and len(calls(press.scan)) == 2
  expect scans[2] completed
  expect started(letter) == ended(prints) and calls(post.send)[0].at == started(letter) + 5s
}
test "nothing to print" {
  run guards { prints: 0 }
  expect completed
  expect len(calls(press.scan)) == 0
}
test "two at the press" {
  mock press.print { 409, pass }
  run guards { prints: 1 }
  expect prints[1] completed after 2 attempts
}
test "the press is down" {
  mock press.print { 503 times 2, pass }
  run guards { prints: 1 }
  expect completed
  expect calls(press.print)[1].at < 2s and calls(press.print)[2].at > 31s and calls(press.print)[2].at < 32s
  expect one(run.services, .service == "press" and .breaker == "closed" and .refused == 0)
}
test "failures that are far apart" {
  mock press.print { 503 headers { "retry-after": "70" }, 503, pass }
  run guards { prints: 1 }
  expect completed
  expect calls(press.print)[2].at - calls(press.print)[1].at < 5s
}
test "the press stays down" {
  mock press.print { 503 always }
  run guards { prints: 1 }
  expect failed HTTP_503
  expect prints[1] failed HTTP_503 after 3 attempts
}
test "the post is down" {
  mock post.send { 503, pass }
  run guards { prints: 0 }
  expect completed
  expect letter completed after 2 attempts
  expect run.took > 15s and run.took < 16s
}
`

// equivalent lists mutants that behave as the original does, with the reason.
var equivalent = map[string]string{
	"checkout.wf: no longer takes NO_CARRIER in on NO_CARRIER,422,failed of create_label": "it is failed, too",
	"checkout.wf: no longer takes 422 in on NO_CARRIER,422,failed of create_label":        "it is failed, too",
	"customer_refund.wf: tries once more in get_manager_approval":                         "the time is over before four hundred questions",
	"customer_refund.wf: tries once less in get_manager_approval":                         "so it is before as many but one",
	"customer_refund.wf: drops on 202 of notify_customer":                                 "the result is the body, with all its fields",
	"daily_sales.wf: tries once more in extract_orders":                                   "the hour is over before sixty attempts that are two minutes apart",
	"daily_sales.wf: tries once less in extract_orders":                                   "so it is before fifty-nine",
	"daily_sales.wf: drops on 201 of publish_report":                                      "the result is the body, with all its fields",
	"expense_approval.wf: lets pass what breaks nonempty of by":                           "a signal that is refused fails a test, so none can show it",
	"payment_refund.wf: no longer takes 422 in on 422,failed of notify_customer":          "it is failed, too",
	"payment_refund.wf: drops on 202 of notify_customer":                                  "the result is the body, with all its fields",
}

// overlay reads files from over, and all others from FS.
type overlay struct {
	fs.FS
	over fstest.MapFS
}

func (o overlay) Open(name string) (fs.File, error) {
	if _, ok := o.over[path.Clean(name)]; ok {
		return o.over.Open(path.Clean(name))
	}
	return o.FS.Open(name)
}
