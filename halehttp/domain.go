package halehttp

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/isolate"
	"github.com/hale-go/hale/observe"
)

// Domain puts the routes in a fault domain: requests go through its rate, bulkhead and
// breaker before the handler is called, and have its timeout where there is no [Timeout].
// A handler that ignores the end of its context is found as a stuck task, and keeps its
// place until it returns: only its own goroutine can answer the request.
// A status from 500 on and a panic are failures to the breaker, of which each route has
// its own. What is refused is answered with 503, or 429 where it came too fast, and a
// Retry-After where that is known; see [Degraded]. It counts as no failure of the route.
// Of a domain that [hale.Config.Domains] does not declare, routes have the name only.
// Default: each route is a domain of its own. Within another handler that is in the same
// domain, a request goes through the walls once.
func Domain(name observe.Domain) Option {
	return func(s *server) { s.domain = name }
}

// Degraded gives requests to h that the domain refuses, or that a quarantine does, and
// all while the switch of the domain is degraded (see [hale.Degraded]): an older copy, an
// empty list, what costs little and needs nobody. It is called as a task named like the
// route with " (degraded)"; what panics in it is answered with 500.
func Degraded(h http.Handler) Option { return func(s *server) { s.degraded = h } }

// within serves a request behind the walls of its domain.
func (s *server) within(ctx context.Context, wide http.ResponseWriter, x *writer) {
	if x.inside { // another place in the same domain might have to wait for this one
		s.call(ctx, wide, x)
		return
	}
	wall := x.to.op.Wall()
	if s.lesser(x) != nil && wall.Degraded() {
		s.refuse(ctx, wide, x, hale.ErrDegraded)
		return
	}
	visit, err := wall.Enter(ctx)
	if err != nil {
		s.refuse(ctx, wide, x, err)
		return
	}
	out := isolate.Failed // of one that panics
	defer func() { visit.Leave(out) }()
	if s.timeout == 0 && wall.Timeout() > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, wall.Timeout(), hale.ErrTimeout)
		defer cancel()
		x.bound(ctx)
	}
	s.call(ctx, wide, x)
	switch {
	case x.gone || x.left() || x.settled: // a stream says nothing about how long an answer takes
		out = isolate.Ignored
	case x.status == http.StatusServiceUnavailable, x.status == http.StatusGatewayTimeout:
		out = isolate.Dropped
	case x.status < http.StatusInternalServerError:
		out = isolate.Succeeded
	}
}

// lesser returns what answers instead: this one's degraded handler, or that of the
// [Handler] which the request would have come to.
func (s *server) lesser(x *writer) http.Handler {
	if s.degraded == nil && x.to.leaf != nil {
		return x.to.leaf.degraded
	}
	return s.degraded
}

// refuse answers a request that was not let in.
func (s *server) refuse(ctx context.Context, wide http.ResponseWriter, x *writer, err error) {
	x.refused = true
	if s.lesser(x) != nil && s.degrade(ctx, wide, x) {
		return
	}
	x.fail(refusal(x.inner.Header(), err))
}

// refusal returns the status for what was turned away, and sets Retry-After.
func refusal(h http.Header, err error) (code int) {
	code = http.StatusServiceUnavailable
	if errors.Is(err, hale.ErrRateLimited) {
		code = http.StatusTooManyRequests
	}
	after := time.Second
	if refused, ok := errors.AsType[*isolate.RefusedError](err); ok {
		after = max(refused.RetryAfter, after)
	}
	h.Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	return code
}

// Refuse answers a request of which [hale.Call] returned err, if that says that the call
// was turned away: with 429 where such calls come too fast, else with 503, and with a
// Retry-After. It reports whether it did; it writes nothing for other errors. A route whose
// answer has that reason, by Refuse or otherwise, has not failed: the incident is that of
// the domain which turned the call away.
func Refuse(w http.ResponseWriter, err error) bool {
	if _, ok := errors.AsType[*isolate.RefusedError](err); !ok && !errors.Is(err, hale.ErrQuarantined) {
		return false
	}
	code := refusal(w.Header(), err)
	http.Error(w, http.StatusText(code), code)
	return true
}

// degrade has the degraded handler answer, and reports whether it could be called.
func (s *server) degrade(ctx context.Context, wide http.ResponseWriter, x *writer) bool {
	called := false
	err := s.rt.Do(ctx, x.to.op.Name()+" (degraded)", func(ctx context.Context) error {
		called = true
		s.lesser(x).ServeHTTP(wide, x.request.WithContext(ctx))
		return nil
	}, hale.InDomain(x.to.op.Domain()))
	switch {
	case called && err != nil:
		x.refused = false
		x.broke(err)
	case called:
		x.to.op.Wall().FellBack()
	}
	return called
}
