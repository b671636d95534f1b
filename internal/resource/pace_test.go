package resource_test

import (
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/cputime"
	"github.com/hale-go/hale/internal/resource"
)

// What is dear is done seldom, and what is cheap each time.
func TestPace(t *testing.T) {
	runtime.LockOSThread() // the time is this thread's
	defer runtime.UnlockOSThread()
	burn := func() {
		began, told := cputime.Thread()
		for start := time.Now(); ; {
			if now, _ := cputime.Thread(); told && now >= began+20*time.Millisecond || !told && time.Since(start) >= 20*time.Millisecond {
				return
			}
		}
	}
	var p resource.Pace
	if !p.Due(noon) {
		t.Fatal("not due at first")
	}
	p.Spend(noon, func() {})
	if !p.Due(noon.Add(time.Second)) || p.Age(noon.Add(time.Second)) != time.Second {
		t.Error("what is cheap is put off")
	}
	p.Spend(noon, burn)
	if p.Due(noon.Add(19 * time.Second)) {
		t.Error("what took 20 ms is due after 19 s")
	}
	if !p.Due(noon.Add(time.Hour)) {
		t.Error("what took 20 ms is not due after an hour")
	}
	if !p.Due(noon.Add(-time.Second)) {
		t.Error("a clock that was set back stops it")
	}
}

func TestCounter(t *testing.T) {
	var c resource.Counter
	for i, step := range []struct {
		raw  uint64
		same bool
		want uint64
	}{
		{5, false, 5},
		{7, true, 7},
		{7, true, 7},
		{2, true, 7},
		{3, true, 8},
		{100, false, 8},
		{101, true, 9},
		{math.MaxUint64, true, math.MaxUint64 - 101 + 9},
		{0, true, math.MaxUint64 - 92},
		{math.MaxUint64, true, math.MaxUint64},
	} {
		if got := c.Count(step.raw, step.same); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
}

func TestWaits(t *testing.T) {
	buckets := []float64{math.Inf(-1), 0, 1e-6, 1e-3, 1, math.Inf(1)}
	r := resource.New("")
	if w := r.Waits([]uint64{0, 1, 2, 3, 4}, buckets); w.Count != 0 {
		t.Errorf("the first has nothing before it: %+v", w)
	}
	if w := r.Waits([]uint64{0, 1, 2, 3, 4}, buckets); w.Count != 0 {
		t.Errorf("nothing happened: %+v", w)
	}
	w := r.Waits([]uint64{0, 99, 3, 4, 4}, buckets) // 98, 1, 1
	if w.Count != 100 || w.P50 != time.Microsecond || w.P99 != time.Millisecond {
		t.Errorf("%+v", w)
	}
	w = r.Waits([]uint64{0, 99, 3, 5, 6}, buckets)
	if w.Count != 3 || w.P50 != time.Second || w.P99 != time.Second {
		t.Errorf("the last bucket is open: %+v", w)
	}
}
