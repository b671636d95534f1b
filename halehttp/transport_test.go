package halehttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/observe"
)

var errBroken = errors.New("broken")

// broken is a round tripper that fails.
type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, errBroken }

// roundTrip is a function as a round tripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request ID, a trace and its baggage go through two services to a third.
func TestTwoServices(t *testing.T) {
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		rt := newRuntime(t)
		last := http.NewServeMux()
		last.HandleFunc("GET /quote", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Header.Get("X-Request-Id"), "|", r.Header.Get("Traceparent"), "|", r.Header.Get("Tracestate"), "|", r.Header.Get("Baggage"), "|", hale.TraceOf(r.Context()).Trace())
		})
		quotes := start(halehttp.Middleware(rt)(last))
		client := &http.Client{Transport: halehttp.Transport(rt, quotes.Client().Transport)}
		t.Cleanup(client.CloseIdleConnections)
		first := http.NewServeMux()
		first.HandleFunc("GET /cart", func(w http.ResponseWriter, r *http.Request) {
			req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, quotes.URL+"/quote", http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			a := fetch(t, client, req)
			if len(req.Header) != 0 {
				t.Errorf("the caller's request was changed: %v", req.Header)
			}
			_, _ = io.WriteString(w, a.body)
		})
		srv := start(halehttp.Middleware(rt)(first))
		const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
		a := get(t, srv, "/cart", "X-Request-Id", "r-1", "Traceparent", "00-"+trace+"-00f067aa0ba902b7-01",
			"Tracestate", "a=1", "Tracestate", "b=2", "Baggage", "user=7")
		parts := strings.Split(a.body, "|")
		if len(parts) != 5 || parts[0] != "r-1" || !strings.HasPrefix(parts[1], "00-"+trace+"-") || strings.Contains(parts[1], "00f067aa0ba902b7") ||
			parts[2] != "a=1,b=2" || parts[3] != "user=7" || parts[4] != trace {
			t.Errorf("the last service saw %q", parts)
		}
		host := strings.TrimPrefix(strings.TrimPrefix(quotes.URL, "https://"), "http://")
		wants(t, rt, host, observe.Outcome{Name: "200", Count: 1})
		wants(t, rt, "GET /cart", observe.Outcome{Name: "200", Count: 1})
		st := stat(rt, "GET /cart")
		if len(st.Calls) != 1 || st.Calls[0].Name != host || st.Below == 0 {
			t.Errorf("%+v", st)
		}
		if st := stat(rt, host); st.Kind != observe.Client || string(st.Domain) != host {
			t.Errorf("%+v", st)
		}
	})
}

// The outcome of a call is its status or what kind of error it ended with.
func TestCallOutcomes(t *testing.T) {
	rt := newRuntime(t)
	ended := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		return ctx
	}
	late, cancel := context.WithDeadlineCause(context.Background(), time.Unix(0, 0), errors.New("my own cause"))
	defer cancel()
	answer := func(code int) roundTrip {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: code, Body: http.NoBody}, nil
		}
	}
	cause := roundTrip(func(r *http.Request) (*http.Response, error) { return nil, context.Cause(r.Context()) })
	for name, c := range map[string]struct {
		ctx    context.Context
		next   http.RoundTripper
		want   string
		failed bool
	}{
		"ok":        {context.Background(), answer(200), "200", false},
		"not found": {context.Background(), answer(404), "404", false},
		"failed":    {context.Background(), answer(502), "502", true},
		"error":     {context.Background(), broken{}, "error", true},
		"canceled":  {ended(nil), cause, "canceled", false},
		"cause":     {ended(errors.New("my own cause")), cause, "canceled", false},
		"budget":    {ended(hale.ErrBudget), cause, "timeout", true},
		"late":      {late, cause, "timeout", true},
		"nothing":   {context.Background(), roundTrip(func(*http.Request) (*http.Response, error) { return nil, nil }), "panic", true},
	} {
		req, err := http.NewRequestWithContext(c.ctx, http.MethodGet, "http://api.example/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, _ := halehttp.Transport(rt, c.next, nil, halehttp.Named(func(*http.Request) string { return "calls." + name })).RoundTrip(req)
		if resp != nil {
			resp.Body.Close()
		}
		wants(t, rt, "calls."+name, observe.Outcome{Name: c.want, Count: 1, Failed: c.failed})
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a round tripper's panic did not go on")
			}
		}()
		next := roundTrip(func(*http.Request) (*http.Response, error) { panic("x") })
		_, _ = halehttp.Transport(rt, next).RoundTrip(httptest.NewRequest(http.MethodGet, "http://api.example/x", http.NoBody)) //nolint:bodyclose // there is none
	}()
	wants(t, rt, "api.example", observe.Outcome{Name: "panic", Count: 1, Failed: true})
}

// The span is the time to the headers, whatever becomes of the body.
func TestCallEndsWithHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		next := roundTrip(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		})
		resp, err := halehttp.Transport(rt, next).RoundTrip(httptest.NewRequest(http.MethodGet, "http://API.example/x", http.NoBody))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(time.Minute)
		if st := stat(rt, "api.example"); st.Ended != 1 || st.Time != time.Second {
			t.Errorf("%+v", st)
		}
	})
}

// Hosts that a client makes up are counted together from some number on, so that the
// service's own routes keep theirs.
func TestHosts(t *testing.T) {
	rt := newRuntime(t)
	tr := halehttp.Transport(rt, broken{}, halehttp.Named(func(r *http.Request) string {
		if r.Method == http.MethodPost {
			panic("x")
		}
		return ""
	}))
	for i := range 1000 {
		req, err := http.NewRequest([]string{"GET", "POST"}[i%2], fmt.Sprintf("http://h%d.example/", i), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if i == 999 {
			req.URL, req.Header = nil, nil
		}
		_, _ = tr.RoundTrip(req) //nolint:bodyclose // there is none
	}
	if got := names(rt); len(got) != 129 || !slices.Contains(got, "other hosts") {
		t.Errorf("%d names", len(got))
	}
}

// A caller's own request ID goes out as it is, and idle connections are closed.
func TestTransportKeeps(t *testing.T) {
	rt := newRuntime(t)
	next := &idler{}
	client := &http.Client{Transport: halehttp.Transport(rt, next)}
	req, err := http.NewRequestWithContext(hale.WithRequestID(t.Context(), "mine"), http.MethodGet, "http://x/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", "yours")
	_, _ = client.Do(req) //nolint:bodyclose // there is none
	client.CloseIdleConnections()
	if next.id != "yours" || !next.closed {
		t.Errorf("%+v", next)
	}
}

type idler struct {
	id     string
	closed bool
}

func (i *idler) RoundTrip(r *http.Request) (*http.Response, error) {
	i.id = r.Header.Get("X-Request-Id")
	return nil, errBroken
}
func (i *idler) CloseIdleConnections() { i.closed = true }
