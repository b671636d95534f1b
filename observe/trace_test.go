package observe_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hale-go/hale/observe"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestTraceparent(t *testing.T) {
	got, err := observe.ParseTraceparent(parent, "a=1,b=2")
	if err != nil || got.Trace() != "4bf92f3577b34da6a3ce929d0e0e4736" || got.Span() != "00f067aa0ba902b7" || !got.Sampled() || got.State != "a=1,b=2" || got.Traceparent() != parent {
		t.Fatalf("%+v, %v", got, err)
	}
	if later, err := observe.ParseTraceparent("01"+parent[2:]+"-more", ""); err != nil || later.Traceparent() != parent {
		t.Errorf("of a later version: %+v, %v", later, err)
	}
	for name, bad := range map[string]string{
		"empty": "", "short": parent[:54], "long": parent + "0", "upper case": strings.ToUpper(parent),
		"version ff": "ff" + parent[2:], "zero trace": "00-" + strings.Repeat("0", 32) + parent[35:],
		"zero span": parent[:36] + strings.Repeat("0", 16) + "-01", "separators": strings.ReplaceAll(parent, "-", "_"),
		"no digit": strings.Replace(parent, "4bf9", "4bx9", 1), "later without separator": "01" + parent[2:] + "x",
	} {
		if got, err := observe.ParseTraceparent(bad, ""); !errors.Is(err, observe.ErrTraceparent) || !got.IsZero() {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, state := range []string{strings.Repeat("a", 513), "a=\n", "a=\xff"} {
		if got, err := observe.ParseTraceparent(parent, state); err != nil || got.State != "" {
			t.Errorf("tracestate %.20q: %+v, %v", state, got, err)
		}
	}
	var none observe.TraceContext
	if none.Traceparent() != "" || none.Trace() != "" || none.Span() != "" {
		t.Error("no trace has a text")
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = observe.ParseTraceparent(parent, "a=1") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add(parent, "a=1")
	f.Add("cc-"+parent[3:]+"-what", "\x00")
	f.Fuzz(func(t *testing.T, parent, state string) {
		got, err := observe.ParseTraceparent(parent, state)
		if err != nil {
			if !got.IsZero() || len(err.Error()) > 400 {
				t.Errorf("%+v, %v", got, err)
			}
			return
		}
		again, err := observe.ParseTraceparent(got.Traceparent(), got.State)
		if err != nil || again != got {
			t.Errorf("%+v came back as %+v, %v", got, again, err)
		}
	})
}
