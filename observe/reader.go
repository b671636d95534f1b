package observe

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Bounds of what a file can make its reader hold, whatever is in it.
const (
	// maxParts bounds the commas of a turn outside its texts, and with them what
	// it can become in memory.
	maxParts = 400_000
	// maxRest is how many bytes of a frame may be left when its record is whole:
	// the mark of a flush.
	maxRest = 8
	// maxSegment bounds a segment in memory, in bytes, roughly.
	maxSegment = 128 << 20
)

// fileReader reads one file of a recording.
type fileReader struct {
	name    string
	in      *bufio.Reader
	offset  int64        // of the frame that is being read
	payload bytes.Buffer // compressed bytes that are not inflated yet
	inflate io.Reader
	raw     []byte
	ended   bool
	head    *segmentHead // of the segment whose turns come next
	prev    *Turn
}

// newFileReader checks that the file is one of ours.
func newFileReader(name, run string, in io.Reader) (*fileReader, error) {
	r := &fileReader{name: name, in: bufio.NewReader(in)}
	r.inflate = flate.NewReader(&r.payload)
	got := make([]byte, len(magic)+1)
	switch _, err := io.ReadFull(r.in, got); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, r.truncated("the file ends within its header")
	case err != nil:
		return nil, r.unreadable(err)
	case string(got[:len(magic)]) != magic:
		return nil, r.damaged("it does not begin like a recording")
	case got[len(magic)] > version:
		return nil, &RecordingError{
			File: name, Err: fmt.Errorf("%w: version %d, this program reads up to %d", ErrVersion, got[len(magic)], version),
			Mend: "read it with the version of hale that wrote it, or a newer one",
		}
	case got[len(magic)] == 0:
		return nil, r.damaged("its version is 0")
	}
	r.offset = int64(len(got))
	first, err := r.next()
	if err == nil && first.Run != run {
		err = r.damaged("it is of run %.40q and not of the one in its name", first.Run)
	}
	return r, err
}

func (r *fileReader) damaged(format string, args ...any) error {
	return &RecordingError{
		File: r.name, Offset: r.offset, Err: fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...),
		Mend: "what came before can be used; restore the file from a copy, or go on without the rest of it",
	}
}

func (r *fileReader) truncated(format string, args ...any) error {
	return &RecordingError{
		File: r.name, Offset: r.offset, Err: fmt.Errorf("%w: "+format, append([]any{ErrTruncated}, args...)...),
		Mend: "what came before can be used; if the process still runs, read again later, else it was killed here or the rest of the file is lost",
	}
}

func (r *fileReader) unreadable(err error) error {
	return &RecordingError{File: r.name, Offset: r.offset, Err: err, Mend: "what came before can be used; make the file readable"}
}

// next reads one record. Its error is io.EOF at the end of a file that was
// closed, and a [*RecordingError] otherwise.
func (r *fileReader) next() (out record[json.RawMessage], err error) {
	var head [frameHeader]byte
	n, err := io.ReadFull(r.in, head[:])
	switch {
	case n == 0 && errors.Is(err, io.EOF) && r.ended:
		return out, io.EOF
	case n == 0 && errors.Is(err, io.EOF):
		return out, r.truncated("the file has no end mark")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return out, r.truncated("the file ends within a record")
	case err != nil:
		return out, r.unreadable(err)
	case r.ended:
		return out, r.damaged("the file goes on after its end mark")
	}
	packed, size := int64(binary.LittleEndian.Uint32(head[:])), int64(binary.LittleEndian.Uint32(head[4:]))
	if size == 0 || size > maxRecord || size > maxInflate*packed || packed > 2*maxRecord {
		return out, r.damaged("a record of %d bytes in %d makes no sense", size, packed)
	}
	rest := r.payload.Len()
	switch n, err := io.CopyN(&r.payload, r.in, packed); {
	case errors.Is(err, io.EOF):
		return out, r.truncated("the file ends within a record, %d bytes are missing", packed-n)
	case err != nil:
		return out, r.unreadable(err)
	}
	if checksum(head[:8], r.payload.Bytes()[rest:]) != binary.LittleEndian.Uint32(head[8:]) {
		return out, r.damaged("the checksum does not match")
	}
	if int64(cap(r.raw)) < size {
		r.raw = make([]byte, size)
	}
	r.raw = r.raw[:size]
	if _, err := io.ReadFull(r.inflate, r.raw); err != nil {
		return out, r.damaged("it does not inflate: %w", err)
	}
	if r.payload.Len() > maxRest {
		return out, r.damaged("a record is longer than it says")
	}
	if err := json.Unmarshal(r.raw, &out); err != nil {
		return out, r.damaged("a record makes no sense: %w", err)
	}
	r.offset += frameHeader + packed
	r.ended = out.End
	return out, nil
}

// segment reads up to the next segment, and returns the turns of this one also
// with an error. The size is what the segment takes in memory, roughly.
func (r *fileReader) segment() (s Segment, size int, err error) {
	if r.head != nil {
		s.Revision, s.State, s.Fresh = r.head.Revision, r.head.State, r.head.Fresh
		size = len(s.State)
	}
	r.prev = nil
	for {
		at := r.offset
		rec, err := r.next()
		if err != nil {
			return s, size, err
		}
		if rec.Segment != nil {
			first := r.head == nil
			r.head = rec.Segment
			if !first {
				return s, size, nil
			}
			s.Revision, s.State, s.Fresh = r.head.Revision, r.head.State, r.head.Fresh
			size = len(s.State)
		}
		if rec.Turn == nil {
			continue // of a kind that this version does not know, or the end
		}
		t, fresh, err := r.turn(rec)
		size += fresh
		switch {
		case err == nil && r.head == nil:
			err = errors.New("a turn without a segment")
		case err == nil && size > maxSegment:
			err = fmt.Errorf("a segment takes more than %d bytes of memory", maxSegment)
		}
		if err != nil {
			r.offset = at
			return s, size, r.damaged("%w", err)
		}
		s.Turns = append(s.Turns, *t)
		r.prev = t
	}
}

// turn decodes a turn and adds to it what is as in the one before. It also
// returns what that takes in memory.
func (r *fileReader) turn(rec record[json.RawMessage]) (*Turn, int, error) {
	if parts(rec.Turn) > maxParts {
		return nil, 0, fmt.Errorf("a turn of more than %d parts", maxParts)
	}
	t := &Turn{}
	if err := json.Unmarshal(rec.Turn, t); err != nil {
		return nil, 0, fmt.Errorf("a turn makes no sense: %w", err)
	}
	size := t.Size()
	if !rec.Delta {
		return t, size, nil
	}
	tasks, pools := len(t.Sample.Tasks), len(t.Sample.Pools)
	if !t.onto(r.prev) {
		return nil, 0, errors.New("a turn does not follow from the one before")
	}
	if tasks+pools > 0 { // else the lists are shared with the turn before
		size = t.Size()
	}
	return t, size, nil
}

// parts counts the commas outside texts.
func parts(raw []byte) int {
	n, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\':
			i++
		case c == ',' && !quoted:
			n++
		}
	}
	return n
}
