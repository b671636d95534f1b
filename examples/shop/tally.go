package main

import (
	"slices"
	"sync"
	"time"
)

// failure is one request that was not answered as it should have been.
type failure struct {
	Route string    `json:"route"`
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	Why   string    `json:"why"`
}

// lesser is one request that got less than it asked for.
type lesser struct {
	Route string    `json:"route"`
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
}

// count is how many requests of a route ended, and how.
type count struct {
	OK     int `json:"ok"`
	Less   int `json:"less,omitempty"` // answered with less than was asked for
	Failed int `json:"failed"`
}

func (c count) plus(n count) count { return count{c.OK + n.OK, c.Less + n.Less, c.Failed + n.Failed} }

// all is how many were sent.
func (c count) all() int { return c.OK + c.Less + c.Failed }

// tallyLine is what the load generator writes every second.
type tallyLine struct {
	Time     time.Time                  `json:"time"`
	Routes   map[string]count           `json:"routes"` // since the line before
	Took     map[string][]time.Duration `json:"took"`   // by those that were answered in full
	Failures []failure                  `json:"failures,omitempty"`
	Lesser   []lesser                   `json:"lesser,omitempty"`
}

// tally counts requests.
type tally struct {
	mu   sync.Mutex
	line tallyLine
}

func (t *tally) ok(route string, took time.Duration) {
	t.add(route, count{OK: 1}, func(l *tallyLine) { l.Took[route] = append(l.Took[route], took) })
}

func (t *tally) less(s lesser) {
	t.add(s.Route, count{Less: 1}, func(l *tallyLine) { l.Lesser = append(l.Lesser, s) })
}

func (t *tally) failed(f failure) {
	t.add(f.Route, count{Failed: 1}, func(l *tallyLine) { l.Failures = append(l.Failures, f) })
}

func (t *tally) add(route string, n count, note func(*tallyLine)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line.Routes == nil {
		t.line.Routes, t.line.Took = map[string]count{}, map[string][]time.Duration{}
	}
	t.line.Routes[route] = t.line.Routes[route].plus(n)
	note(&t.line)
}

// take returns what was counted since the last call.
func (t *tally) take() tallyLine {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.line
	line.Time = time.Now()
	t.line = tallyLine{}
	return line
}

// tallies is what a run's load came to.
type tallies struct {
	Routes   map[string]count
	Failures []failure
	Lesser   []lesser
	Paces    []pace // in order of time
}

// pace is how the requests of one second were answered.
type pace struct {
	Until time.Time
	Took  map[string][]time.Duration
}

// plus adds a line to what was counted before it.
func (l *tallies) plus(next tallyLine) {
	if l.Routes == nil {
		l.Routes = map[string]count{}
	}
	for route, n := range next.Routes {
		l.Routes[route] = l.Routes[route].plus(n)
	}
	l.Paces = append(l.Paces, pace{next.Time, next.Took})
	l.Failures = append(l.Failures, next.Failures...)
	l.Lesser = append(l.Lesser, next.Lesser...)
}

// slowest returns what the slowest request took that was answered in full in the seconds
// that a time has a part in.
func (l *tallies) slowest(from, to time.Time) (longest time.Duration) {
	for i, p := range l.Paces {
		if i == 0 || p.Until.Before(from) || l.Paces[i-1].Until.After(to) {
			continue
		}
		for _, took := range p.Took {
			longest = max(longest, slices.Max(took))
		}
	}
	return longest
}

// pace returns how many requests of a route a second were answered in full in the whole
// seconds between two times, and within what time half of them were. Both are 0 where
// there was no such second.
func (l *tallies) pace(route string, from, to time.Time) (rate float64, median time.Duration) {
	var took []time.Duration
	var length time.Duration
	for i, p := range l.Paces {
		if i == 0 || l.Paces[i-1].Until.Before(from) || p.Until.After(to) {
			continue
		}
		length += p.Until.Sub(l.Paces[i-1].Until)
		took = append(took, p.Took[route]...)
	}
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return float64(len(took)) / length.Seconds(), took[len(took)/2]
}
