package template

import "math/bits"

// Odd constants with bits everywhere.
const (
	wildHash  = 0x9e3779b97f4a7c15
	spaceHash = 0xd6e8feb86659fd93
	seed      = 0xa0761d6478bd642f
)

// hash returns a number that is the same for equal forms only, as good as sure.
func (s *scan) hash() uint64 {
	h := uint64(seed)
	for i := range s.tokens[:s.n] {
		h = mixToken(h, s.tokens[i].hash, s.tokens[i].space)
	}
	return mix(h, uint64(s.n))
}

// mixToken folds a token into h.
func mixToken(h, x uint64, space bool) uint64 {
	if space {
		x ^= spaceHash
	}
	return mix(h, x)
}

// mix folds x into h.
func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x, 0xe7037ed1a0b428db)
	return hi ^ lo
}

// hashOf returns the hash of a text, eight bytes at a time.
func hashOf(s string) uint64 {
	h := uint64(len(s)) * wildHash
	for len(s) >= 8 {
		h = mix(h, uint64(s[0])|uint64(s[1])<<8|uint64(s[2])<<16|uint64(s[3])<<24|
			uint64(s[4])<<32|uint64(s[5])<<40|uint64(s[6])<<48|uint64(s[7])<<56)
		s = s[8:]
	}
	if len(s) >= 4 {
		h = mix(h, uint64(s[0])|uint64(s[1])<<8|uint64(s[2])<<16|uint64(s[3])<<24)
		s = s[4:]
	}
	var x uint64
	for i := range len(s) {
		x = x<<8 | uint64(s[i])
	}
	return mix(h, x|1<<32)
}
