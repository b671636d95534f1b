package goroutine

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/google/pprof/profile"
)

const (
	// maxProfile bounds the profile after decompression. A million goroutines
	// that share their labels need a few MB; 100,000 with a label set each and
	// 14 frames about 10 MB.
	maxProfile = 256 << 20

	// keepBuffer is the largest buffer that is kept for the next capture.
	keepBuffer = 8 << 20

	// maxCount bounds the count of one sample, so that sums cannot overflow.
	maxCount = 1 << 32
)

var (
	errTooLarge = errors.New("goroutine: the profile is too large")
	errBadCount = errors.New("goroutine: the profile has a sample without a sane count")
)

// decoder reads gzipped profiles and keeps its buffers in between. The zero
// value is ready to use.
type decoder struct {
	gz  gzip.Reader
	raw bytes.Buffer
}

// decode returns a valid profile whose samples all have a count, and whose
// locations are numbered by their index. It reads at most limit bytes.
//
// It does not leave the decompression to the profile package, which does it
// without a bound and with new buffers each time.
func (d *decoder) decode(zipped []byte, limit int64) (*profile.Profile, error) {
	if err := d.gz.Reset(bytes.NewReader(zipped)); err != nil {
		return nil, fmt.Errorf("goroutine: unzip the profile: %w", err)
	}
	d.raw.Reset()
	defer func() {
		if d.raw.Cap() > keepBuffer {
			d.raw = bytes.Buffer{}
		}
	}()
	n, err := io.Copy(&d.raw, io.LimitReader(&d.gz, limit+1))
	if err != nil {
		return nil, fmt.Errorf("goroutine: unzip the profile: %w", err)
	}
	if n > limit {
		return nil, errTooLarge
	}
	p, err := profile.ParseUncompressed(d.raw.Bytes())
	if err == nil {
		err = p.CheckValid()
	}
	if err != nil {
		return nil, fmt.Errorf("goroutine: parse the profile: %w", err)
	}
	for _, s := range p.Sample {
		if len(s.Value) == 0 || s.Value[0] < 0 || s.Value[0] > maxCount {
			return nil, errBadCount
		}
	}
	for i, l := range p.Location {
		l.ID = uint64(i)
	}
	return p, nil
}
