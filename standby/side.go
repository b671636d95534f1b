package standby

import (
	"context"
	"time"
)

// Side is one of the two that a [Switch] has. Its functions are called by Run on
// goroutines of their own, one at a time; of a side whose function does not come back none
// but Close is called. They may panic and end their goroutine: both count as a failure.
type Side[T any] struct {
	// Name is what people call it, such as "db1"; it must be given, and differ from the other's.
	Name string
	// Open makes what callers get. It is called until it succeeds, and then no more: what
	// it returns has to connect anew by itself, as pools and clients do. It must be given.
	Open func(ctx context.Context) (T, error)
	// Check says whether the side may be used: nil for reads and writes, [ErrReadOnly]
	// if it answers but must be promoted first, any other error if it is down. It must be given.
	Check func(ctx context.Context, v T) error
	// Promote makes a side that said [ErrReadOnly] one that may be written to. It is called when the other
	// is down and has been well since Run began, as a wrong password is no reason to promote, and at a
	// [Switch.Switch]; the check that follows it decides. The side that was left
	// then lacks writes: it is not used again by itself before it says ErrReadOnly, so that it
	// follows, or has a higher Epoch. A promotion that overran may still succeed: give the side an Epoch, so
	// that this is noticed. Default: none, and a read-only side is not used.
	Promote func(ctx context.Context, v T) error
	// Epoch returns a number that rises with each promotion, such as PostgreSQL's
	// timeline; it is asked after each check that passed. Of two sides that both
	// pass the one of the higher epoch is used, whoever promoted it, and one of a lower
	// is not: that of another's failover, or of one before this process began, is then
	// known. Default: none.
	Epoch func(ctx context.Context, v T) (uint64, error)
	// Close is called once, when Run ends. Default: none.
	Close func(v T) error
}

func (s Side[T]) verify(which string) error {
	switch {
	case s.Name == "":
		return &ConfigError{which + ".Name", `""`, "give each side a name of its own"}
	case len(s.Name) > 100:
		return &ConfigError{which + ".Name", s.Name[:100] + "...", "give a name of at most 100 bytes"}
	case s.Open == nil:
		return &ConfigError{which + ".Open", "nil", "give a function that opens the side"}
	case s.Check == nil:
		return &ConfigError{which + ".Check", "nil", "give a function that says whether the side may be used"}
	}
	return nil
}

// verdict is what a check came to.
type verdict uint8

const (
	unchecked verdict = iota
	passed
	readOnly
	failed
)

// flank is a side as Run sees it.
type flank[T any] struct {
	Side[T]
	value  T
	opened bool

	call  *call     // under way; nil: none
	began time.Time // when the last one did
	next  time.Time // when to begin the next check

	verdict   verdict
	well      bool      // it passed since Run began
	fails     int       // in a row
	passes    int       // in a row
	since     time.Time // of the first of passes
	epoch     uint64
	probation time.Duration // how long it takes at present
	retry     time.Time     // no promotion before
	followed  bool          // it said ErrReadOnly since it was last active: if it passes, it was promoted
	stale     bool          // the other was promoted since: it lacks writes
	returned  bool          // it was switched back to automatically

	checks, failures uint64
	last             *SideError // nil: it never failed
	lastAt           time.Time
}

// call is a run of a side's functions.
type call struct {
	deadline time.Time // when it is late, or, once it is, when it counts as failed again
	late     bool
	forgiven bool
	promote  bool
	cancel   func(error)
}

// heard takes down what a check came to.
func (f *flank[T]) heard(v verdict, err *SideError, now time.Time) {
	f.checks++
	f.verdict = v
	switch v {
	case passed:
		f.well = true
		if f.passes == 0 {
			f.since = now
		}
		f.passes++
		f.fails = 0
		return
	case readOnly:
		f.followed, f.stale = true, false
	}
	f.passes = 0
	f.fails++
	if v == failed {
		f.failures++
	}
	f.last, f.lastAt = err, now
}

// longer doubles the probation.
func (f *flank[T]) longer(base time.Duration) {
	f.probation = min(2*f.probation, steepest*base)
}
