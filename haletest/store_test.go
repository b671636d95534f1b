package haletest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hale-go/hale/checkpoint"
	"github.com/hale-go/hale/haletest"
)

// shelf is a store that keeps the contract in memory. Each test breaks one rule of it.
type shelf struct {
	mu   sync.Mutex
	keys map[string]*slot

	brk string // the rule that it breaks
}

type slot struct {
	epoch   uint64
	records [][]byte // the newest first
	aside   int
}

func (s *shelf) Claim(ctx context.Context, key string, atLeast uint64) (checkpoint.Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil && s.brk != "claims under an ended context" {
		return checkpoint.Grant{}, err
	}
	if s.brk == "folds case" {
		key = strings.ToLower(key)
	}
	k := s.keys[key]
	if k == nil {
		k = &slot{}
		s.keys[key] = k
	}
	switch s.brk {
	case "keeps the epoch":
		k.epoch = max(k.epoch, atLeast, 1)
	case "ignores atLeast":
		k.epoch++
	case "begins with 0":
		k.epoch = max(k.epoch, atLeast)
		if len(k.records) > 0 {
			k.epoch++
		}
	default:
		k.epoch = max(k.epoch+1, atLeast)
	}
	g := checkpoint.Grant{Epoch: k.epoch}
	for _, r := range k.records {
		if s.brk != "lends its slices" {
			r = slices.Clone(r)
		}
		g.Records = append(g.Records, r)
	}
	if s.brk == "gives the oldest first" {
		slices.Reverse(g.Records)
	}
	return g, nil
}

// claimed returns the slot of a key whose last claim has the epoch.
func (s *shelf) claimed(ctx context.Context, key string, epoch uint64) (*slot, error) {
	if s.brk == "folds case" {
		key = strings.ToLower(key)
	}
	if err := ctx.Err(); err != nil && s.brk != "writes under an ended context" {
		return nil, err
	}
	k := s.keys[key]
	switch {
	case k == nil, epoch > k.epoch && s.brk != "takes epochs to come", epoch < k.epoch && s.brk != "does not fence":
		return nil, checkpoint.ErrFenced
	}
	return k, nil
}

func (s *shelf) Save(ctx context.Context, key string, epoch, _ uint64, record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.claimed(ctx, key, epoch)
	if err != nil {
		return err
	}
	if s.brk != "keeps the caller's slice" {
		record = slices.Clone(record)
	}
	switch s.brk {
	case "keeps the newest only":
		k.records = [][]byte{record}
	case "keeps all":
		k.records = slices.Insert(k.records, 0, record)
	case "cuts records":
		k.records = slices.Insert(k.records[:min(len(k.records), 1)], 0, record[:min(len(record), 1<<16)])
	default:
		k.records = slices.Insert(k.records[:min(len(k.records), 1)], 0, record)
	}
	return nil
}

func (s *shelf) SetAside(ctx context.Context, key string, epoch uint64, n int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.claimed(ctx, key, epoch)
	if err != nil {
		return nil, err
	}
	var where []string
	for range min(n, len(k.records)) {
		if k.aside++; s.brk == "sets aside in one place" {
			k.aside = 1
		}
		where = append(where, strings.Repeat("I", k.aside))
		if s.brk != "leaves what is set aside" {
			k.records = k.records[1:]
		}
	}
	if s.brk == "does not say where" {
		clear(where)
	}
	return where, nil
}

func TestStore(t *testing.T) {
	good := &shelf{keys: map[string]*slot{}}
	haletest.Store(t, func() checkpoint.Store { return good })

	for _, rule := range []string{
		"keeps the epoch", "ignores atLeast", "begins with 0", "lends its slices", "keeps the caller's slice", "gives the oldest first", "keeps the newest only", "keeps all",
		"cuts records", "does not fence", "takes epochs to come", "folds case", "sets aside in one place", "leaves what is set aside", "does not say where",
		"claims under an ended context", "writes under an ended context",
	} {
		r := record(t)
		bad := &shelf{keys: map[string]*slot{}, brk: rule}
		haletest.Store(r, func() checkpoint.Store { return bad })
		if len(r.end()) == 0 {
			t.Errorf("a store that %s passed", rule)
		}
	}

	r := record(t)
	haletest.Store(r, nil)
	haletest.Store(r, func() checkpoint.Store { return nil })
	if len(r.end()) != 2 {
		t.Errorf("%q without a store", r.end())
	}
}
