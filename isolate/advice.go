package isolate

import (
	"slices"
	"time"
)

var refusals = []error{ErrOpen, ErrFull, ErrRateLimited, ErrShed}

// maxChain bounds how many errors of a tree are looked at: an Unwrap is anybody's code,
// and may lead back to where it began.
const maxChain = 64

// look looks through an error, once, for the refusals of this package and for what the
// other side says about when to try again. An error whose methods panic says nothing
// more.
func look(err error) (refused bool, after time.Duration) {
	l := looker{left: maxChain}
	l.into(err)
	return l.refused, max(l.after, 0)
}

type looker struct {
	left    int
	refused bool
	after   time.Duration
}

func (l *looker) into(err error) {
	defer func() { _ = recover() }()
	l.walk(err)
}

func (l *looker) walk(err error) {
	for err != nil && l.left > 0 && !l.refused {
		l.left--
		if slices.Contains(refusals, err) {
			l.refused = true
			return
		}
		switch e := err.(type) { //nolint:errorlint // one error of the tree
		case *RefusedError:
			if e != nil {
				l.after = max(l.after, e.RetryAfter)
			}
		case interface{ RetryAfter() time.Duration }:
			l.after = max(l.after, e.RetryAfter())
		}
		switch e := err.(type) { //nolint:errorlint // this is what walks the tree
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, below := range e.Unwrap() {
				l.walk(below)
			}
			return
		default:
			return
		}
	}
}
