package detect

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
)

// StateError says which part of a state or of a baseline cannot be. The detector
// that refused it is as it was.
type StateError struct {
	Field string // such as "operations[3].spans.s"; "" is its form as JSON
	Err   error
}

// Error names the field and the reason.
func (e *StateError) Error() string {
	if e.Field == "" {
		return "detect: state: " + e.Err.Error()
	}
	return "detect: state: " + e.Field + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *StateError) Unwrap() error { return e.Err }

// Hint returns the mend.
func (e *StateError) Hint() string {
	return "start without it: what is usual is learned again"
}

// decode reads what a detector wrote, and refuses what is not sound.
func decode[S any](raw json.RawMessage, s *S) error {
	if err := json.Unmarshal(raw, s); err != nil {
		if _, ok := errors.AsType[*StateError](err); ok {
			return err
		}
		return &StateError{Err: err}
	}
	return sound("", reflect.ValueOf(s).Elem(), false)
}

// restore takes a state that is sound and passes the checks, or leaves everything
// as it is.
func restore[S any](state *S, raw json.RawMessage, checks ...func(*S) error) error {
	var s S
	if err := decode(raw, &s); err != nil {
		return err
	}
	for _, check := range checks {
		if err := check(&s); err != nil {
			return err
		}
	}
	*state = s
	return nil
}

// What no state holds, whatever a detector was given: sums and squares of 64-bit
// counters stay below, and what is computed from such does not overflow.
const (
	mostNumber   = 1e100
	mostDuration = 90 * 365 * 24 * time.Hour
	mostListed   = 2 * maxSeries
	mostBytes    = 64 << 10 // of a string
)

// Times of a state are between these. Differences of two are durations.
var (
	earliest = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// sound reports the first number, time or length of a state that cannot be. Numbers
// are not negative but for those in fields with the tag sound:"signed" and in what
// was taken over from a turn as it was. Types that read themselves check themselves.
func sound(at string, v reflect.Value, signed bool) error {
	refuse := func(format string, args ...any) error {
		return &StateError{Field: strings.TrimPrefix(at, "."), Err: fmt.Errorf(format, args...)}
	}
	switch v.Kind() {
	case reflect.Float64:
		if f := v.Float(); !(math.Abs(f) <= mostNumber) || (f < 0 && !signed) {
			return refuse("%v is out of range", f)
		}
	case reflect.Int, reflect.Int64:
		n := v.Int()
		if n < 0 && !signed {
			return refuse("%d is negative", n)
		}
		if !signed && v.Type() == reflect.TypeFor[time.Duration]() && n > int64(mostDuration) {
			return refuse("%v is out of range", time.Duration(n))
		}
	case reflect.String:
		if v.Len() > mostBytes {
			return refuse("a string of %d bytes", v.Len())
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return sound(at, v.Elem(), signed)
		}
	case reflect.Slice, reflect.Array, reflect.Map:
		if v.Len() > mostListed {
			return refuse("%d of them, at most %d can be", v.Len(), mostListed)
		}
		return soundEach(at, v, signed)
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			if !t.IsZero() && (t.Before(earliest) || t.After(latest)) {
				return refuse("%v is out of range", t)
			}
			return nil
		}
		return soundFields(at, v, signed)
	}
	return nil
}

func soundEach(at string, v reflect.Value, signed bool) error {
	if v.Kind() == reflect.Map {
		for key, one := range v.Seq2() {
			for _, part := range []reflect.Value{key, one} {
				if err := sound(at, part, signed); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for i := range v.Len() {
		if err := sound(fmt.Sprintf("%s[%d]", at, i), v.Index(i), signed); err != nil {
			return err
		}
	}
	return nil
}

func soundFields(at string, v reflect.Value, signed bool) error {
	t := v.Type()
	if v.CanAddr() {
		if _, ok := v.Addr().Interface().(json.Unmarshaler); ok {
			return nil
		}
	}
	signed = signed || strings.HasSuffix(t.PkgPath(), "/observe")
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if err := sound(at+"."+name, v.Field(i), signed || f.Tag.Get("sound") == "signed"); err != nil {
			return err
		}
	}
	return nil
}

var (
	errRange = errors.New("a number is out of its range")
	errOrder = errors.New("out of order")
	errMany  = errors.New("more than can be")
)

// inOrder reports a list of a state that is longer than most or whose keys do not
// rise.
func inOrder[T any](field string, list []T, most int, compare func(a, b *T) int) error {
	if len(list) > most {
		return &StateError{Field: field, Err: fmt.Errorf("%w: %d, at most %d", errMany, len(list), most)}
	}
	for i := 1; i < len(list); i++ {
		if compare(&list[i-1], &list[i]) >= 0 {
			return &StateError{Field: fmt.Sprintf("%s[%d]", field, i), Err: errOrder}
		}
	}
	return nil
}

// within reports a number of a state that is not between two others.
func within(field string, v, low, high float64) error {
	if v >= low && v <= high {
		return nil
	}
	return &StateError{Field: field, Err: fmt.Errorf("%w: %v is not between %v and %v", errRange, v, low, high)}
}

// atMost reports a list of a state that is too long.
func atMost(field string, n, most int) error {
	if n <= most {
		return nil
	}
	return &StateError{Field: field, Err: fmt.Errorf("%w: %d, at most %d", errMany, n, most)}
}
