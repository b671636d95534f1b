package halehttp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hale-go/hale/halehttp"
)

// serving starts a server on loopback; stop has it drain, and ended gets what Serve
// returned.
func serving(t *testing.T, h http.Handler, opts ...halehttp.ServeOption) (url string, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	out := make(chan error, 1)
	go func() {
		out <- halehttp.Serve(ctx, &http.Server{Handler: h, ReadHeaderTimeout: time.Second}, l, opts...)
	}()
	t.Cleanup(stop)
	return "http://" + l.Addr().String(), stop, out
}

// A server hands over to another on the same socket, and no POST on a connection that is
// kept fails.
func TestServeDrains(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	successor, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	var answered [2]atomic.Int64
	server := func(i int) *http.Server {
		return &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
			answered[i].Add(1)
		})}
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	serve := func(ctx context.Context, i int, l net.Listener) {
		go func() { ended <- halehttp.Serve(ctx, server(i), l, halehttp.Window(200*time.Millisecond)) }()
	}
	serve(ctx, 0, l)
	var clients sync.WaitGroup
	over := make(chan struct{})
	for range 16 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-over:
					return
				default:
				}
				resp, err := client.Post("http://"+l.Addr().String(), "text/plain", strings.NewReader("an order"))
				if err != nil {
					t.Errorf("a request was lost: %v", err)
					continue
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(body) != "an order" || err != nil {
					t.Errorf("got %q, %v", body, err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for answered[0].Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	second, end := context.WithCancel(context.Background())
	serve(second, 1, successor)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for at := answered[1].Load(); answered[1].Load() < at+100; {
		time.Sleep(time.Millisecond)
	}
	close(over)
	clients.Wait()
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What is under way may end, within its time.
func TestServeWaits(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		cut   bool
	}{"in time": {300 * time.Millisecond, false}, "too long": {time.Minute, true}} {
		t.Run(name, func(t *testing.T) {
			begun, gone := make(chan struct{}), make(chan struct{})
			url, stop, ended := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				close(begun)
				select {
				case <-time.After(c.takes):
				case <-r.Context().Done():
				}
				_, _ = io.WriteString(w, "done")
			}), halehttp.Window(10*time.Millisecond), halehttp.DrainTimeout(time.Second))
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			answer := make(chan error, 1)
			go func() {
				resp, err := client.Get(url)
				if err == nil {
					_ = resp.Body.Close()
				}
				answer <- err
			}()
			<-begun
			stop()
			if err := <-ended; errors.Is(err, context.DeadlineExceeded) != c.cut || (err == nil) == c.cut {
				t.Errorf("Serve returned %v", err)
			}
			if err := <-answer; (err != nil) != c.cut {
				t.Errorf("the client got %v", err)
			}
			<-gone
		})
	}
}

// A server that cannot serve says so at once.
func TestServeFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := halehttp.Serve(t.Context(), &http.Server{ReadHeaderTimeout: time.Second}, l); err == nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// A server that is served already is not served by another listener too, whose end would be
// the end of both; nor again.
func TestServeTwice(t *testing.T) {
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	ctx, stop := context.WithCancel(context.Background())
	const times = 4
	ended := make(chan error, times)
	for range times {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // of those that were not served
		go func() { ended <- halehttp.Serve(ctx, srv, l, halehttp.Window(0)) }()
	}
	for range times - 1 {
		if err := <-ended; !errors.Is(err, halehttp.ErrServed) {
			t.Errorf("got %v", err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the one that is served: %v", err)
	}
}
