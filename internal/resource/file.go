package resource

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"time"
)

// maxFile bounds what is read of one file. Most have less than 4 kB; a network
// with thousands of interfaces takes some hundred.
const maxFile = 1 << 20

var (
	errLarge   = errors.New("larger than 1 MiB")
	errGarbage = errors.New("makes no sense")
)

// garbage is the error of a file that holds something else than it should.
func garbage(name string) error { return &os.PathError{Op: "parse", Path: name, Err: errGarbage} }

// read returns what a file holds, valid until the next call.
func (r *Reader) read(name string) ([]byte, error) {
	f, err := os.Open(r.root + name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for n := 0; ; {
		if n == len(r.buf) {
			if n >= maxFile {
				return nil, &os.PathError{Op: "read", Path: name, Err: errLarge}
			}
			r.buf = append(r.buf, make([]byte, max(n, 4<<10))...)
		}
		k, err := f.Read(r.buf[n:])
		n += k
		switch {
		case errors.Is(err, io.EOF):
			return r.buf[:n], nil
		case err != nil:
			return nil, err
		}
	}
}

// readNumber reads a file that holds one number. "max" and version 1's huge
// numbers are none: the number is then 0.
func (r *Reader) readNumber(name string) (uint64, error) {
	b, err := r.read(name)
	if err != nil {
		return 0, err
	}
	n, ok := parseLimit(b)
	if !ok {
		return 0, garbage(name)
	}
	return n, nil
}

// unlimited is from where on a limit of version 1 means none: it writes the
// largest multiple of the page size.
const unlimited = 1 << 60

func parseLimit(b []byte) (n uint64, ok bool) {
	b = bytes.TrimSpace(b)
	if string(b) == "max" || string(b) == "-1" {
		return 0, true
	}
	n, ok = parseCount(b)
	if n >= unlimited {
		return 0, ok
	}
	return n, ok
}

func parseCount(b []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(b), 10, 64)
	return n, err == nil
}

// keyed returns the number behind a key in lines of "key number". The line must
// have its end, or the number might not be whole.
func keyed(text []byte, key string) (uint64, bool) {
	for line := range bytes.Lines(text) {
		if k, v, found := bytes.Cut(line, []byte(" ")); found && string(k) == key && line[len(line)-1] == '\n' {
			return parseCount(bytes.TrimSpace(v))
		}
	}
	return 0, false
}

// duration returns so many units, or the longest duration that there is.
func duration(n uint64, unit time.Duration) time.Duration {
	if n > uint64(math.MaxInt64/unit) {
		return math.MaxInt64
	}
	return time.Duration(n) * unit
}

// counter makes a count that never falls of one that may.
type counter struct {
	raw, total uint64
	known      bool
}

// count takes the next reading. Where it is not of the same thing as the last,
// or is less, what happened since is not known and not counted.
func (c *counter) count(raw uint64, same bool) uint64 {
	switch {
	case !c.known:
		c.total = raw
	case same && raw > c.raw:
		c.total += min(raw-c.raw, math.MaxUint64-c.total)
	}
	c.raw, c.known = raw, true
	return c.total
}
