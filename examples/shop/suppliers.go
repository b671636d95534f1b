package main

import (
	"context"
	"sync"
	"time"

	"github.com/hale-go/hale"
)

// The shop asks all suppliers for their prices, some at once.
const (
	suppliers  = 400
	askAtOnce  = 20
	askRest    = 50 * time.Millisecond // between those and the next
	askAgainIn = time.Second
)

// callPrice asks one of them, in the domain "suppliers".
const callPrice = "suppliers.price"

// refreshPrices asks all suppliers, again and again. It waits for none of them: what takes
// too long is given up, as hale.yaml says of the domain.
func (s *service) refreshPrices(ctx context.Context) error {
	task := hale.FromContext(ctx)
	var asked sync.WaitGroup
	defer asked.Wait()
	for {
		task.Beat()
		for n := range suppliers {
			asked.Go(func() {
				// Whoever does not answer has the price of before.
				_, _ = hale.Call(ctx, callPrice, func(context.Context) (int, error) { return s.price(n), nil })
			})
			if n%askAtOnce == 0 {
				if err := rest(ctx, askRest); err != nil {
					return err
				}
			}
		}
		if err := rest(ctx, askAgainIn); err != nil {
			return err
		}
	}
}

// price stands for the suppliers' library. With the fault on it waits for ever, and not
// even the end of the fault lets it go: what hale can do is to give its goroutine up.
func (s *service) price(supplier int) int {
	if hit, _ := s.faults[faultImmortal].strikes(); hit {
		select {}
	}
	return 100 + supplier
}
