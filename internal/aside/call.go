package aside

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

var (
	// ErrOverran is returned when the call took longer than it may.
	ErrOverran = errors.New("overran its time")
	// ErrGoexit is returned when the call ended its goroutine.
	ErrGoexit = errors.New("it ended its goroutine")
)

// Panicked is the error of a call that panicked. It is the value's text, which is
// made on the call's goroutine: that is other people's code as well.
type Panicked string

// Error returns the text.
func (p Panicked) Error() string { return string(p) }

type result[T any] struct {
	out T
	err error
}

// Call runs f on a goroutine of its own and returns what it returns. It waits for
// at most limit, and without an end where that is 0. A call that overruns is left
// behind: its goroutine cannot be stopped, and counts in behind until it ends.
func Call[T any](limit time.Duration, behind *atomic.Int64, f func() T) (T, error) {
	done := make(chan result[T], 1)
	var state atomic.Int32 // 1: finished, 2: left behind; the first to set it wins
	go func() {
		r := result[T]{err: ErrGoexit} // stands if f ends its goroutine
		defer func() {
			if state.CompareAndSwap(0, 1) {
				done <- r
			} else {
				behind.Add(-1)
			}
		}()
		r = contained(f)
	}()
	if limit <= 0 {
		r := <-done
		return r.out, r.err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.out, r.err
	case <-timer.C:
	}
	behind.Add(1) // before the state says so: it may end at once
	if state.CompareAndSwap(0, 2) {
		var none T
		return none, ErrOverran
	}
	behind.Add(-1)
	r := <-done
	return r.out, r.err
}

func contained[T any](f func() T) (r result[T]) {
	defer func() {
		if v := recover(); v != nil {
			r.err = Panicked(fmt.Sprintf("%.200v", v))
		}
	}()
	return result[T]{out: f()}
}
