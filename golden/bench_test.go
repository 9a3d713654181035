package golden_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"wf/builtins"
	"wf/golden"
	"wf/lang"
	"wf/mocks"
	"wf/workflows"
)

// BenchmarkSuite runs suites of so many scenarios, each with its trace and its
// expectations, on as many processors as -cpu says. "order" calls two operations of a
// mock in the language, and every third time has to try again; "registration" is the
// flagship's five steps against the built-in services.
func BenchmarkSuite(b *testing.B) {
	for _, kind := range []struct {
		name string
		load func(b *testing.B, n int) *lang.Program
	}{{"order", loadOrders}, {"registration", loadRegistrations}} {
		for _, n := range []int{100, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, n), func(b *testing.B) {
				p := kind.load(b, n)
				b.ReportAllocs()
				for b.Loop() {
					for _, r := range golden.Run(p, golden.Options{Builtins: func() builtins.Services { return mocks.NewWorld(mocks.Options{Seed: 1}) }}) {
						if !r.Passed() {
							b.Fatalf("%s: %v", r.Name, r.Failures[0].Summary)
						}
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "scenarios/s")
			})
		}
	}
}

func builtIn() *builtins.Registry {
	r := builtins.New()
	mocks.Register(r, mocks.Options{Seed: 1})
	return r
}

func loadOrders(b *testing.B, n int) *lang.Program {
	return loadSuite(b, fstest.MapFS{
		"shop.wf": {Data: []byte(`
service shop {
  5xx
  operation reserve { input { sku string, count int = 1 }, 201 { id int }, SOLD_OUT }
  operation ship idempotent { input { id int }, 202 { tracking string } }
}`)},
		"order.wf": {Data: []byte(`
import "shop.wf"
workflow order {
  input { sku string nonempty, count int min 1 = 1 }
  retry 3 attempts, backoff 1s, jitter 10%
  timeout 5s
  step reserve {
    call shop.reserve { sku: input.sku, count: input.count }
    on SOLD_OUT { fail NOTHING_LEFT "no ${input.sku} is left" }
  }
  step ship {
    call shop.ship { id: reserve.id }
    on exhausted { degrade { tracking: nil } }
  }
  output { tracking: ship.tracking }
}`)},
		"order_test.wf": {Data: fmt.Appendf(nil, `
import "order.wf"
mock shop {
  operation reserve { 201 { id: input.count } after 20ms }
  operation ship {
    when attempt == 1 and input.id %% 3 == 0 { 503 }
    202 { tracking: "T${input.id}" } after 50ms
  }
}
test "shipped" for n in 1..%d {
  run order { sku: "lamp", count: n }
  expect completed
  expect output.tracking == "T${n}" and attempts(ship) == (n %% 3 == 0 ? 2 : 1)
}`, n)},
	}, "order_test.wf")
}

func loadRegistrations(b *testing.B, n int) *lang.Program {
	files := fstest.MapFS{"many_test.wf": {Data: fmt.Appendf(nil, `
import "user_registration.wf"
mock user, billing, preferences, notification { pass }
test "registered" for n in 1..%d {
  run user_registration { user_info: { email: "ada@example.com", name: "Ada ${n}", plan: "pro" }, billing_info: { payment_method: "card_1" } }
  expect completed
  expect output.plan == "pro" and send_welcome_sequence.template == "pro_welcome"
}`, n)}}
	for _, name := range []string{"user_registration.wf", "services/registration.wf"} {
		text, err := fs.ReadFile(workflows.FS, name)
		if err != nil {
			b.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	return loadSuite(b, files, "many_test.wf")
}

func loadSuite(b *testing.B, files fs.FS, name string) *lang.Program {
	p, problems := lang.Load(files, name, lang.Options{Catalog: builtIn()})
	if problems.HasErrors() {
		b.Fatal(strings.TrimSpace(problems.Error()))
	}
	return p
}
