package heal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// traffic is what happens to a name in one second.
type traffic struct {
	seconds int
	hang    int // get past their limit and stay
	late    int // get past their limit, go on past their grace, and end a second later
	good    int
	fail    int
}

// serve plays seconds of traffic, and returns after how many of them the name was
// first cut off, 0 for never.
func serve(w *world, phases ...traffic) (cut int) {
	if len(w.sample.Tasks) == 0 {
		w.sample.Tasks = []observe.TaskStat{{Name: "reco.list", Domain: "reco", Started: 1e6, Failed: 10}}
	}
	ts := &w.sample.Tasks[0]
	hung, late, second := 0, 0, 0
	for _, p := range phases {
		for range p.seconds {
			second++
			for range late {
				w.pending = append(w.pending, observe.Event{Kind: observe.EventEnded, Subject: observe.Subject{Name: ts.Name}})
			}
			late = p.late
			hung += p.hang
			ts.Started += uint64(p.hang + p.late + p.good + p.fail)
			ts.Failed += uint64(p.fail)
			ts.Live = int64(hung + late)
			w.turn(hang(hung + late)...)
			if cut == 0 && strings.Contains(strings.Join(w.commands, " "), "apply quarantine") {
				cut = second
			}
		}
	}
	return cut
}

// A name is cut off for tasks that hang as soon as three do where most hang, and not
// at all where they are few among those that are served.
func TestFewOfManyThatHang(t *testing.T) {
	for _, c := range []struct {
		name   string
		phases []traffic
		cut    int // second; the ladder takes three to come to it
	}{
		{"all hang, and nobody else asks", []traffic{{seconds: 1, hang: 3}, {seconds: 9}}, 3},
		{"all hang", []traffic{{seconds: 10, hang: 5}}, 3},
		{"all hang, one a second", []traffic{{seconds: 10, hang: 1}}, 3},
		{"two of three hang", []traffic{{seconds: 10, hang: 2, good: 1}}, 3},
		{"half of them hang", []traffic{{seconds: 10, hang: 5, good: 5}}, 3},
		{"all are late and end after all", []traffic{{seconds: 10, late: 5}}, 3},
		{"a third is late and ends after all", []traffic{{seconds: 10, late: 5, good: 10}}, 3},
		{"those that fail speak for nobody", []traffic{{seconds: 10, hang: 1, fail: 100}}, 3},
		{"three of hundreds", []traffic{{seconds: 1, hang: 3, good: 100}, {seconds: 60, good: 100}}, 0},
		{"and then nobody asks", []traffic{{seconds: 1, hang: 3, good: 100}, {seconds: 10, good: 100}, {seconds: 100}}, 0},
		{"and then one more, while nobody asks", []traffic{{seconds: 1, hang: 3}, {seconds: 10, good: 100}, {seconds: 1, hang: 1}, {seconds: 60}}, 0},
		{"few at first, some on and on", []traffic{{seconds: 60, hang: 1, good: 10}}, 0},
		{"hundreds of thousands", []traffic{{seconds: 60, hang: 100, good: 1000}}, 0},
		{"a few for ten minutes, then all", []traffic{{seconds: 1, hang: 3, good: 100}, {seconds: 600, good: 100}, {seconds: 10, hang: 1}}, 604},
		{"a few for ten minutes, then most", []traffic{{seconds: 1, hang: 3, good: 100}, {seconds: 600, good: 100}, {seconds: 10, hang: 10, good: 5}}, 602},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, contain)
			w.results[heal.RemedyCancel] = heal.ResultNotApplicable
			w.results[heal.RemedyAbandon] = heal.ResultNotApplicable
			if cut := serve(w, c.phases...); cut != c.cut {
				t.Errorf("cut off after %d s, want %d: %+v", cut, c.cut, w.inc.Steps)
			}
		})
	}
}

// A person is told once that nothing is done for the few that hang, and the incident
// ends with them. All of that survives in the state.
func TestFewOfManyCallAPerson(t *testing.T) {
	w := newWorld(t, contain)
	w.results[heal.RemedyCancel] = heal.ResultNotApplicable
	w.results[heal.RemedyAbandon] = heal.ResultNotApplicable
	serve(w, traffic{seconds: 1, hang: 3}, traffic{seconds: 1, good: 100})
	state, err := w.h.State()
	if err != nil {
		t.Fatal(err)
	}
	again := newWorld(t, contain)
	if err := again.h.SetState(state); err != nil {
		t.Fatal(err)
	}
	w.h = again.h
	for range 20 {
		w.sample.Tasks[0].Started += 100
		w.turn(hang(3)...)
	}
	w.want(diagnose.Escalated, "", "apply cancel", "apply abandon")
	if n := strings.Count(fmt.Sprint(w.inc.Steps), "quarantine waits: most of its runs end in time, and all would be hit: a person is needed"); n != 1 {
		t.Errorf("told %d times: %+v", n, w.inc.Steps)
	}
	w.turns(3)
	w.want(diagnose.Verified, diagnose.Recovered, "apply cancel", "apply abandon")
}
