package halegrpc

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/hale-go/hale"
)

const requestIDKey = "x-request-id"

// maxValues is how many values of one key are looked at.
const maxValues = 64

// incoming returns ctx with the trace and the request ID that a call came with.
func incoming(ctx context.Context, rt *hale.Runtime) context.Context {
	from := ctx
	ctx = rt.Extract(ctx, func(key string) string { return value(from, key) })
	if v := metadata.ValueFromIncomingContext(from, requestIDKey); len(v) > 0 && v[0] != "" {
		return hale.WithRequestID(ctx, v[0])
	}
	if hale.RequestID(ctx) != "" {
		return ctx
	}
	return hale.WithRequestID(ctx, newRequestID())
}

// value returns what came under a key. Several are one list, as W3C wants of
// tracestate and baggage.
func value(ctx context.Context, key string) string {
	switch v := metadata.ValueFromIncomingContext(ctx, key); len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	default:
		return strings.Join(v[:min(len(v), maxValues)], ",")
	}
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

// outgoing returns ctx with the metadata by which the receiver of a call continues the
// trace and knows the request ID. What the caller set as ID stays.
func outgoing(ctx context.Context, rt *hale.Runtime) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		md = metadata.MD{}
	}
	if id := hale.RequestID(ctx); id != "" && len(md[requestIDKey]) == 0 {
		md[requestIDKey] = []string{ascii(id)}
	}
	rt.Inject(ctx, func(key, value string) {
		if key = strings.ToLower(key); sendable(key, value) {
			md[key] = []string{value}
		}
	})
	return metadata.NewOutgoingContext(ctx, md)
}

// ascii returns a request ID as metadata may have it. gRPC fails a call with anything
// else.
func ascii(id string) string {
	if isASCII(id) {
		return id
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, id)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// sendable reports whether gRPC can send a pair as it is.
func sendable(key, value string) bool {
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return key != "" && isASCII(value)
}
