package aside_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hale-go/hale/internal/aside"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var behind atomic.Int64
		for _, limit := range []time.Duration{0, time.Second} {
			if n, err := aside.Call(limit, &behind, func() int { return 7 }); n != 7 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			if _, err := aside.Call(limit, &behind, func() int { runtime.Goexit(); return 0 }); !errors.Is(err, aside.ErrGoexit) {
				t.Errorf("Goexit = %v", err)
			}
			if _, err := aside.Call(limit, &behind, func() int { panic("x") }); err != aside.Panicked("x") {
				t.Errorf("panic = %v", err)
			}
		}
		release := make(chan struct{})
		began := time.Now()
		n, err := aside.Call(time.Second, &behind, func() int { <-release; return 7 })
		if n != 0 || !errors.Is(err, aside.ErrOverran) || time.Since(began) != time.Second || behind.Load() != 1 {
			t.Errorf("%d, %v after %v, %d left behind", n, err, time.Since(began), behind.Load())
		}
		close(release)
		if synctest.Wait(); behind.Load() != 0 {
			t.Errorf("%d left behind, and it came back", behind.Load())
		}
	})
}
