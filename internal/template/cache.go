package template

import "sync/atomic"

// Sets and ways of the cache, for 4096 forms: 32 KB, each set on a line of the processor's cache.
const (
	sets = 512
	ways = 8
)

// cache finds the template of a form by its hash. Any number of goroutines may
// get while one puts. A form whose set is full drives another out, which is
// then learned anew.
type cache struct {
	slots [sets * ways]atomic.Uint64 // 48 bits of the hash, 16 of the ID; 0 is empty
	turn  int
}

func (c *cache) get(h uint64) ID {
	set := c.slots[h%sets*ways:][:ways]
	for i := range set {
		if v := set[i].Load(); v>>16 == h>>16 {
			return ID(v)
		}
	}
	return Other
}

func (c *cache) put(h uint64, id ID) {
	set := c.slots[h%sets*ways:][:ways]
	v := h&^0xffff | uint64(id)
	for i := range set {
		if set[i].Load() == 0 {
			set[i].Store(v)
			return
		}
	}
	set[c.turn%ways].Store(v)
	c.turn++
}

func (c *cache) clear() {
	for i := range c.slots {
		c.slots[i].Store(0)
	}
}
