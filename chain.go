package hale

import "reflect"

// maxChain bounds how many errors of a tree are looked at. An error's Unwrap is
// anybody's code, and one that leads back to itself must not hold a goroutine
// for ever, as it would in errors.Is.
const maxChain = 256

// search calls match for err and the errors that it wraps, depth first, until
// match reports true, and reports whether it did.
func search(err error, match func(error) bool) bool {
	left := maxChain
	return searchUpTo(err, match, &left)
}

func searchUpTo(err error, match func(error) bool, left *int) bool {
	for err != nil && *left > 0 {
		*left--
		if match(err) {
			return true
		}
		switch e := err.(type) { //nolint:errorlint // this is what walks the tree
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, below := range e.Unwrap() {
				if searchUpTo(below, match, left) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}

// matches is [errors.Is] for errors of which nobody knows where they lead.
func matches(err, target error) (yes bool) {
	defer func() {
		if recover() != nil { // an error's own methods, as those of a nil pointer
			yes = false
		}
	}()
	comparable := reflect.TypeOf(target).Comparable()
	return search(err, func(e error) bool {
		if comparable && e == target { //nolint:errorlint // one error of the tree
			return true
		}
		is, ok := e.(interface{ Is(error) bool })
		return ok && is.Is(target)
	})
}

// find is [errors.AsType] for errors of which nobody knows where they lead. It
// asks no error's As method.
func find[E error](err error) (found E, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	ok = search(err, func(e error) bool {
		var is bool
		found, is = e.(E) //nolint:errorlint // one error of the tree
		return is
	})
	return found, ok
}
