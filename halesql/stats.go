package halesql

import (
	"database/sql"
	"sync"
	"time"

	"github.com/hale-go/hale"
)

// Stats gives rt's loop three readings of db's pool to look at, once a turn, under
// name, such as "shop": "shop.in_use" and "shop.idle" are connections, and "shop.waits"
// is how often in a second somebody had to wait for one. What it returns ends that, and
// is to be called before db is of no more use. A nil runtime or db has none.
func Stats(rt *hale.Runtime, name string, db *sql.DB) (stop func()) {
	if rt == nil || db == nil {
		return func() {}
	}
	w := waits{count: db.Stats().WaitCount, at: time.Now()}
	stops := []func(){
		rt.Measure(name+".in_use", func() float64 { return float64(db.Stats().InUse) }),
		rt.Measure(name+".idle", func() float64 { return float64(db.Stats().Idle) }),
		rt.Measure(name+".waits", func() float64 { return w.rate(db.Stats().WaitCount, time.Now()) }),
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// waits is how often it had been waited as of the last reading.
type waits struct {
	mu    sync.Mutex
	count int64
	at    time.Time
}

// rate returns waits in a second since the last reading; a reading within the same
// moment is not a number, which is not looked at.
func (w *waits) rate(count int64, at time.Time) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, d := count-w.count, at.Sub(w.at)
	w.count, w.at = count, at
	return float64(n) / d.Seconds()
}
