package observe

import (
	"bytes"
	"compress/flate"
	"io"
)

// alone returns what the bytes deflate to by themselves. Of none it is nil.
func (d *deflated) alone(raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d.out.Reset()
	if err := d.restart(); err != nil {
		return nil, err
	}
	if _, err := d.flate.Write(raw); err != nil {
		return nil, err
	}
	if err := d.flate.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(d.out.Bytes()), nil
}

// inflate is the reverse of alone.
func inflate(packed []byte) ([]byte, error) {
	if packed == nil {
		return nil, nil
	}
	return io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
}
