package detect_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// twenty is a service with twenty operations that fail in one of 100 spans.
func twenty(seed uint64) *errorWorld {
	w := newErrorWorld(seed)
	for i := range 20 {
		w.add(simOperation{name: fmt.Sprintf("GET /r%02d", i), rate: 1 + 3*float64(i%7), fails: map[string]float64{"timeout": 0.008, "io.EOF": 0.002}})
	}
	return w
}

// A burst of one type of error in one of twenty operations is confirmed within 15
// seconds, and nothing else is.
func TestErrorRateFindsABurst(t *testing.T) {
	for _, share := range []float64{0.15, 0.3, 1} {
		worst := 0
		for seed := range uint64(20) {
			w, d := twenty(seed), detect.NewErrorRate(detect.ErrorRateConfig{})
			w.run(d, 600, func(s int, fs []detect.Finding) {
				if n := len(fs); n > 0 && fs[0].Confidence == detect.Confirmed {
					t.Errorf("seed %d, second %d: %s", seed, s, fs[0].Evidence[0].Text)
				}
			})
			w.ops[6].fails["sql.Deadlock"] = share // 19 spans a second
			found := 0
			last := w.run(d, 60, func(s int, fs []detect.Finding) {
				for _, f := range fs {
					if f.Confidence == detect.Confirmed && found == 0 {
						found = s
					}
					if f.Confidence == detect.Confirmed && f.Subject.Name != "GET /r06" {
						t.Errorf("seed %d: accused %s: %s", seed, f.Subject, f.Evidence[0].Text)
					}
				}
			})
			if worst = max(worst, found); found == 0 || found > 15 {
				t.Errorf("seed %d, share %v: found after %d s", seed, share, found)
			}
			if f := ofKind(last, detect.KindErrorRate, "GET /r06"); seed == 0 {
				if f == nil {
					t.Fatal("not found")
				}
				for _, e := range f.Evidence {
					t.Log(e.Channel, e.Text)
				}
				if math.Abs(f.Level-100*share) > 25 || f.Since.Sub(w.now.Add(-time.Minute)).Abs() > 10*time.Second {
					t.Errorf("%+v", f)
				}
			}
			delete(w.ops[6].fails, "sql.Deadlock")
			if last = w.run(d, 90, nil); len(last) > 0 {
				t.Errorf("seed %d: still there 90 s after the end: %+v", seed, last)
			}
		}
		t.Logf("share %v: confirmed after at most %d s", share, worst)
	}
}

// A second's worth of failures that a deploy makes is a suspicion at most.
func TestErrorRateDoesNotConfirmABlip(t *testing.T) {
	for _, rate := range []float64{4, 40, 400} {
		for seed := range uint64(50) {
			w, d := newErrorWorld(seed), detect.NewErrorRate(detect.ErrorRateConfig{})
			o := w.add(simOperation{name: "GET /a", rate: rate, fails: map[string]float64{"timeout": 0.01}})
			w.run(d, 400, nil)
			confirmed := func(s int, fs []detect.Finding) {
				for _, f := range fs {
					if f.Confidence == detect.Confirmed {
						t.Errorf("rate %v, seed %d, second %d: %s", rate, seed, s, f.Evidence[0].Text)
					}
				}
			}
			o.fails["conn.Refused"] = min(4/rate, 1)
			w.run(d, 5, confirmed)
			delete(o.fails, "conn.Refused")
			w.run(d, 120, confirmed)
		}
	}
}

// What fails in 1 of 100 spans all day long is nothing, at any load.
func TestErrorRateIsQuietAllDay(t *testing.T) {
	hours := 24
	if testing.Short() || usualSeeds == 2 {
		hours = 2
	}
	suspected, confirmed := 0, 0
	w, d := newErrorWorld(3), detect.NewErrorRate(detect.ErrorRateConfig{})
	for i, rate := range []float64{0.02, 1, 50, 0.02, 1, 50} {
		w.add(simOperation{name: fmt.Sprintf("op%d", i), rate: rate, fails: map[string]float64{"a": 0.007, "b": 0.003}, reports: map[string]float64{"declined": 0.03}})
	}
	open := map[string]bool{}
	for s := range hours * 3600 {
		load := 1 + 0.9*math.Sin(2*math.Pi*float64(s)/86400)
		now := map[string]bool{}
		for _, f := range d.Detect(w.turn(load)) {
			now[f.Key()] = true
			if !open[f.Key()] {
				suspected++
			}
			if f.Confidence == detect.Confirmed {
				confirmed++
				t.Errorf("second %d: %s", s, f.Evidence[0].Text)
			}
		}
		open = now
	}
	t.Logf("%d h of 6 operations: %d suspected, %d turns confirmed", hours, suspected, confirmed)
	if suspected > 3 {
		t.Errorf("%d suspicions", suspected)
	}
}

func TestErrorRateFindsWhatIsSeldomDone(t *testing.T) {
	w, d := newErrorWorld(1), detect.NewErrorRate(detect.ErrorRateConfig{})
	o := w.add(simOperation{name: "report", kind: observe.Internal, rate: 0.02, fails: map[string]float64{}})
	w.run(d, 7200, nil)
	o.fails["disk.Full"] = 1
	var found *detect.Finding
	failures := 0
	for range 3600 {
		turn := w.turn(1)
		for _, st := range turn.Sample.Operations {
			failures += int(st.Failed)
		}
		if found = ofKind(d.Detect(turn), detect.KindErrorRate, "report"); found != nil && found.Confidence == detect.Confirmed {
			break
		}
	}
	if found == nil || failures > 6 {
		t.Fatalf("after %d failures: %+v", failures, found)
	}
	t.Logf("after %d failures: %s", failures, found.Evidence[0].Text)
}

// Errors that come in clumps, as retries make them, vary more than by chance, and
// that is learned.
func TestErrorRateLearnsClumps(t *testing.T) {
	hours, n := 4, 200
	if testing.Short() || usualSeeds == 2 {
		hours, n = 1, 40
	}
	for _, clump := range []float64{1, 3} {
		w, d := newErrorWorld(9), detect.NewErrorRate(detect.ErrorRateConfig{})
		suspected, open := 0, map[string]bool{}
		for s := range hours * 3600 {
			w.now = w.now.Add(time.Second)
			turn := observe.Turn{Time: w.now}
			load := 1 + 0.9*math.Sin(2*math.Pi*float64(s)/14400)
			for i := range n {
				k := w.poisson(0.02 * math.Pow(5000, float64(i)/float64(n)) * load) // to 100 a second
				if k == 0 {
					continue
				}
				var failed uint64
				for range w.poisson(float64(k) * 0.01 / clump) {
					failed += 1 + w.poisson(clump-1)
				}
				failed = min(failed, k)
				turn.Sample.Operations = append(turn.Sample.Operations, observe.OperationStat{
					Name: fmt.Sprintf("o%03d", i), Kind: observe.Server, Ended: k, Failed: failed, Outcomes: []observe.Outcome{{Name: "e", Count: failed, Failed: true}},
				})
			}
			now := map[string]bool{}
			for _, f := range d.Detect(turn) {
				if now[f.Subject.Name] = true; !open[f.Subject.Name] {
					suspected++
				}
				if f.Confidence == detect.Confirmed {
					t.Errorf("clumps of %v, second %d: %s", clump, s, f.Evidence[0].Text)
				}
			}
			open = now
		}
		t.Logf("clumps of %v: %d suspected in %d h of %d operations", clump, suspected, hours, n)
		if suspected > 16 {
			t.Errorf("clumps of %v: %d suspected", clump, suspected)
		}
	}
}
