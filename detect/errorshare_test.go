package detect_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// second is a turn in which an operation did this much.
func second(f *feed, spans, failed, reported uint64) []detect.Finding {
	o := observe.OperationStat{Name: "op", Kind: observe.Server, Started: spans, Ended: spans, Failed: failed}
	if failed > 0 {
		o.Outcomes = []observe.Outcome{{Name: "timeout", Count: failed, Failed: true}}
	}
	if reported > 0 {
		o.Reported = []observe.Outcome{{Name: "declined", Count: reported}}
	}
	return withUnits(f.turn(observe.Sample{Operations: []observe.OperationStat{o}}, nil))
}

// What is said to be now has nothing of the healthy time before, however much more was
// done then.
func TestWhatIsNowIsOfTheCase(t *testing.T) {
	for _, c := range []struct{ before, spans, bad uint64 }{{20, 20, 20}, {20, 20, 10}, {200, 10, 10}, {200, 10, 5}, {200, 2, 2}} {
		for _, kind := range []detect.Kind{detect.KindErrorRate, detect.KindBusinessErrors} {
			failed, reported := c.bad, uint64(0)
			share := 100 * float64(c.bad) / float64(c.spans)
			want := fmt.Sprintf(", %.0f%% now, ", share)
			if kind == detect.KindBusinessErrors {
				failed, reported = 0, c.bad
				want = fmt.Sprintf("; declined: %.2g a span now, ", share/100)
			}
			f := &feed{d: detect.NewErrorRate(detect.ErrorRateConfig{})}
			for range 300 {
				if fs := second(f, c.before, 0, 0); len(fs) > 0 {
					t.Fatalf("healthy: %+v", fs)
				}
			}
			said := 0
			for s := range 100 {
				for _, got := range second(f, c.spans, failed, reported) {
					said++
					if text := got.Evidence[0].Text; got.Kind != kind || !strings.Contains(text, want) {
						t.Fatalf("%+v, second %d: %q, want %q", c, s, text, want)
					}
					if kind == detect.KindErrorRate && math.Abs(got.Level-share) > 1e-6 {
						t.Fatalf("%+v, second %d: level %v, want %v", c, s, got.Level, share)
					}
				}
			}
			if said < 50 {
				t.Errorf("%+v: %s was told in %d turns", c, kind, said)
			}
		}
	}
}

// What is over leaves what is now.
func TestWhatIsNowFallsAfterwards(t *testing.T) {
	f := &feed{d: detect.NewErrorRate(detect.ErrorRateConfig{})}
	for range 300 {
		second(f, 20, 0, 0)
	}
	for range 12 {
		second(f, 20, 20, 0)
	}
	last, told := 100., 0
	for range 60 {
		for _, got := range second(f, 20, 0, 0) {
			if told++; got.Level >= last {
				t.Fatalf("level %v after %v", got.Level, last)
			}
			last = got.Level
		}
	}
	if told == 0 || last > 10 {
		t.Errorf("told %d times, at last at %v %%", told, last)
	}
}

// Of all operations at once, the share is that of the time since they fail.
func TestWhatAllOperationsFailIsOfTheCase(t *testing.T) {
	d := detect.NewErrorRate(detect.ErrorRateConfig{})
	now, told := t0, 0
	for s := range 330 {
		now = now.Add(time.Second)
		turn := observe.Turn{Time: now}
		for i := range 5 {
			o := observe.OperationStat{Name: fmt.Sprintf("op%d", i), Kind: observe.Server, Ended: 100}
			if s >= 300 {
				o.Ended, o.Failed = 10, 10
				o.Outcomes = []observe.Outcome{{Name: "timeout", Count: 10, Failed: true}}
			}
			turn.Sample.Operations = append(turn.Sample.Operations, o)
		}
		for _, f := range withUnits(d.Detect(turn)) {
			if f.Subject.String() != "all operations" {
				continue
			}
			if told++; f.Level != 100 || !strings.Contains(f.Evidence[0].Text, "100% of all they do fails since") {
				t.Fatalf("second %d: level %v: %s", s, f.Level, f.Evidence[0].Text)
			}
		}
	}
	if told == 0 {
		t.Error("never told")
	}
}

// Business errors outside of spans are a share of nothing. How many a second are many
// nobody knows before it is learned, and then what was there from the first is usual.
func TestBusinessErrorsOutsideOfSpansAreNotConfirmedAtFirst(t *testing.T) {
	for _, rate := range []float64{4, 60} {
		for seed := range uint64(5) {
			w, d := newErrorWorld(seed), detect.NewErrorRate(detect.ErrorRateConfig{})
			feed := func(mean float64) *detect.Finding {
				w.now = w.now.Add(time.Second)
				turn := observe.Turn{Time: w.now}
				if n := w.poisson(mean); n > 0 {
					turn.Sample.Operations = []observe.OperationStat{{Name: "pay.charge", Kind: observe.Internal, Reported: []observe.Outcome{{Name: "no_loyalty", Count: n}}}}
				}
				return ofKind(withUnits(d.Detect(turn)), detect.KindBusinessErrors, "pay.charge")
			}
			told := 0
			for s := range 900 {
				f := feed(rate)
				if f == nil {
					continue
				}
				told++
				text := f.Evidence[0].Text
				if f.Confidence == detect.Confirmed || s > 200 {
					t.Fatalf("%v a second, seed %d, second %d: %v: %s", rate, seed, s, f.Confidence, text)
				}
				if unknown := strings.HasSuffix(text, " a second now, what is usual is not known yet"); (unknown && s > 125) || (!unknown && s < 119) {
					t.Fatalf("%v a second, seed %d, second %d: %s", rate, seed, s, text)
				}
			}
			if told == 0 {
				t.Errorf("%v a second, seed %d: never told", rate, seed)
			}
			var last *detect.Finding
			for range 60 {
				last = feed(8 * rate)
			}
			if last == nil || last.Confidence != detect.Confirmed || !strings.Contains(last.Evidence[0].Text, " are usual") {
				t.Errorf("%v a second, seed %d: eight times what is usual: %+v", rate, seed, last)
			}
		}
	}
}

// The same in spans: what is usual is not said before it is known.
func TestBusinessErrorsDoNotInventWhatIsUsual(t *testing.T) {
	f, told := &feed{d: detect.NewErrorRate(detect.ErrorRateConfig{})}, 0
	for range 20 {
		second(f, 20, 0, 0)
	}
	for range 90 {
		for _, got := range second(f, 20, 0, 4) {
			if told++; got.Confidence == detect.Confirmed || !strings.HasSuffix(got.Evidence[0].Text, " a span now, what is usual is not known yet") {
				t.Fatalf("%v: %s", got.Confidence, got.Evidence[0].Text)
			}
		}
	}
	if told == 0 {
		t.Error("never told")
	}
}
