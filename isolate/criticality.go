package isolate

import "fmt"

// Criticality says how much it matters that work is done, in the four levels of
// Google's "Site Reliability Engineering", chapter 21. What is less critical is turned
// away first. The zero value is none, and counts as [Critical].
type Criticality uint8

// The levels, least first.
const (
	// Sheddable is work that may fail often, such as a batch job's.
	Sheddable Criticality = iota + 1
	// SheddablePlus is work that may fail now and then and is done again later.
	SheddablePlus
	// Critical is work that users see.
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
	case Critical, 0:
		return "critical"
	case CriticalPlus:
		return "critical_plus"
	}
	return fmt.Sprintf("Criticality(%d)", uint8(c))
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

// Rank is the level as a place among the four, from 0. What is none is [Critical].
func (c Criticality) Rank() int {
	if c < Sheddable || c > CriticalPlus {
		return int(Critical - Sheddable)
	}
	return int(c - Sheddable)
}
