package halehttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hale-go/hale"
)

// writer is the [http.ResponseWriter] of one request, and what is noted about it. It
// is handed to user code and therefore never used again.
type writer struct {
	inner   http.ResponseWriter
	request *http.Request // as it came: its context ends with its client
	span    *hale.Span
	around  *hale.Span // instead, where the request is counted by what is around
	id      [1]string  // the value of the header
	to      route

	status   int  // of the answer; 0: there is none yet
	gone     bool // the client had given up before the answer
	began    bool // the handler was called, or turned away by the walls
	inside   bool // a handler around has gone through the walls of the domain
	refused  bool // it was turned away: that is no failure of the route, which would keep it so
	flushed  bool
	hijacked bool
	settled  bool // what follows is a stream, or somebody else's

	end     time.Time // by when the answer is to be written; zero: nobody says
	bounded bool      // and what is read of the body
}

// Header returns the server's own header map.
func (w *writer) Header() http.Header { return w.inner.Header() }

// Unwrap returns the server's writer, for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.inner }

// WriteHeader passes the status on. One below 200 is no answer, but for 101.
func (w *writer) WriteHeader(code int) {
	final := code >= http.StatusOK || code == http.StatusSwitchingProtocols
	if final && w.status == 0 {
		w.begin()
	} else {
		w.oneID()
	}
	w.inner.WriteHeader(code) // panics where the code is none
	if final {
		w.note(code)
	}
}

// Write passes on.
func (w *writer) Write(b []byte) (int, error) {
	w.answer(http.StatusOK)
	return w.inner.Write(b)
}

// WriteString passes on, without a copy where the server can.
func (w *writer) WriteString(s string) (int, error) {
	w.answer(http.StatusOK)
	return io.WriteString(w.inner, s)
}

// ReadFrom passes on; it is how files are sent without a copy.
func (w *writer) ReadFrom(src io.Reader) (n int64, err error) {
	status, gone := w.status, w.gone
	w.answer(http.StatusOK)
	if rf, ok := w.inner.(io.ReaderFrom); ok {
		n, err = rf.ReadFrom(src)
	} else {
		n, err = io.Copy(struct{ io.Writer }{w.inner}, src)
	}
	if n == 0 && err != nil { // nothing was sent: there may still be another answer
		w.status, w.gone = status, gone
	}
	return n, err
}

// answer begins the answer, where it has not begun.
func (w *writer) answer(code int) {
	if w.status == 0 {
		w.begin()
		w.note(code)
	}
}

// note notes the status of the answer, and whether anybody was still there to get it.
func (w *writer) note(code int) {
	if w.status == 0 {
		w.status, w.gone = code, w.left()
	}
}

// oneID takes away the request ID that a proxy added which its backend answered with.
func (w *writer) oneID() {
	if h := w.inner.Header(); len(h[requestIDHeader]) > 1 {
		h[requestIDHeader] = w.id[:]
	}
}

// left reports whether the client has given up.
func (w *writer) left() bool {
	err := w.request.Context().Err()
	return err != nil && errors.Is(err, context.Canceled)
}

// flush notes that something was sent. From then on a stream of events is a stream.
func (w *writer) flush() {
	w.answer(http.StatusOK)
	if w.flushed {
		return
	}
	w.flushed = true
	if strings.HasPrefix(w.inner.Header().Get("Content-Type"), "text/event-stream") {
		w.settled = true
		w.finish(w.span.Settle)
	}
}

// took notes that the connection was taken over.
func (w *writer) took() {
	w.hijacked, w.settled = true, true
	switch {
	case w.status != 0:
		w.finish(w.span.Settle)
	case w.request.Header.Get("Upgrade") != "":
		w.span.Settle("101", false)
	default:
		w.span.Settle(outcomeHijacked, false)
	}
}

// finish ends the span, by Finish or Settle, with what was answered.
func (w *writer) finish(end func(string, bool)) {
	switch {
	case w.gone:
		end(outcomeCanceled, false)
	case w.refused:
		end(statusText(w.status), false)
	default:
		end(statusText(w.status), w.status >= http.StatusInternalServerError)
	}
}

// fail answers with an error of hale's own, where there was no answer.
func (w *writer) fail(code int) {
	h := w.inner.Header()
	for _, key := range []string{"Content-Encoding", "Etag", "Last-Modified", "Cache-Control"} { // of an answer that was not to be
		h.Del(key)
	}
	w.answer(code)
	http.Error(w.inner, http.StatusText(code), code)
}

// CloseNotify implements [http.CloseNotifier] for handlers of old, which take for
// granted that the server's writer does. Where the inner one does not, the channel
// stays silent.
func (w *writer) CloseNotify() <-chan bool {
	if n, ok := w.inner.(http.CloseNotifier); ok { //nolint:staticcheck // deprecated, and asked for by gin
		return n.CloseNotify()
	}
	return make(chan bool)
}
