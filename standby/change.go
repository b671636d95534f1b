package standby

import (
	"errors"
	"sync"
	"time"
)

// Reason says why something changed.
type Reason string

// Why a switch changed.
const (
	Started   Reason = "started"   // Started: the first side can be used.
	Down      Reason = "down"      // Down: the active side failed its checks, or is being left, and no other can be used at once.
	Recovered Reason = "recovered" // Recovered: the active side passes again.
	Failover  Reason = "failover"  // Failover: the other side is used, since the active one failed its checks.
	NewEpoch  Reason = "new epoch" // NewEpoch: the other side is used, since somebody promoted it.
	Probation Reason = "probation" // Probation: the primary is used again, since it passed its probation.
	Asked     Reason = "asked"     // Asked: somebody called Switch.
	Ended     Reason = "ended"     // Ended: Run ends.
)

// Change is what [Config.OnChange] is told.
type Change struct {
	At      time.Time // At is when.
	From    string    // From is the side that was active.
	To      string    // To is the side that is; the same as From where only Serving changed.
	Serving bool      // Serving is whether callers may use it.
	Reason  Reason    // Reason is why.
	Err     error     // Err is what the side that failed, or was left, said last; nil if nothing. It is a [*SideError].
}

// untold is how many changes wait for OnChange.
const untold = 16

// teller calls OnChange. Its goroutine is there while there is something to tell.
type teller struct {
	f func(Change)

	mu      sync.Mutex
	queue   []Change
	idle    chan struct{} // closed when all is told; nil: it is
	dropped uint64
}

func (t *teller) tell(c Change) {
	if t.f == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == untold {
		t.dropped++
		return
	}
	t.queue = append(t.queue, c)
	if t.idle == nil {
		t.idle = make(chan struct{})
		go t.drain()
	}
}

func (t *teller) drain() {
	done := false
	defer func() {
		if !done { // OnChange ended the goroutine
			go t.drain()
		}
	}()
	for {
		t.mu.Lock()
		if len(t.queue) == 0 {
			close(t.idle)
			t.idle, done = nil, true
			t.mu.Unlock()
			return
		}
		c := t.queue[0]
		t.queue = append(t.queue[:0], t.queue[1:]...)
		t.mu.Unlock()
		t.call(c)
	}
}

func (t *teller) call(c Change) {
	defer func() { _ = recover() }() // it is for the service to know what it does in there
	t.f(c)
}

var errTelling = errors.New("standby: OnChange does not come back")

// wait waits until all is told.
func (t *teller) wait(limit time.Duration) error {
	t.mu.Lock()
	idle := t.idle
	t.mu.Unlock()
	if idle == nil {
		return nil
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-idle:
		return nil
	case <-timer.C:
		return errTelling
	}
}

func (t *teller) lost() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}
