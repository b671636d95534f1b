package halehttp

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/hale-go/hale"
)

const requestIDHeader = "X-Request-Id"

// withRequestID returns ctx with the ID that the request came with, or that it has
// from a middleware around this, or a new one.
func withRequestID(ctx context.Context, h http.Header) context.Context {
	if v := h[requestIDHeader]; len(v) > 0 && v[0] != "" {
		return hale.WithRequestID(ctx, v[0])
	}
	if hale.RequestID(ctx) != "" {
		return ctx
	}
	return hale.WithRequestID(ctx, newRequestID())
}

// newRequestID returns 32 hexadecimal digits.
func newRequestID() string {
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	var text [32]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// field returns a header's value by its name in the standards of tracing, which is in
// lower case. Several are one list, as W3C wants of tracestate and baggage.
func field(h http.Header, key string) string {
	switch key {
	case "traceparent":
		key = "Traceparent"
	case "tracestate":
		key = "Tracestate"
	case "baggage":
		key = "Baggage"
	default:
		key = http.CanonicalHeaderKey(key)
	}
	switch v := h[key]; len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	default:
		return strings.Join(v[:min(len(v), maxFields)], ",")
	}
}

// maxFields is how many headers of one name are looked at.
const maxFields = 64
