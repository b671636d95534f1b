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
// before idle connections are closed. It should be longer than clients leave a connection
// idle between two requests, as far as those must not fail. Default: 2s; what is below 0
// counts as 0.
func Window(d time.Duration) ServeOption { return func(s *serving) { s.window = max(d, 0) } }

// DrainTimeout sets for how long requests that are under way may go on after that. Default:
// 20s; what is below 0 counts as 0.
func DrainTimeout(d time.Duration) ServeOption { return func(s *serving) { s.drain = max(d, 0) } }

// settle is how long a connection that was accepted last may take to bring its request.
const settle = 500 * time.Millisecond

// serving is a server that drains.
type serving struct {
	window, drain time.Duration
	draining      atomic.Bool
}

// Serve serves a listener until ctx ends, and then drains so that no request is lost on a
// connection that is in use. For a window of time it goes on serving, and has each answer
// close its connection, so that clients come back by a new one, to a successor that has the
// same socket or, by a load balancer that has seen this one's readiness fall, to another
// instance. Then it closes the listener, answers what came last, and calls
// [http.Server.Shutdown], which closes what is idle and waits for requests under way.
// Shutdown alone closes idle connections first, and also drops a request that it reads
// meanwhile; clients do not send a POST again. Connections of HTTP/2 are told to end, and
// functions of RegisterOnShutdown are called, after the window.
//
// It returns nil when it has drained, an error that matches [context.DeadlineExceeded] when
// requests were cut off, and else what [http.Server.Serve] returned. It starts one goroutine,
// which has ended when it returns. It puts its own handler around srv.Handler, and shuts the
// server down with all of its listeners, so it serves a server once: another time gives an
// error that matches [ErrServed].
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
	time.Sleep(min(settle, s.window))
	if err := srv.Shutdown(limit); err != nil {
		return errors.Join(fmt.Errorf("halehttp: requests were under way %v after the service was told to end: %w", s.window+s.drain, err), srv.Close())
	}
	return nil
}

// ErrServed is matched by the error of [Serve] for a server that it serves or has served
// already. Make an [http.Server] for each listener; they may share a handler.
var ErrServed = errors.New("halehttp: Serve serves a server once: make an http.Server for each listener, with the same handler")

// wrapping is held while a server's handler is looked at and replaced.
var wrapping sync.Mutex

// wrap puts the handler of last answers around the server's own.
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
	return nil
}

// lastAnswers has each answer close its connection while the server drains.
type lastAnswers struct {
	draining *atomic.Bool
	next     http.Handler
}

func (h *lastAnswers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.draining.Load() && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	h.next.ServeHTTP(w, r)
}
