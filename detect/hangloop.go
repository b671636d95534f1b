package detect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hale-go/hale/observe"
)

// hangLoops are the names of which run after run hangs and is replaced: each time the
// contract holds, and nothing gets well. They are sorted by name.
type hangLoops []hangLoop

type hangLoop struct {
	Subject observe.Subject        `json:"subject"`          // the name
	Why     string                 `json:"why"`              // the last of them hangs
	Hangs   []time.Time            `json:"hangs"`            // the last few, oldest first
	Row     int                    `json:"row"`              // the most of one child in a row
	Began   [hangRow + 1]time.Time `json:"began"`            // when the row began that was last seen to be so long; the last is of longer ones
	Lost    int64                  `json:"lost,omitempty"`   // runs that had been given up before
	Resumed time.Time              `json:"resumed,omitzero"` // when a run took the place of the last
	Loop    bool                   `json:"loop,omitempty"`
}

const (
	hangRow   = 5               // so many runs of a child must hang in a row
	hangFor   = 2 * time.Minute // and for so long: many an outage is over sooner, and is no fault of the service
	hangKept  = 8               // hangs by which it is judged when the next one is due
	hangLeast = 10 * time.Second
	hangPause = 5 * time.Minute  // for longer no backoff goes on, or nothing is started again
	hangQuiet = 30 * time.Minute // after it no row goes on
)

// count takes the events of a turn. hangs reports whether a run of a name does just now.
func (l *hangLoops) count(t observe.Turn, hangs func(name string) bool) {
	for _, e := range t.Events {
		i, known := l.at(e.Subject.Name)
		switch e.Kind {
		case observe.EventHeartbeatMissed, observe.EventBudget:
			if e.Replacing && e.Row > 0 {
				l.add(t.Sample, e)
			}
		case observe.EventRestarted:
			if known && (*l)[i].Resumed.IsZero() {
				(*l)[i].Resumed = e.Time
			}
		case observe.EventRestartStorm: // that is told, and has a remedy
			if known {
				*l = slices.Delete(*l, i, i+1)
			}
		}
	}
	*l = slices.DeleteFunc(*l, func(s hangLoop) bool {
		return !hangs(s.Subject.Name) && !quarantined(t.Sample, s.Subject.Name) && s.over(t.Time)
	})
}

// add counts a run that hangs.
func (l *hangLoops) add(sample observe.Sample, e observe.Event) {
	i, known := l.at(e.Subject.Name)
	if !known {
		if len(*l) >= maxLoops {
			return
		}
		s := hangLoop{Subject: e.Subject}
		s.Subject.Task = observe.TaskID{}
		s.Lost = abandoned(sample, e.Subject.Name)
		*l = slices.Insert(*l, i, s)
	}
	s := &(*l)[i]
	if s.Loop && e.Row < hangRow { // another child's, or of one that was well for a while
		return
	}
	s.Why, s.Row, s.Resumed = e.Detail, max(s.Row, e.Row), time.Time{}
	if len(s.Hangs) == hangKept {
		s.Hangs = slices.Delete(s.Hangs, 0, 1)
	}
	s.Hangs = append(s.Hangs, e.Time)
	// Children of one name are told apart by how long their rows are. Where two are mixed up, a
	// row seems to have begun later than it did.
	n := min(e.Row, hangRow+1)
	if 1 < e.Row && e.Row == n {
		s.Began[n-1] = s.Began[n-2]
	}
	if e.Row == 1 || s.Began[n-1].IsZero() { // its begin was not seen
		s.Began[n-1] = e.Time
	}
	s.Loop = s.Loop || e.Row >= hangRow && e.Time.Sub(s.Began[n-1]) >= hangFor
}

func abandoned(sample observe.Sample, name string) int64 {
	if i, ok := findTask(sample, name); ok {
		return max(sample.Tasks[i].Abandoned, 0)
	}
	return 0
}

func (l *hangLoops) at(name string) (int, bool) {
	return slices.BinarySearchFunc(*l, name, func(s hangLoop, name string) int { return cmp.Compare(s.Subject.Name, name) })
}

// over reports whether the runs that took the places of those that hung are well.
func (s *hangLoop) over(now time.Time) bool {
	last := s.Hangs[len(s.Hangs)-1]
	switch {
	case !s.Loop:
		return now.Sub(last) > hangQuiet
	case s.Resumed.IsZero():
		return now.Sub(last) > max(s.span(), hangPause)
	}
	return now.Sub(s.Resumed) > s.span()
}

// span is for how long a run may look well and yet hang as those before did: four times as
// long as was between the last few hangs.
func (s *hangLoop) span() time.Duration {
	n := len(s.Hangs)
	mean := s.Hangs[n-1].Sub(s.Hangs[0]) / time.Duration(max(n-1, 1))
	return min(max(4*mean, hangLeast), time.Hour/2)
}

// loops reports whether the runs of a name hang one after the other.
func (l *hangLoops) loops(name string) (observe.Subject, bool) {
	if i, known := l.at(name); known && (*l)[i].Loop {
		return (*l)[i].Subject, true
	}
	return observe.Subject{}, false
}

// findings tells of the loops. To start again what hangs is what a contract does, so none of
// them is its business. Runs that were given up meanwhile are told as well: what they hold,
// such as a lock, they hold until the process ends.
func (l *hangLoops) findings(t observe.Turn) []Finding {
	var out []Finding
	for i := range *l {
		s := &(*l)[i]
		if !s.Loop {
			continue
		}
		f := Finding{
			Kind: KindHangLoop, Subject: s.Subject, Confidence: Confirmed, Active: true,
			Level: float64(s.Row), Unit: inHangs, Since: s.Began[min(s.Row, hangRow+1)-1], TimeToVisible: max(s.span()+time.Second, lostVisible),
			Evidence: []Evidence{{Tasks, cutText(fmt.Sprintf(
				"%d runs of %.100s in a row hung and were started again, the last: %s", s.Row, s.Subject.Name, s.Why))}},
		}
		if n := abandoned(t.Sample, s.Subject.Name) - s.Lost; n > 0 {
			f.Evidence = append(f.Evidence, Evidence{Metrics, fmt.Sprintf(
				"%d of its runs were given up meanwhile and have not come back; what they hold they hold until the process ends", n)})
		}
		out = append(out, f)
	}
	return worst(out, maxFindings/2)
}

// check says what no state has.
func (l hangLoops) check() error {
	for i, s := range l {
		if n := len(s.Hangs); n == 0 || n > hangKept {
			return &StateError{Field: fmt.Sprintf("hang_loops[%d].hangs", i), Err: errors.New("a row of hangs without one, or with too many")}
		}
	}
	return inOrder("hang_loops", l, maxLoops, func(a, b *hangLoop) int { return cmp.Compare(a.Subject.Name, b.Subject.Name) })
}
