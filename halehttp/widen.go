package halehttp

import (
	"bufio"
	"net"
	"net/http"
)

// A handler asks its writer what it can do by type assertions, and must be told the
// truth: a WebSocket library looks for [http.Hijacker], which HTTP/2 has not. So there
// is a type for each set of the three that matter. The others, [io.ReaderFrom] and
// [io.StringWriter], every writer can be, since they only do better what Write does.
type (
	flushing          struct{ writer }
	hijacking         struct{ writer }
	pushing           struct{ writer }
	flushingHijacking struct{ flushing }
	flushingPushing   struct{ flushing }
	hijackingPushing  struct{ hijacking }
	allWriter         struct{ flushingHijacking }
)

// widen returns a fresh writer around inner that can do what inner can, and the part
// of it that all have.
func widen(inner http.ResponseWriter) (http.ResponseWriter, *writer) {
	_, f := inner.(http.Flusher)
	_, h := inner.(http.Hijacker)
	_, p := inner.(http.Pusher)
	switch {
	case f && h && p:
		w := new(allWriter)
		return w, &w.writer
	case f && h: // HTTP/1
		w := new(flushingHijacking)
		return w, &w.writer
	case f && p: // HTTP/2
		w := new(flushingPushing)
		return w, &w.writer
	case h && p:
		w := new(hijackingPushing)
		return w, &w.writer
	case f:
		w := new(flushing)
		return w, &w.writer
	case h:
		w := new(hijacking)
		return w, &w.writer
	case p:
		w := new(pushing)
		return w, &w.writer
	}
	w := new(writer)
	return w, w
}

func (w *flushing) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (w *flushing) FlushError() error {
	w.flush()
	if f, ok := w.inner.(interface{ FlushError() error }); ok {
		return f.FlushError()
	}
	w.inner.(http.Flusher).Flush()
	return nil
}

func (w *writer) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.inner.(http.Hijacker).Hijack()
	if err == nil {
		w.took()
	}
	return conn, buf, err
}

func (w *hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error)         { return w.hijack() }
func (w *flushingHijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w *writer) push(target string, opts *http.PushOptions) error {
	return w.inner.(http.Pusher).Push(target, opts)
}

func (w *pushing) Push(target string, o *http.PushOptions) error { return w.push(target, o) }

func (w *flushingPushing) Push(target string, o *http.PushOptions) error { return w.push(target, o) }

func (w *hijackingPushing) Push(target string, o *http.PushOptions) error { return w.push(target, o) }

func (w *allWriter) Push(target string, o *http.PushOptions) error { return w.push(target, o) }
