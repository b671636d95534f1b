package main

import (
	"fmt"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
)

// snapshotRounds returns how many rounds there are at most for so many goroutines,
// and in how many of them the peers take part, since they need up to a minute
// each; 0 is no bound.
func snapshotRounds(n int) (all, peers int) {
	switch {
	case n >= 1_000_000:
		return 3, 1
	case n >= 100_000:
		return 10, 1
	case n >= 10_000:
		return 10, 3
	default:
		return 0, 0
	}
}

// snapshotNames are the contestants, hale first.
var snapshotNames = []string{"hale", "runtime.Stack", "gops", "goleak"}

// looks returns the contestants. Of a million goroutines goleak, which parses the
// dump, makes minutes of work, and of deep ones so does the dump itself; that of
// gops is cut.
func looks(n, depth int) []string {
	switch {
	case n < 1_000_000:
		return snapshotNames
	case depth <= 4:
		return []string{"hale", "runtime.Stack", "gops"}
	default:
		return []string{"hale", "gops"}
	}
}

// snapshotContest is what there is to know about all goroutines: hale's
// snapshot, analysed, against the dumps that others take. They park in a child,
// which takes all turns.
func snapshotContest(n, depth int) contest {
	name := fmt.Sprintf("snapshot/%s/%d", thousands(n), depth)
	rounds, peers := snapshotRounds(n)
	return contest{
		name:   name,
		rounds: rounds,
		open: func() (out []contestant, err error) {
			c, err := startParking(n, depth)
			if err != nil {
				return nil, err
			}
			for i, k := range looks(n, depth) {
				one := contestant{name: k, close: func() {}, measure: func() (reading, error) { return c.ask(k) }}
				if i == 0 {
					one.close = c.stop
				} else {
					one.rounds = peers
				}
				out = append(out, one)
			}
			return out, nil
		},
		rows: func(r results) []row {
			rows := []row{
				{name: name + " hale longest stop", values: r.of("hale", value("stop")), unit: millis, target: .1},
				{name: name + " hale bytes / foreseen", values: r.of("hale", value("memory")), unit: times, target: 1},
				{name: name + " hale of a core, with the pacer", values: r.of("hale", value("share")), unit: share, target: 1},
			}
			for _, k := range looks(n, depth)[1:] {
				rows = append(rows, row{name: name + " " + k + " longest stop", values: r.of(k, value("stop")), unit: millis})
			}
			for _, k := range looks(n, depth)[1:] {
				rows = append(rows, r.ratio(name+" time", "hale", k, nanos, 0))
			}
			return rows
		},
	}
}

func thousands(n int) string {
	if n >= 1_000_000 {
		return fmt.Sprintf("%dM", n/1_000_000)
	}
	return fmt.Sprintf("%dk", n/1_000)
}

// interval is the time after which the pacer allows the snapshot that follows one
// of such a cost, while nothing is suspected.
func interval(cost time.Duration) time.Duration {
	var p goroutine.Pacer
	p.Done(time.Now(), cost)
	return p.Spacing()
}
