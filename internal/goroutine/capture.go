package goroutine

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/hale-go/hale/internal/cputime"
	"github.com/hale-go/hale/observe"
)

// Config bounds what a [Capturer] produces and takes. The zero value is ready
// to use.
type Config struct {
	// MaxGroups is how many groups a snapshot holds at most. Those with the
	// fewest goroutines are left out, and only counted.
	// Default: 4096.
	MaxGroups int

	// MemoryShare is the share of the memory left to the process that a capture
	// may allocate, between 0 and 1. A capture that would need more is skipped.
	// What is left is measured to the runtime's memory limit, and where that is
	// not set, to the limit of the control group. Without either nothing is
	// skipped.
	// Default: 0.25.
	MemoryShare float64
}

func (c Config) withDefaults() Config {
	if c.MaxGroups <= 0 {
		c.MaxGroups = 4096
	}
	if !(c.MemoryShare > 0 && c.MemoryShare <= 1) { // also when it is no number
		c.MemoryShare = .25
	}
	return c
}

// Capturer takes snapshots of all goroutines of the process. Make one with
// [NewCapturer]. It is safe for concurrent use; captures wait for one another.
type Capturer struct {
	config  Config
	resolve Resolve
	limits  limits
	write   func(*bytes.Buffer) error

	mu      sync.Mutex
	zipped  bytes.Buffer
	decoder decoder
	memory  memory
	gc      collector
}

// NewCapturer returns a Capturer that asks resolve about each label of hale's.
// With a nil resolve no goroutine counts as started by hale.
func NewCapturer(config Config, resolve Resolve) *Capturer {
	return &Capturer{
		config:  config.withDefaults(),
		resolve: resolve,
		limits:  processLimits,
		write: func(b *bytes.Buffer) error {
			return pprof.Lookup("goroutine").WriteTo(b, 0)
		},
	}
}

// Capture takes a snapshot now. Tasks that ended before now are told from those
// that ended later, so now must not lie after the call.
//
// It costs about 5 µs and 1.1 KB of garbage a goroutine on shallow stacks, 8 µs
// and 1.8 KB with 12 frames more, 13 µs and 4 KB where each goroutine has labels of
// its own, and 1.5 MB at least. Most of it is spent in runtime/pprof. The
// world stops for well under a millisecond. When it cannot
// take a snapshot (memory is short, resolve panicked) it returns one with the
// reason in Skipped and no groups. It never panics.
func (c *Capturer) Capture(now time.Time) (s observe.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()

	before := c.memory.read()
	s = observe.Snapshot{Time: now, Goroutines: runtime.NumGoroutine()}
	if s.Skipped = c.memory.admit(s.Goroutines, before, c.limits, c.config.MemoryShare); s.Skipped != "" {
		return s
	}

	// Processor time, where the system tells it: a capture that waited for a
	// processor has cost nobody anything, and charging for the wait would make the
	// next one late just when the machine is in trouble.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	used, told := cputime.Thread()
	defer func() {
		if r := recover(); r != nil {
			s = observe.Snapshot{Time: now, Goroutines: s.Goroutines, Skipped: fmt.Sprintf("panic: %.200v", r)}
		}
		// A failed capture has its cost too: the pacer must hear of it.
		s.Cost = time.Since(start)
		s.CPU = s.Cost
		if now, ok := cputime.Thread(); ok && told {
			s.CPU = min(max(now-used, 0), s.Cost)
		}
		s.CPU += c.gc.charge(c.memory.need(s.Goroutines, before.stack), s.CPU)
	}()
	if err := c.capture(&s, before.stack); err != nil {
		s.Skipped = err.Error()
	}
	return s
}

func (c *Capturer) capture(s *observe.Snapshot, stack uint64) error {
	c.zipped.Reset()
	defer func() {
		if c.zipped.Cap() > keepBuffer {
			c.zipped = bytes.Buffer{}
		}
		c.decoder.trim()
	}()
	if err := c.write(&c.zipped); err != nil {
		return fmt.Errorf("goroutine: write the profile: %w", err)
	}
	p, err := c.decoder.decode(c.zipped.Bytes(), maxProfile)
	if err != nil {
		return err
	}
	f := folder{began: s.Time, resolve: c.resolve}
	if err := f.fold(p); err != nil {
		return err
	}
	s.Goroutines = f.total.goroutines
	s.Groups, s.Folded = f.top(c.config.MaxGroups)
	c.memory.learn(f.total, stack)
	return nil
}
