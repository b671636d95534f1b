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

// setGoroutineLabels is what [pprof.SetGoroutineLabels] ends in. It is called
// with label maps that are at hand, twice for each task; to wrap them in a
// context would cost as much again as all the rest of a task's identity.
//
//go:linkname setGoroutineLabels runtime/pprof.runtime_setProfLabel
func setGoroutineLabels(labels unsafe.Pointer)

// former returns the labels that the goroutine may be given back when an inline
// task ends: those it bears, if ctx says the same. It does not where a context
// travels to a worker of somebody else's, say with a job in a queue; to leave that
// worker with the labels of a request that ends before it would make an orphan of
// it. It then gets none.
func former(ctx context.Context) unsafe.Pointer {
	bears := goroutineLabels()
	if bears == nil {
		return nil
	}
	if v := reflect.ValueOf(valueOf(ctx, labelKey)); v.Kind() == reflect.Pointer && v.UnsafePointer() == bears {
		return bears
	}
	return nil
}
