package goroutine

import (
	"errors"
	"math"
)

// maxCount bounds the count of one sample, so that sums cannot overflow.
const maxCount = 1 << 32

var errBadCount = errors.New("goroutine: the profile has a sample without a sane count")

// Numbers of the fields of a sample.
const (
	sampleLocation = 1
	sampleValue    = 2
	sampleLabel    = 3
)

// sample is one sample of a profile. It is only valid until the next.
type sample struct {
	count      int
	stack      []byte // IDs of the locations as varints, innermost first
	label      [3]int // numbers of the strings of hale's labels: name, domain, cell
	labelBytes int    // keys and values of all labels
}

// read takes in an encoded sample.
func (s *sample) read(p *profile, m message) error {
	*s = sample{count: -1, stack: s.stack[:0]}
	for len(m) > 0 {
		f, err := m.next()
		if err != nil {
			return err
		}
		switch f.number {
		case sampleLocation:
			switch f.wire {
			case wireVarint:
				s.stack = appendVarint(s.stack, f.value)
			case wireBytes: // packed
				s.stack = append(s.stack, f.bytes...)
			default:
				err = errWire
			}
		case sampleValue:
			err = s.readCount(f)
		case sampleLabel:
			err = s.readLabel(p, f)
		}
		if err != nil {
			return err
		}
	}
	if s.count < 0 {
		return errBadCount
	}
	return nil
}

// readCount takes the first of the sample's values.
func (s *sample) readCount(f field) (err error) {
	v := f.value
	switch {
	case s.count >= 0 || f.wire == wireBytes && len(f.bytes) == 0:
		return nil
	case f.wire == wireBytes:
		packed := message(f.bytes)
		if v, err = packed.varint(); err != nil {
			return err
		}
	case f.wire != wireVarint:
		return errWire
	}
	if v > maxCount || v > math.MaxInt {
		return errBadCount
	}
	s.count = int(v)
	return nil
}

// readLabel takes in hale's labels, of each key the first.
func (s *sample) readLabel(p *profile, f field) error {
	b, err := f.message()
	if err != nil {
		return err
	}
	k, v, err := pair(b)
	if err != nil {
		return err
	}
	key, err := p.bytes(k)
	if err != nil {
		return err
	}
	value, err := p.bytes(v)
	if err != nil {
		return err
	}
	s.labelBytes += len(key) + len(value)
	i := 0
	switch string(key) {
	case LabelName:
	case LabelDomain:
		i = 1
	case LabelCell:
		i = 2
	default:
		return nil
	}
	if s.label[i] == 0 {
		s.label[i] = int(v)
	}
	return nil
}

func appendVarint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}
