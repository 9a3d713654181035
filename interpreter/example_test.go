package interpreter_test

import (
	"context"
	"fmt"
	"os"
	"testing/fstest"
	"time"

	"wf/builtins"
	"wf/interpreter"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/lang"
	"wf/lang/diag"
)

type reserve struct {
	SKU   string `json:"sku" wf:"nonempty"`
	Count int    `json:"count"`
}

type reservation struct {
	ID   int `json:"id"`
	Left int `json:"left"`
}

// warehouse is a registry with one operation, warehouse.reserve, whose signature is read
// off the types of its function. It answers 200, or fails with SOLD_OUT.
func warehouse() (*builtins.Registry, error) {
	r := builtins.New()
	stock := map[string]int{"lamp": 3}
	err := builtins.Add(r, "warehouse", "reserve", func(_ context.Context, c builtins.Call, q reserve) (reservation, error) {
		if stock[q.SKU] < q.Count {
			return reservation{}, &builtins.Error{Class: "SOLD_OUT", Message: fmt.Sprintf("%d left", stock[q.SKU])}
		}
		stock[q.SKU] -= q.Count
		return reservation{ID: 1, Left: stock[q.SKU]}, nil
	}, "SOLD_OUT")
	return r, err
}

var files = fstest.MapFS{"order.wf": {Data: []byte(`
workflow order {
  input { sku string, count int min 1 = 1 }
  step reserve {
    call warehouse.reserve { sku: input.sku, count: input.count }
    on SOLD_OUT { fail OUT_OF_STOCK body.error }
  }
  output { reservation: reserve.id, left: reserve.left }
}
`)}}

// A program brings its own services, loads a definition that is checked against them,
// and runs it.
func Example() {
	services, err := warehouse()
	if err != nil {
		fmt.Println(err)
		return
	}
	program, problems := lang.Load(files, "order.wf", lang.Options{Catalog: services})
	if problems.HasErrors() {
		diag.Write(os.Stdout, program.Sources, problems, diag.Options{})
		return
	}
	g, err := program.Workflow("order")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, count := range []int{2, 2, 0} {
		input, violations := interpreter.Prepare(g, map[string]any{"sku": "lamp", "count": count}, "run_1", time.Now())
		if len(violations) > 0 {
			fmt.Println("refused:", violations)
			continue
		}
		result, err := interpreter.Run(context.Background(), g, input, interpreter.Options{Registry: services, RunID: "run_1"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(result.Ending, result.Output, result.Error)
	}
	// Output:
	// completed map[left:1 reservation:1] <nil>
	// failed <nil> OUT_OF_STOCK: 1 left (step reserve)
	// refused: count must be at least 1, not 0
}

// The same graph runs in virtual time: a minute of backoff takes no time, and equal seeds
// give equal traces.
func Example_virtualTime() {
	services := builtins.New()
	attempts := 0
	err := builtins.Add(services, "clock", "tick", func(context.Context, builtins.Call, struct{}) (struct{}, error) {
		if attempts++; attempts < 3 {
			return struct{}{}, &builtins.Error{Class: "unreachable", Message: "nobody is home"}
		}
		return struct{}{}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, problems := lang.Load(fstest.MapFS{"tick.wf": {Data: []byte(`
workflow tick { step tick { retry 3 attempts, backoff 30s
  call clock.tick } }`)}}, "tick.wf", lang.Options{Catalog: services})
	if problems.HasErrors() {
		fmt.Println(problems)
		return
	}
	var trace []machine.Entry
	start := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	_, err = sim.Run(program.Workflows[0], map[string]any{}, sim.Options{Registry: services, RunID: "run_1", Seed: 1, Start: start,
		Trace: func(e machine.Entry) { trace = append(trace, e) }})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := machine.WriteText(os.Stdout, trace); err != nil {
		fmt.Println(err)
	}
	// Output:
	// trace 1
	//       +0s  run     started tick, id run_1, correlation run_1, seed 1
	//       +0s  tick    started
	//       +0s  tick#1  call clock.tick
	//       +0s  tick#1  answer unreachable {"error":"nobody is home"} in 0s
	//       +0s  tick#1  decided: unreachable is retryable by default
	//       +0s  tick#2  wait 30s until +30s for attempt 2 of 3: backoff 30s
	//      +30s  tick#2  call clock.tick
	//      +30s  tick#2  answer unreachable {"error":"nobody is home"} in 0s
	//      +30s  tick#2  decided: unreachable is retryable by default
	//      +30s  tick#3  wait 1m until +1m30s for attempt 3 of 3: backoff 1m
	//    +1m30s  tick#3  call clock.tick
	//    +1m30s  tick#3  answer 200 in 0s
	//    +1m30s  tick    completed
	//    +1m30s  run     completed
}

// A run is sent signals while it goes on, and tells the sender what it refuses.
func ExampleOptions_outside() {
	program, problems := lang.Load(fstest.MapFS{"ask.wf": {Data: []byte(`
workflow ask {
  signal decision { approved bool, by string nonempty }
  step ask { wait for decision within 1d }
  output "${ask.by} says ${ask.approved}"
}`)}}, "ask.wf", lang.Options{})
	if problems.HasErrors() {
		fmt.Println(problems)
		return
	}
	outside := make(chan interpreter.Outside)
	go func() {
		taken := make(chan error)
		for _, by := range []string{"", "Ada"} {
			outside <- interpreter.Outside{
				Event: machine.SignalReceived{Name: "decision", Payload: map[string]any{"approved": true, "by": by}},
				Taken: func(err error) { taken <- err },
			}
			if err := <-taken; err != nil {
				fmt.Println(err)
			}
		}
	}()
	result, err := interpreter.Run(context.Background(), program.Workflows[0], map[string]any{}, interpreter.Options{Registry: builtins.New(), RunID: "run_1", Outside: outside})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Output)
	// Output:
	// signal decision is refused: by must not be empty
	// Ada says true
}
