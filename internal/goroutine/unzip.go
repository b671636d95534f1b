package goroutine

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// maxProfile bounds the profile after decompression. A million goroutines
	// that share their labels need a few MB; 100,000 with a label set each and
	// 14 frames about 10 MB.
	maxProfile = 256 << 20

	// keepBuffer is the largest buffer that is kept for the next capture.
	keepBuffer = 8 << 20
)

var errTooLarge = errors.New("goroutine: the profile is too large")

// decoder reads gzipped profiles and keeps its buffers in between. The zero
// value is ready to use.
type decoder struct {
	gz  gzip.Reader
	raw bytes.Buffer
}

// decode returns a profile, which is valid until the next call. It reads at
// most limit bytes.
func (d *decoder) decode(zipped []byte, limit int64) (*profile, error) {
	if err := d.gz.Reset(bytes.NewReader(zipped)); err != nil {
		return nil, fmt.Errorf("goroutine: unzip the profile: %w", err)
	}
	d.raw.Reset()
	n, err := io.Copy(&d.raw, io.LimitReader(&d.gz, limit+1))
	if err != nil {
		return nil, fmt.Errorf("goroutine: unzip the profile: %w", err)
	}
	if n > limit {
		return nil, errTooLarge
	}
	return parse(d.raw.Bytes())
}

// trim lets buffers go that are too large to be kept.
func (d *decoder) trim() {
	if d.raw.Cap() > keepBuffer {
		d.raw = bytes.Buffer{}
	}
}
