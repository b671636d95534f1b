package hale

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// maxTotals bounds how many names totals tell apart. Further ones are "other".
const maxTotals = 100

// totals adds up what turns saw by name and class, for readers on any goroutine.
type totals[S ~string] struct {
	mu    sync.Mutex
	of    map[totalKey[S]]uint64
	names map[S]struct{}
}

type totalKey[S ~string] struct {
	name  S
	class int
}

// add counts n more.
func (t *totals[S]) add(name S, class int, n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of, t.names = map[totalKey[S]]uint64{}, map[S]struct{}{}
	}
	if _, known := t.names[name]; !known {
		if name = S(strings.Clone(string(name))); len(t.names) >= maxTotals {
			name = "other"
		}
		t.names[name] = struct{}{}
	}
	t.of[totalKey[S]{name, class}] += n
}

// total is one sum.
type total[S ~string] struct {
	totalKey[S]
	n uint64
}

// all returns the sums, sorted.
func (t *totals[S]) all() []total[S] {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]total[S], 0, len(t.of))
	for key, n := range t.of {
		out = append(out, total[S]{key, n})
	}
	slices.SortFunc(out, func(a, b total[S]) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.class, b.class)) })
	return out
}
