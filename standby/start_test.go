package standby_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hale-go/hale/standby"
)

// A primary that this process never saw well is no reason to promote: its password may be
// wrong. A person may still have it so.
func TestNothingIsPromotedForWhatWasNeverWell(t *testing.T) {
	run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
		a.down.Store(true)
		b.follows.Store(true)
		return a.side(), b.side()
	}, func(r *rig) {
		sleep(time.Hour)
		r.serves("")
		if n, s := r.b.promotes.Load(), r.Status(); n != 0 || !strings.Contains(s.Error, "a is down and has not been well since Run began") {
			t.Errorf("promoted %d times, %q", n, s.Error)
		}
		if err := r.Switch.Switch(r.Context(), "b"); err != nil {
			t.Error(err)
		}
		r.serves("b")
		if n := r.b.promotes.Load(); n != 1 {
			t.Errorf("promoted %d times", n)
		}
	})
}

// A process that begins does not take the old primary because the new one misses a check.
func TestBeginsWithThePromotedOne(t *testing.T) {
	run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
		a.epoch.Store(1)
		b.epoch.Store(2)
		b.down.Store(true)
		return a.withEpoch(), b.withEpoch()
	}, func(r *rig) {
		time.AfterFunc(interval/2, func() { r.b.down.Store(false) })
		r.serves("b") // which waits for the first decision
	})
}

// One that is down for longer is not waited for.
func TestBeginsWithoutWhatIsDown(t *testing.T) {
	run(t, standby.Config{}, func(a, b *fake) (standby.Side[string], standby.Side[string]) {
		b.down.Store(true)
		return a.withEpoch(), b.withEpoch()
	}, func(r *rig) {
		begin := time.Now()
		r.serves("a")
		if took := time.Since(begin); took > 2*interval {
			t.Errorf("it took %v", took)
		}
	})
}
