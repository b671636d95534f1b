package halehttp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/halehttp"
)

// pipes are a listener whose connections are in the process, so that time is the test's.
type pipes struct {
	waiting chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func newPipes() *pipes { return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// peer is a client of one connection.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (p *pipes) dial(t *testing.T) *peer {
	client, server := net.Pipe()
	p.waiting <- server
	synctest.Wait()
	return &peer{t, client, bufio.NewReader(client)}
}

// post sends a request and returns whether its answer closes the connection.
func (p *peer) post(path, body string) (last bool) {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://hale"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- req.Write(p.conn) }()
	resp, err := http.ReadResponse(p.r, req)
	if err != nil {
		p.t.Errorf("%s: %v", path, err)
		p.conn.Close()
		if err := <-sent; err != nil {
			p.t.Logf("%s: sending: %v", path, err)
		}
		return true
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); string(got) != body || err != nil {
		p.t.Errorf("%s: got %q, %v", path, got, err)
	}
	if err := <-sent; err != nil {
		p.t.Errorf("%s: %v", path, err)
	}
	return resp.Close
}

// open reports whether the server has not closed the connection.
func (p *peer) open() bool {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	_, err := p.r.Peek(1)
	_ = p.conn.SetReadDeadline(time.Time{})
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// TestServeConnections: a connection that the server has not told to be the last time is
// closed when it has brought nothing for the window, and what it brings before is answered.
func TestServeConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, stop := context.WithCancel(t.Context())
		var states atomic.Int64
		srv := &http.Server{
			ReadHeaderTimeout: time.Minute,
			ConnState:         func(net.Conn, http.ConnState) { states.Add(1) },
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.URL.Path == "/slow" {
					time.Sleep(2500 * time.Millisecond)
				}
				_, _ = w.Write(body)
			}),
		}
		var shut time.Time
		srv.RegisterOnShutdown(func() { shut = time.Now() })
		ended := make(chan error, 1)
		go func() {
			ended <- halehttp.Serve(ctx, srv, l, halehttp.Window(2*time.Second), halehttp.DrainTimeout(10*time.Second))
		}()
		used, idle, slow := l.dial(t), l.dial(t), l.dial(t)
		for _, p := range []*peer{used, idle} {
			if p.post("/", "an order") {
				t.Error("an answer closes its connection though the server goes on")
			}
		}
		time.Sleep(time.Minute / 2)
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			slow.post("/slow", "slow") // its answer does not close, since it began before
		}()
		synctest.Wait()
		time.Sleep(time.Second)
		stop()
		began := time.Now()
		at := func(d time.Duration) { time.Sleep(time.Until(began.Add(d))); synctest.Wait() }

		at(time.Second)
		if !used.post("/", "the last") {
			t.Error("an answer in the window leaves its connection open")
		}
		fresh, unused := l.dial(t), l.dial(t) // opened in advance
		at(1900 * time.Millisecond)
		<-answered // after 1.5 s
		if !idle.open() || !slow.open() {
			t.Error("a connection that was told nothing was closed within the window")
		}
		at(2100 * time.Millisecond)
		if idle.open() {
			t.Error("an idle connection is open after the window")
		}
		at(2900 * time.Millisecond)
		if !fresh.post("/", "the first") || !slow.post("/", "another") {
			t.Error("an answer after the window leaves its connection open")
		}
		if !unused.open() {
			t.Error("a connection was closed before it had time to be used")
		}
		at(3100 * time.Millisecond)
		if unused.open() {
			t.Error("a connection that was not used is open for good")
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > 3500*time.Millisecond || shut.Before(began.Add(3*time.Second)) {
			t.Errorf("it took %v, and Shutdown came after %v", d, shut.Sub(began))
		}
		if states.Load() == 0 {
			t.Error("the service's own hook is not called")
		}
	})
}

// held is a connection that is to end while its request is being read: when the server has
// got bytes of it, or later, when it has got the header and does not know yet.
type held struct {
	net.Conn
	later   bool
	read    atomic.Bool
	once    sync.Once
	retired chan struct{}
}

func (c *held) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 1 { // the server reads one byte to see whether the client has gone
		c.read.Store(true)
		if !c.later {
			<-c.retired
		}
	}
	return n, err
}

func (c *held) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	switch {
	case !t.IsZero() && t.Before(time.Now()):
		c.end()
	case c.later && c.read.Load():
		<-c.retired
	}
	return err
}

func (c *held) end() { c.once.Do(func() { close(c.retired) }) }

// A request that comes in the moment in which its connection is to end is read whole.
func TestServeRetired(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		later   bool
	}{
		"read": {}, "read with a timeout": {time.Minute, false},
		"header": {0, true}, "header with a timeout": {time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() {
					ended <- halehttp.Serve(ctx, &http.Server{
						ReadTimeout: c.timeout,
						Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							if _, err := io.Copy(w, r.Body); err != nil {
								t.Error(err)
							}
						}),
					}, l, halehttp.Window(time.Second), halehttp.DrainTimeout(10*time.Second))
				}()
				client, server := net.Pipe()
				conn := &held{Conn: server, later: c.later, retired: make(chan struct{})}
				l.waiting <- conn
				defer client.Close()
				defer conn.end()
				go func() {
					_, _ = io.WriteString(client, "POST / HTTP/1.1\r\nHost: hale\r\nContent-Length: 5\r\n\r\n")
					time.Sleep(2 * time.Second)
					_, _ = io.WriteString(client, "order")
				}()
				synctest.Wait()
				stop()
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if body, err := io.ReadAll(resp.Body); string(body) != "order" || err != nil || !resp.Close {
					t.Errorf("%s %q, %v", resp.Status, body, err)
				}
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Connections of another listener of the server, which come until the end, do not keep it
// from ending.
func TestServeOtherListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, other := newPipes(), newPipes()
		ctx, stop := context.WithCancel(t.Context())
		srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		ended := make(chan error, 1)
		go func() { ended <- halehttp.Serve(ctx, srv, l, halehttp.Window(time.Second)) }()
		synctest.Wait()
		go func() { _ = srv.Serve(other) }()
		go func() {
			for {
				client, server := net.Pipe()
				select {
				case other.waiting <- server:
					time.AfterFunc(100*time.Millisecond, func() { client.Close() })
				case <-other.closed:
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		began := time.Now()
		stop()
		if err := <-ended; err != nil || time.Since(began) > 2*time.Second {
			t.Errorf("it took %v: %v", time.Since(began), err)
		}
	})
}

// To follow a connection allocates nothing for a request.
func TestFollowingAllocatesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan net.Conn, 1)
	srv := &http.Server{ReadHeaderTimeout: time.Minute, ConnState: func(nc net.Conn, to http.ConnState) {
		if to == http.StateNew {
			opened <- nc
		}
	}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- halehttp.Serve(ctx, srv, l, halehttp.Window(0)) }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc := <-opened // srv.ConnState is halehttp's by now
	if n := testing.AllocsPerRun(100, func() {
		srv.ConnState(nc, http.StateActive)
		srv.ConnState(nc, http.StateIdle)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
