package goroutine_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
)

func TestCollectorCharge(t *testing.T) {
	runtime.GC() // what it has spent is known from then on
	const mega = 1 << 20
	if d := goroutine.CollectorCharge(0, time.Hour); d != 0 {
		t.Errorf("nothing is charged with %v", d)
	}
	if d := goroutine.CollectorCharge(mega, time.Hour); d <= 0 || d > time.Minute {
		t.Errorf("1 MB is charged with %v", d)
	}
	if one, many := goroutine.CollectorCharge(mega, 1<<62), goroutine.CollectorCharge(1000*mega, 1<<62); many < 100*one {
		t.Errorf("1 MB is charged with %v, 1000 with %v", one, many)
	}
	if d := goroutine.CollectorCharge(mega*mega, time.Millisecond); d != time.Millisecond {
		t.Errorf("a charge of %v where 1ms is the limit", d)
	}
}
