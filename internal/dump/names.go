package dump

import (
	"hash/maphash"
	"strings"
)

// names makes strings of bytes, and the same one again for what came lately: the
// functions and files of a dump are few. It has a bound: where a bucket is full, the
// oldest name makes room.
type names struct {
	seed    maphash.Seed
	buckets [][4]string
}

const (
	nameBuckets = 1024 // a power of two
	maxShared   = 512  // bytes of a name that is remembered
)

// of returns b as a string and how much memory that took.
func (n *names) of(b []byte) (name string, cost int) {
	b = b[:min(len(b), MaxName)]
	if len(b) > maxShared {
		name = text(b)
		return name, len(name)
	}
	if n.buckets == nil {
		n.seed, n.buckets = maphash.MakeSeed(), make([][4]string, nameBuckets)
	}
	bucket := &n.buckets[maphash.Bytes(n.seed, b)%nameBuckets]
	for i := range bucket {
		if bucket[i] == string(b) { // no allocation
			return bucket[i], 0
		}
	}
	copy(bucket[1:], bucket[:])
	bucket[0] = text(b)
	return bucket[0], len(bucket[0])
}

// text returns b as a string that is good for JSON and screens.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
