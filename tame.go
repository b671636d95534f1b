package hale

import (
	"context"
	"reflect"
	"time"
)

// What is tame runs only code of the standard library and of hale's, and can be
// asked anywhere. Anything else may do what it likes, also hang.

// tame reports whether an error, and what it wraps, runs only code of the standard
// library and of hale's. Other errors may do anything, also hang.
func tame(err error) (is bool) {
	defer func() { // a nil pointer's Unwrap panics
		if recover() != nil {
			is = false
		}
	}()
	return !search(err, func(e error) bool { return !plain(e) })
}

func plain(err error) bool {
	switch err.(type) { //nolint:errorlint // one error of the tree
	case *PanicError, *TaskError, *StopError, *stormError:
		return true
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case "errors", "fmt", "context", "runtime":
		return true
	}
	return false
}

// endTame reports whether ctx is tame as far as its end is asked for, and valueTame
// whether it is for values.
func endTame(ctx context.Context) bool   { return tameContext(ctx, true) }
func valueTame(ctx context.Context) bool { return tameContext(ctx, false) }

func tameContext(ctx context.Context, end bool) bool {
	for {
		var s *scope
		switch c := ctx.(type) {
		case *known: // which remembers what hale asks
			return true
		case *values:
			if end {
				return true
			}
			ctx = c.of
			continue
		case *carrier:
			ctx = c.Context
			continue
		case *scope:
			s = c
		case *taskContext:
			s = &c.scope
		default:
			if ctx == context.Background() || ctx == context.TODO() {
				return true
			}
			t := reflect.TypeOf(ctx)
			if end && t == withoutType { // where the one around it stands is not to be seen
				return true
			}
			around, ok := standard[t]
			switch {
			case !ok:
				if around = aroundSignal(t); around == nil {
					return false
				}
			case end && t != valueType: // it knows by itself whether it has ended
				return true
			}
			ctx, _ = reflect.ValueOf(ctx).Elem().FieldByIndex(around).Interface().(context.Context)
			continue
		}
		if end && s.inner() != nil {
			return true
		}
		ctx = s.parent
	}
}

// aroundSignal returns where in the context of [os/signal.NotifyContext] the one
// around it stands, nil if t is another. To make one, to learn its type, would set up
// the handling of signals.
func aroundSignal(t reflect.Type) []int {
	if t.Kind() != reflect.Pointer || t.Elem().PkgPath() != "os/signal" {
		return nil
	}
	f, _ := t.Elem().FieldByName("Context")
	return f.Index
}

// standard has the standard library's contexts and where in them the one around
// them stands.
var standard = func() map[reflect.Type][]int {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	timed, cancel := context.WithTimeout(context.Background(), time.Hour)
	cancel()
	out := map[reflect.Type][]int{}
	for _, t := range []reflect.Type{reflect.TypeOf(cancelled), reflect.TypeOf(timed), valueType} {
		if f, ok := t.Elem().FieldByName("Context"); ok {
			out[t] = f.Index
		}
	}
	return out
}()

var valueType = reflect.TypeOf(context.WithValue(context.Background(), requestKey{}, ""))

var withoutType = reflect.TypeOf(context.WithoutCancel(context.Background()))
