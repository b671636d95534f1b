package halehttp_test

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // WebSocket wants it
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/observe"
)

var noTime time.Time

// withHints counts the early hints that come for a request.
func withHints(ctx context.Context, n *int) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { *n++; return nil },
	})
}

// task waits until a task of a name is, or is not, alive.
func task(t *testing.T, rt *hale.Runtime, name string, alive bool) {
	t.Helper()
	until(t, fmt.Sprintf("%s alive: %v", name, alive), func() bool {
		for _, info := range rt.Tasks() {
			if info.ID.Name == name {
				return alive
			}
		}
		return !alive
	})
}

// Server-sent events are a stream from the first that is sent: the span ends, the
// task goes on, and what it calls has not outlived it.
func TestEvents(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		rt := newRuntime(t)
		told := panics(rt)
		query := rt.Operation(observe.Client, "db.query", "")
		next := make(chan string)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			for {
				select {
				case <-r.Context().Done():
					return
				case s := <-next:
					if s == "panic" {
						panic(s)
					}
					_ = query.Do(r.Context(), func(context.Context) error { return nil })
					fmt.Fprintf(w, "data: %s\n\n", s)
					w.(http.Flusher).Flush()
				}
			}
		})
		srv := start(halehttp.Middleware(rt)(mux))
		for i, end := range []string{"client", "panic"} {
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/events", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			wants(t, rt, "GET /events", observe.Outcome{Name: "200", Count: uint64(i + 1)})
			task(t, rt, "GET /events", true)
			body := bufio.NewReader(resp.Body)
			next <- "hello"
			if line, err := body.ReadString('\n'); err != nil || line != "data: hello\n" {
				t.Errorf("%q, %v", line, err)
			}
			if st := stat(rt, "db.query"); st.Outlived != 0 || st.Ended == 0 {
				t.Errorf("%+v", st)
			}
			if end == "panic" {
				next <- end
				if rest, err := io.ReadAll(body); err == nil {
					t.Errorf("a broken stream ends well: %q", rest)
				}
				until(t, "the panic is told of", func() bool { return told() == 1 })
			}
			cancel()
			resp.Body.Close()
			task(t, rt, "GET /events", false)
			wants(t, rt, "GET /events", observe.Outcome{Name: "200", Count: uint64(i + 1)})
		}
	})
}

// accept is what a WebSocket server answers a key with.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A WebSocket's libraries take the connection over, with the status written by the
// server or by themselves.
func TestWebSocket(t *testing.T) {
	rt := newRuntime(t)
	told := panics(rt)
	mux := http.NewServeMux()
	serve := func(shake func(w http.ResponseWriter, key string) (net.Conn, *bufio.ReadWriter)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, buf := shake(w, r.Header.Get("Sec-WebSocket-Key"))
			defer conn.Close()
			for {
				line, err := buf.ReadString('\n')
				if err != nil {
					return
				}
				if line == "panic\n" {
					panic(line)
				}
				_, _ = buf.WriteString(line)
				_ = buf.Flush()
			}
		}
	}
	take := func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
		}
		return conn, buf
	}
	mux.HandleFunc("GET /first", serve(func(w http.ResponseWriter, key string) (net.Conn, *bufio.ReadWriter) { // as coder/websocket does
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-WebSocket-Accept", accept(key))
		w.WriteHeader(http.StatusSwitchingProtocols)
		return take(w)
	}))
	mux.HandleFunc("GET /then", serve(func(w http.ResponseWriter, key string) (net.Conn, *bufio.ReadWriter) { // as gorilla/websocket does
		conn, buf := take(w)
		fmt.Fprintf(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept(key))
		_ = buf.Flush()
		return conn, buf
	}))
	mux.HandleFunc("GET /raw", serve(func(w http.ResponseWriter, _ string) (net.Conn, *bufio.ReadWriter) {
		conn, buf := take(w)
		_, _ = buf.WriteString("HTTP/1.1 200 OK\r\n\r\n")
		_ = buf.Flush()
		return conn, buf
	}))
	srv := start(t, halehttp.Middleware(rt)(mux), false)
	client := &http.Client{Transport: halehttp.Transport(rt, srv.Client().Transport, halehttp.Named(func(*http.Request) string { return "ws.open" }))}
	for _, path := range []string{"/first", "/then"} {
		for i, end := range []string{"close", "panic"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Connection", "Upgrade")
			req.Header.Set("Upgrade", "websocket")
			req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
			resp, err := client.Do(req) //nolint:bodyclose // it is the connection, which is closed
			if err != nil {
				t.Fatal(err)
			}
			conn, ok := resp.Body.(io.ReadWriteCloser)
			if !ok || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Fatalf("%s: %s, body %T", path, resp.Status, resp.Body)
			}
			wants(t, rt, "GET "+path, observe.Outcome{Name: "101", Count: uint64(i + 1)})
			task(t, rt, "GET "+path, true)
			_, _ = io.WriteString(conn, "hello\n")
			if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "hello\n" {
				t.Errorf("%q, %v", line, err)
			}
			if end == "panic" {
				_, _ = io.WriteString(conn, "panic\n")
			} else {
				conn.Close()
			}
			task(t, rt, "GET "+path, false)
			conn.Close()
			wants(t, rt, "GET "+path, observe.Outcome{Name: "101", Count: uint64(i + 1)})
		}
	}
	until(t, "both panics are told of", func() bool { return told() == 2 })
	wants(t, rt, "ws.open", observe.Outcome{Name: "101", Count: 4})

	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /raw HTTP/1.1\r\nHost: x\r\n\r\n")
	wants(t, rt, "GET /raw", observe.Outcome{Name: "hijacked", Count: 1})
	conn.Close()
	task(t, rt, "GET /raw", false)
}
