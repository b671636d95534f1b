package hale_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// A name that stands for many things is never quarantined, also one that is already.
func TestCatchAllIsNeverQuarantined(t *testing.T) {
	rt := newRuntime(t)
	op := rt.Operation(observe.Server, "GET (unmatched)", "")
	start := func() error { return rt.Do(t.Context(), op.Name(), succeed) }
	if err := start(); err != nil || op.CatchAll() {
		t.Fatalf("%v, a catch-all: %v", err, op.CatchAll())
	}
	if err := hale.SetGate(rt, op.Name(), heal.GateClosed, 0); err != nil {
		t.Fatal(err)
	}
	if err := start(); !errors.Is(err, hale.ErrQuarantined) {
		t.Fatal(err)
	}
	op.SetCatchAll()
	op.SetCatchAll()
	if err := start(); err != nil || !op.CatchAll() {
		t.Errorf("%v, a catch-all: %v", err, op.CatchAll())
	}
	for _, g := range []heal.Gate{heal.GateClosed, heal.GateProbe} {
		if err := hale.SetGate(rt, op.Name(), g, 1); !errors.Is(err, heal.ErrNotApplicable) {
			t.Errorf("gate %d: %v", g, err)
		}
	}
	if err := hale.RestartByRemedy(rt, op.Name()); !errors.Is(err, heal.ErrNotApplicable) {
		t.Error(err)
	}
	if err := start(); err != nil {
		t.Error(err)
	}
	if err := hale.SetGate(rt, op.Name(), heal.GateOpen, 0); err != nil {
		t.Error(err)
	}
	(*hale.Operation)(nil).SetCatchAll()
	if (*hale.Operation)(nil).CatchAll() {
		t.Error("nil is one")
	}
}

// The name of what is one too many is a catch-all.
func TestOtherIsACatchAll(t *testing.T) {
	rt := newRuntime(t)
	var op *hale.Operation
	for i := range 769 {
		op = rt.Operation(observe.Internal, fmt.Sprint("op.", i), "")
	}
	if op.Name() != "hale.other" || !op.CatchAll() {
		t.Fatalf("%s, a catch-all: %v", op.Name(), op.CatchAll())
	}
	if err := rt.Do(t.Context(), op.Name(), succeed); err != nil {
		t.Fatal(err)
	}
	if err := hale.SetGate(rt, op.Name(), heal.GateClosed, 0); !errors.Is(err, heal.ErrNotApplicable) {
		t.Error(err)
	}
}

// Operations of one kind leave room for those of others.
func TestKindsLeaveRoom(t *testing.T) {
	rt := newRuntime(t)
	for i := range 2000 {
		rt.Operation(observe.Server, fmt.Sprint("op.", i), "")
	}
	for i := range 256 {
		if name := fmt.Sprint("op.", i); rt.Operation(observe.Client, name, "").Name() != name {
			t.Fatalf("there is no room for %s", name)
		}
	}
	if op := rt.Operation(observe.Internal, "one.more", ""); op.Name() != "hale.other" {
		t.Errorf("%s is one too many", op.Name())
	}
	if n := len(rt.Operations()); n != 768+256+2 {
		t.Errorf("%d operations", n)
	}
}

// A span that is renamed is counted once, under its last name, whoever ends it
// meanwhile.
func TestRename(t *testing.T) {
	rt := newRuntime(t)
	from, to := rt.Operation(observe.Server, "from", ""), rt.Operation(observe.Server, "to", "")
	for range 1000 {
		_, span := from.Start(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			span.Finish("ok", false)
		}()
		span.Rename(to)
		<-done
		span.Rename(from) // it has ended
		span.Finish("late", true)
	}
	ended := uint64(0)
	for _, st := range rt.Operations() {
		if st.InFlight != 0 || st.Failed != 0 {
			t.Errorf("%+v", st)
		}
		ended += st.Ended
	}
	if ended != 1000 {
		t.Errorf("%d ended, want 1000", ended)
	}
	ctx, span := from.Start(context.Background())
	span.Rename(nil)
	span.Rename(to)
	span.End(nil)
	if got := hale.SpanOf(ctx).Operation(); got != to {
		t.Errorf("it is of %s", got.Name())
	}
	(*hale.Span)(nil).Rename(to)

	_, span = from.Start(context.Background())
	span.Rename(newRuntime(t).Operation(observe.Server, "elsewhere", ""))
	if got := span.Operation(); got != from {
		t.Errorf("it is of %s, which is another runtime's", got.Name())
	}
	span.End(nil)
}
