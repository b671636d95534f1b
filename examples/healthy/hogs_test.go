package healthy_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/examples/trial"
	"github.com/hale-go/hale/heal"
)

// spin takes processor time and nothing else.
func spin(rounds int) uint64 {
	x := uint64(rounds) | 1
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// roundsIn returns how many rounds of spin take d on a processor of their own.
func roundsIn(d time.Duration) int {
	const rounds = 1 << 18
	best := time.Hour
	for range 20 {
		begin := time.Now()
		runtime.KeepAlive(spin(rounds))
		best = min(best, time.Since(begin)) // the one that was disturbed least
	}
	return int(float64(rounds) * float64(d) / float64(best))
}

// hogs keeps every processor busy four times over until stop is set.
func hogs(group *sync.WaitGroup, stop *atomic.Bool) {
	for range 4 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for !stop.Load() {
				runtime.KeepAlive(spin(1000))
			}
		})
	}
}

// echo returns one end of a connection whose other end answers what it gets.
func echo(t *testing.T, group *sync.WaitGroup) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	group.Go(func() {
		defer far.Close()
		_, _ = io.Copy(far, far) // ends when near is closed
	})
	return near
}

// work is a unit that alone takes about a tenth of the budget: 6 ms of processor
// time in three parts, a nap, and a round trip to a peer.
func work(conn net.Conn, rounds int) error {
	runtime.KeepAlive(spin(rounds))
	time.Sleep(time.Millisecond)
	runtime.KeepAlive(spin(rounds))
	if _, err := conn.Write([]byte{1}); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return err
	}
	runtime.KeepAlive(spin(rounds))
	return nil
}

func TestNoFalseAbandonsUnderHogs(t *testing.T) {
	const budget = 100 * time.Millisecond
	length := 15 * time.Second
	if testing.Short() {
		length = 3 * time.Second
	}
	rt, w := watch(t, trial.Harsh(heal.Full))
	pool, err := rt.NewPool("units", hale.PoolConfig{Workers: 4, Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	rounds := roundsIn(2 * time.Millisecond)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	beating := rt.Go(ctx, "beating", func(ctx context.Context) error {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				hale.Beat(ctx)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}, hale.Heartbeat(500*time.Millisecond))

	var group sync.WaitGroup
	var stop atomic.Bool
	var mu sync.Mutex
	var units int
	var longest time.Duration
	hogs(&group, &stop)
	for range 4 {
		conn := echo(t, &group)
		group.Go(func() {
			defer conn.Close()
			for !stop.Load() {
				took, err := hale.Submit(ctx, pool, func(context.Context) (time.Duration, error) {
					begin := time.Now()
					err := work(conn, rounds)
					return time.Since(begin), err
				})
				if err != nil {
					t.Errorf("a unit failed: %v", err)
					return
				}
				mu.Lock()
				units++
				longest = max(longest, took)
				mu.Unlock()
			}
		})
	}
	time.Sleep(length)
	stop.Store(true)
	group.Wait()

	if err := beating.Err(); err != nil {
		t.Errorf("the task that beats was ended: %v", err)
	}
	acquitted(t, rt, w)
	t.Logf("%d units, the longest took %v", units, longest)
	if units < 20 {
		t.Errorf("only %d units ran", units)
	}
	if longest < budget {
		t.Errorf("the longest unit took %v: the machine was not starved, which was to be shown", longest)
	}
}
