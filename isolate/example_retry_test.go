package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hale-go/hale/isolate"
)

func ExampleDo() {
	// One for all calls of a dependency: they share its budget.
	retry, err := isolate.NewRetry(isolate.RetryConfig{Delay: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	calls := 0
	price, err := isolate.Do(context.Background(), retry, func(context.Context) (int, error) {
		if calls++; calls < 3 {
			return 0, errors.New("connection reset")
		}
		return 42, nil
	})
	fmt.Println(price, err, "after", calls, "calls")

	_, err = isolate.Do(context.Background(), retry, func(context.Context) (int, error) {
		return 0, errors.New("connection refused")
	})
	fmt.Println(err)
	// Output:
	// 42 <nil> after 3 calls
	// connection refused (tries: 3)
}

func ExampleRetry() {
	retry, err := isolate.NewRetry(isolate.RetryConfig{Delay: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	call := func(context.Context) error { return isolate.ErrOpen }

	retry.Started()
	for tries := 1; ; tries++ {
		err := call(ctx)
		if err == nil {
			break
		}
		wait, ok := retry.Next(ctx, tries, err)
		if !ok || isolate.Sleep(ctx, wait) != nil {
			fmt.Println("tried", tries, "time:", err)
			break
		}
	}
	// Output:
	// tried 1 time: hale: breaker is open
}
