package halehttp

import (
	"context"
	"net/http"
	"time"
)

// spare is how long after a timeout the connection's deadlines are: a handler that
// heeds its context has time to answer, and one that waits for the client is done
// before it counts as one that ignores the end of its budget, a second after it.
const spare = 500 * time.Millisecond

// bound gives what the handler reads of a body and writes of an answer an end, since
// nobody who waits for the client can look at a context. It is done before the handler
// is called, and not when the time is up: then the connection may be the next
// request's, or somebody else's who took it over, and the server, which waits there for
// what comes after the body, would take the deadline for the client's leaving. From a
// connection that is used again or taken over, net/http removes it.
func (w *writer) bound(ctx context.Context) {
	end, _ := ctx.Deadline()
	end = end.Add(spare)
	read, write := serverLimits(ctx)
	if body := w.request.Body; body != nil && body != http.NoBody && !sooner(read, end) {
		w.bounded = http.NewResponseController(w.inner).SetReadDeadline(end) == nil
	}
	if !sooner(write, end) {
		w.end = end
	}
}

// serverLimits returns how long the server itself lets a request be read and answered.
func serverLimits(ctx context.Context) (read, write time.Duration) {
	srv, _ := ctx.Value(http.ServerContextKey).(*http.Server)
	if srv == nil {
		return 0, 0
	}
	return srv.ReadTimeout, srv.WriteTimeout
}

// sooner reports whether a limit of the server's is over before end: then it stays.
func sooner(limit time.Duration, end time.Time) bool {
	return limit > 0 && limit <= time.Until(end)
}

// begin is called before an answer begins. The time for it is bound only now, so that
// a handler that ignored its timeout and was waiting for something else can be
// answered still.
func (w *writer) begin() {
	w.oneID()
	if w.end.IsZero() || w.hijacked {
		return
	}
	end, now := w.end, time.Now()
	if _, limit := serverLimits(w.request.Context()); limit <= 0 && now.Add(spare).After(end) {
		end = now.Add(spare)
	}
	if w.bounded && !now.Before(w.end) && w.request.ProtoMajor == 1 {
		w.inner.Header().Set("Connection", "close") // what waits there for the next request may have seen the deadline
	}
	_ = http.NewResponseController(w.inner).SetWriteDeadline(end) // HTTP/2 and HTTP/1 know it, others need not
}

// SetWriteDeadline is what [http.ResponseController] calls. A handler that sets one
// has its own.
func (w *writer) SetWriteDeadline(t time.Time) error {
	err := http.NewResponseController(w.inner).SetWriteDeadline(t)
	if err == nil {
		w.end = time.Time{}
	}
	return err
}
