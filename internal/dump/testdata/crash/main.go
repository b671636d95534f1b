// Command crash ends in the way that its argument names, so that the parser is tested
// with what Go prints. It builds with Go 1.20 and later.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
)

// T has a method and is generic.
type T[V any] struct{ v V }

//go:noinline
func (t *T[V]) run(n int, f func()) {
	if n > 0 {
		t.run(n-1, f)
		return
	}
	f()
	runtime.KeepAlive(t)
}

type problem struct{ code int }

type code string

var ways = map[string]func(){
	"panic":     func() { panic("boom") },
	"error":     func() { panic(fmt.Errorf("order 7: %w", errors.New("no stock"))) },
	"struct":    func() { panic(problem{7}) },
	"named":     func() { panic(code("a\nb")) },
	"multiline": func() { panic("first\nsecond\n\tthird") },
	"nil":       func() { var p *problem; p.code++ },
	"index":     func() { s := []int{}; n := len(os.Args); _ = s[n] },
	"nested": func() {
		defer func() { panic("outer") }()
		panic("inner")
	},
	"recovered": func() {
		defer func() { panic(fmt.Sprint("again: ", recover())) }()
		panic("inner")
	},
	"repanicked": func() {
		defer func() { panic(recover()) }()
		panic("same")
	},
	"deadlock": func() { select {} },
	"goexit":   func() { runtime.Goexit() },
	"unlock":   func() { var mu sync.Mutex; mu.Unlock() },
	"map": func() {
		m := map[int]int{}
		for i := 0; i < 4; i++ {
			go func() {
				for {
					m[1]++
				}
			}()
		}
		time.Sleep(time.Minute)
	},
	"mapread": func() {
		m := map[int]int{}
		go func() {
			for {
				m[1]++
			}
		}()
		for {
			for range m {
			}
			_ = m[1]
		}
	},
	"overflow": func() { debug.SetMaxStack(1 << 20); overflow(1) },
	"memory":   func() { _ = append([]byte(nil), make([]byte, 1<<47+len(os.Args))...) }, // no address space has it
	"threads": func() {
		debug.SetMaxThreads(12)
		for {
			go func() { runtime.LockOSThread(); time.Sleep(time.Minute) }()
			runtime.Gosched()
		}
	},
	"quit":       func() { signal(syscall.SIGQUIT) },
	"abort":      func() { signal(syscall.SIGABRT) },
	"segv":       func() { signal(syscall.SIGSEGV) },
	"survived":   func() { defer logged(); panic("caught") },
	"deep":       deep,
	"deepcaught": func() { defer logged(); deep() },
}

//go:noinline
func deep() { (&T[string]{}).run(150, func() { panic("deep") }) }

// logged recovers from a panic and writes it down, as a service does.
func logged() {
	r := recover()
	fmt.Fprintf(os.Stderr, "panic: %v\n\n%s\n", r, debug.Stack())
}

func signal(s syscall.Signal) {
	_ = syscall.Kill(os.Getpid(), s)
	time.Sleep(time.Minute)
}

func overflow(n int) int { return overflow(n+1) + n }

// park starts goroutines that wait in as many ways as there are.
func park() {
	var held sync.Mutex
	held.Lock()
	var rw sync.RWMutex
	rw.Lock()
	var group sync.WaitGroup
	group.Add(1)
	never, full := make(chan int), make(chan int)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	r, _, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	for _, f := range []func(){
		func() { <-never },
		func() { full <- 1 },
		func() { var c chan int; <-c },
		func() { var c chan int; c <- 1 },
		func() { select {} },
		func() {
			select {
			case <-never:
			case full <- 1:
			}
		},
		held.Lock, rw.Lock, rw.RLock, group.Wait,
		func() { c := sync.NewCond(&sync.Mutex{}); c.L.Lock(); c.Wait() },
		func() { time.Sleep(time.Hour) },
		func() { _, _ = l.Accept() },
		func() { _, _ = syscall.Read(int(r.Fd()), make([]byte, 1)) },
		func() { runtime.LockOSThread(); <-never },
		func() {
			for {
			}
		},
		func() { go func() { go func() { <-never }(); <-never }(); <-never },
		func() { (&T[int]{}).run(3, func() { <-never }) },
		func() { (&T[int]{}).run(150, func() { <-never }) },
		func() {
			pprof.Do(context.Background(), pprof.Labels("task", "orders.consume#42", "with \"quotes\"", "a]: b\n{c}, d: é"), func(context.Context) { <-never })
		},
		func() {
			pprof.Do(context.Background(), pprof.Labels("task", "plain"), func(context.Context) { <-never })
		},
	} {
		go f()
	}
	time.Sleep(100 * time.Millisecond) // they are only likely to be there: it matters not
}

func main() {
	if len(os.Args) > 2 && os.Args[2] == "parked" {
		park()
	}
	way := ways[os.Args[1]]
	done := make(chan struct{})
	if os.Args[1] == "goexit" || os.Args[1] == "overflow" {
		way()
	}
	go func() { way(); close(done) }() // not deferred: main would end while a panic is on its way
	<-done
}
