package haletest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/detect"
	"github.com/hale-go/hale/haletest"
	"github.com/hale-go/hale/heal"
	"github.com/hale-go/hale/observe"
)

// A detector of your own is checked against the contract by one call in its
// test.
func ExampleDetector() {
	t := &testing.T{} // in a test: its parameter

	haletest.Detector(t, func() detect.Detector { return detect.NewStuck() }, haletest.Finds(detect.KindStuck))
	fmt.Println("failed:", t.Failed())
	// Output: failed: false
}

// cutOff is a remedy of one's own.
type cutOff struct{}

func (cutOff) Apply(_ context.Context, t heal.Target, c heal.Command) error {
	if c.Subject.Name == "" {
		return heal.ErrNotApplicable
	}
	return t.SetGate(c.Subject.Name, heal.GateClosed, 0)
}

func ExampleRemedy() {
	t := &testing.T{} // in a test: its parameter

	haletest.Remedy(t, func() heal.Remedy { return cutOff{} })
	fmt.Println("failed:", t.Failed())
	// Output: failed: false
}

// What your code does under hale is tested in fake time: here a consumer that
// hangs is replaced after its heartbeat of five seconds, in milliseconds.
func ExampleRun() {
	_ = func(t *testing.T) { // TestConsumerIsReplaced
		haletest.Run(t, func(t *testing.T, b *haletest.Bubble) {
			runs := 0
			b.Go(t.Context(), "orders.consume", func(ctx context.Context) error {
				runs++
				<-ctx.Done() // it never beats
				return errors.New("connection lost")
			}, hale.Heartbeat(5*time.Second), hale.Restart(hale.Permanent))

			b.Event(time.Minute, func(e observe.Event) bool { return e.Kind == observe.EventRestarted })
			b.Turn(5)
			if runs != 2 {
				t.Errorf("%d runs", runs)
			}
		})
	}
}

func ExampleNoLeaks() {
	_ = func(t *testing.T) { // TestOrders
		t.Parallel()
		rt, err := hale.New()
		if err != nil {
			t.Fatal(err)
		}
		ctx := haletest.NoLeaks(t, haletest.Under(rt))
		t.Cleanup(func() { _ = rt.Close() })

		rt.Go(ctx, "orders.consume", func(ctx context.Context) error { return nil })
		// A goroutine that is left behind fails the test like this:
		//	haletest: TestOrders outlives what it started:
		//		1 × orders.(*Consumer).watch consumer.go:40 of task orders.consume, which has ended: chan receive at orders.(*Consumer).watch consumer.go:43
	}
}

// A store of your own for checkpoints is checked by one call.
func ExampleStore() {
	t := &testing.T{} // in a test: its parameter

	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	haletest.Store(t, func() checkpoint.Store { return checkpoint.Dir(dir) })
	fmt.Println("failed:", t.Failed())
	// Output: failed: false
}
