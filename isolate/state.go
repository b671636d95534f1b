package isolate

import "fmt"

// State says what a breaker lets through.
type State uint8

// The states.
const (
	Closed   State = iota // everything
	HalfOpen              // a few probes
	Open                  // nothing
)

// String returns "closed", "half_open" or "open".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case HalfOpen:
		return "half_open"
	case Open:
		return "open"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText implements [encoding.TextMarshaler].
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *State) UnmarshalText(b []byte) error {
	for known := Closed; known <= Open; known++ {
		if known.String() == string(b) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("isolate: state is %.20q: use closed, half_open or open", b)
}

// Outcome is how a call ended, as far as a wall is concerned.
type Outcome uint8

// The outcomes.
const (
	Succeeded Outcome = iota
	Failed
	// Dropped is a failure for want of time or room: it was not answered in time, or turned
	// away by what was called. To an adaptive limit that says more than other failures.
	Dropped
	Ignored // says nothing about what was called: the caller gave up, for one
)

// bad reports whether it is a failure.
func (o Outcome) bad() bool { return o == Failed || o == Dropped }
