package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/hale-go/hale/halehttp"
)

// serveSlices is into how many slices for each side a round is cut. They take turns, as
// those of the http contest do.
const serveSlices = 16

// serveContest is answering a short request over loopback, on connections that are
// kept, by a server under halehttp.Serve, which follows its connections so that it
// can drain, and by http.Server.Serve alone. Twice as many clients as processors keep
// the server busy. They write and read bytes and allocate nothing, so that they add
// as little as can be to what is measured.
func serveContest(requests int) contest {
	const name, pair = "serve", "halehttp.Serve and http.Server.Serve"
	return contest{
		name: name,
		open: func() ([]contestant, error) {
			followed, err := newService(serveHale)
			if err != nil {
				return nil, err
			}
			plain, err := newService(servePlain)
			if err != nil {
				followed.close()
				return nil, err
			}
			return []contestant{{
				name:    pair,
				measure: func() (reading, error) { return inTurn(followed, plain, requests/serveSlices) },
				close:   func() { followed.close(); plain.close() },
			}}, nil
		},
		rows: func(r results) []row {
			of := func(what string) (x, y series) {
				return r.of(pair, value("followed "+what)), r.of(pair, value("plain "+what))
			}
			x, y := of("ns")
			u, v := of("cpu")
			more, less := of("allocs")
			const against = "halehttp.Serve / http.Server.Serve"
			return []row{
				{
					name: name + " " + against, values: x.over(y), unit: times, target: 1.05,
					note: fmt.Sprintf("medians %.0f ns / %.0f ns; processor time %.3fx, %.0f ns / %.0f ns", x.median(), y.median(), u.over(v).median(), u.median(), v.median()),
				},
				{
					name: name + " allocations halehttp.Serve - plain", values: more.less(less), unit: allocs, sense: none,
					note: fmt.Sprintf("medians %.2f / %.2f", more.median(), less.median()),
				},
			}
		},
	}
}

// inTurn has both services answer n requests in each of their slices and returns the
// means.
func inTurn(followed, plain *service, n int) (reading, error) {
	sides, names := []*service{followed, plain}, []string{"followed ", "plain "}
	values := map[string]float64{}
	for i := range 2 * serveSlices {
		side := (i + i/2) % 2 // 0 1 1 0 0 1 1 0 …
		m, err := sides[side].answer(n)
		if err != nil {
			return reading{}, fmt.Errorf("%s: %w", names[side], err)
		}
		for what, v := range map[string]float64{"ns": m.nanos, "cpu": m.cpu, "allocs": m.allocs} {
			values[names[side]+what] += v / serveSlices
		}
	}
	return reading{values: values}, nil
}

// serveHale serves until it is stopped, without a window: the clients have gone.
func serveHale(server *http.Server, l net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = halehttp.Serve(ctx, server, l, halehttp.Window(0)) // requests that are cut off have failed their round
	}()
	return func() { cancel(); <-ended }
}

func servePlain(server *http.Server, l net.Listener) (stop func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // its one error is that it was closed
	}()
	return func() { _ = server.Close(); <-ended }
}

// service is a server with its clients.
type service struct {
	callers []*caller
	stop    func()
}

// newService starts a server and connects its clients.
func newService(serve func(*http.Server, net.Listener) (stop func())) (*service, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{stop: serve(&http.Server{Handler: short(), ReadHeaderTimeout: time.Minute}, l)}
	for range 2 * runtime.GOMAXPROCS(0) {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			s.close()
			return nil, err
		}
		s.callers = append(s.callers, &caller{conn: conn, answers: bufio.NewReader(conn)})
	}
	return s, nil
}

func (s *service) close() {
	for _, c := range s.callers {
		_ = c.conn.Close() // only the server has anything to lose
	}
	s.stop()
}

// answer measures n requests.
func (s *service) answer(n int) (reading, error) {
	var failed error
	m := tight(n, func(n int) { failed = errors.Join(failed, s.callAll(n)) })
	return m, failed
}

// callAll sends n requests, one after another on each connection.
func (s *service) callAll(n int) error {
	errs := make([]error, len(s.callers))
	var all sync.WaitGroup
	for i, c := range s.callers {
		all.Go(func() {
			for k := i; errs[i] == nil && k < n; k += len(s.callers) {
				errs[i] = c.call()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// caller is a client of HTTP/1.1 with one connection, which it keeps.
type caller struct {
	conn    net.Conn
	answers *bufio.Reader
}

var shortRequest = []byte("GET /orders/7 HTTP/1.1\r\nHost: shop.example\r\n\r\n")

// call sends a request and reads its answer, whose body is one byte.
func (c *caller) call() error {
	if _, err := c.conn.Write(shortRequest); err != nil {
		return err
	}
	for first := true; ; first = false {
		line, err := c.answers.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !strings.HasPrefix(string(line), "HTTP/1.1 200 "):
			return fmt.Errorf("a request was answered with %q", line)
		case len(line) > len("\r\n"):
			continue
		}
		body, err := c.answers.ReadByte()
		if err == nil && body != '7' {
			err = fmt.Errorf("an answer is %q", body)
		}
		return err
	}
}
