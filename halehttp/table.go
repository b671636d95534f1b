package halehttp

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// table finds the operation of a method and a pattern, or of a host, without a lock
// and without making a name.
type table struct {
	rt   *hale.Runtime
	kind observe.OperationKind
	most int    // how many it tells apart
	rest string // name of the others

	known atomic.Pointer[map[tableKey]*hale.Operation] // replaced, never changed
	full  atomic.Pointer[hale.Operation]               // of the others, once there are some
	mu    sync.Mutex                                   // of who replaces it
}

// tableKey is a name in two parts. An empty method is none.
type tableKey struct{ method, pattern string }

func (k tableKey) name() string {
	if k.method == "" {
		return strings.Clone(k.pattern)
	}
	return k.method + " " + k.pattern
}

func (t *table) at(key tableKey, domain observe.Domain) *hale.Operation {
	if known := t.known.Load(); known != nil {
		if op, ok := (*known)[key]; ok {
			return op
		}
	}
	if op := t.full.Load(); op != nil {
		return op
	}
	return t.add(key, domain)
}

// maxKey is the length of a key that is remembered: hale cuts names to 128 bytes.
const maxKey = 512

func (t *table) add(key tableKey, domain observe.Domain) *hale.Operation {
	if len(key.method)+len(key.pattern) > maxKey {
		return t.rt.Operation(t.kind, key.name(), domain)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	known := map[tableKey]*hale.Operation{}
	if old := t.known.Load(); old != nil {
		if op, ok := (*old)[key]; ok {
			return op
		}
		known = maps.Clone(*old)
	}
	if len(known) >= t.most {
		t.full.Store(t.rt.Operation(t.kind, t.rest, observe.Domain(t.rest)))
		return t.full.Load()
	}
	op := t.rt.Operation(t.kind, key.name(), domain)
	known[tableKey{strings.Clone(key.method), strings.Clone(key.pattern)}] = op
	t.known.Store(&known)
	return op
}
