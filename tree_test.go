package hale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hale-go/hale"
	"github.com/hale-go/hale/observe"
)

// leaf is a child of a random tree and what the test knows of it.
type leaf struct {
	name    string
	kind    hale.RestartKind
	path    []int // of the supervisors from the top, and its own place in the last
	handle  *hale.Task
	ends    chan func() error // how the current run ends
	over    bool              // by the rules it will not run again
	begun   bool              // its supervisor has run more than once: the handle ended with the first run
	deaf    bool              // it ignores its context until the test lets it go
	release chan struct{}

	mu   sync.Mutex
	runs int
	live int
	gens []uint64
}

func (l *leaf) run(ctx context.Context) error {
	l.mu.Lock()
	l.runs++
	l.live++
	l.gens = append(l.gens, hale.Generation(ctx))
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.live--
		l.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		if l.deaf {
			<-l.release
		}
		return ctx.Err()
	case end := <-l.ends:
		return end()
	}
}

// grove is a random tree of supervisors.
type grove struct {
	rng    *rand.Rand
	rt     *hale.Runtime
	kinds  map[string]hale.Strategy // of the supervisors, by path
	leaves []*leaf
}

func (g *grove) plant(t *testing.T, path []int) *hale.Supervisor {
	key := fmt.Sprint(path)
	strategy := hale.Strategy(g.rng.IntN(3))
	g.kinds[key] = strategy
	s := newSupervisor(t, g.rt, "sup"+key, hale.SupervisorConfig{Strategy: strategy, Intensity: 1 << 20, Backoff: hale.Backoff{Initial: 10 * time.Millisecond, Max: 50 * time.Millisecond}})
	for i := range 2 + g.rng.IntN(3) {
		at := append(append([]int(nil), path...), i)
		if len(path) < 2 && g.rng.IntN(3) == 0 {
			s.Go(fmt.Sprint("sub", at), g.plant(t, at).Run, hale.Restart(hale.Permanent))
			continue
		}
		l := &leaf{name: fmt.Sprint("leaf", at), path: at, kind: hale.RestartKind(g.rng.IntN(3)), ends: make(chan func() error), release: make(chan struct{})}
		l.deaf = g.rng.IntN(8) == 0
		l.handle = s.Go(l.name, l.run, hale.Restart(l.kind), hale.Grace(20*time.Millisecond))
		g.leaves = append(g.leaves, l)
	}
	return s
}

// hit says what a failure of l that leads to a restart does to o.
func (g *grove) hit(l, o *leaf) bool {
	n := len(l.path) - 1
	if l == o || len(o.path) <= n || fmt.Sprint(l.path[:n]) != fmt.Sprint(o.path[:n]) {
		return false
	}
	switch g.kinds[fmt.Sprint(l.path[:n])] {
	case hale.OneForAll:
		return true
	case hale.RestForOne:
		return o.path[n] > l.path[n]
	default:
		return false
	}
}

// check compares every leaf with what the rules of OTP make of it.
func (g *grove) check(t *testing.T, when string) {
	t.Helper()
	live := map[string]int{}
	for _, task := range g.rt.Tasks() {
		if !task.Abandoned {
			live[task.ID.Name]++
		}
	}
	for _, l := range g.leaves {
		want := 1
		if l.over {
			want = 0
		}
		l.mu.Lock()
		if live[l.name] != want || (!l.deaf && l.live != want) {
			t.Errorf("%s: %s (%v, deaf %v): %d tasks, %d bodies, want %d", when, l.name, l.kind, l.deaf, live[l.name], l.live, want)
		}
		for i, n := range l.gens {
			if n == 0 || i > 0 && n <= l.gens[i-1] {
				t.Errorf("%s: %s has generations %v", when, l.name, l.gens)
				break
			}
		}
		l.mu.Unlock()
		if ended := l.handle.Err() != nil; ended && !l.over && !l.begun {
			t.Errorf("%s: the handle of %s has ended: %v", when, l.name, l.handle.Err())
		}
	}
}

// Random failures in random trees: who should run runs, once, and each restart is
// counted where it belongs.
func TestRandomTrees(t *testing.T) {
	for seed := range uint64(12) {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			g := &grove{rng: rand.New(rand.NewPCG(seed, 7)), rt: newRuntime(t), kinds: map[string]hale.Strategy{}}
			log := collect(g.rt)
			top := g.plant(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- top.Run(ctx) }()
			settle := func() { time.Sleep(time.Minute); synctest.Wait() }
			settle()
			g.check(t, "at the start")
			restarts := map[string]int{}
			for step := range 40 {
				var up []*leaf
				for _, l := range g.leaves {
					if !l.over {
						up = append(up, l)
					}
				}
				if len(up) == 0 {
					break
				}
				l := up[g.rng.IntN(len(up))]
				ends := []func() error{func() error { return nil }, func() error { return io.EOF }, func() error { panic("x") }}
				how := g.rng.IntN(len(ends) + 1)
				again := l.kind == hale.Permanent || l.kind == hale.Transient && how > 0
				if how == len(ends) {
					l.handle.Cancel(io.ErrClosedPipe)
					if l.deaf {
						close(l.release)
					}
					again = false
				} else {
					l.ends <- ends[how]
				}
				l.over = !again
				if again {
					restarts[l.name]++
				}
				for _, o := range g.leaves {
					if again && !o.over && g.hit(l, o) {
						direct := len(o.path) == len(l.path)
						o.begun = o.begun || !direct
						o.over = direct && o.kind == hale.Temporary
						if direct && !o.over {
							restarts[o.name]++
						}
					}
				}
				settle()
				g.check(t, fmt.Sprintf("step %d, %s (%v) ended by %d", step, l.name, l.kind, how))
				if t.Failed() {
					break
				}
			}
			told := map[string]int{}
			for _, e := range log.of(observe.EventRestarted) {
				told[e.Subject.Name]++
			}
			for _, l := range g.leaves {
				if told[l.name] != restarts[l.name] {
					t.Errorf("%s: %d restarts told, want %d", l.name, told[l.name], restarts[l.name])
				}
			}
			if n := len(log.of(observe.EventRestartStorm)); n != 0 {
				t.Errorf("%d storms", n)
			}
			cancel()
			err := <-done
			var stop *hale.StopError
			deaf := 0
			for _, l := range g.leaves {
				if l.deaf && !l.over {
					deaf++
				}
			}
			if got := errors.As(err, &stop); got != (deaf > 0) || got && stop.Count != deaf {
				t.Errorf("Run = %v, want %d that did not stop", err, deaf)
			}
			for _, l := range g.leaves {
				select {
				case <-l.release:
				default:
					close(l.release)
				}
				<-l.handle.Done()
			}
			synctest.Wait()
			if n := len(g.rt.Tasks()) + g.rt.Status().Abandoned; n != 0 {
				t.Errorf("%d are left", n)
			}
		})
	}
}

// Many failures at once, also while the group is stopped and started: no child runs
// twice, and in the end all run, each after those that were added before it.
func TestFailuresThatMeet(t *testing.T) {
	for _, strategy := range []hale.Strategy{hale.OneForOne, hale.OneForAll, hale.RestForOne} {
		bubble(t, strategy.String(), func(t *testing.T) {
			rt := newRuntime(t)
			s := newSupervisor(t, rt, "sup", hale.SupervisorConfig{Strategy: strategy, Intensity: 1 << 15, Backoff: hale.Backoff{Initial: time.Nanosecond, Max: time.Nanosecond}})
			storm := newTroupe() // no timers: golang/go#78156 breaks the race detector when many of them meet in a bubble
			var quiet atomic.Bool
			var leaves []*leaf
			for i := range 6 {
				l := &leaf{name: fmt.Sprint("leaf", i)}
				l.handle = s.Go(l.name, func(ctx context.Context) error {
					l.mu.Lock()
					l.live++
					if l.live != 1 {
						t.Errorf("%s runs %d times at once", l.name, l.live)
					}
					l.mu.Unlock()
					defer func() {
						l.mu.Lock()
						l.live--
						l.mu.Unlock()
					}()
					storm.mu.Lock()
					crash := storm.crash
					storm.mu.Unlock()
					if !quiet.Load() && rand.IntN(6) == 0 {
						panic("at once")
					}
					select {
					case <-crash:
						panic("with others")
					case <-ctx.Done():
						if rand.IntN(2) == 0 {
							panic("while it is stopped")
						}
						return nil
					}
				}, hale.Restart(hale.Permanent))
				leaves = append(leaves, l)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			for range 50 {
				synctest.Wait()
				storm.crashAll()
			}
			quiet.Store(true)
			synctest.Wait()
			storm.crashAll()
			synctest.Wait()
			for i, l := range leaves {
				l.mu.Lock()
				if l.live != 1 || l.handle.Err() != nil {
					t.Errorf("%s: %d bodies, %v", l.name, l.live, l.handle.Err())
				}
				l.mu.Unlock()
				if i > 0 && strategy != hale.OneForOne && l.handle.ID().Seq < leaves[i-1].handle.ID().Seq {
					t.Errorf("%v runs longer than %v, which it depends on", l.handle.ID(), leaves[i-1].handle.ID())
				}
			}
			if n := len(rt.Tasks()); n != len(leaves) {
				t.Errorf("%d tasks, want %d", n, len(leaves))
			}
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run = %v", err)
			}
		})
	}
}
