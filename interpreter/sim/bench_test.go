package sim_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"wf/builtins"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/graph"
)

// The shop answers from memory, at once: what is measured is the interpreter.
const shopSource = `
service shop {
  operation find { input { sku string, count int }, 200 { id int, name string, price float } }
  operation price { input { id int, count int }, 200 { total float, currency string } }
  operation stock { input { id int }, 200 { left int, place string } }
  operation reserve { input { id int, total float, place string }, 200 { key string, until string } }
  operation ship { input { key string, place string, note? string }, 200 { tracking string } }
  operation next { input { n int }, 200 { n int } }
}
`

// diamondSource is a → b, c in parallel → d → e, with mappings, a clause and a
// condition.
const diamondSource = shopSource + `
workflow diamond {
  input { sku string, count int, note? string }
  step a { call shop.find { sku: input.sku, count: input.count } }
  step b {
    call shop.price { id: a.id, count: input.count }
    on 200 { return { total: body.total, currency: body.currency } }
  }
  step c { call shop.stock { id: a.id } }
  step d {
    let hold = call shop.reserve { id: a.id, total: b.total, place: c.place }
    ensure hold.key != "" else fail NOT_HELD
    return { key: hold.key, total: b.total }
  }
  step e when d.total > 0 { call shop.ship { key: d.key, place: c.place, note: input.note } }
  output { tracking: e?.tracking ?? "", total: b.total, currency: b.currency }
}
`

type handler = func(args map[string]any) map[string]any

// answers of the shop; both the interpreter and the hand-written program use them.
var shop = map[string]handler{
	"find":    func(a map[string]any) map[string]any { return map[string]any{"id": 7, "name": a["sku"], "price": 9.5} },
	"price":   func(map[string]any) map[string]any { return map[string]any{"total": 19.0, "currency": "EUR"} },
	"stock":   func(map[string]any) map[string]any { return map[string]any{"left": 3, "place": "north"} },
	"reserve": func(map[string]any) map[string]any { return map[string]any{"key": "k1", "until": "noon"} },
	"ship":    func(map[string]any) map[string]any { return map[string]any{"tracking": "t1"} },
	"next":    func(a map[string]any) map[string]any { return map[string]any{"n": a["n"].(int) % 200} },
}

// load compiles one workflow, with the shop's services bound.
func load(tb testing.TB, src string) (*graph.Graph, *builtins.Registry) {
	tb.Helper()
	p, problems := lang.Load(fstest.MapFS{"flow.wf": {Data: []byte(src)}}, "flow.wf", lang.Options{})
	if problems.HasErrors() {
		tb.Fatal(problems)
	}
	r := builtins.New()
	for _, s := range p.Services {
		for _, sig := range s.Operations {
			answer := shop[sig.Operation]
			err := r.Register(sig, func(_ context.Context, c builtins.Call) (builtins.Answer, error) {
				return builtins.Answer{Status: 200, Body: answer(c.Args)}, nil
			})
			if err != nil {
				tb.Fatal(err)
			}
		}
	}
	return p.Workflows[0], r
}

func run(tb testing.TB, g *graph.Graph, r *builtins.Registry, input map[string]any, trace func(machine.Entry)) *machine.Result {
	res, err := sim.Run(g, input, sim.Options{Registry: r, Seed: 1, Start: start, RunID: "run_1", Trace: trace})
	if err != nil {
		tb.Fatal(err)
	}
	return res
}

var start = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// BenchmarkDiamond compares one five-step run with the same work written by hand.
func BenchmarkDiamond(b *testing.B) {
	input := map[string]any{"sku": "x1", "count": 2}
	b.Run("hand-written", func(b *testing.B) {
		for b.Loop() {
			if handWritten(input)["tracking"] != "t1" {
				b.Fatal("wrong result")
			}
		}
		perStep(b, 5)
	})
	b.Run("interpreted", func(b *testing.B) { benchmarkDiamond(b, input, nil) })
	b.Run("traced", func(b *testing.B) {
		entries := make([]machine.Entry, 0, 64)
		benchmarkDiamond(b, input, func(e machine.Entry) { entries = append(entries[:len(entries)%64], e) })
	})
	b.Run("typed", func(b *testing.B) {
		g, r := load(b, diamondSource)
		benchmarkRuns(b, g, typedShop(b, r), input, nil, 5)
	})
}

func benchmarkDiamond(b *testing.B, input map[string]any, trace func(machine.Entry)) {
	g, r := load(b, diamondSource)
	benchmarkRuns(b, g, r, input, trace, 5)
}

func benchmarkRuns(b *testing.B, g *graph.Graph, r *builtins.Registry, input map[string]any, trace func(machine.Entry), steps int) {
	for b.Loop() {
		if run(b, g, r, input, trace).Ending != machine.Completed {
			b.Fatal("the run did not complete")
		}
	}
	perStep(b, steps)
}

// perStep reports time per step; allocations per step are those of the whole run,
// divided by the number of steps.
func perStep(b *testing.B, steps int) {
	b.ReportAllocs()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(steps), "ns/step")
}

// handWritten is the diamond as one would write it in Go, with a goroutine for each
// of the parallel steps and maps for what is passed on.
func handWritten(input map[string]any) map[string]any {
	a := shop["find"](map[string]any{"sku": input["sku"], "count": input["count"]})
	var b, c map[string]any
	var group sync.WaitGroup
	group.Go(func() {
		body := shop["price"](map[string]any{"id": a["id"], "count": input["count"]})
		b = map[string]any{"total": body["total"], "currency": body["currency"]}
	})
	group.Go(func() { c = shop["stock"](map[string]any{"id": a["id"]}) })
	group.Wait()
	body := shop["reserve"](map[string]any{"id": a["id"], "total": b["total"], "place": c["place"]})
	d := map[string]any{"key": body["key"], "total": b["total"]}
	tracking := any("")
	if d["total"].(float64) > 0 {
		tracking = shop["ship"](map[string]any{"key": d["key"], "place": c["place"]})["tracking"]
	}
	return map[string]any{"tracking": tracking, "total": b["total"], "currency": b["currency"]}
}

type (
	findRequest struct {
		SKU   string `json:"sku"`
		Count int    `json:"count"`
	}
	findResponse struct {
		ID    int     `json:"id"`
		Name  string  `json:"name"`
		Price float64 `json:"price"`
	}
	priceRequest struct {
		ID    int `json:"id"`
		Count int `json:"count"`
	}
	priceResponse struct {
		Total    float64 `json:"total"`
		Currency string  `json:"currency"`
	}
	stockRequest struct {
		ID int `json:"id"`
	}
	stockResponse struct {
		Left  int    `json:"left"`
		Place string `json:"place"`
	}
	reserveRequest struct {
		ID    int     `json:"id"`
		Total float64 `json:"total"`
		Place string  `json:"place"`
	}
	reserveReply struct {
		Key   string `json:"key"`
		Until string `json:"until"`
	}
	shipRequest struct {
		Key   string `json:"key"`
		Place string `json:"place"`
		Note  string `json:"note,omitempty"`
	}
	shipResponse struct {
		Tracking string `json:"tracking"`
	}
)

// typedShop is the shop in typed Go functions.
func typedShop(tb testing.TB, _ *builtins.Registry) *builtins.Registry {
	r := builtins.New()
	for _, err := range []error{
		add(r, "find", func(q findRequest) findResponse { return findResponse{7, q.SKU, 9.5} }),
		add(r, "price", func(priceRequest) priceResponse { return priceResponse{19, "EUR"} }),
		add(r, "stock", func(stockRequest) stockResponse { return stockResponse{3, "north"} }),
		add(r, "reserve", func(reserveRequest) reserveReply { return reserveReply{"k1", "noon"} }),
		add(r, "ship", func(shipRequest) shipResponse { return shipResponse{"t1"} }),
	} {
		if err != nil {
			tb.Fatal(err)
		}
	}
	return r
}

func add[Req, Resp any](r *builtins.Registry, operation string, f func(Req) Resp) error {
	return builtins.Add(r, "shop", operation, func(_ context.Context, _ builtins.Call, q Req) (Resp, error) { return f(q), nil })
}

// chain is n steps one after the other.
func chain(n int) string {
	var b strings.Builder
	b.WriteString(shopSource + "workflow chain {\n  input { n int }\n  step s0 { call shop.next { n: input.n } }\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  step s%d { call shop.next { n: s%d.n } }\n", i, i-1)
	}
	fmt.Fprintf(&b, "  output s%d.n\n}\n", n-1)
	return b.String()
}

// fan is one step, n-2 in parallel that need it, and one that needs them all.
func fan(n int) string {
	var b strings.Builder
	b.WriteString(shopSource + "workflow fan {\n  input { n int }\n  step root { call shop.next { n: input.n } }\n")
	names := make([]string, n-2)
	for i := range names {
		names[i] = fmt.Sprintf("s%d", i)
		fmt.Fprintf(&b, "  step %s { call shop.next { n: root.n } }\n", names[i])
	}
	fmt.Fprintf(&b, "  step leaf after %s { call shop.next { n: root.n } }\n  output leaf.n\n}\n", strings.Join(names, ", "))
	return b.String()
}

// group is a chain inside of one step.
func group(n int) string { return groups(n, 1) }

// twoGroups is two steps in parallel with half of a chain each.
func twoGroups(n int) string { return groups(n/2, 2) }

// groups is k steps in parallel, each with a chain of n steps inside.
func groups(n, k int) string {
	var b strings.Builder
	b.WriteString(shopSource + "workflow groups {\n  input { n int }\n")
	for g := range k {
		fmt.Fprintf(&b, "  step g%d {\n    step s0 { call shop.next { n: input.n } }\n", g)
		for i := 1; i < n; i++ {
			fmt.Fprintf(&b, "    step s%d { call shop.next { n: s%d.n } }\n", i, i-1)
		}
		fmt.Fprintf(&b, "    return { n: s%d.n }\n  }\n", n-1)
	}
	fmt.Fprintf(&b, "  output [g0.n, g%d.n]\n}\n", k-1)
	return b.String()
}

var shapes = []struct {
	name   string
	source func(n int) string
}{{"chain", chain}, {"fan", fan}, {"group", group}, {"groups", twoGroups}}

// BenchmarkScale shows that time and bytes per step stay flat.
func BenchmarkScale(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				g, r := load(b, shape.source(n))
				benchmarkRuns(b, g, r, map[string]any{"n": 1}, nil, n)
			})
		}
	}
}

// BenchmarkFile goes the whole way, from the text of a chain to its result.
func BenchmarkFile(b *testing.B) {
	for _, n := range []int{5, 1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src := chain(n)
			for b.Loop() {
				g, r := load(b, src)
				if run(b, g, r, map[string]any{"n": 1}, nil).Ending != machine.Completed {
					b.Fatal("the run did not complete")
				}
			}
			b.SetBytes(int64(len(src)))
			perStep(b, n)
		})
	}
}
