package hale

import "fmt"

// RestartKind says when a supervised child is started again, in the terms of
// Erlang/OTP.
type RestartKind uint8

// The restart kinds.
const (
	Temporary RestartKind = iota // never
	Transient                    // when it ended with an error or a panic
	Permanent                    // always
)

// String returns the kind's name in lower case.
func (k RestartKind) String() string {
	switch k {
	case Temporary:
		return "temporary"
	case Transient:
		return "transient"
	case Permanent:
		return "permanent"
	}
	return fmt.Sprintf("RestartKind(%d)", uint8(k))
}

// MarshalText implements [encoding.TextMarshaler].
func (k RestartKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *RestartKind) UnmarshalText(b []byte) error {
	for _, known := range []RestartKind{Temporary, Transient, Permanent} {
		if known.String() == string(b) {
			*k = known
			return nil
		}
	}
	return fmt.Errorf("hale: restart kind is %.20q: use temporary, transient or permanent", b)
}

// Strategy says which children of a supervisor are started again when one of
// them is, in the terms of Erlang/OTP.
type Strategy uint8

// The strategies.
const (
	// OneForOne restarts the child that failed, and leaves the others alone. It is
	// the default.
	OneForOne Strategy = iota
	// OneForAll stops all others and starts all again: for children of which none
	// can do without any other.
	OneForAll
	// RestForOne stops those that were added after it and starts it and them again:
	// for children that each depend on those added before.
	RestForOne
)

// String returns "one_for_one", "one_for_all" or "rest_for_one".
func (s Strategy) String() string {
	switch s {
	case OneForOne:
		return "one_for_one"
	case OneForAll:
		return "one_for_all"
	case RestForOne:
		return "rest_for_one"
	}
	return fmt.Sprintf("Strategy(%d)", uint8(s))
}

// MarshalText implements [encoding.TextMarshaler].
func (s Strategy) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Strategy) UnmarshalText(b []byte) error {
	for _, known := range []Strategy{OneForOne, OneForAll, RestForOne} {
		if known.String() == string(b) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("hale: strategy is %.20q: use one_for_one, one_for_all or rest_for_one", b)
}
