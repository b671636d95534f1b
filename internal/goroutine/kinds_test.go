//go:build unix

package goroutine_test

import (
	"iter"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hale-go/hale/internal/goroutine"
	"github.com/hale-go/hale/observe"
)

// parked is one way to wait: body blocks until release was called.
type parked struct {
	wait          observe.WaitKind
	body, release func()
}

// waits are all kinds of wait, by the name of the function that waits.
func waits(t *testing.T) map[string]parked {
	recv, send, sel, forever := make(chan int), make(chan int), make(chan int), make(chan struct{})
	var nap atomic.Bool
	var spin atomic.Bool
	var mu sync.Mutex
	var rw, written sync.RWMutex
	mu.Lock()
	rw.RLock()
	written.Lock()
	cond := sync.NewCond(new(sync.Mutex))
	var woken bool
	var group sync.WaitGroup
	group.Add(1)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); listener.Close() })
	pipeR, pipeW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]int, 2)
	if err := syscall.Pipe(raw); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipeR.Close(); syscall.Close(raw[0]) })

	return map[string]parked{
		"receives":   {observe.WaitReceive, func() { receives(recv) }, func() { close(recv) }},
		"sends":      {observe.WaitSend, func() { sends(send) }, func() { <-send }},
		"selects":    {observe.WaitSelect, func() { selects(sel, nil) }, func() { close(sel) }},
		"sleeps":     {observe.WaitSleep, func() { sleeps(&nap) }, func() { nap.Store(true) }},
		"locks":      {observe.WaitMutex, func() { locks(&mu) }, mu.Unlock},
		"writeLocks": {observe.WaitMutex, func() { writeLocks(&rw) }, rw.RUnlock},
		"readLocks":  {observe.WaitMutex, func() { readLocks(&written) }, written.Unlock},
		"condWaits": {observe.WaitCond, func() { condWaits(cond, &woken) }, func() {
			cond.L.Lock()
			woken = true
			cond.L.Unlock()
			cond.Broadcast()
		}},
		"groupWaits": {observe.WaitGroup, func() { groupWaits(&group) }, group.Done},
		"accepts":    {observe.WaitNetwork, func() { accepts(listener) }, func() { listener.Close() }},
		"reads":      {observe.WaitNetwork, func() { reads(client) }, func() { client.Close() }},
		"readsPipe":  {observe.WaitNetwork, func() { readsPipe(pipeR) }, func() { pipeW.Close() }},
		"syscalls":   {observe.WaitSyscall, func() { syscalls(raw[0]) }, func() { syscall.Close(raw[1]) }},
		"spins":      {observe.WaitRunning, func() { spins(&spin) }, func() { spin.Store(true) }},
		"iterates":   {observe.WaitSemaphore, func() { iterates(forever) }, func() { close(forever) }},
	}
}

// The waiting functions. Some are small enough to be inlined, which the
// package must see through.
func receives(c chan int)           { <-c }
func sends(c chan int)              { c <- 1 }
func locks(mu *sync.Mutex)          { mu.Lock(); defer mu.Unlock() }
func writeLocks(mu *sync.RWMutex)   { mu.Lock(); defer mu.Unlock() }
func readLocks(mu *sync.RWMutex)    { mu.RLock(); defer mu.RUnlock() }
func groupWaits(wg *sync.WaitGroup) { wg.Wait() }
func accepts(l net.Listener)        { _, _ = l.Accept() }
func reads(c net.Conn)              { _, _ = c.Read(make([]byte, 1)) }
func readsPipe(f *os.File)          { _, _ = f.Read(make([]byte, 1)) }
func syscalls(fd int)               { _, _ = syscall.Read(fd, make([]byte, 1)) }
func selects(a, b chan int) {
	select {
	case <-a:
	case <-b:
	}
}

func sleeps(stop *atomic.Bool) {
	for !stop.Load() {
		time.Sleep(500 * time.Millisecond)
	}
}

func spins(stop *atomic.Bool) {
	for !stop.Load() {
	}
}

func condWaits(c *sync.Cond, done *bool) {
	c.L.Lock()
	defer c.L.Unlock()
	for !*done {
		c.Wait()
	}
}

// iterates waits for an iterator, which is a coroutine, that waits itself.
func iterates(c chan struct{}) {
	next, stop := iter.Pull(func(func(int) bool) { <-c })
	defer stop()
	next()
}

func TestCaptureTellsEachKindOfWait(t *testing.T) {
	c := goroutine.NewCapturer(goroutine.Config{}, all)
	for name, p := range waits(t) {
		t.Run(name, func(t *testing.T) {
			const entry = "TestCaptureTellsEachKindOfWait.func1.1"
			done := labelled(name, func() { p.body() })
			s := poll(t, c, func(s observe.Snapshot) bool {
				// The other half of a coroutine inherits the label: look for the one.
				for _, g := range named(s, name) {
					if g.Wait == p.wait && short(g.Blocked) == name && short(g.Entry) == entry {
						return true
					}
				}
				return false
			})
			for _, g := range named(s, name) {
				if g.Count != 1 || g.Domain != "test" || g.Ended >= 0 || !g.Task.IsZero() || g.Blocked.Line == 0 {
					t.Errorf("got %+v", g)
				}
			}
			p.release()
			<-done
		})
	}
}

// A goroutine in select{} cannot be released, so it is told from a profile.
func TestFoldTellsSelectWithoutCases(t *testing.T) {
	groups, _ := fold(t, profileOf(stack{1, "runtime.gopark runtime.block example.com/shop.park"}), all, 10)
	if len(groups) != 1 || groups[0].Wait != observe.WaitForever || groups[0].Blocked.Function != "example.com/shop.park" {
		t.Errorf("got %+v", groups)
	}
}
