package halehttp_test

import (
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRuntime returns a quiet runtime that is closed, and must close cleanly, at the
// test's end.
func newRuntime(t testing.TB, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	rt, err := hale.New(append([]hale.Option{hale.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return rt
}

// protocols runs f with a server of HTTP/1.1 and with one of HTTP/2.
func protocols(t *testing.T, f func(t *testing.T, start func(http.Handler) *httptest.Server)) {
	for _, major := range []int{1, 2} {
		t.Run(map[int]string{1: "HTTP1", 2: "HTTP2"}[major], func(t *testing.T) {
			f(t, func(h http.Handler) *httptest.Server {
				return start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.ProtoMajor != major {
						t.Errorf("%s, want HTTP/%d", r.Proto, major)
					}
					h.ServeHTTP(w, r)
				}), major == 2)
			})
		})
	}
}

// start starts a server over TCP that is closed at the test's end.
func start(t *testing.T, h http.Handler, http2 bool) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	if srv.EnableHTTP2 = http2; http2 {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// answer is a response that has been read.
type answer struct {
	code   int
	header http.Header
	body   string
}

// fetch sends a request.
func fetch(t *testing.T, client *http.Client, req *http.Request) answer {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// get is fetch of a GET with headers, in pairs.
func get(t *testing.T, srv *httptest.Server, path string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return fetch(t, srv.Client(), req)
}

// until waits for what happens on a goroutine of the server's.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// stat returns what an operation did since the runtime was made.
func stat(rt *hale.Runtime, name string) observe.OperationStat {
	for _, st := range rt.Operations() {
		if st.Name == name {
			return st
		}
	}
	return observe.OperationStat{}
}

// wants waits until an operation has had these outcomes, and no others.
func wants(t *testing.T, rt *hale.Runtime, name string, outcomes ...observe.Outcome) {
	t.Helper()
	want := uint64(0)
	for _, o := range outcomes {
		want += o.Count
	}
	until(t, name+" ends", func() bool { return stat(rt, name).Ended >= want })
	if st := stat(rt, name); !slices.Equal(st.Outcomes, outcomes) || st.InFlight != 0 {
		t.Errorf("%s: outcomes %+v, want %+v; %d in flight", name, st.Outcomes, outcomes, st.InFlight)
	}
}

// names returns the names of all operations.
func names(rt *hale.Runtime) []string {
	var out []string
	for _, st := range rt.Operations() {
		out = append(out, st.Name)
	}
	return out
}

// panics counts the panics that a runtime tells of.
func panics(rt *hale.Runtime) func() int {
	told := collect(rt, func(e observe.Event) (string, bool) { return e.Detail, e.Kind == observe.EventPanic })
	return func() int { return len(told()) }
}

// collect returns what a runtime has told until now of events that are wanted.
func collect(rt *hale.Runtime, want func(observe.Event) (string, bool)) func() []string {
	var mu sync.Mutex
	var out []string
	rt.Subscribe(1<<10, func(e observe.Event) {
		if text, ok := want(e); ok {
			mu.Lock()
			out = append(out, text)
			mu.Unlock()
		}
	})
	return func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(out) }
}
