package main_test

import (
	"slices"
	"sync"
	"testing"

	shop "github.com/hale-go/hale/examples/shop"
)

// Two processes keep orders in one file while one hands over to the other: none is lost,
// and each sees what the other has kept.
func TestTwoHaveTheOrders(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	var mu sync.Mutex
	var placed []uint64
	for range 2 {
		s, err := shop.OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			all.Go(func() {
				for range 5 {
					id, err := s.Place(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					placed = append(placed, id)
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	slices.Sort(placed)
	s, err := shop.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.After(0, 100)
	if err != nil || len(kept) != 30 || !slices.Equal(kept, placed) {
		t.Errorf("kept %v, placed %v: %v", kept, placed, err)
	}
	if some, err := s.After(7, 5); err != nil || !slices.Equal(some, []uint64{8, 9, 10, 11, 12}) {
		t.Errorf("five after order 7 are %v: %v", some, err)
	}
}
