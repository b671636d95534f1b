package hale_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hale-go/hale"
)

func TestSlotsGrowWithLiveTasksAndShrinkAgain(t *testing.T) {
	var s hale.Slots
	if s.Trim(0); s.Live() != 0 || len(s.Tables()) != 0 {
		t.Error("an empty table is not empty")
	}
	var leave []func()
	for n := range uint64(10_000) {
		leave = append(leave, s.Enter(n))
		if n%1000 == 0 && s.Live() != len(leave) {
			t.Fatalf("%d found of %d", s.Live(), len(leave))
		}
	}
	if s.Trim(10_000); s.Live() != 10_000 || s.Tables()[0] < 4096 {
		t.Errorf("%d found in %v", s.Live(), s.Tables())
	}
	for _, f := range leave[1:] {
		f()
	}
	s.Trim(1) // and moves the one that is left
	if got := s.Tables(); s.Live() != 1 || !slices.Equal(got, []int{256}) {
		t.Errorf("one task is left: %d found in %v", s.Live(), got)
	}
	leave[0]()
	if s.Trim(0); !slices.Equal(s.Tables(), []int{256}) {
		t.Errorf("nothing is left: %v", s.Tables())
	}
}

// Tasks that stay must not make the table grow for every lap of those that go.
func TestSlotsStepAroundLongTasks(t *testing.T) {
	var s hale.Slots
	for n := range uint64(100) { // a block without a gap
		s.Enter(n)
	}
	for n := range uint64(1_000_000) {
		s.Enter(100 + n)()
	}
	if got := s.Tables(); len(got) > 3 || s.Live() != 100 {
		t.Errorf("100 long tasks in tables of %v, %d found", got, s.Live())
	}
}

// While tables come and go, no live task may be lost or found twice.
func TestSlotsLoseNobody(t *testing.T) {
	for range 20 {
		var s hale.Slots
		var seq atomic.Uint64
		var stop atomic.Bool
		var renewing, working sync.WaitGroup
		renewing.Go(func() {
			for !stop.Load() {
				s.Renew()
			}
		})
		const workers, stay = 4, 20
		for range workers {
			working.Go(func() {
				for range stay {
					for range 100 {
						s.Enter(seq.Add(1))() // empties its table
					}
					moved := s.Enter(seq.Add(1))
					s.Enter(seq.Add(1)) // stays
					moved()
				}
			})
		}
		working.Wait()
		stop.Store(true)
		renewing.Wait()
		if got := s.Live(); got != workers*stay {
			t.Fatalf("%d tasks found, want %d", got, workers*stay)
		}
	}
}
