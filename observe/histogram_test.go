package observe_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hale-go/hale/observe"
)

// Buckets are next to one another, and no duration is told from its bucket with more
// than the error that is promised.
func TestBuckets(t *testing.T) {
	for i := range observe.Buckets {
		start, end := observe.BucketStart(i), observe.BucketStart(i+1)
		if end <= start || observe.BucketOf(start) != i || observe.BucketOf(end-1) != i {
			t.Fatalf("bucket %d is [%v, %v); they fall into %d and %d", i, start, end, observe.BucketOf(start), observe.BucketOf(end-1))
		}
		if middle := (start + end) / 2; start >= 32*time.Microsecond && float64(middle-start)/float64(start) > 0.016 {
			t.Fatalf("bucket %d is %v wide", i, end-start)
		}
	}
	for d, want := range map[time.Duration]int{-time.Hour: 0, 0: 0, math.MaxInt64: observe.Buckets - 1, 999: 0, 1000: 1} {
		if got := observe.BucketOf(d); got != want {
			t.Errorf("%v falls into %d, want %d", d, got, want)
		}
	}
}

func TestHistogram(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var a, b, both observe.Histogram
	var all []time.Duration
	for i := range 5000 {
		d := time.Duration(math.Exp(rnd.NormFloat64()*2) * float64(3*time.Millisecond))
		all = append(all, d)
		both.Add(d)
		if i%3 == 0 {
			a.Add(d)
		} else {
			b.Add(d)
		}
	}
	if sum := a.Plus(b); !slices.Equal(sum, both) || !slices.Equal(b.Plus(a), both) {
		t.Error("the sum of two is not the histogram of all")
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.1, 0.5, 0.95, 0.99, 1} {
		want := all[int(q*float64(len(all)-1))]
		if got := both.Quantile(q); math.Abs(float64(got-want))/float64(want) > 0.017 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if n := both.Above(all[4000]); n < 950 || n > 1050 {
		t.Errorf("%d are at least the 4000th of 5000", n)
	}
	var none observe.Histogram
	if none.Quantile(0.5) != 0 || none.Count() != 0 || len(none.Plus(none)) != 0 {
		t.Error("an empty histogram tells something")
	}
}
