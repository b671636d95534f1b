package heal

import "fmt"

// Act says how far remedies may go. Contracts that the developer declared
// (budgets, restarts, pool replacement) are not limited by it.
type Act uint8

// The modes.
const (
	// Observe records what would have been done. It is the default.
	Observe Act = iota
	// Contain allows what cuts a fault off and can be undone or costs only the
	// faulty work: cancel, abandon, quarantine, degrade.
	Contain
	// Full allows restarts too.
	Full
)

// String returns "observe", "contain" or "full".
func (a Act) String() string {
	switch a {
	case Observe:
		return "observe"
	case Contain:
		return "contain"
	case Full:
		return "full"
	}
	return fmt.Sprintf("Act(%d)", uint8(a))
}

// MarshalText implements [encoding.TextMarshaler].
func (a Act) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *Act) UnmarshalText(b []byte) error {
	for _, known := range []Act{Observe, Contain, Full} {
		if known.String() == string(b) {
			*a = known
			return nil
		}
	}
	return fmt.Errorf("heal: act is %.20q: use observe, contain or full", b)
}
