package hale

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/hale-go/hale/detect"
)

// FindingTotal is how often a kind of finding was told since the runtime was made. One
// that was suspected and then confirmed counts in both.
type FindingTotal struct {
	Kind       detect.Kind       `json:"kind"` // "other" stands for those beyond 100
	Confidence detect.Confidence `json:"confidence"`
	Count      uint64            `json:"n"`
}

// maxTotalKinds bounds how many kinds totals tell apart.
const maxTotalKinds = 100

// findingTotals adds up what turns told, for readers on any goroutine.
type findingTotals struct {
	mu    sync.Mutex
	of    map[foundKey]uint64
	kinds map[detect.Kind]struct{}
}

// foundKey is what findings are counted by.
type foundKey struct {
	kind       detect.Kind
	confidence detect.Confidence
}

// add counts what was told in a turn.
func (t *findingTotals) add(all []foundKey) {
	if len(all) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of, t.kinds = map[foundKey]uint64{}, map[detect.Kind]struct{}{}
	}
	for _, key := range all {
		if _, known := t.kinds[key.kind]; !known && len(t.kinds) >= maxTotalKinds {
			key.kind = "other"
		}
		t.kinds[key.kind] = struct{}{}
		t.of[key]++
	}
}

// FindingTotals returns how often findings were told since the runtime was made, sorted
// by kind and confidence, as of the last turn.
func (rt *Runtime) FindingTotals() []FindingTotal {
	if rt = rt.made(); rt == nil {
		return nil
	}
	t := &rt.found
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]FindingTotal, 0, len(t.of))
	for key, n := range t.of {
		out = append(out, FindingTotal{key.kind, key.confidence, n})
	}
	slices.SortFunc(out, func(a, b FindingTotal) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), cmp.Compare(a.Confidence, b.Confidence))
	})
	return out
}
