package observe

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// TraceContext says where in a trace some work is, as W3C Trace Context defines
// it. The zero value is outside of any.
type TraceContext struct {
	TraceID [16]byte
	SpanID  [8]byte // of the span that the work is in, or that sent it here
	Flags   byte    // bit 0: sampled
	State   string  // tracestate, as it came; at most 512 bytes
}

// ErrTraceparent is returned by [ParseTraceparent] for what is none.
var ErrTraceparent = errors.New("observe: not a traceparent")

// IsZero reports whether it names no trace.
func (t TraceContext) IsZero() bool { return t.TraceID == [16]byte{} }

// Sampled reports whether the caller keeps the trace.
func (t TraceContext) Sampled() bool { return t.Flags&1 != 0 }

// Trace returns the trace's ID in lower-case hexadecimal, "" for none.
func (t TraceContext) Trace() string {
	if t.IsZero() {
		return ""
	}
	return hex.EncodeToString(t.TraceID[:])
}

// Span returns the span's ID in lower-case hexadecimal, "" for none.
func (t TraceContext) Span() string {
	if t.SpanID == [8]byte{} {
		return ""
	}
	return hex.EncodeToString(t.SpanID[:])
}

// Traceparent returns the header's value, "" outside of any trace.
func (t TraceContext) Traceparent() string {
	if t.IsZero() {
		return ""
	}
	b := make([]byte, 0, 55)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, t.TraceID[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, t.SpanID[:])
	b = append(b, '-')
	return string(hex.AppendEncode(b, []byte{t.Flags & 1}))
}

// maxTracestate is the length that everybody must propagate at least.
const maxTracestate = 512

// ParseTraceparent reads the headers of W3C Trace Context. Of a version that it
// does not know it reads what the known one has, as the standard wants. A
// tracestate that is too long or has bytes that no header may have is left out. It
// allocates nothing where there is no error.
func ParseTraceparent(parent, state string) (TraceContext, error) {
	var t TraceContext
	if len(parent) < 55 || parent[2] != '-' || parent[35] != '-' || parent[52] != '-' {
		return t, fmt.Errorf("%w: %.60q, want version-trace-parent-flags", ErrTraceparent, parent)
	}
	var version, flags [1]byte
	ok := unhex(version[:], parent[:2]) && unhex(t.TraceID[:], parent[3:35]) && unhex(t.SpanID[:], parent[36:52]) && unhex(flags[:], parent[53:55])
	switch {
	case !ok:
		return TraceContext{}, fmt.Errorf("%w: %.60q has what is no lower-case hexadecimal digit", ErrTraceparent, parent)
	case version[0] == 0xff, version[0] == 0 && len(parent) > 55, len(parent) > 55 && parent[55] != '-':
		return TraceContext{}, fmt.Errorf("%w: %.60q has no version that is allowed", ErrTraceparent, parent)
	case t.IsZero(), t.SpanID == [8]byte{}:
		return TraceContext{}, fmt.Errorf("%w: %.60q has an ID of zeros", ErrTraceparent, parent)
	}
	t.Flags = flags[0] & 1 // of the others nobody knows what they mean
	if len(state) <= maxTracestate && visible(state) {
		t.State = state
	}
	return t, nil
}

// unhex decodes lower-case digits only, as the standard wants.
func unhex(out []byte, in string) bool {
	for i := range out {
		hi, lo := digit(in[2*i]), digit(in[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		out[i] = hi<<4 | lo
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// visible reports whether a header may have the value.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
