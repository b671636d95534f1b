package halehttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/halehttp"
)

// A nil handler is the default mux, nil options are none, and no runtime is no care.
func TestNilHandlers(t *testing.T) {
	rt, err := hale.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rt.Close() }()
	for name, rt := range map[string]*hale.Runtime{"made": rt, "nil": nil, "zero": {}} {
		for _, h := range []http.Handler{halehttp.Middleware(rt, nil)(nil), halehttp.Handler(rt, "", nil, nil), halehttp.Middleware(rt, halehttp.Route(nil), halehttp.Timeout(0))(nil)} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/nowhere", nil))
			if w.Code != http.StatusNotFound {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		client := http.Client{Transport: halehttp.Transport(rt, nil, nil, halehttp.Named(nil))}
		if resp, err := client.Get("http://127.0.0.1:0/"); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: an answer of nobody", name)
		}
	}
}
