package leakylib

import (
	"context"
	"time"
)

// Client asks a slow oracle.
type Client struct {
	// Patience is how long an answer is waited for.
	Patience time.Duration
	// Delay is how long the oracle takes.
	Delay time.Duration
	// Quit ends what the client left behind. A real library has no such thing.
	Quit <-chan struct{}
}

// Ask returns the oracle's answer, or false when it takes too long.
func (c *Client) Ask(ctx context.Context) (int, bool) {
	answer := make(chan int) // the mistake: it wants room for one
	go c.wait(answer)
	timer := time.NewTimer(c.Patience)
	defer timer.Stop()
	select {
	case n := <-answer:
		return n, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return 0, false
}

// wait gets the answer and hands it over.
func (c *Client) wait(answer chan<- int) {
	time.Sleep(c.Delay)
	select {
	case answer <- 42:
	case <-c.Quit:
	}
}
