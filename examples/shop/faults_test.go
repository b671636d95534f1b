package main_test

import (
	"testing"

	shop "github.com/hale-go/hale/examples/shop"
)

func TestFaultStrikes(t *testing.T) {
	fs := shop.NewFaults()
	consumer, pool := fs["stuck-consumer"], fs["stuck-pool"]
	struck := func(f *shop.Fault, n int) (hits int) {
		for range n {
			if hit, _ := f.Strikes(); hit {
				hits++
			}
		}
		return hits
	}
	if n := struck(consumer, 9) + struck(pool, 9); n != 0 {
		t.Errorf("faults that are off struck %d times", n)
	}
	for range 2 { // it starts over each time
		consumer.Turn(true)
		pool.Turn(true)
		if c, p := struck(consumer, 9), struck(pool, 9); c != 1 || p != 3 {
			t.Errorf("of 9 bodies the consumer's fault struck %d and the pool's %d, want 1 and 3", c, p)
		}
		pool.Turn(false)
		consumer.Turn(false)
	}
	pool.Turn(true)
	struck(pool, 2)
	_, off := pool.Strikes()
	pool.Turn(false)
	select {
	case <-off:
	default:
		t.Error("the end of the fault does not let go of the body that hangs")
	}
}
