package durable_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"

	"wf/builtins"
	"wf/interpreter/durable"
	"wf/interpreter/journal"
	"wf/interpreter/journal/memory"
	"wf/interpreter/machine"
	"wf/interpreter/sim"
	"wf/interpreter/telemetry"
)

const observed = `
service shop {
  429, 5xx
  breaker 2 failures in 1m, open 2m
  operation find { input { sku string }, 200 { id int } }
  operation pay  { input { id int }, 201 }
}
workflow sales.order {
  version "1.2.0"
  input { skus [string], correlation_id string }
  retry 3 attempts, backoff 1m
  step look for sku in input.skus by sku {
    call shop.find { sku: sku }
    return body.id
  }
  step pay after look { call shop.pay { id: 1 } }
}`

// recorder are the exporters in memory of one worker.
type recorder struct {
	spans  *tracetest.InMemoryExporter
	reader *metric.ManualReader
	log    bytes.Buffer
	tell   *telemetry.Telemetry
}

func record(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	var err error
	r.tell, err = telemetry.New(telemetry.Options{
		Traces:  trace.NewTracerProvider(trace.WithSyncer(r.spans), trace.WithIDGenerator(telemetry.IDs{})),
		Metrics: metric.NewMeterProvider(metric.WithReader(r.reader)),
		Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "until" {
				return slog.Attr{}
			}
			return a
		}})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tree prints spans below what they are in, with when they began and what came of them.
func tree(spans tracetest.SpanStubs, began time.Time) []string {
	depth := func(s tracetest.SpanStub) (n int) {
		for parent := s.Parent.SpanID(); parent.IsValid(); n++ {
			i := slices.IndexFunc(spans, func(o tracetest.SpanStub) bool { return o.SpanContext.SpanID() == parent })
			if i < 0 {
				return 99
			}
			parent = spans[i].Parent.SpanID()
		}
		return n
	}
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int {
		if d := a.StartTime.Compare(b.StartTime); d != 0 {
			return d
		}
		return depth(a) - depth(b)
	})
	var out []string
	for _, s := range spans {
		line := fmt.Sprintf("%s%s +%v %v", strings.Repeat("  ", depth(s)), s.Name, s.StartTime.Sub(began), s.EndTime.Sub(s.StartTime))
		for _, a := range s.Attributes {
			switch a.Key {
			case "wf.ending", "wf.outcome", "wf.attempt", "error.type":
				line += " " + a.Value.String()
			}
		}
		out = append(out, line+" "+s.Status.Code.String())
	}
	return out
}

// sums prints metrics: counts, sums and values by their attributes.
func (r *recorder) sums(t *testing.T) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					out = append(out, fmt.Sprintf("%s %s: %d, %gs", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Count, p.Sum))
				}
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					out = append(out, fmt.Sprintf("%s %s: %d", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					out = append(out, fmt.Sprintf("%s %s: %d", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestTelemetry: a run that two workers have had a part in, the second after it had slept,
// is one trace with a span for each step and attempt; what it did is counted once.
func TestTelemetry(t *testing.T) {
	j := compiled(t, "order", observed)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		store := memory.New()
		run := journal.Run{ID: "r1", Workflow: "sales.order", Version: "1.2.0", Definition: "h", Start: began}
		input := map[string]any{"skus": []any{"a", "b"}, "correlation_id": "c-7"}
		if _, err := durable.Create(t.Context(), store, nil, j.definition, j.graph, run, input); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var carried []api.SpanContext
		service := serving(func(ctx context.Context, c builtins.Call) (builtins.Answer, error) {
			mu.Lock()
			carried = append(carried, api.SpanContextFromContext(ctx))
			mu.Unlock()
			time.Sleep(time.Second)
			switch {
			case c.Operation == "find":
				return builtins.Answer{Status: 200, Body: map[string]any{"id": 1}}, nil
			case c.Attempt < 3:
				return builtins.Answer{Status: 503}, nil
			}
			return builtins.Answer{Status: 201}, nil
		})
		var spans tracetest.SpanStubs
		var recorders []*recorder
		for n, d := range []time.Duration{30 * time.Second, 10 * time.Minute} {
			r := record(t)
			recorders = append(recorders, r)
			ctx, stop := context.WithTimeout(t.Context(), d)
			w := durable.New(durable.Options{Store: store, Name: fmt.Sprintf("w%d", n+1), Services: service, Compile: compileFiles, Poll: time.Second, Telemetry: r.tell})
			if err := w.Serve(ctx, nil); err != nil {
				t.Error(err)
			}
			stop()
			spans = append(spans, r.spans.GetSpans()...)
			time.Sleep(time.Minute) // nobody works; the run wanted to go on at 1m2s
		}
		want := []string{
			"sales.order +0s 3m32s completed Unset",
			"  look +0s 1s completed Unset",
			"    look[] +0s 1s completed Unset",
			"    look[] +0s 1s completed Unset",
			"      shop.find +0s 1s 1 200 Unset",
			"      shop.find +0s 1s 1 200 Unset",
			"  pay +1s 3m31s completed Unset",
			"    shop.pay +1s 1s 1 503 Error",
			"    shop.pay +1m30s 1s 2 503 Error",
			"    shop.pay +3m31s 1s 3 201 Unset",
		}
		if diff := cmp.Diff(want, tree(spans, began)); diff != "" {
			t.Errorf("spans (-want +got)\n%s", diff)
		}
		for _, s := range spans {
			if s.SpanContext.TraceID() != spans[0].SpanContext.TraceID() {
				t.Errorf("%s is in a trace of its own", s.Name)
			}
		}
		for _, c := range carried { // by the calls
			if !slices.ContainsFunc(spans, func(s tracetest.SpanStub) bool {
				return strings.HasPrefix(s.Name, "shop.") && s.SpanContext.SpanID() == c.SpanID()
			}) {
				t.Errorf("a call was made in span %v", c.SpanID())
			}
		}
		if diff := cmp.Diff([]string{
			`wf.attempt.duration wf.operation=shop.find,wf.outcome=200: 2, 2s`,
			`wf.attempt.duration wf.operation=shop.pay,wf.outcome=503: 1, 1s`,
			`wf.call.retries wf.step=pay,wf.workflow=sales.order: 1`,
			`wf.queue.lag wf.workflow=sales.order: 1, 0s`,
			`wf.runs.active wf.workflow=sales.order: 0`,
			`wf.step.duration wf.ending=completed,wf.step=look,wf.workflow=sales.order: 1, 1s`,
			`wf.step.duration wf.ending=completed,wf.step=look[],wf.workflow=sales.order: 2, 2s`,
		}, recorders[0].sums(t)); diff != "" {
			t.Errorf("metrics of the first worker (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{
			`wf.attempt.duration wf.operation=shop.pay,wf.outcome=201: 1, 1s`,
			`wf.attempt.duration wf.operation=shop.pay,wf.outcome=503: 1, 1s`,
			`wf.call.retries wf.step=pay,wf.workflow=sales.order: 1`,
			`wf.run.duration wf.ending=completed,wf.workflow=sales.order: 1, 212s`,
			`wf.runs.active wf.workflow=sales.order: 0`,
			`wf.step.duration wf.ending=completed,wf.step=pay,wf.workflow=sales.order: 1, 211s`,
			`wf.wakeup.lag wf.workflow=sales.order: 2, 28s`,
		}, recorders[1].sums(t)); diff != "" {
			t.Errorf("metrics of the second worker (-want +got)\n%s", diff)
		}
		log := recorders[0].log.String() + recorders[1].log.String()
		for _, line := range []string{
			`level=INFO msg="worker begins" worker=w1`,
			`level=DEBUG msg=answer run=r1 workflow=sales.order correlation_id=c-7 place=pay attempt=1 operation=shop.pay outcome=503 took=1s`,
			`level=DEBUG msg=sleeps run=r1`,
			`level=INFO msg=ended run=r1 workflow=sales.order correlation_id=c-7 ending=completed took=3m32s`,
			`level=INFO msg="worker ends" worker=w2`,
		} {
			if !strings.Contains(log, line) {
				t.Errorf("the log has no line %s\n%s", line, log)
			}
		}
	})
}

// BenchmarkTelemetry is what a registration costs beside its run: five steps, six calls.
func BenchmarkTelemetry(b *testing.B) {
	j := shipped(b, "user_registration")
	var entries []machine.Entry
	if _, err := sim.Run(j.graph, j.input, sim.Options{Registry: registry(), Seed: 1, RunID: "r1", Start: morning, Trace: func(e machine.Entry) { entries = append(entries, e) }}); err != nil {
		b.Fatal(err)
	}
	metrics := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))
	for _, c := range []struct {
		name string
		opts telemetry.Options
	}{
		{"off", telemetry.Options{}},
		{"metrics", telemetry.Options{Metrics: metrics}},
		{"traces", telemetry.Options{Traces: trace.NewTracerProvider(trace.WithIDGenerator(telemetry.IDs{}), trace.WithBatcher(tracetest.NewNoopExporter()))}},
		{"log", telemetry.Options{Log: slog.New(slog.NewJSONHandler(io.Discard, nil))}},
	} {
		b.Run(c.name, func(b *testing.B) {
			tell, err := telemetry.New(c.opts)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r := tell.Begin(telemetry.Info{ID: "r1", Workflow: "registration", Start: morning})
				for _, e := range entries {
					r.Entry(e, true)
				}
				r.Leave()
			}
		})
	}
}

type serving func(context.Context, builtins.Call) (builtins.Answer, error)

func (s serving) Lookup(string, string) (*builtins.Operation, bool) {
	return &builtins.Operation{Func: builtins.Func(s)}, true
}

// TestTelemetryBreaker: the state of breakers is a metric, and a line of the log.
func TestTelemetryBreaker(t *testing.T) {
	r := record(t)
	r.tell.Breaker("shop", string(machine.BreakerOpened))
	if got := r.sums(t); !slices.Equal(got, []string{"wf.breaker.state wf.service=shop: 2"}) {
		t.Error(got)
	}
	if want := "level=WARN msg=breaker service=shop state=open\n"; r.log.String() != want {
		t.Error(r.log.String())
	}
}
