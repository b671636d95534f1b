package hale_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/observe"
)

// A part that is not well becomes one incident of its kind, of which a person is told, and
// which is over when all of it is well.
func TestUnwellPartsAreAnIncident(t *testing.T) {
	haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
		_ = b.Do(t.Context(), "import", func(ctx context.Context) error {
			full := errors.New("no space left on device")
			hale.ReportHealth(ctx, "checkpoint:orders", nil)
			time.Sleep(5 * time.Second)
			if n := len(b.Incidents()); n != 0 {
				t.Fatalf("%d incidents of what is well", n)
			}
			for range 30 {
				hale.ReportHealth(ctx, "checkpoint:orders", full)
				hale.ReportHealth(ctx, "checkpoint:stock", full)
				time.Sleep(time.Second)
			}
			in := b.Incidents()
			if len(in) != 1 || in[0].Fault != diagnose.Unhealthy || in[0].Subject.Name != "checkpoint" || in[0].Phase != diagnose.Escalated {
				t.Fatalf("%+v", in)
			}
			parts := b.Status().Sample.Unhealthy
			if len(parts) != 2 || parts[0].Name != "checkpoint:orders" || parts[0].Error != "no space left on device" || parts[0].Times != 30 {
				t.Errorf("%+v", parts)
			}
			hale.ReportHealth(ctx, "checkpoint:orders", nil)
			time.Sleep(time.Minute)
			if in := b.Incidents(); len(in) != 1 || in[0].Phase.Closed() {
				t.Errorf("it is over while one of them is unwell: %+v", in)
			}
			hale.ReportHealth(ctx, "checkpoint:stock", nil)
			time.Sleep(2 * time.Minute)
			if in := b.Incidents(); len(in) != 1 || !in[0].Phase.Closed() || in[0].Outcome != diagnose.Recovered || len(b.Status().Sample.Unhealthy) != 0 {
				t.Errorf("it is not over: %+v", in)
			}
			return nil
		})
	})
}

// What is said to be unwell for a moment is no more than a suspicion.
func TestUnwellForAMoment(t *testing.T) {
	haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
		_ = b.Do(t.Context(), "import", func(ctx context.Context) error {
			for range 20 {
				hale.ReportHealth(ctx, "cache", errors.New("cold"))
				time.Sleep(5 * time.Second)
				hale.ReportHealth(ctx, "cache", nil)
				time.Sleep(5 * time.Second)
			}
			return nil
		})
		for _, in := range b.Incidents() {
			if in.Confidence == detect.Confirmed {
				t.Errorf("%+v", in)
			}
		}
	})
}

type panickyError struct{}

func (panickyError) Error() string { panic("its text") }

// Names and texts that make no sense do no harm, and what there is no room for is told.
func TestUnwellHarm(t *testing.T) {
	haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
		log := collect(b.Runtime)
		hale.ReportHealth(t.Context(), "nobody", errors.New("there is no runtime"))
		_ = b.Do(t.Context(), "import", func(ctx context.Context) error {
			hale.ReportHealth(ctx, "", panickyError{})
			hale.ReportHealth(ctx, "a\nb#"+strings.Repeat("x", 1000), errors.New("two\nlines"+strings.Repeat("y", 10000)))
			for i := range 500 {
				hale.ReportHealth(ctx, fmt.Sprintf("part%d", i), errors.New("down"))
			}
			return nil
		})
		time.Sleep(2 * time.Second)
		parts := b.Status().Sample.Unhealthy
		if len(parts) != 128 {
			t.Errorf("%d parts", len(parts))
		}
		for _, p := range parts {
			if strings.ContainsAny(p.Name+p.Error, "\n") || len(p.Name) > 128 || len(p.Error) > 400 || p.Name == "nobody" {
				t.Errorf("%+v", p)
			}
		}
		told := 0
		for _, e := range log.of(observe.EventMisuse) {
			if strings.Contains(e.Detail, "too many parts") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told of %d times", told)
		}
	})
}

func BenchmarkReportHealth(b *testing.B) {
	rt := newRuntime(b)
	_ = rt.Do(b.Context(), "job", func(ctx context.Context) error {
		b.Run("well", func(b *testing.B) {
			for b.Loop() {
				hale.ReportHealth(ctx, "cache", nil)
			}
		})
		hale.ReportHealth(ctx, "other", errors.New("down"))
		b.Run("well beside one that is not", func(b *testing.B) {
			for b.Loop() {
				hale.ReportHealth(ctx, "cache", nil)
			}
		})
		return nil
	})
}
