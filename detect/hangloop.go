package detect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// hangLoops counts the runs of each name that hang and are replaced, and finds names of
// which one after the other does: each time the contract holds, and nothing gets well. It
// is sorted by name.
type hangLoops []hangLoop

type hangLoop struct {
	Subject observe.Subject `json:"subject"`          // the name
	Why     string          `json:"why"`              // the last of them hangs
	Hangs   []hang          `json:"hangs"`            // within the window, oldest first
	Resumed time.Time       `json:"resumed,omitzero"` // when a run took the place of the last
	Loop    bool            `json:"loop,omitempty"`
}

// hang is a run that hangs. How many of its name had started by the end of its turn, and
// how many of them were neither over nor given up.
type hang struct {
	Time    time.Time `json:"time"`
	Started uint64    `json:"started"`
	Alive   int64     `json:"alive"`
}

const (
	hangWindow = time.Hour // some heartbeats are of minutes
	// So many must hang that took the place of one that did. Each of those before may have
	// been hit by the same event, such as an outage.
	hangAgain = 4
	hangShare = 0.3 // of the runs must hang, for sure: one of many may be odd
	hangLeast = 10 * time.Second
	hangPause = 5 * time.Minute // for longer no backoff goes on, or nothing is started again
)

// count takes the events of a turn. hangs reports whether a run of a name does just now.
func (l *hangLoops) count(t observe.Turn, hangs func(name string) bool) {
	for _, e := range t.Events {
		switch e.Kind {
		case observe.EventHeartbeatMissed, observe.EventBudget:
			if i, ok := findTask(t.Sample, e.Subject.Name); ok && e.Replacing {
				ts := t.Sample.Tasks[i]
				l.add(e, hang{Time: e.Time, Started: ts.Started, Alive: max(ts.Live-ts.Abandoned, 1)})
			}
		case observe.EventRestarted:
			if i, known := l.at(e.Subject.Name); known && (*l)[i].Resumed.IsZero() {
				(*l)[i].Resumed = e.Time
			}
		}
	}
	for i := range *l {
		s := &(*l)[i]
		last := s.Hangs[len(s.Hangs)-1].Time
		s.Hangs = slices.DeleteFunc(s.Hangs, func(h hang) bool { return h.Time.Before(last) && t.Time.Sub(h.Time) > hangWindow })
		s.judge(t, hangs(s.Subject.Name))
	}
	*l = slices.DeleteFunc(*l, func(s hangLoop) bool {
		return !s.Loop && t.Time.Sub(s.Hangs[len(s.Hangs)-1].Time) > hangWindow
	})
}

func (l *hangLoops) add(e observe.Event, h hang) {
	i, known := l.at(e.Subject.Name)
	if !known {
		if len(*l) >= maxLoops {
			return
		}
		name := e.Subject
		name.Task = observe.TaskID{}
		*l = slices.Insert(*l, i, hangLoop{Subject: name})
	}
	s := &(*l)[i]
	if len(s.Hangs) == maxHits {
		s.Hangs = slices.Delete(s.Hangs, 0, 1)
	}
	s.Hangs, s.Why, s.Resumed = append(s.Hangs, h), e.Detail, time.Time{}
}

func (l *hangLoops) at(name string) (int, bool) {
	return slices.BinarySearchFunc(*l, name, func(s hangLoop, name string) int { return cmp.Compare(s.Subject.Name, name) })
}

// judge says whether it is a loop now. One that is stays one until it has stopped.
func (s *hangLoop) judge(t observe.Turn, hangs bool) {
	since, span := s.Resumed, s.span()
	if since.IsZero() {
		since, span = s.Hangs[len(s.Hangs)-1].Time, max(span, hangPause)
	}
	if !hangs && t.Time.Sub(since) > span {
		s.Loop = false
		return
	}
	first, n := s.Hangs[0], int64(len(s.Hangs))
	runs := float64(first.Alive)
	if i, ok := findTask(t.Sample, s.Subject.Name); ok {
		now := t.Sample.Tasks[i].Started
		runs += float64(now - min(first.Started, now))
	}
	again := n-first.Alive >= hangAgain
	s.Loop = s.Loop || again && shareForSure(float64(n), max(runs, float64(n))) >= hangShare
}

// span is for how long a run may look well and yet hang as those before did: twice as long
// as was between the last few hangs.
func (s *hangLoop) span() time.Duration {
	last := len(s.Hangs) - 1
	return max(s.Hangs[last].Time.Sub(s.Hangs[max(last-hangAgain, 0)].Time)*2/hangAgain, hangLeast)
}

// loops reports whether the runs of a name hang one after the other.
func (l *hangLoops) loops(name string) (observe.Subject, bool) {
	if i, known := l.at(name); known && (*l)[i].Loop {
		return (*l)[i].Subject, true
	}
	return observe.Subject{}, false
}

// findings tells of the loops. To start again what hangs is what a contract does, so none
// of them is its business. Runs that were given up are a sign of another kind: what they
// hold, such as a lock, is held until the process ends.
func (l *hangLoops) findings(t observe.Turn) []Finding {
	var out []Finding
	for i := range *l {
		s := &(*l)[i]
		if !s.Loop {
			continue
		}
		n, first := len(s.Hangs), s.Hangs[0].Time
		f := Finding{
			Kind: KindHangLoop, Subject: s.Subject, Confidence: Confirmed, Active: true,
			Level: float64(n), Unit: inHangs, Since: first, TimeToVisible: max(s.span()+time.Second, lostVisible),
			Evidence: []Evidence{{Tasks, cutText(fmt.Sprintf("%d runs of %.100s hung in %v and were started again, the last: %s",
				n, s.Subject.Name, max(t.Time.Sub(first).Round(time.Second), time.Second), s.Why))}},
		}
		if at, ok := findTask(t.Sample, s.Subject.Name); ok && t.Sample.Tasks[at].Abandoned > 0 {
			f.Evidence = append(f.Evidence, Evidence{Metrics, fmt.Sprintf(
				"%d runs of %.100s were given up and have not come back; what they hold they hold until the process ends", t.Sample.Tasks[at].Abandoned, s.Subject.Name)})
		}
		out = append(out, f)
	}
	return worst(out, maxFindings/2)
}

// check says what no state has.
func (l hangLoops) check() error {
	for i, s := range l {
		if len(s.Hangs) == 0 {
			return &StateError{Field: fmt.Sprintf("hang_loops[%d].hangs", i), Err: errors.New("a series of hangs without one")}
		}
	}
	return inOrder("hang_loops", l, maxLoops, func(a, b *hangLoop) int { return cmp.Compare(a.Subject.Name, b.Subject.Name) })
}
