package detect

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/hale-go/hale/observe"
)

// lives counts turns by the logarithm of the longest life that ended in them, in
// milliseconds. It tells to a factor of two what is usual, at a few bytes.
type lives []uint32

const (
	lifeBuckets = 32
	fewestLives = 30   // turns in which something ended, before anything is usual
	mostLives   = 4096 // then all are halved: habits change
)

// learn takes the longest life of a turn, 0 if nothing ended in it.
func (l *lives) learn(life time.Duration) {
	if life <= 0 {
		return
	}
	if *l == nil {
		*l = make(lives, lifeBuckets)
	}
	(*l)[min(bits.Len64(uint64(life.Milliseconds())), lifeBuckets-1)]++
	if l.total() >= mostLives {
		for i := range *l {
			(*l)[i] /= 2
		}
	}
}

func (l lives) total() (sum uint32) {
	for _, c := range l {
		sum += c
	}
	return sum
}

// usual is what the longest lives of 99 of 100 turns are shorter than, to a factor
// of two.
func (l lives) usual() (life time.Duration, known bool) {
	total := l.total()
	if total < fewestLives {
		return 0, false
	}
	var sum uint32
	for i, c := range l {
		if sum += c; sum >= total-total/100 {
			return time.Duration(1<<i) * time.Millisecond, true
		}
	}
	return 0, false
}

// check reports why lives that were read cannot be used.
func (l lives) check() error {
	if l != nil && len(l) != lifeBuckets {
		return &StateError{Field: "lives", Err: fmt.Errorf("%d buckets, want %d", len(l), lifeBuckets)}
	}
	return nil
}

// longestOf returns the end of the histogram's last bucket, 0 if it is empty.
func longestOf(h observe.Histogram) time.Duration {
	if len(h) == 0 {
		return 0
	}
	return observe.BucketStart(min(max(h[len(h)-1].Index, 0), observe.Buckets-1) + 1)
}
