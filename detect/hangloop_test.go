package detect_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// hanging is a world of supervised tasks of one name.
type hanging struct {
	feed
	lost        int64
	run         uint64
	quarantined bool
}

func newHanging() *hanging { return &hanging{feed: feed{d: detect.NewStuck()}} }

func (w *hanging) second(events ...observe.Event) []detect.Finding {
	s := live(100+w.lost, w.run)
	s.Tasks[0].Abandoned, s.Tasks[0].Quarantined = w.lost, w.quarantined
	return w.turn(s, nil, events...)
}

// quiet lets time pass.
func (w *hanging) quiet(d time.Duration) (got []detect.Finding) {
	for range d / time.Second {
		got = w.second()
	}
	return got
}

// late is what is told of a run that hangs, the last of so many in a row.
func (w *hanging) late(row int) observe.Event {
	w.run++
	e := event(observe.EventHeartbeatMissed, w.run)
	e.Replacing, e.Row = true, row
	return e
}

// hang has a run hang, and a second later return and be started again.
func (w *hanging) hang(row int) []detect.Finding {
	got := w.second(w.late(row))
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
	row := func(n int) (rows []int) {
		for i := range n {
			rows = append(rows, i+1)
		}
		return rows
	}
	each := func(rows []int, times int) (out []int) { // of so many children, in turn
		for _, r := range rows {
			for range times {
				out = append(out, r)
			}
		}
		return out
	}
	for _, c := range []struct {
		name  string
		rows  []int // of the hangs
		every time.Duration
		at    int // the hang with which it is a loop; 0: it is none
	}{
		{"five runs in two minutes", row(5), 30 * time.Second, 5},
		{"four", row(4), 30 * time.Second, 0},
		{"five in a minute, as in an outage", row(5), 15 * time.Second, 0},
		{"more of them, for two minutes", row(12), 15 * time.Second, 9},
		{"with a heartbeat of minutes", row(6), 14 * time.Minute, 5},
		{"rows that end", append(row(4), row(4)...), 30 * time.Second, 0},
		{"each of a hundred twice", each([]int{1, 2}, 100), 3 * time.Second, 0},
		{"each of three hundred, again and again", each(row(5), 300), 2 * time.Second, 1201},
		{"one, among others that hang once", []int{1, 1, 2, 1, 3, 1, 4, 1, 5, 1, 6, 1, 7, 1, 8}, 20 * time.Second, 9},
		{"a row whose begin was not seen", []int{40, 41, 42, 43, 44}, 45 * time.Second, 4},
		{"of no child", []int{0, 0, 0, 0, 0, 0, 0, 0, 0}, 30 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, at := newHanging(), 0
			var f detect.Finding
			for i, r := range c.rows {
				if got, ok := loopOf(w.hang(r)); ok {
					at, f = i+1, got
					break
				}
				w.quiet(c.every - 2*time.Second)
			}
			if at != c.at {
				t.Fatalf("a loop after %d hangs, want %d: %+v", at, c.at, f)
			}
			if at > 0 && (f.Confidence != detect.Confirmed || !f.Active || f.Reflex || f.Level != float64(c.rows[at-1]) || f.Subject.Name != "a.b" || !f.Subject.Task.IsZero() || len(f.Evidence) != 1) {
				t.Errorf("finding %+v", f)
			}
		})
	}
}

// loop has a row of so many hang, one each half minute.
func (w *hanging) loop(t *testing.T, n int) (got []detect.Finding) {
	t.Helper()
	for i := range n {
		got = w.hang(i + 1)
		w.quiet(28 * time.Second)
	}
	if _, ok := loopOf(got); !ok {
		t.Fatalf("no loop: %+v", got)
	}
	return got
}

// The single hangs of a loop follow from it. It lasts for four times as long as the time
// between two, and begins anew with a new row.
func TestHangLoopLastsAndEnds(t *testing.T) {
	w := newHanging()
	if f := w.second(w.late(1))[0]; !f.Cause.IsZero() {
		t.Errorf("no loop yet: %+v", f)
	}
	w = newHanging()
	got := w.loop(t, 5)
	if f, _ := loopOf(got); len(got) != 2 || got[1].Cause != f.Subject {
		t.Fatalf("the fifth: %+v, want it to follow from the loop", got)
	}
	if _, ok := loopOf(w.quiet(90 * time.Second)); !ok {
		t.Error("it ended before the next hang was to come")
	}
	if got := w.quiet(3 * time.Second); len(got) != 0 {
		t.Errorf("it did not end: %+v", got)
	}
	w.quiet(5 * time.Minute)
	if f, ok := loopOf(w.hang(6)); ok {
		t.Errorf("one hang later: %+v", f)
	}
	w.quiet(10 * time.Minute)
	w.loop(t, 5)
}

// While a run hangs that nothing replaces any more the loop goes on, and so it does between
// two runs, for as long as the backoff or a quarantine is. A task that is not started again ends it.
func TestHangLoopGoesOn(t *testing.T) {
	w := newHanging()
	w.loop(t, 5)
	w.second(w.late(6))
	if _, ok := loopOf(w.quiet(2 * time.Hour)); !ok {
		t.Error("it ended, though the run still hangs")
	}
	w.second(event(observe.EventReturned, w.run), event(observe.EventRestarted, w.run+1))
	w.quiet(time.Minute)
	if _, ok := loopOf(w.hang(7)); !ok {
		t.Error("it ended before the next run hung")
	}

	w = newHanging()
	w.loop(t, 5)
	w.second(w.late(6))
	w.second(event(observe.EventReturned, w.run))
	if _, ok := loopOf(w.quiet(4 * time.Minute)); !ok {
		t.Error("it ended between two runs")
	}
	w.quarantined = true
	if _, ok := loopOf(w.quiet(time.Hour)); !ok {
		t.Error("it ended in quarantine")
	}
	w.quarantined = false
	if got := w.second(); len(got) != 0 {
		t.Errorf("nothing is started again, and it goes on: %+v", got)
	}
}

// Hangs that are in no such row, of other children or with runs between that were well, are none of it.
func TestHangLoopIsNotProlonged(t *testing.T) {
	w := newHanging()
	w.loop(t, 5)
	for range 4 {
		w.quiet(40 * time.Second)
		w.hang(1)
	}
	if f, ok := loopOf(w.second()); ok {
		t.Errorf("it goes on: %+v", f)
	}
}

// Runs that were given up meanwhile are a sign of another kind; others are none.
func TestHangLoopWithRunsGivenUp(t *testing.T) {
	w := newHanging()
	w.lost = 3
	if f, _ := loopOf(w.loop(t, 5)); len(f.Evidence) != 1 {
		t.Errorf("those of before: %+v", f)
	}
	w.lost = 5
	f, ok := loopOf(w.second())
	if !ok || len(f.Evidence) != 2 || f.Evidence[1].Channel != detect.Metrics || !strings.HasPrefix(f.Evidence[1].Text, "2 of its runs were given up") {
		t.Fatalf("finding %+v", f)
	}
}

// What is a restart storm is told as one.
func TestHangLoopThatStorms(t *testing.T) {
	w := newHanging()
	w.loop(t, 5)
	if got := w.second(event(observe.EventRestartStorm, 0)); len(got) != 0 {
		t.Errorf("findings %+v", got)
	}
}

func TestHangLoopRefusesAState(t *testing.T) {
	const hang = `"hangs":["2026-01-02T03:04:05Z"]`
	for state, field := range map[string]string{
		`{"hang_loops":[{"subject":{"name":"a"}}]}`:                                                    "hang_loops[0].hangs",
		`{"hang_loops":[{"subject":{"name":"b"},` + hang + `},{"subject":{"name":"a"},` + hang + `}]}`: "hang_loops[1]",
	} {
		err := detect.NewStuck().SetState([]byte(state))
		var bad *detect.StateError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("state %s: %v, want one of %s", state, err, field)
		}
	}
}
