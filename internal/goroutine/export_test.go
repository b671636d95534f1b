package goroutine

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"runtime/pprof"
	"time"

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

// Sample is one sample as the package reads it.
type Sample struct {
	Count  int
	Frames []string // innermost first
	Label  Label
}

// Decode reads the samples of a profile as a capture does.
func Decode(zipped []byte, limit int64) (out []Sample, err error) {
	p, err := new(decoder).decode(zipped, limit)
	if err != nil {
		return nil, err
	}
	total := 0
	return out, p.each(func(s *sample) error {
		frames, err := p.frames(s.stack, nil)
		if total += len(frames); total > 1<<16 {
			return errTooDeep // of a fuzzed profile, whose frames would fill the memory
		}
		next := Sample{Count: s.count}
		for _, f := range frames {
			next.Frames = append(next.Frames, Frame(f.fn.name, f.fn.file, f.fn.start, f.line))
		}
		for i, to := range []*string{&next.Label.Name, &next.Label.Domain, &next.Label.Cell} {
			if n := s.label[i]; n > 0 {
				*to = string(p.strings[n])
			}
		}
		out = append(out, next)
		return err
	})
}

// Frame is how a [Sample] tells of a frame.
func Frame(function, file string, start, line int) string {
	return fmt.Sprintf("%s %s:%d:%d", shorten(function), file, start, line)
}

// Fold folds an encoded profile.
func Fold(raw []byte, resolve Resolve, limit int) (groups []observe.Group, folded int, err error) {
	p, err := parse(raw)
	if err != nil {
		return nil, 0, err
	}
	f := folder{resolve: resolve}
	if err := f.fold(p); err != nil {
		return nil, 0, err
	}
	groups, folded = f.top(limit)
	return groups, folded, nil
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

// SetHeadroom has the runtime's limit always be so far away.
func (c *Capturer) SetHeadroom(left float64) {
	var m memory
	c.limits = limits{
		soft:  func() int64 { return int64(m.read().kept) + int64(left) },
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

// Need is what a capture of n goroutines with so many bytes of stack is expected
// to allocate at most.
func (c *Capturer) Need(n int, stack uint64) float64 { return c.memory.need(n, stack) }

// ReadStack is how much the stacks of all goroutines take.
func (c *Capturer) ReadStack() uint64 { return c.memory.read().stack }

// BufferBytes is what the Capturer keeps between captures.
func (c *Capturer) BufferBytes() int { return c.zipped.Cap() + c.decoder.raw.Cap() }

// CgroupLeft reads the limits below host.
func CgroupLeft(host fs.FS) (uint64, bool) { return cgroupLeft(host) }

// CollectorCharge is what so many bytes of garbage are charged with.
func CollectorCharge(bytes float64, limit time.Duration) time.Duration {
	return new(collector).charge(bytes, limit)
}
