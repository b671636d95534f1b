package goroutine

import (
	"bytes"
	"context"
	"io/fs"
	"math"
	"runtime/pprof"

	"github.com/google/pprof/profile"
	"github.com/hale-go/hale/observe"
)

// RunAsHale calls f from a frame of hale's own.
//
//go:noinline
func RunAsHale(f func()) { f(); keep++ }

// ParkAsHale waits for c in a frame of hale's own, as an idle worker does.
//
//go:noinline
func ParkAsHale(c chan struct{}) { <-c }

var keep int

// GoAsHale starts f as hale starts a task: on a goroutine with a label, whose
// root is a frame of hale's. done is closed when it has ended.
func GoAsHale(l Label, f func()) (done chan struct{}) {
	done = make(chan struct{})
	labels := pprof.WithLabels(context.Background(),
		pprof.Labels(LabelName, l.Name, LabelDomain, l.Domain, LabelCell, l.Cell))
	go func() {
		defer close(done)
		pprof.SetGoroutineLabels(labels)
		f()
	}()
	return done
}

// Classify tells whether a function is hale's own, and whether it is a spawn wrapper.
func Classify(name string) (hale, spawn bool) {
	c := classify(shorten(name))
	return c&inHale != 0, c&isSpawn != 0
}

// Decode runs the parser as a capture does.
func Decode(zipped []byte, limit int64) (*profile.Profile, error) {
	return new(decoder).decode(zipped, limit)
}

// Fold folds a decoded profile.
func Fold(p *profile.Profile, resolve Resolve, limit int) (groups []observe.Group, folded int) {
	f := folder{resolve: resolve}
	f.fold(p)
	return f.top(limit)
}

// SetWriter replaces the runtime's profile.
func (c *Capturer) SetWriter(w func(*bytes.Buffer) error) { c.write = w }

// SetSoftLimit replaces the runtime's memory limit, and the control group by none.
func (c *Capturer) SetSoftLimit(bytes int64) {
	c.limits = limits{
		soft:  func() int64 { return bytes },
		group: func() (uint64, bool) { return 0, false },
	}
}

// SetGroupLeft replaces what is left in the control group.
func (c *Capturer) SetGroupLeft(left uint64, limited bool) {
	c.limits = limits{
		soft:  func() int64 { return math.MaxInt64 },
		group: func() (uint64, bool) { return left, limited },
	}
}

// BytesPerGoroutine is what the last capture allocated for each goroutine.
func (c *Capturer) BytesPerGoroutine() float64 { return c.memory.perG }

// SetBytesPerGoroutine replaces that figure.
func (c *Capturer) SetBytesPerGoroutine(b float64) { c.memory.perG, c.memory.estimated = b, b }

// BufferBytes is what the Capturer keeps between captures.
func (c *Capturer) BufferBytes() int { return c.zipped.Cap() + c.decoder.raw.Cap() }

// CgroupLeft reads the limits below host.
func CgroupLeft(host fs.FS) (uint64, bool) { return cgroupLeft(host) }
