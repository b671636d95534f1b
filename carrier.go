package hale

import (
	"context"
	"sync/atomic"
)

// carrier is a context that carries one thing of which log records tell: a span, a
// request's ID. It is what [context.WithValue] returns, and answers besides who
// speaks in it; see [voice].
type carrier struct {
	context.Context
	key, value any
	voice      atomic.Pointer[voice]
}

func carry(ctx context.Context, key, value any) context.Context {
	return &carrier{Context: ctx, key: key, value: value}
}

// voiceKey is what a context is asked by for the innermost of hale's in it, which is
// a *scope or a *carrier. One question is all that a log record costs that is not
// the first there.
type voiceKey struct{}

func (c *carrier) Value(key any) any {
	if _, ok := key.(voiceKey); ok {
		return c
	}
	if key == c.key {
		return c.value
	}
	return c.Context.Value(key)
}
