package observe

import (
	"bytes"
	"compress/flate"
	"io"
)

// deflater makes states small. It keeps about 1 MB from its first use on.
type deflater struct {
	flate *flate.Writer
	out   bytes.Buffer
}

// deflate returns what the bytes deflate to. Of none it is nil.
func (d *deflater) deflate(raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d.out.Reset()
	if d.flate == nil {
		var err error
		if d.flate, err = flate.NewWriter(&d.out, flate.BestSpeed); err != nil {
			return nil, err
		}
	}
	d.flate.Reset(&d.out)
	if _, err := d.flate.Write(raw); err != nil {
		return nil, err
	}
	if err := d.flate.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(d.out.Bytes()), nil
}

// inflate is the reverse of deflate.
func inflate(packed []byte) ([]byte, error) {
	if packed == nil {
		return nil, nil
	}
	return io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
}
