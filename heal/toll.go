package heal

import (
	"slices"

	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/observe"
)

// hungShare is the share of a name's runs that must hang before the name is cut off
// for it, the same as a panic loop's by default.
const hungShare = 0.3

// outweighedReason is why a name is not cut off for the few of its tasks that hang.
const outweighedReason = "most of its runs end in time, and all would be hit"

// toll is how many runs of a name hang and how many ended well. It begins anew when
// those that hang are too small a share, so that good hours before a fault do not hide
// it, and a few that hang for hours are not held against the name once more (a
// cumulative sum that is reset, after Page, "Continuous Inspection Schemes", 1954).
type toll struct {
	Known bool   `json:"known,omitempty"` // the name was in a sample
	Good  uint64 `json:"good,omitempty"`  // as of the last turn: runs that ended without an error,
	Late  int    `json:"late,omitempty"`  // and tasks that are past their limit
	Hung  int    `json:"hung,omitempty"`  // that got past their limit since it began,
	Well  int    `json:"well,omitempty"`  // and that ended well
}

// count takes in what a turn says of the incident's name.
func (l *toll) count(t observe.Turn, inc *diagnose.Incident) {
	over := 0 // ended, and were past their limit
	for _, e := range t.Events {
		if (e.Kind == observe.EventEnded || e.Kind == observe.EventReturned) && e.Subject.Name == inc.Subject.Name {
			over++
		}
	}
	late, begins := max(int(inc.Level), len(inc.Tasks)), *l == toll{}
	if begins {
		over = 0 // of those before
	}
	l.Hung += max(late-l.Late+over, 0)
	l.Late = late
	i := slices.IndexFunc(t.Sample.Tasks, func(ts observe.TaskStat) bool { return ts.Name == inc.Subject.Name })
	if i >= 0 {
		good := goodRuns(t.Sample.Tasks[i])
		if l.Known {
			l.Well += max(int(good-min(good, l.Good))-over, 0)
		}
		l.Known, l.Good = true, good
	}
	if float64(l.Hung) < hungShare*float64(l.Hung+l.Well) {
		l.Hung, l.Well = 0, 0
	}
}

// goodRuns returns how many ended without an error, 0 while counters that were read
// one after the other say less.
func goodRuns(ts observe.TaskStat) uint64 {
	not := ts.Failed + uint64(max(ts.Live, 0))
	return ts.Started - min(ts.Started, not)
}
