package halegrpc

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// unmatched is the name of calls of methods that no service has.
const unmatched = "(unmatched)"

// How many methods are told apart. A proxy may call whatever its own clients think up.
const (
	maxServed = 1024
	maxCalled = 256
)

// table finds the operation of a method without a lock.
type table struct {
	rt   *hale.Runtime
	kind observe.OperationKind
	most int    // how many it tells apart
	rest string // name of the others

	known atomic.Pointer[map[string]*hale.Operation] // by full method; replaced, never changed
	full  atomic.Pointer[hale.Operation]             // of the others, once there are some
	mu    sync.Mutex                                 // of who replaces it
}

func (t *table) at(method string) *hale.Operation {
	if known := t.known.Load(); known != nil {
		if op, ok := (*known)[method]; ok {
			return op
		}
	}
	if op := t.full.Load(); op != nil {
		return op
	}
	return t.add(method)
}

// maxMethod is the length of a method that is remembered: hale cuts names to 128 bytes.
const maxMethod = 512

func (t *table) add(method string) *hale.Operation {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := map[string]*hale.Operation{}
	if old := t.known.Load(); old != nil {
		if op, ok := (*old)[method]; ok {
			return op
		}
		known = maps.Clone(*old)
	}
	if len(known) >= t.most {
		t.full.Store(t.rt.Operation(t.kind, t.rest, ""))
		return t.full.Load()
	}
	long := len(method) > maxMethod
	method = strings.Clone(method)
	name := strings.TrimPrefix(method, "/")
	domain := ""
	if t.kind == observe.Client { // what one service cannot do, may be for all its methods
		domain, _, _ = strings.Cut(name, "/")
	}
	op := t.rt.Operation(t.kind, name, observe.Domain(domain))
	if !long {
		known[method] = op
		t.known.Store(&known)
	}
	return op
}
