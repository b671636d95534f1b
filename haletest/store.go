package haletest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hale-go/hale/checkpoint"
)

// Store checks that a store of checkpoints keeps the contract that is written on
// [checkpoint.Store]. open returns the store, each time on the same data: as another process
// would get it where that can be, or the same one. The data is empty at first and the keys
// are the test's own.
//
// Each rule that is broken fails t. What it cannot check is what a crash leaves; that needs
// a process to kill. It makes some hundreds of claims and saves.
func Store(t testing.TB, open func() checkpoint.Store) {
	t.Helper()
	if open == nil || open() == nil {
		t.Errorf("haletest.Store: open must return a store")
		return
	}
	for _, check := range []struct {
		name string
		run  func(*storeTest)
	}{
		{"epochs", (*storeTest).epochs},
		{"records", (*storeTest).records},
		{"fenced", (*storeTest).fenced},
		{"aside", (*storeTest).aside},
		{"manyaside", (*storeTest).manyAside},
		{"keys", (*storeTest).keys},
		{"slices", (*storeTest).slices},
		{"contexts", (*storeTest).contexts},
		{"crowd", (*storeTest).crowd},
	} {
		check.run(&storeTest{t: t, open: open, key: "haletest." + check.name})
	}
}

// storeTest is one check of [Store].
type storeTest struct {
	t      testing.TB
	open   func() checkpoint.Store
	key    string
	number atomic.Uint64 // of the last save
}

func (c *storeTest) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("haletest: store: %s: %s", c.key, fmt.Sprintf(format, args...))
}

// claim claims a key and checks what it holds, texts from the newest to the oldest.
func (c *storeTest) claim(key string, want ...string) uint64 {
	c.t.Helper()
	g, err := c.open().Claim(context.Background(), key, 0)
	if err != nil {
		c.errorf("Claim failed: %v", err)
		return 0
	}
	same := len(g.Records) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = string(g.Records[i]) == want[i]
	}
	if !same {
		c.errorf("Claim returned the records %.100q, want %.100q", g.Records, want)
	}
	return g.Epoch
}

func (c *storeTest) save(key string, epoch uint64, record string) {
	c.t.Helper()
	if err := c.open().Save(context.Background(), key, epoch, c.number.Add(1), []byte(record)); err != nil {
		c.errorf("Save under the last epoch, %d, failed: %v", epoch, err)
	}
}

func (c *storeTest) setAside(epoch uint64, n, want int) []string {
	c.t.Helper()
	where, err := c.open().SetAside(context.Background(), c.key, epoch, n)
	if err != nil || len(where) != want {
		c.errorf("SetAside of %d returned the places %q and the error %v, want %d places", n, where, err, want)
	}
	for _, w := range where {
		if w == "" {
			c.errorf("SetAside did not say where")
		}
	}
	return where
}

func (c *storeTest) epochs() {
	c.t.Helper()
	last := c.claim(c.key)
	if last == 0 {
		c.errorf("the first epoch is 0")
	}
	for range 3 {
		next := c.claim(c.key)
		if next <= last {
			c.errorf("epoch %d came after %d", next, last)
		}
		last = next
	}
	floor := last + 1_000_000_000_000
	for _, atLeast := range []uint64{floor, floor, last} {
		g, err := c.open().Claim(context.Background(), c.key, atLeast)
		if err != nil || g.Epoch < atLeast || g.Epoch <= last {
			c.errorf("epoch %d, error %v, came after %d and for at least %d", g.Epoch, err, last, atLeast)
		}
		last = g.Epoch
	}
}

func (c *storeTest) records() {
	c.t.Helper()
	epoch := c.claim(c.key)
	c.save(c.key, epoch, "1")
	epoch = c.claim(c.key, "1")
	c.save(c.key, epoch, "2")
	c.save(c.key, epoch, "3")
	epoch = c.claim(c.key, "3", "2")
	large := strings.Repeat("\x00\xff'\"\\\n", 1<<20/6)
	c.save(c.key, epoch, large)
	epoch = c.claim(c.key, large, "3")
	c.save(c.key, epoch, "")
	c.claim(c.key, "", large)
}

func (c *storeTest) fenced() {
	c.t.Helper()
	refused := func(key string, epoch uint64, why string) {
		c.t.Helper()
		if err := c.open().Save(context.Background(), key, epoch, c.number.Add(1), []byte("late")); !errors.Is(err, checkpoint.ErrFenced) {
			c.errorf("Save under %s returned %v, want ErrFenced", why, err)
		}
		if _, err := c.open().SetAside(context.Background(), key, epoch, 1); !errors.Is(err, checkpoint.ErrFenced) {
			c.errorf("SetAside under %s returned %v, want ErrFenced", why, err)
		}
	}
	refused(c.key+".unclaimed", 0, "a key that was never claimed")
	refused(c.key+".unclaimed", 1, "a key that was never claimed")
	old := c.claim(c.key)
	c.save(c.key, old, "1")
	c.save(c.key, old, "2")
	epoch := c.claim(c.key, "2", "1")
	refused(c.key, old, "an earlier epoch")
	refused(c.key, epoch+1, "an epoch that nobody has")
	refused(c.key, 0, "epoch 0")
	c.save(c.key, epoch, "3")
	refused(c.key, old, "an earlier epoch")
	c.claim(c.key, "3", "2")
}

func (c *storeTest) aside() {
	c.t.Helper()
	epoch := c.claim(c.key)
	c.setAside(epoch, 1, 0)
	for _, record := range []string{"1", "2"} {
		c.save(c.key, epoch, record)
	}
	c.setAside(epoch, 1, 1)
	epoch = c.claim(c.key, "1")
	c.save(c.key, epoch, "3")
	epoch = c.claim(c.key, "3", "1")
	c.setAside(epoch, 0, 0)
	if where := c.setAside(epoch, 2, 2); len(where) == 2 && where[0] == where[1] {
		c.errorf("two records are set aside at the same place, %s", where[0])
	}
	epoch = c.claim(c.key)
	c.save(c.key, epoch, "4")
	c.setAside(epoch, 9, 1)
	c.claim(c.key)
}

func (c *storeTest) manyAside() {
	c.t.Helper()
	epoch := c.claim(c.key)
	var last []string
	for i := range 30 {
		c.save(c.key, epoch, fmt.Sprint(i))
		last = append(last, c.setAside(epoch, 1, 1)...)
	}
	seen := map[string]bool{}
	for _, w := range last[max(0, len(last)-4):] {
		if seen[w] {
			c.errorf("a record was set aside at %s, where one of the last three is", w)
		}
		seen[w] = true
	}
	c.claim(c.key)
}

func (c *storeTest) keys() {
	c.t.Helper()
	keys := []string{
		"k", "K", "k.state", "k.prev", "k.claim", "k.lock", "k.tmp", "k.next", "k.aside-1", "k/k", "../k", "..", ".", "/", `k\k`, "%6b", "~k", "k ", " k", "k:k", "con", "con.k", "KÖ", "kö",
		"'; DROP TABLE k; --", strings.Repeat("k", checkpoint.MaxKey), strings.Repeat("K", checkpoint.MaxKey), strings.Repeat("ö", checkpoint.MaxKey/2),
	}
	epochs := map[string]uint64{}
	for _, k := range keys {
		epochs[k] = c.claim(k)
		c.save(k, epochs[k], "of "+k)
	}
	for _, k := range keys {
		c.claim(k, "of "+k)
	}
}

func (c *storeTest) slices() {
	c.t.Helper()
	epoch := c.claim(c.key)
	record := []byte("whole")
	if err := c.open().Save(context.Background(), c.key, epoch, c.number.Add(1), record); err != nil {
		c.errorf("Save failed: %v", err)
	}
	copy(record, "xxxxx")
	g, err := c.open().Claim(context.Background(), c.key, 0)
	if err != nil || len(g.Records) != 1 || !bytes.Equal(g.Records[0], []byte("whole")) {
		c.errorf("after the caller used its slice again, Claim returned %q, %v", g.Records, err)
		return
	}
	copy(g.Records[0], "xxxxx")
	c.claim(c.key, "whole")
}

func (c *storeTest) contexts() {
	c.t.Helper()
	epoch := c.claim(c.key)
	c.save(c.key, epoch, "1")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := c.open()
	if _, err := s.Claim(ctx, c.key, 0); !errors.Is(err, context.Canceled) {
		c.errorf("Claim under a context that is done returned %v", err)
	}
	if err := s.Save(ctx, c.key, epoch, c.number.Add(1), []byte("2")); !errors.Is(err, context.Canceled) {
		c.errorf("Save under a context that is done returned %v", err)
	}
	if _, err := s.SetAside(ctx, c.key, epoch, 1); !errors.Is(err, context.Canceled) {
		c.errorf("SetAside under a context that is done returned %v", err)
	}
	c.save(c.key, epoch, "3") // so it is not fenced by the claim
	c.claim(c.key, "3", "1")
}

// crowd claims and saves from many goroutines: no save that follows a later claim may
// succeed, and what the last claim saved stands.
func (c *storeTest) crowd() {
	c.t.Helper()
	const claimants, claims, saves = 8, 3, 3
	var mu sync.Mutex
	given := map[uint64]bool{}
	var newest uint64
	var all sync.WaitGroup
	for range claimants {
		s := c.open()
		all.Go(func() {
			for range claims {
				g, err := s.Claim(context.Background(), c.key, 0)
				if err != nil {
					c.errorf("Claim failed: %v", err)
					return
				}
				mu.Lock()
				if given[g.Epoch] {
					c.errorf("epoch %d was given twice", g.Epoch)
				}
				given[g.Epoch] = true
				newest = max(newest, g.Epoch)
				mu.Unlock()
				for i := range saves {
					mu.Lock()
					late := newest > g.Epoch
					mu.Unlock()
					err := s.Save(context.Background(), c.key, g.Epoch, uint64(i+1), fmt.Appendf(nil, "%d/%d", g.Epoch, i))
					switch {
					case err == nil && late:
						c.errorf("a save under epoch %d succeeded after a later claim", g.Epoch)
					case err != nil && !errors.Is(err, checkpoint.ErrFenced):
						c.errorf("Save failed: %v", err)
					}
				}
			}
		})
	}
	all.Wait()
	g, err := c.open().Claim(context.Background(), c.key, 0)
	if want := fmt.Sprintf("%d/%d", newest, saves-1); err != nil || len(g.Records) == 0 || string(g.Records[0]) != want {
		c.errorf("after all, the records are %q, %v; the last claim saved %q", g.Records, err, want)
	}
}
