package haleotel_test

import (
	"context"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/hale-go/hale/observe"
)

// Names are of few, and say whom a client calls.
func TestNames(t *testing.T) {
	str := attribute.String
	for _, c := range []struct {
		kind  trace.SpanKind
		name  string
		attrs []attribute.KeyValue
		want  string
	}{
		{trace.SpanKindServer, "GET /x/{id}", []attribute.KeyValue{str("http.route", "/x/{id}"), str("http.request.method", "GET")}, "GET /x/{id}"},
		{trace.SpanKindServer, "GET", []attribute.KeyValue{str("http.route", "/x/{id}"), str("http.request.method", "GET")}, "GET /x/{id}"},
		{trace.SpanKindServer, "server", []attribute.KeyValue{str("http.route", "/x"), str("http.method", "PUT")}, "PUT /x"},
		{trace.SpanKindServer, "GET", []attribute.KeyValue{str("http.request.method", "GET")}, "GET"},
		{trace.SpanKindClient, "GET", []attribute.KeyValue{str("http.request.method", "GET"), str("server.address", "pay.local")}, "GET pay.local"},
		{trace.SpanKindClient, "HTTP GET", []attribute.KeyValue{str("http.request.method", "GET"), str("server.address", "pay.local"), str("peer.service", "payments")}, "GET payments"},
		{trace.SpanKindClient, "SELECT orders", []attribute.KeyValue{str("db.system.name", "postgresql"), str("server.address", "10.0.0.1")}, "postgresql SELECT orders"},
		{trace.SpanKindClient, "sql.conn.query", []attribute.KeyValue{str("db.system", "mysql")}, "mysql sql.conn.query"},
		{trace.SpanKindClient, "pay.Quote/Get", []attribute.KeyValue{str("rpc.system", "grpc"), str("server.address", "10.0.0.1")}, "pay.Quote/Get"},
		{trace.SpanKindInternal, "part", []attribute.KeyValue{str("server.address", "x")}, "part"},
		{trace.SpanKindClient, "odd", []attribute.KeyValue{attribute.Int("server.address", 7), attribute.Int("http.request.method", 1)}, "odd"},
	} {
		rt, _, provider := fed(t, false)
		for range 2 { // the second time it is known
			_, s := provider.Tracer("other").Start(t.Context(), c.name, trace.WithSpanKind(c.kind), trace.WithAttributes(c.attrs...))
			s.End()
		}
		if st := operations(rt)[c.want]; st.Ended != 2 {
			t.Errorf("%q %v: %v, want %q", c.name, c.attrs, operations(rt), c.want)
		}
	}
}

// A name that is known late counts from then on.
func TestNameThatIsKnownLate(t *testing.T) {
	rt, _, provider := fed(t, false)
	child(t.Context(), provider, "GET", trace.SpanKindServer, func(_ context.Context, s trace.Span) {
		if st := operations(rt)["GET"]; st.InFlight != 1 {
			t.Errorf("while it runs: %+v", st)
		}
		s.SetName("GET /x")
	})
	got := operations(rt)
	if first, last := got["GET"], got["GET /x"]; first.InFlight != 0 || first.Ended != 0 || last.InFlight != 0 || last.Ended != 1 || last.Started != 1 {
		t.Errorf("%+v", got)
	}
}

// Outcomes are of few: never the text of a status.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		failed bool
		attr   attribute.KeyValue
		want   string
	}{
		{false, attribute.Int("x", 1), "ok"},
		{true, attribute.Int("x", 1), "error"},
		{true, attribute.String("error.type", "timeout"), "timeout"},
		{false, attribute.Int("http.response.status_code", 404), "404"},
		{false, attribute.Int("http.status_code", 99999), "ok"},
		{false, attribute.Int("rpc.grpc.status_code", 0), "ok"},
		{true, attribute.Int("rpc.grpc.status_code", 14), "14"},
		{true, attribute.String("db.response.status_code", "40001"), "40001"},
	} {
		rt, _, provider := fed(t, false)
		child(t.Context(), provider, "a", trace.SpanKindInternal, func(_ context.Context, s trace.Span) {
			if s.SetAttributes(c.attr); c.failed {
				s.SetStatus(codes.Error, "text 42")
			}
		})
		if st := operations(rt)["a"]; len(st.Outcomes) != 1 || st.Outcomes[0] != (observe.Outcome{Name: c.want, Count: 1, Failed: c.failed}) {
			t.Errorf("%v: %+v, want %s", c.attr, st.Outcomes, c.want)
		}
	}
}

// Names that have user data in them take no more than so much room.
func TestNamesOfUsers(t *testing.T) {
	rt, _, provider := fed(t, false)
	for i := range 2500 {
		child(t.Context(), provider, fmt.Sprint("GET /users/", i), trace.SpanKindServer, func(context.Context, trace.Span) {})
	}
	if got := operations(rt); len(got) != 769 || got["hale.other"].Ended != 2500-768 {
		t.Errorf("%d operations, %d of others", len(got), got["hale.other"].Ended)
	}
}

// FuzzNames gives spans that anybody made.
func FuzzNames(f *testing.F) {
	f.Add(int64(2), "GET", "http.route", "/x", "http.method", "GET", int64(404))
	f.Add(int64(3), "", "server.address", "", "peer.service", "\x00\xff", int64(-1))
	f.Fuzz(func(t *testing.T, kind int64, name, k1, v1, k2, v2 string, code int64) {
		rt, _, provider := fed(t, false)
		for range 2 {
			_, s := provider.Tracer("other").Start(t.Context(), name, trace.WithSpanKind(trace.SpanKind(kind%7)),
				trace.WithAttributes(attribute.String(k1, v1), attribute.String(k2, v2), attribute.Int64("http.status_code", code)))
			s.End()
		}
		n := uint64(0)
		for _, st := range rt.Operations() {
			if n += st.Ended; st.InFlight != 0 || st.Name == "" {
				t.Errorf("%+v", st)
			}
		}
		if n != 2 {
			t.Errorf("%d spans ended, want 2", n)
		}
	})
}
