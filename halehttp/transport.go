package halehttp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// transport makes requests under hale's care.
type transport struct {
	rt    *hale.Runtime
	next  http.RoundTripper
	name  func(*http.Request) string // see [Named]
	hosts table
}

// maxHosts is how many names a [Transport] tells apart.
const maxHosts = 128

// Transport returns a round tripper that sends requests by next, nil for
// [http.DefaultTransport], each as a [hale.Span] of the operation that it calls: the
// host, or what [Named] says. Of these, 128 are told apart, and the others are "other
// hosts". The request takes along X-Request-Id, unless it has one, and the headers of
// the trace and of the baggage, whoever the receiver is. The caller's own request is
// not changed.
//
// The span ends when the headers of the response are there, so its latency is the time
// to them, and no body has to be closed for it. The outcome is the status, from 500 on
// a failure, or the [hale.ErrorType] of the error. A caller who gave up is "canceled"
// and no failure. It starts no goroutine. A nil runtime, or one that was not made by
// [hale.New], sends without care.
func Transport(rt *hale.Runtime, next http.RoundTripper, opts ...TransportOption) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	t := &transport{rt: rt, next: next, hosts: table{rt: rt, kind: observe.Client, most: maxHosts, rest: "other hosts"}}
	for _, opt := range opts {
		if opt != nil {
			opt(t)
		}
	}
	return t
}

// RoundTrip sends one request.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	op := t.operation(req)
	if op == nil {
		return t.next.RoundTrip(req)
	}
	ctx, span := op.Start(req.Context())
	defer span.Finish(outcomePanic, true) // of one that ended by a panic or Goexit and not by what follows
	resp, err := t.next.RoundTrip(t.outgoing(ctx, req))
	switch {
	case err != nil:
		called(ctx, span, err)
	case resp != nil:
		span.Finish(statusText(resp.StatusCode), resp.StatusCode >= http.StatusInternalServerError)
	}
	return resp, err
}

// CloseIdleConnections is what [http.Client] calls by its method of that name.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *transport) operation(req *http.Request) *hale.Operation {
	if t.name != nil {
		if name := asked(t.name, req); name != "" {
			return t.hosts.at(tableKey{pattern: name}, "")
		}
	}
	host := ""
	if req.URL != nil {
		host = strings.ToLower(req.URL.Host)
	}
	if host == "" {
		host = "(no host)"
	}
	return t.hosts.at(tableKey{pattern: host}, observe.Domain(host))
}

// outgoing returns the request as it is sent.
func (t *transport) outgoing(ctx context.Context, req *http.Request) *http.Request {
	out := req.WithContext(ctx)
	out.Header = req.Header.Clone()
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if id := hale.RequestID(ctx); id != "" && len(out.Header[requestIDHeader]) == 0 {
		out.Header[requestIDHeader] = []string{id}
	}
	t.rt.Inject(ctx, out.Header.Set)
	return out
}

// called ends the span of a request that was not answered. An error of a context that
// ended may be the cause that somebody gave it.
func called(ctx context.Context, span *hale.Span, err error) {
	switch ended := ctx.Err(); {
	case errors.Is(ended, context.DeadlineExceeded), errors.Is(context.Cause(ctx), hale.ErrBudget):
		span.End(context.DeadlineExceeded)
	case ended != nil:
		span.End(context.Canceled)
	default:
		span.End(err)
	}
}
