package serverless_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/examples/serverless"
	"github.com/hale-go/hale/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRuntime(t testing.TB, opts ...hale.Option) *hale.Runtime {
	t.Helper()
	quiet := hale.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	rt, err := hale.New(append(opts, quiet)...)
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

func TestNothingRunsBetweenInvocations(t *testing.T) {
	rt := newRuntime(t, hale.WithConfig(hale.Config{Snapshots: time.Millisecond})) // as many as their cost allows
	var rendered atomic.Int64
	f := serverless.New(rt, func(context.Context, string) error {
		rendered.Add(1)
		return nil
	})
	before := goleak.IgnoreCurrent()
	for i := range 20 {
		event := serverless.Event{ID: fmt.Sprint("event-", i), Images: []string{"a", "b", "c"}}
		if err := f.Handle(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		if err := goleak.Find(before); err != nil {
			t.Fatalf("after invocation %d: %v", i+1, err)
		}
	}
	if n := rendered.Load(); n != 60 {
		t.Errorf("%d images were rendered, want 60", n)
	}
	st := rt.Status()
	if st.Snapshot == nil || st.Sample.Time.IsZero() {
		t.Error("the turns observed nothing")
	}
	if st.Observer != "off" {
		t.Errorf("the observer is %q, want off: nobody called Run", st.Observer)
	}
	if n := len(rt.Recording().Segments[0].Turns); n != 20 {
		t.Errorf("%d turns were taken, want one for each invocation", n)
	}
}

// hang is a detector that hangs until it is released.
type hang chan struct{}

func (h hang) Detect(observe.Turn) []detect.Finding {
	<-h
	return nil
}

func TestHangingDetectorIsDisabled(t *testing.T) {
	release := make(hang)
	rt := newRuntime(t, hale.WithDetector("hang", func() detect.Detector { return release }))
	f := serverless.New(rt, func(context.Context, string) error { return nil })
	event := serverless.Event{ID: "1", Images: []string{"a"}}
	if err := f.Handle(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	if n := rt.Status().Overrun; n != 1 {
		t.Fatalf("%d detectors hang, want 1", n)
	}
	begin := time.Now()
	for range 10 {
		if err := f.Handle(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	// The hanging one took its whole turn of a second once, and never again: it
	// would be ten seconds.
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("10 further invocations took %v", took)
	}
	if n := rt.Status().Overrun; n != 1 {
		t.Errorf("%d detectors hang, want the same 1", n)
	}
	close(release)
	wait(t, "the detector to come back", func() bool { return rt.Status().Overrun == 0 })
}

func TestPanicBecomesAnIncident(t *testing.T) {
	rt := newRuntime(t)
	f := serverless.New(rt, func(_ context.Context, image string) error { panic("cannot render " + image) })
	event := serverless.Event{ID: "request-9", Images: []string{"a"}}
	err := f.Handle(t.Context(), event)
	if p, ok := errors.AsType[*hale.PanicError](err); !ok || p.Value != "cannot render a" {
		t.Fatalf("Handle returned %v, want the panic", err)
	}
	turn := rt.Recording().Segments[0].Turns[0]
	if len(turn.Events) == 0 || turn.Events[0].Kind != observe.EventPanic || turn.Events[0].Request != "request-9" {
		t.Errorf("events of the turn: %+v, want the panic with its request", turn.Events)
	}
	if inc := incident(t, rt); inc.Fault != diagnose.Panic || inc.Phase != diagnose.Detected {
		t.Errorf("incident after one panic: %+v, want a panic and no loop", inc)
	}
	for range 3 {
		_ = f.Handle(t.Context(), event) // fails like the first
	}
	if inc := incident(t, rt); inc.Fault != diagnose.PanicLoop || inc.Confidence != detect.Confirmed {
		t.Errorf("incident after four panics: %+v, want a confirmed loop", inc)
	}
}

// incident returns the incident about the task that panics.
func incident(t *testing.T, rt *hale.Runtime) diagnose.Incident {
	t.Helper()
	all := rt.Incidents()
	for _, inc := range all {
		if inc.Subject.Name == "thumbnails.render" {
			return inc
		}
	}
	t.Fatalf("incidents: %+v, want one about thumbnails.render", all)
	return diagnose.Incident{}
}

// wait polls until ok reports true.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("timed out waiting for ", what)
		}
		time.Sleep(time.Millisecond)
	}
}
