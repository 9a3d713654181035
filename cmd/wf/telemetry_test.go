package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)

// collector takes what is exported to it.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []string
	metrics []string
	service string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		switch r.URL.Path {
		case "/v1/traces":
			var in traces.ExportTraceServiceRequest
			if err := proto.Unmarshal(body, &in); err != nil {
				t.Error(err)
			}
			for _, rs := range in.ResourceSpans {
				for _, a := range rs.Resource.Attributes {
					if a.Key == "service.name" {
						c.service = a.Value.GetStringValue()
					}
				}
				for _, ss := range rs.ScopeSpans {
					for _, s := range ss.Spans {
						c.spans = append(c.spans, s.Name)
					}
				}
			}
		case "/v1/metrics":
			var in metrics.ExportMetricsServiceRequest
			if err := proto.Unmarshal(body, &in); err != nil {
				t.Error(err)
			}
			for _, rm := range in.ResourceMetrics {
				for _, sm := range rm.ScopeMetrics {
					for _, m := range sm.Metrics {
						c.metrics = append(c.metrics, m.Name)
					}
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

const greeting = `
workflow demo.greeting {
  input { name string }
  step text { return "hello " + input.name }
  output text
}`

// TestTelemetry: what the environment asks for is exported before the command ends, with a
// store and without one; else nothing is.
func TestTelemetry(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "greeting.wf")
	write(t, file, greeting)
	for name, args := range map[string][]string{
		"alone":   {"run", file, "--set", "name=ann"},
		"a store": {"run", file, "--set", "name=ann", "--store", filepath.Join(dir, "runs.db")},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			if status, _, stderr := invoke("", args...); status != 0 {
				t.Fatal(status, stderr)
			}
			if len(c.spans)+len(c.metrics) > 0 {
				t.Errorf("nobody has asked for %v, %v", c.spans, c.metrics)
			}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
			t.Setenv("OTEL_SERVICE_NAME", "greeter")
			status, stdout, stderr := invoke("", append(args, "--log", "json")...)
			if status != 0 || !strings.Contains(stdout, "hello ann") {
				t.Fatal(status, stdout, stderr)
			}
			if got := strings.Join(c.spans, " "); got != "text demo.greeting" || c.service != "greeter" {
				t.Errorf("spans of %s: %s", c.service, got)
			}
			if got := strings.Join(c.metrics, " "); !strings.Contains(got, "wf.run.duration") || !strings.Contains(got, "wf.step.duration") {
				t.Errorf("metrics: %s", got)
			}
			if want := `"msg":"ended","run":`; !strings.Contains(stderr, want) {
				t.Errorf("the log has no %s\n%s", want, stderr)
			}
		})
	}
}

// TestTelemetryWrong: what cannot be done is told, and how it can; a collector that is not
// there does not keep runs from their end.
func TestTelemetryWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "greeting.wf")
	write(t, file, greeting)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		variable, value string
		status          int
		want            string
	}{
		{"OTEL_TRACES_EXPORTER", "zipkin", exitWrong, "OTEL_TRACES_EXPORTER: there is no exporter zipkin\n  hint: there is otlp, and none"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", exitWrong, "OTEL_EXPORTER_OTLP_PROTOCOL: wf does not speak grpc\n  hint: it speaks http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", gone.URL, 0, "wf: telemetry is lost: "},
	} {
		t.Run(c.variable+"="+c.value, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", gone.URL)
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
			t.Setenv(c.variable, c.value)
			status, _, stderr := invoke("", "run", file, "--set", "name=ann")
			if status != c.status || !strings.Contains(stderr, c.want) {
				t.Errorf("status %d, %s", status, stderr)
			}
		})
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", gone.URL)
	t.Setenv("OTEL_SDK_DISABLED", "true")
	if status, _, stderr := invoke("", "run", file, "--set", "name=ann"); status != 0 || strings.Contains(stderr, "telemetry") {
		t.Errorf("turned off: status %d, %s", status, stderr)
	}
}
