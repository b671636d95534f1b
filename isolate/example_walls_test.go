package isolate_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/hale-go/hale/isolate"
)

func ExampleBreaker() {
	b, err := isolate.NewBreaker(isolate.BreakerConfig{Failures: 2, Of: 2}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	call := func(f func() error) (err error) {
		pass, err := b.Acquire()
		if err != nil {
			return err
		}
		outcome := isolate.Failed // also of a panic
		began := time.Now()
		defer func() { pass.Settle(outcome, time.Since(began)) }()
		if err = f(); err == nil {
			outcome = isolate.Succeeded
		}
		return err
	}
	down := func() error { return errors.New("connection refused") }
	for range 3 {
		fmt.Println(call(down), "|", b.Stat().State)
	}
	// Output:
	// connection refused | closed
	// connection refused | open
	// hale: breaker is open | open
}

func ExampleBulkhead() {
	b, err := isolate.NewBulkhead(isolate.BulkheadConfig{Limit: 1, MaxWait: isolate.NoWait})
	if err != nil {
		fmt.Println(err)
		return
	}
	var nested func(depth int) error
	nested = func(depth int) error {
		if !b.TryAcquire() {
			return isolate.ErrFull
		}
		defer b.Release()
		if depth == 0 {
			return nil
		}
		return nested(depth - 1)
	}
	fmt.Println(nested(0), "|", nested(1), "|", b.Stat().InUse)
	// Output: <nil> | hale: full | 0
}
