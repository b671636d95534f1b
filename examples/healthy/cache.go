package healthy

import (
	"sync"
	"time"
)

// cache forgets what is older than its lifetime. Its janitor starts with the
// first entry, which is inside a request, and lives until Close.
type cache struct {
	lifetime time.Duration
	quit     chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	value   int
	expires time.Time
}

func newCache(lifetime time.Duration) *cache {
	return &cache{lifetime: lifetime, quit: make(chan struct{})}
}

func (c *cache) get(key string) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return e.value, ok
}

func (c *cache) put(key string, value int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[string]entry{}
		c.done = make(chan struct{})
		go c.sweep()
	}
	c.entries[key] = entry{value, time.Now().Add(c.lifetime)}
}

// sweep is the janitor.
func (c *cache) sweep() {
	defer close(c.done)
	ticker := time.NewTicker(c.lifetime / 4)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			c.forget(now)
		case <-c.quit:
			return
		}
	}
}

func (c *cache) forget(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if now.After(e.expires) {
			delete(c.entries, key)
		}
	}
}

func (c *cache) close() {
	close(c.quit)
	c.mu.Lock()
	done := c.done
	c.mu.Unlock()
	if done != nil {
		<-done
	}
}
