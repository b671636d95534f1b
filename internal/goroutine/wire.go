package goroutine

import "errors"

var errWire = errors.New("goroutine: the profile is not well-formed")

// Wire types of protobuf, https://protobuf.dev/programming-guides/encoding.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// message is what is left to read of an encoded protobuf message.
type message []byte

// field is one field of a message. The bytes are part of the message's.
type field struct {
	number int
	wire   int
	value  uint64 // of a varint
	bytes  []byte // of a string, a message or packed numbers
}

// varint takes one number off the front. As decoders do, it drops bits beyond
// 64 and refuses more than 10 bytes.
func (m *message) varint() (v uint64, err error) {
	b := *m
	for i := 0; i < len(b) && i < 10; i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			*m = b[i+1:]
			return v, nil
		}
	}
	return 0, errWire
}

// take takes n bytes off the front.
func (m *message) take(n uint64) ([]byte, error) {
	if n > uint64(len(*m)) {
		return nil, errWire
	}
	b := (*m)[:n:n]
	*m = (*m)[n:]
	return b, nil
}

// next takes one field off the front. Fixed-width numbers, which profiles do
// not have, come without a value.
func (m *message) next() (f field, err error) {
	tag, err := m.varint()
	if err != nil {
		return f, err
	}
	f.number, f.wire = int(tag>>3), int(tag&7)
	switch f.wire {
	case wireVarint:
		f.value, err = m.varint()
	case wireBytes:
		var n uint64
		if n, err = m.varint(); err == nil {
			f.bytes, err = m.take(n)
		}
	case wire64:
		_, err = m.take(8)
	case wire32:
		_, err = m.take(4)
	default:
		err = errWire
	}
	return f, err
}

// uint is the value of a field that holds one number.
func (f *field) uint() (uint64, error) {
	if f.wire != wireVarint {
		return 0, errWire
	}
	return f.value, nil
}

// message is the value of a field that holds a string or a message.
func (f *field) message() (message, error) {
	if f.wire != wireBytes {
		return nil, errWire
	}
	return f.bytes, nil
}
