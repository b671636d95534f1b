package healthy

import (
	"context"
	"sync"
)

// broker hands what is published to every subscriber. A subscription has a
// goroutine of its own, which ends with the subscriber's context.
type broker struct {
	mu   sync.Mutex
	subs map[chan int]struct{}
}

func newBroker() *broker { return &broker{subs: map[chan int]struct{}{}} }

// publish never blocks: a subscriber that is behind misses something.
func (b *broker) publish(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for in := range b.subs {
		select {
		case in <- n:
		default:
		}
	}
}

// subscribe returns a channel that is closed when ctx is done.
func (b *broker) subscribe(ctx context.Context) <-chan int {
	in, out := make(chan int, 16), make(chan int)
	b.mu.Lock()
	b.subs[in] = struct{}{}
	b.mu.Unlock()
	go b.forward(ctx, in, out)
	return out
}

func (b *broker) forward(ctx context.Context, in chan int, out chan<- int) {
	defer close(out)
	defer func() {
		b.mu.Lock()
		delete(b.subs, in)
		b.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-in:
			select {
			case out <- n:
			case <-ctx.Done():
				return
			}
		}
	}
}
