package golden_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"testing/fstest"

	"wf/builtins"
	"wf/golden"
	"wf/lang"
	"wf/lang/diag"
)

// A program that embeds wf, with a service of its own in Go.

type warehouse struct{ left int }

type reservation struct {
	ID   int `json:"id"`
	Left int `json:"left"`
}

func (w *warehouse) reserve(_ context.Context, _ builtins.Call, req struct {
	SKU   string `json:"sku" wf:"nonempty"`
	Count int    `json:"count"`
}) (reservation, error) {
	if req.Count > w.left {
		return reservation{}, &builtins.Error{Class: "SOLD_OUT", Message: fmt.Sprintf("%d are left", w.left)}
	}
	w.left -= req.Count
	return reservation{ID: 7, Left: w.left}, nil
}

// ourServices is what the program registers, here and where it runs workflows.
func ourServices() golden.Services {
	r := builtins.New()
	stock := &warehouse{left: 3}
	if err := builtins.Add(r, "warehouse", "reserve", stock.reserve, "SOLD_OUT"); err != nil {
		panic(err)
	}
	return r
}

// ourWorkflows stands for a folder of the program: golden.Dir("workflows").
var ourWorkflows = fstest.MapFS{
	"order.wf": {Data: []byte(`
workflow order {
  input { sku string nonempty, count int min 1 = 1 }
  retry 3 attempts, backoff 1s
  timeout 5s
  step reserve {
    call warehouse.reserve { sku: input.sku, count: input.count }
    on SOLD_OUT { fail OUT_OF_STOCK "not enough of ${input.sku}" }
  }
  output reserve.left
}
`)},
	"order_test.wf": {Data: []byte(`
import "order.wf"

mock warehouse { pass }                      // the registered service, fresh for every test

test "an order is taken" {
  run order { sku: "lamp", count: 2 }
  expect completed
  expect output == 1
}

test "too many" {
  run order { sku: "lamp", count: 4 }
  expect failed OUT_OF_STOCK
}

test "the warehouse is slow" {
  mock warehouse.reserve { timeout, pass }   // but for its first answer
  run order { sku: "lamp" }
  expect reserve completed after 2 attempts
}
`)},
}

// TestOurWorkflows is all that is needed to run them with go test.
func TestOurWorkflows(t *testing.T) {
	golden.Test(t, ourWorkflows, ourServices)
}

// Run gives the results to a program that shows them in its own way.
func ExampleRun() {
	p, problems := lang.Load(ourWorkflows, "order_test.wf", lang.Options{Catalog: ourServices()})
	if problems.HasErrors() {
		fmt.Println(problems)
		return
	}
	results := golden.Run(p, golden.Options{Builtins: func() builtins.Services { return ourServices() }})
	for _, r := range results {
		if err := golden.WriteResult(os.Stdout, p.Sources, r, diag.Options{}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// ✓ order_test.wf: an order is taken  0s
	// ✓ order_test.wf: too many  0s
	// ✓ order_test.wf: the warehouse is slow  6s
}
