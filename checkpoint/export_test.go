package checkpoint

import "time"

// Unsealed reads a record as Resume does.
func Unsealed(record []byte) (version uint32, epoch, seq uint64, saved time.Time, state []byte, err error) {
	e, err := unseal(record)
	return e.version, e.epoch, e.seq, e.saved, e.state, err
}

// FileStem returns how the names of a key's files begin.
var FileStem = fileStem

// Sealed returns the record, in the encoding of another one.
func Sealed(version uint32, epoch, seq uint64, saved time.Time, state, like []byte) []byte {
	e := envelope{version: version, epoch: epoch, seq: seq, saved: saved, state: state}
	if len(like) > 11 {
		e.encoding = uint16(like[10])<<8 | uint16(like[11])
	}
	return e.seal()
}
