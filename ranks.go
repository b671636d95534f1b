package hale

import (
	"sync/atomic"
	"time"

	"github.com/hale-go/hale/isolate"
)

// lately is how long a call counts that had to wait for room.
const lately = 10 * time.Second

// ranks knows how critical the calls were that had to wait for room in a domain lately: for
// each rank when the last did, in nanoseconds since the runtime was made.
type ranks [isolate.CriticalPlus]atomic.Int64

// note notes a call of a rank. It is called where a call has to wait, which costs more.
func (r *ranks) note(rank int, born time.Time) { r[rank].Store(max(int64(time.Since(born)), 1)) }

// span returns the least and the most critical of them; none is false.
func (r *ranks) span(born time.Time) (least, most int, any bool) {
	now := int64(time.Since(born))
	for rank := range r {
		if at := r[rank].Load(); at == 0 || now-at > int64(lately) {
			continue
		}
		if !any {
			least = rank
		}
		most, any = rank, true
	}
	return least, most, any
}
