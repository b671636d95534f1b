package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
)

// render draws the thumbnail of a product. With the fault on some of the
// pictures keep the decoder busy for ever, whatever the context says.
func (s *service) render(ctx context.Context, id int) ([]byte, error) {
	s.faults[faultPool].hang()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	const size = 24
	img := image.NewGray(image.Rect(0, 0, size, size))
	for i := range size * size {
		img.SetGray(i%size, i/size, color.Gray{Y: uint8(i * (id + 1))})
	}
	var out bytes.Buffer
	err := png.Encode(&out, img)
	return out.Bytes(), err
}
