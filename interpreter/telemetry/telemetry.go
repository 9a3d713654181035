// Package telemetry tells OpenTelemetry and a log what runs do: a span for each run, step
// and attempt, metrics, and lines of log/slog. It derives all of it from the entries of
// traces, so that the core knows nothing of it, and secrets are masked already.
//
// IDs of traces and spans follow from the run and the place in it, if the provider makes
// them by [IDs]: a run that several workers have had a part in is one trace.
package telemetry

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"wf/interpreter/machine"
)

// scope names this instrumentation.
const scope = "wf"

// Options say where to; each may be nil, and then nothing of that kind is told.
type Options struct {
	Traces  trace.TracerProvider
	Metrics metric.MeterProvider
	Log     *slog.Logger
}

// Telemetry tells what runs do. A nil one tells nothing, and costs nothing. Methods may be
// called at once.
type Telemetry struct {
	tracer trace.Tracer
	meters *meters
	log    *slog.Logger
	runs   sync.Map // id -> *Run, those in memory
}

// meters are the instruments. Durations are in seconds.
type meters struct {
	run, step, attempt, held, queue, wake metric.Float64Histogram
	retries                               metric.Int64Counter
	active                                metric.Int64UpDownCounter
	breaker                               metric.Int64Gauge
}

// bounds of the buckets of durations: from calls to waits of days.
var bounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600}

// New makes one. It is nil if all options are.
func New(opts Options) (*Telemetry, error) {
	if opts == (Options{}) {
		return nil, nil
	}
	t := &Telemetry{log: opts.Log}
	if opts.Traces != nil {
		t.tracer = opts.Traces.Tracer(scope)
	}
	if opts.Metrics == nil {
		return t, nil
	}
	m, in := &meters{}, opts.Metrics.Meter(scope)
	var err error
	note := func(e error) {
		if err == nil {
			err = e
		}
	}
	seconds := func(to *metric.Float64Histogram, name, doc string) {
		h, e := in.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(doc), metric.WithExplicitBucketBoundaries(bounds...))
		note(e)
		*to = h
	}
	seconds(&m.run, "wf.run.duration", "from the beginning of a run to its end, waits included")
	seconds(&m.step, "wf.step.duration", "from the beginning of a step to its end")
	seconds(&m.attempt, "wf.attempt.duration", "from an attempt of a call to its answer")
	seconds(&m.held, "wf.call.held", "how long a call was kept back by a limit")
	seconds(&m.queue, "wf.queue.lag", "from the start of a run until a worker has it")
	seconds(&m.wake, "wf.wakeup.lag", "from the moment at which a sleeping run wanted to go on until a worker has it")
	var e error
	m.retries, e = in.Int64Counter("wf.call.retries", metric.WithDescription("attempts of calls behind the first"))
	note(e)
	m.active, e = in.Int64UpDownCounter("wf.runs.active", metric.WithDescription("runs that are in memory"))
	note(e)
	m.breaker, e = in.Int64Gauge("wf.breaker.state", metric.WithDescription("of a service: 0 closed, 1 half open, 2 open"))
	note(e)
	t.meters = m
	return t, err
}

// Log is where lines go; never nil.
func (t *Telemetry) Log() *slog.Logger {
	if t == nil || t.log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return t.log
}

// Breaker tells the state of the breaker of a service.
func (t *Telemetry) Breaker(service, state string) {
	if t == nil {
		return
	}
	if t.meters != nil {
		n := map[string]int64{string(machine.BreakerClosed): 0, string(machine.BreakerHalfOpen): 1, string(machine.BreakerOpened): 2}[state]
		t.meters.breaker.Record(context.Background(), n, metric.WithAttributes(attribute.String("wf.service", service)))
	}
	if t.log != nil {
		t.log.Warn("breaker", "service", service, "state", state)
	}
}

// Info is what a run is known by.
type Info struct {
	ID          string
	Workflow    string // full name
	Version     string // "": none
	Correlation string // "": ID
	Start       time.Time
}

// Run tells of one run, as long as it is in memory. A nil one tells nothing.
type Run struct {
	t        *Telemetry
	info     Info
	log      *slog.Logger
	root     trace.Span // nil: no traces
	ctx      context.Context
	steps    map[string]begun
	mu       sync.Mutex       // of attempts, which calls look up
	attempts map[string]begun // by place and attempt
}

// begun is a step or attempt that has begun.
type begun struct {
	at        time.Duration
	operation string
	key       string // idempotency key
	attempt   int
	span      trace.Span // nil: no traces
}

// Begin takes a run into memory. Whoever calls it must call [Run.Leave].
func (t *Telemetry) Begin(info Info) *Run {
	if t == nil {
		return nil
	}
	if info.Correlation == "" {
		info.Correlation = info.ID
	}
	r := &Run{t: t, info: info, ctx: context.Background(), steps: map[string]begun{}, attempts: map[string]begun{}}
	if t.log != nil {
		r.log = t.log.With("run", info.ID, "workflow", info.Workflow, "correlation_id", info.Correlation)
	}
	if t.meters != nil {
		t.meters.active.Add(r.ctx, 1, metric.WithAttributes(r.workflow()))
	}
	if t.tracer != nil {
		r.ctx, r.root = t.tracer.Start(withID(r.ctx, r.seed(), "run"), info.Workflow, trace.WithNewRoot(), trace.WithTimestamp(info.Start),
			trace.WithAttributes(r.workflow(), attribute.String("wf.run.id", info.ID), attribute.String("wf.version", info.Version), attribute.String("wf.correlation_id", info.Correlation)))
	}
	t.runs.Store(info.ID, r)
	return r
}

// seed is what the ids of the trace follow from. Runs that are kept nowhere may have the
// same id again.
func (r *Run) seed() string { return r.info.ID + " " + strconv.FormatInt(r.info.Start.UnixNano(), 10) }

// Leave lets a run go that has ended, or sleeps, or is with another worker. What has not
// ended is told by whoever sees its end.
func (r *Run) Leave() {
	if r == nil {
		return
	}
	r.t.runs.CompareAndDelete(r.info.ID, r)
	if r.t.meters != nil {
		r.t.meters.active.Add(context.Background(), -1, metric.WithAttributes(r.workflow()))
	}
}

// Taken tells when a worker has a run: due is when the run wanted one, asleep whether it
// had slept until then.
func (r *Run) Taken(due, now time.Time, asleep bool) {
	if r == nil || r.t.meters == nil {
		return
	}
	h := r.t.meters.queue
	if asleep {
		h = r.t.meters.wake
	}
	h.Record(context.Background(), max(0, now.Sub(due).Seconds()), metric.WithAttributes(r.workflow()))
}

// Context is what an attempt of a call is made with: whoever carries traces on puts its
// span into the request.
func (t *Telemetry) Context(ctx context.Context, run, key string, attempt int) context.Context {
	if t == nil || t.tracer == nil {
		return ctx
	}
	known, ok := t.runs.Load(run)
	if !ok {
		return ctx
	}
	r := known.(*Run)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.attempts {
		if b.key == key && b.attempt == attempt && b.span != nil {
			return trace.ContextWithSpanContext(ctx, b.span.SpanContext())
		}
	}
	return ctx
}

// Log is for lines about the run; never nil.
func (r *Run) Log() *slog.Logger {
	if r == nil || r.log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.log
}

func (r *Run) workflow() attribute.KeyValue { return attribute.String("wf.workflow", r.info.Workflow) }

// Entry takes in what has happened, in its order from the beginning of the run. Of what is
// not live, somebody has told already.
func (r *Run) Entry(e machine.Entry, live bool) {
	if r == nil {
		return
	}
	switch e.Kind {
	case machine.EntryStepStarted:
		r.steps[e.Step] = begun{at: e.At, span: r.start("step", e.Step, e, trace.SpanKindInternal, attribute.String("wf.step", e.Step))}
	case machine.EntryCall:
		r.called(e, live)
	case machine.EntryAnswer:
		r.answered(e, live)
	case machine.EntryWait:
		if live && e.Signal == "" && e.Place != "" && r.t.meters != nil {
			r.t.meters.retries.Add(context.Background(), 1, metric.WithAttributes(r.workflow(), attribute.String("wf.step", general(e.Step))))
		}
	case machine.EntryStepEnded:
		r.stepEnded(e, live)
	case machine.EntryRunEnded:
		r.ended(e, live)
	}
}

func (r *Run) called(e machine.Entry, live bool) {
	span := r.start("attempt", e.Operation, e, trace.SpanKindClient,
		attribute.String("wf.operation", e.Operation), attribute.String("wf.place", e.Place), attribute.Int("wf.attempt", e.Attempt), attribute.String("wf.idempotency_key", e.Key))
	r.mu.Lock()
	r.attempts[attempt(e)] = begun{at: e.At, operation: e.Operation, key: e.Key, attempt: e.Attempt, span: span}
	r.mu.Unlock()
	if live && e.Took > 0 && r.t.meters != nil {
		r.t.meters.held.Record(context.Background(), e.Took.Seconds(), metric.WithAttributes(attribute.String("wf.operation", e.Operation)))
	}
}

func (r *Run) answered(e machine.Entry, live bool) {
	r.mu.Lock()
	b, known := r.attempts[attempt(e)]
	delete(r.attempts, attempt(e))
	r.mu.Unlock()
	if !known || !live {
		return
	}
	outcome := attribute.String("wf.outcome", e.Outcome)
	if r.t.meters != nil {
		r.t.meters.attempt.Record(context.Background(), e.Took.Seconds(), metric.WithAttributes(attribute.String("wf.operation", b.operation), outcome))
	}
	if b.span != nil {
		b.span.SetAttributes(outcome)
		if status, err := strconv.Atoi(e.Outcome); err != nil {
			b.span.SetStatus(codes.Error, e.Outcome)
		} else {
			b.span.SetAttributes(attribute.Int("http.response.status_code", status))
			if status >= 400 {
				b.span.SetStatus(codes.Error, e.Outcome)
			}
		}
		b.span.End(trace.WithTimestamp(r.info.Start.Add(e.At)))
	}
	if r.log != nil {
		r.log.Debug("answer", "place", e.Place, "attempt", e.Attempt, "operation", b.operation, "outcome", e.Outcome, "took", e.Took)
	}
}

func (r *Run) stepEnded(e machine.Entry, live bool) {
	b, known := r.steps[e.Step]
	if delete(r.steps, e.Step); !known || !live { // skipped ones have not begun
		return
	}
	if r.t.meters != nil {
		r.t.meters.step.Record(context.Background(), (e.At - b.at).Seconds(),
			metric.WithAttributes(r.workflow(), attribute.String("wf.step", general(e.Step)), attribute.String("wf.ending", string(e.Ending))))
	}
	r.close(b.span, e)
	if r.log != nil && e.Error != nil {
		r.log.Warn("step", "step", e.Step, "ending", e.Ending, "code", e.Error.Code, "error", e.Error.Message)
	}
}

func (r *Run) ended(e machine.Entry, live bool) {
	if !live {
		return
	}
	if r.t.meters != nil {
		r.t.meters.run.Record(context.Background(), e.At.Seconds(), metric.WithAttributes(r.workflow(), attribute.String("wf.ending", string(e.Ending))))
	}
	r.close(r.root, e)
	switch {
	case r.log == nil:
	case e.Error != nil:
		r.log.Error("ended", "ending", e.Ending, "took", e.At, "code", e.Error.Code, "error", e.Error.Message)
	default:
		r.log.Info("ended", "ending", e.Ending, "took", e.At)
	}
}

// close ends the span of a step or run.
func (r *Run) close(span trace.Span, e machine.Entry) {
	if span == nil {
		return
	}
	span.SetAttributes(attribute.String("wf.ending", string(e.Ending)))
	if e.Error != nil {
		span.SetAttributes(attribute.String("error.type", e.Error.Code))
		span.SetStatus(codes.Error, e.Error.Error())
	}
	span.End(trace.WithTimestamp(r.info.Start.Add(e.At)))
}

// start begins a span below what it is in; nil if there are no traces.
func (r *Run) start(what, name string, e machine.Entry, kind trace.SpanKind, attrs ...attribute.KeyValue) trace.Span {
	if r.root == nil {
		return nil
	}
	ctx := r.ctx
	if above := r.above(what, e.Step); above != nil {
		ctx = trace.ContextWithSpan(ctx, above)
	}
	id := strings.Join([]string{what, e.Step, e.Place, strconv.Itoa(e.Attempt), e.At.String()}, "\x00")
	_, span := r.t.tracer.Start(withID(ctx, r.seed(), id), general(name), trace.WithTimestamp(r.info.Start.Add(e.At)), trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
	return span
}

// above is the span of the step that an attempt belongs to, or that a step is in.
func (r *Run) above(what, step string) trace.Span {
	if what == "attempt" {
		if b, ok := r.steps[step]; ok {
			return b.span
		}
	}
	for i := strings.LastIndexAny(step, ".["); i > 0; i = strings.LastIndexAny(step, ".[") {
		step = step[:i]
		if b, ok := r.steps[step]; ok {
			return b.span
		}
	}
	return nil
}

func attempt(e machine.Entry) string { return e.Place + "#" + strconv.Itoa(e.Attempt) }

// general is the name of a step without keys of items, of which there are any number.
func general(step string) string {
	if !strings.Contains(step, "[") {
		return step
	}
	var b strings.Builder
	depth := 0
	for _, c := range step {
		if c == ']' {
			depth--
		}
		if depth == 0 {
			b.WriteRune(c)
		}
		if c == '[' {
			depth++
		}
	}
	return b.String()
}

// IDs makes the IDs of spans follow from the run and the place in it; a provider of traces
// is made with it. Others of a context without a run are random.
type IDs struct{}

type idKey struct{}

type ids struct {
	trace trace.TraceID
	span  trace.SpanID
}

func withID(ctx context.Context, run, what string) context.Context {
	var out ids
	sum := sha256.Sum256([]byte(run))
	copy(out.trace[:], sum[:])
	h := fnv.New64a()
	h.Write(sum[:])
	h.Write([]byte(what))
	binary.BigEndian.PutUint64(out.span[:], h.Sum64())
	return context.WithValue(ctx, idKey{}, out)
}

// NewIDs is those of the first span of a trace.
func (g IDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if known, ok := ctx.Value(idKey{}).(ids); ok {
		return known.trace, known.span
	}
	var t trace.TraceID
	binary.BigEndian.PutUint64(t[:8], rand.Uint64())
	binary.BigEndian.PutUint64(t[8:], rand.Uint64()|1)
	return t, g.NewSpanID(ctx, t)
}

// NewSpanID is that of a further one.
func (IDs) NewSpanID(ctx context.Context, _ trace.TraceID) (s trace.SpanID) {
	if known, ok := ctx.Value(idKey{}).(ids); ok {
		return known.span
	}
	binary.BigEndian.PutUint64(s[:], rand.Uint64()|1)
	return s
}
