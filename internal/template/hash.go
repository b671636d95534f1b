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

// shapeOf is the hash of a form with all words and values taken for the same.
func shapeOf(tokens []token) uint64 {
	h := uint64(seed)
	for i := range tokens {
		x := tokens[i].hash
		if tokens[i].kind != sign {
			x = wildHash
		}
		h = mixToken(h, x, tokens[i].space)
	}
	return mix(h, uint64(len(tokens)))
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

// hashOf returns the hash of s[i:end]. Words are short: nearly all take one load
// and no loop.
func hashOf(s string, i, end int) uint64 {
	h := uint64(end-i) * wildHash
	for ; end-i > 8; i += 8 {
		h = mix(h, load(s[i:]))
	}
	n := end - i // at most 8
	if i+8 <= len(s) {
		return mix(h, load(s[i:])<<(64-8*n))
	}
	var x uint64
	for ; end > i; end-- {
		x = x<<8 | uint64(s[end-1])
	}
	return mix(h, x<<(64-8*n))
}

// signHash returns the hash of a sign, which is one byte or few.
func signHash(s string, i, end int) uint64 {
	if end == i+1 {
		return (uint64(s[i]) + 1) * wildHash
	}
	return hashOf(s, i, end)
}

// load returns the first eight bytes of s as a number.
func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
