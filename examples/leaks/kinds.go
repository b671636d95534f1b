package leaks

import (
	"context"
	"iter"
	"net"
	"sync"
	"time"
)

// kind is a way to leak.
type kind struct {
	name  string
	entry string // function in which its goroutines start, within the package
	leak  func(z *Zoo) error
}

// kinds are all that the zoo has.
var kinds = []kind{
	{"channel send", "send", (*Zoo).leakSend},
	{"channel receive", "receive", (*Zoo).leakReceive},
	{"nil channel", "receiveNil", (*Zoo).leakNil},
	{"registry-held channel", "receiveRegistered", (*Zoo).leakRegistered},
	{"context of a live parent", "untilDone", (*Zoo).leakContext},
	{"hour-long timeout", "untilTimeout", (*Zoo).leakTimeout},
	{"ticker loop", "tick", (*Zoo).leakTicker},
	{"sleep loop", "nap", (*Zoo).leakSleeper},
	{"network read", "read", (*Zoo).leakRead},
	{"iterator never stopped", "count", (*Zoo).leakIterator},
	{"forgotten wait group", "await", (*Zoo).leakWaitGroup},
	{"condition never signalled", "awaitCond", (*Zoo).leakCond},
	{"self-deadlock", "lockTwice", (*Zoo).leakLock},
}

// begin counts a leak that can be released.
func (z *Zoo) begin() { z.left.Add(1) }

// A result that nobody takes any more.
func (z *Zoo) leakSend() error {
	c := make(chan int)
	z.begin()
	go send(z, c)
	z.onRelease(func() { <-c })
	return nil
}

func send(z *Zoo, c chan<- int) {
	defer z.left.Done()
	c <- 1
}

// A result that never comes.
func (z *Zoo) leakReceive() error {
	c := make(chan int)
	z.begin()
	go receive(z, c)
	z.onRelease(func() { close(c) })
	return nil
}

func receive(z *Zoo, c <-chan int) {
	defer z.left.Done()
	<-c
}

// A channel that was never made. Nothing can end this one.
func (z *Zoo) leakNil() error {
	var c chan int
	go receiveNil(c)
	return nil
}

func receiveNil(c <-chan int) { <-c }

// A channel that a table holds for ever, so that no garbage collector can tell.
func (z *Zoo) leakRegistered() error {
	c := make(chan int)
	z.mu.Lock()
	z.keys++
	z.registry[z.keys] = c
	z.mu.Unlock()
	z.begin()
	go receiveRegistered(z, c)
	return nil
}

func receiveRegistered(z *Zoo, c <-chan int) {
	defer z.left.Done()
	<-c
}

// A context that nobody cancels, of a parent that lives as long as the process.
func (z *Zoo) leakContext() error {
	ctx, cancel := context.WithCancel(z.parent)
	z.begin()
	go untilDone(z, ctx)
	z.onRelease(cancel)
	return nil
}

func untilDone(z *Zoo, ctx context.Context) {
	defer z.left.Done()
	<-ctx.Done()
}

// A timeout that somebody meant to be milliseconds.
func (z *Zoo) leakTimeout() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	z.begin()
	go untilTimeout(z, ctx)
	z.onRelease(cancel)
	return nil
}

func untilTimeout(z *Zoo, ctx context.Context) {
	defer z.left.Done()
	<-ctx.Done()
}

// A refresher that nobody stops.
func (z *Zoo) leakTicker() error {
	quit := make(chan struct{})
	z.begin()
	go tick(z, quit)
	z.onRelease(func() { close(quit) })
	return nil
}

func tick(z *Zoo, quit <-chan struct{}) {
	defer z.left.Done()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-quit:
			return
		}
	}
}

// A poller that nobody stops.
func (z *Zoo) leakSleeper() error {
	z.begin()
	go nap(z)
	return nil
}

func nap(z *Zoo) {
	defer z.left.Done()
	for z.parent.Err() == nil {
		time.Sleep(500 * time.Millisecond)
	}
}

// A peer that says nothing, and no deadline.
func (z *Zoo) leakRead() error {
	conn, err := net.Dial("tcp", z.silent.Addr().String())
	if err != nil {
		return err
	}
	z.begin()
	go read(z, conn)
	z.onRelease(func() { conn.Close() })
	return nil
}

func read(z *Zoo, conn net.Conn) {
	defer z.left.Done()
	_, _ = conn.Read(make([]byte, 1))
}

// An iterator that was pulled from and not stopped.
func (z *Zoo) leakIterator() error {
	next, stop := iter.Pull(count)
	next()
	z.mu.Lock()
	z.kept = append(z.kept, stop)
	z.mu.Unlock()
	return nil
}

func count(yield func(int) bool) {
	for n := 0; yield(n); n++ {
	}
}

// A Done that a branch forgot.
func (z *Zoo) leakWaitGroup() error {
	var group sync.WaitGroup
	group.Add(1)
	z.begin()
	go await(z, &group)
	z.onRelease(group.Done)
	return nil
}

func await(z *Zoo, group *sync.WaitGroup) {
	defer z.left.Done()
	group.Wait()
}

// A condition that nobody signals.
func (z *Zoo) leakCond() error {
	cond := sync.NewCond(new(sync.Mutex))
	met := false
	z.begin()
	go awaitCond(z, cond, &met)
	z.onRelease(func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		met = true
		cond.Broadcast()
	})
	return nil
}

func awaitCond(z *Zoo, cond *sync.Cond, met *bool) {
	defer z.left.Done()
	cond.L.Lock()
	defer cond.L.Unlock()
	for !*met {
		cond.Wait()
	}
}

// A method that locks, and calls another that locks.
func (z *Zoo) leakLock() error {
	mu := new(sync.Mutex)
	locked := make(chan struct{})
	z.begin()
	go lockTwice(z, mu, locked)
	z.onRelease(func() {
		<-locked
		mu.Unlock()
	})
	return nil
}

func lockTwice(z *Zoo, mu *sync.Mutex, locked chan<- struct{}) {
	defer z.left.Done()
	mu.Lock()
	close(locked)
	mu.Lock()
	mu.Unlock() //nolint:staticcheck // an empty critical section: the deadlock is the point
}
