package isolate_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale/isolate"
)

func newBulkhead(t testing.TB, c isolate.BulkheadConfig) *isolate.Bulkhead {
	t.Helper()
	b, err := isolate.NewBulkhead(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fill takes n places.
func fill(t testing.TB, b *isolate.Bulkhead, n int) {
	t.Helper()
	for range n {
		if err := b.Acquire(t.Context(), isolate.Critical); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBulkheadRefusesAtOnce(t *testing.T) {
	b := newBulkhead(t, isolate.BulkheadConfig{Limit: 2, MaxWait: isolate.NoWait})
	fill(t, b, 2)
	if err := b.Acquire(t.Context(), isolate.CriticalPlus); !errors.Is(err, isolate.ErrFull) {
		t.Fatalf("a full bulkhead returned %v, want ErrFull", err)
	}
	b.Release()
	fill(t, b, 1)
	if want, got := (isolate.BulkheadStat{Limit: 2, InUse: 2, Refused: 1}), b.Stat(); got != want {
		t.Errorf("its state is %+v, want %+v", got, want)
	}
}

func TestBulkheadRefusesAfterMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, isolate.BulkheadConfig{Limit: 1, MaxWait: 2 * time.Second})
		fill(t, b, 1)
		began := time.Now()
		if err := b.Acquire(t.Context(), isolate.Critical); !errors.Is(err, isolate.ErrFull) {
			t.Fatalf("got %v, want ErrFull", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("refused after %v, want 2s", took)
		}
		if st := b.Stat(); st.Waiting != 0 || st.Refused != 1 {
			t.Errorf("its state is %+v, want none that waits and 1 refused", st)
		}
	})
}

func TestBulkheadHeedsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, isolate.BulkheadConfig{Limit: 1, MaxWait: time.Hour})
		fill(t, b, 1)
		why := errors.New("the caller left")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(why)
		}()
		if err := b.Acquire(ctx, isolate.Critical); !errors.Is(err, why) {
			t.Errorf("got %v, want the cause", err)
		}
		b.Release()
		if st := b.Stat(); st.InUse != 0 || st.Waiting != 0 {
			t.Errorf("its state is %+v, want it empty", st)
		}
	})
}

// enqueue has calls of these criticalities wait one after the other, and returns what
// tells the order in which they were let in, and which were refused.
func enqueue(b *isolate.Bulkhead, order ...isolate.Criticality) (let, refused func() []int) {
	var mu sync.Mutex
	var in, out []int
	for i, c := range order {
		go func() {
			err := b.Acquire(context.Background(), c)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				out = append(out, i)
				return
			}
			in = append(in, i)
		}()
		synctest.Wait()
	}
	copyOf := func(list *[]int) func() []int {
		return func() []int {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(*list)
		}
	}
	return copyOf(&in), copyOf(&out)
}

func TestBulkheadLetsTheMostCriticalInFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, isolate.BulkheadConfig{Limit: 1, Queue: 10, MaxWait: time.Hour})
		fill(t, b, 1)
		let, _ := enqueue(b, isolate.Sheddable, isolate.Critical, isolate.CriticalPlus, isolate.SheddablePlus, isolate.Critical, isolate.CriticalPlus)
		for range 6 {
			b.Release()
			synctest.Wait()
		}
		if want := []int{2, 5, 1, 4, 3, 0}; !slices.Equal(let(), want) {
			t.Errorf("let in in the order %v, want %v", let(), want)
		}
	})
}

func TestBulkheadShedsTheLeastCriticalFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, isolate.BulkheadConfig{Limit: 1, Queue: 3, MaxWait: time.Hour})
		fill(t, b, 1)
		let, refused := enqueue(b,
			isolate.Sheddable, isolate.SheddablePlus, isolate.Sheddable, // full
			isolate.Sheddable,    // 3: nobody is less critical
			isolate.Critical,     // 4: takes the place of 2, the newest of the least
			isolate.Critical,     // 5: of 0
			isolate.CriticalPlus, // 6: of 1
			isolate.Critical,     // 7: nobody is less critical any more
		)
		if want := []int{3, 2, 0, 1, 7}; !slices.Equal(refused(), want) {
			t.Errorf("refused %v, want %v", refused(), want)
		}
		for range 3 {
			b.Release()
			synctest.Wait()
		}
		if want := []int{6, 4, 5}; !slices.Equal(let(), want) {
			t.Errorf("let in %v, want %v", let(), want)
		}
	})
}

func TestBulkheadResizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, isolate.BulkheadConfig{Limit: 4, Queue: 10, MaxWait: time.Minute})
		fill(t, b, 4)
		b.Resize(2)
		let, refused := enqueue(b, isolate.Critical, isolate.Critical, isolate.Critical)
		b.Release()
		b.Release()
		synctest.Wait()
		if len(let()) != 0 {
			t.Error("let in while as many run as may")
		}
		b.Release()
		synctest.Wait()
		if n := len(let()); n != 1 {
			t.Errorf("%d were let in by the first place that was free, want 1", n)
		}
		b.Resize(4)
		synctest.Wait()
		if n := len(let()); n != 3 {
			t.Errorf("%d were let in after it grew, want 3", n)
		}
		b.Resize(0) // while they run
		if err := b.Acquire(t.Context(), isolate.CriticalPlus); !errors.Is(err, isolate.ErrFull) {
			t.Errorf("of size 0 it returned %v, want ErrFull", err)
		}
		for range 4 {
			b.Release()
		}
		b.Resize(1)
		fill(t, b, 1)
		if st := b.Stat(); st.InUse != 1 || len(refused()) != 0 {
			t.Errorf("its state is %+v with %d refused, want 1 in use", st, len(refused()))
		}
	})
}

// However calls come, wait, give up and are shed while its size changes, no place is
// lost and no more run than may.
func TestBulkheadLosesNoPlace(t *testing.T) {
	const limit = 4
	b := newBulkhead(t, isolate.BulkheadConfig{Limit: limit, Queue: 3, MaxWait: 200 * time.Microsecond})
	var running, most, let atomic.Int64
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 3))
			for range 3000 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rnd.IntN(300))*time.Microsecond)
				if b.Acquire(ctx, isolate.Criticality(rnd.IntN(5))) == nil {
					let.Add(1)
					n := running.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					if rnd.IntN(4) == 0 {
						b.Resize(1 + rnd.IntN(limit))
					}
					running.Add(-1)
					b.Release()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if most.Load() > limit || let.Load() == 0 {
		t.Errorf("%d ran at once of %d calls, want at most %d", most.Load(), let.Load(), limit)
	}
	b.Resize(limit)
	fill(t, b, limit)
	if st := b.Stat(); st.InUse != limit || st.Waiting != 0 {
		t.Errorf("its state is %+v, want %d in use and none that waits", st, limit)
	}
}

func TestBulkheadTakesNoAllocation(t *testing.T) {
	b := newBulkhead(t, isolate.BulkheadConfig{Limit: 1, MaxWait: isolate.NoWait})
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		if b.Acquire(ctx, isolate.Critical) == nil {
			b.Release()
		}
	}); n != 0 {
		t.Errorf("a call takes %v allocations", n)
	}
	fill(t, b, 1)
	if n := testing.AllocsPerRun(1000, func() { _ = b.Acquire(ctx, isolate.Critical) }); n != 0 {
		t.Errorf("a refusal takes %v allocations", n)
	}
}

func TestNoBulkhead(t *testing.T) {
	var b *isolate.Bulkhead
	if err := b.Acquire(t.Context(), isolate.Sheddable); err != nil {
		t.Errorf("a nil bulkhead returned %v", err)
	}
	b.Release()
	b.Resize(3)
	if st := b.Stat(); st != (isolate.BulkheadStat{}) {
		t.Errorf("its state is %+v", st)
	}
}
