package detect_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// hanging is a world of supervised tasks of one name, and how many runs of others of that
// name start and end well each second.
type hanging struct {
	feed
	alive, started, lost int64
	well                 int64
	run                  uint64
}

func (w *hanging) second(events ...observe.Event) []detect.Finding {
	w.started += w.well
	s := live(w.alive+w.lost, uint64(w.started))
	s.Tasks[0].Abandoned = w.lost
	return w.turn(s, nil, events...)
}

// quiet lets time pass.
func (w *hanging) quiet(d time.Duration) (got []detect.Finding) {
	for range d / time.Second {
		got = w.second()
	}
	return got
}

// hang has a run hang, and a second later return and be started again.
func (w *hanging) hang(replacing bool) []detect.Finding {
	w.run++
	late := event(observe.EventHeartbeatMissed, w.run)
	late.Replacing = replacing
	got := w.second(late)
	w.started++
	w.second(event(observe.EventReturned, w.run), event(observe.EventRestarted, w.run+1))
	return got
}

func loopOf(got []detect.Finding) (f detect.Finding, ok bool) {
	for _, f := range got {
		if f.Kind == detect.KindHangLoop {
			return f, true
		}
	}
	return detect.Finding{}, false
}

func TestHangLoop(t *testing.T) {
	for _, c := range []struct {
		name        string
		alive, well int64
		hangs       int
		every       time.Duration
		kept        bool // nothing replaces what hangs
		want        bool
	}{
		{"run after run", 1, 0, 5, 5 * time.Second, false, true},
		{"four runs", 1, 0, 4, 5 * time.Second, false, false},
		{"run after run, with a heartbeat of minutes", 1, 0, 5, 14 * time.Minute, false, true},
		{"now and then", 1, 0, 20, 20 * time.Minute, false, false},
		{"run after run, and nothing replaces them", 1, 0, 9, 5 * time.Second, true, false},
		{"each of a hundred once", 100, 0, 100, 2 * time.Second, false, false},
		{"one of three, or all of them in turn", 3, 0, 7, 5 * time.Second, false, true},
		{"as many, of four", 4, 0, 7, 5 * time.Second, false, false},
		{"few among many that end well", 1, 10, 20, 5 * time.Second, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &hanging{feed: feed{d: detect.NewStuck()}, alive: c.alive, started: c.alive, well: c.well}
			var last []detect.Finding
			for i := range c.hangs {
				if last = w.hang(!c.kept); i < c.hangs-1 {
					if f, ok := loopOf(last); ok {
						t.Fatalf("after %d hangs: %+v", i+1, f)
					}
					w.quiet(c.every - 2*time.Second)
				}
			}
			f, ok := loopOf(last)
			if ok != c.want {
				t.Fatalf("after %d hangs a loop was found: %v, want %v: %+v", c.hangs, ok, c.want, last)
			}
			if ok && (f.Confidence != detect.Confirmed || !f.Active || f.Reflex || f.Level != float64(c.hangs) || f.Subject.Name != "a.b" || !f.Subject.Task.IsZero() || len(f.Evidence) != 1) {
				t.Errorf("finding %+v", f)
			}
		})
	}
}

// The single hangs of a loop follow from it. It lasts for twice as long as the time
// between two, goes on while a run hangs that nothing replaces any more, and begins anew
// with one hang more.
func TestHangLoopLastsAndEnds(t *testing.T) {
	w := &hanging{feed: feed{d: detect.NewStuck()}, alive: 1, started: 1}
	for range 4 {
		if f := w.hang(true)[0]; !f.Cause.IsZero() {
			t.Errorf("no loop yet: %+v", f)
		}
		w.quiet(28 * time.Second)
	}
	got := w.hang(true)
	if f, ok := loopOf(got); len(got) != 2 || !ok || got[1].Cause != f.Subject {
		t.Fatalf("the fifth: %+v, want it to follow from the loop", got)
	}
	if _, ok := loopOf(w.quiet(59 * time.Second)); !ok {
		t.Error("it ended before the next hang was to come")
	}
	if got := w.quiet(2 * time.Second); len(got) != 0 {
		t.Errorf("it did not end: %+v", got)
	}
	w.quiet(10 * time.Minute)
	late := event(observe.EventHeartbeatMissed, 99)
	late.Replacing = true
	if _, ok := loopOf(w.second(late)); !ok {
		t.Error("it did not begin anew")
	}
	if _, ok := loopOf(w.quiet(2 * time.Hour)); !ok {
		t.Error("it ended, though the run still hangs")
	}
	w.started++
	w.second(event(observe.EventReturned, 99), event(observe.EventRestarted, 100))
	if got := w.quiet(time.Minute); len(got) != 0 {
		t.Errorf("the run has returned, and it goes on: %+v", got)
	}
}

// Between two runs nothing hangs, for as long as the backoff is: that is no end. A task that
// is not started again any more is one.
func TestHangLoopLastsThroughBackoff(t *testing.T) {
	w := &hanging{feed: feed{d: detect.NewStuck()}, alive: 1, started: 1}
	for range 5 {
		w.hang(true)
	}
	late := event(observe.EventHeartbeatMissed, 6)
	late.Replacing = true
	w.second(late)
	w.second(event(observe.EventReturned, 6))
	if _, ok := loopOf(w.quiet(4 * time.Minute)); !ok {
		t.Error("it ended between two runs")
	}
	if got := w.quiet(time.Minute); len(got) != 0 {
		t.Errorf("nothing is started again, and it goes on: %+v", got)
	}
}

// Runs that were given up are a sign of another kind.
func TestHangLoopWithRunsGivenUp(t *testing.T) {
	w := &hanging{feed: feed{d: detect.NewStuck()}, alive: 1, started: 1}
	for range 6 {
		w.hang(true)
		w.lost++
	}
	f, ok := loopOf(w.second())
	if !ok || len(f.Evidence) != 2 || f.Evidence[1].Channel != detect.Metrics || !strings.Contains(f.Evidence[1].Text, "6 runs of a.b were given up") {
		t.Fatalf("finding %+v", f)
	}
}

func TestHangLoopRefusesAState(t *testing.T) {
	for state, field := range map[string]string{
		`{"hang_loops":[{"subject":{"name":"a"}}]}`: "hang_loops[0].hangs",
		`{"hang_loops":[{"subject":{"name":"b"},"hangs":[{"time":"2026-01-02T03:04:05Z"}]},{"subject":{"name":"a"},"hangs":[{"time":"2026-01-02T03:04:05Z"}]}]}`: "hang_loops[1]",
	} {
		err := detect.NewStuck().SetState([]byte(state))
		var bad *detect.StateError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("state %s: %v, want one of %s", state, err, field)
		}
	}
}
