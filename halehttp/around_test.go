package halehttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/halehttp"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

type contextKey struct{}

// copying is middleware that hands on a copy of the request, as what adds a value to
// its context must.
func copying(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, 1)))
	})
}

// passing is middleware that hands the request on as it came.
func passing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
}

// service is a mux with a route that panics each time, and others that do not.
func service() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /poison", func(http.ResponseWriter, *http.Request) { panic("poison") })
	for _, well := range []string{"GET /a", "GET /b", "GET /c"} {
		mux.Handle(well, nothing)
	}
	return mux
}

func mounted(pattern string, h http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle(pattern, h)
	return mux
}

// However the mux with the routes is wrapped, one route that panics for ever gets no
// other cut off.
func TestOnePanicsOthersAreServed(t *testing.T) {
	for name, c := range map[string]struct {
		build  func(rt *hale.Runtime) http.Handler
		prefix string
		cut    bool // the route that panics can be cut off by itself
		misuse string
	}{
		"the mux itself":         {func(rt *hale.Runtime) http.Handler { return halehttp.Middleware(rt)(service()) }, "", true, ""},
		"what copies between":    {func(rt *hale.Runtime) http.Handler { return halehttp.Middleware(rt)(copying(service())) }, "", false, "cannot be asked"},
		"what passes on between": {func(rt *hale.Runtime) http.Handler { return halehttp.Middleware(rt)(passing(service())) }, "", false, "cannot be asked"},
		"a mux in a mux":         {func(rt *hale.Runtime) http.Handler { return halehttp.Middleware(rt)(mounted("/", service())) }, "", true, ""},
		"wrapped in a mux":       {func(rt *hale.Runtime) http.Handler { return halehttp.Middleware(rt)(mounted("/", passing(service()))) }, "", false, "such as GET "},
		"copied in a mux":        {func(rt *hale.Runtime) http.Handler { return halehttp.Middleware(rt)(mounted("/", copying(service()))) }, "", false, ""},
		"below a wildcard": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/{all...}", copying(service())))
		}, "", false, ""},
		"below a path that is one": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/{one}", passing(service())))
		}, "", false, "such as GET "},
		"below a prefix": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/api/", http.StripPrefix("/api", service())))
		}, "/api", false, ""},
		"Handler of a mux":  {func(rt *hale.Runtime) http.Handler { return halehttp.Handler(rt, "GET /all", service()) }, "", false, "such as GET "},
		"Handler around it": {func(rt *hale.Runtime) http.Handler { return halehttp.Handler(rt, "GET /all", passing(service())) }, "", false, "such as GET "},
		"Handler below a prefix": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Handler(rt, "/api/", http.StripPrefix("/api", service()))
		}, "/api", false, ""},
		"Handler below a prefix, in a Middleware": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/api/", halehttp.Handler(rt, "/api/", http.StripPrefix("/api", service()))))
		}, "/api", false, ""},
		"Handler of what has its time": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Handler(rt, "/{all...}", http.TimeoutHandler(service(), time.Minute, ""))
		}, "", false, ""},
		"Handler of a Middleware": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Handler(rt, "GET /all", halehttp.Middleware(rt)(service()))
		}, "", true, ""},
		"Handler of a Middleware with a catch-all": {func(rt *hale.Runtime) http.Handler {
			mux := mounted("GET /", panicking)
			for _, well := range []string{"GET /a", "GET /b", "GET /c"} {
				mux.Handle(well, nothing)
			}
			return halehttp.Handler(rt, "GET /all", halehttp.Middleware(rt)(mux))
		}, "", false, ""},
		"Handler around a Middleware": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Handler(rt, "GET /all", http.StripPrefix("/api", halehttp.Middleware(rt)(service())))
		}, "/api", true, ""},
		"Handler in a Middleware": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/{one}", halehttp.Handler(rt, "GET /all", passing(service()))))
		}, "", false, "such as GET "},
		"Handler in a Middleware of a subtree": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/", passing(halehttp.Handler(rt, "GET /all", passing(service())))))
		}, "", false, "such as GET "},
		"a Middleware below a path that is one": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/{one}", copying(halehttp.Middleware(rt)(service()))))
		}, "", true, ""},
		"one route in each of two muxes": {func(rt *hale.Runtime) http.Handler {
			mux := service()
			outer := mounted("/{one}", passing(mux))
			outer.Handle("/poison", passing(mux))
			return halehttp.Middleware(rt)(outer)
		}, "", true, "such as GET "},
		"a Middleware around": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(copying(halehttp.Middleware(rt)(service())))
		}, "", true, ""},
		"a Middleware in a mux": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/", halehttp.Middleware(rt)(service())))
		}, "", true, ""},
		"Route with a wildcard": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt, halehttp.Route(func(*http.Request) string { return "/api/*" }))(service())
		}, "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { panicsForEver(t, c.build, c.prefix, c.cut, c.misuse) })
		})
	}
}

func panicsForEver(t *testing.T, build func(*hale.Runtime) http.Handler, prefix string, cut bool, misuse string) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Contain}}))
	misused := misuses(rt)
	h := build(rt)
	ask := func(path string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, prefix+path, http.NoBody))
		return w.Code
	}
	isCut := false
	for range 60 {
		for range 4 {
			isCut = ask("/poison") == http.StatusServiceUnavailable || isCut
		}
		for _, well := range []string{"/a", "/b", "/c"} {
			if code := ask(well); code != http.StatusOK {
				t.Fatalf("%s was answered with %d", well, code)
			}
		}
		time.Sleep(time.Second)
		if err := rt.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if isCut != cut {
		t.Errorf("the route that panics was cut off: %v, want %v", isCut, cut)
	}
	if !cut {
		escalated(t, rt)
	}
	synctest.Wait()
	told := misused()
	if (misuse == "") != (len(told) == 0) || len(told) > 1 || !strings.Contains(strings.Join(told, ""), misuse) {
		t.Errorf("told %q, want one with %q", told, misuse)
	}
}

// escalated checks that a person was called, and that it says why nothing was done.
func escalated(t *testing.T, rt *hale.Runtime) {
	t.Helper()
	incidents := rt.Incidents()
	if !slices.ContainsFunc(incidents, func(i diagnose.Incident) bool { return i.Fault == diagnose.PanicLoop && i.Phase == diagnose.Escalated }) {
		t.Errorf("no person was called: %+v", incidents)
	}
	journal := rt.Status().Journal
	if !slices.ContainsFunc(journal, func(e heal.Entry) bool {
		return e.Command.Remedy == heal.RemedyQuarantine && strings.Contains(e.Command.Withheld, "catch-all")
	}) {
		t.Errorf("the journal does not say why: %+v", journal)
	}
}

// misuses returns what a runtime told of misuse until now.
func misuses(rt *hale.Runtime) func() []string {
	return collect(rt, func(e observe.Event) (string, bool) { return e.Detail, e.Kind == observe.EventMisuse })
}

// A Middleware within another one counts nothing a second time.
func TestMiddlewareWithinMiddleware(t *testing.T) {
	route := halehttp.Route(func(*http.Request) string { return "/named" })
	for name, c := range map[string]struct {
		build func(rt *hale.Runtime) http.Handler
		want  string
	}{
		"both know": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/a", halehttp.Middleware(rt)(nothing)))
		}, "GET /a"},
		"the inner one knows": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(copying(halehttp.Middleware(rt)(service())))
		}, "GET /a"},
		"the outer one knows": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt, route)(copying(halehttp.Middleware(rt)(nothing)))
		}, "GET /named"},
		"they differ": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt, route)(halehttp.Middleware(rt)(service()))
		}, "GET /named"},
		"none knows": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(copying(halehttp.Middleware(rt)(nothing)))
		}, "GET (unmatched)"},
		"three": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(halehttp.Middleware(rt)(halehttp.Middleware(rt)(service())))
		}, "GET /a"},
		"a Handler knows": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(passing(halehttp.Handler(rt, "GET /h", nothing)))
		}, "GET /h"},
		"a Handler around one that knows": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Handler(rt, "GET /all", copying(halehttp.Middleware(rt)(service())))
		}, "GET /a"},
		"a Handler around Route": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Handler(rt, "GET /all", copying(halehttp.Middleware(rt, route)(nothing)))
		}, "GET /named"},
		"a Handler around one that does not know": {func(rt *hale.Runtime) http.Handler {
			return mounted("/a", halehttp.Handler(rt, "GET /h", copying(halehttp.Middleware(rt)(nothing))))
		}, "GET /h"},
		"the inner one knows less": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(mounted("/{one}", copying(halehttp.Middleware(rt)(mounted("/", nothing)))))
		}, "GET /{one}"},
		"what has its time": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(http.TimeoutHandler(halehttp.Middleware(rt)(service()), time.Minute, ""))
		}, "GET /a"},
		"the inner one panics": {func(rt *hale.Runtime) http.Handler {
			return halehttp.Middleware(rt)(copying(halehttp.Middleware(rt)(mounted("/a", panicking))))
		}, "GET /a"},
	} {
		rt := newRuntime(t)
		told := panics(rt)
		srv := start(t, c.build(rt), false)
		want := observe.Outcome{Name: "200", Count: 5}
		if name == "the inner one panics" {
			want = observe.Outcome{Name: "500", Count: 5, Failed: true}
		}
		for range 5 {
			if a := get(t, srv, "/a"); len(a.header["X-Request-Id"]) != 1 || len(a.header.Get("X-Request-Id")) != 32 {
				t.Errorf("%s: header %v", name, a.header)
			}
		}
		wants(t, rt, c.want, want)
		for _, st := range rt.Operations() {
			if st.Name != c.want && (st.Ended != 0 || st.InFlight != 0) {
				t.Errorf("%s: counted as %s too: %+v", name, st.Name, st)
			}
		}
		if want.Failed {
			until(t, "the panics are told", func() bool { return told() == 5 })
		}
	}
}

var panicking = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("x") })

// A request that a handler makes itself, and has served in its own context, is one of
// its own.
func TestRequestWithinRequest(t *testing.T) {
	rt := newRuntime(t)
	mux := service()
	h := halehttp.Middleware(rt)(mux)
	mux.HandleFunc("POST /batch", func(_ http.ResponseWriter, r *http.Request) {
		for _, path := range []string{"/a", "/c", "/a"} {
			sub, err := http.NewRequestWithContext(r.Context(), http.MethodGet, path, http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			h.ServeHTTP(httptest.NewRecorder(), sub)
		}
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/batch", http.NoBody))
	wants(t, rt, "POST /batch", observe.Outcome{Name: "200", Count: 1})
	wants(t, rt, "GET /a", observe.Outcome{Name: "200", Count: 2})
	wants(t, rt, "GET /c", observe.Outcome{Name: "200", Count: 1})
}

// A subtree that the developer named by Handler as one route is cut off as such.
func TestSubtreeThatIsOneRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t, hale.WithConfig(hale.Config{Policy: heal.Policy{Act: heal.Contain}}))
		mux := service()
		mux.Handle("GET /files/", halehttp.Handler(rt, "GET /files", panicking))
		h := halehttp.Middleware(rt)(mux)
		code := 0
		for range 60 {
			for range 5 {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/files/x", http.NoBody))
				code = w.Code
			}
			time.Sleep(time.Second)
			if err := rt.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			if code == http.StatusServiceUnavailable {
				return
			}
		}
		t.Errorf("it was not cut off: %d", code)
	})
}

// Whether a Handler is one route is known before any request has come.
func TestHandlerOfManyRoutes(t *testing.T) {
	rt := newRuntime(t)
	care := func(opts ...halehttp.Option) func(http.Handler) http.Handler { return halehttp.Middleware(rt, opts...) }
	for name, c := range map[string]struct {
		h    http.Handler
		want bool
	}{
		"GET /one":        {nothing, false},
		"GET /one/{$}":    {nothing, false},
		"one":             {nothing, false},
		"GET /subtree/":   {nothing, true},
		"/rest/{path...}": {nothing, true},
		"/others/*":       {nothing, true},
		"GET /mux":        {service(), true},
		"GET /asks":       {care()(service()), true},
		"GET /route":      {care(halehttp.Route(func(*http.Request) string { return "/x" }))(nothing), true},
		"GET /cannot":     {care()(nothing), false},
		"GET /handler":    {halehttp.Handler(rt, "GET /inner", nothing), false},
	} {
		halehttp.Handler(rt, name, c.h)
		if rt.Operation(observe.Server, name, "").CatchAll() != c.want {
			t.Errorf("%s is a catch-all: %v", name, !c.want)
		}
	}
}

// Muxes with the same patterns below different prefixes have names of their own.
func TestPrefixThatIsTakenOff(t *testing.T) {
	for name, build := range map[string]func(rt *hale.Runtime) http.Handler{
		"a Middleware in each": func(rt *hale.Runtime) http.Handler {
			root := mounted("/shop/", http.StripPrefix("/shop", halehttp.Middleware(rt)(service())))
			root.Handle("/admin/", http.StripPrefix("/admin", halehttp.Middleware(rt)(service())))
			return root
		},
		"and one around": func(rt *hale.Runtime) http.Handler {
			root := mounted("/shop/", http.StripPrefix("/shop", halehttp.Middleware(rt)(service())))
			root.Handle("/admin/", http.StripPrefix("/admin", halehttp.Middleware(rt)(service())))
			return halehttp.Middleware(rt)(root)
		},
	} {
		t.Run(name, func(t *testing.T) {
			rt := newRuntime(t)
			h := build(rt)
			for _, path := range []string{"/shop/a", "/admin/a", "/admin/a"} {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, http.NoBody))
			}
			ended := map[string]uint64{}
			for _, st := range rt.Operations() {
				if st.Ended > 0 {
					ended[st.Name] = st.Ended
				}
			}
			if len(ended) != 2 || ended["GET /shop/a"] != 1 || ended["GET /admin/a"] != 2 {
				t.Errorf("counted %v", ended)
			}
		})
	}
	rt := newRuntime(t)
	for _, c := range []struct{ outer, pattern, want string }{
		{"/shop/", "GET /items/{id}", "GET /shop/items/{id}"},
		{"/shop/", "GET /shop/items", "GET /shop/items"}, // nothing was taken off
		{"/", "GET /items", "GET /items"},
		{"GET /shop/", "/items", "GET /shop/items"},
		{"admin.example/", "GET /items", "GET admin.example/items"},
		{"/{tenant}/", "GET /{t}/items", "GET /{t}/items"},
		{"/shop", "GET /items", "GET /items"},
		{"", "GET /items", "GET /items"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/items/7", http.NoBody)
		r.Pattern = c.outer
		inner := http.NewServeMux()
		var got string
		inner.HandleFunc(c.pattern, func(_ http.ResponseWriter, r *http.Request) { got = hale.SpanOf(r.Context()).Operation().Name() })
		r.URL.Path = strings.NewReplacer("GET ", "", "{id}", "7", "{t}", "x").Replace(c.pattern)
		halehttp.Middleware(rt)(inner).ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%q below %q is %q, want %q", c.pattern, c.outer, got, c.want)
		}
	}
}
