package hale_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// hooked calls hook when it is asked for the request that it belongs to.
type hooked struct {
	context.Context
	hook func()
}

func (h *hooked) Value(key any) any {
	if strings.Contains(fmt.Sprintf("%T", key), "request") {
		h.hook()
	}
	return h.Context.Value(key)
}

// That a body came back is never told before that it was given up, also when it
// returns at that very moment.
func TestAbandonedIsToldBeforeReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newRuntime(t)
		log := collect(rt)
		release := make(chan struct{})
		var armed atomic.Bool
		ctx := &hooked{Context: t.Context(), hook: func() {
			if armed.Swap(false) {
				close(release)
				time.Sleep(10 * time.Millisecond) // the body returns
			}
		}}
		task := rt.Go(ctx, "deaf", block(release))
		armed.Store(true)
		if err := hale.AbandonByRemedy(rt, task.ID()); err != nil && !errors.Is(err, heal.ErrGone) {
			t.Error(err)
		}
		synctest.Wait()
		if armed.Load() {
			t.Error("nobody asked for the request")
		}
		gone, back := -1, -1
		for i, e := range log.events {
			switch e.Kind {
			case observe.EventAbandoned:
				gone = i
			case observe.EventReturned:
				back = i
			}
		}
		if back >= 0 && (gone < 0 || back < gone) {
			t.Errorf("returned is event %d, abandoned %d", back, gone)
		}
	})
}
