package main_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	soak "github.com/hale-go/hale/examples/soak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// grow returns samples of an hour in which a quantity grows.
func grow(memory, goroutines, files float64) []soak.Sample {
	random := rand.New(rand.NewPCG(1, 1))
	var out []soak.Sample
	for at := soak.SampleEvery; at <= time.Hour; at += soak.SampleEvery {
		h := at.Hours()
		out = append(out, soak.Sample{
			At: at, Memory: 8<<20 + h*memory + 1<<19*random.NormFloat64(), Goroutines: math.Round(12 + h*goroutines + random.NormFloat64()), Files: math.Round(9 + h*files),
		})
	}
	return out
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples []soak.Sample
		want    string // "" is flat
	}{
		{"flat", grow(0, 0, 0), ""},
		{"a little", grow(1<<19, 2, 2), ""},
		{"shrinks", grow(-4<<20, -5, -5), ""},
		{"memory", grow(2<<20, 0, 0), "memory "},
		{"goroutines", grow(0, 12, 0), "goroutines 1"},
		{"files", grow(0, 0, 12), "files 1"},
		{"none", nil, "0 samples"},
		{"too few", grow(0, 0, 0)[:9], "5 samples after the warm-up, want 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			err := soak.Judge(c.samples, &out)
			if c.want == "" {
				if err != nil || !strings.HasPrefix(out.String(), "soak: ok: in 45m0s after the warm-up: memory ") {
					t.Errorf("%v, %q", err, out.String())
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
				t.Errorf("%v, %q; want %q", err, out.String(), c.want)
			}
		})
	}
}

// What fills up in the beginning is no trend.
func TestVerdictLeavesTheWarmUpOut(t *testing.T) {
	s := grow(0, 0, 0)
	for i := range s {
		if s[i].At < soak.MaxWarmUp {
			s[i].Memory *= float64(s[i].At) / float64(soak.MaxWarmUp)
		}
	}
	if err := soak.Judge(s, new(strings.Builder)); err != nil {
		t.Error(err)
	}
}

func TestTrend(t *testing.T) {
	s := grow(0, 0, 0)
	for i := range s {
		s[i].Memory = 100 * s[i].At.Hours()
	}
	s[300].Memory = 1e9 // an outlier
	if got := soak.Trend(s, func(s soak.Sample) float64 { return s.Memory }); math.Abs(got-100) > 1e-6 {
		t.Errorf("%v an hour, want 100", got)
	}
	if got := soak.Middle(nil); got != 0 {
		t.Error(got)
	}
}

func TestOwner(t *testing.T) {
	for function, want := range map[string]soak.Owner{
		"runtime.gopark": soak.Library, "net/http.(*conn).serve": soak.Library, "sync.(*WaitGroup).Go.func1": soak.Library,
		"github.com/google/pprof/profile.Parse":  soak.Library,
		"github.com/hale-go/hale.(*Runtime).Run": soak.HalesOwn, "github.com/hale-go/hale/internal/goroutine.(*Capturer).Capture": soak.HalesOwn,
		"github.com/hale-go/hale/examples/healthy.(*Service).take": soak.Others, "main.soak.func1": soak.Others, "github.com/hale-go/halenot.f": soak.Others,
		"golang.org/x/sync/errgroup.(*Group).Go.func1": soak.Others,
	} {
		if got := soak.OwnerOf(function); got != want {
			t.Errorf("%s: %v, want %v", function, got, want)
		}
	}
	own := []string{"runtime.makeslice", "slices.Clone[...]", "github.com/hale-go/hale/observe.(*Recorder).Open", "main.soak.func1"}
	users := []string{"runtime.newobject", "main.(*faults).leaks.func1", "github.com/hale-go/hale.(*Task).run"}
	if !soak.OfHale(own) || soak.OfHale(users) || soak.OfHale([]string{"runtime.main"}) {
		t.Error("memory is charged to the wrong one")
	}
	if soak.OnlyHale(own) || soak.OnlyHale(users) || soak.OnlyHale([]string{"runtime.gcBgMarkWorker"}) || !soak.OnlyHale([]string{"runtime.gopark", "github.com/hale-go/hale.(*worker).idle"}) {
		t.Error("goroutines are charged to the wrong one")
	}
}

func TestScaled(t *testing.T) {
	if got := soak.Scaled(1<<20, 1, 16<<10); got < 1<<20 || got > 1<<20+1 {
		t.Errorf("a large object is always seen: %v", got)
	}
	if got := soak.Scaled(32, 1, 16<<10); math.Abs(got-16<<10) > 100 {
		t.Errorf("a small one stands for one in so many bytes: %v", got)
	}
	if soak.Scaled(0, 0, 1) != 0 || soak.Scaled(-5, 1, 1) != 0 || soak.Scaled(7, 1, 1) != 7 {
		t.Error("nothing, or all of it, was seen")
	}
}

func TestMeasure(t *testing.T) {
	s := soak.Measure(time.Second)
	if s.At != time.Second || s.Memory < 0 || s.Goroutines != 0 || s.Files < 0 {
		t.Errorf("%+v", s)
	}
	if text := s.String(); !strings.Contains(text, "0 goroutines") {
		t.Error(text)
	}
}
