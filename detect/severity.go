package detect

import "fmt"

// Severity says how much a finding matters while it lasts.
type Severity uint8

// The levels of severity. The zero value is Major: a detector that does not
// weigh what it finds means that all of it matters.
const (
	Major Severity = iota
	// Minor is true and harmless for hours: a leak of one goroutine now and then.
	// Detectors report it as suspected, so that nothing is done about it.
	Minor
)

// String returns "major" or "minor".
func (s Severity) String() string {
	switch s {
	case Major:
		return "major"
	case Minor:
		return "minor"
	}
	return fmt.Sprintf("Severity(%d)", uint8(s))
}

// MarshalText implements [encoding.TextMarshaler].
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Severity) UnmarshalText(b []byte) error {
	for _, known := range []Severity{Major, Minor} {
		if known.String() == string(b) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("detect: severity %.20q is neither major nor minor", b)
}
