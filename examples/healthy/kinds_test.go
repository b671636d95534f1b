package healthy_test

import (
	"context"
	"iter"
	"net"
	"sync"
	"testing"
	"time"
)

// kinds is a library with every kind of leak. Its end releases all that can be.
type kinds struct {
	parent   context.Context
	end      context.CancelFunc
	listener net.Listener

	unread   chan int
	unsent   chan int
	mu       sync.Mutex
	registry []chan int
	conns    []net.Conn
	stops    []func()
	locks    []*sync.Mutex
	forgot   sync.WaitGroup
	cond     *sync.Cond
	over     bool
	alive    sync.WaitGroup
}

// ask is one leak of each kind, as a request would cause it.
func (k *kinds) ask() map[string]func() {
	return map[string]func(){
		"send":      func() { go k.sends() },
		"receive":   func() { go k.receives() },
		"nil":       func() { go receivesNil() },
		"registry":  func() { go k.receivesHeld(k.register()) },
		"context":   func() { go k.waitsForParent() },
		"timeout":   func() { go k.waitsAnHour() },
		"ticker":    func() { go k.ticks() },
		"sleep":     func() { go k.sleeps() },
		"network":   func() { go k.reads(k.dial()) },
		"iterator":  k.iterates,
		"waitgroup": func() { go k.waitsForGroup() },
		"cond":      func() { go k.waitsForCond() },
		"deadlock":  func() { go k.locksTwice() },
	}
}

func newKinds(t *testing.T) *kinds {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &kinds{listener: l, unread: make(chan int), unsent: make(chan int)}
	k.parent, k.end = context.WithCancel(context.Background())
	k.cond = sync.NewCond(&k.mu)
	k.forgot.Add(1)
	t.Cleanup(k.release)
	return k
}

func (k *kinds) release() {
	k.end()
	close(k.unsent)
	k.forgot.Done()
	k.mu.Lock()
	k.over = true
	for _, c := range k.registry {
		close(c)
	}
	for _, c := range k.conns {
		_ = c.Close() // nothing was written
	}
	for _, m := range k.locks {
		m.Unlock()
	}
	stops := k.stops
	k.mu.Unlock()
	k.cond.Broadcast()
	for _, stop := range stops {
		stop()
	}
	_ = k.listener.Close()
	drained := make(chan struct{})
	go func() {
		for range k.unread {
		}
		close(drained)
	}()
	k.alive.Wait()
	close(k.unread)
	<-drained
}

func (k *kinds) sends()    { k.alive.Add(1); defer k.alive.Done(); k.unread <- 1 }
func (k *kinds) receives() { k.alive.Add(1); defer k.alive.Done(); <-k.unsent }

func receivesNil() { var never chan int; <-never }

func (k *kinds) register() chan int {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := make(chan int)
	k.registry = append(k.registry, c)
	return c
}

func (k *kinds) receivesHeld(c chan int) { k.alive.Add(1); defer k.alive.Done(); <-c }

func (k *kinds) waitsForParent() {
	k.alive.Add(1)
	defer k.alive.Done()
	ctx, cancel := context.WithCancel(k.parent)
	defer cancel()
	<-ctx.Done()
}

func (k *kinds) waitsAnHour() {
	k.alive.Add(1)
	defer k.alive.Done()
	select {
	case <-time.After(time.Hour):
	case <-k.parent.Done():
	}
}

func (k *kinds) ticks() {
	k.alive.Add(1)
	defer k.alive.Done()
	for range time.Tick(200 * time.Millisecond) {
		if k.parent.Err() != nil {
			return
		}
	}
}

func (k *kinds) sleeps() {
	k.alive.Add(1)
	defer k.alive.Done()
	for k.parent.Err() == nil {
		time.Sleep(200 * time.Millisecond)
	}
}

func (k *kinds) dial() net.Conn {
	c, err := net.Dial("tcp", k.listener.Addr().String())
	if err != nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns = append(k.conns, c)
	return c
}

func (k *kinds) reads(c net.Conn) {
	k.alive.Add(1)
	defer k.alive.Done()
	if c != nil {
		_, _ = c.Read(make([]byte, 1)) // nobody writes
	}
}

func numbers(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func (k *kinds) iterates() {
	next, stop := iter.Pull(iter.Seq[int](numbers))
	next()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stops = append(k.stops, stop)
}

func (k *kinds) waitsForGroup() { k.alive.Add(1); defer k.alive.Done(); k.forgot.Wait() }

func (k *kinds) waitsForCond() {
	k.alive.Add(1)
	defer k.alive.Done()
	k.mu.Lock()
	defer k.mu.Unlock()
	for !k.over {
		k.cond.Wait()
	}
}

func (k *kinds) locksTwice() {
	k.alive.Add(1)
	defer k.alive.Done()
	m := &sync.Mutex{}
	k.mu.Lock()
	k.locks = append(k.locks, m)
	k.mu.Unlock()
	m.Lock()
	m.Lock() // released from outside
	defer m.Unlock()
}
