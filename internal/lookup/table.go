package lookup

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Table is a map that grows to a bound and is read without a lock. The zero value is
// empty and ready. It is safe for concurrent use.
//
// Each key that is added copies the map, so it is for keys that soon are all known.
type Table[K comparable, V any] struct {
	known atomic.Pointer[map[K]V] // replaced, never changed
	mu    sync.Mutex              // of who replaces it
}

// Get returns the value of a key, and whether it is known.
func (t *Table[K, V]) Get(key K) (v V, ok bool) {
	if known := t.known.Load(); known != nil {
		v, ok = (*known)[key]
	}
	return v, ok
}

// Len returns how many keys are known.
func (t *Table[K, V]) Len() int {
	if known := t.known.Load(); known != nil {
		return len(*known)
	}
	return 0
}

// Add returns the value of a key, made now if it is not known. It reports false, and
// makes nothing, where most keys are known already. It keeps the key: clone what is a
// part of something larger. make is called under a lock.
func (t *Table[K, V]) Add(key K, most int, make func() V) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok = t.Get(key); ok {
		return v, true
	}
	known := map[K]V{}
	if old := t.known.Load(); old != nil {
		if len(*old) >= most {
			return v, false
		}
		known = maps.Clone(*old)
	}
	v = make()
	known[key] = v
	t.known.Store(&known)
	return v, true
}
