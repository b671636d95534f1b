package detect_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// wildOperation is one that no runtime measures.
func wildOperation(r *rand.Rand) observe.OperationStat {
	number := func() int64 {
		return []int64{0, 1, -1, 7, 60, 1 << 40, math.MaxInt64, math.MinInt64}[r.IntN(8)]
	}
	n := func() uint64 { return uint64(number()) }
	word := []string{"", "a", "b", "GET /{id}", "\ufffd", "a\nb", strings.Repeat("n", 128)}
	name := word[r.IntN(len(word))]
	return observe.OperationStat{
		Name: name, Kind: observe.OperationKind(word[r.IntN(3)]), Domain: observe.Domain(name), Started: n(), Ended: n(), InFlight: number(),
		Waiting: []uint32{uint32(number()), uint32(number()), 9, 9, uint32(number())}[:r.IntN(6)], Failed: n(), Outlived: n(),
		Latency: observe.Histogram{{Index: int(number()), Count: n()}, {Index: 300, Count: n()}}, Time: time.Duration(number()), Below: time.Duration(number()),
		Calls: []observe.Call{{Name: word[r.IntN(len(word))], Count: n(), Time: time.Duration(number())}, {Name: "a", Count: n()}},
	}
}

// Whatever turns hold, the detectors return, and their states can be read again.
func TestSlownessOfWildTurns(t *testing.T) {
	for _, d := range slowness() {
		r := rand.New(rand.NewPCG(5, 7))
		now := t0
		p := detect.NewPanel(0, d)
		for i := range 3000 {
			now = now.Add([]time.Duration{time.Second, 10 * time.Second, 5 * time.Minute, -time.Hour, 0, 48 * time.Hour}[r.IntN(6)*r.IntN(2)])
			turn := observe.Turn{Time: now, Sample: observe.Sample{Slowdown: []float64{1, 0, -1, 1e300, math.NaN()}[r.IntN(5)]}}
			for range r.IntN(6) {
				turn.Sample.Operations = append(turn.Sample.Operations, wildOperation(r))
			}
			_, events := p.Detect(&turn)
			if len(events) > 0 {
				t.Fatalf("%s, turn %d: %+v", d.Name, i, events)
			}
			if i%100 > 0 {
				continue
			}
			raw, err := p.State()
			if err == nil {
				err = p.SetState(raw)
			}
			if err != nil {
				t.Fatalf("%s, turn %d: %v", d.Name, i, err)
			}
			learned, err := p.Baselines()
			if err == nil {
				err = detect.NewPanel(0, slowness()...).SetBaselines(learned)
			}
			if err != nil {
				t.Fatalf("%s, turn %d: %v", d.Name, i, err)
			}
		}
	}
}

// What is remembered of an operation takes less than a kilobyte.
func TestSlownessRemembersLittle(t *testing.T) {
	for _, d := range slowness() {
		w := newService(1)
		for range 3 * 3600 {
			d.Detector.Detect(w.turn())
		}
		state, err := d.Detector.(detect.Stateful).State()
		if err != nil {
			t.Fatal(err)
		}
		kept := learned(t, d.Detector.(detect.Learner))
		t.Logf("%s: %d bytes of state and %d of what outlives a restart for each of %d operations", d.Name, len(state)/len(w.ops), len(kept)/len(w.ops), len(w.ops))
		if len(state) > 1024*len(w.ops) || len(kept) > 512*len(w.ops) {
			t.Errorf("%s: %d bytes of state, %d of baseline", d.Name, len(state), len(kept))
		}
	}
}

// Whatever a file of baselines holds, it is refused or the detectors go on.
func FuzzSlownessBaseline(f *testing.F) {
	for _, d := range slowness() {
		w := newService(1)
		for range 900 {
			d.Detector.Detect(w.turn())
		}
		raw, err := d.Detector.(detect.Learner).Baseline()
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(raw))
	}
	f.Add([]byte(`[{"name":"a","kind":"server","is":{"slots":-1,"usual":[{"mean":1e300,"dev":-1},{},{}]}}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, d := range slowness() {
			l := d.Detector.(detect.Learner)
			before := fmt.Sprint(l.Baseline())
			if err := l.SetBaseline(raw); err != nil {
				if after := fmt.Sprint(l.Baseline()); after != before {
					t.Fatalf("refused with %v, and changed all the same: %s", err, after)
				}
			}
			after(l, slowQuotes(40, 1))
			if _, err := l.Baseline(); err != nil {
				t.Fatal(err)
			}
			if raw, err := l.(detect.Stateful).State(); err != nil || !json.Valid(raw) {
				t.Fatal(err)
			}
		}
	})
}
