package halegrpc

import (
	"strings"
	"sync/atomic"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/internal/lookup"
	"github.com/hale-go/hale/observe"
)

// unmatched is the name of calls of methods that no service has.
const unmatched = "(unmatched)"

// How many methods are told apart. A proxy may call whatever its own clients think up.
const (
	maxServed = 768 // as many as a runtime tells apart that serve
	maxCalled = 256
)

// table finds the operation of a method without a lock.
type table struct {
	rt   *hale.Runtime
	kind observe.OperationKind
	most int    // how many it tells apart
	rest string // name of the others

	known lookup.Table[string, *hale.Operation] // by full method
	full  atomic.Pointer[hale.Operation]        // of the others, once there are some
}

// maxMethod is the length of a method that is remembered: hale cuts names to 128 bytes.
const maxMethod = 512

func (t *table) at(method string) *hale.Operation {
	if op, ok := t.known.Get(method); ok {
		return op
	}
	if op := t.full.Load(); op != nil {
		return op
	}
	if len(method) > maxMethod {
		return t.made(method)
	}
	method = strings.Clone(method)
	op, ok := t.known.Add(method, t.most, func() *hale.Operation { return t.made(method) })
	if !ok {
		if op = t.rt.Operation(t.kind, t.rest, ""); t.kind == observe.Server { // only those are tasks
			op.SetCatchAll()
		}
		t.full.Store(op)
	}
	return op
}

func (t *table) made(method string) *hale.Operation {
	name, domain := strings.TrimPrefix(method, "/"), ""
	if t.kind == observe.Client { // what one service cannot do, may be for all its methods
		domain, _, _ = strings.Cut(name, "/")
	}
	op := t.rt.Operation(t.kind, name, observe.Domain(domain))
	if name == unmatched && t.kind == observe.Server {
		op.SetCatchAll()
	}
	return op
}
