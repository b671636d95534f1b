package main

import (
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

// count is how many requests of a route ended, and how.
type count struct {
	OK     int `json:"ok"`
	Failed int `json:"failed"`
}

// tallyLine is what the load generator writes every second.
type tallyLine struct {
	Time     time.Time        `json:"time"`
	Routes   map[string]count `json:"routes"` // since the line before
	Failures []failure        `json:"failures,omitempty"`
}

// tally counts requests.
type tally struct {
	mu   sync.Mutex
	line tallyLine
}

func (t *tally) ok(route string) { t.add(route, count{OK: 1}) }

func (t *tally) failed(f failure) {
	t.add(f.Route, count{Failed: 1})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line.Failures = append(t.line.Failures, f)
}

func (t *tally) add(route string, n count) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line.Routes == nil {
		t.line.Routes = map[string]count{}
	}
	c := t.line.Routes[route]
	t.line.Routes[route] = count{c.OK + n.OK, c.Failed + n.Failed}
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

// plus adds a line to what was counted before it.
func (l *tallyLine) plus(next tallyLine) {
	if l.Routes == nil {
		l.Routes = map[string]count{}
	}
	for route, n := range next.Routes {
		c := l.Routes[route]
		l.Routes[route] = count{c.OK + n.OK, c.Failed + n.Failed}
	}
	l.Time = next.Time
	l.Failures = append(l.Failures, next.Failures...)
}
