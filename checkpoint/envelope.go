package checkpoint

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// A record is a header, the encoded state and a checksum, numbers in big endian:
//
//	 0  magic, 8 bytes
//	 8  format of the record, 2 bytes
//	10  encoding of the state, 2 bytes
//	12  version of the state, 4 bytes
//	16  epoch, 8 bytes
//	24  number of the save, 8 bytes
//	32  time of the save in Unix nanoseconds, 8 bytes
//	40  length of the state, 4 bytes
//	44  state
//	    CRC-32C of all before, 4 bytes
//
// The magic, the place of the format and the checksum at the end are the same in all
// formats to come: so a record of a newer one is told from a damaged one.
const (
	magic       = "haleckpt"
	format      = 1
	headerSize  = 44
	trailerSize = 4
)

// Encodings of a state.
const (
	asJSON   = 0
	asBinary = 1 // by its MarshalBinary
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// envelope is what is in a record.
type envelope struct {
	encoding uint16
	version  uint32
	epoch    uint64
	seq      uint64
	saved    time.Time
	state    []byte
}

// seal returns the record. The state has at most MaxState bytes.
func (e envelope) seal() []byte {
	out := make([]byte, headerSize, headerSize+len(e.state)+trailerSize)
	copy(out, magic)
	binary.BigEndian.PutUint16(out[8:], format)
	binary.BigEndian.PutUint16(out[10:], e.encoding)
	binary.BigEndian.PutUint32(out[12:], e.version)
	binary.BigEndian.PutUint64(out[16:], e.epoch)
	binary.BigEndian.PutUint64(out[24:], e.seq)
	binary.BigEndian.PutUint64(out[32:], uint64(e.saved.UnixNano()))
	binary.BigEndian.PutUint32(out[40:], uint32(len(e.state)))
	out = append(out, e.state...)
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// unseal reads a record. Its state is a part of it. Errors match ErrCorrupt or ErrNewer.
func unseal(record []byte) (envelope, error) {
	n := len(record) - trailerSize
	switch {
	case n < headerSize:
		return envelope{}, fmt.Errorf("%w: %d bytes, less than the shortest", ErrCorrupt, len(record))
	case len(record) > MaxRecord:
		return envelope{}, fmt.Errorf("%w: more than %d bytes", ErrCorrupt, MaxRecord)
	case string(record[:8]) != magic:
		return envelope{}, fmt.Errorf("%w: it does not begin as one", ErrCorrupt)
	case crc32.Checksum(record[:n], castagnoli) != binary.BigEndian.Uint32(record[n:]):
		return envelope{}, fmt.Errorf("%w: the checksum is not that of its content", ErrCorrupt)
	}
	if f := binary.BigEndian.Uint16(record[8:]); f > format {
		return envelope{}, fmt.Errorf("%w of this library: the record has format %d, this one knows %d", ErrNewer, f, format)
	} else if f == 0 {
		return envelope{}, fmt.Errorf("%w: format 0", ErrCorrupt)
	}
	e := envelope{
		encoding: binary.BigEndian.Uint16(record[10:]),
		version:  binary.BigEndian.Uint32(record[12:]),
		epoch:    binary.BigEndian.Uint64(record[16:]),
		seq:      binary.BigEndian.Uint64(record[24:]),
		saved:    time.Unix(0, int64(binary.BigEndian.Uint64(record[32:]))),
		state:    record[headerSize:n:n],
	}
	switch {
	case uint64(binary.BigEndian.Uint32(record[40:])) != uint64(len(e.state)):
		return envelope{}, fmt.Errorf("%w: its length is not as it says", ErrCorrupt)
	case e.encoding > asBinary:
		return envelope{}, fmt.Errorf("%w: no encoding %d", ErrCorrupt, e.encoding)
	case e.version > math.MaxInt32:
		return envelope{}, fmt.Errorf("%w: no version %d", ErrCorrupt, e.version)
	}
	return e, nil
}
