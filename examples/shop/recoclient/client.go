package recoclient

import (
	"context"
	"sync/atomic"
)

// catalogue is what there is to recommend.
var catalogue = []string{"kettle", "teapot", "tea strainer", "honey spoon", "cups, set of six", "tray"}

// Client asks for recommendations. Its methods may be called from any
// goroutine.
type Client struct {
	prefetch atomic.Bool
}

// New returns a client.
func New() *Client { return &Client{} }

// SetPrefetch switches on that each call fetches the page after the one asked
// for, ahead of time.
func (c *Client) SetPrefetch(on bool) { c.prefetch.Store(on) }

// Page returns page n of what goes well with a product.
func (c *Client) Page(ctx context.Context, n int) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.prefetch.Load() {
		next := make(chan []string)
		go c.fetchAhead(next, n+1)
		// The bug: who asks for the next page makes a new channel, so that nobody
		// ever receives from this one.
	}
	return page(n), nil
}

func (c *Client) fetchAhead(next chan<- []string, n int) { next <- page(n) }

func page(n int) []string {
	const size = 3
	out := make([]string, 0, size)
	for i := range size {
		out = append(out, catalogue[(n*size+i)%len(catalogue)])
	}
	return out
}
