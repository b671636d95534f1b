package halehttp

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// connections are those that a server has not closed. Only the draining needs them, and it
// needs all of them, so they are followed from the start.
type connections struct {
	readTimeout time.Duration // of the server
	open        sync.Map      // net.Conn to *connection
	complete    atomic.Bool   // what is opened now is of other listeners, which Shutdown closes
}

// connection is one of them.
type connection struct {
	mu      sync.Mutex
	state   http.ConnState
	since   time.Time // when it got into that state
	major   int       // of the protocol of its last request; 0: it has had none
	handled bool      // its request has got to the handler
	due     bool      // it has been idle for long enough when it was looked at last
	retired bool      // it is to end, unless a request was there first
}

type connectionKey struct{}

// follow has the server tell of its connections, besides what it tells already.
func (cs *connections) follow(srv *http.Server) {
	cs.readTimeout = srv.ReadTimeout
	within, state := srv.ConnContext, srv.ConnState
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if within != nil {
			ctx = within(ctx, nc)
		}
		if cs.complete.Load() || ctx == nil || !hashable(nc) {
			return ctx // net/http panics without a context, and a map at what is not hashable
		}
		c := &connection{since: time.Now()}
		cs.open.Store(nc, c)
		return context.WithValue(ctx, connectionKey{}, c)
	}
	srv.ConnState = func(nc net.Conn, to http.ConnState) {
		if hashable(nc) {
			cs.changed(nc, to)
		}
		if state != nil {
			state(nc, to)
		}
	}
}

// hashable reports whether a connection can be the key of a map. A pointer can, as nearly all
// are, which is known without the allocation that [reflect.Value.Comparable] makes.
func hashable(nc net.Conn) bool {
	v := reflect.ValueOf(nc)
	return v.Kind() == reflect.Pointer || v.Comparable()
}

func (cs *connections) changed(nc net.Conn, to http.ConnState) {
	v, ok := cs.open.Load(nc)
	if !ok {
		return
	}
	if to == http.StateClosed || to == http.StateHijacked {
		cs.open.Delete(nc)
		return
	}
	c := v.(*connection)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.since, c.due = to, time.Now(), false
	if to != http.StateActive {
		return
	}
	c.handled = false
	if c.retired { // the request came first; its body may be read
		c.retired = false
		var until time.Time
		if cs.readTimeout > 0 {
			until = c.since.Add(cs.readTimeout)
		}
		_ = nc.SetReadDeadline(until)
	}
}

// handles notes that a request has got to the handler.
func handles(r *http.Request) {
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.major, c.handled = r.ProtoMajor, true
	}
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// retire ends the connections of HTTP/1 that have brought no request for the time idle, and
// reports whether none is left that may bring one. They are not closed but have their read
// end, so that a request which has been read is served, and never half of it is. It takes two
// looks, since after a time without a processor what has come meanwhile has to be read first.
func (cs *connections) retire(idle time.Duration) (none bool) {
	none = true
	now := time.Now()
	cs.open.Range(func(key, value any) bool {
		c := value.(*connection)
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case c.state == http.StateActive && c.handled, c.state == http.StateIdle && c.major != 1:
			return true // Shutdown waits for it, and tells HTTP/2 to end
		case c.state != http.StateActive && now.Sub(c.since) >= idle:
			if c.due {
				c.retired = true
				_ = key.(net.Conn).SetReadDeadline(past) // it may be closed already, which is as good
			}
			c.due = true
		}
		none = false
		return true
	})
	return none
}
