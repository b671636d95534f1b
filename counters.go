package hale

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/observe"
)

// maxOutcomes bounds how many names one counters tells apart; "other" takes the rest.
const maxOutcomes = 32

// counters counts by names that come from anywhere: statuses, types of errors,
// operations that were called. Looking a known one up takes no lock.
type counters struct {
	entries atomic.Pointer[[]*counter] // sorted by name and failed; replaced, never changed
	mu      sync.Mutex                 // of who replaces it
}

type counter struct {
	name   string
	failed bool
	count  atomic.Uint64
	fails  atomic.Uint64
	time   atomic.Int64

	last observe.Call // as of the last sample; the sampler's own
}

func compareCounter(t *counter, key counterKey) int {
	if c := strings.Compare(t.name, key.name); c != 0 {
		return c
	}
	return cmp.Compare(btoi(t.failed), btoi(key.failed))
}

type counterKey struct {
	name   string
	failed bool
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *counters) load() []*counter {
	if p := t.entries.Load(); p != nil {
		return *p
	}
	return nil
}

// at returns the entry of a name. That a name had no room is added to unseen.
func (t *counters) at(name string, failed bool, unseen *atomic.Uint64) *counter {
	key := counterKey{name, failed}
	if i, ok := slices.BinarySearchFunc(t.load(), key, compareCounter); ok {
		return t.load()[i]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key.name = printable(name, maxName) // of a known name it is the name
	if len(t.load()) >= maxOutcomes {
		unseen.Add(1)
		key.name = "other"
	}
	entries := t.load()
	i, ok := slices.BinarySearchFunc(entries, key, compareCounter)
	if ok {
		return entries[i]
	}
	fresh := &counter{name: strings.Clone(key.name), failed: failed}
	entries = slices.Insert(slices.Clone(entries), i, fresh)
	t.entries.Store(&entries)
	return fresh
}

// outcomes returns what was counted since the last call. Only the sampler calls it.
func (t *counters) outcomes() []observe.Outcome {
	var out []observe.Outcome
	for _, e := range t.load() {
		n := e.count.Load()
		if n > e.last.Count {
			out = append(out, observe.Outcome{Name: e.name, Count: n - e.last.Count, Failed: e.failed})
		}
		e.last.Count = n
	}
	return out
}

// calls is outcomes of operations that were called.
func (t *counters) calls() []observe.Call {
	var out []observe.Call
	for _, e := range t.load() {
		now := e.call()
		if now.Count > e.last.Count {
			out = append(out, observe.Call{
				Name: e.name, Count: now.Count - e.last.Count,
				Failed: now.Failed - e.last.Failed, Time: now.Time - e.last.Time,
			})
		}
		e.last = now
	}
	return out
}

func (e *counter) call() observe.Call {
	return observe.Call{Name: e.name, Count: e.count.Load(), Failed: e.fails.Load(), Time: time.Duration(e.time.Load())}
}

// callTotals is totals of operations that were called.
func (t *counters) callTotals() []observe.Call {
	var out []observe.Call
	for _, e := range t.load() {
		out = append(out, e.call())
	}
	return out
}

// totals returns what was counted so far.
func (t *counters) totals() []observe.Outcome {
	var out []observe.Outcome
	for _, e := range t.load() {
		out = append(out, observe.Outcome{Name: e.name, Count: e.count.Load(), Failed: e.failed})
	}
	return out
}
