package stack

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/hale-go/hale/observe"
)

// Depth is the number of frames kept of a panic, counted from its origin.
const Depth = 32

// frames that make a fingerprint: enough to tell callers of one failing
// library function apart, few enough that recursion does not split a fault.
const fingerprintFrames = 6

// Trace is a captured stack. The zero value is an empty one.
type Trace struct {
	pcs []uintptr
}

var scratch = sync.Pool{New: func() any { return new([128]uintptr) }}

// CapturePanic returns the stack of the panic that is being recovered. It must
// be called by a deferred function while it runs for that panic. Of a panic
// that was raised again on the way up, the first origin is taken. It costs
// about 1.5 µs and one allocation.
func CapturePanic() Trace {
	buf := scratch.Get().(*[128]uintptr)
	defer scratch.Put(buf)
	n := runtime.Callers(2, buf[:])
	pcs := buf[:n]
	if i := origin(pcs); i >= 0 {
		pcs = pcs[i:]
	}
	if len(pcs) > Depth {
		pcs = pcs[:Depth]
	}
	return Trace{pcs: append([]uintptr(nil), pcs...)}
}

// origin returns the index of the frame that panicked: the first one outside
// the runtime above the deepest gopanic.
func origin(pcs []uintptr) int {
	last := -1
	for i, pc := range pcs {
		if f := runtime.FuncForPC(pc - 1); f != nil && f.Name() == "runtime.gopanic" {
			last = i
		}
	}
	if last < 0 {
		return -1
	}
	for i := last + 1; i < len(pcs); i++ {
		if f := runtime.FuncForPC(pcs[i] - 1); f == nil || !strings.HasPrefix(f.Name(), "runtime.") {
			return i
		}
	}
	return -1
}

// Site returns the frame that panicked.
func (t Trace) Site() observe.Site {
	for _, s := range t.sites(1) {
		return s
	}
	return observe.Site{}
}

func (t Trace) sites(limit int) []observe.Site {
	var out []observe.Site
	if len(t.pcs) == 0 {
		return nil
	}
	frames := runtime.CallersFrames(t.pcs)
	for {
		f, more := frames.Next()
		if f.Function != "" {
			out = append(out, observe.Site{Function: f.Function, File: f.File, Line: f.Line})
		}
		if !more || len(out) == limit {
			return out
		}
	}
}

// String returns the frames in the form that Go prints them in, origin first.
func (t Trace) String() string {
	var b strings.Builder
	for _, s := range t.sites(-1) {
		fmt.Fprintf(&b, "%s()\n\t%s:%d\n", s.Function, s.File, s.Line)
	}
	return b.String()
}

// build identifies the binary, since program counters mean nothing across
// builds. It is read once.
var build = sync.OnceValue(func() uint64 {
	h := fnv.New64a()
	if bi, ok := debug.ReadBuildInfo(); ok {
		_, _ = h.Write([]byte(bi.String())) // a hash never fails
	}
	return h.Sum64()
})

// anchor is a known address in the binary; program counters are hashed
// relative to it, so that address randomization does not change a fingerprint.
var anchor = sync.OnceValue(func() uintptr {
	pc, _, _, _ := runtime.Caller(0)
	return runtime.FuncForPC(pc).Entry()
})

// Fingerprint returns 16 hexadecimal digits that are equal for panics of one
// build with the same origin and nearest callers.
func (t Trace) Fingerprint() string {
	h := fnv.New64a()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], build())
	_, _ = h.Write(b[:])
	n := 0
	for _, pc := range t.pcs {
		f := runtime.FuncForPC(pc - 1)
		if f == nil || strings.HasPrefix(f.Name(), "runtime.") {
			continue
		}
		binary.LittleEndian.PutUint64(b[:], uint64(pc-anchor()))
		_, _ = h.Write(b[:])
		if n++; n == fingerprintFrames {
			break
		}
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
