package haleprom

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// operationMetrics is what operations did, and HTTP requests among them.
type operationMetrics struct {
	httpRequests, business      *table
	httpDuration                *histogram
	requests                    *table
	failures, inherited, flight *table
	calls, callFailures, callS  *table
	duration                    *histogram
}

func newOperationMetrics(m *metrics) operationMetrics {
	var o operationMetrics
	o.httpRequests = m.table(prometheus.CounterValue, m.guide, "http_requests_total", "HTTP requests that were served, by pattern.", []string{"path", "method", "status"})
	o.httpDuration = m.histogram(m.guide, "http_request_duration_seconds", "How long HTTP requests took to serve.", "path", "method")
	o.business = m.table(prometheus.CounterValue, m.guide, "business_logic_errors_total", "Business errors that were reported with hale.ReportError.", []string{"error_type"})

	span := []string{"operation", "kind"}
	o.requests = m.counter("operation_requests_total", "Spans of operations that ended, by how.", "operation", "kind", "outcome")
	o.duration = m.histogram(m.prefix, "operation_duration_seconds", "How long spans of operations took.", span...)
	o.flight = m.gauge("operation_in_flight", "Spans of operations that have begun and not ended.", span...)
	o.failures = m.counter("operation_failures_total", "Spans of operations that ended with a failure.", span...)
	o.inherited = m.counter("operation_inherited_failures_total", "Failures that came after one of something that the span had called.", span...)
	call := []string{"operation", "kind", "called"}
	o.calls = m.counter("operation_calls_total", "Calls of other operations that ended, by who called.", call...)
	o.callFailures = m.counter("operation_call_failures_total", "Calls of other operations that failed.", call...)
	o.callS = m.counter("operation_call_seconds_total", "Time that calls of other operations took.", call...)
	return o
}

// spanKey tells operations apart.
type spanKey struct {
	name string
	kind observe.OperationKind
}

// read reads the totals of all operations and their exemplars, sorted alike.
func (o *operationMetrics) read(all []observe.OperationStat, exemplars []hale.Exemplar) {
	of := make([]traced, len(exemplars))
	for i, e := range exemplars {
		of[i].Exemplar = e
	}
	from := map[spanKey][]traced{}
	for len(of) > 0 {
		key, n := spanKey{of[0].Name, of[0].Kind}, 1
		for n < len(of) && (spanKey{of[n].Name, of[n].Kind}) == key {
			n++
		}
		from[key], of = of[:n:n], of[n:]
	}
	for i := range all {
		st := &all[i]
		name, kind, of := st.Name, string(st.Kind), from[spanKey{st.Name, st.Kind}]
		for _, out := range st.Outcomes {
			o.requests.add(float64(out.Count), name, kind, out.Name)
		}
		o.duration.add(st, of, name, kind)
		o.flight.add(float64(max(st.InFlight, 0)), name, kind)
		o.failures.add(float64(st.Failed), name, kind)
		o.inherited.add(float64(st.Inherited), name, kind)
		for _, c := range st.Calls {
			o.calls.add(float64(c.Count), name, kind, c.Name)
			o.callFailures.add(float64(c.Failed), name, kind, c.Name)
			o.callS.add(c.Time.Seconds(), name, kind, c.Name)
		}
		for _, r := range st.Reported {
			o.business.add(float64(r.Count), r.Name)
		}
		if method, path, ok := route(st); ok {
			for _, out := range st.Outcomes {
				o.httpRequests.add(float64(out.Count), path, method, out.Name)
			}
			o.httpDuration.add(st, of, path, method)
		}
	}
}

// route returns the method and the pattern of an operation that serves HTTP requests.
func route(st *observe.OperationStat) (method, path string, ok bool) {
	method, path, _ = strings.Cut(st.Name, " ")
	if st.Kind != observe.Server || method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", "", false
	}
	return method, path, strings.Contains(path, "/") || path == "(unmatched)" // a pattern may begin with a host
}
