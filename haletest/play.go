package haletest

import (
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/observe"
)

// hangs is how long a call may take before it counts as one that never returns.
// Only this package's own tests change it.
var hangs = 10 * time.Second

// doesNotReturn is in what feed returns of a detector that hangs.
const doesNotReturn = "did not return"

// feed gives turns to a detector, one after the other, and each of them what came
// of it. It returns why it stopped before the end, "" when it did not: Detect
// panicked or does not return. Its goroutine is then left behind.
func feed(d detect.Detector, turns iter.Seq[observe.Turn], each func(i int, out []detect.Finding)) string {
	var turn atomic.Int64
	var left atomic.Bool
	done := make(chan string, 1)
	go func() {
		failed := "ended its goroutine"
		defer func() {
			if v := recover(); v != nil {
				failed = fmt.Sprintf("panicked: %v", v)
			}
			if failed != "" {
				failed = fmt.Sprintf("turn %d: Detect %s", turn.Load(), failed)
			}
			done <- failed
		}()
		i := 0
		for t := range turns {
			turn.Store(int64(i))
			out := d.Detect(t)
			if left.Load() {
				return
			}
			each(i, out)
			i++
		}
		failed = ""
	}()
	ticker := time.NewTicker(hangs)
	defer ticker.Stop()
	for last := int64(-1); ; {
		select {
		case failed := <-done:
			return failed
		case <-ticker.C:
			now := turn.Load()
			if now == last {
				left.Store(true)
				return fmt.Sprintf("turn %d: Detect %s within %v", now, doesNotReturn, hangs)
			}
			last = now
		}
	}
}

// copies yields copies of turns.
func copies(turns []observe.Turn) iter.Seq[observe.Turn] {
	return func(yield func(observe.Turn) bool) {
		for _, t := range turns {
			if !yield(copyTurn(t)) {
				return
			}
		}
	}
}

// mode says how [detectorTest.play] treats the detector.
type mode struct {
	scribbles bool // each turn is overwritten after its call
	relays    bool // a fresh detector takes over after each turn, by State and SetState
}

// relay is a detector whose every turn is taken by another, which takes over from
// the one before if that has a state.
type relay struct {
	fresh func() detect.Detector
	d     detect.Detector
}

// Detect implements [detect.Detector].
func (r *relay) Detect(t observe.Turn) []detect.Finding {
	next := r.fresh()
	if _, remembers := r.d.(detect.Stateful); remembers {
		if err := handOver(r.d, next); err != nil {
			panic(err)
		}
	}
	r.d = next
	return next.Detect(t)
}

// play feeds a series to a fresh detector and returns the findings of each turn,
// and whether it got through.
func (c *detectorTest) play(s series, m mode) (found [][]string, ok bool) {
	c.t.Helper()
	d := c.fresh()
	if m.relays {
		d = &relay{fresh: c.fresh}
	}
	var given observe.Turn
	turns := func(yield func(observe.Turn) bool) {
		for _, t := range s.turns {
			if given = copyTurn(t); !yield(given) {
				return
			}
		}
	}
	changed := false
	ok = c.feed(s.name, d, turns, func(i int, out []detect.Finding) {
		if !changed && !reflect.DeepEqual(given, s.turns[i]) {
			changed = true
			c.errorf("on %s: turn %d: Detect changed the turn", s.name, i)
		}
		found = append(found, written(out))
		if m.scribbles {
			scribble(&given)
		}
	})
	return found, ok
}

// written returns findings as text, in an order that does not depend on theirs.
func written(findings []detect.Finding) []string {
	out := make([]string, 0, len(findings))
	for _, f := range findings {
		b, err := json.Marshal(f)
		if err != nil {
			b = fmt.Appendf(nil, "%+v", f)
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}
