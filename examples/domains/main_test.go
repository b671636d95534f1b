package main_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/config"
	domains "github.com/hale-go/hale/examples/domains"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service returns a function that asks the service for a path.
func service(t *testing.T, count func(context.Context) (string, error)) (rt *hale.Runtime, get func(path string) string) {
	t.Helper()
	cfg, err := config.Decode("hale.yaml", domains.Settings)
	if err != nil {
		t.Fatal(err, hale.Hint(err))
	}
	if rt, err = hale.New(hale.WithConfig(cfg), hale.WithLogger(slog.New(slog.DiscardHandler))); err != nil {
		t.Fatal(err)
	}
	hale.SetDefault(rt)
	t.Cleanup(func() {
		hale.SetDefault(nil)
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	h := domains.Routes(rt, count)
	return rt, func(path string) string {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		return strings.TrimSpace(rec.Body.String())
	}
}

// While the warehouse is down, pages are served with what is known.
func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		_, get := service(t, func(context.Context) (string, error) {
			if down {
				return "", errors.New("down")
			}
			return "7", nil
		})
		want := func(answer string) {
			t.Helper()
			if got := get("/stock"); got != answer {
				t.Errorf("got %q, want %q", got, answer)
			}
		}
		want("7")
		down = true
		want("unknown") // and the breaker opens after a few
		for range 2 {
			get("/stock")
		}
		want("ask again later")
		down = false
		time.Sleep(time.Second)
		want("7")
	})
}

// Where there is no room for all, who asks for tips gets none, and pages are served.
func TestRoomForWhatMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		rt, get := service(t, func(context.Context) (string, error) {
			<-block
			return "7", nil
		})
		answers := make(chan string, 8)
		for _, path := range []string{"/stock", "/stock", "/tips", "/tips", "/stock"} {
			go func() { answers <- path + " " + get(path) }()
			synctest.Wait()
		}
		if got := <-answers; got != "/tips no tips today" { // the newest of those that wait and matter less
			t.Errorf("got %q", got)
		}
		if d := rt.Domains()[0]; d.Name != "shop" || d.InUse != 2 || d.Waiting != 2 || d.Full != 1 {
			t.Errorf("%+v", d)
		}
		close(block)
		for range 4 {
			if got := <-answers; !strings.HasSuffix(got, " 7") {
				t.Errorf("got %q", got)
			}
		}
	})
}
