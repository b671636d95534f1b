package halehttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of [Serve].
const (
	defaultWindow = 2 * time.Second
	defaultDrain  = 20 * time.Second
)

// ServeOption is a choice for [Serve].
type ServeOption func(*serving)

// Window sets for how long requests are still answered, each connection for the last time,
// before the listener is closed, and for how long a connection of HTTP/1 must have brought no
// request before it is closed (but no longer than half of the [DrainTimeout]). It should be
// longer than clients leave a connection idle between two requests, as far as those must not
// fail. Default: 2s; what is below 0 counts as 0.
func Window(d time.Duration) ServeOption { return func(s *serving) { s.window = max(d, 0) } }

// DrainTimeout sets for how long requests that are under way, and connections that have just
// been opened, may go on after that. Default: 20s; what is below 0 counts as 0.
func DrainTimeout(d time.Duration) ServeOption { return func(s *serving) { s.drain = max(d, 0) } }

// look is how often the connections that are left are looked at.
const look = 20 * time.Millisecond

// serving is a server that drains.
type serving struct {
	window, drain time.Duration
	draining      atomic.Bool
	connections   connections
}

// Serve serves a listener until ctx ends, and then drains so that no request is lost on a
// connection that is in use. For a window of time it goes on serving, and has each answer
// close its connection, so that clients come back by a new one, to a successor that has the
// same socket or, by a load balancer that has seen this one's readiness fall, to another
// instance. Then it closes the listener, and goes on answering until each connection of
// HTTP/1 has had its last answer or has brought nothing for the length of the window, also
// those that a client opened in advance and has not used yet. Last it calls
// [http.Server.Shutdown], which waits for requests under way, tells connections of HTTP/2 to
// end, and calls the functions of RegisterOnShutdown. Shutdown alone closes idle connections
// at once, and from then on drops each request that it reads on a connection that is open;
// clients do not send a POST again.
//
// What is left is HTTP/1's own: a request that a client sends on a connection which it has
// left idle for longer than the window, in the moment in which that is closed, gets no answer
// (io.EOF or a reset), and no handler has seen it. Clients rule that out by an idle timeout
// shorter than the window ([http.Transport.IdleConnTimeout]; 90s in [http.DefaultTransport]), or
// send it again by themselves where they know that they may: Go's do for GET, and for any
// method with a header Idempotency-Key.
//
// It returns nil when it has drained, an error that matches [context.DeadlineExceeded] when
// requests were cut off, and else what [http.Server.Serve] returned. It starts one goroutine,
// which has ended when it returns. It puts its own handler around srv.Handler, its own hooks
// around srv.ConnContext and srv.ConnState, and shuts the server down with all of its
// listeners, so it serves a server once: another time gives an error that matches
// [ErrServed]. Following a connection takes no allocation for a request, and about two
// hundredths of the time of one that is answered at once; the row "serve" of bench measures that.
func Serve(ctx context.Context, srv *http.Server, l net.Listener, opts ...ServeOption) error {
	s := &serving{window: defaultWindow, drain: defaultDrain}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	if err := s.wrap(srv); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.draining.Store(true)
	window := time.NewTimer(s.window)
	defer window.Stop()
	select {
	case err := <-ended:
		return err
	case <-window.C:
	}
	_ = l.Close() // it may be closed already, which is as good
	<-ended       //nolint:errcheck // it is of the listener that was closed
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	s.empty(limit)
	if err := srv.Shutdown(limit); err != nil {
		return errors.Join(fmt.Errorf("halehttp: requests were under way %v after the service was told to end: %w", s.window+s.drain, err), srv.Close())
	}
	return nil
}

// empty waits until no connection of HTTP/1 may bring a request any more, or ctx ends.
func (s *serving) empty(ctx context.Context) {
	s.connections.complete.Store(true)
	idle := min(s.window, s.drain/2)
	again := time.NewTicker(look)
	defer again.Stop()
	for !s.connections.retire(idle) {
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// ErrServed is matched by the error of [Serve] for a server that it serves or has served
// already. Make an [http.Server] for each listener; they may share a handler.
var ErrServed = errors.New("halehttp: Serve serves a server once: make an http.Server for each listener, with the same handler")

// wrapping is held while a server's handler is looked at and replaced.
var wrapping sync.Mutex

// wrap puts the handler of last answers around the server's own, and follows its connections.
func (s *serving) wrap(srv *http.Server) error {
	wrapping.Lock()
	defer wrapping.Unlock()
	next := srv.Handler
	if _, ok := next.(*lastAnswers); ok {
		return ErrServed
	}
	if next == nil {
		next = http.DefaultServeMux
	}
	srv.Handler = &lastAnswers{&s.draining, next}
	s.connections.follow(srv)
	return nil
}

// lastAnswers has each answer close its connection while the server drains.
type lastAnswers struct {
	draining *atomic.Bool
	next     http.Handler
}

func (h *lastAnswers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handles(r)
	if h.draining.Load() && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	h.next.ServeHTTP(w, r)
}
