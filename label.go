package hale

import (
	"context"
	"reflect"
	"unsafe"
)

// goroutineLabels returns the label map that the calling goroutine bears, as the
// runtime knows it. There is no exported way to ask; the runtime keeps this name
// for those who need it.
//
//go:linkname goroutineLabels runtime/pprof.runtime_getProfLabel
func goroutineLabels() unsafe.Pointer

// former returns a context whose labels the goroutine may be given back when an
// inline task ends: ctx, if the goroutine bears what ctx says. It does not where
// a context travels to a worker of somebody else's, say with a job in a queue;
// to leave that worker with the labels of a request that ends before it would
// make an orphan of it. It then gets none.
func former(ctx context.Context) context.Context {
	bears := goroutineLabels()
	if bears == nil {
		return context.Background()
	}
	if v := reflect.ValueOf(ctx.Value(labelKey())); v.Kind() == reflect.Pointer && v.UnsafePointer() == bears {
		return ctx
	}
	return context.Background()
}
