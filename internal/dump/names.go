package dump

import (
	"hash/maphash"
	"strings"
)

// names makes strings of bytes, and the same one again for what came lately: the
// functions and files of a dump are few. It has a bound, since a slot belongs to the
// name that took it last.
type names struct {
	seed  maphash.Seed
	slots []string
}

const (
	nameSlots = 4096 // a power of two
	maxShared = 512  // bytes of a name that is remembered
)

// of returns b as a string and how much memory that took.
func (n *names) of(b []byte) (name string, cost int) {
	b = b[:min(len(b), MaxName)]
	if len(b) > maxShared {
		name = text(b)
		return name, len(name)
	}
	if n.slots == nil {
		n.seed, n.slots = maphash.MakeSeed(), make([]string, nameSlots)
	}
	slot := &n.slots[maphash.Bytes(n.seed, b)%nameSlots]
	if *slot == string(b) { // no allocation
		return *slot, 0
	}
	*slot = text(b)
	return *slot, len(*slot)
}

// text returns b as a string that is good for JSON and screens.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
