package hale_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// What a supervised task returned before it was started again is told, and logged
// once for each text.
func TestErrorsOfRestartedTasksAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		told := make(chan observe.Event, 8)
		events := rt.Subscribe(8, func(e observe.Event) {
			if e.Kind == observe.EventFailed {
				told <- e
			}
		})
		defer events.Close()
		h := rt.Go(t.Context(), "orders.consume", func(context.Context) error {
			time.Sleep(20 * time.Second)
			return errors.New("connection refused")
		}, hale.Restart(hale.Permanent))
		for range 3 {
			if e := <-told; e.Subject.Name != "orders.consume" || e.Detail != "connection refused" {
				t.Errorf("%+v", e)
			}
		}
		h.Cancel(nil)
		if err := rt.Step(t.Context()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(out.String(), "connection refused"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, out.String())
		}
		time.Sleep(time.Minute)
	})
}

// A panic shortly before the end is logged although no turn follows.
func TestPanicBeforeCloseIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		rt := newRuntime(t, hale.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		if rt.Go(t.Context(), "http.serve", func(context.Context) error { panic("no listener") }).Wait() == nil {
			t.Error("no error")
		}
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(out.String(), "no listener") || !strings.Contains(out.String(), "failing_test.go") {
			t.Errorf("the log has no panic with its stack: %s", out.String())
		}
	})
}
