package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// received is a span as it came over the wire.
type received struct {
	service string
	ptrace.Span
}

// receiver is a collector's OTLP endpoint: it decodes what comes with the collector's
// own code.
type receiver struct {
	url string

	mu    sync.Mutex
	spans []received
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		traces := ptraceotlp.NewExportRequest()
		if err := traces.UnmarshalProto(body); err != nil {
			t.Errorf("not OTLP: %v", err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.take(traces.Traces())
		answer, err := ptraceotlp.NewExportResponse().MarshalProto()
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		if _, err := w.Write(answer); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) take(traces ptrace.Traces) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range traces.ResourceSpans().All() {
		name := text(resource.Resource().Attributes(), "service.name")
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				r.spans = append(r.spans, received{name, span})
			}
		}
	}
}

// byTrace returns the spans of each trace, by name.
func (r *receiver) byTrace(t *testing.T) map[string]map[string]received {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]map[string]received{}
	for _, s := range r.spans {
		id := s.TraceID().String()
		if out[id] == nil {
			out[id] = map[string]received{}
		}
		if _, twice := out[id][s.Name()]; twice {
			t.Errorf("two spans %q in one trace", s.Name())
		}
		out[id][s.Name()] = s
	}
	return out
}

// text returns an attribute, "" where there is none.
func text(attrs pcommon.Map, key string) string {
	if v, ok := attrs.Get(key); ok {
		return v.AsString()
	}
	return ""
}
