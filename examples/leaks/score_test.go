package leaks_test

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/diagnose"
	"github.com/hale-go/hale/examples/leaks"
	"github.com/hale-go/hale/observe"
)

// score compares, snapshot by snapshot, what leaked with what is confirmed. It
// is a detector that finds nothing: so it sees each snapshot.
type score struct {
	zoo   *leaks.Zoo
	grace time.Duration

	mu        sync.Mutex
	incidents func() []diagnose.Incident
	looks     []look
}

// look is one snapshot and what was confirmed after it.
type look struct {
	at        time.Time
	wall      time.Time
	cost      time.Duration
	size      int
	confirmed map[string]int // goroutines that confirmed findings cover, by kind
}

// Detect implements [detect.Detector].
func (s *score) Detect(t observe.Turn) []detect.Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.looks); n > 0 && s.looks[n-1].confirmed == nil {
		s.looks[n-1].confirmed = covered(s.incidents()) // as of the turn before, which had the snapshot
	}
	if t.Snapshot != nil && t.Snapshot.Skipped == "" {
		s.looks = append(s.looks, look{at: t.Snapshot.Time, wall: time.Now(), cost: t.Snapshot.Cost, size: t.Snapshot.Goroutines})
	}
	return nil
}

// covered counts, by kind, the goroutines that confirmed findings cover: those
// that name the right route and the right entry function.
func covered(incidents []diagnose.Incident) map[string]int {
	out := map[string]int{}
	for _, inc := range incidents {
		if inc.Phase == diagnose.Dismissed {
			continue // one that is verified as contained still knows what is left
		}
		for _, kind := range leaks.Kinds() {
			n := 0
			for _, f := range inc.Findings {
				if f.Kind == detect.KindLeak && f.Confidence == detect.Confirmed && f.Subject.Name == leaks.Route(kind) && names(f, leaks.Entry(kind)) {
					n += int(f.Level)
				}
			}
			out[kind] = max(out[kind], n)
		}
	}
	return out
}

// names reports whether a finding names a function.
func names(f detect.Finding, function string) bool {
	short := observe.Site{Function: function}.String()
	return f.Subject.Site.Function == function || slices.ContainsFunc(f.Evidence, func(e detect.Evidence) bool { return strings.Contains(e.Text, short+" ") })
}

// result is the score of one kind.
type result struct {
	kind    string
	leaked  int
	old     int           // older than the grace period at the last snapshot
	covered int           // of those, by confirmed findings
	inTime  int           // of those, within three snapshots of becoming older each; a figure, for comparing detectors
	first   int           // snapshots from the first that was old to its confirmation; 0: never
	took    time.Duration // from the first leak to its confirmation
}

// inTimeLooks is how many snapshots a detector has.
const inTimeLooks = 3

// results returns the score so far.
func (s *score) results() []result {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := slices.Clone(s.looks)
	for len(done) > 0 && done[len(done)-1].confirmed == nil {
		done = done[:len(done)-1]
	}
	var out []result
	leaked := s.zoo.Leaked()
	for _, kind := range leaks.Kinds() {
		r := result{kind: kind}
		for _, l := range leaked {
			if l.Kind != kind {
				continue
			}
			r.leaked++
			became := slices.IndexFunc(done, func(k look) bool { return k.wall.Sub(l.At) > s.grace })
			if became < 0 {
				continue
			}
			r.old++
			if done[len(done)-1].confirmed[kind] >= r.old {
				r.covered++
			}
			when := slices.IndexFunc(done[became:], func(k look) bool { return k.confirmed[kind] >= r.old })
			if when >= 0 && when < inTimeLooks {
				r.inTime++
			}
			if r.old == 1 && when >= 0 {
				r.first, r.took = when+1, done[became+when].wall.Sub(l.At)
			}
		}
		out = append(out, r)
	}
	return out
}

// snapshots returns how many there were, the longest pause between two, the
// greatest cost and size.
func (s *score) snapshots() (n int, pause, cost time.Duration, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, k := range s.looks {
		if i > 0 {
			pause = max(pause, k.at.Sub(s.looks[i-1].at))
		}
		cost, size = max(cost, k.cost), max(size, k.size)
	}
	return len(s.looks), pause, cost, size
}

// youngest returns when the last leak happened.
func youngest(all []leaks.Leak) time.Time {
	if len(all) == 0 {
		return time.Time{}
	}
	return slices.MaxFunc(all, func(a, b leaks.Leak) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) }).At
}
