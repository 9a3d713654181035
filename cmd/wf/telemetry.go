package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"wf/interpreter/telemetry"
)

// telemetryFlags say what a command tells of its runs, beside what the environment says.
type telemetryFlags struct {
	Log string `help:"Log what happens, to standard error: text or json." enum:"none,text,json" default:"none" placeholder:"FORMAT"`
}

// flushTime is how long the end of a command waits for the last spans and metrics to go.
const flushTime = 5 * time.Second

// start turns on what flags and the variables OTEL_… ask for. The telemetry is nil if that
// is nothing; flush is to be called at the end.
func (f telemetryFlags) start(e *env) (t *telemetry.Telemetry, flush func(), err error) {
	flush = func() {}
	var opts telemetry.Options
	switch f.Log {
	case "text":
		opts.Log = slog.New(slog.NewTextHandler(e.stderr, nil))
	case "json":
		opts.Log = slog.New(slog.NewJSONHandler(e.stderr, nil))
	}
	traces, err := exports("TRACES")
	if err != nil {
		return nil, flush, err
	}
	metrics, err := exports("METRICS")
	if err != nil {
		return nil, flush, err
	}
	if !traces && !metrics {
		t, err = telemetry.New(opts)
		return t, flush, err
	}
	said := &once{e: e}
	otel.SetErrorHandler(said)
	ctx := context.Background()
	// what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes last, and counts
	res, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "wf")), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, flush, wrong("OTEL_RESOURCE_ATTRIBUTES: %v", err)
	}
	var ends []func(context.Context) error
	if traces {
		x, err := otlptracehttp.New(ctx)
		if err != nil {
			return nil, flush, wrong("OTEL_EXPORTER_OTLP_…: %v", err)
		}
		p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(x), sdktrace.WithResource(res), sdktrace.WithIDGenerator(telemetry.IDs{}))
		opts.Traces, ends = p, append(ends, p.Shutdown)
	}
	if metrics {
		x, err := otlpmetrichttp.New(ctx)
		if err != nil {
			return nil, flush, wrong("OTEL_EXPORTER_OTLP_…: %v", err)
		}
		p := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(x)), sdkmetric.WithResource(res))
		opts.Metrics, ends = p, append(ends, p.Shutdown)
	}
	t, err = telemetry.New(opts)
	return t, func() {
		ctx, cancel := context.WithTimeout(ctx, flushTime)
		defer cancel()
		for _, end := range ends {
			if err := end(ctx); err != nil {
				said.Handle(err)
			}
		}
	}, err
}

// exports reports whether a signal, TRACES or METRICS, is to be exported: when a collector
// is named, or the exporter is.
func exports(signal string) (bool, error) {
	get := func(names ...string) (name, value string) {
		for _, name := range names {
			if value := strings.TrimSpace(os.Getenv(name)); value != "" {
				return name, value
			}
		}
		return "", ""
	}
	if _, off := get("OTEL_SDK_DISABLED"); strings.EqualFold(off, "true") {
		return false, nil
	}
	name, exporter := get("OTEL_" + signal + "_EXPORTER")
	_, endpoint := get("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	switch {
	case exporter == "none" || exporter == "" && endpoint == "":
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, wrong("%s: there is no exporter %s", name, exporter).hinted("there is otlp, and none")
	}
	name, protocol := get("OTEL_EXPORTER_OTLP_"+signal+"_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
	if !slices.Contains([]string{"", "http/protobuf"}, protocol) {
		return false, wrong("%s: wf does not speak %s", name, protocol).hinted("it speaks http/protobuf, for which collectors listen at port 4318")
	}
	return true, nil
}

// once says the first error of telemetry, and no other: runs go on without it.
type once struct {
	e *env
	sync.Once
}

// Handle takes an error.
func (o *once) Handle(err error) {
	o.Do(func() { fmt.Fprintf(o.e.stderr, "wf: telemetry is lost: %v\n", err) })
}
