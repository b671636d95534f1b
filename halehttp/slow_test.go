package halehttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// uploads reads what comes, and downloads sends what takes more than all buffers on
// the way. Both note how many came back.
func uploads(done *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer done.Add(1)
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, len(b))
	}
}

func downloads(done *atomic.Int32) http.HandlerFunc {
	file := strings.Repeat("x", 64<<20)
	return func(w http.ResponseWriter, r *http.Request) {
		defer done.Add(1)
		http.ServeContent(w, r, "f", time.Time{}, strings.NewReader(file))
	}
}

// slowly makes a request over HTTP/2 of which the client neither sends all nor reads
// anything.
func slowly(t *testing.T, srv *httptest.Server, method, path string) {
	ctx, cancel := context.WithCancel(context.Background())
	body, w := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, method, srv.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := srv.Client().Do(req); err == nil {
			<-ctx.Done()
			_ = resp.Body.Close()
		}
	}()
	t.Cleanup(func() { cancel(); _ = w.Close(); <-ended })
}

// dial opens a connection that is closed at the test's end.
func dial(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Clients that do not send what they announced, or do not read what they asked for,
// hold a handler for its timeout and no longer. Nobody else is turned away, and nothing
// counts as hung.
func TestSlowClients(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Tick: 100 * time.Millisecond, Policy: heal.Policy{Act: heal.Contain}}))
		overdue := collect(rt, func(e observe.Event) (string, bool) { return e.Subject.String(), e.Kind == observe.EventOverdue })
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() { defer close(ran); _ = rt.Run(ctx) }()
		defer func() { cancel(); <-ran }()
		var up, down atomic.Int32
		mux := http.NewServeMux()
		mux.Handle("POST /upload", uploads(&up))
		mux.Handle("GET /file", downloads(&down))
		srv := start(halehttp.Middleware(rt, halehttp.Timeout(time.Second))(mux))
		const slow = 3
		for range slow {
			if srv.EnableHTTP2 {
				slowly(t, srv, http.MethodPost, "/upload")
				slowly(t, srv, http.MethodGet, "/file")
				continue
			}
			fmt.Fprint(dial(t, srv), "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
			fmt.Fprint(dial(t, srv), "GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		honest := int32(0)
		until(t, "the slow ones end", func() bool {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/upload", strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			if a := fetch(t, srv.Client(), req); a.code != http.StatusOK || a.body != "5" {
				t.Fatalf("POST /upload: %d %s", a.code, a.body)
			}
			if a := get(t, srv, "/file", "Range", "bytes=0-99"); a.code != http.StatusPartialContent || len(a.body) != 100 {
				t.Fatalf("GET /file: %d %s", a.code, a.body)
			}
			honest++
			return up.Load() == honest+slow && down.Load() == honest+slow
		})
		if told := overdue(); len(told) > 0 {
			t.Errorf("hung: %q", told)
		}
	})
}

// Where a handler cannot be freed, the few that hang do not cut off a route that serves
// all others, and a route that hangs for all is cut off.
func TestFewHang(t *testing.T) {
	for _, all := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			rt := newRuntime(t, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Contain}}))
			ctx, cancel := context.WithCancel(t.Context())
			ran := make(chan struct{})
			go func() { defer close(ran); _ = rt.Run(ctx) }()
			free := make(chan struct{})
			defer func() { close(free); synctest.Wait(); cancel(); <-ran }()
			h := halehttp.Handler(rt, "GET /page", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if all || r.URL.Path == "/slow" {
					<-free
				}
			}), halehttp.Timeout(2*time.Second))
			serve := func(path string) int {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
				return w.Code
			}
			for range 3 {
				go serve("/slow")
			}
			var refused atomic.Int64 // after so long
			for start := time.Now(); time.Since(start) < time.Minute && refused.Load() == 0; time.Sleep(100 * time.Millisecond) {
				go func() {
					if serve("/") == http.StatusServiceUnavailable {
						refused.CompareAndSwap(0, int64(time.Since(start)))
					}
				}()
				synctest.Wait()
			}
			if after := time.Duration(refused.Load()); all != (after > 0) || after > 10*time.Second {
				t.Errorf("hangs for all: %v; cut off after %v", all, after)
			}
		})
	}
}

// The next request of a connection has none of the deadlines of the one before, nor
// has who takes the connection over.
func TestDeadlinesEndWithTheRequest(t *testing.T) {
	const timeout, past = 10 * time.Millisecond, 700 * time.Millisecond
	rt := newRuntime(t)
	var done atomic.Int32
	mux := http.NewServeMux()
	mux.Handle("POST /bounded", halehttp.Handler(rt, "POST /bounded", uploads(&done), halehttp.Timeout(timeout)))
	mux.Handle("POST /free", uploads(&done))
	mux.Handle("POST /mine", halehttp.Handler(rt, "POST /mine", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		line, err := buf.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(line), line)
	}), halehttp.Timeout(timeout)))
	srv := start(t, halehttp.Middleware(rt)(mux), false)
	for path, want := range map[string]string{"/free": "4", "/mine": "abc\n"} {
		c := dial(t, srv)
		answers := bufio.NewReader(c)
		read := func() string {
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(path, err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(path, resp.StatusCode, err)
			}
			return string(body)
		}
		fmt.Fprint(c, "POST /bounded HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
		if got := read(); got != "2" {
			t.Errorf("%q", got)
		}
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", path)
		<-time.After(past) // of the deadlines of both
		fmt.Fprint(c, "abc\n")
		if got := read(); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// A handler that ignored its timeout, and not for a client's sake, is answered all the
// same.
func TestLateAnswer(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		rt := newRuntime(t)
		mux := http.NewServeMux()
		mux.HandleFunc("POST /{$}", func(http.ResponseWriter, *http.Request) { <-time.After(700 * time.Millisecond) })
		srv := start(halehttp.Middleware(rt, halehttp.Timeout(10*time.Millisecond))(mux))
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			if a := fetch(t, srv.Client(), req); a.code != http.StatusServiceUnavailable {
				t.Errorf("%d", a.code)
			}
		}
	})
}
