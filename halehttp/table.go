package halehttp

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/internal/lookup"
	"github.com/hale-go/hale/observe"
)

// table finds the operation of a method and a pattern, or of a host, without a lock
// and without making a name.
type table struct {
	rt   *hale.Runtime
	kind observe.OperationKind
	most int    // how many it tells apart; of a half they may be many methods of few patterns
	rest string // name of the others

	known lookup.Table[tableKey, *hale.Operation]
	full  atomic.Pointer[hale.Operation] // of the others, once there are some
	told  atomic.Bool                    // that methods are no longer told apart
}

// tableKey is a name in two parts. An empty method is none.
type tableKey struct{ method, pattern string }

func (k tableKey) name() string {
	if k.method == "" {
		return strings.Clone(k.pattern)
	}
	return k.method + " " + k.pattern
}

// maxKey is the length of a key that is remembered: hale cuts names to 128 bytes.
const maxKey = 512

func (t *table) at(key tableKey, domain observe.Domain) *hale.Operation {
	if op, ok := t.known.Get(key); ok {
		return op
	}
	if key.method != "" && key.method != http.MethodGet && key.method != otherMethod && t.known.Len() >= t.most/2 {
		return t.anyMethod(key.pattern, domain)
	}
	if op := t.full.Load(); op != nil {
		return op
	}
	made := func() *hale.Operation { return t.rt.Operation(t.kind, key.name(), domain) }
	if len(key.method)+len(key.pattern) > maxKey {
		return made()
	}
	op, ok := t.known.Add(tableKey{strings.Clone(key.method), strings.Clone(key.pattern)}, t.most, made)
	if !ok {
		if op = t.rt.Operation(t.kind, t.rest, observe.Domain(t.rest)); t.kind == observe.Server { // only those are tasks
			op.SetCatchAll()
		}
		t.full.Store(op)
	}
	return op
}

// anyMethod returns the operation of all methods of a pattern but GET. The pattern has
// none, and it is the client who chooses one: the names that are left are for routes.
func (t *table) anyMethod(pattern string, domain observe.Domain) *hale.Operation {
	op := t.at(tableKey{otherMethod, pattern}, domain)
	op.SetCatchAll() // there may be a handler for each
	if !t.told.Load() && !t.told.Swap(true) {
		t.rt.ReportMisuse(op.Name(), "half of the names of routes are taken by methods of patterns that have none: of further ones, all methods but GET share the name OTHER; give patterns their method")
	}
	return op
}
