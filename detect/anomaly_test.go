package detect_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// queue is a service that gives the depth of a queue.
type queue struct {
	at    time.Time
	rnd   *rand.Rand
	extra float64
}

func (q *queue) turn() observe.Turn {
	q.at = q.at.Add(time.Second)
	depth := 40 + 10*math.Sin(float64(q.at.Unix())/3000) + 3*q.rnd.NormFloat64() + q.extra
	return observe.Turn{Time: q.at, Sample: observe.Sample{Time: q.at, Slowdown: 1, Readings: []observe.Reading{{Name: "mail.queue", Value: depth}}}}
}

// What a metric never did before is suspected, at once and also by a process that has
// only what another learned; what it often does is not.
func TestAnomalies(t *testing.T) {
	q := &queue{at: t0, rnd: rand.New(rand.NewPCG(1, 2))}
	d := detect.NewAnomaly()
	found := 0
	for range 30000 {
		found += len(withUnits(d.Detect(q.turn())))
	}
	if found > 300 {
		t.Fatalf("%d of 30000 turns of a usual queue are told", found)
	}
	learned, err := d.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	next := detect.NewAnomaly()
	if err := next.SetBaseline(learned); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*detect.Anomaly{d, next} {
		q.extra = 80
		var told []detect.Finding
		for range 60 {
			if told = withUnits(d.Detect(q.turn())); len(told) > 0 {
				break
			}
		}
		if len(told) != 1 || told[0].Subject.Name != "mail.queue" || told[0].Confidence != detect.Suspected || !strings.Contains(told[0].Evidence[0].Text, "which it never was") {
			t.Fatalf("%+v", told)
		}
		q.extra = 0
		for range 3600 {
			told = withUnits(d.Detect(q.turn()))
		}
		if len(told) != 0 {
			t.Errorf("it does not clear: %+v", told)
		}
	}
	for _, bad := range []string{"{", `{"series":[{"name":"b"},{"name":"a"}]}`, `{"series":[{"name":"a","scorer":{"n":-1}}]}`} {
		if err := detect.NewAnomaly().SetBaseline([]byte(bad)); err == nil {
			t.Errorf("a baseline of %s is taken", bad)
		}
	}
}
