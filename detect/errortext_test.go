package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
)

// "N of M since T" is of what came since T, and of nothing before, however the case
// began.
func TestErrorRateCountsSinceItSays(t *testing.T) {
	for _, c := range []struct {
		rate, share float64
		before      int // seconds
	}{{50, 0.3, 300}, {50, 0.12, 300}, {5, 0.5, 300}, {5, 1, 300}, {0.05, 1, 3000}, {50, 0.3, 10}, {20, 1, 1}} {
		said := 0
		for seed := range uint64(5) {
			w, d := newErrorWorld(seed), detect.NewErrorRate(detect.ErrorRateConfig{})
			o := w.add(simOperation{name: "op", rate: c.rate, fails: map[string]float64{"timeout": 0.01}})
			type second struct {
				at            time.Time
				failed, ended uint64
			}
			var past []second
			for s := range c.before + 400 {
				if s == c.before {
					o.fails["sql.Deadlock"] = c.share
				}
				turn := w.turn(1)
				now := second{at: turn.Time}
				for _, st := range turn.Sample.Operations {
					now.failed, now.ended = st.Failed, st.Ended
				}
				past = append(past, now)
				f := ofKind(d.Detect(turn), detect.KindErrorRate, "op")
				if f == nil {
					continue
				}
				said++
				failed, ended := uint64(0), uint64(0)
				for _, p := range past {
					if !p.at.Before(f.Since) {
						failed, ended = failed+p.failed, ended+p.ended
					}
				}
				want := fmt.Sprintf("op fails: %d of %d since %s,", failed, ended, f.Since.UTC().Format(time.TimeOnly))
				if !strings.HasPrefix(f.Evidence[0].Text, want) {
					t.Fatalf("%+v, seed %d, second %d: %q, want %q", c, seed, s, f.Evidence[0].Text, want)
				}
			}
		}
		if said == 0 {
			t.Errorf("%+v: never told", c)
		}
	}
}

// An outage that begins before anything is usual does not become so: not in what is
// said of it, and not when it comes again.
func TestErrorRateLearnsNothingFromAnEarlyOutage(t *testing.T) {
	for seed := range uint64(10) {
		w, d := newErrorWorld(seed), detect.NewErrorRate(detect.ErrorRateConfig{})
		o := w.add(simOperation{name: "op", rate: 20, fails: map[string]float64{}})
		w.run(d, 20, nil)
		said := ""
		for range 2 {
			o.fails["timeout"] = 0.3
			w.run(d, 1200, func(s int, fs []detect.Finding) {
				f := ofKind(fs, detect.KindErrorRate, "op")
				if f == nil {
					if s > 30 {
						t.Fatalf("seed %d: forgotten after %d s", seed, s)
					}
					return
				}
				_, text, _ := strings.Cut(f.Evidence[0].Text, "now, ")
				if strings.HasPrefix(text, "what is usual is not known yet") {
					return
				}
				if text, _, _ = strings.Cut(text, " are usual"); said == "" {
					said = text
				}
				var first, now float64
				if _, err := fmt.Sscanf(said+" "+text, "%g%% %g%%", &first, &now); err != nil {
					t.Fatal(said, text, err)
				}
				if now > 2*first+0.5 {
					t.Fatalf("seed %d, second %d: what is usual rose from %s to %s", seed, s, said, text)
				}
			})
			delete(o.fails, "timeout")
			w.run(d, 300, nil)
			o.fails["timeout"] = 0.2
			if last := w.run(d, 60, nil); len(last) == 0 || last[0].Confidence != detect.Confirmed {
				t.Errorf("seed %d: not confirmed when it came again: %+v", seed, last)
			}
			delete(o.fails, "timeout")
			w.run(d, 300, nil)
			said = ""
		}
	}
}

// What has always failed so is how the service is, after an hour.
func TestErrorRateTakesAHabitForUsual(t *testing.T) {
	w, d := newErrorWorld(1), detect.NewErrorRate(detect.ErrorRateConfig{})
	w.add(simOperation{name: "op", rate: 20, fails: map[string]float64{"timeout": 0.2}, reports: map[string]float64{"declined": 0.3}})
	last := w.run(d, 2*3600, func(s int, fs []detect.Finding) {
		for _, f := range fs {
			if f.Confidence == detect.Confirmed {
				t.Errorf("second %d: %s", s, f.Evidence[0].Text)
			}
		}
	})
	if len(last) != 0 {
		t.Errorf("still told: %+v", last)
	}
}

// Business errors are named, also where a long case has none any more that is unusual.
func TestErrorRateNamesWhatIsReported(t *testing.T) {
	told := 0
	for seed := range uint64(20) {
		w, d := newErrorWorld(seed), detect.NewErrorRate(detect.ErrorRateConfig{})
		o := w.add(simOperation{name: "op", rate: 20, reports: map[string]float64{"declined": 0.02, "expired": 0.01}})
		w.run(d, 400, nil)
		for i := range 600 {
			if o.reports["declined"] = 0.02; i%60 < 12 {
				o.reports["declined"] = 0.3
			}
			for _, f := range d.Detect(w.turn(1)) {
				told++
				if text := f.Evidence[0].Text; strings.Contains(text, ":  since") || !strings.Contains(text, "declined") {
					t.Fatalf("seed %d: %q", seed, text)
				}
			}
		}
	}
	if told == 0 {
		t.Error("never told")
	}
}
