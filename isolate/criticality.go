package isolate

import "fmt"

// Criticality says how much it matters that work is done, in the four levels of
// Google's "Site Reliability Engineering", chapter 21. What is less critical is turned
// away first. The zero value is [Critical].
type Criticality int8

// The levels, least first.
const (
	// Sheddable is work that may fail often, such as a batch job's.
	Sheddable Criticality = iota - 2
	// SheddablePlus is work that may fail now and then and is done again later.
	SheddablePlus
	// Critical is work that users see. It is the default.
	Critical
	// CriticalPlus is work whose failure costs most.
	CriticalPlus
)

// levels is how many criticalities there are.
const levels = 4

// String returns "sheddable", "sheddable_plus", "critical" or "critical_plus".
func (c Criticality) String() string {
	switch c {
	case Sheddable:
		return "sheddable"
	case SheddablePlus:
		return "sheddable_plus"
	case Critical:
		return "critical"
	case CriticalPlus:
		return "critical_plus"
	}
	return fmt.Sprintf("Criticality(%d)", int8(c))
}

// MarshalText implements [encoding.TextMarshaler].
func (c Criticality) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Criticality) UnmarshalText(b []byte) error {
	for known := Sheddable; known <= CriticalPlus; known++ {
		if known.String() == string(b) {
			*c = known
			return nil
		}
	}
	return fmt.Errorf("isolate: criticality is %.20q: use sheddable, sheddable_plus, critical or critical_plus", b)
}

// index is the level as a place in a list, what is none among the nearest.
func (c Criticality) index() int {
	return int(min(max(c, Sheddable), CriticalPlus) - Sheddable)
}
