package halehttp_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/observe"
)

// plain is a writer that can do no more than it must, and parts of those that can.
type (
	plain   struct{ http.ResponseWriter }
	flushes struct{ flushed *bool }
	takes   struct{}
	pushes  struct{}
)

func (f flushes) Flush()                                   { *f.flushed = true }
func (takes) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errBroken }
func (pushes) Push(target string, opts *http.PushOptions) error {
	return errors.New(target + opts.Method)
}

// A handler's writer can do exactly what the server's can.
func TestWriterKinds(t *testing.T) {
	rt := newRuntime(t)
	base := func() plain { return plain{httptest.NewRecorder()} }
	var flushed bool
	f := flushes{&flushed}
	for name, inner := range map[string]http.ResponseWriter{
		"": base(),
		"f": struct {
			plain
			flushes
		}{base(), f},
		"h": struct {
			plain
			takes
		}{base(), takes{}},
		"p": struct {
			plain
			pushes
		}{base(), pushes{}},
		"fh": struct {
			plain
			flushes
			takes
		}{base(), f, takes{}},
		"fp": struct {
			plain
			flushes
			pushes
		}{base(), f, pushes{}},
		"hp": struct {
			plain
			takes
			pushes
		}{base(), takes{}, pushes{}},
		"fhp": struct {
			plain
			flushes
			takes
			pushes
		}{base(), f, takes{}, pushes{}},
	} {
		flushed = false
		h := halehttp.Handler(rt, "GET /kinds", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			got := ""
			if f, ok := w.(http.Flusher); ok {
				got += "f"
				if f.Flush(); !flushed {
					t.Errorf("%s: not flushed", name)
				}
			}
			if h, ok := w.(http.Hijacker); ok {
				got += "h"
				if _, _, err := h.Hijack(); !errors.Is(err, errBroken) {
					t.Errorf("%s: hijacked: %v", name, err)
				}
			}
			if p, ok := w.(http.Pusher); ok {
				got += "p"
				if err := p.Push("x", &http.PushOptions{Method: "y"}); err == nil || err.Error() != "xy" {
					t.Errorf("%s: pushed: %v", name, err)
				}
			}
			if got != name {
				t.Errorf("can %q, the server's can %q", got, name)
			}
			if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); !ok || u.Unwrap() != inner {
				t.Errorf("%s: does not unwrap", name)
			}
		}))
		h.ServeHTTP(inner, httptest.NewRequest(http.MethodGet, "/kinds", http.NoBody))
	}
	wants(t, rt, "GET /kinds", observe.Outcome{Name: "200", Count: 8})
}

// took is a writer whose connection can be taken over, and that must not be used
// afterwards.
type took struct {
	plain
	t    *testing.T
	over bool
}

func (w *took) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.over = true
	return nil, nil, nil
}

func (w *took) WriteHeader(code int) {
	if w.over {
		w.t.Errorf("answered with %d after the connection was taken over", code)
	}
}

// A connection that was taken over is the handler's own, whatever it does.
func TestTakenOver(t *testing.T) {
	rt := newRuntime(t)
	for i, end := range []func(*http.Request){
		func(*http.Request) {},
		func(*http.Request) { panic("x") },
		func(r *http.Request) { <-r.Context().Done() },
	} {
		h := halehttp.Handler(rt, "GET /ws", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _, _ = w.(http.Hijacker).Hijack()
			end(r)
		}), halehttp.Timeout(time.Millisecond))
		h.ServeHTTP(&took{plain: plain{httptest.NewRecorder()}, t: t}, httptest.NewRequest(http.MethodGet, "/ws", http.NoBody))
		wants(t, rt, "GET /ws", observe.Outcome{Name: "hijacked", Count: uint64(i + 1)})
	}
}

// The real servers' writers can through the middleware what they can without.
func TestServersOwnKinds(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		kinds := func(w http.ResponseWriter) (out string) {
			rc := http.NewResponseController(w)
			_, flusher := w.(http.Flusher)
			_, hijacker := w.(http.Hijacker)
			_, pusher := w.(http.Pusher)
			for i, ok := range []bool{
				flusher, hijacker, pusher, rc.EnableFullDuplex() == nil, rc.SetWriteDeadline(noTime) == nil, rc.SetReadDeadline(noTime) == nil, rc.Flush() == nil,
			} {
				if ok {
					out += string(rune('a' + i))
				}
			}
			return out
		}
		bare := ""
		srv := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/bare" {
				bare = kinds(w)
				return
			}
			halehttp.Middleware(newRuntime(t))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if got := kinds(w); got != bare || got == "" {
					t.Errorf("can %q, the server's can %q", got, bare)
				}
			})).ServeHTTP(w, r)
		}))
		get(t, srv, "/bare")
		get(t, srv, "/")
	})
}

// Headers before the answer, trailers after it, and both directions at once pass.
func TestPassesThrough(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		rt := newRuntime(t)
		mux := http.NewServeMux()
		mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			_ = rc.EnableFullDuplex() // HTTP/2 needs none
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Trailer", "X-Sum")
			line := bufio.NewReader(r.Body)
			for {
				s, err := line.ReadString('\n')
				if err != nil {
					break
				}
				_, _ = io.WriteString(w, strings.ToUpper(s))
				_ = rc.Flush()
			}
			w.Header().Set("X-Sum", "42")
		})
		srv := start(halehttp.Middleware(rt)(mux))
		out, in := io.Pipe()
		hints := 0
		req, err := http.NewRequestWithContext(withHints(t.Context(), &hints), http.MethodPost, srv.URL+"/echo", out)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(in, "one\n") }()
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body := bufio.NewReader(resp.Body)
		for _, next := range []string{"two\n", "three\n", ""} {
			line, err := body.ReadString('\n')
			if err != nil || line != strings.ToUpper(line) || line == "" {
				t.Fatalf("%q, %v", line, err)
			}
			if next != "" {
				_, _ = io.WriteString(in, next)
			}
		}
		in.Close()
		if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
			t.Errorf("%q, %v", rest, err)
		}
		if resp.Trailer.Get("X-Sum") != "42" || hints != 1 {
			t.Errorf("trailer %v, %d hints", resp.Trailer, hints)
		}
		wants(t, rt, "POST /echo", observe.Outcome{Name: "200", Count: 1})
	})
}

// reads is a writer that notes what it was given to read from.
type reads struct {
	plain
	from io.Reader
	err  error
}

func (r *reads) ReadFrom(src io.Reader) (int64, error) {
	r.from = src
	if r.err != nil {
		return 0, r.err
	}
	return io.Copy(r.plain, src)
}

// Files get to the server's own ReadFrom, which sends them without a copy; and to a
// writer that has none.
func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	rt := newRuntime(t)
	h := halehttp.Handler(rt, "GET /file", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
	serve := func(w http.ResponseWriter) {
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/file", http.NoBody))
	}
	rec := httptest.NewRecorder()
	inner := &reads{plain: plain{rec}}
	serve(inner)
	limited, ok := inner.from.(*io.LimitedReader)
	if !ok {
		t.Fatalf("%T", inner.from)
	}
	if _, ok := limited.R.(*os.File); !ok || !bytes.Equal(rec.Body.Bytes(), content) {
		t.Errorf("%T, %d bytes", limited.R, rec.Body.Len())
	}
	rec = httptest.NewRecorder()
	if serve(plain{rec}); !bytes.Equal(rec.Body.Bytes(), content) {
		t.Errorf("%d bytes", rec.Body.Len())
	}
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		if a := get(t, start(h), "/file"); a.body != string(content) {
			t.Errorf("%d bytes", len(a.body))
		}
	})
	wants(t, rt, "GET /file", observe.Outcome{Name: "200", Count: 4})
}

// What could not be read was no answer yet: the handler's error is.
func TestReadFromFails(t *testing.T) {
	rt := newRuntime(t)
	h := halehttp.Handler(rt, "GET /file", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("x")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	}))
	h.ServeHTTP(&reads{plain: plain{httptest.NewRecorder()}, err: errBroken}, httptest.NewRequest(http.MethodGet, "/file", http.NoBody))
	wants(t, rt, "GET /file", observe.Outcome{Name: "502", Count: 1, Failed: true})
}
