package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/haleotel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is what the services print, both at once.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Split(strings.TrimSpace(o.buf.String()), "\n")
}

// Each request is one trace through both services, as a collector gets it.
func TestOverOTLP(t *testing.T) {
	collector, out := newReceiver(t), &output{}
	if err := run(t.Context(), collector.url, out); err != nil {
		t.Fatal(err)
	}
	var requests []map[string]received
	for _, spans := range collector.byTrace(t) {
		if _, ok := spans["GET /checkout/{cart}"]; ok {
			requests = append(requests, spans)
		}
	}
	if len(requests) != 2 {
		t.Fatalf("%d requests in %v; the services said:\n%s", len(requests), collector.byTrace(t), strings.Join(out.lines(), "\n"))
	}
	failed := 0
	for _, spans := range requests {
		checkRequest(t, spans)
		if spans["payments.price"].Status().Code() == ptrace.StatusCodeError {
			failed++
			checkFailure(t, spans)
		}
	}
	if failed != 1 {
		t.Errorf("%d requests failed, want one", failed)
	}
}

// checkRequest checks who called whom.
func checkRequest(t *testing.T, spans map[string]received) {
	t.Helper()
	for _, want := range []struct {
		name, service, parent string
		kind                  ptrace.SpanKind
		task                  string
	}{
		{"GET /checkout/{cart}", "checkout", "", ptrace.SpanKindServer, "GET /checkout/{cart}#"},
		{"checkout.price", "checkout", "GET /checkout/{cart}", ptrace.SpanKindInternal, "checkout.price#"},
		{"payments.quote", "checkout", "checkout.price", ptrace.SpanKindClient, ""},
		{"POST /quote/{cart}", "payments", "payments.quote", ptrace.SpanKindServer, "POST /quote/{cart}#"},
		{"payments.price", "payments", "POST /quote/{cart}", ptrace.SpanKindInternal, "payments.price#"},
	} {
		s, ok := spans[want.name]
		if !ok {
			t.Errorf("no span %q in %v", want.name, spans)
			continue
		}
		parent := ""
		if !s.ParentSpanID().IsEmpty() {
			parent = spans[want.parent].SpanID().String()
		}
		task := text(s.Attributes(), "hale.task")
		if s.service != want.service || s.Kind() != want.kind || s.ParentSpanID().String() != parent || (parent == "") != (want.parent == "") ||
			!strings.HasPrefix(task, want.task) || (task == "") != (want.task == "") {
			t.Errorf("%s: of %s, %v, in %s, task %q; want %+v", want.name, s.service, s.Kind(), s.ParentSpanID(), task, want)
		}
	}
	if len(spans) != 5 {
		t.Errorf("%d spans, want 5: %v", len(spans), spans)
	}
}

// checkFailure checks that the panic is told where it happened and its error all the
// way up.
func checkFailure(t *testing.T, spans map[string]received) {
	t.Helper()
	for name, kind := range map[string]string{
		"payments.price": "panic", "POST /quote/{cart}": "panic", "payments.quote": "error", "checkout.price": "error", "GET /checkout/{cart}": "error",
	} {
		s := spans[name]
		if got := text(s.Attributes(), "error.type"); s.Status().Code() != ptrace.StatusCodeError || s.Status().Message() != kind || got != kind {
			t.Errorf("%s: status %v %q, error.type %q; want %s", name, s.Status().Code(), s.Status().Message(), got, kind)
		}
	}
	for name, s := range spans {
		if n := s.Events().Len(); n != 1 {
			t.Errorf("%s: %d events", name, n)
		}
	}
	events := spans["payments.price"].Events()
	if events.Len() != 1 || events.At(0).Name() != "exception" {
		t.Fatalf("%d events", events.Len())
	}
	message, stack := text(events.At(0).Attributes(), "exception.message"), text(events.At(0).Attributes(), "exception.stacktrace")
	if !strings.Contains(message, "no price") || !strings.Contains(stack, "routes.go") {
		t.Errorf("the panic: %q\n%s", message, stack)
	}
}

// The spans can be printed, too.
func TestOnStdout(t *testing.T) {
	out := &output{}
	if err := run(t.Context(), "stdout", out); err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, line := range out.lines() {
		var span struct {
			Name        string
			SpanContext struct{ TraceID string }
		}
		if json.Unmarshal([]byte(line), &span) == nil && span.SpanContext.TraceID != "" {
			names[span.Name]++
		}
	}
	for _, name := range []string{"GET /checkout/{cart}", "checkout.price", "payments.quote", "POST /quote/{cart}", "payments.price"} {
		if names[name] != 2 {
			t.Errorf("%d spans %q, want 2; all: %v", names[name], name, names)
		}
	}
}

// A log record goes two ways: to the output with hale's identity, and to OpenTelemetry
// with the context that tells its trace.
func TestLogs(t *testing.T) {
	out, logs := &output{}, &recorder{}
	tel, err := newTelemetry(t.Context(), "logs", "stdout", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	tel.logs = logs
	logger := tel.logger(out)
	rt, err := hale.New(hale.WithTracer(haleotel.NewTracer(tel.traces)), hale.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	var at trace.SpanContext
	_ = rt.Do(t.Context(), "cart.load", func(ctx context.Context) error {
		ctx, span := tel.traces.Tracer("mine").Start(ctx, "parse")
		defer span.End()
		at = span.SpanContext()
		logger.InfoContext(ctx, "loaded")
		return nil
	})
	if err := errors.Join(rt.Close(), tel.close(t.Context())); err != nil {
		t.Error(err)
	}
	if line := out.lines()[0]; !strings.Contains(line, `"task":"cart.load#`) {
		t.Errorf("the output has %s", line)
	}
	if !at.IsValid() || !logs.at.Equal(at) || logs.body != "loaded" {
		t.Errorf("OpenTelemetry got %q in %v, want it in %v", logs.body, logs.at, at)
	}
}

// recorder is a provider whose one logger keeps the last record.
type recorder struct {
	noop.LoggerProvider
	recordingLogger
}

func (r *recorder) Logger(string, ...otellog.LoggerOption) otellog.Logger { return &r.recordingLogger }

type recordingLogger struct {
	noop.Logger
	at   trace.SpanContext
	body string
}

func (r *recordingLogger) Enabled(context.Context, otellog.EnabledParameters) bool { return true }

func (r *recordingLogger) Emit(ctx context.Context, record otellog.Record) {
	r.at, r.body = trace.SpanContextFromContext(ctx), record.Body().AsString()
}
